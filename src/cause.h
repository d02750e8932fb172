/* SPDX-License-Identifier: GPL-2.0 */
/* Causes of delays, and the words for who is to blame. */
#ifndef NT_CAUSE_H
#define NT_CAUSE_H

#include <stdbool.h>
#include <stddef.h>

#include "dict.h"
#include "event.h"

/* "irqs_off", …, as the JSON has it; "unknown" beyond the table. */
const char *cause_name(unsigned int cause);

/*
 * The cause as the stack and the task tell it, which the kernel side cannot: a CPU that was idle, or ran a user's
 * code, did not have its interrupts off; and a task at whose interruption softirqs are served did not have those off.
 */
enum nt_cause cause_of(const struct nt_blocked *blocked, const struct dict *dict);

/* Make of the record what cause_of() says. */
void cause_settle(struct nt_blocked *blocked, const struct dict *dict);

/* Is anybody to blame? Of a CPU that stood still for reasons unknown, or with its machine, task and stack are a bystander's. */
bool cause_has_culprit(const struct nt_blocked *blocked, const struct dict *dict);

/*
 * The frames of who is to blame, innermost first: those beneath the interrupt or the softirq, without the
 * functions that let them come. *ret_n 0: none are known, or nobody is to blame.
 */
const u64 *cause_frames(const struct nt_blocked *blocked, const struct dict *dict, size_t *ret_n);

/*
 * "interrupts off by kworker/3:1[1234] in culprit_irqoff+0x4b". Names are made printable. Terminates text, and
 * returns its length, cut to size - 1.
 */
#define CAUSE_TEXT_BYTES 352
size_t cause_text(const struct nt_blocked *blocked, const struct dict *dict, char *text, size_t size);

/* For how many nanoseconds the CPU was blocked by this: at least, without what others in between are told for; and at most. */
u64 blocked_least_ns(const struct nt_blocked *blocked);
u64 blocked_most_ns(const struct nt_blocked *blocked);

/*
 * The same in one line, with the CPU, how long it lasted at least and at most, and the callers of the function:
 * "cpu 3 was blocked for 447.4 ms (at most 450.8 ms): interrupts off by kworker/3:1[1234] in culprit_irqoff+0x4b < …".
 */
#define CAUSE_NAME_BYTES 200
#define CALLERS_MAX 5
#define BLOCKED_TEXT_BYTES (CAUSE_TEXT_BYTES + 128 + CALLERS_MAX * (CAUSE_NAME_BYTES + 3))
size_t blocked_text(const struct nt_blocked *blocked, const struct dict *dict, char text[BLOCKED_TEXT_BYTES]);

/*
 * Is the task of the record the one that is to blame? Interrupts that come in at the end of a task switch were kept away
 * by whoever ran before; who that was is not in the record.
 */
bool cause_is_task_known(const struct nt_blocked *blocked, const struct dict *dict);

#endif
