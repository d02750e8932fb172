# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What packets the measurements in a guest send; sourced after lib.sh.

topology() {
	ip netns add a && ip netns add b &&
		ip link add va netns a type veth peer name vb netns b &&
		ip -n a addr add 10.7.0.1/24 dev va && ip -n b addr add 10.7.0.2/24 dev vb &&
		ip -n a link set va up && ip -n b link set vb up
	ip netns exec a ping -q -c 2 -i 0.1 10.7.0.2 >/dev/null
}

flood() { ip netns exec a ping -f -q -c "$1" 10.7.0.2; }

# round_trip STATE PINGS: the average of all, in microseconds.
round_trip() {
	flood 200 >/dev/null
	sample "$1" round_trip_us "$(flood "$2" | awk -F '[ /]' '/^rtt/ { print $8 * 1000 }')"
}
