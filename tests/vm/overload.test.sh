#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Overload: while nettrace does not read at all, no packet waits for it. What it lost then is told by cause, probe and
# CPU, and no journey is called whole that is not.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"

# Far more than the small buffer holds, and less than the large one.
flood_pings=600 small=512K large=64M
flood_id=4711 first_id=4712 calm_id=4713 calm_pings=3

flood() { in_a ping -q -f -c "$flood_pings" -e "$flood_id" 10.7.0.2; }
calm() { in_a ping -q -i 0.1 -c "$calm_pings" -e "$calm_id" 10.7.0.2; }

all_answered() { flood | tee /dev/stderr | grep -q " $flood_pings received, 0% packet loss"; }

# The rings have been read once a ping sent since is told as a whole; recordings have no such sign, but grow.
has_read() {
	in_a ping -q -c 1 -e "$first_id" 10.7.0.2 >/dev/null
	[[ $(grep -c "ping reply, .* id: $first_id" "$1") -ge 1 ]]
}

has_grown() { (($(stat -c %s "$1") > $2)); }

# overload NAME OUT ARGUMENT...: the reader stands still for the flood, and not for the pings after it.
overload() {
	local name=$1 out=$2 size
	shift 2
	start_nettrace "$out" -p icmp "$@" || return
	size=$(stat -c %s "$out.nettrace" 2>/dev/null)
	kill -STOP "$nettrace_pid"
	check "$name: all pings are answered while nobody reads" all_answered
	kill -CONT "$nettrace_pid"
	if [[ -n $size ]]; then
		check "$name: it is read again" wait_for 60 has_grown "$out.nettrace" "$size"
	else
		check "$name: it is read again" wait_for 60 has_read "$out"
	fi
	check "$name: pings after that" calm
	stop_nettrace
	equal "$name: status" 0 "$nettrace_status"
}

# lost FILE.err CAUSE: in the totals.
lost() { sed -nE "s/^nettrace: [0-9]+ journeys .* lost:.* $2 ([0-9]+),.*/\1/p" "$1"; }

# Where it was lost: probe and CPU, of the first places, and how many in the others.
said_places() { sed -nE 's/^nettrace: lost: [a-z]+ ([0-9]+) at [a-z0-9_]+ on CPU [0-9]+$/\1/p' "$1"; }
said_elsewhere() { sed -nE 's/^nettrace: lost: also ([0-9]+) in [0-9]+ other places$/\1/p' "$1"; }
said_lost() { { said_places "$1" && said_elsewhere "$1"; } | awk '{ n += $1 } END { print n + 0 }'; }
all_lost() { echo $(($(lost "$1" ring) + $(lost "$1" map) + $(lost "$1" id))); }

# Events of each whole journey: `request N`, `reply N`.
whole_counts() {
	awk -F '\t' -v id="$calm_id" '$1 == "block" && $4 == id { print $2, split($9, f, " ") }' "$blocks" | sort -u
}

# Journeys which are not what their number of events says.
wrongly_told() {
	awk -F '\t' -v counts="$(whole_counts | tr '\n' ' ')" '
		BEGIN { n = split(counts, w, " "); for (i = 1; i < n; i += 2) whole[w[i]] = w[i + 1] }
		$1 == "block" {
			n = split($9, f, " ")
			if ((n < whole[$2]) != ($7 == "incomplete")) print $2, $3, $4, $7, n " of " whole[$2]
		}' "$blocks" | head -n 10
}

check_blocks() {
	read_blocks "$2"
	check "$1: well-formed" all_well_formed
	equal "$1: requests and replies after the overload are whole" "$((2 * calm_pings))" \
		"$(($(count_blocks request '' "$calm_id" '' '' consumed) + $(count_blocks reply '' "$calm_id" '' '' delivered)))"
	equal "$1: all whole requests have as many events, and so have the replies" 'reply request' \
		"$(whole_counts | cut -d ' ' -f 1 | paste -sd ' ')"
	equal "$1: journeys which lack events are incomplete, and no others" '' "$(wrongly_told)"
	equal "$1: incomplete journeys in the totals" "$n_incomplete" \
		"$(sed -nE 's/^nettrace: [0-9]+ journeys \(([0-9]+) incomplete\).*/\1/p' "$2.err")"
}

small_buffer() {
	local out=$scratch/small
	overload small "$out" --buffer "$small" || return
	check_blocks small "$out"
	check 'small: some journeys are incomplete' test "$n_incomplete" -gt 0
	check 'small: the ring lost events' test "$(lost "$out.err" ring)" -gt 0
	check 'small: at some probes and CPUs' test "$(said_places "$out.err" | wc -l)" -gt 0
	equal 'small: they add up' "$(all_lost "$out.err")" "$(said_lost "$out.err")"
}

large_buffer() {
	local out=$scratch/large
	overload large "$out" --buffer "$large" || return
	check_blocks large "$out"
	equal 'large: nothing is lost' 0 "$(all_lost "$out.err")"
	equal 'large: every ping of the flood' "$((2 * flood_pings))" "$(count_blocks '' '' "$flood_id")"
	equal 'large: no journey is incomplete' 0 "$n_incomplete"
}

recorded() {
	local out=$scratch/recorded file=$scratch/recorded.nettrace read=$scratch/read
	overload recorded "$out" --buffer "$small" -w "$file" || return
	check 'recorded: the ring lost events' test "$(lost "$out.err" ring)" -gt 0
	equal 'recorded: they add up' "$(all_lost "$out.err")" "$(said_lost "$out.err")"
	"$nettrace" -r "$file" >"$read" 2>"$read.err"
	check_blocks 'read back' "$read"
	equal 'read back: the same totals' "$(grep ' journeys (' "$out.err")" "$(grep ' journeys (' "$read.err")"
	equal 'read back as JSON: the same losses' "$(lost "$out.err" ring) $(lost "$out.err" map) $(lost "$out.err" id)" \
		"$("$nettrace" -r "$file" --format jsonl 2>/dev/null |
			jq -r 'select(.type == "summary") | .lost | "\(.ring) \(.map) \(.id)"')"
}

slow_id=4714

# Or the question whether it is still there would wait with the packet.
remember_neighbour() { ip -n "$1" neighbour change "$2" dev "$3" nud permanent; }

# From a by r to b, and on the way it waits twice, each time until it is let go on.
topology_two_waits() {
	topology_down
	modprobe veth && modprobe sch_plug && add_namespace a && add_namespace r && add_namespace b &&
		add_veth a va r ra && add_veth r rb b vb &&
		ip -n a address add 10.7.1.2/24 dev va && ip -n r address add 10.7.1.1/24 dev ra &&
		ip -n r address add 10.7.2.1/24 dev rb && ip -n b address add 10.7.2.2/24 dev vb &&
		ip -n a route add default via 10.7.1.1 && ip -n b route add default via 10.7.2.1 &&
		ip netns exec r sysctl -qw net.ipv4.ip_forward=1 && in_a ping -q -c 1 -W 5 10.7.2.2 >/dev/null &&
		remember_neighbour a 10.7.1.1 va && remember_neighbour r 10.7.1.2 ra &&
		remember_neighbour r 10.7.2.2 rb && remember_neighbour b 10.7.2.1 vb &&
		in_a tc qdisc add dev va root plug && ip netns exec r tc qdisc add dev rb root plug
}

fill_rings() {
	local cpu
	for cpu in $(seq 0 $(($(nproc) - 1))); do
		in_a taskset -c "$cpu" ping -q -f -c "$flood_pings" -e "$flood_id" 127.0.0.1
	done
}

waits_at() { ip netns exec "$1" tc -s qdisc show dev "$2" | grep -q 'backlog [0-9]*b 1p'; }
let_go() { ip netns exec "$1" tc qdisc change dev "$2" root plug release_indefinite; }
self_is_told() {
	in_a ping -q -c 1 -e "$first_id" 127.0.0.1 >/dev/null
	(($(grep -c "ping reply, .* id: $first_id" "$1") > 0))
}

# What is lost of a packet between two events that are told.
middle() {
	local out=$scratch/middle slow
	start_nettrace "$out" -p icmp --buffer "$small" || return
	in_a ping -q -c 1 -W 30 -e "$slow_id" 10.7.2.2 >/dev/null &
	slow=$!
	check 'middle: begins' wait_for 30 waits_at a va
	check 'middle: and is read' wait_for 60 self_is_told "$out"
	kill -STOP "$nettrace_pid"
	fill_rings >/dev/null
	let_go a va
	check 'middle: goes on meanwhile' wait_for 30 waits_at r rb
	kill -CONT "$nettrace_pid"
	check 'middle: it is read again' wait_for 60 self_is_told "$out"
	let_go r rb
	check 'middle: arrives' wait "$slow"
	stop_nettrace
	slow=$(awk -v id="$slow_id" 'BEGIN { RS = ""; FS = "\n" } $0 ~ "ping request, .* id: " id' "$out")
	check 'middle: its beginning is told' grep -q '\[__ip_local_out' <<<"$slow"
	check 'middle: its end is told' grep -q '^total: .* outcome: consumed' <<<"$slow"
	check 'middle: what it lacks is said' grep -q '^incomplete: records were lost' <<<"$slow"
}

topology_veth || exit
know_neighbours
small_buffer
large_buffer
recorded
topology_two_waits || exit
middle
