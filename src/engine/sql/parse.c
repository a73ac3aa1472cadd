/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse.c - the loop between the scanner and the Lemon parser.
 *
 * The statement is cut out first (sql_statement_size), checked to be UTF-8
 * without NUL, and copied with a NUL behind it, so that a script of many
 * statements costs each of them once. Then tokens are fed until the first
 * failure: after a stack overflow Lemon would go on with an empty stack and may
 * accept, so nothing is fed to it any more.
 *
 * What the grammar cannot say with one token of lookahead is settled here, by
 * looking at the tokens that follow: NOT before IN, LIKE, ILIKE and BETWEEN is
 * infix; PRIMARY, PARTITION, CLUSTERING, UNIQUE and INDEX after '(' or ',' are
 * names of fields unless what follows makes them clauses of CREATE COLLECTION;
 * and so are, after '(', the words a query can begin with, unless one does.
 */
#include "engine/sql/parser.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "engine/value/type.h"
#include "milvusql.h"

#define NEAR_SIZE_MOST 60u /* bytes of a token in a message         */
#define HINT_SIZE_MOST                                                         \
    65536u                 /* texts up to this are parsed again for a hint     \
                            */
#define HINT_WORD_LEAST 3u /* letters of a word that may be a misspelt one */

/* ---- failures ---- */

int64_t
parse_position(const Parse *parse, Token token)
{
    return token.text == NULL ? -1 : token.text - parse->text;
}

/* Bytes of the token to show, whole characters. */
static int
near_size(Token token)
{
    uint32_t size = token.size;
    if (size <= NEAR_SIZE_MOST)
        return (int)size;
    size = NEAR_SIZE_MOST;
    while (size > 0 && ((unsigned char)token.text[size] & 0xc0) == 0x80)
        size--;
    return (int)size;
}

/* What may be a password: whatever is no keyword in CREATE and ALTER USER, and
 * a string behind the word. */
static bool
may_be_secret(const Parse *parse, Token token)
{
    Scan scan = {parse->text, parse->end};
    Token first, second, next = {NULL, 0}, before = {NULL, 0};
    int code = scan_token(&scan, &first);
    bool is_word = is_word_byte(token.text[0]);
    if ((code == TK_CREATE || code == TK_ALTER) &&
        scan_token(&scan, &second) == TK_USER && token.text > second.text)
        return is_word ? keyword_code(token.text, token.size) == 0
                       : strchr("'$\"", token.text[0]) != NULL;
    scan = (Scan){parse->text, parse->end};
    while (scan_token(&scan, &next) > 0 && next.text < token.text)
        before = next;
    return before.size > 0 &&
           slice_equal_nocase((Slice){before.text, before.size},
                              SLICE_LITERAL("password")) &&
           !is_word && strchr("'$", token.text[0]) != NULL;
}

static void
error_near(Parse *parse, Token token, const char *what)
{
    if (token.size > 0 && may_be_secret(parse, token))
        error_at(parse->err, ERR_SYNTAX_ERROR, parse_position(parse, token),
                 "%s at or near what may be a password", what);
    else if (token.size == 0)
        error_at(parse->err, ERR_SYNTAX_ERROR, parse_position(parse, token),
                 "%s at end of input", what);
    else
        error_at(parse->err, ERR_SYNTAX_ERROR, parse_position(parse, token),
                 "%s at or near \"%.*s%s\"", what, near_size(token), token.text,
                 token.size > NEAR_SIZE_MOST ? "..." : "");
}

void
parse_syntax_error(Parse *parse, Token token)
{
    error_near(parse, token, "syntax error");
}

void
parse_too_deep(Parse *parse, int64_t position)
{
    error_at(parse->err, ERR_TOO_COMPLEX, position,
             "statement is nested too deeply");
}

void
parse_unsupported(Parse *parse, Token token, const char *what)
{
    error_at(parse->err, ERR_FEATURE_NOT_SUPPORTED,
             parse_position(parse, token), "%s is not supported yet", what);
}

static void
report_fault(Parse *parse, int fault, Token token)
{
    static const char *const words[] = {
        [-SCAN_ILLEGAL] = "syntax error",
        [-SCAN_UNTERMINATED_STRING] = "unterminated quoted string",
        [-SCAN_UNTERMINATED_NAME] = "unterminated quoted identifier",
        [-SCAN_UNTERMINATED_COMMENT] = "unterminated /* comment",
        [-SCAN_UNTERMINATED_DOLLAR] = "unterminated dollar-quoted string",
        [-SCAN_TRAILING_JUNK] = "trailing junk after numeric literal",
    };
    if (fault == SCAN_ILLEGAL)
        token.size = (uint32_t)utf8_size(token.text);
    else if (fault != SCAN_TRAILING_JUNK)
        token.size = (uint32_t)(parse->end - token.text);
    error_near(parse, token, words[-fault]);
}

/* ---- tokens, with a look ahead where one is not enough ---- */

typedef struct Feed {
    Scan scan;
    int previous;  /* code of the token before */
    uint32_t open; /* parentheses and brackets */
} Feed;

static int
peek(Scan *ahead)
{
    Token token;
    return scan_token(ahead, &token);
}

static bool
is_key_clause(Scan ahead)
{
    return peek(&ahead) == TK_KEY && peek(&ahead) == TK_LP;
}

/* INDEX (f), INDEX i (f): a clause. INDEX VARCHAR(10), INDEX INT64: a field. */
static bool
is_index_clause(Scan ahead)
{
    int code = peek(&ahead);
    if (code == TK_LP)
        return true;
    return code > 0 && peek(&ahead) == TK_LP && peek(&ahead) != TK_INTEGER;
}

/* (SEARCH c FOR ...), (QUERY c ...) have a name next; (query > 1) has not. */
static bool
is_name_next(Scan ahead)
{
    Token token;
    switch (scan_token(&ahead, &token)) {
    case TK_IN:
    case TK_LIKE:
    case TK_ILIKE:
    case TK_BETWEEN:
    case TK_IS:
    case TK_NOT:
    case TK_AND:
    case TK_OR:
        return false;
    case TK_DOUBLE:
    case TK_BACKTICK:
        return true;
    default:
        return token.size > 0 && is_word_byte(token.text[0]);
    }
}

/* After '(': a field called by a word that queries begin with. */
static bool
is_no_query(Scan ahead, int code)
{
    switch (code) {
    case TK_COUNT:
        return peek(&ahead) != TK_FROM;
    case TK_VALUES:
        return peek(&ahead) != TK_LP;
    case TK_HYBRID:
        return peek(&ahead) != TK_SEARCH;
    case TK_QUERY:
    case TK_SEARCH:
        return !is_name_next(ahead);
    default:
        return false;
    }
}

static bool
is_field_name(const Feed *feed, int code)
{
    Scan ahead = feed->scan;
    if (feed->previous == TK_LP && is_no_query(ahead, code))
        return true;
    if (feed->previous != TK_LP && feed->previous != TK_COMMA)
        return false;
    switch (code) {
    case TK_PRIMARY:
    case TK_PARTITION:
    case TK_CLUSTERING:
        return !is_key_clause(ahead);
    case TK_UNIQUE:
        return peek(&ahead) != TK_LP;
    case TK_INDEX:
        return !is_index_clause(ahead);
    default:
        return false;
    }
}

static bool
is_infix(Scan ahead)
{
    int code = peek(&ahead);
    return code == TK_IN || code == TK_LIKE || code == TK_ILIKE ||
           code == TK_BETWEEN;
}

static int
next_token(Parse *parse, Feed *feed, Token *token)
{
    int code = scan_token(&feed->scan, token);
    if (code == TK_NOT && is_infix(feed->scan))
        code = TK_NOT_INFIX;
    else if (is_field_name(feed, code))
        code = TK_IDENT;
    else if (code == TK_LP || code == TK_LB)
        feed->open++;
    else if ((code == TK_RP || code == TK_RB) && feed->open > 0)
        feed->open--;
    feed->previous = code;

    if (code < 0)
        report_fault(parse, code, *token);
    else if (feed->open > SQL_NESTING_MOST)
        parse_too_deep(parse, parse_position(parse, *token));
    return code;
}

/* ---- feeding ---- */

/* A token to be fed as another one, and the last to be fed: for hints. */
typedef struct Trial {
    const char *replaced; /* NULL: none */
    int code;
    const char *last;
} Trial;

static void
feed_tokens(Parse *parse, void *parser, int first, const Trial *trial)
{
    Feed feed = {.scan = {parse->text, parse->end}};
    Token token = {parse->text, 0};
    int code = first;

    while (parse->err->status == MQL_OK) {
        if (code != 0) {
            sql_parser(parser, code, token);
            if (code == TK_SEMI || parse->err->status != MQL_OK)
                break;
        }
        if (trial != NULL && token.size > 0 && token.text == trial->last)
            return;
        code = next_token(parse, &feed, &token);
        if (trial != NULL && token.text == trial->replaced)
            code = trial->code;
        if (code <= 0)
            break;
    }
    if (parse->err->status == MQL_OK)
        sql_parser(parser, 0, (Token){parse->end, 0});
    if (parse->err->status == MQL_OK && parse->minimum != NULL)
        error_at(
            parse->err, ERR_OUT_OF_RANGE, parse->minimum->position,
            "value \"9223372036854775808\" is out of range for type INT64");
    /* What Lemon itself found (its stack) has no token at hand. */
    if (parse->err->status != MQL_OK)
        error_locate(parse->err, token.text - parse->text);
}

static mql_status
run_parser(Parse *parse, int first, const Trial *trial)
{
    void *parser = sql_parserAlloc(malloc, parse);
    if (parser == NULL)
        return error_no_memory(parse->err);
    feed_tokens(parse, parser, first, trial);
    sql_parserFree(parser, free);
    map_free(&parse->parameter_names);
    return parse->err->status;
}

/* ---- "Perhaps you meant": would the text be right with a keyword in this
 * place? ---- */

static bool
is_accepted(const Parse *parse, const char *replaced, int code,
            const char *last)
{
    Error scratch = ERROR_INIT;
    Parse again = {.arena = parse->arena,
                   .err = &scratch,
                   .text = parse->text,
                   .end = parse->end};
    Trial trial = {replaced, code, last};
    return run_parser(&again, 0, &trial) == MQL_OK;
}

static bool
hint_at(Parse *parse, Token token, const char *last)
{
    Slice word = {token.text, token.size};
    if (word.size < HINT_WORD_LEAST)
        return false;
    for (uint32_t near = 1; near <= NAME_DISTANCE_MOST; near++) {
        for (int32_t i = 0; sql_keyword(i) != NULL; i++) {
            if (name_distance(word, slice_of(sql_keyword(i))) == near &&
                is_accepted(parse, token.text, keyword_code_at(i), last)) {
                error_hint(parse->err, "Perhaps you meant \"%s\".",
                           sql_keyword(i));
                return true;
            }
        }
    }
    return false;
}

/* The misspelt word is where the failure was noticed, or right before, where it
 * was taken for an alias. */
static void
hint_keyword(Parse *parse)
{
    Scan scan = {parse->text, parse->end};
    Token token;
    Token before = {NULL, 0};
    int before_code = 0;
    int code;

    if (parse->end - parse->text > HINT_SIZE_MOST)
        return;
    while ((code = scan_token(&scan, &token)) > 0 &&
           parse_position(parse, token) < parse->err->position) {
        before = token;
        before_code = code;
    }
    if (code == TK_IDENT && hint_at(parse, token, token.text))
        return;
    if (before_code == TK_IDENT && code > 0)
        hint_at(parse, before, token.text);
}

/* ---- entries ---- */

/* The text's own copy, or a failure when it is no text. */
static mql_status
take_text(Parse *parse, const char *sql, size_t size)
{
    size_t bad = 0;
    if (size > SQL_SIZE_MOST)
        return error_at(parse->err, ERR_LIMIT_EXCEEDED, 0,
                        "statement has %zu bytes, %u at most", size,
                        SQL_SIZE_MOST);
    const char *nul = size == 0 ? NULL : memchr(sql, '\0', size);
    if (!utf8_valid(sql, size, &bad) || nul != NULL) {
        if (nul != NULL && utf8_valid(sql, (size_t)(nul - sql), NULL))
            bad = (size_t)(nul - sql);
        return error_at(parse->err, ERR_ENCODING, (int64_t)bad,
                        "invalid byte sequence for encoding \"UTF8\": 0x%02x",
                        (unsigned)(unsigned char)sql[bad]);
    }
    Slice copy = literal_copy(parse, sql, size);
    parse->text = copy.data;
    parse->end = copy.data + copy.size;
    return parse->err->status;
}

mql_status
sql_parse(Arena *arena, const char *sql, size_t size, Statement *statement,
          Error *err)
{
    Parse parse = {.arena = arena, .err = err};
    *statement = (Statement){.size = sql_statement_size(sql, size)};
    if (statement->size == 0)
        statement->size = size;

    TRY(take_text(&parse, sql, statement->size));
    if (run_parser(&parse, 0, NULL) != MQL_OK) {
        if (strcmp(err->sqlstate, "42601") == 0)
            hint_keyword(&parse);
        return err->status;
    }
    build_number_parameters(&parse, statement);
    if (err->status == MQL_OK)
        statement->root = parse.root;
    return err->status;
}

mql_status
sql_parse_expression(Arena *arena, const char *sql, size_t size,
                     const Node **root, Error *err)
{
    Parse parse = {.arena = arena, .err = err};
    Statement statement = {0};
    *root = NULL;

    TRY(take_text(&parse, sql, size));
    TRY(run_parser(&parse, TK_START_EXPRESSION, NULL));
    build_number_parameters(&parse, &statement);
    if (err->status == MQL_OK)
        *root = parse.root;
    return err->status;
}
