/* SPDX-License-Identifier: Apache-2.0 */
/* kmeans.c - the time goes into comparing rows with centroids: see points.c. */
#include "index/vector/kmeans.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "index/sort.h"
#include "index/vector/exact.h"
#include "index/vector/points.h"

#define SAMPLE_SHARE 128 /* rows for each centroid              */
#define ITERATIONS 5     /* over few centroids                  */
#define POLISHES 3       /* over all, after groups              */
#define GROUPS_FROM 192  /* centroids from which there are groups */
#define SMALL_PART 8     /* a cluster below this part of the mean is moved */

/* What a thread works with. */
typedef struct Room {
    float *rows;  /* POINTS_BLOCK rows                                  */
    double *sums; /* of each element                             */
    PointsRoom *points;
} Room;

typedef struct Kmeans {
    const KmeansInput *input;
    uint32_t dim;
    uint32_t k;        /* centroids                              */
    float *centroids;  /* the caller's, k rows                   */
    Points points;     /* the same                               */
    uint32_t *nearest; /* centroid of each row                   */
    uint32_t *starts;  /* k + 1: where its rows begin ...        */
    uint32_t *members; /* ... among these places of input->rows  */
    Room *rooms;       /* for each thread                        */
    uint32_t room_count;
} Kmeans;

uint32_t
kmeans_sample_size(uint32_t count, uint32_t k)
{
    uint64_t wanted = (uint64_t)k * SAMPLE_SHARE;
    return wanted < count ? (uint32_t)wanted : count;
}

void
kmeans_row(const VectorColumn *column, bool is_unit, uint32_t row,
           float *vector)
{
    element_floats(column->element, vector_row(column, row), column->dim,
                   vector);
    if (!is_unit)
        return;
    float factor = (float)(1.0 / exact_query_of(METRIC_COSINE, ELEMENT_F32,
                                                vector, column->dim)
                                     .norm);
    for (uint32_t i = 0; i < column->dim; i++)
        vector[i] *= factor;
}

/* The same where it lies, or else in `room`. */
static const float *
vector_of(const KmeansInput *input, uint32_t place, float *room)
{
    uint32_t row = input->rows[place];
    if (input->column->element == ELEMENT_F32 && !input->is_unit)
        return vector_row(input->column, row);
    kmeans_row(input->column, input->is_unit, row, room);
    return room;
}

/* ---- memory ---- */

static void
kmeans_free(Kmeans *kmeans)
{
    for (uint32_t i = 0; kmeans->rooms != NULL && i < kmeans->room_count; i++) {
        free(kmeans->rooms[i].rows);
        free(kmeans->rooms[i].sums);
        points_room_destroy(kmeans->rooms[i].points);
    }
    free(kmeans->rooms);
    points_free(&kmeans->points);
    free(kmeans->nearest);
    free(kmeans->starts);
    free(kmeans->members);
}

/* `most`: as many centroids as there will be at once. */
static mql_status
kmeans_init(Kmeans *kmeans, const KmeansInput *input, uint32_t most, Error *err)
{
    size_t count = (size_t)input->count + 1;
    *kmeans = (Kmeans){.input = input, .dim = input->column->dim};
    TRY(points_init(&kmeans->points, most, kmeans->dim, err));
    TRY(points_code(&kmeans->points, input->column, input->is_unit, most, err));
    kmeans->room_count = pool_threads(input->pool);
    kmeans->rooms = calloc(kmeans->room_count, sizeof *kmeans->rooms);
    kmeans->nearest = calloc(count, sizeof *kmeans->nearest);
    kmeans->starts = calloc((size_t)most + 2, sizeof *kmeans->starts);
    kmeans->members = calloc(count, sizeof *kmeans->members);
    bool is_short = kmeans->rooms == NULL || kmeans->nearest == NULL ||
                    kmeans->starts == NULL || kmeans->members == NULL;
    for (uint32_t i = 0; !is_short && i < kmeans->room_count; i++) {
        Room *room = &kmeans->rooms[i];
        room->rows =
            calloc((size_t)POINTS_BLOCK * kmeans->dim, sizeof *room->rows);
        room->sums = calloc(kmeans->dim, sizeof *room->sums);
        room->points = points_room_create(kmeans->dim);
        is_short =
            room->rows == NULL || room->sums == NULL || room->points == NULL;
    }
    return is_short ? error_no_memory(err) : MQL_OK;
}

/* ---- the nearest centroid of each row ---- */

static mql_status
assign_block(const Kmeans *kmeans, const Room *room, uint64_t first,
             uint32_t count, Error *err)
{
    const KmeansInput *input = kmeans->input;
    if (is_cancelled(input->cancel))
        return error_cancelled(err);
    const float *rows[POINTS_BLOCK];
    for (uint32_t i = 0; i < count; i++)
        rows[i] = vector_of(input, (uint32_t)first + i,
                            room->rows + (size_t)i * kmeans->dim);
    points_nearest(&kmeans->points, room->points, rows, count,
                   kmeans->nearest + first);
    return MQL_OK;
}

static mql_status
assign_work(void *context, uint32_t thread, uint64_t first, uint64_t count,
            Error *err)
{
    const Kmeans *kmeans = context;
    return assign_block(kmeans, &kmeans->rooms[thread], first, (uint32_t)count,
                        err);
}

static mql_status
assign(Kmeans *kmeans, Error *err)
{
    points_set(&kmeans->points, kmeans->centroids, kmeans->k);
    return pool_run(kmeans->input->pool, kmeans->input->count, POINTS_BLOCK,
                    assign_work, kmeans, err);
}

/* ---- centroids in the middle of their rows ---- */

/* Which rows each centroid has, in order. */
static void
gather_members(Kmeans *kmeans)
{
    uint32_t k = kmeans->k;
    memset(kmeans->starts, 0, ((size_t)k + 1) * sizeof *kmeans->starts);
    for (uint32_t i = 0; i < kmeans->input->count; i++)
        kmeans->starts[kmeans->nearest[i] + 1]++;
    for (uint32_t c = 0; c < k; c++)
        kmeans->starts[c + 1] += kmeans->starts[c];
    for (uint32_t i = 0; i < kmeans->input->count; i++)
        kmeans->members[kmeans->starts[kmeans->nearest[i]]++] = i;
    memmove(kmeans->starts + 1, kmeans->starts, k * sizeof *kmeans->starts);
    kmeans->starts[0] = 0;
}

static void
add_to(double *restrict sums, const float *restrict vector, uint32_t dim)
{
    for (uint32_t i = 0; i < dim; i++)
        sums[i] += (double)vector[i];
}

/* Rows of unit length have centroids of unit length: lists are found better
 * than by the means, which are the shorter the wider a cluster is. */
static void
make_unit(float *centroid, uint32_t dim)
{
    double square = 0;
    for (uint32_t i = 0; i < dim; i++)
        square += (double)centroid[i] * (double)centroid[i];
    double factor = square > 0 ? 1.0 / sqrt(square) : 1.0;
    for (uint32_t i = 0; i < dim; i++)
        centroid[i] = (float)((double)centroid[i] * factor);
}

static mql_status
center_work(void *context, uint32_t thread, uint64_t first, uint64_t count,
            Error *err)
{
    const Kmeans *kmeans = context;
    const KmeansInput *input = kmeans->input;
    Room *room = &kmeans->rooms[thread];
    for (uint64_t c = first; c < first + count; c++) {
        uint32_t begin = kmeans->starts[c], end = kmeans->starts[c + 1];
        memset(room->sums, 0, kmeans->dim * sizeof *room->sums);
        for (uint32_t i = begin; i < end; i++) {
            if (is_cancelled(input->cancel))
                return error_cancelled(err);
            add_to(room->sums, vector_of(input, kmeans->members[i], room->rows),
                   kmeans->dim);
        }
        float *centroid = kmeans->centroids + (size_t)c * kmeans->dim;
        for (uint32_t j = 0; begin < end && j < kmeans->dim; j++)
            centroid[j] = (float)(room->sums[j] / (end - begin));
        if (input->is_unit && begin < end)
            make_unit(centroid, kmeans->dim);
    }
    return MQL_OK;
}

static uint32_t
size_of_cluster(const Kmeans *kmeans, uint32_t centroid)
{
    return kmeans->starts[centroid + 1] - kmeans->starts[centroid];
}

/* Put each small cluster's centroid halfway to a row of a large one: the
 * smallest to the largest, and so on. */
static mql_status
split_large(Kmeans *kmeans, Error *err)
{
    const KmeansInput *input = kmeans->input;
    uint32_t k = kmeans->k;
    SortItem *items = calloc(2 * (size_t)k, sizeof *items);
    if (items == NULL)
        return error_no_memory(err);
    for (uint32_t c = 0; c < k; c++)
        items[c] = (SortItem){size_of_cluster(kmeans, c), c};
    mql_status status =
        sort_items(items, items + k, k, NULL, NULL, input->cancel, err);
    uint64_t mean = input->count / k;
    float *row = kmeans->rooms[0].rows;
    for (uint32_t i = 0; status == MQL_OK && i < k / 2; i++) {
        uint32_t small = items[i].value, large = items[k - 1 - i].value;
        if (items[i].key > mean / SMALL_PART ||
            items[k - 1 - i].key < mean + mean / 2 + 2)
            break;
        uint32_t middle =
            kmeans->starts[large] + size_of_cluster(kmeans, large) / 2;
        kmeans_row(input->column, input->is_unit,
                   input->rows[kmeans->members[middle]], row);
        float *to = kmeans->centroids + (size_t)small * kmeans->dim;
        const float *from = kmeans->centroids + (size_t)large * kmeans->dim;
        for (uint32_t j = 0; j < kmeans->dim; j++)
            to[j] = 0.5f * (from[j] + row[j]);
    }
    free(items);
    return status;
}

static mql_status
iterate(Kmeans *kmeans, uint32_t times, Error *err)
{
    for (uint32_t i = 0; i < times; i++) {
        TRY(assign(kmeans, err));
        gather_members(kmeans);
        TRY(pool_run(kmeans->input->pool, kmeans->k, 1, center_work, kmeans,
                     err));
        if (i + 1 < times)
            TRY(split_large(kmeans, err));
    }
    return MQL_OK;
}

/* ---- where it begins ---- */

/* Rows at equal distances. */
static void
choose_first(Kmeans *kmeans)
{
    const KmeansInput *input = kmeans->input;
    for (uint64_t c = 0; c < kmeans->k; c++)
        kmeans_row(input->column, input->is_unit,
                   input->rows[(2 * c + 1) * input->count / (2 * kmeans->k)],
                   kmeans->centroids + c * kmeans->dim);
}

static mql_status
train_plain(const KmeansInput *input, uint32_t k, float *centroids, Error *err)
{
    Kmeans kmeans;
    mql_status status = kmeans_init(&kmeans, input, k, err);
    kmeans.k = k;
    kmeans.centroids = centroids;
    if (status == MQL_OK) {
        choose_first(&kmeans);
        status = iterate(&kmeans, ITERATIONS, err);
    }
    kmeans_free(&kmeans);
    return status;
}

/* How many of the `k` centroids a group gets: its share of the rows, at least
 * one if it has any, never more than rows. */
static void
share_out(const Kmeans *kmeans, uint32_t k, uint32_t *shares)
{
    uint32_t given = 0, groups = kmeans->k;
    uint64_t count = kmeans->input->count;
    for (uint32_t g = 0; g < groups; g++) {
        uint32_t size = size_of_cluster(kmeans, g);
        shares[g] = (uint32_t)((uint64_t)size * (k - groups) / count);
        shares[g] += size > shares[g];
        given += shares[g];
    }
    for (uint32_t g = 0; given < k; g = (g + 1) % groups) {
        bool has_room = size_of_cluster(kmeans, g) > shares[g];
        shares[g] += has_room;
        given += has_room;
    }
}

/* Train the centroids of each group. */
static mql_status
train_members(const Kmeans *groups, const uint32_t *shares, uint32_t *rows,
              float *centroids, Error *err)
{
    KmeansInput part = *groups->input;
    uint64_t done = 0;
    for (uint32_t i = 0; i < groups->input->count; i++)
        rows[i] = groups->input->rows[groups->members[i]];
    for (uint32_t g = 0; g < groups->k; g++) {
        part.rows = rows + groups->starts[g];
        part.count = size_of_cluster(groups, g);
        if (shares[g] > 0)
            TRY(train_plain(&part, shares[g], centroids + done * groups->dim,
                            err));
        done += shares[g];
    }
    return MQL_OK;
}

static mql_status
train_in_groups(Kmeans *groups, uint32_t k, float *centroids, Error *err)
{
    uint32_t *shares = calloc(groups->k, sizeof *shares);
    uint32_t *rows = calloc((size_t)groups->input->count + 1, sizeof *rows);
    mql_status status = MQL_OK;
    if (shares == NULL || rows == NULL)
        status = error_no_memory(err);
    if (status == MQL_OK) {
        choose_first(groups);
        status = iterate(groups, ITERATIONS, err);
    }
    if (status == MQL_OK)
        status = assign(groups, err);
    if (status == MQL_OK) {
        gather_members(groups);
        share_out(groups, k, shares);
        status = train_members(groups, shares, rows, centroids, err);
    }
    free(shares);
    free(rows);
    return status;
}

mql_status
kmeans_train(const KmeansInput *input, uint32_t k, float *centroids, Error *err)
{
    if (k < GROUPS_FROM)
        return train_plain(input, k, centroids, err);

    uint32_t group_count = (uint32_t)sqrt((double)k);
    Kmeans kmeans;
    mql_status status = kmeans_init(&kmeans, input, k, err);
    float *middles =
        calloc((size_t)group_count * input->column->dim, sizeof *middles);
    if (status == MQL_OK && middles == NULL)
        status = error_no_memory(err);
    kmeans.k = group_count;
    kmeans.centroids = middles;
    if (status == MQL_OK)
        status = train_in_groups(&kmeans, k, centroids, err);
    kmeans.k = k;
    kmeans.centroids = centroids;
    if (status == MQL_OK)
        status = iterate(&kmeans, POLISHES, err);
    free(middles);
    kmeans_free(&kmeans);
    return status;
}

mql_status
kmeans_assign(const KmeansInput *input, const float *centroids, uint32_t k,
              uint32_t *nearest, Error *err)
{
    Kmeans kmeans;
    mql_status status = kmeans_init(&kmeans, input, k, err);
    kmeans.k = k;
    kmeans.centroids = (float *)(uintptr_t)centroids; /* only read */
    if (status == MQL_OK)
        status = assign(&kmeans, err);
    if (status == MQL_OK)
        memcpy(nearest, kmeans.nearest, input->count * sizeof *nearest);
    kmeans_free(&kmeans);
    return status;
}
