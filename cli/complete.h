/* SPDX-License-Identifier: Apache-2.0 */
/*
 * complete.h - what Tab offers: commands of the shell, keywords, and names of
 * collections.
 */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include <stddef.h>

#include "mql.h"
#include "text.h"

/* Zeroed but for the connection. */
typedef struct Completion {
    mql_conn *const *conn; /* the shell may change it */
    char **names;          /* of collections, as they were at the first offer */
    size_t name_count;
    Text offer; /* the one returned last */
} Completion;

/* A LineEditOffer; `context` is a Completion. */
const char *complete_offer(void *context, const char *line_before,
                           const char *word, size_t size, size_t index);

void completion_free(Completion *completion);

#endif
