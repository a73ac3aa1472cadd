/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump.h - the parts of "mql dump": a run, lists of names, rows.
 *
 * Everything is read in one transaction, so from one moment. Functions return
 * false after a failure, told on standard error already.
 */
#ifndef CLI_DUMP_H
#define CLI_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "mql.h"
#include "text.h"

typedef struct Dump {
    mql_conn *conn;
    FILE *out;
    bool has_schema;
    bool has_data;
    char **wanted; /* collections, "c" or "database.c"; none: all */
    bool *was_found;
    int wanted_count;
} Dump;

/* Rows of text, `width` cells each, "" for NULL. Zeroed: none. */
typedef struct List {
    char **cells;
    size_t width;
    size_t count; /* rows */
    size_t capacity;
} List;

/* A collection that is written: names as they stand in statements. */
typedef struct DumpCollection {
    Text name;
    Text key;
    bool has_partition_key; /* the rows find their partition themselves */
    bool is_always;         /* the key is GENERATED ALWAYS */
} DumpCollection;

/* The first `width` columns of the rows of `sql`; list_free() takes them. */
bool list_read(Dump *dump, const char *sql, size_t width, List *list);
/* By the bytes of the first cell. */
void list_sort(List *list);
/* A row of one cell, `size` bytes. */
void list_add(List *list, const char *data, size_t size);
const char *list_cell(const List *list, size_t row, size_t column);
void list_free(List *list);

/* Tell the failure of the last call on the connection; returns false. */
bool dump_fail(Dump *dump);
bool dump_run(Dump *dump, const char *sql);
/* Append a name, in double quotes where it needs them. */
void append_name(Text *text, const char *name);

/* Write the rows of a partition, of all for NULL, in the order of their keys.
 */
bool dump_rows(Dump *dump, const DumpCollection *collection,
               const char *partition);

/* "mql dump WORD...": the exit status. */
int dump_main(int count, char **words);

#endif
