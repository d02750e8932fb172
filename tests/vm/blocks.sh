# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2154 # scratch and nettrace come from lib.sh, which is sourced before
# Helpers to check nettrace's text output. read_blocks first; the others look at what it found.

blocks_awk=$(dirname "${BASH_SOURCE[0]}")/blocks.awk
blocks=$scratch/blocks

# read_blocks FILE [nat|tunnel]: sets n_blocks, n_events, n_incomplete. With `nat`, addresses and ports may change in a
# block; with `tunnel`, any packet may carry it.
read_blocks() {
	awk -v changes="${2-}" -f "$blocks_awk" "$1" >"$blocks" || return
	# shellcheck disable=SC2034 # for the tests
	IFS=$'\t' read -r _ n_blocks n_events n_incomplete < <(grep '^sum' "$blocks")
}

# Nothing but well-formed blocks, one packet in each.
all_well_formed() { ! grep -m 10 '^bad' "$blocks"; }

# none_incomplete FILE: shows those which are.
none_incomplete() { awk 'BEGIN { RS = "" } /outcome: (incomplete|evicted)/ { print; bad = 1 } END { exit bad }' "$1"; }

# complete_but_for_hidden NAME FILE.err: no journey is incomplete, or no more than there are hits for which the kernel
# ran no program, as it says itself: such a journey's loss was counted, but it shows nothing else.
complete_but_for_hidden() {
	local name=$1 totals incomplete hidden
	totals=$(grep '^nettrace: [0-9]* journeys (' "$2")
	incomplete=$(sed -E 's/.*\(([0-9]+) incomplete\).*/\1/' <<<"$totals") hidden=${totals##* }
	if [[ $incomplete == 0 ]]; then
		ok "$name"
	elif [[ $hidden == unknown ]] || ((incomplete <= hidden)); then
		skip "$name" "$totals"
	else
		not_ok "$name" "$totals"
	fi
}

# count_blocks [TYPE|''] [SEQ|''] [ID|''] [SOURCE|''] [DESTINATION|''] [OUTCOME|'']: of the echoes.
count_blocks() {
	awk -F '\t' -v type="${1-}" -v seq="${2-}" -v id="${3-}" -v from="${4-}" -v to="${5-}" -v outcome="${6-}" '
		$1 == "block" && (type == "" || $2 == type) && (seq == "" || $3 == seq) && (id == "" || $4 == id) &&
			(from == "" || $5 == from) && (to == "" || $6 == to) && (outcome == "" || $7 == outcome) { n++ }
		END { print n + 0 }' "$blocks"
}

# functions_of TYPE SEQ: of that echo's block or blocks, a line each.
functions_of() { awk -F '\t' -v type="$1" -v seq="$2" '$1 == "block" && $2 == type && $3 == seq { print $9 }' "$blocks"; }

# equal NAME WANTED GOT
equal() {
	if [[ $2 == "$3" ]]; then
		ok "$1"
	else
		not_ok "$1" "wanted: $2" "got:    $3"
	fi
}

# select_packets REGEX: sets the array selected to the blocks whose packet looked so in the beginning.
select_packets() { mapfile -t selected < <(awk -F '\t' -v re="$1" '$1 == "packet" && $8 ~ re' "$blocks"); }

# Of the first selected: a field as blocks.awk prints them, and the packet's text, with a line for each change.
packet_field() { cut -f "$1" <<<"${selected[0]}"; }
packet_texts() { packet_field 8- | tr '\t' '\n'; }

# only WORDS GOT: what GOT has of these words, in its order.
only() {
	local word result=''
	for word in $2; do
		[[ " $1 " != *" $word "* ]] || result+="$word "
	done
	printf '%s' "${result% }"
}

# passes_in_order NAME WANTED GOT: the functions of WANTED are all in GOT, in this order and not more often. `name?`
# may be absent, `!name` must be; functions that are not in WANTED may come between.
passes_in_order() {
	local name=$1 word pattern='' names='' seen
	for word in $2; do
		case $word in
		!*) ;;
		*\?) pattern+="(${word%\?} )?" ;;
		*) pattern+="$word " ;;
		esac
		word=${word%\?}
		names+=" ${word#!}"
	done
	seen=$(only "$names" "$3")
	if [[ "${seen:+$seen }" =~ ^${pattern}$ ]]; then
		ok "$name"
	else
		not_ok "$name" "wanted: $2" "got:    $seen" "of:     $3"
	fi
}

# passes_reply NAME HEAD GOT: to a raw socket. Its reader may run on another CPU while the kernel is still busy with
# the original, so that what follows HEAD are two orders, mixed.
passes_reply() {
	local name=$1 head=${3%% raw_rcv *} tail=${3#* raw_rcv }
	local original='icmp_rcv ping_rcv kfree_skb' clone='skb_copy_datagram_iovec consume_skb'
	if [[ $(only "$original" "$tail") == "$original" && $(only "$clone" "$tail") == "$clone" ]]; then
		passes_in_order "$name" "$2 skb_clone raw_rcv" "$head raw_rcv"
	else
		not_ok "$name" "wanted: $2, then mixed: $original; $clone" "got:    $3"
	fi
}

# What stderr must hold after a run without trouble: readiness, totals, nothing else.
readiness_regex='^nettrace: tracing, (kprobe-multi|fentry|kprobe|tracepoint) backend, [1-9][0-9]* probes \([0-9]+ skipped\)$'

# check_stderr NAME FILE JOURNEYS EVENTS INCOMPLETE: and nothing was lost, as far as the kernel can tell.
check_stderr() {
	local totals="nettrace: $3 journeys ($5 incomplete), $4 events, lost: ring 0, map 0, id 0, recursion "
	local -a lines
	mapfile -t lines < <(said "$2")
	if [[ ${#lines[@]} == 2 && ${lines[0]} =~ $readiness_regex && ${lines[1]} =~ ^"$totals"(0|unknown)$ ]]; then
		ok "$1"
	else
		not_ok "$1" "wanted: readiness, then $totals" "got:" "$(head -n 20 "$2")"
	fi
}

# wait_for SECONDS COMMAND...: polls.
wait_for() {
	local tries=$(($1 * 20))
	shift
	until "$@"; do
		((tries-- > 0)) || return 1
		sleep 0.05
	done
}

# Not even the child is left which takes probes away for a nettrace that has ended.
alone() { ! pgrep -x nettrace >/dev/null; }

# trace OUT TRAFFIC ARGUMENT...: runs nettrace while the function TRAFFIC works, ends it as Ctrl-C would, reads its blocks.
trace() {
	local out=$1 traffic=$2
	shift 2
	start_nettrace "$out" "$@" || return
	"$traffic" >"$scratch/traffic" 2>&1 || cat "$scratch/traffic"
	stop_nettrace
	read_blocks "$out"
}

# Which backends this kernel can have: kprobe.multi is built on fprobe, without which this function does not exist.
has_kprobe_multi() { grep -q ' register_fprobe_ips$' /proc/kallsyms; }

# Neighbours that need no ARP, for when the link is too bad for it.
know_neighbours() {
	local va vb
	va=$(in_a cat /sys/class/net/va/address) vb=$(in_b cat /sys/class/net/vb/address)
	ip -n a neighbour replace 10.7.0.2 lladdr "$vb" dev va && ip -n b neighbour replace 10.7.0.1 lladdr "$va" dev vb
}

# --- what is left in the kernel

nothing_tracked() {
	left=$(build/tracked entries)
	[[ $left == 'skbs 0, heads 0' ]]
}

nothing_left() {
	left=$(build/tracked)
	[[ $left == 'skbs 0, heads 0, 0, 0' ]]
}

check_nothing_left() {
	local end=$((SECONDS + 2))
	# Frees are over when the traffic is, but for those deferred to another CPU's softirq. Not longer: a sweep of
	# old entries would hide what the end probes missed.
	until nothing_tracked || ((SECONDS >= end)); do sleep 0.05; done
	if nothing_left; then
		ok "$1: maps and prefilter are empty"
	else
		not_ok "$1: maps and prefilter are empty" "map elements, prefilter counts not zero: $left"
	fi
}
