#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# How the program ends: nothing of it stays in the kernel, whoever reads its output is served, and trouble is told once.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"

# --- what stays in the kernel

# Ids of programs, maps and links, and what a kprobe through tracefs would leave.
kernel_state() {
	local kind
	for kind in prog map link; do
		bpftool -j "$kind" list | jq -r --arg kind "$kind" '.[]? | "\($kind) \(.id) \(.name // .type)"'
	done
	cat /sys/kernel/tracing/kprobe_events
	find /sys/fs/bpf -mindepth 1
}

is_clean() { [[ $(kernel_state) == "$state_before" ]]; }

# A child takes the probes away where the kernel is slow to let go of them, which is not what is tested; but it ends.
check_clean() {
	if wait_for 60 is_clean; then
		ok "$1: nothing stays in the kernel"
	else
		not_ok "$1: nothing stays in the kernel" "$(diff <(echo "$state_before") <(kernel_state))"
	fi
}

# Backends differ in what they leave if it is not taken away.
ends_clean() {
	local backend=$1
	start_nettrace "$scratch/out" -p icmp -c 4 --backend "$backend" || return
	check "$backend: programs are loaded while it runs" eval '! is_clean'
	in_a ping -q -c 2 -i 0.1 10.7.0.2 >/dev/null
	wait_nettrace
	equal "$backend: -c ends with status 0" 0 "$nettrace_status"
	check_clean "$backend: after -c"

	start_nettrace "$scratch/out" -p icmp --backend "$backend" || return
	in_a ping -q -c 2 -i 0.1 10.7.0.2 >/dev/null
	stop_nettrace
	equal "$backend: Ctrl-C ends with status 0" 0 "$nettrace_status"
	check_clean "$backend: after Ctrl-C"
	read_blocks "$scratch/out"
	equal "$backend: Ctrl-C prints what there is" '4 0' "$n_blocks $n_incomplete"

	start_nettrace "$scratch/out" -p icmp --backend "$backend" || return
	ip netns exec a ping -q -i 0.01 10.7.0.2 >/dev/null &
	pinger=$!
	kill -KILL "$nettrace_pid"
	wait "$nettrace_pid" 2>/dev/null
	nettrace_pid=''
	check_clean "$backend: after kill -9 in the middle of traffic"
	kill "$pinger"
	wait "$pinger" 2>/dev/null
}

ends_clean_early() {
	# Killed while it attaches, too.
	"$nettrace" -p icmp >/dev/null 2>"$scratch/early" &
	wait_for 10 eval '! is_clean'
	kill -KILL $!
	wait $! 2>/dev/null
	check_clean 'killed while it attaches'
	start_nettrace "$scratch/out" -p icmp || return
	kill -TERM "$nettrace_pid"
	wait_nettrace 20
	equal 'SIGTERM ends with status 0 and the totals' '0 2' "$nettrace_status $(said "$scratch/out.err" | wc -l)"
	check_clean 'after SIGTERM'
}

# --- who reads the output

start_endless_ping() {
	ip netns exec a ping -q -i 0.02 10.7.0.2 >/dev/null &
	pinger=$!
}

stop_endless_ping() {
	kill "$pinger"
	wait "$pinger" 2>/dev/null
}

# has_ended PID
has_ended() { ! kill -0 "$1" 2>/dev/null; }

# The pipeline as a user types it, with pipefail's view of nettrace's own status in FILE.status.
pipeline() {
	local reader=$1 out=$2
	shift 2
	(
		env --default-signal=INT,QUIT,PIPE "$nettrace" "$@" 2>"$out.err" | eval "$reader" >"$out"
		echo "${PIPESTATUS[0]}" >"$out.status"
	) &
	pipeline_pid=$!
}

# kill_pipeline: nettrace itself, by its parent.
kill_pipeline() {
	local pid
	for pid in $(ps -o pid= --ppid "$pipeline_pid"); do
		kill "$1" "$pid" 2>/dev/null
	done
}

closed_pipe() {
	rm -f "$scratch/head.status"
	start_endless_ping
	pipeline 'head -1' "$scratch/head" -p icmp
	if wait_for 30 has_ended "$pipeline_pid"; then
		ok '| head -1 ends'
		check '| head -1: status 0, or killed by SIGPIPE' grep -xE '0|141' "$scratch/head.status"
	else
		not_ok '| head -1 ends' 'still running after 30 s of traffic'
		kill_pipeline -KILL
	fi
	wait "$pipeline_pid"
	check '| head -1 gets the header' grep -qxE '\*{17} [0-9a-f,]+ \*{15}' "$scratch/head"
	if [[ $(said "$scratch/head.err" | wc -l) == 1 && $(said "$scratch/head.err") =~ $readiness_regex ]]; then
		ok '| head -1: stderr has the readiness line only'
	else
		not_ok '| head -1: stderr has the readiness line only' "$(<"$scratch/head.err")"
	fi
	stop_endless_ping
	check_clean 'after | head -1'
}

# Lines must come out while the program runs, not when a buffer is full.
piped_at_once() {
	pipeline 'grep --line-buffered -E "napi_gro_receive_entry|__ip_local_out"' "$scratch/grep" -p icmp
	wait_for 30 grep -q '^nettrace: tracing' "$scratch/grep.err"
	in_a ping -q -c 1 10.7.0.2 >/dev/null
	if wait_for 3 eval "(( \$(wc -l <'$scratch/grep') == 2 ))"; then
		ok '| grep shows a packet as soon as it ended'
	else
		not_ok '| grep shows a packet as soon as it ended' "$(wc -l <"$scratch/grep") of 2 lines after 3 s"
	fi
	kill_pipeline -INT
	wait "$pipeline_pid"
	check '| grep: status 0 after Ctrl-C' grep -qx 0 "$scratch/grep.status"
	# The incident's grep, in the incident's columns.
	check '| grep gives event lines only' eval "! grep -vE '^\[[0-9]+\.[0-9]{6}\] \[(napi_gro_receive_entry|__ip_local_out      )\] ICMP: 10\.7\.0\.[12] -> 10\.7\.0\.[12] ping (request|reply), seq: 1, id: [0-9]+\$' '$scratch/grep'"
}

to_a_file() {
	echo 'old text' >"$scratch/trace.log"
	start_nettrace "$scratch/out" -p icmp -o "$scratch/trace.log" || return
	in_a ping -q -c 2 -i 0.1 10.7.0.2 >/dev/null
	stop_nettrace
	equal '-o: nothing on stdout' 0 "$(wc -c <"$scratch/out")"
	read_blocks "$scratch/trace.log"
	equal '-o: the file has the blocks' '4 0' "$n_blocks $n_incomplete"
	check '-o: well-formed, and replaces what was there' all_well_formed
	check_stderr '-o: stderr as always' "$scratch/out.err" 4 "$n_events" 0
	check '-o: grep finds event lines only' eval "(( \$(grep -cE 'napi_gro_receive_entry|__ip_local_out' '$scratch/trace.log') == 4 ))"
}

# A full disk must not look like success.
full_disk() {
	start_endless_ping
	for argument in /dev/stdout /dev/full; do
		env --default-signal=INT "$nettrace" -p icmp -c 4 -o "$argument" >/dev/full 2>"$scratch/full" &
		wait_for 30 has_ended $! || kill -KILL $!
		wait $!
		equal "a full disk (-o $argument) ends with status 1" 1 $?
		check "a full disk (-o $argument) is told" grep -q 'No space left on device' "$scratch/full"
	done
	stop_endless_ping
}

no_such_file() {
	timeout -k 1 30 "$nettrace" -p icmp -o /nonexistent/file >"$scratch/out" 2>"$scratch/err"
	equal '-o without such a directory: status 1' 1 $?
	check '-o without such a directory: one line names the file' eval "[[ \$(wc -l <'$scratch/err') == 1 ]] && grep -q '^nettrace: /nonexistent/file: ' '$scratch/err'"
}

topology_veth || exit
in_a ping -q -c 1 10.7.0.2 >/dev/null
wait_for 60 alone
state_before=$(kernel_state)
if has_kprobe_multi; then ends_clean kprobe-multi; fi
if ! has_kprobe_multi || [[ -n ${NETTRACE_LONG:-} ]]; then ends_clean kprobe; fi
ends_clean tracepoint
ends_clean_early
closed_pipe
piped_at_once
to_a_file
full_disk
no_such_file
check_clean 'at last'
