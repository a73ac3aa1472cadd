/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hnsw_kinds.c - the kinds with a graph: their options, and what searches walk
 * over in each.
 *
 * The graph is the same in all of them, and so is the last step: the best rows
 * are ranked by their vectors, which a collection has anyway. HNSW lets the
 * data choose the codes of the walk, HNSW_SQ the user.
 */
#include "index/vector/hnsw_internal.h"

extern const IndexKind hnsw_kind;
extern const IndexKind hnsw_sq_kind;

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

#define EF                                                                     \
    {                                                                          \
        .name = "ef", .synonym = "ef_search", .least = 1, .most = EFFORT_MOST, \
        .usual = -1,                                                           \
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

/* `finest`: of the codes. */
static mql_status
settle_refine(const IndexOptions *options, uint32_t position, int64_t finest,
              Error *err)
{
    int64_t type = options->values[position + 1];
    if (options->values[position] == 0 && type != PRECISION_FP32)
        return error_set(err, ERR_INVALID_PARAMETER,
                         "\"refine_type\" needs \"refine\" = true");
    if (type < finest)
        return error_set(err, ERR_INVALID_PARAMETER,
                         "\"refine_type\" %s is coarser than \"sq_type\" %s",
                         precision_words[type], precision_words[finest]);
    return MQL_OK;
}

static mql_status
sq_settle(IndexOptions *options, uint32_t dim, Error *err)
{
    (void)dim;
    return settle_refine(options, SQ_OPTION_REFINE,
                         options->values[SQ_OPTION_TYPE], err);
}

static HnswShape
plain_shape(const IndexOptions *options)
{
    (void)options;
    return (HnswShape){CODES_NONE, true};
}

static HnswShape
sq_shape(const IndexOptions *options)
{
    static const CodeType types[] = {CODES_NIBBLES, CODES_SIXES, CODES_L2,
                                     CODES_BFLOATS, CODES_HALVES};
    return (HnswShape){types[options->values[SQ_OPTION_TYPE]],
                       options->values[SQ_OPTION_REFINE] != 0};
}

/* ---- the kinds ---- */

#define FUNCTIONS(name, kind)                                                  \
    static mql_status name##_build(const IndexBuild *input,                    \
                                   SectionWriter *writer, Error *err)          \
    {                                                                          \
        return hnsw_build(input, name##_shape(input->options), writer, err);   \
    }                                                                          \
    static uint64_t name##_memory(const IndexBuild *input)                     \
    {                                                                          \
        return hnsw_memory(input, name##_shape(input->options));               \
    }                                                                          \
    static mql_status name##_open(const IndexOpen *input, Index **index,       \
                                  Error *err)                                  \
    {                                                                          \
        return hnsw_open(&kind, name##_shape(input->options), input, index,    \
                         err);                                                 \
    }

FUNCTIONS(plain, hnsw_kind)
FUNCTIONS(sq, hnsw_sq_kind)

/* What all of them have. */
#define GRAPH(name)                                                            \
    .is_vector = true, .has_file = true, .takes_recall = true,                 \
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
