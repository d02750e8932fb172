#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# After many packets nothing is left behind in the kernel: no entry in the maps, no count in the prefilter.
# NETTRACE_LONG=1 makes it 100,000 packets on every kernel.
# shellcheck disable=SC2016 # what eval is given
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

# Packets that go nowhere yet, until one is found where the address 0 would be.
hold_some() {
	local tries=20
	ip -n a link add held type dummy && ip -n a address add 10.8.0.1/24 dev held && ip -n a link set held up &&
		ip -n a neighbour add 10.8.0.2 lladdr 02:00:00:00:00:02 dev held &&
		in_a tc qdisc add dev held root netem delay 200s limit 100000 || return
	until (($(build/tracked first))); do
		((tries--)) || return
		in_a ping -q -l 3000 -c 3000 -W 1 10.8.0.2 >/dev/null
	done
	return 0
}

# A qdisc says that it is empty with a packet of NULL, which nobody follows.
packet_of_null() {
	start_nettrace "$scratch/out" -p icmp -o /dev/null || return
	if hold_some; then
		in_a tc qdisc add dev va root tbf rate 1gbit burst 100k limit 100k
		in_a ping -q -f -c 300 -W 1 10.7.0.2 >/dev/null
		in_a tc qdisc delete dev va root
		check 'a packet of NULL: nothing is made of it' eval '(($(build/tracked first) > 0))'
	else
		skip 'a packet of NULL' 'no packet came to be where it would be looked for'
	fi
	ip -n a link delete held
	check_nothing_left 'after a packet of NULL'
	stop_nettrace
	check 'a packet of NULL: no record is made of it' eval '! grep -q malformed "$scratch/out.err"'
}

topology_veth || exit
modprobe -a sch_tbf sch_netem dummy
packet_of_null
visible_while_tracked
if has_kprobe_multi; then
	after_floods kprobe-multi
	[[ -z ${NETTRACE_LONG:-} ]] || after_floods kprobe
else
	after_floods kprobe
fi
after_drops
after_fragments
