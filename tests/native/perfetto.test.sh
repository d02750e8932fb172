#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Traces for Perfetto, read by another library than the one that writes them.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# balanced DECODED: on each track every slice that begins ends, and none ends twice; numbers of arrows' ends agree.
balanced() {
	# shellcheck disable=SC2016 # awk's $
	awk '
		$1 == "track_event" { type = track = "" }
		$1 == "type:" { type = $2 }
		$1 == "track_uuid:" { track = $2 }
		$1 == "flow_ids:" { arrows[$2]++ }
		$1 == "terminating_flow_ids:" { arrows[$2] += 1000 }
		$0 == "}" && type == "TYPE_SLICE_BEGIN" { depth[track]++; begun++ }
		$0 == "}" && type == "TYPE_SLICE_END" && --depth[track] < 0 { print "ends twice on " track; bad = 1 }
		$0 == "}" { type = "" }
		END {
			for (track in depth) if (depth[track]) { print "open on " track; bad = 1 }
			for (arrow in arrows) if (arrows[arrow] != 1001) { print "arrow " arrow " has not two ends"; bad = 1 }
			if (!begun) { print "no slices"; bad = 1 }
			exit bad
		}' "$1"
}

# decodes NAME FILE
decodes() {
	local name=$1 file=$2
	check "$name: protobuf" eval "protoc --decode_raw <'$file' >'$scratch/raw'"
	# packet: timestamp 8, sequence 10, event 11, track 60; within an event: type 9 and track 11
	check "$name: numbers of fields" eval "grep -q '^  8: [0-9]' '$scratch/raw' && grep -q '^  10: 1$' '$scratch/raw' &&
		grep -q '^  60 {' '$scratch/raw' && grep -A40 '^  11 {' '$scratch/raw' | grep -q '^    9: 1$'"
	check "$name: by our description of it" \
		eval "protoc --proto_path='$repo/src' --decode=nt_perfetto.Trace perfetto.proto <'$file' >'$scratch/decoded'"
	equal "$name: nothing that is not described" '' "$(grep -E '^ *[0-9]+(:| \{)' "$scratch/decoded" | head -n 3)"
	check "$name: slices and arrows" balanced "$scratch/decoded"
}

if ! type -P protoc >/dev/null; then
	skip 'perfetto' 'there is no protoc: scripts/deps.sh test'
	exit
fi

make -s -C "$repo" build/test_render_perfetto >&2
check 'a sample is written' "$repo/build/test_render_perfetto" "$scratch/sample"
decodes sample "$scratch/sample"
# shellcheck disable=SC2016 # awk's $
equal 'sample: a backlog of one, then none' '1 0' "$(awk '/counter_value:/ { print $2 }' "$scratch/decoded" | xargs)"
