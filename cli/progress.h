/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.h - how far a long statement is, on a terminal.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "mql.h"

typedef struct Progress {
    int64_t start_ms; /* of the statement             */
    int64_t shown_ms; /* when it was shown last       */
    bool is_shown;    /* a line of it is on the screen */
} Progress;

/* Between these two, statements of `conn` that take more than two seconds show
 * on standard error how far they are, when that is a terminal. */
void progress_begin(Progress *progress, mql_conn *conn);
void progress_end(Progress *progress, mql_conn *conn);

#endif
