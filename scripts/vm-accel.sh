# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Finds out how guests run best on this machine; sourced by vm.sh after lib.sh.

# An emulated TSC is the host's own: one clock for all CPUs, though the kernel would not trust it, and cheaper to
# read than the alternative, for which all CPUs take turns. But on a busy host a guest measures its frequency wrongly
# by any factor, so it is used only with a frequency that was measured carefully (see learn_tsc).
clock_arguments() {
	case $1 in
	tcg:*) echo "tsc=reliable tsc_early_khz=${1#tcg:}" ;;
	learn) echo "tsc=reliable" ;;
	esac
}

# Prints kvm, tcg, or tcg:KHZ if the emulated TSC's frequency is known; found out once after each boot of this machine.
choose_accel() {
	local answer
	# shellcheck disable=SC2154 # from lib.sh
	answer=$cache/accel-v2-$(cat /proc/sys/kernel/random/boot_id)
	if [[ -n ${NETTRACE_ACCEL:-} ]]; then
		echo "$NETTRACE_ACCEL"
	else
		[[ -e $answer ]] || with_lock accel find_accel "$answer"
		cat "$answer"
	fi
}

find_accel() {
	[[ ! -e $1 ]] || return 0
	rm -f "$cache"/accel-*-*
	# Nested virtualisation may offer a /dev/kvm with which stock kernels hang, so only a boot can tell.
	if [[ -w /dev/kvm ]]; then
		say "trying whether KVM works here"
		if NETTRACE_ACCEL=kvm timeout 20 "$0" -- true >/dev/null 2>&1; then
			echo kvm >"$1"
			return
		fi
	fi
	say "measuring the emulated clock"
	learn_tsc >"$1.new"
	mv "$1.new" "$1"
}

# The kernel measures the TSC roughly, then for a second against another clock; it says so if the results agree.
learn_tsc() {
	local try khz
	for try in 1 2 3; do
		khz=$(NETTRACE_ACCEL=learn timeout 60 "$0" -- 'sleep 3; dmesg' 2>/dev/null |
			sed -nE 's/.*Refined TSC clocksource calibration: ([0-9]+)\.([0-9]+) MHz.*/\1\2/p') || khz=''
		if [[ -n $khz ]]; then
			echo "tcg:$khz"
			return
		fi
		say "the clock could not be measured ($try of 3)"
	done
	echo tcg
}
