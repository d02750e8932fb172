#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# usage: scripts/fetch-kernel.sh 5.10|6.1|6.12|7.x
#
# Fetches Debian's stock cloud kernel for amd64 into the cache, unless it is there, and prints the
# directory which holds `vmlinuz` and `lib/modules/VERSION`. Packages come from the Debian mirror that
# this machine's apt uses, or from NETTRACE_DEBIAN_MIRROR, and are verified with Debian's archive keys.
# A cached kernel is never refreshed: remove its directory to get the suite's present one.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=apt-area.sh
. "$(dirname "$0")/apt-area.sh"

# The metapackage leads to one package, or since 7.x to four: image, binary, base, modules.
kernel_packages() {
	apt_area "$1" apt-cache --recurse --important depends linux-image-cloud-amd64 |
		grep -oE 'linux-(base|image|binary|modules)-[0-9][^ ]*-cloud-amd64$' | sort -u
}

download() {
	local key=$1 area=$2 packages
	# shellcheck disable=SC2046 # suites, one a word
	make_apt_area "$area" $(suites_of "$key")
	packages=$(kernel_packages "$area") || die "found no $key cloud kernel in: $(suites_of "$key")"
	# shellcheck disable=SC2086 # package names, one a word
	(cd "$area/debs" && apt_area "$area" apt-get download $packages >&2)
}

unpack() {
	local debs=$1 root=$2 deb image version
	for deb in "$debs"/*.deb; do
		dpkg-deb -x "$deb" "$root/all"
	done
	image=$(find "$root/all" -name 'vmlinuz*' -type f -print -quit)
	[[ -n $image ]] || die "no vmlinuz in the packages"
	mkdir -p "$root/kernel/lib"
	mv "$image" "$root/kernel/vmlinuz"
	if [[ -d $root/all/usr/lib/modules ]]; then
		mv "$root/all/usr/lib/modules" "$root/kernel/lib/modules"
	else
		mv "$root/all/lib/modules" "$root/kernel/lib/modules"
	fi
	version=$(ls "$root/kernel/lib/modules")
	say "unpacked $version"
}

# Works in a directory beside the final one and renames it last, so that an interruption leaves no entry.
fetch() {
	local key=$1 work
	[[ ! -e $cache/kernels/$key ]] || return 0
	mkdir -p "$cache/kernels"
	rm -rf "$cache/kernels/.$key".*
	work=$(mktemp -d "$cache/kernels/.$key.XXXXXX")
	say "fetching the $key kernel into $cache/kernels"
	download "$key" "$work"
	unpack "$work/debs" "$work"
	mv "$work/kernel" "$cache/kernels/$key"
	rm -rf "$work"
}

[[ $# == 1 ]] || usage_error "one kernel is needed: ${known_kernels[*]}"
case $1 in
-h | --help)
	print_help
	exit
	;;
esac
suites_of "$1" >/dev/null
[[ -e $cache/kernels/$1 ]] || with_lock "kernel-$1" fetch "$1"
echo "$cache/kernels/$1"
