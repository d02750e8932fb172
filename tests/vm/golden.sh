#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# usage: tests/vm/golden.sh
#
# In a guest: records a little of everything (ICMP, TCP, UDP, IPv6, forwarding, bridging, NAT, a drop, a clone, merges by
# GRO, fragments, a retransmission) and prints the recording, base64 between two marks. scripts/update-golden.sh runs it.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"
# shellcheck source-path=SCRIPTDIR source=paths.sh
. "$(dirname "$0")/paths.sh"

more_traffic() {
	in_b nft 'add table ip f; add chain ip f in { type filter hook input priority 0; }
		add rule ip f in icmp type echo-request icmp id 7 drop
		add rule ip f in tcp dport 5003 tcp flags & psh == psh limit rate 1/hour burst 1 packets drop'
	in_a ping -q -c 1 -W 0.2 -e 7 10.7.4.2
	in_a ping -q -c 1 -e 8 -s 4000 10.7.4.2
	# a packet socket's clones
	ip netns exec b socat -u INTERFACE:db,type=3 OPEN:/dev/null &
	sniffer=$!
	sleep 0.2
	in_a ping -q -c 1 -e 9 10.7.4.2
	kill "$sniffer"
	# segments that GRO merges, one of which is lost at first
	ip netns exec b ethtool -K db gro on 2>/dev/null
	in_a timeout 5 bash -c 'head -c 40000 /dev/zero >/dev/tcp/10.7.4.2/5003'
	# shellcheck disable=SC2016 # the inner shell's
	in_a timeout 5 bash -c 'for i in 1 2 3; do echo "$i"; sleep 0.05; done >/dev/tcp/10.7.4.2/5003'
	wait_for 20 tcp_is_over
}

topology_paths || exit
serve
start_nettrace "$scratch/out" -w "$scratch/golden.nettrace" --detail || exit
traffic >&2
more_traffic >&2
sleep 0.5
stop_nettrace
cat "$scratch/out.err" >&2
kill "${servers[@]}"
echo '-----BEGIN RECORDING-----'
base64 "$scratch/golden.nettrace"
echo '-----END RECORDING-----'
