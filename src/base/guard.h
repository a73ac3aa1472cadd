/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.h - mapped files whose pages cannot be read, without death by SIGBUS.
 *
 * When the disk fails under a mapping, or the file was cut, touching it raises
 * SIGBUS. A handler, installed with the first guarded mapping, puts zeros in
 * the place of the whole mapping, notes where, and lets the reader go on: with
 * wrong bytes, so whoever read asks guard_has_fault() before it uses what it
 * made of them. Faults elsewhere go to the handler that was there before.
 *
 * Code that cannot bear zeros is run by guard_run(), which ends it on a fault.
 *
 * The state is the process's, as signals are: the one place with mutable
 * globals. docs/design/faults.md says why it is done this way.
 */
#ifndef BASE_GUARD_H
#define BASE_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Guard Guard;

/* Watch a mapping; NULL: out of memory. */
Guard *guard_add(const void *address, size_t size);
/* Before it is unmapped. NULL is allowed. */
void guard_remove(Guard *guard);

/* Whether a page could not be read; `offset` (may be NULL): the first one.
 * Zeros are seen by nobody before this says so. */
bool guard_has_fault(const Guard *guard, uint64_t *offset);

/*
 * Call `work`. False: it read a page, of a mapping that no Guard watches, that
 * could not be read, or called guard_leave(), and was ended there. Locks and
 * memory that it held then stay so; its callers' are not touched.
 */
bool guard_run(void (*work)(void *context), void *context);
/* End the work of this thread's guard_run(); returns when there is none. */
void guard_leave(void);

/*
 * How many mappings, and other things that were noted, are known to be
 * unreadable now, in the whole process. While it is 0 nobody need ask further.
 */
uint32_t guard_damaged(void);
/* Something else than a mapping cannot be read, or is gone. */
void guard_note_damage(void);
void guard_forget_damage(void);

#endif
