/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_check.c - every invariant of an HNSW file.
 *
 * Links name nodes of their level, no node itself or another twice; there are
 * at most M (2 M on the lowest level); slots after them hold the node's own id;
 * nodes are rows with different vectors, each named once; every node can be
 * reached from the entry on the lowest level; codes are what encoding the rows
 * gives.
 */
#include "index/vector/hnsw_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

typedef struct Check {
    const Hnsw *hnsw;
    uint64_t *nodes; /* bit for each row that is a node      */
    uint64_t *seen;  /* bit for each row or id               */
    uint32_t *queue; /* rows to go on from                   */
    uint8_t *code;
    SmallEncoder encoder; /* of small codes, if there are some */
} Check;

static mql_status
wrong(const Hnsw *hnsw, const char *what, uint32_t level, uint32_t id,
      Error *err)
{
    return error_corrupt(err, section_file_path(hnsw->file), -1,
                         "an HNSW index has %s at level %u, node %u", what,
                         level, id);
}

static bool
has_vector(const Hnsw *hnsw, uint32_t row)
{
    return hnsw->column->valid == NULL || hnsw->column->valid[row] != 0;
}

static bool
is_node(const Check *check, uint32_t row)
{
    return row < check->hnsw->header.row_count && bits_get(check->nodes, row);
}

/* The ring that begins at a node: ascending rows with the same vector. */
static mql_status
check_ring(Check *check, uint32_t node, uint32_t *copies, Error *err)
{
    const Hnsw *hnsw = check->hnsw;
    const VectorColumn *column = hnsw->column;
    size_t size = vector_row_size(column);
    uint32_t row = node, next;
    TRY(vector_column_verify(column, node, 1, err));
    for (;; row = next) {
        TRY(copies_next(&hnsw->copies, row, &next, err));
        if (next == node)
            return MQL_OK;
        TRY(vector_column_verify(column, next, 1, err));
        if (next <= row || !has_vector(hnsw, next) ||
            bits_get(check->seen, next) ||
            memcmp(vector_row(column, node), vector_row(column, next), size) !=
                0)
            return wrong(hnsw, "a wrong copy", 0, next, err);
        bits_set(check->seen, next);
        ++*copies;
    }
}

/* Every row with a vector is a node or the copy of one. */
static mql_status
check_copies(Check *check, Error *err)
{
    const HnswHeader *header = &check->hnsw->header;
    uint32_t nodes = 0, copies = 0;
    for (uint32_t row = 0; row < header->row_count; row++) {
        uint32_t next;
        if (!has_vector(check->hnsw, row)) {
            TRY(copies_next(&check->hnsw->copies, row, &next, err));
            if (next != row)
                return wrong(check->hnsw, "a wrong copy", 0, row, err);
        } else if (!bits_get(check->seen, row)) {
            bits_set(check->nodes, row);
            nodes++;
            TRY(check_ring(check, row, &copies, err));
        }
    }
    if (nodes != header->node_count || copies != header->copy_count)
        return wrong(check->hnsw, "a wrong node count", 0, 0, err);
    return MQL_OK;
}

static mql_status
check_links(const Check *check, uint32_t number, uint32_t id, Error *err)
{
    const Hnsw *hnsw = check->hnsw;
    const Level *level = &hnsw->levels[number];
    uint32_t most = hnsw_links_most(hnsw->header.m, number);
    const uint32_t *links;
    TRY(level_links(level, id, &links, err));
    uint32_t degree = 0;
    while (degree < level->stride && links[degree] != id)
        degree++;
    if (degree > most)
        return wrong(hnsw, "too many links", number, id, err);
    for (uint32_t i = degree; i < level->stride; i++)
        if (links[i] != id)
            return wrong(hnsw, "a link to itself", number, id, err);
    for (uint32_t i = 0; i < degree; i++) {
        if (links[i] >= level->count ||
            (number == 0 && !is_node(check, links[i])))
            return wrong(hnsw, "a link to no node", number, id, err);
        for (uint32_t j = 0; j < i; j++)
            if (links[i] == links[j])
                return wrong(hnsw, "a link twice", number, id, err);
    }
    if (number == 0 && degree > 0 && !is_node(check, id))
        return wrong(hnsw, "links of a row without a vector", number, id, err);
    return MQL_OK;
}

/* The rows of the upper levels: valid, no row twice, the entry first. */
static mql_status
check_rows(Check *check, Error *err)
{
    const Hnsw *hnsw = check->hnsw;
    if (hnsw->header.level_count < 2)
        return MQL_OK;
    memset(check->seen, 0,
           bits_words(hnsw->header.row_count) * sizeof *check->seen);
    const Level *level = &hnsw->levels[1];
    TRY(section_verify(hnsw->file, &level->rows_section, 0,
                       level->rows_section.size, err));
    for (uint32_t id = 0; id < level->count; id++) {
        uint32_t row = level->rows[id];
        if (!is_node(check, row) || bits_get(check->seen, row))
            return wrong(hnsw, "a wrong row", 1, id, err);
        bits_set(check->seen, row);
    }
    if (level->rows[0] != hnsw->header.entry_row)
        return wrong(hnsw, "a wrong entry", 1, 0, err);
    return MQL_OK;
}

static mql_status
check_reach(Check *check, Error *err)
{
    const Hnsw *hnsw = check->hnsw;
    const Level *level = &hnsw->levels[0];
    uint32_t first = 0, last = 0;
    memset(check->seen, 0,
           bits_words(hnsw->header.row_count) * sizeof *check->seen);
    if (!is_node(check, hnsw->header.entry_row))
        return wrong(hnsw, "a wrong entry", 0, hnsw->header.entry_row, err);
    check->queue[last++] = hnsw->header.entry_row;
    bits_set(check->seen, hnsw->header.entry_row);
    while (first < last) {
        uint32_t id = check->queue[first++];
        const uint32_t *links;
        TRY(level_links(level, id, &links, err));
        for (uint32_t i = 0; i < level->stride && links[i] != id; i++) {
            if (bits_get(check->seen, links[i]))
                continue;
            bits_set(check->seen, links[i]);
            check->queue[last++] = links[i];
        }
    }
    for (uint32_t row = 0; row < hnsw->header.row_count; row++)
        if (is_node(check, row) && !bits_get(check->seen, row))
            return wrong(hnsw, "no way in", 0, row, err);
    return MQL_OK;
}

/* A neighbouring code is allowed: a norm may differ in its last bit between
 * instruction sets. */
static bool
is_near(int first, int second)
{
    return first - second >= -1 && first - second <= 1;
}

static bool
is_same_code(const Check *check, uint32_t row)
{
    const Coder *coder = &check->hnsw->space.coder;
    const uint8_t *code =
        check->hnsw->space.codes + (size_t)row * coder->stride;
    coder_encode(coder, vector_row(check->hnsw->column, row), row, check->code);
    bool is_same = true;
    for (uint32_t i = 0; i < coder->stride; i++)
        is_same &= is_near((int8_t)code[i], (int8_t)check->code[i]) &&
                   (i < coder->dim || code[i] == 0);
    return is_same;
}

static bool
is_same_nibbles(const Check *check, uint32_t row)
{
    const Nibbles *nibbles = &check->hnsw->space.nibbles;
    const uint8_t *code = nibbles->codes + (size_t)row * nibbles->stride;
    float *room = (float *)(void *)check->code;
    uint8_t *expected = check->code + 2 * nibbles->dim * sizeof *room;
    uint16_t norm;
    nibbles_encode(nibbles, vector_row(check->hnsw->column, row), row, room,
                   expected, &norm);
    return nibbles->norms[row] == nibbles_norm(nibbles, code) &&
           nibbles_are_near(nibbles, code, expected);
}

static bool
is_same(const Check *check, uint32_t row)
{
    const Space *space = &check->hnsw->space;
    if (space->small.type != CODES_NONE)
        return small_is_right(&check->encoder, check->hnsw->column, row,
                              check->code);
    return space->nibbles.stride > 0 ? is_same_nibbles(check, row)
                                     : is_same_code(check, row);
}

static mql_status
check_codes(Check *check, Error *err)
{
    const Hnsw *hnsw = check->hnsw;
    const Space *space = &hnsw->space;
    const VectorColumn *column = hnsw->column;
    if (space->coder.type == CODES_NONE)
        return MQL_OK;
    TRY(section_verify(hnsw->file, &space->section, 0, space->section.size,
                       err));
    if (space_norm_size(space) > 0)
        TRY(section_verify(hnsw->file, &space->norms, 0, space->norms.size,
                           err));
    if (space->small.type != CODES_NONE)
        TRY(small_encoder_init(&space->small, &check->encoder, err));
    for (uint32_t row = 0; row < column->count; row++) {
        if (!is_node(check, row))
            continue;
        TRY(vector_column_verify(column, row, 1, err));
        if (!is_same(check, row))
            return wrong(hnsw, "a wrong code", 0, row, err);
    }
    return MQL_OK;
}

static mql_status
check_all(Check *check, Error *err)
{
    const Hnsw *hnsw = check->hnsw;
    TRY(check_copies(check, err));
    for (uint32_t i = 0; i < hnsw->header.level_count; i++)
        for (uint32_t id = 0; id < hnsw->levels[i].count; id++)
            TRY(check_links(check, i, id, err));
    TRY(check_rows(check, err));
    TRY(check_reach(check, err));
    return check_codes(check, err);
}

/* Memory to encode a row in. */
static size_t
room_size(const Space *space)
{
    return space->small.type != CODES_NONE ? small_room_size(&space->small)
                                           : space_query_size(space);
}

mql_status
hnsw_check(const Index *index, Error *err)
{
    const Hnsw *hnsw = (const Hnsw *)index;
    if (hnsw->header.node_count == 0) {
        for (uint32_t row = 0; row < hnsw->header.row_count; row++)
            if (has_vector(hnsw, row))
                return wrong(hnsw, "a wrong node count", 0, 0, err);
        return MQL_OK;
    }
    Check check = {.hnsw = hnsw};
    size_t rows = hnsw->header.row_count;
    check.nodes = calloc(bits_words(rows), sizeof *check.nodes);
    check.seen = calloc(bits_words(rows), sizeof *check.seen);
    check.queue = calloc(rows, sizeof *check.queue);
    check.code = calloc(room_size(&hnsw->space) + 1, 1);
    mql_status status;
    if (check.nodes == NULL || check.seen == NULL || check.queue == NULL ||
        check.code == NULL)
        status = error_no_memory(err);
    else
        status = check_all(&check, err);
    free(check.nodes);
    free(check.seen);
    free(check.queue);
    free(check.code);
    small_encoder_free(&check.encoder);
    return status;
}
