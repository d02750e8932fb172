# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Helpers of the tests which run in a guest; every tests/vm/*.test.sh sources this first.

nettrace=${NETTRACE:-/nettrace/build/nettrace}
nettrace_pid='' nettrace_status='' nettrace_out=''
scratch=$(mktemp -d)

# Whatever a test leaves behind must not reach the next one.
cleanup() {
	[[ -z $nettrace_pid ]] || kill -KILL "$nettrace_pid" 2>/dev/null
	topology_down
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
		add_namespace a && add_namespace b &&
		ip link add va netns a type veth peer name vb netns b &&
		ip -n a address add 10.7.0.1/24 dev va && ip -n a link set va up &&
		ip -n b address add 10.7.0.2/24 dev vb && ip -n b link set vb up
}

topology_down() {
	local name
	for name in a b; do
		[[ ! -e /run/netns/$name ]] || ip netns delete "$name"
	done
}

# --- nettrace

# start_nettrace OUT ARGUMENT...: stdout goes to OUT, stderr to OUT.err. Returns when every probe is attached; fails
# and shows its stderr if it ends before, or is not ready within a minute.
start_nettrace() {
	local tries=600
	nettrace_out=$1 nettrace_status=''
	shift
	# Without job control bash lets background commands ignore SIGINT.
	env --default-signal=INT,QUIT "$nettrace" "$@" >"$nettrace_out" 2>"$nettrace_out.err" </dev/null &
	nettrace_pid=$!
	until grep -q '^nettrace: tracing,' "$nettrace_out.err"; do
		if ((tries-- == 0)) || ! kill -0 "$nettrace_pid" 2>/dev/null; then
			stop_nettrace
			echo "nettrace $* was not ready; status $nettrace_status, stderr:" >&2
			cat "$nettrace_out.err" >&2
			return 1
		fi
		sleep 0.1
	done
}

# wait_nettrace [SECONDS]: for one that ends by itself (-c, --duration). Sets nettrace_status; 124 if it had to be killed.
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
