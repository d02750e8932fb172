#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Wireshark reads what the pcapng format writes: the sample of tests/unit/test_render_pcapng.c.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

if ! type -P tshark >/dev/null; then
	skip 'Wireshark reads pcapng' 'no tshark'
	exit 0
fi
sample=$scratch/sample.pcapng
writer=$repo/build/test_render_pcapng
if ! { make -s -C "$repo" build/test_render_pcapng && "$writer" "$sample"; } >"$scratch/make" 2>&1; then
	not_ok 'a sample is written' "$(tail -n 5 "$scratch/make")"
	exit 1
fi

# fields NAME... [-- OPTION...]: one line a packet, its fields with blanks between. Users' own settings take no part.
fields() {
	local arguments=()
	while (($#)) && [[ $1 != -- ]]; do
		arguments+=(-e "$1")
		shift
	done
	HOME=$scratch tshark -n -r "$sample" -T fields -E separator=' ' "${arguments[@]}" "${@:2}" 2>"$scratch/tshark.err"
}

# numbers FILTER: of the packets which that display filter selects.
numbers() { fields frame.number -- -Y "$1" | paste -sd ' '; }

check 'tshark reads it to the end' fields frame.number
equal 'packets' 9 "$(fields frame.number | wc -l)"
equal 'none is malformed' '' "$(numbers '_ws.malformed || _ws.expert.severity >= "Warning"')"
equal 'interfaces, by their names' 'none va vb none va vb eth0 tun\xff tun\xff' "$(fields frame.interface_name | paste -sd ' ')"
equal 'two namespaces' 'interface 2 of network namespace 4026531849: Ethernet frames' \
	"$(fields frame.interface_description -- -Y 'frame.number == 3')"
equal 'times, to the nanosecond' '1795392949.001000000 1795392949.001001000 1795392949.001013300' \
	"$(fields frame.time_epoch -- -Y 'frame.packet_id == 7' | paste -sd ' ')"
equal 'lengths, original and captured' '84 28 98 42' "$(fields frame.len frame.cap_len -- -Y 'frame.number <= 2' | paste -sd ' ')"
equal 'addresses and echo' '10.7.0.1 10.7.0.2 513' "$(fields ip.src ip.dst icmp.seq -- -Y 'frame.number == 4')"
equal 'flags of TCP, and its VLAN' '0x0012 42' "$(fields tcp.flags vlan.id -- -Y tcp)"
equal 'IPv6 without a link header' 'fd00::1 5353' "$(fields ipv6.src udp.dstport -- -Y udp)"
equal 'ARP without a link header' '10.7.0.1 10.7.0.2' "$(fields arp.src.proto_ipv4 arp.dst.proto_ipv4 -- -Y arp)"
equal 'directions' '2 2 1' "$(fields frame.packet_flags_direction -- -Y 'frame.packet_id == 7' | paste -sd ' ' | sed 's/0x0*//g')"
equal 'comments' \
	'probe: netif_rx,stage: link-in,journey: 6,cpu: 0,span: 12.3 us since net_dev_start_xmit,then: icmp_rcv +2.0 us,total: 15.3 us,outcome: delivered' \
	"$(fields frame.comment -- -Y 'frame.number == 6')"

# Display filters.
equal 'packets of a journey' '4 5 6' "$(numbers 'frame.comment == "journey: 6"')"
equal 'packets at a probe' '3 6 7' "$(numbers 'frame.comment == "probe: netif_rx"')"
equal 'packets that were dropped' 7 "$(numbers 'frame.comment contains "drop: NETFILTER_DROP at nf_hook_slow"')"
equal 'packets of an echo on an interface' 3 "$(numbers 'icmp.seq == 514 && frame.interface_name == "vb"')"
equal 'packets of a VLAN' 7 "$(numbers 'vlan.id == 42')"

check 'and through a pipe' eval "HOME=$scratch tshark -n -r - <'$sample' | grep -c . | grep -qx 9"
capinfos "$sample" >"$scratch/capinfos" 2>&1
check 'capinfos reads it' grep -qE '^Number of packets: +9$' "$scratch/capinfos"
check 'which system' grep -qE '^Capture oper-sys: +Linux 6\.12\.1$' "$scratch/capinfos"
check 'which program' grep -qE '^Capture application: +nettrace ' "$scratch/capinfos"
check 'what was traced' grep -qE '^Capture comment: +filter: icmp$' "$scratch/capinfos"
! grep -q '^not ok' "$scratch"/* 2>/dev/null
