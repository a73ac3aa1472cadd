/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render.c - the list of formats, and what they share.
 */
#include "render.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The whole list. */
static const Renderer *const renderers[] = {
    &aligned_renderer, &unaligned_renderer, &csv_renderer,
    &json_renderer,    &jsonl_renderer,
};

#define RENDERER_COUNT (sizeof renderers / sizeof renderers[0])

const Renderer *
renderer_at(size_t index)
{
    return index < RENDERER_COUNT ? renderers[index] : NULL;
}

const Renderer *
renderer_find(const char *name)
{
    const Renderer *found = NULL;
    size_t size = strlen(name);
    for (size_t i = 0; i < RENDERER_COUNT; i++) {
        if (strcasecmp(renderers[i]->name, name) == 0)
            return renderers[i];
        if (size == 0 || strncasecmp(renderers[i]->name, name, size) != 0)
            continue;
        if (found != NULL)
            return NULL;
        found = renderers[i];
    }
    return found;
}

void
format_init(Format *format)
{
    *format = (Format){
        .renderer = &aligned_renderer,
        .has_footer = true,
        .vector_items = 3,
        .vector_precision = 4,
    };
    text_append_text(&format->field_separator, "|");
    text_append_text(&format->record_separator, "\n");
    text_append_text(&format->csv_separator, ",");
}

void
format_free(Format *format)
{
    text_free(&format->null);
    text_free(&format->field_separator);
    text_free(&format->record_separator);
    text_free(&format->csv_separator);
    text_free(&format->title);
}

/* With -t, as with -A, scripts expect psql's empty text. */
const char *
format_null(const Format *format)
{
    if (format->has_null)
        return text_string(&format->null);
    return format->tuples_only ? "" : format->renderer->null;
}

bool
is_colourful(FILE *out)
{
    const char *terminal = getenv("TERM");
    const char *no_colour = getenv("NO_COLOR");
    return isatty(fileno(out)) && terminal != NULL &&
           strcmp(terminal, "dumb") != 0 &&
           (no_colour == NULL || *no_colour == '\0');
}

size_t
screen_width(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col;
}

void
write_repeated(FILE *out, char c, size_t count)
{
    for (size_t i = 0; i < count; i++)
        putc(c, out);
}

void
render_begin(Render *render, const Format *format, FILE *out,
             const Column *columns, size_t column_count)
{
    render->format = format;
    render->out = out;
    render->is_terminal = isatty(fileno(out)) != 0;
    render->is_expanded = format->expanded == EXPANDED_ON;
    render->screen_width = render->is_terminal ? screen_width() : 0;
    render->columns = columns;
    render->column_count = column_count;
    if (render->title == NULL && format->title.size > 0)
        render->title = format->title.data;
    if (format->renderer->begin != NULL)
        format->renderer->begin(render);
}

void
render_row(Render *render, const Cell *cells)
{
    render->format->renderer->row(render, cells);
    render->row_count++;
}

void
render_end(Render *render)
{
    if (render->format->renderer->end != NULL)
        render->format->renderer->end(render);
    render_drop(render);
}

void
render_drop(Render *render)
{
    table_free(&render->table);
}
