/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.c - how far a long statement is: "copying: 42 %".
 */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* Short statements need none, and nobody reads faster. */
#define FIRST_MS 2000
#define EVERY_MS 200

/* Back to the start of the line and away with what is there. */
#define CLEAR_LINE "\r\033[K"

static int64_t
milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int
show(void *context, const char *phase, uint64_t done, uint64_t total)
{
    Progress *progress = context;
    int64_t now = milliseconds();
    if (now - progress->start_ms < FIRST_MS ||
        now - progress->shown_ms < EVERY_MS)
        return 0;
    progress->shown_ms = now;
    progress->is_shown = true;
    if (total > 0)
        fprintf(stderr, CLEAR_LINE "%s: %.0f %%", phase,
                100.0 * (double)done / (double)total);
    else
        fprintf(stderr, CLEAR_LINE "%s: %" PRIu64, phase, done);
    fflush(stderr);
    return 0;
}

void
progress_begin(Progress *progress, mql_conn *conn)
{
    *progress = (Progress){.start_ms = milliseconds()};
    if (isatty(STDERR_FILENO))
        mql_on_progress(conn, show, progress);
}

void
progress_end(Progress *progress, mql_conn *conn)
{
    mql_on_progress(conn, NULL, NULL);
    if (progress->is_shown)
        fputs(CLEAR_LINE, stderr);
}
