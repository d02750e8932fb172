# shellcheck shell=bash disable=SC2034,SC2154 # for those who source this, after lib.sh
# SPDX-License-Identifier: GPL-2.0
# What faults need: build/inject makes one where a task, an interrupt or a timer comes by on CPU 1.

inject=${nettrace%/*}/inject

input_irq() { awk '/virtio.*input/ { sub(":", "", $1); print $1; exit }' /proc/interrupts; }

# A task that wakes another again and again, on CPU 1; sets waker and wakee.
start_waker() {
	mkfifo "$scratch/pipe"
	taskset -c 0 cat "$scratch/pipe" >/dev/null &
	wakee=$!
	taskset -c 1 bash -c 'while :; do echo; read -rt 0.01 <> <(:); done' >"$scratch/pipe" &
	waker=$!
}

# A task that sends, but no pings, on CPU 1; sets sender.
start_sender() {
	taskset -c 1 bash -c 'while :; do echo >/dev/udp/127.0.0.1/9; read -rt 0.01 <> <(:); done' 2>/dev/null &
	sender=$!
}

# ping waits by jiffies, which nobody counts while the CPU that does so is blocked: one that is never idle keeps that duty.
keep_jiffies() {
	taskset -c 0 nice -n 19 bash -c 'while :; do :; done' &
	counter=$!
}

quiet_kill() { kill "$@" && wait "$@" 2>/dev/null; }
