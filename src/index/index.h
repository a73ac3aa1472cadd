/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.h - one kind of index is one constant table of functions.
 *
 * An index belongs to one sealed segment and one of its fields. It is built
 * once into a section file and opened by mapping that file; nothing changes it
 * later. Rows are numbers from 0 within the segment. Deleted rows stay in the
 * index: the caller's set of allowed rows leaves them out.
 *
 * The planner asks the capabilities here, never names. Kinds are listed in
 * kinds.c and nowhere else; docs, option parsing, \d and completion come from
 * the tables.
 */
#ifndef INDEX_INDEX_H
#define INDEX_INDEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/element.h"
#include "base/pool.h"
#include "base/slice.h"
#include "base/status.h"
#include "index/row_set.h"
#include "storage/section_file.h"

/* ---- metrics ---- */

/* Inside, every metric is a number of which less is nearer: L2 squared; IP
 * negated; COSINE negated similarity. metric_to_score() gives Milvus' number
 * for users. */
typedef enum Metric {
    METRIC_L2,      /* sum of squared differences                           */
    METRIC_IP,      /* minus the inner product                              */
    METRIC_COSINE,  /* minus the cosine; a zero vector counts as norm 1     */
    METRIC_HAMMING, /* bits that differ                                     */
    METRIC_JACCARD, /* 1 - bits set in both / bits set in one; of none 1    */
    METRIC_COUNT
} Metric;

/* "L2", "IP", "COSINE", "HAMMING", "JACCARD". */
const char *metric_name(Metric metric);
/* In any case; false: no such metric. */
bool metric_from_name(Slice name, Metric *metric);
/* Milvus' number (IP and COSINE as similarities, the others as they are) of an
 * inner one. */
float metric_to_score(Metric metric, float distance);
/* Whether users see larger numbers for nearer rows. */
bool metric_is_similarity(Metric metric);

/* HAMMING and JACCARD are of bits, the others of numbers. */
bool metric_fits(Metric metric, ElementType element);
/* What an index without metric_type means: Milvus' COSINE, of bits HAMMING. */
Metric metric_usual(ElementType element);
/* Those that fit, for a hint: "L2, IP and COSINE". */
const char *metric_choice(ElementType element);

/* ---- options ---- */

/* One option of CREATE INDEX ... WITH (...) or of SEARCH ... WITH (...). Values
 * are integers here; an option with `words` takes one of them and its value is
 * the position. */
typedef struct IndexOption {
    const char
        *name; /* as written by Milvus: "efConstruction"; any case accepted */
    const char *synonym; /* another spelling ("ef_construction"), or NULL */
    int64_t least, most; /* inclusive range */
    int64_t usual;       /* when not given; -1: chosen by the kind       */
    const char *const *words; /* NULL, or the allowed words, ends with NULL */
    bool covers_limit;        /* of rows: at least those that are wanted */
    const char *help;         /* one line for the manual         */
} IndexOption;

#define INDEX_OPTIONS_MOST 8

/* Values in the order of the kind's table. */
typedef struct IndexOptions {
    int64_t values[INDEX_OPTIONS_MOST];
} IndexOptions;

/* ---- what an index is built from ---- */

/* The vectors of a segment's field, in place, one behind the other: row i is
 * vector_row(column, i). A row whose `valid` byte is 0 has no vector (NULL) and
 * is never an answer; valid NULL: all have one. `file` and `section` (may be
 * NULL in tests): verify blocks of it before reading rows. */
typedef struct VectorColumn {
    const void *data;    /* aligned to an element */
    ElementType element; /* 0: ELEMENT_F32 */
    uint32_t count;      /* rows     */
    uint32_t dim;        /* elements; of ELEMENT_BIT a multiple of 8 */
    const uint8_t *valid;
    SectionFile *file;
    Section section;
} VectorColumn;

/* Bytes of one row. */
static inline size_t
vector_row_size(const VectorColumn *column)
{
    return element_row_size(column->element, column->dim);
}

/* A row in place, dim elements of the column's type. */
static inline const void *
vector_row(const VectorColumn *column, uint64_t row)
{
    return (const char *)column->data + row * vector_row_size(column);
}

/* Check the bytes of `row` against their checksum (cheap when done before). */
mql_status vector_column_verify(const VectorColumn *column, uint32_t first,
                                uint32_t count, Error *err);

/* The keys of a scalar field, one entry per (row, key): a plain field has at
 * most one key a row, an array or JSON path many. NULL rows have none. Exactly
 * one of the arrays is used. */
typedef enum KeyType {
    KEY_INT,   /* BOOL and all integers, TIMESTAMPTZ: int64 */
    KEY_REAL,  /* FLOAT, DOUBLE: double; -0 equals 0        */
    KEY_BYTES, /* VARCHAR: byte order                       */
} KeyType;

/* What a field holds, where kinds tell more than types of keys apart. */
typedef enum ScalarClass {
    SCALAR_BOOL,
    SCALAR_INT,
    SCALAR_REAL,
    SCALAR_TIME,
    SCALAR_TEXT,
} ScalarClass;

#define SCALAR_SET(scalar) (1u << (scalar))

typedef struct ScalarColumn {
    KeyType type;
    uint32_t row_count;   /* of the segment                         */
    uint32_t entry_count; /* (row, key) pairs                       */
    const uint32_t *rows; /* entry_count, ascending                 */
    const int64_t *ints;  /* KEY_INT                                */
    const double *reals;  /* KEY_REAL                               */
    const Slice *bytes;   /* KEY_BYTES                              */
    const uint8_t *valid; /* per row: 0 is NULL; NULL: no row is    */
} ScalarColumn;

typedef struct IndexBuild {
    Metric metric;               /* vector kinds */
    const IndexOptions *options; /* build options, all filled in */
    const VectorColumn *vectors; /* vector kinds, else NULL */
    const ScalarColumn *scalars; /* scalar kinds, else NULL */
    Pool *pool;
    const atomic_bool *cancel; /* polled at least every 100 ms; NULL: never */
    /* Report; NULL: nobody listens. Called by one thread at a time. */
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void *progress_context;
} IndexBuild;

typedef struct IndexOpen {
    Metric metric;
    const IndexOptions *options; /* those of the build */
    const VectorColumn
        *vectors;       /* vector kinds: must outlive the index, else NULL */
    KeyType key_type;   /* scalar kinds: of the field's keys */
    uint32_t row_count; /* of the segment */
    SectionFile *file;  /* stays the caller's; must outlive the index; NULL for
                           kinds without a file */
} IndexOpen;

/* ---- what is asked ---- */

typedef struct Neighbor {
    float distance; /* inner number: less is nearer */
    uint32_t row;
} Neighbor;

/* Counted per statement, shown by EXPLAIN ANALYZE. */
typedef struct SearchCounters {
    uint64_t distances; /* distance computations, exact and approximate */
    uint64_t hops;      /* graph nodes whose links were read            */
} SearchCounters;

/* How an index comes to the nearest of the allowed rows. */
typedef enum FilterStrategy {
    FILTER_AUTO,    /* the index chooses, by what it expects each to cost    */
    FILTER_SCAN,    /* compare with all allowed rows                         */
    FILTER_GRAPH,   /* walk a graph, keep the allowed rows met               */
    FILTER_POST,    /* walk it for more rows, leave out those not allowed    */
    FILTER_CLUSTER, /* go through the nearest lists, keep the allowed rows   */
    FILTER_PLANS
} FilterStrategy;

#define FILTER_SET(plan) (1u << (plan))

/* What searches among allowed rows did, for EXPLAIN ANALYZE: sums. */
typedef struct FilterTrace {
    uint32_t searches[FILTER_PLANS]; /* begun so; never FILTER_AUTO        */
    uint32_t fallbacks;              /* of these, given up for a scan      */
    double estimates[FILTER_PLANS];  /* nanoseconds expected of each plan  */
} FilterTrace;

typedef struct VectorQuery {
    const void *vector;          /* of the column's element type */
    uint32_t k;                  /* wanted, at least 1 */
    const IndexOptions *options; /* search options, all filled in */
    double recall;    /* kinds that take it: expected, above 0 and up to 1, in
                         place of an effort among the options; 0: not asked */
    uint32_t *effort; /* then out, may be NULL: what the recall came to;
                         0: a scan */
    const uint64_t *allowed; /* bit array of rows that may be answers; NULL: all
                                valid ones */
    uint32_t
        allowed_count; /* bits set in it; the row count when allowed is NULL */
    bool reads_rows;   /* rows to rank are read from the file of the column, not
                          through its mapping */
    FilterStrategy filter_plan; /* where allowed is not NULL: of the kind's */
    FilterTrace *trace;         /* may be NULL */
    const atomic_bool *cancel;  /* may be NULL */
    SearchCounters *counters;
} VectorQuery;

/* What many searches with the same k, options and allowed rows ask, and what
 * came of it: target t gets found[t] neighbours at nearest + t * k. */
typedef struct VectorTargets {
    const void *const *vectors; /* of the column's element type */
    uint32_t count;
    Neighbor *nearest; /* count * k */
    uint32_t *found;   /* count     */
} VectorTargets;

/* So many targets are best searched together, at least 1: more are asked for
 * in turns. `k` neighbours of each. */
uint32_t vector_targets_most(uint32_t dim, uint64_t k);

/* A condition on the key. */
typedef enum PredicateKind {
    PREDICATE_RANGE,    /* low <= / < key <= / < high; either end may be open */
    PREDICATE_IN,       /* key is one of the list (sorted, no doubles)        */
    PREDICATE_PREFIX,   /* KEY_BYTES: key starts with `prefix`                */
    PREDICATE_CONTAINS, /* KEY_BYTES: the text contains each of the list, ASCII
                           letters in any case; more rows may be found */
    PREDICATE_NOT_NULL, /* the row is not NULL                                */
} PredicateKind;

#define PREDICATE_SET(predicate) (1u << (predicate))
/* What kinds answer that know whole keys in their order. */
#define PREDICATES_OF_KEYS                                                     \
    (PREDICATE_SET(PREDICATE_RANGE) | PREDICATE_SET(PREDICATE_IN) |            \
     PREDICATE_SET(PREDICATE_PREFIX) | PREDICATE_SET(PREDICATE_NOT_NULL))

typedef union Key {
    int64_t integer;
    double real;
    Slice bytes;
} Key;

typedef struct ScalarPredicate {
    PredicateKind kind;
    bool has_low, has_high; /* RANGE */
    bool low_inclusive, high_inclusive;
    Key low, high;
    const Key *list; /* IN, CONTAINS */
    uint32_t list_count;
    Slice prefix; /* PREFIX */
} ScalarPredicate;

/* ---- kinds ---- */

typedef struct Index Index;

typedef struct IndexKind {
    const char *name; /* as in CREATE INDEX ... USING name, upper case        */
    const char *synonym; /* another spelling, or NULL                         */
    const char *help; /* one line for the manual                              */

    /* What it can do; the planner asks nothing else. */
    bool is_vector; /* over a vector field; else over a scalar field        */
    bool is_exact;  /* the true nearest, not near ones                      */
    bool takes_recall; /* a search can be told the recall instead of the effort
                        */
    uint32_t filter_plans; /* vector kinds: FILTER_SET() of those to choose from
                            */
    bool has_file; /* build() writes a file; else open() gets no file      */
    uint32_t elements;    /* vector kinds: ELEMENT_SET() of the types it takes;
                             0: of floats only                                 */
    uint32_t scalars;     /* scalar kinds: SCALAR_SET() of what it takes, of
                             arrays the elements; 0: all */
    bool takes_arrays;    /* scalar kinds: fields with many keys in a row */
    bool takes_paths;     /* scalar kinds: values at a path of JSON fields  */
    bool refuses_primary; /* scalar kinds: not over the primary key        */
    uint32_t predicates;  /* scalar kinds: PREDICATE_SET() of what lookup()
                             answers */
    const IndexOption *build_options;  /* ends with a NULL name; never NULL   */
    const IndexOption *search_options; /* same                                */

    /* May be NULL. Build options as given, over vectors of `dim` elements:
     * those left to the kind are filled in, what does not fit is an error. */
    mql_status (*settle)(IndexOptions *options, uint32_t dim, Error *err);

    /* Bytes that build() allocates at once, at most: known beforehand, so that
     * a build that is too large for its limit is refused before it begins.
     * NULL: little. */
    uint64_t (*memory)(const IndexBuild *input);

    /* Write the index's sections. The writer stays the caller's. NULL unless
     * has_file. */
    mql_status (*build)(const IndexBuild *input, SectionWriter *writer,
                        Error *err);

    /* The index owns nothing of `input` but points into it. Reads only what it
     * must: for large files not their bulk. Everything read from the file is
     * checked. */
    mql_status (*open)(const IndexOpen *input, Index **index, Error *err);

    /* Vector kinds: up to `k` allowed rows nearest to the query, nearest first,
     * ties by row. `found` is set to their number: min(k, allowed_count) for
     * exact kinds, maybe fewer for others. */
    mql_status (*search)(const Index *index, const VectorQuery *query,
                         Neighbor *nearest, uint32_t *found, Error *err);

    /* Vector kinds, may be NULL: the same for many targets at once; the
     * query's own vector is not looked at. `arena`: for what it needs on the
     * way. */
    mql_status (*search_many)(const Index *index, const VectorQuery *query,
                              const VectorTargets *targets, Arena *arena,
                              Error *err);

    /* Scalar kinds: add the rows with a key that satisfies the predicate to
     * `rows`, a set of the segment's row count; exactly these, but for
     * PREDICATE_CONTAINS. */
    mql_status (*lookup)(const Index *index, const ScalarPredicate *predicate,
                         RowSet *rows, Error *err);

    /* Scalar kinds, may be NULL: whether lookup() of a predicate it answers
     * brings less than all rows that are not NULL. */
    bool (*helps)(const IndexOptions *options,
                  const ScalarPredicate *predicate);

    /* Scalar kinds, may be NULL: whether lookup() of PREDICATE_CONTAINS adds
     * exactly the rows whose text contains the list, ASCII letters in any
     * case. */
    bool (*is_certain)(const IndexOptions *options,
                       const ScalarPredicate *predicate);

    /* Scalar kinds: an upper bound of the rows lookup() adds, exact where
     * cheap. */
    uint64_t (*estimate)(const Index *index, const ScalarPredicate *predicate);

    /* Check every invariant against the source (a column may be NULL: structure
     * only). */
    mql_status (*check)(const Index *index, Error *err);

    void (*close)(Index *index);
} IndexKind;

/* So many searches were begun by that plan. */
static inline void
trace_plan(const VectorQuery *query, FilterStrategy plan, uint32_t count)
{
    if (query->trace != NULL && query->allowed != NULL)
        query->trace->searches[plan] += count;
}

/* What a plan was expected to cost, in nanoseconds. */
static inline void
trace_estimate(const VectorQuery *query, FilterStrategy plan, double cost)
{
    if (query->trace != NULL && query->allowed != NULL)
        query->trace->estimates[plan] += cost;
}

/* A search by another plan goes on as a scan. */
static inline void
trace_fallback(const VectorQuery *query)
{
    if (query->trace != NULL && query->allowed != NULL)
        query->trace->fallbacks++;
}

/* "auto", "scan", "graph", "post", "cluster". */
const char *filter_plan_name(FilterStrategy plan);
/* In any case; false: no such plan. */
bool filter_plan_from_name(Slice name, FilterStrategy *plan);

/* Every kind's struct starts with this. */
struct Index {
    const IndexKind *kind;
};

#define ELEMENT_SET(element) (1u << (element))
#define ELEMENT_NUMBERS                                                        \
    (ELEMENT_SET(ELEMENT_F32) | ELEMENT_SET(ELEMENT_F16) |                     \
     ELEMENT_SET(ELEMENT_BF16) | ELEMENT_SET(ELEMENT_I8))

/* Whether vectors of such elements may have an index of that (vector) kind. */
static inline bool
index_kind_takes(const IndexKind *kind, ElementType element)
{
    uint32_t set =
        kind->elements != 0 ? kind->elements : ELEMENT_SET(ELEMENT_F32);
    return (set & ELEMENT_SET(element)) != 0;
}

/* Whether fields of such scalars may have an index of that (scalar) kind. */
static inline bool
index_kind_takes_scalar(const IndexKind *kind, ScalarClass scalar,
                        bool is_array)
{
    return (kind->scalars == 0 || (kind->scalars & SCALAR_SET(scalar)) != 0) &&
           (!is_array || kind->takes_arrays);
}

static inline bool
index_kind_answers(const IndexKind *kind, PredicateKind predicate)
{
    return (kind->predicates & PREDICATE_SET(predicate)) != 0;
}

/* All kinds, ends with NULL. */
extern const IndexKind *const index_kinds[];

/* By name in any case; NULL: none. AUTOINDEX is resolved by index_kind_auto().
 */
const IndexKind *index_kind_find(Slice name);

/* What AUTOINDEX and a missing USING mean for a field of vectors, or of scalars
 * or arrays of them, with its options filled in. */
const IndexKind *index_kind_auto(ElementType element, IndexOptions *options);
const IndexKind *index_kind_auto_scalar(ScalarClass scalar,
                                        IndexOptions *options);

/* Fill `options` with the usual values of `table`. */
void index_options_default(const IndexOption *table, IndexOptions *options);

/* Whether that is the option's name or synonym, in any case. */
bool index_option_is(const IndexOption *option, Slice name);

/* The position of an option, or of the end of the table when there is none.
 * HNSW_PQ has both M and m: what is spelt right comes before what is not. */
size_t index_option_find(const IndexOption *table, Slice name);

/* Set one option by name: INVALID_PARAMETER with the range when it is out of
 * it, UNDEFINED_PARAMETER-like error with candidates when there is none of that
 * name. `value` text is for options with words (NULL data: not given as text).
 */
mql_status index_option_set(const IndexOption *table, IndexOptions *options,
                            Slice name, bool is_integer, int64_t integer,
                            Slice text, Error *err);

/*
 * The exact answer by scanning the allowed rows: what FLAT does, the fallback
 * of the others, and the oracle of the tests.
 */
mql_status vector_scan(const VectorColumn *column, Metric metric,
                       const VectorQuery *query, Neighbor *nearest,
                       uint32_t *found, Error *err);

/* The same for many targets at once, answer for answer. */
mql_status vector_scan_many(const VectorColumn *column, Metric metric,
                            const VectorQuery *query,
                            const VectorTargets *targets, Arena *arena,
                            Error *err);

#endif
