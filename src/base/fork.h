/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork.h - noticing that this process is a forked child.
 *
 * A child has copies of its parent's memory, but shares its files and has none
 * of its threads. What belongs to the parent keeps the number it was made
 * with and compares. The number is the process's, hence a mutable global, as in
 * guard.h.
 */
#ifndef BASE_FORK_H
#define BASE_FORK_H

#include <stdint.h>

/* Another number in each forked child, and in its children. One load. */
uint32_t fork_generation(void);
/* From now on forks are counted. */
void fork_watch(void);

#endif
