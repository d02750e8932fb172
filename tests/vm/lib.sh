# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Helpers of the tests which run in a guest; every tests/vm/*.test.sh sources this first.

nettrace=${NETTRACE:-/nettrace/build/nettrace}
nettrace_pid='' nettrace_status='' nettrace_out='' nettrace_pids=() nettrace_outs=()
scratch=$(mktemp -d)
net_rx=/sys/kernel/tracing/instances/net_rx # faults.sh

# Whatever a test leaves behind must not reach the next one.
cleanup() {
	[[ -z $nettrace_pid ]] || kill -KILL "$nettrace_pid" 2>/dev/null
	((${#nettrace_pids[@]} == 0)) || kill -KILL "${nettrace_pids[@]}" 2>/dev/null
	topology_down
	[[ ! -d $net_rx ]] || rmdir "$net_rx"
	rm -rf "$scratch"
}
trap cleanup EXIT

# --- results

ok() { printf 'ok - %s\n' "$1"; }

# not_ok NAME [REASON]...
not_ok() {
	printf 'not ok - %s\n' "$1"
	shift
	(($# == 0)) || printf '%s\n' "$@" | sed 's/^/# /'
}

skip() { printf 'skip - %s # %s\n' "$1" "$2"; }

# check NAME COMMAND...: the command's output is shown only if it fails.
check() {
	local name=$1
	shift
	# Not $(...): the command may be a function which sets variables.
	if "$@" >"$scratch/check" 2>&1; then
		ok "$name"
	else
		not_ok "$name" "status $? of: $*" "$(tail -n 30 "$scratch/check")"
	fi
}

# --- topology

in_a() { ip netns exec a "$@"; }
in_b() { ip netns exec b "$@"; }

# add_namespace NAME: with loopback, and without IPv6, whose own chatter would be traced, too.
add_namespace() {
	ip netns add "$1" &&
		ip netns exec "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 &&
		ip -n "$1" link set lo up
}

# a: va 10.7.0.1/24 --- b: vb 10.7.0.2/24
topology_veth() {
	topology_down
	modprobe veth &&
		add_namespace a && add_namespace b && add_veth a va b vb &&
		ip -n a address add 10.7.0.1/24 dev va && ip -n b address add 10.7.0.2/24 dev vb
}

# On the way from a to b packets with mark 1 wait for 60 ms; others pass.
slow_lane() {
	modprobe sch_prio && modprobe sch_netem && modprobe cls_fw &&
		in_a tc qdisc add dev va root handle 1: prio bands 3 priomap 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 &&
		in_a tc qdisc add dev va parent 1:3 handle 30: netem delay 60ms &&
		in_a tc filter add dev va parent 1: protocol ip handle 1 fw flowid 1:3
}

# add_veth NAMESPACE INTERFACE NAMESPACE INTERFACE: both ends up
add_veth() {
	ip link add "$2" netns "$1" type veth peer name "$4" netns "$3" &&
		ip -n "$1" link set "$2" up && ip -n "$3" link set "$4" up
}

# add_ipv6 NAMESPACE INTERFACE ADDRESS...: without link-local addresses, so that nothing but the tests' traffic is sent.
add_ipv6() {
	local namespace=$1 interface=$2 address
	shift 2
	ip -n "$namespace" link set "$interface" addrgenmode none &&
		ip netns exec "$namespace" sysctl -qw "net.ipv6.conf.$interface.disable_ipv6=0" || return
	for address in "$@"; do
		ip -n "$namespace" address add "$address" dev "$interface" nodad || return
	done
}

# know FROM INTERFACE TO PEER ADDRESS...: neighbours that need no ARP or neighbour solicitation.
know() {
	local from=$1 interface=$2 lladdr address
	lladdr=$(ip netns exec "$3" cat "/sys/class/net/$4/address") || return
	shift 4
	for address in "$@"; do
		ip -n "$from" neighbour replace "$address" lladdr "$lladdr" nud permanent dev "$interface" || return
	done
}

topology_down() {
	local name
	for name in a b r br; do
		[[ ! -e /run/netns/$name ]] || ip netns delete "$name"
	done
}

# --- nettrace

# launch_nettrace OUT ARGUMENT...: stdout goes to OUT, stderr to OUT.err; sets nettrace_pid.
launch_nettrace() {
	nettrace_out=$1 nettrace_status=''
	shift
	: >"$nettrace_out.err" # what an earlier one wrote there would be taken for this one's before it has begun
	# Without job control bash lets background commands ignore SIGINT.
	# shellcheck disable=SC2086 # $nettrace_within: a command around it, in words
	env --default-signal=INT,QUIT ${nettrace_within:-} "$nettrace" "$@" >"$nettrace_out" 2>"$nettrace_out.err" </dev/null &
	nettrace_pid=$!
}

# ready PID OUT [SECONDS]: waits until that one has attached every probe; false if it ends before, or is not in time.
ready() {
	local tries=$((${3:-60} * 10))
	until grep -q '^nettrace: tracing,' "$2.err"; do
		if ((tries-- == 0)) || ! kill -0 "$1" 2>/dev/null; then return 1; fi
		sleep 0.1
	done
}

# start_nettrace OUT ARGUMENT...: returns when every probe is attached; fails and shows its stderr if it ends before,
# or is not ready within a minute.
start_nettrace() {
	launch_nettrace "$@"
	if ! ready "$nettrace_pid" "$nettrace_out"; then
		stop_nettrace
		echo "nettrace ${*:2} was not ready; status $nettrace_status, stderr:" >&2
		cat "$nettrace_out.err" >&2
		return 1
	fi
}

# Several at the same time: add_nettrace OUT ARGUMENT... for each, then nettraces_ready, then stop_nettraces.
add_nettrace() {
	launch_nettrace "$@"
	nettrace_pids+=("$nettrace_pid")
	nettrace_outs+=("$nettrace_out")
	nettrace_pid=''
}

nettraces_ready() {
	local i
	for i in "${!nettrace_pids[@]}"; do
		if ! ready "${nettrace_pids[i]}" "${nettrace_outs[i]}" 120; then
			echo "a nettrace was not ready, stderr:" >&2
			cat "${nettrace_outs[i]}.err" >&2
			return 1
		fi
	done
}

# All at once, as detaching takes long. False if one did not end with status 0.
stop_nettraces() {
	local status=0
	kill -INT "${nettrace_pids[@]}" 2>/dev/null
	for nettrace_pid in "${nettrace_pids[@]}"; do
		wait_nettrace 120
		((nettrace_status == 0)) || status=$nettrace_status
	done
	nettrace_pids=() nettrace_outs=()
	return "$status"
}

# wait_nettrace [SECONDS]: for one that ends by itself (-c, --duration). Sets nettrace_status; 124 if it was killed.
wait_nettrace() {
	local tries=$((${1:-60} * 10))
	[[ -n $nettrace_pid ]] || return 1
	while kill -0 "$nettrace_pid" 2>/dev/null; do
		if ((tries-- == 0)); then
			kill -KILL "$nettrace_pid"
			wait "$nettrace_pid" 2>/dev/null
			nettrace_pid='' nettrace_status=124
			return 1
		fi
		sleep 0.1
	done
	wait "$nettrace_pid" 2>/dev/null
	nettrace_status=$? nettrace_pid=''
}

# Ends it as Ctrl-C would. Sets nettrace_status.
stop_nettrace() {
	[[ -n $nettrace_pid ]] || return 1
	kill -INT "$nettrace_pid" 2>/dev/null
	wait_nettrace 60
}

# said FILE: what nettrace wrote on stderr but for incidents and CPUs that are silent: a virtual machine's CPUs are stopped when the host has
# other work, and nettrace tells that in any test.
said() { grep -vE '^nettrace: (incident [0-9]+: |cpu [0-9]+ has taken no interrupts )' "$1"; }
