/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_codes.c - the codes of a graph. It is built over bytes, which are nearer
 * to the truth; searches walk over half bytes where the data allow, as those
 * are half of what has to come from memory.
 */
#include "index/vector/hnsw_build.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

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
    if (!size_multiply(count, size, &bytes))
        return error_no_memory(err);
    *memory = aligned_alloc(64, bytes);
    if (*memory == NULL)
        return error_no_memory(err);
    memset(*memory, 0, bytes);
    return MQL_OK;
}

static mql_status
encode_and_test(Build *build, Nibbles *nibbles, uint32_t *percent, Error *err)
{
    const IndexBuild *input = build->input;
    uint32_t rows = build->header.row_count;
    TRY(zeroed(rows, nibbles->stride, &build->nibbles, err));
    build->norms = calloc(rows, sizeof *build->norms);
    if (build->norms == NULL)
        return error_no_memory(err);
    NibbleWork work = {build, nibbles};
    TRY(pool_run(input->pool, rows, 256, encode_nibbles, &work, err));
    nibbles->codes = build->nibbles;
    nibbles->norms = build->norms;
    Space space = build->space;
    space.nibbles = *nibbles;
    return space_test_codes(&space, input->pool, input->cancel, percent, err);
}

static mql_status
make_nibbles(Build *build, Error *err)
{
    HnswHeader *header = &build->header;
    Nibbles nibbles;
    uint32_t percent = 0;
    TRY(nibbles_train(build->column, &build->space.coder, &nibbles, err));
    if (nibbles.stride > 0)
        TRY(encode_and_test(build, &nibbles, &percent, err));
    if (percent > 0 && percent <= NIBBLES_RERANK_MOST) {
        header->code_type = CODES_NIBBLES;
        header->code_step = nibbles.step;
        header->norm_shift = nibbles.shift;
        header->rerank_percent = percent;
        return MQL_OK;
    }
    free(build->nibbles);
    free(build->norms);
    build->nibbles = NULL;
    build->norms = NULL;
    return MQL_OK;
}

void
build_use_nibbles(const Build *build, Space *space)
{
    const HnswHeader *header = &build->header;
    space->nibbles = (Nibbles){.metric = (Metric)header->metric,
                               .element = build->space.coder.element,
                               .dim = header->dim,
                               .stride = nibble_stride(header->dim),
                               .shift = header->norm_shift,
                               .step = header->code_step,
                               .center = build->center,
                               .codes = build->nibbles,
                               .norms = build->norms};
}

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
    if (coder->type == CODES_NONE)
        return MQL_OK;

    TRY(zeroed(header->row_count, coder->stride, &build->codes, err));
    build->space.codes = build->codes;
    TRY(pool_run(input->pool, header->row_count, 256, encode_rows, build, err));
    TRY(space_test_codes(&build->space, input->pool, input->cancel,
                         &header->rerank_percent, err));
    if (header->rerank_percent == 0)
        coder->type = CODES_NONE;
    header->code_type = coder->type;
    header->code_step = coder->step;
    return coder->type == CODES_NONE ? MQL_OK : make_nibbles(build, err);
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
