# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034 # used by those who source this
# Shared by the scripts in this directory; sourced, never run.

# Failures inside $(...) must count, too.
shopt -s inherit_errexit

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# The cache is outside the tree so that `git clean` and fresh clones keep it.
cache=${NETTRACE_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/nettrace}
default_kernel=6.1
known_kernels=(5.10 6.1 6.12 7.x)

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
	say "$*"
	exit 1
}

usage_error() {
	say "$* (try --help)"
	exit 2
}

# The comment block at the top of a script is its manual.
print_help() { sed -n '3,/^[^#]/{s/^# \{0,1\}//p}' "$0"; }

# with_lock NAME COMMAND...: two runs must not build the same cache entry at once.
with_lock() {
	local name=$1
	shift
	mkdir -p "$cache"
	(
		flock 9
		"$@"
	) 9>"$cache/$name.lock"
}
