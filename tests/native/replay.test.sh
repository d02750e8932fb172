#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Recordings made on each kernel are told as they were told before, byte for byte, in every format.
# scripts/update-golden.sh shows the differences and replaces what is expected.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../replay/lib.sh
. "$repo/tests/replay/lib.sh"

same_as_expected() {
	local directory=$1 file=$2
	shift 2
	golden_unpack "$directory" "$file" "$scratch/wanted-$file" || return
	golden_make "$directory/trace.nettrace" "$scratch/$file" "$@" 2>"$scratch/err" || { cat "$scratch/err"; return 1; }
	cmp "$scratch/wanted-$file" "$scratch/$file" ||
		{ diff <(golden_readable "$scratch/wanted-$file") <(golden_readable "$scratch/$file") | head -n 20; return 1; }
}

for recording in "$golden"/*/trace.nettrace; do
	name=${recording%/*} name=${name##*/}
	for output in "${golden_outputs[@]}"; do
		read -r file options <<<"$output"
		# shellcheck disable=SC2086 # words
		check "$name: $file" same_as_expected "${recording%/*}" "$file" $options
	done
done
