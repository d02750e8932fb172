#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The machine's own kernel, which may lack kprobes: `nettrace -p icmp --addr 127.0.0.1 -c 4` prints exactly four journeys.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

if ((EUID != 0)); then
	skip 'four journeys on loopback' 'not root'
	exit 0
fi
if ! bpftool prog list >/dev/null 2>"$scratch/bpf"; then
	skip 'four journeys on loopback' "BPF is refused here: $(head -n 1 "$scratch/bpf")"
	exit 0
fi
if ! start_nettrace "$scratch/out" -p icmp --addr 127.0.0.1 -c 4 2>"$scratch/start"; then
	not_ok 'nettrace traces this machine' "$(<"$scratch/start")"
	exit 1
fi
# Ended by us: it shall be nettrace which ends first.
ping -q -i 0.2 127.0.0.1 >/dev/null &
pinger=$!
wait_nettrace 30
equal 'it ends by itself with status 0' 0 "$nettrace_status"
kill "$pinger"
wait "$pinger" 2>/dev/null
read_blocks "$scratch/out"
equal 'exactly four journeys, all complete' '4 0' "$n_blocks $n_incomplete"
check 'well-formed' all_well_formed
# Other pings of this machine may be among them, but not half of a packet.
equal 'requests consumed and replies delivered' 4 \
	"$(($(count_blocks request '' '' 127.0.0.1 127.0.0.1 consumed) + $(count_blocks reply '' '' 127.0.0.1 127.0.0.1 delivered)))"
check 'request and reply of an echo' eval "(( \$(count_blocks request) == 2 && \$(count_blocks reply) == 2 ))"
check 'readiness and totals' grep -qE "^nettrace: 4 journeys \(0 incomplete\), [0-9]+ events, lost: ring 0, map 0, id 0, " "$scratch/out.err"
check 'one readiness line' eval "[[ \$(said '$scratch/out.err' | wc -l) == 2 && \$(head -n 1 '$scratch/out.err') =~ \$readiness_regex ]]"

# trace_pings OUT OPTION...: the packets of two pings, until four are over. Nobody else pings that address.
trace_pings() {
	local out=$1
	shift
	start_nettrace "$out" -p icmp --addr 127.7.7.7 -c 4 "$@" 2>"$scratch/start" || return
	ping -q -c 2 -i 0.2 127.7.7.7 >/dev/null
	wait_nettrace 30
}

check 'events one by one' trace_pings "$scratch/basic" --basic
event_regex='^[0-9a-f]{8}: \[[0-9]+\.[0-9]{6}\] \[[^]]+\] ICMP: 127\.[0-9.]+ -> 127\.[0-9.]+ ping '
events=$(sed -nE 's/.* 4 journeys .* ([0-9]+) events.*/\1/p' "$scratch/basic.err")
equal 'a line for each' "$events" "$(grep -cE "$event_regex" "$scratch/basic")"
equal 'and no other line' "$events" "$(wc -l <"$scratch/basic")"
check 'in order of time' sort -c -s -t ' ' -k 2,2 "$scratch/basic"
check 'where, and by the calendar' trace_pings "$scratch/detail" --detail --date
detail_regex='^\[20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}[+-][0-9:]{5}\] \[net_dev_queue +\] \[cpu [0-9]+ .*(lo|if 1) netns [0-9]+\] ICMP: '
equal 'CPU, interface and namespace where each packet begins' 4 "$(grep -cE "$detail_regex" "$scratch/detail")"
check 'the time zone is that of this machine' grep -qF "$(date +%:z)] [" "$scratch/detail"
check 'no colours in a file' eval "! grep -q \$'\\033' '$scratch/detail'"
! grep -q '^not ok' "$scratch"/* 2>/dev/null
