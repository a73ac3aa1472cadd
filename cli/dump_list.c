/* SPDX-License-Identifier: Apache-2.0 */
/* dump_list.c - what "mql dump" asks: short lists of text; and names. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "dump.h"
#include "memory.h"
#include "tools.h"

bool
dump_fail(Dump *dump)
{
    mql_error error = MQL_ERROR_INIT;
    mql_error_get(dump->conn, &error);
    tool_fail(&error);
    return false;
}

bool
dump_run(Dump *dump, const char *sql)
{
    return mql_exec(dump->conn, sql) == MQL_OK || dump_fail(dump);
}

static void
make_room(List *list)
{
    if (list->count < list->capacity)
        return;
    list->capacity = list->capacity == 0 ? 8 : list->capacity * 2;
    list->cells = memory_resize(list->cells, list->capacity * list->width,
                                sizeof *list->cells);
}

void
list_add(List *list, const char *data, size_t size)
{
    list->width = 1;
    make_room(list);
    list->cells[list->count++] = memory_copy(data, size);
}

static void
add_row(List *list, mql_stmt *stmt)
{
    make_room(list);
    char **row = list->cells + list->count++ * list->width;
    for (size_t i = 0; i < list->width; i++) {
        size_t size = 0;
        const char *text = mql_column_text(stmt, (int32_t)i, &size);
        row[i] = memory_copy(text != NULL ? text : "", size);
    }
}

bool
list_read(Dump *dump, const char *sql, size_t width, List *list)
{
    mql_stmt *stmt;
    *list = (List){.width = width};
    if (mql_prepare(dump->conn, sql, -1, &stmt, NULL) != MQL_OK)
        return dump_fail(dump);
    mql_status status;
    while ((status = mql_step(stmt)) == MQL_ROW)
        add_row(list, stmt);
    bool is_done = status == MQL_DONE || dump_fail(dump);
    mql_finalize(stmt);
    return is_done;
}

static int
compare_rows(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void
list_sort(List *list)
{
    if (list->count > 1)
        qsort(list->cells, list->count, list->width * sizeof *list->cells,
              compare_rows);
}

const char *
list_cell(const List *list, size_t row, size_t column)
{
    return list->cells[row * list->width + column];
}

void
list_free(List *list)
{
    for (size_t i = 0; i < list->count * list->width; i++)
        memory_free(list->cells[i]);
    memory_free(list->cells);
    *list = (List){0};
}

static bool
is_keyword(const char *name)
{
    const char *keyword;
    for (int32_t i = 0; (keyword = mql_keyword(i)) != NULL; i++)
        if (text_equals(name, strlen(name), keyword))
            return true;
    return false;
}

static bool
is_plain(const char *name)
{
    if (name[0] == '\0' || (name[0] >= '0' && name[0] <= '9'))
        return false;
    for (const char *c = name; *c != '\0'; c++)
        if ((unsigned char)*c >= 128 ||
            (!isalnum((unsigned char)*c) && *c != '_'))
            return false;
    return !is_keyword(name);
}

void
append_name(Text *text, const char *name)
{
    if (is_plain(name)) {
        text_append_text(text, name);
        return;
    }
    text_append_char(text, '"');
    for (const char *c = name; *c != '\0'; c++) {
        if (*c == '"')
            text_append_char(text, '"');
        text_append_char(text, *c);
    }
    text_append_char(text, '"');
}
