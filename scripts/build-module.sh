#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# usage: scripts/build-module.sh 5.10|6.1|6.12
#
# Builds tests/inject/module, with which tests in guests make faults as a driver makes them, for the cached kernel
# (scripts/fetch-kernel.sh) as build/modules/VERSION/fault.ko, unless it is there, and prints its path. Debian's headers of
# that kernel come from where the kernel came from, are verified with Debian's archive keys and kept in the cache. The tools
# in those of 7.x need a later release's C library than this one's.
#
# Exit status 1 if the headers are not to be had any more: a cached kernel may be older than all that the mirror has.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=apt-area.sh
. "$(dirname "$0")/apt-area.sh"

# The headers, those that all flavours have in common, and the tools, which not every release calls by the same version.
header_packages() {
	echo "linux-headers-$2"
	apt_area "$1" apt-cache depends "linux-headers-$2" | grep -oE 'linux-(headers-[^ ]*-common|kbuild-[^ ]*)$'
}

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
	# shellcheck disable=SC2046 # package names, one a word
	(cd "$work/debs" && apt_area "$work" apt-get download $(header_packages "$work" "$version") >&2) ||
		die "the mirror has no headers of $version"
	for deb in "$work"/debs/*.deb; do
		dpkg-deb -x "$deb" "$work/all"
	done
	grep -rlE --include=Makefile --include=.kernelvariables '/usr/(src|lib)/linux-' "$work/all/usr/src" |
		xargs sed -i -E "s,/usr/(src|lib)/linux-,$headers/usr/\1/linux-,g"
	mv "$work/all" "$headers"
	rm -rf "$work"
}

# Their Makefile asks for the compiler that the kernel was built with; any that knows its options will do for this. Nor does the
# module need types of its own, for which pahole and the kernel itself would be wanted.
build() {
	local version=$1 out=$2 work
	work=$(mktemp -d)
	cp "$repo"/tests/inject/module/{Kbuild,fault.c} "$work"
	make -s -C "$headers/usr/src/linux-headers-$version" M="$work" CC="${CC:-gcc}" CONFIG_DEBUG_INFO_BTF_MODULES= modules >&2
	mkdir -p "$(dirname "$out")"
	mv "$work/fault.ko" "$out"
	rm -rf "$work"
}

[[ $# == 1 ]] || usage_error "one kernel is needed: 5.10, 6.1 or 6.12"
case $1 in
-h | --help)
	print_help
	exit
	;;
5.10 | 6.1 | 6.12) ;;
*) usage_error "no kernel '$1': choose 5.10, 6.1 or 6.12" ;;
esac
version=$(ls "$("$repo/scripts/fetch-kernel.sh" "$1")/lib/modules")
headers=$cache/headers/$version module=$repo/build/modules/$version/fault.ko
[[ -e $headers ]] || with_lock "headers-$1" fetch_headers "$1" "$version"
if [[ ! $module -nt $repo/tests/inject/module/fault.c ]]; then build "$version" "$module"; fi
echo "$module"
