# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What this machine does to a guest behind its back: when QEMU's threads were ready to run, and did not, and when this
# machine's CPUs ran nobody, since it is a guest itself. Sourced by vm.sh.
#
# A guest cannot see that by itself where its CPUs are emulated: steal time is KVM's. Of any thread, since emulated CPUs
# wait for each other (for the lock of the devices, when translated code is thrown away), and their timers for the main one.

# Fields of /proc/PID/task/TID/schedstat are in Documentation/scheduler/sched-stats.rst: the second is the time that it
# waited for a CPU, and is counted when it got one.
# shellcheck disable=SC2154 # qemu_pid, work, repo: vm.sh's
watch_stalls() {
	stall_tasks=("/proc/$qemu_pid/task"/*)
	stalls=() sampled_us=${EPOCHREALTIME/./}
	declare -gA waited_us=()
	[[ -n $beat_pid ]] || start_beat
	look_for_stalls
	stalls=()
}

start_beat() {
	: >"$work/beat"
	exec 5<"$work/beat"
	setpriv --pdeathsig KILL "$repo/build/beat" >>"$work/beat" 5<&- 8>&- &
	beat_pid=$!
}

unwatch_stalls() {
	[[ -n $beat_pid ]] || return 0
	kill "$beat_pid" 2>/dev/null || true
	wait "$beat_pid" 2>/dev/null || true
	exec 5<&-
}

# note_stall WHO US: WHO has waited for so long so far, since it exists; what is new ended after the look before.
note_stall() {
	local more=$(($2 - ${waited_us[$1]:-0}))
	waited_us[$1]=$2
	((more < 1000)) || stalls+=("$1 $((sampled_us - more)) $now_us $more")
}

look_for_stalls() {
	local task waited_ns steal cpu start_us end_us now_us=${EPOCHREALTIME/./}
	for task in "${stall_tasks[@]}"; do
		# a thread may have ended
		{ read -r _ waited_ns _ <"$task/schedstat"; } 2>/dev/null || continue
		note_stall "$task" $((waited_ns / 1000))
	done
	# what is to be seen without: in ticks of 10 ms, and not all of it
	if ! kill -0 "$beat_pid" 2>/dev/null; then
		read -r _ _ _ _ _ _ _ _ steal _ </proc/stat
		note_stall steal $((steal * 10000))
	fi
	while read -ru 5 cpu start_us end_us; do
		stalls+=("$cpu $start_us $end_us $((end_us - start_us))")
	done
	looked_us=$sampled_us sampled_us=$now_us
}

# stalled_ns FROM TO: nanoseconds ago, by the clock of a guest that has asked since the look before the last; prints for how
# long the one that waited longest did so then.
stalled_ns() {
	local from_us=$((looked_us - $1 / 1000)) to_us=$((sampled_us - $2 / 1000)) stall who start end us most=0
	local -A sum=()
	for stall in "${stalls[@]}"; do
		read -r who start end us <<<"$stall"
		((start < to_us && end > from_us)) || continue
		((start > from_us)) || start=$from_us
		((end < to_us)) || end=$to_us
		sum[$who]=$((${sum[$who]:-0} + (end - start < us ? end - start : us)))
		((sum[$who] <= most)) || most=${sum[$who]}
	done
	echo $((most * 1000))
}
