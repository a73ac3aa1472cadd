/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ast.h - the syntax tree: what the text says, nothing looked up yet.
 *
 * One struct for every kind; nodes.def says what text and children each has.
 * Nodes live in the statement's arena and are never changed after parsing. Long
 * chains (AND, OR, lists, VALUES) are one node with many children, so that a
 * tree is never deeper than NODE_DEPTH_MOST and every walker may recurse.
 */
#ifndef ENGINE_SQL_AST_H
#define ENGINE_SQL_AST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/slice.h"
#include "base/status.h"

typedef enum NodeKind {
#define NODE(kind) NODE_##kind,
#include "engine/sql/nodes.def"
#undef NODE
    NODE_KIND_COUNT
} NodeKind;

/* Limits of a text; each is an error with a position. */
#define SQL_SIZE_MOST (64u << 20) /* bytes */
#define NODE_DEPTH_MOST 1000u     /* levels of the tree */
#define SQL_NESTING_MOST 200u     /* open parentheses and brackets */
#define LIST_MOST 1000000u        /* elements; also children of any node */
#define NAME_SIZE_MOST 255u       /* bytes */
#define PARAMETER_MOST 65535u

typedef enum NodeFlag {
    FLAG_NOT = 1,
    FLAG_NOCASE = 2,
    FLAG_QUOTED = 4,
    FLAG_NULLS_FIRST = 8,
    FLAG_NULLS_LAST = 16,
    FLAG_ARRAY = 32,
    FLAG_LOCAL = 64,
    FLAG_GLOBAL = 128,
    FLAG_DISTINCT = 256,
    FLAG_OPERAND = 512,
    FLAG_PARENTHESES = 1024, /* stood in them: not flattened into its parent */
    FLAG_INDEXES = 2048,
    FLAG_LOSS = 32768,
    FLAG_ALWAYS = 4096,
    FLAG_USER = 8192,  /* SHOW GRANTS FOR USER u */
    FLAG_ROLE = 16384, /* SHOW GRANTS FOR ROLE r */
} NodeFlag;

typedef struct Node Node;
struct Node {
    NodeKind kind;
    uint32_t flags; /* NodeFlag */
    uint32_t depth; /* levels below, itself included */
    uint32_t count; /* children; VECTOR: elements */
    /* Byte offset in the text: of its first token; of an infix operator: of the
     * operator, which is the caret's place. */
    int64_t position;
    Slice text;          /* see nodes.def; NUL follows it, but for VECTOR */
    int64_t integer;     /* INTEGER, PARAMETER */
    double real;         /* REAL */
    const float *floats; /* VECTOR */
    Node *first, *last;  /* children */
    Node *next;          /* sibling */
};

/* The first child of that kind, NULL when there is none. */
const Node *node_child(const Node *node, NodeKind kind);

/* The i-th child, NULL past the last. */
const Node *node_at(const Node *node, uint32_t i);

/*
 * The same elements as a LIST of INTEGER and REAL, read again from the vector's
 * text, so that integers are exact: VECTOR keeps floats only. In arguments such
 * as those of json_contains_any(x, [1, 2]) and in comparisons with an array
 * field this is what counts. Lives in `arena`. Errors: OUT_OF_RANGE (an integer
 * beyond int64), OUT_OF_MEMORY.
 */
mql_status node_vector_to_list(Arena *arena, const Node *vector,
                               const Node **list, Error *err);

/* Upper-case word of the kind: "CREATE_COLLECTION". */
const char *node_kind_name(NodeKind kind);

/* One line per node, children indented by two blanks: what EXPLAIN (TREE)
 * shows. */
void node_print(Buffer *out, const Node *node);

/* A parsed statement. */
typedef struct Statement {
    const Node *root; /* NULL: the text held only blanks and comments */
    size_t size;      /* bytes up to and including its ';'            */
    uint32_t parameter_count;
    const Slice *parameter_names; /* per parameter; size 0 for $n and ? */
} Statement;

/*
 * Parse the first statement of `sql` (`size` bytes; need not end with NUL).
 * Positions count from `sql`. On a failure statement->size is still the end of
 * the failed statement where that can be known (its ';' by the scanner), else
 * `size`. Errors: SYNTAX_ERROR, TOO_COMPLEX, LIMIT_EXCEEDED, NAME_TOO_LONG,
 * OUT_OF_RANGE (a number), ENCODING, FEATURE_NOT_SUPPORTED (a statement or
 * clause known but not built), OUT_OF_MEMORY. Time and memory are linear in
 * `size`.
 */
mql_status sql_parse(Arena *arena, const char *sql, size_t size,
                     Statement *statement, Error *err);

/* Parse one expression, as after WHERE; for tests and stored expressions. */
mql_status sql_parse_expression(Arena *arena, const char *sql, size_t size,
                                const Node **root, Error *err);

/* See mql_statement_size() and mql_keyword() in mql.h. */
size_t sql_statement_size(const char *sql, size_t size);
const char *sql_keyword(int32_t index);

#endif
