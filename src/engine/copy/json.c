/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.c - the objects of a file: one a line (jsonl), or those of an array, of
 * {"rows": [...]}, or simply one after another (json).
 */
#include "engine/copy/json_text.h"

/* Bytes in which {"rows": [ must stand to be seen. */
#define LOOK_AHEAD 4096u

typedef enum Layout {
    LAYOUT_SEQUENCE, /* {...} {...}        */
    LAYOUT_ARRAY,    /* [{...}, {...}]     */
    LAYOUT_ROWS,     /* {"rows": [{...}]}  */
} Layout;

typedef struct JsonFile {
    JsonRows rows;
    Layout layout;
    bool is_first; /* no comma before the next object */
    bool is_over;  /* only blanks may follow          */
} JsonFile;

static mql_status
create_state(CopyReader *reader, Error *err)
{
    JsonFile *file = arena_new(&reader->arena, JsonFile);
    if (file == NULL)
        return error_no_memory(err);
    file->is_first = true;
    reader->state = file;
    TRY(json_rows_init(reader, &file->rows, err));
    return text_begin(&reader->inputs[0], err);
}

static void
consume(CopyReader *reader, size_t size)
{
    Input *input = &reader->inputs[0];
    Slice piece = {input_window(input).data, size};
    reader->line += count_lines(piece);
    input_consume(input, size);
}

/* ---- jsonl ---- */

/* The next line with its end; size 0 at the end of the file. */
static mql_status
find_line(Input *input, Slice *line, Error *err)
{
    size_t searched = 0;
    for (;;) {
        Slice window = input_window(input);
        const char *found =
            window.size == searched
                ? NULL
                : memchr(window.data + searched, '\n', window.size - searched);
        if (found != NULL || input->is_done) {
            line->data = window.data;
            line->size =
                found == NULL ? window.size : (size_t)(found + 1 - window.data);
            return MQL_OK;
        }
        searched = window.size;
        TRY(input_more(input, err));
    }
}

static mql_status
jsonl_next(CopyReader *reader, bool *found, Error *err)
{
    JsonFile *file = reader->state;
    Slice line;
    const char *end;
    do {
        TRY(find_line(&reader->inputs[0], &line, err));
        *found = line.size > 0;
        if (!*found)
            return MQL_OK;
        reader->place = reader->line + 1;
        consume(reader, line.size);
        end = line.data + line.size;
    } while (json_skip_blanks(line.data, end) == end);
    reader->has_record = true;
    return json_row_read(reader, &file->rows, line, err);
}

/* ---- json ---- */

/* The next byte that is not blank, not consumed; 0 at the end. */
static mql_status
peek(CopyReader *reader, char *c, Error *err)
{
    Input *input = &reader->inputs[0];
    *c = '\0';
    for (;;) {
        Slice window = input_window(input);
        const char *end = window.data + window.size;
        const char *at = json_skip_blanks(window.data, end);
        consume(reader, (size_t)(at - window.data));
        if (at < end) {
            *c = *at;
            return MQL_OK;
        }
        if (input->is_done)
            return MQL_OK;
        TRY(input_more(input, err));
    }
}

static mql_status
unexpected(CopyReader *reader, const char *expected, Error *err)
{
    reader->place = reader->line + 1;
    error_set(err, ERR_INVALID_JSON, "invalid input syntax for type JSON");
    return error_detail(err, "Expected %s.", expected);
}

/* Bytes of `{"rows": [` at the start of the text, 0: it does not begin so. */
static size_t
rows_prefix(Slice text)
{
    static const char *const parts[] = {"{", "\"rows\"", ":", "["};
    const char *end = text.data + text.size;
    const char *at = text.data;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t size = strlen(parts[i]);
        at = json_skip_blanks(at, end);
        if ((size_t)(end - at) < size || memcmp(at, parts[i], size) != 0)
            return 0;
        at += size;
    }
    return (size_t)(at - text.data);
}

static mql_status
json_open(CopyReader *reader, Error *err)
{
    TRY(create_state(reader, err));
    JsonFile *file = reader->state;
    Input *input = &reader->inputs[0];
    char c;
    TRY(peek(reader, &c, err));
    if (c == '[') {
        file->layout = LAYOUT_ARRAY;
        consume(reader, 1);
        return MQL_OK;
    }
    if (c != '{' && c != '\0')
        return unexpected(reader, "an array or an object", err);
    TRY(input_need(input, LOOK_AHEAD, err));
    size_t size = rows_prefix(input_window(input));
    if (size > 0 && row_find_field(reader, SLICE_LITERAL("rows")) < 0) {
        file->layout = LAYOUT_ROWS;
        consume(reader, size);
    }
    return MQL_OK;
}

/* What stands behind the last object. */
static mql_status
read_end(CopyReader *reader, Error *err)
{
    JsonFile *file = reader->state;
    char c;
    file->is_over = true;
    consume(reader, 1); /* the ] */
    TRY(peek(reader, &c, err));
    if (file->layout == LAYOUT_ROWS) {
        if (c != '}')
            return unexpected(reader, "'}' after the array of rows", err);
        consume(reader, 1);
        TRY(peek(reader, &c, err));
    }
    return c == '\0' ? MQL_OK : unexpected(reader, "the end of the file", err);
}

/* Go to the next object; *found is false when there is none. */
static mql_status
find_object(CopyReader *reader, bool *found, Error *err)
{
    JsonFile *file = reader->state;
    char c;
    *found = false;
    if (file->is_over)
        return MQL_OK;
    TRY(peek(reader, &c, err));
    if (file->layout != LAYOUT_SEQUENCE) {
        if (c == ']')
            return read_end(reader, err);
        if (!file->is_first && c != ',')
            return unexpected(reader, "',' or ']'", err);
        if (!file->is_first) {
            consume(reader, 1);
            TRY(peek(reader, &c, err));
        }
    } else if (c == '\0') {
        /* A zero byte is not the end. */
        if (input_window(&reader->inputs[0]).size > 0)
            return unexpected(reader, "an object", err);
        return MQL_OK;
    }
    file->is_first = false;
    *found = c == '{';
    return *found ? MQL_OK : unexpected(reader, "an object", err);
}

static mql_status
json_next(CopyReader *reader, bool *found, Error *err)
{
    JsonFile *file = reader->state;
    Input *input = &reader->inputs[0];
    TRY(find_object(reader, found, err));
    if (!*found)
        return MQL_OK;
    reader->place = reader->line + 1;
    for (;;) {
        Slice window = input_window(input);
        const char *after =
            json_value_end(window.data, window.data + window.size);
        if (after != NULL) {
            Slice record = {window.data, (size_t)(after - window.data)};
            consume(reader, record.size);
            reader->has_record = true;
            return json_row_read(reader, &file->rows, record, err);
        }
        if (input->is_done)
            return unexpected(reader, "the end of the object", err);
        TRY(input_more(input, err));
    }
}

const CopyFormat jsonl_format = {
    .name = "jsonl",
    .suffixes = {".jsonl", ".ndjson", NULL},
    .record = "line",
    .open = create_state,
    .next = jsonl_next,
};

const CopyFormat json_format = {
    .name = "json",
    .suffixes = {".json", NULL},
    .record = "line",
    .open = json_open,
    .next = json_next,
};
