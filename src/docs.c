/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Makes the manual page and the shell completion from the tables of the program, when it is built.
 *
 *   docs options | probes      these parts of the manual, as roff
 *   docs man <nettrace.8.in    the manual: @OPTIONS@, @PROBES@ and @VERSION@ are filled in
 *   docs bash                  completion for bash
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "options.h"
#include "probe_table.h"

static void put_roff(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout); /* no request, where a line begins with it */
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout); /* "-" alone is a hyphen, which is not what one types */
		else
			putchar(*text);
	}
}

static void put_bold(const char *prefix, const char *text)
{
	fputs("\\fB", stdout);
	put_roff(prefix);
	put_roff(text);
	fputs("\\fR", stdout);
}

/* What the manual says about an option: sentences, so a phrase becomes one. */
static void put_explanation(const struct option_text *option)
{
	const char *help = option->help;

	if (option->more) {
		put_roff(option->more);
	} else {
		putchar(*help >= 'a' && *help <= 'z' ? *help - 'a' + 'A' : *help);
		put_roff(help + 1);
		putchar('.');
	}
	putchar('\n');
}

static void put_options(void)
{
	const char *group = NULL;
	struct option_text option;

	for (unsigned int n = 0; option_text(n, &option); n++) {
		if (option.group != group) {
			printf(".SS ");
			put_roff(option.group);
			putchar('\n');
		}
		group = option.group;
		printf(".TP\n");
		if (option.letter) {
			put_bold("-", (char[]){option.letter, '\0'});
			printf(", ");
		}
		put_bold("--", option.name);
		if (option.argument) {
			printf(" \\fI");
			put_roff(option.argument);
			printf("\\fR");
		}
		putchar('\n');
		put_explanation(&option);
	}
}

static void put_probe(const struct probe_row *row)
{
	fputs("\\%", stdout); /* not to be hyphenated */
	put_roff(row->name);
	if (row->alias) {
		printf(" or \\%%");
		put_roff(row->alias);
	}
	if (row->kind == PROBE_TP)
		printf(" (t)");
	if (row->kind == PROBE_TPA)
		printf(" (T)");
}

static void put_probes(void)
{
	for (unsigned int stage = 0; stage < NT_STAGE_COUNT; stage++) {
		bool named = false;

		for (unsigned int probe = 0; probe < NT_PROBE_COUNT; probe++) {
			const struct probe_row *row = probe_table_row(NULL, probe);

			if (row->stage != stage)
				continue;
			if (named) {
				printf(",\n");
			} else {
				printf(".TP\n");
				put_bold("", stage_name(stage));
				putchar('\n');
			}
			named = true;
			put_probe(row);
		}
		if (named)
			putchar('\n');
	}
}

/* The template's line, with the version in place of the first @VERSION@. */
static void put_line(const char *line)
{
	static const char version[] = "@VERSION@";
	const char *at = strstr(line, version);

	if (at)
		printf("%.*s%s%s", (int)(at - line), line, NETTRACE_VERSION, at + strlen(version));
	else
		fputs(line, stdout);
}

static void put_man(void)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) >= 0) {
		if (!strcmp(line, "@OPTIONS@\n"))
			put_options();
		else if (!strcmp(line, "@PROBES@\n"))
			put_probes();
		else
			put_line(line);
	}
	free(line);
}

static const char *backend_word(unsigned int n)
{
	return n < BACKEND_COUNT ? backend_name((enum backend)n) : NULL;
}

/* How the shell completes a value, by the word that stands for it in the table. Others it does not know. */
static const struct {
	const char *argument;
	const char *(*word)(unsigned int n); /* one of these, or */
	const char *command;		     /* what finds them */
} values[] = {
	{"PROTO", .word = filter_protocol_name},
	{"BACKEND", .word = backend_word},
	{"IFNAME", .command = "_nettrace_names '/sys/class/net/*/'"},
	{"NS", .command = "_nettrace_names '/run/netns/*'"},
	{"FILE", .command = "compopt -o default && return"},
};

static void put_values(const char *argument)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const char *word;

		if (strcmp(values[i].argument, argument) != 0)
			continue;
		if (values[i].command) {
			printf(" %s", values[i].command);
			continue;
		}
		printf(" words=(");
		for (unsigned int n = 0; (word = values[i].word(n)); n++)
			printf("%s%s", n ? " " : "", word);
		putchar(')');
	}
}

/*
 * Names of interfaces and namespaces may hold anything that a shell would
 * execute: so no compgen -W, which expands its words, and quotes around what is inserted.
 */
static const char bash_begin[] =
	"# bash completion for nettrace; made from its table of options\n"
	"# shellcheck shell=bash\n"
	"\n"
	"_nettrace_names() {\n"
	"\tmapfile -t words < <(compgen -G \"$1\")\n"
	"\twords=(\"${words[@]%/}\")\n"
	"\twords=(\"${words[@]##*/}\")\n"
	"}\n"
	"\n"
	"_nettrace() {\n"
	"\tlocal word words=() current=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]}\n"
	"\n"
	"\t# --proto=ic is three words to bash\n"
	"\tif [[ $current == = ]]; then\n"
	"\t\tcurrent=\n"
	"\telif [[ $option == = ]]; then\n"
	"\t\toption=${COMP_WORDS[COMP_CWORD - 2]}\n"
	"\tfi\n"
	"\tCOMPREPLY=()\n"
	"\tcase $option in\n";

static const char bash_end[] =
	"\tesac\n"
	"\tfor word in \"${words[@]}\"; do\n"
	"\t\tif [[ $word == \"$current\"* ]]; then\n"
	"\t\t\tprintf -v word %q \"$word\"\n"
	"\t\t\tCOMPREPLY+=(\"$word\")\n"
	"\t\tfi\n"
	"\tdone\n"
	"}\n"
	"\n"
	"complete -F _nettrace nettrace\n";

static void put_bash(void)
{
	struct option_text option;

	fputs(bash_begin, stdout);
	for (unsigned int n = 0; option_text(n, &option); n++) {
		if (!option.argument)
			continue;
		putchar('\t');
		if (option.letter)
			printf("-%c | ", option.letter);
		printf("--%s)", option.name);
		put_values(option.argument);
		printf(" ;;\n");
	}
	printf("\t*)\n\t\twords=(\n");
	for (unsigned int n = 0; option_text(n, &option); n++) {
		printf("\t\t\t");
		if (option.letter)
			printf("-%c ", option.letter);
		printf("--%s\n", option.name);
	}
	printf("\t\t)\n\t\t;;\n");
	fputs(bash_end, stdout);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*put)(void);
	} parts[] = {{"options", put_options}, {"probes", put_probes}, {"man", put_man}, {"bash", put_bash}};

	for (size_t i = 0; argc == 2 && i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcmp(argv[1], parts[i].name) != 0)
			continue;
		parts[i].put();
		return ferror(stdin) || fflush(stdout) || ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	fprintf(stderr, "usage: docs options|probes|man|bash\n");
	return 2;
}
