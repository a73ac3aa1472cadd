/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csv.c - RFC 4180, read as PostgreSQL reads CSV.
 *
 * A record is found whole in the window before a value is taken: the scan marks
 * its cells, and when the window ends inside the record it is scanned anew once
 * there is more. Quotes count only at a cell's start. A fault of form (text
 * behind a closing quote) is remembered and the scan goes on to the line's end,
 * so that ON_ERROR ignore knows where the next record begins.
 */
#include "engine/copy/copy_internal.h"

typedef struct Cell {
    char *data; /* in the window */
    size_t size;
    bool is_quoted;
    bool has_doubled; /* "" inside, to be made one */
} Cell;

typedef struct Csv {
    char delimiter;
    bool
        may_be_header; /* the first line names some fields, but was no header */
    uint32_t column_count;
    uint32_t *columns;   /* the field of each */
    bool *is_missing;    /* fields that no column fills */
    Cell *cells;         /* of the record last scanned */
    uint32_t cell_count; /* may be above cell_room: those were not kept */
    uint32_t cell_room;
    const char *fault; /* what is wrong with its form, or NULL */
} Csv;

/* ---- finding a record ---- */

/* The first byte of the cell's rest that ends it; NULL: not in the window. */
static const char *
plain_end(Csv *csv, const char *at, const char *end, bool is_done)
{
    for (; at < end; at++) {
        if (*at == csv->delimiter || *at == '\n')
            return at;
        if (*at != '\r')
            continue;
        if (at + 1 == end)
            return is_done ? at : NULL;
        if (at[1] == '\n')
            return at;
        csv->fault = "unquoted carriage return found in data";
    }
    return is_done ? end : NULL;
}

/* Behind the closing quote of the cell whose content begins at `at`. */
static const char *
quoted_end(Csv *csv, Cell *cell, const char *at, const char *end, bool is_done)
{
    for (;;) {
        const char *quote = memchr(at, '"', (size_t)(end - at));
        if (quote == NULL || (quote + 1 == end && !is_done)) {
            if (!is_done)
                return NULL;
            csv->fault = "unterminated CSV quoted field";
            cell->size = (size_t)(end - cell->data);
            return end;
        }
        if (quote + 1 < end && quote[1] == '"') {
            cell->has_doubled = true;
            at = quote + 2;
            continue;
        }
        cell->size = (size_t)(quote - cell->data);
        return quote + 1;
    }
}

/* The end of the cell at `at`, which is put down; NULL: not in the window. */
static char *
scan_cell(Csv *csv, char *at, const char *end, bool is_done)
{
    Cell *cell =
        &csv->cells[csv->cell_count < csv->cell_room ? csv->cell_count
                                                     : csv->cell_room - 1];
    csv->cell_count++;
    *cell = (Cell){.data = at};
    const char *stop;
    if (at < end && *at == '"') {
        cell->data = at + 1;
        cell->is_quoted = true;
        stop = quoted_end(csv, cell, at + 1, end, is_done);
        const char *next =
            stop == NULL ? NULL : plain_end(csv, stop, end, is_done);
        if (next != NULL && next != stop)
            csv->fault = "text follows the closing quote of a field";
        stop = next;
    } else {
        stop = plain_end(csv, at, end, is_done);
        cell->size = stop == NULL ? 0 : (size_t)(stop - at);
    }
    return stop == NULL ? NULL : at + (stop - at);
}

/* Mark the cells of the record at the window's start; *size with its line end.
 * False: it does not end in the window. */
static bool
scan_record(Csv *csv, Input *input, size_t *size)
{
    char *start = input->window.data + input->begin;
    char *end = input->window.data + input->window.size;
    char *at = start;
    csv->cell_count = 0;
    csv->fault = NULL;
    for (;;) {
        at = scan_cell(csv, at, end, input->is_done);
        if (at == NULL)
            return false;
        if (at == end || *at != csv->delimiter)
            break;
        at++;
    }
    if (at < end && *at == '\r')
        at++;
    if (at < end && *at == '\n')
        at++;
    *size = (size_t)(at - start);
    return true;
}

/* The next record, not yet consumed; *size 0 at the end of the input. */
static mql_status
find_record(CopyReader *reader, size_t *size, Error *err)
{
    Csv *csv = reader->state;
    Input *input = &reader->inputs[0];
    *size = 0;
    TRY(input_need(input, 1, err));
    if (input_window(input).size == 0)
        return MQL_OK;
    while (!scan_record(csv, input, size))
        TRY(input_more(input, err));
    return MQL_OK;
}

static void
consume_record(CopyReader *reader, size_t size)
{
    Input *input = &reader->inputs[0];
    Slice record = {input_window(input).data, size};
    reader->place = reader->line + 1;
    reader->line += count_lines(record);
    input_consume(input, size);
    reader->has_record = true;
}

/* ---- values ---- */

/* Doubled quotes become one, in place. */
static void
join_quotes(Cell *cell)
{
    size_t kept = 0;
    for (size_t i = 0; i < cell->size; i++) {
        cell->data[kept++] = cell->data[i];
        if (cell->data[i] == '"')
            i++;
    }
    cell->size = kept;
    cell->has_doubled = false;
}

/* [1,2] or {1,2}: true when it was plain enough to be read here. */
static bool
read_vector(CopyReader *reader, uint32_t field, Cell *cell)
{
    if (cell->size < 2)
        return false;
    char *first = cell->data;
    char *last = cell->data + cell->size - 1;
    bool is_braced = *first == '{' && *last == '}';
    if (!is_braced && *first != '[')
        return false;
    const char *end = cell->data + cell->size;
    const char *stop = vector_text_read(first + 1, end, is_braced ? '}' : ']',
                                        row_vector(reader, field),
                                        reader->fields[field].type.length);
    if (stop == end) {
        return true;
    }
    if (is_braced) {
        *first = '[';
        *last = ']';
    }
    return false;
}

static mql_status
set_cell(CopyReader *reader, uint32_t field, Cell *cell, Error *err)
{
    Slice text = {cell->data, cell->size};
    if (!cell->is_quoted && slice_equal(text, reader->options.null_text)) {
        Value null = VALUE_NULL;
        return row_set(reader, field, &null, err);
    }
    if (cell->has_doubled)
        join_quotes(cell);
    if (type_is_dense(reader->fields[field].type.kind) &&
        read_vector(reader, field, cell))
        return row_set_vector(reader, field, err);
    return row_set_text(reader, field, (Slice){cell->data, cell->size}, err);
}

static mql_status
wrong_count(CopyReader *reader, Error *err)
{
    const Csv *csv = reader->state;
    if (csv->cell_count > csv->column_count)
        return error_set(err, ERR_BAD_COPY_FORMAT,
                         "extra data after last expected field");
    Slice name = reader->fields[csv->columns[csv->cell_count]].name;
    return error_set(err, ERR_BAD_COPY_FORMAT,
                     "missing data for field \"%.*s\"", (int)name.size,
                     name.data);
}

static mql_status
set_cells(CopyReader *reader, Slice record, Error *err)
{
    Csv *csv = reader->state;
    if (csv->fault != NULL)
        return error_set(err, ERR_BAD_COPY_FORMAT, "%s", csv->fault);
    TRY(row_check_utf8(record, err));
    if (csv->cell_count != csv->column_count)
        return wrong_count(reader, err);
    for (uint32_t i = 0; i < csv->column_count; i++)
        TRY(set_cell(reader, csv->columns[i], &csv->cells[i], err));
    for (uint32_t i = 0; i < reader->field_count; i++) {
        if (csv->is_missing[i])
            TRY(row_set_missing(reader, i, err));
    }
    return MQL_OK;
}

static bool
is_blank_line(const Csv *csv)
{
    return csv->cell_count == 1 && csv->cells[0].size == 0 &&
           !csv->cells[0].is_quoted && csv->column_count > 1;
}

static mql_status
csv_next(CopyReader *reader, bool *found, Error *err)
{
    Csv *csv = reader->state;
    size_t size;
    Slice record;
    do {
        TRY(find_record(reader, &size, err));
        *found = size > 0;
        if (!*found)
            return MQL_OK;
        record = (Slice){input_window(&reader->inputs[0]).data, size};
        consume_record(reader, size);
    } while (is_blank_line(csv));
    mql_status status = set_cells(reader, record, err);
    if (status != MQL_OK && csv->may_be_header && reader->place == 1)
        error_hint(err, "The first line names some of the fields. Each field "
                        "of a header must be a field to copy into.");
    return status;
}

/* ---- the header ---- */

/* As written, else without regard to case where that is unambiguous. */
static int32_t
find_column(const CopyReader *reader, Slice name)
{
    int32_t found = row_find_field(reader, name);
    if (found >= 0)
        return found;
    for (uint32_t i = 0; i < reader->field_count; i++) {
        if (!slice_equal_nocase(reader->fields[i].name, name))
            continue;
        if (found >= 0)
            return -1;
        found = (int32_t)i;
    }
    return found;
}

static Slice
header_name(const Cell *cell)
{
    Slice name = {cell->data, cell->size};
    while (name.size > 0 && name.data[0] == ' ')
        name = (Slice){name.data + 1, name.size - 1};
    while (name.size > 0 && name.data[name.size - 1] == ' ')
        name.size--;
    return name;
}

/* Fields in the header's order. Reports only what hinders an asked-for header;
 * *is_header says whether it is one. */
static mql_status
match_header(CopyReader *reader, bool *is_header, Error *err)
{
    Csv *csv = reader->state;
    uint32_t known = 0;
    *is_header = false;
    memset(csv->is_missing, true, reader->field_count);
    csv->column_count = 0;
    for (uint32_t i = 0; i < csv->cell_count && i < csv->cell_room; i++) {
        Slice name = header_name(&csv->cells[i]);
        int32_t field = find_column(reader, name);
        known += field >= 0;
        if (field < 0 && reader->options.has_header)
            return row_unknown_field(reader, name, err);
        if (field < 0)
            continue;
        if (!csv->is_missing[field] && reader->options.has_header)
            return error_set(err, ERR_DUPLICATE_COLUMN,
                             "field \"%.*s\" stands twice in the header",
                             (int)name.size, name.data);
        if (!csv->is_missing[field])
            continue;
        csv->is_missing[field] = false;
        csv->columns[csv->column_count++] = (uint32_t)field;
    }
    *is_header = csv->column_count == csv->cell_count;
    csv->may_be_header = known > 0 && !*is_header;
    return MQL_OK;
}

/* No header: the fields in their order, $meta apart. */
static void
use_field_order(CopyReader *reader)
{
    Csv *csv = reader->state;
    csv->column_count = 0;
    for (uint32_t i = 0; i < reader->field_count; i++) {
        csv->is_missing[i] = reader->fields[i].is_dynamic;
        if (!reader->fields[i].is_dynamic)
            csv->columns[csv->column_count++] = i;
    }
}

static mql_status
read_header(CopyReader *reader, Error *err)
{
    size_t size = 0;
    bool is_header = false;
    const CopyOptions *options = &reader->options;
    const Csv *csv = reader->state;
    bool may_be = options->has_header || !options->header_is_set;
    if (may_be) {
        TRY(find_record(reader, &size, err));
        bool is_good = size > 0 && csv->fault == NULL;
        Slice record = {input_window(&reader->inputs[0]).data, size};
        if (is_good && options->has_header)
            TRY(row_check_utf8(record, err));
        if (is_good)
            TRY(match_header(reader, &is_header, err));
    }
    if (is_header) {
        consume_record(reader, size);
        return MQL_OK;
    }
    if (options->has_header && csv->fault != NULL)
        return error_set(err, ERR_BAD_COPY_FORMAT, "%s", csv->fault);
    use_field_order(reader);
    return MQL_OK;
}

static mql_status
csv_open(CopyReader *reader, Error *err)
{
    Arena *arena = &reader->arena;
    Input *input = &reader->inputs[0];
    size_t count = reader->field_count;
    Csv *csv = arena_new(arena, Csv);
    if (csv == NULL)
        return error_no_memory(err);
    reader->state = csv;
    csv->columns = arena_alloc_array(arena, count + 1, sizeof *csv->columns);
    csv->is_missing = arena_alloc_array(arena, count + 1, sizeof(bool));
    csv->cells = arena_alloc_array(arena, count + 1, sizeof *csv->cells);
    csv->cell_room = reader->field_count + 1;
    if (csv->columns == NULL || csv->is_missing == NULL || csv->cells == NULL)
        return error_no_memory(err);
    bool is_tabbed = path_has_suffix(slice_of(input->name), ".tsv");
    csv->delimiter = reader->options.delimiter;
    if (csv->delimiter == '\0')
        csv->delimiter = is_tabbed ? '\t' : ',';
    TRY(text_begin(input, err));
    return read_header(reader, err);
}

const CopyFormat csv_format = {
    .name = "csv",
    .suffixes = {".csv", ".tsv", NULL},
    .record = "line",
    .takes_csv_options = true,
    .open = csv_open,
    .next = csv_next,
};
