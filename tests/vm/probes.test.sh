#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# usage: tests/vm/probes.test.sh [--print]
#
# Which rows of the probe table do not attach on this kernel, and why, compared with tests/vm/probes.expected, which
# has them for all kernels. --print prints this kernel's lines; tests/vm/probes-expected.sh makes the file from them.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
expected=$(dirname "$0")/probes.expected

# What is probed in modules must be loaded. Only what was not there before is unloaded.
modules=(bridge br_netfilter nf_tables ip_tables ip6_tables nf_conntrack nf_nat cls_bpf act_bpf bonding 8021q)
loaded=()

load_modules() {
	local module
	for module in "${modules[@]}"; do
		[[ ! -e /sys/module/$module ]] || continue
		case $module in
		bonding) modprobe -q bonding max_bonds=0 ;;
		*) modprobe -q "$module" ;;
		esac && loaded=("$module" "${loaded[@]}")
	done
}

unload_modules() { ((${#loaded[@]} == 0)) || modprobe -qr "${loaded[@]}"; }

kernel=$(uname -r | cut -d . -f 1,2)
[[ $kernel != 7.* ]] || kernel=7.x

# "KERNEL NAME: REASON" for each row that is skipped.
skipped() {
	"$nettrace" --probes | awk -v kernel="$kernel" '
		$2 == "skip" {
			name = $1
			sub(/^[^ ]+ +skip +[^ ]+ +/, "") # what remains begins with the stage, in a column of 15
			print kernel, name ": " substr($0, 16)
		}' | sort
}

load_modules
if [[ ${1:-} == --print ]]; then
	skipped
	unload_modules
	exit
fi
skipped >"$scratch/got"
unload_modules
grep "^${kernel//./\\.} " "$expected" >"$scratch/wanted"
if cmp -s "$scratch/wanted" "$scratch/got"; then
	ok "the probes that do not attach on $kernel are those known ($(wc -l <"$scratch/got"))"
else
	not_ok "the probes that do not attach on $kernel are those known" "$(diff "$scratch/wanted" "$scratch/got")" \
		'if that is right: tests/vm/probes-expected.sh'
fi
