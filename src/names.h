/* SPDX-License-Identifier: GPL-2.0 */
/* Filling the dictionary while tracing: names that rendering will want and only this host knows. */
#ifndef NT_NAMES_H
#define NT_NAMES_H

#include <stddef.h>

#include "dict.h"
#include "event.h"
#include "tracer.h"

struct names;

/* The dictionary is the caller's and must outlive the names. NULL without memory. */
struct names *names_new(struct dict *dict);
void names_free(struct names *names);

/* Look the names up that this record, of size bytes, refers to. One that cannot be found stays unknown. */
void names_learn(struct names *names, const struct tracer *tracer, const struct nt_event *record, size_t size);

#endif
