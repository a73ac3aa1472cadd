/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ivf.c - opening files with lists.
 *
 * Opening reads the header and what belongs to the lists: where they begin,
 * their bounds and centroids. Every number that is used as a place is checked
 * here; codes and rows are verified list by list as searches come upon them.
 */
#include "index/vector/ivf_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static mql_status
wrong(const Ivf *ivf, const char *what, Error *err)
{
    return error_corrupt(err, section_file_path(ivf->file), -1,
                         "an IVF index has a wrong %s", what);
}

/* ---- opening ---- */

/* The header must fit the segment and the options of the index. */
static mql_status
check_header(const Ivf *ivf, const IndexOpen *input, IvfShape shape, Error *err)
{
    const IvfHeader *header = &ivf->header;
    if (header->version != IVF_VERSION)
        return wrong(ivf, "version", err);
    if (header->row_count != input->vectors->count ||
        header->dim != input->vectors->dim || header->dim == 0)
        return wrong(ivf, "row count or dimension", err);
    if (header->metric != (uint32_t)input->metric)
        return wrong(ivf, "metric", err);
    if (header->code_type != (uint32_t)shape.codes ||
        header->parts != shape.parts)
        return wrong(ivf, "type of codes", err);
    if (header->nlist < 1 || header->nlist > IVF_LISTS_MOST ||
        header->nlist != shape.nlist)
        return wrong(ivf, "nlist", err);
    if (header->place_count > header->row_count ||
        header->zero_count > header->place_count ||
        header->list_count > header->nlist ||
        header->list_count > ivf_listed(header))
        return wrong(ivf, "number of rows or lists", err);
    if (header->parts > IVF_PARTS_MOST ||
        (header->parts > 0 && header->dim % header->parts != 0))
        return wrong(ivf, "number of parts", err);
    if (header->refine > IVF_REFINE_MOST ||
        (header->list_count > 0 &&
         (!(isfinite(header->step) && header->step > 0) ||
          (header->refine == 0 && !ivf_has_bounds(header)))))
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
    if (ivf_has_bounds(header))
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
    if (header->code_type == IVF_CODES_SIGNS) {
        TRY(find_section(ivf, IVF_SECTION_FACTORS,
                         (uint64_t)ivf_listed(header) * sizeof *ivf->factors,
                         &ivf->factors_section, err));
        ivf->factors = (const float *)(const void *)ivf->factors_section.data;
    }
    if (!ivf_has_terms(header))
        return MQL_OK;
    TRY(find_section(ivf, IVF_SECTION_TERMS,
                     (uint64_t)ivf_listed(header) * sizeof *ivf->terms,
                     &ivf->terms_section, err));
    ivf->terms = (const float *)(const void *)ivf->terms_section.data;
    return MQL_OK;
}

static mql_status
read_file(Ivf *ivf, const IndexOpen *input, IvfShape shape, Error *err)
{
    const void *data;
    TRY(require(ivf, IVF_SECTION_HEADER, sizeof ivf->header, &data, err));
    memcpy(&ivf->header, data, sizeof ivf->header);
    TRY(check_header(ivf, input, shape, err));
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

void
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

/* Where an option stands in a table, or -1. */
static int
option_place(const IndexOption *table, const char *name)
{
    for (int i = 0; table[i].name != NULL; i++)
        if (strcmp(table[i].name, name) == 0)
            return i;
    return -1;
}

mql_status
ivf_open(const IndexKind *kind, IvfShape shape, const IndexOpen *input,
         Index **index, Error *err)
{
    Ivf *ivf = calloc(1, sizeof *ivf);
    if (ivf == NULL)
        return error_no_memory(err);
    if (pthread_mutex_init(&ivf->lock, NULL) != 0) {
        free(ivf);
        return error_no_memory(err);
    }
    ivf->base.kind = kind;
    ivf->refine_option = option_place(kind->search_options, "refine_k");
    ivf->bits_option = option_place(kind->search_options, "rbq_bits_query");
    ivf->reorder_option = option_place(kind->search_options, "reorder_k");
    ivf->pace = &ivf->pace_room;
    ivf->column = input->vectors;
    ivf->file = input->file;
    mql_status status = read_file(ivf, input, shape, err);
    if (status != MQL_OK) {
        ivf_close(&ivf->base);
        return status;
    }
    *index = &ivf->base;
    return MQL_OK;
}
