/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parser.h - what the scanner, the grammar and the node builders share; nobody
 * outside engine/sql and grammar/ includes it.
 *
 * Lemon makes sql_parser*() from grammar/milvusql.y, re2c makes scan_token()
 * from grammar/milvusql.re. Both include this file, so the compiler compares.
 *
 * The failure is sticky: the first error in parse->err ends the feeding of
 * tokens, so builders may return NULL after recording one and need not look at
 * NULL children.
 */
#ifndef ENGINE_SQL_PARSER_H
#define ENGINE_SQL_PARSER_H

#include <stdio.h>

#include "base/map.h"
#include "engine/sql/ast.h"

/* A word of the text, in place. */
typedef struct Token {
    const char *text; /* inside parse->text */
    uint32_t size;    /* bytes              */
} Token;

/* Where the scanner stands. The text ends with NUL at `end` and has no other.
 */
typedef struct Scan {
    const char *cursor;
    const char *end;
} Scan;

/* What the scanner returns instead of a token code when a text cannot go on. */
enum {
    SCAN_ILLEGAL = -1,             /* a byte that begins no token          */
    SCAN_UNTERMINATED_STRING = -2, /* '...                                 */
    SCAN_UNTERMINATED_NAME = -3,   /* "... or `...                         */
    SCAN_UNTERMINATED_COMMENT = -4,
    SCAN_UNTERMINATED_DOLLAR = -5, /* $tag$...                             */
    SCAN_TRAILING_JUNK = -6,       /* 12abc                                */
};

/* A parameter without a number of its own: it gets one at the end. */
typedef struct Unnumbered Unnumbered;
struct Unnumbered {
    Node *node;
    uint32_t ordinal; /* from 1, in order of first appearance */
    Unnumbered *next;
};

typedef struct Parse {
    Arena *arena; /* stmt_arena */
    Error *err;
    const char *text;        /* the statement's own copy, NUL-terminated  */
    const char *end;         /* its NUL                                   */
    Node *root;              /* set by the grammar                        */
    Node *minimum;           /* 9223372036854775808 that waits for its minus */
    uint32_t largest_number; /* of $n                                     */
    uint32_t unnumbered_count; /* distinct names, and ?s                    */
    bool has_question;         /* ? was used                                */
    Unnumbered *unnumbered;    /* newest first                              */
    Map parameter_names;       /* name -> ordinal                           */
} Parse;

/* A failure is recorded. Lemon may reduce a few more rules after it before it
 * comes back, with children missing: what looks at children asks this first. */
static inline bool
has_failed(const Parse *parse)
{
    return parse->err->status != MQL_OK;
}

/* ---- made by lemon and re2c ---- */
void *sql_parserAlloc(void *(*allocate)(size_t), Parse *parse);
void sql_parserFree(void *parser, void (*release)(void *));
void sql_parser(void *parser, int code, Token token);
#ifndef NDEBUG
void sql_parserTrace(FILE *out, char *prefix);
#endif

/* The next token, its code or one of SCAN_*; 0 at the end of the text. */
int scan_token(Scan *scan, Token *token);

/* ---- scan.c: words too irregular for re2c. Each returns the first byte after
 * the word, NULL when it has no end; `p` stands behind what opened it. ---- */
const char *scan_quoted(const char *p, const char *end, char quote,
                        bool escapes);
const char *scan_comment(const char *p, const char *end);
/* `p` at the first '$' of $tag$. */
const char *scan_dollar(const char *p, const char *end);
/* Behind '[': plain numbers up to ']'; NULL: something else stands there. */
const char *scan_vector(const char *p, const char *end);
/* Behind '{': pairs up to '}'; NULL: something else stands there. */
const char *scan_sparse(const char *p, const char *end);
bool is_word_byte(char c);

/* ---- keyword.c ---- */
/* The code of a keyword, 0 when the word is none. */
int keyword_code(const char *word, size_t size);
/* The `index`-th keyword's code, 0 past the last; its word is
 * sql_keyword(index). */
int keyword_code_at(int32_t index);

/* ---- parse.c: failures at a token ---- */
int64_t parse_position(const Parse *parse, Token token);
/* syntax error at or near "..." (end of input for an empty token). */
void parse_syntax_error(Parse *parse, Token token);
void parse_too_deep(Parse *parse, int64_t position);
/* 0A000: `what` is not supported yet. */
void parse_unsupported(Parse *parse, Token token, const char *what);

/* ---- node.c: making nodes; NULL after a recorded failure ---- */
Node *node_new(Parse *parse, NodeKind kind, Token at);
Node *node_with(Parse *parse, NodeKind kind, Token at, Node *first);
Node *node_pair(Parse *parse, NodeKind kind, Token at, Node *first,
                Node *second);
/* With a text that lives for ever. */
Node *node_word(Parse *parse, NodeKind kind, Token at, const char *text);
/* With the text of a name token. */
Node *node_named(Parse *parse, NodeKind kind, Token at, Token name);
/* Append; returns the parent. A NULL child is a clause left out. */
Node *node_add(Parse *parse, Node *parent, Node *child);
/* Move all children of a carrier (may be NULL) to the parent; returns the
 * parent. */
Node *node_take(Parse *parse, Node *parent, Node *carrier);
/* Make a carrier the node itself. */
Node *node_turn(Parse *parse, Node *carrier, NodeKind kind, Token at);
Node *node_flag(Node *node, uint32_t flags);

/* ---- literal.c ---- */
Node *literal_integer(Parse *parse, Token token);
Node *literal_real(Parse *parse, Token token);
Node *literal_string(Parse *parse, Token token, NodeKind kind);
Node *literal_double_quoted(Parse *parse, Token token);
Node *literal_bytes(Parse *parse, Token token);
Node *literal_bits(Parse *parse, Token token);
Node *literal_sparse(Parse *parse, Token token);
Node *literal_vector(Parse *parse, Token token);
/* The same text as a LIST of exact numbers. */
Node *literal_list(Parse *parse, Token token);
/* The text of a name, unquoted, NUL behind it. */
Slice literal_name(Parse *parse, Token token);
/* A copy with NUL behind it; NULL text: only the room. Empty after a failure.
 */
Slice literal_copy(Parse *parse, const char *text, size_t size);

/* ---- build.c: nodes that need more than one line ---- */
Node *build_name(Parse *parse, Token token);
/* In an expression: "x" may be a string there. */
Node *build_word(Parse *parse, Token token);
Node *build_dotted(Parse *parse, Node *name, Token member);
Node *build_parameter(Parse *parse, Token token);
void build_number_parameters(Parse *parse, Statement *statement);
Node *build_logic(Parse *parse, NodeKind kind, Token at, Node *left,
                  Node *right);
Node *build_binary(Parse *parse, Token at, Node *left, Node *right);
Node *build_compare(Parse *parse, Token at, Node *left, Node *right);
Node *build_sign(Parse *parse, Token at, Node *operand);
Node *build_member(Parse *parse, Node *base, Token member);
Node *build_subscript(Parse *parse, Token at, Node *base, Node *index);
Node *build_subscript_vector(Parse *parse, Node *base, Token vector);
Node *build_call(Parse *parse, Token name, Node *arguments);
Node *build_extract(Parse *parse, Token name, Token unit, Node *from);
Node *build_like(Parse *parse, Token at, Node *left, Node *right);
Node *build_one(Parse *parse, Token at);
Node *build_typed_literal(Parse *parse, Token type, Token string);
Node *build_in_parentheses(Node *expression);
Node *build_type(Parse *parse, Token first, Token second);
Node *build_alter_type(Parse *parse, Token at, Node *name, Token word,
                       Node *type);
Node *build_recover(Parse *parse, Token at, Node *file, Token allow,
                    Token loss);
Node *build_alter_restart(Parse *parse, Token at, Node *name, Token word,
                          Node *next);
/* OVERRIDING SYSTEM VALUE. */
Node *build_overriding(Parse *parse, Token at, Token system, Token value);
/* INCLUDING INDEXES. */
uint32_t build_including(Parse *parse, Token including, Token what);
Node *build_type_argument(Parse *parse, Node *type, Token integer);
Node *build_array_type(Parse *parse, Token at, Node *element, Token capacity);
/* Add a clause to a carrier (NULL: a new one); a second of its kind is an
 * error. */
Node *build_clause(Parse *parse, Node *carrier, Node *clause);
/* OPTIONS that came from WITH (1), SEARCH PARAMS (2), CONSISTENCY LEVEL (4). */
Node *build_option_source(Node *options, int64_t source);
Node *build_option(Parse *parse, Node *options, Node *option);
Node *build_search(Parse *parse, Node *search, Node *targets, Node *clauses);
Node *build_explain(Parse *parse, Token at, Node *options, Node *statement);
Node *build_conflict(Parse *parse, Node *insert, Node *conflict);
Node *build_insert(Parse *parse, Node *insert, Node *query);
Node *build_query_statement(Parse *parse, Token at, Node *relation,
                            Node *clauses);
Node *build_star_item(Parse *parse, Token at, Node *qualifier);
Node *build_keys(Parse *parse, Node *create, Token name, Node *keys);
/* SHOW: one or two words, perhaps FROM a name. */
Node *build_show(Parse *parse, Token at, Node *words, Node *name);
/* SHOW CREATE USERS. */
Node *build_show_create(Parse *parse, Token at, Token what);
/* The same with FOR USER or FOR ROLE: of grants alone. */
Node *build_show_of(Parse *parse, Token at, Node *words, Node *name,
                    uint32_t flag);
/* ALL PRIVILEGES: a NAME "ALL". */
Node *build_all_privileges(Parse *parse, Token all, Token privileges);
Node *build_grant_object(Parse *parse, const char *what, Node *name);
/* ALL COLLECTIONS IN DATABASE d. */
Node *build_all_collections(Parse *parse, Token what, Node *database);
/* UNBUILT, its text all words from `first` to the end of `last`, in upper case.
 */
Node *build_unbuilt(Parse *parse, Token first, Token last);

#endif
