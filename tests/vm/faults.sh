# shellcheck shell=bash disable=SC2034,SC2154 # for those who source this, after lib.sh
# SPDX-License-Identifier: GPL-2.0
# What faults need: build/inject makes one where a task, an interrupt or a timer comes by on CPU 1.

inject=${nettrace%/*}/inject
fault_ms=250
json=$scratch/trace.jsonl
ksoftirqd_before=()

input_irq() { awk '/virtio.*input/ { sub(":", "", $1); print $1; exit }' /proc/interrupts; }

# A task that wakes another again and again, on CPU 1; sets waker and wakee.
start_waker() {
	mkfifo "$scratch/pipe"
	taskset -c 0 cat "$scratch/pipe" >/dev/null &
	wakee=$!
	taskset -c 1 bash -c 'while :; do echo; read -rt 0.01 <> <(:); done' >"$scratch/pipe" &
	waker=$!
}

# A task that sends, but no pings, on CPU 1; sets sender. What it sends is taken, for nothing may be sent back (ICMP's "port
# unreachable"): the answer would be the sender's, too, but from within NET_RX that comes upon it.
start_sender() {
	taskset -c 0 socat -u UDP4-RECV:9,bind=127.0.0.1 OPEN:/dev/null,wronly &
	taker=$!
	taskset -c 1 bash -c 'while :; do echo >/dev/udp/127.0.0.1/9; read -rt 0.01 <> <(:); done' 2>/dev/null &
	sender=$!
}

end_sender() { quiet_kill "$sender" "$taker"; }

# ping waits by jiffies, which nobody counts while the CPU that does so is blocked: one that is never idle keeps that duty, and
# gets it when the other is idle (tick_do_timer_cpu).
keep_jiffies() {
	taskset -c 0 nice -n 19 bash -c 'while :; do :; done' &
	counter=$!
	sleep 0.3
}

# Which CPUs have network work, nettrace learns every second, and sets up a clock on them. The kernel waits with an IPI for the
# other CPU to do so (perf_install_in_context): while that is blocked, the CPU that waits would send no pings.
until_watched() { sleep 1.5; }

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

# Replies that waited for the fault's end, and then for longer for ksoftirqd, which was to come next.
# shellcheck disable=SC2016 # jq's variables
left_to_others() {
	in_truth "$1" 'select(.type == "journey" and .icmp.type == 0 and .before.cause == "ksoftirqd_starved"
		and .start_ns > $to and .start_ns < $to + 100000000)' | wc -l
}

# has_truth_within NAME INCIDENT: the incident's bounds; what is injected is a part of the time for which the kernel has interrupts off.
has_truth_within() {
	local start end
	read -r start end _ <"$scratch/$1"
	jq -e --argjson ns "$((end - start))" '.high_ns >= $ns and .low_ns <= $ns + 10000000 and .low_ns >= $ns * 3 / 4' <<<"$2"
}

# told NAME CAUSE TEXT: TEXT is a pattern for who is to blame.
told() {
	local name=$1 cause=$2 text=$3 incident sent packets left=0
	incident=$(incident_of "$name")
	equal "$name: one incident" 1 "$(grep -c . <<<"$incident")"
	equal "$name: cause" "$cause" "$(jq -r .cause <<<"$incident")"
	check "$name: culprit: $(jq -r .text <<<"$incident")" grep -qE "^$text\$" <<<"$(jq -r .text <<<"$incident")"
	check "$name: the truth lies within the bounds" has_truth_within "$name" "$incident"
	sent=$(sent_meanwhile "$name") packets=$(jq .packets <<<"$incident")
	! ksoftirqd_holds || left=$(left_to_others "$name")
	check "$name: packets were held: $packets of $sent, $left for ksoftirqd" eval "((sent > 3 && packets + left >= sent && packets <= sent + 2))"
	equal "$name: as many have it in their journeys" "$packets" "$(have_it "$(jq .id <<<"$incident")" | wc -l)"
	equal "$name: they fall behind each other" '' "$(held_by "$(jq .id <<<"$incident")" | jq .delay_ns | sort -nrC || echo no)"
}

# The NIC's interrupt frees requests, too: one may have waited for that.
have_it() { jq -c --argjson id "$1" 'select(.type == "journey" and any(.before, .delays[]; .incident? == $id)) | .id' "$json"; }

held_by() { jq -c --argjson id "$1" 'select(.type == "journey") | .before | select(.incident == $id)' "$json"; }

# start_with_evidence OUT ARGUMENT...: start_nettrace, and what others than nettrace know of who ran is noted from now on:
# the machine beneath (scripts/vm.sh), if there is one that answers, the scheduler of ksoftirqd, and ftrace of NET_RX.
start_with_evidence() {
	local cpu
	exec 6<>/dev/ttyS2
	echo watch >&6
	for cpu in 0 1; do ksoftirqd_before[cpu]=$(ksoftirqd_waited_ns "$cpu"); done
	watch_net_rx
	start_nettrace "$@"
}

watch_net_rx() {
	local event
	[[ ! -d $net_rx ]] || rmdir "$net_rx"
	mkdir "$net_rx"
	echo mono >"$net_rx/trace_clock"
	for event in "$net_rx"/events/irq/softirq_{entry,exit}; do
		echo 'vec == 3' >"$event/filter"
		echo 1 >"$event/enable"
	done
}

# net_rx_ns CPU FROM TO: for how long NET_RX ran there between these times.
net_rx_ns() {
	grep -F " [00$1] " "$net_rx/trace" | sed -E 's/.* ([0-9]+)\.([0-9]{6}): softirq_(entry|exit): .*/\1\2 \3/' | awk -v from="$2" -v to="$3" '
		$2 == "entry" { start = $1 * 1000 }
		$2 == "exit" && start { end = $1 * 1000; sum += overlap(start, end); start = 0 }
		function overlap(a, b) { a = a > from ? a : from; b = b < to ? b : to; return b > a ? b - a : 0 }
		END { printf "%d", sum }'
}

# host_waited_ns FROM TO: for how long the machine beneath kept this one from running between these times.
host_waited_ns() {
	local now waited=0
	now=$(clock_ns)
	echo "stalled $((now - $1)) $((now > $2 ? now - $2 : 0))" >&6
	read -rt 5 -u 6 waited || waited=0
	echo "$waited"
}

# CLOCK_MONOTONIC, to 10 ms: this machine is never suspended.
clock_ns() {
	local up
	read -r up _ </proc/uptime
	echo "${up/./}0000000"
}

# For how long ksoftirqd was ready to run on that CPU, and did not, since it exists (Documentation/scheduler/sched-stats.rst).
ksoftirqd_waited_ns() {
	local waited
	read -r _ waited _ <"/proc/$(pgrep -x "ksoftirqd/$1")/schedstat"
	echo "$waited"
}

older_than() { [[ $(printf '%s\n' "$1" "$(uname -r)" | sort -V | head -n 1) != "$1" ]]; }

# Since 6.4 (d15121be7485) softirqs are served at an interrupt's end even while ksoftirqd waits.
ksoftirqd_holds() { older_than 6.4; }

# For how long ksoftirqd waited for CPU 1 in the last fault, in ms.
ksoftirqd_waited_ms() { echo $((($(ksoftirqd_waited_ns 1) - waited_before) / 1000000)); }

# without_ksoftirqd MS FAULT...: where ksoftirqd holds softirqs it is a task as others, and was it ready to run, then whoever has
# softirqs off, or only tasks, keeps that from its CPU. If it waited for longer than this there is another occasion.
without_ksoftirqd() {
	local _
	for _ in 1 2 3 4 5; do
		waited_before=$(ksoftirqd_waited_ns 1)
		"${@:2}"
		if ! ksoftirqd_holds || (($(ksoftirqd_waited_ms) <= $1)); then return; fi
	done
}

# Incidents with a culprit; what the machine beneath did has none.
culprits() { jq -r 'select(.type == "incident" and .cause != "unknown" and .cause != "host_pause") | "\(.cause) \(.cpu) \(.start_ns) \(.end_ns) \(.low_ns)"' "$json" | sort; }

# was_starved CPU: is ksoftirqd told to have waited there for no longer than its scheduler says? Until 6.3 the kernel leaves to
# it what a softirq did not finish (d15121be7485 ended that), and any task may have the CPU then.
was_starved() {
	local told
	told=$(awk -v cpu="$1" '$1 == "ksoftirqd_starved" && $2 == cpu { sum += $5 } END { printf "%d", sum }' "$scratch/culprits")
	((told <= $(ksoftirqd_waited_ns "$1") - ksoftirqd_before[$1] + 2000000))
}

# was_receiving CPU FROM TO NS: was NET_RX at work for so long then? Others wait meanwhile, which is all that is told. An emulated
# CPU takes tens of milliseconds for code that it has not run before, as for the first packets; what is injected takes longer.
was_receiving() {
	received=$(net_rx_ns "$1" "$2" "$3")
	(($4 < 50000000 && received + 2000000 >= $4))
}

# host_did FROM TO NS: did the machine beneath not let this one run for three quarters of NS then? A virtual CPU that it stops
# just where a task has interrupts off, or a timer's callback runs, cannot be told from one on which they take so long.
host_did() {
	host_waited=$(host_waited_ns "$1" "$2")
	((host_waited >= 1000000 && host_waited * 4 >= $3 * 3))
}

# not_excused CAUSES: of the incidents in $scratch/culprits, the causes of those that were not there but for what was done on
# purpose, a word each; only those of CAUSES are asked about. What speaks for the host goes to $scratch/excuses, and what does
# not suffice to $scratch/no_excuses.
not_excused() {
	local cause cpu from to low host_waited received
	: >"$scratch/excuses"
	: >"$scratch/no_excuses"
	while read -r cause cpu from to low; do
		if ! grep -qx "$cause" <<<"$1"; then
			echo "$cause"
		elif [[ $cause == ksoftirqd_starved ]] && was_starved "$cpu"; then
			continue
		elif [[ $cause == napi_budget ]] && was_receiving "$cpu" "$from" "$to" "$low"; then
			echo "$cause for $low ns, for $received ns of which NET_RX ran" >>"$scratch/excuses"
		elif host_did "$from" "$to" "$low"; then
			echo "$cause for $low ns, for $host_waited ns of which the host kept this machine from running" >>"$scratch/excuses"
		else
			echo "$cause for $low ns, for $host_waited ns of which the host kept this machine from running" >>"$scratch/no_excuses"
			echo "$cause"
		fi
	done <"$scratch/culprits"
}

# are_in WORDS OF: each of WORDS, as often as it is there; both sorted, a word a line.
are_in() { [[ -z $(beyond "$1" "$2") ]]; }
beyond() { comm -23 <(grep . <<<"$1") <(grep . <<<"$2"); }

# judge_blame NAME WANTED GOT [-u]: causes, sorted (as sort -u does), a word a line. Nothing is blamed that was not there: more is
# excused only with evidence of others than nettrace.
judge_blame() {
	local name=$1 wanted=$2 got=$3 real
	real=$(not_excused "$(beyond "$got" "$wanted")" | sort ${4:+"$4"})
	if ! are_in "$wanted" "$got" || ! are_in "$real" "$wanted"; then
		not_ok "$name" "wanted: $(paste -sd ' ' <<<"$wanted")" "got:    $(paste -sd ' ' <<<"$got")" \
			"$(cat "$scratch/excuses" "$scratch/no_excuses")" "$(jq -c 'select(.type == "incident") | [.cause, .cpu, .text, .start_ns, .end_ns, .low_ns]' "$json")"
	elif [[ -s $scratch/excuses ]]; then
		skip "$name" "$(paste -sd ';' "$scratch/excuses")"
	else
		ok "$name"
	fi
}

# blames NAME WANTED: exactly these.
blames() {
	culprits >"$scratch/culprits"
	judge_blame "$1" "$(tr ' ' '\n' <<<"$2" | sort)" "$(cut -d ' ' -f 1 "$scratch/culprits")"
}

# blames_only NAME WANTED INJECTED: any number of these; the injected fault may have held packets, too.
blames_only() {
	culprits | grep -v "^$3 " >"$scratch/culprits"
	judge_blame "$1" "$(tr ' ' '\n' <<<"$2" | sort)" "$(cut -d ' ' -f 1 "$scratch/culprits" | sort -u)" -u
}

# Of each reply: how much of its round trip its delay does not explain, beyond the little that the wire needs, with the bounds
# of the round trip; 0 where the delay is longer than that, which it never is.
unexplained() {
	jq -rs '[.[] | select(.type == "journey")] as $all
		| ([$all[] | select(.icmp.type == 8) | {key: "\(.icmp.id) \(.icmp.seq)", value: (.events[] | select(.probe == "net_dev_start_xmit") | .ts_ns)}]
			| from_entries) as $sent
		| [$all[] | select(.icmp.type == 0) | . as {$start_ns, $before} | $sent["\(.icmp.id) \(.icmp.seq)"] as $sent_ns
			| select($sent_ns) | ($start_ns - $sent_ns) as $rtt
			| if ($before.low_ns // 0) > $rtt then [0, $sent_ns, $start_ns]
			else ($rtt - 8000000 - ($before.high_ns // 0)) as $missing
			| select($missing > 0) | [$missing, $sent_ns, $start_ns] end]
		| sort[] | map(tostring) | join(" ")' "$json"
}

# The other end of the wire is QEMU: where the machine beneath kept that from running, the wire took so long, too.
delays_are_true() {
	local missing from to
	unexplained >"$scratch/unexplained" || return
	while read -r missing from to; do
		if ((missing == 0)) || (($(host_waited_ns "$from" "$to") < missing)); then
			echo "$missing ns of the time from $from to $to are missing" >&2
			return 1
		fi
	done <"$scratch/unexplained"
}
