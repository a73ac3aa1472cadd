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
#include "index/vector/product.h"

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

static ProductShape
shape_of(const Ivf *ivf)
{
    const IvfHeader *header = &ivf->header;
    return (ProductShape){header->dim, header->parts, ivf_points(header)};
}

/* ---- searching ---- */

#define POINTS 16 /* of a table of nibbles */
#define LANES 4

/* Make the least of a part's values zero; which it was, and the largest now. */
static float
begin_at_zero(float values[POINTS], float *range)
{
    float least[LANES], most[LANES], first;
    memcpy(least, values, sizeof least);
    memcpy(most, values, sizeof most);
    for (uint32_t i = LANES; i < POINTS; i += LANES)
        for (uint32_t lane = 0; lane < LANES; lane++) {
            /* Not fminf(): that is a call where the baseline is SSE2. */
            float value = values[i + lane];
            least[lane] = value < least[lane] ? value : least[lane];
            most[lane] = value > most[lane] ? value : most[lane];
        }
    first = least[0];
    *range = most[0];
    for (uint32_t lane = 1; lane < LANES; lane++) {
        first = least[lane] < first ? least[lane] : first;
        *range = most[lane] > *range ? most[lane] : *range;
    }
    *range -= first;
    for (uint32_t i = 0; i < POINTS; i++)
        values[i] -= first;
    return first;
}

static void
fill_bytes(const float *restrict values, float inverse, uint32_t count,
           uint8_t *restrict bytes)
{
    for (uint32_t i = 0; i < count; i++) {
        float number = values[i] * inverse + 0.5f;
        bytes[i] = (uint8_t)(int32_t)(number < 255.0f ? number : 255.0f);
    }
}

void
ivf_fill_tables(const Ivf *ivf, IvfScratch *scratch)
{
    uint32_t parts = ivf_parts(&ivf->header);
    float widest = 0, sum_of_ranges = 0, sum_of_leasts = 0, range;
    for (uint32_t part = 0; part < parts; part++) {
        sum_of_leasts += begin_at_zero(scratch->values + part * POINTS, &range);
        sum_of_ranges += range;
        widest = fmaxf(widest, range);
    }
    /* Tables of bytes, sums of 16 bits with room for rounding. */
    float room = 65000.0f - (float)parts;
    float scale = fmaxf(widest / 255.0f, sum_of_ranges / fmaxf(room, 1.0f));
    if (!(scale > 0 && scale < INFINITY))
        scale = 1;
    float inverse = 1.0f / scale;
    fill_bytes(scratch->values, inverse, parts * POINTS, scratch->tables);
    scratch->least = sum_of_leasts;
    scratch->scale = scale;
}

void
ivf_pq_tables(const Ivf *ivf, IvfScratch *scratch)
{
    ProductShape shape = shape_of(ivf);
    float factor = ivf->header.metric == METRIC_IP ? 1.0f : 2.0f;
    product_values(&shape, ivf->books, scratch->point, factor, scratch->values);
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
    ProductShape shape = shape_of(ivf);
    uint32_t listed = ivf_listed(header), list = 0;
    *count = product_sample_size(&shape, listed);
    float *sample = malloc((size_t)*count * header->dim * sizeof *sample);
    for (uint64_t i = 0; sample != NULL && i < *count; i++) {
        uint32_t place = (uint32_t)(i * listed / *count);
        while (ivf->starts[list + 1] <= place)
            list++;
        ivf_residual(ivf, list, ivf->rows[place], sample + i * header->dim);
    }
    return sample;
}

mql_status
ivf_pq_train(const Ivf *ivf, Pool *pool, const atomic_bool *cancel,
             float *books, Error *err)
{
    uint32_t count;
    ProductShape shape = shape_of(ivf);
    float *sample = take_sample(ivf, &count);
    if (sample == NULL)
        return error_no_memory(err);
    mql_status status =
        product_train(&shape, sample, count, pool, cancel, books, err);
    free(sample);
    return status;
}

/* ---- encoding ---- */

typedef struct Encoding {
    const Ivf *ivf;
    ProductPoints points;
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
    uint32_t dim = ivf->header.dim;
    for (uint32_t i = 0; i < count; i++)
        ivf_residual(ivf, list, ivf->rows[place + i],
                     room->vectors + (size_t)i * dim);
    product_encode(&encoding->points, room->vectors, count, room->codes,
                   ivf->header.parts);
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
    ProductShape shape = shape_of(ivf);
    mql_status status =
        product_points_init(&shape, ivf->books, &encoding.points, err);
    if (status == MQL_OK)
        status = pool_run(pool, ivf->header.list_count, 1, encode_work,
                          &encoding, err);
    product_points_free(&encoding.points);
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

/* The file's codes are as near as those of encoding anew, but for rounding;
 * `codes` become the file's. */
static bool
is_row_right(const Ivf *ivf, uint32_t list, uint32_t place, const float *vector,
             uint8_t *codes)
{
    ProductShape shape = shape_of(ivf);
    for (uint32_t part = 0; part < ivf->header.parts; part++) {
        uint8_t code = code_at(ivf, list, place, part);
        if (code != codes[part]) {
            double best = product_part_distance(&shape, ivf->books, vector,
                                                part, codes[part]);
            double size =
                product_part_distance(&shape, ivf->books, vector, part, code);
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
    ProductShape shape = shape_of(ivf);
    mql_status status =
        product_points_init(&shape, ivf->books, &encoding.points, err);
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
    product_points_free(&encoding.points);
    return status;
}
