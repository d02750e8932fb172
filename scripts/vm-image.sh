# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Builds the parts of a guest's initramfs; sourced by vm.sh after lib.sh.
#
# A guest is three cpio archives in one file: the host's own programs (one for all kernels), the modules of one
# kernel, and the job. The first two are cached; they stay uncompressed, since an emulated CPU unpacks slower
# than QEMU loads.

# Real programs rather than busybox applets: tests must see what users have. dash for the same reason: in scripts for
# busybox's shell, its applets win over programs of the same name.
guest_packages=(bash bpftool coreutils dash findutils grep iproute2 iptables iputils-ping kmod mawk nftables procps sed)
guest_programs=(awk chrt dmesg flock iptables iptables-restore iptables-save ip6tables mount nsenter prlimit script setpriv
	setsid sh taskset umount unshare)
# Comforts for tests and debugging, taken if the host has them.
guest_extras=(conntrack ethtool jq nc socat tcpdump)

# What packet tests need of a kernel's modules, as extended regular expressions on their paths.
module_includes='^kernel/(arch/x86/crypto|crypto|drivers/virtio|lib|net|drivers/char/(hw_random/virtio-rng|virtio_console)|drivers/net/(bonding|dummy|geneve|ifb|ipvlan|macsec|macvlan|macvtap|net_failover|netdevsim|netkit|nlmon|tap|team|tun|veth|virtio_net|vrf|vxlan|wireguard))[/.]'
module_excludes='/net/(9p|atm|bluetooth|can|ceph|mac80211|rds|rxrpc|smc|sunrpc|tipc|wireless)/'

# New-ASCII archives, padded to 512 bytes: the kernel unpacks any number of them in a row.
pack_cpio() { (cd "$1" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0); }

# Where a file goes in a guest whose /bin, /sbin and /lib are links into /usr.
guest_path() { echo "$(readlink -f "$(dirname "$1")")/$(basename "$1")"; }

# add_libraries ROOT FILE...: the shared libraries these programs or plugins are linked with.
add_libraries() {
	local root=$1 library place
	shift
	while read -r library; do
		place=$root$(guest_path "$library")
		[[ ! -e $place ]] || continue
		mkdir -p "${place%/*}"
		cp -L "$library" "$place"
	done < <(ldd "$@" 2>/dev/null | grep -oE '(=> |^\s+)/[^ ]+' | sed 's/.* //; s/^\s*//' | sort -u)
}

# add_program ROOT PATH: a name that is a link (iptables, awk) stays a link to the real program's place.
add_program() {
	local root=$1 name real
	name=$(guest_path "$2")
	real=$(readlink -f "$2")
	mkdir -p "$root${name%/*}" "$root${real%/*}"
	[[ -e $root$real ]] || cp "$real" "$root$real"
	[[ $name == "$real" || -e $root$name ]] || ln -s "$real" "$root$name"
}

list_programs() {
	local name path
	dpkg -L "${guest_packages[@]}" | grep -E '^(/usr)?/s?bin/[^/]+$'
	for name in "${guest_programs[@]}"; do
		type -P "$name" || die "no program '$name' here: run scripts/deps.sh vm"
	done
	for name in "${guest_extras[@]}"; do
		path=$(type -P "$name") && echo "$path"
	done
	return 0
}

add_etc() {
	local etc=$1/etc name
	mkdir -p "$etc"
	echo 'root:x:0:0:root:/root:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin' >"$etc/passwd"
	echo 'root:x:0:
nogroup:x:65534:' >"$etc/group"
	echo '127.0.0.1 localhost guest' >"$etc/hosts"
	echo guest >"$etc/hostname"
	printf '%s: files\n' passwd group hosts services protocols >"$etc/nsswitch.conf"
	for name in ethertypes iproute2 ld.so.cache protocols services; do
		[[ ! -e /etc/$name ]] || cp -rL "/etc/$name" "$etc/"
	done
}

# Applets only under names which no real program has.
add_busybox() {
	local root=$1 busybox name
	busybox=$(type -P busybox)
	cp "$busybox" "$root/usr/bin/busybox"
	for name in $(busybox --list); do
		[[ -e $root/usr/bin/$name || -e $root/usr/sbin/$name ]] || ln -s busybox "$root/usr/bin/$name"
	done
}

stage_programs() {
	local root=$1 path programs plugins=()
	programs=$(list_programs)
	mkdir -p "$root"/{dev,proc,sys,run,tmp,root,var,usr/bin,usr/sbin,usr/lib,usr/lib64}
	for path in bin sbin lib lib64; do
		ln -s "usr/$path" "$root/$path"
	done
	ln -s ../run "$root/var/run"
	while read -r path; do
		add_program "$root" "$path"
	done <<<"$programs"
	for path in /usr/lib/*/xtables /usr/lib/tc /usr/share/iproute2; do
		[[ -d $path ]] || continue
		mkdir -p "$root${path%/*}"
		cp -r "$path" "$root$path"
	done
	mapfile -t plugins < <(find "$root/usr" -type f \( -perm /111 -o -name '*.so' \))
	add_libraries "$root" "${plugins[@]}"
	add_busybox "$root"
	add_etc "$root"
}

# stage_modules KERNEL_DIR ROOT: decompressed here, on the faster CPU.
stage_modules() {
	local source=$1/lib/modules root=$2 version
	version=$(ls "$source")
	root=$root/usr/lib/modules/$version
	mkdir -p "$root"
	cp "$source/$version"/modules.{builtin,builtin.modinfo,order} "$root"
	(cd "$source/$version" && find kernel -name '*.ko*' | grep -E "$module_includes" | grep -vE "$module_excludes" |
		cpio --quiet -pdm "$root")
	find "$root" -name '*.ko.xz' -exec xz -d -T1 {} +
	find "$root" -name '*.ko.zst' -exec zstd -q -d --rm {} +
	find "$root" -name '*.ko.gz' -exec gzip -d {} +
	depmod -b "$2/usr" "$version"
}

# cached_archive KIND KEY COMMAND...: prints an archive's path; COMMAND fills the directory given as its last argument.
cached_archive() {
	local kind=$1 file
	# shellcheck disable=SC2154 # from lib.sh
	file=$cache/images/$kind-$(printf '%s' "$2" | cat - "${BASH_SOURCE[0]}" | sha256sum | cut -c1-16).cpio
	shift 2
	[[ -e $file ]] || with_lock "image-$kind" build_archive "$kind" "$file" "$@"
	echo "$file"
}

build_archive() {
	local kind=$1 file=$2 stage
	shift 2
	[[ ! -e $file ]] || return 0
	say "building the guest's $kind archive"
	mkdir -p "$cache/images"
	stage=$(mktemp -d "$cache/images/.stage.XXXXXX")
	"$@" "$stage"
	pack_cpio "$stage" >"$stage.cpio"
	# Older ones of this kind belong to another state of the host or of this script.
	find "$cache/images" -name "$kind-*.cpio" -mmin +1440 -delete
	mv "$stage.cpio" "$file"
	rm -rf "$stage"
}

programs_archive() {
	cached_archive programs "$(sha256sum /var/lib/dpkg/status)" stage_programs
}

modules_archive() {
	local dir=$1 version
	version=$(ls "$dir/lib/modules")
	cached_archive "modules-$version" "$dir" stage_modules "$dir"
}
