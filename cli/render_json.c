/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render_json.c - rows as JSON objects: an array for each result (json), or
 * nothing but one object a line (jsonl).
 *
 * Values keep their types: numbers, booleans, vectors and arrays are JSON's,
 * JSON fields are put in as they are, all else is a string.
 */
#include "render.h"

#include <string.h>

static void
write_string(FILE *out, const char *text, size_t size)
{
    static const char special[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    size_t written = 0;
    putc('"', out);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
            continue;
        fwrite(text + written, 1, i - written, out);
        written = i + 1;
        const char *found = c == '\0' ? NULL : strchr(special, c);
        if (found != NULL)
            fprintf(out, "\\%c", letters[found - special]);
        else
            fprintf(out, "\\u%04x", c);
    }
    fwrite(text + written, 1, size - written, out);
    putc('"', out);
}

/* JSON has no word for infinities and what is not a number. */
static bool
is_finite_number(const char *text)
{
    if (*text == '-')
        text++;
    return *text >= '0' && *text <= '9';
}

static void
write_value(FILE *out, const Cell *cell, int32_t type)
{
    if (cell->text == NULL) {
        fputs("null", out);
        return;
    }
    switch (type) {
    case MQL_TYPE_BOOL:
        fputs(cell->text[0] == 't' ? "true" : "false", out);
        return;
    case MQL_TYPE_INT8:
    case MQL_TYPE_INT16:
    case MQL_TYPE_INT32:
    case MQL_TYPE_INT64:
    case MQL_TYPE_FLOAT:
    case MQL_TYPE_DOUBLE:
        if (!is_finite_number(cell->text))
            break;
        fwrite(cell->text, 1, cell->size, out);
        return;
    case MQL_TYPE_FLOAT_VECTOR:
    case MQL_TYPE_ARRAY:
    case MQL_TYPE_JSON:
        fwrite(cell->text, 1, cell->size, out);
        return;
    default:
        break;
    }
    write_string(out, cell->text, cell->size);
}

static void
write_object(const Render *render, const Cell *cells)
{
    FILE *out = render->out;
    putc('{', out);
    for (size_t i = 0; i < render->column_count; i++) {
        const char *name = render->columns[i].name;
        if (i > 0)
            putc(',', out);
        write_string(out, name, strlen(name));
        putc(':', out);
        write_value(out, &cells[i], render->columns[i].type);
    }
    putc('}', out);
}

static void
json_begin(Render *render)
{
    putc('[', render->out);
}

static void
json_row(Render *render, const Cell *cells)
{
    if (render->row_count > 0)
        fputs(",\n", render->out);
    write_object(render, cells);
}

static void
json_end(Render *render)
{
    fputs("]\n", render->out);
}

static void
jsonl_row(Render *render, const Cell *cells)
{
    write_object(render, cells);
    putc('\n', render->out);
}

const Renderer json_renderer = {
    .name = "json",
    .help = "an array of objects for each result",
    .is_for_machines = true,
    .null = "null",
    .begin = json_begin,
    .row = json_row,
    .end = json_end,
};

const Renderer jsonl_renderer = {
    .name = "jsonl",
    .help = "an object a line for each row",
    .is_for_machines = true,
    .null = "null",
    .row = jsonl_row,
};
