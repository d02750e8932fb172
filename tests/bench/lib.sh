# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the measurements share; sourced. Samples go to stdout, a line each:
#
#   sample STATE MEASURE VALUE
#
# and everything else to stderr. tests/bench/report.py makes tables of them.

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

progress() { printf '%s\n' "$*" >&2; }
sample() { printf 'sample %s %s %s\n' "$1" "$2" "$3"; }

# Milliseconds since the moment (a copy of EPOCHREALTIME) given.
ms_since() { awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", (to - from) * 1000 }'; }

# The floor's probes: those that nettrace attaches here with this backend, by the names which the kernel knows.
list_probes() {
	build/nettrace --probes --backend "$1" | awk -F '  +' '
		$2 == "attach" { n = split($5, names, /[ ,]+/); for (i = 1; i <= n; i++) print $3, names[i] }'
}

# start_tracer STATE READY COMMAND...: runs COMMAND until its stdout or stderr has a line that matches READY, and is
# ready then; that line is kept in $scratch/ready. Its stdout goes to $scratch/out if it has none of its own; sets tracer_pid.
start_tracer() {
	local state=$1 ready=$2 began line
	shift 2
	mkfifo "$scratch/says"
	began=$EPOCHREALTIME
	"$@" >"$scratch/out" 2>"$scratch/says" &
	tracer_pid=$!
	exec 5<"$scratch/says"
	rm "$scratch/says"
	while IFS= read -r line <&5; do
		[[ $line =~ $ready ]] && break
	done
	if ! kill -0 "$tracer_pid" 2>/dev/null || [[ ! $line =~ $ready ]]; then
		progress "$1 did not start: $line"
		return 1
	fi
	sample "$state" ready_ms "$(ms_since "$began")"
	printf '%s\n' "$line" >"$scratch/ready"
	cat <&5 >"$scratch/said" &
	says_pid=$!
	exec 5<&-
}

# stop_tracer STATE: its peak memory, and the time from SIGTERM until it has ended.
stop_tracer() {
	local state=$1 began
	sample "$state" peak_kib "$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$tracer_pid/status")"
	began=$EPOCHREALTIME
	kill -TERM "$tracer_pid"
	wait "$tracer_pid"
	sample "$state" detach_ms "$(ms_since "$began")"
	wait "$says_pid"
}

# until_gone STATE: the time until the kernel has none of its programs any more, seen from when it has ended: some leave
# that to a child.
until_gone() {
	local began=$EPOCHREALTIME tries=600
	while ((tries-- > 0)) && bpftool prog list | grep -qE ' name (fn_|tp_|fx_|kprobe_skb|fexit_|cpu_|empty_)'; do sleep 0.05; done
	sample "$1" gone_ms "$(ms_since "$began")"
}

# The sum over all loaded programs; needs kernel.bpf_stats_enabled.
program_costs() {
	bpftool -j prog show | jq -r '[.[] | select(.run_cnt)] | "\(map(.run_time_ns) | add) \(map(.run_cnt) | add)"'
}

# watching STATE COMMAND...: what watching the CPUs takes of one, in per cent, while nothing is sent.
watching() {
	local state=$1 seconds=5
	shift
	sysctl -qw kernel.bpf_stats_enabled=1
	start_tracer "$state" '^nettrace: tracing' "$@" >/dev/null || return
	sleep "$seconds"
	observers_ns >"$scratch/ns"
	sample "$state" cpu_percent "$(awk -v s="$seconds" '{ print $1 / s / 1e7 }' "$scratch/ns")"
	sample "$state" observers "$(awk '{ print $2 }' "$scratch/ns")"
	stop_tracer "$state" >/dev/null
	sysctl -qw kernel.bpf_stats_enabled=0
}

# Of the programs that watch CPUs: how long they ran together, by the kernel's own clock, and how many they are.
observers_ns() {
	bpftool -j prog show | jq -r '[.[] | select(.name // "" | startswith("cpu_")) | .run_time_ns // 0] | "\(add // 0) \(length)"'
}
