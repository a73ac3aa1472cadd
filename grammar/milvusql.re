/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milvusql.re - text to tokens. Returns the codes Lemon made (milvusql.h), so there is no
 * second list of tokens and no switch between the two. One word is one token: "IS NOT
 * NULL" is three and the grammar's business. The one exception is a list of plain
 * numbers, `[0.1, -2]`, which is one VECTOR: 32,768 of them must not be 65,537 tokens.
 *
 * The text ends with NUL at scan->end and has no other (parse.c sees to that): no rule
 * but the first matches NUL, so the scanner needs no length and cannot run past the end.
 * What has no end of its own or counts (strings, comments, dollar quotes) is read by
 * src/engine/sql/scan.c, which sql_statement_size() uses too.
 */
#include "engine/sql/parser.h"
#include "milvusql.h"

#define TOKEN(code)                                                            \
    do {                                                                       \
        kind = (code);                                                         \
        goto found;                                                            \
    } while (0)

/* Go on behind what one of scan.c's functions read, or report its fault. */
#define TOKEN_BEHIND(call, code, fault)                                        \
    do {                                                                       \
        after = (call);                                                        \
        if (after == NULL)                                                     \
            TOKEN(fault);                                                      \
        p = after;                                                             \
        TOKEN(code);                                                           \
    } while (0)

int
scan_token(Scan *scan, Token *token)
{
    const char *p = scan->cursor;
    const char *start, *marker, *after;
    int kind;

    for (;;) {
        start = p;
        /*!re2c
        re2c:define:YYCTYPE  = "unsigned char";
        re2c:define:YYCURSOR = p;
        re2c:define:YYMARKER = marker;
        re2c:yyfill:enable   = 0;

        nul     = "\x00";
        blank   = [ \t\r\n\f\v];
        note    = "--" [^\n\x00]*;
        digit   = [0-9];
        letter  = [a-zA-Z_];
        word    = letter | digit;
        name    = letter word*;
        digits  = digit+ ("_" digit+)*;
        whole   = digits
                | "0" [xX] ("_"? [0-9a-fA-F])+
                | "0" [oO] ("_"? [0-7])+
                | "0" [bB] ("_"? [01])+;
        power   = [eE] [+-]? digits;
        decimal = digits "." digits? power? | "." digits power? | digits power;

        nul             { p = start; TOKEN(0); }
        blank+          { continue; }
        note            { continue; }
        "/*"            {
                            after = scan_comment(p, scan->end);
                            if (after == NULL)
                                TOKEN(SCAN_UNTERMINATED_COMMENT);
                            p = after;
                            continue;
                        }

        whole           { TOKEN(TK_INTEGER); }
        decimal         { TOKEN(TK_REAL); }
        (whole | decimal) word+ { TOKEN(SCAN_TRAILING_JUNK); }

        name            {
                            kind = keyword_code(start, (size_t)(p - start));
                            TOKEN(kind != 0 ? kind : TK_IDENT);
                        }
        "$meta"         { TOKEN(TK_IDENT); }
        "`"             { TOKEN_BEHIND(scan_quoted(p, scan->end, '`', false),
                                       TK_BACKTICK, SCAN_UNTERMINATED_NAME); }
        ["]             { TOKEN_BEHIND(scan_quoted(p, scan->end, '"', true),
                                       TK_DOUBLE, SCAN_UNTERMINATED_NAME); }
        [rR]? [']       { TOKEN_BEHIND(scan_quoted(p, scan->end, '\'', false),
                                       TK_STRING, SCAN_UNTERMINATED_STRING); }
        [rR] ["]        { TOKEN_BEHIND(scan_quoted(p, scan->end, '"', false),
                                       TK_STRING, SCAN_UNTERMINATED_STRING); }
        [eE] [']        { TOKEN_BEHIND(scan_quoted(p, scan->end, '\'', true),
                                       TK_STRING, SCAN_UNTERMINATED_STRING); }
        [xX] [']        { TOKEN_BEHIND(scan_quoted(p, scan->end, '\'', false),
                                       TK_BYTES, SCAN_UNTERMINATED_STRING); }
        [bB] [']        { TOKEN_BEHIND(scan_quoted(p, scan->end, '\'', false),
                                       TK_BITS, SCAN_UNTERMINATED_STRING); }
        "$" name? "$"   { TOKEN_BEHIND(scan_dollar(start, scan->end),
                                       TK_STRING, SCAN_UNTERMINATED_DOLLAR); }

        "?"             { TOKEN(TK_PARAMETER); }
        "$" digit+      { TOKEN(TK_PARAMETER); }
        "$" digit+ letter word* { TOKEN(SCAN_TRAILING_JUNK); }
        ":" name        { TOKEN(TK_PARAMETER); }
        "{" blank* name blank* "}" { TOKEN(TK_PARAMETER); }
        "{"             { TOKEN_BEHIND(scan_sparse(p, scan->end),
                                       TK_SPARSE, SCAN_ILLEGAL); }
        "["             {
                            after = scan_vector(p, scan->end);
                            if (after == NULL)
                                TOKEN(TK_LB);
                            p = after;
                            TOKEN(TK_VECTOR);
                        }

        "]"             { TOKEN(TK_RB); }
        "("             { TOKEN(TK_LP); }
        ")"             { TOKEN(TK_RP); }
        ";"             { TOKEN(TK_SEMI); }
        ","             { TOKEN(TK_COMMA); }
        "."             { TOKEN(TK_DOT); }
        "::"            { TOKEN(TK_TYPECAST); }
        "=>"            { TOKEN(TK_NAMED); }

        "=" | "=="      { TOKEN(TK_EQ); }
        "!=" | "<>"     { TOKEN(TK_NE); }
        "<"             { TOKEN(TK_LT); }
        "<="            { TOKEN(TK_LE); }
        ">"             { TOKEN(TK_GT); }
        ">="            { TOKEN(TK_GE); }
        "&&"            { TOKEN(TK_AND); }
        "||"            { TOKEN(TK_OR); }
        "!"             { TOKEN(TK_BANG); }
        "~"             { TOKEN(TK_TILDE); }
        "=~"            { TOKEN(TK_MATCHES); }
        "!~"            { TOKEN(TK_MATCHES_NOT); }
        "<->" | "<=>" | "<#>" | "<+>" | "<~>" | "<%>" { TOKEN(TK_DISTANCE); }
        "+"             { TOKEN(TK_PLUS); }
        "-"             { TOKEN(TK_MINUS); }
        "*"             { TOKEN(TK_STAR); }
        "/"             { TOKEN(TK_SLASH); }
        "%"             { TOKEN(TK_PERCENT); }
        "**" | "^"      { TOKEN(TK_POWER); }
        "<<" | ">>"     { TOKEN(TK_SHIFT); }
        "&"             { TOKEN(TK_BIT_AND); }
        "|"             { TOKEN(TK_BIT_OR); }
        "#"             { TOKEN(TK_BIT_XOR); }
        "->" | "->>"    { TOKEN(TK_JSON); }

        *               { TOKEN(SCAN_ILLEGAL); }
        */
    }

found:
    *token = (Token){.text = start, .size = (uint32_t)(p - start)};
    scan->cursor = p;
    return kind;
}
