/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw.c - opening the file of a graph.
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

#include "base/bits.h"

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

/* ---- copies ---- */

static mql_status
mark_copied(const Hnsw *hnsw, uint64_t *copied, Error *err)
{
    const Copies *copies = &hnsw->copies;
    TRY(section_verify(copies->file, &copies->section, 0,
                       copies->count * sizeof *copies->next, err));
    for (uint32_t row = 0; row < copies->count; row++) {
        if (copies->next[row] >= copies->count)
            return hnsw_wrong(hnsw, "copy", err);
        if (copies->next[row] != row)
            bits_set(copied, row);
    }
    return MQL_OK;
}

mql_status
hnsw_find_copied(Hnsw *hnsw, const uint64_t **copied, Error *err)
{
    mql_status status = MQL_OK;
    *copied = NULL;
    if (hnsw->copies.next == NULL)
        return MQL_OK;
    pthread_mutex_lock(&hnsw->lock);
    if (hnsw->copied == NULL) {
        uint64_t *made = calloc(bits_words(hnsw->copies.count), sizeof *made);
        status =
            made == NULL ? error_no_memory(err) : mark_copied(hnsw, made, err);
        if (status == MQL_OK)
            hnsw->copied = made;
        else
            free(made);
    }
    *copied = hnsw->copied;
    pthread_mutex_unlock(&hnsw->lock);
    return status;
}

/* ---- opening ---- */

mql_status
hnsw_wrong(const Hnsw *hnsw, const char *what, Error *err)
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
        return hnsw_wrong(hnsw, "version", err);
    if (header->row_count != column->count || header->dim != column->dim ||
        header->row_count > GRAPH_IDS_MOST)
        return hnsw_wrong(hnsw, "row count or dimension", err);
    if (header->metric != (uint32_t)input->metric)
        return hnsw_wrong(hnsw, "metric", err);
    if (header->m < 2 || header->m > 2048 ||
        (input->options != NULL &&
         header->m != (uint64_t)input->options->values[HNSW_OPTION_M]))
        return hnsw_wrong(hnsw, "M", err);
    if ((uint64_t)header->node_count + header->copy_count > header->row_count ||
        (header->node_count == 0 && header->copy_count > 0) ||
        header->level_count > HNSW_LEVELS_MOST ||
        (header->level_count == 0) != (header->node_count == 0))
        return hnsw_wrong(hnsw, "node count", err);

    uint32_t most = header->node_count;
    for (uint32_t level = 0; level < header->level_count; level++) {
        if (header->counts[level] == 0 || header->counts[level] > most ||
            (level == 0 && header->counts[level] != most))
            return hnsw_wrong(hnsw, "level", err);
        most = header->counts[level];
    }
    if (header->node_count > 0 && header->entry_row >= header->row_count)
        return hnsw_wrong(hnsw, "entry", err);
    if (!(header->growth >= 0 && header->growth <= HNSW_GROWTH_MOST))
        return hnsw_wrong(hnsw, "growth", err);
    return MQL_OK;
}

mql_status
hnsw_find_section(const Hnsw *hnsw, SectionId id, uint64_t size,
                  Section *section, Error *err)
{
    if (!section_find(hnsw->file, id, section) || section->size != size)
        return hnsw_wrong(hnsw, "section", err);
    return MQL_OK;
}

static mql_status
open_levels(Hnsw *hnsw, Error *err)
{
    const HnswHeader *header = &hnsw->header;
    Section rows = {0};
    if (header->level_count > 1)
        TRY(hnsw_find_section(hnsw, (SectionId){HNSW_SECTION_ROWS, 0},
                              (uint64_t)header->counts[1] * sizeof(uint32_t),
                              &rows, err));
    for (uint32_t i = 0; i < header->level_count; i++) {
        Level *level = &hnsw->levels[i];
        level->stride = hnsw_stride(header->m, i);
        level->count = i == 0 ? header->row_count : header->counts[i];
        level->file = hnsw->file;
        TRY(hnsw_find_section(hnsw, (SectionId){HNSW_SECTION_LINKS, i},
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
    TRY(hnsw_find_section(hnsw, (SectionId){HNSW_SECTION_COPIES, 0},
                          (uint64_t)copies->count * sizeof *copies->next,
                          &copies->section, err));
    copies->next = (const uint32_t *)(const void *)copies->section.data;
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
                                             : hnsw_wrong(hnsw, "effort", err);
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
    return hnsw_open_codes(hnsw, err);
}

void
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
    free(hnsw->copied);
    free(hnsw);
}

mql_status
hnsw_open(const IndexKind *kind, HnswShape shape, const IndexOpen *input,
          Index **index, Error *err)
{
    Hnsw *hnsw = calloc(1, sizeof *hnsw);
    if (hnsw == NULL)
        return error_no_memory(err);
    if (pthread_mutex_init(&hnsw->lock, NULL) != 0) {
        free(hnsw);
        return error_no_memory(err);
    }
    hnsw->base.kind = kind;
    hnsw->shape = shape;
    hnsw->column = input->vectors;
    hnsw->file = input->file;
    hnsw->pace = &hnsw->pace_room;
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
