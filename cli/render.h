/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render.h - how results look: one table of functions for each format, over
 * the same rows.
 *
 * Add a format: write render_NAME.c with a Renderer, and give it a line in
 * render.c. \pset format, --help of it and its errors follow.
 */
#ifndef CLI_RENDER_H
#define CLI_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "mql.h"
#include "table.h"
#include "text.h"

typedef struct Renderer Renderer;

typedef enum Expanded {
    EXPANDED_OFF,
    EXPANDED_ON,
    EXPANDED_AUTO /* when a row is wider than the terminal */
} Expanded;

/* The user's wishes: -A, -t, -x, -F, \pset ... */
typedef struct Format {
    const Renderer *renderer;
    Expanded expanded;
    bool tuples_only;
    bool has_footer;      /* "(3 rows)"                                   */
    Text null;            /* what NULL is shown as, when has_null         */
    bool has_null;        /* the user chose it                            */
    Text field_separator; /* of the unaligned format                  */
    Text record_separator;
    Text csv_separator;    /* one byte                                 */
    long vector_items;     /* numbers shown of a vector on a terminal  */
    long vector_precision; /* their significant digits                 */
    Text title;            /* above the next results, empty: none      */
} Format;

/* One result on its way out. */
typedef struct Render {
    const Format *format;
    FILE *out;
    const char *title;   /* NULL: none                                  */
    const char *footers; /* lines below instead of the row count, NULL  */
    bool is_terminal;    /* out is one: vectors short, NULL grey        */
    bool is_expanded;
    size_t screen_width; /* 0: unknown                                  */
    const Column *columns;
    size_t column_count;
    uint64_t row_count; /* so far                                       */
    Table table;        /* what a renderer that needs all rows kept     */
} Render;

struct Renderer {
    const char *name;
    const char *help;     /* one line, no period                         */
    bool is_for_machines; /* nothing but rows: no tags, no times; vectors
                             and values whole                            */
    const char *null;     /* what NULL is shown as                       */
    void (*begin)(Render *render);
    void (*row)(Render *render, const Cell *cells);
    void (*end)(Render *render);
};

extern const Renderer aligned_renderer;
extern const Renderer unaligned_renderer;
extern const Renderer csv_renderer;
extern const Renderer json_renderer;
extern const Renderer jsonl_renderer;

/* The `index`-th format; NULL past the last. */
const Renderer *renderer_at(size_t index);

/* The format called `name` or the only one that begins so; NULL: none. */
const Renderer *renderer_find(const char *name);

void format_init(Format *format);
void format_free(Format *format);

/* How NULL is shown. */
const char *format_null(const Format *format);

/*
 * Render a result: begin with the columns, give each row, end. A result that
 * fails halfway is not ended but dropped. `render` comes zeroed, but for title
 * and footers where there are some.
 */
void render_begin(Render *render, const Format *format, FILE *out,
                  const Column *columns, size_t column_count);
void render_row(Render *render, const Cell *cells);
void render_end(Render *render);
void render_drop(Render *render);

/* Whether `out` is a terminal that understands colours. */
bool is_colourful(FILE *out);

/* Columns of the terminal, 0 when there is none. */
size_t screen_width(void);

/* Write `count` times `c`. */
void write_repeated(FILE *out, char c, size_t count);

/* The rows of `render->table`, one record a block: the aligned format's
 * expanded form. `names` are the columns' as they are shown. */
void render_records(const Render *render, char *const *names);

#endif
