/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ngram.c - the kind NGRAM: which rows have a text that contains another?
 *
 * Grams are all runs of min_gram to max_gram characters of a text, with the
 * ASCII letters made small. A text contains another only if it has all grams of
 * it, so the rows that have the rarest of these are candidates: more than the
 * answer, never fewer, for LIKE and ILIKE alike. A gram of up to seven bytes is
 * kept as it is, so the rows of one that is all that is asked for are the
 * answer; a longer one is kept as a hash, and two with the same hash give more
 * candidates.
 */
#include <stdlib.h>
#include <string.h>

#include "index/scalar/entries.h"

#define GRAM_MOST 32 /* characters */

/* Grams looked up for one question, at most. */
#define LOOKUPS_MOST 64u
/* So many of them, the rarest, are intersected. */
#define MEETINGS_MOST 8u
/* A gram with so many times the rows of the rarest is no help. */
#define HELPFUL 64u

enum { MIN_GRAM, MAX_GRAM };

static const IndexOption build_options[] = {
    {.name = "min_gram",
     .least = 1,
     .most = GRAM_MOST,
     .usual = 0,
     .help = "characters of the shortest grams; must be given"},
    {.name = "max_gram",
     .least = 1,
     .most = GRAM_MOST,
     .usual = 0,
     .help = "characters of the longest grams; must be given"},
    {.name = NULL},
};

static const IndexOption no_options[] = {{.name = NULL}};

static const ScalarLayout ngram_layout;

static mql_status
ngram_settle(IndexOptions *options, uint32_t dim, Error *err)
{
    (void)dim;
    int64_t least = options->values[MIN_GRAM];
    int64_t most = options->values[MAX_GRAM];
    if (least == 0 || most == 0)
        return error_set(err, ERR_INVALID_PARAMETER,
                         "an index of kind NGRAM needs \"min_gram\" and "
                         "\"max_gram\"");
    if (least > most)
        return error_set(err, ERR_INVALID_PARAMETER,
                         "\"min_gram\" must not be above \"max_gram\"");
    return MQL_OK;
}

/* ---- grams ---- */

/* Lengths of grams in characters. */
typedef struct GramRange {
    uint32_t least, most;
} GramRange;

static GramRange
grams_of(const IndexOptions *options)
{
    return (GramRange){(uint32_t)options->values[MIN_GRAM],
                       (uint32_t)options->values[MAX_GRAM]};
}

static bool
begins_character(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

static unsigned char
small(char c)
{
    unsigned char byte = (unsigned char)c;
    bool is_large = byte >= 'A' && byte <= 'Z';
    return is_large ? (unsigned char)(byte + 'a' - 'A') : byte;
}

/* The bytes of a gram so far: themselves, and their hash (FNV-1a). */
typedef struct Gram {
    uint64_t bytes, hash;
    uint32_t size;
} Gram;

static Gram
gram_empty(void)
{
    return (Gram){0, UINT64_C(14695981039346656037), 0};
}

static void
gram_add(Gram *gram, char c)
{
    gram->bytes = gram->bytes << 8 | small(c);
    gram->hash = (gram->hash ^ small(c)) * UINT64_C(1099511628211);
    gram->size++;
}

/* Up to so many bytes are kept as they are. */
#define WHOLE_MOST 7u

/* The number of bytes above them; of longer grams the hash, negative. */
static int64_t
gram_key(const Gram *gram)
{
    uint64_t key = gram->size <= WHOLE_MOST
                       ? (uint64_t)gram->size << 56 | gram->bytes
                       : gram->hash | (uint64_t)1 << 63;
    return (int64_t)key;
}

static uint32_t
characters_of(Slice text)
{
    uint32_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += begins_character(text.data[i]);
    return count;
}

/* How many grams a text has. */
static uint64_t
count_grams(Slice text, GramRange range)
{
    uint64_t characters = characters_of(text), count = 0;
    for (uint64_t size = range.least; size <= range.most; size++)
        count += characters >= size ? characters - size + 1 : 0;
    return count;
}

/* The keys of the grams that begin at byte `at`, at most range.most of them;
 * their number. */
static uint32_t
grams_at(Slice text, size_t at, GramRange range, int64_t keys[GRAM_MOST])
{
    Gram gram = gram_empty();
    uint32_t characters = 0, count = 0;
    for (size_t i = at; i < text.size; i++) {
        gram_add(&gram, text.data[i]);
        bool is_end = i + 1 == text.size || begins_character(text.data[i + 1]);
        if (!is_end)
            continue;
        if (++characters >= range.least)
            keys[count++] = gram_key(&gram);
        if (characters == range.most)
            break;
    }
    return count;
}

/* ---- building ---- */

static uint64_t
count_all_grams(const IndexBuild *input)
{
    const ScalarColumn *column = input->scalars;
    GramRange range = grams_of(input->options);
    uint64_t count = 0;
    for (uint32_t i = 0; i < column->entry_count; i++)
        count += count_grams(column->bytes[i], range);
    return count;
}

/* The (row, gram) pairs of a column of texts. */
typedef struct Grams {
    ScalarColumn column;
    uint32_t *rows;
    int64_t *keys;
    GramRange range;
} Grams;

static void
add_text(Grams *grams, Slice text, uint32_t row)
{
    int64_t keys[GRAM_MOST];
    for (size_t at = 0; at < text.size; at++) {
        if (!begins_character(text.data[at]))
            continue;
        uint32_t count = grams_at(text, at, grams->range, keys);
        for (uint32_t i = 0; i < count; i++) {
            grams->rows[grams->column.entry_count] = row;
            grams->keys[grams->column.entry_count++] = keys[i];
        }
    }
}

static mql_status
make_grams(Grams *grams, const IndexBuild *input, Error *err)
{
    const ScalarColumn *texts = input->scalars;
    uint64_t count = count_all_grams(input);
    *grams = (Grams){.range = grams_of(input->options),
                     .column = {.type = KEY_INT,
                                .row_count = texts->row_count,
                                .valid = texts->valid}};
    if (count >= UINT32_MAX)
        return error_set(err, ERR_LIMIT_EXCEEDED,
                         "too many keys for one index");
    grams->rows = malloc((count + 1) * sizeof *grams->rows);
    grams->keys = malloc((count + 1) * sizeof *grams->keys);
    if (grams->rows == NULL || grams->keys == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < texts->entry_count; i++)
        add_text(grams, texts->bytes[i], texts->rows[i]);
    grams->column.rows = grams->rows;
    grams->column.ints = grams->keys;
    return MQL_OK;
}

static mql_status
write_grams(const IndexBuild *input, SectionWriter *writer, Error *err)
{
    Entries entries;
    mql_status status = entries_sort(&entries, input, err);
    if (status == MQL_OK)
        status = entries_write_keys(&entries, writer, err);
    if (status == MQL_OK)
        status = entries_write_starts(&entries, writer, err);
    if (status == MQL_OK)
        status = entries_write_rows(&entries, writer, err);
    entries.header.least_gram = (uint32_t)input->options->values[MIN_GRAM];
    entries.header.most_gram = (uint32_t)input->options->values[MAX_GRAM];
    if (status == MQL_OK)
        status = entries_write_header(&entries, &ngram_layout, writer, err);
    entries_free(&entries);
    return status;
}

static mql_status
ngram_build(const IndexBuild *input, SectionWriter *writer, Error *err)
{
    Grams grams;
    IndexBuild of_grams = *input;
    mql_status status = make_grams(&grams, input, err);
    of_grams.scalars = &grams.column;
    if (status == MQL_OK)
        status = write_grams(&of_grams, writer, err);
    free(grams.rows);
    free(grams.keys);
    return status;
}

static uint64_t
ngram_memory(const IndexBuild *input)
{
    ScalarColumn column = *input->scalars;
    IndexBuild of_grams = *input;
    uint64_t count = count_all_grams(input);
    column.entry_count = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
    of_grams.scalars = &column;
    return entries_memory(&of_grams) +
           count * (sizeof(uint32_t) + sizeof(int64_t));
}

/* ---- asking ---- */

/* A gram that all answers have, and the rows that have it. */
typedef struct GramRows {
    Stretch key;
    uint32_t count;
} GramRows;

typedef struct Lookup {
    const ScalarIndex *index;
    GramRows grams[LOOKUPS_MOST]; /* the rarest first */
    uint32_t count;
} Lookup;

static mql_status
add_gram(Lookup *lookup, int64_t integer, Error *err)
{
    Key key = {.integer = integer};
    Stretch entries;
    GramRows gram;
    TRY(scalar_find_sorted(lookup->index, (Bound){&key, false, false},
                           &gram.key.first, err));
    TRY(scalar_find_sorted(lookup->index, (Bound){&key, true, false},
                           &gram.key.end, err));
    TRY(scalar_entries(lookup->index, gram.key, &entries, err));
    gram.count = entries.end - entries.first;
    uint32_t place = lookup->count++;
    for (; place > 0 && lookup->grams[place - 1].count > gram.count; place--)
        lookup->grams[place] = lookup->grams[place - 1];
    lookup->grams[place] = gram;
    return MQL_OK;
}

/* The longest grams of a text: one from each character on. */
static mql_status
add_literal(Lookup *lookup, GramRange range, Slice text, Error *err)
{
    uint32_t characters = characters_of(text);
    if (characters < range.least)
        return MQL_OK;
    uint32_t size = characters < range.most ? characters : range.most;
    for (size_t at = 0; at < text.size && lookup->count < LOOKUPS_MOST; at++) {
        int64_t keys[GRAM_MOST];
        if (begins_character(text.data[at]) &&
            grams_at(text, at, (GramRange){size, size}, keys) == 1)
            TRY(add_gram(lookup, keys[0], err));
    }
    return MQL_OK;
}

static mql_status
look_up(const ScalarIndex *index, const ScalarPredicate *predicate,
        Lookup *lookup, Error *err)
{
    GramRange range = {index->header.least_gram, index->header.most_gram};
    lookup->index = index;
    lookup->count = 0;
    for (uint32_t i = 0; i < predicate->list_count; i++)
        TRY(add_literal(lookup, range, predicate->list[i].bytes, err));
    return MQL_OK;
}

/* found &= the rows of a gram */
static mql_status
meet(const Lookup *lookup, uint32_t place, RowSet *found, Error *err)
{
    RowSet more = row_set_empty(found->row_count);
    mql_status status =
        scalar_add_listed(lookup->index, lookup->grams[place].key, &more, err);
    if (status == MQL_OK)
        row_set_and(found, &more);
    row_set_free(&more);
    return status;
}

static mql_status
find_candidates(const Lookup *lookup, RowSet *found, Error *err)
{
    uint32_t rarest = lookup->grams[0].count;
    TRY(scalar_add_listed(lookup->index, lookup->grams[0].key, found, err));
    for (uint32_t i = 1; i < lookup->count && i < MEETINGS_MOST; i++)
        if (lookup->grams[i].count / HELPFUL <= rarest)
            TRY(meet(lookup, i, found, err));
    return MQL_OK;
}

static mql_status
ngram_lookup(const Index *base, const ScalarPredicate *predicate, RowSet *rows,
             Error *err)
{
    const ScalarIndex *index = (const ScalarIndex *)base;
    const ScalarPredicate every = {.kind = PREDICATE_NOT_NULL};
    Lookup lookup;
    if (predicate->kind != PREDICATE_CONTAINS)
        return scalar_lookup(base, predicate, rows, err);
    if (rows->row_count != index->header.row_count)
        return scalar_wrong(index, "row count", err);
    TRY(look_up(index, predicate, &lookup, err));
    if (lookup.count == 0)
        return scalar_lookup(base, &every, rows, err);
    RowSet found = row_set_empty(rows->row_count);
    mql_status status = find_candidates(&lookup, &found, err);
    if (status == MQL_OK)
        status = row_set_or(rows, &found, err);
    row_set_free(&found);
    return status;
}

static uint64_t
ngram_estimate(const Index *base, const ScalarPredicate *predicate)
{
    const ScalarIndex *index = (const ScalarIndex *)base;
    Lookup lookup;
    Error err = ERROR_INIT;
    uint64_t most = index->header.valid_count;
    if (predicate->kind != PREDICATE_CONTAINS ||
        look_up(index, predicate, &lookup, &err) != MQL_OK || lookup.count == 0)
        return most;
    return lookup.grams[0].count < most ? lookup.grams[0].count : most;
}

/* Whether a text is long enough to have a gram. */
static bool
ngram_helps(const IndexOptions *options, const ScalarPredicate *predicate)
{
    GramRange range = grams_of(options);
    if (predicate->kind != PREDICATE_CONTAINS)
        return true;
    for (uint32_t i = 0; i < predicate->list_count; i++)
        if (characters_of(predicate->list[i].bytes) >= range.least)
            return true;
    return false;
}

/* Whether a text is a gram that is kept as it is. */
static bool
ngram_is_certain(const IndexOptions *options, const ScalarPredicate *predicate)
{
    GramRange range = grams_of(options);
    if (predicate->kind != PREDICATE_CONTAINS || predicate->list_count != 1)
        return false;
    Slice text = predicate->list[0].bytes;
    uint32_t characters = characters_of(text);
    return characters >= range.least && characters <= range.most &&
           text.size <= WHOLE_MOST && begins_character(text.data[0]);
}

/* ---- opening ---- */

/* Built with the same options, over texts. */
static mql_status
check_options(ScalarIndex *index, const IndexOpen *input, Error *err)
{
    GramRange range = grams_of(input->options);
    if (input->key_type != KEY_BYTES)
        return scalar_wrong(index, "key type", err);
    if (index->header.least_gram != range.least ||
        index->header.most_gram != range.most)
        return scalar_wrong(index, "length of grams", err);
    return MQL_OK;
}

static mql_status
ngram_open(const IndexOpen *input, Index **index, Error *err)
{
    return scalar_open(&ngram_layout, input, index, err);
}

extern const IndexKind ngram_kind;

static const ScalarLayout ngram_layout = {
    .kind = &ngram_kind,
    .number = 5,
    .has_keys = true,
    .has_hashes = true,
    .has_starts = true,
    .has_row_list = true,
    .open = check_options,
    .find = scalar_find_sorted,
    .add = scalar_add_listed,
    .check_key = scalar_check_distinct,
    .check_rows = scalar_check_listed,
};

const IndexKind ngram_kind = {
    .name = "NGRAM",
    .help = "runs of characters with the rows of each, for LIKE and regexes",
    .is_vector = false,
    .is_exact = false,
    .has_file = true,
    .scalars = SCALAR_SET(SCALAR_TEXT),
    .takes_arrays = false,
    .takes_paths = true,
    .predicates =
        PREDICATE_SET(PREDICATE_CONTAINS) | PREDICATE_SET(PREDICATE_NOT_NULL),
    .build_options = build_options,
    .search_options = no_options,
    .settle = ngram_settle,
    .memory = ngram_memory,
    .build = ngram_build,
    .open = ngram_open,
    .lookup = ngram_lookup,
    .estimate = ngram_estimate,
    .helps = ngram_helps,
    .is_certain = ngram_is_certain,
    .check = scalar_check,
    .close = scalar_close,
};
