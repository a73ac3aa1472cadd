/* SPDX-License-Identifier: Apache-2.0 */
/*
 * staged.c - rows that a transaction has inserted and not committed.
 *
 * They lie in growing segments of its own. Which of them it has deleted again
 * is kept as bits beside the numbers in the segment: every statement of the
 * transaction looks at a picture of them, and to make one must not cost a look
 * at each row.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/collection/store_internal.h"

void
staged_free(StagedPartition *staged)
{
    segment_ahead_abort(staged->ahead);
    if (staged->rows != NULL)
        segment_release(&staged->rows->base);
    free((void *)(uintptr_t)staged->source.rows);
    free(staged->hidden);
    free(staged);
}

void
change_free_staged(CollectionChange *change)
{
    while (change->staged != NULL) {
        StagedPartition *next = change->staged->next;
        staged_free(change->staged);
        change->staged = next;
    }
}

mql_status
staged_reserve(StagedPartition *staged, Error *err)
{
    size_t words = bits_words(staged->rows->filled) + 1;
    if (words <= staged->hidden_words)
        return MQL_OK;
    size_t grown = words + words / 2;
    uint64_t *hidden = realloc(staged->hidden, grown * sizeof *hidden);
    if (hidden == NULL)
        return error_no_memory(err);
    memset(hidden + staged->hidden_words, 0,
           (grown - staged->hidden_words) * sizeof *hidden);
    staged->hidden = hidden;
    staged->hidden_words = grown;
    return MQL_OK;
}

void
staged_delete(const Transaction *transaction, StagedPartition *staged,
              uint32_t row)
{
    growing_delete(staged->rows, row, transaction->sequence);
    bits_set(staged->hidden, row);
    staged->superseded++;
}

void
staged_restore(StagedPartition *staged)
{
    uint32_t rows = segment_row_count(&staged->rows->base, UINT64_MAX);
    memset(staged->hidden, 0, staged->hidden_words * sizeof *staged->hidden);
    staged->superseded = 0;
    for (uint32_t row = 0; row < rows; row++) {
        if (growing_deleted(staged->rows, row) == 0)
            continue;
        bits_set(staged->hidden, row);
        staged->superseded++;
    }
}
