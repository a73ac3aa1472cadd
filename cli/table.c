/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.c - the columns and rows of a result, as text.
 */
#include "table.h"

#include <stdio.h>
#include <string.h>

#include "memory.h"

void
table_add(Table *table, const Cell *cells, size_t count)
{
    if (table->cell_count + count > table->capacity) {
        while (table->cell_count + count > table->capacity)
            table->capacity = table->capacity * 2 + 64;
        table->cells =
            memory_resize(table->cells, table->capacity, sizeof *table->cells);
    }
    Text shown = {0};
    for (size_t i = 0; i < count; i++) {
        text_clear(&shown);
        append_visible(&shown, cells[i].text, cells[i].size);
        table->cells[table->cell_count++] =
            cells[i].text == NULL
                ? NULL
                : memory_copy(text_string(&shown), shown.size);
    }
    text_free(&shown);
}

void
table_free(Table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        memory_free(table->cells[i]);
    memory_free(table->cells);
    *table = (Table){0};
}

static bool
is_number(int32_t type)
{
    return (type >= MQL_TYPE_INT8 && type <= MQL_TYPE_INT64) ||
           type == MQL_TYPE_FLOAT || type == MQL_TYPE_DOUBLE;
}

Column *
columns_of(mql_stmt *stmt, size_t *count)
{
    int32_t columns = mql_column_count(stmt);
    *count = columns < 0 ? 0 : (size_t)columns;
    Column *result = memory_alloc(*count, sizeof *result);
    for (int32_t i = 0; i < columns; i++) {
        const char *name = mql_column_name(stmt, i);
        int32_t type = mql_column_type(stmt, i);
        result[i] = (Column){name == NULL ? "" : name, type, is_number(type)};
    }
    return result;
}

/* [0.0123, -0.442, ... 0.071] (768) */
static void
append_short_vector(Text *out, const float *vector, uint32_t dim, long items,
                    long precision)
{
    text_append_char(out, '[');
    for (uint32_t i = 0; i < dim; i++) {
        if (i > 0)
            text_append_text(out, ", ");
        if (dim > (uint32_t)items && i + 1 >= (uint32_t)items && i + 1 < dim) {
            text_append_text(out, "... ");
            i = dim - 1;
        }
        text_printf(out, "%.*g", (int)precision, (double)vector[i]);
    }
    text_printf(out, "] (%u)", dim);
}

Cell
cell_of(mql_stmt *stmt, int32_t column, int32_t type, long vector_items,
        long vector_precision, Text *scratch)
{
    if (mql_column_is_null(stmt, column))
        return (Cell){NULL, 0};
    if (type == MQL_TYPE_BOOL)
        return (Cell){mql_column_bool(stmt, column) ? "t" : "f", 1};
    uint32_t dim = 0;
    const float *vector = type == MQL_TYPE_FLOAT_VECTOR && vector_items > 0
                              ? mql_column_vector_f32(stmt, column, &dim)
                              : NULL;
    if (vector != NULL && dim > (uint32_t)vector_items) {
        text_clear(scratch);
        append_short_vector(scratch, vector, dim, vector_items,
                            vector_precision);
        return (Cell){scratch->data, scratch->size};
    }
    Cell cell = {NULL, 0};
    cell.text = mql_column_text(stmt, column, &cell.size);
    return cell.text == NULL ? (Cell){"", 0} : cell;
}

void
append_visible(Text *out, const char *data, size_t size)
{
    size_t column = 0;
    int width;
    for (size_t i = 0; i < size;) {
        size_t used = text_character(data + i, size - i, &width);
        unsigned char c = (unsigned char)data[i];
        if (c == '\n') {
            text_append_char(out, '\n');
            column = 0;
        } else if (c == '\t') {
            do
                text_append_char(out, ' ');
            while (++column % 8 != 0);
        } else if (c == '\r') {
            text_append_text(out, "\\r");
            column += 2;
        } else if (width < 0) {
            text_printf(out, used == 1 ? "\\x%02X" : "\\u%04X",
                        used == 1 ? c
                                  : ((unsigned)(c & 0x1f) << 6 |
                                     ((unsigned char)data[i + 1] & 0x3f)));
            column += used == 1 ? 4 : 6;
        } else {
            text_append(out, data + i, used);
            column += (size_t)width;
        }
        i += used;
    }
}

size_t
lines_width(const char *text, size_t *lines)
{
    size_t widest = 0;
    *lines = 0;
    for (;;) {
        size_t size = strcspn(text, "\n");
        size_t width = text_width(text, size);
        if (width > widest)
            widest = width;
        (*lines)++;
        if (text[size] == '\0')
            return widest;
        text += size + 1;
    }
}
