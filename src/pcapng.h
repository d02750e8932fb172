/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Blocks of a capture file, one at a time in memory.
 *
 * The format is that of draft-ietf-opsawg-pcapng, "PCAP Now Generic (pcapng) Capture File Format"; the names of blocks
 * and options are its own. A section may be of either byte order: this is little-endian everywhere, so that the same
 * recording makes the same file.
 */
#ifndef NT_PCAPNG_H
#define NT_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>

#include "out.h"
#include "types.h"

#define SECTION_HEADER 0x0a0d0d0au
#define INTERFACE_DESCRIPTION 1u
#define INTERFACE_STATISTICS 5u
#define ENHANCED_PACKET 6u

#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define VERSION_MAJOR 1
#define VERSION_MINOR 0
#define LENGTH_UNKNOWN 0xffffffffu /* both halves of a section's */

enum {
	OPT_END = 0,
	OPT_COMMENT = 1,
	SHB_HARDWARE = 2,
	SHB_OS = 3,
	SHB_USERAPPL = 4,
	IF_NAME = 2,
	IF_DESCRIPTION = 3,
	IF_TSRESOL = 9,
	EPB_FLAGS = 2,
	EPB_PACKETID = 5,
	ISB_STARTTIME = 2,
	ISB_ENDTIME = 3,
	ISB_OSDROP = 7,
};

#define PCAPNG_BLOCK_BYTES 32768
#define PCAPNG_TEXT_BYTES 4096 /* no text is longer, its terminator included */

struct pcapng_block {
	size_t used;
	u8 bytes[PCAPNG_BLOCK_BYTES];
};

void pcapng_begin(struct pcapng_block *block, u32 type);
void pcapng_end(struct pcapng_block *block, struct out *out);

/* What stands in front of options is of a size known to fit. */
void pcapng_put16(struct pcapng_block *block, u32 number);
void pcapng_put32(struct pcapng_block *block, u32 number);
void pcapng_put_time(struct pcapng_block *block, u64 ns);
void pcapng_put_bytes(struct pcapng_block *block, const void *bytes, size_t n);
void pcapng_pad(struct pcapng_block *block);

/* An option that finds no room is left out whole. Text is bounded, and any bytes may be in it. */
void pcapng_put_option(struct pcapng_block *block, unsigned int code, const void *value, size_t size);
void pcapng_put_option32(struct pcapng_block *block, unsigned int code, u32 number);
void pcapng_put_option64(struct pcapng_block *block, unsigned int code, u64 number);
void pcapng_put_option_time(struct pcapng_block *block, unsigned int code, u64 ns);
void pcapng_put_text(struct pcapng_block *block, unsigned int code, const char *text);
void pcapng_put_words(struct pcapng_block *block, unsigned int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define pcapng_put_comment(block, ...) pcapng_put_words(block, OPT_COMMENT, __VA_ARGS__)

#endif
