#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# usage: tests/bench/native.sh ROUNDS
#
# What a hit of the tracepoint backend costs on this machine beyond an empty program at the same tracepoints, and how fast
# a recording is read. Prints samples (lib.sh).
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

rounds=$1 pings=100000

flood() { taskset -c 0 ping -f -q -c "$1" 127.0.0.1; }

# hit STATE READY COMMAND...: nanoseconds of each run of all programs, by the kernel's clock.
hit() {
	local state=$1
	start_tracer "$@" >/dev/null || return
	flood "$pings" >/dev/null
	program_costs | awk '{ printf "%.1f\n", $1 / $2 }'
	stop_tracer "$state" >/dev/null
}

# above STATE EMPTY VALUE
above() {
	sample "$1" hit_ns "$3"
	sample "$1" above_empty_ns "$(awk -v a="$3" -v b="$2" 'BEGIN { printf "%.1f", a - b }')"
}

hits() {
	local empty
	sysctl -qw kernel.bpf_stats_enabled=1
	empty=$(hit floor '^ready' build/bench-empty tracepoint "$scratch/probes")
	sample floor hit_ns "$empty"
	above writing "$empty" "$(hit x '^ready' build/bench-empty tracepoint "$scratch/probes" writing)"
	above not-tracked "$empty" "$(hit x '^nettrace: tracing' build/nettrace --backend tracepoint -p tcp --no-attribution -w "$scratch/none.nettrace")"
	above tracked "$empty" "$(hit x '^nettrace: tracing' build/nettrace --backend tracepoint -p icmp --no-attribution -w "$scratch/a.nettrace")"
	sysctl -qw kernel.bpf_stats_enabled=0
}

# Of the recording that the last of them made.
reading() {
	local began seconds events
	began=$EPOCHREALTIME
	taskset -c 1 build/nettrace -r "$scratch/a.nettrace" -o "$scratch/a.txt" 2>"$scratch/read"
	seconds=$(awk -v from="$began" -v to="$EPOCHREALTIME" 'BEGIN { print to - from }')
	events=$(sed -n 's/.* \([0-9]*\) events.*/\1/p' "$scratch/read")
	sample reading-text events "$events"
	sample reading-text seconds "$seconds"
	sample reading-text events_per_second "$(awk -v n="$events" -v s="$seconds" 'BEGIN { printf "%.0f", n / s }')"
}

list_probes tracepoint >"$scratch/probes"
for ((round = 1; round <= rounds; round++)); do
	progress "round $round of $rounds"
	hits
	watching watching build/nettrace --backend tracepoint -p tcp -w "$scratch/none.nettrace"
	reading
done
