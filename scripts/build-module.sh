#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# usage: scripts/build-module.sh 5.10|6.1
#
# Builds tests/inject/module, with which tests in guests make faults as a driver makes them, for the cached kernel
# (scripts/fetch-kernel.sh) as build/modules/VERSION/fault.ko, unless it is there, and prints its path. Debian's headers of
# that kernel come from where the kernel came from, are verified with Debian's archive keys and kept in the cache. Those of
# 6.12 and 7.x want compilers of later releases than this one.
#
# Exit status 1 if the headers are not to be had any more: a cached kernel may be older than all that the mirror has.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=apt-area.sh
. "$(dirname "$0")/apt-area.sh"

# The makefiles name each other by where they would be installed.
fetch_headers() {
	local key=$1 version=$2 work
	[[ ! -e $headers ]] || return 0
	mkdir -p "$cache/headers"
	rm -rf "$cache/headers/.$version".*
	work=$(mktemp -d "$cache/headers/.$version.XXXXXX")
	say "fetching the headers of $version into $cache/headers"
	# shellcheck disable=SC2046 # suites, one a word
	make_apt_area "$work" $(suites_of "$key")
	(cd "$work/debs" && apt_area "$work" apt-get download "linux-headers-$version" \
		"linux-headers-${version%-cloud-amd64}-common" "linux-kbuild-$key" >&2) || die "the mirror has no headers of $version"
	for deb in "$work"/debs/*.deb; do
		dpkg-deb -x "$deb" "$work/all"
	done
	grep -rlE --include=Makefile --include=.kernelvariables '/usr/(src|lib)/linux-' "$work/all/usr/src" |
		xargs sed -i -E "s,/usr/(src|lib)/linux-,$headers/usr/\1/linux-,g"
	mv "$work/all" "$headers"
	rm -rf "$work"
}

# Their Makefile asks for the compiler that the kernel was built with; any that knows its options will do for this.
build() {
	local version=$1 out=$2 work
	work=$(mktemp -d)
	cp "$repo"/tests/inject/module/{Kbuild,fault.c} "$work"
	make -s -C "$headers/usr/src/linux-headers-$version" M="$work" CC="${CC:-gcc}" modules >&2
	mkdir -p "$(dirname "$out")"
	mv "$work/fault.ko" "$out"
	rm -rf "$work"
}

[[ $# == 1 ]] || usage_error "one kernel is needed: 5.10 or 6.1"
case $1 in
-h | --help)
	print_help
	exit
	;;
5.10 | 6.1) ;;
*) usage_error "no kernel '$1': choose 5.10 or 6.1" ;;
esac
version=$(ls "$("$repo/scripts/fetch-kernel.sh" "$1")/lib/modules")
headers=$cache/headers/$version module=$repo/build/modules/$version/fault.ko
[[ -e $headers ]] || with_lock "headers-$1" fetch_headers "$1" "$version"
if [[ ! $module -nt $repo/tests/inject/module/fault.c ]]; then build "$version" "$module"; fi
echo "$module"
