# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Packages of any Debian suite without installing them; sourced after lib.sh. They come from the Debian mirror that
# this machine's apt uses, or from NETTRACE_DEBIAN_MIRROR, and are verified with Debian's archive keys.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# suites_of KERNEL: those that have it. The security archive has a kernel's latest build, but it may not be configured, or not
# have the suite any more: then the suite's own last build has to do.
# shellcheck disable=SC2154 # known_kernels: lib.sh's
suites_of() {
	case $1 in
	5.10) echo "bullseye-security bullseye" ;;
	6.1) echo "bookworm-security bookworm" ;;
	6.12) echo "bookworm-backports" ;;
	7.x) echo "trixie-backports" ;;
	*) usage_error "no kernel '$1': choose one of ${known_kernels[*]}" ;;
	esac
}

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

write_sources() {
	local suite kind uri
	for suite in "$@"; do
		kind=debian
		[[ $suite != *-security ]] || kind=debian-security
		uri=$(mirror "$kind")
		[[ -z $uri ]] || echo "deb [arch=amd64 signed-by=$keyring] $uri $suite main"
	done
}

# apt_area AREA TOOL ARGUMENT...: the machine's package state is neither used nor changed. Options on the command
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

# make_apt_area AREA SUITE...: so that packages of these suites can be had from it.
make_apt_area() {
	local area=$1
	shift
	[[ -r $keyring ]] || die "$keyring is missing: install debian-archive-keyring"
	mkdir -p "$area"/{state/lists/partial,cache/archives/partial,debs}
	write_sources "$@" >"$area/sources.list"
	[[ -s $area/sources.list ]] ||
		die "no Debian mirror in the apt configuration: set NETTRACE_DEBIAN_MIRROR to an archive's URL"
	# A suite may have left the mirror; what matters is whether the packages are found in what is left.
	apt_area "$area" apt-get update >&2 || say "not every suite could be read, going on with the rest"
}
