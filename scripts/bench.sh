#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# usage: scripts/bench.sh [--kernel WHICH] [--rounds N] [--pings N] [--no-peer]
#        scripts/bench.sh --growth [--kernel WHICH] [--rounds N] [--pings N]
#        scripts/bench.sh --native [--rounds N]
#
# What tracing costs, as ratios of runs made side by side: times on a shared machine are noise. The first form floods pings
# over veth in one boot of a VM, in turn untraced, with empty programs at nettrace's probes (the floor), with nettrace and
# with pwru, for filters that match and that do not; and what watching the CPUs takes while nobody sends. The second does so
# with more and more filters, probes, CPUs and tracked packets. The third measures nettrace's tracepoint backend on this machine, and how fast it reads a recording; it needs root.
# Prints a table of medians and writes build/bench.json, build/bench-growth.json or build/bench-native.json.
# Progress and what else is said go to stderr.
#
#   --kernel WHICH   as for scripts/vm.sh (default 6.12)
#   --backend NAME   kprobe-multi or kprobe (default: the first of them that the kernel has)
#   --rounds N       default 5
#   --pings N        of each flood (default 2000)
#   --smp N          CPUs of the VM (default 2)
#   --no-peer        without pwru, which is fetched otherwise
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

kernel=6.12 backend='' rounds=5 pings=2000 smp=2 peer=yes native='' growth=''

parse_options() {
	while (($#)); do
		case $1 in
		-h | --help) print_help && exit ;;
		--native) native=yes && shift && continue ;;
		--growth) growth=yes && shift && continue ;;
		--no-peer) peer='' && shift && continue ;;
		--kernel | --backend | --rounds | --pings | --smp) (($# > 1)) || usage_error "$1 wants a value" ;;
		*) usage_error "unknown option '$1'" ;;
		esac
		case $1 in
		--kernel) kernel=$2 ;;
		--backend) backend=$2 ;;
		--rounds) rounds=$2 ;;
		--pings) pings=$2 ;;
		--smp) smp=$2 ;;
		esac
		shift 2
	done
	[[ $rounds =~ ^[1-9][0-9]*$ && $pings =~ ^[1-9][0-9]*$ ]] || usage_error "--rounds and --pings want numbers"
	# 5.10 and 6.1 have no fprobe.
	[[ -n $backend ]] || case $kernel in 5.10 | 6.1) backend=kprobe ;; *) backend=kprobe-multi ;; esac
}

in_guest() {
	local copies=(--copy "$repo/tests/bench:/nettrace/tests/bench") round_s=120
	# It takes pwru two minutes to let go of its kprobes, twice a round.
	[[ $backend != kprobe ]] || round_s=420
	[[ -z $peer ]] || copies+=(--copy "$("$repo/scripts/fetch-peer.sh"):/nettrace/pwru")
	"$repo/scripts/vm.sh" --kernel "$kernel" --smp "$smp" --timeout $((120 + round_s * rounds)) "${copies[@]}" -- \
		"bash tests/bench/guest.sh $backend $rounds $pings 2>&1" | tee >(grep -v '^sample' >&2) | grep '^sample'
}

# grow GROUP SMP
grow() {
	"$repo/scripts/vm.sh" --kernel "$kernel" --smp "$2" --mem 6144 --timeout $((300 + 400 * rounds)) \
		--copy "$repo/tests/bench:/nettrace/tests/bench" -- \
		"bash tests/bench/growth.sh $1 $rounds $pings 2>&1" | tee >(grep -v '^sample' >&2) | grep '^sample'
}

grow_all() {
	local cpus
	grow filters 2
	grow probes 2
	for cpus in 1 2 4 8; do grow cpus "$cpus"; done
	grow tracked 2
}

main() {
	parse_options "$@"
	cd "$repo"
	make -s bench-tools >&2
	if [[ -n $native ]]; then
		unshare -n bash tests/bench/native.sh "$rounds" |
			python3 tests/bench/report.py "this machine, $(uname -r), tracepoint backend, $rounds rounds" build/bench-native.json
	elif [[ -n $growth ]]; then
		grow_all | python3 tests/bench/report.py "$kernel in a VM, floods of $pings pings, $rounds rounds" build/bench-growth.json
	else
		in_guest | python3 tests/bench/report.py "$kernel in a VM, $backend, $smp CPUs, floods of $pings pings, $rounds rounds" \
			build/bench.json
	fi
}

main "$@"; exit
