#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# usage: scripts/fetch-peer.sh
#
# Fetches pwru, with which scripts/bench.sh compares nettrace, as Debian trixie packages it, into the cache, unless it
# is there, and prints the program's path. It is not installed.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=apt-area.sh
. "$(dirname "$0")/apt-area.sh"

peer=$cache/peers/pwru

fetch() {
	local work
	[[ ! -e $peer ]] || return 0
	mkdir -p "$cache/peers"
	work=$(mktemp -d "$cache/peers/.pwru.XXXXXX")
	make_apt_area "$work" trixie
	(cd "$work/debs" && apt_area "$work" apt-get download pwru >&2)
	dpkg-deb -x "$work"/debs/pwru_*.deb "$work/all"
	mv "$(find "$work/all" -name pwru -type f -perm /111 -print -quit)" "$peer"
	rm -rf "$work"
}

case ${1:-} in
'') ;;
-h | --help) print_help && exit ;;
*) usage_error "no arguments, please" ;;
esac
[[ -e $peer ]] || with_lock peer-pwru fetch
ldd "$peer" | grep -q 'not found' && die "$peer needs $(ldd "$peer" | sed -n 's/ => not found//p' | xargs): run scripts/deps.sh bench"
echo "$peer"
