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

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Prints the URI of the machine's own archive of that kind (debian or debian-security), or nothing.
mirror() {
	local kind=$1
	if [[ -n ${NETTRACE_DEBIAN_MIRROR:-} ]]; then
		[[ $kind != debian ]] || printf '%s/\n' "${NETTRACE_DEBIAN_MIRROR%/}"
		return
	fi
	# --no-release-info: without it apt names no source before its first update.
	# shellcheck disable=SC2016 # apt's own placeholder
	apt-get indextargets --no-release-info --format '$(REPO_URI)' |
		awk -v end="/$kind/" 'substr($0, length($0) - length(end) + 1) == end && !found++'
}

# The security archive has a kernel's latest build, but it may not be configured, or not have the suite
# any more: then the suite's own last build has to do.
suites_of() {
	case $1 in
	5.10) echo "bullseye-security bullseye" ;;
	6.1) echo "bookworm-security bookworm" ;;
	6.12) echo "bookworm-backports" ;;
	7.x) echo "trixie-backports" ;;
	*) usage_error "no kernel '$1': choose one of ${known_kernels[*]}" ;;
	esac
}

write_sources() {
	local suite kind uri
	for suite in $(suites_of "$1"); do
		kind=debian
		[[ $suite != *-security ]] || kind=debian-security
		uri=$(mirror "$kind")
		[[ -z $uri ]] || echo "deb [arch=amd64 signed-by=$keyring] $uri $suite main"
	done
}

# An apt area of its own: the machine's package state is neither used nor changed. Options on the command
# line win over the machine's configuration, from which only proxies and the like remain.
apt_area() {
	local area=$1 tool=$2
	shift 2
	"$tool" -q -o "Dir::State=$area/state" -o Dir::State::status=/dev/null -o "Dir::Cache=$area/cache" \
		-o "Dir::Etc::sourcelist=$area/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
		-o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Architecture=amd64 -o APT::Architectures::=amd64 \
		-o APT::Sandbox::User=root "$@"
}

# The metapackage leads to one package, or since 7.x to four: image, binary, base, modules.
kernel_packages() {
	apt_area "$1" apt-cache --recurse --important depends linux-image-cloud-amd64 |
		grep -oE 'linux-(base|image|binary|modules)-[0-9][^ ]*-cloud-amd64$' | sort -u
}

download() {
	local key=$1 area=$2 packages
	[[ -r $keyring ]] || die "$keyring is missing: install debian-archive-keyring"
	mkdir -p "$area"/{state/lists/partial,cache/archives/partial,debs}
	write_sources "$key" >"$area/sources.list"
	[[ -s $area/sources.list ]] ||
		die "no Debian mirror in the apt configuration: set NETTRACE_DEBIAN_MIRROR to an archive's URL"
	# A suite may have left the mirror; what matters is whether a kernel is found in what is left.
	apt_area "$area" apt-get update >&2 || say "not every suite could be read, going on with the rest"
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
