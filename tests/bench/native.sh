#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# usage: tests/bench/native.sh ROUNDS
#
# What a hit of the tracepoint backend costs on this machine beyond an empty program at the same tracepoints, and how fast
# a recording is written and read. Prints samples (lib.sh). To be run in a network namespace of its own.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

rounds=$1 pings=100000

flood() { taskset -c 0 ping -f -q -c "$1" 127.0.0.1; }

# above STATE EMPTY PROGRAM...: nanoseconds of a run of these programs, of all if none are named, from the costs on stdin.
above() {
	local state=$1 empty=$2 names
	shift 2
	names=" $* "
	awk -v state="$state" -v empty="$empty" -v names="$names" '
		names ~ /^ *$/ || index(names, " " $1 " ") { runs += $2; ns += $3 }
		END {
			if (!runs) exit
			printf "sample %s hit_ns %.1f\n", state, ns / runs
			if (empty) printf "sample %s above_empty_ns %.1f\n", state, ns / runs - empty
		}'
}

# Seconds of CPU that the tracer has used.
cpu_seconds() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' "/proc/$tracer_pid/stat"; }

# costs READY COMMAND...: of each program of COMMAND that ran, its name, runs and nanoseconds by the kernel's clock. The
# CPU seconds of COMMAND meanwhile are in $scratch/seconds.
costs() {
	local before
	start_tracer x "$@" >/dev/null || return
	before=$(cpu_seconds)
	flood "$pings" >/dev/null
	bpftool -j prog show | jq -r '.[] | select(.run_cnt) | "\(.name) \(.run_cnt) \(.run_time_ns)"'
	awk -v from="$before" -v to="$(cpu_seconds)" 'BEGIN { print to - from }' >"$scratch/seconds"
	stop_tracer x >/dev/null
}

# speed STATE EVENTS SECONDS
speed() {
	sample "$1" events "$2"
	sample "$1" seconds "$3"
	sample "$1" events_per_second "$(awk -v n="$2" -v s="$3" 'BEGIN { if (s > 0) printf "%.0f", n / s }')"
}

# A plain row is where a packet is seen if it is followed, and nothing else. A packet may begin at others, where its header
# is looked at each time: those that neither begin nor end it are followed-at-start, the first of all is first.
plain='tp_qdisc_enqueue tp_qdisc_dequeue'
starts='tp_net_dev_start_xmit tp_netif_rx tp_netif_receive_skb'
ends='tp_consume_skb tp_kfree_skb'

# shellcheck disable=SC2086 # names, one a word
hits() {
	local empty scratch_costs=$scratch/costs
	sysctl -qw kernel.bpf_stats_enabled=1
	costs '^ready' build/bench-empty tracepoint "$scratch/probes" >"$scratch_costs"
	above floor '' <"$scratch_costs"
	empty=$(above floor '' <"$scratch_costs" | awk '{ print $4 }')
	costs '^ready' build/bench-empty tracepoint "$scratch/probes" writing | above writing "$empty"
	costs '^nettrace: tracing' build/nettrace --backend tracepoint -p tcp --no-attribution -w "$scratch/none.nettrace" >"$scratch_costs"
	above not-tracked "$empty" <"$scratch_costs"
	above not-tracked-plain "$empty" $plain <"$scratch_costs"
	above not-tracked-start "$empty" $starts tp_net_dev_queue <"$scratch_costs"
	above not-tracked-end "$empty" $ends <"$scratch_costs"
	costs '^nettrace: tracing' build/nettrace --backend tracepoint -p icmp --no-attribution -w "$scratch/a.nettrace" >"$scratch_costs"
	above tracked "$empty" <"$scratch_costs"
	above tracked-at-start "$empty" $starts <"$scratch_costs"
	above tracked-annotated "$empty" $plain <"$scratch_costs"
	above tracked-first "$empty" tp_net_dev_queue <"$scratch_costs"
	above tracked-end "$empty" $ends <"$scratch_costs"
	speed recording "$(sed -n 's/.* \([0-9]*\) events.*/\1/p' "$scratch/said")" "$(<"$scratch/seconds")"
	sysctl -qw kernel.bpf_stats_enabled=0
}

# Of the recording that the last of them made.
reading() {
	local began seconds
	began=$EPOCHREALTIME
	taskset -c 1 build/nettrace -r "$scratch/a.nettrace" -o "$scratch/a.txt" 2>"$scratch/read"
	seconds=$(awk -v from="$began" -v to="$EPOCHREALTIME" 'BEGIN { print to - from }')
	speed reading-text "$(sed -n 's/.* \([0-9]*\) events.*/\1/p' "$scratch/read")" "$seconds"
}

# Rows of a qdisc are the only plain ones of this backend.
ip link set lo up && tc qdisc add dev lo root tbf rate 100gbit burst 100m limit 100m || exit
list_probes tracepoint >"$scratch/probes"
for ((round = 1; round <= rounds; round++)); do
	progress "round $round of $rounds"
	hits
	watching watching build/nettrace --backend tracepoint -p tcp -w "$scratch/none.nettrace"
	reading
done
