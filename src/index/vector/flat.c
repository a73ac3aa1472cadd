/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flat.c - FLAT and, over bits, BIN_FLAT: no structure, every search looks at
 * every allowed row. Always right, and so the oracle of the other kinds.
 *
 * FLAT has a file with a code for each row of floats (flat_codes.h), which a
 * search reads in place of the vectors. Without codes (bits, bytes) the vectors
 * themselves are scanned.
 */
#include "index/index.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "index/vector/flat_codes.h"

#define FLAT_VERSION 1
/* Rows that a thread encodes at a time, and all threads between two writes. */
#define GRAIN 64
#define ROUND 4096

enum {
    FLAT_SECTION_HEADER = 1,
    FLAT_SECTION_CODES = 2,
    FLAT_SECTION_TERMS = 3, /* number: FlatTerm */
};

typedef struct FlatHeader {
    uint32_t version;
    uint32_t row_count;
    uint32_t dim;
    uint32_t metric;
    uint32_t stride; /* of a code; 0: there are none */
    uint32_t reserved[11];
} FlatHeader;
_Static_assert(sizeof(FlatHeader) == 64, "on-disk format");

extern const IndexKind flat_kind;
extern const IndexKind bin_flat_kind;

typedef struct Flat {
    Index base;
    const VectorColumn *column;
    Metric metric;
    SectionFile *file; /* NULL: BIN_FLAT */
    FlatCodes codes;   /* stride 0: none */
} Flat;

static const IndexOption no_options[] = {{.name = NULL}};

/* ---- building ---- */

typedef struct FlatBuild {
    const IndexBuild *input;
    uint32_t stride;
    uint32_t first;           /* row of the round */
    uint8_t *codes;           /* of a round       */
    float *terms[FLAT_TERMS]; /* of all rows     */
    float *rooms;             /* a row of floats for each thread */
} FlatBuild;

static mql_status
encode_work(void *context, uint32_t thread, uint64_t first, uint64_t count,
            Error *err)
{
    const FlatBuild *build = context;
    const VectorColumn *column = build->input->vectors;
    float *room = build->rooms + (size_t)thread * column->dim;
    if (is_cancelled(build->input->cancel))
        return error_cancelled(err);
    TRY(vector_column_verify(column, build->first + (uint32_t)first,
                             (uint32_t)count, err));
    for (uint64_t i = first; i < first + count; i++) {
        uint32_t row = build->first + (uint32_t)i;
        float terms[FLAT_TERMS];
        flat_encode(column, build->input->metric, row, room,
                    build->codes + i * build->stride, terms);
        for (uint32_t term = 0; term < FLAT_TERMS; term++)
            build->terms[term][row] = terms[term];
    }
    return MQL_OK;
}

static mql_status
write_codes(FlatBuild *build, SectionWriter *writer, Error *err)
{
    const IndexBuild *input = build->input;
    uint32_t row_count = input->vectors->count;
    TRY(section_begin(writer, (SectionId){FLAT_SECTION_CODES, 0}, err));
    for (; build->first < row_count; build->first += ROUND) {
        uint32_t left = row_count - build->first;
        uint32_t count = left < ROUND ? left : ROUND;
        TRY(pool_run(input->pool, count, GRAIN, encode_work, build, err));
        TRY(section_append(writer, build->codes, (size_t)count * build->stride,
                           err));
        if (input->progress != NULL)
            input->progress(input->progress_context, build->first + count,
                            row_count);
    }
    for (uint32_t i = 0; i < FLAT_TERMS; i++)
        TRY(section_write(writer, (SectionId){FLAT_SECTION_TERMS, i},
                          build->terms[i], row_count * sizeof(float), err));
    return MQL_OK;
}

static mql_status
build_codes(FlatBuild *build, SectionWriter *writer, Error *err)
{
    const VectorColumn *column = build->input->vectors;
    size_t terms = (size_t)column->count * FLAT_TERMS;
    size_t rooms = (size_t)pool_threads(build->input->pool) * column->dim;
    float *memory = malloc((terms + rooms) * sizeof *memory);
    build->codes = malloc((size_t)ROUND * build->stride);
    mql_status status = MQL_OK;
    if (memory == NULL || build->codes == NULL)
        status = error_no_memory(err);
    for (uint32_t i = 0; status == MQL_OK && i < FLAT_TERMS; i++)
        build->terms[i] = memory + (size_t)i * column->count;
    if (status == MQL_OK) {
        build->rooms = memory + terms;
        status = write_codes(build, writer, err);
    }
    free(build->codes);
    free(memory);
    return status;
}

/* Terms of each row, and codes of a round. */
static uint64_t
flat_memory(const IndexBuild *input)
{
    const VectorColumn *column = input->vectors;
    uint64_t threads = pool_threads(input->pool);
    if (!flat_has_codes(column->element))
        return 0;
    return column->count * (uint64_t)FLAT_TERMS * sizeof(float) +
           (uint64_t)ROUND * flat_stride(column->dim) +
           threads * column->dim * sizeof(float) + 64;
}

static mql_status
flat_build(const IndexBuild *input, SectionWriter *writer, Error *err)
{
    const VectorColumn *column = input->vectors;
    FlatBuild build = {.input = input};
    if (flat_has_codes(column->element) && column->count > 0)
        build.stride = flat_stride(column->dim);
    const FlatHeader header = {.version = FLAT_VERSION,
                               .row_count = column->count,
                               .dim = column->dim,
                               .metric = (uint32_t)input->metric,
                               .stride = build.stride};
    TRY(section_write(writer, (SectionId){FLAT_SECTION_HEADER, 0}, &header,
                      sizeof header, err));
    return build.stride == 0 ? MQL_OK : build_codes(&build, writer, err);
}

/* ---- opening ---- */

static mql_status
wrong(const Flat *flat, const char *what, Error *err)
{
    return error_corrupt(err, section_file_path(flat->file), -1,
                         "a FLAT index has a wrong %s", what);
}

/* A large section: its size is checked, its bytes when they are used. */
static mql_status
find_section(const Flat *flat, SectionId id, uint64_t size, Section *section,
             Error *err)
{
    if (!section_find(flat->file, id, section) || section->size != size)
        return wrong(flat, "section", err);
    return MQL_OK;
}

static mql_status
read_file(Flat *flat, Error *err)
{
    const VectorColumn *column = flat->column;
    FlatCodes *codes = &flat->codes;
    FlatHeader header;
    Section section;
    TRY(section_require(flat->file, (SectionId){FLAT_SECTION_HEADER, 0},
                        sizeof header, &section, err));
    memcpy(&header, section.data, sizeof header);
    if (header.version != FLAT_VERSION)
        return wrong(flat, "version", err);
    if (header.row_count != column->count || header.dim != column->dim ||
        header.metric != (uint32_t)flat->metric)
        return wrong(flat, "row count, dimension or metric", err);
    if (header.stride == 0)
        return MQL_OK;
    if (header.stride != flat_stride(column->dim) ||
        !flat_has_codes(column->element))
        return wrong(flat, "code", err);
    TRY(find_section(flat, (SectionId){FLAT_SECTION_CODES, 0},
                     (uint64_t)column->count * header.stride,
                     &codes->codes_section, err));
    codes->codes = (const uint8_t *)codes->codes_section.data;
    for (uint32_t i = 0; i < FLAT_TERMS; i++) {
        TRY(find_section(flat, (SectionId){FLAT_SECTION_TERMS, i},
                         (uint64_t)column->count * sizeof(float),
                         &codes->term_sections[i], err));
        codes->terms[i] =
            (const float *)(const void *)codes->term_sections[i].data;
    }
    codes->file = flat->file;
    codes->stride = header.stride;
    return MQL_OK;
}

static mql_status
open_as(const IndexKind *kind, const IndexOpen *input, Index **index,
        Error *err)
{
    Flat *flat = calloc(1, sizeof *flat);
    if (flat == NULL)
        return error_no_memory(err);
    flat->base.kind = kind;
    flat->column = input->vectors;
    flat->metric = input->metric;
    flat->file = input->file;
    mql_status status = kind->has_file ? read_file(flat, err) : MQL_OK;
    if (status != MQL_OK) {
        free(flat);
        return status;
    }
    *index = &flat->base;
    return MQL_OK;
}

static mql_status
flat_open(const IndexOpen *input, Index **index, Error *err)
{
    return open_as(&flat_kind, input, index, err);
}

static mql_status
bin_flat_open(const IndexOpen *input, Index **index, Error *err)
{
    return open_as(&bin_flat_kind, input, index, err);
}

/* ---- searching ---- */

static mql_status
flat_search(const Index *index, const VectorQuery *query, Neighbor *nearest,
            uint32_t *found, Error *err)
{
    const Flat *flat = (const Flat *)index;
    trace_plan(query, FILTER_SCAN, 1);
    if (flat->codes.stride != 0)
        return flat_codes_scan(&flat->codes, flat->column, flat->metric, query,
                               nearest, found, err);
    return vector_scan(flat->column, flat->metric, query, nearest, found, err);
}

/* With so few targets codes, read again for each, are still quicker. */
#define FEW_TARGETS 4

static mql_status
flat_search_many(const Index *index, const VectorQuery *query,
                 const VectorTargets *targets, Arena *arena, Error *err)
{
    const Flat *flat = (const Flat *)index;
    if (flat->codes.stride == 0 || targets->count > FEW_TARGETS)
        trace_plan(query, FILTER_SCAN, targets->count);
    if (flat->codes.stride == 0)
        return vector_scan_many(flat->column, flat->metric, query, targets,
                                arena, err);
    if (targets->count > FEW_TARGETS)
        return flat_codes_scan_many(&flat->codes, flat->column, flat->metric,
                                    query, targets, arena, err);
    for (uint32_t t = 0; t < targets->count; t++) {
        VectorQuery one = *query;
        one.vector = targets->vectors[t];
        TRY(flat_search(index, &one, targets->nearest + (size_t)t * query->k,
                        &targets->found[t], err));
    }
    return MQL_OK;
}

/* ---- checking ---- */

/* What a row's code and terms would be now. They may differ in the last bit
 * between processors, and with that a code by one, so the error is what is
 * held to: not less than the code is off. */
static bool
is_sound(const Flat *flat, uint32_t row, float *room, uint8_t *code)
{
    const FlatCodes *codes = &flat->codes;
    float terms[FLAT_TERMS];
    flat_encode(flat->column, flat->metric, row, room, code, terms);
    const uint8_t *kept = codes->codes + (size_t)row * codes->stride;
    for (uint32_t i = 0; i < codes->stride; i++)
        if (abs((int)kept[i] - (int)code[i]) > 1)
            return false;
    for (uint32_t i = 0; i < FLAT_TERMS; i++) {
        float is = codes->terms[i][row];
        if (is != terms[i] &&
            !(fabsf(is - terms[i]) <= 1e-3f * fabsf(terms[i])))
            return false;
    }
    return true;
}

static mql_status
check_rows(const Flat *flat, float *room, uint8_t *code, Error *err)
{
    const FlatCodes *codes = &flat->codes;
    uint32_t row_count = flat->column->count;
    TRY(section_verify(flat->file, &codes->codes_section, 0,
                       codes->codes_section.size, err));
    for (uint32_t i = 0; i < FLAT_TERMS; i++)
        TRY(section_verify(flat->file, &codes->term_sections[i], 0,
                           codes->term_sections[i].size, err));
    for (uint32_t row = 0; row < row_count; row++) {
        TRY(vector_column_verify(flat->column, row, 1, err));
        if (!is_sound(flat, row, room, code))
            return error_corrupt(err, section_file_path(flat->file), -1,
                                 "a FLAT index has a wrong code at row %u",
                                 row);
    }
    return MQL_OK;
}

static mql_status
flat_check(const Index *index, Error *err)
{
    const Flat *flat = (const Flat *)index;
    if (flat->codes.stride == 0)
        return MQL_OK; /* there is nothing that could be wrong */
    uint32_t dim = flat->column->dim;
    float *room = malloc(dim * sizeof *room + flat->codes.stride);
    if (room == NULL)
        return error_no_memory(err);
    mql_status status = check_rows(flat, room, (uint8_t *)(room + dim), err);
    free(room);
    return status;
}

static void
flat_close(Index *index)
{
    free(index);
}

const IndexKind flat_kind = {
    .name = "FLAT",
    .help = "exact search by scanning codes of a byte for each element",
    .is_vector = true,
    .is_exact = true,
    .filter_plans = FILTER_SET(FILTER_SCAN),
    .has_file = true,
    .elements = ELEMENT_NUMBERS,
    .build_options = no_options,
    .search_options = no_options,
    .memory = flat_memory,
    .build = flat_build,
    .open = flat_open,
    .search = flat_search,
    .search_many = flat_search_many,
    .check = flat_check,
    .close = flat_close,
};

const IndexKind bin_flat_kind = {
    .name = "BIN_FLAT",
    .help = "exact search of binary vectors by scanning; no file",
    .is_vector = true,
    .is_exact = true,
    .filter_plans = FILTER_SET(FILTER_SCAN),
    .has_file = false,
    .elements = ELEMENT_SET(ELEMENT_BIT),
    .build_options = no_options,
    .search_options = no_options,
    .open = bin_flat_open,
    .search = flat_search,
    .search_many = flat_search_many,
    .check = flat_check,
    .close = flat_close,
};
