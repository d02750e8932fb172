#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The guest itself: what every other test relies on.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

check 'bpffs is mounted' test "$(stat -f -c %T /sys/fs/bpf)" = bpf_fs
check 'tracefs is mounted' test -e /sys/kernel/tracing/available_filter_functions
check 'the kernel has BTF' test -r /sys/kernel/btf/vmlinux
check 'bpftool lists programs' bpftool prog list
check 'two namespaces are joined by veth' topology_veth
check 'ping passes between them' in_a ping -q -c 2 -i 0.05 -W 2 10.7.0.2
check 'nft filters' in_b nft 'add table ip t; add chain ip t in { type filter hook input priority 0; }; add rule ip t in icmp type echo-request drop'
check 'nft drops what it is told to' eval '! in_a ping -q -c 1 -W 1 10.7.0.2'
check 'netem delays' in_a tc qdisc add dev va root netem delay 10ms
check 'the topology can be removed' topology_down
