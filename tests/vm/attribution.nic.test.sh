#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Who kept packets waiting, before they had an sk_buff and after: faults of a known cause, length and place (build/inject)
# on the CPU that has the NIC's interrupt, while pings are sent from the other.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"
# shellcheck source-path=SCRIPTDIR source=faults.sh
. "$(dirname "$0")/faults.sh"

before_the_stack() {
	local irq pinging waited_before
	irq=$(input_irq)
	echo 2 >"/proc/irq/$irq/smp_affinity"
	start_with_evidence "$json" -p icmp --addr 10.0.2.2 -w "$scratch/trace.nettrace" --format jsonl -o "$json" || return
	taskset -c 0 ping -q -i 0.02 10.0.2.2 >/dev/null &
	pinging=$!
	keep_jiffies
	start_waker
	until_watched
	inject_fault 'interrupts off' irqs_off "$waker" "$wakee"
	quiet_kill "$waker" "$wakee"
	inject_fault 'long interrupt' irq "$irq"
	inject_fault 'long timer' timer
	inject_fault 'long softirq' softirq 1
	start_sender
	without_ksoftirqd $((fault_ms / 2)) inject_fault 'softirqs off' softirqs_off "$sender"
	end_sender
	quiet_kill "$pinging"
	quiet_kill "$counter"
	stop_nettrace
	equal 'status' 0 "$nettrace_status"
	told 'interrupts off' irqs_off "interrupts off by bash\[$waker\] in .*"
	check 'interrupts off: who is on the CPU is said while it lasts' grep -qE \
		"^nettrace: cpu 1 has taken no interrupts for [0-9]+\.[0-9] ms so far: bash\[$waker\] is on it\$" "$json.err"
	told 'long interrupt' long_irq "interrupt handler of irq $irq \(virtio.*\) in vring_interrupt.*"
	told 'long timer' long_timer 'timer callback [a-z_]+'
	told 'long softirq' long_softirq 'softirq TIMER'
	told 'softirqs off' softirqs_off "softirqs off by bash\[$sender\] in .*"
	check 'before the stack: delays are what the round trips say' delays_are_true
	blames 'before the stack: nothing else is blamed' 'irqs_off long_irq long_softirq long_timer softirqs_off'
	check 'before the stack: incidents are announced' eval "(($(grep -c '^nettrace: incident ' "$json.err") >= 5))"
}

# RPS has the other CPU told by an IPI of each packet, and does not wait for it; CPU 1 takes them only while it is not idle.
start_ipis() {
	taskset -c 1 bash -c 'while :; do :; done' &
	busy=$!
	echo 2 >/sys/class/net/lo/queues/rx-0/rps_cpus
	taskset -c 0 ping -q -i 0.01 127.0.0.1 >/dev/null &
	ipis=$!
}

long_ipi() {
	local pinging busy ipis
	start_nettrace "$json" -p icmp --addr 10.0.2.2 --format jsonl || return
	taskset -c 0 ping -q -i 0.02 10.0.2.2 >/dev/null &
	pinging=$!
	keep_jiffies
	start_ipis
	until_watched
	inject_fault 'long IPI' ipi
	quiet_kill "$ipis"
	quiet_kill "$busy"
	echo 0 >/sys/class/net/lo/queues/rx-0/rps_cpus
	quiet_kill "$pinging" "$counter"
	stop_nettrace
	told 'long IPI' long_irq 'interrupt handler of IPI call_function'
	blames 'long IPI: nothing else is blamed' long_irq
}

# A recording says the same.
recorded() {
	"$nettrace" -r "$scratch/trace.nettrace" --format jsonl >"$scratch/read.jsonl"
	equal 'recorded: the same incidents' "$(jq -c 'select(.type == "incident")' "$json")" \
		"$(jq -c 'select(.type == "incident")' "$scratch/read.jsonl")"
	equal 'recorded: the same delays' "$(jq -c 'select(.type == "journey") | [.id, .before, .delays]' "$json" | sort)" \
		"$(jq -c 'select(.type == "journey") | [.id, .before, .delays]' "$scratch/read.jsonl" | sort)"
	"$nettrace" -r "$scratch/trace.nettrace" >"$scratch/read.txt"
	check 'recorded: in text, the line under the header' \
		grep -qE '^before the stack: [0-9.]+ ms \([0-9.]+ ms–[0-9.]+ ms\) on cpu 1: interrupts off by bash\[[0-9]+\] in .* \(incident [0-9]+\)$' "$scratch/read.txt"
	check 'recorded: and a block for the incident' grep -qE '^\*{17} incident [0-9]+ \*{15}$' "$scratch/read.txt"
	"$nettrace" -r "$scratch/trace.nettrace" --no-attribution >"$scratch/without.txt"
	equal 'recorded: not with --no-attribution' 0 "$(grep -cE '^before|incident' "$scratch/without.txt")"
	"$nettrace" -r "$scratch/trace.nettrace" --incident-min 1m >"$scratch/long.txt"
	equal 'recorded: nor are shorter ones incidents' 0 "$(grep -c incident "$scratch/long.txt")"
}

# With RPS, packets wait for another CPU in the stack: when they came there is known.
in_the_stack() {
	local pinging
	echo 2 >/sys/class/net/lo/queues/rx-0/rps_cpus
	start_with_evidence "$json" -p icmp --format jsonl || return
	taskset -c 0 ping -q -i 0.02 127.0.0.1 >/dev/null &
	pinging=$!
	start_waker
	until_watched
	inject_fault 'backlog' irqs_off "$waker" "$wakee"
	quiet_kill "$waker" "$wakee"
	quiet_kill "$pinging"
	stop_nettrace
	echo 0 >/sys/class/net/lo/queues/rx-0/rps_cpus
	check 'backlog: packets have the delay, with its cause and where' jq -se 'any(.[] | select(.type == "journey") | .delays[];
		.stage == "link-in" and .cause == "irqs_off" and .cpu == 1 and .bound == "exact" and .incident != null and .high_ns > 20000000)' "$json"
	equal 'backlog: none has more than it took' '' "$(jq -c 'select(.type == "journey" and ([.delays[].low_ns] | add) > .total_ns) | [.id, .total_ns, .delays]' "$json")"
}

# Requests that came to CPU 1's backlog while it was busy, with the time until the fault was over, and their delays there.
# shellcheck disable=SC2016 # jq's variables
handed_over_meanwhile() {
	in_truth "$1" 'select(.type == "journey" and .icmp.type == 8) | .delays as $delays
		| ([.events[] | select(.probe == "enqueue_to_backlog" or .probe == "netif_rx") | .ts_ns] | last) as $came
		| select($came != null and $came > $from + 1000000 and $came < $to - 5000000)
		| {least: ($to - $came), delays: [$delays[] | select(.stage == "link-in")]}'
}

# A CPU that receives packets for long has interrupts on, and softirqs, too: what it is handed meanwhile waits for its turn.
# The fault is in the answer to a ping, within NET_RX; whichever task that came upon.
behind_work() {
	local pinging hog sent all
	echo 2 >/sys/class/net/lo/queues/rx-0/rps_cpus
	taskset -c 1 bash -c 'while :; do :; done' &
	hog=$!
	start_with_evidence "$json" -p icmp --addr 127.0.0.1 --format jsonl || return
	taskset -c 0 ping -q -i 0.02 127.0.0.1 >/dev/null &
	pinging=$!
	until_watched
	inject_fault 'busy with packets' softirqs_off "$hog"
	quiet_kill "$hog"
	quiet_kill "$pinging"
	stop_nettrace
	echo 0 >/sys/class/net/lo/queues/rx-0/rps_cpus
	handed_over_meanwhile 'busy with packets' >"$scratch/behind"
	sent=$(wc -l <"$scratch/behind")
	check "busy with packets: others waited: $sent" eval '((sent > 3))'
	# the first is served when the fault is over, and each after those that came before it
	equal 'busy with packets: each has one delay, for so long, and that is why' '' "$(jq -c 'select((.delays | length) != 1
		or (.least as $least | .delays[0] | .cause != "backlog" or .text != "in the backlog of cpu 1" or .incident != null or
			.high_ns < $least or .low_ns > $least + 40000000))' "$scratch/behind")"
	all=$(jq -c 'select(.type == "journey" and .icmp.type == 8 and any(.delays[]; .cause == "backlog" and .delay_ns > 10000000))' "$json" | wc -l)
	check "busy with packets: and no other request: $all of $sent" eval '((all <= sent + 2))'
	blames 'busy with packets: it is nobody' ''
}

befores() { jq -c 'select(.type == "journey") | [.id, .before]' "$1" | sort; }

# --min-latency counts the time before the stack, too: the kernel keeps back the others.
late_only() {
	local pinging
	start_with_evidence "$json" -p icmp --addr 10.0.2.2 --min-latency 60ms -w "$scratch/late.nettrace" --format jsonl -o "$json" || return
	taskset -c 0 ping -q -i 0.02 10.0.2.2 >/dev/null &
	pinging=$!
	keep_jiffies
	until_watched
	inject_fault 'late only' irq "$(input_irq)"
	quiet_kill "$pinging" "$counter"
	stop_nettrace
	equal 'late only: others stay in the kernel' '' \
		"$(jq -c 'select(.type == "journey" and (.incomplete | not) and (.before.delay_ns // 0) + .total_ns < 60000000) | .icmp' "$json")"
	check 'late only: late ones are told' jq -se '[.[] | select(.type == "journey" and .before.cause == "long_irq")] | length >= 4' "$json"
	equal 'late only: a recording says the same' "$(befores "$json")" \
		"$(befores <("$nettrace" -r "$scratch/late.nettrace" --format jsonl))"
	check 'late only: what stayed is counted' grep -qE '^nettrace: [1-9][0-9]* packets took less and stayed in the kernel$' "$json.err"
}

# A NIC that a kernel thread polls waits with it for the CPU.
threaded_napi() {
	local pinging hog incident began lived_us from to beyond host_waited
	if ! echo 1 2>/dev/null >/sys/class/net/eth0/threaded; then
		skip 'threaded NAPI' 'this kernel has none'
		return
	fi
	pgrep '^napi/eth0' | while read -r thread; do taskset -pc 1 "$thread" >/dev/null; done
	start_with_evidence "$json" -p icmp --addr 10.0.2.2 --format jsonl || return
	taskset -c 0 ping -q -i 0.02 10.0.2.2 >/dev/null &
	pinging=$!
	sleep 0.5
	began=${EPOCHREALTIME/./}
	# by its own clock: on a busy host a shell needs long to start
	# shellcheck disable=SC2016 # for the shell that it starts
	taskset -c 1 chrt -f 50 bash -c 'until=$((${EPOCHREALTIME/./} + 250000)); while ((${EPOCHREALTIME/./} < until)); do :; done' &
	hog=$!
	wait "$hog"
	lived_us=$((${EPOCHREALTIME/./} - began))
	sleep 0.5
	quiet_kill "$pinging"
	stop_nettrace
	echo 0 >/sys/class/net/eth0/threaded
	incident=$(jq -c 'select(.type == "incident" and .low_ns > 100000000)' "$json")
	equal 'threaded NAPI: one incident' 1 "$(grep -c . <<<"$incident")"
	equal 'threaded NAPI: cause and CPU' 'napi_thread_starved 1' "$(jq -r '"\(.cause) \(.cpu)"' <<<"$incident")"
	check 'threaded NAPI: culprit' grep -qE "had the CPU$" <<<"$(jq -r 'select(.culprit.comm == "bash") | .text' <<<"$incident")"
	check 'threaded NAPI: it held packets' jq -e '.packets >= 4' <<<"$incident"
	read -r from to beyond < <(jq -r --argjson lived "$lived_us" '"\(.start_ns) \(.end_ns) \(.high_ns - ($lived + 100000) * 1000)"' <<<"$incident")
	if ((beyond > 0)) && host_did "$from" "$to" "$beyond"; then
		skip 'threaded NAPI: as long as the other ran' "it ran for $lived_us us, and the host kept the CPU from running: $incident"
	else
		check "threaded NAPI: as long as the other ran: $lived_us us" test "${beyond:-1}" -le 0
	fi
	blames 'threaded NAPI: nobody else is blamed' napi_thread_starved
}

# A task that has the CPU delays nothing; nor does what was not there.
nobody() {
	local hog
	taskset -c 1 bash -c 'while :; do :; done' &
	hog=$!
	start_with_evidence "$json" -p icmp --format jsonl || return
	taskset -c 0 ping -q -i 0.02 -c 100 10.0.2.2 >/dev/null
	stop_nettrace
	quiet_kill "$hog"
	equal 'nobody: all pings' 200 "$(jq -c 'select(.type == "journey")' "$json" | wc -l)"
	blames 'nobody: no one is blamed' ''
}

unwatched() {
	start_with_evidence "$json" -p icmp --no-attribution || return
	equal 'unwatched: no program watches the CPUs' 0 "$(bpftool prog list | grep -c ' name cpu_')"
	stop_nettrace
}

rm -f "$scratch/pipe"
before_the_stack
recorded
long_ipi
rm -f "$scratch/pipe"
in_the_stack
behind_work
late_only
threaded_napi
nobody
unwatched
