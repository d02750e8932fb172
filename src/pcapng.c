/* SPDX-License-Identifier: GPL-2.0 */
#include "pcapng.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "annotation.h"

#define TRAILER_BYTES 8 /* the end of options, and the block's length again */

void pcapng_put16(struct pcapng_block *block, u32 number)
{
	block->bytes[block->used++] = (u8)number;
	block->bytes[block->used++] = (u8)(number >> 8);
}

void pcapng_put32(struct pcapng_block *block, u32 number)
{
	pcapng_put16(block, number);
	pcapng_put16(block, number >> 16);
}

/* In two halves, the high one first whatever the byte order. */
void pcapng_put_time(struct pcapng_block *block, u64 ns)
{
	pcapng_put32(block, (u32)(ns >> 32));
	pcapng_put32(block, (u32)ns);
}

void pcapng_put_bytes(struct pcapng_block *block, const void *bytes, size_t n)
{
	memcpy(block->bytes + block->used, bytes, n);
	block->used += n;
}

void pcapng_pad(struct pcapng_block *block)
{
	while (block->used % 4)
		block->bytes[block->used++] = 0;
}

void pcapng_begin(struct pcapng_block *block, u32 type)
{
	block->used = 0;
	pcapng_put32(block, type);
	pcapng_put32(block, 0); /* the length, once it is known */
}

void pcapng_end(struct pcapng_block *block, struct out *out)
{
	size_t length = block->used + TRAILER_BYTES;

	pcapng_put32(block, OPT_END);
	pcapng_put32(block, (u32)length);
	block->used = 4;
	pcapng_put32(block, (u32)length);
	out_write(out, block->bytes, length);
}

void pcapng_put_option(struct pcapng_block *block, unsigned int code, const void *value, size_t size)
{
	if (4 + size + 3 + TRAILER_BYTES > sizeof(block->bytes) - block->used)
		return;
	pcapng_put16(block, code);
	pcapng_put16(block, (u32)size);
	pcapng_put_bytes(block, value, size);
	pcapng_pad(block);
}

void pcapng_put_option32(struct pcapng_block *block, unsigned int code, u32 number)
{
	u8 value[] = {(u8)number, (u8)(number >> 8), (u8)(number >> 16), (u8)(number >> 24)};

	pcapng_put_option(block, code, value, sizeof(value));
}

void pcapng_put_option64(struct pcapng_block *block, unsigned int code, u64 number)
{
	u8 value[8];

	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (u8)(number >> 8 * i);
	pcapng_put_option(block, code, value, sizeof(value));
}

void pcapng_put_option_time(struct pcapng_block *block, unsigned int code, u64 ns)
{
	pcapng_put_option64(block, code, ns << 32 | ns >> 32);
}

/* Strings of the draft are UTF-8. The traced host's may be anything, so that only what is ASCII stays as it is. */
void pcapng_put_text(struct pcapng_block *block, unsigned int code, const char *text)
{
	char plain[PCAPNG_TEXT_BYTES];
	size_t length = annotation_plain_text(text, plain, sizeof(plain));

	if (length)
		pcapng_put_option(block, code, plain, length);
}

void pcapng_put_words(struct pcapng_block *block, unsigned int code, const char *format, ...)
{
	char text[PCAPNG_TEXT_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pcapng_put_text(block, code, text);
}
