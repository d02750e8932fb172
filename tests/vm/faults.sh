# shellcheck shell=bash disable=SC2034,SC2154 # for those who source this, after lib.sh
# SPDX-License-Identifier: GPL-2.0
# What faults need: build/inject makes one where a task, an interrupt or a timer comes by on CPU 1.

inject=${nettrace%/*}/inject
fault_ms=250
json=$scratch/trace.jsonl

input_irq() { awk '/virtio.*input/ { sub(":", "", $1); print $1; exit }' /proc/interrupts; }

# A task that wakes another again and again, on CPU 1; sets waker and wakee.
start_waker() {
	mkfifo "$scratch/pipe"
	taskset -c 0 cat "$scratch/pipe" >/dev/null &
	wakee=$!
	taskset -c 1 bash -c 'while :; do echo; read -rt 0.01 <> <(:); done' >"$scratch/pipe" &
	waker=$!
}

# A task that sends, but no pings, on CPU 1; sets sender.
start_sender() {
	taskset -c 1 bash -c 'while :; do echo >/dev/udp/127.0.0.1/9; read -rt 0.01 <> <(:); done' 2>/dev/null &
	sender=$!
}

# ping waits by jiffies, which nobody counts while the CPU that does so is blocked: one that is never idle keeps that duty.
keep_jiffies() {
	taskset -c 0 nice -n 19 bash -c 'while :; do :; done' &
	counter=$!
}

quiet_kill() { kill "$@" && wait "$@" 2>/dev/null; }

# inject_fault NAME KIND [ARGUMENT]...: truth in $scratch/NAME: start, end, process.
inject_fault() {
	check "$1: there is a fault" eval "'$inject' $2 1 $fault_ms ${*:3} >'$scratch/$1'"
	sleep 0.6
}

# shellcheck disable=SC2016 # jq's variables
in_truth() {
	local start end
	read -r start end _ <"$scratch/$1"
	jq -c --argjson from "$start" --argjson to "$end" "$2" "$json"
}

# The incident of a fault.
# shellcheck disable=SC2016
incident_of() { in_truth "$1" 'select(.type == "incident" and .cpu == 1 and .start_ns < $to and .end_ns > $from)'; }

# Requests that were sent while the CPU was blocked; the last may have been answered after it.
# shellcheck disable=SC2016
sent_meanwhile() {
	in_truth "$1" 'select(.type == "journey" and .icmp.type == 8 and .src == "10.0.2.15") | .events[]
		| select(.probe == "net_dev_start_xmit" and .ts_ns > $from + 1000000 and .ts_ns < $to - 5000000)' | wc -l
}

# has_truth_within NAME INCIDENT: the incident's bounds; what is injected is a part of the time for which the kernel has interrupts off.
has_truth_within() {
	local start end
	read -r start end _ <"$scratch/$1"
	jq -e --argjson ns "$((end - start))" '.high_ns >= $ns and .low_ns <= $ns + 10000000' <<<"$2"
}

# Nothing is blamed for long that was not there; what the machine beneath did has no culprit.
blamed() { jq -r 'select(.type == "incident" and .cause != "unknown" and .cause != "host_pause") | .cause' "$json" | sort | paste -sd ' '; }

# A virtual CPU that its host stops just where a task has interrupts off cannot be told from one on which the task
# keeps them off: nothing shows the host's part to an emulated guest. And until 6.3 the kernel hands what is left after a
# long softirq to ksoftirqd (d15121be7485 ended that), which waits for its turn behind what else runs.
may_be_there='irqs_off|ksoftirqd_starved'
but_for_those() { tr ' ' '\n' <<<"$1" | grep -vxE "$may_be_there"; }
might_be_true() { [[ $(but_for_those "$1") == "$(but_for_those "$2")" ]]; }

# blames NAME WANTED
blames() {
	local got
	got=$(blamed)
	if [[ $got != "$2" ]] && might_be_true "$2" "$got"; then
		skip "$1" "or it was so: $(jq -c 'select(.type == "incident" and (.cause == "irqs_off" or .cause == "ksoftirqd_starved")) | [.text, .low_ns]' "$json" | paste -sd ' ')"
	else
		equal "$1" "$2" "$got"
		[[ $got == "$2" ]] || jq -c 'select(.type == "incident") | [.cause, .text, .start_ns, .end_ns]' "$json" | sed 's/^/# /'
	fi
}

# Of each reply that was held: its delay is what its round trip took, but for the little that that takes, and that ping
# needs from the time which it notes to the driver. Where it lost its CPU in between, which few do, that is in there, too.
delays_are_true() {
	jq -s -e '[.[] | select(.type == "journey")] as $all
		| ([$all[] | select(.icmp.type == 8) | {key: "\(.icmp.id) \(.icmp.seq)", value: (.events[] | select(.probe == "net_dev_start_xmit") | .ts_ns)}]
			| from_entries) as $sent
		| [$all[] | select(.icmp.type == 0 and .before.incident) | (.start_ns - $sent["\(.icmp.id) \(.icmp.seq)"]) as $rtt
			| select(.before.low_ns > $rtt + 2000000 or .before.high_ns < $rtt - 8000000) | {seq: .icmp.seq, rtt: $rtt, before}] | . as $wrong
		| if ($wrong | length) * 10 <= ([$all[] | select(.icmp.type == 0 and .before.incident)] | length) then true else ($wrong | debug | false) end' "$json"
}
