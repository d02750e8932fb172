#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Packets on their ways through namespaces: sent over a link, forwarded by a router, by a bridge, and with addresses
# translated. Each is one complete block, from its sender to its receiver, as veth carries one sk_buff all the way.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"
# shellcheck source-path=SCRIPTDIR source=paths.sh
. "$(dirname "$0")/paths.sh"

# Paths. `?`: not on every kernel a function of its own.
link='__dev_queue_xmit dev_hard_start_xmit netif_rx __netif_receive_skb_core'
out4='__ip_local_out ip_output ip_finish_output ip_finish_output2'
forward4='ip_rcv ip_forward ip_output ip_finish_output ip_finish_output2'
in4='ip_rcv ip_local_deliver ip_local_deliver_finish'
out6='ip6_output ip6_finish_output2?'
forward6='ipv6_rcv ip6_forward ip6_output ip6_finish_output2?'
in6='ipv6_rcv ip6_input'
lost='!kfree_skb'
# An original which nobody wanted, after the ping's raw socket took a clone: no loss. Its place varies.
request4='icmp_rcv icmp_echo !raw_rcv'
udp='udp_rcv __udp_enqueue_schedule_skb'
reader='skb_copy_datagram_iovec'

ends_as() {
	packet_texts
	packet_texts | tail -n 1 | grep -qE "$1"
}

# journey NAME FIRST LAST OUTCOME PATH: exactly one block begins with a packet that matches FIRST; LAST is how the
# packet looks at its end, `same` if nothing may change.
journey() {
	local name=$1 first=$2 last=$3
	select_packets "$first"
	equal "$name: one block" 1 "${#selected[@]}"
	((${#selected[@]} == 1)) || return 0
	check "$name: its outcome is $4" grep -xE "${4// or /|}" <<<"$(packet_field 2)"
	if [[ $last == same ]]; then
		equal "$name: always the same addresses" 1 "$(packet_texts | wc -l)"
	else
		check "$name: its addresses in the end" ends_as "$last"
	fi
	passes_in_order "$name: its path" "$5" "$(packet_field 6)"
}

# ping4_journeys NAME ID WAY BACK FROM TO SEEN_FROM SEEN_TO: the second request, sent FROM TO, and its reply.
ping4_journeys() {
	local request='' reply='' from=$5 to=$6 seen_from=${7:-$5} seen_to=${8:-$6}
	[[ $from$to == "$seen_from$seen_to" ]] || request="^ICMP: $seen_from -> $seen_to " reply="^ICMP: $to -> $from "
	journey "$1 request" "^ICMP: $from -> $to ping request, seq: 2, id: $2$" "${request:-same}" consumed \
		"$out4 $3 $in4 $request4 $lost"
	journey "$1 reply" "^ICMP: $seen_to -> $seen_from ping reply, seq: 2, id: $2$" "${reply:-same}" delivered \
		"$out4 $4 $in4 raw_rcv $reader"
}

ping6_journeys() {
	# Until 6.1 icmpv6_rcv frees with kfree_skb what it has answered: consumed all the same.
	journey "$1 request" "^ICMPv6: $5 -> $6 ping request, seq: 2, id: $2$" same consumed "$out6 $3 $in6 icmpv6_rcv icmpv6_echo_reply"
	journey "$1 reply" "^ICMPv6: $6 -> $5 ping reply, seq: 2, id: $2$" same delivered "$out6 $4 $in6 $reader"
}

# udp_journeys NAME OUT WAY IN FROM TO PORT SEEN_FROM SEEN_TO: question and answer; addresses as regular expressions.
udp_journeys() {
	local question='' answer='' from=$5 to=$6 seen_from=${8:-$5} seen_to=${9:-$6}
	[[ $from$to == "$seen_from$seen_to" ]] ||
		question="^UDP: $seen_from:[0-9]+ -> $seen_to:$7$" answer="^UDP: $to:$7 -> $from:[0-9]+$"
	journey "$1 question" "^UDP: $from:[0-9]+ -> $to:$7$" "${question:-same}" delivered "$2 $3 $4 $lost"
	journey "$1 answer" "^UDP: $seen_to:$7 -> $seen_from:[0-9]+$" "${answer:-same}" delivered "$2 $3 $4 $lost"
}

# tcp_journeys NAME FROM TO SEEN_FROM SEEN_TO: the packets of each kind, once each; the connection has one with data.
tcp_journeys() {
	local way="$link $forward4 $link $in4" there="^TCP: $4:[0-9]+ -> $5:5003 " back="^TCP: $3:5003 -> $2:[0-9]+ "
	# With data still in the queue a FIN joins it, or waits there for the reader.
	local taken='consumed or merged or delivered'
	journey "$1 SYN" "^TCP: $2:[0-9]+ -> $3:5003 .*flags:S$" "$there" consumed "$out4 $way tcp_v4_rcv $lost"
	journey "$1 SYN-ACK" "^TCP: $5:5003 -> $4:[0-9]+ .*flags:SA$" "$back" consumed "$out4 $way tcp_v4_rcv $lost"
	journey "$1 data" "^TCP: $2:[0-9]+ -> $3:5003 .*flags:PA, len:6$" "$there" delivered \
		"$out4 $way tcp_v4_rcv $reader $lost"
	journey "$1 FIN" "^TCP: $2:[0-9]+ -> $3:5003 .*flags:FA$" "$there" "$taken" \
		"$out4 $way tcp_v4_rcv $lost"
}

everything() {
	local routed4="$link $forward4 $link" routed6="$link $forward6 $link"
	local bridged="$link br_handle_frame br_forward $link !ip_forward"
	read_blocks "$scratch/all" nat
	check 'well-formed' all_well_formed
	check 'none is incomplete' none_incomplete "$scratch/all"
	check 'nothing is lost' grep -q 'lost: ring 0, map 0, id 0,' "$scratch/all.err"
	udp_journeys 'UDP' "$out4" "$link" "$in4 $udp" 10.7.4.1 10.7.4.2 5001
	udp_journeys 'UDP over IPv6' "$out6" "$link" "$in6 udpv6_rcv __udp_enqueue_schedule_skb" \
		'[[]fd07:4::1[]]' '[[]fd07:4::2[]]' 5001
	ping6_journeys 'IPv6 ping' 1 "$link" "$link" fd07:4::1 fd07:4::2
	ping4_journeys 'forwarded ping' 2 "$routed4" "$routed4" 10.7.1.2 10.7.2.2
	ping6_journeys 'forwarded IPv6 ping' 3 "$routed6" "$routed6" fd07:1::2 fd07:2::2
	# Of the first request the bridge does not know yet where it is to go.
	ping4_journeys 'bridged ping' 4 "$bridged" "$bridged" 10.7.3.1 10.7.3.2
	journey 'bridged ping, flooded' '^ICMP: .* ping request, seq: 1, id: 4$' same consumed \
		"$out4 $link br_handle_frame $link $in4 $request4 $lost"
	ping4_journeys 'ping with SNAT' 5 "$routed4" "$routed4" 10.7.1.2 10.7.2.3 10.7.2.1 10.7.2.3
	ping4_journeys 'ping with DNAT' 6 "$routed4" "$routed4" 10.7.1.2 10.7.9.9 10.7.1.2 10.7.2.2
	udp_journeys 'UDP with SNAT' "$out4" "$routed4" "$in4 $udp" 10.7.1.2 10.7.2.3 5002 10.7.2.1 10.7.2.3
	udp_journeys 'UDP with DNAT' "$out4" "$routed4" "$in4 $udp" 10.7.1.2 10.7.9.9 5001 10.7.1.2 10.7.2.2
	tcp_journeys 'TCP with SNAT' 10.7.1.2 10.7.2.3 10.7.2.1 10.7.2.3
	tcp_journeys 'TCP with DNAT' 10.7.1.2 10.7.9.9 10.7.1.2 10.7.2.2
}

# followed NAME OUT FIRST LAST: the filter on addresses before NAT takes what the unfiltered trace has of such
# packets, and each arrives behind the router.
followed() {
	local name=$1 out=$2 first=$3 last=$4 wanted
	read_blocks "$scratch/all" nat
	select_packets "$first"
	wanted=${#selected[@]}
	read_blocks "$out" nat
	equal "$name: as many as without a filter" "$wanted" "$n_blocks"
	select_packets "$first"
	equal "$name: all begin before NAT" "$wanted" "${#selected[@]}"
	check "$name: some ($wanted)" eval '((wanted >= 6))'
	check "$name: none is incomplete" none_incomplete "$out"
	equal "$name: all end behind it" "$wanted" \
		"$(awk -F '\t' -v re="$last" '$1 == "packet" && $NF ~ re { n++ } END { print n + 0 }' "$blocks")"
	equal "$name: all pass the link behind the router" "$wanted" \
		"$(awk -F '\t' '$1 == "packet" && gsub(/netif_rx/, "", $6) == 2 { n++ } END { print n + 0 }' "$blocks")"
}

topology_paths || exit
serve
add_nettrace "$scratch/all"
add_nettrace "$scratch/snat" -s 10.7.1.2 -d 10.7.2.3
add_nettrace "$scratch/dnat" -d 10.7.9.9
nettraces_ready || exit
check 'packets pass on all paths' traffic
check 'nettrace ends with status 0' stop_nettraces
everything
followed 'a filter on addresses before SNAT' "$scratch/snat" ': 10.7.1.2[: ].*-> 10.7.2.3[: ]' '^[A-Z]+: 10.7.2.1[: ]'
followed 'a filter on addresses before DNAT' "$scratch/dnat" '-> 10.7.9.9[: ]' '-> 10.7.2.2[: ]'
kill "${servers[@]}"
wait "${servers[@]}" 2>/dev/null || true
