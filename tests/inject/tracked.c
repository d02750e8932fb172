/* SPDX-License-Identifier: GPL-2.0 */
/*
 * usage: tracked [entries|first]
 *
 * What the nettrace that runs, the last one that was started, has in its indexes of packets (bpf/index.bpf.h): prints
 * "skbs N, heads N, N, N", the latter two being how many counts of the prefilter are not zero; with "entries" without these.
 * With "first" the prefilter's first count of sk_buffs, which is that of the address 0.
 * Exit status 1 if no nettrace runs.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "track_abi.h"

static void die(const char *what)
{
	fprintf(stderr, "tracked: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The newest map of that name: the kernel may still be taking away those of the nettrace before. */
static int find_map(const char *name, struct bpf_map_info *ret_info)
{
	u32 id = 0, size;
	int newest = -1;

	while (!bpf_map_get_next_id(id, &id)) {
		struct bpf_map_info info = {};
		int fd = bpf_map_get_fd_by_id(id);

		size = sizeof(info);
		if (fd < 0)
			continue;
		if (bpf_obj_get_info_by_fd(fd, &info, &size) || strcmp(info.name, name)) {
			close(fd);
			continue;
		}
		if (newest >= 0)
			close(newest);
		newest = fd;
		*ret_info = info;
	}
	if (newest < 0)
		die(name);
	return newest;
}

static const char *map_memory(int fd, size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		die("cannot map");
	return memory;
}

static unsigned int count_keys(int fd, const struct bpf_map_info *info)
{
	const char *set = map_memory(fd, (size_t)info->value_size * info->max_entries);
	unsigned int n = 0;

	for (u32 i = 0; i < info->max_entries; i++, set += info->value_size)
		for (unsigned int way = 0; way < NT_INDEX_WAYS; way++)
			n += ((const u64 *)set)[way] != 0;
	return n;
}

static unsigned int count_entries(const char *name)
{
	struct bpf_map_info info;
	int fd = find_map(name, &info);
	u64 key, next;
	unsigned int n = 0;

	if (info.type == BPF_MAP_TYPE_ARRAY)
		return count_keys(fd, &info);
	while (!bpf_map_get_next_key(fd, n ? &key : NULL, &next)) {
		key = next;
		n++;
	}
	return n;
}

/* Where a variable is in a section of data. */
static size_t offset_in(struct btf *types, u32 section, const char *variable)
{
	const struct btf_type *type = btf__type_by_id(types, section);
	const struct btf_var_secinfo *var = btf_var_secinfos(type);

	for (int i = 0; i < btf_vlen(type); i++, var++)
		if (!strcmp(btf__name_by_offset(types, btf__type_by_id(types, var->type)->name_off), variable))
			return var->offset;
	errno = ENOENT;
	die(variable);
	return 0;
}

static const u32 *slots_of(const char *variable)
{
	struct bpf_map_info info;
	int fd = find_map("nettrace.bss", &info);
	const char *bss = map_memory(fd, info.value_size);
	struct btf *types = btf__load_from_kernel_by_id(info.btf_id);

	if (!types)
		die("cannot read types");
	return (const void *)(bss + offset_in(types, info.btf_value_type_id, variable));
}

static unsigned int count_slots(const char *variable)
{
	const u32 *counts = slots_of(variable);
	unsigned int n = 0;

	for (unsigned int i = 0; i < NT_PREFILTER_SLOTS; i++)
		n += counts[i] != 0;
	return n;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "first")) {
		printf("%u\n", *slots_of("tracked_skbs"));
		return 0;
	}
	printf("skbs %u, heads %u", count_entries("skbs"), count_entries("heads"));
	if (argc < 2 || strcmp(argv[1], "entries"))
		printf(", %u, %u", count_slots("tracked_skbs"), count_slots("tracked_heads"));
	putchar('\n');
	return 0;
}
