#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# usage: scripts/fetch-qemu.sh
#
# Prints the path of a QEMU for x86-64 whose emulation stands it when the kernel changes its own code under another CPU: the
# installed one from version 10.0 on, else Debian backports' in the cache, fetched if it is not there. It is not installed.
#
# An older one translates code while another CPU writes it, and executes what was there before: whoever attaches to a
# tracepoint on a busy CPU then kills the guest with "Oops: int3" (of 75 attachments of 9 tracepoints, with 7.2 and Linux 6.12,
# two did; with 10.0 none).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=apt-area.sh
. "$(dirname "$0")/apt-area.sh"

suite=bookworm-backports
packages=(qemu-system-x86 qemu-system-common qemu-system-data)
fetched=$cache/qemu/$suite

installed() { command -v qemu-system-x86_64 || die "qemu-system-x86_64 is missing: run scripts/deps.sh vm"; }

is_new() {
	local version
	version=$("$1" --version | sed -n 's/^QEMU emulator version \([0-9.]*\).*/\1/p')
	printf '%s\n' 10.0 "$version" | sort -CV
}

fetch() {
	local work deb
	[[ ! -e $fetched ]] || return 0
	mkdir -p "$cache/qemu"
	work=$(mktemp -d "$cache/qemu/.fetch.XXXXXX")
	make_apt_area "$work" "$suite"
	(cd "$work/debs" && apt_area "$work" apt-get download "${packages[@]}" >&2) || return
	for deb in "$work"/debs/*.deb; do
		dpkg-deb -x "$deb" "$work/all"
	done
	# Its data is where it was unpacked; its BIOS is the installed one's.
	cat >"$work/all/run" <<-END
		#!/bin/sh
		exec '$fetched/usr/bin/qemu-system-x86_64' -L '$fetched/usr/share/qemu' -L /usr/share/seabios -L /usr/share/qemu "\$@"
	END
	chmod +x "$work/all/run"
	mv "$work/all" "$fetched"
	rm -rf "$work"
}

works() { [[ -x $fetched/run ]] && "$fetched/run" --version >/dev/null 2>&1; }

case ${1:-} in
'') ;;
-h | --help) print_help && exit ;;
*) usage_error "no arguments, please" ;;
esac
qemu=$(installed)
if ! is_new "$qemu"; then
	works || with_lock qemu fetch || true
	if works; then
		qemu=$fetched/run
	else
		say "QEMU $("$qemu" --version | head -n 1 | sed 's/.*version //') may crash guests, and $suite has none that runs here"
	fi
fi
echo "$qemu"
