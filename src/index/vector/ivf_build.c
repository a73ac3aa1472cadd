/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ivf_build.c - clustering rows into lists, and writing the file.
 *
 * Memory: a code and 12 bytes for each row, besides what clustering takes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "index/vector/ivf_internal.h"
#include "index/vector/kmeans.h"
#include "index/vector/points.h"
#include "index/vector/product.h"

#define ROWS_OF_LIST 39 /* at least, on average */

/* Trying how many rows must be ranked. */
#define TRIES 64
#define TRY_ROWS 10
#define TRY_PROBES 8
#define ENOUGH 0.998

static const uint32_t refines[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64};
#define REFINES (sizeof refines / sizeof refines[0])

typedef struct IvfBuild {
    const IndexBuild *input;
    Ivf ivf; /* what is built: points to the memory below */
    uint32_t *starts;
    IvfBound *bounds;
    float *points; /* the centroids themselves */
    uint8_t *centroids;
    float *norms;
    float *center;
    uint32_t *rows;
    float *terms;
    uint8_t *codes;
    float *factors; /* signs */
    float *books;   /* PQ */
    uint32_t tries_wanted[TRIES], tries_hit[TRIES][REFINES];
} IvfBuild;

static void
build_free(IvfBuild *build)
{
    free(build->starts);
    free(build->bounds);
    free(build->points);
    free(build->centroids);
    free(build->norms);
    free(build->center);
    free(build->rows);
    free(build->terms);
    free(build->codes);
    free(build->factors);
    free(build->books);
    free(build->ivf.blocks);
}

/* Per cent. */
static void
report(const IvfBuild *build, uint64_t done)
{
    if (build->input->progress != NULL)
        build->input->progress(build->input->progress_context, done, 100);
}

static bool
is_unit(const IvfBuild *build)
{
    return build->input->metric == METRIC_COSINE;
}

/* ---- which rows ---- */

/* Rows with a vector into build->rows: those for lists, then the zero vectors.
 */
static mql_status
choose_rows(IvfBuild *build, Error *err)
{
    const VectorColumn *column = build->input->vectors;
    IvfHeader *header = &build->ivf.header;
    build->rows = calloc((size_t)column->count + 1, sizeof *build->rows);
    build->center = calloc(column->dim, sizeof *build->center);
    if (build->rows == NULL || build->center == NULL)
        return error_no_memory(err);
    float *vector = build->center; /* not in use yet */
    for (int zeros = 0; zeros < 2; zeros++) {
        for (uint32_t row = 0; row < column->count; row++) {
            if (column->valid != NULL && column->valid[row] == 0)
                continue;
            if (is_unit(build))
                kmeans_row(column, false, row, vector);
            bool goes_last = is_unit(build) &&
                             vector_is_zero(ELEMENT_F32, vector, column->dim);
            if (goes_last != (zeros == 1))
                continue;
            build->rows[header->place_count++] = row;
            header->zero_count += (uint32_t)zeros;
        }
    }
    return MQL_OK;
}

/* Bits are 0 and 1, and centroids between them. */
static void
set_coder_of_bits(IvfBuild *build)
{
    uint32_t dim = build->input->vectors->dim;
    for (uint32_t i = 0; i < dim; i++)
        build->center[i] = 0.5f;
    build->ivf.coder = (Coder){.type = CODES_L2,
                               .dim = dim,
                               .step = 0.5f / 63,
                               .center = build->center};
}

static mql_status
train_coder(IvfBuild *build, Error *err)
{
    Coder *coder = &build->ivf.coder;
    const VectorColumn *column = build->input->vectors;
    if (column->element == ELEMENT_BIT)
        set_coder_of_bits(build);
    else
        TRY(coder_train(column, is_unit(build) ? METRIC_COSINE : METRIC_L2,
                        build->center, coder, err));
    coder->metric = METRIC_L2;    /* it gets vectors of unit length ... */
    coder->element = ELEMENT_F32; /* ... as floats */
    coder->stride = ivf_stride(column->dim);
    build->ivf.header.step = coder->step;
    return MQL_OK;
}

/* ---- lists ---- */

static mql_status
allocate_lists(IvfBuild *build, Error *err)
{
    const IvfHeader *header = &build->ivf.header;
    size_t lists = header->list_count, places = ivf_listed(header);
    size_t stride = build->ivf.coder.stride;
    build->starts = calloc(lists + 2, sizeof *build->starts);
    build->bounds = calloc(lists, sizeof *build->bounds);
    build->points = calloc(lists * header->dim, sizeof *build->points);
    build->centroids = calloc(lists, stride);
    build->norms = calloc(lists, sizeof *build->norms);
    build->terms = calloc(places, sizeof *build->terms);
    build->factors = calloc(header->code_type == IVF_CODES_SIGNS ? places : 1,
                            sizeof *build->factors);
    if (build->starts == NULL || build->bounds == NULL ||
        build->points == NULL || build->centroids == NULL ||
        build->norms == NULL || build->terms == NULL || build->factors == NULL)
        return error_no_memory(err);
    return MQL_OK;
}

static mql_status
train_centroids(IvfBuild *build, Error *err)
{
    const IvfHeader *header = &build->ivf.header;
    uint32_t listed = ivf_listed(header);
    uint32_t count = kmeans_sample_size(listed, header->list_count);
    uint32_t *sample = calloc((size_t)count + 1, sizeof *sample);
    if (sample == NULL)
        return error_no_memory(err);
    for (uint64_t i = 0; i < count; i++)
        sample[i] = build->rows[i * listed / count];
    KmeansInput input = {.column = build->input->vectors,
                         .is_unit = is_unit(build),
                         .rows = sample,
                         .count = count,
                         .pool = build->input->pool,
                         .cancel = build->input->cancel};
    mql_status status =
        kmeans_train(&input, header->list_count, build->points, err);
    free(sample);
    return status;
}

/* Leave out lists without rows: `sizes` and centroids move up. */
static void
drop_empty(IvfBuild *build, const uint32_t *sizes, uint32_t *numbers)
{
    IvfHeader *header = &build->ivf.header;
    uint32_t kept = 0;
    for (uint32_t list = 0; list < header->list_count; list++) {
        numbers[list] = kept;
        if (sizes[list] == 0)
            continue;
        memmove(build->points + (size_t)kept * header->dim,
                build->points + (size_t)list * header->dim,
                header->dim * sizeof *build->points);
        build->starts[kept + 1] = build->starts[kept] + sizes[list];
        kept++;
    }
    header->list_count = kept;
    build->starts[kept + 1] = header->place_count;
}

/* Bring the rows into the order of lists. `nearest` is each one's centroid,
 * `rows` room for all of them, `sizes` zeros for each list and one more. */
static void
order_rows(IvfBuild *build, const uint32_t *nearest, uint32_t *rows,
           uint32_t *sizes)
{
    const IvfHeader *header = &build->ivf.header;
    uint32_t lists = header->list_count, listed = ivf_listed(header);
    uint32_t *numbers = sizes + lists, *next = numbers + lists;
    for (uint32_t i = 0; i < listed; i++)
        sizes[nearest[i]]++;
    drop_empty(build, sizes, numbers);
    memcpy(next, build->starts, header->list_count * sizeof *next);
    for (uint32_t i = 0; i < listed; i++)
        rows[next[numbers[nearest[i]]]++] = build->rows[i];
    memcpy(build->rows, rows, listed * sizeof *rows);
}

static mql_status
make_lists(IvfBuild *build, Error *err)
{
    const IvfHeader *header = &build->ivf.header;
    uint32_t listed = ivf_listed(header);
    uint32_t *nearest = calloc(listed, sizeof *nearest);
    uint32_t *rows = calloc(listed, sizeof *rows);
    uint32_t *sizes = calloc(3 * (size_t)header->list_count, sizeof *sizes);
    mql_status status = MQL_OK;
    if (nearest == NULL || rows == NULL || sizes == NULL)
        status = error_no_memory(err);
    KmeansInput input = {.column = build->input->vectors,
                         .is_unit = is_unit(build),
                         .rows = build->rows,
                         .count = listed,
                         .pool = build->input->pool,
                         .cancel = build->input->cancel};
    if (status == MQL_OK)
        status = kmeans_assign(&input, build->points, header->list_count,
                               nearest, err);
    if (status == MQL_OK)
        order_rows(build, nearest, rows, sizes);
    free(nearest);
    free(rows);
    free(sizes);
    return status;
}

/* ---- codes ---- */

float
ivf_code_norm(const Coder *coder, const uint8_t *code)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < coder->dim; i++) {
        int32_t element = (int32_t)code[i] - 64;
        sum += element * element;
    }
    return (float)((double)coder->step * (double)coder->step * (double)sum);
}

double
ivf_code_error(const Coder *coder, const float *vector, const uint8_t *code)
{
    double sum = 0;
    for (uint32_t i = 0; i < coder->dim; i++) {
        double rest = (double)vector[i] - (double)coder->center[i] -
                      ((double)code[i] - 64.0) * (double)coder->step;
        sum += rest * rest;
    }
    return sqrt(sum);
}

/* A float that is not below. */
static float
round_up(double x)
{
    return (float)(x * (1.0 + 1e-6));
}

/* Codes of the centroids, which all else is relative to. */
static void
encode_centroids(IvfBuild *build)
{
    const Coder *coder = &build->ivf.coder;
    for (uint32_t list = 0; list < build->ivf.header.list_count; list++) {
        uint8_t *code = build->centroids + (size_t)list * coder->stride;
        coder_encode(coder, build->points + (size_t)list * coder->dim, 0, code);
        build->norms[list] = ivf_code_norm(coder, code);
    }
}

static mql_status
encode_list(IvfBuild *build, uint32_t list, float *vector, Error *err)
{
    const Coder *coder = &build->ivf.coder;
    const VectorColumn *column = build->ivf.column;
    size_t size = ivf_code_size(&build->ivf);
    double error = 0, norm = 0;
    for (uint32_t i = build->starts[list]; i < build->starts[list + 1]; i++) {
        uint32_t row = build->rows[i];
        uint8_t *code = build->codes + i * size;
        if (is_cancelled(build->input->cancel))
            return error_cancelled(err);
        if (column->element == ELEMENT_BIT) {
            memcpy(code, vector_row(column, row), size);
            continue;
        }
        kmeans_row(column, is_unit(build), row, vector);
        coder_encode(coder, vector, row, code);
        build->terms[i] = ivf_code_norm(coder, code);
        error = fmax(error, ivf_code_error(coder, vector, code));
        norm = fmax(norm, sqrt((double)build->terms[i]));
    }
    build->bounds[list] = (IvfBound){round_up(error), round_up(norm)};
    return MQL_OK;
}

static mql_status
encode_work(void *context, uint32_t thread, uint64_t first, uint64_t count,
            Error *err)
{
    (void)thread;
    IvfBuild *build = context;
    float *vector = calloc(build->ivf.header.dim, sizeof *vector);
    mql_status status = MQL_OK;
    if (vector == NULL)
        return error_no_memory(err);
    for (uint64_t list = first; status == MQL_OK && list < first + count;
         list++)
        status = encode_list(build, (uint32_t)list, vector, err);
    free(vector);
    return status;
}

static mql_status
make_books(IvfBuild *build, Error *err)
{
    const IvfHeader *header = &build->ivf.header;
    build->books =
        calloc((size_t)header->dim * ivf_points(header), sizeof *build->books);
    if (build->books == NULL)
        return error_no_memory(err);
    build->ivf.books = build->books;
    return ivf_pq_train(&build->ivf, build->input->pool, build->input->cancel,
                        build->books, err);
}

static mql_status
make_codes(IvfBuild *build, Error *err)
{
    const IndexBuild *input = build->input;
    Ivf *ivf = &build->ivf;
    encode_centroids(build);
    ivf->coder.center = build->center;
    ivf->starts = build->starts;
    ivf->bounds = build->bounds;
    ivf->centroids = build->centroids;
    ivf->norms = build->norms;
    ivf->rows = build->rows;
    ivf->terms = ivf_has_terms(&ivf->header) ? build->terms : NULL;
    if (ivf_is_pq(&ivf->header))
        TRY(make_books(build, err));
    TRY(ivf_set_blocks(ivf, err));
    build->codes = calloc((size_t)ivf_codes_size(ivf) + 1, 1);
    if (build->codes == NULL)
        return error_no_memory(err);
    ivf->codes = build->codes;
    if (ivf_is_pq(&ivf->header))
        return ivf_pq_encode(ivf, input->pool, input->cancel, build->codes,
                             build->terms, err);
    if (ivf->header.code_type == IVF_CODES_SIGNS) {
        ivf->factors = build->factors;
        return ivf_signs_encode(ivf, input->pool, input->cancel, build->codes,
                                build->terms, build->factors, err);
    }
    return pool_run(input->pool, ivf->header.list_count, 1, encode_work, build,
                    err);
}

/* ---- how many rows to rank ---- */

/* Search for a row of the segment with every refine, and exactly. */
static mql_status
try_row(IvfBuild *build, IvfScratch *scratch, uint32_t number, Error *err)
{
    const Ivf *ivf = &build->ivf;
    uint32_t row =
        ivf->rows[(uint64_t)number * ivf_listed(&ivf->header) / TRIES];
    Neighbor exact[TRY_ROWS], near[TRY_ROWS];
    uint32_t wanted, found;
    VectorQuery query = {.vector = vector_row(ivf->column, row),
                         .k = TRY_ROWS,
                         .cancel = build->input->cancel};
    TRY(ivf_search_lists(ivf, scratch, &query, TRY_PROBES,
                         ivf_has_bounds(&ivf->header) ? 0 : IVF_REFINE_MOST,
                         exact, &wanted, err));
    build->tries_wanted[number] = wanted;
    for (size_t r = 0; r < REFINES; r++) {
        TRY(ivf_search_lists(ivf, scratch, &query, TRY_PROBES, refines[r], near,
                             &found, err));
        for (uint32_t i = 0; i < found; i++)
            build->tries_hit[number][r] +=
                near[i].distance <= exact[wanted - 1].distance;
    }
    return MQL_OK;
}

static mql_status
try_work(void *context, uint32_t thread, uint64_t first, uint64_t count,
         Error *err)
{
    (void)thread;
    IvfBuild *build = context;
    IvfScratch *scratch = ivf_scratch_create(&build->ivf);
    mql_status status = MQL_OK;
    if (scratch == NULL)
        return error_no_memory(err);
    for (uint64_t i = first; status == MQL_OK && i < first + count; i++)
        status = try_row(build, scratch, (uint32_t)i, err);
    ivf_scratch_destroy(scratch);
    return status;
}

/* The least refine that finds what an exact search of the same lists does; if
 * none does, 0, which is that search, or for PQ the largest. */
static mql_status
choose_refine(IvfBuild *build, Error *err)
{
    if (build->ivf.header.code_type == IVF_CODES_FLAT)
        return MQL_OK;
    if (build->ivf.header.code_type == IVF_CODES_BITS) {
        build->ivf.header.refine = 1; /* estimates are exact */
        return MQL_OK;
    }
    TRY(pool_run(build->input->pool, TRIES, 4, try_work, build, err));
    if (!ivf_has_bounds(&build->ivf.header))
        build->ivf.header.refine = refines[REFINES - 1];
    uint32_t wanted = 0;
    for (uint32_t i = 0; i < TRIES; i++)
        wanted += build->tries_wanted[i];
    for (size_t r = 0; r < REFINES; r++) {
        uint32_t hits = 0;
        for (uint32_t i = 0; i < TRIES; i++)
            hits += build->tries_hit[i][r];
        if (hits >= ENOUGH * wanted) {
            build->ivf.header.refine = refines[r];
            break;
        }
    }
    return MQL_OK;
}

/* ---- all of it ---- */

static mql_status
write_part(SectionWriter *writer, uint32_t kind, const void *data,
           uint64_t count, size_t size, Error *err)
{
    return section_write(writer, (SectionId){kind, 0}, data,
                         (size_t)count * size, err);
}

static mql_status
write_file(const IvfBuild *build, SectionWriter *writer, Error *err)
{
    const IvfHeader *header = &build->ivf.header;
    uint64_t lists = header->list_count, places = ivf_listed(header);
    size_t stride = build->ivf.coder.stride;
    TRY(write_part(writer, IVF_SECTION_HEADER, header, 1, sizeof *header, err));
    if (lists == 0)
        return MQL_OK;
    TRY(write_part(writer, IVF_SECTION_STARTS, build->starts, lists + 2,
                   sizeof *build->starts, err));
    if (ivf_has_bounds(header))
        TRY(write_part(writer, IVF_SECTION_BOUNDS, build->bounds, lists,
                       sizeof *build->bounds, err));
    TRY(write_part(writer, IVF_SECTION_CENTROIDS, build->centroids, lists,
                   stride, err));
    TRY(write_part(writer, IVF_SECTION_NORMS, build->norms, lists,
                   sizeof *build->norms, err));
    TRY(write_part(writer, IVF_SECTION_CENTER, build->center, header->dim,
                   sizeof *build->center, err));
    TRY(write_part(writer, IVF_SECTION_ROWS, build->rows, header->place_count,
                   sizeof *build->rows, err));
    if (build->ivf.terms != NULL)
        TRY(write_part(writer, IVF_SECTION_TERMS, build->terms, places,
                       sizeof *build->terms, err));
    if (ivf_is_pq(header))
        TRY(write_part(writer, IVF_SECTION_BOOKS, build->books,
                       (uint64_t)header->dim * ivf_points(header),
                       sizeof *build->books, err));
    if (header->code_type == IVF_CODES_SIGNS)
        TRY(write_part(writer, IVF_SECTION_FACTORS, build->factors, places,
                       sizeof *build->factors, err));
    return write_part(writer, IVF_SECTION_CODES, build->codes,
                      ivf_codes_size(&build->ivf), 1, err);
}

static mql_status
build_lists(IvfBuild *build, Error *err)
{
    IvfHeader *header = &build->ivf.header;
    const VectorColumn *column = build->input->vectors;
    if (is_cancelled(build->input->cancel))
        return error_cancelled(err);
    TRY(vector_column_verify(column, 0, column->count, err));
    TRY(choose_rows(build, err));
    TRY(train_coder(build, err));
    uint32_t listed = ivf_listed(header);
    if (listed == 0 || build->ivf.coder.type == CODES_NONE)
        return MQL_OK; /* no lists: searches scan */

    uint32_t most = listed / ROWS_OF_LIST;
    header->list_count = header->nlist < most ? header->nlist : most;
    if (header->list_count == 0)
        header->list_count = 1;
    TRY(allocate_lists(build, err));
    report(build, 5);
    TRY(train_centroids(build, err));
    report(build, 60);
    TRY(make_lists(build, err));
    report(build, 80);
    TRY(make_codes(build, err));
    report(build, 90);
    return choose_refine(build, err);
}

/* Bytes of a row's code, rounded up generously. */
static uint64_t
code_size(IvfShape shape, uint64_t dim)
{
    switch (shape.codes) {
    case IVF_CODES_FLAT:
    case IVF_CODES_SQ8:
        return ivf_stride((uint32_t)dim);
    case IVF_CODES_PQ4:
        return shape.parts / 2 + 4;
    case IVF_CODES_PQ8:
        return shape.parts;
    case IVF_CODES_SIGNS:
    case IVF_CODES_BITS:
        break;
    }
    return dim / 8 + 4;
}

/* A row has 48 bytes besides its code: numbers, what k-means keeps of it, terms
 * of distances. A list has its centroid as floats up to five times and as a
 * code while it is found. Parts have a sample of rows, and one part of it
 * again. */
uint64_t
ivf_memory(const IndexBuild *input, IvfShape shape)
{
    uint64_t rows = input->vectors->count, dim = input->vectors->dim;
    uint64_t lists = rows / ROWS_OF_LIST + 1;
    lists = lists < shape.nlist ? lists : shape.nlist;
    uint64_t sample = shape.parts == 0               ? 0
                      : shape.codes == IVF_CODES_PQ4 ? 16 * PRODUCT_SAMPLE
                                                     : 256 * PRODUCT_SAMPLE;
    sample = sample < rows ? sample : rows;
    return rows * (code_size(shape, dim) + 48) +
           lists * (6 * dim * sizeof(float) + 64) +
           2 * sample * dim * sizeof(float) +
           pool_threads(input->pool) * points_room_size((uint32_t)dim);
}

mql_status
ivf_build(const IndexBuild *input, IvfShape shape, SectionWriter *writer,
          Error *err)
{
    IvfBuild build = {.input = input};
    build.ivf.column = input->vectors;
    build.ivf.pace = &build.ivf.pace_room;
    build.ivf.header = (IvfHeader){
        .version = IVF_VERSION,
        .row_count = input->vectors->count,
        .dim = input->vectors->dim,
        .metric = (uint32_t)input->metric,
        .nlist = shape.nlist,
        .code_type = (uint32_t)shape.codes,
        .parts = shape.parts,
    };
    mql_status status = build_lists(&build, err);
    if (status == MQL_OK)
        status = write_file(&build, writer, err);
    if (status == MQL_OK)
        report(&build, 100);
    build_free(&build);
    return status;
}
