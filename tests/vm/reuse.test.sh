#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Addresses are used again at once, by packets that match and by packets that do not: no block may hold two packets.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"

# Three floods of echoes of which filters take a part, UDP that is rejected, and TCP which fills the same slab caches.
# Sequence numbers stay below 65536: no two packets are alike.
n=${NETTRACE_REUSE:-2000}

# Not in_a and in_b: a function runs in a shell of its own, which would be killed instead of the program.
other_traffic() {
	local a=(ip netns exec a) b=(ip netns exec b)
	"${a[@]}" bash -c 'while :; do echo x >/dev/udp/10.7.0.2/9; done' 2>/dev/null &
	others=($!)
	"${b[@]}" socat -u TCP-LISTEN:5000,reuseaddr,fork OPEN:/dev/null &
	others+=($!)
	"${a[@]}" bash -c 'while :; do head -c 200000 /dev/zero | socat -u - TCP:10.7.0.2:5000; done' 2>/dev/null &
	others+=($!)
	"${a[@]}" ping -q -f -e 2222 10.7.0.2 &
	others+=($!)
	"${b[@]}" ping -q -f -e 3333 10.7.0.1 &
	others+=($!)
}

flood() {
	local pid status=0
	other_traffic
	in_a ping -q -f -c "$n" -W 5 -e 1111 10.7.0.2 || status=$?
	for pid in "${others[@]}"; do
		kill "$pid"
	done
	wait "${others[@]}"
	return "$status"
}

# each_once TYPE: no two blocks of that type with id 1111 have the same sequence number.
each_once() {
	awk -F '\t' -v type="$1" '$1 == "block" && $2 == type && $4 == 1111 && seen[$3]++ { print; e = 1 } END { exit e }' "$blocks"
}

# reuse WHAT ARGUMENT...: with filters that take the requests with id 1111, and with --id alone their replies, too.
reuse() {
	local what=$1 replies=0
	shift
	# With room for all of it: an emulated reader is slower than the flood.
	trace "$scratch/out" flood -p icmp --buffer 64M "$@"
	check "$what: one packet in each block, in order of time" all_well_formed
	equal "$what: the requests" "$n" "$(count_blocks request '' 1111)"
	# Under load the backlog may drop some requests, which then have no reply.
	[[ $what != --id ]] || replies=$((n - $(count_blocks request '' 1111 '' '' dropped)))
	equal "$what: the replies" "$replies" "$(count_blocks reply '' 1111)"
	equal "$what: no other echo" "$n_blocks" "$(count_blocks '' '' 1111)"
	check "$what: no request in two blocks" each_once request
	check "$what: no reply in two blocks" each_once reply
	complete_but_for_hidden "$what: none incomplete" "$scratch/out.err"
	# Recursion is counted for all packets of the machine, also for those which nobody asked for.
	check "$what: nothing lost" grep -q "^nettrace: $n_blocks journeys ($n_incomplete incomplete), $n_events events, lost: ring 0, map 0, id 0, " "$scratch/out.err"
	check "$what: addresses were used again ($(reused) of $n_blocks)" eval "(($(reused) > n_blocks / 2))"
}

# How many blocks began with an address of one before: else the flood did not provoke what it should.
reused() { awk '/^\*\*\*/ { split($2, skb, ","); if (seen[skb[1]]++) n++ } END { print n + 0 }' "$scratch/out"; }

topology_veth || exit
reuse --id --id 1111
# Requests match, their replies do not, and take over the addresses just freed.
reuse -d -d 10.7.0.2 --id 1111
