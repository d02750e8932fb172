#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the machine beneath does has no culprit in the guest: it is stopped while pings are under way, with its clock going
# on or with its clock. (scripts/vm.sh does that for a guest which asks.)
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"
# shellcheck source-path=SCRIPTDIR source=faults.sh
. "$(dirname "$0")/faults.sh"

json=$scratch/trace.jsonl

# stopped HOW TIMES CPUS: a flood, of which a ping is under way whenever the machine is stopped; CPUS run a user's code for the
# rest of the time.
stopped() {
	local how=$1 times=$2 pinging hogs=() cpu i
	start_with_evidence "$scratch/all" -p icmp --addr 10.0.2.2 --buffer 64M --format jsonl || return
	for cpu in $3; do
		taskset -c "$cpu" nice -n 19 bash -c 'while :; do :; done' &
		hogs+=($!)
	done
	taskset -c 0 ping -q -f 10.0.2.2 >/dev/null &
	pinging=$!
	sleep 0.5
	for ((i = 0; i < times; i++)); do
		echo "$how 0.3" >/dev/ttyS2
		sleep 0.9
	done
	quiet_kill "$pinging" "${hogs[@]}"
	stop_nettrace
	grep -E '"type":"incident"|"delay_ns"' "$scratch/all" >"$json" # jq would need minutes for the rest
}

# Of those as long as a stop: cause and end.
long_ones() { jq -r 'select(.type == "incident" and .low_ns > 150000000) | "\(.cause) \(.end_ns)"' "$json" | sort -k 2n; }

# What tells the host from others is that all CPUs stand still at the same time. A host that has other work lets them go on one
# after another: QEMU's threads are woken together, and those which find no CPU wait (the second field of their schedstat). After
# more than a sixteenth of 300 ms, each is told by itself: unknown, or as a culprit's, if it was stopped just where interrupts are
# switched on.
went_on_apart() {
	host_waited=$(host_waited_ns "$(($1 - 30000000))" "$(($1 + 30000000))")
	((host_waited >= 15000000))
}

# CPU 0 has the pings and the NIC; that CPU 1 has interrupts off when the machine is stopped is rare, and both have them off where
# one waits for the other, too. So one of the stops may be told as what CPU 0 had them off for.
paused() {
	local cause end host_waited apart='' bad='' off=''
	echo 1 >"/proc/irq/$(input_irq)/smp_affinity"
	stopped pause 6 '0 1'
	echo 2 >"/proc/irq/$(input_irq)/smp_affinity"
	check 'host paused: packets were held' jq -se 'any(.[] | select(.type == "journey") | .before, .delays[];
		. != null and .delay_ns > 150000000)' "$json"
	while read -r cause end; do
		if [[ $cause == host_pause ]]; then
			continue
		elif went_on_apart "$end"; then
			apart+="$cause: its host kept this machine from running for $host_waited ns then;"
		elif [[ $cause == irqs_off && -z $off ]]; then
			off=$end apart+="$cause: once;"
		elif [[ $cause == irqs_off ]] && ((end - off < 20000000)); then
			continue # the other CPU
		else
			bad+="$cause, although its host let this machine go on (but for $host_waited ns);"
		fi
	done < <(long_ones)
	equal 'host paused: it is called the host' '' "$bad"
	equal 'host paused: no culprit is named' '' "$(jq -c 'select(.type == "incident" and .cause == "host_pause") | .culprit // empty' "$json")"
	[[ -z $apart ]] || skip 'host paused: all of them' "$apart"
}

frozen() {
	stopped freeze 3 1
	equal 'clock frozen, too: no incident is invented' '' "$(long_ones)"
	jq -c 'select(.type == "incident" and .low_ns > 150000000)' "$json" | cut -c1-400 | sed 's/^/# /'
}

paused
frozen
