/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ivf_signs.c - a bit for each element of what is left of a vector when the
 * centroid of its list is taken away (Gao and Long, RaBitQ, 2024).
 *
 * The residual r is turned (turn.h), t, and of each element only the sign s is
 * kept. With P for the turned query and f = |t|^2 / sum |t|
 *
 *   p r  is about  f * sum of s P,
 *
 * which errs to neither side, and the less the more elements there are. As for
 * PQ the square is |p - c|^2 + (|r|^2 + 2 c r) - 2 p r: the second part is the
 * term of a row, f its factor. Four signs make a nibble, and the sums of s P
 * come from tables of 16 numbers for each four elements.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "index/vector/ivf_internal.h"
#include "index/vector/turn.h"

/* ---- searching ---- */

/* Elements as the nearest of 2^bits values from -most to most. */
static void
round_to_bits(float *x, uint32_t dim, uint32_t bits)
{
    float most = 0;
    for (uint32_t i = 0; i < dim; i++)
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    float step = 2 * most / (float)((1u << bits) - 1);
    if (!(step > 0))
        return;
    for (uint32_t i = 0; i < dim; i++)
        x[i] = rintf((x[i] + most) / step) * step - most;
}

/* Sums of four elements with the signs of each nibble. */
static void
fill_values(const float *x, float *values)
{
    for (uint32_t code = 0; code < 16; code++)
        values[code] = ((code & 1) != 0 ? x[0] : -x[0]) +
                       ((code & 2) != 0 ? x[1] : -x[1]) +
                       ((code & 4) != 0 ? x[2] : -x[2]) +
                       ((code & 8) != 0 ? x[3] : -x[3]);
}

void
ivf_signs_tables(const Ivf *ivf, IvfScratch *scratch, uint32_t bits)
{
    const IvfHeader *header = &ivf->header;
    uint32_t dim = header->dim;
    float *turned = scratch->turned;
    float factor = header->metric == METRIC_IP ? 1.0f : 2.0f;
    for (uint32_t i = 0; i < dim; i++)
        turned[i] = factor * scratch->point[i];
    turn_vector(turned, dim, turned + dim);
    if (bits > 0)
        round_to_bits(turned, dim, bits);
    memset(turned + dim, 0, 3 * sizeof *turned);
    for (uint32_t part = 0; part < ivf_parts(header); part++)
        fill_values(turned + (size_t)4 * part,
                    scratch->values + (size_t)16 * part);
    ivf_fill_tables(ivf, scratch);
}

void
ivf_signs_estimate(const Ivf *ivf, const IvfScratch *scratch, uint32_t list,
                   uint32_t place, uint32_t count, float base, float *distances)
{
    uint16_t sums[IVF_BLOCK];
    const float *factors = ivf->factors + place;
    ivf_sum_nibbles(ivf, scratch, list, place, count, sums);
    for (uint32_t i = 0; i < count; i++)
        distances[i] = base - factors[i] * (scratch->least +
                                            scratch->scale * (float)sums[i]);
    for (uint32_t i = 0; ivf->terms != NULL && i < count; i++)
        distances[i] += ivf->terms[place + i];
}

/* ---- encoding ---- */

typedef struct Encoding {
    const Ivf *ivf;
    const atomic_bool *cancel;
    uint8_t *codes;
    float *terms, *factors;
} Encoding;

/* What is kept of a row. */
typedef struct Signs {
    float *turned;    /* 2 * dim: turned residual, and room */
    uint8_t *nibbles; /* one for each part */
    float term, factor;
} Signs;

static mql_status
signs_init(const Ivf *ivf, Signs *signs, Error *err)
{
    signs->turned =
        calloc(2 * (size_t)ivf->header.dim + 1, sizeof *signs->turned);
    signs->nibbles = calloc((size_t)ivf_parts(&ivf->header) + 1, 1);
    if (signs->turned != NULL && signs->nibbles != NULL)
        return MQL_OK;
    return error_no_memory(err);
}

static void
signs_free(Signs *signs)
{
    free(signs->turned);
    free(signs->nibbles);
}

static void
signs_of(const Ivf *ivf, uint32_t list, uint32_t row, Signs *signs)
{
    const Coder *coder = &ivf->coder;
    const uint8_t *centroid = ivf->centroids + (size_t)list * coder->stride;
    uint32_t dim = ivf->header.dim;
    float *x = signs->turned;
    double square = 0, cross = 0, sum = 0;
    ivf_residual(ivf, list, row, x);
    for (uint32_t i = 0; i < dim; i++) {
        double c = ((double)centroid[i] - 64.0) * (double)coder->step;
        square += (double)x[i] * (double)x[i];
        cross += (double)x[i] * c;
    }
    turn_vector(x, dim, x + dim);
    memset(signs->nibbles, 0, ivf_parts(&ivf->header));
    for (uint32_t i = 0; i < dim; i++) {
        sum += fabs((double)x[i]);
        if (x[i] >= 0)
            signs->nibbles[i / 4] |= (uint8_t)(1u << i % 4);
    }
    signs->term = (float)(square + 2 * cross);
    signs->factor = sum > 0 ? (float)(square / sum) : 0;
}

static mql_status
encode_list(const Encoding *encoding, uint32_t list, Signs *signs, Error *err)
{
    const Ivf *ivf = encoding->ivf;
    for (uint32_t place = ivf->starts[list]; place < ivf->starts[list + 1];
         place++) {
        if (is_cancelled(encoding->cancel))
            return error_cancelled(err);
        signs_of(ivf, list, ivf->rows[place], signs);
        ivf_store_nibbles(ivf, list, place, signs->nibbles, encoding->codes);
        encoding->terms[place] = signs->term;
        encoding->factors[place] = signs->factor;
    }
    return MQL_OK;
}

static mql_status
encode_work(void *context, uint32_t thread, uint64_t first, uint64_t count,
            Error *err)
{
    (void)thread;
    const Encoding *encoding = context;
    Signs signs;
    mql_status status = signs_init(encoding->ivf, &signs, err);
    for (uint64_t list = first; status == MQL_OK && list < first + count;
         list++)
        status = encode_list(encoding, (uint32_t)list, &signs, err);
    signs_free(&signs);
    return status;
}

mql_status
ivf_signs_encode(const Ivf *ivf, Pool *pool, const atomic_bool *cancel,
                 uint8_t *codes, float *terms, float *factors, Error *err)
{
    Encoding encoding = {.ivf = ivf,
                         .cancel = cancel,
                         .codes = codes,
                         .terms = terms,
                         .factors = factors};
    return pool_run(pool, ivf->header.list_count, 1, encode_work, &encoding,
                    err);
}

/* ---- checking ---- */

/* Norms of unit vectors may differ in the last bit between processors. */
static bool
is_near(double a, double b, double scale)
{
    return fabs(a - b) <= 1e-4 * scale + 1e-30;
}

static bool
is_row_right(const Ivf *ivf, uint32_t list, uint32_t place, const Signs *signs)
{
    double length = 0;
    for (uint32_t i = 0; i < ivf->header.dim; i++)
        length += fabs((double)signs->turned[i]);
    for (uint32_t part = 0; part < ivf_parts(&ivf->header); part++) {
        uint8_t differing =
            ivf_nibble(ivf, list, place, part) ^ signs->nibbles[part];
        for (uint32_t bit = 0; bit < 4; bit++) {
            uint32_t i = 4 * part + bit;
            if ((differing >> bit & 1) == 0)
                continue;
            if (i >= ivf->header.dim ||
                !is_near((double)signs->turned[i], 0, length))
                return false;
        }
    }
    double factor = (double)signs->factor;
    return is_near((double)ivf->factors[place], factor, factor) &&
           (ivf->terms == NULL ||
            is_near((double)ivf->terms[place], (double)signs->term,
                    factor * length + fabs((double)signs->term)));
}

mql_status
ivf_signs_check(const Ivf *ivf, uint32_t list, bool *is_right, Error *err)
{
    Signs signs;
    mql_status status = signs_init(ivf, &signs, err);
    *is_right = true;
    for (uint32_t place = ivf->starts[list];
         status == MQL_OK && *is_right && place < ivf->starts[list + 1];
         place++) {
        signs_of(ivf, list, ivf->rows[place], &signs);
        *is_right = is_row_right(ivf, list, place, &signs);
    }
    signs_free(&signs);
    return status;
}
