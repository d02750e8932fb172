#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# --latency: every packet is counted, in the kernel, in the stage where it was held back; the slowest are told whole, and no
# others; a recording of the same traffic says the same. NETTRACE_LONG=1: with fentry, too.
# shellcheck disable=SC2016 # what eval is given
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"

fast=490 slow=10

traffic() { in_a ping -q -f -c "$fast" 10.7.0.2 && in_a ping -q -i 0.1 -c "$slow" -m 1 10.7.0.2; }

report() { jq -c 'select(.type == "latency")' "$1"; }
journeys() { jq -c 'select(.type == "journey")' "$1"; }

# row FILE WAY STAGE: its object
row() { report "$1" | jq -c --arg stage "$3" ".$2[] | select(.stage == \$stage)"; }

# A request is received and answered in one journey's end and another's beginning: a and b send and receive 500 each, and
# over a veth the receiver's sk_buff is the sender's.
check_report() {
	local name=$1 file=$2 all=$((2 * (fast + slow)))
	equal "$name: all packets" "$all 0" "$(report "$file" | jq -r '"\(.packets) \(.not_over)"')"
	equal "$name: all are counted whole" "$all" "$(row "$file" sent whole | jq .packets)"
	# Before qdisc_enqueue, which came with 5.15, the last that is seen of a packet which waits here may be the classifier.
	check "$name: so many waited for 60 ms there" jq -se --argjson slow "$slow" '[.[] | select(.type == "latency") | .sent[] |
		select(.stage == "qdisc" or .stage == "tc") | .buckets[] | select(.[0] > 55000000) | .[1]] | add == $slow' "$file"
	check "$name: p50 is fast, p99.9 and the longest are not" jq -se '[.[] | select(.type == "latency") | .sent[] |
		select((.stage == "qdisc" or .stage == "tc") and .p50_ns < 30000000 and .p999_ns > 55000000 and
			.max_ns >= 60000000 and .max_ns < 1000000000)] | length == 1' "$file"
	check "$name: quantiles rise" jq -se '.[] | select(.type == "latency") | [(.sent + .received)[] |
		.p50_ns <= .p90_ns and .p90_ns <= .p99_ns and .p99_ns <= .p999_ns and .p999_ns <= .max_ns and
		.packets == .over + ([.buckets[][1]] | add)] | all' "$file"
	equal "$name: five journeys are told" 5 "$(journeys "$file" | wc -l)"
	check "$name: the slowest, whole, from the slowest on" jq -se '[.[] | select(.type == "journey")] |
		all(.total_ns >= 60000000 and (.incomplete | not) and any(.events[]; .stage == "qdisc")) and
		([.[].total_ns] == ([.[].total_ns] | sort | reverse))' "$file"
}

# check_backend BACKEND
check_backend() {
	local name=$1 out=$scratch/$1.jsonl
	start_nettrace "$out" --backend "$name" -p icmp --latency --format jsonl || return
	check "$name: all pings are answered" traffic
	stop_nettrace
	check_report "$name" "$out"
	check "$name: fast packets stayed in the kernel" grep -qE '^nettrace: [1-9][0-9]* packets took less and stayed' "$out.err"
	check "$name: softirqs were counted" eval "report '$out' | jq -e '([.cpus[].net_rx] | add) > 100'"
}

in_text() {
	local out=$scratch/text
	start_nettrace "$out" -p icmp --latency || return
	check 'text: all pings are answered' traffic
	stop_nettrace
	check 'text: five blocks' eval "((\$(grep -c '^\*\*\*' '$out') == 5))"
	check 'text: a table' grep -qE '^sent +packets +p50 +p90 +p99 +p99\.9 +max$' "$out"
	check 'text: a row' grep -qE "^whole +$((2 * (fast + slow))) +[0-9.]+ us( +[0-9.]+ [um]s){4}\$" "$out"
	check 'text: CPUs' grep -qE '^cpu [01] +[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+$' "$out"
}

recorded() {
	local file=$scratch/trace.nettrace out=$scratch/read.jsonl
	start_nettrace /dev/null -p icmp -w "$file" || return
	check 'recorded: all pings are answered' traffic
	stop_nettrace
	"$nettrace" -r "$file" --latency --format jsonl >"$out"
	check_report recorded "$out"
}

softnet_dropped() {
	local n total=0
	while read -r _ n _; do ((total += 16#$n)); done </proc/net/softnet_stat
	echo "$total"
}

burst() { in_a bash -c 'exec 3>/dev/udp/10.7.0.2/9; for ((i = 0; i < 50; i++)); do printf x >&3; done'; }

# What is let go at once meets a backlog that has room for next to nothing.
dropped() {
	local out=$scratch/dropped.jsonl limit before dropped
	limit=$(sysctl -n net.core.netdev_max_backlog)
	modprobe sch_plug && in_a tc qdisc replace dev va root handle 2: plug || return
	start_nettrace "$out" -p udp --latency --format jsonl || return
	before=$(softnet_dropped)
	sysctl -qw net.core.netdev_max_backlog=1
	burst
	in_a tc qdisc change dev va root handle 2: plug release_indefinite
	sysctl -qw net.core.netdev_max_backlog="$limit"
	stop_nettrace
	dropped=$(($(softnet_dropped) - before))
	check 'dropped: some are' eval '((dropped > 0))'
	equal 'dropped: as many as the kernel says' "$dropped" "$(report "$out" | jq '[.cpus[].dropped] | add')"
	equal 'dropped: all packets' 50 "$(report "$out" | jq .packets)"
}

# "CPU NET_RX NET_TX SQUEEZED" for each, as the kernel counts them (fs/proc/softirqs.c, softnet_seq_show()).
kernel_counters() {
	paste <(awk '$1 == "NET_RX:" { for (i = 2; i <= NF; i++) print i - 2, $i }' /proc/softirqs) \
		<(awk '$1 == "NET_TX:" { for (i = 2; i <= NF; i++) print $i }' /proc/softirqs) \
		<(while read -r _ _ n _; do echo $((16#$n)); done </proc/net/softnet_stat) | awk 'NF == 4 { $1 = $1; print }'
}

# since BEFORE AFTER: AFTER with what was in BEFORE taken away, but for the CPU.
since() { paste -d ' ' <(echo "$1") <(echo "$2") | awk '{ print $1, $6 - $2, $7 - $3, $8 - $4 }'; }

# What comes while nettrace gets ready or goes may be counted or not: there must be an occasion without.
counted() {
	local out=$scratch/counted.jsonl budget before ready over after
	budget=$(sysctl -n net.core.netdev_budget)
	for _ in 1 2 3 4 5; do
		before=$(kernel_counters)
		start_nettrace "$out" -p icmp --latency --format jsonl || return
		ready=$(kernel_counters)
		sysctl -qw net.core.netdev_budget=1
		traffic >"$scratch/traffic" || return
		sysctl -qw net.core.netdev_budget="$budget"
		over=$(kernel_counters)
		stop_nettrace
		after=$(kernel_counters)
		[[ $before != "$ready" || $over != "$after" ]] || break
	done
	equal 'counted: nothing else came' "$before $over" "$ready $after"
	equal 'counted: NET_RX, NET_TX and squeezes of each CPU as the kernel does' "$(since "$before" "$after")" \
		"$(report "$out" | jq -r '.cpus[] | "\(.cpu) \(.net_rx) \(.net_tx) \(.time_squeeze)"')"
	check 'counted: there are some of each' jq -se '[.[] | select(.type == "latency") | .cpus[]] |
		all(map(.net_rx), map(.net_tx), map(.time_squeeze); add >= 10)' "$out"
}

# No interface here has a ring that could be too small: the kernel's files are replaced.
overrun() {
	local out=$scratch/overrun statistic statistics=/sys/class/net/lo/statistics
	for statistic in missed:7 fifo:1; do
		echo "${statistic#*:}" >"$scratch/${statistic%:*}"
		mount --bind "$scratch/${statistic%:*}" "$statistics/rx_${statistic%:*}_errors" || return
	done
	if check 'overrun: nettrace begins' start_nettrace "$out.jsonl" -p icmp --latency --format jsonl; then
		echo 12 >"$scratch/missed"
		echo 4 >"$scratch/fifo"
		stop_nettrace
		equal 'overrun: so many since it began' '5 3' "$(report "$out.jsonl" | jq -r '.nics[] | select(.ifname == "lo") | "\(.rx_missed) \(.rx_fifo)"')"
		equal 'overrun: and of no other interface' '' "$(report "$out.jsonl" | jq -c '.nics[] | select(.ifname != "lo" and .rx_missed + .rx_fifo > 0)')"
	fi
	if check 'overrun: nettrace begins again' start_nettrace "$out" -p icmp --latency; then
		echo 13 >"$scratch/missed"
		stop_nettrace
		check 'overrun: in text' grep -qx 'lo had no room for 1 packets (missed) and 0 (fifo)' "$out"
	fi
	for statistic in missed fifo; do umount "$statistics/rx_${statistic}_errors"; done
}

# The tables that a terminal was shown, one after another, of each how many requests and replies had been sent.
shown() { tr -d '\r' <"$1" | awk 'BEGIN { RS = "\033\\[H\033\\[J" } match($0, /\nwhole +[0-9]+/) { split(substr($0, RSTART, RLENGTH), word, / +/); print word[2] }'; }

# It is a terminal's upper left corner and what was there before is gone, each second, and at the end.
on_a_terminal() {
	local out=$scratch/terminal shower
	mkfifo "$scratch/keys"
	exec 7<>"$scratch/keys"
	TERM=xterm NO_COLOR=1 env --default-signal=INT,QUIT script -qefc "exec '$nettrace' -p icmp --latency" "$out" <&7 >/dev/null &
	shower=$!
	check 'terminal: nettrace begins' wait_for 60 grep -q '^nettrace: tracing,' "$out" || return
	in_a ping -q -f -c 50 10.7.0.2 >/dev/null
	sleep 2.2
	in_a ping -q -f -c 50 10.7.0.2 >/dev/null
	sleep 2.2
	printf '\003' >&7 # Ctrl-C
	check 'terminal: its status is 0' wait "$shower"
	exec 7>&-
	shown "$out" >"$scratch/shown"
	check "terminal: tables are renewed: $(paste -sd ' ' "$scratch/shown")" eval '(($(wc -l <"$scratch/shown") >= 4))'
	check 'terminal: what was sent first is there before the rest' grep -qx 100 "$scratch/shown"
	check 'terminal: what was sent later is, too, before the end' eval '(($(grep -cx 200 "$scratch/shown") >= 2))'
	check 'terminal: they only grow' sort -nc "$scratch/shown"
	equal 'terminal: the slowest are told once' 5 "$(grep -cE '\*{15} .+ \*{15}' "$out")"
}

# One that is under way is not over.
open_end() {
	local out=$scratch/open.jsonl
	in_a tc qdisc change dev va parent 1:3 handle 30: netem delay 5s
	start_nettrace "$out" -p icmp --latency --format jsonl || return
	in_a ping -q -c 1 -W 1 -m 1 10.7.0.2 >/dev/null
	stop_nettrace
	equal 'under way: is not over' '1 1' "$(report "$out" | jq -r '"\(.packets) \(.not_over)"')"
}

topology_veth || exit
know_neighbours
check 'a lane for slow packets' slow_lane
check_backend auto
[[ -z ${NETTRACE_LONG:-} ]] || check_backend fentry
check_backend tracepoint
in_text
on_a_terminal
recorded
counted
overrun
open_end
dropped
