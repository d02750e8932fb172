#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# usage: check.sh BUILD TARGET...
# Runs each fuzz target over its corpus and, for those that take recordings, over the golden ones.
build=$1
shift
here=$(dirname "$0")
failed=0
for target in "$@"; do
	set -- "$here/corpus/${target#fuzz_}"/*
	[ "$target" != fuzz_recording ] || set -- "$@" "$here"/../replay/*/trace.nettrace
	if ! "$build/$target" "$@" 2>"$build/$target.err"; then
		echo "not ok - $target"
		head -n 30 "$build/$target.err" | sed 's/^/# /'
		failed=1
	fi
done
exit "$failed"
