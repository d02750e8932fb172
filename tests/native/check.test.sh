#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The machine's own kernel: --check and --probes say what can be traced here, which a trace then does.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

"$nettrace" --check >"$scratch/out" 2>"$scratch/err"
status=$?
if ((status)); then
	check '--check: why tracing does not work here' eval "((status == 1)) && grep -q '^tracing does not work: ' '$scratch/out'"
	skip '--probes and a trace' "$(grep '^tracing does not work' "$scratch/out")"
	exit
fi
verdict=$(sed -n 's/^tracing works: //p' "$scratch/out")
backend=${verdict%% *}
check "--check: the verdict ($verdict)" eval "[[ '$verdict' =~ ^(kprobe-multi|kprobe|fentry|tracepoint)\ backend,\ [0-9]+\ probes\ \([0-9]+\ skipped\)$ ]]"
check '--check: silent on stderr' test ! -s "$scratch/err"
check '--check: the backend works' grep -qE "^$backend +works$" "$scratch/out"
# shellcheck disable=SC2016 # awk's $
check '--check: those before it do not' awk -v chosen="$backend" '
	/^(kprobe-multi|kprobe|fentry|tracepoint) / { if ($1 == chosen) exit found = 0; if ($2 != "no:") exit found = 1 }' "$scratch/out"
if [[ $backend == tracepoint ]]; then
	check '--check: what is not seen, and why' grep -qE '^  ip-in +the tracepoint backend has no functions$' "$scratch/out"
	"$nettrace" --probes --probe icmp_echo >"$scratch/add" 2>&1
	equal '--probe where only tracepoints work: status' 1 $?
	check '--probe where only tracepoints work: why' grep -q '^nettrace: --probe adds functions, and ' "$scratch/add"
fi

"$nettrace" --check --backend tracepoint >"$scratch/out" 2>&1
equal '--check --backend tracepoint: status' 0 $?
check '--check --backend tracepoint: as asked for' grep -qx 'backend           tracepoint, as asked for' "$scratch/out"

"$nettrace" --probes >"$scratch/probes" 2>"$scratch/err"
equal '--probes: status 0, silent on stderr' '0 0' "$? $(wc -c <"$scratch/err")"
equal '--probes: as many attach as --check says' "$(awk '{ print $3 }' <<<"$verdict")" "$(grep -c ' attach  ' "$scratch/probes")"
equal '--probes: each row once' '' "$(awk '{ print $1 }' "$scratch/probes" | sort | uniq -d)"
if start_nettrace "$scratch/trace" --addr 127.0.0.1 2>"$scratch/start"; then
	stop_nettrace
	check 'a trace attaches what --check says' grep -qF "tracing, $verdict" "$scratch/trace.err"
else
	not_ok 'a trace attaches what --check says' "$(<"$scratch/start")"
fi
"$nettrace" --exclude kfree_skbb >"$scratch/out" 2>"$scratch/err"
equal '--exclude of an unknown name: status' 2 $?
check '--exclude of an unknown name: near ones' grep -qx "nettrace: --exclude: no probe 'kfree_skbb'; did you mean kfree_skb, kfree_skb_partial?" "$scratch/err"
