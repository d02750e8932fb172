#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# usage: tests/bench/guest.sh BACKEND ROUNDS PINGS
#
# What a tracer does to the round trip of a flood of pings over veth, measured in one boot, all states in turn. Prints
# samples (lib.sh); pwru is /nettrace/pwru, left out if it is not there.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=traffic.sh
. "$(dirname "$0")/traffic.sh"

backend=$1 rounds=$2 pings=$3

# floor STATE [writing]
floor() {
	local state=$1
	shift
	start_tracer "$state" '^ready' build/bench-empty "$backend" "$scratch/probes" "$@" || return
	round_trip "$state" "$pings"
	stop_tracer "$state"
}

# ours STATE PROTOCOL [OPTION]...
ours() {
	local state=$1 protocol=$2 events
	shift 2
	start_tracer "$state" '^nettrace: tracing' build/nettrace --backend "$backend" -p "$protocol" --verbose "$@" || return
	round_trip "$state" "$pings"
	stop_tracer "$state"
	start_times "$state"
	events=$(sed -n 's/.* \([0-9]*\) events.*/\1/p' "$scratch/said")
	sample "$state" events_per_ping "$(awk -v n="$events" -v pings="$((pings + 200))" 'BEGIN { print n / pings }')"
	sample "$state" lost "$(sed -n 's/.*lost: ring \([0-9]*\),.*/\1/p' "$scratch/said")"
	until_gone "$state"
}

# What nettrace says of its start.
start_times() {
	local said load attach
	said=$(sed -nE 's/^nettrace: it took ([0-9]+) ms until .* loaded, and ([0-9]+) ms .*/\1 \2/p' "$scratch/said")
	read -r load attach <<<"$said"
	sample "$1" load_ms "$load"
	sample "$1" attach_ms "$attach"
}

# first_event STATE FILE COMMAND...: until a line about one of the pings that are sent all the while is in FILE.
first_event() {
	local state=$1 file=$2 began pid pinging
	shift 2
	ip netns exec a ping -q -i 0.01 10.7.0.2 >/dev/null &
	pinging=$!
	rm -f "$file"
	began=$EPOCHREALTIME
	"$@" >"$scratch/out" 2>/dev/null &
	pid=$!
	until [[ -s $file ]] && grep -qE 'ICMP|^0x' "$file"; do
		kill -0 "$pid" || break
		sleep 0.01
	done
	sample "$state" first_event_ms "$(ms_since "$began")"
	kill -TERM "$pid" && wait "$pid"
	kill "$pinging" && wait "$pinging" 2>/dev/null
	until_gone "$state" >/dev/null
}

first_events() {
	first_event matching "$scratch/trace.txt" build/nettrace --backend "$backend" -p icmp -o "$scratch/trace.txt"
	[[ ! -x pwru ]] || first_event pwru-matching "$scratch/out" ./pwru --backend "$backend" icmp
}

# theirs STATE FILTER: what it lost it does not say; what it shows is a line per event.
theirs() {
	local state=$1 filter=$2
	[[ -x pwru ]] || return 0
	start_tracer "$state" 'Listening for events' ./pwru --backend "$backend" "$filter" || return
	round_trip "$state" "$pings"
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
	cost_per_hit floor-writing '^ready' build/bench-empty "$backend" "$scratch/probes" writing
	cost_per_hit matching '^nettrace: tracing' build/nettrace --backend "$backend" -p icmp --no-attribution -o "$scratch/trace.txt"
	cost_per_hit not-matching '^nettrace: tracing' build/nettrace --backend "$backend" -p tcp --no-attribution -o "$scratch/trace.txt"
}

# An idle machine: nobody sends.
idle() {
	watching watching build/nettrace --backend "$backend" -p tcp -o "$scratch/trace.txt"
	until_gone watching >/dev/null
	watching not-watching build/nettrace --backend "$backend" -p tcp -o "$scratch/trace.txt" --no-attribution
	until_gone not-watching >/dev/null
}

topology || exit
list_probes "$backend" >"$scratch/probes"
for ((round = 1; round <= rounds; round++)); do
	progress "round $round of $rounds"
	round_trip untraced "$pings"
	floor floor
	floor floor-writing writing
	ours matching icmp -o "$scratch/trace.txt"
	ours unattributed icmp -o "$scratch/trace.txt" --no-attribution
	ours recording icmp -w "$scratch/trace.nettrace"
	ours not-matching tcp -o "$scratch/trace.txt"
	theirs pwru-matching icmp
	theirs pwru-not-matching tcp
	first_events
	costs
	idle
done
