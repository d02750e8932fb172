#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What goes wrong is told in a line: what failed, why, what to do. Exit status 2 for wrong usage, 1 for a failure, 0
# otherwise. On the machine's own kernel, in its own namespaces.
# shellcheck disable=SC2016 # scripts of other shells
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# told NAME STATUS WANTED COMMAND...: that status, nothing on stdout, and one line on stderr which has WANTED in it.
told() {
	local name=$1 wanted_status=$2 wanted=$3 status
	shift 3
	timeout -k 1 30 "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
	status=$?
	if [[ $status == "$wanted_status" && ! -s $scratch/out && $(wc -l <"$scratch/err") == 1 &&
		$(<"$scratch/err") == nettrace:*"$wanted"* ]]; then
		ok "$name"
	else
		not_ok "$name" "wanted: $wanted_status $wanted" "got:    $status $(<"$scratch/err")" "$(head -n 3 "$scratch/out")"
	fi
}

# usage WANTED ARGUMENT...
usage() {
	local wanted=$1
	shift
	told "usage: $*" 2 "$wanted" "$NETTRACE" "$@"
}

wrong_words() {
	usage '--colour is not an option; see nettrace --help' --colour
	usage '-x is not an option' -x
	usage "unexpected argument 'icmp'" icmp
	usage '-p needs a value: -p PROTO' -p
	usage "-p: 'icpm' is not icmp, icmp6, tcp, udp, arp" -p icpm
	usage "-s: '10.0.0.256' is not an address" -s 10.0.0.256
	usage "--addr: '10.0.0.0/33' has a prefix length that is not a number from 0 to 32" --addr 10.0.0.0/33
	usage "-S: '65536' is not a port" -S 65536
	usage "-P: '9-1' is not a port" -P 9-1
	usage "--pkt-len: '1500-' is not a number of bytes" --pkt-len 1500-
	usage "--duration: '10x' is not a time above zero" --duration 10x
	usage "--duration: '0' is not a time above zero" --duration 0
	usage "-c: '-1' is not a number" -c -1
	usage 'no packet has both IPv4 and IPv6 addresses' -s 10.0.0.1 -d ::1
	usage "--backend: 'kprobes' is not auto, kprobe-multi" --backend kprobes
	usage "--buffer: '1' is not a size" --buffer 1
}

wrong_names() {
	usage "-i: no interface 'nosuch0' in any network namespace; there is " -i nosuch0
	usage "--netns: no network namespace 'nosuch'; 'ip netns' lists those with names" --netns nosuch
	usage '--netns: no process 4194304, nor a network namespace of that name' --netns 4194304
	usage "--netns: no network namespace 4026530000; 'lsns -t net' lists their numbers" --netns 4026530000
	usage '--pid: no process 4194304' --pid 4194304
	usage "--pid: '4194305' is not the number of a process" --pid 4194305
}

# A process which has a namespace of its own with an interface that is nowhere else.
other_namespace() {
	local pid inode
	unshare -n sh -c 'ip link add ntest0 type bridge && touch "$1" && exec sleep 100' sh "$scratch/made" 2>"$scratch/unshare" &
	pid=$!
	if ! wait_for 3 test -e "$scratch/made"; then
		skip 'names of another namespace' "no namespace here: $(<"$scratch/unshare")"
	else
		inode=$(stat -Lc %i "/proc/$pid/ns/net")
		for arguments in '-i ntest0' "--netns $pid" "--netns $inode" "--pid $pid" --netns-current; do
			# shellcheck disable=SC2086 # two words
			check "found: ${arguments/[0-9][0-9]*/…}" "$NETTRACE" -p 254 --duration 10ms $arguments
		done
	fi
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}

thread_is_no_process() {
	command -v python3 >/dev/null || { skip '--pid of a thread' 'no python3'; return; }
	told '--pid of a thread names the process' 2 ' is a thread; its process is ' python3 -c '
import os, subprocess, sys, threading
def trace():
    sys.exit(0)
done = threading.Event()
thread = threading.Thread(target=done.wait)
thread.start()
status = subprocess.call([sys.argv[1], "-p", "icmp", "--pid", str(thread.native_id)])
done.set()
sys.exit(status)' "$NETTRACE"
}

small_buffer() {
	local cpus
	cpus=$(sed 's/.*-//' /sys/devices/system/cpu/possible)
	((cpus > 0)) || return
	usage "--buffer: this machine needs at least $(((cpus + 1) * 256))K" -p icmp --buffer 256K
	check 'the least buffer does' "$NETTRACE" -p 254 --duration 10ms --buffer "$(((cpus + 1) * 256))K"
}

# ring_bytes: of each ring that the nettrace started last has: the kernel's, or a value of an array with its head and what is
# beyond (ring_abi.h).
ring_bytes() {
	bpftool -j map list | jq '[.[] | select(.name == "rings" or .name == "nt_ring_0")] | max_by(.id) |
		if .type == "ringbuf" then .max_entries else .bytes_value - 128 - 8192 end'
}

# Rounded down to a power of two for each CPU.
buffer_size() {
	local cpus wanted=$((256 << 10))
	cpus=$(($(sed 's/.*-//' /sys/devices/system/cpu/possible) + 1))
	while ((2 * wanted * cpus <= 100 << 20)); do ((wanted *= 2)); done
	start_nettrace "$scratch/buffer" -p 254 --buffer 100M || return
	equal '--buffer 100M: each ring' "$wanted" "$(ring_bytes)"
	stop_nettrace
}

# Nothing is read while it is stopped, so a ring overflows; what was lost is told where.
overflow() {
	local cpus lost said
	cpus=$(($(sed 's/.*-//' /sys/devices/system/cpu/possible) + 1))
	start_nettrace "$scratch/flood" -p icmp --addr 127.0.0.1 --backend tracepoint --buffer $((256 * cpus))K || return
	kill -STOP "$nettrace_pid"
	taskset -c 0 ping -q -f -c 3000 127.0.0.1 >/dev/null
	kill -CONT "$nettrace_pid"
	stop_nettrace
	grep -v '^libbpf: ' "$scratch/flood.err" >"$scratch/told"
	lost=$(sed -nE 's/^nettrace: [0-9]+ journeys .* lost: ring ([1-9][0-9]*), .*/\1/p' "$scratch/told")
	said=$(sed -nE 's/^nettrace: lost: (ring|also) ([0-9]+) (at [a-z_]+ on CPU [0-9]+|in [0-9]+ other places)$/\2/p' "$scratch/told" | awk '{ n += $1 } END { print n + 0 }')
	equal 'losses by cause, probe and CPU add up' "${lost:-some}" "$said"
	check 'losses: a dozen lines of them at most' eval '(($(grep -c "^nettrace: lost: " "$scratch/told") <= 12))'
}

no_privileges() {
	local drop=(setpriv --inh-caps=-all --bounding-set)
	told 'no root' 1 'missing: CAP_BPF and CAP_PERFMON' setpriv --reuid 65534 --regid 65534 --clear-groups "$public" -p icmp
	told 'without CAP_PERFMON' 1 'missing: CAP_PERFMON' "${drop[@]}" -sys_admin,-perfmon "$NETTRACE" -p icmp
	told 'without CAP_BPF' 1 'missing: CAP_BPF' "${drop[@]}" -sys_admin,-bpf "$NETTRACE" -p icmp
	told 'root of a user namespace' 1 "container's user namespace" unshare -U -r "$NETTRACE" -p icmp
	told 'usage comes before privileges' 2 "--netns: no network namespace 'nosuch'" \
		setpriv --reuid 65534 --regid 65534 --clear-groups "$public" --netns nosuch
}

# The whole machine seems to have no BTF: libbpf also looks in /boot and beneath /lib/modules.
no_btf() {
	mkdir "$scratch/empty"
	told 'no BTF' 1 'this kernel has no BTF: /sys/kernel/btf/vmlinux is needed' unshare -m sh -c '
		for place in /sys/kernel/btf /boot /lib/modules /usr/lib/debug; do
			[ ! -d "$place" ] || mount --bind "$1" "$place" || exit 99
		done
		exec "$2" -p icmp' sh "$scratch/empty" "$NETTRACE"
}

# Few open files are a limit that every kernel has: it stops loading, or the rings.
refused_program() {
	told 'the kernel refuses a program' 1 "the kernel refused a program: Too many open files (libbpf: " \
		prlimit --nofile=16:16 "$NETTRACE" -p icmp
	told 'the kernel refuses a program: what to do' 1 "; 'ulimit -n' is 16, raise it" prlimit --nofile=16:16 "$NETTRACE" -p icmp
	check 'libbpf is silent' eval '! grep -q ^libbpf: "$scratch/err"'
	prlimit --nofile=16:16 "$NETTRACE" -p icmp --verbose >/dev/null 2>"$scratch/err"
	check '--verbose: libbpf speaks' grep -q '^libbpf: ' "$scratch/err"
}

# --- output

# Of one ping and its reply, or more, so that nettrace has something to write.
with_pings() {
	local status pinger
	ping -q -i 0.1 127.0.0.1 >/dev/null 2>&1 &
	pinger=$!
	"$@"
	status=$?
	kill "$pinger"
	wait "$pinger" 2>/dev/null
	return "$status"
}

bad_output() {
	told '-o in no directory' 1 '/nonexistent/x: No such file or directory; choose another -o' \
		"$NETTRACE" -p icmp -o /nonexistent/x
	told '-o is a directory' 1 "$scratch: Is a directory" "$NETTRACE" -p icmp -o "$scratch"
	told '-o on a read-only file system' 1 'Read-only file system' unshare -m sh -c '
		mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" -p icmp -o "$1/x"' sh "$scratch/empty" "$NETTRACE"
	told 'stdout is closed' 1 'standard output: Bad file descriptor' sh -c 'exec "$1" -p icmp >&-' sh "$NETTRACE"
	check 'stdin and stderr may be closed' sh -c 'exec "$1" -p 254 --duration 10ms <&- 2>&-' sh "$NETTRACE"
	told '--help to a closed stdout' 1 '' sh -c '"$1" --help >&- || { echo nettrace: "$?" >&2; exit 1; }' sh "$NETTRACE"
	echo old >"$scratch/older"
	told 'what cannot start' 1 'missing' setpriv --inh-caps=-all --bounding-set=-sys_admin,-bpf \
		"$NETTRACE" -p icmp -o "$scratch/older"
	equal '… leaves an older file alone' old "$(<"$scratch/older")"
}

# Journeys are there and the disk is full: the totals are told, and why they are not the whole.
full_disk() {
	for output in /dev/full -; do
		with_pings timeout -k 1 30 "$NETTRACE" -p icmp --addr 127.0.0.1 -o "$output" >/dev/full 2>"$scratch/err"
		equal "a full disk (-o $output): status" 1 $?
		check "a full disk (-o $output) is told last, once" \
			eval "[[ \$(tail -n 1 '$scratch/err') == *': No space left on device' && \$(grep -c 'No space' '$scratch/err') == 1 ]]"
	done
}

closed_pipe() {
	local status
	with_pings eval 'timeout -k 1 30 "$NETTRACE" -p icmp --addr 127.0.0.1 2>"$scratch/err" | head -n 1 >"$scratch/head"
		echo "${PIPESTATUS[0]}" >"$scratch/status"'
	equal '| head: status' 0 "$(<"$scratch/status")"
	equal '| head: nothing is told but readiness' 1 "$(said "$scratch/err" | wc -l)"
}

# --- Ctrl-C

# Ids of programs that no process holds: another nettrace may run on this machine.
programs_left() {
	comm -23 <(bpftool prog list | sed -nE 's/^([0-9]+):.* name (tp|fn)_.*/\1/p' | sort) \
		<(cat /proc/[0-9]*/fdinfo/* 2>/dev/null | sed -nE 's/^prog_id:\s*([0-9]+)$/\1/p' | sort)
}

# Since 7.x programs are freed late.
nothing_left() { [[ -z $(programs_left) ]]; }

is_nettrace() { [[ $(</proc/"$1"/comm) == nettrace ]]; } 2>/dev/null

# At any moment of the start: what was done is undone, and what is said is short.
early_interrupt() {
	local delay bad=''
	for delay in 0 0.01 0.02 0.03 0.05 0.07 0.1 0.13 0.16 0.2 0.25 0.3 0.4; do
		env --default-signal=INT "$NETTRACE" -p 254 >"$scratch/out" 2>"$scratch/err" &
		nettrace_pid=$!
		wait_for 3 is_nettrace "$nettrace_pid"
		sleep "$delay"
		stop_nettrace
		# Before main() nobody catches it.
		[[ $nettrace_status == 0 || $nettrace_status == 130 && ! -s $scratch/err ]] || bad+="after $delay s: $nettrace_status "
		[[ $(wc -l <"$scratch/err") -le 2 ]] || bad+="after $delay s: $(<"$scratch/err")"
		wait_for 2 nothing_left || bad+="after $delay s something is left "
	done
	equal 'Ctrl-C at any time of the start' '' "$bad"
}

# Nobody reads the pipe, so the trace cannot end as it should: the first Ctrl-C waits, the second one does not.
second_interrupt() {
	local reader
	mkfifo "$scratch/fifo"
	# shellcheck disable=SC2217 # it shall not read
	sleep 100 <"$scratch/fifo" &
	reader=$!
	start_nettrace "$scratch/fifo" -p icmp --addr 127.0.0.1 || return
	ping -q -c 400 -i 0.002 127.0.0.1 >/dev/null
	kill -INT "$nettrace_pid"
	sleep 0.3
	check 'one Ctrl-C waits for the reader' kill -0 "$nettrace_pid"
	kill -INT "$nettrace_pid"
	wait_nettrace 3
	equal 'a second Ctrl-C ends at once, with the status of an interrupt' 130 "$nettrace_status"
	check 'a second Ctrl-C leaves nothing in the kernel' wait_for 2 nothing_left
	equal 'a second Ctrl-C says nothing' 1 "$(said "$scratch/fifo.err" | wc -l)"
	kill "$reader"
	wait "$reader" 2>/dev/null || true # we ended it
}

wrong_words
if ((EUID != 0)); then
	skip 'errors of the host' 'not root'
	exit 0
fi
if ! bpftool prog list >/dev/null 2>"$scratch/bpf"; then
	skip 'errors of the host' "BPF is refused here: $(head -n 1 "$scratch/bpf")"
	exit 0
fi
# For those who may not look beneath the home of this one.
public=$scratch/nettrace
chmod 711 "$scratch"
cp "$NETTRACE" "$public"
wrong_names
other_namespace
thread_is_no_process
small_buffer
buffer_size
overflow
no_privileges
no_btf
refused_program
bad_output
full_disk
closed_pipe
early_interrupt
second_interrupt
