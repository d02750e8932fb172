#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every filter is exact: over one mixture of traffic it takes as many packets as nftables counts with the same
# condition, and none whose text contradicts it. Several instances watch the same traffic, each with filters of
# which none is without effect. NETTRACE_LONG=1 tries more, and each filter alone.
#
# Filters are the same code with every backend. The tracepoint backend starts and ends fastest, and slows the traffic
# least, so it watches what it can see to its end: all but TCP.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"

# For each filter: when nftables' output hooks shall count a packet, as alternatives that exclude each other; each
# begins with the family of such packets: arp, ip, ip6, or inet for both of the latter. And, where the text shows it, a
# regular expression of what matches.
declare -A counts shows
term() {
	local name=$1
	shows[$name]=$2
	shift 2
	counts[$name]=$(printf '%s\n' "$@")
}

# address_terms ADDRESS REGEX: in both directions, and either.
address_terms() {
	local family=ip end='[: ]' arp=()
	[[ $1 != *:* ]] || family=ip6 end='[] ]'
	[[ $family == ip6 ]] || arp=("arp arp saddr ip $1" "arp arp daddr ip $1" "arp arp saddr ip != $1 arp daddr ip $1")
	term "-s $1" "^[^ ]+ [[]?$2$end.*->|^ARP: .*(tell |reply, )$2" "$family $family saddr $1" "${arp[@]:0:1}"
	term "-d $1" "-> [[]?$2($end|\$)|^ARP: .*(has |to )$2" "$family $family daddr $1" "${arp[@]:1:1}"
	term "--addr $1" "[[ ]$2($end|,|\$)" "$family $family saddr $1" "$family $family saddr != $1 $family daddr $1" \
		"${arp[@]:0:1}" "${arp[@]:2}"
}

# port_terms PORTS REGEX
port_terms() {
	local ports='inet meta l4proto { tcp, udp } th'
	term "-S $1" ":$2 ->" "$ports sport $1"
	term "-D $1" "-> .*:$2( |\$)" "$ports dport $1"
	term "-P $1" ":$2( |\$)" "$ports sport $1" "$ports sport != $1 th dport $1"
}

define_terms() {
	local echo='type { echo-request, echo-reply }'
	term '-p icmp' '^ICMP: ' 'ip ip protocol icmp'
	term '-p icmp6' '^ICMPv6: ' 'ip6 ip6 nexthdr icmpv6'
	term '-p tcp' '^TCP: ' 'inet meta l4proto tcp'
	term '-p udp' '^UDP: ' 'inet meta l4proto udp'
	term '-p 17' '^UDP: ' 'inet meta l4proto 17'
	term '-p 253' ' protocol 253$' 'inet meta l4proto 253'
	term '-p arp' '^ARP: ' 'arp meta length >= 0'
	term '-p ip' '^(IPv4|ICMP|TCP|UDP): [0-9.:]+ ' 'ip meta nfproto ipv4'
	term '-p ip6' '^(IPv6|ICMPv6|TCP|UDP): [[]?[0-9a-f]*:' 'ip6 meta nfproto ipv6'
	address_terms 10.7.0.1 '10[.]7[.]0[.]1'
	address_terms 10.7.0.2 '10[.]7[.]0[.]2'
	address_terms 10.7.1.2 '10[.]7[.]1[.]2'
	address_terms 10.7.1.0/30 '10[.]7[.]1[.][0-3]'
	address_terms fd07::2 'fd07::2'
	address_terms fd07:1::1 'fd07:1::1'
	address_terms fd07:1::/64 'fd07:1::[12]'
	port_terms 5001 5001
	port_terms 5002 5002
	port_terms 5001-5002 '500[12]'
	term '--seq 2' ' ping .*, seq: 2,' "ip icmp $echo icmp sequence 2" "ip6 icmpv6 $echo icmpv6 sequence 2"
	term '--id 2222' ' ping .* id: 2222$' "ip icmp $echo icmp id 2222" "ip6 icmpv6 $echo icmpv6 id 2222"
	# Those of the made segments: the last byte of one that wraps, then a first byte, then what a SYN takes.
	term '-p tcp --seq 89' ' seq:4294967286, ' 'inet tcp sport 7000 tcp sequence 4294967286'
	term '-p tcp --seq 90' ' seq:90, ' 'inet tcp sport 7000 tcp sequence 90'
	term '-p tcp --seq 190' ' seq:190, .*flags:SA' 'inet tcp sport 7000 tcp sequence 190 tcp flags & syn == syn'
	term '--tcp-flags SA' ' flags:.*S.*A' 'inet tcp flags & (syn | ack) == (syn | ack)'
	term '--tcp-flags fin' ' flags:F' 'inet tcp flags & fin == fin'
	term '--pkt-len 248' '' 'inet meta length 248'
	term '--pkt-len 200-300' '' 'inet meta length 200-300'
	term '--mark 7' '' 'inet meta mark 7'
	term '--mark 0xa' '' 'inet meta mark 0xa'
}

runs=(
	'--addr 10.7.1.0/30|--seq 2|--id 2222'
	'-p icmp6|-s fd07:1::1|--pkt-len 248'
	'-p tcp|-D 5001|-s 10.7.1.0/30'
	'-p udp|-P 5001-5002|-d fd07::2'
	'--tcp-flags SA|-S 5001-5002|--addr 10.7.1.2'
	'-p tcp --seq 89|-d 10.7.0.2'
	'-p arp|-s 10.7.0.1'
	'-p ip|--pkt-len 200-300|--mark 7'
)
more_runs=(
	'-p 17|-S 5002|-d 10.7.0.1'
	'-p ip6|-P 5002|--mark 0xa'
	'--tcp-flags fin|-D 5001-5002|--addr fd07:1::/64'
	'-p icmp|-s 10.7.1.2'
)

in_both() { in_a "$@" && in_b "$@"; }

topology() {
	topology_veth || return
	ip -n a address add 10.7.1.1/24 dev va && ip -n b address add 10.7.1.2/24 dev vb &&
		add_ipv6 a va fd07::1/64 fd07:1::1/64 && add_ipv6 b vb fd07::2/64 fd07:1::2/64 &&
		know a va b vb fd07::2 fd07:1::2 && know b vb a va fd07::1 fd07:1::1 || return
	# No late ARP of its own: five seconds after an answer the kernel would ask whether the neighbour is there still.
	in_a sysctl -qw net.ipv4.neigh.va.delay_first_probe_time=600
	in_b sysctl -qw net.ipv4.neigh.vb.delay_first_probe_time=600
}

# --- the reference

# both_families FAMILY FAMILY: of packets which are of both; false if there are none.
both_families() {
	case $1,$2 in
	"$2,$1" | ip,inet | ip6,inet) echo "$1" ;;
	inet,ip | inet,ip6) echo "$2" ;;
	*) return 1 ;;
	esac
}

# expand TERM...: all conjunctions of the terms' alternatives, a line each: FAMILY CONDITION.
expand() {
	local name line lines next alternative family
	mapfile -t lines <<<"${counts[$1]}"
	shift
	for name in "$@"; do
		next=()
		for line in "${lines[@]}"; do
			while read -r alternative; do
				family=$(both_families "${line%% *}" "${alternative%% *}") || continue
				next+=("$family ${line#* } ${alternative#* }")
			done <<<"${counts[$name]}"
		done
		lines=("${next[@]}")
	done
	printf '%s\n' "${lines[@]}"
}

# add_counter NAME TERM...: to the nft commands on stdout.
add_counter() {
	local name=$1 family condition
	shift
	echo "add counter inet reference $name; add counter arp reference $name"
	while read -r family condition; do
		[[ $family == arp ]] || family=inet
		echo "add rule $family reference out $condition counter name $name"
	done < <(expand "$@")
}

# One counter for each run, and one for each of its filters left out: RUN, RUN_without_INDEX.
reference_rules() {
	local run i j terms others family
	for family in inet arp; do
		echo "add table $family reference; add chain $family reference out { type filter hook output priority 100; }"
	done
	# Packets are marked on their way, as well as by ping -m.
	echo 'add chain inet reference marks { type route hook output priority mangle; }'
	echo 'add rule inet reference marks meta l4proto { tcp, udp } th dport 5002 meta mark set 0xa'
	# The kernel's own, which come at random times.
	echo 'add rule inet reference marks icmpv6 type mld2-listener-report drop'
	for run in "${!runs[@]}"; do
		IFS='|' read -ra terms <<<"${runs[run]}"
		add_counter "r${run}" "${terms[@]}"
		((${#terms[@]} > 1)) || continue
		for i in "${!terms[@]}"; do
			others=()
			for j in "${!terms[@]}"; do
				((i == j)) || others+=("${terms[j]}")
			done
			add_counter "r${run}_without_$i" "${others[@]}"
		done
	done
}

# counted NAME: packets which both namespaces sent.
counted() {
	awk -v name="$1" '$1 == "counter" && $2 == name { mine = 1 } $1 == "packets" && mine { n += $2; mine = 0 }
		END { print n + 0 }' "$scratch/reference"
}

read_reference() { in_both nft list counters >"$scratch/reference"; }

# --- the traffic

serve() {
	local port
	servers=()
	# Not in_b: a function runs in a shell of its own, which would be killed instead of socat.
	for port in 5001 5002; do
		ip netns exec b socat -u "TCP6-LISTEN:$port,ipv6only=0,fork,reuseaddr" OPEN:/dev/null &
		servers+=($!)
		ip netns exec b socat "UDP6-RECVFROM:$port,ipv6only=0,fork" EXEC:/bin/cat &
		servers+=($!)
	done
	wait_for 20 serving
}

serving() { [[ $(in_b ss -tulnH | grep -cE ':500[12]') == 4 ]]; }
tcp_is_over() { [[ -z $(in_b ss -tnH state connected) ]]; }

# segment SEQ FLAGS: a TCP segment from port 7000 to 7001 with 100 bytes, as printf's format. Its checksum is wrong.
segment() {
	local header
	printf -v header '%04x%04x%08x%08x50%02x100000000000' 7000 7001 "$1" 0 "$2"
	# shellcheck disable=SC2001
	sed 's/../\\x&/g' <<<"$header$(printf '78%.0s' {1..100})"
}

# send_raw ADDRESS PROTOCOL BYTES
# shellcheck disable=SC2059 # the bytes are a format
send_raw() { printf "$3" | in_a socat -u - "IP4-SENDTO:$1:$2"; }

raw_traffic() {
	local address
	for address in 10.7.0.2 10.7.1.2; do
		send_raw "$address" 253 x
		send_raw "$address" 6 "$(segment 4294967286 16)"
	done
	send_raw 10.7.0.2 6 "$(segment 90 16)"
	send_raw 10.7.1.2 6 "$(segment 190 18)"
	send_raw 10.7.1.2 6 "$(segment 191 16)"
}

pings() {
	# shellcheck disable=SC2016 # the inner shell's
	in_a bash -c '
		ping="ping -q -c 3 -i 0.02 -W 5"
		$ping -e 1111 10.7.0.2
		$ping -e 2222 -m 7 -I 10.7.1.1 10.7.1.2
		$ping -e 2222 10.7.0.2
		$ping -e 3333 -m 7 -s 200 -I 10.7.1.1 10.7.1.2
		$ping -e 2222 fd07::2
		$ping -e 4444 -s 200 fd07::2
		$ping -e 5555 -m 7 -s 200 -I fd07:1::1 fd07:1::2
		$ping -e 6666 -m 10 -I fd07:1::1 fd07:1::2'
	in_b ping -q -c 3 -i 0.02 -W 5 -e 7777 10.7.0.1
}

# Each address is reached from one of the same network.
sockets() {
	# shellcheck disable=SC2016 # the inner shell's
	in_a bash -c '
		printf -v long "%0200d" 0
		connect() { echo "hello" >/dev/tcp/$1/$2; }
		ask() {
			exec 3<>/dev/udp/$1/$2
			printf "%s\n" "$3" >&3
			read -r -t 5 -N 1 -u 3 || { echo "no answer from $1 $2"; exit 1; }
		}
		connect 10.7.0.2 5001; connect 10.7.1.2 5001; connect 10.7.0.2 5002
		connect fd07::2 5001; connect fd07:1::2 5002
		ask 10.7.0.2 5001 x; ask 10.7.0.2 5002 x; ask 10.7.1.2 5001 x
		ask fd07::2 5001 x; ask fd07:1::2 5002 x; ask fd07:1::2 5001 "${long:0:199}"
		# Nobody is there: answered by ICMP.
		echo x >/dev/udp/10.7.0.2/5003
		echo x >/dev/udp/fd07::2/5003'
}

mixed_traffic() {
	ip -4 -n a neighbour flush dev va
	ip -4 -n b neighbour flush dev vb
	pings && sockets && raw_traffic && wait_for 20 tcp_is_over
}

# --- the filters of packets

# check_run INDEX OUT
check_run() {
	local run=$1 options=${runs[$1]//|/ } wanted terms i regex
	wanted=$(counted "r$run")
	read_blocks "$2"
	equal "$options: packets" "$wanted" "$n_blocks"
	check "$options: none incomplete" none_incomplete "$2"
	check "$options: well-formed, nothing lost" eval "all_well_formed && grep -q 'lost: ring 0, map 0, id 0,' '$2.err'"
	check "$options: the traffic has some ($wanted)" eval "((wanted > 0))"
	IFS='|' read -ra terms <<<"${runs[run]}"
	for i in "${!terms[@]}"; do
		((${#terms[@]} == 1)) || check "$options: without ${terms[i]} it were more than $wanted" \
			eval "(($(counted "r${run}_without_$i") > wanted))"
		regex=${shows[${terms[i]}]}
		[[ -z $regex ]] || check "$options: all are ${terms[i]}" no_other "$regex"
	done
}

no_other() { awk -F '\t' -v re="$1" '$1 == "packet" && $8 !~ re { print $8; bad = 1 } END { exit bad }' "$blocks"; }

# Tracepoints do not see the silent frees of TCP and, from 7.x on, of UDP, which most filters can match.
backend_for() {
	case $1 in
	*tcp*) echo auto ;;
	*'-p icmp'* | *'-p arp'* | *--id* | *--seq*) echo tracepoint ;;
	*) echo auto ;;
	esac
}

packet_filters() {
	local run
	for run in "${!runs[@]}"; do
		# shellcheck disable=SC2086 # options and values are words
		add_nettrace "$scratch/out.$run" --backend "$(backend_for "${runs[run]}")" ${runs[run]//|/ }
	done
	check "${#runs[@]} instances of nettrace attach" nettraces_ready
	# Now, when all of them see what is counted.
	reference_rules >"$scratch/rules"
	check 'nftables counts with the same conditions' in_both nft -f "$scratch/rules"
	check 'the mixed traffic passes' mixed_traffic
	read_reference
	check "${#runs[@]} instances of nettrace end with status 0" stop_nettraces
	for run in "${!runs[@]}"; do
		check_run "$run" "$scratch/out.$run"
	done
	in_both nft flush ruleset
}

# More of them together, then each alone, a dozen at a time.
more_filters() {
	local left=("${more_runs[@]}" "${!counts[@]}")
	while ((${#left[@]})); do
		runs=("${left[@]:0:12}") left=("${left[@]:12}")
		# The maps of those before stay for as long as the kernel takes their probes away, and memory is short.
		wait_for 200 alone
		packet_filters
	done
}

# --- the filters of where a packet is seen: properties of a journey

# Two links between a and b, and both namespaces' loopbacks: each with another number of echoes, each of which is two
# packets.
on_va=2 on_wa=3 on_lo_of_a=4 on_lo_of_b=5

topology_of_places() {
	topology_veth && add_veth a wa b wb || return
	ip -n a address add 10.7.1.1/24 dev wa && ip -n b address add 10.7.1.2/24 dev wb
}

# A process which becomes a ping when told to, so that its number is known before.
prepare_ping() {
	mkfifo "$scratch/go"
	ip netns exec a bash -c "read -r <'$scratch/go'; exec ping -q -c $on_wa -i 0.02 -W 5 -e 2222 10.7.1.2" >/dev/null &
	pinger=$!
	# Opened for both, as the open itself would wait for a reader.
	exec 9<>"$scratch/go"
}

traffic_of_places() {
	in_a ping -q -c "$on_va" -i 0.02 -W 5 -e 1111 10.7.0.2
	echo >&9
	in_a ping -q -c "$on_lo_of_a" -i 0.02 -W 5 -e 3333 10.7.0.1
	in_b ping -q -c "$on_lo_of_b" -i 0.02 -W 5 -e 4444 10.7.0.2
	wait "$pinger"
}

# check_place NAME OUT WANTED
check_place() {
	read_blocks "$2"
	equal "$1: packets" "$3" "$n_blocks"
	check "$1: none incomplete" none_incomplete "$2"
	check "$1: well-formed" all_well_formed
}

is_in_b() { [[ $(stat -L -c %i "/proc/$1/ns/net") == "$(in_b stat -L -c %i /proc/self/ns/net)" ]]; }

place_filters() {
	local inode within_b
	topology_of_places || return
	prepare_ping
	inode=$(in_a stat -L -c %i /proc/self/ns/net)
	ip netns exec b sleep 1000 &
	within_b=$!
	wait_for 10 is_in_b "$within_b"
	add_nettrace "$scratch/name" -p icmp -i lo --netns a
	add_nettrace "$scratch/process" --backend tracepoint -p icmp --netns "$within_b"
	nettrace_within='nsenter --net=/run/netns/b' \
		add_nettrace "$scratch/current" --backend tracepoint -p icmp -i lo --netns-current
	add_nettrace "$scratch/pid" -p icmp --pid "$pinger"
	if [[ -n ${NETTRACE_LONG:-} ]]; then
		add_nettrace "$scratch/va" -p icmp -i va
		add_nettrace "$scratch/inode" --backend tracepoint -p icmp --netns "$inode"
	fi
	if nettraces_ready; then
		check 'the traffic of all places passes' traffic_of_places
		check 'nettrace ends with status 0 for each place' stop_nettraces
		check_place '-i lo --netns NAME' "$scratch/name" $((2 * on_lo_of_a))
		check_place '--netns PID' "$scratch/process" $((2 * (on_va + on_wa + on_lo_of_b)))
		check_place '-i lo --netns-current' "$scratch/current" $((2 * on_lo_of_b))
		if [[ -n ${NETTRACE_LONG:-} ]]; then
			check_place '-i' "$scratch/va" $((2 * on_va))
			check_place '--netns INODE' "$scratch/inode" $((2 * (on_va + on_wa + on_lo_of_a)))
		fi
		read_blocks "$scratch/pid"
		check '--pid: well-formed' all_well_formed
		equal '--pid: what it sent' "$on_wa" "$(count_blocks request '' 2222)"
		check '--pid: nothing of others' no_other ' id: 2222$'
	else
		not_ok 'nettrace attaches for each place'
	fi
	kill "$within_b"
	wait "$within_b" 2>/dev/null
	exec 9>&-
}

define_terms
topology || exit
serve
packet_filters
[[ -z ${NETTRACE_LONG:-} ]] || more_filters
kill "${servers[@]}"
wait "${servers[@]}" 2>/dev/null
place_filters
