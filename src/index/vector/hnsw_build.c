/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_build.c - building an HNSW graph and writing its file.
 *
 * Malkov and Yashunin's graph (2016), built in batches (hnsw_build.h). The
 * order of nodes and their levels come from the row numbers alone. Batches grow
 * with the graph, so that a node always sees most of its neighbours.
 */
#include "index/vector/hnsw_build.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checksum.h"

#define BATCH_SHARE 8 /* a batch is at most this part of the graph so far */
#define ROOM_MOST (1 << 18) /* bytes that a thread works in, about */
#define BATCH_PART 40 /* ... and this part of all nodes                   */
#define BULK_FROM                                                              \
    1000                /* nodes of which those on the lowest level alone      \
                           join all at once */
#define WORK_SAMPLES 64 /* searches that measure header.work                */

/* ---- memory ---- */

static void
worker_free(Worker *worker)
{
    scratch_destroy(worker->scratch);
    free(worker->candidates);
    free(worker->distances);
    free(worker->ids);
    free(worker->rows);
    free(worker->chosen);
    free(worker->passed);
}

static void
build_free(Build *build)
{
    for (uint32_t i = 0; build->workers != NULL && i < build->worker_count; i++)
        worker_free(&build->workers[i]);
    free(build->workers);
    for (uint32_t i = 0; i < HNSW_LEVELS_MOST; i++)
        free(build->links[i]);
    free(build->nodes);
    free(build->copies);
    free(build->is_copy);
    free(build->center);
    free(build->codes);
    free(build->nibbles);
    free(build->norms);
    free(build->small);
    free(build->terms);
    free(build->books);
}

static mql_status
worker_init(const Build *build, Worker *worker, Error *err)
{
    uint32_t stride = hnsw_stride(build->header.m, 0);
    uint32_t near = build_near_most(build);
    uint32_t most = 2 * stride + 64;
    most = most > near ? most : near;
    *worker = (Worker){.candidates_most = most};
    worker->scratch = scratch_create(build->header.row_count, stride,
                                     build->space.coder.stride);
    worker->candidates = calloc(most, sizeof *worker->candidates);
    worker->distances = calloc(most, sizeof *worker->distances);
    worker->ids = calloc(most, sizeof *worker->ids);
    worker->rows = calloc(most, sizeof *worker->rows);
    worker->chosen = calloc(most, sizeof *worker->chosen);
    worker->passed = calloc(most, sizeof *worker->passed);
    if (worker->scratch == NULL || worker->candidates == NULL ||
        worker->distances == NULL || worker->ids == NULL ||
        worker->rows == NULL || worker->chosen == NULL ||
        worker->passed == NULL)
        return error_no_memory(err);
    return scratch_reserve(worker->scratch, build->width, err);
}

static mql_status
make_workers(Build *build, Error *err)
{
    build->worker_count = pool_threads(build->input->pool);
    build->workers = calloc(build->worker_count, sizeof *build->workers);
    if (build->workers == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < build->worker_count; i++)
        TRY(worker_init(build, &build->workers[i], err));
    return MQL_OK;
}

/* ---- the order of nodes ---- */

/* Level l or higher has one node in m^l. */
static uint32_t
level_of(uint32_t row, uint32_t m)
{
    double chance = (double)(hash_u64(row) >> 11) * 0x1p-53;
    double level = -log(1.0 - chance) / log(m);
    return level < HNSW_LEVELS_MOST - 1 ? (uint32_t)level
                                        : HNSW_LEVELS_MOST - 1;
}

/* Sort rows by level, highest first, then by chance. */
static mql_status
sort_nodes(Build *build, SortItem *items, SortItem *spare, Error *err)
{
    HnswHeader *header = &build->header;
    uint32_t count = 0;
    for (uint32_t row = 0; row < header->row_count; row++) {
        if (!has_vector(build->column, row) || bits_get(build->is_copy, row))
            continue;
        uint64_t level = level_of(row, header->m);
        uint64_t chance = hash_u64(row ^ UINT64_C(0x9e3779b97f4a7c15));
        items[count++] =
            (SortItem){(HNSW_LEVELS_MOST - 1 - level) << 60 | chance >> 4, row};
        for (uint64_t i = 0; i <= level; i++)
            header->counts[i]++;
        if (level >= header->level_count)
            header->level_count = (uint32_t)level + 1;
    }
    header->node_count = count;
    TRY(sort_items(items, spare, count, NULL, NULL, build->input->cancel, err));
    for (uint32_t i = 0; i < count; i++)
        build->nodes[i] = items[i].value;
    header->entry_row = count == 0 ? 0 : build->nodes[0];
    return MQL_OK;
}

static mql_status
order_nodes(Build *build, Error *err)
{
    size_t count = (size_t)build->header.row_count + 1;
    SortItem *items = calloc(count, sizeof *items);
    SortItem *spare = calloc(count, sizeof *spare);
    build->copies = calloc(count, sizeof *build->copies);
    build->is_copy = calloc(bits_words(count), sizeof *build->is_copy);
    build->nodes = calloc(count, sizeof *build->nodes);
    mql_status status = MQL_OK;
    if (items == NULL || spare == NULL || build->copies == NULL ||
        build->is_copy == NULL || build->nodes == NULL)
        status = error_no_memory(err);
    if (status == MQL_OK)
        status = build_find_copies(build, items, spare, err);
    if (status == MQL_OK)
        status = sort_nodes(build, items, spare, err);
    free(items);
    free(spare);
    return status;
}

static mql_status
make_levels(Build *build, Error *err)
{
    const HnswHeader *header = &build->header;
    for (uint32_t i = 0; i < header->level_count; i++) {
        Level *level = &build->levels[i];
        level->stride = hnsw_stride(header->m, i);
        level->count = i == 0 ? header->row_count : header->counts[i];
        level->rows = i == 0 ? NULL : build->nodes;
        size_t slots, size;
        if (!size_multiply(level->count, level->stride, &slots) ||
            !size_multiply(slots, sizeof(uint32_t), &size))
            return error_no_memory(err);
        build->links[i] = malloc(size);
        if (build->links[i] == NULL)
            return error_no_memory(err);
        level->links = build->links[i];
        for (uint32_t id = 0; id < level->count; id++)
            build_set_links(build, i, id, NULL, 0);
    }
    return MQL_OK;
}

/* ---- joining ---- */

static uint32_t
level_of_node(const Build *build, uint32_t node)
{
    uint32_t level = 0;
    while (level + 1 < build->header.level_count &&
           node < build->header.counts[level + 1])
        level++;
    return level;
}

Walk
build_walk(Build *build, Worker *worker, const SpaceQuery *query)
{
    return (Walk){.space = &build->space,
                  .query = query,
                  .cancel = build->input->cancel,
                  .counters = &worker->counters,
                  .scratch = worker->scratch,
                  .is_verified = true};
}

/* Give one node its own links, on all its levels. */
static mql_status
join(Build *build, Worker *worker, uint32_t node, Error *err)
{
    Scratch *scratch = worker->scratch;
    uint32_t row = build->nodes[node];
    uint32_t level = level_of_node(build, node);
    SpaceQuery query = space_query_row(&build->space, row);
    Walk walk = build_walk(build, worker, &query);
    TRY(graph_descend(&walk, build->levels, build->header.level_count - 1,
                      level, build_entry(build), err));
    for (;; level--) {
        TRY(graph_walk(&walk, &build->levels[level], build->width, err));
        uint32_t count = scratch->pool_count;
        Neighbor *candidates = worker->candidates;
        worker->candidates = scratch->pool; /* chosen from in place */
        mql_status status =
            build_choose(build, worker, level, &count, build->header.m, err);
        worker->candidates = candidates;
        TRY(status);
        build_set_links(build, level, level == 0 ? row : node, worker->chosen,
                        count);
        if (level == 0)
            return MQL_OK;
        scratch->pool_count = 1; /* go on from the nearest */
        if (level == 1)
            scratch->pool[0].row = build->nodes[scratch->pool[0].row];
    }
}

/* A batch of nodes, and its links back. */
typedef struct Batch {
    Build *build;
    uint64_t first_node;
    NewLinks links;
} Batch;

static mql_status
join_work(void *context, uint32_t thread, uint64_t first, uint64_t count,
          Error *err)
{
    Batch *batch = context;
    Build *build = batch->build;
    for (uint64_t i = first; i < first + count; i++) {
        if (is_cancelled(build->input->cancel))
            return error_cancelled(err);
        TRY(join(build, &build->workers[thread],
                 (uint32_t)(batch->first_node + i), err));
    }
    return MQL_OK;
}

/* Links to the nodes from `first` on, from those that they link to. */
static mql_status
link_back(Batch *batch, uint32_t level, uint32_t first, uint32_t end,
          Error *err)
{
    Build *build = batch->build;
    NewLinks *new = &batch->links;
    for (uint32_t node = first; node < end; node++) {
        uint32_t id = level == 0 ? build->nodes[node] : node;
        const uint32_t *links = build_links(build, level, id);
        uint32_t degree = build_degree(build, level, id);
        for (uint32_t i = 0; i < degree; i++)
            new->items[new->count++] = (SortItem){links[i], id};
    }
    return build_add_links(new, level, err);
}

void
build_report(const Build *build, uint64_t done)
{
    const IndexBuild *input = build->input;
    if (input->progress != NULL)
        input->progress(input->progress_context, done,
                        build->header.node_count);
}

uint32_t
build_batch_most(const Build *build)
{
    return build->header.node_count / BATCH_PART + 1;
}

/* The nodes up to `count` join. */
static mql_status
join_batches(Batch *batch, uint32_t count, Error *err)
{
    Build *build = batch->build;
    uint32_t most = build_batch_most(build);
    for (uint32_t first = 1; first < count;) {
        uint32_t size = first / BATCH_SHARE + 1;
        size = size < most ? size : most;
        uint32_t end = size < count - first ? first + size : count;
        batch->first_node = first;
        TRY(pool_run(build->input->pool, end - first, 8, join_work, batch,
                     err));
        for (uint32_t level = 0; level < build->header.level_count; level++) {
            uint32_t nodes = build->header.counts[level];
            if (first >= nodes)
                break;
            TRY(link_back(batch, level, first, end < nodes ? end : nodes, err));
        }
        build_report(build, end);
        first = end;
    }
    return MQL_OK;
}

static mql_status
join_nodes(Build *build, uint32_t count, Error *err)
{
    Batch batch = {.build = build};
    size_t most;
    if (!size_multiply(build_batch_most(build), build->header.m, &most))
        return error_no_memory(err);
    mql_status status = new_links_init(&batch.links, build, most, err);
    if (status == MQL_OK)
        status = join_batches(&batch, count, err);
    new_links_free(&batch.links);
    return status;
}

static mql_status
make_links(Build *build, Error *err)
{
    const HnswHeader *header = &build->header;
    if (header->node_count < BULK_FROM || build->space.coder.type != CODES_L2)
        return join_nodes(build, header->node_count, err);
    TRY(join_nodes(build, header->counts[1], err));
    return build_bulk(build, err);
}

/* ---- measuring and writing ---- */

/* What a search does. */
static mql_status
find_near(Build *build, Worker *worker, uint32_t row, uint32_t width,
          Error *err)
{
    SpaceQuery query = space_query_row(&build->space, row);
    Walk walk = build_walk(build, worker, &query);
    TRY(scratch_reserve(worker->scratch, width, err));
    TRY(graph_descend(&walk, build->levels, build->header.level_count - 1, 0,
                      build_entry(build), err));
    return graph_walk(&walk, &build->levels[0], width, err);
}

/* How many distances does a search take? Filters are planned with that. */
static mql_status
measure_work(Build *build, Error *err)
{
    Worker *worker = &build->workers[0];
    worker->counters = (SearchCounters){0, 0};
    uint64_t count = build->header.node_count;
    uint32_t width = count < HNSW_WORK_EF ? (uint32_t)count : HNSW_WORK_EF;
    for (uint64_t i = 0; i < WORK_SAMPLES; i++) {
        uint32_t row = build->nodes[i * count / WORK_SAMPLES];
        TRY(find_near(build, worker, row, width, err));
    }
    build->header.work = (uint32_t)(worker->counters.distances / WORK_SAMPLES);
    return MQL_OK;
}

static mql_status
write_file(const Build *build, SectionWriter *writer, Error *err)
{
    const HnswHeader *header = &build->header;
    TRY(section_write(writer, (SectionId){HNSW_SECTION_HEADER, 0}, header,
                      sizeof *header, err));
    if (header->level_count > 1)
        TRY(section_write(writer, (SectionId){HNSW_SECTION_ROWS, 0},
                          build->nodes,
                          header->counts[1] * sizeof *build->nodes, err));
    for (uint32_t i = 0; i < header->level_count; i++)
        TRY(section_write(writer, (SectionId){HNSW_SECTION_LINKS, i},
                          build->links[i],
                          (size_t)build->levels[i].count *
                              build->levels[i].stride * sizeof(uint32_t),
                          err));
    if (header->copy_count > 0)
        TRY(section_write(writer, (SectionId){HNSW_SECTION_COPIES, 0},
                          build->copies,
                          header->row_count * sizeof *build->copies, err));
    if (header->node_count > 0)
        TRY(section_write(writer, (SectionId){HNSW_SECTION_EFFORT, 0},
                          &build->efforts, sizeof build->efforts, err));
    return build_write_codes(build, writer, err);
}

static mql_status
build_graph(Build *build, Error *err)
{
    TRY(vector_column_verify(build->column, 0, build->column->count, err));
    TRY(order_nodes(build, err));
    if (build->header.node_count == 0)
        return MQL_OK;
    TRY(build_make_codes(build, err));
    TRY(make_levels(build, err));
    if (build->width > build->header.node_count)
        build->width = build->header.node_count;
    TRY(make_workers(build, err));
    TRY(make_links(build, err));
    TRY(build_repair(build, err));
    TRY(measure_work(build, err));
    return build_measure_efforts(build, err);
}

/* Bytes of what the walk looks at, but for its rows. */
static uint64_t
books_memory(const IndexBuild *input, HnswShape shape)
{
    uint64_t dim = input->vectors->dim;
    uint32_t points = UINT32_C(1) << shape.bits;
    if (shape.codes != CODES_PRODUCT)
        return 0;
    const ProductShape product = {input->vectors->dim, shape.parts, points};
    uint64_t sample = product_sample_size(&product, input->vectors->count);
    return (2 * sample * dim + 3 * shape.stages * dim * (points + 32)) *
               sizeof(float) +
           pool_threads(input->pool) * SMALL_BLOCK *
               (dim * sizeof(float) + shape.stages * (uint64_t)shape.parts);
}

/* Of a row there. */
static uint64_t
walk_memory(uint32_t dim, HnswShape shape)
{
    if (shape.codes == CODES_NONE)
        return nibble_stride(dim);
    if (shape.codes == CODES_PRODUCT)
        return ((uint64_t)shape.parts * shape.stages * shape.bits) / 8 + 1 +
               sizeof(float);
    return 2 * code_stride(dim);
}

/* Bytes for each row while links are made, when all is there at once: the
 * links, the codes twice, those of the walk, three numbers and as many of the
 * lists; for each thread marks and a list of those. A row in BATCH_PART has its
 * links twice more, as items to sort. */
uint64_t
hnsw_memory(const IndexBuild *input, HnswShape shape)
{
    uint64_t rows = input->vectors->count;
    uint32_t dim = input->vectors->dim;
    uint32_t m = (uint32_t)input->options->values[HNSW_OPTION_M];
    uint64_t links = (hnsw_stride(m, 0) + hnsw_stride(m, 1) * 3 / 2 / (m - 1)) *
                     sizeof(uint32_t);
    uint64_t codes = 2 * code_stride(dim) + walk_memory(dim, shape);
    uint64_t batch = 2 * m * (2 * sizeof(SortItem) + 3 * sizeof(uint32_t));
    uint64_t threads = pool_threads(input->pool);
    uint64_t row = links + codes + codes / 10 + batch / BATCH_PART + 32 +
                   threads * (sizeof(uint32_t) + 1);
    return rows * row + threads * ROOM_MOST + batch * 128 +
           books_memory(input, shape);
}

mql_status
hnsw_build(const IndexBuild *input, HnswShape shape, SectionWriter *writer,
           Error *err)
{
    const VectorColumn *column = input->vectors;
    if (column->count > GRAPH_IDS_MOST)
        return error_set(err, ERR_LIMIT_EXCEEDED,
                         "a segment of %u rows is too large for an HNSW index",
                         column->count);
    Build build = {.input = input, .column = column, .shape = shape};
    build.width = (uint32_t)input->options->values[HNSW_OPTION_EF_CONSTRUCTION];
    build.header = (HnswHeader){
        .version = HNSW_VERSION,
        .row_count = column->count,
        .dim = column->dim,
        .metric = (uint32_t)input->metric,
        .m = (uint32_t)input->options->values[HNSW_OPTION_M],
        .ef_construction = build.width,
    };
    build.space = (Space){.kernels = distance_table(),
                          .column = column,
                          .metric = input->metric,
                          .is_verified = true};

    mql_status status = build_graph(&build, err);
    if (status == MQL_OK)
        status = write_file(&build, writer, err);
    build_free(&build);
    return status;
}
