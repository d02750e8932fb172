#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# usage: tests/vm/run.sh [--nic] [NAME]...
#
# Runs the tests of a guest (scripts/vm.sh -- tests/vm/run.sh): all tests/vm/*.test.sh, or with --nic those called
# *.nic.test.sh, which want a virtio NIC; with names only tests/vm/NAME.test.sh. Exit status 1 if one failed.
set -u
cd "$(dirname "$0")/../.." || exit 1

# A test that hangs must not take the others' results with it.
limit=300
[[ -z ${NETTRACE_LONG:-} ]] || limit=900

select_tests() {
	local nic='' name
	if [[ ${1:-} == --nic ]]; then
		nic=yes
		shift
	fi
	if (($#)); then
		printf 'tests/vm/%s.test.sh\n' "$@"
		return
	fi
	for name in tests/vm/*.test.sh; do
		case $nic,$name in
		yes,*.nic.test.sh) echo "$name" ;;
		yes,* | ,*.nic.test.sh) ;;
		*) echo "$name" ;;
		esac
	done
}

# Runs one test, its output copied to $log. What it leaves running is killed: it would hold the pipe open for ever.
run_test() {
	local pid status tee_pid
	tee "$log" <"$pipe" &
	tee_pid=$!
	# timeout makes a process group of its own, named by its pid.
	timeout -k 5 "$limit" bash "$1" >"$pipe" 2>&1 &
	pid=$!
	wait "$pid"
	status=$?
	kill -KILL -- "-$pid" 2>/dev/null
	wait "$tee_pid"
	return "$status"
}

scratch=$(mktemp -d) failed=0
trap 'rm -rf "$scratch"' EXIT
log=$scratch/log pipe=$scratch/pipe
mkfifo "$pipe"
for test in $(select_tests "$@"); do
	printf '# %s on %s\n' "${test##*/}" "$(uname -r)"
	status=0
	run_test "$test" || status=$?
	if ((status == 124 || status == 137)); then
		echo "not ok - ${test##*/} took longer than $limit s" | tee -a "$log"
	elif ((status)); then
		echo "not ok - ${test##*/} ended with status $status" | tee -a "$log"
	elif ! grep -qE '^(ok|not ok|skip) - ' "$log"; then
		echo "not ok - ${test##*/} tested nothing" | tee -a "$log"
	fi
	! grep -q '^not ok - ' "$log" || failed=1
done
exit "$failed"
