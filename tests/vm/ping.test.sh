#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What a ping between two namespaces looks like: one block each for request and reply, with the functions of its
# path in order.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"

# `?`: netfilter's slow path is entered only if somebody, here the distribution's security module, has a hook there.
out='__ip_local_out ip_output nf_hook_slow? ip_finish_output ip_finish_output2'
link='__dev_queue_xmit dev_hard_start_xmit'
backlog='netif_rx enqueue_to_backlog __netif_receive_skb_core ip_rcv ip_rcv_core'
route='ip_route_input_slow fib_validate_source'
local_in='ip_local_deliver ip_local_deliver_finish'
request_end='icmp_rcv icmp_echo icmp_reply consume_skb'
# ping reads a raw socket: it gets a clone, and the kernel's own ping socket code finds nobody for the original.
reply_end='skb_clone raw_rcv icmp_rcv ping_rcv kfree_skb skb_copy_datagram_iovec consume_skb'

# On one CPU, where the reader cannot overtake the softirq which delivers its packet.
ping_twice() { in_a taskset -c 0 ping -q -c 2 -i 0.2 -W 5 10.7.0.2; }
ping_self() { in_a taskset -c 0 ping -q -c 1 -W 5 127.0.0.1; }

# check_pair WHAT: one request and one reply with sequence number 2, both with their ends.
check_pair() {
	equal "$1: one block for the request" 1 "$(count_blocks request 2)"
	equal "$1: one block for the reply" 1 "$(count_blocks reply 2)"
	equal "$1: the kernel consumed the request" 1 "$(count_blocks request 2 '' 10.7.0.1 10.7.0.2 consumed)"
	equal "$1: the reply was delivered" 1 "$(count_blocks reply 2 '' 10.7.0.2 10.7.0.1 delivered)"
	# Request, then reply: each block is printed when its packet ends.
	equal "$1: in the order of time" 'request reply request reply' "$(awk -F '\t' '$1 == "block" { printf "%s%s", s, $2; s = " " }' "$blocks")"
}

skbs_of() { awk -F '\t' -v type="$1" -v seq="$2" '$1 == "block" && $2 == type && $3 == seq { print $8 }' "$blocks"; }

plain() {
	check 'nettrace traces two pings' trace "$scratch/plain" ping_twice -p icmp
	equal 'its exit status is 0 after Ctrl-C' 0 "$nettrace_status"
	check 'its output is well-formed' all_well_formed
	equal 'four packets, four blocks' '4 0' "$n_blocks $n_incomplete"
	check_stderr 'stderr has the readiness line and the totals only' "$scratch/plain.err" 4 "$n_events" 0
	check_pair 'veth'
	passes_in_order 'the request passes all functions in order' "$out $link $backlog $route $local_in $request_end" "$(functions_of request 2)"
	passes_in_order 'the reply passes all functions in order' "$out $link $backlog $route $local_in $reply_end" "$(functions_of reply 2)"
	equal 'the request is one sk_buff' 1 "$(skbs_of request 2)"
	equal "the reply's block has the raw socket's clone" 2 "$(skbs_of reply 2)"
	# The neighbour's address is not known yet: the kernel keeps the packet and clones it for the ARP request.
	passes_in_order 'the first request waits for its neighbour' \
		"$out skb_clone consume_skb $link $backlog $route $local_in $request_end" "$(functions_of request 1)"
	passes_in_order 'the first reply does not' "$out $link $backlog $route $local_in $reply_end" "$(functions_of reply 1)"
	check 'frees are said to be normal' eval "! grep -E '\[(consume_skb) ' '$scratch/plain' | grep -v 'consume_skb .*\*packet is freed (normally)\*'"
	check 'a packet which reached its reader is not called dropped' eval "! grep dropped '$scratch/plain'"
	check 'no colour in a file' eval "! grep -q $'\033' '$scratch/plain'"
}

# One skb goes from transmit through the peer's NAPI: still one journey.
with_gro() {
	local received='napi_gro_receive_entry dev_gro_receive __netif_receive_skb_core ip_rcv? ip_rcv_core'
	in_a ethtool -K va tso off gro on && in_b ethtool -K vb tso off gro on
	trace "$scratch/gro" ping_twice -p icmp
	if ! grep -q napi_gro_receive_entry "$scratch/gro" && [[ $(uname -r) == 5.10.* ]]; then
		skip 'veth with GRO' "this kernel's veth has NAPI only for XDP"
		return
	fi
	check 'veth with GRO: well-formed' all_well_formed
	equal 'veth with GRO: four blocks' '4 0' "$n_blocks $n_incomplete"
	check_pair 'veth with GRO'
	passes_in_order 'veth with GRO: request' "$out $link $received $route $local_in $request_end" "$(functions_of request 2)"
	passes_in_order 'veth with GRO: reply' "$out $link $received $route $local_in $reply_end" "$(functions_of reply 2)"
}

loopback() {
	trace "$scratch/lo" ping_self -p icmp
	check 'loopback: well-formed' all_well_formed
	equal 'loopback: two blocks' '2 0' "$n_blocks $n_incomplete"
	# The route stays with the skb.
	passes_in_order 'loopback: request' "$out $link $backlog $local_in $request_end" "$(functions_of request 1)"
	passes_in_order 'loopback: reply' "$out $link $backlog $local_in $reply_end" "$(functions_of reply 1)"
}

# What is under way at the end is printed, too, and said to be incomplete.
pending() {
	know_neighbours
	in_a tc qdisc add dev va root netem delay 100s
	start_nettrace "$scratch/pending" -p icmp || return
	in_a ping -q -c 1 -W 1 10.7.0.2 >/dev/null
	stop_nettrace
	in_a tc qdisc delete dev va root
	read_blocks "$scratch/pending"
	check 'a packet under way: well-formed' all_well_formed
	equal 'a packet under way is printed as incomplete' 1 "$(count_blocks request 1 '' '' '' incomplete)"
	equal 'a packet under way is the only one' '1 1' "$n_blocks $n_incomplete"
	check_stderr 'a packet under way is counted as incomplete' "$scratch/pending.err" 1 "$n_events" 1
}

topology_veth || exit
plain
pending
topology_veth || exit
with_gro
loopback
