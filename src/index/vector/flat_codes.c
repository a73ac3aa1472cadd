/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flat_codes.c - see flat_codes.h.
 *
 * With target q ~ t u and row x ~ l + s c, U the sum of u and D = u.c the sum
 * of integers, the products of what the codes stand for are t (l U + s D). A
 * row may be among the nearest
 *
 *   L2, COSINE  if its distance is at most R + error, where R is the k-th's
 *               distance and the target's error:
 *               |t u|^2 + size - 2 t (l U + s D) <= (R + error)^2
 *   IP          if t (l U + s D) + |t u| error + (target's error) (size +
 *               error) reaches the k-th's product
 *
 * A unit vector's cosine is 1 - distance^2 / 2; a zero vector, whose cosine is
 * 0, stands at distance sqrt(2) from all: its size is put as 1.
 *
 * Rounding, here and of the exact kernels, is allowed for by parts (`slack`)
 * well above what it can be; a comparison with what is not a number keeps the
 * row.
 */
#include "index/vector/flat_codes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "index/top_k.h"

/* Where the squares of vectors of any dimension fit into floats. */
#define ELEMENT_LEAST 1e-12
#define ELEMENT_MOST 1e12
/* Rows looked at together; fewer at first, when most of them pass. Multiples of
 * 64. */
#define RUN_FIRST 64
#define RUN 1024
/* When fewer than this part of the rows is allowed, floats are scanned. */
#define ALLOWED_PART 5

/* ---- rows ---- */

typedef struct Extent {
    double least, most, size; /* of the elements; the largest of them      */
    double square;            /* of the length                             */
} Extent;

static Extent
extent_of(const float *vector, uint32_t dim)
{
    Extent extent = {.least = INFINITY, .most = -INFINITY};
    for (uint32_t i = 0; i < dim; i++) {
        double x = (double)vector[i];
        extent.least = x < extent.least ? x : extent.least;
        extent.most = x > extent.most ? x : extent.most;
        extent.square += x * x;
    }
    extent.size = fmax(fabs(extent.least), fabs(extent.most));
    return extent;
}

static bool
is_tame(const Extent *extent)
{
    return extent->size < ELEMENT_MOST && extent->size > ELEMENT_LEAST;
}

/* Larger by more than the rounding of what it came from. */
static float
rounded_up(double value)
{
    return (float)(value * (1 + 1e-6));
}

void
flat_encode(const VectorColumn *column, Metric metric, uint32_t row,
            float *room, uint8_t *code, float terms[FLAT_TERMS])
{
    uint32_t dim = column->dim;
    memset(code, 0, flat_stride(dim));
    memset(terms, 0, FLAT_TERMS * sizeof *terms);
    if (column->valid != NULL && column->valid[row] == 0)
        return;
    element_floats(column->element, vector_row(column, row), dim, room);
    Extent extent = extent_of(room, dim);
    if (extent.size == 0) {
        terms[FLAT_SIZE] = metric == METRIC_COSINE ? 1 : 0;
        return;
    }
    if (!is_tame(&extent)) {
        terms[FLAT_ERROR] = INFINITY;
        return;
    }
    double scale = metric == METRIC_COSINE ? 1 / sqrt(extent.square) : 1;
    float low = (float)(extent.least * scale);
    float step = (float)((extent.most - extent.least) * scale / 127);
    double error = 0, square = 0;
    for (uint32_t i = 0; i < dim; i++) {
        double x = (double)room[i] * scale;
        double wanted = step > 0 ? (x - (double)low) / (double)step : 0;
        code[i] = (uint8_t)fmax(0, fmin(127, rint(wanted)));
        double y = (double)low + (double)step * code[i];
        error += (x - y) * (x - y);
        square += y * y;
    }
    terms[FLAT_LOW] = low;
    terms[FLAT_STEP] = step;
    terms[FLAT_SIZE] =
        metric == METRIC_IP ? rounded_up(sqrt(square)) : (float)square;
    terms[FLAT_ERROR] = rounded_up(sqrt(error));
}

/* ---- the target ---- */

typedef struct Target {
    const FlatCodes *codes;
    Metric metric;
    bool is_read; /* VectorQuery.reads_rows */
    ExactQuery exact;
    int8_t *code;  /* stride bytes */
    double step;   /* t */
    double sum;    /* U */
    double square; /* of the length of what the code stands for */
    double error;
    double length; /* of the target; 1 under COSINE               */
    double slack;  /* part of a distance that the exact kernels round */
    double spread; /* part of squares that the estimate rounds        */
} Target;

/* False: numbers too large or too small, or no direction; then floats are
 * scanned. */
static bool
encode_target(Target *target, const VectorColumn *column, const void *vector,
              float *room, int8_t *code)
{
    uint32_t dim = column->dim;
    element_floats(column->element, vector, dim, room);
    Extent extent = extent_of(room, dim);
    if (!is_tame(&extent))
        return false;
    target->length = sqrt(extent.square);
    double scale = target->metric == METRIC_COSINE ? 1 / target->length : 1;
    target->length *= scale;
    target->code = code;
    target->step = extent.size * scale / 127;
    double error = 0;
    for (uint32_t i = 0; i < dim; i++) {
        double x = (double)room[i] * scale;
        code[i] = (int8_t)fmax(-127, fmin(127, rint(x / target->step)));
        double y = target->step * code[i];
        error += (x - y) * (x - y);
        target->square += y * y;
        target->sum += code[i];
    }
    memset(code + dim, 0, flat_stride(dim) - dim);
    target->error = sqrt(error) * (1 + 1e-6);
    target->slack = ((double)dim + 32) * 0x1p-21;
    target->spread = (sqrt((double)dim) + 8) * 0x1p-20;
    return true;
}

/* While fewer than k were found every row passes. */
static CodeBound
bound_of(const Target *target, const TopK *top)
{
    double factor = target->metric == METRIC_IP ? 1 : 2;
    CodeBound bound = {.of_low = (float)(factor * target->step * target->sum),
                       .of_step = (float)(factor * target->step),
                       .least = -INFINITY};
    if (top->count < top->k)
        return bound;
    double farthest = (double)top->heap[0].distance;
    if (target->metric == METRIC_IP) {
        double length = sqrt(target->square);
        bound.of_error = rounded_up(length + target->error);
        bound.of_size =
            rounded_up(target->error + (target->slack + target->spread) *
                                           (length + target->length));
        bound.least = (float)(-farthest - fabs(farthest) * 1e-6);
        return bound;
    }
    double square = farthest * (1 + target->slack);
    if (target->metric == METRIC_COSINE)
        square = fmax(0, 2 + 2 * farthest + 2 * target->slack);
    bound.of_radius = 1;
    bound.radius = rounded_up(sqrt(square) + target->error);
    bound.of_size = (float)(-1 + target->spread);
    bound.least = (float)((1 - target->spread) * target->square);
    return bound;
}

/* ---- scanning ---- */

/* Which of `count` rows from `first` on may be among the nearest, as far as is
 * known by now: bits. */
static void
pass_rows(const Target *target, const TopK *top, uint32_t first, uint32_t count,
          const int32_t *dots, uint64_t *passes)
{
    const float *terms[FLAT_TERMS];
    CodeBound bound = bound_of(target, top);
    for (uint32_t i = 0; i < FLAT_TERMS; i++)
        terms[i] = target->codes->terms[i] + first;
    list_table()->pass_codes(&bound, terms, dots, count, passes);
}

static mql_status
verify_codes(const FlatCodes *codes, uint32_t first, uint32_t count, Error *err)
{
    TRY(section_verify(codes->file, &codes->codes_section,
                       (uint64_t)first * codes->stride,
                       (uint64_t)count * codes->stride, err));
    for (uint32_t i = 0; i < FLAT_TERMS; i++)
        TRY(section_verify(codes->file, &codes->term_sections[i],
                           (uint64_t)first * sizeof(float),
                           (uint64_t)count * sizeof(float), err));
    return MQL_OK;
}

static mql_status
look_at(const Target *target, const VectorColumn *column, uint32_t row,
        TopK *top, Error *err)
{
    float distance;
    TRY(exact_rows(&target->exact, column, target->is_read, &row, 1, &distance,
                   err));
    if (top->count < top->k || distance <= top->heap[0].distance)
        top_k_offer(top, (Neighbor){distance, row});
    return MQL_OK;
}

/* Rows [first, first + count), at most RUN; `first` is a multiple of 64. */
static mql_status
scan_run(const Target *target, const VectorColumn *column,
         const uint64_t *allowed, uint32_t first, uint32_t count, TopK *top,
         Error *err)
{
    const FlatCodes *codes = target->codes;
    int32_t dots[RUN];
    uint64_t passes[RUN / 64], still;
    TRY(verify_codes(codes, first, count, err));
    list_table()->dots_u7(target->code,
                          codes->codes + (size_t)first * codes->stride,
                          codes->stride, count, dots);
    pass_rows(target, top, first, count, dots, passes);
    for (uint32_t word = 0; word * 64 < count; word++) {
        uint64_t bits = passes[word];
        if (allowed != NULL)
            bits &= allowed[first / 64 + word];
        for (; bits != 0; bits &= bits - 1) {
            uint32_t i = word * 64 + (uint32_t)__builtin_ctzll(bits);
            if (column->valid != NULL && column->valid[first + i] == 0)
                continue;
            pass_rows(target, top, first + i, 1, dots + i, &still);
            if (still != 0)
                TRY(look_at(target, column, first + i, top, err));
        }
    }
    return MQL_OK;
}

static mql_status
scan_target(const Target *target, const VectorColumn *column,
            const VectorQuery *query, TopK *top, Error *err)
{
    uint32_t run = RUN_FIRST;
    for (uint32_t first = 0; first < column->count;) {
        uint32_t left = column->count - first;
        run = left < run ? left : run;
        if (is_cancelled(query->cancel))
            return error_cancelled(err);
        TRY(scan_run(target, column, query->allowed, first, run, top, err));
        first += run;
        run = run * 2 < RUN ? run * 2 : RUN;
    }
    if (query->counters != NULL)
        query->counters->distances += query->allowed_count;
    return MQL_OK;
}

mql_status
flat_codes_scan(const FlatCodes *codes, const VectorColumn *column,
                Metric metric, const VectorQuery *query, Neighbor *nearest,
                uint32_t *found, Error *err)
{
    Target target = {
        .codes = codes, .metric = metric, .is_read = query->reads_rows};
    /* Codes of all rows are read, vectors only of those allowed. */
    if ((uint64_t)query->allowed_count * ALLOWED_PART < column->count)
        return vector_scan(column, metric, query, nearest, found, err);
    float *room = malloc(column->dim * sizeof *room + codes->stride);
    if (room == NULL)
        return error_no_memory(err);
    if (!encode_target(&target, column, query->vector, room,
                       (int8_t *)(room + column->dim))) {
        free(room);
        return vector_scan(column, metric, query, nearest, found, err);
    }
    target.exact =
        exact_query_of(metric, column->element, query->vector, column->dim);
    TopK top = top_k_of(nearest, query->k);
    mql_status status = scan_target(&target, column, query, &top, err);
    *found = status == MQL_OK ? top_k_finish(&top) : 0;
    free(room);
    return status;
}

/* ---- many targets ---- */

/* Rows that lie side by side take at most so many bytes. */
#define WINDOW_BYTES (128u << 10)
#define WINDOW_MOST 512

typedef struct Seeker {
    Target target;
    TopK top;
    CodeBound bound; /* of what is known by now */
    uint32_t number; /* of the target           */
} Seeker;

typedef struct Many {
    const FlatCodes *codes;
    const VectorColumn *column;
    const VectorQuery *query;
    Seeker *seekers;
    uint32_t count;
    uint32_t window; /* rows, a multiple of 64 */
    size_t size;     /* elements of a code     */
    uint8_t *side;   /* codes of a window      */
    int32_t *dots;   /* of eight targets, minus twice the products */
} Many;

/* Products come multiplied by minus two. */
static void
set_bound(Seeker *seeker)
{
    seeker->bound = bound_of(&seeker->target, &seeker->top);
    seeker->bound.of_step *= -0.5f;
}

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
        *seeker = (Seeker){.target = {.codes = many->codes,
                                      .metric = metric,
                                      .is_read = many->query->reads_rows},
                           .top = top_k_of(nearest, k),
                           .number = t};
        if (!encode_target(&seeker->target, column, one.vector, room,
                           codes + (size_t)many->count * stride)) {
            TRY(vector_scan(column, metric, &one, nearest, &targets->found[t],
                            err));
            continue;
        }
        seeker->target.exact =
            exact_query_of(metric, column->element, one.vector, column->dim);
        set_bound(seeker);
        many->count++;
    }
    return MQL_OK;
}

/* Products of up to eight targets with the rows of a window. */
static void
multiply_window(const Many *many, const Seeker *seekers, uint32_t count,
                uint32_t rows)
{
    static const int32_t norms[SIDE_ROWS];
    const int32_t limits[SIDE_QUERIES] = {0};
    const uint8_t *queries[SIDE_QUERIES];
    int32_t dots[SIDE_QUERIES * SIDE_ROWS];
    uint16_t below[SIDE_QUERIES];
    for (uint32_t i = 0; i < SIDE_QUERIES; i++)
        queries[i] = (const uint8_t *)seekers[i < count ? i : 0].target.code;
    for (uint32_t row = 0; row < rows; row += SIDE_ROWS) {
        const SideCodes side = {many->side + row * many->size, norms,
                                many->size};
        list_table()->side_distances(&side, queries, limits, dots, below);
        for (uint32_t i = 0; i < count; i++)
            memcpy(many->dots + (size_t)i * many->window + row,
                   dots + (size_t)i * SIDE_ROWS, SIDE_ROWS * sizeof *dots);
    }
}

static void
pass_dots(const Seeker *seeker, uint32_t first, uint32_t count,
          const int32_t *dots, uint64_t *passes)
{
    const float *terms[FLAT_TERMS];
    for (uint32_t i = 0; i < FLAT_TERMS; i++)
        terms[i] = seeker->target.codes->terms[i] + first;
    list_table()->pass_codes(&seeker->bound, terms, dots, count, passes);
}

/* As scan_run() does with its products. */
static mql_status
look_through(const Many *many, Seeker *seeker, const int32_t *dots,
             uint32_t first, uint32_t count, Error *err)
{
    const uint64_t *allowed = many->query->allowed;
    const uint8_t *valid = many->column->valid;
    uint64_t passes[WINDOW_MOST / 64], still;
    bool is_new = false; /* the bound */
    pass_dots(seeker, first, count, dots, passes);
    for (uint32_t word = 0; word * 64 < count; word++) {
        uint64_t bits = passes[word];
        if (allowed != NULL)
            bits &= allowed[first / 64 + word];
        for (; bits != 0; bits &= bits - 1) {
            uint32_t i = word * 64 + (uint32_t)__builtin_ctzll(bits);
            if (valid != NULL && valid[first + i] == 0)
                continue;
            if (is_new) {
                pass_dots(seeker, first + i, 1, dots + i, &still);
                if (still == 0)
                    continue;
            }
            TRY(look_at(&seeker->target, many->column, first + i, &seeker->top,
                        err));
            set_bound(seeker);
            is_new = true;
        }
    }
    return MQL_OK;
}

/* Rows [first, first + count), at most a window, for all targets. */
static mql_status
scan_window(const Many *many, uint32_t first, uint32_t count, Error *err)
{
    const FlatCodes *codes = many->codes;
    TRY(verify_codes(codes, first, count, err));
    for (uint32_t row = 0; row < count; row += SIDE_ROWS) {
        uint32_t some = count - row < SIDE_ROWS ? count - row : SIDE_ROWS;
        list_table()->lay_side(
            codes->codes + (size_t)(first + row) * codes->stride, codes->stride,
            some, many->size, many->side + row * many->size);
    }
    for (uint32_t i = 0; i < many->count; i += SIDE_QUERIES) {
        uint32_t left = many->count - i;
        uint32_t some = left < SIDE_QUERIES ? left : SIDE_QUERIES;
        multiply_window(many, many->seekers + i, some, count);
        for (uint32_t j = 0; j < some; j++)
            TRY(look_through(many, &many->seekers[i + j],
                             many->dots + (size_t)j * many->window, first,
                             count, err));
    }
    return MQL_OK;
}

static uint32_t
window_of(size_t size)
{
    size_t rows = WINDOW_BYTES / size / 64 * 64;
    return rows < 64 ? 64 : rows < WINDOW_MOST ? (uint32_t)rows : WINDOW_MOST;
}

mql_status
flat_codes_scan_many(const FlatCodes *codes, const VectorColumn *column,
                     Metric metric, const VectorQuery *query,
                     const VectorTargets *targets, Arena *arena, Error *err)
{
    Many many = {.codes = codes, .column = column, .query = query};
    if ((uint64_t)query->allowed_count * ALLOWED_PART < column->count)
        return vector_scan_many(column, metric, query, targets, arena, err);
    many.size = (column->dim + 3) / 4 * 4;
    many.window = window_of(many.size);
    many.side = arena_alloc_array(arena, many.window, many.size);
    many.dots =
        arena_alloc_array(arena, many.window, SIDE_QUERIES * sizeof *many.dots);
    if (many.side == NULL || many.dots == NULL)
        return error_no_memory(err);
    TRY(begin_seekers(&many, metric, targets, arena, err));
    uint32_t run = RUN_FIRST;
    for (uint32_t first = 0; first < column->count && many.count > 0;) {
        uint32_t left = column->count - first;
        run = left < run ? left : run;
        if (is_cancelled(query->cancel))
            return error_cancelled(err);
        TRY(scan_window(&many, first, run, err));
        first += run;
        run = run * 2 < many.window ? run * 2 : many.window;
    }
    for (uint32_t i = 0; i < many.count; i++)
        targets->found[many.seekers[i].number] =
            top_k_finish(&many.seekers[i].top);
    if (query->counters != NULL)
        query->counters->distances +=
            (uint64_t)query->allowed_count * many.count;
    return MQL_OK;
}
