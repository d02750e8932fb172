#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A module that keeps a CPU from packets (tests/inject/module, built by scripts/build-module.sh) is named with its function,
# and not where it only keeps other tasks off, which delays no packet.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"
# shellcheck source-path=SCRIPTDIR source=faults.sh
. "$(dirname "$0")/faults.sh"

module=${nettrace%/*}/modules/$(uname -r)/fault.ko
run=/sys/module/fault/parameters/run

# module_fault NAME KIND: truth in $scratch/NAME, as inject_fault has it.
module_fault() {
	check "$1: there is a fault" taskset -c 1 bash -c "echo $2 $fault_ms >$run"
	cat "$run" >"$scratch/$1"
	sleep 0.6
}

# told_of NAME CAUSE TEXT FUNCTION
told_of() {
	local pid
	read -r _ _ pid <"$scratch/$1"
	told "$1" "$2" "$3 by bash\\[$pid\\] in $4\\+0x[0-9a-f]+ \\[fault\\]"
}

# shellcheck disable=SC2016 # jq's
delays_nobody() {
	local sent
	sent=$(sent_meanwhile "$1")
	if ksoftirqd_holds && ((waited_ms > 50)); then
		skip "$1: no incident of that length" "ksoftirqd waited for the CPU for $waited_ms ms"
		return
	fi
	check "$1: pings were sent meanwhile: $sent" eval "((sent > 3))"
	equal "$1: none was late" '' "$(in_truth "$1" 'select(.type == "journey" and .start_ns > $from and .start_ns < $to + 100000000 and
		([.before, .delays[]] | any(. != null and .low_ns > 100000000))) | .icmp')"
	equal "$1: no incident of that length" '' "$(incident_of "$1" | jq -r 'select(.low_ns > 100000000) | .text')"
}

faults() {
	local pinging waited_before waited_ms
	echo 2 >"/proc/irq/$(input_irq)/smp_affinity"
	start_with_evidence "$json" -p icmp --addr 10.0.2.2 --format jsonl || return
	taskset -c 0 ping -q -i 0.02 10.0.2.2 >/dev/null &
	pinging=$!
	keep_jiffies
	until_watched
	module_fault 'module, interrupts off' irqs
	without_ksoftirqd $((fault_ms / 2)) module_fault 'module, softirqs off' softirqs
	without_ksoftirqd 50 module_fault 'module, preemption off' preemption
	waited_ms=$(ksoftirqd_waited_ms)
	quiet_kill "$pinging"
	quiet_kill "$counter"
	stop_nettrace
	equal 'module: status' 0 "$nettrace_status"
	told_of 'module, interrupts off' irqs_off 'interrupts off' culprit_irqs_off
	told_of 'module, softirqs off' softirqs_off 'softirqs off' culprit_softirqs_off
	delays_nobody 'module, preemption off'
	check 'module: delays are what the round trips say' delays_are_true
	blames 'module: nothing else is blamed' 'irqs_off softirqs_off'
}

if [[ ! -e $module ]]; then
	skip 'module' "none was built for this kernel: scripts/build-module.sh does so where this release's tools can"
else
	check 'module: it can be loaded' insmod "$module" && faults
fi
