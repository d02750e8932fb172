#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Each backend tells the whole journey; netfilter's hooks, tables and chains are named; without rights it is refused.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"

# On one CPU, where the reader cannot overtake the softirq which delivers its packet.
ping_twice() { in_a taskset -c 0 ping -q -c 2 -i 0.1 -W 5 10.7.0.2; }
ping_refused() { ! in_a ping -q -c 1 -W 1 10.7.0.2; }

# --- backends

# traces_with BACKEND REQUEST REPLY: complete journeys, with exactly these functions.
traces_with() {
	local backend=$1
	if ! trace "$scratch/out" ping_twice -p icmp --backend "$backend"; then
		not_ok "--backend $backend works" "$(cat "$scratch/out.err")"
		return
	fi
	check "--backend $backend: says so" grep -q "^nettrace: tracing, $backend backend, " "$scratch/out.err"
	equal "--backend $backend: four packets, four blocks" '4 0' "$n_blocks $n_incomplete"
	check "--backend $backend: well-formed" all_well_formed
	check_stderr "--backend $backend: nothing lost" "$scratch/out.err" 4 "$n_events" 0
	equal "--backend $backend: consumed and delivered" '2 2' \
		"$(count_blocks request '' '' 10.7.0.1 10.7.0.2 consumed) $(count_blocks reply '' '' 10.7.0.2 10.7.0.1 delivered)"
	passes_in_order "--backend $backend: request" "$2" "$(functions_of request 2)"
	passes_in_order "--backend $backend: reply" "$3" "$(functions_of reply 2)"
}

on_kprobes='__ip_local_out ip_output nf_hook_slow? ip_finish_output ip_finish_output2 __dev_queue_xmit dev_hard_start_xmit
	netif_rx enqueue_to_backlog __netif_receive_skb_core ip_rcv ip_rcv_core ip_route_input_slow fib_validate_source
	ip_local_deliver ip_local_deliver_finish'
# Without the functions that the compiler changed: fentry wants them as their types say.
on_fentry=${on_kprobes/__netif_receive_skb_core/__netif_receive_skb_core?}
on_fentry=${on_fentry/fib_validate_source/}
on_tracepoints='net_dev_queue net_dev_start_xmit netif_rx netif_receive_skb'

backends() {
	local auto=kprobe
	traces_with kprobe "$on_kprobes icmp_rcv icmp_echo icmp_reply consume_skb" \
		"$on_kprobes skb_clone raw_rcv icmp_rcv ping_rcv kfree_skb skb_copy_datagram_iovec consume_skb"
	traces_with tracepoint "$on_tracepoints consume_skb" "$on_tracepoints kfree_skb skb_copy_datagram_iovec consume_skb"
	if has_kprobe_multi; then
		auto=kprobe-multi
		traces_with kprobe-multi "$on_kprobes icmp_rcv icmp_echo icmp_reply consume_skb" \
			"$on_kprobes skb_clone raw_rcv icmp_rcv ping_rcv kfree_skb skb_copy_datagram_iovec consume_skb"
	else
		timeout -k 1 30 "$nettrace" -p icmp --backend kprobe-multi >"$scratch/out" 2>"$scratch/err"
		equal 'a backend which the kernel lacks: status 1' 1 $?
		check 'a backend which the kernel lacks: one line names it' eval "[[ \$(wc -l <'$scratch/err') == 1 ]] && grep -q 'kprobe-multi' '$scratch/err'"
		equal 'a backend which the kernel lacks: nothing on stdout' 0 "$(wc -c <"$scratch/out")"
	fi
	traces_with fentry "$on_fentry icmp_rcv icmp_echo consume_skb" \
		"$on_fentry skb_clone raw_rcv icmp_rcv ping_rcv kfree_skb skb_copy_datagram_iovec consume_skb"
	start_nettrace "$scratch/best" -p icmp && stop_nettrace
	check "the kernel's best is chosen ($auto)" grep -q "^nettrace: tracing, $auto backend, " "$scratch/best.err"
}

# --- netfilter

# notes_of TYPE FUNCTION: what stands between asterisks on that function's lines, joined by ` | `.
notes_of() {
	grep -F "[$2 " "$scratch/out" | grep -F "ping $1, seq: 1," | grep -oE '\*[^*]+\*' | awk '{ printf "%s%s", s, $0; s = " | " }'
}

nft_names() {
	local long=a_chain_with_a_rather_long_name
	in_a nft "add table ip t; add chain ip t outp { type filter hook output priority 0; };
		add chain ip t $long { type filter hook prerouting priority 0; }"
	in_b nft 'add table inet filter; add chain inet filter input { type filter hook input priority 0; }'
	trace "$scratch/out" ping_twice -p icmp
	check 'nft: well-formed' all_well_formed
	equal 'nft: four blocks' '4 0' "$n_blocks $n_incomplete"
	equal 'nft: tables and chains of the request, in order' \
		'*iptables table:t, chain:outp* | *iptables table:filter, chain:input*' "$(notes_of request nft_do_chain)"
	equal 'nft: tables and chains of the reply' "*iptables table:t, chain:$long*" "$(notes_of reply nft_do_chain)"
	# POST_ROUTING is the security module's.
	equal 'nft: hooks of the request' '*ipv4 in chain: OUTPUT* | *ipv4 in chain: INPUT*' \
		"$(notes_of request nf_hook_slow | sed 's/ | \*ipv4 in chain: POST_ROUTING\*//')"
	equal 'nft: hooks of the reply' '*ipv4 in chain: PRE_ROUTING*' \
		"$(notes_of reply nf_hook_slow | sed 's/\*ipv4 in chain: POST_ROUTING\* | //')"
	in_a nft flush ruleset
	in_b nft flush ruleset
}

nft_drop() {
	in_b nft 'add table ip t; add chain ip t inp { type filter hook input priority 0; };
		add rule ip t inp icmp type echo-request drop'
	trace "$scratch/out" ping_refused -p icmp
	check 'nft drop: well-formed' all_well_formed
	equal 'nft drop: one block' '1 0' "$n_blocks $n_incomplete"
	equal 'nft drop: the outcome' 1 "$(count_blocks request 1 '' '' '' dropped)"
	check 'nft drop: the path ends in the chain' grep -q $'^block\t.* ip_local_deliver nf_hook_slow nft_do_chain kfree_skb$' "$blocks"
	if [[ $(uname -r) == 5.10.* ]]; then
		check 'nft drop: the reason is unknown to this kernel' eval "grep -F '[kfree_skb ' '$scratch/out' | grep -q unknown"
	else
		# Newer ones, stable updates among them, free the packet in nft_do_chain.
		check 'nft drop: the reason' eval "grep -F '[kfree_skb ' '$scratch/out' | grep -qE 'reason: NETFILTER_DROP, at: (nf_hook_slow|nft_do_chain)\\+0x'"
		check 'nft drop: the footer has it, too' grep -qx 'dropped: NETFILTER_DROP' "$scratch/out"
	fi
	in_b nft flush ruleset
}

# Where the argument's place differs between kernels.
legacy_iptables() {
	if ! in_b iptables-legacy -A INPUT -p icmp -j ACCEPT 2>"$scratch/err"; then
		skip 'iptables-legacy' "$(tail -n 1 "$scratch/err")"
		return
	fi
	in_b iptables-legacy -t mangle -A PREROUTING -p icmp -j TTL --ttl-set 33 2>/dev/null
	trace "$scratch/out" ping_twice -p icmp
	check 'iptables-legacy: well-formed' all_well_formed
	equal 'iptables-legacy: four blocks' '4 0' "$n_blocks $n_incomplete"
	check 'iptables-legacy: table and chain' grep -qF '*iptables table:filter, chain:INPUT*' <<<"$(notes_of request ipt_do_table)"
	if in_b iptables-legacy -t mangle -C PREROUTING -p icmp -j TTL --ttl-set 33 2>/dev/null; then
		check 'iptables-legacy: another table' grep -qF '*iptables table:mangle, chain:PREROUTING* | ' <<<"$(notes_of request ipt_do_table)"
	fi
	in_b iptables-legacy -I INPUT -p icmp -j DROP
	trace "$scratch/out" ping_refused -p icmp
	equal 'iptables-legacy: a drop' 1 "$(count_blocks request 1 '' '' '' dropped)"
	in_b iptables-legacy -F
	in_b iptables-legacy -t mangle -F 2>/dev/null
}

# --- usage

refused_without_rights() {
	local status
	setpriv --reuid=65534 --clear-groups --inh-caps=-all timeout 30 "$nettrace" -p icmp >"$scratch/out" 2>"$scratch/err"
	status=$?
	check "not root: status 1 (here $status), at most a dozen lines" eval "((status == 1)) && (( \$(wc -l <'$scratch/err') <= 12 )) && [[ -s '$scratch/err' ]]"
	echo "# $(head -n 2 "$scratch/err")"
}

topology_veth || exit
backends
nft_names
nft_drop
legacy_iptables
refused_without_rights
