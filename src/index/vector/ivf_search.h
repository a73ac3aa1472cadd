/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ivf_search.h - what a search of lists is made of: for one target
 * (ivf_search.c) and for many at once (ivf_many.c).
 *
 * Which lists a target looks at is known before any code is read: it depends on
 * the distances of the centroids and, with a condition, on how many allowed
 * rows each list holds. So the lists may be gone through in any order: what is
 * kept in the end, and so the answer, is the same. What is kept may show, under
 * a condition, that the scan of the allowed rows answers better: it does then.
 */
#ifndef INDEX_VECTOR_IVF_SEARCH_H
#define INDEX_VECTOR_IVF_SEARCH_H

#include "base/arena.h"
#include "index/vector/ivf_internal.h"

/* Room for at least `count`; what is there is kept. */
mql_status ivf_room_reserve(IvfRoom *room, uint64_t count, Error *err);

/* ---- the nearest first, without sorting all ---- */

void ivf_heap_make(Neighbor *heap, uint32_t count);
Neighbor ivf_heap_pop(Neighbor *heap, uint32_t *count);

/* ---- the query as codes ---- */

/*
 * An estimate is base - scale * dot + term: for L2 and COSINE |p' - y'|^2,
 * where p' is what the query's code stands for; for IP minus the product of the
 * query and the row.
 */
typedef struct IvfEstimate {
    const int8_t *code; /* in the scratch */
    float base, scale;
    float error;  /* L2, COSINE: |p - p'|; IP: of the query                */
    float norm;   /* of p', of the query                                   */
    float center; /* IP: the length of the center                         */
    bool is_dot;  /* IP */
} IvfEstimate;

/* Uses the scratch's point and query. False: the numbers are too large or too
 * small for codes. */
bool ivf_estimate_init(const Ivf *ivf, IvfScratch *scratch,
                       const ExactQuery *exact, IvfEstimate *estimate);

/* Estimates of `count` codes, at most IVF_BLOCK. */
void ivf_estimate_rows(const Ivf *ivf, const IvfEstimate *estimate,
                       const uint8_t *codes, const float *terms, uint32_t count,
                       float *distances);

/* ---- collecting ---- */

/* What one target has found so far. */
typedef struct IvfCollect {
    const Ivf *ivf;
    const VectorQuery *query;
    const ExactQuery *exact;
    const IvfEstimate *estimate;
    IvfScratch *scratch; /* of the target */
    TopK top;       /* certain: of upper bounds, see to_length()             */
    uint64_t *keys; /* else of the nearest estimates; more than are kept, from
                       time to time the others are dropped                   */
    uint32_t key_count, kept;
    IvfRoom *candidates; /* certain: with their lower bounds */
    uint32_t count;      /* of candidates                    */
    bool is_certain;
    float limit;     /* estimates above it are left out           */
    float slack;     /* certain: how far bounds of this list are  */
    float rounding;  /* how wrong an estimate is in this list     */
    uint64_t seen;   /* allowed rows                              */
    uint64_t looked; /* rows                                      */
    double misses;   /* of the k nearest, expected not to be ranked; where
                        ivf_may_scan()                              */
} IvfCollect;

/* Room for so many is needed to keep `kept` estimates, and where it is. */
static inline uint64_t
ivf_limits_room(uint64_t kept)
{
    return kept + kept / 2 + 16;
}
void ivf_collect_into(IvfCollect *collect, Neighbor *room, uint32_t kept);

/* Before the blocks of a list. */
void ivf_enter_list(IvfCollect *collect, uint32_t list);

/* Estimates of a block of a list, whose centroid is list.distance away; at most
 * IVF_BLOCK. */
void ivf_estimate_block(const IvfCollect *collect, Neighbor list,
                        uint32_t place, uint32_t count, float *distances);

/* Keep the rows of such a block that are near enough. */
mql_status ivf_collect_block(IvfCollect *collect, const uint32_t *rows,
                             const float *distances, uint32_t count,
                             Error *err);

/* The same of those of up to 32 rows that have a bit; for counts only. */
mql_status ivf_collect_some(IvfCollect *collect, const uint32_t *rows,
                            const float *distances, uint32_t mask, Error *err);

/* All rows of a list, verified. */
mql_status ivf_collect_list(IvfCollect *collect, Neighbor list, Error *err);

/* Before the bytes of a list are read. */
mql_status ivf_verify_list(const Ivf *ivf, uint32_t list, Error *err);
void ivf_prefetch_list(const Ivf *ivf, uint32_t list);

/* Candidates that are to be ranked, at most; is_certain only. */
uint32_t ivf_to_rank(const IvfCollect *collect);

/* Rank what was kept by the vectors, and offer the zero vectors. */
mql_status ivf_rank(IvfCollect *collect, TopK *nearest, Error *err);

/* ---- how far to go ---- */

typedef struct IvfGoal {
    double probes;   /* lists, where all rows are allowed               */
    double share;    /* allowed rows of all                             */
    double scan;     /* what a row of a scan costs, in nanoseconds      */
    uint64_t seen;   /* allowed rows, at least                          */
    uint64_t looked; /* rows, at most: more cost as much as the scan    */
    uint32_t bits;   /* of each element of the query, for signs; 0: all */
    uint64_t kept;   /* estimates to keep and rank; 0: all that may be among
                        the nearest                                     */
} IvfGoal;

/* On the way from list to list; begins as zero. */
typedef struct IvfCourse {
    uint32_t lists;  /* gone through */
    uint64_t looked; /* rows of them */
    uint64_t seen;   /* ... that are allowed */
    double wanted;   /* lists in all, as far as is known */
    bool is_far;     /* the nearest allowed rows lie elsewhere */
} IvfCourse;

/* Estimates to keep and rank; 0: all that may be among the nearest. */
static inline uint64_t
ivf_kept_for(uint32_t k, uint64_t refine)
{
    return refine == 0 ? 0 : k * refine + 4;
}

/* As the options of a query say that so many targets have in common. */
IvfGoal ivf_goal_of(const Ivf *ivf, const VectorQuery *query, uint32_t targets);

/* Whether the scan may answer in place of lists: there is a condition, and the
 * index chooses. */
static inline bool
ivf_may_scan(const VectorQuery *query)
{
    return query->allowed != NULL && query->filter_plan == FILTER_AUTO;
}

/* Then: whether certain codes leave more to rank than a scan does (others rank
 * so many as ivf_goal_of() knew before), or what was ranked is in doubt. */
bool ivf_is_hard_to_rank(const IvfCollect *collect);
bool ivf_is_blurred(const IvfCollect *collect);

/* Whether scanning the allowed rows costs less than the lists do where the
 * nearest rows are allowed; what both are expected to cost is traced. */
bool ivf_is_scan_better(const Ivf *ivf, const VectorQuery *query,
                        const IvfGoal *goal, uint32_t targets);

/* The k nearest from the lists; not done: the scan is the better way. */
mql_status ivf_ask_lists(Ivf *ivf, const VectorQuery *query,
                         const IvfGoal *goal, Neighbor *nearest,
                         uint32_t *found, bool *is_done, Error *err);

/* Lists that are likely to be looked at, the allowed rows lying evenly. */
double ivf_lists_expected(const Ivf *ivf, const IvfGoal *goal);

/* A list more, with so many rows, and allowed ones. */
void ivf_course_add(const Ivf *ivf, const IvfGoal *goal, uint64_t rows,
                    uint64_t seen, IvfCourse *course);

/* Whether it is not over yet. */
bool ivf_course_goes_on(const IvfGoal *goal, const IvfCourse *course);

/* Whether going on to its end is expected to be worth it. */
bool ivf_course_pays(const Ivf *ivf, const IvfGoal *goal,
                     const IvfCourse *course);

/* Room for the estimates of one target. */
uint64_t ivf_kept_room(const Ivf *ivf, const VectorQuery *query, uint64_t kept);

#endif
