/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ivf_check.c - every invariant of a file with lists.
 *
 * Each row with a vector has one place; rows ascend within a list; zero vectors
 * are last under COSINE and nowhere else; codes, norms and bounds are what the
 * rows give.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "index/vector/ivf_internal.h"
#include "index/vector/kmeans.h"

typedef struct Check {
    const Ivf *ivf;
    uint64_t *seen; /* bit for each row */
    uint8_t *code;
    float *vector;
} Check;

static mql_status
wrong(const Ivf *ivf, const char *what, uint32_t place, Error *err)
{
    return error_corrupt(err, section_file_path(ivf->file), -1,
                         "an IVF index has %s at %u", what, place);
}

/* The row of a place: one with a vector, after the one before in its list. */
static mql_status
check_row(Check *check, uint32_t place, uint32_t first, Error *err)
{
    const Ivf *ivf = check->ivf;
    uint32_t row = ivf->rows[place];
    if (row >= ivf->header.row_count || bits_get(check->seen, row) ||
        (ivf->column->valid != NULL && ivf->column->valid[row] == 0) ||
        (place > first && row <= ivf->rows[place - 1]))
        return wrong(ivf, "a wrong row", place, err);
    bits_set(check->seen, row);
    TRY(vector_column_verify(ivf->column, row, 1, err));
    kmeans_row(ivf->column, ivf->header.metric == METRIC_COSINE, row,
               check->vector);
    bool is_zero = vector_is_zero(ELEMENT_F32, check->vector, ivf->header.dim);
    bool is_last = place >= ivf_listed(&ivf->header);
    if (ivf->header.metric == METRIC_COSINE && is_zero != is_last)
        return wrong(ivf, "a wrong zero vector", place, err);
    return MQL_OK;
}

/* Norms of unit vectors may differ in the last bit between processors, and with
 * them an element's code by one. */
static bool
is_code(const Check *check, const uint8_t *code)
{
    const Coder *coder = &check->ivf->coder;
    int32_t apart = check->ivf->header.metric == METRIC_COSINE ? 1 : 0;
    for (uint32_t i = 0; i < coder->stride; i++) {
        int32_t difference = (int32_t)code[i] - (int32_t)check->code[i];
        if (difference > apart || difference < -apart)
            return false;
        if (i < coder->dim ? code[i] < 1 || code[i] > 127 : code[i] != 0)
            return false;
    }
    return true;
}

static mql_status
check_code(Check *check, uint32_t place, double *error, double *norm,
           Error *err)
{
    const Ivf *ivf = check->ivf;
    const uint8_t *code = ivf->codes + place * ivf_code_size(ivf);
    uint32_t row = ivf->rows[place];
    if (ivf->header.code_type == IVF_CODES_BITS)
        return memcmp(code, vector_row(ivf->column, row), ivf_code_size(ivf)) ==
                       0
                   ? MQL_OK
                   : wrong(ivf, "a wrong code", place, err);
    coder_encode(&ivf->coder, check->vector, row, check->code);
    if (!is_code(check, code))
        return wrong(ivf, "a wrong code", place, err);
    float square = ivf_code_norm(&ivf->coder, code);
    if (ivf->terms != NULL && ivf->terms[place] != square)
        return wrong(ivf, "a wrong norm", place, err);
    *error = fmax(*error, ivf_code_error(&ivf->coder, check->vector, code));
    *norm = fmax(*norm, sqrt((double)square));
    return MQL_OK;
}

/* Not below, and not much above. */
static bool
is_bound(float bound, double of)
{
    return (double)bound >= of * (1 - 1e-6) &&
           (double)bound <= of * (1 + 1e-5) + 1e-30;
}

static mql_status
check_centroid(const Ivf *ivf, uint32_t list, Error *err)
{
    const uint8_t *code = ivf->centroids + (size_t)list * ivf->coder.stride;
    for (uint32_t i = 0; i < ivf->coder.stride; i++)
        if (i < ivf->coder.dim ? code[i] < 1 || code[i] > 127 : code[i] != 0)
            return wrong(ivf, "a wrong centroid", list, err);
    if (ivf->norms[list] != ivf_code_norm(&ivf->coder, code))
        return wrong(ivf, "a wrong norm of centroid", list, err);
    return MQL_OK;
}

static mql_status
check_list(Check *check, uint32_t list, Error *err)
{
    const Ivf *ivf = check->ivf;
    uint32_t first = ivf->starts[list];
    double error = 0, norm = 0;
    if (ivf->starts[list + 1] == first)
        return wrong(ivf, "an empty list", list, err);
    for (uint32_t place = first; place < ivf->starts[list + 1]; place++) {
        TRY(check_row(check, place, first, err));
        if (!ivf_is_pq(&ivf->header) &&
            ivf->header.code_type != IVF_CODES_SIGNS)
            TRY(check_code(check, place, &error, &norm, err));
    }
    bool is_right = true;
    if (ivf_is_pq(&ivf->header))
        TRY(ivf_pq_check(ivf, list, &is_right, err));
    if (ivf->header.code_type == IVF_CODES_SIGNS)
        TRY(ivf_signs_check(ivf, list, &is_right, err));
    if (!is_right)
        return wrong(ivf, "wrong codes in list", list, err);
    if (ivf_has_bounds(&ivf->header) &&
        !(is_bound(ivf->bounds[list].error, error) &&
          is_bound(ivf->bounds[list].norm, norm)))
        return wrong(ivf, "a wrong bound of list", list, err);
    return check_centroid(ivf, list, err);
}

static mql_status
check_all(Check *check, Error *err)
{
    const Ivf *ivf = check->ivf;
    uint32_t places = ivf->header.place_count;
    TRY(section_verify(ivf->file, &ivf->rows_section, 0, ivf->rows_section.size,
                       err));
    TRY(section_verify(ivf->file, &ivf->codes_section, 0,
                       ivf->codes_section.size, err));
    if (ivf->terms != NULL)
        TRY(section_verify(ivf->file, &ivf->terms_section, 0,
                           ivf->terms_section.size, err));
    if (ivf->factors != NULL)
        TRY(section_verify(ivf->file, &ivf->factors_section, 0,
                           ivf->factors_section.size, err));
    for (uint32_t list = 0; list < ivf->header.list_count; list++)
        TRY(check_list(check, list, err));
    uint32_t first = ivf_listed(&ivf->header);
    for (uint32_t place = first; place < places; place++)
        TRY(check_row(check, place, first, err));
    for (uint32_t row = 0; row < ivf->header.row_count; row++)
        if (!bits_get(check->seen, row) &&
            (ivf->column->valid == NULL || ivf->column->valid[row] != 0))
            return wrong(ivf, "no place for a row", row, err);
    return MQL_OK;
}

mql_status
ivf_check(const Index *index, Error *err)
{
    const Ivf *ivf = (const Ivf *)index;
    if (ivf->header.list_count == 0)
        return MQL_OK;
    Check check = {.ivf = ivf};
    check.seen =
        calloc(bits_words(ivf->header.row_count) + 1, sizeof *check.seen);
    check.code = calloc(ivf->coder.stride, 1);
    check.vector = calloc(ivf->header.dim, sizeof *check.vector);
    mql_status status = MQL_OK;
    if (check.seen == NULL || check.code == NULL || check.vector == NULL)
        status = error_no_memory(err);
    if (status == MQL_OK)
        status = check_all(&check, err);
    free(check.seen);
    free(check.code);
    free(check.vector);
    return status;
}
