/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan.h - reads input a line at a time: puts variables into it and finds where
 * a backslash command begins.
 *
 * For that it follows quotes and comments, and no more of the language: where
 * a statement ends is mql_statement_size()'s to say.
 */
#ifndef CLI_SCAN_H
#define CLI_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"
#include "variables.h"

/* What is open at the end of what was read; zeroed: nothing. */
typedef struct Scan {
    char quote;             /* ' " or `, '$' in a dollar quote, '/' in a block
                               comment, '-' in a line comment, 0 in none   */
    bool has_escapes;       /* a backslash escapes inside the quote        */
    unsigned comment_depth; /* block comments nest                         */
    Text tag;               /* of the dollar quote, "$tag$"                */
    bool saw_semicolon;     /* one outside quotes was read: the caller's
                               to reset                                    */
} Scan;

/*
 * Read `line` from `*position` on, appending it to `statement` with variables
 * put in. Stops at the end of the line, or in front of a backslash outside
 * quotes: then the result is true and *position that of the backslash.
 */
bool scan_line(Scan *scan, const char *line, size_t size, size_t *position,
               const Variables *variables, Text *statement);

/* Nothing is open any more. */
void scan_reset(Scan *scan);
void scan_free(Scan *scan);

/*
 * A variable's use at `text`, which begins with ':': :name, :'name', :"name" or
 * :{?name}. Appends its value and returns the number of bytes used, 0 when it
 * is no use of a variable that is set.
 */
size_t scan_variable(const char *text, size_t size, const Variables *variables,
                     Text *out);

/* Bytes of blanks and comments `text` begins with. */
size_t scan_blanks(const char *text, size_t size);

#endif
