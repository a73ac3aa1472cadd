/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render_unaligned.c - values with a separator between, for scripts (-A), and
 * CSV (RFC 4180, lines ending with "\n"; NULL is nothing, the empty text "").
 */
#include "render.h"

#include <inttypes.h>
#include <string.h>

static void
write_text(FILE *out, const Text *text)
{
    if (text->size > 0)
        fwrite(text->data, 1, text->size, out);
}

/* ---- unaligned ---- */

static void
unaligned_begin(Render *render)
{
    const Format *format = render->format;
    if (format->tuples_only)
        return;
    if (render->title != NULL)
        fprintf(render->out, "%s\n", render->title);
    if (render->is_expanded)
        return;
    for (size_t i = 0; i < render->column_count; i++) {
        if (i > 0)
            write_text(render->out, &format->field_separator);
        fputs(render->columns[i].name, render->out);
    }
    write_text(render->out, &format->record_separator);
}

static void
write_cell(const Render *render, const Cell *cell)
{
    if (cell->text == NULL)
        fputs(format_null(render->format), render->out);
    else
        fwrite(cell->text, 1, cell->size, render->out);
}

static void
unaligned_row(Render *render, const Cell *cells)
{
    const Format *format = render->format;
    if (render->is_expanded && render->row_count > 0)
        write_text(render->out, &format->record_separator);
    for (size_t i = 0; i < render->column_count; i++) {
        if (render->is_expanded) {
            fputs(render->columns[i].name, render->out);
            write_text(render->out, &format->field_separator);
        } else if (i > 0) {
            write_text(render->out, &format->field_separator);
        }
        write_cell(render, &cells[i]);
        if (render->is_expanded)
            write_text(render->out, &format->record_separator);
    }
    if (!render->is_expanded)
        write_text(render->out, &format->record_separator);
}

static void
unaligned_end(Render *render)
{
    if (render->format->tuples_only)
        return;
    if (render->footers != NULL)
        fputs(render->footers, render->out);
    else if (render->format->has_footer && !render->is_expanded)
        fprintf(render->out, "(%" PRIu64 " row%s)\n", render->row_count,
                render->row_count == 1 ? "" : "s");
}

/* ---- CSV ---- */

static void
write_csv(const Render *render, const char *text, size_t size)
{
    char separator = render->format->csv_separator.data[0];
    bool needs_quotes = size == 0 || (size == 2 && memcmp(text, "\\.", 2) == 0);
    for (size_t i = 0; i < size && !needs_quotes; i++)
        needs_quotes = text[i] == separator || text[i] == '"' ||
                       text[i] == '\n' || text[i] == '\r';
    if (!needs_quotes) {
        fwrite(text, 1, size, render->out);
        return;
    }
    putc('"', render->out);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"')
            putc('"', render->out);
        putc(text[i], render->out);
    }
    putc('"', render->out);
}

static void
csv_begin(Render *render)
{
    if (render->format->tuples_only || render->is_expanded)
        return;
    for (size_t i = 0; i < render->column_count; i++) {
        if (i > 0)
            write_text(render->out, &render->format->csv_separator);
        write_csv(render, render->columns[i].name,
                  strlen(render->columns[i].name));
    }
    putc('\n', render->out);
}

static void
csv_row(Render *render, const Cell *cells)
{
    for (size_t i = 0; i < render->column_count; i++) {
        if (render->is_expanded)
            write_csv(render, render->columns[i].name,
                      strlen(render->columns[i].name));
        if (render->is_expanded || i > 0)
            write_text(render->out, &render->format->csv_separator);
        if (cells[i].text == NULL)
            fputs(format_null(render->format), render->out);
        else
            write_csv(render, cells[i].text, cells[i].size);
        if (render->is_expanded || i + 1 == render->column_count)
            putc('\n', render->out);
    }
}

const Renderer unaligned_renderer = {
    .name = "unaligned",
    .help = "values with a separator between them",
    .null = "",
    .begin = unaligned_begin,
    .row = unaligned_row,
    .end = unaligned_end,
};

const Renderer csv_renderer = {
    .name = "csv",
    .help = "comma-separated values, RFC 4180",
    .is_for_machines = true,
    .null = "",
    .begin = csv_begin,
    .row = csv_row,
};
