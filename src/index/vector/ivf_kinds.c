/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ivf_kinds.c - the kinds with lists: their options, and what a row becomes in
 * each.
 *
 * SCANN is Milvus' name for nibbles of parts whose best estimates are ranked by
 * the vectors, which IVF_PQ with 4 bits does here too; only the options differ.
 */
#include "index/vector/ivf_internal.h"

extern const IndexKind ivf_flat_kind;
extern const IndexKind ivf_sq8_kind;
extern const IndexKind ivf_pq_kind;
extern const IndexKind ivf_rabitq_kind;
extern const IndexKind scann_kind;
extern const IndexKind bin_ivf_flat_kind;

/* Positions in the tables of build options. */
enum {
    OPTION_NLIST = 0,
    OPTION_PARTS = 1, /* IVF_PQ */
    OPTION_BITS = 2,
    OPTION_WIDTH = 1, /* SCANN */
    OPTION_RAW = 2,
};

#define NLIST                                                                  \
    {                                                                          \
        .name = "nlist", .synonym = "lists", .least = 1,                       \
        .most = IVF_LISTS_MOST, .usual = 128,                                  \
        .help = "lists; fewer in a segment with less than 39 rows for each"    \
    }

static const IndexOption build_options[] = {
    [OPTION_NLIST] = NLIST,
    {.name = NULL},
};

static const IndexOption pq_build_options[] = {
    [OPTION_NLIST] = NLIST,
    [OPTION_PARTS] = {.name = "m",
                      .least = 1,
                      .most = IVF_PARTS_MOST,
                      .usual = -1,
                      .help = "parts of a vector, each of them a code; divides "
                              "the dimension. By default a quarter of it, with "
                              "4 bits half of it, or less"},
    [OPTION_BITS] = {.name = "nbits",
                     .least = 1,
                     .most = 24,
                     .usual = 8,
                     .help = "bits of a code: 8, or 4, which is faster"},
    {.name = NULL},
};

static const char *const truths[] = {"false", "true", NULL};

static const IndexOption scann_build_options[] = {
    [OPTION_NLIST] = NLIST,
    [OPTION_WIDTH] = {.name = "sub_dim",
                      .least = 1,
                      .most = IVF_PARTS_MOST,
                      .usual = -1,
                      .help = "elements of a part, which is coded as a nibble; "
                              "divides the dimension. By default 2, or 1 when "
                              "that is odd"},
    [OPTION_RAW] = {.name = "with_raw_data",
                    .words = truths,
                    .usual = 1,
                    .help = "the best are ranked by their vectors, which a "
                            "collection has anyway: only true"},
    {.name = NULL},
};

#define NPROBE                                                                 \
    {                                                                          \
        .name = "nprobe", .synonym = "probes", .least = 1, .most = 65536,      \
        .usual = 8,                                                            \
        .help = "lists a search looks at: more find more and take longer"      \
    }

static const IndexOption flat_search_options[] = {
    [IVF_OPTION_NPROBE] = NPROBE,
    {.name = NULL},
};

#define REFINE_HELP                                                            \
    "rows ranked by their vectors, as a multiple of the limit; by default "    \
    "what the data was found to need"

static const IndexOption coded_search_options[] = {
    [IVF_OPTION_NPROBE] = NPROBE,
    {.name = "refine_k",
     .least = 1,
     .most = IVF_REFINE_MOST,
     .usual = -1,
     .help = REFINE_HELP},
    {.name = NULL},
};

static const IndexOption scann_search_options[] = {
    [IVF_OPTION_NPROBE] = NPROBE,
    {.name = "reorder_k",
     .least = 1,
     .most = IVF_REORDER_MOST,
     .usual = -1,
     .covers_limit = true,
     .help =
         "rows ranked by their vectors, no fewer than the limit; by default "
         "what the data was found to need"},
    {.name = NULL},
};

static const IndexOption rabitq_search_options[] = {
    [IVF_OPTION_NPROBE] = NPROBE,
    {.name = "rbq_bits_query",
     .least = 0,
     .most = 8,
     .usual = 0,
     .help = "bits of an element of the target; 0: all of them"},
    {.name = "refine_k",
     .least = 1,
     .most = IVF_REFINE_MOST,
     .usual = -1,
     .help = REFINE_HELP},
    {.name = NULL},
};

/* ---- what the options of a kind make of `dim` elements ---- */

/* The most parts that are no more than `wanted` and divide the dimension. */
static uint32_t
parts_near(uint32_t dim, uint32_t wanted)
{
    while (wanted > 1 && dim % wanted != 0)
        wanted--;
    return wanted < 1 ? 1 : wanted;
}

static IvfShape
plain_shape(IvfCodes codes, const IndexOptions *options)
{
    return (IvfShape){codes, 0, (uint32_t)options->values[OPTION_NLIST]};
}

#define PLAIN_SHAPE(name, codes)                                               \
    static IvfShape name##_shape(const IndexOptions *options, uint32_t dim)    \
    {                                                                          \
        (void)dim;                                                             \
        return plain_shape(codes, options);                                    \
    }

PLAIN_SHAPE(flat, IVF_CODES_FLAT)
PLAIN_SHAPE(sq8, IVF_CODES_SQ8)
PLAIN_SHAPE(rabitq, IVF_CODES_SIGNS)
PLAIN_SHAPE(bits, IVF_CODES_BITS)

static IvfShape
pq_shape(const IndexOptions *options, uint32_t dim)
{
    bool is_nibble = options->values[OPTION_BITS] == 4;
    IvfShape shape =
        plain_shape(is_nibble ? IVF_CODES_PQ4 : IVF_CODES_PQ8, options);
    int64_t parts = options->values[OPTION_PARTS];
    shape.parts = parts > 0 ? (uint32_t)parts
                            : parts_near(dim, dim / (is_nibble ? 2 : 4));
    return shape;
}

static IvfShape
scann_shape(const IndexOptions *options, uint32_t dim)
{
    IvfShape shape = plain_shape(IVF_CODES_PQ4, options);
    int64_t width = options->values[OPTION_WIDTH];
    if (width < 1)
        width = dim % 2 == 0 ? 2 : 1;
    shape.parts = width <= dim ? dim / (uint32_t)width : 1;
    return shape;
}

static mql_status
pq_settle(IndexOptions *options, uint32_t dim, Error *err)
{
    int64_t bits = options->values[OPTION_BITS];
    int64_t parts = options->values[OPTION_PARTS];
    if (bits != 4 && bits != 8)
        return error_set(err, ERR_FEATURE_NOT_SUPPORTED,
                         "\"nbits\" other than 4 and 8 is not supported yet");
    if (parts > 0 && dim % parts != 0)
        return error_set(err, ERR_INVALID_PARAMETER,
                         "\"m\" must divide the dimension, %u", dim);
    options->values[OPTION_PARTS] = pq_shape(options, dim).parts;
    return MQL_OK;
}

static mql_status
scann_settle(IndexOptions *options, uint32_t dim, Error *err)
{
    int64_t width = options->values[OPTION_WIDTH];
    if (options->values[OPTION_RAW] == 0)
        return error_set(err, ERR_FEATURE_NOT_SUPPORTED,
                         "\"with_raw_data\" = false is not supported yet");
    if (width > 0 && dim % width != 0)
        return error_set(err, ERR_INVALID_PARAMETER,
                         "\"sub_dim\" must divide the dimension, %u", dim);
    options->values[OPTION_WIDTH] = dim / scann_shape(options, dim).parts;
    return MQL_OK;
}

/* ---- the kinds ---- */

static mql_status
build_kind(const IndexKind *kind,
           IvfShape (*shape_of)(const IndexOptions *options, uint32_t dim),
           const IndexBuild *input, SectionWriter *writer, Error *err)
{
    IndexOptions options = *input->options;
    if (kind->settle != NULL)
        TRY(kind->settle(&options, input->vectors->dim, err));
    return ivf_build(input, shape_of(&options, input->vectors->dim), writer,
                     err);
}

#define FUNCTIONS(name, kind)                                                  \
    static mql_status name##_build(const IndexBuild *input,                    \
                                   SectionWriter *writer, Error *err)          \
    {                                                                          \
        return build_kind(&kind, name##_shape, input, writer, err);            \
    }                                                                          \
    static uint64_t name##_memory(const IndexBuild *input)                     \
    {                                                                          \
        IvfShape shape = name##_shape(input->options, input->vectors->dim);    \
        return ivf_memory(input, shape);                                       \
    }                                                                          \
    static mql_status name##_open(const IndexOpen *input, Index **index,       \
                                  Error *err)                                  \
    {                                                                          \
        IvfShape shape = name##_shape(input->options, input->vectors->dim);    \
        return ivf_open(&kind, shape, input, index, err);                      \
    }

FUNCTIONS(flat, ivf_flat_kind)
FUNCTIONS(sq8, ivf_sq8_kind)
FUNCTIONS(pq, ivf_pq_kind)
FUNCTIONS(rabitq, ivf_rabitq_kind)
FUNCTIONS(scann, scann_kind)
FUNCTIONS(bits, bin_ivf_flat_kind)

/* What all of them have. */
#define LISTS(name)                                                            \
    .is_vector = true, .has_file = true, .memory = name##_memory,              \
    .filter_plans = FILTER_SET(FILTER_SCAN) | FILTER_SET(FILTER_CLUSTER),      \
    .build = name##_build, .open = name##_open, .search = ivf_search,          \
    .search_many = ivf_search_many, .check = ivf_check, .close = ivf_close

const IndexKind ivf_flat_kind = {
    .name = "IVF_FLAT",
    .synonym = "IVFFLAT",
    .help = "lists around centroids, those near the query searched exactly",
    .elements = ELEMENT_NUMBERS,
    .build_options = build_options,
    .search_options = flat_search_options,
    LISTS(flat),
};

const IndexKind ivf_sq8_kind = {
    .name = "IVF_SQ8",
    .help = "lists of codes of a byte for each element; the best are ranked by "
            "their vectors",
    .elements = ELEMENT_NUMBERS,
    .build_options = build_options,
    .search_options = coded_search_options,
    LISTS(sq8),
};

const IndexKind ivf_pq_kind = {
    .name = "IVF_PQ",
    .help = "lists of codes of 4 or 8 bits for each part of a vector; the best "
            "are ranked by their vectors",
    .elements = ELEMENT_NUMBERS,
    .build_options = pq_build_options,
    .search_options = coded_search_options,
    .settle = pq_settle,
    LISTS(pq),
};

const IndexKind ivf_rabitq_kind = {
    .name = "IVF_RABITQ",
    .help = "lists of codes of a bit for each element; the best are ranked by "
            "their vectors",
    .elements = ELEMENT_NUMBERS,
    .build_options = build_options,
    .search_options = rabitq_search_options,
    LISTS(rabitq),
};

const IndexKind scann_kind = {
    .name = "SCANN",
    .help = "lists of nibbles for small parts of a vector; the best are ranked "
            "by their vectors",
    .elements = ELEMENT_NUMBERS,
    .build_options = scann_build_options,
    .search_options = scann_search_options,
    .settle = scann_settle,
    LISTS(scann),
};

const IndexKind bin_ivf_flat_kind = {
    .name = "BIN_IVF_FLAT",
    .help = "lists of vectors of bits, those near the query searched exactly",
    .elements = ELEMENT_SET(ELEMENT_BIT),
    .build_options = build_options,
    .search_options = flat_search_options,
    LISTS(bits),
};
