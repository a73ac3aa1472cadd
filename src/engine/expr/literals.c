/* SPDX-License-Identifier: Apache-2.0 */
/*
 * literals.c - texts that whatever matches a pattern must contain.
 *
 * For a search of grams: ASCII letters may be meant in any case. A character
 * that has another case outside ASCII ends a text where case is ignored,
 * because the grams know nothing of such cases.
 */
#include "base/utf8.h"
#include "engine/expr/regex_internal.h"

mql_status
literals_begin(Literals *literals, size_t pattern_size, Arena *arena,
               Error *err)
{
    /* Small letters may be longer: at most 4 bytes for one. Each text is of a
     * byte of the pattern at least. */
    size_t room = pattern_size * 4 + 4;
    *literals = (Literals){.bytes = arena_alloc(arena, room)};
    literals->texts =
        arena_alloc_array(arena, pattern_size + 1, sizeof *literals->texts);
    return literals->bytes == NULL || literals->texts == NULL
               ? error_no_memory(err)
               : MQL_OK;
}

void
literals_cut(Literals *literals)
{
    size_t size = literals->size - literals->start;
    if (size > 0)
        literals->texts[literals->count++] =
            (Slice){literals->bytes + literals->start, size};
    literals->start = literals->size;
}

void
literals_add(Literals *literals, uint32_t c, bool ignores_case)
{
    bool has_cases = c >= 0x80 && (lower_case(c) != c || upper_case(c) != c);
    if (ignores_case && has_cases)
        literals_cut(literals);
    else
        literals->size += utf8_encode(c, literals->bytes + literals->size);
}

/* Depth is that of the tree, which the pattern's size bounds. */
static void
add_pattern(Literals *literals, const Pattern *pattern, bool ignores_case)
{
    switch (pattern->kind) {
    case PATTERN_CHARACTER:
        literals_add(literals, pattern->character, ignores_case);
        return;
    case PATTERN_SEQUENCE:
        add_pattern(literals, pattern->left, ignores_case);
        add_pattern(literals, pattern->right, ignores_case);
        return;
    case PATTERN_REPEAT:
        literals_cut(literals);
        if (pattern->least > 0)
            add_pattern(literals, pattern->left, ignores_case);
        literals_cut(literals);
        return;
    case PATTERN_ANY:
    case PATTERN_CLASS:
    case PATTERN_CHOICE:
        literals_cut(literals);
        return;
    default: /* takes no character */
        return;
    }
}

void
literals_add_pattern(Literals *literals, const Pattern *pattern,
                     bool ignores_case)
{
    add_pattern(literals, pattern, ignores_case);
    literals_cut(literals);
}

static mql_status
regex_literals(Slice text, Arena *arena, Literals *literals, Error *err)
{
    Pattern *pattern;
    bool ignores_case;
    TRY(regex_parse(text, arena, &pattern, &ignores_case, err));
    literals_add_pattern(literals, pattern, ignores_case);
    return MQL_OK;
}

mql_status
expr_literals(const Expr *expr, Arena *arena, const Slice **texts,
              uint32_t *count, Error *err)
{
    *texts = NULL;
    *count = 0;
    bool is_like = expr->kind == EXPR_LIKE;
    if (!is_like && !expr_is_call(expr, "~"))
        return MQL_OK;
    const Expr *pattern = expr->arguments[1];
    if (pattern->kind != EXPR_CONSTANT || pattern->value.is_null)
        return MQL_OK;
    Slice text = pattern->value.bytes;
    Literals literals;
    TRY(literals_begin(&literals, text.size, arena, err));
    if (is_like) {
        LikePattern *like;
        TRY(like_compile(text, expr->escape, expr->ignores_case, arena, &like,
                         err));
        like_literals(like, &literals);
    } else {
        TRY(regex_literals(text, arena, &literals, err));
    }
    *texts = literals.texts;
    *count = literals.count;
    return MQL_OK;
}
