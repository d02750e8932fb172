#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Counts: nothing is lost, filters take what they should and nothing else, -c and --duration end the program.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"

thousand_pings() { in_a ping -q -c 1000 -i 0.001 -W 5 10.7.0.2; }

# each_once N: every sequence number from 1 to N has exactly one request and one reply block.
each_once() {
	awk -F '\t' -v n="$1" '
		$1 == "block" { seen[$2 " " $3]++ }
		END {
			for (i = 1; i <= n; i++) {
				if (seen["request " i] != 1) print "request " i ": " seen["request " i] + 0 " blocks"
				if (seen["reply " i] != 1) print "reply " i ": " seen["reply " i] + 0 " blocks"
			}
		}' "$blocks" | head -n 20 | { ! grep .; }
}

nothing_lost() {
	check '1,000 pings at 1 ms are traced' trace "$scratch/all" thousand_pings -p icmp
	check 'every ping was answered' grep -q '1000 received' "$scratch/traffic"
	check 'the output is well-formed' all_well_formed
	equal '2,000 blocks, none incomplete' '2000 0' "$n_blocks $n_incomplete"
	check 'each echo has one request and one reply' each_once 1000
	equal 'all requests were consumed' 1000 "$(count_blocks request '' '' 10.7.0.1 10.7.0.2 consumed)"
	equal 'all replies were delivered' 1000 "$(count_blocks reply '' '' 10.7.0.2 10.7.0.1 delivered)"
	check_stderr 'nothing is said to be lost' "$scratch/all.err" 2000 "$n_events" 0
	# Neighbours are known after the first packet, so that all others take the same way.
	equal 'all requests but the first passed the same functions' 1 \
		"$(awk -F '\t' '$1 == "block" && $2 == "request" && $3 > 1 { print $9 }' "$blocks" | sort -u | wc -l)"
	# As a set: the reader may overtake the softirq which delivers its packet.
	equal 'all replies but the first passed the same functions' '' \
		"$(awk -F '\t' '$1 == "block" && $2 == "reply" && $3 > 1 { print $9 }' "$blocks" | tr ' ' '\n' | sort | uniq -c | awk '$1 % 999')"
}

# Three pings, each of five echoes, with ids of their own, in both directions, over two networks; and UDP, whose
# rejections are ICMP, but no echoes.
mixed_traffic() {
	local i job jobs=()
	in_a ping -q -c 5 -i 0.05 -W 5 -e 1111 10.7.0.2 &
	jobs+=($!)
	in_a ping -q -c 5 -i 0.05 -W 5 -e 2222 -I 10.7.1.1 10.7.1.2 &
	jobs+=($!)
	in_b ping -q -c 5 -i 0.05 -W 5 -e 3333 10.7.0.1 &
	jobs+=($!)
	# shellcheck disable=SC2016 # the inner shell's
	in_a bash -c 'for i in {1..10}; do echo x >/dev/udp/10.7.0.2/9; done' 2>/dev/null
	for job in "${jobs[@]}"; do
		wait "$job" || i=failed
	done
	[[ -z ${i:-} ]]
}

# filtered WANTED ARGUMENT...: WANTED is `REQUESTS REPLIES OTHERS`; all blocks must meet the awk condition $matches.
filtered() {
	local wanted=$1
	shift
	if ! trace "$scratch/filtered" mixed_traffic -p icmp "$@"; then
		not_ok "$*: nettrace runs" "$(cat "$scratch/filtered.err")"
		return
	fi
	equal "$*: requests, replies, others, incomplete" "$wanted 0" \
		"$(count_blocks request) $(count_blocks reply) $(grep -c '^other' "$blocks") $n_incomplete"
	check "$*: well-formed" all_well_formed
	if [[ -n $matches ]]; then
		check "$*: nothing else" awk -F '\t' "(\$1 == \"block\" && !($matches)) || \$1 == \"bad\" { print; e = 1 } END { exit e }" "$blocks"
	fi
}

# shellcheck disable=SC2016 # awk's fields
filters() {
	local matches
	ip -n a address add 10.7.1.1/24 dev va && ip -n b address add 10.7.1.2/24 dev vb
	matches='$3 == 3' filtered '3 3 0' --seq 3
	matches='$4 == 2222' filtered '5 5 0' --id 2222
	matches='$5 == "10.7.1.1"' filtered '5 0 0' -s 10.7.1.1
	matches='$6 == "10.7.0.2"' filtered '5 5 0' -d 10.7.0.2
	matches='$5 == "10.7.1.2" || $6 == "10.7.1.2"' filtered '5 5 0' --addr 10.7.1.2
	matches='$5 ~ /^10.7.1/' filtered '5 5 0' --saddr 10.7.1.0/24
	matches='$4 == 1111 && $3 == 2 && $5 == "10.7.0.1"' filtered '1 0 0' --seq 2 --id 1111 -s 10.7.0.1
	matches='' filtered '0 0 0' --addr 10.7.0.4/30
}

# An endless ping: the program must end by itself, in the middle of traffic.
start_endless_ping() {
	# Not in_a: a function runs in a shell of its own, which would be killed instead of ping.
	ip netns exec a ping -q -i 0.01 10.7.0.2 >/dev/null &
	endless=$!
}

stop_endless_ping() {
	kill "$endless"
	wait "$endless" 2>/dev/null
}

ends() {
	local n began
	start_endless_ping
	for n in 4 1; do
		start_nettrace "$scratch/c" -p icmp -c "$n" && wait_nettrace 20
		equal "-c $n ends with status 0" 0 "$nettrace_status"
		read_blocks "$scratch/c"
		equal "-c $n prints exactly as many blocks, all complete" "$n 0" "$n_blocks $n_incomplete"
		check "-c $n: well-formed" all_well_formed
		# Its events may be more: those of packets which began before the last one ended.
		check "-c $n: the totals say the same" grep -q "^nettrace: $n journeys (0 incomplete), .* lost: ring 0, map 0, id 0," "$scratch/c.err"
	done
	start_nettrace "$scratch/d" -p icmp --duration 1s
	began=${EPOCHREALTIME/./}
	wait_nettrace 20
	n=$(((${EPOCHREALTIME/./} - began) / 1000))
	equal '--duration 1s ends with status 0' 0 "$nettrace_status"
	stop_endless_ping
	read_blocks "$scratch/d"
	check '--duration 1s: well-formed' all_well_formed
	# start_nettrace may notice readiness 0.1 s late; the end waits for detaching, seconds on older kernels.
	check "--duration 1s: it took that long (here $n ms)" eval "((n >= 800 && n < 10000))"
	check "--duration 1s: it traced ($n_blocks blocks)" eval '((n_blocks > 20))'
	start_nettrace "$scratch/quiet" -p icmp --duration 300ms && wait_nettrace 20
	equal '--duration ends without traffic, too' '0 0' "$nettrace_status $(wc -c <"$scratch/quiet")"
}

topology_veth || exit
nothing_lost
filters
ends
