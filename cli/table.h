/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - the columns and rows of a result, as text.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mql.h"
#include "text.h"

typedef struct Column {
    const char *name;
    int32_t type;  /* MQL_TYPE_...                */
    bool is_right; /* numbers stand at the right  */
} Column;

typedef struct Cell {
    const char *text; /* NULL for NULL; ends with a NUL, may hold others */
    size_t size;
} Cell;

/* Rows kept as they will be shown; zeroed: none. */
typedef struct Table {
    char **cells; /* row by row; NULL for NULL */
    size_t cell_count;
    size_t capacity;
} Table;

/* `count` cells, made visible, become the next row. */
void table_add(Table *table, const Cell *cells, size_t count);
void table_free(Table *table);

/* The columns of a statement: an array that memory_free() takes; the names are
 * the statement's. */
Column *columns_of(mql_stmt *stmt, size_t *count);

/*
 * What the current row of `stmt` shows in `column`. `scratch` may hold the
 * text, so it lives as long as the cell. With `vector_items` > 0 a vector is
 * cut to so many numbers of `vector_precision` digits.
 */
Cell cell_of(mql_stmt *stmt, int32_t column, int32_t type, long vector_items,
             long vector_precision, Text *scratch);

/*
 * Text as lines for a terminal: control characters made visible, tabs to the
 * next 8th column, "\n" kept. Appends to `out`.
 */
void append_visible(Text *out, const char *data, size_t size);

/* Columns of the widest line of `text`, and the number of its lines. */
size_t lines_width(const char *text, size_t *lines);

#endif
