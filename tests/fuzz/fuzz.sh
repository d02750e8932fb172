#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# usage: fuzz.sh BUILD SECONDS TARGET...
# Runs each target under libFuzzer; begins with the committed corpus, keeps what is new under BUILD/fuzz.
build=$1 seconds=$2
shift 2
here=$(dirname "$0")
for target in "$@"; do
	mkdir -p "$build/fuzz/$target"
	"$build/lib$target" -max_total_time="$seconds" -max_len=65536 -timeout=20 -rss_limit_mb=2048 \
		-artifact_prefix="$build/fuzz/$target-" "$build/fuzz/$target" "$here/corpus/${target#fuzz_}" || exit 1
done
