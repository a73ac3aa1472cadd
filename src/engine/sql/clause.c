/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clause.c - the parts of statements that the grammar cannot put together in a
 * line: clauses in any order but each once, options, SHOW, Milvus' spellings of
 * SELECT.
 *
 * A carrier is a LIST node that holds parts until their statement takes them.
 */
#include "engine/sql/parser.h"

#include "milvusql.h"

#define OPTION_MOST 1000u /* in one statement: names are compared pairwise */

#define NOWHERE ((Token){NULL, 0})

/* ---- clauses, each once ---- */

static const char *
clause_word(NodeKind kind)
{
    switch (kind) {
    case NODE_OPTIONS:
        return "WITH";
    case NODE_PARTITIONS:
        return "PARTITION";
    case NODE_ON_FIELD:
        return "ON";
    case NODE_NULLABLE:
        return "NULL";
    default:
        return node_kind_name(kind);
    }
}

/* "duplicate GROUP BY clause": the kind's word with blanks for '_'. */
static void
duplicate_clause(Parse *parse, const Node *clause)
{
    char word[32];
    size_t i = 0;
    const char *kind = clause_word(clause->kind);
    for (; kind[i] != '\0' && i + 1 < sizeof word; i++)
        word[i] = kind[i] == '_' ? ' ' : kind[i];
    word[i] = '\0';

    if (clause->kind == NODE_ALIAS)
        parse_syntax_error(parse, (Token){parse->text + clause->position,
                                          (uint32_t)clause->text.size});
    else
        error_at(parse->err, ERR_SYNTAX_ERROR, clause->position,
                 "duplicate %s clause", word);
}

/* Options of another origin join those that are there. */
static Node *
merge_options(Parse *parse, Node *options, Node *more)
{
    if (has_failed(parse))
        return NULL;
    if (options->integer & more->integer) {
        duplicate_clause(parse, more);
        return NULL;
    }
    options->integer |= more->integer;
    for (Node *option = more->first, *next; option != NULL; option = next) {
        next = option->next;
        option->next = NULL;
        if (build_option(parse, options, option) == NULL)
            return NULL;
    }
    return options;
}

Node *
build_clause(Parse *parse, Node *carrier, Node *clause)
{
    if (has_failed(parse))
        return NULL;
    if (clause == NULL)
        return carrier;
    if (carrier == NULL)
        return node_with(parse, NODE_LIST, NOWHERE, clause);
    for (Node *child = carrier->first; child != NULL; child = child->next) {
        if ((child->kind == NODE_NULLABLE && clause->kind == NODE_NOT_NULL) ||
            (child->kind == NODE_NOT_NULL && clause->kind == NODE_NULLABLE))
            error_at(parse->err, ERR_SYNTAX_ERROR, clause->position,
                     "conflicting NULL/NOT NULL declarations");
        if (child->kind != clause->kind)
            continue;
        if (child->kind == NODE_OPTIONS)
            merge_options(parse, child, clause);
        else
            duplicate_clause(parse, clause);
        return carrier;
    }
    return node_add(parse, carrier, clause);
}

/* ---- options ---- */

Node *
build_option_source(Node *options, int64_t source)
{
    if (options != NULL)
        options->integer = source;
    return options;
}

/* In any case; but HNSW_PQ has an option M and another, m. */
static bool
is_same_option(Slice a, Slice b)
{
    return slice_equal(a, b) || (a.size > 1 && slice_equal_nocase(a, b));
}

Node *
build_option(Parse *parse, Node *options, Node *option)
{
    if (has_failed(parse))
        return NULL;
    if (options == NULL)
        return node_with(parse, NODE_OPTIONS, NOWHERE, option);
    for (Node *child = options->first; child != NULL; child = child->next) {
        if (is_same_option(child->text, option->text)) {
            error_at(parse->err, ERR_SYNTAX_ERROR, option->position,
                     "option \"%s\" is given twice", option->text.data);
            return NULL;
        }
    }
    if (options->count >= OPTION_MOST) {
        error_at(parse->err, ERR_LIMIT_EXCEEDED, option->position,
                 "more than %u options", OPTION_MOST);
        return NULL;
    }
    return node_add(parse, options, option);
}

/* ---- SEARCH, EXPLAIN, INSERT, CREATE INDEX ---- */

/* What may stand before FOR and behind it stands once. */
Node *
build_search(Parse *parse, Node *search, Node *targets, Node *clauses)
{
    node_add(parse, search, targets);
    if (has_failed(parse) || clauses == NULL)
        return search;
    for (Node *clause = clauses->first, *next; clause != NULL; clause = next) {
        next = clause->next;
        clause->next = NULL;
        if (build_clause(parse, search, clause) == NULL)
            return NULL;
    }
    return search;
}

Node *
build_explain(Parse *parse, Token at, Node *options, Node *statement)
{
    if (has_failed(parse))
        return NULL;
    if (statement->kind == NODE_EXPLAIN) {
        parse_syntax_error(parse, (Token){parse->text + statement->position,
                                          sizeof "explain" - 1});
        return NULL;
    }
    return node_pair(parse, NODE_EXPLAIN, at, options, statement);
}

/* UPSERT is its own answer to a conflict. */
Node *
build_conflict(Parse *parse, Node *insert, Node *conflict)
{
    if (has_failed(parse) || conflict == NULL)
        return insert;
    if (insert->kind == NODE_UPSERT) {
        parse_syntax_error(parse, (Token){parse->text + conflict->position, 2});
        return NULL;
    }
    return node_add(parse, insert, conflict);
}

Node *
build_insert(Parse *parse, Node *insert, Node *query)
{
    if (has_failed(parse))
        return NULL;
    if (query->kind != NODE_VALUES)
        return node_add(parse, insert, query);
    Node *rows = query->first;
    if (rows->next != NULL) {
        error_at(parse->err, ERR_FEATURE_NOT_SUPPORTED, rows->next->position,
                 "%s after VALUES of an INSERT is not supported yet",
                 clause_word(rows->next->kind));
        return NULL;
    }
    return node_add(parse, insert, rows);
}

Node *
build_keys(Parse *parse, Node *create, Token name, Node *keys)
{
    if (name.text != NULL)
        create = node_add(parse, create,
                          node_named(parse, NODE_INDEX_NAME, name, name));
    if (has_failed(parse))
        return NULL;
    if (keys->count > 1) {
        error_at(parse->err, ERR_FEATURE_NOT_SUPPORTED,
                 keys->first->next->position,
                 "an index over several fields is not supported");
        return NULL;
    }
    return node_take(parse, create, keys);
}

/* ---- SELECT ---- */

Node *
build_star_item(Parse *parse, Token at, Node *qualifier)
{
    if (has_failed(parse))
        return NULL;
    if (qualifier->kind != NODE_NAME && qualifier->kind != NODE_DOUBLE_QUOTED) {
        parse_syntax_error(parse, at);
        return NULL;
    }
    qualifier->kind = NODE_STAR;
    return qualifier;
}

/* QUERY c WHERE ... RETURNING a, b is SELECT a, b FROM c WHERE ... */
Node *
build_query_statement(Parse *parse, Token at, Node *relation, Node *clauses)
{
    if (has_failed(parse))
        return NULL;
    Node *from = node_with(parse, NODE_FROM, NOWHERE, relation);
    Node *select = node_new(parse, NODE_SELECT, at);
    Node *rest = node_new(parse, NODE_LIST, NOWHERE);
    if (from == NULL || select == NULL || rest == NULL)
        return NULL;

    Node *next = NULL;
    for (Node *clause = clauses == NULL ? NULL : clauses->first; clause != NULL;
         clause = next) {
        next = clause->next;
        clause->next = NULL;
        if (clause->kind == NODE_RETURNING)
            node_take(parse, select, clause);
        else if (clause->kind == NODE_PARTITIONS || clause->kind == NODE_AS_OF)
            node_add(parse, from, clause);
        else
            node_add(parse, rest, clause);
    }
    if (select->first == NULL)
        node_add(parse, select, node_new(parse, NODE_STAR, at));
    return node_take(parse, node_add(parse, select, from), rest);
}

/* ---- SHOW ---- */

typedef struct ShowForm {
    const char *words; /* as typed, lower case                    */
    const char *text;  /* of the SHOW node; NULL: not built       */
    bool takes_name;   /* FROM c                                  */
} ShowForm;

static const ShowForm show_forms[] = {
    {"databases", "databases", false},
    {"collections", "collections", false},
    {"tables", "collections", false},
    {"partitions", "partitions", true},
    {"indexes", "indexes", true},
    {"index", "indexes", true},
    {"aliases", "aliases", true},
    {"segments", "segments", true},
    {"stats", "stats", true},
    {"jobs", "jobs", false},
    {"settings", "settings", false},
    {"all", "settings", false},
    {"index types", "index types", false},
    {"index options", "index options", false},
    {"functions", "functions", false},
    {"load state", "load state", true},
    {"identity", "identity", true},
    {"users", "users", false},
    {"roles", "roles", false},
    {"privileges", "privileges", false},
    {"privilege groups", "privilege groups", false},
    {"grants", "grants", true},
};

/* Whether `words` (NAME nodes) are those of a form. */
static bool
is_form(const Node *words, const char *form)
{
    for (const Node *word = words->first; word != NULL; word = word->next) {
        size_t size = word->text.size;
        if (strlen(form) < size ||
            !slice_equal_nocase(word->text, (Slice){form, size}))
            return false;
        form += size;
        if (word->next != NULL && *form++ != ' ')
            return false;
    }
    return *form == '\0';
}

static const ShowForm *
find_form(const Node *words)
{
    for (size_t i = 0; i < sizeof show_forms / sizeof show_forms[0]; i++) {
        if (is_form(words, show_forms[i].words))
            return &show_forms[i];
    }
    return NULL;
}

static void
error_at_name(Parse *parse, const Node *name)
{
    parse_syntax_error(parse, (Token){parse->text + name->position,
                                      (uint32_t)name->text.size});
}

Node *
build_show(Parse *parse, Token at, Node *words, Node *name)
{
    if (has_failed(parse))
        return NULL;
    const ShowForm *form = find_form(words);
    if (form == NULL && name == NULL && words->count == 1) /* SHOW setting */
        return node_take(parse, node_new(parse, NODE_SHOW, at), words);
    if (form == NULL || (name != NULL && !form->takes_name)) {
        error_at_name(parse, form == NULL ? words->last : name);
        return NULL;
    }
    if (form->text == NULL) {
        Token last = {parse->text + words->last->position,
                      (uint32_t)words->last->text.size};
        return build_unbuilt(parse, at, last);
    }
    return node_add(parse, node_word(parse, NODE_SHOW, at, form->text), name);
}

/* Only SHOW GRANTS is about users and roles. */
Node *
build_show_of(Parse *parse, Token at, Node *words, Node *name, uint32_t flag)
{
    Node *show = build_show(parse, at, words, name);
    if (show != NULL && !slice_equal(show->text, SLICE_LITERAL("grants"))) {
        error_at_name(parse, name);
        return NULL;
    }
    return node_flag(show, flag);
}

/* ---- GRANT ---- */

static bool
is_word(Token token, const char *word)
{
    return slice_equal_nocase((Slice){token.text, token.size}, slice_of(word));
}

Node *
build_show_create(Parse *parse, Token at, Token what)
{
    if (!is_word(what, "users")) {
        parse_syntax_error(parse, what);
        return NULL;
    }
    return node_word(parse, NODE_SHOW, at, "create users");
}

Node *
build_all_privileges(Parse *parse, Token all, Token privileges)
{
    if (!is_word(privileges, "privileges")) {
        parse_syntax_error(parse, privileges);
        return NULL;
    }
    return build_name(parse, all);
}

Node *
build_grant_object(Parse *parse, const char *what, Node *name)
{
    if (has_failed(parse))
        return NULL;
    Token at = {parse->text + name->position, 0};
    return node_add(parse, node_word(parse, NODE_GRANT_ON, at, what), name);
}

Node *
build_all_collections(Parse *parse, Token what, Node *database)
{
    if (!is_word(what, "collections") && !is_word(what, "tables")) {
        parse_syntax_error(parse, what);
        return NULL;
    }
    return build_grant_object(parse, "collections in database", database);
}

/* ---- statements that are not built ---- */

Node *
build_unbuilt(Parse *parse, Token first, Token last)
{
    Node *node = node_new(parse, NODE_UNBUILT, first);
    if (node == NULL || last.text == NULL)
        return node;
    const char *end = last.text + last.size;
    Slice text = literal_copy(parse, NULL, (size_t)(end - first.text));
    if (has_failed(parse))
        return NULL;

    char *out = (char *)text.data;
    Scan scan = {first.text, parse->end};
    Token word;
    while (scan.cursor < end && scan_token(&scan, &word) > 0) {
        if (out > text.data)
            *out++ = ' ';
        for (uint32_t i = 0; i < word.size; i++) {
            char c = word.text[i];
            *out++ = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        }
    }
    *out = '\0';
    text.size = (size_t)(out - text.data);
    node->text = text;
    return node;
}
