/* SPDX-License-Identifier: GPL-2.0 */
/* Annotation descriptors and their text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "annotation.h"

static struct dict *dict;

static int setup(void **state)
{
	(void)state;
	dict = dict_new();
	return dict ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	dict_free(dict);
	return 0;
}

static void expect_text(u16 type, const void *payload, const char *want)
{
	struct journey_note note = {.type = type, .payload = payload};
	char text[512];

	assert_int_equal(annotation_text(&note, dict, text, sizeof(text)), strlen(want));
	assert_string_equal(text, want);
}

static void expect_hook(u8 family, u8 hook, const char *want)
{
	struct nt_anno_HOOK payload = {family, hook};

	expect_text(NT_ANNO_HOOK, &payload, want);
}

static void descriptors(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < NT_ANNO_COUNT; i++) {
		const struct annotation_type *type = annotation_type(i);
		unsigned int shown = 0;

		assert_non_null(type);
		assert_true(type->n_fields > 0);
		assert_true(type->size_bytes <= NT_RECORD_MAX_BYTES - sizeof(struct nt_annotation));
		for (size_t k = 0; k < type->n_fields; k++) {
			const struct annotation_field *field = &type->fields[k];
			char named[64];

			assert_true(field->offset + field->size_bytes <= type->size_bytes);
			assert_ptr_equal(annotation_field(type, field->name), field);
			snprintf(named, sizeof(named), "{%s}", field->name);
			shown += strstr(type->text, named) != NULL;
		}
		/* without a text it is not a note but part of the journey */
		assert_true(shown > 0 || !*type->text);
		assert_null(annotation_field(type, "nonesuch"));
		assert_null(annotation_field(type, ""));
	}
	assert_null(annotation_type(NT_ANNO_COUNT));
	assert_null(annotation_type(NT_ANNO_NONE));
	assert_string_equal(annotation_type(NT_ANNO_DROP)->name, "drop");
	assert_int_equal(annotation_type(NT_ANNO_DROP)->size_bytes, sizeof(struct nt_anno_DROP));
}

static void numbers(void **state)
{
	struct nt_anno_DROP drop = {.location = 0xffffffff81234567, .reason = 77};
	struct nt_anno_HOOK hook = {.family = 2, .hook = 4};
	const struct annotation_type *type = annotation_type(NT_ANNO_DROP);

	(void)state;
	assert_int_equal(annotation_number(annotation_field(type, "reason"), &drop), 77);
	assert_true(annotation_number(annotation_field(type, "location"), &drop) == drop.location);
	type = annotation_type(NT_ANNO_HOOK);
	assert_int_equal(annotation_number(annotation_field(type, "hook"), &hook), 4);
	type = annotation_type(NT_ANNO_TABLE);
	assert_int_equal(annotation_number(annotation_field(type, "chain"),
					   &(struct nt_anno_TABLE){.chain = "x"}),
			 0);
}

static void hooks(void **state)
{
	(void)state;
	expect_hook(2, 0, "ipv4 in chain: PRE_ROUTING");
	expect_hook(2, 1, "ipv4 in chain: INPUT");
	expect_hook(10, 2, "ipv6 in chain: FORWARD");
	expect_hook(1, 3, "inet in chain: OUTPUT");
	expect_hook(1, 5, "inet in chain: INGRESS");
	expect_hook(7, 4, "bridge in chain: POST_ROUTING");
	expect_hook(3, 0, "arp in chain: INPUT");
	expect_hook(5, 0, "netdev in chain: INGRESS");
	expect_hook(5, 1, "netdev in chain: EGRESS");
	expect_hook(2, 5, "ipv4 in chain: 5");
	expect_hook(2, 255, "ipv4 in chain: 255");
	expect_hook(4, 1, "4 in chain: 1");
	expect_hook(255, 255, "255 in chain: 255");
}

static void chains_of_iptables(void **state)
{
	struct nt_anno_XTABLE xtable = {.hook = 0, .table = "mangle"};
	struct nt_anno_TABLE table = {.table = "filter", .chain = "INPUT"};

	(void)state;
	expect_text(NT_ANNO_XTABLE, &xtable, "iptables table:mangle, chain:PREROUTING");
	xtable.hook = 4;
	expect_text(NT_ANNO_XTABLE, &xtable, "iptables table:mangle, chain:POSTROUTING");
	xtable.hook = 5;
	expect_text(NT_ANNO_XTABLE, &xtable, "iptables table:mangle, chain:5");
	expect_text(NT_ANNO_TABLE, &table, "iptables table:filter, chain:INPUT");
}

static void drops(void **state)
{
	struct nt_anno_DROP drop = {.location = 0xffffffff81000096, .reason = 8};

	(void)state;
	expect_text(NT_ANNO_DROP, &drop,
		    "reason: 8, at: 0xffffffff81000096");
	assert_int_equal(dict_set(dict, DICT_SYMBOL, drop.location, "nf_hook_slow+0x96"), 0);
	assert_int_equal(dict_set(dict, DICT_DROP_REASON, 8, "NETFILTER_DROP"), 0);
	expect_text(NT_ANNO_DROP, &drop,
		    "reason: NETFILTER_DROP, at: nf_hook_slow+0x96");
	drop.reason = NT_DROP_REASON_UNKNOWN;
	expect_text(NT_ANNO_DROP, &drop,
		    "reason: unknown, at: nf_hook_slow+0x96");
}

static void no_dictionary(void **state)
{
	struct nt_anno_DROP drop = {.location = 16, .reason = 4294967294u};
	struct journey_note note = {.type = NT_ANNO_DROP, .payload = &drop};
	char text[128];

	(void)state;
	annotation_text(&note, NULL, text, sizeof(text));
	assert_string_equal(text,
			    "reason: 4294967294, at: 0x10");
}

/* A chain's name, or a symbol in a recording, may be any bytes. */
static void escapes(void **state)
{
	struct nt_anno_TABLE table = {.table = "a\033[2J\n\x7f", .chain = "\xc3\xa9 ~"};
	struct nt_anno_DROP drop = {.location = 1, .reason = 1};

	(void)state;
	expect_text(NT_ANNO_TABLE, &table,
		    "iptables table:a\\x1b[2J\\x0a\\x7f, chain:\\xc3\\xa9 ~");
	dict_set(dict, DICT_SYMBOL, 1, "\r");
	dict_set(dict, DICT_DROP_REASON, 1, "\t");
	expect_text(NT_ANNO_DROP, &drop,
		    "reason: \\x09, at: \\x0d");
}

/* A full array has no terminator when it comes straight from the kernel. */
static void unterminated(void **state)
{
	struct nt_anno_XTABLE xtable = {.hook = 1};
	char want[128];

	(void)state;
	memset(xtable.table, 't', sizeof(xtable.table));
	snprintf(want, sizeof(want), "iptables table:%.32s, chain:INPUT",
		 "tttttttttttttttttttttttttttttttttttt");
	expect_text(NT_ANNO_XTABLE, &xtable, want);
}

static void cut_to_size(void **state)
{
	struct nt_anno_TABLE table = {.table = "\n\n", .chain = "c"};
	struct journey_note note = {.type = NT_ANNO_TABLE, .payload = &table};
	const char *whole = "iptables table:\\x0a\\x0a, chain:c";
	char text[64];

	(void)state;
	assert_int_equal(annotation_text(&note, dict, NULL, 0), 0);
	for (size_t size = 1; size < sizeof(text); size++) {
		size_t length;

		memset(text, '#', sizeof(text));
		length = annotation_text(&note, dict, text, size);
		assert_true(length < size);
		assert_int_equal(text[length], '\0');
		assert_memory_equal(text, whole, length);
		assert_int_equal(text[size], '#');
		/* whole escapes only */
		assert_true(length <= 15 || length >= 23 || length == 19);
	}
}

static void one_field(void **state)
{
	struct nt_anno_HOOK hook = {.family = 3, .hook = 1};
	const struct annotation_type *type = annotation_type(NT_ANNO_HOOK);
	char text[16];

	(void)state;
	annotation_field_text(type, annotation_field(type, "hook"), &hook, dict, text, sizeof(text));
	assert_string_equal(text, "OUTPUT");
	annotation_field_text(type, annotation_field(type, "family"), &hook, dict, text, 3);
	assert_string_equal(text, "ar");
	assert_int_equal(annotation_field_text(type, &type->fields[0], &hook, dict, NULL, 0), 0);
}

/* Frames of code, innermost first. */
static void stacks(void **state)
{
	struct nt_anno_STACK stack = {.frames = {0xffffffff81000010, 0x20, 0xffffffffc0000030}};
	const struct annotation_type *type = annotation_type(NT_ANNO_STACK);
	const struct annotation_field *frames = annotation_field(type, "frames");
	char text[64];

	(void)state;
	expect_text(NT_ANNO_STACK, &stack, "stack: 0xffffffff81000010 <- 0x20 <- 0xffffffffc0000030");
	dict_set(dict, DICT_SYMBOL, 0xffffffff81000010, "ip_rcv+0x10");
	dict_set(dict, DICT_SYMBOL, 0xffffffffc0000030, "br_forward+0x30 [bridge]");
	dict_set(dict, DICT_DROP_REASON, 0x20, "not a symbol");
	expect_text(NT_ANNO_STACK, &stack, "stack: ip_rcv+0x10 <- 0x20 <- br_forward+0x30 [bridge]");
	/* the first that is zero ends it, whatever is behind */
	stack.frames[1] = 0;
	expect_text(NT_ANNO_STACK, &stack, "stack: ip_rcv+0x10");
	stack.frames[0] = 0;
	expect_text(NT_ANNO_STACK, &stack, "stack: ");
	assert_int_equal(annotation_field_text(type, frames, &stack, dict, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_int_equal(annotation_number(frames, &stack), 0);
	/* names come from the traced host */
	stack.frames[0] = 1;
	dict_set(dict, DICT_SYMBOL, 1, "\033[2J");
	expect_text(NT_ANNO_STACK, &stack, "stack: \\x1b[2J");
}

/* Stacks of tracepoints begin in the program that takes them. */
static void stacks_without_the_tracer(void **state)
{
	struct nt_anno_STACK stack = {.frames = {1, 2, 3, 4, 2}};

	(void)state;
	dict_set(dict, DICT_SYMBOL, 1, "bpf_prog_7afb1aff83bc5b72_tp_consume_skb+0x2296 [bpf]");
	dict_set(dict, DICT_SYMBOL, 2, "bpf_trace_run2+0xf2");
	dict_set(dict, DICT_SYMBOL, 3, "__traceiter_consume_skb+0x31");
	dict_set(dict, DICT_SYMBOL, 4, "consume_skb+0x7c");
	expect_text(NT_ANNO_STACK, &stack, "stack: consume_skb+0x7c <- bpf_trace_run2+0xf2");
	stack.frames[3] = 0;
	expect_text(NT_ANNO_STACK, &stack, "stack: ");
}

static void full_stack(void **state)
{
	struct {
		struct nt_anno_STACK stack;
		u64 behind;
	} payload = {.behind = 0xbad};
	struct journey_note note = {.type = NT_ANNO_STACK, .payload = &payload.stack};
	size_t n = sizeof(payload.stack.frames) / sizeof(u64), length;
	char want[512] = "stack: ", *at = want + strlen(want), text[512];

	(void)state;
	for (size_t i = 0; i < n; i++) {
		payload.stack.frames[i] = i + 1;
		at += sprintf(at, "%s0x%zx", i ? " <- " : "", i + 1);
	}
	strcpy(at, " <- ..."); /* there may have been more */
	expect_text(NT_ANNO_STACK, &payload.stack, want);
	for (size_t size = 1; size < sizeof(text); size++) {
		memset(text, '#', sizeof(text));
		length = annotation_text(&note, dict, text, size);
		assert_int_equal(length, size - 1 < strlen(want) ? size - 1 : strlen(want));
		assert_memory_equal(text, want, length);
		assert_int_equal(text[length], '\0');
		assert_int_equal(text[size], '#');
	}
}

/* Of an sk_buff as much as the headers of blocks show. */
static void addresses(void **state)
{
	struct nt_anno_MERGE merge = {.skb = 0xffff9d66c133e200, .id = 7};
	const struct annotation_type *type = annotation_type(NT_ANNO_MERGE);
	char text[32];

	(void)state;
	expect_text(NT_ANNO_MERGE, &merge, "into c133e200");
	merge.skb = 0xffff9d660000000f;
	expect_text(NT_ANNO_MERGE, &merge, "into 0000000f");
	merge.skb = 0;
	expect_text(NT_ANNO_MERGE, &merge, "into 00000000");
	dict_set(dict, DICT_SYMBOL, 0, "no symbol is asked for");
	expect_text(NT_ANNO_MERGE, &merge, "into 00000000");
	annotation_field_text(type, annotation_field(type, "id"), &merge, dict, text, sizeof(text));
	assert_string_equal(text, "7");
	assert_true(annotation_number(annotation_field(type, "skb"), &(struct nt_anno_MERGE){.skb = ~0ull}) ==
		    ~0ull);
}

static void processes(void **state)
{
	struct nt_anno_TASK task = {.pid = 230, .tid = 4294967295u, .comm = "kworker/0:1-eve"};

	(void)state;
	expect_text(NT_ANNO_TASK, &task, "by kworker/0:1-eve[230]");
	task.comm[0] = 0;
	expect_text(NT_ANNO_TASK, &task, "by [230]");
}

/* Types without a text are printed by other means, and say nothing as notes. */
static void empty_texts(void **state)
{
	struct nt_anno_ORIGIN origin = {.ts_ns = 123, .probe = 4};
	struct nt_anno_PARENT parent = {.skb = 0xffff9d66c133e200, .id = 3};
	const struct annotation_type *type = annotation_type(NT_ANNO_ORIGIN);
	char text[32];

	(void)state;
	expect_text(NT_ANNO_ORIGIN, &origin, "");
	expect_text(NT_ANNO_PARENT, &parent, "");
	annotation_field_text(type, annotation_field(type, "ts_ns"), &origin, dict, text, sizeof(text));
	assert_string_equal(text, "123");
	type = annotation_type(NT_ANNO_PARENT);
	annotation_field_text(type, annotation_field(type, "skb"), &parent, dict, text, sizeof(text));
	assert_string_equal(text, "c133e200");
	expect_text(NT_ANNO_TABLE, &(struct nt_anno_TABLE){.chain = ""}, "iptables table:, chain:");
}

static void plain_names(void **state)
{
	char text[8] = "#######";

	(void)state;
	assert_int_equal(annotation_plain_text("eth0", text, sizeof(text)), 4);
	assert_string_equal(text, "eth0");
	assert_int_equal(annotation_plain_text("", text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_int_equal(annotation_plain_text("abcd\n", text, sizeof(text)), 4);
	assert_string_equal(text, "abcd");
	assert_int_equal(annotation_plain_text("abc\n", text, sizeof(text)), 7);
	assert_string_equal(text, "abc\\x0a");
	assert_int_equal(annotation_plain_text("abc", NULL, 0), 0);
}

static void unknown_type(void **state)
{
	(void)state;
	expect_text(NT_ANNO_COUNT, NULL, "");
	expect_text(0xffff, NULL, "");
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(descriptors),
		test(numbers),
		test(hooks),
		test(chains_of_iptables),
		test(drops),
		test(no_dictionary),
		test(escapes),
		test(unterminated),
		test(cut_to_size),
		test(one_field),
		test(stacks),
		test(stacks_without_the_tracer),
		test(full_stack),
		test(addresses),
		test(processes),
		test(empty_texts),
		test(plain_names),
		test(unknown_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
