#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The benchmark runs, and its report says what was measured. No time is judged.
# shellcheck disable=SC2016 # what eval is given
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

report() { python3 "$repo/tests/bench/report.py" "$@"; }

# Of three values the one in the middle; the ratios are those of the medians.
made_up() {
	local table
	table=$(report title "$scratch/made.json" <<-END
		sample untraced round_trip_us 10
		sample floor round_trip_us 30
		sample floor round_trip_us 20
		sample floor round_trip_us 40
		something else
		sample matching round_trip_us 60
		sample matching lost 0
		sample pwru-matching round_trip_us 120
	END
	)
	equal 'the table has the medians and ratios' 'matching 60.0 0 2.00 0.50' "$(awk '$1 == "matching" { $1 = $1; print }' <<<"$table")"
	equal 'the JSON has the medians' '30 60' "$(jq -r '"\(.medians.floor.round_trip_us) \(.medians.matching.round_trip_us)"' "$scratch/made.json")"
	equal 'and the samples' '[30,20,40]' "$(jq -c '.samples.floor.round_trip_us | map(floor)' "$scratch/made.json")"
	check 'no samples are an error' eval '! report title "$scratch/none.json" </dev/null'
}

growing() {
	local table
	table=$(report title "$scratch/growth.json" <<-END
		sample filters/1 round_trip_us 10
		sample filters/2 round_trip_us 15
		sample probes/10 round_trip_us 30
		sample probes/300 round_trip_us 90
	END
	)
	equal 'each group is compared with its first' 'filters/2 15.0 1.50 probes/300 90.0 3.00' \
		"$(awk '$1 == "filters/2" || $1 == "probes/300" { $1 = $1; print }' <<<"$table" | paste -sd ' ')"
}

natively() {
	check 'bench.sh --native runs' "$repo/scripts/bench.sh" --native --rounds 1
	check 'each state is measured' jq -e '.medians | .floor.hit_ns > 0 and .tracked.hit_ns > 0 and ."not-tracked".above_empty_ns != null and .watching.cpu_percent != null
		and ."reading-text".events > 100000 and ."reading-text".events_per_second > 0' "$repo/build/bench-native.json"
	equal 'and the kernel is not left counting' 0 "$(sysctl -n kernel.bpf_stats_enabled)"
}

usage() {
	check 'an unknown option is refused' eval '"$repo/scripts/bench.sh" --nonsense; test $? = 2'
	check 'so is a number that is none' eval '"$repo/scripts/bench.sh" --rounds x; test $? = 2'
}

made_up
growing
usage
natively
