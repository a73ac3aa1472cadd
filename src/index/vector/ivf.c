/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ivf.c - the kinds with lists: their options, and opening their files.
 *
 * Opening reads the header and what belongs to the lists: where they begin,
 * their bounds and centroids. Every number that is used as a place is checked
 * here; codes and rows are verified list by list as searches come upon them.
 */
#include "index/vector/ivf_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

extern const IndexKind ivf_flat_kind;
extern const IndexKind ivf_sq8_kind;
extern const IndexKind ivf_pq_kind;

#define OPTION_NLIST                                                           \
    {                                                                          \
        .name = "nlist", .least = 1, .most = IVF_LISTS_MOST, .usual = 128,     \
        .help = "lists; fewer in a segment with less than 39 rows for each"    \
    }

static const IndexOption build_options[] = {
    [IVF_OPTION_NLIST] = OPTION_NLIST,
    {.name = NULL},
};

static const IndexOption pq_build_options[] = {
    [IVF_OPTION_NLIST] = OPTION_NLIST,
    [IVF_OPTION_M] = {.name = "m",
                      .least = 1,
                      .most = IVF_PARTS_MOST,
                      .usual = -1,
                      .help = "parts of a vector, each of them a code; divides "
                              "the dimension. By default a quarter of it, with "
                              "4 bits half of it, or less"},
    [IVF_OPTION_NBITS] = {.name = "nbits",
                          .least = 1,
                          .most = 24,
                          .usual = 8,
                          .help = "bits of a code: 8, or 4, which is faster"},
    {.name = NULL},
};

#define OPTION_NPROBE                                                          \
    {                                                                          \
        .name = "nprobe", .least = 1, .most = 65536, .usual = 8,               \
        .help = "lists a search looks at: more find more and take longer"      \
    }

static const IndexOption flat_search_options[] = {
    [IVF_OPTION_NPROBE] = OPTION_NPROBE,
    {.name = NULL},
};

static const IndexOption coded_search_options[] = {
    [IVF_OPTION_NPROBE] = OPTION_NPROBE,
    [IVF_OPTION_REFINE_K] = {.name = "refine_k",
                             .least = 1,
                             .most = IVF_REFINE_MOST,
                             .usual = -1,
                             .help = "rows ranked by their vectors, as a "
                                     "multiple of the limit; by default what "
                                     "the data was found to need"},
    {.name = NULL},
};

static mql_status
wrong(const Ivf *ivf, const char *what, Error *err)
{
    return error_corrupt(err, section_file_path(ivf->file), -1,
                         "an IVF index has a wrong %s", what);
}

/* ---- opening ---- */

/* What the options of a kind make of `dim` elements. */
static IvfShape
shape_of(const IndexKind *kind, const IndexOptions *options, uint32_t dim)
{
    if (kind == &ivf_flat_kind)
        return (IvfShape){IVF_CODES_FLAT, 0};
    if (kind == &ivf_sq8_kind)
        return (IvfShape){IVF_CODES_SQ8, 0};
    int64_t bits = options->values[IVF_OPTION_NBITS];
    int64_t parts = options->values[IVF_OPTION_M];
    if (parts < 1) { /* the most that are no more than a nibble or a byte for
                        two or four elements */
        parts = dim / (bits == 4 ? 2 : 4);
        while (parts > 1 && dim % parts != 0)
            parts--;
        parts = parts < 1 ? 1 : parts;
    }
    return (IvfShape){bits == 4 ? IVF_CODES_PQ4 : IVF_CODES_PQ8,
                      (uint32_t)parts};
}

static mql_status
pq_settle(IndexOptions *options, uint32_t dim, Error *err)
{
    int64_t bits = options->values[IVF_OPTION_NBITS];
    int64_t parts = options->values[IVF_OPTION_M];
    if (bits != 4 && bits != 8)
        return error_set(err, ERR_FEATURE_NOT_SUPPORTED,
                         "\"nbits\" other than 4 and 8 is not supported yet");
    if (parts > 0 && dim % parts != 0)
        return error_set(err, ERR_INVALID_PARAMETER,
                         "\"m\" must divide the dimension, %u", dim);
    options->values[IVF_OPTION_M] = shape_of(&ivf_pq_kind, options, dim).parts;
    return MQL_OK;
}

/* The header must fit the segment and the options of the index. */
static mql_status
check_header(const Ivf *ivf, const IndexOpen *input, Error *err)
{
    const IvfHeader *header = &ivf->header;
    if (header->version != IVF_VERSION)
        return wrong(ivf, "version", err);
    if (header->row_count != input->vectors->count ||
        header->dim != input->vectors->dim || header->dim == 0)
        return wrong(ivf, "row count or dimension", err);
    if (header->metric != (uint32_t)input->metric)
        return wrong(ivf, "metric", err);
    IvfShape shape = shape_of(ivf->base.kind, input->options, header->dim);
    if (header->code_type != (uint32_t)shape.codes ||
        header->parts != shape.parts)
        return wrong(ivf, "type of codes", err);
    if (header->nlist < 1 || header->nlist > IVF_LISTS_MOST ||
        (input->options != NULL &&
         header->nlist != (uint64_t)input->options->values[IVF_OPTION_NLIST]))
        return wrong(ivf, "nlist", err);
    if (header->place_count > header->row_count ||
        header->zero_count > header->place_count ||
        header->list_count > header->nlist ||
        header->list_count > ivf_listed(header))
        return wrong(ivf, "number of rows or lists", err);
    if (header->parts > 0 ? header->code_type < IVF_CODES_PQ4 ||
                                header->dim % header->parts != 0 ||
                                header->parts > IVF_PARTS_MOST ||
                                (header->list_count > 0 && header->refine == 0)
                          : header->code_type >= IVF_CODES_PQ4)
        return wrong(ivf, "number of parts", err);
    if (header->refine > IVF_REFINE_MOST ||
        (header->list_count > 0 &&
         !(isfinite(header->step) && header->step > 0)))
        return wrong(ivf, "code", err);
    return MQL_OK;
}

/* A large section: its size is checked, its bytes when they are used. */
static mql_status
find_section(const Ivf *ivf, uint32_t kind, uint64_t size, Section *section,
             Error *err)
{
    if (!section_find(ivf->file, (SectionId){kind, 0}, section) ||
        section->size != size)
        return wrong(ivf, "section", err);
    return MQL_OK;
}

static mql_status
require(const Ivf *ivf, uint32_t kind, uint64_t size, const void **data,
        Error *err)
{
    Section section;
    TRY(section_require(ivf->file, (SectionId){kind, 0}, (size_t)size, &section,
                        err));
    *data = section.data;
    return MQL_OK;
}

/* Lists one behind the other, then the zero vectors. */
static mql_status
check_starts(const Ivf *ivf, Error *err)
{
    const IvfHeader *header = &ivf->header;
    const uint32_t *starts = ivf->starts;
    bool is_right = starts[0] == 0 &&
                    starts[header->list_count] == ivf_listed(header) &&
                    starts[header->list_count + 1] == header->place_count;
    for (uint32_t list = 0; is_right && list < header->list_count; list++)
        is_right = starts[list] <= starts[list + 1];
    return is_right ? MQL_OK : wrong(ivf, "list", err);
}

static mql_status
open_lists(Ivf *ivf, Error *err)
{
    const IvfHeader *header = &ivf->header;
    uint64_t lists = header->list_count, stride = ivf->coder.stride;
    const void *data;
    TRY(require(ivf, IVF_SECTION_STARTS, (lists + 2) * sizeof *ivf->starts,
                &data, err));
    ivf->starts = data;
    TRY(check_starts(ivf, err));
    if (!ivf_is_pq(header))
        TRY(require(ivf, IVF_SECTION_BOUNDS, lists * sizeof *ivf->bounds, &data,
                    err));
    ivf->bounds = data;
    TRY(require(ivf, IVF_SECTION_CENTROIDS, lists * stride, &data, err));
    ivf->centroids = data;
    TRY(require(ivf, IVF_SECTION_NORMS, lists * sizeof *ivf->norms, &data,
                err));
    ivf->norms = data;
    TRY(require(ivf, IVF_SECTION_CENTER, header->dim * sizeof(float), &data,
                err));
    ivf->coder.center = data;
    for (uint32_t i = 0; i < header->dim; i++)
        if (!isfinite(ivf->coder.center[i]))
            return wrong(ivf, "center", err);
    if (ivf_is_pq(header)) {
        TRY(require(ivf, IVF_SECTION_BOOKS,
                    (uint64_t)header->dim * ivf_points(header) * sizeof(float),
                    &data, err));
        ivf->books = data;
    }
    return ivf_set_blocks(ivf, err);
}

static mql_status
open_places(Ivf *ivf, Error *err)
{
    const IvfHeader *header = &ivf->header;
    uint64_t places = header->place_count;
    TRY(find_section(ivf, IVF_SECTION_ROWS, places * sizeof *ivf->rows,
                     &ivf->rows_section, err));
    ivf->rows = (const uint32_t *)(const void *)ivf->rows_section.data;
    TRY(find_section(ivf, IVF_SECTION_CODES, ivf_codes_size(ivf),
                     &ivf->codes_section, err));
    ivf->codes = (const uint8_t *)ivf->codes_section.data;
    if (header->metric == METRIC_IP)
        return MQL_OK;
    TRY(find_section(ivf, IVF_SECTION_TERMS,
                     (uint64_t)ivf_listed(header) * sizeof *ivf->terms,
                     &ivf->terms_section, err));
    ivf->terms = (const float *)(const void *)ivf->terms_section.data;
    return MQL_OK;
}

static mql_status
read_file(Ivf *ivf, const IndexOpen *input, Error *err)
{
    const void *data;
    TRY(require(ivf, IVF_SECTION_HEADER, sizeof ivf->header, &data, err));
    memcpy(&ivf->header, data, sizeof ivf->header);
    TRY(check_header(ivf, input, err));
    if (ivf->header.list_count == 0)
        return MQL_OK;
    ivf->coder = (Coder){.type = CODES_L2,
                         .metric = METRIC_L2,
                         .dim = ivf->header.dim,
                         .stride = ivf_stride(ivf->header.dim),
                         .step = ivf->header.step,
                         .element = ELEMENT_F32};
    TRY(open_lists(ivf, err));
    return open_places(ivf, err);
}

static void
ivf_close(Index *index)
{
    Ivf *ivf = (Ivf *)index;
    if (ivf == NULL)
        return;
    while (ivf->free_scratches != NULL) {
        IvfScratch *scratch = ivf->free_scratches;
        ivf->free_scratches = scratch->next;
        ivf_scratch_destroy(scratch);
    }
    pthread_mutex_destroy(&ivf->lock);
    free(ivf->blocks);
    free(ivf);
}

static mql_status
open_kind(const IndexKind *kind, const IndexOpen *input, Index **index,
          Error *err)
{
    Ivf *ivf = calloc(1, sizeof *ivf);
    if (ivf == NULL)
        return error_no_memory(err);
    if (pthread_mutex_init(&ivf->lock, NULL) != 0) {
        free(ivf);
        return error_no_memory(err);
    }
    ivf->base.kind = kind;
    ivf->column = input->vectors;
    ivf->file = input->file;
    mql_status status = read_file(ivf, input, err);
    if (status != MQL_OK) {
        ivf_close(&ivf->base);
        return status;
    }
    *index = &ivf->base;
    return MQL_OK;
}

/* ---- the kinds ---- */

static mql_status
build_kind(const IndexKind *kind, const IndexBuild *input,
           SectionWriter *writer, Error *err)
{
    IndexOptions options = *input->options;
    if (kind->settle != NULL)
        TRY(kind->settle(&options, input->vectors->dim, err));
    return ivf_build(input, shape_of(kind, &options, input->vectors->dim),
                     writer, err);
}

#define FUNCTIONS(name)                                                        \
    static mql_status name##_build(const IndexBuild *input,                    \
                                   SectionWriter *writer, Error *err)          \
    {                                                                          \
        return build_kind(&ivf_##name##_kind, input, writer, err);             \
    }                                                                          \
    static mql_status name##_open(const IndexOpen *input, Index **index,       \
                                  Error *err)                                  \
    {                                                                          \
        return open_kind(&ivf_##name##_kind, input, index, err);               \
    }

FUNCTIONS(flat)
FUNCTIONS(sq8)
FUNCTIONS(pq)

const IndexKind ivf_flat_kind = {
    .name = "IVF_FLAT",
    .help = "lists around centroids, those near the query searched exactly",
    .is_vector = true,
    .elements = ELEMENT_NUMBERS,
    .has_file = true,
    .build_options = build_options,
    .search_options = flat_search_options,
    .build = flat_build,
    .open = flat_open,
    .search = ivf_search,
    .check = ivf_check,
    .close = ivf_close,
};

const IndexKind ivf_sq8_kind = {
    .name = "IVF_SQ8",
    .help = "lists of codes of a byte for each element; the best are ranked "
            "by their vectors",
    .is_vector = true,
    .elements = ELEMENT_NUMBERS,
    .has_file = true,
    .build_options = build_options,
    .search_options = coded_search_options,
    .build = sq8_build,
    .open = sq8_open,
    .search = ivf_search,
    .check = ivf_check,
    .close = ivf_close,
};

const IndexKind ivf_pq_kind = {
    .name = "IVF_PQ",
    .help = "lists of codes of 4 or 8 bits for each part of a vector; the best "
            "are ranked by their vectors",
    .is_vector = true,
    .elements = ELEMENT_NUMBERS,
    .has_file = true,
    .build_options = pq_build_options,
    .search_options = coded_search_options,
    .settle = pq_settle,
    .build = pq_build,
    .open = pq_open,
    .search = ivf_search,
    .check = ivf_check,
    .close = ivf_close,
};
