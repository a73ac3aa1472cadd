/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - CHECK: every byte and every invariant of a database, beside its
 * readers and writers. Nothing is changed.
 */
#ifndef ENGINE_COLLECTION_CHECK_H
#define ENGINE_COLLECTION_CHECK_H

#include "engine/collection/transaction.h"

typedef struct CheckFinding {
    const char *object;  /* "log", "collection \"c\"", "index \"i\" of ..." */
    Slice file;          /* below the database's directory; may be empty    */
    int64_t offset;      /* -1: unknown                                     */
    const char *problem; /* one line                                        */
    bool is_leftover;    /* a file that nothing needs: no damage            */
} CheckFinding;

typedef struct CheckReport {
    void *context;
    /* A status other than MQL_OK ends the check. */
    mql_status (*found)(void *context, const CheckFinding *finding, Error *err);
    Watch watch; /* told of progress, asked to stop */
} CheckReport;

/*
 * Check one collection (id), or with 0 all of them, the catalogue, the log, and
 * that the files on disk are those of the catalogue. What is wrong goes to the
 * report; a status other than MQL_OK means that the check itself failed.
 *
 * Files are opened anew, so that what is on disk is checked. The writer lock is
 * held only to take the picture that is checked, and for the catalogue.
 */
mql_status store_check_each(Store *store, uint64_t collection,
                            const CheckReport *report, Error *err);

#endif
