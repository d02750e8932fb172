/* SPDX-License-Identifier: GPL-2.0 */
/* The values of options, but for those of filters. */
#include "options_table.h"

#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "cpu_abi.h"
#include "probe_table.h"
#include "render.h"

/* Half the range of u64, so that a deadline (now + duration) cannot wrap. */
#define DURATION_MAX_NS ((unsigned long long)LLONG_MAX)

#define BUFFER_MIN_BYTES (256ull << 10)
#define BUFFER_MAX_BYTES (1ull << 30)
#define ROTATE_MIN_BYTES (64ull << 10)
#define ROTATE_MAX_BYTES (1ull << 40)
#define KEEP_MAX 100000

static const char *const backend_names[BACKEND_COUNT] = {
	[BACKEND_AUTO] = "auto",
	[BACKEND_KPROBE_MULTI] = "kprobe-multi",
	[BACKEND_FENTRY] = "fentry",
	[BACKEND_KPROBE] = "kprobe",
	[BACKEND_TRACEPOINT] = "tracepoint",
};

/*
 * Takers return NULL, or what is wrong with the value, to be put behind it.
 * Of names only the syntax can be judged here, and it keeps them printable.
 */

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

/* A file of that name can be: the rule for interfaces (sysfs) and namespaces (/run/netns). */
static bool is_file_name(const char *text, size_t length_max)
{
	size_t length = strlen(text);

	return length && length <= length_max && is_printable(text) && !strchr(text, '/') &&
	       strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

const char *option_take_ifname(struct options *options, const char *value)
{
	if (!is_file_name(value, IFNAMSIZ - 1) || strchr(value, ':'))
		return "is not the name of an interface: up to 15 printable characters";
	options->ifname = value;
	return NULL;
}

const char *option_take_netns(struct options *options, const char *value)
{
	if (!is_file_name(value, NAME_MAX))
		return "is not a network namespace: a name, a process or an inode number";
	options->netns = value;
	return NULL;
}

const char *option_take_pid(struct options *options, const char *value)
{
	unsigned long long number;

	if (!filter_number(value, OPTIONS_PID_MAX, &number) || !number)
		return "is not the number of a process, from 1 to 4194304";
	options->pid = (unsigned int)number;
	return NULL;
}

const char *option_take_output(struct options *options, const char *value)
{
	if (!*value)
		return "is not the name of a file";
	options->output = value;
	return NULL;
}

const char *option_take_count(struct options *options, const char *value)
{
	unsigned long long number;

	if (!filter_number(value, ULLONG_MAX, &number) || !number)
		return "is not a number from 1 up";
	options->count = number;
	return NULL;
}

/* The length of a unit of time, 0 if there is none of that name. */
static unsigned long long unit_ns(const char *name)
{
	static const struct {
		const char *name;
		unsigned long long ns;
	} units[] = {
		{"", 1000000000},  {"ns", 1},	       {"us", 1000},	     {"ms", 1000000},
		{"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000},
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (!strcmp(name, units[i].name))
			return units[i].ns;
	return 0;
}

/* Digits, perhaps a fraction, perhaps a unit; above zero. What is below 1 ns is cut off. */
static bool parse_time(const char *text, unsigned long long *ret_ns)
{
	unsigned long long whole, unit, weight, fraction_ns = 0;
	const char *point, *end;

	if (!filter_digits(text, DURATION_MAX_NS, &whole, &point))
		return false;
	end = point;
	if (*point == '.') {
		size_t digits = strspn(point + 1, "0123456789");

		if (!digits)
			return false;
		end = point + 1 + digits;
	}
	unit = unit_ns(end);
	if (!unit)
		return false;
	weight = unit;
	for (const char *c = point + 1; c < end; c++) {
		weight /= 10;
		fraction_ns += weight * (unsigned int)(*c - '0');
	}
	/* The fraction is less than one unit, itself far below the limit. */
	if (whole > (DURATION_MAX_NS - fraction_ns) / unit || !(whole || fraction_ns))
		return false;
	*ret_ns = whole * unit + fraction_ns;
	return true;
}

const char *option_take_duration(struct options *options, const char *value)
{
	if (!parse_time(value, &options->duration_ns))
		return "is not a time above zero such as 10s, 1.5m or 500ms";
	return NULL;
}

const char *option_take_min_latency(struct options *options, const char *value)
{
	if (!parse_time(value, &options->min_latency_ns))
		return "is not a time above zero such as 10ms, 0.5s or 200us";
	return NULL;
}

const char *option_take_incident_min(struct options *options, const char *value)
{
	if (!parse_time(value, &options->incident_min_ns) || options->incident_min_ns < NT_BLOCKED_MIN_NS)
		return "is not a time from 1ms up such as 10ms or 0.5s";
	return NULL;
}

/* Digits and perhaps one of K, M, G and T. */
static bool take_size(const char *value, unsigned long long min_bytes, unsigned long long max_bytes,
		      unsigned long long *ret_bytes)
{
	static const char units[] = "KMGT";
	unsigned long long size;
	const char *end, *unit;
	int shift;

	if (!filter_digits(value, max_bytes, &size, &end))
		return false;
	unit = *end ? strchr(units, *end) : NULL;
	if (*end && (!unit || end[1]))
		return false;
	shift = unit ? 10 * (int)(unit - units + 1) : 0;
	if (size > max_bytes >> shift || size << shift < min_bytes)
		return false;
	*ret_bytes = size << shift;
	return true;
}

const char *option_take_buffer(struct options *options, const char *value)
{
	if (!take_size(value, BUFFER_MIN_BYTES, BUFFER_MAX_BYTES, &options->buffer_bytes))
		return "is not a size from 256K to 1G such as 8M";
	return NULL;
}

const char *option_take_backend(struct options *options, const char *value)
{
	for (unsigned int i = 0; i < BACKEND_COUNT; i++) {
		if (!strcmp(value, backend_names[i])) {
			options->backend = (enum backend)i;
			return NULL;
		}
	}
	return "is not auto, kprobe-multi, fentry, kprobe or tracepoint";
}

const char *option_take_format(struct options *options, const char *value)
{
	options->format = render_format_named(value);
	return options->format ? NULL : "is not " OPTION_FORMATS;
}

const char *option_take_write(struct options *options, const char *value)
{
	if (!*value)
		return "is not the name of a file";
	options->write = value;
	return NULL;
}

const char *option_take_read(struct options *options, const char *value)
{
	if (!*value)
		return "is not the name of a file";
	if (options->n_read == OPTIONS_READ_MAX)
		return "is one file too many: 64 are the limit";
	options->read[options->n_read++] = value;
	return NULL;
}

/* A number with K, M, G or T behind it is a size; one with a unit of time a time. */
const char *option_take_rotate(struct options *options, const char *value)
{
	const char *wrong = "is neither a size from 64K to 1T such as 100M nor a time from 1s up such as 1h";
	size_t length = strlen(value);
	bool is_size = length && strchr("KMGT", value[length - 1]);

	if (is_size)
		return take_size(value, ROTATE_MIN_BYTES, ROTATE_MAX_BYTES, &options->rotate_bytes) ? NULL : wrong;
	if (!length || (value[length - 1] >= '0' && value[length - 1] <= '9'))
		return "needs a unit: 100M is a size, 1h a time";
	return parse_time(value, &options->rotate_ns) && options->rotate_ns >= 1000000000ull ? NULL : wrong;
}

const char *option_take_keep(struct options *options, const char *value)
{
	unsigned long long number;

	if (!filter_number(value, KEEP_MAX, &number) || number < 2)
		return "is not a number of files from 2 to 100000";
	options->keep = (unsigned int)number;
	return NULL;
}

const char *option_take_pcap_at(struct options *options, const char *value)
{
	for (unsigned int stage = 0; stage < NT_STAGE_COUNT; stage++) {
		if (stage == NT_STAGE_UNKNOWN || stage == NT_STAGE_LIFE || strcmp(stage_name(stage), value) != 0)
			continue;
		options->pcap_at = stage;
		return NULL;
	}
	return "is not a stage such as link-in, ip-out or driver; nettrace --probes shows them";
}

static bool is_identifier(const char *name, size_t length)
{
	static const char characters[] = "abcdefghijklmnopqrstuvwxyz"
					 "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

	return length && length <= OPTIONS_NAME_LENGTH_MAX && strspn(name, characters) >= length &&
	       !(*name >= '0' && *name <= '9');
}

bool option_list_has(const char *list, const char *name, size_t length)
{
	while (list) {
		size_t n = strcspn(list, ",");

		if (n == length && !memcmp(list, name, n))
			return true;
		list = list[n] ? list + n + 1 : NULL;
	}
	return false;
}

static const char *check_names(const char *value)
{
	unsigned int n = 0;

	for (const char *at = value; at;) {
		size_t length = strcspn(at, ",");
		const char *rest = at[length] ? at + length + 1 : NULL;

		if (!is_identifier(at, length))
			return "is not names of functions with commas between them";
		if (option_list_has(rest, at, length))
			return "names a function twice";
		if (++n > OPTIONS_NAMES_MAX)
			return "is more than 256 names";
		at = rest;
	}
	return NULL;
}

const char *option_take_probe(struct options *options, const char *value)
{
	options->probe_add = value;
	return check_names(value);
}

const char *option_take_exclude(struct options *options, const char *value)
{
	options->probe_exclude = value;
	return check_names(value);
}

const char *backend_name(enum backend backend)
{
	return (unsigned int)backend < BACKEND_COUNT ? backend_names[backend] : "unknown";
}
