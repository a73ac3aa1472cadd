/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw.c - the kind HNSW: its options, and opening its file.
 *
 * Opening reads the header and the center of the codes; every number of the
 * header is checked against the segment and against the sizes of the sections,
 * so that later code can compute offsets without fear. Links and codes are
 * verified block by block as searches come upon them.
 */
#include "index/vector/hnsw_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

extern const IndexKind hnsw_kind;

static const IndexOption build_options[] = {
    [HNSW_OPTION_M] = {.name = "M",
                       .least = 2,
                       .most = 2048,
                       .usual = 30,
                       .help = "links of a node; twice as many at most on the "
                               "lowest level"},
    [HNSW_OPTION_EF_CONSTRUCTION] = {.name = "efConstruction",
                                     .synonym = "ef_construction",
                                     .least = 1,
                                     .most = INT32_MAX,
                                     .usual = 360,
                                     .help = "candidates looked at for the "
                                             "links of a node"},
    {.name = NULL},
};

static const IndexOption search_options[] = {
    [HNSW_OPTION_EF] = {.name = "ef",
                        .synonym = "ef_search",
                        .least = 1,
                        .most = 65536,
                        .usual = -1,
                        .help = "rows a search keeps in view; at least the "
                                "limit, by default the larger of it and 16"},
    {.name = NULL},
};

/* ---- scratch memory ---- */

mql_status
hnsw_scratch_take(Hnsw *hnsw, Scratch **scratch, Error *err)
{
    pthread_mutex_lock(&hnsw->lock);
    *scratch = hnsw->free_scratches;
    if (*scratch != NULL)
        hnsw->free_scratches = (*scratch)->next;
    pthread_mutex_unlock(&hnsw->lock);
    if (*scratch != NULL)
        return MQL_OK;

    *scratch =
        scratch_create(hnsw->header.row_count, hnsw_stride(hnsw->header.m, 0),
                       (uint32_t)space_query_size(&hnsw->space));
    return *scratch == NULL ? error_no_memory(err) : MQL_OK;
}

void
hnsw_scratch_return(Hnsw *hnsw, Scratch *scratch)
{
    pthread_mutex_lock(&hnsw->lock);
    scratch->next = hnsw->free_scratches;
    hnsw->free_scratches = scratch;
    pthread_mutex_unlock(&hnsw->lock);
}

/* ---- opening ---- */

static mql_status
wrong(const Hnsw *hnsw, const char *what, Error *err)
{
    return error_corrupt(err, section_file_path(hnsw->file), -1,
                         "an HNSW index has a wrong %s", what);
}

/* The header must fit the segment and the options of the index. */
static mql_status
check_header(const Hnsw *hnsw, const IndexOpen *input, Error *err)
{
    const HnswHeader *header = &hnsw->header;
    const VectorColumn *column = input->vectors;
    if (header->version != HNSW_VERSION)
        return wrong(hnsw, "version", err);
    if (header->row_count != column->count || header->dim != column->dim ||
        header->row_count > GRAPH_IDS_MOST)
        return wrong(hnsw, "row count or dimension", err);
    if (header->metric != (uint32_t)input->metric)
        return wrong(hnsw, "metric", err);
    if (header->m < 2 || header->m > 2048 ||
        (input->options != NULL &&
         header->m != (uint64_t)input->options->values[HNSW_OPTION_M]))
        return wrong(hnsw, "M", err);
    if ((uint64_t)header->node_count + header->copy_count > header->row_count ||
        (header->node_count == 0 && header->copy_count > 0) ||
        header->level_count > HNSW_LEVELS_MOST ||
        (header->level_count == 0) != (header->node_count == 0))
        return wrong(hnsw, "node count", err);

    uint32_t most = header->node_count;
    for (uint32_t level = 0; level < header->level_count; level++) {
        if (header->counts[level] == 0 || header->counts[level] > most ||
            (level == 0 && header->counts[level] != most))
            return wrong(hnsw, "level", err);
        most = header->counts[level];
    }
    if (header->node_count > 0 && header->entry_row >= header->row_count)
        return wrong(hnsw, "entry", err);
    return MQL_OK;
}

/* A large section: its size is checked, its bytes when they are used. */
static mql_status
find_section(const Hnsw *hnsw, SectionId id, uint64_t size, Section *section,
             Error *err)
{
    if (!section_find(hnsw->file, id, section) || section->size != size)
        return wrong(hnsw, "section", err);
    return MQL_OK;
}

static mql_status
open_levels(Hnsw *hnsw, Error *err)
{
    const HnswHeader *header = &hnsw->header;
    Section rows = {0};
    if (header->level_count > 1)
        TRY(find_section(hnsw, (SectionId){HNSW_SECTION_ROWS, 0},
                         (uint64_t)header->counts[1] * sizeof(uint32_t), &rows,
                         err));
    for (uint32_t i = 0; i < header->level_count; i++) {
        Level *level = &hnsw->levels[i];
        level->stride = hnsw_stride(header->m, i);
        level->count = i == 0 ? header->row_count : header->counts[i];
        level->file = hnsw->file;
        TRY(find_section(hnsw, (SectionId){HNSW_SECTION_LINKS, i},
                         (uint64_t)level->count * level->stride *
                             sizeof(uint32_t),
                         &level->section, err));
        level->links = (const uint32_t *)(const void *)level->section.data;
        if (i > 0) {
            level->rows = (const uint32_t *)(const void *)rows.data;
            level->rows_section = rows;
        }
    }
    return MQL_OK;
}

static mql_status
open_copies(Hnsw *hnsw, Error *err)
{
    Copies *copies = &hnsw->copies;
    copies->count = hnsw->header.row_count;
    copies->file = hnsw->file;
    if (hnsw->header.copy_count == 0)
        return MQL_OK;
    TRY(find_section(hnsw, (SectionId){HNSW_SECTION_COPIES, 0},
                     (uint64_t)copies->count * sizeof *copies->next,
                     &copies->section, err));
    copies->next = (const uint32_t *)(const void *)copies->section.data;
    return MQL_OK;
}

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
    TRY(find_section(hnsw, (SectionId){HNSW_SECTION_CODES, 0},
                     (uint64_t)header->row_count * nibbles->stride,
                     &space->section, err));
    TRY(find_section(hnsw, (SectionId){HNSW_SECTION_NORMS, 0},
                     (uint64_t)header->row_count * sizeof *nibbles->norms,
                     &space->norms, err));
    nibbles->codes = (const uint8_t *)space->section.data;
    nibbles->norms = (const uint16_t *)(const void *)space->norms.data;
    space->file = hnsw->file;
    return MQL_OK;
}

static mql_status
open_codes(Hnsw *hnsw, Error *err)
{
    const HnswHeader *header = &hnsw->header;
    Space *space = &hnsw->space;
    if (header->code_type == CODES_NONE || header->node_count == 0)
        return MQL_OK;
    CodeType type = header->metric == METRIC_IP ? CODES_DOT : CODES_L2;
    bool is_nibbles = header->code_type == CODES_NIBBLES;
    if ((header->code_type != type && !is_nibbles) ||
        !isfinite(header->code_step) || !(header->code_step > 0) ||
        header->rerank_percent < 100 || header->rerank_percent > 10000 ||
        header->norm_shift > 7)
        return wrong(hnsw, "code", err);

    space->coder = (Coder){.type = type,
                           .metric = (Metric)header->metric,
                           .element = hnsw->column->element,
                           .dim = header->dim,
                           .stride = code_stride(header->dim),
                           .step = header->code_step};
    if (type == CODES_L2) {
        Section center;
        TRY(section_require(hnsw->file, (SectionId){HNSW_SECTION_CENTER, 0},
                            header->dim * sizeof(float), &center, err));
        space->coder.center = (const float *)(const void *)center.data;
        for (uint32_t i = 0; i < header->dim; i++)
            if (!isfinite(space->coder.center[i]))
                return wrong(hnsw, "center", err);
    }
    if (is_nibbles)
        return open_nibbles(hnsw, err);
    TRY(find_section(hnsw, (SectionId){HNSW_SECTION_CODES, 0},
                     (uint64_t)header->row_count * space->coder.stride,
                     &space->section, err));
    space->codes = (const uint8_t *)space->section.data;
    space->file = hnsw->file;
    return MQL_OK;
}

static mql_status
open_efforts(Hnsw *hnsw, Error *err)
{
    Section section;
    if (hnsw->header.node_count == 0)
        return MQL_OK;
    TRY(section_require(hnsw->file, (SectionId){HNSW_SECTION_EFFORT, 0},
                        sizeof hnsw->efforts, &section, err));
    memcpy(&hnsw->efforts, section.data, sizeof hnsw->efforts);
    return efforts_are_valid(&hnsw->efforts) ? MQL_OK
                                             : wrong(hnsw, "effort", err);
}

static mql_status
read_file(Hnsw *hnsw, const IndexOpen *input, Error *err)
{
    Section header;
    TRY(section_require(hnsw->file, (SectionId){HNSW_SECTION_HEADER, 0},
                        sizeof hnsw->header, &header, err));
    memcpy(&hnsw->header, header.data, sizeof hnsw->header);
    TRY(check_header(hnsw, input, err));
    TRY(open_levels(hnsw, err));
    TRY(open_copies(hnsw, err));
    TRY(open_efforts(hnsw, err));
    return open_codes(hnsw, err);
}

static void
hnsw_close(Index *index)
{
    Hnsw *hnsw = (Hnsw *)index;
    if (hnsw == NULL)
        return;
    while (hnsw->free_scratches != NULL) {
        Scratch *scratch = hnsw->free_scratches;
        hnsw->free_scratches = scratch->next;
        scratch_destroy(scratch);
    }
    pthread_mutex_destroy(&hnsw->lock);
    free(hnsw);
}

static mql_status
hnsw_open(const IndexOpen *input, Index **index, Error *err)
{
    Hnsw *hnsw = calloc(1, sizeof *hnsw);
    if (hnsw == NULL)
        return error_no_memory(err);
    if (pthread_mutex_init(&hnsw->lock, NULL) != 0) {
        free(hnsw);
        return error_no_memory(err);
    }
    hnsw->base.kind = &hnsw_kind;
    hnsw->column = input->vectors;
    hnsw->file = input->file;
    hnsw->space = (Space){.kernels = distance_table(),
                          .column = input->vectors,
                          .metric = input->metric};

    mql_status status = read_file(hnsw, input, err);
    if (status != MQL_OK) {
        hnsw_close(&hnsw->base);
        return status;
    }
    *index = &hnsw->base;
    return MQL_OK;
}

const IndexKind hnsw_kind = {
    .name = "HNSW",
    .help = "graph of near neighbours: fast, and nearly always right",
    .is_vector = true,
    .is_exact = false,
    .has_file = true,
    .elements = ELEMENT_NUMBERS | ELEMENT_SET(ELEMENT_BIT),
    .build_options = build_options,
    .search_options = search_options,
    .takes_recall = true,
    .build = hnsw_build,
    .open = hnsw_open,
    .search = hnsw_search,
    .check = hnsw_check,
    .close = hnsw_close,
};
