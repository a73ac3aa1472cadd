/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_kinds.c - the kinds with a graph: their options, and what searches walk
 * over in each.
 *
 * The graph is the same in all of them, and so is the last step: the best rows
 * are ranked by their vectors, which a collection has anyway. HNSW lets the
 * data choose the codes of the walk, HNSW_SQ, HNSW_PQ and HNSW_PRQ the user.
 */
#include "index/vector/hnsw_internal.h"

extern const IndexKind hnsw_kind;
extern const IndexKind hnsw_sq_kind;
extern const IndexKind hnsw_pq_kind;
extern const IndexKind hnsw_prq_kind;

/* ---- options ---- */

#define GRAPH_OPTIONS                                                          \
    [HNSW_OPTION_M] = {.name = "M",                                            \
                       .least = 2,                                             \
                       .most = 2048,                                           \
                       .usual = 30,                                            \
                       .help = "links of a node; twice as many at most on "    \
                               "the lowest level"},                            \
    [HNSW_OPTION_EF_CONSTRUCTION] = {                                          \
        .name = "efConstruction",                                              \
        .synonym = "ef_construction",                                          \
        .least = 1,                                                            \
        .most = INT32_MAX,                                                     \
        .usual = 360,                                                          \
        .help = "candidates looked at for the links of a node"}

static const IndexOption build_options[] = {
    GRAPH_OPTIONS,
    {.name = NULL},
};

/* From the coarsest to the finest; sq_type has the first five. */
enum { PRECISION_SQ4U, PRECISION_SQ6, PRECISION_SQ8, PRECISION_BF16 };
enum { PRECISION_FP16 = PRECISION_BF16 + 1, PRECISION_FP32, PRECISION_FLAT };
static const char *const code_words[] = {"SQ4U", "SQ6",  "SQ8",
                                         "BF16", "FP16", NULL};
static const char *const precision_words[] = {"SQ4U", "SQ6",  "SQ8",  "BF16",
                                              "FP16", "FP32", "FLAT", NULL};
static const char *const truths[] = {"false", "true", NULL};

#define REFINE                                                                 \
    {                                                                          \
        .name = "refine", .words = truths, .most = 1, .usual = 1,              \
        .help = "whether a search ranks more rows than it returns, as many "   \
                "as the data was found to need"                                \
    }

#define REFINE_TYPE                                                            \
    {                                                                          \
        .name = "refine_type", .words = precision_words,                       \
        .most = PRECISION_FLAT, .usual = PRECISION_FP32,                       \
        .help = "what rows are ranked by, at least: it is always their "       \
                "vectors, which take no memory beside the collection"          \
    }

enum {
    SQ_OPTION_TYPE = HNSW_OPTIONS,
    SQ_OPTION_REFINE,
    SQ_OPTION_REFINE_TYPE,
};

static const IndexOption sq_build_options[] = {
    GRAPH_OPTIONS,
    [SQ_OPTION_TYPE] = {.name = "sq_type",
                        .words = code_words,
                        .most = PRECISION_FP16,
                        .usual = PRECISION_SQ8,
                        .help = "what searches look at of each element: 4, 6 "
                                "or 8 bits, a bfloat or a half float"},
    [SQ_OPTION_REFINE] = REFINE,
    [SQ_OPTION_REFINE_TYPE] = REFINE_TYPE,
    {.name = NULL},
};

/* refine and refine_type are the last ones. */
enum {
    PQ_OPTION_PARTS = HNSW_OPTIONS,
    PQ_OPTION_BITS,
    PQ_OPTION_REFINE,
    PQ_OPTION_REFINE_TYPE,
};
enum {
    PRQ_OPTION_PARTS = HNSW_OPTIONS,
    PRQ_OPTION_STAGES,
    PRQ_OPTION_BITS,
    PRQ_OPTION_REFINE,
    PRQ_OPTION_REFINE_TYPE,
};

#define PQ_PARTS 32 /* unless said otherwise; PRQ_... likewise */
#define PRQ_PARTS 2

#define BITS                                                                   \
    {                                                                          \
        .name = "nbits", .least = 1, .most = 24, .usual = 8,                   \
        .help = "bits of a code, up to 8; 8 is the fastest"                    \
    }

static const IndexOption pq_build_options[] = {
    GRAPH_OPTIONS,
    [PQ_OPTION_PARTS] = {.name = "m",
                         .least = 1,
                         .most = HNSW_PARTS_MOST,
                         .usual = -1,
                         .help = "parts of a vector, each of them a code; "
                                 "divides the dimension. By default 32, or "
                                 "less"},
    [PQ_OPTION_BITS] = BITS,
    [PQ_OPTION_REFINE] = REFINE,
    [PQ_OPTION_REFINE_TYPE] = REFINE_TYPE,
    {.name = NULL},
};

static const IndexOption prq_build_options[] = {
    GRAPH_OPTIONS,
    [PRQ_OPTION_PARTS] = {.name = "m",
                          .least = 1,
                          .most = HNSW_PARTS_MOST,
                          .usual = -1,
                          .help = "parts of a vector, each of them nrq codes; "
                                  "divides the dimension. By default 2, or 1 "
                                  "when that is odd"},
    [PRQ_OPTION_STAGES] = {.name = "nrq",
                           .least = 1,
                           .most = PRODUCT_STAGES_MOST,
                           .usual = 2,
                           .help = "codes of a part: each further one is of "
                                   "what those before left of it"},
    [PRQ_OPTION_BITS] = BITS,
    [PRQ_OPTION_REFINE] = REFINE,
    [PRQ_OPTION_REFINE_TYPE] = REFINE_TYPE,
    {.name = NULL},
};

#define EF                                                                     \
    {                                                                          \
        .name = "ef", .synonym = "ef_search", .least = 1, .most = EFFORT_MOST, \
        .usual = -1, .covers_limit = true,                                     \
        .help = "rows a search keeps in view; at least the limit, by default " \
                "the larger of it and 16"                                      \
    }

static const IndexOption search_options[] = {
    [HNSW_OPTION_EF] = EF,
    {.name = NULL},
};

static const IndexOption coded_search_options[] = {
    [HNSW_OPTION_EF] = EF,
    [HNSW_OPTION_REFINE_K] = {.name = "refine_k",
                              .least = 1,
                              .most = HNSW_REFINE_MOST,
                              .usual = -1,
                              .help =
                                  "rows ranked by their vectors, as a multiple "
                                  "of the limit; by default what refine says"},
    {.name = NULL},
};

/* ---- what the options of a kind ask for ---- */

/* Where "refine" is, with "refine_type" behind it. */
static mql_status
settle_refine(const IndexOptions *options, uint32_t position, Error *err)
{
    if (options->values[position] == 0 &&
        options->values[position + 1] != PRECISION_FP32)
        return error_set(err, ERR_INVALID_PARAMETER,
                         "\"refine_type\" needs \"refine\" = true");
    return MQL_OK;
}

static mql_status
sq_settle(IndexOptions *options, uint32_t dim, Error *err)
{
    (void)dim;
    int64_t codes = options->values[SQ_OPTION_TYPE];
    int64_t ranking = options->values[SQ_OPTION_REFINE_TYPE];
    TRY(settle_refine(options, SQ_OPTION_REFINE, err));
    if (ranking < codes)
        return error_set(err, ERR_INVALID_PARAMETER,
                         "\"refine_type\" %s is coarser than \"sq_type\" %s",
                         precision_words[ranking], precision_words[codes]);
    return MQL_OK;
}

/* The most parts that are no more than `wanted` and divide the dimension. */
static int64_t
parts_near(uint32_t dim, uint32_t wanted)
{
    while (wanted > 1 && dim % wanted != 0)
        wanted--;
    return wanted;
}

static mql_status
settle_product(IndexOptions *options, uint32_t bits, uint32_t parts,
               uint32_t dim, Error *err)
{
    int64_t *m = &options->values[HNSW_OPTIONS];
    if (options->values[bits] > PRODUCT_BITS_MOST)
        return error_set(err, ERR_FEATURE_NOT_SUPPORTED,
                         "\"nbits\" above %d is not supported yet",
                         PRODUCT_BITS_MOST);
    if (*m > 0 && dim % *m != 0)
        return error_set(err, ERR_INVALID_PARAMETER,
                         "\"m\" must divide the dimension, %u", dim);
    if (*m < 1)
        *m = parts_near(dim, parts);
    return settle_refine(options, bits + 1, err);
}

static mql_status
pq_settle(IndexOptions *options, uint32_t dim, Error *err)
{
    return settle_product(options, PQ_OPTION_BITS, PQ_PARTS, dim, err);
}

static mql_status
prq_settle(IndexOptions *options, uint32_t dim, Error *err)
{
    return settle_product(options, PRQ_OPTION_BITS, PRQ_PARTS, dim, err);
}

static HnswShape
plain_shape(const IndexOptions *options)
{
    (void)options;
    return (HnswShape){.codes = CODES_NONE, .is_refined = true};
}

static HnswShape
sq_shape(const IndexOptions *options)
{
    static const CodeType types[] = {CODES_NIBBLES, CODES_SIXES, CODES_L2,
                                     CODES_BFLOATS, CODES_HALVES};
    return (HnswShape){.codes = types[options->values[SQ_OPTION_TYPE]],
                       .is_refined = options->values[SQ_OPTION_REFINE] != 0};
}

static HnswShape
pq_shape(const IndexOptions *options)
{
    const int64_t *values = options->values;
    return (HnswShape){.codes = CODES_PRODUCT,
                       .is_refined = values[PQ_OPTION_REFINE] != 0,
                       .parts = (uint32_t)values[PQ_OPTION_PARTS],
                       .stages = 1,
                       .bits = (uint32_t)values[PQ_OPTION_BITS]};
}

static HnswShape
prq_shape(const IndexOptions *options)
{
    const int64_t *values = options->values;
    return (HnswShape){.codes = CODES_PRODUCT,
                       .is_refined = values[PRQ_OPTION_REFINE] != 0,
                       .parts = (uint32_t)values[PRQ_OPTION_PARTS],
                       .stages = (uint32_t)values[PRQ_OPTION_STAGES],
                       .bits = (uint32_t)values[PRQ_OPTION_BITS]};
}

/* ---- the kinds ---- */

static mql_status
settle(const IndexKind *kind, IndexOptions *options, uint32_t dim, Error *err)
{
    return kind->settle != NULL ? kind->settle(options, dim, err) : MQL_OK;
}

#define FUNCTIONS(name, kind)                                                  \
    static mql_status name##_build(const IndexBuild *input,                    \
                                   SectionWriter *writer, Error *err)          \
    {                                                                          \
        IndexOptions options = *input->options;                                \
        TRY(settle(&kind, &options, input->vectors->dim, err));                \
        return hnsw_build(input, name##_shape(&options), writer, err);         \
    }                                                                          \
    static uint64_t name##_memory(const IndexBuild *input)                     \
    {                                                                          \
        return hnsw_memory(input, name##_shape(input->options));               \
    }                                                                          \
    static mql_status name##_open(const IndexOpen *input, Index **index,       \
                                  Error *err)                                  \
    {                                                                          \
        IndexOptions options = *input->options;                                \
        TRY(settle(&kind, &options, input->vectors->dim, err));                \
        return hnsw_open(&kind, name##_shape(&options), input, index, err);    \
    }

FUNCTIONS(plain, hnsw_kind)
FUNCTIONS(sq, hnsw_sq_kind)
FUNCTIONS(pq, hnsw_pq_kind)
FUNCTIONS(prq, hnsw_prq_kind)

/* What all of them have. */
#define GRAPH(name)                                                            \
    .is_vector = true, .has_file = true, .takes_recall = true,                 \
    .filter_plans = FILTER_SET(FILTER_SCAN) | FILTER_SET(FILTER_GRAPH) |       \
                    FILTER_SET(FILTER_POST),                                   \
    .memory = name##_memory, .build = name##_build, .open = name##_open,       \
    .search = hnsw_search, .check = hnsw_check, .close = hnsw_close

const IndexKind hnsw_kind = {
    .name = "HNSW",
    .help = "graph of near neighbours: fast, and nearly always right",
    .elements = ELEMENT_NUMBERS | ELEMENT_SET(ELEMENT_BIT),
    .build_options = build_options,
    .search_options = search_options,
    GRAPH(plain),
};

const IndexKind hnsw_sq_kind = {
    .name = "HNSW_SQ",
    .help = "graph searched by codes of 4 to 16 bits an element; the best are "
            "ranked by their vectors",
    .elements = ELEMENT_NUMBERS,
    .build_options = sq_build_options,
    .search_options = coded_search_options,
    .settle = sq_settle,
    GRAPH(sq),
};

const IndexKind hnsw_pq_kind = {
    .name = "HNSW_PQ",
    .help = "graph searched by a code for each part of a vector; the best are "
            "ranked by their vectors",
    .elements = ELEMENT_NUMBERS,
    .build_options = pq_build_options,
    .search_options = coded_search_options,
    .settle = pq_settle,
    GRAPH(pq),
};

const IndexKind hnsw_prq_kind = {
    .name = "HNSW_PRQ",
    .help = "graph searched by several codes for each part; the best are "
            "ranked by their vectors",
    .elements = ELEMENT_NUMBERS,
    .build_options = prq_build_options,
    .search_options = coded_search_options,
    .settle = prq_settle,
    GRAPH(prq),
};
