#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Recordings: what is read back is what the trace told, also after a cut, a rotation or a full disk.
# shellcheck disable=SC2016 # commands for eval
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

if ! bpftool prog list >/dev/null 2>"$scratch/bpf"; then
	skip 'recordings' "no BPF here: $(head -n 1 "$scratch/bpf")"
	exit
fi

recording=$scratch/a.nettrace

# Not in lib.sh's way: the status of nettrace itself counts, and traffic must go on until it ends.
pinging() {
	ping -q -i 0.05 -e 4711 127.0.0.1 >/dev/null &
	pinger=$!
	"$@"
	local status=$?
	kill "$pinger"
	wait "$pinger" 2>/dev/null
	return "$status"
}

# To the end, whoever reads: a closed pipe would end it early.
told() {
	"$NETTRACE" -r "$@" >"$scratch/told" 2>"$scratch/told.err"
	cat "$scratch/told"
}

blocks_in() { grep -c '^\*\*\*' "$1"; }

same_in_every_mode() {
	check '-w beside -o' pinging "$NETTRACE" --backend tracepoint -p icmp --id 4711 -c 6 -w "$recording" -o "$scratch/live.txt"
	check 'the recording tells the same' cmp <(told "$recording") "$scratch/live.txt"
	equal '-c 6 gives six' 6 "$(told "$recording" | blocks_in /dev/stdin)"
	equal 'from a pipe' "$(<"$scratch/live.txt")" "$(told - <"$recording")"
	check '--detail' eval 'told "$recording" --detail | grep -q "\[cpu [0-9]"'
	check '--basic' eval '(($(told "$recording" --basic | wc -l) >= 24))'
	equal '--basic is its events' "$(grep -o '\] \[[a-z_]*' "$scratch/live.txt" | sort | uniq -c)" \
		"$(told "$recording" --basic | grep -o '\] \[[a-z_]*' | sort | uniq -c)"
	equal '-c' 2 "$(told "$recording" -c 2 | blocks_in /dev/stdin)"
	seq=$(sed -nE '2s/.* seq: ([0-9]+),.*/\1/p' "$scratch/live.txt")
	equal 'a filter' "$(grep -c "^\[.*__\|^\[.*net_dev_queue.* seq: $seq," "$scratch/live.txt")" \
		"$(told "$recording" --seq "$seq" | grep -c '^total:')"
	equal 'a filter that nothing matches' '' "$(told "$recording" -p tcp)"
	equal '-i' 6 "$(told "$recording" -i lo | blocks_in /dev/stdin)"
	equal '-i of another' '' "$(told "$recording" -i nonesuch0)"
}

# A byte that is written over may have been the same before; its complement is another, always.
flip_byte() {
	local byte
	byte=$(od -An -v -tu1 -j "$2" -N 1 "$1")
	head -c "$2" "$1"
	printf '%b' "\\x$(printf '%02x' $((0xff ^ byte)))"
	tail -c +$(($2 + 2)) "$1"
}

# All that is read back of a part of the file is told by the whole, too.
cut() {
	local size at bad=-1
	size=$(stat -c %s "$recording")
	for at in 0 1 31 32 100 $((size / 2)) $((size - 1)); do
		head -c "$at" "$recording" >"$scratch/cut"
		timeout 10 "$NETTRACE" -r "$scratch/cut" >"$scratch/cut.txt" 2>"$scratch/cut.err" || (($? == 1)) || bad=$at
		[[ -s $scratch/cut.err ]] || bad=$at
	done
	equal 'a file that is cut is told up to there, and said to be' -1 "$bad"
	head -c $((size - 1)) "$recording" >"$scratch/cut"
	check 'the end is missing' eval '"$NETTRACE" -r "$scratch/cut" 2>&1 >/dev/null | grep -q "the end is missing"'
	check 'its journeys are there' cmp <("$NETTRACE" -r "$scratch/cut" 2>/dev/null) "$scratch/live.txt"
	flip_byte "$recording" $((size / 2)) >"$scratch/damaged"
	"$NETTRACE" -r "$scratch/damaged" >/dev/null 2>"$scratch/damaged.err"
	equal 'damage: status 1' 1 $?
	check 'damage is said' grep -q damaged "$scratch/damaged.err"
}

# A host may call itself anything; a terminal is not to obey it.
facts() {
	local at="$scratch/named: "
	unshare -u sh -c 'printf "a\033b\220" >/proc/sys/kernel/hostname && exec "$@"' - "$NETTRACE" \
		--backend tracepoint -p icmp --seq 7 --duration 100ms -w "$scratch/named" 2>"$scratch/named.err" ||
		skip 'facts of a recording' "$(tail -n 1 "$scratch/named.err")"
	[[ -e $scratch/named ]] || return
	told "$scratch/named" --verbose >/dev/null
	equal '--verbose: the recording, its making, totals' 3 "$(wc -l <"$scratch/told.err")"
	check '--verbose: the host, in plain text' grep -qF "recorded on host a\\x1bb\\x90, kernel $(uname -r), $(uname -m)" "$scratch/told.err"
	check '--verbose: when' grep -q "begun $(date +%Y)-[0-9-]* [0-9:]* [+-]" "$scratch/told.err"
	check '--verbose: how' grep -qE 'tracepoint backend, [0-9]+ probes \([0-9]+ skipped\), filter: .*seq 7$' "$scratch/told.err"
	told "$scratch/named"
	equal 'without it: totals only' 1 "$(wc -l <"$scratch/told.err")"
}

wrong_files() {
	local file
	for file in "$scratch/none" "$scratch" /dev/null /bin/true; do
		"$NETTRACE" -r "$file" >"$scratch/wrong.out" 2>"$scratch/wrong.err"
		equal "-r ${file##*/}: status 1, one line, no output" '1 1 0' \
			"$? $(wc -l <"$scratch/wrong.err") $(wc -c <"$scratch/wrong.out")"
		check "-r ${file##*/}: names the file" grep -qF "$file" "$scratch/wrong.err"
	done
	"$NETTRACE" -p icmp -w "$scratch/none/a" 2>"$scratch/wrong.err"
	equal '-w in no directory: status 1' 1 $?
	check '-w in no directory: says so' grep -q 'No such file' "$scratch/wrong.err"
}

# By TCP, whose reader is known to be one even where the kernel does not tell the context.
by_process() {
	local talker
	python3 -c '
import socket, time
with socket.create_server(("127.0.0.1", 47110)) as server:
    one = socket.create_connection(server.getsockname())
    other = server.accept()[0]
print("ready", flush=True)
while True:
    one.send(b"x")
    other.recv(9)
    time.sleep(0.05)' >"$scratch/talker" &
	talker=$!
	wait_for 10 grep -q ready "$scratch/talker"
	"$NETTRACE" --backend tracepoint -p tcp -D 47110 --tcp-flags P --duration 1s -w "$scratch/tcp" 2>/dev/null
	kill "$talker"
	wait "$talker" 2>/dev/null
	told "$scratch/tcp" >"$scratch/tcp.txt"
	check 'the process has read packets' grep -q skb_copy_datagram_iovec "$scratch/tcp.txt"
	equal '--pid, which nobody asked for while tracing' "$(<"$scratch/tcp.txt")" "$(told "$scratch/tcp" --pid "$talker")"
	equal '--pid of another' '' "$(told "$scratch/tcp" --pid "$$")"
}

silent() {
	pinging "$NETTRACE" --backend tracepoint -p icmp -c 3 -w "$scratch/b" >"$scratch/silent" 2>"$scratch/silent.err"
	equal '-w alone: status' 0 $?
	equal '-w alone: nothing on stdout' '' "$(<"$scratch/silent")"
	check '-w alone: totals on stderr' grep -q '^nettrace: 3 journeys' "$scratch/silent.err"
	equal '-w alone: -c gives as many' 3 "$(told "$scratch/b" | blocks_in /dev/stdin)"
	check '-w - into -r -' pinging bash -o pipefail -c "'$NETTRACE' --backend tracepoint -p icmp -c 3 -w - 2>/dev/null |
		'$NETTRACE' -r - >'$scratch/piped' 2>/dev/null"
	equal '-w - into -r -: three' 3 "$(blocks_in "$scratch/piped")"
}

flood() {
	"$NETTRACE" --backend tracepoint -p icmp --buffer 64M --duration "$1" "${@:2}" >/dev/null 2>"$scratch/flood.err" &
	local pid=$!
	wait_for 30 grep -q tracing "$scratch/flood.err"
	ping -q -f -w 20 127.0.0.1 >/dev/null &
	pinger=$!
	wait "$pid"
	flood_status=$?
	kill "$pinger"
	wait "$pinger" 2>/dev/null
}

rotation() {
	local parts n
	flood 3s -w "$scratch/r" --rotate 64K --keep 4
	equal 'rotation: status' 0 "$flood_status"
	parts=("$scratch"/r "$scratch"/r.*)
	equal 'rotation: so many files are kept' 4 "${#parts[@]}"
	for n in "${parts[@]}"; do
		check "rotation: ${n##*/} can be read alone" eval 'told "$n" | grep -q outcome'
	done
	n=$(told "${parts[@]}" | blocks_in /dev/stdin)
	check 'rotation: together' eval "((n > 100))"
	check 'rotation: in any order' eval 'cmp <(told "${parts[@]}") <(told "${parts[3]}" "${parts[0]}" "${parts[2]}" "${parts[1]}")'
	# Those which were under way when a file ended have their rest in the next.
	check 'rotation: together, few are incomplete' eval "(($(told "${parts[@]}" | grep -c 'outcome: incomplete') <= 40))"
}

rotation_by_age() {
	local parts
	flood 4s -w "$scratch/aged" --rotate 1s
	parts=("$scratch"/aged "$scratch"/aged.*)
	check 'rotation by age: some files, none deleted' eval '((${#parts[@]} >= 3)) && [[ -e $scratch/aged.1 && -e $scratch/aged.2 ]]'
	equal 'rotation by age: nothing is lost between them' "$(sed -n 's/^nettrace: \([0-9]*\) journeys.*/\1/p' "$scratch/flood.err")" \
		"$(told "${parts[@]}" | blocks_in /dev/stdin)"
}

full_disk() {
	mkdir "$scratch/small"
	if ! mount -t tmpfs -o size=256k tmpfs "$scratch/small" 2>/dev/null; then
		skip 'full disk' 'no tmpfs can be mounted here'
		return
	fi
	flood 20s -w "$scratch/small/a"
	equal 'full disk: ends the trace with status 1' 1 "$flood_status"
	check 'full disk: is told' grep -q "small/a: No space left on device" "$scratch/flood.err"
	check 'full disk: what was before can be read' eval 'told "$scratch/small/a" | grep -q outcome'
	check 'full disk: and is whole chunks' eval '! grep -q damaged "$scratch/told.err"'
	umount "$scratch/small"
}

interrupted() {
	start_nettrace "$scratch/out" --backend tracepoint -p icmp -w "$scratch/killed" || return
	ping -q -f -w 2 127.0.0.1 >/dev/null
	kill -KILL "$nettrace_pid"
	wait "$nettrace_pid" 2>/dev/null
	nettrace_pid=''
	check 'kill -9: what was written can be read' eval 'told "$scratch/killed" | grep -q outcome'
	check 'kill -9: the end is missing' grep -q 'the end is missing' "$scratch/told.err"
	check 'kill -9: losses are those so far' grep -qE 'killed: losses are told as of [0-3]\.[0-9] s before its end' "$scratch/told.err"
	check 'kill -9: they are known' grep -qE 'lost: ring [0-9]+, map 0, id 0, recursion [0-9]' "$scratch/told.err"
}

# A recording that is long enough to see it being read.
progress() {
	flood 3s -w "$scratch/long"
	script -qec "$NETTRACE -r '$scratch/long' -o '$scratch/long.txt'" /dev/null >"$scratch/terminal" 2>&1
	check 'progress on a terminal' eval "tr '\r' '\n' <'$scratch/terminal' | grep -qE 'reading $scratch/long: [0-9]+ %'"
	"$NETTRACE" -r "$scratch/long" -o "$scratch/long.txt" 2>"$scratch/long.err"
	check 'no progress elsewhere' eval '! grep -q reading "$scratch/long.err"'
}

# From a pipe that does not end: what came is told, and the output is whole.
interrupted_reading() {
	local format
	for format in text jsonl; do
		mkfifo "$scratch/pipe.$format"
		env --default-signal=INT "$NETTRACE" -r "$scratch/pipe.$format" --format "$format" -o "$scratch/partial.$format" \
			2>"$scratch/partial.err" &
		reader=$!
		exec 8>"$scratch/pipe.$format"
		head -c "$(($(stat -c %s "$recording") - 30))" "$recording" >&8
		wait_for 10 eval '[[ $(stat -c %s "$scratch/partial.$format" 2>/dev/null) -gt 1000 ]]'
		kill -INT "$reader"
		wait "$reader"
		equal "Ctrl-C while reading, $format: status" 0 $?
		exec 8>&-
		check "Ctrl-C while reading, $format: is said" grep -q 'stopped before the end' "$scratch/partial.err"
	done
	check 'Ctrl-C while reading: what came is told' cmp "$scratch/partial.text" "$scratch/live.txt"
	equal 'Ctrl-C while reading: the JSON is whole' summary "$(tail -n 1 "$scratch/partial.jsonl" | jq -r .type)"
}

same_in_every_mode
cut
interrupted_reading
progress
facts
wrong_files
silent
by_process
rotation
rotation_by_age
full_disk
interrupted
