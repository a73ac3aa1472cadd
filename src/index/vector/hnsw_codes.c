/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_codes.c - the codes of a graph. It is built over bytes, which are nearer
 * to the truth; searches walk over half bytes where the data allow, as those
 * are half of what has to come from memory, or over what the user chose.
 */
#include "index/vector/hnsw_build.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

/* With fewer elements bytes are few enough. */
#define NIBBLES_DIM_LEAST 256
/* More rows to rank than this would cost what half bytes save. */
#define NIBBLES_RERANK_MOST 200

static mql_status
encode_rows(void *context, uint32_t thread, uint64_t first, uint64_t count,
            Error *err)
{
    (void)thread;
    Build *build = context;
    const VectorColumn *column = build->column;
    if (is_cancelled(build->input->cancel))
        return error_cancelled(err);
    for (uint64_t row = first; row < first + count; row++)
        if (has_vector(column, (uint32_t)row))
            coder_encode(&build->space.coder, vector_row(column, row), row,
                         build->codes + row * build->space.coder.stride);
    return MQL_OK;
}

/* Rows of half bytes on their way. */
typedef struct NibbleWork {
    Build *build;
    const Nibbles *nibbles;
} NibbleWork;

static mql_status
encode_nibbles(void *context, uint32_t thread, uint64_t first, uint64_t count,
               Error *err)
{
    (void)thread;
    const NibbleWork *work = context;
    Build *build = work->build;
    const Nibbles *nibbles = work->nibbles;
    const VectorColumn *column = build->column;
    if (is_cancelled(build->input->cancel))
        return error_cancelled(err);
    float *room = calloc(nibbles->dim, 2 * sizeof *room);
    if (room == NULL)
        return error_no_memory(err);
    for (uint64_t row = first; row < first + count; row++)
        if (has_vector(column, (uint32_t)row))
            nibbles_encode(nibbles, vector_row(column, row), row, room,
                           build->nibbles + row * nibbles->stride,
                           &build->norms[row]);
    free(room);
    return MQL_OK;
}

static mql_status
zeroed(size_t count, size_t size, uint8_t **memory, Error *err)
{
    size_t bytes;
    if (!size_multiply(count, size, &bytes) || bytes > SIZE_MAX - 63)
        return error_no_memory(err);
    bytes = (bytes + 63) / 64 * 64; /* as aligned_alloc() wants it */
    *memory = aligned_alloc(64, bytes);
    if (*memory == NULL)
        return error_no_memory(err);
    memset(*memory, 0, bytes);
    return MQL_OK;
}

/* Half bytes of all rows for the walk; a stride of 0: the numbers do not allow
 * them. */
static mql_status
make_nibbles(Build *build, Error *err)
{
    Nibbles *nibbles = &build->walk.nibbles;
    uint32_t rows = build->header.row_count;
    TRY(nibbles_train(build->column, &build->walk.coder, nibbles, err));
    if (nibbles->stride == 0)
        return MQL_OK;
    TRY(zeroed(rows, nibbles->stride, &build->nibbles, err));
    build->norms = calloc(rows, sizeof *build->norms);
    if (build->norms == NULL)
        return error_no_memory(err);
    NibbleWork work = {build, nibbles};
    TRY(pool_run(build->input->pool, rows, 256, encode_nibbles, &work, err));
    nibbles->codes = build->nibbles;
    nibbles->norms = build->norms;
    build->header.code_type = CODES_NIBBLES;
    build->header.code_step = nibbles->step;
    build->header.norm_shift = nibbles->shift;
    return MQL_OK;
}

/* Walk over bytes as the links were made. */
static void
drop_nibbles(Build *build)
{
    HnswHeader *header = &build->header;
    free(build->nibbles);
    free(build->norms);
    build->nibbles = NULL;
    build->norms = NULL;
    build->walk = build->space;
    header->code_type = build->space.coder.type;
    header->code_step = build->space.coder.step;
    header->norm_shift = 0;
}

static mql_status
test_walk(Build *build, const RerankTrial *trial, uint32_t *percent, Error *err)
{
    const IndexBuild *input = build->input;
    return space_test_codes(&build->walk, trial, input->pool, input->cancel,
                            percent, err);
}

/* Half bytes in place of bytes where they tell the rows apart as well. */
static mql_status
try_nibbles(Build *build, Error *err)
{
    uint32_t percent = 0;
    if (build->header.dim < NIBBLES_DIM_LEAST)
        return MQL_OK;
    TRY(make_nibbles(build, err));
    if (build->nibbles != NULL)
        TRY(test_walk(build, &rerank_trial_usual, &percent, err));
    if (percent > 0 && percent <= NIBBLES_RERANK_MOST)
        build->header.rerank_percent = percent;
    else
        drop_nibbles(build);
    return MQL_OK;
}

/* ---- what the user chose ---- */

/* Rows of chosen codes on their way. */
typedef struct SmallWork {
    Build *build;
    SmallEncoder encoder;
} SmallWork;

static mql_status
encode_small(void *context, uint32_t thread, uint64_t first, uint64_t count,
             Error *err)
{
    (void)thread;
    const SmallWork *work = context;
    Build *build = work->build;
    uint32_t rows[SMALL_BLOCK], row_count = 0;
    if (is_cancelled(build->input->cancel))
        return error_cancelled(err);
    void *room = malloc(small_room_size(&build->walk.small));
    if (room == NULL)
        return error_no_memory(err);
    for (uint64_t row = first; row < first + count; row++) {
        if (has_vector(build->column, (uint32_t)row))
            rows[row_count++] = (uint32_t)row;
        if (row_count < SMALL_BLOCK && row + 1 < first + count)
            continue;
        small_encode(&work->encoder, build->column, rows, row_count, room,
                     build->small, build->terms);
        row_count = 0;
    }
    free(room);
    return MQL_OK;
}

static mql_status
encode_all_small(Build *build, Error *err)
{
    SmallWork work = {.build = build};
    mql_status status =
        small_encoder_init(&build->walk.small, &work.encoder, err);
    if (status == MQL_OK)
        status = pool_run(build->input->pool, build->header.row_count,
                          4 * SMALL_BLOCK, encode_small, &work, err);
    small_encoder_free(&work.encoder);
    return status;
}

static mql_status
train_small(Build *build, Error *err)
{
    SmallCodes *small = &build->walk.small;
    const IndexBuild *input = build->input;
    build->books = calloc(small_books_size(small) + 1, sizeof *build->books);
    if (build->books == NULL)
        return error_no_memory(err);
    const SmallTraining training = {build->column, input->pool, input->cancel,
                                    build->center, build->books};
    return small_train(&training, small, err);
}

static mql_status
make_small(Build *build, Error *err)
{
    HnswHeader *header = &build->header;
    SmallCodes *small = &build->walk.small;
    uint32_t rows = header->row_count;
    *small = (SmallCodes){.type = build->shape.codes,
                          .coder = build->walk.coder,
                          .product = hnsw_product(&build->shape, header)};
    TRY(train_small(build, err));
    small->stride = small_stride(small);
    TRY(zeroed(rows, small->stride, &build->small, err));
    if (small_has_terms(small)) {
        build->terms = calloc(rows, sizeof *build->terms);
        if (build->terms == NULL)
            return error_no_memory(err);
    }
    TRY(encode_all_small(build, err));
    small->codes = build->small;
    small->terms = build->terms;
    header->code_type = small->type;
    header->code_step = small->coder.step;
    return MQL_OK;
}

/* Two bytes for an element are no less than the vectors themselves have. */
static bool
is_column_as_small(const Build *build)
{
    CodeType type = build->shape.codes;
    return (type == CODES_HALVES || type == CODES_BFLOATS) &&
           element_row_size(build->column->element, 1) <= sizeof(uint16_t);
}

static mql_status
make_chosen(Build *build, Error *err)
{
    HnswHeader *header = &build->header;
    CodeType type = build->shape.codes;
    if (type == CODES_NIBBLES)
        TRY(make_nibbles(build, err));
    else if (type != CODES_L2 && !is_column_as_small(build))
        TRY(make_small(build, err));
    if ((type == CODES_NIBBLES && build->nibbles == NULL) ||
        is_column_as_small(build)) {
        header->code_type = CODES_NONE;
        build->walk.coder.type = CODES_NONE;
        return MQL_OK;
    }
    header->rerank_percent = 0;
    if (!build->shape.is_refined)
        return MQL_OK;
    return test_walk(build, &rerank_trial_wanted, &header->rerank_percent, err);
}

/* ---- all of them ---- */

mql_status
build_make_codes(Build *build, Error *err)
{
    Coder *coder = &build->space.coder;
    HnswHeader *header = &build->header;
    const IndexBuild *input = build->input;
    build->center = calloc(header->dim, sizeof *build->center);
    if (build->center == NULL)
        return error_no_memory(err);
    TRY(coder_train(build->column, input->metric, build->center, coder, err));
    build->walk = build->space;
    if (coder->type == CODES_NONE)
        return MQL_OK;

    TRY(zeroed(header->row_count, coder->stride, &build->codes, err));
    build->space.codes = build->codes;
    TRY(pool_run(input->pool, header->row_count, 256, encode_rows, build, err));
    build->walk = build->space;
    TRY(test_walk(build, &rerank_trial_usual, &header->rerank_percent, err));
    header->code_type = coder->type;
    header->code_step = coder->step;
    if (header->rerank_percent == 0)
        coder->type = CODES_NONE; /* too blurred to link over */
    if (build->shape.codes != CODES_NONE)
        return make_chosen(build, err);
    build->walk = build->space;
    header->code_type = coder->type;
    return coder->type == CODES_NONE ? MQL_OK : try_nibbles(build, err);
}

static mql_status
write_small(const Build *build, SectionWriter *writer, Error *err)
{
    const SmallCodes *small = &build->walk.small;
    uint32_t rows = build->header.row_count;
    size_t books = small_books_size(small);
    TRY(section_write(writer, (SectionId){HNSW_SECTION_CODES, 0}, build->small,
                      (size_t)rows * small->stride, err));
    if (books > 0)
        TRY(section_write(writer, (SectionId){HNSW_SECTION_BOOKS, 0},
                          build->books, books * sizeof *build->books, err));
    if (build->terms == NULL)
        return MQL_OK;
    return section_write(writer, (SectionId){HNSW_SECTION_TERMS, 0},
                         build->terms, rows * sizeof *build->terms, err);
}

mql_status
build_write_codes(const Build *build, SectionWriter *writer, Error *err)
{
    const HnswHeader *header = &build->header;
    const SectionId codes = {HNSW_SECTION_CODES, 0};
    if (header->code_type == CODES_NONE)
        return MQL_OK;
    if (header->metric != METRIC_IP)
        TRY(section_write(writer, (SectionId){HNSW_SECTION_CENTER, 0},
                          build->center, header->dim * sizeof *build->center,
                          err));
    if (build->small != NULL)
        return write_small(build, writer, err);
    if (header->code_type != CODES_NIBBLES)
        return section_write(
            writer, codes, build->codes,
            (size_t)header->row_count * build->space.coder.stride, err);
    TRY(section_write(writer, codes, build->nibbles,
                      (size_t)header->row_count * nibble_stride(header->dim),
                      err));
    return section_write(writer, (SectionId){HNSW_SECTION_NORMS, 0},
                         build->norms, header->row_count * sizeof *build->norms,
                         err);
}
