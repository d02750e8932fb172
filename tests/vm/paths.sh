# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# A network with a direct link, a router that translates addresses, and a bridge; and packets on all its ways.

# All neighbours are known: no ARP, and no packet which waits for it.
topology_paths() {
	topology_down
	modprobe veth && modprobe bridge && add_namespace a && add_namespace b && add_namespace r && add_namespace br || return
	# direct
	add_veth a da b db && ip -n a address add 10.7.4.1/24 dev da && ip -n b address add 10.7.4.2/24 dev db &&
		add_ipv6 a da fd07:4::1/64 && add_ipv6 b db fd07:4::2/64 &&
		know a da b db 10.7.4.2 fd07:4::2 && know b db a da 10.7.4.1 fd07:4::1 || return
	# through the router; 10.7.9.9 is nobody's: translated
	add_veth a va r ra && add_veth b vb r rb &&
		ip -n a address add 10.7.1.2/24 dev va && ip -n r address add 10.7.1.1/24 dev ra &&
		ip -n b address add 10.7.2.2/24 dev vb && ip -n r address add 10.7.2.1/24 dev rb &&
		ip -n b address add 10.7.2.3/24 dev vb &&
		ip -n a route add default via 10.7.1.1 && ip -n b route add default via 10.7.2.1 &&
		add_ipv6 a va fd07:1::2/64 && add_ipv6 r ra fd07:1::1/64 &&
		add_ipv6 b vb fd07:2::2/64 && add_ipv6 r rb fd07:2::1/64 &&
		ip -n a route add fd07:2::/64 via fd07:1::1 && ip -n b route add fd07:1::/64 via fd07:2::1 &&
		know a va r ra 10.7.1.1 fd07:1::1 && know r ra a va 10.7.1.2 fd07:1::2 &&
		know b vb r rb 10.7.2.1 fd07:2::1 && know r rb b vb 10.7.2.2 10.7.2.3 fd07:2::2 &&
		ip netns exec r sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 || return
	# through the bridge
	add_veth a wa br pa && add_veth b wb br pb &&
		ip -n br link add br0 type bridge stp_state 0 mcast_snooping 0 && ip -n br link set br0 up &&
		ip -n br link set pa master br0 && ip -n br link set pb master br0 &&
		ip -n a address add 10.7.3.1/24 dev wa && ip -n b address add 10.7.3.2/24 dev wb &&
		know a wa b wb 10.7.3.2 && know b wb a wa 10.7.3.1 || return
	ip netns exec r nft 'add table ip nat
		add chain ip nat pre { type nat hook prerouting priority -100; }
		add chain ip nat post { type nat hook postrouting priority 100; }
		add rule ip nat pre ip daddr 10.7.9.9 dnat to 10.7.2.2
		add rule ip nat post ip daddr 10.7.2.3 snat to 10.7.2.1'
}

serve() {
	servers=()
	# Not in_b: a function runs in a shell of its own, which would be killed instead of socat.
	ip netns exec b socat UDP6-RECVFROM:5001,ipv6only=0,fork EXEC:/bin/cat &
	servers+=($!)
	# Its answers must come from there.
	ip netns exec b socat UDP4-RECVFROM:5002,bind=10.7.2.3,fork EXEC:/bin/cat &
	servers+=($!)
	ip netns exec b socat -u TCP4-LISTEN:5003,fork OPEN:/dev/null &
	servers+=($!)
	wait_for 20 serving
}

serving() { [[ $(in_b ss -tulnH | grep -cE ':500[123]') == 3 ]]; }
tcp_is_over() { [[ -z $(in_b ss -tnH state connected) ]]; }

traffic() {
	# shellcheck disable=SC2016 # the inner shell's
	in_a bash -c '
		ping="ping -q -c 2 -i 0.05 -W 5"
		ask() {
			exec 3<>/dev/udp/$1/$2
			echo x >&3
			read -r -t 5 -N 1 -u 3 || { echo "no answer from $1 $2"; failed=1; }
		}
		failed=0
		$ping -e 1 fd07:4::2 || failed=1
		$ping -e 2 10.7.2.2 || failed=1
		$ping -e 3 fd07:2::2 || failed=1
		$ping -e 4 10.7.3.2 || failed=1
		$ping -e 5 10.7.2.3 || failed=1
		$ping -e 6 10.7.9.9 || failed=1
		ask 10.7.4.2 5001; ask fd07:4::2 5001
		ask 10.7.2.3 5002; ask 10.7.9.9 5001
		echo hello >/dev/tcp/10.7.2.3/5003 || failed=1
		echo hello >/dev/tcp/10.7.9.9/5003 || failed=1
		exit "$failed"' && wait_for 20 tcp_is_over
}
