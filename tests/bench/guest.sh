#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# usage: tests/bench/guest.sh BACKEND ROUNDS PINGS
#
# What a tracer does to the round trip of a flood of pings over veth, measured in one boot, all states in turn. Prints
# samples (lib.sh); pwru is /nettrace/pwru, left out if it is not there.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

backend=$1 rounds=$2 pings=$3

topology() {
	ip netns add a && ip netns add b &&
		ip link add va netns a type veth peer name vb netns b &&
		ip -n a addr add 10.7.0.1/24 dev va && ip -n b addr add 10.7.0.2/24 dev vb &&
		ip -n a link set va up && ip -n b link set vb up
	ip netns exec a ping -q -c 2 -i 0.1 10.7.0.2 >/dev/null
}

flood() { ip netns exec a ping -f -q -c "$1" 10.7.0.2; }

# The average of all round trips, in microseconds.
round_trip() {
	flood 200 >/dev/null
	sample "$1" round_trip_us "$(flood "$pings" | awk -F '[ /]' '/^rtt/ { print $8 * 1000 }')"
}

floor() {
	start_tracer floor '^ready' build/bench-empty "$backend" "$scratch/probes" || return
	round_trip floor
	stop_tracer floor
}

# ours STATE PROTOCOL [OPTION]...
ours() {
	local state=$1 protocol=$2 events
	shift 2
	start_tracer "$state" '^nettrace: tracing' build/nettrace --backend "$backend" -p "$protocol" "$@" || return
	round_trip "$state"
	stop_tracer "$state"
	events=$(sed -n 's/.* \([0-9]*\) events.*/\1/p' "$scratch/said")
	sample "$state" events_per_ping "$(awk -v n="$events" -v pings="$((pings + 200))" 'BEGIN { print n / pings }')"
	sample "$state" lost "$(sed -n 's/.*lost: ring \([0-9]*\),.*/\1/p' "$scratch/said")"
	until_gone "$state"
}

# theirs STATE FILTER: what it lost it does not say; what it shows is a line per event.
theirs() {
	local state=$1 filter=$2
	[[ -x pwru ]] || return 0
	start_tracer "$state" 'Listening for events' ./pwru --backend "$backend" "$filter" || return
	round_trip "$state"
	stop_tracer "$state"
	sample "$state" events_per_ping "$(grep -c ^0x "$scratch/out" | awk -v pings="$((pings + 200))" '{ print $1 / pings }')"
	until_gone "$state"
}

# What a hit costs, by the kernel's own clock, which is read at every hit and so is part of it.
cost_per_hit() {
	local state=$1
	shift
	sysctl -qw kernel.bpf_stats_enabled=1
	start_tracer "$state" "$@" >/dev/null || return
	flood "$pings" >/dev/null
	program_costs | awk -v state="$state" '{ printf "sample %s hit_ns %.1f\n", state, $1 / $2 }'
	stop_tracer "$state" >/dev/null
	sysctl -qw kernel.bpf_stats_enabled=0
	until_gone "$state" >/dev/null
}

costs() {
	cost_per_hit floor '^ready' build/bench-empty "$backend" "$scratch/probes"
	cost_per_hit matching '^nettrace: tracing' build/nettrace --backend "$backend" -p icmp -o "$scratch/trace.txt"
	cost_per_hit not-matching '^nettrace: tracing' build/nettrace --backend "$backend" -p tcp -o "$scratch/trace.txt"
}

topology || exit
list_probes "$backend" >"$scratch/probes"
for ((round = 1; round <= rounds; round++)); do
	progress "round $round of $rounds"
	round_trip untraced
	floor
	ours matching icmp -o "$scratch/trace.txt"
	ours recording icmp -w "$scratch/trace.nettrace"
	ours not-matching tcp -o "$scratch/trace.txt"
	theirs pwru-matching icmp
	theirs pwru-not-matching tcp
	costs
done
