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

# A flood has a ping under way at any time, and both CPUs something to do.
stopped() {
	local pinging hog
	start_nettrace "$scratch/all" -p icmp --addr 10.0.2.2 --buffer 64M --format jsonl || return
	taskset -c 0 ping -q -f 10.0.2.2 >/dev/null &
	pinging=$!
	taskset -c 1 nice -n 19 bash -c 'while :; do :; done' &
	hog=$!
	sleep 0.5
	for _ in 1 2 3; do
		echo "$1 0.3" >/dev/ttyS2
		sleep 1.2
	done
	quiet_kill "$pinging" "$hog"
	stop_nettrace
	grep -E '"type":"incident"|"delay_ns"' "$scratch/all" >"$json" # jq would need minutes for the rest
}

# shellcheck disable=SC2016 # jq's variables
long_ones() { jq -r 'select(.type == "incident" and .low_ns > 150000000) | .cause' "$json" | sort | uniq -c | sort -nr | awk '{ print $2 }' | paste -sd ' '; }

paused() {
	stopped pause
	check 'host paused: packets were held' jq -se 'any(.[] | select(.type == "journey") | .before, .delays[];
		. != null and .delay_ns > 150000000)' "$json"
	# for most of them: a virtual CPU that its host stops by itself, as a busy host does, looks like a culprit's
	check 'host paused: it is called the host, or unknown' grep -xE '(host_pause|unknown)( .*)?' <<<"$(long_ones)"
}

frozen() {
	stopped freeze
	equal 'clock frozen, too: no incident is invented' '' "$(long_ones)"
}

echo 2 >"/proc/irq/$(input_irq)/smp_affinity"
paused
frozen
