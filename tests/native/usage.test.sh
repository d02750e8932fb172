#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Wrong usage is refused with one line and status 2, before anything is loaded; --help and --version print and end.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# refused STATUS ARGUMENT...: with one line, before anything is loaded.
refused() {
	local wanted=$1 status
	shift
	timeout -k 1 30 "$nettrace" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
	status=$?
	if [[ $status == "$wanted" && $(wc -l <"$scratch/err") == 1 && ! -s $scratch/out && $(<"$scratch/err") == 'nettrace: '* ]]; then
		ok "refused: $*"
	else
		not_ok "refused: $*" "status $status, $(wc -c <"$scratch/out") bytes on stdout, stderr:" "$(head -n 5 "$scratch/err")"
	fi
}

usage() {
	local value
	for value in '' x -1 65536 3x ' 3' 0x10 1-3 99999999999999999999; do
		refused 2 -p icmp --seq "$value"
		refused 2 -p icmp --id "$value"
	done
	for value in '' x 1.2.3 1.2.3.4.5 256.1.1.1 1.2.3.4/33 1.2.3.4/ 1.2.3.4/x 1.2.3.4/-1 ::1; do
		refused 2 -p icmp --addr "$value"
	done
	refused 2 -s 1.2.3
	refused 2 -d 10.0.0.1,10.0.0.2
	for value in '' 0 -1 x 1.5; do
		refused 2 -p icmp -c "$value"
	done
	for value in '' 0 -1s x 1y s 0s; do
		refused 2 -p icmp --duration "$value"
	done
	for value in '' x KPROBE; do
		refused 2 -p icmp --backend "$value"
	done
	for value in '' x 256; do
		refused 2 -p "$value"
	done
	# Those of later versions are refused, not ignored.
	for value in --frob -Z --diag --drop '--latency -c 1' '--latency -w x' '--no-attribution=1' '--format=json' '-S 65536' '-D 2-1' '-P x' '--tcp-flags X' \
		'--pkt-len x' '--mark x' '--pid 0' '--netns nonesuch' '-i nonesuch' '--min-latency 1x' '--min-latency 0' '--basic --min-latency 1ms' '--incident-min 1us' '--incident-min x' \
		'-r x -w y' '-r x --stack' '-w - --rotate 1M' '--rotate 1M' '--rotate 1' '--keep 1' '--pcap-at x' '--pcap-at ip-in' '--exclude x' '--buffer 1' -o -c -p --seq argument; do
		# shellcheck disable=SC2086 # an option and its value
		refused 2 $value
	done
	check '-h: status 0, on stdout' eval "'$nettrace' -h 2>&1 >'$scratch/help' | { ! grep .; } && grep -qi '^usage: nettrace' '$scratch/help'"
	check '-V: status 0, one line on stdout' eval "[[ \$('$nettrace' -V) =~ ^nettrace\ [0-9]+\.[0-9]+ ]]"
	check '--help and --version are the same' eval "'$nettrace' --help | cmp - '$scratch/help' && [[ \$('$nettrace' -V) == \$('$nettrace' --version) ]]"
}

usage
