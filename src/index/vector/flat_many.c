/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flat_many.c - many targets, the codes of FLAT read once for all of them.
 *
 * The codes of a window of rows are laid side by side (kernels/lists.h) and
 * compared with eight targets at once, which also tells what passes each one's
 * bound. What passes waits until the window is through, while its vectors are
 * fetched.
 */
#include <string.h>

#include "index/vector/flat_scan.h"

/* Rows that lie side by side take at most so many bytes. */
#define WINDOW_BYTES (128u << 10)
#define WINDOW_MOST 512
_Static_assert(WINDOW_MOST <= FLAT_RUN, "a window is a run");
/* Rows that wait to be looked at. */
#define WAITING_MOST 512
#define LINE 64
#define LINES_AHEAD 8

typedef struct Seeker {
    FlatTarget target;
    TopK top;
    uint32_t number; /* of the target */
} Seeker;

typedef struct Waiting {
    uint32_t seeker, row; /* of the eight */
    int32_t dot;
} Waiting;

typedef struct Many {
    const FlatCodes *codes;
    const VectorColumn *column;
    const VectorQuery *query;
    Seeker *seekers;
    uint32_t count;
    uint32_t window; /* rows, a multiple of 64 */
    size_t size;     /* elements of a code     */
    uint8_t *side;   /* codes of a window      */
    FlatRun *runs;   /* of eight seekers       */
    Waiting waiting[WAITING_MOST];
    uint32_t waiting_count;
} Many;

/* Those targets that have codes; the others are answered from floats. */
static mql_status
begin_seekers(Many *many, Metric metric, const VectorTargets *targets,
              Arena *arena, Error *err)
{
    const VectorColumn *column = many->column;
    uint32_t k = many->query->k, stride = many->codes->stride;
    float *room = arena_alloc_array(arena, column->dim, sizeof *room);
    int8_t *codes = arena_alloc_array(arena, targets->count, stride);
    many->seekers =
        arena_alloc_array(arena, targets->count, sizeof *many->seekers);
    if (room == NULL || codes == NULL || many->seekers == NULL)
        return error_no_memory(err);
    for (uint32_t t = 0; t < targets->count; t++) {
        Seeker *seeker = &many->seekers[many->count];
        Neighbor *nearest = targets->nearest + (size_t)t * k;
        VectorQuery one = *many->query;
        one.vector = targets->vectors[t];
        if (!flat_target_init(&seeker->target, many->codes, column, metric,
                              &one, room,
                              codes + (size_t)many->count * stride)) {
            TRY(vector_scan(column, metric, &one, nearest, &targets->found[t],
                            err));
            continue;
        }
        seeker->top = top_k_of(nearest, k);
        seeker->number = t;
        many->count++;
    }
    return MQL_OK;
}

/* ---- a window ---- */

/* Rows of a window. */
typedef struct Window {
    uint32_t first, count;
    uint64_t candidates[WINDOW_MOST / 64];
} Window;

static mql_status
open_window(const Many *many, Window *window, Error *err)
{
    const FlatCodes *codes = many->codes;
    uint32_t first = window->first, count = window->count;
    TRY(flat_verify(codes, first, count, err));
    for (uint32_t row = 0; row < count; row += SIDE_ROWS) {
        uint32_t some = count - row < SIDE_ROWS ? count - row : SIDE_ROWS;
        list_table()->lay_side(
            codes->codes + (size_t)(first + row) * codes->stride, codes->stride,
            some, many->size, many->side + row * many->size);
    }
    flat_candidates(many->column, many->query->allowed, first, count,
                    window->candidates);
    return MQL_OK;
}

/* The terms of 16 rows, also where the last ones are not there. */
typedef struct Terms {
    const float *of[FLAT_TERMS];
    float room[FLAT_TERMS][SIDE_ROWS];
} Terms;

static void
terms_at(const Many *many, uint32_t row, uint32_t count, Terms *terms)
{
    flat_terms(many->codes, row, terms->of);
    for (uint32_t i = 0; i < FLAT_TERMS && count < SIDE_ROWS; i++) {
        memset(terms->room[i], 0, sizeof terms->room[i]);
        memcpy(terms->room[i], terms->of[i], count * sizeof(float));
        terms->of[i] = terms->room[i];
    }
}

/* Eight seekers and what they are held against, the first one again and again
 * where there are fewer. */
static void
fill_bounds(const Seeker *seekers, uint32_t count,
            SideBound bounds[SIDE_QUERIES])
{
    for (uint32_t i = 0; i < SIDE_QUERIES; i++) {
        const Seeker *seeker = &seekers[i < count ? i : 0];
        bounds[i] = (SideBound){seeker->target.code,
                                flat_bound(&seeker->target, &seeker->top)};
    }
}

/* Sixteen rows with eight seekers. */
typedef struct Pairs {
    int32_t dots[SIDE_QUERIES * SIDE_ROWS];
    uint16_t passes[SIDE_QUERIES];
} Pairs;

/* Of the rows from place `i` of the window on. */
static void
compare(const Many *many, const Window *window, uint32_t i,
        const SideBound bounds[SIDE_QUERIES], Pairs *pairs)
{
    const SideCodes side = {many->side + i * many->size, NULL, many->size};
    Terms terms;
    terms_at(many, window->first + i, window->count - i, &terms);
    list_table()->side_passes(&side, terms.of, bounds, pairs->dots,
                              pairs->passes);
}

/* The first window with candidates, for all of them: with products of all rows,
 * each seeker finds its first ones. */
static mql_status
seed_eight(Many *many, const Window *window, Seeker *seekers, uint32_t count,
           Error *err)
{
    SideBound bounds[SIDE_QUERIES];
    Pairs pairs;
    fill_bounds(seekers, count, bounds);
    for (uint32_t i = 0; i < window->count; i += SIDE_ROWS) {
        uint32_t left = window->count - i;
        uint32_t some = left < SIDE_ROWS ? left : SIDE_ROWS;
        compare(many, window, i, bounds, &pairs);
        for (uint32_t j = 0; j < count; j++)
            memcpy(many->runs[j].dots + i, pairs.dots + (size_t)j * SIDE_ROWS,
                   some * sizeof *pairs.dots);
    }
    for (uint32_t j = 0; j < count; j++) {
        FlatRun *run = &many->runs[j];
        run->first = window->first;
        run->count = window->count;
        memcpy(run->candidates, window->candidates, sizeof window->candidates);
        TRY(flat_seed(&seekers[j].target, run, &seekers[j].top, err));
        TRY(flat_look_through(&seekers[j].target, run, &seekers[j].top, err));
    }
    return MQL_OK;
}

static mql_status
look_at_waiting(Many *many, Seeker *seekers, SideBound bounds[SIDE_QUERIES],
                Error *err)
{
    for (uint32_t i = 0; i < many->waiting_count; i++) {
        const Waiting *waiting = &many->waiting[i];
        Seeker *seeker = &seekers[waiting->seeker];
        TRY(flat_look_at(&seeker->target, waiting->row, waiting->dot,
                         &bounds[waiting->seeker].bound, &seeker->top, err));
    }
    many->waiting_count = 0;
    return MQL_OK;
}

static void
let_wait(Many *many, uint32_t seeker, uint32_t row, int32_t dot)
{
    const char *vector = vector_row(many->column, row);
    size_t size = vector_row_size(many->column);
    for (size_t i = 0; i < size && i < LINES_AHEAD * LINE; i += LINE) {
        __builtin_prefetch(vector + i);
        __asm__ volatile("" ::: "memory"); /* GCC 12 may drop some else */
    }
    many->waiting[many->waiting_count++] = (Waiting){seeker, row, dot};
}

/* The window's rows for eight seekers. */
static mql_status
look_eight(Many *many, const Window *window, Seeker *seekers, uint32_t count,
           Error *err)
{
    SideBound bounds[SIDE_QUERIES];
    Pairs pairs;
    fill_bounds(seekers, count, bounds);
    for (uint32_t i = 0; i < window->count; i += SIDE_ROWS) {
        uint32_t wanted = (uint16_t)(window->candidates[i / 64] >> i % 64);
        if (wanted == 0)
            continue;
        if (many->waiting_count + SIDE_QUERIES * SIDE_ROWS > WAITING_MOST)
            TRY(look_at_waiting(many, seekers, bounds, err));
        compare(many, window, i, bounds, &pairs);
        for (uint32_t j = 0; j < count; j++)
            for (uint32_t bits = pairs.passes[j] & wanted; bits != 0;
                 bits &= bits - 1) {
                uint32_t row = (uint32_t)__builtin_ctz(bits);
                let_wait(many, j, window->first + i + row,
                         pairs.dots[j * SIDE_ROWS + row]);
            }
    }
    return look_at_waiting(many, seekers, bounds, err);
}

static mql_status
scan_window(Many *many, Window *window, Error *err)
{
    TRY(open_window(many, window, err));
    for (uint32_t i = 0; i < many->count; i += SIDE_QUERIES) {
        Seeker *eight = many->seekers + i;
        uint32_t left = many->count - i;
        uint32_t some = left < SIDE_QUERIES ? left : SIDE_QUERIES;
        TRY((eight->top.count == 0 ? seed_eight : look_eight)(
            many, window, eight, some, err));
    }
    return MQL_OK;
}

/* ---- all rows ---- */

static uint32_t
window_of(size_t size)
{
    size_t rows = WINDOW_BYTES / size / 64 * 64;
    return rows < 64 ? 64 : rows < WINDOW_MOST ? (uint32_t)rows : WINDOW_MOST;
}

static mql_status
make_room(Many *many, Arena *arena, Error *err)
{
    many->size = (many->column->dim + 3) / 4 * 4;
    many->window = window_of(many->size);
    many->side = arena_alloc_lines(arena, many->window, many->size);
    many->runs = arena_alloc_array(arena, SIDE_QUERIES, sizeof *many->runs);
    return many->side == NULL || many->runs == NULL ? error_no_memory(err)
                                                    : MQL_OK;
}

mql_status
flat_codes_scan_many(const FlatCodes *codes, const VectorColumn *column,
                     Metric metric, const VectorQuery *query,
                     const VectorTargets *targets, Arena *arena, Error *err)
{
    Many many = {.codes = codes, .column = column, .query = query};
    Window window;
    if ((uint64_t)query->allowed_count * FLAT_ALLOWED_PART < column->count)
        return vector_scan_many(column, metric, query, targets, arena, err);
    TRY(make_room(&many, arena, err));
    TRY(begin_seekers(&many, metric, targets, arena, err));
    for (window.first = 0; window.first < column->count && many.count > 0;
         window.first += window.count) {
        uint32_t left = column->count - window.first;
        window.count = left < many.window ? left : many.window;
        if (is_cancelled(query->cancel))
            return error_cancelled(err);
        TRY(scan_window(&many, &window, err));
    }
    for (uint32_t i = 0; i < many.count; i++)
        targets->found[many.seekers[i].number] =
            top_k_finish(&many.seekers[i].top);
    if (query->counters != NULL)
        query->counters->distances +=
            (uint64_t)query->allowed_count * many.count;
    return MQL_OK;
}
