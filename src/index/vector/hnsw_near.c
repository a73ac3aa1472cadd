/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_near.c - lists of nodes, and looking through them.
 *
 * |a - b|^2 is |a|^2 + |b|^2 - 2 a b, sums of integers, so the distances are
 * those of the walk. What is the same for all that a node looks at, |a|^2, is
 * added last.
 */
#include "index/vector/hnsw_near.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "index/keys.h"

#define LIST_ROWS 100 /* nodes of a list, on average ...               */
#define LIST_LEAST 50 /* what looking through a shorter one counts for */
#define LISTS_EACH                                                             \
    8192                   /* ... up to so many lists; then their number       \
                              grows with the root of that of the nodes      */
#define WINDOW_LEAST 1024u /* rows of a list that are looked through        */
#define WINDOW_LISTS 4u    /* ... or so many times the average              */
#define ROWS_EACH 40u      /* ... for each efConstruction, at most            */
#define EARLY_PART 3u      /* one node in so many links as if it joined early */
#define ROOM_SPARE 64      /* neighbours found before some are dropped      */

/* ---- keys ---- */

static inline NearKey
key_of(int32_t distance, uint32_t value)
{
    return (uint64_t)((uint32_t)distance ^ 0x80000000u) << 32 | value;
}

static inline int32_t
key_distance(NearKey key)
{
    return (int32_t)((uint32_t)(key >> 32) ^ 0x80000000u);
}

/* ---- codes side by side ---- */

/* Put a code into a place. */
static void
side_put(uint8_t *codes, uint32_t place, const uint8_t *code, size_t size)
{
    uint8_t *group = codes + (size_t)(place / SIDE_ROWS) * SIDE_ROWS * size;
    for (size_t i = 0; i < size; i += 4)
        memcpy(group + 16 * i + 4 * (place % SIDE_ROWS), code + i, 4);
}

static const uint8_t *
code_of(const Near *near, uint32_t row)
{
    const Build *build = near->build;
    return build->codes + (size_t)row * build->space.coder.stride;
}

static int32_t
norm_of(const uint8_t *code, size_t size)
{
    int32_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += (int32_t)code[i] * code[i];
    return sum;
}

static uint32_t
side_groups(uint32_t count)
{
    return (count + SIDE_ROWS - 1) / SIDE_ROWS;
}

static SideCodes
side_of(const Near *near, const uint8_t *codes, const int32_t *norms,
        uint32_t group)
{
    size_t first = (size_t)group * SIDE_ROWS;
    return (SideCodes){codes + first * near->size, norms + first, near->size};
}

/* Distances, less the node's norm, of up to SIDE_QUERIES rows to all leaders:
 * room->distances, side_groups(list_count) * SIDE_ROWS for each row. */
static void
see_leaders(const Near *near, NearRoom *room, const uint32_t *rows,
            uint32_t count)
{
    const uint8_t *queries[SIDE_QUERIES];
    const int32_t limits[SIDE_QUERIES] = {0};
    int32_t distances[SIDE_QUERIES * SIDE_ROWS];
    uint16_t below[SIDE_QUERIES];
    uint32_t groups = side_groups(near->list_count);
    for (uint32_t i = 0; i < SIDE_QUERIES; i++)
        queries[i] = code_of(near, rows[i < count ? i : 0]);
    for (uint32_t group = 0; group < groups; group++) {
        SideCodes side =
            side_of(near, near->leaders, near->leader_norms, group);
        near->kernels->side_distances(&side, queries, limits, distances, below);
        for (uint32_t i = 0; i < count; i++)
            memcpy(room->distances + ((size_t)i * groups + group) * SIDE_ROWS,
                   distances + (size_t)i * SIDE_ROWS,
                   SIDE_ROWS * sizeof *distances);
    }
}

static const int32_t *
seen_leaders(const Near *near, const NearRoom *room, uint32_t i)
{
    return room->distances +
           (size_t)i * side_groups(near->list_count) * SIDE_ROWS;
}

/* ---- making lists ---- */

static mql_status
assign(void *context, uint32_t thread, uint64_t first, uint64_t count,
       Error *err)
{
    Near *near = context;
    NearRoom *room = &near->rooms[thread];
    const uint32_t *rows = near->build->nodes;
    if (is_cancelled(near->build->input->cancel))
        return error_cancelled(err);
    for (uint64_t i = first; i < first + count; i += SIDE_QUERIES) {
        uint64_t left = first + count - i;
        uint32_t some = left < SIDE_QUERIES ? (uint32_t)left : SIDE_QUERIES;
        see_leaders(near, room, rows + i, some);
        for (uint32_t j = 0; j < some; j++) {
            const int32_t *distances = seen_leaders(near, room, j);
            uint32_t nearest = 0;
            for (uint32_t list = 1; list < near->list_count; list++)
                if (distances[list] < distances[nearest])
                    nearest = list;
            near->nearest[i + j] = nearest;
        }
    }
    return MQL_OK;
}

/* Codes side by side, all zero, with norms that are never near. */
static mql_status
side_make(const Near *near, uint32_t places, uint8_t **codes, int32_t **norms,
          Error *err)
{
    size_t bytes;
    if (!size_multiply(places, near->size, &bytes))
        return error_no_memory(err);
    *codes = aligned_alloc(64, bytes);
    *norms = calloc(places, sizeof **norms);
    if (*codes == NULL || *norms == NULL)
        return error_no_memory(err);
    memset(*codes, 0, bytes);
    for (uint32_t i = 0; i < places; i++)
        (*norms)[i] = INT32_MAX;
    return MQL_OK;
}

static mql_status
make_rooms(Near *near, Error *err)
{
    size_t lists = (size_t)side_groups(near->list_count) * SIDE_ROWS;
    near->rooms = calloc(near->build->worker_count, sizeof *near->rooms);
    if (near->rooms == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < near->build->worker_count; i++) {
        NearRoom *room = &near->rooms[i];
        room->distances = calloc(lists, SIDE_QUERIES * sizeof(int32_t));
        room->lists = calloc(lists, sizeof *room->lists);
        room->votes = calloc(lists, sizeof *room->votes);
        room->order = calloc(lists, sizeof *room->order);
        room->found = calloc(near->most, NEAR_TILE * sizeof *room->found);
        if (room->distances == NULL || room->lists == NULL ||
            room->votes == NULL || room->order == NULL || room->found == NULL)
            return error_no_memory(err);
    }
    return MQL_OK;
}

void
near_free(Near *near)
{
    for (uint32_t i = 0; near->rooms != NULL && i < near->build->worker_count;
         i++) {
        free(near->rooms[i].distances);
        free(near->rooms[i].lists);
        free(near->rooms[i].votes);
        free(near->rooms[i].order);
        free(near->rooms[i].found);
    }
    free(near->rooms);
    free(near->starts);
    free(near->counts);
    free(near->weights);
    free(near->members);
    free(near->ranks);
    free(near->codes);
    free(near->norms);
    free(near->leaders);
    free(near->leader_norms);
    free(near->nearest);
    free(near->tiles);
}

/* The first nodes, whose order is by chance. */
static mql_status
make_leaders(Near *near, Error *err)
{
    TRY(side_make(near, side_groups(near->list_count) * SIDE_ROWS,
                  &near->leaders, &near->leader_norms, err));
    for (uint32_t i = 0; i < near->list_count; i++) {
        const uint8_t *code = code_of(near, near->build->nodes[i]);
        side_put(near->leaders, i, code, near->size);
        near->leader_norms[i] = norm_of(code, near->size);
    }
    return MQL_OK;
}

static uint32_t
weight_of(const Near *near, uint32_t list)
{
    uint32_t count = near->counts[list], window = near->window * SIDE_ROWS;
    count = count < window ? count : window;
    return count > LIST_LEAST ? count : LIST_LEAST;
}

/* Count the nodes of each leader, and lay out the lists. */
static mql_status
size_lists(Near *near, Error *err)
{
    uint32_t nodes = near->build->header.node_count;
    uint64_t places = 0, tiles = 0;
    near->counts = calloc(near->list_count, sizeof *near->counts);
    near->starts = calloc(near->list_count, sizeof *near->starts);
    near->weights = calloc(near->list_count, sizeof *near->weights);
    if (near->counts == NULL || near->starts == NULL || near->weights == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < nodes; i++)
        near->counts[near->nearest[i]]++;
    for (uint32_t list = 0; list < near->list_count; list++) {
        near->starts[list] = (uint32_t)places;
        near->weights[list] = weight_of(near, list);
        places += (uint64_t)side_groups(near->counts[list]) * SIDE_ROWS;
        tiles += (near->counts[list] + NEAR_TILE - 1) / NEAR_TILE;
    }
    if (places > UINT32_MAX)
        return error_no_memory(err);
    near->places = (uint32_t)places;
    near->members = calloc(near->places, sizeof *near->members);
    near->ranks = calloc(near->places, sizeof *near->ranks);
    near->tiles = calloc(tiles, sizeof *near->tiles);
    return near->members == NULL || near->ranks == NULL || near->tiles == NULL
               ? error_no_memory(err)
               : MQL_OK;
}

static void
fill_lists(Near *near)
{
    const Build *build = near->build;
    memset(near->counts, 0, near->list_count * sizeof *near->counts);
    for (uint32_t i = 0; i < build->header.node_count; i++) {
        uint32_t list = near->nearest[i];
        uint32_t place = near->starts[list] + near->counts[list]++;
        near->members[place] = build->nodes[i];
        near->ranks[place] = i;
    }
    for (uint32_t list = 0; list < near->list_count; list++) {
        uint32_t count = near->counts[list];
        for (uint32_t i = 0; i < count; i += NEAR_TILE)
            near->tiles[near->tile_count++] =
                (NearTile){list, near->starts[list] + i,
                           count - i < NEAR_TILE ? count - i : NEAR_TILE};
    }
}

static mql_status
put_codes(void *context, uint32_t thread, uint64_t first, uint64_t count,
          Error *err)
{
    (void)thread;
    Near *near = context;
    if (is_cancelled(near->build->input->cancel))
        return error_cancelled(err);
    for (uint64_t i = first; i < first + count; i++) {
        NearTile tile = near->tiles[i];
        for (uint32_t place = tile.first; place < tile.first + tile.count;
             place++) {
            const uint8_t *code = code_of(near, near->members[place]);
            side_put(near->codes, place, code, near->size);
            near->norms[place] = norm_of(code, near->size);
        }
    }
    return MQL_OK;
}

static uint32_t
count_lists(uint32_t nodes)
{
    uint32_t lists = nodes / LIST_ROWS + 1;
    if (lists <= LISTS_EACH)
        return lists;
    return (uint32_t)sqrt((double)lists * LISTS_EACH);
}

/* What efConstruction and M mean here. */
static void
set_sizes(Near *near)
{
    const HnswHeader *header = &near->build->header;
    uint32_t nodes = header->node_count, width = near->build->width;
    uint64_t rows = (uint64_t)width * ROWS_EACH;
    near->size = (header->dim + 3) / 4 * 4;
    near->kept = build_near_most(near->build);
    near->most = near->kept * 2 + ROOM_SPARE;
    near->rows = rows < nodes ? (uint32_t)rows : nodes;
    near->list_count = count_lists(nodes);
    near->early = nodes / EARLY_PART;
    uint32_t window = nodes / near->list_count * WINDOW_LISTS;
    near->window = side_groups(window > WINDOW_LEAST ? window : WINDOW_LEAST);
}

mql_status
near_make(const Build *build, Near *near, Error *err)
{
    Pool *pool = build->input->pool;
    uint32_t nodes = build->header.node_count;
    *near = (Near){.build = build, .kernels = list_table()};
    set_sizes(near);
    TRY(make_rooms(near, err));
    TRY(make_leaders(near, err));
    near->nearest = calloc(nodes, sizeof *near->nearest);
    if (near->nearest == NULL)
        return error_no_memory(err);
    TRY(pool_run(pool, nodes, NEAR_TILE, assign, near, err));
    TRY(size_lists(near, err));
    fill_lists(near);
    free(near->nearest);
    near->nearest = NULL;
    TRY(side_make(near, near->places, &near->codes, &near->norms, err));
    TRY(pool_run(pool, near->tile_count, 4, put_codes, near, err));
    return near_set_reach(near, err);
}

/* ---- looking through lists ---- */

/* Groups of a list that a tile looks through. */
typedef struct Window {
    uint32_t first, end;
} Window;

/* All, or as many as will do: of one's own list those around the tile, of
 * others as far along. */
static Window
window_of(const Near *near, uint32_t list, NearTile tile)
{
    uint32_t first = near->starts[list] / SIDE_ROWS;
    uint32_t count = side_groups(near->counts[list]);
    if (count <= near->window)
        return (Window){first, first + count};
    uint64_t before = tile.first - near->starts[tile.list];
    first +=
        (uint32_t)(before * (count - near->window) / near->counts[tile.list]);
    return (Window){first, first + near->window};
}

static uint64_t
weigh(const Near *near, const NearKey *keys, uint32_t count)
{
    uint64_t weight = 0;
    for (uint32_t i = 0; i < count; i++)
        weight += near->weights[(uint32_t)keys[i]];
    return weight;
}

/* Bring the nearest lists, that weigh as much as the rows a node looks through,
 * to the front; returns their number. */
static uint32_t
select_lists(const Near *near, NearKey *keys, uint32_t count)
{
    uint32_t first = 0, end = count;
    uint64_t wanted = near->rows;
    while (end - first > 2) {
        uint32_t place = keys_part(keys + first, end - first);
        uint64_t weight = weigh(near, keys + first, place);
        if (weight >= wanted) {
            end = first + place;
        } else {
            first += place;
            wanted -= weight;
        }
    }
    return end;
}

static void
see_lists(const Near *near, NearRoom *room, const int32_t *distances)
{
    for (uint32_t list = 0; list < near->list_count; list++)
        room->lists[list] = key_of(distances[list], list);
}

/* Votes for the nearest lists of a node. */
static void
vote(const Near *near, NearRoom *room, uint32_t number,
     const int32_t *distances)
{
    see_lists(near, room, distances);
    uint32_t count = select_lists(near, room->lists, near->list_count);
    for (uint32_t i = 0; i < count; i++)
        room->votes[(uint32_t)room->lists[i]] |= (uint64_t)1 << number;
}

/* Lists with votes, those with the most first. */
static uint32_t
order_lists(NearRoom *room, uint32_t lists)
{
    uint32_t starts[NEAR_TILE + 2] = {0};
    for (uint32_t list = 0; list < lists; list++)
        starts[NEAR_TILE + 1 - __builtin_popcountll(room->votes[list])]++;
    for (uint32_t i = 1; i <= NEAR_TILE; i++)
        starts[i] += starts[i - 1];
    uint32_t total = starts[NEAR_TILE];
    for (uint32_t list = 0; list < lists; list++) {
        int votes = __builtin_popcountll(room->votes[list]);
        if (votes > 0)
            room->order[starts[NEAR_TILE - votes]++] = list;
    }
    return total;
}

/* Add to what a node found. When the room is full only the nearest stay, and
 * from then on only nearer ones are wanted. */
static void
add_found(const Near *near, NearRoom *room, uint32_t number, NearKey key)
{
    NearKey *found = room->found + (size_t)number * near->most;
    found[room->counts[number]++] = key;
    if (room->counts[number] < near->most)
        return;
    keys_select(found, near->most, near->kept);
    NearKey farthest = found[0];
    for (uint32_t i = 1; i < near->kept; i++)
        farthest = found[i] > farthest ? found[i] : farthest;
    room->counts[number] = near->kept;
    room->limits[number] = key_distance(farthest);
}

/* Nodes of a tile that are compared at once. */
typedef struct Eight {
    const uint8_t *queries[SIDE_QUERIES];
    int32_t limits[SIDE_QUERIES];
    uint32_t numbers[SIDE_QUERIES];
    uint32_t bounds[SIDE_QUERIES]; /* of the ranks they look among */
    uint32_t count;
} Eight;

/* An early node looks among those before it, as a node that joins one by one
 * does: where the rows lie in clumps, links from clump to clump come of that.
 */
static uint32_t
bound_of(const Near *near, uint32_t place)
{
    uint32_t rank = near->ranks[place];
    return rank < near->early ? rank : UINT32_MAX;
}

static void
compare(const Near *near, NearRoom *room, Eight *eight, uint32_t tile_first,
        uint32_t group)
{
    int32_t distances[SIDE_QUERIES * SIDE_ROWS];
    uint16_t below[SIDE_QUERIES];
    SideCodes side = side_of(near, near->codes, near->norms, group);
    for (uint32_t i = 0; i < eight->count; i++)
        eight->limits[i] = room->limits[eight->numbers[i]];
    near->kernels->side_distances(&side, eight->queries, eight->limits,
                                  distances, below);
    for (uint32_t i = 0; i < eight->count; i++) {
        uint32_t number = eight->numbers[i];
        for (uint32_t mask = below[i]; mask != 0; mask &= mask - 1) {
            uint32_t row = (uint32_t)__builtin_ctz(mask);
            uint32_t place = group * SIDE_ROWS + row;
            if (place != tile_first + number &&
                near->ranks[place] < eight->bounds[i])
                add_found(near, room, number,
                          key_of(distances[i * SIDE_ROWS + row], place));
        }
    }
}

/* The nodes of a tile that look through a list: those that voted for it, and
 * so many others that no lane of the kernel is idle. Returns how many groups.
 */
static uint32_t
gather(const Near *near, uint64_t votes, NearTile tile, Eight *eights)
{
    uint64_t others = ~votes;
    uint32_t total = 0;
    if (tile.count < NEAR_TILE)
        others &= ((uint64_t)1 << tile.count) - 1;
    while (votes != 0 || (total % SIDE_QUERIES != 0 && others != 0)) {
        uint64_t *from = votes != 0 ? &votes : &others;
        uint32_t number = (uint32_t)__builtin_ctzll(*from);
        Eight *eight = &eights[total / SIDE_QUERIES];
        uint32_t i = total++ % SIDE_QUERIES;
        *from &= *from - 1;
        eight->count = i + 1;
        eight->numbers[i] = number;
        eight->bounds[i] = bound_of(near, tile.first + number);
        eight->queries[i] = code_of(near, near->members[tile.first + number]);
    }
    Eight *last = &eights[(total - 1) / SIDE_QUERIES];
    for (uint32_t i = last->count; i < SIDE_QUERIES; i++) {
        last->queries[i] = last->queries[0];
        last->limits[i] = INT32_MIN;
    }
    return (total + SIDE_QUERIES - 1) / SIDE_QUERIES;
}

static void
look_through(const Near *near, NearRoom *room, uint32_t list, NearTile tile)
{
    Eight eights[NEAR_TILE / SIDE_QUERIES];
    uint32_t count = gather(near, room->votes[list], tile, eights);
    Window window = window_of(near, list, tile);
    room->votes[list] = 0;
    for (uint32_t group = window.first; group < window.end; group++)
        for (uint32_t i = 0; i < count; i++)
            compare(near, room, &eights[i], tile.first, group);
}

void
near_find(const Near *near, uint32_t thread, NearTile tile)
{
    NearRoom *room = &near->rooms[thread];
    for (uint32_t i = 0; i < tile.count; i += SIDE_QUERIES) {
        uint32_t left = tile.count - i;
        uint32_t some = left < SIDE_QUERIES ? left : SIDE_QUERIES;
        see_leaders(near, room, near->members + tile.first + i, some);
        for (uint32_t j = 0; j < some; j++) {
            room->counts[i + j] = 0;
            room->limits[i + j] = INT32_MAX;
            vote(near, room, i + j, seen_leaders(near, room, j));
        }
    }
    uint32_t lists = order_lists(room, near->list_count);
    for (uint32_t i = 0; i < lists; i++)
        look_through(near, room, room->order[i], tile);
}

uint32_t
near_sort(const Near *near, uint32_t thread, uint32_t number)
{
    NearRoom *room = &near->rooms[thread];
    NearKey *found = room->found + (size_t)number * near->most;
    uint32_t count = room->counts[number];
    if (count > near->kept) {
        keys_select(found, count, near->kept);
        count = near->kept;
    }
    keys_sort(found, count);
    return count;
}

uint32_t
near_take(const Near *near, uint32_t thread, NearTile tile, uint32_t number,
          Neighbor *neighbors)
{
    const NearKey *found =
        near->rooms[thread].found + (size_t)number * near->most;
    uint32_t count = near_sort(near, thread, number);
    int32_t norm = near->norms[tile.first + number];
    for (uint32_t i = 0; i < count; i++)
        neighbors[i] = (Neighbor){(float)(key_distance(found[i]) + norm),
                                  near->members[(uint32_t)found[i]]};
    return count;
}

void
near_sort_lists(const Near *near, uint32_t thread, uint32_t place)
{
    NearRoom *room = &near->rooms[thread];
    see_leaders(near, room, near->members + place, 1);
    see_lists(near, room, seen_leaders(near, room, 0));
    keys_sort(room->lists, near->list_count);
}
