/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expr.h - expressions after analysis: every name resolved, every type known.
 *
 * expr_analyse() turns syntax into an Expr, which is immutable: parameters'
 * values and results live in ExprRun. expr_eval() computes a whole batch at a
 * time. Three-valued logic: a NULL boolean is UNKNOWN. JSON and NULL semantics
 * are Milvus 2.6.20's (docs: missing path, wrong type, NULL: UNKNOWN; `exists`
 * is two-valued).
 */
#ifndef ENGINE_EXPR_EXPR_H
#define ENGINE_EXPR_EXPR_H

#include <stdatomic.h>

#include "engine/sql/ast.h"
#include "engine/value/column.h"

typedef struct Expr Expr;
typedef struct ExprRun ExprRun;

typedef enum ExprKind {
    EXPR_CONSTANT,  /* value                                             */
    EXPR_PARAMETER, /* parameter: its number from 0                      */
    EXPR_COLUMN,    /* column: position in the scope (hence the batch)   */
    EXPR_AND,       /* arguments, n-ary                                  */
    EXPR_OR,
    EXPR_NOT,
    EXPR_COMPARE, /* compare; arguments[0..1] of one physical form, or INT and
                     REAL (compared exactly), or JSON and anything (typed at run
                     time); a constant side stands on the right */
    EXPR_IN, /* arguments[0] IN list (constants, sorted, distinct, no NULLs);
                list_has_null; `is_negated` */
    EXPR_IS_NULL, /* arguments[0]; is_negated                          */
    EXPR_LIKE,    /* arguments[0..1]; is_negated, ignores_case; escape */
    EXPR_CALL,    /* function; arguments                               */
    EXPR_CASE,    /* condition, result, ..., [else]                    */
    EXPR_CAST,    /* arguments[0] to type                              */
    EXPR_LET, /* arguments[1], in which EXPR_OPERAND stands for arguments[0],
                 computed once */
    EXPR_OPERAND, /* see EXPR_LET                                      */
} ExprKind;

typedef enum CompareOp {
    COMPARE_EQ,
    COMPARE_NE,
    COMPARE_LT,
    COMPARE_LE,
    COMPARE_GT,
    COMPARE_GE
} CompareOp;

/* A function over columns: see functions.h for the table. */
typedef struct Function Function;

struct Expr {
    ExprKind kind;
    Type type;        /* of the result */
    int64_t position; /* in the statement's text, for errors at run time */
    Value value;      /* CONSTANT */
    uint32_t parameter;
    uint32_t column;
    CompareOp compare;
    bool is_negated;
    bool ignores_case;
    bool list_has_null;
    char escape; /* LIKE: 0 for none */
    const Function *function;
    Expr **arguments;
    uint32_t argument_count;
    const Value *list; /* IN */
    uint32_t list_count;
    /* The folder's own: */
    bool is_literal;  /* CONSTANT: written as a literal, so that it takes the
                         type its context wants */
    bool is_quoted;   /* CONSTANT: was "x" and no field has that name */
    bool is_explicit; /* CAST: written as one */
    const uint32_t
        *list_slots;    /* IN: hash table of list positions + 1, or NULL */
    uint32_t list_mask; /* its size - 1 */
};

/* What names mean. Columns are asked for by name; the scope's owner notes which
 * are used. */
typedef struct ScopeColumn {
    Slice name;
    Type type;
} ScopeColumn;

typedef struct Scope {
    const ScopeColumn *columns; /* all that can be named */
    uint32_t column_count;
    uint32_t field_count;   /* the first ones are fields: what * means  */
    Slice qualifier;        /* the table's name or alias, "" for none   */
    Slice qualifier2;       /* a second accepted qualifier, or ""       */
    int32_t dynamic_column; /* position of $meta, -1: no dynamic fields */
    /* A second table, EXCLUDED, whose names need the qualifier before them:
     * columns [column_count, column_count + second_count). */
    Slice second_qualifier; /* "" for none */
    uint32_t second_count;
    int32_t second_dynamic; /* its $meta, -1: none; means nothing without a
                               qualifier */
    bool *used;             /* per column; set when named. May be NULL  */
    /* Parameter types, filled in by analysis as they become clear: TYPE_NULL
     * while unknown. May be NULL. */
    Type *parameter_types;
    uint32_t parameter_count;
    /* Values of parameters already bound when the statement is analysed at
     * execution, or NULL. */
    const Value *parameters;
} Scope;

/* Find a column: exact spelling first, then any case if only one fits. -1:
 * none; -2: ambiguous. */
int32_t scope_find(const Scope *scope, Slice name);

/*
 * Analyse an expression. `expected` is the type wanted by the context (a string
 * literal or a parameter becomes it), TYPE_NULL kind for none. The result may
 * have another type than expected; the caller coerces with expr_coerce().
 * Constant subexpressions are folded (their errors are raised now). Errors
 * carry positions and hints: UNDEFINED_COLUMN `field "prise" does not exist`
 * HINT `Did you mean "price"?`, UNDEFINED_FUNCTION, DATATYPE_MISMATCH `operator
 * does not exist: VARCHAR < INT64`, ...
 */
mql_status expr_analyse(const Node *node, const Scope *scope, Type expected,
                        Arena *arena, Expr **expr, Error *err);

/* Same, the result must be BOOL: `argument of WHERE must be type BOOL, not type
 * INT64`. `clause` is the word. */
mql_status expr_analyse_condition(const Node *node, const Scope *scope,
                                  const char *clause, Arena *arena, Expr **expr,
                                  Error *err);

/* Make it of type `to` as storing does (value_convert, implicit). */
mql_status expr_coerce(Expr *in, Type to, Arena *arena, Expr **out, Error *err);

/* Whether it is a call of the function with that (canonical) name. */
bool expr_is_call(const Expr *expr, const char *name);

/* Of a LIKE, ILIKE or ~ with a constant pattern: texts that whatever matches
 * contains, ASCII letters in any case; of all else, and of patterns that have
 * none, none. */
mql_status expr_literals(const Expr *expr, Arena *arena, const Slice **texts,
                         uint32_t *count, Error *err);

/* Whether it reads no column (constants, parameters, functions of them). */
bool expr_is_constant(const Expr *expr);

/* Whether it is a call of that function. Operators are calls too: "+", "<->",
 * "->>". */
bool expr_is_call(const Expr *expr, const char *function);

/* column <op> constant, both of one physical form: what an index lookup can use
 * as it is. */
bool expr_is_column_compare(const Expr *expr);

/* Evaluate an expression that reads no column. */
mql_status expr_value(const Expr *expr, ExprRun *run, Arena *arena,
                      Value *value, Error *err);

/* State of one execution. */
struct ExprRun {
    const Value *parameters; /* may be NULL when there are none */
    uint32_t parameter_count;
    int64_t now;          /* when the transaction began, microseconds */
    const char *user;     /* for current_user */
    const char *database; /* for current_database */
    uint64_t sequence;    /* for current_sequence: the last commit seen */
    const atomic_bool *cancel;
    uint64_t random_state; /* for random(), random_sample() */
    uint64_t distances;    /* distance computations made */
    /* Lives as long as the run: what is computed once for all batches is kept
     * here (the hash table of `x IN $1`). NULL: it is computed for each batch.
     */
    Arena *arena;
    struct ExprKept *kept;     /* starts as NULL */
    struct RegexKept *regexes; /* same: of x ~ 'pattern' */
};

/*
 * Compute `expr` for the rows of `batch` (its columns stand at the scope's
 * positions). The result is valid until `arena` is reset. Errors at run time
 * (22003, 22012, ...) carry the position. AND and OR stop computing for rows
 * that are decided, so that `b <> 0 AND a / b > 1` does not fail.
 */
mql_status expr_eval(const Expr *expr, ExprRun *run, const Batch *batch,
                     Arena *arena, Column *out, Error *err);

/* Evaluate a condition; keep[row] is 1 for TRUE, 0 for FALSE and UNKNOWN. */
mql_status expr_filter(const Expr *expr, ExprRun *run, const Batch *batch,
                       Arena *arena, uint8_t *keep, Error *err);

/* The same of the rows whose byte of `keep` is 1, which become 0 where the
 * condition is not TRUE; the others are not computed. `kept` OUT: how many are
 * 1. */
mql_status expr_narrow(const Expr *expr, ExprRun *run, const Batch *batch,
                       Arena *arena, uint8_t *keep, uint32_t *kept, Error *err);

/* Text of an expression for EXPLAIN, with the scope's names: (price < 10 AND
 * category = 'Bag'). Long lists and vectors are shortened. */
void expr_print(Buffer *out, const Expr *expr, const Scope *scope);

/* The functions and operators there are, for SHOW FUNCTIONS and the manual:
 * entry `i`, false past the last. */
typedef struct FunctionHelp {
    const char *name;
    const char *usage; /* "abs(number) -> number" */
    const char *help;
} FunctionHelp;
bool expr_function(uint32_t i, FunctionHelp *help);

/* The distance call an ORDER BY can use an index for: v <-> constant. Returns
 * false when it is none. */
typedef struct ExprDistance {
    uint32_t column;       /* the vector field's position in the scope */
    const Expr *target;    /* constant or parameter                    */
    char operator_text[4]; /* "<->", "<=>" or "<#>"                   */
} ExprDistance;
bool expr_as_distance(const Expr *expr, ExprDistance *distance);

#endif
