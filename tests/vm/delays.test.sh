#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Waits in the stack, and of what was received for its reader: each is made on purpose, and has to be told with its cause,
# its length and the evidence, of the packets that waited and of no other.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"

json=$scratch/trace.jsonl

# observe TRAFFIC ARGUMENT...: what nettrace says of it is in $json.
observe() {
	local traffic=$1
	shift
	start_nettrace "$scratch/out" "$@" --format jsonl -o "$json" || return
	"$traffic" >"$scratch/traffic" 2>&1 || cat "$scratch/traffic"
	stop_nettrace
}

# delays CAUSE [MILLISECONDS]: of so many or more: MILLISECONDS STAGE TEXT. An emulated CPU makes short ones of its own.
delays() { jq -r --arg cause "$1" --argjson least "${2:-10}" 'select(.type == "journey") | .delays[]
	| select(.cause == $cause and .delay_ns >= $least * 1e6) | "\(.delay_ns / 1e6 | floor) \(.stage) \(.text)"' "$json"; }

# told NAME CAUSE LEAST MOST PATTERN: exactly one delay (or $count of them) of the cause, of so many milliseconds.
told() {
	local name=$1 cause=$2 least=$3 most=$4 pattern=$5
	delays "$cause" "$((least < 10 ? least : 10))" >"$scratch/delays"
	equal "$name: is told of ${count:-1}" "${count:-1}" "$(wc -l <"$scratch/delays")"
	equal "$name: $least ms to $most ms, and why" '' "$(grep -vE "^[0-9]+ $pattern\$" "$scratch/delays"
		awk -v least="$least" -v most="$most" '$1 < least || $1 > most' "$scratch/delays")"
	equal "$name: nothing else is blamed for 30 ms or more" '' "$(jq -r --arg cause "$cause" 'select(.type == "journey")
		| .delays[] | select(.cause != $cause and .cause != "unknown" and .delay_ns >= 30000000) | .text' "$json")"
}

# Where the host stops a virtual CPU, or where it looks so, that is told instead, if it takes most of the wait.
is_host_to_blame() {
	jq -r 'select(.type == "journey") | .delays[] | select(.cpu != null and .delay_ns >= 50e6) | .text' "$json" >"$scratch/stopped"
	[[ -s $scratch/stopped ]]
}

pings() { in_a ping -q -c 3 -i 0.2 10.7.0.2; }

# The wait is told from qdisc_enqueue on, which the kernel says after netem has read its clock.
netem() {
	in_a tc qdisc add dev va root handle 8: netem delay 100ms
	observe pings -p icmp
	in_a tc qdisc del dev va root
	count=3 told netem qdisc_shaper 90 130 'qdisc qdisc netem 8: let it go later'
}

burst() { in_a bash -c 'exec 3>/dev/udp/10.7.0.2/9; for i in 1 2 3 4 5; do printf %1400s >&3; done; sleep 0.5'; }

# At 200 kbit/s a datagram of 1,442 bytes takes 58 ms; the burst lets two pass.
tbf() {
	in_a tc qdisc add dev va root handle 9: tbf rate 200kbit burst 3000 limit 100000
	start_reader UDP-RECV:9
	observe burst -p udp -D 9
	end_reader
	in_a tc qdisc del dev va root
	count=3 told tbf qdisc_shaper 5 260 'qdisc qdisc tbf 9: let it go later'
	check 'tbf: each waits longer than its predecessor' eval "delays qdisc_shaper 5 | cut -d ' ' -f 1 | sort -nuC"
}

one_ping() { in_a ping -q -c 1 10.7.0.2; }

neighbour() {
	ip -n a neighbour flush dev va
	ip -n a neighbour del 10.7.0.2 dev va
	in_b tc qdisc add dev vb root handle 8: netem delay 200ms
	observe one_ping -p icmp --daddr 10.7.0.2
	in_b tc qdisc del dev vb root
	know a va b vb 10.7.0.2
	told neighbour neighbour 195 260 'neighbour the link-layer address of the next hop was not known'
}

# add_rules NUMBER
# shellcheck disable=SC2016 # awk's
add_rules() {
	in_b nft -f - < <(awk -v n="$1" 'BEGIN { print "table ip long { chain rules { type filter hook input priority 0;"
		for (i = 0; i < n; i++) print "ip saddr != 10.9.9.1 ip daddr != 10.9.9.1 ip ttl != 1 ip saddr 10.9." int(i / 250) "." i % 250 " counter"
		print "}"; print "}" }')
}

rules() {
	local stopped found
	add_rules 40000
	observe pings -p icmp --daddr 10.7.0.2
	in_b nft delete table ip long
	# of a virtual CPU that its host stops in there for long it is told that it did not run, instead or before
	stopped=$(jq -c 'select(.type == "journey") | .delays[] | select(.stage == "netfilter" and .cause != "netfilter")' "$json" | wc -l)
	found=$(delays netfilter 1 | wc -l)
	check 'rules: of most packets' eval "(($found >= 2 && $found + $stopped >= 3))"
	count=$found told rules netfilter 1 200 'netfilter netfilter, .*table:long, chain:rules, 40000 rules'
}

# For each packet the time in the chain, as its events have it, and what is said of netfilter: of that chain, and of the rest.
in_chain() {
	jq -c 'select(.type == "journey") | .events as $events | [.delays[] | select(.stage == "netfilter")] as $delays
		| [range($events | length - 1) | $events[. + 1].ts_ns - $events[.].ts_ns] as $steps | range($events | length - 1) as $i
		| select($events[$i].notes.table.table == "long")
		| {ns: $steps[$i], others: ($steps | del(.[$i])), ours: [$delays[] | select(.cause != "netfilter" or (.text | test("table:long")))],
			rest: [$delays[] | select(.cause == "netfilter" and (.text | test("table:long") | not))]}' "$json"
}

# Whether so many take 1 ms depends on the machine: a delay is told if they do, and only then.
fewer_rules() {
	add_rules 5000
	observe pings -p icmp --daddr 10.7.0.2
	in_b nft delete table ip long
	in_chain >"$scratch/chains"
	equal 'fewer rules: all packets went by them' 3 "$(wc -l <"$scratch/chains")"
	check 'fewer rules: they took long enough to be seen' jq -se 'all(.[]; .ns > 20000)' "$scratch/chains"
	equal 'fewer rules: told is what took 1 ms or more' "$(jq -c '.ns >= 1000000' "$scratch/chains")" \
		"$(jq -c '.ours != []' "$scratch/chains")"
	equal 'fewer rules: for so long, and how many they are' '' "$(jq -c '.ns as $ns | .ours[]
		| select(.cause == "netfilter" and (.delay_ns != $ns or (.text | test("table:long, chain:rules, 5000 rules$") | not)))' "$scratch/chains")"
	# an emulated CPU may need as long before it comes to the chain
	equal 'fewer rules: nor is any other time in netfilter longer than it took' '' \
		"$(jq -c '.others as $others | .rest[] | select(.delay_ns < 1000000 or [.delay_ns] - $others != [])' "$scratch/chains")"
}

# ping_of_two ARGUMENT... ADDRESS OTHER: nettrace is asked about ADDRESS alone. An emulated CPU needs several milliseconds for code
# that it has not run before, as the first fragment's would be, while the second one is on its way.
ping_of_two() {
	in_a ping -q -c 1 -s 2000 "${@:1:$#-2}" "${@: -1}"
	in_a ping -q -c 1 -s 2000 "${@:1:$#-1}"
}

fragments() { ping_of_two 10.7.0.2 10.7.0.3; }

add_other_address() { ip -n b address add 10.7.0.3/24 dev vb && know a va b vb 10.7.0.3; }

late_fragment() {
	check 'late fragment: an address for the first ones' add_other_address
	in_a tc qdisc add dev va root handle 1: prio
	in_a tc qdisc add dev va parent 1:3 handle 8: netem delay 100ms
	in_a tc filter add dev va parent 1: protocol ip prio 1 u32 match u16 0 0x1fff at 6 flowid 1:1
	in_a tc filter add dev va parent 1: protocol ip prio 2 u32 match u32 0 0 flowid 1:3
	observe fragments -p icmp --daddr 10.7.0.2
	in_a tc qdisc del dev va root
	told 'late fragment' defrag 95 140 'ip-in other fragments of it came late'
}

fragments6() { ping_of_two -6 fd07::2 fd07::3; }

add_ipv6_addresses() {
	add_ipv6 a va fd07::1/64 && add_ipv6 b vb fd07::{2,3}/64 && know a va b vb fd07::{2,3} && know b vb a va fd07::1
}

# The same over IPv6, whose fragments have a header of their own behind the address.
late_fragment6() {
	check 'late fragment of IPv6: addresses' add_ipv6_addresses
	in_a tc qdisc add dev va root handle 1: prio
	in_a tc qdisc add dev va parent 1:3 handle 8: netem delay 100ms
	in_a tc filter add dev va parent 1: protocol ipv6 prio 1 u32 match u8 44 0xff at 6 match u16 0 0xfff8 at 42 flowid 1:1
	in_a tc filter add dev va parent 1: protocol ipv6 prio 2 u32 match u8 44 0xff at 6 flowid 1:3
	observe fragments6 -p icmpv6 --daddr fd07::2
	in_a tc qdisc del dev va root
	told 'late fragment of IPv6' defrag 95 140 'ip-in other fragments of it came late'
}

# start_reader ADDRESS: socat in b that reads from there; sets reader.
start_reader() {
	rm -f "$scratch/read"
	in_b ${reader_on:+taskset -c "$reader_on"} socat -u "$1" OPEN:"$scratch/read",creat,append &
	sleep 0.5
	reader=$(pgrep -nx socat)
}

end_reader() {
	kill "$reader" 2>/dev/null
	wait
}

# It opens where it writes to when it has accepted the connection.
is_ready() { [[ -e $scratch/read ]]; }
has_read() { [[ -s $scratch/read ]]; }

# What it is sent first has it wait, as readers do.
send_one() {
	wait_for 10 is_ready
	sleep 0.2
	echo one
	wait_for 10 has_read
	sleep 0.2
}

send_late() { (
	send_one
	kill -STOP "$reader"
	echo two
	sleep 0.3
	kill -CONT "$reader"
	sleep 0.2
) | in_a ${sender_on:+taskset -c "$sender_on"} socat -u - "$1"; }

send_udp_late() { send_late UDP-SENDTO:10.7.0.2:7000; }
send_tcp_late() { send_late TCP:10.7.0.2:7000; }

stopped_readers() {
	start_reader UDP-RECV:7000
	observe send_udp_late -p udp -D 7000
	end_reader
	told 'UDP reader stopped' reader_busy 290 360 "socket queue its reader socat\\[$reader\\] was stopped"
	start_reader TCP-LISTEN:7000
	observe send_tcp_late -p tcp -D 7000
	end_reader
	told 'TCP reader stopped' reader_busy 290 360 "socket queue its reader socat\\[$reader\\] was stopped"
}

# The first packet of 152 bytes is lost, and the acknowledgements that show it come late.
send_with_a_loss() { (
	echo one
	sleep 0.5
	printf %100s ""
	sleep 0.02
	printf %50s ""
	sleep 0.5
) | in_a socat -u - TCP:10.7.0.2:7000,nodelay; }

# Whoever comes after it waits for its retransmission, whatever the reader does.
lost_segment() {
	in_b nft -f - <<<'table ip lost { chain packets { type filter hook prerouting priority 0;
		tcp dport 7000 ip length 152 limit rate 1/day burst 1 packets drop
	}
	}'
	in_b tc qdisc add dev vb root handle 8: netem delay 100ms
	start_reader TCP-LISTEN:7000
	observe send_with_a_loss -p tcp -D 7000
	end_reader
	in_b tc qdisc del dev vb root
	in_b nft delete table ip lost
	equal 'lost segment: one is lost' 1 "$(jq -c 'select(.outcome == "dropped")' "$json" | wc -l)"
	delays unknown | grep ' segments before it came late$' >"$scratch/delays"
	check 'lost segment: the next one waits for it' eval "(($(wc -l <"$scratch/delays") == 1))"
	check 'lost segment: 90 ms to 160 ms' eval "(($(cut -d ' ' -f 1 "$scratch/delays") >= 90 && $(cut -d ' ' -f 1 "$scratch/delays") <= 160))"
	equal 'lost segment: nobody is blamed for 30 ms or more' '' "$(delays reader_busy 30; delays reader_not_scheduled 30)"
}

# The reader has its socket locked while it copies, and copying takes it 200 ms.
send_to_copying() { (
	echo one
	sleep 0.3
	"${nettrace%/*}/inject" copy 1 200 "$reader" >"$scratch/copy" &
	sleep 2
	echo two
	sleep 0.05
	echo three
	sleep 0.5
	wait
) | in_a taskset -c 0 socat -u - TCP:10.7.0.2:7000,nodelay; }

socket_in_use() {
	reader_on=1 start_reader TCP-LISTEN:7000
	observe send_to_copying -p tcp -D 7000
	end_reader
	if is_host_to_blame; then
		skip 'socket in use: the third one waits, and why' "a CPU did not run: $(cat "$scratch/stopped")"
		return
	fi
	delays reader_busy >"$scratch/delays"
	equal 'socket in use: the third one waits, and why' ' socket queue its socket was in use by a process' \
		"$(sed 's/^[0-9]*//' "$scratch/delays")"
	check 'socket in use: 50 ms to 220 ms' eval "(($(cut -d ' ' -f 1 "$scratch/delays") >= 50 && $(cut -d ' ' -f 1 "$scratch/delays") <= 220))"
}

# hog MILLISECONDS: a realtime task gives CPU 1 to nobody, for so long by its own clock: a shell may need as long to start. Of every
# second it may have 950 ms.
hog() {
	# shellcheck disable=SC2016 # for the shell that it starts
	scratch=$scratch hog_us=$(($1 * 1000)) taskset -c 1 chrt -f 50 bash -c ': >"$scratch/hogging"
		until=$((${EPOCHREALTIME/./} + hog_us)); while ((${EPOCHREALTIME/./} < until)); do :; done'
}

is_hogging() { [[ -e $scratch/hogging ]]; }

# start_hog MILLISECONDS: it has the CPU when this returns.
start_hog() {
	rm -f "$scratch/hogging"
	hog "$1" &
	wait_for 5 is_hogging
}

send_to_hogged() {
	{
		send_one
		start_hog 300
		echo two
		sleep 0.5
	} | in_a taskset -c 0 socat -u - "$1"
}

send_udp_to_hogged() { send_to_hogged UDP-SENDTO:10.7.0.2:7000; }
send_tcp_to_hogged() { send_to_hogged TCP:10.7.0.2:7000; }

# reader_off_cpu NAME ADDRESS TRAFFIC PROTOCOL
reader_off_cpu() {
	reader_on=1 start_reader "$2"
	observe "$3" -p "$4" -D 7000
	end_reader
	told "$1" reader_not_scheduled 150 320 \
		"socket queue its reader socat\\[$reader\\] was ready to run for [0-9.]+ ms, [0-9.]+ ms of which bash\\[[0-9]+\\] had its CPU"
}

readers_off_cpu() {
	reader_off_cpu 'reader kept off its CPU' UDP-RECV:7000 send_udp_to_hogged udp
	reader_off_cpu 'TCP reader kept off its CPU' TCP-LISTEN:7000 send_tcp_to_hogged tcp
}

# A longer wait of long ago has nothing to do with the second packet.
send_to_hogged_twice() {
	{
		sleep 0.5
		echo one
		sleep 0.3
		hog 400
		sleep 0.7
		start_hog 300
		echo two
		sleep 0.5
	} | in_a taskset -c 0 socat -u - TCP-LISTEN:7000
}

# It looks again and again, and never sleeps: so no wakeup of it is seen.
start_restless_reader() {
	# shellcheck disable=SC2016 # for the shell that it starts
	ip netns exec b taskset -c 1 bash -c 'until exec 3<>/dev/tcp/10.7.0.1/7000; do :; done
		while :; do ! read -rt 0 -u 3 || read -rN 4 -u 3; done' 2>/dev/null &
	restless=$!
}

restless_reader() {
	local restless
	start_restless_reader
	observe send_to_hogged_twice -p tcp -S 7000
	kill "$restless"
	wait "$restless" 2>/dev/null
	if is_host_to_blame; then
		skip 'reader that never sleeps: is told of 1' "a CPU did not run: $(cat "$scratch/stopped")"
		return
	fi
	told 'reader that never sleeps' reader_not_scheduled 150 320 \
		"socket queue its reader bash\\[$restless\\] was ready to run for [0-9.]+ ms, [0-9.]+ ms of which bash\\[[0-9]+\\] had its CPU"
}

modules() {
	local module
	for module in sch_netem sch_tbf sch_prio cls_u32 nf_tables; do modprobe "$module" || return; done
}

check 'modules' modules
if check 'topology' topology_veth; then
	know a va b vb 10.7.0.2
	know b vb a va 10.7.0.1
	netem
	tbf
	neighbour
	rules
	fewer_rules
	late_fragment
	late_fragment6
	stopped_readers
	lost_segment
	socket_in_use
	readers_off_cpu
	restless_reader
fi
