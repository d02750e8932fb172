/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Does each program that a plan may name exist? Looked up in the BPF objects that were built, in their
 * tables of symbols, and with the section that tells libbpf what the program attaches to.
 */
#include "plan_kit.h"

#include <elf.h>

#define ARGS_MAX 12 /* more than any function has */

enum { KPROBES, FENTRY, OBJECTS };

static char *objects[OBJECTS];
static const char *object; /* the one that is looked into */

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char *bytes;
	size_t n;

	if (!file || fseek(file, 0, SEEK_END))
		return NULL;
	n = (size_t)ftell(file);
	rewind(file);
	bytes = malloc(n);
	if (!bytes || fread(bytes, 1, n, file) != n || fclose(file))
		return NULL;
	return bytes;
}

/* The objects are where the test is. */
static int load(void **state)
{
	static const char *const names[OBJECTS] = {"/nettrace.bpf.o", "/nettrace_fentry.bpf.o"};
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 32);

	(void)state;
	if (length < 0)
		return -1;
	path[length] = 0;
	for (size_t i = 0; i < OBJECTS; i++) {
		strcpy(strrchr(path, '/'), names[i]);
		objects[i] = read_file(path);
		if (!objects[i])
			return -1;
	}
	object = objects[KPROBES];
	return 0;
}

static int unload(void **state)
{
	(void)state;
	for (size_t i = 0; i < OBJECTS; i++)
		free(objects[i]);
	return 0;
}

static const Elf64_Shdr *section(size_t i)
{
	const Elf64_Ehdr *header = (const void *)object;

	assert_true(i < header->e_shnum);
	return (const void *)(object + header->e_shoff + i * header->e_shentsize);
}

static const char *section_name(size_t i)
{
	const Elf64_Ehdr *header = (const void *)object;

	return object + section(header->e_shstrndx)->sh_offset + section(i)->sh_name;
}

/* The section of the program, or NULL if there is none of this name. */
static const char *section_of(const char *program)
{
	size_t table = 1;
	const Elf64_Sym *symbols;
	const char *names;

	while (section(table)->sh_type != SHT_SYMTAB)
		table++;
	symbols = (const void *)(object + section(table)->sh_offset);
	names = object + section(section(table)->sh_link)->sh_offset;
	for (size_t i = 0; i < section(table)->sh_size / sizeof(*symbols); i++)
		if (ELF64_ST_TYPE(symbols[i].st_info) == STT_FUNC &&
		    !strcmp(names + symbols[i].st_name, program))
			return section_name(symbols[i].st_shndx);
	return NULL;
}

static void expect_section(const struct probe_plan_entry *entry, const char *name, const char *kind,
			   bool names_row)
{
	const char *found = section_of(entry->program);
	char want[80];

	if (!found)
		fail_msg("no program %s for probe %s with the packet at %u", entry->program, name, entry->arg);
	snprintf(want, sizeof(want), names_row ? "%s/%s" : "%s", kind, name);
	assert_string_equal(found, want);
}

/* Every row that the plan attaches, whatever position BTF tells of its packet. */
static void expect_programs(enum backend backend, const struct probe_table *probes)
{
	const char *kind = backend == BACKEND_FENTRY ? "fentry" : "kprobe";

	object = objects[backend == BACKEND_FENTRY ? FENTRY : KPROBES];
	for (int arg = PROBE_ARG_UNKNOWN; arg < ARGS_MAX; arg++) {
		for (unsigned int i = 0; i < probe_table_count(probes); i++) {
			/* it is not asked about pointers to packets */
			facts_kit[i].arg = PROBE_ARG_UNKNOWN;
			if (probe_table_row(probes, i)->access == PROBE_SKB_ARG)
				facts_kit[i].arg = arg;
			facts_kit[i].n_args = arg == PROBE_ARG_UNKNOWN ? 3 : arg + 1;
		}
		probe_plan_make(backend, probes, facts_kit, NULL, NULL, &plan_kit);
		for (unsigned int i = 0; i < probe_table_count(probes); i++) {
			const struct probe_row *row = probe_table_row(probes, i);
			const struct probe_plan_entry *entry = &plan_kit.entries[i];

			if (entry->attach && row->kind == PROBE_FN)
				expect_section(entry, row->name, kind, backend == BACKEND_FENTRY);
			else if (entry->attach)
				expect_section(entry, row->name, "raw_tp", true);
			/* and where the table says it is, it must not be missed */
			if (arg == PROBE_ARG_UNKNOWN && entry->wanted)
				assert_true(entry->attach);
		}
	}
}

static void of_each_backend(void **state)
{
	struct probe_table *probes = probe_table_new();

	(void)state;
	assert_true(probe_table_add(probes, "a_function_of_the_user") >= 0);
	have_everything(probes);
	expect_programs(BACKEND_KPROBE, probes);
	expect_programs(BACKEND_KPROBE_MULTI, probes);
	expect_programs(BACKEND_TRACEPOINT, probes);
	probe_table_free(probes);
	have_everything(NULL);
	expect_programs(BACKEND_FENTRY, NULL);
}

/* A program takes one class for granted, so a row can be of one only. */
static void one_class_each(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < NT_PROBE_COUNT; i++) {
		const struct probe_row *row = probe_table_row(NULL, i);
		unsigned int class = row->flags & NT_P_CLASS;

		if (row->kind == PROBE_FN)
			assert_true(!class || class == NT_P_START || class == NT_P_SEEK || class == NT_P_CUTS);
		/* these programs know what their rows are */
		if (row->kind == PROBE_FN && strcmp(row->program, "SKB") && strcmp(row->program, "HOOK"))
			assert_false(class);
	}
}

static void lookup(void **state)
{
	(void)state;
	object = objects[KPROBES];
	assert_string_equal(section_of("fn_plain_arg4"), "kprobe");
	assert_string_equal(section_of("tp_kfree_skb"), "raw_tp/kfree_skb");
	assert_null(section_of("fx_ip_rcv"));
	assert_null(section_of("fn_seek_arg4"));
	assert_null(section_of("plain_arg4"));
	assert_null(section_of(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lookup),
		cmocka_unit_test(of_each_backend),
		cmocka_unit_test(one_class_each),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
