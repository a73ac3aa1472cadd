/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render_aligned.c - a table for people, laid out as psql does:
 *
 *      id | name
 *     ----+------
 *       1 | a
 *     (1 row)
 *
 * All rows are kept until the end, since the widest decides. A cell of several
 * lines goes on below, with a "+" behind each line that does.
 */
#include "render.h"

#include <inttypes.h>
#include <string.h>

#include "memory.h"

/* One cell while its lines are written. */
typedef struct Piece {
    const char *rest; /* lines not written yet, NULL: all are */
    bool is_null;
} Piece;

static void
aligned_row(Render *render, const Cell *cells)
{
    table_add(&render->table, cells, render->column_count);
}

/* Text of a cell, and whether it stands for NULL. */
static const char *
shown(const Render *render, size_t row, size_t column, bool *is_null)
{
    const char *text = render->table.cells[row * render->column_count + column];
    *is_null = text == NULL;
    return text == NULL ? format_null(render->format) : text;
}

static size_t *
column_widths(const Render *render, char *const *names)
{
    size_t *widths = memory_alloc(render->column_count, sizeof *widths);
    size_t lines;
    bool is_null;
    for (size_t i = 0; i < render->column_count; i++) {
        widths[i] = lines_width(names[i], &lines);
        for (size_t row = 0; row < render->row_count; row++) {
            size_t width = lines_width(shown(render, row, i, &is_null), &lines);
            if (width > widths[i])
                widths[i] = width;
        }
    }
    return widths;
}

static char **
visible_names(const Render *render)
{
    char **names = memory_alloc(render->column_count, sizeof *names);
    Text name = {0};
    for (size_t i = 0; i < render->column_count; i++) {
        text_clear(&name);
        append_visible(&name, render->columns[i].name,
                       strlen(render->columns[i].name));
        names[i] = memory_copy(text_string(&name), name.size);
    }
    text_free(&name);
    return names;
}

/* Take the next line off `piece`. */
static const char *
next_line(Piece *piece, size_t *size)
{
    const char *line = piece->rest;
    *size = strcspn(line, "\n");
    piece->rest = line[*size] == '\n' ? line + *size + 1 : NULL;
    return line;
}

/* The names, centred; those of several lines go on below. */
static void
write_header(const Render *render, char *const *names, const size_t *widths)
{
    FILE *out = render->out;
    size_t count = render->column_count;
    Piece *pieces = memory_alloc(count, sizeof *pieces);
    bool has_more = true;
    for (size_t i = 0; i < count; i++)
        pieces[i].rest = names[i];
    while (has_more) {
        has_more = false;
        for (size_t i = 0; i < count; i++) {
            size_t size = 0;
            const char *line = pieces[i].rest;
            if (line != NULL)
                line = next_line(&pieces[i], &size);
            size_t space = widths[i] - text_width(line, size);
            write_repeated(out, ' ', 1 + space / 2);
            if (size > 0)
                fwrite(line, 1, size, out);
            write_repeated(out, ' ', (space + 1) / 2);
            putc(pieces[i].rest != NULL ? '+' : ' ', out);
            if (i + 1 < count)
                putc('|', out);
            has_more = has_more || pieces[i].rest != NULL;
        }
        putc('\n', out);
    }
    memory_free(pieces);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            putc('+', out);
        write_repeated(out, '-', widths[i] + 2);
    }
    putc('\n', out);
}

/* One line of one cell; only the last column has no blanks behind. */
static void
write_piece(const Render *render, Piece *piece, size_t column, size_t width)
{
    FILE *out = render->out;
    bool is_last = column + 1 == render->column_count;
    bool was_open = piece->rest != NULL;
    size_t size = 0;
    const char *line = was_open ? next_line(piece, &size) : NULL;
    bool goes_on = piece->rest != NULL;
    bool is_grey = piece->is_null && was_open && is_colourful(out);
    size_t space = width - text_width(line, size);

    putc(' ', out);
    if (render->columns[column].is_right && was_open)
        write_repeated(out, ' ', space);
    if (is_grey)
        fputs("\033[90m", out);
    if (size > 0)
        fwrite(line, 1, size, out);
    if (is_grey)
        fputs("\033[0m", out);
    if ((!render->columns[column].is_right || !was_open) &&
        (!is_last || goes_on))
        write_repeated(out, ' ', space);
    if (goes_on)
        putc('+', out);
    else if (!is_last)
        putc(' ', out);
    if (!is_last)
        putc('|', out);
}

static void
write_rows(const Render *render, const size_t *widths)
{
    size_t count = render->column_count;
    Piece *pieces = memory_alloc(count, sizeof *pieces);
    for (size_t row = 0; row < render->row_count; row++) {
        bool has_more = true;
        for (size_t i = 0; i < count; i++)
            pieces[i].rest = shown(render, row, i, &pieces[i].is_null);
        while (has_more) {
            has_more = false;
            for (size_t i = 0; i < count; i++) {
                write_piece(render, &pieces[i], i, widths[i]);
                has_more = has_more || pieces[i].rest != NULL;
            }
            putc('\n', render->out);
        }
    }
    memory_free(pieces);
}

static void
write_title(const Render *render, size_t width)
{
    if (render->title == NULL || render->format->tuples_only)
        return;
    size_t size = text_width(render->title, strlen(render->title));
    if (size < width)
        write_repeated(render->out, ' ', (width - size) / 2);
    fprintf(render->out, "%s\n", render->title);
}

static void
write_footers(const Render *render)
{
    if (!render->format->tuples_only) {
        if (render->footers != NULL)
            fputs(render->footers, render->out);
        else if (render->format->has_footer)
            fprintf(render->out, "(%" PRIu64 " row%s)\n", render->row_count,
                    render->row_count == 1 ? "" : "s");
    }
    putc('\n', render->out);
}

static void
aligned_end(Render *render)
{
    char **names = visible_names(render);
    size_t *widths = column_widths(render, names);
    size_t total = render->column_count == 0 ? 0 : render->column_count - 1;
    for (size_t i = 0; i < render->column_count; i++)
        total += widths[i] + 2;

    bool is_too_wide = render->screen_width > 0 && render->column_count > 1 &&
                       total > render->screen_width;
    if (render->is_expanded ||
        (render->format->expanded == EXPANDED_AUTO && is_too_wide)) {
        render_records(render, names);
    } else {
        write_title(render, total);
        if (!render->format->tuples_only)
            write_header(render, names, widths);
        write_rows(render, widths);
        write_footers(render);
    }

    for (size_t i = 0; i < render->column_count; i++)
        memory_free(names[i]);
    memory_free(names);
    memory_free(widths);
}

const Renderer aligned_renderer = {
    .name = "aligned",
    .help = "a table for people, as psql's",
    .null = "NULL",
    .row = aligned_row,
    .end = aligned_end,
};
