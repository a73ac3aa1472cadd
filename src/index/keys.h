/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h - the least of some keys: numbers of which the upper half decides, for
 * example a distance, and the lower half says whose it is.
 */
#ifndef INDEX_KEYS_H
#define INDEX_KEYS_H

#include <stdint.h>

/* Ascending; for a few dozen, rarely thousands. */
void keys_sort(uint64_t *keys, uint32_t count);

/* Bring the `wanted` smallest of the keys, which all differ, to the front. */
void keys_select(uint64_t *keys, uint32_t count, uint32_t wanted);

#endif
