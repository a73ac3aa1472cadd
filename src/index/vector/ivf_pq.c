/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ivf_pq.c - product quantization of what is left of a vector when the centroid
 * of its list is taken away.
 *
 * A residual r is cut into parts, and each part coded as the nearest of 16 or
 * 256 points. With r' for what the codes stand for and c for the centroid
 *
 *   |p - c - r'|^2 = |p - c|^2 + (|r'|^2 + 2 c r') - 2 p r'
 *
 * where the first term belongs to the list, the second to the row (stored as
 * its term), and the last is a sum over parts of numbers that only depend on
 * the query: they are computed once, not for each list. For IP it is
 * -(p c) - p r'.
 *
 * Nibbles lie in blocks of 32 rows, part by part, so that one instruction looks
 * up 32 or 64 of them (Andre et al., Cache locality is not enough, 2015).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "index/vector/ivf_internal.h"
#include "index/vector/kmeans.h"
#include "index/vector/points.h"

#define SAMPLE_ELEMENTS (1u << 24) /* memory of training, in floats */

uint64_t
ivf_codes_size(const Ivf *ivf)
{
    const IvfHeader *header = &ivf->header;
    if (ivf_has_nibbles(header))
        return (uint64_t)ivf->blocks[header->list_count] * NIBBLE_ROWS / 2 *
               ivf_nibbles(header);
    return ivf_codes_at(ivf, 0, ivf_listed(header));
}

mql_status
ivf_set_blocks(Ivf *ivf, Error *err)
{
    uint32_t lists = ivf->header.list_count;
    if (!ivf_has_nibbles(&ivf->header))
        return MQL_OK;
    ivf->blocks = calloc((size_t)lists + 1, sizeof *ivf->blocks);
    if (ivf->blocks == NULL)
        return error_no_memory(err);
    for (uint32_t list = 0; list < lists; list++) {
        uint64_t rows = ivf->starts[list + 1] - ivf->starts[list];
        ivf->blocks[list + 1] =
            ivf->blocks[list] +
            (uint32_t)((rows + NIBBLE_ROWS - 1) / NIBBLE_ROWS);
    }
    return MQL_OK;
}

static float
centroid_element(const Ivf *ivf, uint32_t list, uint32_t i)
{
    const uint8_t *code = ivf->centroids + (size_t)list * ivf->coder.stride;
    return ((float)code[i] - 64.0f) * ivf->coder.step;
}

void
ivf_residual(const Ivf *ivf, uint32_t list, uint32_t row, float *vector)
{
    kmeans_row(ivf->column, ivf->header.metric == METRIC_COSINE, row, vector);
    for (uint32_t i = 0; i < ivf->header.dim; i++)
        vector[i] -= ivf->coder.center[i] + centroid_element(ivf, list, i);
}

/* ---- searching ---- */

/* Products of each part of the query with each of its points; doubled but for
 * IP. */
static void
fill_values(const Ivf *ivf, IvfScratch *scratch)
{
    const IvfHeader *header = &ivf->header;
    uint32_t points = ivf_points(header), width = header->dim / header->parts;
    float factor = header->metric == METRIC_IP ? 1.0f : 2.0f;
    for (uint32_t part = 0; part < header->parts; part++) {
        float *values = scratch->values + (size_t)part * points;
        memset(values, 0, points * sizeof *values);
        for (uint32_t i = part * width; i < (part + 1) * width; i++) {
            const float *book = ivf->books + (size_t)i * points;
            float element = factor * scratch->point[i];
            for (uint32_t c = 0; c < points; c++)
                values[c] += element * book[c];
        }
    }
}

static float
least_of(const float *values, uint32_t count, float *range)
{
    float least = values[0], most = values[0];
    for (uint32_t i = 1; i < count; i++) {
        /* Not fminf(): that is a call where the baseline is SSE2. */
        least = values[i] < least ? values[i] : least;
        most = values[i] > most ? values[i] : most;
    }
    *range = most - least;
    return least;
}

void
ivf_fill_tables(const Ivf *ivf, IvfScratch *scratch)
{
    uint32_t parts = ivf_parts(&ivf->header);
    float widest = 0, sum_of_ranges = 0, sum_of_leasts = 0, range;
    for (uint32_t part = 0; part < parts; part++) {
        sum_of_leasts += least_of(scratch->values + part * 16, 16, &range);
        sum_of_ranges += range;
        widest = fmaxf(widest, range);
    }
    /* Tables of bytes, sums of 16 bits with room for rounding. */
    float room = 65000.0f - (float)parts;
    float scale = fmaxf(widest / 255.0f, sum_of_ranges / fmaxf(room, 1.0f));
    if (!(scale > 0 && scale < INFINITY))
        scale = 1;
    float inverse = 1.0f / scale;
    for (uint32_t part = 0; part < parts; part++) {
        const float *values = scratch->values + part * 16;
        float least = least_of(values, 16, &range);
        for (uint32_t c = 0; c < 16; c++) {
            float number = (values[c] - least) * inverse + 0.5f;
            scratch->tables[part * 16 + c] =
                (uint8_t)(number < 255.0f ? number : 255.0f);
        }
    }
    scratch->least = sum_of_leasts;
    scratch->scale = scale;
}

void
ivf_pq_tables(const Ivf *ivf, IvfScratch *scratch)
{
    fill_values(ivf, scratch);
    if (ivf->header.code_type == IVF_CODES_PQ4)
        ivf_fill_tables(ivf, scratch);
}

/* Rows of bytes, four at a time. */
static void
sum_bytes(const float *values, const uint8_t *codes, uint32_t parts,
          uint32_t count, float *sums)
{
    uint32_t row = 0;
    for (; row + 4 <= count; row += 4, codes += 4 * (size_t)parts) {
        float a = 0, b = 0, c = 0, d = 0;
        const float *table = values;
        for (size_t part = 0; part < parts; part++, table += 256) {
            a += table[codes[part]];
            b += table[codes[parts + part]];
            c += table[codes[2 * (size_t)parts + part]];
            d += table[codes[3 * (size_t)parts + part]];
        }
        sums[row] = a;
        sums[row + 1] = b;
        sums[row + 2] = c;
        sums[row + 3] = d;
    }
    for (; row < count; row++, codes += parts) {
        sums[row] = 0;
        for (size_t part = 0; part < parts; part++)
            sums[row] += values[part * 256 + codes[part]];
    }
}

void
ivf_sum_nibbles(const Ivf *ivf, const IvfScratch *scratch, uint32_t list,
                uint32_t place, uint32_t count, uint16_t *sums)
{
    list_table()->sum_nibbles(scratch->tables,
                              ivf->codes + ivf_codes_at(ivf, list, place),
                              ivf_nibbles(&ivf->header),
                              (count + NIBBLE_ROWS - 1) / NIBBLE_ROWS, sums);
}

void
ivf_pq_estimate(const Ivf *ivf, const IvfScratch *scratch, uint32_t list,
                uint32_t place, uint32_t count, float base, float *distances)
{
    const IvfHeader *header = &ivf->header;
    if (header->code_type == IVF_CODES_PQ4) {
        uint16_t sums[IVF_BLOCK];
        ivf_sum_nibbles(ivf, scratch, list, place, count, sums);
        base -= scratch->least;
        for (uint32_t i = 0; i < count; i++)
            distances[i] = base - scratch->scale * (float)sums[i];
    } else {
        sum_bytes(scratch->values, ivf->codes + ivf_codes_at(ivf, list, place),
                  header->parts, count, distances);
        for (uint32_t i = 0; i < count; i++)
            distances[i] = base - distances[i];
    }
    for (uint32_t i = 0; ivf->terms != NULL && i < count; i++)
        distances[i] += ivf->terms[place + i];
}

/* ---- training ---- */

/* A sample of residuals; sets their number. */
static float *
take_sample(const Ivf *ivf, uint32_t *count)
{
    const IvfHeader *header = &ivf->header;
    uint32_t listed = ivf_listed(header), list = 0;
    uint32_t wanted = ivf_points(header) * IVF_PQ_SAMPLE;
    uint32_t most = SAMPLE_ELEMENTS / header->dim;
    wanted = wanted < most ? wanted : most;
    *count = wanted < listed ? wanted : listed;
    float *sample = malloc((size_t)*count * header->dim * sizeof *sample);
    for (uint64_t i = 0; sample != NULL && i < *count; i++) {
        uint32_t place = (uint32_t)(i * listed / *count);
        while (ivf->starts[list + 1] <= place)
            list++;
        ivf_residual(ivf, list, ivf->rows[place], sample + i * header->dim);
    }
    return sample;
}

typedef struct Training {
    const Ivf *ivf;
    KmeansInput input;
    VectorColumn column; /* one part of the sample */
    float *sample, *part, *points;
    uint32_t *rows;
    uint32_t count;
} Training;

static mql_status
train_part(Training *training, uint32_t part, float *books, Error *err)
{
    const IvfHeader *header = &training->ivf->header;
    uint32_t points = ivf_points(header), width = header->dim / header->parts;
    uint32_t found = points < training->count ? points : training->count;
    for (size_t i = 0; i < training->count; i++)
        memcpy(training->part + i * width,
               training->sample + i * header->dim + (size_t)part * width,
               width * sizeof(float));
    TRY(kmeans_train(&training->input, found, training->points, err));
    for (uint32_t i = 0; i < width; i++)
        for (uint32_t c = 0; c < points; c++)
            books[((size_t)part * width + i) * points + c] =
                training->points[(size_t)(c < found ? c : 0) * width + i];
    return MQL_OK;
}

static mql_status
train_parts(Training *training, float *books, Error *err)
{
    const IvfHeader *header = &training->ivf->header;
    uint32_t width = header->dim / header->parts;
    size_t count = training->count;
    training->part = malloc(count * width * sizeof(float));
    training->points =
        malloc((size_t)ivf_points(header) * width * sizeof(float));
    training->rows = malloc(count * sizeof *training->rows);
    if (training->sample == NULL || training->part == NULL ||
        training->points == NULL || training->rows == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < count; i++)
        training->rows[i] = i;
    training->column = (VectorColumn){
        .data = training->part, .count = training->count, .dim = width};
    training->input.column = &training->column;
    training->input.rows = training->rows;
    training->input.count = training->count;
    for (uint32_t part = 0; part < header->parts; part++)
        TRY(train_part(training, part, books, err));
    return MQL_OK;
}

mql_status
ivf_pq_train(const Ivf *ivf, Pool *pool, const atomic_bool *cancel,
             float *books, Error *err)
{
    Training training = {.ivf = ivf, .input = {.pool = pool, .cancel = cancel}};
    training.sample = take_sample(ivf, &training.count);
    mql_status status = train_parts(&training, books, err);
    free(training.sample);
    free(training.part);
    free(training.points);
    free(training.rows);
    return status;
}

/* ---- encoding ---- */

/* Points of each part, as points_nearest() likes them. */
typedef struct Books {
    Points *parts;
    float *rows; /* the points of all parts, row by row */
    uint32_t count;
} Books;

static void
books_free(Books *books)
{
    for (uint32_t i = 0; books->parts != NULL && i < books->count; i++)
        points_free(&books->parts[i]);
    free(books->parts);
    free(books->rows);
}

static mql_status
books_init(const Ivf *ivf, Books *books, Error *err)
{
    const IvfHeader *header = &ivf->header;
    uint32_t points = ivf_points(header), width = header->dim / header->parts;
    *books = (Books){
        .parts = calloc(header->parts, sizeof *books->parts),
        .rows = malloc((size_t)points * header->dim * sizeof *books->rows)};
    mql_status status = MQL_OK;
    if (books->rows == NULL || books->parts == NULL)
        status = error_no_memory(err);
    for (uint32_t p = 0; status == MQL_OK && p < header->parts; p++) {
        status = points_init(&books->parts[p], points, width, err);
        if (status != MQL_OK)
            break;
        books->count++;
        float *part = books->rows + (size_t)p * points * width;
        for (uint32_t c = 0; c < points; c++)
            for (uint32_t i = 0; i < width; i++)
                part[c * width + i] =
                    ivf->books[((size_t)p * width + i) * points + c];
        points_set(&books->parts[p], part, points);
    }
    return status;
}

typedef struct Encoding {
    const Ivf *ivf;
    Books books;
    const atomic_bool *cancel;
    uint8_t *codes; /* of all places      */
    float *terms;   /* NULL: not kept     */
} Encoding;

/* |r'|^2 + 2 c r' of the codes of a row. */
static float
term_of(const Ivf *ivf, uint32_t list, const uint8_t *codes)
{
    const IvfHeader *header = &ivf->header;
    uint32_t points = ivf_points(header), width = header->dim / header->parts;
    double sum = 0;
    for (uint32_t i = 0; i < header->dim; i++) {
        float r = ivf->books[(size_t)i * points + codes[i / width]];
        float c = centroid_element(ivf, list, i);
        sum += (double)r * ((double)r + 2.0 * (double)c);
    }
    return (float)sum;
}

/* Room for the residuals and codes of POINTS_BLOCK rows. */
typedef struct BlockRoom {
    float *vectors;
    uint8_t *codes; /* a byte for each part, row by row */
} BlockRoom;

static void
encode_block(const Encoding *encoding, uint32_t list, uint32_t place,
             uint32_t count, BlockRoom *room)
{
    const Ivf *ivf = encoding->ivf;
    uint32_t parts = ivf->header.parts, dim = ivf->header.dim;
    uint32_t nearest[POINTS_BLOCK];
    const float *rows[POINTS_BLOCK];
    for (uint32_t i = 0; i < count; i++)
        ivf_residual(ivf, list, ivf->rows[place + i],
                     room->vectors + (size_t)i * dim);
    for (uint32_t part = 0; part < parts; part++) {
        for (uint32_t i = 0; i < count; i++)
            rows[i] =
                room->vectors + (size_t)i * dim + (size_t)part * (dim / parts);
        points_nearest(&encoding->books.parts[part], NULL, rows, count,
                       nearest);
        for (uint32_t i = 0; i < count; i++)
            room->codes[(size_t)i * parts + part] = (uint8_t)nearest[i];
    }
}

void
ivf_store_nibbles(const Ivf *ivf, uint32_t list, uint32_t place,
                  const uint8_t *from, uint8_t *codes)
{
    uint8_t *to = codes + ivf_codes_at(ivf, list, place);
    uint32_t row = (place - ivf->starts[list]) % NIBBLE_ROWS;
    for (uint32_t part = 0; part < ivf_parts(&ivf->header); part++)
        to[nibble_place(part, row)] |=
            (uint8_t)(row < 16 ? from[part] : from[part] << 4);
}

uint8_t
ivf_nibble(const Ivf *ivf, uint32_t list, uint32_t place, uint32_t part)
{
    const uint8_t *codes = ivf->codes + ivf_codes_at(ivf, list, place);
    uint32_t row = (place - ivf->starts[list]) % NIBBLE_ROWS;
    uint8_t byte = codes[nibble_place(part, row)];
    return row < 16 ? byte & 15 : byte >> 4;
}

/* Put the codes of a place where they belong. */
static void
store_codes(const Ivf *ivf, uint32_t list, uint32_t place, const uint8_t *from,
            uint8_t *codes)
{
    if (ivf->header.code_type == IVF_CODES_PQ8)
        memcpy(codes + ivf_codes_at(ivf, list, place), from, ivf->header.parts);
    else
        ivf_store_nibbles(ivf, list, place, from, codes);
}

static mql_status
encode_list(const Encoding *encoding, uint32_t list, BlockRoom *room,
            Error *err)
{
    const Ivf *ivf = encoding->ivf;
    uint32_t end = ivf->starts[list + 1];
    for (uint32_t place = ivf->starts[list]; place < end;
         place += POINTS_BLOCK) {
        uint32_t count =
            end - place < POINTS_BLOCK ? end - place : POINTS_BLOCK;
        if (is_cancelled(encoding->cancel))
            return error_cancelled(err);
        encode_block(encoding, list, place, count, room);
        for (uint32_t i = 0; i < count; i++) {
            const uint8_t *codes = room->codes + (size_t)i * ivf->header.parts;
            store_codes(ivf, list, place + i, codes, encoding->codes);
            if (encoding->terms != NULL)
                encoding->terms[place + i] = term_of(ivf, list, codes);
        }
    }
    return MQL_OK;
}

static mql_status
block_room_init(const Ivf *ivf, BlockRoom *room, Error *err)
{
    room->vectors =
        malloc((size_t)POINTS_BLOCK * ivf->header.dim * sizeof(float));
    room->codes = malloc((size_t)POINTS_BLOCK * ivf->header.parts);
    if (room->vectors != NULL && room->codes != NULL)
        return MQL_OK;
    return error_no_memory(err);
}

static void
block_room_free(BlockRoom *room)
{
    free(room->vectors);
    free(room->codes);
}

static mql_status
encode_work(void *context, uint32_t thread, uint64_t first, uint64_t count,
            Error *err)
{
    (void)thread;
    const Encoding *encoding = context;
    BlockRoom room;
    mql_status status = block_room_init(encoding->ivf, &room, err);
    for (uint64_t list = first; status == MQL_OK && list < first + count;
         list++)
        status = encode_list(encoding, (uint32_t)list, &room, err);
    block_room_free(&room);
    return status;
}

mql_status
ivf_pq_encode(const Ivf *ivf, Pool *pool, const atomic_bool *cancel,
              uint8_t *codes, float *terms, Error *err)
{
    Encoding encoding = {
        .ivf = ivf, .cancel = cancel, .codes = codes, .terms = terms};
    mql_status status = books_init(ivf, &encoding.books, err);
    if (status == MQL_OK)
        status = pool_run(pool, ivf->header.list_count, 1, encode_work,
                          &encoding, err);
    books_free(&encoding.books);
    return status;
}

/* ---- checking ---- */

static uint8_t
code_at(const Ivf *ivf, uint32_t list, uint32_t place, uint32_t part)
{
    if (ivf->header.code_type == IVF_CODES_PQ8)
        return ivf->codes[ivf_codes_at(ivf, list, place) + part];
    return ivf_nibble(ivf, list, place, part);
}

static double
part_distance(const Ivf *ivf, const float *vector, uint32_t part, uint8_t code)
{
    uint32_t width = ivf->header.dim / ivf->header.parts;
    double sum = 0;
    for (uint32_t i = part * width; i < (part + 1) * width; i++) {
        float point = ivf->books[(size_t)i * ivf_points(&ivf->header) + code];
        sum += ((double)vector[i] - (double)point) *
               ((double)vector[i] - (double)point);
    }
    return sum;
}

/* The file's codes are as near as those of encoding anew, but for rounding;
 * `codes` become the file's. */
static bool
is_row_right(const Ivf *ivf, uint32_t list, uint32_t place, const float *vector,
             uint8_t *codes)
{
    for (uint32_t part = 0; part < ivf->header.parts; part++) {
        uint8_t code = code_at(ivf, list, place, part);
        if (code != codes[part]) {
            double best = part_distance(ivf, vector, part, codes[part]);
            double size = part_distance(ivf, vector, part, code);
            if (!(size <= best * 1.001 + 1e-30))
                return false;
        }
        codes[part] = code;
    }
    return ivf->terms == NULL || ivf->terms[place] == term_of(ivf, list, codes);
}

mql_status
ivf_pq_check(const Ivf *ivf, uint32_t list, bool *is_right, Error *err)
{
    Encoding encoding = {.ivf = ivf};
    BlockRoom room = {NULL, NULL};
    mql_status status = books_init(ivf, &encoding.books, err);
    if (status == MQL_OK)
        status = block_room_init(ivf, &room, err);
    *is_right = true;
    uint32_t end = ivf->starts[list + 1];
    for (uint32_t place = ivf->starts[list]; status == MQL_OK && place < end;
         place += POINTS_BLOCK) {
        uint32_t count =
            end - place < POINTS_BLOCK ? end - place : POINTS_BLOCK;
        encode_block(&encoding, list, place, count, &room);
        for (uint32_t i = 0; *is_right && i < count; i++)
            *is_right =
                is_row_right(ivf, list, place + i,
                             room.vectors + (size_t)i * ivf->header.dim,
                             room.codes + (size_t)i * ivf->header.parts);
    }
    block_room_free(&room);
    books_free(&encoding.books);
    return status;
}
