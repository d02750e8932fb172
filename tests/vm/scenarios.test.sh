#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Packets that wait for others of their flow, and for a device that takes no more.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"

json=$scratch/trace.jsonl

# delays CAUSE: nanoseconds, stage and text of each.
delays() { jq -r --arg cause "$1" 'select(.type == "journey") | .delays[] | select(.cause == $cause)
	| "\(.low_ns) \(.high_ns) \(.stage) \(.text)"' "$json"; }

# bounded NAME CAUSE LEAST MOST PATTERN: nanoseconds; every delay of the cause.
bounded() {
	local name=$1 cause=$2 least=$3 most=$4 pattern=$5
	delays "$cause" >"$scratch/delays"
	equal "$name: from $least ns to $most ns, and why" '' "$(grep -vE "^[0-9]+ [0-9]+ $pattern\$" "$scratch/delays"
		awk -v least="$least" -v most="$most" '$2 < least || $1 > most' "$scratch/delays")"
	equal "$name: nothing else is blamed for 30 ms or more" '' "$(jq -r --arg cause "$cause" 'select(.type == "journey")
		| .delays[] | select(.cause != $cause and .cause != "unknown" and .cause != "host_pause" and .delay_ns >= 30000000)
		| .text' "$json")"
}

clock_us() { echo "${EPOCHREALTIME/./}"; }

hold_ms=100 took_us=0

# held NAME: at least one is for the whole time, and all together fit into the time that the traffic took.
held() {
	delays gro_hold >"$scratch/holds"
	check "$1: a packet was held" eval "(($(awk -v least="${hold_ms}000000" '$2 >= least' "$scratch/holds" | wc -l) >= 1))"
	bounded "$1" gro_hold 1000000 "${took_us}000" 'gro GRO kept it for more of its flow \(gro_flush_timeout, napi_defer_hard_irqs\)'
	check "$1: no longer than all took" \
		eval "(($(awk '{ sum += $1 } END { printf "%d", sum }' "$scratch/holds") <= ${took_us}000))"
}

# One segment is all that may be under way at first, without PSH: GRO has no reason to let it go before time.
gro_veth() {
	local listener began
	if older_than 5.13; then
		skip 'GRO of a veth: a packet was held' 'without XDP, this veth has no NAPI (d3256efd8e8b gave it one)'
		return
	fi
	in_a ethtool -K va tso off gso off
	in_b ethtool -K vb gro on
	in_b bash -c "echo ${hold_ms}000000 >/sys/class/net/vb/gro_flush_timeout"
	in_a ip route change 10.7.0.0/24 dev va src 10.7.0.1 initcwnd 1
	head -c 6000 /dev/zero >"$scratch/data"
	in_b socat -u TCP-LISTEN:7000 OPEN:/dev/null &
	listener=$!
	wait_for 10 listens || return
	start_nettrace "$json" -p tcp --dport 7000 --format jsonl || return
	began=$(clock_us)
	in_a socat -u -b 6000 OPEN:"$scratch/data" TCP:10.7.0.2:7000
	wait "$listener"
	took_us=$(($(clock_us) - began))
	stop_nettrace
	held 'GRO of a veth'
}

older_than() { [[ $(printf '%s\n' "$1" "$(uname -r)" | sort -V | head -n 1) != "$1" ]]; }

listens() { [[ -n $(in_b ss -Hltn sport = :7000) ]]; }

# open_tun FLAGS FROM TO: struct ifreq for TUNSETIFF holds the name and FLAGS, hexadecimal and little-endian; /dev/net/tun is
# what is read from or written to. (socat's own address knows neither IFF_NAPI nor IFF_BACKPRESSURE.)
open_tun() {
	local ifreq
	ifreq=$(printf %s tun9 | od -An -v -tx1 | tr -d ' \n')$(printf %024d 0)$1$(printf %044d 0)
	socat -u "${2/TUN/OPEN:/dev/net/tun,ioctl-bin=0x400454ca:x$ifreq}" "${3/TUN/OPEN:/dev/net/tun,ioctl-bin=0x400454ca:x$ifreq}" &
	user=$!
	wait_for 10 test -e /sys/class/net/tun9 && ip link set tun9 txqueuelen 2 &&
		ip address add 10.9.0.1/24 dev tun9 && ip link set tun9 up
}

close_tun() {
	kill "$user"
	wait "$user" 2>/dev/null
}

# From 10.9.0.2:7001 to 10.9.0.1:7000, seq 1, ACK without PSH, four bytes.
segment='\x45\x00\x00\x2c\x00\x01\x40\x00\x40\x06\x26\xb7\x0a\x09\x00\x02\x0a\x09\x00\x01'
segment+='\x1b\x59\x1b\x58\x00\x00\x00\x01\x00\x00\x00\x01\x50\x10\x04\x00\x8c\x3f\x00\x00\x68\x65\x6c\x64'

# One segment of a flow that nothing follows.
gro_tun() {
	local user began
	printf '%b' "$segment" >"$scratch/segment" # printf itself would write it in two parts
	mkfifo "$scratch/wire"
	exec 5<>"$scratch/wire"
	open_tun 1110 "OPEN:$scratch/wire" TUN || return # IFF_TUN | IFF_NAPI | IFF_NO_PI
	echo "${hold_ms}000000" >/sys/class/net/tun9/gro_flush_timeout
	start_nettrace "$json" -p tcp --dport 7000 --format jsonl || return
	began=$(clock_us)
	cat "$scratch/segment" >&5
	sleep 0.5
	stop_nettrace
	took_us=$(($(clock_us) - began))
	close_tun
	exec 5>&-
	held 'GRO of a tun'
	equal 'GRO of a tun: one packet, held once' '1 1' "$(grep -c '"type":"journey"' "$json") $(wc -l <"$scratch/holds")"
}

send_to_tun() { bash -c 'exec 3>/dev/udp/10.9.0.2/9; for i in 1 2 3 4 5 6 7 8; do printf %100s >&3; done'; }

# A device with room for two packets, whose reader is stopped. Drivers that stop their queue then are rare among those that
# need no hardware: tun does since 7.x, and only if asked to.
full_driver() {
	local user stopped sent began ended
	open_tun 8110 TUN OPEN:/dev/null || return # IFF_TUN | IFF_BACKPRESSURE | IFF_NO_PI
	if ((!($(cat /sys/class/net/tun9/tun_flags) & 0x80))); then
		close_tun
		skip 'full driver' 'this tun drops what its ring does not take'
		return
	fi
	tc qdisc replace dev tun9 root pfifo limit 100
	start_nettrace "$json" -p udp --daddr 10.9.0.2 --format jsonl || return
	kill -STOP "$user"
	began=$(clock_us)
	send_to_tun
	sent=$(clock_us)
	sleep 0.3
	stopped=$(clock_us)
	kill -CONT "$user"
	sleep 0.5
	ended=$(clock_us)
	stop_nettrace
	close_tun
	delays qdisc_driver_full >"$scratch/delays"
	# of the six that it does not take, the first passes by the qdisc (TCQ_F_CAN_BYPASS) and is put back
	equal 'full driver: those that it does not take' 6 "$(wc -l <"$scratch/delays")"
	bounded 'full driver' qdisc_driver_full "$((stopped - sent))000" "$((ended - began))000" \
		"qdisc qdisc pfifo [0-9a-f]+: kept it: the driver's ring was full"
}

modprobe tun
gro_tun
if check 'topology' topology_veth; then
	know a va b vb 10.7.0.2
	know b vb a va 10.7.0.1
	gro_veth
fi
full_driver
