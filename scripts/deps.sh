#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# usage: scripts/deps.sh [--list] [build|test|vm|all]...
#
# Installs the Debian packages that this project needs and this machine lacks (default: all of them), or lists them.
# This is the one list of them. Says and does nothing if nothing is missing.
#
#   build  to compile nettrace
#   test   for the unit tests, the checks of code style, and the tests on this machine
#   vm     for scripts/vm.sh: tests on other kernels, under QEMU
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

build=(bpftool clang gcc libbpf-dev libc6-dev libelf-dev libprotobuf-c-dev libzstd-dev llvm make pkg-config
	protobuf-c-compiler zlib1g-dev)
test=(clang-format groff-base iproute2 iputils-ping jq libcmocka-dev protobuf-compiler python3-jsonschema shellcheck
	tshark zstd)
# The keyring verifies fetched kernels; what else is not for QEMU or the initramfs is put into the guest.
vm=(bash bpftool busybox-static cpio debian-archive-keyring ethtool iproute2 iptables iputils-ping jq kmod mawk nftables
	procps qemu-system-x86 socat util-linux xz-utils zstd)

packages_of() {
	case $1 in
	build) printf '%s\n' "${build[@]}" ;;
	test) printf '%s\n' "${test[@]}" ;;
	vm) printf '%s\n' "${vm[@]}" ;;
	all) printf '%s\n' "${build[@]}" "${test[@]}" "${vm[@]}" ;;
	*) usage_error "no selection '$1'" ;;
	esac
}

# Prints those of the given packages which are not installed, neither themselves (pkg-config) nor by a package that
# provides them (pkgconf, on newer systems).
missing() {
	# shellcheck disable=SC2016 # dpkg's and awk's own variables
	dpkg-query -W -f '${db:Status-Status} ${Package}, ${Provides}\n' | awk -v wanted="$*" '
		$1 == "installed" { gsub(/\([^)]*\)|,/, ""); for (i = 2; i <= NF; i++) have[$i] = 1 }
		END { n = split(wanted, names); for (i = 1; i <= n; i++) if (!(names[i] in have)) print names[i] }'
}

as_root() {
	if ((EUID == 0)); then
		"$@"
	else
		sudo "$@"
	fi
}

install_packages() {
	local apt=(apt-get -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
	say "installing: $*"
	as_root "${apt[@]}" update
	as_root env DEBIAN_FRONTEND=noninteractive "${apt[@]}" -y --no-install-recommends install "$@"
}

list='' selections=()
for argument in "$@"; do
	case $argument in
	-h | --help) print_help && exit ;;
	--list) list=yes ;;
	-*) usage_error "unknown option '$argument'" ;;
	*) selections+=("$argument") ;;
	esac
done

packages=$(for selection in "${selections[@]:-all}"; do packages_of "$selection"; done)
packages=$(sort -u <<<"$packages")
if [[ -n $list ]]; then
	echo "$packages"
	exit
fi
type -P apt-get >/dev/null || die "this machine has no apt: install by hand what --list names"
# shellcheck disable=SC2086 # package names, one a word
absent=$(missing $packages)
# shellcheck disable=SC2086
[[ -z $absent ]] || install_packages $absent >&2
