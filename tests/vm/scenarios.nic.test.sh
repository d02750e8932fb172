#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Delays of a NIC's packets with a culprit that is easily missed, and what looks like one and delays nothing.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"
# shellcheck source-path=SCRIPTDIR source=faults.sh
. "$(dirname "$0")/faults.sh"

# start_pings [OPTION]...: what nettrace says of them is in $json.
start_pings() {
	start_with_evidence "$json" -p icmp --addr 10.0.2.2 --format jsonl "$@" || return
	taskset -c 0 ping -q -i 0.02 10.0.2.2 >"$scratch/pings" &
	pinging=$!
	keep_jiffies
	until_watched
}

end_pings() {
	quiet_kill "$pinging" "$counter"
	stop_nettrace
	equal "$1: status" 0 "$nettrace_status"
}

# A realtime task on CPU 1 that naps, and notes for how many microseconds it was without the CPU at most. With $hogging_us
# it keeps the CPU for so long after it was without it for 150 ms: from, to, and what ksoftirqd was about then.
start_napper() {
	mkfifo "$scratch/nothing"
	# shellcheck disable=SC2016 # for the shell that it starts
	scratch=$scratch hogging_us=${hogging_us-} thread=$(pgrep -x ksoftirqd/1) taskset -c 1 chrt -f 50 bash -c '
		exec 3<>"$scratch/nothing" 4>"$scratch/hogged"
		most=0 before=${EPOCHREALTIME/./}
		until [[ -e $scratch/over ]]; do
			read -rt 0.01 -u 3
			now=${EPOCHREALTIME/./}
			((now - before <= most)) || most=$((now - before))
			if ((hogging_us && now - before > 150000)); then
				read -r from _ </proc/uptime
				read -r _ _ state _ <"/proc/$thread/stat"
				until=$((now + hogging_us))
				while ((${EPOCHREALTIME/./} < until)); do :; done
				read -r to _ </proc/uptime
				echo "${from/./}0000000 ${to/./}0000000 $state" >&4
				now=${EPOCHREALTIME/./}
			fi
			before=$now
		done
		echo "$most" >"$scratch/most"' &
	napper=$!
	sleep 0.2
}

end_napper() {
	: >"$scratch/over"
	wait "$napper"
	rm "$scratch/over" "$scratch/nothing"
}

# Requests that were sent while ksoftirqd waited.
# shellcheck disable=SC2016 # jq's variables
sent_to_starved() {
	jq -c --argjson from "$fault_end" --argjson to "$hogged_to" 'select(.type == "journey" and .icmp.type == 8) | .events[]
		| select(.probe == "net_dev_start_xmit" and .ts_ns > $from and .ts_ns < $to - 5000000)' "$json" | wc -l
}

# From the end of the softirq, when ksoftirqd was woken, to the end of the hog, and maybe a bit longer.
# shellcheck disable=SC2016 # jq's variables
starved_incident() {
	local incident sent packets
	incident=$(jq -c --argjson from "$fault_end" 'select(.type == "incident" and .cause == "ksoftirqd_starved"
		and .low_ns > 100000000 and .end_ns > $from)' "$json")
	sent=$(sent_to_starved) packets=$(jq .packets <<<"$incident")
	equal 'ksoftirqd: one incident' 1 "$(grep -c . <<<"$incident")"
	equal 'ksoftirqd: CPU and culprit' "1 ksoftirqd was ready to run, but bash[$napper] had the CPU" "$(jq -r '"\(.cpu) \(.text)"' <<<"$incident")"
	# it may have been ready before, for others
	check 'ksoftirqd: the truth lies within the bounds' jq -e --argjson began "$fault_start" --argjson from "$fault_end" \
		--argjson to "$hogged_to" '.high_ns >= $to - $from and .end_ns >= $to and .start_ns >= $began and
			.start_ns <= $from + 10000000' <<<"$incident"
	check "ksoftirqd: packets were held: $packets of $sent" eval "((sent > 3 && packets >= sent))"
	blames_only 'ksoftirqd: nothing else is blamed' ksoftirqd_starved long_softirq
}

# What the hog noted when it was over, of the time since the fault's end.
hogged_since() { awk -v end="$fault_end" '$2 > end' "$scratch/hogged" | grep .; }

# A fault in SCHED, which comes after NET_RX: one that is pending by then has been served, and what is raised now is left over;
# but since 6.4 an interrupt's end may have seen to it when the hog comes, and ksoftirqd sleeps: then there is another occasion.
left_over() {
	local _
	for _ in 1 2 3 4 5; do
		inject_fault ksoftirqd softirq 7
		read -r fault_start fault_end _ <"$scratch/ksoftirqd"
		wait_for 5 hogged_since >/dev/null
		read -r hogged_from hogged_to state < <(hogged_since)
		if ksoftirqd_holds || [[ $state == R ]]; then return; fi
	done
}

# A long softirq leaves what was raised meanwhile to ksoftirqd, whose CPU a realtime task has.
ksoftirqd() {
	local napper fault_start fault_end hogged_from hogged_to state
	start_pings || return
	hogging_us=400000 start_napper
	left_over
	end_napper
	end_pings ksoftirqd
	[[ $state == R ]] || head -n 3 "$scratch/hogged" "$scratch/ksoftirqd"
	equal 'ksoftirqd: it was ready to run, but another did' R "$state"
	check 'ksoftirqd: from the end of the fault' test "$hogged_from" -lt "$((fault_end + 50000000))"
	if ksoftirqd_holds; then
		starved_incident
	else
		check "ksoftirqd: pings were sent meanwhile: $(sent_to_starved)" eval "(($(sent_to_starved) > 3))"
		blames_only 'ksoftirqd: it is blamed for nothing' '' long_softirq
	fi
}

# Where only tasks are kept off, interrupts and softirqs go on as ever.
preempt_off() {
	local napper most
	start_pings || return
	start_sender
	start_napper
	inject_fault 'preemption off' preempt_off "$sender"
	end_napper
	end_sender
	end_pings 'preemption off'
	read -r most <"$scratch/most"
	check "preemption off: no other task had the CPU for $most us" eval "((most > fault_ms * 900))"
	check 'preemption off: pings were sent meanwhile' eval "(($(sent_meanwhile 'preemption off') > 3))"
	equal 'preemption off: it is no incident' '' "$(incident_of 'preemption off' | jq -r \
		--arg true "$(ksoftirqd_holds && echo ksoftirqd_starved)" 'select(.low_ns > 100000000 and
			.cause != "unknown" and .cause != "host_pause" and .cause != $true) | .text')"
	blames_only 'preemption off: no one is blamed' '' ''
}

# Of the NIC's PCI device: where the message control word of its MSI-X capability has the bit that masks all interrupts
# (PCI Local Bus Specification 3.0, 6.8.2.3).
mask_byte() {
	local at i
	local -a config
	mapfile -t config < <(od -An -v -tu1 -w1 "$device/config" | tr -d ' ')
	at=${config[0x34]}
	for ((i = 0; at && i < 48; i++)); do
		if ((config[at] == 0x11)); then
			echo "$((at + 3)) ${config[at + 3]}"
			return
		fi
		at=${config[at + 1]}
	done
	return 1
}

# poke OFFSET BYTE
poke() { printf '%b' "\\x$(printf %x "$2")" | dd of="$device/config" bs=1 seek="$1" conv=notrunc status=none; }

# A NIC that sends, but says so to nobody: of virtio's drivers, those since 6.11 count the bytes that are under way.
# shellcheck disable=SC2016 # jq's variables
bql() {
	local device limit=/sys/class/net/eth0/queues/tx-0/byte_queue_limits/limit_max place value from_ns to_ns left_ns
	device=$(readlink -f /sys/class/net/eth0/device/..)
	if older_than 6.11; then
		skip 'BQL' "this kernel's virtio_net has none"
		return
	fi
	check 'BQL: interrupts can be masked' mask_byte || return
	read -r place value < <(mask_byte)
	start_pings || return
	echo 1 >"$limit"
	poke "$place" "$((value | 0x40))"
	from_ns=$(clock_ns)
	sleep 0.4
	to_ns=$(clock_ns)
	poke "$place" "$value"
	sleep 0.6
	end_pings BQL
	echo 1879048192 >"$limit"
	left_ns=$(clock_ns)
	# The queue stops when the first packet is with the NIC. What comes first then passes by the qdisc
	# (TCQ_F_CAN_BYPASS) and is put back.
	jq -c --argjson from "$((from_ns + 10000000))" --argjson to "$to_ns" 'select(.type == "journey" and .icmp.type == 8)
		| ([.events[] | select(.probe == "qdisc_enqueue" or .probe == "sch_direct_xmit") | .ts_ns] | first) as $queued
		| select($queued > $from and $queued < $to - 20000000)
		| select(.events | any(.probe == "net_dev_start_xmit" and .ts_ns < $to) | not)
		| {left: ($to - $queued), delays}' "$json" >"$scratch/held"
	check "BQL: packets were held: $(wc -l <"$scratch/held")" eval "(($(wc -l <"$scratch/held") > 3))"
	equal 'BQL: each for so long and that is why' '' "$(jq -c --argjson most "$((left_ns + 10000000 - from_ns))" \
		'select(any(.delays[]; .cause == "qdisc_bql" and .stage == "qdisc" and .high_ns <= $most) and
			([.delays[] | select(.cause == "qdisc_bql") | .delay_ns] | add) >= .left | not)' "$scratch/held")"
	check 'BQL: in words' grep -q 'kept it: the driver had as many bytes as its queue limits (BQL) allow' "$scratch/held"
	blames_only 'BQL: no one is blamed' '' ''
}

# So many rules for each packet that is received that it takes a millisecond or so.
long_rules() {
	nft -f - < <(awk 'BEGIN { print "table ip long { chain rules { type filter hook input priority 0;"
		for (i = 0; i < 20000; i++) print "ip saddr 10.9." int(i / 250) "." i % 250 " counter"
		print "}"; print "}" }')
}

# How often NET_RX used up its budget or its time on CPU 1; softnet_seq_show().
squeezes() { awk 'NR == 2 { print $3 }' /proc/net/softnet_stat; }

# late_ones_are_told FROM UNTIL: of replies that came between and waited for longer than 25 ms, none is kept back where those from
# 20 ms on are told.
# shellcheck disable=SC2016 # jq's variables
late_ones_are_told() {
	jq -r --argjson from "$1" --argjson until "$2" 'select(.type == "journey" and .icmp.type == 0 and .start_ns > $from and
		.start_ns < $until and .before.bound == "exact" and .before.delay_ns >= 25000000) | "\(.icmp.id) \(.icmp.seq)"' "$json" |
		sort >"$scratch/waited"
	jq -r 'select(.type == "journey" and .icmp.type == 0) | "\(.icmp.id) \(.icmp.seq)"' "$scratch/late" | sort >"$scratch/told"
	echo "$(wc -l <"$scratch/waited") waited, $(wc -l <"$scratch/told") are told, without:"
	comm -23 "$scratch/waited" "$scratch/told"
	[[ -s $scratch/waited && -z $(comm -23 "$scratch/waited" "$scratch/told") ]]
}

# One that tells all and one that tells late ones alone, while a flood is received.
late_in_flood() {
	local all from_ns until_ns
	long_rules
	start_pings || return
	all=$nettrace_pid
	add_nettrace "$scratch/late" -p icmp --addr 10.0.2.2 --min-latency 20ms --format jsonl
	nettraces_ready || return
	from_ns=$(clock_ns)
	taskset -c 0 ping -q -f -l 100 -c 300 10.0.2.2 >/dev/null
	nft delete table ip long
	sleep 0.5
	until_ns=$(clock_ns)
	check 'late in a flood: of late ones alone, status' stop_nettraces
	nettrace_pid=$all
	end_pings 'late in a flood'
	check 'late in a flood: what waited for long is told, too' late_ones_are_told "$from_ns" "$until_ns"
}

# A flood of which each packet is looked at by so many rules that NET_RX is over long before all are received. Others want the
# CPU of ping, which loses it between noting the time and sending.
napi_budget() {
	local before after text hogs=()
	long_rules
	start_pings || return
	for _ in 1 2; do
		taskset -c 0 bash -c 'while :; do :; done' &
		hogs+=("$!")
	done
	before=$(squeezes)
	taskset -c 0 ping -q -f -l 50 -c 300 10.0.2.2 >/dev/null
	after=$(squeezes)
	quiet_kill "${hogs[@]}"
	nft delete table ip long
	sleep 0.5
	end_pings 'NAPI budget'
	check "NAPI budget: it was used up: $before, $after" eval "((0x$after > 0x$before))"
	jq -c 'select(.type == "journey" and .before.cause == "napi_budget") | .before' "$json" >"$scratch/left"
	check "NAPI budget: packets were left behind: $(wc -l <"$scratch/left")" eval "(($(wc -l <"$scratch/left") > 3))"
	equal 'NAPI budget: on that CPU' 1 "$(jq .cpu "$scratch/left" | sort -u)"
	check 'NAPI budget: delays are what the round trips say' delays_are_true
	text=$(jq -r 'select(.type == "incident" and .cause == "napi_budget") | .text' "$json")
	check 'NAPI budget: in words' grep -qE '^more packets than one NET_RX takes: .* was used up [0-9]+ times?$' <<<"$text"
	blames_only 'NAPI budget: nothing else is blamed' napi_budget ''
}

# told_as CAUSE: incidents with that cause on CPU 1: from, to, for how long at least.
# shellcheck disable=SC2016 # jq's variables
told_as() { jq -r --arg cause "$1" 'select(.type == "incident" and .cpu == 1 and .cause == $cause) | "\(.start_ns) \(.end_ns) \(.low_ns)"' "$json"; }

# NET_RX is blamed for no longer than ftrace says that it ran, each time.
net_rx_was_at_work() {
	local from to low ran
	told_as napi_budget >"$scratch/behind"
	while read -r from to low; do
		ran=$(net_rx_ns 1 "$from" "$to")
		echo "from $from to $to NET_RX ran for $ran ns, blamed for $low"
		((low <= ran + 2000000)) || return
	done <"$scratch/behind"
	[[ -s $scratch/behind ]]
}

# The same, where others want the CPU of NET_RX: what it leaves behind is ksoftirqd's, a task as others until 6.3.
left_to_ksoftirqd() {
	local hogs=() waited_ns starved_ns
	long_rules
	start_pings --incident-min 1ms || return
	for _ in 1 2; do
		taskset -c 1 bash -c 'while :; do :; done' &
		hogs+=("$!")
	done
	taskset -c 0 ping -q -f -l 50 -c 300 10.0.2.2 >/dev/null
	sleep 0.3
	quiet_kill "${hogs[@]}"
	nft delete table ip long
	end_pings 'left to ksoftirqd'
	waited_ns=$(($(ksoftirqd_waited_ns 1) - ksoftirqd_before[1]))
	starved_ns=$(told_as ksoftirqd_starved | awk '{ sum += $3 } END { printf "%d", sum }')
	check 'left to ksoftirqd: NET_RX is blamed for no longer than it ran' net_rx_was_at_work
	! ksoftirqd_holds || check "left to ksoftirqd: and who had its CPU for the rest: $starved_ns of $waited_ns ns" \
		eval '((starved_ns <= waited_ns + 5000000 && starved_ns * 2 > waited_ns))'
	check 'left to ksoftirqd: delays are what the round trips say' delays_are_true
}

echo 2 >"/proc/irq/$(input_irq)/smp_affinity"
napi_budget
left_to_ksoftirqd
late_in_flood
ksoftirqd
preempt_off
bql
