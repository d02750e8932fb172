#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Errors and interrupts that need a kernel with kprobes, an old one, or names that this machine should not get; the
# others are in tests/native/errors.test.sh.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"

# told NAME STATUS WANTED COMMAND...: that status, and one line on stderr which has WANTED in it.
told() {
	local name=$1 wanted_status=$2 wanted=$3 status
	shift 3
	timeout -k 1 60 "$@" >/dev/null 2>"$scratch/err" </dev/null
	status=$?
	equal "$name: status" "$wanted_status" "$status"
	check "$name: one line" eval "[[ \$(wc -l <'$scratch/err') == 1 ]]"
	check "$name: $wanted" grep -F -e "$wanted" "$scratch/err"
}

named_namespaces() {
	told 'a name left behind' 2 '/run/netns/left is not a network namespace, but a file left behind' "$nettrace" --netns left
	told 'no such name' 2 "--netns: no network namespace 'c'" "$nettrace" --netns c
	told 'no such interface' 2 "-i: no interface 'vc' in any network namespace; there is lo, " "$nettrace" -i vc
	check '… and the names of other namespaces are offered' grep -q 'va.*vb\|vb.*va' "$scratch/err"
}

# Before 5.11 the memory of maps and programs counts as locked, which a process without CAP_SYS_RESOURCE cannot raise.
locked_memory() {
	local limits=(prlimit --memlock=65536:65536 setpriv --inh-caps=-all --bounding-set=-sys_resource)
	if [[ $(uname -r) == 5.10.* ]]; then
		told 'too little locked memory' 1 "try 'ulimit -l unlimited'" "${limits[@]}" "$nettrace" -p icmp
	else
		check 'locked memory does not count' "${limits[@]}" "$nettrace" -p icmp --duration 10ms --backend tracepoint
	fi
}

kernel_state() { bpftool -j prog list | jq -r '.[].id'; bpftool -j link list | jq -r '.[].id'; }
is_clean() { [[ $(kernel_state) == "$state_before" ]]; }

# has_links N: the process has attached so many kprobes.
has_links() { (($(find "/proc/$nettrace_pid/fd" -lname '*perf_event*' 2>/dev/null | wc -l) >= $1)); }

start_attaching() {
	env --default-signal=INT "$nettrace" -p icmp --backend kprobe >"$scratch/out" 2>"$scratch/early" &
	nettrace_pid=$!
	wait_for 30 has_links 3
}

interrupts() {
	start_attaching
	stop_nettrace
	equal 'Ctrl-C while it attaches: status' 0 "$nettrace_status"
	equal 'Ctrl-C while it attaches: one line' 'nettrace: stopped before tracing began' "$(<"$scratch/early")"
	check 'Ctrl-C while it attaches: nothing stays' wait_for 60 is_clean

	start_nettrace "$scratch/out" -p icmp --backend kprobe || return
	kill -INT "$nettrace_pid"
	kill -INT "$nettrace_pid"
	wait_nettrace 10
	# The first one may have been enough.
	check 'a second Ctrl-C while it detaches: status' grep -xE '0|130' <<<"$nettrace_status"
	check 'a second Ctrl-C while it detaches: nothing stays' wait_for 60 is_clean
}

topology_veth || exit
wait_for 60 alone
state_before=$(kernel_state)
touch /run/netns/left
named_namespaces
rm -f /run/netns/left
locked_memory
interrupts
