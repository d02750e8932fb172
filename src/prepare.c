/* SPDX-License-Identifier: GPL-2.0 */
#include "prepare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "host.h"
#include "log.h"
#include "near.h"
#include "reason.h"
#include "symbols.h"

int prepare_backend(enum backend wanted)
{
	int err = -EOPNOTSUPP;
	size_t i;

	for (i = 0; i < CHECK_BACKENDS; i++) {
		if (wanted != BACKEND_AUTO && wanted != check_order[i])
			continue;
		err = kernel_try(check_order[i]);
		if (!err)
			return (int)check_order[i];
	}
	return err;
}

static int say_no_backend(int err, enum backend wanted)
{
	char why[128];

	host_explain_refusal(err, why, sizeof(why));
	if (*why)
		log_say("cannot attach probes: %s; %s", reason_of(err), why);
	else if (wanted != BACKEND_AUTO)
		log_say("this kernel does not allow the %s backend: %s; try --backend auto", backend_name(wanted),
			reason_of(err));
	else
		log_say("this kernel allows no probes that nettrace knows: %s; see nettrace --check", reason_of(err));
	return err;
}

/* The next name of a list with commas between them, or false at its end; of options, so none is too long. */
static bool next_name(const char **list, char *ret_name)
{
	size_t length = *list ? strcspn(*list, ",") : 0;

	if (!length || length > OPTIONS_NAME_LENGTH_MAX)
		return false;
	memcpy(ret_name, *list, length);
	ret_name[length] = 0;
	*list += length + ((*list)[length] == ',');
	return true;
}

int prepare_names(struct probe_table *probes, const struct options *options,
		  struct preparation *ret_prepared)
{
	const char *add = options->probe_add, *exclude = options->probe_exclude;
	char name[OPTIONS_NAME_LENGTH_MAX + 1], near_names[512];
	struct near near = {.wanted = name};
	unsigned int i;
	int added;

	while (next_name(&add, name)) {
		added = probe_table_add(probes, name);
		if (added < 0 && added != -EEXIST) {
			log_say("--probe: cannot add '%s': %s", name, reason_of(added));
			return added;
		}
	}
	while (next_name(&exclude, name)) {
		added = probe_table_find(probes, name);
		if (added >= 0) {
			if (probe_table_row(probes, (unsigned int)added)->flags & NT_P_END)
				log_say("--exclude: without %s the ends of some packets are not seen", name);
			continue;
		}
		for (i = 0; i < probe_table_count(probes); i++)
			near_offer(&near, probe_table_row(probes, i)->name);
		near_text(&near, "nettrace --probes lists them", near_names, sizeof(near_names));
		log_say("--exclude: no probe '%s'; %s", name, near_names);
		ret_prepared->usage_wrong = true;
		return -EINVAL;
	}
	return 0;
}

static void offer_function(void *user, const char *name)
{
	near_offer(user, name);
}

static void say_no_function(const char *name)
{
	struct near near = {.wanted = name};
	char text[512];

	symbols_each_function(offer_function, &near);
	near_text(&near, "/proc/kallsyms lists all", text, sizeof(text));
	log_say("--probe: no function '%s' in this kernel; %s", name, text);
}

/* May a function of --probe be attached? Refused rather than skipped: it was asked for by name. */
static int check_added(const struct probe_row *row, const struct probe_facts *facts,
		       const struct probe_plan_entry *entry)
{
	const char *module = facts->symbol.places[0].module;

	if (!facts->symbol.n)
		say_no_function(row->name);
	else if (facts->arg == PROBE_ARG_NONE)
		log_say("--probe: '%s' takes no packet: it has no argument of type struct sk_buff *", row->name);
	else if (facts->arg == PROBE_ARG_UNKNOWN)
		log_say("--probe: it cannot be known whether '%s' takes a packet: it is not in the types (BTF) of %s%s",
			row->name, *module ? "the module " : "this kernel", module);
	else if (!entry->attach && entry->wanted)
		log_say("--probe: '%s' cannot be traced: %s", row->name, entry->skipped);
	else
		return 0;
	return -EINVAL;
}

static int check_all_added(const struct probe_table *probes, struct preparation *prepared)
{
	unsigned int i;
	int err = 0;

	for (i = NT_PROBE_COUNT; !err && i < probe_table_count(probes); i++)
		err = check_added(probe_table_row(probes, i), &prepared->facts[i], &prepared->plan->entries[i]);
	prepared->usage_wrong = err != 0;
	return err;
}

int prepare_plan(struct kernel *kernel, struct probe_table *probes, const struct options *options,
		 enum backend backend, struct preparation *ret_prepared)
{
	int err;

	if (options->probe_add && backend == BACKEND_TRACEPOINT) {
		log_say("--probe adds functions, and this kernel allows the tracepoint backend only; see nettrace --check");
		return -EOPNOTSUPP;
	}
	ret_prepared->facts = calloc(probe_table_count(probes), sizeof(*ret_prepared->facts));
	ret_prepared->plan = calloc(1, sizeof(*ret_prepared->plan));
	if (!ret_prepared->facts || !ret_prepared->plan) {
		log_say("cannot plan probes: %s", reason_of(-ENOMEM));
		return -ENOMEM;
	}
	err = kernel_gather_facts(kernel, probes, ret_prepared->facts, &ret_prepared->variables);
	if (err) {
		log_say("cannot read /proc/kallsyms: %s", reason_of(err));
		return err;
	}
	probe_plan_make(backend, probes, ret_prepared->facts, options->probe_exclude, &options->filter,
			ret_prepared->plan);
	return check_all_added(probes, ret_prepared);
}

int prepare(struct kernel *kernel, struct probe_table *probes, const struct options *options,
	    struct preparation *ret_prepared)
{
	int err = prepare_names(probes, options, ret_prepared), backend;

	if (err)
		return err;
	backend = prepare_backend(options->backend);
	if (backend < 0)
		return say_no_backend(backend, options->backend);
	return prepare_plan(kernel, probes, options, (enum backend)backend, ret_prepared);
}

void prepare_free(struct preparation *prepared)
{
	free(prepared->plan);
	free(prepared->facts);
}
