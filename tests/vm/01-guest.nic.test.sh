#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The guest's NIC, for the tests that want a real driver with interrupts and NAPI.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

check 'eth0 is a virtio NIC' test -e /sys/class/net/eth0/device/driver/module/drivers/virtio:virtio_net
check 'the gateway answers ping' ping -q -c 2 -i 0.1 -W 2 10.0.2.2
check 'its input interrupt is known' grep -q 'virtio[0-9]*-input' /proc/interrupts
