/* SPDX-License-Identifier: Apache-2.0 */
/*
 * like.c - LIKE: % any run of characters, _ one character, an escape before
 * either.
 *
 * A pattern is taken apart at its %: the first piece must begin the text, the
 * last must end it, and each between is looked for behind the one before.
 * Taking the first place where a piece fits is right, because what follows only
 * gets more room. The time is linear in the text for pieces without _ (memmem),
 * and at most text times piece with them.
 *
 * x, x%, %x and %x%, x being bytes that nothing else may stand for, are what
 * most patterns are: like_match_all() compares bytes for them.
 */
#include "base/utf8.h"
#include "engine/expr/expr_internal.h"
#include "engine/expr/text_find.h"

/* Between two %: bytes, where wild[i] marks a _ at byte i. */
typedef struct Piece {
    char *bytes;
    uint8_t *wild;
    size_t size;
    bool has_wild;
} Piece;

typedef enum LikeForm {
    LIKE_ANY, /* of pieces */
    LIKE_SAME,
    LIKE_BEGIN,
    LIKE_END,
    LIKE_INSIDE,
} LikeForm;

struct LikePattern {
    Piece *pieces; /* one more than there are %; pieces in the middle may be
                      empty */
    uint32_t count;
    bool ignores_case;
    LikeForm form;
    Needle needle; /* of LIKE_ANY: what a match contains, or of no size */
};

/* ---- compiling ---- */

static uint32_t
count_percents(Slice pattern, char escape)
{
    uint32_t count = 0;
    for (size_t i = 0; i < pattern.size; i++) {
        if (escape != 0 && pattern.data[i] == escape)
            i++;
        else if (pattern.data[i] == '%')
            count++;
    }
    return count;
}

static void
add_literal(Piece *piece, const char *at, bool ignores_case)
{
    size_t size = utf8_size(at);
    if (ignores_case) {
        const char *next = at;
        piece->size += utf8_encode(lower_case(utf8_next(&next)),
                                   piece->bytes + piece->size);
        return;
    }
    memcpy(piece->bytes + piece->size, at, size);
    piece->size += size;
}

/* Cut the pattern up; all pieces share two arrays. */
static mql_status
cut(Slice pattern, char escape, LikePattern *like, Error *err)
{
    Piece *piece = like->pieces;
    for (size_t i = 0; i < pattern.size; i += utf8_size(pattern.data + i)) {
        char c = pattern.data[i];
        if (escape != 0 && c == escape) {
            if (++i == pattern.size)
                return error_set(err, ERR_INVALID_ESCAPE,
                                 "LIKE pattern must not end with escape "
                                 "character");
        } else if (c == '%') {
            Piece *next = piece + 1;
            next->bytes = piece->bytes + piece->size;
            next->wild = piece->wild + piece->size;
            piece = next;
            continue;
        } else if (c == '_') {
            piece->wild[piece->size] = 1;
            piece->bytes[piece->size++] = '_';
            piece->has_wild = true;
            continue;
        }
        add_literal(piece, pattern.data + i, like->ignores_case);
    }
    return MQL_OK;
}

/* Whether a piece is nothing but its bytes: no character of it has another case
 * that is not ASCII. */
static bool
is_plain(const Piece *piece, bool ignores_case)
{
    for (size_t i = 0; ignores_case && i < piece->size; i++)
        if ((unsigned char)piece->bytes[i] >= 0x80)
            return false;
    return !piece->has_wild;
}

static void
choose_form(LikePattern *like)
{
    const Piece *pieces = like->pieces;
    const Piece *piece = NULL;
    for (uint32_t i = 0; i < like->count; i++) {
        if (pieces[i].size == 0)
            continue;
        if (piece != NULL)
            return;
        piece = &pieces[i];
    }
    if (piece == NULL || !is_plain(piece, like->ignores_case))
        return;
    bool is_first = piece == &pieces[0];
    bool is_last = piece == &pieces[like->count - 1];
    if (is_first)
        like->form = is_last ? LIKE_SAME : LIKE_BEGIN;
    else
        like->form = is_last ? LIKE_END : LIKE_INSIDE;
    like->needle = (Needle){piece->bytes, piece->size, like->ignores_case};
}

/* A byte alone stands nearly everywhere. */
#define NEEDLE_LEAST 2u

/* The longest of the texts that whatever matches contains. */
static mql_status
choose_needle(LikePattern *like, size_t size, Arena *arena, Error *err)
{
    Literals literals;
    TRY(literals_begin(&literals, size, arena, err));
    like_literals(like, &literals);
    for (uint32_t i = 0; i < literals.count; i++) {
        Slice text = literals.texts[i];
        if (text.size >= NEEDLE_LEAST && text.size > like->needle.size)
            like->needle = (Needle){text.data, text.size, like->ignores_case};
    }
    return MQL_OK;
}

mql_status
like_compile(Slice pattern, char escape, bool ignores_case, Arena *arena,
             LikePattern **out, Error *err)
{
    LikePattern *like = arena_new(arena, LikePattern);
    if (like == NULL)
        return error_no_memory(err);
    like->ignores_case = ignores_case;
    like->count = count_percents(pattern, escape) + 1;
    like->pieces = arena_alloc_array(arena, like->count, sizeof(Piece));
    /* Lower case may be longer: at most 4 bytes for one. */
    size_t room = ignores_case ? pattern.size * 4 + 4 : pattern.size + 4;
    char *bytes = arena_alloc(arena, room);
    uint8_t *wild = arena_alloc(arena, room);
    if (like->pieces == NULL || bytes == NULL || wild == NULL)
        return error_no_memory(err);
    like->pieces[0].bytes = bytes;
    like->pieces[0].wild = wild;
    *out = like;
    TRY(cut(pattern, escape, like, err));
    choose_form(like);
    return like->form == LIKE_ANY
               ? choose_needle(like, pattern.size, arena, err)
               : MQL_OK;
}

/* ---- matching ---- */

static inline uint32_t
next_character(const char **at)
{
    unsigned char c = (unsigned char)**at;
    if (c >= 0x80)
        return utf8_next(at);
    *at += 1;
    return c;
}

/* The end of the piece when it stands at `at`, else NULL. */
static const char *
match_here(const LikePattern *like, const Piece *piece, const char *at,
           const char *end)
{
    if (!piece->has_wild && !like->ignores_case) {
        if ((size_t)(end - at) < piece->size ||
            memcmp(at, piece->bytes, piece->size) != 0)
            return NULL;
        return at + piece->size;
    }
    const char *wanted = piece->bytes;
    const char *wanted_end = piece->bytes + piece->size;
    while (wanted < wanted_end) {
        if (at == end)
            return NULL;
        bool is_wild = piece->wild[wanted - piece->bytes] != 0;
        uint32_t c = next_character(&at);
        uint32_t w = next_character(&wanted);
        if (!is_wild && c != w && !(like->ignores_case && lower_case(c) == w))
            return NULL;
    }
    return at;
}

/* The end of the first place at or after `at` where the piece stands, else
 * NULL. */
static const char *
find_piece(const LikePattern *like, const Piece *piece, const char *at,
           const char *end)
{
    if (piece->size == 0)
        return at;
    if (!piece->has_wild && !like->ignores_case) {
        const char *found =
            memmem(at, (size_t)(end - at), piece->bytes, piece->size);
        return found == NULL ? NULL : found + piece->size;
    }
    /* Go from one place of the first byte to the next where it is known. */
    bool is_known = !piece->wild[0] && !like->ignores_case;
    while (at < end) {
        if (is_known) {
            at = memchr(at, piece->bytes[0], (size_t)(end - at));
            if (at == NULL)
                return NULL;
        }
        const char *stop = match_here(like, piece, at, end);
        if (stop != NULL)
            return stop;
        at += utf8_size(at);
    }
    return NULL;
}

/* Where the last piece would begin: as many characters before the end as it
 * has. */
static const char *
tail_start(const Piece *piece, const char *at, const char *end)
{
    size_t characters = utf8_length(piece->bytes, piece->size);
    while (characters > 0 && end > at) {
        do
            end--;
        while (end > at && ((unsigned char)*end & 0xc0) == 0x80);
        characters--;
    }
    return characters == 0 ? end : NULL;
}

bool
like_match(const LikePattern *like, Slice text)
{
    const char *at = text.size == 0 ? "" : text.data;
    const char *end = at + text.size;
    const Piece *last = &like->pieces[like->count - 1];
    at = match_here(like, &like->pieces[0], at, end);
    if (like->count == 1)
        return at == end && at != NULL;
    for (uint32_t i = 1; at != NULL && i + 1 < like->count; i++)
        at = find_piece(like, &like->pieces[i], at, end);
    if (at == NULL)
        return false;
    const char *start = tail_start(last, at, end);
    return start != NULL && match_here(like, last, start, end) == end;
}

/* Where the needle must stand, in a text that has room for it. */
static void
match_at(const LikePattern *like, const Slice *texts, uint32_t count,
         uint8_t *matches)
{
    const Needle *needle = &like->needle;
    const Slice wanted = {needle->bytes, needle->size < 8 ? needle->size : 8};
    uint64_t head = text_head(wanted);
    uint64_t mask = ~UINT64_C(0) >> (8 - wanted.size) * 8;
    bool is_begin = like->form != LIKE_END && !needle->ignores_case;
    const char *end = texts_end(texts, count);
    for (uint32_t row = 0; row < count; row++) {
        size_t size = texts[row].size;
        matches[row] = like->form == LIKE_SAME ? size == needle->size
                                               : size >= needle->size;
        if (is_begin)
            matches[row] &=
                ((text_head_before(texts[row], end) ^ head) & mask) == 0;
        if (!matches[row] || (is_begin && needle->size <= 8))
            continue;
        size_t from = like->form == LIKE_END ? size - needle->size : 0;
        matches[row] = needle_is_at(needle, texts[row].data + from);
    }
}

void
like_match_all(const LikePattern *like, const Slice *texts, uint32_t count,
               const uint8_t *valid, uint8_t *matches)
{
    if (like->form == LIKE_INSIDE) {
        needle_find_all(&like->needle, texts, count, matches);
    } else if (like->form != LIKE_ANY) {
        match_at(like, texts, count, matches);
    } else {
        if (like->needle.size > 0)
            needle_find_all(&like->needle, texts, count, matches);
        else
            memcpy(matches, valid, count);
        for (uint32_t row = 0; row < count; row++)
            if (matches[row])
                matches[row] = like_match(like, texts[row]);
    }
}

void
like_literals(const LikePattern *like, Literals *literals)
{
    for (uint32_t i = 0; i < like->count; i++) {
        const Piece *piece = &like->pieces[i];
        const char *at = piece->bytes, *end = at + piece->size;
        while (at < end) {
            bool is_wild = piece->wild[at - piece->bytes] != 0;
            uint32_t c = utf8_next(&at);
            if (is_wild)
                literals_cut(literals);
            else
                literals_add(literals, c, like->ignores_case);
        }
        literals_cut(literals);
    }
}
