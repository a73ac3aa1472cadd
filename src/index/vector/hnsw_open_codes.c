/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_open_codes.c - the codes of an open graph: header and sections are held
 * to each other and to what the options of the index ask for.
 */
#include "index/vector/hnsw_internal.h"

#include <math.h>

/* Half bytes in place of codes; the coder is known. */
static mql_status
open_nibbles(Hnsw *hnsw, Error *err)
{
    const HnswHeader *header = &hnsw->header;
    Space *space = &hnsw->space;
    Nibbles *nibbles = &space->nibbles;
    *nibbles = (Nibbles){.metric = (Metric)header->metric,
                         .element = space->coder.element,
                         .dim = header->dim,
                         .stride = nibble_stride(header->dim),
                         .shift = header->norm_shift,
                         .step = header->code_step,
                         .center = space->coder.center};
    TRY(hnsw_find_section(hnsw, (SectionId){HNSW_SECTION_CODES, 0},
                          (uint64_t)header->row_count * nibbles->stride,
                          &space->section, err));
    TRY(hnsw_find_section(hnsw, (SectionId){HNSW_SECTION_NORMS, 0},
                          (uint64_t)header->row_count * sizeof *nibbles->norms,
                          &space->norms, err));
    nibbles->codes = (const uint8_t *)space->section.data;
    nibbles->norms = (const uint16_t *)(const void *)space->norms.data;
    return MQL_OK;
}

static mql_status
open_small(Hnsw *hnsw, Error *err)
{
    const HnswHeader *header = &hnsw->header;
    Space *space = &hnsw->space;
    SmallCodes *small = &space->small;
    *small = (SmallCodes){.type = (CodeType)header->code_type,
                          .coder = space->coder,
                          .product = hnsw_product(&hnsw->shape, header)};
    small->stride = small_stride(small);
    TRY(hnsw_find_section(hnsw, (SectionId){HNSW_SECTION_CODES, 0},
                          (uint64_t)header->row_count * small->stride,
                          &space->section, err));
    small->codes = (const uint8_t *)space->section.data;
    size_t books = small_books_size(small);
    if (books == 0)
        return MQL_OK;
    Section section;
    TRY(section_require(hnsw->file, (SectionId){HNSW_SECTION_BOOKS, 0},
                        books * sizeof(float), &section, err));
    small->product.books = (const float *)(const void *)section.data;
    if (!small_has_terms(small))
        return MQL_OK;
    TRY(hnsw_find_section(hnsw, (SectionId){HNSW_SECTION_TERMS, 0},
                          (uint64_t)header->row_count * sizeof *small->terms,
                          &space->norms, err));
    small->terms = (const float *)(const void *)space->norms.data;
    return MQL_OK;
}

static mql_status
open_bytes(Hnsw *hnsw, Error *err)
{
    Space *space = &hnsw->space;
    TRY(hnsw_find_section(hnsw, (SectionId){HNSW_SECTION_CODES, 0},
                          (uint64_t)hnsw->header.row_count *
                              space->coder.stride,
                          &space->section, err));
    space->codes = (const uint8_t *)space->section.data;
    return MQL_OK;
}

static CodeType
byte_type(const HnswHeader *header)
{
    return header->metric == METRIC_IP ? CODES_DOT : CODES_L2;
}

/* Whether the options of the index allow what the header says; no codes at all
 * are always right. */
static bool
is_type_right(const Hnsw *hnsw)
{
    CodeType bytes = byte_type(&hnsw->header), wanted = hnsw->shape.codes;
    uint32_t type = hnsw->header.code_type;
    if (wanted == CODES_NONE)
        return type == CODES_NIBBLES || type == bytes;
    return type == (wanted == CODES_L2 ? bytes : wanted);
}

static bool
is_rerank_right(const Hnsw *hnsw)
{
    uint32_t percent = hnsw->header.rerank_percent;
    return hnsw->shape.is_refined
               ? percent >= 100 && percent <= RERANK_PERCENT_MOST
               : percent == 0;
}

static mql_status
open_center(Hnsw *hnsw, Error *err)
{
    Section center;
    Coder *coder = &hnsw->space.coder;
    TRY(section_require(hnsw->file, (SectionId){HNSW_SECTION_CENTER, 0},
                        coder->dim * sizeof(float), &center, err));
    coder->center = (const float *)(const void *)center.data;
    for (uint32_t i = 0; i < coder->dim; i++)
        if (!isfinite(coder->center[i]))
            return hnsw_wrong(hnsw, "center", err);
    return MQL_OK;
}

mql_status
hnsw_open_codes(Hnsw *hnsw, Error *err)
{
    const HnswHeader *header = &hnsw->header;
    Space *space = &hnsw->space;
    if (header->code_type == CODES_NONE || header->node_count == 0)
        return MQL_OK;
    if (!is_type_right(hnsw) || !isfinite(header->code_step) ||
        !(header->code_step > 0) || !is_rerank_right(hnsw) ||
        header->norm_shift > 7)
        return hnsw_wrong(hnsw, "code", err);

    space->coder = (Coder){.type = byte_type(header),
                           .metric = (Metric)header->metric,
                           .element = hnsw->column->element,
                           .dim = header->dim,
                           .stride = code_stride(header->dim),
                           .step = header->code_step};
    if (header->metric != METRIC_IP)
        TRY(open_center(hnsw, err));
    space->file = hnsw->file;
    if (header->code_type == CODES_NIBBLES)
        return open_nibbles(hnsw, err);
    if (header->code_type == (uint32_t)byte_type(header))
        return open_bytes(hnsw, err);
    return open_small(hnsw, err);
}
