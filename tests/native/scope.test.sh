#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# -i, --netns and --netns-current on this machine: pings to 127.0.0.1 in this namespace, to 127.0.0.2 in another.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
pids=()
end_pings() {
	kill "${pids[@]}"
	wait "${pids[@]}" 2>/dev/null
	cleanup
}

# only NAME ADDRESS ARGUMENT...: four journeys, all between this address and itself, and the totals count no others.
only() {
	local name=$1 address=$2
	shift 2
	timeout 30 "$NETTRACE" -p icmp -c 4 "$@" >"$scratch/out" 2>"$scratch/err"
	read_blocks "$scratch/out"
	equal "$name: journeys, and those of $address" '4 4' "$n_blocks $(count_blocks '' '' '' "$address" "$address")"
	check "$name: totals" grep -q '^nettrace: 4 journeys (0 incomplete), ' "$scratch/err"
}

# none NAME ARGUMENT...
none() {
	local name=$1
	shift
	timeout 30 "$NETTRACE" -p icmp --addr 127.0.0.0/30 --duration 500ms "$@" >"$scratch/out" 2>"$scratch/err"
	equal "$name: no journey" 0 "$(wc -l <"$scratch/out")"
	check "$name: totals" grep -q '^nettrace: 0 journeys (0 incomplete), 0 events, ' "$scratch/err"
}

if ((EUID != 0)) || ! bpftool prog list >/dev/null 2>&1; then
	skip 'filters by place' 'not root, or BPF is refused here'
	exit 0
fi
if ! unshare -n true 2>"$scratch/unshare"; then
	skip 'filters by place' "no namespace here: $(<"$scratch/unshare")"
	exit 0
fi
ping -q -i 0.05 127.0.0.1 >/dev/null &
pids+=($!)
unshare -n sh -c 'ip link set lo up && ip link add ntest0 type bridge; exec ping -q -i 0.05 -I 127.0.0.2 127.0.0.2' >/dev/null &
other=$!
pids+=("$other")
trap end_pings EXIT
sleep 0.3
inode=$(stat -Lc %i "/proc/$other/ns/net")

only '--netns of a process' 127.0.0.2 --netns "$other"
only '--netns by inode' 127.0.0.2 --netns "$inode"
only '--netns-current' 127.0.0.1 --netns-current
only '-i and --netns-current' 127.0.0.1 -i lo --netns-current
none '-i, the wrong one' -i ntest0
none '-i and --netns, of which one is wrong' -i ntest0 --netns "$other"

# As `ip netns attach` names it, which refuses to if this machine hides its mounts.
named=/run/netns/ntest-web
if ! mkdir -p /run/netns || ! touch "$named" || ! mount --bind "/proc/$other/ns/net" "$named"; then
	rm -f "$named"
	skip 'names of namespaces' 'no namespace can be given a name here'
	exit 0
fi
timeout 30 "$NETTRACE" -p icmp -c 8 --addr 127.0.0.0/30 -w "$scratch/named" -o "$scratch/live.jsonl" 2>/dev/null
umount "$named"
rm "$named"
equal 'the name of a namespace in JSON' "$inode ntest-web" \
	"$(jq -r '.events[]? | select(.netns_name) | "\(.netns) \(.netns_name)"' "$scratch/live.jsonl" | sort -u)"
told() { "$NETTRACE" -r "$scratch/named" "$@" 2>/dev/null; }
check 'in text, when it is gone' eval 'told --detail | grep -q "netns ntest-web:$inode\]"'
equal '--netns NAME finds as much as its inode' "$(told --netns "$inode")" "$(told --netns ntest-web)"
check '--netns NAME finds its packets' eval 'told --netns ntest-web | grep -qF 127.0.0.2'
check '--netns NAME finds no others' eval '! told --netns ntest-web | grep -F 127.0.0.1'
equal '--netns of a name that no namespace had' '' "$(told --netns ntest-we)"
