#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# usage: tests/vm/golden-delays.sh
#
# In a guest with a NIC: records packets that are late, each for another reason (interrupts off on the NIC's CPU, a long
# interrupt, a shaper, a reader that is stopped, one that is kept off its CPU), and prints the recording as golden.sh does.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=faults.sh
. "$(dirname "$0")/faults.sh"

blocked_cpu() {
	local irq pinging
	irq=$(input_irq)
	echo 2 >"/proc/irq/$irq/smp_affinity"
	taskset -c 0 ping -q -i 0.05 10.0.2.2 >/dev/null &
	pinging=$!
	keep_jiffies
	start_waker
	sleep 0.6
	"$inject" irqs_off 1 250 "$waker" "$wakee"
	quiet_kill "$waker" "$wakee"
	sleep 0.2
	"$inject" irq 1 100 "$irq"
	sleep 0.2
	quiet_kill "$pinging" "$counter"
}

shaper() {
	tc qdisc add dev eth0 root handle 8: netem delay 50ms
	taskset -c 0 ping -q -c 1 10.0.2.2
	tc qdisc del dev eth0 root
}

readers() {
	local reader
	taskset -c 1 socat -u UDP-RECV:7000 OPEN:/dev/null &
	reader=$!
	sleep 0.3
	{
		echo one
		sleep 0.1
		kill -STOP "$reader"
		echo two
		sleep 0.1
		kill -CONT "$reader"
		sleep 0.1
		timeout 0.1 taskset -c 1 chrt -f 50 bash -c 'while :; do :; done' &
		sleep 0.03
		echo three
		sleep 0.3
	} | taskset -c 0 socat -u - UDP-SENDTO:127.0.0.1:7000
	quiet_kill "$reader"
}

{
	modprobe sch_netem
	start_nettrace "$scratch/out" -w "$scratch/golden.nettrace" --detail || exit
	blocked_cpu
	shaper
	readers
	sleep 0.5
	stop_nettrace
	cat "$scratch/out.err"
} >&2
echo '-----BEGIN RECORDING-----'
base64 "$scratch/golden.nettrace"
echo '-----END RECORDING-----'
