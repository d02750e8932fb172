#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Where nothing is wrong, nobody is blamed: pings with idle CPUs, and with CPUs that other tasks have all the time.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"
# shellcheck source-path=SCRIPTDIR source=faults.sh
. "$(dirname "$0")/faults.sh"

pings=100
[[ -z ${NETTRACE_LONG:-} ]] || pings=3000

# clean NAME: at ten a second; jq would need minutes for all that there is to be told of so many.
clean() {
	local name=$1
	start_with_evidence "$scratch/all" -p icmp --addr 10.0.2.2 --format jsonl || return
	ping -q -i 0.1 -c "$pings" 10.0.2.2 >"$scratch/pings"
	stop_nettrace
	equal "$name: status" 0 "$nettrace_status"
	grep '"type":"incident"' "$scratch/all" >"$json"
	equal "$name: all pings" "$((2 * pings))" "$(grep -c '"type":"journey"' "$scratch/all")"
	blames "$name: no one is blamed" ''
}

hogs=()
echo 2 >"/proc/irq/$(input_irq)/smp_affinity"
clean 'idle CPUs'
for cpu in 0 1; do
	taskset -c "$cpu" bash -c 'while :; do :; done' &
	hogs+=($!)
done
clean 'busy CPUs'
quiet_kill "${hogs[@]}" || true
