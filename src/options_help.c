/* SPDX-License-Identifier: GPL-2.0 */
/* What the table of options says to users. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "options_table.h"

/* Column where --help explains an option. */
#define HELP_COLUMN 30

/* Append to a text of the given size; what does not fit is cut off. */
__attribute__((format(printf, 3, 4))) static void add(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + used, size - used, format, args);
	va_end(args);
}

/* The available row behind this one that shares its line, or NULL. */
static const struct option_row *next_joined(const struct option_row *row)
{
	while (++row < option_rows + n_option_rows && row->joins)
		if (option_is_available(row))
			return row;
	return NULL;
}

/*
 * One line for a row and those that join it: "-p, --proto PROTO  text", but "-s, -d, --addr ADDR[/N]  text;
 * text", with the shortest spelling of each and one argument for all that take the same.
 */
static void help_line(char *text, size_t size, const struct option_row *row)
{
	char left[80] = "", right[160] = "";
	const struct option_row *next;
	bool alone = !next_joined(row);

	for (; row; row = next) {
		next = next_joined(row);
		if (row->letter)
			add(left, sizeof(left), "-%c%s", row->letter, alone ? ", " : "");
		if (!row->letter || alone)
			add(left, sizeof(left), "--%s", row->name);
		if (row->argument && !(next && next->argument && !strcmp(row->argument, next->argument)))
			add(left, sizeof(left), " %s", row->argument);
		add(left, sizeof(left), "%s", next ? ", " : "");
		add(right, sizeof(right), "%s%s", row->help, next ? "; " : "");
	}
	add(text, size, "  %-*s %s\n", HELP_COLUMN - 3, left, right);
}

const char *options_help(void)
{
	static char text[4096];
	const struct option_row *before = NULL, *joined = NULL;

	snprintf(text, sizeof(text),
		 "Usage: nettrace [OPTION]...   (tells what each packet did in the kernel)\n");
	for (const struct option_row *row = option_rows; row < option_rows + n_option_rows; row++) {
		if (!option_is_available(row))
			continue;
		if (!before || row->group != before->group)
			add(text, sizeof(text), "%s:\n", option_group_titles[row->group]);
		if (row != joined)
			help_line(text, sizeof(text), row);
		joined = next_joined(row);
		before = row;
	}
	return text;
}

bool option_text(unsigned int n, struct option_text *ret_text)
{
	for (const struct option_row *row = option_rows; row < option_rows + n_option_rows; row++) {
		if (!option_is_available(row) || n--)
			continue;
		*ret_text = (struct option_text){
			.letter = row->letter,
			.name = row->name,
			.argument = row->argument,
			.help = row->help,
			.more = row->more,
			.group = option_group_titles[row->group],
		};
		return true;
	}
	return false;
}
