/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expr_internal.h - what the files of this folder share.
 *
 * Analysis: each analyse_*() takes nodes and gives an Expr whose constant parts
 * are folded. Evaluation: each eval_*() takes an Expr and gives a column. Both
 * recurse along the tree, whose depth the parser limits (NODE_DEPTH_MOST).
 */
#ifndef ENGINE_EXPR_INTERNAL_H
#define ENGINE_EXPR_INTERNAL_H

#include "engine/expr/expr.h"
#include "engine/expr/functions.h"
#include "engine/value/json.h"

/* ---- analysis ---- */

typedef struct Analyser {
    const Scope *scope;
    Arena *arena;
    Error *err;
    bool is_guarded; /* in a branch of CASE that may not be taken: what fails
                        when folded stays, and fails when it is reached */
} Analyser;

static const Type no_type = {.kind = TYPE_NULL};

/* analyse.c */
mql_status analyse(Analyser *analyser, const Node *node, Type expected,
                   Expr **out);
/* Same, and it must be BOOL; `where` names the place: "argument of AND". */
mql_status analyse_bool(Analyser *analyser, const Node *node, const char *where,
                        Expr **out);
mql_status analyse_column(Analyser *analyser, Slice name, int64_t position,
                          Expr **out);
/* A field of the scope's second table. */
mql_status analyse_second(Analyser *analyser, Slice name, int64_t position,
                          Expr **out);
/* "x" where only a field makes sense and none has that name: 42703. */
mql_status undefined_quoted(Analyser *analyser, Slice name, int64_t position);
/* A literal node as a value, without making an Expr: true when it is one. */
bool literal_value(const Node *node, Value *value);

/* analyse_operator.c */
mql_status analyse_logic(Analyser *analyser, const Node *node, Expr **out);
mql_status analyse_not(Analyser *analyser, const Node *node, Expr **out);
mql_status analyse_is(Analyser *analyser, const Node *node, Expr **out);
mql_status analyse_like(Analyser *analyser, const Node *node, Expr **out);
mql_status analyse_match(Analyser *analyser, const Node *node, Expr **out);
mql_status analyse_unary(Analyser *analyser, const Node *node, Expr **out);
mql_status analyse_binary(Analyser *analyser, const Node *node, Expr **out);

/* analyse_compare.c */
mql_status analyse_compare(Analyser *analyser, const Node *node, Expr **out);
mql_status analyse_chain(Analyser *analyser, const Node *node, Expr **out);
mql_status analyse_between(Analyser *analyser, const Node *node, Expr **out);
mql_status analyse_distinct(Analyser *analyser, const Node *node, Expr **out);
/* Compare two analysed sides. */
mql_status make_compare(Analyser *analyser, CompareOp op, Expr *left,
                        Expr *right, int64_t position, Expr **out);
/* Both sides of an operator: the side that is a literal takes the other's type.
 */
/* A node that learns its type from what stands beside it. */
bool is_soft(const Node *node);
mql_status analyse_pair(Analyser *analyser, const Node *left, const Node *right,
                        Expr *sides[2]);
/* Same, one side being analysed already. */
mql_status analyse_beside(Analyser *analyser, Expr *one, const Node *other,
                          Expr *sides[2]);
/* operator does not exist: VARCHAR < INT64 */
mql_status no_operator(Analyser *analyser, const char *name, const Expr *left,
                       const Expr *right, int64_t position);

/* ---- analyse_vector.c ---- */

/* A distance of the node's first two children, an operator or a call. */
mql_status analyse_distance(Analyser *analyser, const Node *node,
                            const Function *function, Expr **out);

const char *compare_name(CompareOp op);

/* analyse_in.c */
mql_status analyse_in(Analyser *analyser, const Node *node, Expr **out);
/* Sorted, distinct, indexed; `values` is changed. */
mql_status make_in(Analyser *analyser, Expr *left, Value *values,
                   uint32_t count, bool is_negated, int64_t position,
                   Expr **out);
/* Equal values of types that can be equal have equal hashes. */
uint64_t value_hash(const Value *value);
/* 0: other; numbers, text, booleans, moments are told apart. */
int value_class(TypeKind kind);
/* Whether the list holds it. */
bool list_find(const Value *list, const uint32_t *slots, uint32_t mask,
               const Value *value);
/* A hash table over a list; NULL: out of memory. */
uint32_t *list_index(const Value *list, uint32_t count, Arena *arena,
                     uint32_t *mask);

/* analyse_list.c */
mql_status analyse_list(Analyser *analyser, const Node *node, Type expected,
                        Expr **out);
mql_status analyse_vector(Analyser *analyser, const Node *node, Type expected,
                          Expr **out);

/* analyse_call.c */
mql_status analyse_call(Analyser *analyser, const Node *node, Expr **out);
mql_status analyse_exists(Analyser *analyser, const Node *node, Expr **out);
mql_status analyse_subscript(Analyser *analyser, const Node *node, Expr **out);
mql_status analyse_dot(Analyser *analyser, const Node *node, Expr **out);
/* A call with analysed arguments, which are copied and made to fit. */
mql_status make_call(Analyser *analyser, const Function *function,
                     Expr *const *arguments, uint32_t count, int64_t position,
                     Expr **out);

/* analyse_case.c */
mql_status analyse_case(Analyser *analyser, const Node *node, Expr **out);
/* Make them one type, in place. `what` for errors: "CASE". */
mql_status make_common(Analyser *analyser, Expr **items, uint32_t count,
                       const char *what, Type *type);

/* cast.c */
mql_status analyse_cast(Analyser *analyser, const Node *node, Expr **out);
/* A literal, NULL or parameter without a type takes the type `to`; others stay.
 */
mql_status adapt(Analyser *analyser, Expr *expr, Type to, Expr **out);
bool is_adaptable(const Expr *expr);
/* Implicit conversion of an expression; constants are converted now. */
mql_status coerce(Analyser *analyser, Expr *expr, Type to, Expr **out);
bool can_convert(Type from, Type to, bool is_explicit);

/* make.c */
Expr *make_expr(Analyser *analyser, ExprKind kind, TypeKind type,
                int64_t position);
mql_status make_constant(Analyser *analyser, const Value *value,
                         int64_t position, Expr **out);
mql_status make_null(Analyser *analyser, Type type, int64_t position,
                     Expr **out);
mql_status make_not(Analyser *analyser, Expr *in, Expr **out);
/* AND or OR of `count` items. */
mql_status make_logic(Analyser *analyser, ExprKind kind, Expr **items,
                      uint32_t count, int64_t position, Expr **out);
/* What stands for an operand that is used several times: itself where that is
 * cheap, else an EXPR_OPERAND; end_let() puts the EXPR_LET around. */
mql_status begin_let(Analyser *analyser, Expr *operand, Expr **stand_in);
mql_status end_let(Analyser *analyser, Expr *operand, const Expr *stand_in,
                   Expr *body, Expr **out);
/* Room for `count` arguments, which are copied. */
mql_status set_arguments(Analyser *analyser, Expr *expr, Expr *const *arguments,
                         uint32_t count);
/* A constant when all arguments are. */
mql_status fold(Analyser *analyser, Expr *expr, Expr **out);
bool is_null_constant(const Expr *expr);

/* ---- evaluation ---- */

typedef struct Eval {
    ExprRun *run;
    const Batch *batch;
    Arena *arena;
    const uint8_t
        *active; /* rows that matter, NULL: all. Others get anything */
    const Operand *operand; /* what EXPR_OPERAND is */
    uint32_t count;         /* rows */
    Error *err;
} Eval;

/* eval.c */
mql_status eval(const Eval *context, const Expr *expr, Column *out);
mql_status eval_operand(const Eval *context, const Expr *expr, Operand *out);
static inline bool
is_active(const Eval *context, uint32_t row)
{
    return context->active == NULL || context->active[row] != 0;
}
static inline bool
operand_is_null(const Operand *operand, uint32_t row)
{
    return column_is_null(&operand->column, row * operand->step);
}
static inline Value
operand_value(const Operand *operand, uint32_t row)
{
    return column_value(&operand->column, row * operand->step);
}
/* 57014 when the statement is to end. */
mql_status check_cancel(const Eval *context);
/* Room for a result: `valid` 1 where the row is active and no argument NULL. */
mql_status result_init(const Eval *context, const Operand *arguments,
                       uint32_t count, uint8_t **valid);

/* eval_logic.c */
mql_status eval_logic(const Eval *context, const Expr *expr, Column *out);
mql_status eval_not(const Eval *context, const Expr *expr, Column *out);
mql_status eval_case(const Eval *context, const Expr *expr, Column *out);
/* Each argument for the rows for which those before are NULL. */
mql_status eval_coalesce(const Eval *context, const Expr *expr, Column *out);
/* eval_compare.c */
mql_status eval_compare(const Eval *context, const Expr *expr, Column *out);
mql_status eval_in(const Eval *context, const Expr *expr, Column *out);
mql_status eval_is_null(const Eval *context, const Expr *expr, Column *out);
/* eval_call.c */
mql_status eval_call(const Eval *context, const Expr *expr, Column *out);
mql_status eval_cast(const Eval *context, const Expr *expr, Column *out);
mql_status eval_like(const Eval *context, const Expr *expr, Column *out);

/* How JSON compares with a value of another type; false: UNKNOWN. */
bool json_compare_value(Json json, const Value *value, CompareOp op,
                        int *order);
static inline bool
order_satisfies(CompareOp op, int order)
{
    switch (op) {
    case COMPARE_EQ:
        return order == 0;
    case COMPARE_NE:
        return order != 0;
    case COMPARE_LT:
        return order < 0;
    case COMPARE_LE:
        return order <= 0;
    case COMPARE_GT:
        return order > 0;
    case COMPARE_GE:
        break;
    }
    return order >= 0;
}

/* ---- text ---- */

/* like.c: a pattern taken apart, in an arena. */
typedef struct LikePattern LikePattern;
mql_status like_compile(Slice pattern, char escape, bool ignores_case,
                        Arena *arena, LikePattern **out, Error *err);
bool like_match(const LikePattern *pattern, Slice text);
/* Of each of the texts; those not `valid` may get anything, and are empty or
 * texts all the same. */
void like_match_all(const LikePattern *pattern, const Slice *texts,
                    uint32_t count, const uint8_t *valid, uint8_t *matches);

/* regex.c, regex_states.c: time linear in the text. The arena is used for as
 * long as the regex is. */
typedef struct Regex Regex;
mql_status regex_compile(Slice pattern, Arena *arena, Regex **out, Error *err);
/* Whether the pattern matches anywhere in the text. */
bool regex_search(Regex *regex, Slice text);
/* Of each of the texts; those not `valid` may get anything, and are empty or
 * texts all the same. */
void regex_search_all(Regex *regex, const Slice *texts, uint32_t count,
                      const uint8_t *valid, uint8_t *matches);

/* literals.c: texts of a pattern, one behind the other, in an arena. */
typedef struct Literals {
    char *bytes;
    size_t size, start; /* of all; where the text in the making begins */
    Slice *texts;
    uint32_t count;
} Literals;
mql_status literals_begin(Literals *literals, size_t pattern_size, Arena *arena,
                          Error *err);
void literals_add(Literals *literals, uint32_t c, bool ignores_case);
/* What follows does not stand right behind what came before. */
void literals_cut(Literals *literals);
void like_literals(const LikePattern *pattern, Literals *literals);

/* casefold.c */
uint32_t upper_case(uint32_t code_point);
uint32_t lower_case(uint32_t code_point);
/* One code point of valid UTF-8; moves *at behind it. */
uint32_t utf8_next(const char **at);

#endif
