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

static const IndexOption build_options[] = {
    [IVF_OPTION_NLIST] = {.name = "nlist",
                          .least = 1,
                          .most = IVF_LISTS_MOST,
                          .usual = 128,
                          .help = "lists; fewer in a segment with less than 39 "
                                  "rows for each"},
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

static IvfCodes
codes_of(const IndexKind *kind)
{
    return kind == &ivf_flat_kind ? IVF_CODES_FLAT : IVF_CODES_SQ8;
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
    if (header->code_type != (uint32_t)codes_of(ivf->base.kind))
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
    return MQL_OK;
}

static mql_status
open_places(Ivf *ivf, Error *err)
{
    const IvfHeader *header = &ivf->header;
    uint64_t places = header->place_count;
    TRY(find_section(ivf, IVF_SECTION_ROWS, places * sizeof *ivf->rows,
                     &ivf->rows_section, err));
    ivf->rows = (const uint32_t *)(const void *)ivf->rows_section.data;
    TRY(find_section(ivf, IVF_SECTION_CODES,
                     (uint64_t)ivf_listed(header) * ivf->coder.stride,
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
    ivf->coder = (Coder){CODES_L2,         METRIC_L2,
                         ivf->header.dim,  ivf_stride(ivf->header.dim),
                         ivf->header.step, NULL};
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
flat_build(const IndexBuild *input, SectionWriter *writer, Error *err)
{
    return ivf_build(input, IVF_CODES_FLAT, writer, err);
}

static mql_status
flat_open(const IndexOpen *input, Index **index, Error *err)
{
    return open_kind(&ivf_flat_kind, input, index, err);
}

static mql_status
sq8_build(const IndexBuild *input, SectionWriter *writer, Error *err)
{
    return ivf_build(input, IVF_CODES_SQ8, writer, err);
}

static mql_status
sq8_open(const IndexOpen *input, Index **index, Error *err)
{
    return open_kind(&ivf_sq8_kind, input, index, err);
}

const IndexKind ivf_flat_kind = {
    .name = "IVF_FLAT",
    .help = "lists around centroids, those near the query searched exactly",
    .is_vector = true,
    .is_exact = false,
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
    .is_exact = false,
    .has_file = true,
    .build_options = build_options,
    .search_options = coded_search_options,
    .build = sq8_build,
    .open = sq8_open,
    .search = ivf_search,
    .check = ivf_check,
    .close = ivf_close,
};
