#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# The guest's /init: prepares the machine, runs the job, reports its exit status, ends the machine.
# Serial ports: ttyS0 is the kernel's console, ttyS1 the job's output, ttyS2 the runner's side channel.
#
# busybox, since its shell runs applets without loading a program each: half a second less under emulation.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/root USER=root LOGNAME=root LANG=C TERM=dumb

mount_all() {
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	mount -t devtmpfs devtmpfs /dev
	mkdir -p /dev/pts /dev/shm /dev/net
	mount -t devpts devpts /dev/pts
	mount -t tmpfs tmpfs /dev/shm
	mount -t tmpfs tmpfs /run
	mount -t tmpfs tmpfs /tmp
	mount -t bpf bpf /sys/fs/bpf
	mount -t tracefs tracefs /sys/kernel/tracing
	mount -t debugfs debugfs /sys/kernel/debug
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	mkdir /run/lock
	# Opening it loads the module; nothing else would.
	mknod /dev/net/tun c 10 200
	ln -s /proc/self/fd /dev/fd
	ln -s fd/0 /dev/stdin
	ln -s fd/1 /dev/stdout
	ln -s fd/2 /dev/stderr
}

# The addresses are those of QEMU's user networking, which answers ping at 10.0.2.2.
start_nic() {
	modprobe virtio_pci
	modprobe virtio_net
	until [ -e /sys/class/net/eth0 ]; do sleep 0.05; done
	ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
	route add default gw 10.0.2.2
}

mount_all
hostname guest
ifconfig lo up
[ ! -e /job/nic ] || start_nic

# A terminal would turn \n into \r\n and ^C into a signal.
stty -F /dev/ttyS1 raw -echo
stty -F /dev/ttyS2 raw -echo
cd /nettrace || exit 1
echo start >/dev/ttyS2
setsid bash /job/command </dev/null >/dev/ttyS1 2>&1
status=$?
# stty waits until what was written has left the port.
stty -F /dev/ttyS1 raw
echo "exit $status" >/dev/ttyS2
stty -F /dev/ttyS2 raw
reboot -f
