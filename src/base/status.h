/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.h - how a failure travels: a code up the stack, the words in Error.
 *
 * Every function that can fail returns mql_status. The function that first
 * notices the failure fills the Error it was given, once; callers only pass
 * the code on. Nothing here is global, so two sessions cannot mix messages.
 */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include <stdbool.h>

#include "mql.h"

#define ERROR_TEXT_SIZE 512
#define ERROR_HINT_SIZE 256

typedef struct Error {
    mql_status status;
    char sqlstate[6]; /* five characters, PostgreSQL's table, NUL        */
    int64_t position; /* byte offset into the statement, -1 when unknown */
    char text[ERROR_TEXT_SIZE];   /* one line, no trailing period        */
    char detail[ERROR_TEXT_SIZE]; /* a sentence, or empty                */
    char hint[ERROR_HINT_SIZE];   /* a sentence, or empty                */
} Error;

/* The codes, made of errcodes.def: ERR_SYNTAX_ERROR and so on. */
typedef enum ErrorCode {
#define ERRCODE(name, sqlstate, status) ERR_##name,
#include "base/errcodes.def"
#undef ERRCODE
    ERR_COUNT
} ErrorCode;

/* Ready for use: no failure recorded, position unknown. */
#define ERROR_INIT                                                             \
    {                                                                          \
        .status = MQL_OK, .position = -1                                       \
    }

/* Forget what was recorded. */
void error_clear(Error *err);

/*
 * Record a failure and return its status, so that a caller can write
 *     return error_set(err, ERR_INVALID_PARAMETER, "ef must be ...");
 * The first failure wins: a second call on a filled Error changes nothing.
 */
mql_status error_set(Error *err, ErrorCode code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Same, with the byte offset into the statement's text it is about. */
mql_status error_at(Error *err, ErrorCode code, int64_t position,
                    const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Add a detail or a hint to the recorded failure; the first one wins. Returns
 * the recorded status. */
mql_status error_detail(Error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
mql_status error_hint(Error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Give a failure that has no position one. Returns the recorded status. */
mql_status error_locate(Error *err, int64_t position);

/* The usual one. */
mql_status error_no_memory(Error *err);

/* A damaged file: XX001, naming file and offset (-1: unknown) in the detail. */
mql_status error_corrupt(Error *err, const char *path, int64_t offset,
                         const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Where the damage is, of an Error that error_corrupt() made: false when it
 * names no file. `path` points into the Error; offset -1: unknown. */
bool error_place(const Error *err, const char **path, size_t *path_size,
                 int64_t *offset);

/* Leave the function with the failure of `call`. Only where nothing is held;
 * otherwise set a status and `goto done`. */
#define TRY(call)                                                              \
    do {                                                                       \
        mql_status try_status = (call);                                        \
        if (try_status != MQL_OK)                                              \
            return try_status;                                                 \
    } while (0)

#endif
