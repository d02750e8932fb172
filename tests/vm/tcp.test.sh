#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TCP: of a transfer every byte is in a packet that arrived, each packet is one complete journey, nothing is left
# behind in the kernel; a lost segment and its retransmission are told, and belong together.
# NETTRACE_LONG=1: the transfer in segments of one frame each, too.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"

client=10.7.0.1 server=10.7.0.2 port=5001

# transfer BYTES: from a to b; both ends are closed when it returns.
transfer() {
	local receiver
	ip netns exec b socat -u -b 65536 "TCP4-LISTEN:$port,reuseaddr" "OPEN:$scratch/received,creat,trunc" &
	receiver=$!
	wait_for 20 listens || return
	# In large writes: so the packets are large and few.
	in_a bash -c "dd if=/dev/zero bs=$1 count=1 status=none >/dev/tcp/$server/$port"
	wait "$receiver" && wait_for 20 is_over && [[ $(stat -c %s "$scratch/received") == "$1" ]]
}

listens() { [[ -n $(in_b ss -tlnH "sport = :$port") ]]; }
is_over() { [[ -z $(in_b ss -tnH state connected) ]]; }

# count_kind FROM TO FLAGS [OUTCOME]: packets with exactly these flags, a regular expression. One that was cut counts
# without its pieces.
count_kind() {
	awk -F '\t' -v re="^TCP: $1:[0-9]+ -> $2:[0-9]+ .*flags:$3(,|$)" -v outcome="${4-}" '
		$1 == "packet" && $8 ~ re && $7 !~ /part of: / && (outcome == "" || $2 == outcome) { n++ }
		END { print n + 0 }' "$blocks"
}

# Segments with data, a line each: BLOCK OUTCOME OFFSET LENGTH ADDRESSES START FOOTERS FUNCTIONS. Offsets count from
# the first byte.
read_segments() {
	awk -F '\t' -v re="^TCP: $client:[0-9]+ -> $server:$port " '
		function number(name) { return match(text, name ":[0-9]+") ? substr(text, RSTART + 4, RLENGTH - 4) + 0 : 0 }
		$1 != "packet" || $8 !~ re { next }
		{ text = $8; n++; seq[n] = number("seq"); len[n] = number("len"); row[n] = $0 }
		text ~ /flags:S$/ { first = seq[n] + 1 }
		END {
			for (i = 1; i <= n; i++) {
				if (!len[i]) continue
				split(row[i], w, "\t")
				offset = seq[i] - first
				if (offset < 0) offset += 4294967296
				printf "%d\t%s\t%.0f\t%d\t%s\t%s\t%s\t%s\n", i, w[2], offset, len[i], w[4], w[5], w[7], w[6]
			}
		}' "$blocks" >"$scratch/segments"
}

# every_byte BYTES: of those segments which arrived, in the order of their offsets, none begins behind the end of the
# ones before; together they are all bytes and no more.
every_byte() {
	awk -F '\t' '$2 == "delivered" || $2 == "merged"' "$scratch/segments" | sort -n -t $'\t' -k 3,3 |
		awk -F '\t' -v bytes="$1" '
			$3 > end { print "nothing from byte " end " to " $3; bad = 1 }
			$3 + $4 > end { end = $3 + $4 }
			END {
				if (end != bytes) print "the last byte is " end
				exit bad || end != bytes
			}'
}

# What was merged tells into what, and that is a packet of this trace.
merges_are_linked() {
	awk -F '\t' '
		$1 != "packet" { next }
		{ n = split($4, address, ","); for (i = 1; i <= n; i++) seen[address[i]] = 1 }
		$2 == "merged" && $7 !~ /merged into: [0-9a-f]/ { print "merged into what? " $8; bad = 1 }
		match($7, /merged into: [0-9a-f]+/) { into[++m] = substr($7, RSTART + 13, RLENGTH - 13) }
		END {
			for (i = 1; i <= m; i++) if (!(into[i] in seen)) { print "not of this trace: " into[i]; bad = 1 }
			exit bad
		}' "$blocks"
}

# complete NAME COMMAND...: a check which needs every event. A kernel may hide some and not count them; then what it
# cannot show is skipped.
complete() {
	local name=$1
	shift
	if grep -q 'recursion 0$' "$out.err" || "$@" >/dev/null; then
		check "$name" "$@"
	else
		skip "$name" 'events may be hidden by recursion'
	fi
}

# Each with the reader or in another packet; one that was cut into segments was only transmitted.
ended_well() { ! cut -f 2 "$scratch/segments" | grep -vxE 'delivered|merged|transmitted'; }

check_connection() {
	local name=$1 out=$2
	complete "$name: well-formed" all_well_formed
	check "$name: nothing is lost" grep -q 'lost: ring 0, map 0, id 0,' "$out.err"
	complete "$name: none is incomplete" none_incomplete "$out"
	equal "$name: one SYN, consumed" '1 1' "$(count_kind $client $server S) $(count_kind $client $server S consumed)"
	equal "$name: one SYN-ACK, consumed" '1 1' "$(count_kind $server $client SA) $(count_kind $server $client SA consumed)"
	equal "$name: a FIN of each side" '1 1' "$(count_kind $client $server 'F[AP]+') $(count_kind $server $client 'F[AP]+')"
	check "$name: acknowledgements" eval "(($(count_kind $server $client A consumed) > 0))"
	check "$name: what was merged says into what" merges_are_linked
}

sent_with_data() { in_a nft list counter inet reference data | awk '$1 == "packets" { print $2 }'; }

# large NAME OUT
large() {
	local name=$1 out=$2 bytes=10485760
	in_a nft "add table inet reference
		add counter inet reference data
		add chain inet reference out { type filter hook output priority 0; }
		add rule inet reference out tcp dport $port tcp flags & syn != syn meta length > 60 counter name data"
	start_nettrace "$out" -p tcp -P "$port" || return
	check "$name: 10 MB arrive" transfer "$bytes"
	check_nothing_left "$name"
	stop_nettrace
	equal "$name: nettrace ends with status 0" 0 "$nettrace_status"
	read_blocks "$out"
	echo "# $name: $(tail -n 1 "$out.err")"
	check_connection "$name" "$out"
	read_segments
	equal "$name: as many packets with data as the kernel sent" "$(sent_with_data)" \
		"$(grep -vc 'part of: ' "$scratch/segments")"
	complete "$name: every byte is in a packet that was delivered or merged" every_byte "$bytes"
	complete "$name: none of them ended otherwise" ended_well
	in_a nft flush ruleset
}

# A segment is lost at the receiver: told as dropped, and its retransmission refers to it.
retransmission() {
	local out=$scratch/retransmission bytes=300000 offset address start again
	in_b nft "add table ip t
		add counter ip t drops
		add chain ip t pre { type filter hook prerouting priority -300; }
		add rule ip t pre tcp dport $port meta length > 1000 numgen inc mod 1000000 == 20 counter name drops drop"
	# Segments of one frame, so that the lost one is sent again as it was.
	in_a ethtool -K va tso off gso off
	start_nettrace "$out" -p tcp -P "$port" || return
	check 'retransmission: all bytes arrive' transfer "$bytes"
	check_nothing_left 'retransmission'
	stop_nettrace
	in_a ethtool -K va tso on gso on
	equal 'retransmission: the kernel dropped one segment' 1 \
		"$(in_b nft list counter ip t drops | awk '$1 == "packets" { print $2 }')"
	in_b nft flush ruleset
	read_blocks "$out"
	check_connection 'retransmission' "$out"
	read_segments
	complete 'retransmission: every byte is in a packet that was delivered or merged' every_byte "$bytes"
	equal 'retransmission: the rule dropped one segment' 1 "$(dropped_by_rule | wc -l)"
	check 'retransmission: nothing else is dropped but what had arrived, or was overtaken' only_copies_dropped
	IFS=$'\t' read -r _ _ offset _ address start _ < <(dropped_by_rule)
	again=$(awk -F '\t' -v offset="${offset:-none}" '
		$3 == offset && $2 !~ /^(dropped|transmitted)$/ { print ($2 ~ /^(delivered|merged)$/ ? "arrived" : $2) }' \
		"$scratch/segments")
	equal 'retransmission: it is sent again once, and arrives' arrived "$again"
	check 'retransmission: that names what it repeats' \
		grep -qE "retransmission of: ${address%%,*} sent at \[${start:-none}\]" "$scratch/segments"
	check 'retransmission: the drop has a reason' grep -q '^dropped: ' "$out"
	check 'retransmission: nothing is called one that was not sent before' only_true_retransmissions
}

# The rule stands before TCP.
dropped_by_rule() { awk -F '\t' '$2 == "dropped" && $8 !~ /tcp_v4_rcv/' "$scratch/segments"; }

# A slow guest's timers send again what is only late, and TCP drops the second copy (TCP_OLD_DATA). If that came by the
# other CPU and was faster, it has the newer timestamp, and TCP drops the late ones until they are sent again (PAWS). One that
# waits in the out-of-order queue is dropped when a copy has come after it (TCP_OFO_DROP: data already in receive queue).
only_copies_dropped() {
	sort -n -t $'\t' -k 6,6 "$scratch/segments" | awk -F '\t' '
		$2 == "delivered" || $2 == "merged" { here[$3] = 1 }
		$2 == "dropped" && $8 ~ /tcp_v4_rcv/ && !/TCP_RFC7323_PAWS/ && !($3 in here) { alone[$0] = $3 }
		END {
			for (segment in alone) if (segment !~ /TCP_OFO_DROP/ || !(alone[segment] in here)) { print segment; bad = 1 }
			exit bad
		}'
}

only_true_retransmissions() {
	sort -n -t $'\t' -k 6,6 "$scratch/segments" | awk -F '\t' '
		/retransmission of/ && !($3 in sent) { print; bad = 1 }
		{ sent[$3] = 1 }
		END { exit bad }'
}

topology_veth || exit
know_neighbours
large 'transfer' "$scratch/large"
retransmission
if [[ -n ${NETTRACE_LONG:-} ]]; then
	in_a ethtool -K va tso off gso off
	large 'transfer in frames' "$scratch/frames"
fi
