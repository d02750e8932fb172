#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# usage: tests/vm/probes-expected.sh
#
# Makes tests/vm/probes.expected anew, from guests with all kernels, and shows what changed in it. VM names another
# program than scripts/vm.sh to run them.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
. scripts/lib.sh

expected=tests/vm/probes.expected
new=$(mktemp)
trap 'rm -f "$new"' EXIT
for kernel in "${known_kernels[@]}"; do
	say "$kernel"
	"${VM:-scripts/vm.sh}" --kernel "$kernel" -- tests/vm/probes.test.sh --print >>"$new"
done
touch "$expected"
diff "$expected" "$new" || cp "$new" "$expected"
