#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# usage: scripts/vm.sh [OPTION]... -- COMMAND [ARGUMENT]...
#
# Boots a stock Debian kernel under QEMU, runs COMMAND in the guest as root and exits with its status: for tests
# on kernels other than this machine's, for CI smoke tests in a VM, and for trying what may crash a kernel.
# A single COMMAND is a bash script, several words are one command. Its output (stdout and stderr) is this
# script's stdout. It runs in /nettrace, which holds the programs under build/ and tests/vm; the guest is made of
# this machine's own iproute2, nftables, iptables, bpftool and coreutils, and forgets everything at its end. A guest may
# have itself stopped: `echo pause 0.3 >/dev/ttyS2`, or freeze, with its clock. After `watch` it may ask there for how long
# this machine kept it from running: `stalled FROM TO`, in nanoseconds ago, is answered there, with nanoseconds.
#
#   --kernel WHICH     5.10, 6.1 (default), 6.12, 7.x (fetched when needed), a bzImage, or a directory with
#                      vmlinuz and lib/modules
#   --nic              a virtio NIC eth0, 10.0.2.15/24; only 10.0.2.2 answers (ping), nothing else is reachable
#   --wire PATH        the same NIC, but joined to that of the other guest which is given this path, a socket that the
#                      first of them makes: nobody else is on the wire
#   --smp N            CPUs (default 2)
#   --mem MB           memory (default 1024)
#   --timeout SECONDS  for COMMAND, without the boot (default 600)
#   --copy HOST[:GUEST]  a file or directory to put at GUEST, by default /nettrace/NAME; may be repeated
#   --console FILE     keep the kernel's console there, whatever happens
#
# Exit status: COMMAND's own; 124 if it took too long; 125 if the guest could not run it to its end (no boot in
# three tries, kernel panic or hang), and then the kernel's console is kept and its place said; 2 for wrong usage.
# Environment: NETTRACE_CACHE (default ~/.cache/nettrace), NETTRACE_ACCEL (kvm or tcg; default: KVM if it works).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=vm-accel.sh
. "$(dirname "$0")/vm-accel.sh"
# shellcheck source-path=SCRIPTDIR source=vm-image.sh
. "$(dirname "$0")/vm-image.sh"
# shellcheck source-path=SCRIPTDIR source=vm-stalls.sh
. "$(dirname "$0")/vm-stalls.sh"

kernel=$default_kernel nic='' wire='' smp=2 mem=1024 limit=600 console='' copies=() command=()
boot_limit=90 boot_tries=3
# A panic ends QEMU at once. On a busy host the timer's first interrupts come late, which some kernels take for
# broken hardware unless told not to check.
kernel_arguments='console=ttyS0 loglevel=5 panic=-1 oops=panic sysrq_always_enabled no_timer_check cryptomgr.notests'

number() { [[ $2 =~ ^[1-9][0-9]{0,6}$ ]] || usage_error "$1 wants a number, not '$2'"; }

parse_options() {
	while (($#)); do
		case $1 in
		-h | --help) print_help && exit ;;
		--nic) nic=yes && shift && continue ;;
		--) shift && command=("$@") && break ;;
		--kernel | --wire | --smp | --mem | --timeout | --copy | --console) (($# > 1)) || usage_error "$1 wants a value" ;;
		*) usage_error "unknown option '$1'; the command goes behind --" ;;
		esac
		case $1 in
		--kernel) kernel=$2 ;;
		--wire) nic=yes wire=$2 ;;
		--smp) number "$1" "$2" && smp=$2 ;;
		--mem) number "$1" "$2" && mem=$2 ;;
		--timeout) number "$1" "$2" && limit=$2 ;;
		--copy) copies+=("$2") ;;
		--console) console=$2 ;;
		esac
		shift 2
	done
	((${#command[@]})) || usage_error "no command"
}

# Sets vmlinuz and modules_dir (empty if this kernel brings no modules).
find_kernel() {
	local dir
	modules_dir=''
	if [[ -f $kernel ]]; then
		vmlinuz=$kernel
		return
	elif [[ -d $kernel ]]; then
		dir=$(readlink -f "$kernel")
	else
		dir=$("$repo/scripts/fetch-kernel.sh" "$kernel")
	fi
	vmlinuz=$dir/vmlinuz
	[[ -e $vmlinuz ]] || usage_error "no vmlinuz in $dir"
	[[ ! -d $dir/lib/modules ]] || modules_dir=$dir
}

copy_into() {
	local root=$1 host=${2%%:*} guest=${2#*:}
	[[ $2 == *:* ]] || guest=$(basename "$host")
	[[ -e $host ]] || usage_error "--copy: no '$host'"
	[[ $guest == /* ]] || guest=/nettrace/$guest
	mkdir -p "$root$(dirname "$guest")"
	cp -rL "$host" "$root$guest"
}

# Build trees of sanitizers and fuzzers stay out: large, and of no use in a guest.
copy_project() {
	local root=$1
	mkdir -p "$root/nettrace"
	cd "$repo"
	find build -type d \( -name '*san*' -o -name 'fuzz*' -o -name 'cov*' \) -prune -o -type f -perm /111 -print \
		2>/dev/null | cpio --quiet -pdm "$root/nettrace" || true
	[[ ! -d build/modules ]] || (find build/modules -type f -name '*.ko' | cpio --quiet -pdm "$root/nettrace")
	[[ ! -d tests/vm ]] || (find tests/vm -type f | cpio --quiet -pdm "$root/nettrace")
	cd "$OLDPWD"
}

stage_job() {
	local root=$1 copy programs
	copy_project "$root"
	for copy in "${copies[@]}"; do
		copy_into "$root" "$copy"
	done
	mapfile -t programs < <(find "$root" -type f -perm /111)
	((${#programs[@]} == 0)) || add_libraries "$root" "${programs[@]}"
	mkdir "$root/job"
	install -m 755 "$repo/scripts/vm-init.sh" "$root/init"
	[[ -z $nic ]] || : >"$root/job/nic"
	if ((${#command[@]} == 1)); then
		printf '%s\n' "${command[0]}"
	else
		printf '%q ' "${command[@]}"
	fi >"$root/job/command"
}

make_initrd() {
	local programs modules=
	programs=$(programs_archive)
	[[ -z $modules_dir ]] || modules=$(modules_archive "$modules_dir")
	mkdir "$work/job"
	stage_job "$work/job"
	pack_cpio "$work/job" | cat "$programs" ${modules:+"$modules"} - >"$work/initrd"
}

# Of two guests on a wire the second is the one that finds the socket.
network() {
	local netdev='user,id=net,restrict=on,ipv6=off' mac=52:54:00:12:34:56 server=on
	if [[ -n $wire ]]; then
		[[ ! -e $wire ]] || server=off mac=52:54:00:12:34:57
		netdev=stream,id=net,addr.type=unix,addr.path=$wire,server=$server
	fi
	qemu+=(-netdev "$netdev" -device "virtio-net-pci,netdev=net,romfile=,mac=$mac")
}

qemu_command() {
	qemu=("$emulator" -nodefaults -no-user-config -display none -no-reboot -smp "$smp" -m "$mem"
		-kernel "$vmlinuz" -initrd "$work/initrd" -append "$kernel_arguments $(clock_arguments "$1")"
		-monitor "unix:$work/monitor,server=on,wait=off"
		-chardev "socket,id=console,path=$work/keys,server=on,wait=off,logfile=$work/console" -serial chardev:console
		-chardev "file,id=output,path=$work/output" -serial chardev:output
		-chardev "pipe,id=status,path=$work/port,logfile=$work/status" -serial chardev:status)
	case $1 in
	kvm) qemu+=(-accel kvm -cpu host) ;;
	# QEMU 7.2 emulates cmpxchg16b wrongly, which ends in random double faults. Without "enhanced rep movsb" the
	# kernel copies eight bytes a step, which is what counts under emulation.
	*) qemu+=(-accel "tcg,thread=multi" -cpu "max,-cx16,-erms,-fsrm") ;;
	esac
	# Not `-nic user`: with QEMU 7.2 such a NIC has no MSI-X, so no interrupts per queue.
	qemu+=(-nic none)
	[[ -z $nic ]] || network
}

# nap SECONDS: without a process. With some for each look at the guest their numbers go round within minutes: QEMU's is
# another's as soon as it has ended, and bash then waits for it without end.
nap() { read -rt "$1" -u 9 || true; }

# wait_until SECONDS CONDITION...: false if first the time is over, QEMU ends, or nobody reads the output any more.
wait_until() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		if ((SECONDS > end)) || has_ended || ! is_read; then return 1; fi
		nap "$pace"
	done
}

# stop_guest pause|freeze SECONDS: pause stops QEMU, as a host does that has other work, while the guest's clock goes on;
# freeze stops the machine with its clock.
stop_guest() {
	if [[ $1 == pause ]]; then
		kill -STOP "$qemu_pid"
		nap "$2"
		kill -CONT "$qemu_pid"
	else
		socat - "unix-connect:$work/monitor" <<<stop >/dev/null
		nap "$2"
		socat - "unix-connect:$work/monitor" <<<cont >/dev/null
	fi
}

# What a guest asks for on its third serial port, in the array lines, of which the last may still be under way.
serve() {
	local line
	for line in "${lines[@]:served}"; do
		[[ $line == *$'\n' ]] || return 0
		((served += 1))
		line=${line%$'\n'}
		case $line in
		'pause '* | 'freeze '*) [[ ! $line =~ ^[a-z]+\ [0-9.]+$ ]] || stop_guest "${line% *}" "${line#* }" ;;
		watch) watch_stalls && pace=0.02 ;;
		'stalled '*) [[ ! $line =~ ^stalled\ ([0-9]+)\ ([0-9]+)$ ]] || stalled_ns "${BASH_REMATCH[@]:1}" >&6 ;;
		esac
	done
}

has_started() { [[ -s $work/status ]]; }
has_finished() {
	local lines
	((${#stall_tasks[@]} == 0)) || look_for_stalls
	mapfile lines <"$work/status"
	serve
	[[ ${lines[*]: -1} == 'exit '* ]]
}
has_ended() { ! kill -0 "$qemu_pid" 2>/dev/null; }
is_read() { kill -0 "$reader" 2>/dev/null; }
panicked() { grep -qaE 'Kernel panic|Oops:|double fault:' "$work/console"; }

# One boot. Returns the command's status, 124 or 125; leaves $reached empty if the command was not reached.
boot() {
	local status=0
	reached='' served=0 pace=0.05 stall_tasks=() beat_pid=''
	rm -f "$work"/{output,status,port.in,port.out}
	: >"$work/console"
	mkfifo "$work"/{output,port.in,port.out}
	exec 6<>"$work/port.in" # open before QEMU is, and after
	# Held open here until QEMU has ended: so cat sees the end even if QEMU never opened the pipe.
	# shellcheck disable=SC2094
	exec 8<>"$work/output" 7<"$work/output"
	cat <&7 8>&- &
	reader=$!
	exec 7<&-
	# However this script ends, QEMU ends with it.
	setpriv --pdeathsig KILL "${qemu[@]}" </dev/null 8>&- >&2 &
	qemu_pid=$!
	watch_guest || status=$?
	kill -KILL "$qemu_pid" 2>/dev/null || true
	unwatch_stalls
	wait "$qemu_pid" 2>/dev/null || true
	exec 8>&- 6>&-
	wait "$reader" 2>/dev/null || true
	return "$status"
}

watch_guest() {
	local line
	wait_until "$boot_limit" has_started || has_started || return 125
	reached=yes
	if wait_until "$limit" has_finished || has_finished || has_ended; then
		wait_until 15 has_ended || true
	elif ! is_read; then
		# As a program would end whose output goes to `head`.
		return 141
	else
		say "the command took longer than $limit s"
		dump_tasks || true
		return 124
	fi
	line=$(grep '^exit [0-9]*$' "$work/status") || line=''
	if panicked || [[ -z $line ]]; then
		say "the guest crashed while it ran the command"
		return 125
	fi
	return "${line#exit }"
}

# Asks the kernel of a guest that hangs what its CPUs and tasks do: the answer is in the console's log.
dump_tasks() {
	local key
	for key in 8 l w t; do
		socat - "unix-connect:$work/monitor" <<<'chardev-send-break console' >/dev/null
		printf '%s' "$key" | socat -u - "unix-connect:$work/keys"
		sleep 1
	done
}

# Kept for a command that failed, too, since what the kernel said may explain it, and for boots that failed.
keep_console() {
	local status=$1 dir=$repo/build/vm
	if [[ -z $console ]]; then
		[[ -s $work/earlier || ($status != 0 && $status != 141) ]] || return 0
		mkdir -p "$dir" 2>/dev/null && [[ -w $dir ]] || dir=${TMPDIR:-/tmp}
		console=$(mktemp "$dir/console-XXXXXX.log")
	fi
	cat "$work/earlier" "$work/console" >"$console"
	[[ $status == 0 && ! -s $work/earlier ]] || say "exit status $status; the kernel's console is in $console"
}

why_it_ended() {
	grep -aoE -m 1 'Kernel panic.*' "$work/console" | tr -d '\r' || tail -n 1 "$work/console" | tr -d '\r'
}

run() {
	local try status
	: >"$work/earlier"
	for ((try = 1; try <= boot_tries; try++)); do
		status=0
		boot || status=$?
		[[ -z $reached ]] || break
		say "boot $try of $boot_tries did not reach the command: $(why_it_ended)"
		cat "$work/console" >>"$work/earlier"
	done
	keep_console "$status"
	return "$status"
}

main() {
	parse_options "$@"
	find_kernel
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	mkfifo "$work/never"
	exec 9<>"$work/never"
	trap 'exit 130' INT
	trap 'exit 143' TERM
	make_initrd
	emulator=$("$repo/scripts/fetch-qemu.sh")
	qemu_command "$(choose_accel)"
	run
}

# On one line, so that bash needs no more of this file when it is changed meanwhile.
main "$@"; exit
