/* SPDX-License-Identifier: GPL-2.0 */
/* For tests of packets for Wireshark: packets, and a parser of what is written. */
#ifndef NT_TEST_PCAPNG_KIT_H
#define NT_TEST_PCAPNG_KIT_H

#include "render_kit.h"

#define NETNS 4026531840u
#define OFFSET_NS 1795392944000000000ll
#define START_NS 5000000000ull

#define SHB 0x0a0d0d0au
#define IDB 1u
#define ISB 5u
#define EPB 6u

static const u8 echo_request[] = {
	0x45, 0, 0, 84, 0x12, 0x34, 0x40, 0, 64, 1, 0, 0, 10, 7, 0, 1, 10, 7, 0, 2,
	8, 0, 0, 0, 1, 0x88, 2, 0xa5, /* id 392, sequence number 677 */
};
static const u8 syn_ack[] = {
	0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 7, 0, 2, 10, 7, 0, 1,
	0, 80, 0xc0, 0, 0, 0, 0x10, 0, 0, 0, 0x20, 1, 0x50, 0x12, 0xff, 0xff, 0, 0, 0, 0,
};
static const u8 udp6[] = {
	0x60, 0, 0, 0, 0, 8, 17, 64, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x14, 0xe9, 0x14, 0xe9, 0, 8, 0, 1,
};
static const u8 who_has[] = {
	0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 7, 0, 1, 0, 0, 0, 0, 0, 0, 10, 7, 0, 2,
};

/* The packet of these bytes, behind an Ethernet header if it is to have one. */
static inline struct nt_snapshot packet(u16 protocol, u16 link, const u8 *bytes, size_t size, u32 len_bytes)
{
	static const u8 addresses[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
	struct nt_snapshot snapshot = {.link = link, .len_bytes = len_bytes, .transport = NT_NO_LAYER,
				       .protocol = (u16)(protocol >> 8 | protocol << 8)};
	u8 *at = snapshot.bytes;

	if (link == NT_LINK_ETHER) {
		memcpy(at, addresses, sizeof(addresses));
		at[12] = (u8)(protocol >> 8);
		at[13] = (u8)protocol;
		snapshot.network = 14;
		at += 14;
	}
	memcpy(at, bytes, size);
	snapshot.captured_bytes = (u16)(snapshot.network + size);
	return snapshot;
}

static inline struct journey make(u32 id, struct journey_event *events, size_t n)
{
	static struct nt_flow no_flow;

	return (struct journey){.id = id, .outcome = OUTCOME_DELIVERED, .events = events, .n_events = n,
				.flows = &no_flow, .n_flows = 1, .start_ns = events[0].ts_ns,
				.end_ns = events[n - 1].ts_ns};
}

/* --- an output, and what it is parsed back to */

static struct trace_facts facts = {
	.version = "0.1.0", .kernel = "6.12.1", .host = "lab", .machine = "x86_64", .backend = "kprobe-multi",
	.filter = "icmp", .start_ns = START_NS, .n_probes = 61, .n_skipped = 3,
};
static struct render *render;

static inline void start_with(int pcap_at, const struct dict *names)
{
	struct render_env env = {.dict = names, .clock_offset_ns = OFFSET_NS, .pcap_at = pcap_at};

	render = render_new(&render_pcapng, out, &env, &facts);
	assert_non_null(render);
}

static inline void start(int pcap_at)
{
	start_with(pcap_at, dict);
}

struct option {
	u16 code;
	u16 size;
	const u8 *value;
};

struct parsed {
	u32 type;
	const u8 *body;
	size_t body_bytes; /* before its options */
	struct option options[48];
	size_t n_options;
};

#define BLOCKS_MAX 9000
static struct parsed blocks[BLOCKS_MAX];
static u8 file[4 << 20];
static size_t file_bytes;

static inline u32 le16(const u8 *at)
{
	return at[0] | (u32)at[1] << 8;
}

static inline u32 le32(const u8 *at)
{
	return le16(at) | le16(at + 2) << 16;
}

/* Of fixed fields, and of the packet with its padding. */
static inline size_t body_bytes(u32 type, const u8 *body)
{
	switch (type) {
	case SHB:
		return 16;
	case IDB:
		return 8;
	case ISB:
		return 12;
	default:
		assert_int_equal(type, EPB);
		return 20 + (le32(body + 12) + 3) / 4 * 4;
	}
}

static inline void parse_options(struct parsed *block, const u8 *at, const u8 *end)
{
	for (;;) {
		struct option option;

		assert_true(end - at >= 4);
		option = (struct option){.code = (u16)le16(at), .size = (u16)le16(at + 2), .value = at + 4};
		at += 4;
		if (!option.code) {
			assert_int_equal(option.size, 0);
			assert_ptr_equal(at, end);
			return;
		}
		assert_true(end - at >= (option.size + 3) / 4 * 4);
		for (size_t i = option.size; i % 4; i++)
			assert_int_equal(at[i], 0);
		at += (option.size + 3) / 4 * 4;
		assert_true(block->n_options < sizeof(block->options) / sizeof(block->options[0]));
		block->options[block->n_options++] = option;
	}
}

/* Every text there is has to be valid UTF-8: here it is ASCII without control characters, but for our own ≤ and –. */
static inline void check_text(const struct parsed *block, const struct option *option)
{
	bool text = option->code == 1 || (block->type == SHB && option->code <= 4) ||
		    (block->type == IDB && option->code <= 3);

	for (size_t i = 0; text && i < option->size; i++) {
		if (i + 3 <= option->size && (!memcmp(option->value + i, "≤", 3) || !memcmp(option->value + i, "–", 3)))
			i += 2;
		else
			assert_in_range(option->value[i], ' ', '~');
	}
}

/* Close the output and read it back: it has bytes of 0, and may be longer than text. */
static inline size_t read_bytes(void)
{
	FILE *stream;
	size_t size;

	assert_int_equal(out_close(out), 0);
	stream = fopen(path, "r");
	assert_non_null(stream);
	size = fread(file, 1, sizeof(file), stream);
	fclose(stream);
	return size;
}

/* Close the output and parse it; the number of blocks. */
static inline size_t parse(const struct trace_totals *totals)
{
	const u8 *at, *end;
	size_t n = 0;

	render_free(render, totals);
	file_bytes = read_bytes();
	at = file;
	end = at + file_bytes;
	memset(blocks, 0, sizeof(blocks));
	while (at < end) {
		struct parsed *block = &blocks[n++];
		u32 length;

		assert_true(n <= BLOCKS_MAX && end - at >= 12);
		length = le32(at + 4);
		assert_true(length >= 12 && length % 4 == 0 && length <= (size_t)(end - at));
		assert_int_equal(le32(at + length - 4), length);
		block->type = le32(at);
		block->body = at + 8;
		block->body_bytes = body_bytes(block->type, block->body);
		assert_true(block->body_bytes <= length - 12);
		parse_options(block, block->body + block->body_bytes, at + length - 4);
		for (size_t i = 0; i < block->n_options; i++)
			check_text(block, &block->options[i]);
		at += length;
	}
	return n;
}

/* Whether a block has an option of that code with that text. */
static inline bool has(const struct parsed *block, unsigned int code, const char *text)
{
	for (size_t i = 0; i < block->n_options; i++)
		if (block->options[i].code == code && block->options[i].size == strlen(text) &&
		    !memcmp(block->options[i].value, text, strlen(text)))
			return true;
	return false;
}

static inline bool begins(const struct parsed *block, const char *text)
{
	for (size_t i = 0; i < block->n_options; i++)
		if (block->options[i].code == 1 && block->options[i].size >= strlen(text) &&
		    !memcmp(block->options[i].value, text, strlen(text)))
			return true;
	return false;
}

/* Whether a block has an option with that number, of 4 or 8 bytes. */
static inline bool has_number(const struct parsed *block, unsigned int code, u32 number)
{
	for (size_t i = 0; i < block->n_options; i++) {
		const struct option *option = &block->options[i];

		if (option->code == code)
			return le32(option->value) == number && (option->size == 4 || !le32(option->value + 4));
	}
	return false;
}

#define COMMENT 1u
#define assert_comment(block, text) assert_true(has(block, COMMENT, text))
#define captured_of(block) le32((block)->body + 12)
#define original_of(block) le32((block)->body + 16)
#define packet_of(block) ((block)->body + 20)

#endif
