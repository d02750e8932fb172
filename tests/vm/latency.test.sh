#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# --min-latency: of a flood in which one packet in a hundred is held back for 60 ms, those are told, whole, and nothing else
# leaves the kernel. NETTRACE_LONG=1: with fentry, too.
# shellcheck disable=SC2016 # what eval is given
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"

least_ms=40

flood() { in_a ping -q -f -c 990 10.7.0.2; }
slow() { in_a ping -q -i 0.1 -c 10 -m 1 10.7.0.2; }
both() { flood && slow; }

stayed() { sed -n 's/^nettrace: \([0-9]*\) packets took less and stayed in the kernel$/\1/p' "$1.err"; }
left_out() { sed -n 's/^nettrace: \([0-9]*\) packets left the kernel and are not told: .*/\1/p' "$1.err"; }
told() { sed -n 's/^nettrace: \([0-9]*\) journeys .*/\1/p' "$1.err" | tail -n 1; }

# How many events the requests of `slow` have, all the same; they are those with netem's wait.
slow_requests() {
	awk 'BEGIN { RS = ""; FS = "\n" }
		/ping request/ && /qdisc_dequeue/ && /outcome: consumed/ { n++ }
		END { print n + 0 }' "$1"
}

# Every block took as long as was asked for.
all_slow() {
	awk -v least="$least_ms" '/^total: / {
			ms = $2 * ($3 ~ /^us/ ? 0.001 : $3 ~ /^ms/ ? 1 : $3 ~ /^s/ ? 1000 : 0)
			if (ms < least) { print; bad = 1 }
		} END { exit bad }' "$1"
}

# check_backend BACKEND
check_backend() {
	local name=$1 out=$scratch/$1
	start_nettrace "$out" --backend "$name" -p icmp --min-latency "${least_ms}ms" || return
	check "$name: all pings are answered" both
	check_nothing_left "$name"
	stop_nettrace
	read_blocks "$out"
	check "$name: well-formed" all_well_formed
	equal "$name: every slow request" 10 "$(slow_requests "$out")"
	check "$name: nothing faster" all_slow "$out"
	check "$name: none is incomplete" none_incomplete "$out"
	equal "$name: all were told, left out, or stayed in the kernel" 2000 "$(($(told "$out") + $(left_out "$out") + $(stayed "$out")))"
	check "$name: few were told" eval '(($(told "$out") < 100))'
	check "$name: nothing is lost" grep -q 'lost: ring 0, map 0, id 0,' "$out.err"
	check "$name: a slow packet's events from end to end" eval "grep -B 40 '^total:' '$out' | grep -q '\[__ip_local_out\|\[net_dev_queue'"
}

# A packet that is under way when the trace ends has been slow for long enough, too.
under_way() {
	local out=$scratch/under_way
	in_a tc qdisc change dev va parent 1:3 handle 30: netem delay 5s
	start_nettrace "$out" -p icmp --min-latency "${least_ms}ms" || return
	in_a ping -q -c 1 -W 1 -m 1 10.7.0.2 >/dev/null
	stop_nettrace
	read_blocks "$out"
	equal 'under way: told, and said to be' 1 "$(grep -c 'outcome: incomplete' "$out")"
	check 'under way: with what it did so far' grep -q '\[__dev_queue_xmit\|\[net_dev_queue' "$out"
}

topology_veth || exit
know_neighbours
check 'a lane for slow packets' slow_lane
check_backend auto
[[ -z ${NETTRACE_LONG:-} ]] || check_backend fentry
check_backend tracepoint
under_way
