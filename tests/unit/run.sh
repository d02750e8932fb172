#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Run unit test programs; one line for each test, "ok - PROGRAM: TEST" or "not ok - …", in the end a count.
set -u
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for program in "$@"; do
	name=$(basename "$program")
	"$program" >"$log" 2>&1
	status=$?
	sed -n -e "s/^\[       OK \] /ok - $name: /p" -e "s/^\[  FAILED  \] \([^:]*\)$/not ok - $name: \1/p" "$log" | sort -u
	ok=$(grep -c '^\[       OK \]' "$log")
	passed=$((passed + ok))
	if [ "$status" -ne 0 ] || [ "$ok" -eq 0 ]; then
		failed=$((failed + 1))
		echo "not ok - $name exits $status"
		sed 's/^/# /' "$log"
	fi
done
echo "# unit tests: $passed passed, $failed programs failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
