# shellcheck shell=bash disable=SC2034 # for those who source this
# SPDX-License-Identifier: GPL-2.0
# The golden recordings, and what is expected of each: sourced by tests/native/replay.test.sh and scripts/update-golden.sh.

golden=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Name of the expected file, which is kept compressed, and the options which make it.
golden_outputs=(
	'text.txt'
	'detail.txt --detail'
	'basic.txt --basic'
	'tcp.txt -p tcp -c 3'
	'latency.txt --latency'
	'out.jsonl --format jsonl'
	'out.pcapng --format pcapng'
	'at.pcapng --format pcapng --pcap-at link-in'
	'out.perfetto-trace --format perfetto'
)

# golden_make RECORDING FILE OPTION...
golden_make() {
	local recording=$1 file=$2
	shift 2
	TZ=UTC "${NETTRACE:-$golden/../../build/nettrace}" -r "$recording" -o "$file" "$@"
}

# golden_unpack DIRECTORY FILE TO: false if there is none yet
golden_unpack() { [[ -e $1/$2.zst ]] && zstd -q -d -f "$1/$2.zst" -o "$3"; }

golden_pack() { zstd -q -19 -f "$1" -o "$2.zst"; }

# What is in a binary file, as text that can be compared by eyes.
golden_readable() {
	case $1 in
	*.pcapng) tshark -r "$1" -T fields -e frame.number -e frame.time_epoch -e frame.protocols -e frame.comment ;;
	*.perfetto-trace) protoc --decode_raw <"$1" ;;
	*) cat "$1" ;;
	esac
}
