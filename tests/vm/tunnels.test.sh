#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Packets in tunnels: what goes in at one end and comes out at the other is one journey, whatever is put in front of it.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"

# tunnel NAME TYPE OPTION...: between a and b
tunnel() {
	local name=$1
	shift
	ip -n a link add "$name" type "$@" local 10.7.0.1 remote 10.7.0.2 && ip -n a link set "$name" up &&
		ip -n b link add "$name" type "$@" local 10.7.0.2 remote 10.7.0.1 && ip -n b link set "$name" up
}

# A vxlan with a bridge at its end in a, by which r reaches b. There and in a gre: IPv4; in both and a sit: IPv6.
topology() {
	topology_veth && know_neighbours && modprobe -a vxlan ip_gre sit bridge || return
	tunnel vx vxlan id 7 dstport 4789 && tunnel gr gre && tunnel si sit || return
	add_namespace r && ip link add br0 netns a type bridge && ip -n a link set br0 up && add_veth a brr r vr &&
		ip -n a link set brr master br0 && ip -n a link set vx master br0 || return
	ip -n r address add 10.8.0.3/24 dev vr && ip -n b address add 10.8.0.2/24 dev vx &&
		ip -n a address add 10.9.0.1/24 dev gr && ip -n b address add 10.9.0.2/24 dev gr || return
	add_ipv6 r vr fd08::3/64 && add_ipv6 b vx fd08::2/64 && add_ipv6 a gr fd09::1/64 && add_ipv6 b gr fd09::2/64 &&
		add_ipv6 a si fd0a::1/64 && add_ipv6 b si fd0a::2/64
}

pings() {
	ip netns exec r ping -q -c 2 -i 0.1 -e 1 10.8.0.2 &&
		in_a ping -q -c 2 -i 0.1 -e 2 10.9.0.2 &&
		ip netns exec r ping -6 -q -c 2 -i 0.1 -e 3 fd08::2 &&
		in_a ping -6 -q -c 2 -i 0.1 -e 4 fd09::2 &&
		in_a ping -6 -q -c 2 -i 0.1 -e 5 fd0a::2
}

# whole NAME REGEX N OUTCOME: so many journeys began as this packet; all passed the wire in a tunnel and ended so.
whole() {
	local name=$1 n=$3 outcome=$4 got
	select_packets "$2"
	equal "$name: journeys" "$n" "${#selected[@]}"
	got=$(printf '%s\n' "${selected[@]}" | awk -F '\t' -v outcome="$outcome" '
		$2 == outcome && gsub(/(^| )net_dev_start_xmit( |$)/, "", $6) >= 2 { n++ } END { print n + 0 }')
	equal "$name: in the tunnel, and $outcome" "$n" "$got"
}

check_pings() {
	local kind=$1 from=$2 to=$3 id=$4
	whole "$5: requests" "^$kind: $from -> $to ping request, seq: [12], id: $id$" 2 consumed
	whole "$5: replies" "^$kind: $to -> $from ping reply, seq: [12], id: $id$" 2 delivered
}

topology || exit
trace "$scratch/out" pings
read_blocks "$scratch/out" tunnel
check 'well-formed' all_well_formed
complete_but_for_hidden 'none incomplete' "$scratch/out.err"
whole 'ARP in vxlan' '^ARP: who has 10\.8\.0\.2, tell 10\.8\.0\.3$' 1 consumed
whole 'ARP reply in vxlan' '^ARP: reply, 10\.8\.0\.2 is at ' 1 consumed
check_pings ICMP 10.8.0.3 10.8.0.2 1 'bridged into vxlan'
check_pings ICMP 10.9.0.1 10.9.0.2 2 'gre'
check_pings ICMPv6 fd08::3 fd08::2 3 'IPv6 bridged into vxlan'
check_pings ICMPv6 fd09::1 fd09::2 4 'IPv6 in gre'
check_pings ICMPv6 fd0a::1 fd0a::2 5 'sit'
# The filter is for the packet, not for what carries it.
trace "$scratch/out" pings -p icmpv6 --addr fd08::2
read_blocks "$scratch/out" tunnel
check_pings ICMPv6 fd08::3 fd08::2 3 '--addr'
equal '--addr: no other ping' 4 "$(count_blocks)"
