/* SPDX-License-Identifier: Apache-2.0 */
/* json_text.h - where the parts of a JSON text end; see json_text.c. */
#ifndef ENGINE_COPY_JSON_TEXT_H
#define ENGINE_COPY_JSON_TEXT_H

#include "engine/copy/copy_internal.h"

const char *json_skip_blanks(const char *at, const char *end);

/* Behind the closing quote of the string that begins at `at`, NULL: there is
 * none. Plain: no escapes and no control characters. */
const char *json_string_end(const char *at, const char *end, bool *is_plain);

/* Behind the value that begins at `at`; NULL: it does not end before `end`. */
const char *json_value_end(const char *at, const char *end);

/* The whole text is a number by JSON's grammar. */
bool json_is_number(Slice text, bool *is_integer);

/* ---- json_row.c ---- */

/* What a row's parser remembers from one row to the next. */
typedef struct JsonRows {
    uint64_t serial;     /* of the row, from 1                         */
    uint64_t *seen;      /* for each field the last row that named it  */
    uint32_t next_field; /* the key to expect: rows repeat their order */
} JsonRows;

mql_status json_rows_init(CopyReader *reader, JsonRows *rows, Error *err);

/* An object as text into the batch's current row. */
mql_status json_row_read(CopyReader *reader, JsonRows *rows, Slice record,
                         Error *err);

#endif
