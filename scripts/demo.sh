#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# usage: scripts/demo.sh
#
# Shows nettrace at work without touching this machine's network: builds it, boots a guest with a stock 6.1 kernel,
# pings from one network namespace to another and prints what the kernel did with each packet. Installs what that
# needs and this machine lacks; fetches the kernel on the first run.
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

case ${1:-} in
'') ;;
-h | --help) print_help && exit ;;
*) usage_error "unknown option '$1'" ;;
esac

cd "$repo"
scripts/deps.sh
say "building nettrace"
make -s -j "$(nproc)" >&2
say "booting a guest, pinging in it"
scripts/vm.sh --kernel 6.1 -- "$guest_script"
cat <<'END'

The same on this machine, while `ping 127.0.0.1` runs in another terminal:
  sudo build/nettrace -p icmp --addr 127.0.0.1 -c 4
END
