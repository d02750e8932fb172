#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# usage: scripts/demo.sh [--incident]
#
# Shows nettrace at work without touching this machine's network: builds it, boots a guest with a stock 6.1 kernel,
# pings from one network namespace to another and prints what the kernel did with each packet. Installs what that
# needs and this machine lacks; fetches the kernel on the first run.
#
#   --incident  two guests on a virtual wire instead: one pings the other, where a task has interrupts off for a while on
#               the CPU of the NIC. What ping shows, and what nettrace says of it on the other side.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# Two echo requests and their replies: four packets.
# shellcheck disable=SC2016 # expanded in the guest
guest_script='
set -u
. tests/vm/lib.sh
topology_veth || exit
start_nettrace /tmp/timelines -p icmp -c 4 || exit
in_a ping -q -c 2 -i 0.2 10.7.0.2 >/tmp/ping || cat /tmp/ping
wait_nettrace
cat /tmp/timelines /tmp/timelines.err
exit "$nettrace_status"'

# The first waits for its wire's other end, and ends when the recipient is done.
# shellcheck disable=SC2016
sender_script='
ifconfig eth0 192.168.0.4
until ping -q -c 1 -W 1 192.168.0.5 >/dev/null; do :; done
ping -i 0.05 -w 25 192.168.0.5'

# shellcheck disable=SC2016
recipient_script='
set -u
. tests/vm/lib.sh
. tests/vm/faults.sh
echo 2 >"/proc/irq/$(input_irq)/smp_affinity"
ifconfig eth0 192.168.0.5
start_waker
start_nettrace /tmp/timelines -p icmp || exit
until (($(grep -c outcome: /tmp/timelines) > 40)); do sleep 0.1; done
"$inject" irqs_off 1 450 "$waker" "$wakee" >/dev/null
sleep 2
stop_nettrace
cat /tmp/timelines.err
awk "BEGIN { RS = \"\"; ORS = \"\\n\\n\" } /^before the stack|incident/" /tmp/timelines'

incident() {
	local scratch sender
	scratch=$(mktemp -d)
	say "booting two guests; one pings the other"
	scripts/vm.sh --kernel 6.1 --wire "$scratch/wire" -- "$sender_script" >"$scratch/ping" &
	sender=$!
	until [[ -S $scratch/wire ]] || ! kill -0 "$sender" 2>/dev/null; do sleep 0.1; done
	scripts/vm.sh --kernel 6.1 --wire "$scratch/wire" -- "$recipient_script" >"$scratch/nettrace" || true
	wait "$sender" || true
	echo '$ ping -i 0.05 192.168.0.5'
	sed -nE '/time=[0-9]{2,}/p' "$scratch/ping" | head -n 20
	printf '\n# nettrace -p icmp\n'
	cat "$scratch/nettrace"
	rm -rf "$scratch"
}

incident=''
case ${1:-} in
'') ;;
--incident) incident=yes ;;
-h | --help) print_help && exit ;;
*) usage_error "unknown option '$1'" ;;
esac

cd "$repo"
scripts/deps.sh
say "building nettrace"
make -s -j "$(nproc)" >&2
if [[ -n $incident ]]; then
	make -s test-tools >&2
	incident
	exit
fi
say "booting a guest, pinging in it"
scripts/vm.sh --kernel 6.1 -- "$guest_script"
cat <<'END'

The same on this machine, while `ping 127.0.0.1` runs in another terminal:
  sudo build/nettrace -p icmp --addr 127.0.0.1 -c 4
END
