/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render_records.c - the aligned format's expanded form (\x):
 *
 *     -[ RECORD 1 ]
 *     id   | 1
 *     name | a
 */
#include "render.h"

#include <inttypes.h>
#include <string.h>

typedef struct Widths {
    size_t name;
    size_t value;
} Widths;

static Widths
widths_of(const Render *render, char *const *names)
{
    Widths widths = {0, 0};
    size_t lines;
    for (size_t i = 0; i < render->column_count; i++) {
        size_t width = lines_width(names[i], &lines);
        if (width > widths.name)
            widths.name = width;
    }
    for (size_t i = 0; i < render->table.cell_count; i++) {
        const char *text = render->table.cells[i];
        size_t width = lines_width(
            text == NULL ? format_null(render->format) : text, &lines);
        if (width > widths.value)
            widths.value = width;
    }
    return widths;
}

/* -[ RECORD 1 ]-+---- as wide as what is below it; for record 0 no words. */
static void
write_ruler(const Render *render, uint64_t record, Widths widths)
{
    FILE *out = render->out;
    putc('-', out);
    int written =
        record == 0 ? 0 : fprintf(out, "[ RECORD %" PRIu64 " ]", record);
    size_t used = written < 0 ? 1 : (size_t)written + 1;
    for (; used < widths.name; used++)
        putc('-', out);
    /* What the name's side was too short for is taken off the other's. */
    size_t over = used - widths.name;
    if (over < 1)
        putc('-', out);
    if (over < 2)
        putc('+', out);
    if (over < 3)
        putc('-', out);
    for (over = over < 3 ? 0 : over - 3; over < widths.value; over++)
        putc('-', out);
    putc('\n', out);
}

/* One field; names and values of several lines go on below. */
static void
write_field(const Render *render, const char *name, const char *value,
            Widths widths)
{
    FILE *out = render->out;
    bool is_grey = value == NULL && is_colourful(out);
    const char *rest = value == NULL ? format_null(render->format) : value;
    while (name != NULL || rest != NULL) {
        size_t size = name == NULL ? 0 : strcspn(name, "\n");
        if (size > 0)
            fwrite(name, 1, size, out);
        write_repeated(out, ' ', widths.name - text_width(name, size));
        name = name != NULL && name[size] == '\n' ? name + size + 1 : NULL;
        putc(name == NULL ? ' ' : '+', out);
        putc('|', out);

        size = rest == NULL ? 0 : strcspn(rest, "\n");
        if (rest != NULL)
            putc(' ', out);
        if (is_grey)
            fputs("\033[90m", out);
        if (size > 0)
            fwrite(rest, 1, size, out);
        if (is_grey)
            fputs("\033[0m", out);
        if (rest != NULL && rest[size] == '\n') {
            write_repeated(out, ' ', widths.value - text_width(rest, size));
            putc('+', out);
            rest += size + 1;
        } else {
            rest = NULL;
        }
        putc('\n', out);
    }
}

void
render_records(const Render *render, char *const *names)
{
    const Format *format = render->format;
    FILE *out = render->out;
    Widths widths = widths_of(render, names);
    if (render->title != NULL && !format->tuples_only)
        fprintf(out, "%s\n", render->title);
    for (uint64_t row = 0; row < render->row_count; row++) {
        if (!format->tuples_only)
            write_ruler(render, row + 1, widths);
        else if (row > 0)
            write_ruler(render, 0, widths);
        for (size_t i = 0; i < render->column_count; i++)
            write_field(render, names[i],
                        render->table.cells[row * render->column_count + i],
                        widths);
    }
    if (!format->tuples_only && render->footers != NULL)
        fputs(render->footers, out);
    else if (!format->tuples_only && render->row_count == 0 &&
             format->has_footer)
        fputs("(0 rows)\n", out);
    putc('\n', out);
}
