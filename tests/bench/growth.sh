#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# usage: tests/bench/growth.sh GROUP ROUNDS PINGS
#
# How what nettrace costs grows with GROUP: filters, probes, cpus (those of this guest) or tracked (packets). Floods pings
# over veth in one boot, all states of the group in turn; prints samples (lib.sh) of states GROUP/WHICH.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=traffic.sh
. "$(dirname "$0")/traffic.sh"

group=$1 rounds=$2 pings=$3

# measure WHICH PREPARE ARGUMENT...: PREPARE is run once nettrace traces.
measure() {
	local state=$group/$1 prepare=$2
	shift 2
	start_tracer "$state" '^nettrace: tracing' build/nettrace -w "$scratch/trace" "$@" || return
	n_probes=$(sed -n 's/^nettrace: tracing, .* \([0-9]*\) probes.*/\1/p' "$scratch/ready")
	sample "$state" probes "$n_probes"
	$prepare
	round_trip "$state" "$pings"
	sysctl -qw kernel.bpf_stats_enabled=1
	flood "$pings" >/dev/null
	sysctl -qw kernel.bpf_stats_enabled=0
	program_costs | awk -v state="$state" '{ printf "sample %s hit_ns %.1f\n", state, $1 / $2 }'
	stop_tracer "$state"
	sample "$state" refused "$(sed -n 's/.*lost: ring [0-9]*, map \([0-9]*\),.*/\1/p' "$scratch/said")"
	until_gone "$state"
	rm -f "$scratch/trace"
}

filters() {
	local matching=(-p icmp --addr 10.7.0.0/16 --pkt-len 1-1500 --saddr 10.7.0.0/24)
	local other=(-p tcp --addr 10.9.0.0/16 --pkt-len 1-1500 -P 80)
	local n
	for n in 1 2 4; do measure "matching-$n" : "${matching[@]:0:2*n}"; done
	for n in 1 2 4; do measure "other-$n" : "${other[@]:0:2*n}"; done
}

attached() { build/nettrace --probes | awk '$2 == "attach" { print $1 }' | sort; }

# Functions that take a packet first, by the kernel's types, and that it lets be traced.
packet_functions() {
	local btf=$scratch/btf
	[[ -e /sys/kernel/tracing/available_filter_functions ]] || mount -t tracefs tracefs /sys/kernel/tracing
	bpftool btf dump file /sys/kernel/btf/vmlinux format raw >"$btf"
	# Twice: types may be used before they are told.
	awk '
		function id(word) { return substr(word, 2, length(word) - 2) }
		function type_of(line) { sub(/.*type_id=/, "", line); sub(/ .*/, "", line); return line }
		/^\[/ { prototype = 0 }
		$2 == "STRUCT" && $3 == "\047sk_buff\047" { skb = id($1) }
		$2 == "PTR" && skb && type_of($0) == skb { pointer[id($1)] = 1 }
		$2 == "FUNC_PROTO" { prototype = id($1); next }
		prototype { if (type_of($0) in pointer) takes[prototype] = 1; prototype = 0 }
		$2 == "FUNC" && type_of($0) in takes { gsub("\047", "", $3); print $3 }' "$btf" "$btf" |
		sort -u | comm -12 - <(awk '{ print $1 }' /sys/kernel/tracing/available_filter_functions | sort | uniq -u)
}

# What a ping must pass, with the ends of its packets.
ten='__ip_local_out ip_output ip_finish_output2 __dev_queue_xmit dev_hard_start_xmit __netif_receive_skb_core ip_rcv icmp_rcv
	kfree_skb consume_skb'

probes() {
	local n n_default fewer more
	fewer=$(attached | grep -vxFf <(xargs -n 1 <<<"$ten") | paste -sd ,)
	measure 10 : -p icmp --exclude "$fewer"
	measure default : -p icmp
	n_default=$n_probes
	packet_functions | grep -vxFf <(build/nettrace --probes | awk '{ print $1 }') >"$scratch/functions"
	for n in 200 300; do
		more=$(head -n $((n - n_default)) "$scratch/functions" | paste -sd ,)
		measure "$n" : -p icmp --probe "$more"
	done
}

cpus() { measure "$(nproc)" : -p icmp; }

held() { ip netns exec a tc -s qdisc show dev held | sed -n 's/.* backlog [^ ]* \([0-9]*\)p .*/\1/p'; }

# Packets that are sent and go nowhere yet. One ping sends 65536 ahead at most.
hold() {
	local left=$wanted n
	modprobe sch_netem && ip -n a link add held type dummy && ip -n a addr add 10.8.0.1/24 dev held &&
		ip -n a link set held up && ip -n a neigh add 10.8.0.2 lladdr 02:00:00:00:00:02 dev held &&
		ip netns exec a tc qdisc add dev held root netem delay 240s limit 2000000 || return
	while ((left > 0)); do
		n=$((left < 60000 ? left : 60000))
		ip netns exec a ping -q -l "$n" -c "$n" -W 1 10.8.0.2 >/dev/null
		left=$((left - n))
	done
	progress "$(held) packets are held"
}

tracked() {
	local wanted
	for wanted in 1 1000 10000 60000 1000000; do
		measure "$wanted" hold -p icmp
		ip -n a link del held
	done
}

topology || exit
for ((round = 1; round <= rounds; round++)); do
	progress "$group: round $round of $rounds"
	"$group"
done
