#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A real driver: replies come through its NAPI, requests end when the device has sent them.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"

out='__ip_local_out ip_output nf_hook_slow? ip_finish_output ip_finish_output2 __dev_queue_xmit'
# Several queues have no qdisc of their own by default on some kernels.
# Since 7.x the driver's free may be left to the CPU which made the packet.
sent='qdisc_enqueue? qdisc_dequeue? dev_hard_start_xmit consume_skb? skb_attempt_defer_free?'
# Packets received as a list do not pass ip_rcv.
received='napi_gro_receive_entry dev_gro_receive __netif_receive_skb_core ip_rcv? ip_rcv_core
	ip_route_input_slow fib_validate_source ip_local_deliver ip_local_deliver_finish'

# The driver frees what it sent with the next packet: one echo more than is looked at.
three_pings() { ping -q -c 3 -i 0.2 -W 5 10.0.2.2; }

the_incidents_grep() {
	grep -E 'napi_gro_receive_entry|__ip_local_out' "$scratch/trace.log" >"$scratch/grep"
	equal 'grep finds each packet once' 6 "$(wc -l <"$scratch/grep")"
	check 'grep gives event lines in the reference columns only' eval "! grep -vE '^\[[0-9]+\.[0-9]{6}\] \[(napi_gro_receive_entry\] ICMP: 10\.0\.2\.2 -> 10\.0\.2\.15 ping reply|__ip_local_out      \] ICMP: 10\.0\.2\.15 -> 10\.0\.2\.2 ping request), seq: [1-3], id: [0-9]+\$' '$scratch/grep'"
}

traced() {
	trace "$scratch/trace.log" three_pings -p icmp
	check 'well-formed' all_well_formed
	equal 'six packets, six blocks' 6 "$n_blocks"
	the_incidents_grep
	for seq in 1 2; do
		equal "request $seq was transmitted" 1 "$(count_blocks request "$seq" '' 10.0.2.15 10.0.2.2 transmitted)"
		equal "reply $seq was delivered" 1 "$(count_blocks reply "$seq" '' 10.0.2.2 10.0.2.15 delivered)"
	done
	passes_in_order 'the request passes all functions in order' "$out $sent" "$(functions_of request 2)"
	passes_reply 'the reply passes all functions in order' "$received" "$(functions_of reply 2)"
	# The last request may still lie in the driver's ring.
	check 'nothing else is incomplete' eval "((n_incomplete == $(count_blocks request 3 '' '' '' incomplete)))"
	check_stderr 'nothing is lost' "$scratch/trace.log.err" 6 "$n_events" "$n_incomplete"
}

# Since 7.x a sent packet is handed back to the CPU which made it, to be freed there: one of these two CPUs is not the
# one that has the device's interrupt.
from_each_cpu() {
	local cpu
	for cpu in 0 1; do
		pings_from_cpu() { taskset -c "$cpu" ping -q -c 5 -i 0.1 -W 5 10.0.2.2; }
		trace "$scratch/cpu" pings_from_cpu -p icmp
		check "from CPU $cpu: well-formed" all_well_formed
		equal "from CPU $cpu: five requests, five replies" '5 5' "$(count_blocks request) $(count_blocks reply)"
		equal "from CPU $cpu: the replies were delivered" 5 "$(count_blocks reply '' '' '' '' delivered)"
		# The last may still lie in the driver's ring.
		equal "from CPU $cpu: no request ended in another way than transmitted" '' \
			"$(awk -F '\t' '$1 == "block" && $2 == "request" && $3 < 5 && $7 != "transmitted" { print $3, $7 }' "$blocks")"
	done
}

# The first line is a heading.
has_packet_socket() { (($(wc -l </proc/net/packet) > 1)); }

# A packet socket's clone of each packet, as of a running tcpdump, belongs to the packet's block.
with_packet_socket() {
	socat -u INTERFACE:eth0,type=3 OPEN:/dev/null,wronly 2>"$scratch/socat" &
	local capturer=$!
	if ! wait_for 5 has_packet_socket; then
		skip 'with a packet socket' 'socat opens none here'
		kill "$capturer"
		return
	fi
	trace "$scratch/packet" three_pings -p icmp
	kill "$capturer"
	wait "$capturer" 2>/dev/null
	check 'with a packet socket: well-formed' all_well_formed
	equal 'with a packet socket: six blocks' 6 "$n_blocks"
	equal 'with a packet socket: the request is still transmitted' 1 "$(count_blocks request 2 '' '' '' transmitted)"
	equal 'with a packet socket: the reply is still delivered' 1 "$(count_blocks reply 2 '' '' '' delivered)"
	check 'with a packet socket: its handler is seen both ways' eval "(( \$(awk -F '\t' '\$1 == \"block\" && \$3 == 2 && / packet_rcv /' '$blocks' | wc -l) == 2 ))"
}

traced
from_each_cpu
with_packet_socket
