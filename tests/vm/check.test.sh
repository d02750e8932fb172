#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# --check and --probes tell what a trace would do here; --probe and --exclude change it; unknown names are refused.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=blocks.sh
. "$(dirname "$0")/blocks.sh"

ping_once() { in_a taskset -c 0 ping -q -c 1 -W 5 10.7.0.2; }

# run ARGUMENT...: sets status; its output is in $scratch/out and $scratch/err.
run() {
	timeout -k 1 60 "$nettrace" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
	status=$?
}

# says NAME REGEX: a line of what --check wrote.
says() { check "$1" grep -qE "$2" "$scratch/out"; }

# --- --check

check_here() {
	local best=kprobe-multi multi='works$'
	if ! has_kprobe_multi; then
		best=kprobe multi='no: (Operation not supported|Invalid argument); it needs CONFIG_FPROBE'
	fi
	mount -t securityfs none /sys/kernel/security 2>/dev/null
	run --check
	equal '--check: status 0, silent on stderr' '0 0' "$status $(wc -c <"$scratch/err")"
	says "--check: the best backend ($best)" "^backend +$best, the first that works"
	says '--check: kprobe-multi' "^kprobe-multi +$multi"
	says '--check: kprobe' '^kprobe +works$'
	says '--check: fentry' '^fentry +works$'
	says '--check: tracepoint' '^tracepoint +works$'
	if [[ -e /sys/kernel/security/lockdown ]]; then
		says '--check: lockdown' '^lockdown +off$'
	else
		skip '--check: lockdown' 'not in this kernel'
	fi
	case $(uname -r) in
	5.10.*)
		says '--check: no attach cookies' '^attach cookies +no: '
		says '--check: no drop reasons' '^drop reasons +not told'
		;;
	*)
		says '--check: attach cookies' '^attach cookies +yes$'
		says '--check: drop reasons' '^drop reasons +told, [1-9][0-9]+ of them$'
		;;
	esac
	says '--check: the stages' '^  ip-in +[1-9][0-9]* of [1-9][0-9]* probes attach$'
	says '--check: the verdict' "^tracing works: $best backend, [0-9]+ probes \([0-9]+ skipped\)$"

	setpriv --reuid=65534 --clear-groups --inh-caps=-all "$nettrace" --check >"$scratch/out" 2>"$scratch/err"
	equal '--check without privileges: status' 1 $?
	says '--check without privileges: why' '^tracing does not work: run as root, or with CAP_BPF and CAP_PERFMON$'
	says '--check without privileges: per backend' '^tracepoint +no: .*; this process lacks CAP_BPF and CAP_PERFMON$'
}

# --- --probes

# Every row once, in a known state, with where or why; the totals are those of the lines.
listing_is_sound() {
	awk '/^[0-9]+ probes, / { totals = $1 " " $5 " " $7 " " $9; next }
		totals || NF < 5 || seen[$1]++ || $2 !~ /^(attach|skip|unused)$/ || $3 !~ /^(function|tracepoint|none)$/ { print "bad:", $0; bad = 1 }
		{ n[$2]++; rows++ }
		END {
			counted = rows " " n["attach"]+0 " " n["skip"]+0 " " n["unused"]+0
			if (counted != totals)
				print "totals:", totals, "counted:", counted
			exit bad || counted != totals
		}' "$scratch/out"
}

probes_here() {
	local module=nf_conntrack function=nf_ct_get_tuplepr names
	run --probes --backend tracepoint --exclude consume_skb
	equal '--probes --backend tracepoint: status' 0 "$status"
	check '--probes --backend tracepoint: sound' listing_is_sound
	check '--probes --exclude' grep -qE '^consume_skb +unused +tracepoint +life +excluded$' "$scratch/out"
	names=$(awk 'NF > 4 { print $1 }' "$scratch/out" | grep -v '^[0-9]')

	modprobe "$module"
	if [[ -e /sys/kernel/btf/$module ]]; then
		run --probes --probe "skb_scrub_packet,$function"
		check '--probes --probe: a function of a module' grep -qE "^$function +attach +function +life +$function \[$module\]$" "$scratch/out"
	else
		refused "--probe: it cannot be known whether '$function' takes a packet: it is not in the types (BTF) of the module $module" --probe "$function"
		run --probes --probe skb_scrub_packet
	fi
	equal '--probes: status 0, silent on stderr' '0 0' "$status $(wc -c <"$scratch/err")"
	check '--probes: sound' listing_is_sound
	check '--probes: the functions added are last' eval "tail -n 3 '$scratch/out' | grep -qE '^skb_scrub_packet +attach +function +life +skb_scrub_packet$'"
	equal '--probes: the same rows with each backend' "$names" \
		"$(grep -vE "^(skb_scrub_packet|$function) |^[0-9]" "$scratch/out" | awk '{ print $1 }')"
}

# --- --probe and --exclude

traced() {
	local path
	if ! trace "$scratch/out" ping_once -p icmp --probe eth_type_trans,ip_rcv_core --exclude ip_rcv; then
		not_ok '--probe and --exclude' "$(cat "$scratch/out.err")"
		return
	fi
	equal '--probe: two packets, two blocks' '2 0' "$n_blocks $n_incomplete"
	check '--probe: well-formed' all_well_formed
	path=$(functions_of request 1)
	check '--probe: its events are where they belong' eval "[[ '$path' == *' net_dev_start_xmit eth_type_trans '* ]]"
	check '--probe: a probe of the table may be named' eval "[[ '$path ' == *' ip_rcv_core '* ]]"
	check '--exclude: no event of it' eval "[[ '$path ' != *' ip_rcv '* ]]"
}

# refused MESSAGE ARGUMENT...: a usage error with that one line.
refused() {
	local message=$1
	shift
	run "$@"
	equal "refused: $*" "2 0 nettrace: $message" "$status $(wc -c <"$scratch/out") $(<"$scratch/err")"
}

unknown_names() {
	run --check --probe ip_local_delver
	equal 'unknown --probe with --check: status' 2 "$status"
	check 'unknown --probe with --check: near names' grep -q '; did you mean ip_local_deliver, ip_local_deliver_finish?$' "$scratch/err"
	refused "--probe: 'do_exit' takes no packet: it has no argument of type struct sk_buff *" -p icmp --probe do_exit
	refused "--exclude: no probe 'icmp_echoo'; did you mean icmp_echo?" --exclude icmp_echoo --probes
	refused "--exclude: no probe 'ip_local'; did you mean ip_local_deliver, ip_local_deliver_finish, ip6_local_out?" --exclude ip_rcv,ip_local
	run -p icmp --probe icmp_echo --backend tracepoint
	equal '--probe with --backend tracepoint: status' 2 "$status"
}

topology_veth || exit
check_here
probes_here
traced
unknown_names
