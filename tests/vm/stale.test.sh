#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# After many packets nothing is left behind in the kernel: no entry in the maps, no count in the prefilter.
# NETTRACE_LONG=1 makes it 100,000 packets on every kernel.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"

# Echoes of each of four pings; an echo is two packets.
n=2500
[[ -z ${NETTRACE_LONG:-} ]] || n=12500
packets=$((n * 4 * 2))

floods() {
	local i jobs=() job status=0
	for i in 1 2 3 4; do
		in_a ping -q -f -c "$n" -W 5 -e "$i" 10.7.0.2 &
		jobs+=($!)
	done
	for job in "${jobs[@]}"; do
		wait "$job" || status=$?
	done
	return "$status"
}

# Without this the emptiness of the maps would prove nothing.
visible_while_tracked() {
	know_neighbours
	in_a tc qdisc add dev va root netem delay 100s
	start_nettrace "$scratch/held" -p icmp || return
	in_a ping -q -c 1 -W 1 10.7.0.2 >/dev/null
	nothing_left
	equal 'a packet under way is seen in maps and prefilter' 'skbs 1, heads 1, 1, 1' "$left"
	# Removing the qdisc frees its packets: that must end the journey.
	in_a tc qdisc delete dev va root
	check_nothing_left 'after a purged queue'
	stop_nettrace
	read_blocks "$scratch/held"
	equal 'a purged packet is complete' '1 0' "$n_blocks $n_incomplete"
}

after_floods() {
	local backend=$1 began=$SECONDS totals
	start_nettrace "$scratch/out" -p icmp -o /dev/null --backend "$backend" || return
	check "$backend: $packets packets" floods
	check_nothing_left "$backend: after $packets packets"
	stop_nettrace
	totals=$(tail -n 1 "$scratch/out.err")
	# Four floods under emulation are more than the reader can take; what it loses it must say.
	if [[ $totals == *'lost: ring 0, map 0, id 0, recursion 0' ]]; then
		check "$backend: all were counted, none incomplete" grep -q "^nettrace: $packets journeys (0 incomplete)" <<<"$totals"
	elif [[ $totals == *'lost: ring 0, map 0, id 0, recursion unknown' ]]; then
		check "$backend: all were counted" grep -q "^nettrace: $packets journeys" <<<"$totals"
	else
		skip "$backend: all were counted" "$totals"
	fi
	echo "# $backend: $((SECONDS - began)) s, $totals"
}

# Packets dropped, duplicated, delayed by timers which interrupt the programs, must not leave anything, either.
after_drops() {
	in_b nft 'add table ip t; add chain ip t in { type filter hook input priority 0; }; add rule ip t in icmp type echo-request icmp sequence < 500 drop'
	know_neighbours
	in_a tc qdisc add dev va root netem loss 20% duplicate 20% delay 1ms 1ms
	start_nettrace "$scratch/out" -p icmp -o /dev/null || return
	in_a ping -q -f -c 2000 -W 1 10.7.0.2 >/dev/null
	in_a tc qdisc delete dev va root
	check_nothing_left 'after drops, duplicates and reordering'
	stop_nettrace
	check 'after drops, duplicates and reordering: nothing lost' grep -q 'lost: ring 0, map 0, id 0,' "$scratch/out.err"
	complete_but_for_hidden 'after drops, duplicates and reordering: none incomplete' "$scratch/out.err"
	echo "# $(tail -n 1 "$scratch/out.err")"
	in_b nft flush ruleset
}

# Reassembly makes one sk_buff of several and frees the others in its own ways.
after_fragments() {
	start_nettrace "$scratch/out" -p icmp || return
	check 'after fragments: large pings pass' in_a ping -q -c 5 -i 0.05 -s 4000 10.7.0.2
	check_nothing_left 'after fragments'
	stop_nettrace
}

topology_veth || exit
visible_while_tracked
if has_kprobe_multi; then
	after_floods kprobe-multi
	[[ -z ${NETTRACE_LONG:-} ]] || after_floods kprobe
else
	after_floods kprobe
fi
after_drops
after_fragments
