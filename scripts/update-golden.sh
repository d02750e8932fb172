#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# usage: scripts/update-golden.sh [--record [KERNEL|delays]...] [--yes]
#
# Shows how what nettrace tells of the golden recordings (tests/replay) differs from what the tests expect, and asks
# whether to replace that.
#
#   --record   make the recordings themselves anew, in guests, with these kernels or with all; `delays` is one of late
#              packets
#   --yes      do not ask
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../tests/replay/lib.sh
. "$repo/tests/replay/lib.sh"

# record KERNEL|delays
record() {
	local guest=(--kernel "$1" --timeout 300 -- tests/vm/golden.sh)
	[[ $1 != delays ]] || guest=(--kernel 7.x --nic --timeout 300 -- tests/vm/golden-delays.sh)
	mkdir -p "$golden/$1"
	"$repo/scripts/vm.sh" "${guest[@]}" >"$scratch/guest" ||
		die "recording with $1 failed: $(tail -n 3 "$scratch/guest")"
	sed -n '/BEGIN RECORDING/,/END RECORDING/{/RECORDING/!p}' "$scratch/guest" | base64 -d >"$golden/$1/trace.nettrace"
	[[ -s $golden/$1/trace.nettrace ]] || die "no recording came from the guest with $1"
}

# agrees KERNEL FILE NEW: shows the difference; true if FILE is to become NEW.
agrees() {
	local answer
	if [[ -e $2 ]] && cmp -s "$2" "$3"; then
		return 1
	fi
	echo "== $1: ${2##*/}"
	if [[ -e $2 ]]; then
		diff -u <(golden_readable "$2") <(golden_readable "$3") | head -n 200 || true
	fi
	[[ -z $yes ]] || return 0
	read -r -p 'replace it? [y/N] ' answer </dev/tty
	[[ $answer == [yY]* ]]
}

update() {
	local directory=$1 before=$scratch/before output file options
	mkdir -p "$before"
	for output in "${golden_outputs[@]}"; do
		read -r file options <<<"$output"
		# shellcheck disable=SC2086 # words
		golden_make "$directory/trace.nettrace" "$scratch/$file" $options 2>/dev/null
		golden_unpack "$directory" "$file" "$before/$file" || rm -f "$before/$file"
		! agrees "${directory##*/}" "$before/$file" "$scratch/$file" || golden_pack "$scratch/$file" "$directory/$file"
	done
}

yes='' recording='' kernels=()
for argument in "$@"; do
	case $argument in
	-h | --help) print_help && exit ;;
	--record) recording=yes ;;
	--yes) yes=yes ;;
	*)
		[[ " ${known_kernels[*]} delays " == *" $argument "* ]] || usage_error "no kernel '$argument'"
		kernels+=("$argument")
		;;
	esac
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [[ -n $recording ]]; then
	((${#kernels[@]})) || kernels=("${known_kernels[@]}" delays)
	for kernel in "${kernels[@]}"; do
		record "$kernel"
	done
fi
for directory in "$golden"/*/; do
	update "${directory%/}"
done
