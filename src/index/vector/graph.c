/* SPDX-License-Identifier: Apache-2.0 */
/*
 * graph.c - best-first search over links.
 *
 * The plain walk keeps one sorted array of the `width` nearest ids, each marked
 * once it was expanded, and always expands the first unmarked ones; when all
 * are marked the walk is over (as in Glass and DiskANN; two heaps are slower up
 * to some thousand entries). Several are expanded together, so that memory has
 * enough to do: few of them would not have been expanded anyway. The masked
 * walk is the same over the allowed nodes alone, with other neighbours.
 */
#include "index/vector/graph.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "index/keys.h"

/* Places of the array that are looked at for nodes to expand together. */
#define TOGETHER_PLACES 64u
/* Links fetched ahead of their node. */
#define LINKS_AHEAD 96
/* Keys in view from which on new ones are merged into them. */
#define LONG_LIST 512
/* Of a key as a signed number. */
#define KEY_SIGN (UINT64_C(1) << 63)
/* A node's own neighbours, those wanted of what is behind, and what the last
 * one read has more. */
#define FRESH_NODES 3
/* Between two looks at `cancel`. */
#define CANCEL_STEPS 256

/* ---- memory ---- */

Scratch *
scratch_create(uint32_t ids, uint32_t links_most, uint32_t code_size)
{
    Scratch *scratch = calloc(1, sizeof *scratch);
    if (scratch == NULL)
        return NULL;
    uint32_t fresh = links_most * GRAPH_TOGETHER * FRESH_NODES;
    scratch->visited_size = ids;
    scratch->fresh_most = fresh;
    scratch->visited =
        calloc(bits_words((size_t)ids + 1), sizeof *scratch->visited);
    scratch->seen = malloc(((size_t)ids + fresh) * sizeof *scratch->seen);
    scratch->ids = calloc(fresh, sizeof *scratch->ids);
    scratch->rows = calloc(fresh, sizeof *scratch->rows);
    scratch->distances = calloc(fresh, sizeof *scratch->distances);
    scratch->fresh = calloc(fresh, sizeof *scratch->fresh);
    scratch->bridges = malloc(links_most * sizeof(uint32_t));
    scratch->kept = malloc(((size_t)links_most + 16) * sizeof(uint32_t));
    scratch->code = calloc((size_t)code_size + 1, 1);
    if (scratch->visited == NULL || scratch->seen == NULL ||
        scratch->ids == NULL || scratch->rows == NULL ||
        scratch->distances == NULL || scratch->fresh == NULL ||
        scratch->bridges == NULL || scratch->kept == NULL ||
        scratch->code == NULL) {
        scratch_destroy(scratch);
        return NULL;
    }
    return scratch;
}

void
scratch_destroy(Scratch *scratch)
{
    if (scratch == NULL)
        return;
    free(scratch->visited);
    free(scratch->seen);
    free(scratch->met);
    free(scratch->ids);
    free(scratch->rows);
    free(scratch->distances);
    free(scratch->fresh);
    free(scratch->keys);
    free(scratch->code);
    free(scratch->pool);
    free(scratch->bridges);
    free(scratch->kept);
    free(scratch->nodes);
    free(scratch);
}

static mql_status
reserve(Neighbor **entries, uint32_t *capacity, uint32_t wanted, Error *err)
{
    if (wanted <= *capacity)
        return MQL_OK;
    size_t size;
    if (!size_multiply(wanted, sizeof **entries, &size))
        return error_no_memory(err);
    Neighbor *larger = realloc(*entries, size);
    if (larger == NULL)
        return error_no_memory(err);
    *entries = larger;
    *capacity = wanted;
    return MQL_OK;
}

static mql_status
reserve_keys(Scratch *scratch, uint32_t capacity, Error *err)
{
    size_t size;
    if (capacity <= scratch->key_capacity)
        return MQL_OK;
    if (!size_multiply(capacity, sizeof *scratch->keys, &size))
        return error_no_memory(err);
    int64_t *keys = realloc(scratch->keys, size);
    if (keys == NULL)
        return error_no_memory(err);
    scratch->keys = keys;
    scratch->key_capacity = capacity;
    return MQL_OK;
}

mql_status
scratch_nodes(Scratch *scratch, uint64_t **nodes, Error *err)
{
    if (scratch->nodes == NULL)
        scratch->nodes =
            calloc(bits_words(scratch->visited_size), sizeof *scratch->nodes);
    *nodes = scratch->nodes;
    return *nodes == NULL ? error_no_memory(err) : MQL_OK;
}

mql_status
scratch_reserve(Scratch *scratch, uint32_t capacity, Error *err)
{
    TRY(reserve_keys(scratch, capacity, err));
    return reserve(&scratch->pool, &scratch->pool_capacity, capacity, err);
}

/* Room for the distances of all that is seen. */
static mql_status
keep_met(Scratch *scratch, Error *err)
{
    if (scratch->met == NULL)
        scratch->met =
            malloc(((size_t)scratch->visited_size + scratch->fresh_most) *
                   sizeof *scratch->met);
    return scratch->met == NULL ? error_no_memory(err) : MQL_OK;
}

/* Forget what was visited. */
static void
forget(Scratch *scratch)
{
    size_t words = bits_words((size_t)scratch->visited_size + 1);
    if (scratch->seen_count >= words)
        memset(scratch->visited, 0, words * sizeof *scratch->visited);
    for (uint32_t i = 0; i < scratch->seen_count; i++)
        scratch->visited[scratch->seen[i] / 64] = 0;
    scratch->seen_count = 0;
}

/* Mark an id as seen; whether it was before. */
static inline bool
see(Scratch *scratch, uint32_t id)
{
    uint64_t *word = &scratch->visited[id / 64];
    uint64_t bit = (uint64_t)1 << (id % 64);
    bool is_seen = (*word & bit) != 0;
    *word |= bit;
    scratch->seen[scratch->seen_count] = id;
    scratch->seen_count += !is_seen;
    return is_seen;
}

/* ---- one step ---- */

static mql_status
damaged(const Level *level, Error *err)
{
    if (level->file == NULL)
        return error_set(err, ERR_INTERNAL_ERROR, "a graph has a wrong link");
    return error_corrupt(err, section_file_path(level->file), -1,
                         "a graph has a wrong link");
}

mql_status
level_links(const Level *level, uint32_t id, const uint32_t **links, Error *err)
{
    size_t first = (size_t)id * level->stride;
    if (level->file != NULL)
        TRY(section_verify(level->file, &level->section,
                           first * sizeof *level->links,
                           level->stride * sizeof *level->links, err));
    *links = level->links + first;
    return MQL_OK;
}

/* The segment's row of an id; the id is checked. */
static mql_status
row_of(const Walk *walk, const Level *level, uint32_t id, uint32_t *row,
       Error *err)
{
    if (id >= level->count)
        return damaged(level, err);
    *row = id;
    if (level->rows == NULL)
        return MQL_OK;
    if (level->file != NULL && !walk->is_verified)
        TRY(section_verify(level->file, &level->rows_section,
                           id * sizeof *level->rows, sizeof *level->rows, err));
    *row = level->rows[id];
    return *row < walk->space->column->count ? MQL_OK : damaged(level, err);
}

mql_status
copies_next(const Copies *copies, uint32_t row, uint32_t *next, Error *err)
{
    *next = row;
    if (copies->next == NULL)
        return MQL_OK;
    if (copies->file != NULL)
        TRY(section_verify(copies->file, &copies->section,
                           row * sizeof *copies->next, sizeof *copies->next,
                           err));
    *next = copies->next[row];
    if (*next < copies->count)
        return MQL_OK;
    return error_corrupt(err, section_file_path(copies->file), -1,
                         "a graph has a wrong copy");
}

mql_status
copies_allowed(const Copies *copies, const uint64_t *allowed, uint32_t node,
               bool *is_allowed, Error *err)
{
    uint32_t row = node;
    *is_allowed = bits_get(allowed, row);
    while (!*is_allowed && copies->next != NULL) {
        uint32_t next;
        TRY(copies_next(copies, row, &next, err));
        if (next <= row)
            break;
        row = next;
        *is_allowed = bits_get(allowed, row);
    }
    return MQL_OK;
}

/* The rows of the collected ids. */
static mql_status
find_rows(const Walk *walk, const Level *level, uint32_t count,
          const uint32_t **rows, Error *err)
{
    Scratch *scratch = walk->scratch;
    *rows = scratch->ids;
    if (level->rows == NULL)
        return MQL_OK;
    for (uint32_t i = 0; i < count; i++)
        TRY(row_of(walk, level, scratch->ids[i], &scratch->rows[i], err));
    *rows = scratch->rows;
    return MQL_OK;
}

/*
 * Put the links that were not seen before behind the *found of scratch->ids.
 * Which of them were is as good as chance, so that nothing branches on it: all
 * slots are looked at (unused ones name the id itself, which was visited), and
 * an id that is none is counted as the one after the last; false: there was
 * one. What see() does is done here on numbers at hand: a fifth of a search of
 * few rows is here.
 */
static bool
collect(Scratch *scratch, const uint32_t *restrict links, uint32_t stride,
        uint32_t count, uint32_t *found)
{
    uint64_t *restrict visited = scratch->visited;
    uint32_t *restrict ids = scratch->ids + *found;
    uint32_t *restrict seen = scratch->seen + scratch->seen_count;
    uint32_t fresh = 0, largest = 0;
    for (uint32_t i = 0; i < stride; i++) {
        uint32_t id = links[i];
        largest = id > largest ? id : largest;
        id = id < count ? id : count;
        ids[fresh] = id;
        seen[fresh] = id;
        uint64_t word = visited[id / 64], bit = (uint64_t)1 << (id % 64);
        visited[id / 64] = word | bit;
        fresh += (word & bit) == 0;
    }
    scratch->seen_count += fresh;
    *found += fresh;
    return largest < count;
}

/* Collect the neighbours of `id` that were not visited. */
static mql_status
follow(const Walk *walk, const Level *level, uint32_t id, uint32_t *found,
       Error *err)
{
    const uint32_t *links = level->links + (size_t)id * level->stride;
    if (!walk->is_verified)
        TRY(level_links(level, id, &links, err));
    walk->counters->hops++;
    if (!collect(walk->scratch, links, level->stride, level->count, found))
        return damaged(level, err);
    return MQL_OK;
}

/* The links of the id that is likely to be next. */
static void
prefetch_links(const Level *level, uint32_t id)
{
    const uint32_t *links = level->links + (size_t)id * level->stride;
    for (uint32_t i = 0; i < level->stride && i < LINKS_AHEAD; i += 16) {
        __builtin_prefetch(links + i);
        __asm__ volatile("" ::: "memory"); /* GCC 12 may drop some else */
    }
}

/* ---- neighbours that are allowed ---- */

/* Lists of links fetched ahead, and read for one node at most. */
#define BRIDGES_AHEAD 8
#define BRIDGES_MOST 64

/* The links of a node, verified where that is needed. */
static mql_status
read_links(const Walk *walk, const Level *level, uint32_t id,
           const uint32_t **links, Error *err)
{
    walk->counters->hops++;
    if (!walk->is_verified)
        return level_links(level, id, links, err);
    *links = level->links + (size_t)id * level->stride;
    return MQL_OK;
}

/* Of nodes those that may be allowed. */
static const uint64_t *
nodes_of(const WalkMask *mask)
{
    return mask->nodes != NULL ? mask->nodes : mask->allowed;
}

/* Whether one of these is allowed; if not it is none of these any more. */
static mql_status
check_allowed(WalkMask *mask, uint32_t id, bool *is_allowed, Error *err)
{
    *is_allowed = true;
    if (mask->nodes == NULL || bits_get(mask->allowed, id))
        return MQL_OK;
    TRY(copies_allowed(mask->copies, mask->allowed, id, is_allowed, err));
    if (!*is_allowed)
        bits_clear(mask->nodes, id);
    return MQL_OK;
}

/* The allowed ones of a node's links that were not seen go behind the *found of
 * scratch->ids; all allowed ones are added to *passed. */
static mql_status
collect_allowed(const Walk *walk, const Level *level, uint32_t node,
                uint32_t *passed, uint32_t *found, Error *err)
{
    Scratch *scratch = walk->scratch;
    const uint32_t *links;
    TRY(read_links(walk, level, node, &links, err));
    uint32_t count = walk->space->kernels->keep_set(
        links, level->stride, nodes_of(walk->mask), level->count,
        scratch->kept);
    if (count == UINT32_MAX)
        return damaged(level, err);
    walk->mask->read++;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = scratch->kept[i];
        bool is_allowed = true;
        if (!bits_get(scratch->visited, id))
            TRY(check_allowed(walk->mask, id, &is_allowed, err));
        if (id == node || !is_allowed) /* an unused slot */
            continue;
        scratch->ids[*found] = id;
        *found += !see(scratch, id);
        ++*passed;
    }
    return MQL_OK;
}

/* The links, which were read, that are neither allowed nor were seen. */
static uint32_t
list_bridges(const Walk *walk, const Level *level, uint32_t node)
{
    Scratch *scratch = walk->scratch;
    const uint32_t *links = level->links + (size_t)node * level->stride;
    const uint64_t *nodes = nodes_of(walk->mask);
    uint32_t count = 0;
    for (uint32_t i = 0; i < level->stride; i++) {
        uint32_t id = links[i];
        scratch->bridges[count] = id;
        /* no branch: as good as chance */
        uint64_t known = nodes[id / 64] | scratch->visited[id / 64];
        count += (known >> (id % 64) & 1) == 0;
    }
    return count;
}

/*
 * Collect the allowed neighbours of `id` that were not seen; where fewer than
 * `want` of all are allowed, also those behind the others, until there are as
 * many. The links of each node are read for that once at most.
 */
static mql_status
follow_allowed(const Walk *walk, const Level *level, uint32_t id, uint32_t want,
               uint32_t *found, Error *err)
{
    Scratch *scratch = walk->scratch;
    uint32_t near = 0, passed = 0;
    TRY(collect_allowed(walk, level, id, &near, found, err));
    uint32_t before = *found, count = list_bridges(walk, level, id);
    for (uint32_t i = 0; i < count && i < BRIDGES_AHEAD; i++)
        prefetch_links(level, scratch->bridges[i]);
    for (uint32_t i = 0; i < count && i < BRIDGES_MOST; i++) {
        if (near + (*found - before) >= want ||
            *found + level->stride > scratch->fresh_most)
            break;
        if (i + BRIDGES_AHEAD < count)
            prefetch_links(level, scratch->bridges[i + BRIDGES_AHEAD]);
        if (!see(scratch, scratch->bridges[i]))
            TRY(collect_allowed(walk, level, scratch->bridges[i], &passed,
                                found, err));
    }
    walk->mask->passed += near + passed;
    return MQL_OK;
}

/* The distances of the collected ids. */
static mql_status
measure(const Walk *walk, const Level *level, uint32_t count, Error *err)
{
    Scratch *scratch = walk->scratch;
    const uint32_t *rows;
    TRY(find_rows(walk, level, count, &rows, err));
    walk->counters->distances += count;
    TRY(space_distances(walk->space, walk->query, rows, count,
                        scratch->distances, err));
    if (walk->is_kept)
        memcpy(scratch->met + (scratch->seen_count - count), scratch->distances,
               count * sizeof *scratch->met);
    return MQL_OK;
}

/* Mark the starting ids of the pool as visited and give them distances. */
static mql_status
begin(const Walk *walk, const Level *level, Error *err)
{
    Scratch *scratch = walk->scratch;
    forget(scratch);
    if (walk->is_kept)
        TRY(keep_met(scratch, err));
    if (walk->hidden > 0)
        see(scratch, walk->hidden - 1);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < scratch->pool_count; i++) {
        uint32_t id = scratch->pool[i].row, row;
        TRY(row_of(walk, level, id, &row, err));
        if (see(scratch, id))
            continue;
        float distance;
        TRY(space_distances(walk->space, walk->query, &row, 1, &distance, err));
        if (walk->is_kept)
            scratch->met[scratch->seen_count - 1] = distance;
        scratch->pool[kept++] = (Neighbor){distance, id};
    }
    scratch->pool_count = kept;
    walk->counters->distances += kept;
    return MQL_OK;
}

/* ---- the plain walk ---- */

/* What is nearer has a smaller key: that of index/keys.h as a signed number,
 * with the id and whether it was expanded. */
static inline int64_t
key_of(float distance, uint32_t id)
{
    return (int64_t)(key_of_float(distance, id << 1) ^ KEY_SIGN);
}

static inline Neighbor
neighbor_of_key(int64_t key)
{
    return (Neighbor){key_float((uint64_t)key ^ KEY_SIGN), (uint32_t)key >> 1};
}

static inline bool
is_expanded(int64_t key)
{
    return (key & 1) != 0;
}

/* The same of those at the next places. */
static void
prefetch_next(const Walk *walk, const Level *level, uint32_t place,
              uint32_t count)
{
    const int64_t *keys = walk->scratch->keys;
    for (uint32_t i = place; i < count && i < place + GRAPH_TOGETHER; i++)
        if (!is_expanded(keys[i]))
            prefetch_links(level, (uint32_t)keys[i] >> 1);
}

/* Only nodes whose keys are not above this are worth expanding. */
static int64_t
last_key(const Walk *walk, uint32_t count)
{
    WalkStop stop = walk->stop;
    if (stop.count == 0 || count <= stop.count)
        return INT64_MAX;
    float distance =
        neighbor_of_key(walk->scratch->keys[stop.count - 1]).distance;
    float last = (distance + stop.base) * stop.ratio - stop.base;
    return last >= distance ? key_of(last, GRAPH_IDS_MOST) : INT64_MAX;
}

/*
 * Mark the first nodes from place *next on that were not expanded, and collect
 * their neighbours; *next becomes the place after them, `count` when there is
 * none. Where many places lie between them, they are few.
 */
static mql_status
follow_nearest(const Walk *walk, const Level *level, uint32_t count,
               uint32_t *next, uint32_t *found, Error *err)
{
    int64_t *keys = walk->scratch->keys;
    int64_t last = last_key(walk, count);
    uint32_t place = *next, nodes = 0, end = count;
    for (; place < end && nodes < GRAPH_TOGETHER; place++) {
        if (keys[place] > last)
            break;
        if (is_expanded(keys[place]))
            continue;
        if (nodes++ == 0 && end - place > TOGETHER_PLACES)
            end = place + TOGETHER_PLACES;
        keys[place] |= 1;
        TRY(walk->mask == NULL
                ? follow(walk, level, (uint32_t)keys[place] >> 1, found, err)
                : follow_allowed(walk, level, (uint32_t)keys[place] >> 1,
                                 walk->mask->want, found, err));
    }
    *next = nodes > 0 ? place : count;
    return MQL_OK;
}

/* Insert what was collected; returns the lowest place that is new. */
static uint32_t
insert_found(const Walk *walk, uint32_t *count, uint32_t width, uint32_t found)
{
    Scratch *scratch = walk->scratch;
    int64_t last = *count == width ? scratch->keys[width - 1] : INT64_MAX;
    uint32_t near = 0;
    for (uint32_t i = 0; i < found; i++) {
        int64_t key = key_of(scratch->distances[i], scratch->ids[i]);
        scratch->fresh[near] = key;
        near += key < last;
    }
    if (*count >= LONG_LIST)
        return keys_merge(scratch->keys, count, width, scratch->fresh, near);
    return walk->space->kernels->insert_keys(scratch->keys, count, width,
                                             scratch->fresh, near);
}

/* The starts in the pool as keys; their number. */
static uint32_t
insert_starts(const Walk *walk, uint32_t width)
{
    const Scratch *scratch = walk->scratch;
    uint32_t count = 0;
    for (uint32_t i = 0; i < scratch->pool_count; i++) {
        Neighbor start = scratch->pool[i];
        int64_t key = key_of(start.distance, start.row);
        walk->space->kernels->insert_keys(scratch->keys, &count, width, &key,
                                          1);
    }
    return count;
}

/* What a walk took until now, in rows measured. */
static uint64_t
work_of(const Walk *walk, const Level *level)
{
    double reads = (double)walk->counters->hops * links_work(level);
    return walk->counters->distances + (uint64_t)reads;
}

/* Whether a masked walk has cost what it may. */
static bool
is_exhausted(const Walk *walk, const Level *level)
{
    WalkMask *mask = walk->mask;
    if (mask == NULL || work_of(walk, level) - mask->first < mask->most)
        return false;
    mask->is_exhausted = true;
    return true;
}

/* Expand what is in view from place `next` on, and what comes into view. */
static mql_status
expand(const Walk *walk, const Level *level, uint32_t width, uint32_t count,
       uint32_t next, Error *err)
{
    Scratch *scratch = walk->scratch;
    for (uint32_t steps = 1; next < count; steps++) {
        uint32_t found = 0;
        if (steps % CANCEL_STEPS == 0 && is_cancelled(walk->cancel))
            return error_cancelled(err);
        if (is_exhausted(walk, level))
            break;
        TRY(follow_nearest(walk, level, count, &next, &found, err));
        prefetch_next(walk, level, next, count);
        TRY(measure(walk, level, found, err));
        uint32_t place = insert_found(walk, &count, width, found);
        if (place >= next)
            continue;
        next = place;
        prefetch_next(walk, level, next, count);
    }
    for (uint32_t i = 0; i < count; i++)
        scratch->pool[i] = neighbor_of_key(scratch->keys[i]);
    scratch->pool_count = scratch->key_count = count;
    return MQL_OK;
}

mql_status
graph_walk(const Walk *walk, const Level *level, uint32_t width, Error *err)
{
    TRY(begin(walk, level, err));
    return expand(walk, level, width, insert_starts(walk, width), 0, err);
}

/* Behind the keys in view those of all else that was met, as unsigned numbers;
 * how many. */
static uint32_t
list_others(Scratch *scratch)
{
    uint64_t *others = (uint64_t *)scratch->keys + scratch->key_count;
    int64_t last = scratch->keys[scratch->key_count - 1];
    uint32_t count = 0;
    for (uint32_t i = 0; i < scratch->seen_count; i++) {
        int64_t key = key_of(scratch->met[i], scratch->seen[i]);
        others[count] = (uint64_t)key ^ KEY_SIGN;
        count += key > last;
    }
    return count;
}

/* Those that were expanded before they were out of view are so once more, and
 * lead nowhere new. */
mql_status
graph_walk_on(const Walk *walk, const Level *level, uint32_t width, Error *err)
{
    Scratch *scratch = walk->scratch;
    uint32_t count = scratch->key_count;
    TRY(scratch_reserve(scratch, width, err));
    TRY(reserve_keys(scratch, width + scratch->seen_count, err));
    uint64_t *others = (uint64_t *)scratch->keys + count;
    uint32_t more = list_others(scratch);
    if (more > width - count) {
        keys_select(others, more, width - count);
        more = width - count;
    }
    keys_sort(others, more);
    for (uint32_t i = 0; i < more; i++)
        others[i] ^= KEY_SIGN;
    return expand(walk, level, width, count + more, count, err);
}

mql_status
graph_descend(const Walk *walk, const Level *levels, uint32_t top,
              uint32_t bottom, uint32_t entry, Error *err)
{
    Scratch *scratch = walk->scratch;
    TRY(scratch_reserve(scratch, 1, err));
    scratch->pool[0].row = entry;
    scratch->pool_count = 1;
    for (uint32_t level = top; level > bottom; level--)
        TRY(graph_walk(walk, &levels[level], 1, err));
    if (top == 0 || bottom > 0)
        return MQL_OK;
    return row_of(walk, &levels[1], scratch->pool[0].row, &scratch->pool[0].row,
                  err);
}

/* ---- the masked walk ---- */

mql_status
graph_begin_masked(const Walk *walk, const Level *level, uint32_t width,
                   Error *err)
{
    Scratch *scratch = walk->scratch;
    WalkMask *mask = walk->mask;
    uint32_t found = 0;
    mask->first = work_of(walk, level);
    mask->read = mask->passed = 0;
    mask->is_exhausted = mask->is_dry = false;
    TRY(begin(walk, level, err));
    uint32_t start = scratch->pool[0].row;
    bool is_allowed = bits_get(nodes_of(mask), start);
    if (is_allowed)
        TRY(check_allowed(mask, start, &is_allowed, err));
    scratch->pool_count = is_allowed;
    scratch->key_count = insert_starts(walk, width);
    TRY(follow_allowed(walk, level, start, UINT32_MAX, &found, err));
    TRY(measure(walk, level, found, err));
    insert_found(walk, &scratch->key_count, width, found);
    return MQL_OK;
}

mql_status
graph_walk_masked(const Walk *walk, const Level *level, uint32_t width,
                  Error *err)
{
    const Scratch *scratch = walk->scratch;
    TRY(expand(walk, level, width, scratch->key_count, 0, err));
    bool is_dry = true;
    for (uint32_t i = 0; i < scratch->key_count && is_dry; i++)
        is_dry = is_expanded(scratch->keys[i]);
    walk->mask->is_dry = is_dry;
    return MQL_OK;
}
