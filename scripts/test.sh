#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# usage: scripts/test.sh [all|fast|unit|vm|attribution] [KERNEL]...
#
# Builds nettrace and tests it; installs what that needs and this machine lacks.
#
#   fast   unit tests, tests on this machine, and in guests most of the tests with the kernel 7.x, and those which
#          depend on the kernel most with 6.1 (the default)
#   all    the same with the kernels 5.10, 6.1, 6.12 and 7.x, and the long variants
#   unit   unit tests only
#   vm     tests in guests only
#   attribution  only those in guests where packets are delayed on purpose, with all kernels, and a table of who was found
#
# KERNEL (5.10, 6.1, 6.12, 7.x) restricts the guests. The whole output of each stage is kept in build/test-logs. The
# last line is `N passed, N failed`; exit status 1 if a test failed, a stage died or no test ran.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

logs=build/test-logs

# The fast selection: its second kernel has neither kprobe.multi nor the newest ways to free a packet.
first_kernel=7.x second_kernel=6.1
first_tests=(00-guest backends check delays errors filters histograms latency overload paths ping probes reuse stale tcp tunnels)
second_tests=(00-guest backends ping paths probes tcp)

# Where a machine's standing still is told from the rest, the host has to be quiet: host.nic is not in the fast selection.
first_nic_tests=(01-guest.nic attribution.nic nic.nic)
second_nic_tests=(01-guest.nic nic.nic)

# count KIND: over the logs of all stages.
count() { cat "$logs"/*.log | grep -c "^$1 - " || true; }

# stage NAME COMMAND...: a stage which fails without naming a failed test has died, and counts as a failed test itself.
# Returns the command's status.
stage() {
	local name=$1 log=$logs/${1// /-}.log status=0 began=$SECONDS
	shift
	printf '\n== %s\n' "$name"
	"$@" </dev/null 2>&1 | tee "$log" || status=$?
	# 1 is how test runners say that a test failed; 2 is make's way to pass that on.
	if ((status > 2)) || { ((status)) && ! grep -q '^not ok - ' "$log"; }; then
		echo "not ok - $name died with status $status" | tee -a "$log"
	fi
	printf '== %s: %d s\n' "$name" "$((SECONDS - began))"
	return "$status"
}

# shellcheck disable=SC2317 # called through stage
native_tests() {
	local test failed=0
	for test in tests/native/*.test.sh; do
		bash "$test" || failed=1
	done
	return "$failed"
}

# Where a cause is made, and has to be told: without a NIC and with one.
cause_tests=(delays scenarios) nic_cause_tests=(attribution.nic clean.nic host.nic module.nic scenarios.nic)

# By scenario, which is what names of tests begin with: whether every kernel found who did it. What was only skipped
# was not.
score_table() {
	local log
	for log in "$logs"/*.log; do
		sed -nE "s/^(ok|not ok|skip) - ([^:#]*[^:# ])(: | # ).*/$(basename "$log" | sed -E 's/(-nic)?\.log$//')\t\2\t\1/p" "$log"
	done | awk -F '\t' -v kernels="${kernels[*]}" '
		!($2 in at) { order[++n] = $2; at[$2] }
		$3 == "not ok" { bad[$1, $2] = 1 }
		$3 == "ok" { good[$1, $2] = 1 }
		{ seen[$1, $2] = 1 }
		END {
			k = split(kernels, kernel, " ")
			printf "\n%-32s", "scenario"
			for (i = 1; i <= k; i++) printf " %7s", kernel[i]
			print ""
			for (s = 1; s <= n; s++) {
				printf "%-32s", order[s]
				for (i = 1; i <= k; i++) {
					key = kernel[i] SUBSEP order[s]
					printf " %7s", bad[key] ? "WRONG" : good[key] ? "found" : seen[key] ? "skipped" : "-"
				}
				print ""
			}
		}'
}

# One boot for all tests of a kernel, and one for those which want a NIC.
guest_tests() {
	local kernel=$1 long=() names=() nic_names=()
	[[ $selection != all ]] || long=(env NETTRACE_LONG=1)
	case $selection,$kernel in
	fast,"$first_kernel") names=("${first_tests[@]}") nic_names=("${first_nic_tests[@]}") ;;
	fast,"$second_kernel") names=("${second_tests[@]}") nic_names=("${second_nic_tests[@]}") ;;
	attribution,*) names=("${cause_tests[@]}") nic_names=("${nic_cause_tests[@]}") ;;
	esac
	stage "$kernel" scripts/vm.sh --kernel "$kernel" --timeout 1800 -- "${long[@]}" tests/vm/run.sh "${names[@]}" || true
	if compgen -G 'tests/vm/*.nic.test.sh' >/dev/null; then
		stage "$kernel nic" scripts/vm.sh --kernel "$kernel" --nic --timeout 2700 -- "${long[@]}" tests/vm/run.sh --nic "${nic_names[@]}" || true
	fi
}

# Without it, its test is skipped.
build_module() {
	[[ $selection != fast ]] || return 0
	case $1 in 5.10 | 6.1 | 6.12) scripts/build-module.sh "$1" >/dev/null || echo "no module was built for $1" ;; esac
}

run_stages() {
	local kernel packages=(all)
	[[ $selection != unit ]] || packages=(build test)
	stage packages scripts/deps.sh "${packages[@]}" || return 0
	stage build make -s -j "$(nproc)" all test-tools || return 0
	[[ $selection == vm || $selection == attribution ]] || stage unit make -s check || true
	[[ $selection == vm || $selection == unit || $selection == attribution ]] || stage fuzz make -s -j "$(nproc)" check-fuzz || true
	[[ $selection != unit ]] || return 0
	if [[ $selection != vm && $selection != attribution && -d tests/native ]]; then
		stage native native_tests || true
	fi
	for kernel in "${kernels[@]}"; do
		build_module "$kernel"
		guest_tests "$kernel"
	done
}

# Each failed test with its diagnostics.
list_failures() {
	local log
	for log in "$logs"/*.log; do
		awk -v stage="$(basename "$log" .log)" '
			/^not ok - / { shown = 1; print stage ": " substr($0, 10); next }
			/^#/ && shown { print "    " $0; next }
			{ shown = 0 }' "$log"
	done
}

report() {
	local passed failed skipped
	passed=$(count ok) failed=$(count 'not ok') skipped=$(count skip)
	if ((passed + failed == 0)); then
		echo 'not ok - no test ran' >"$logs/all.log"
		failed=1
	fi
	if ((failed)); then
		printf '\nfailed (%s has the details):\n' "$logs"
		list_failures
	fi
	printf '\n%d passed, %d failed' "$passed" "$failed"
	((skipped == 0)) || printf ', %d skipped' "$skipped"
	echo
	((failed == 0))
}

main() {
	local kernel
	selection=fast
	case ${1:-} in
	-h | --help) print_help && return ;;
	all | fast | unit | vm | attribution) selection=$1 && shift ;;
	esac
	kernels=("${known_kernels[@]}")
	[[ $selection != fast ]] || kernels=("$second_kernel" "$first_kernel")
	for kernel in "$@"; do
		[[ " ${known_kernels[*]} " == *" $kernel "* ]] || usage_error "no kernel or selection '$kernel'"
	done
	(($# == 0)) || kernels=("$@")

	cd "$repo"
	mkdir -p "$logs"
	rm -f "$logs"/*.log
	run_stages
	[[ $selection != attribution ]] || score_table
	report
}

# On one line, so that bash needs no more of this file when it is changed meanwhile.
main "$@"; exit
