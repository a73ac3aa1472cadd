/* SPDX-License-Identifier: Apache-2.0 */
/*
 * function_text.c - functions of text, as PostgreSQL has them. Characters are
 * code points; texts are valid UTF-8.
 */
#include "base/utf8.h"
#include "engine/expr/expr_internal.h"
#include "engine/expr/text_find.h"

#define RESULT_MOST TEXT_SIZE_MOST

/* The place behind `count` characters, at most the end. */
static const char *
skip_characters(Slice text, uint64_t count)
{
    const char *at = text.data;
    const char *end = text.data + text.size;
    while (count > 0 && at < end) {
        at += utf8_size(at);
        count--;
    }
    return at;
}

static mql_status
check_size(uint64_t size, Error *err)
{
    if (size > RESULT_MOST)
        return error_set(err, ERR_LIMIT_EXCEEDED,
                         "requested length of %llu bytes is too large",
                         (unsigned long long)size);
    return MQL_OK;
}

#define EACH UINT64_C(0x0101010101010101)
#define HIGH UINT64_C(0x8080808080808080)

/* Small or capital letters of eight bytes, all of them ASCII; false: they are
 * not. */
static bool
turn_eight(const char *at, bool wants_upper, char *out)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    if ((word & HIGH) != 0)
        return false;
    uint64_t first = wants_upper ? 'a' : 'A';
    /* The highest bit of a byte: it is not below the first letter, not beyond
     * the last. */
    uint64_t from = word + (0x80 - first) * EACH;
    uint64_t beyond = word + (0x80 - first - 26) * EACH;
    word ^= (from & ~beyond & HIGH) >> 2;
    memcpy(out, &word, sizeof word);
    return true;
}

/* All small or capital letters of `text`, at `out`; the end. The other case of
 * a letter has as many bytes or fewer. */
static char *
change_case(Slice text, bool wants_upper, char *out)
{
    const char *at = text.data;
    const char *end = text.data + text.size;
    char first = wants_upper ? 'a' : 'A';
    while (at < end) {
        if (end - at >= 8 && turn_eight(at, wants_upper, out)) {
            at += 8;
            out += 8;
            continue;
        }
        if ((unsigned char)*at < 0x80) {
            char c = *at++;
            *out++ = (unsigned char)(c - first) < 26 ? (char)(c ^ 0x20) : c;
            continue;
        }
        uint32_t code_point = utf8_next(&at);
        code_point =
            wants_upper ? upper_case(code_point) : lower_case(code_point);
        out += utf8_encode(code_point, out);
    }
    return out;
}

/* The texts of all rows as one, when they lie so: what is done to each is then
 * done to all at once. No bytes: they do not. */
static Slice
run_of_rows(const BatchCall *call)
{
    const Operand *texts = &call->arguments[0];
    uint32_t count = texts->step == 0 ? 1 : call->count;
    bool is_any = memchr(call->valid, 1, call->count) != NULL;
    return is_any ? texts_run(texts->column.bytes, count) : (Slice){NULL, 0};
}

/* Whether there are bytes, and each is a character. */
static bool
is_ascii(Slice run)
{
    uint64_t any = 0;
    for (size_t i = 0; i < run.size; i += 8)
        any |= text_head((Slice){run.data + i, run.size - i});
    return run.size > 0 && (any & HIGH) == 0;
}

/* Bytes of the texts of the rows that have one. */
static size_t
texts_size(const BatchCall *call)
{
    const Operand *texts = &call->arguments[0];
    size_t size = 0;
    for (uint32_t row = 0; row < call->count; row++)
        if (call->valid[row])
            size += texts->column.bytes[row * texts->step].size;
    return size;
}

/* The letters of all rows at once; each text is where it was in the run. */
static void
change_run(const BatchCall *call, Slice run, bool wants_upper, char *out)
{
    const Operand *texts = &call->arguments[0];
    Slice *results = call->data;
    change_case(run, wants_upper, out);
    for (uint32_t row = 0; row < call->count; row++) {
        Slice text = texts->column.bytes[row * texts->step];
        ptrdiff_t at = text.size == 0 ? 0 : text.data - run.data;
        if (call->valid[row])
            results[row] = (Slice){out + at, text.size};
    }
}

static void
change_each(const BatchCall *call, bool wants_upper, char *out)
{
    const Operand *texts = &call->arguments[0];
    Slice *results = call->data;
    for (uint32_t row = 0; row < call->count; row++) {
        if (!call->valid[row])
            continue;
        char *end = change_case(texts->column.bytes[row * texts->step],
                                wants_upper, out);
        results[row] = (Slice){out, (size_t)(end - out)};
        out = end;
    }
}

/* Room for the texts of all rows is taken at once. */
mql_status
batch_change_case(const BatchCall *call, Error *err)
{
    bool wants_upper = call->expr->function->operation == 1;
    Slice run = run_of_rows(call);
    bool is_run = is_ascii(run);
    char *out =
        arena_alloc(call->arena, (is_run ? run.size : texts_size(call)) + 4);
    if (out == NULL)
        return error_no_memory(err);
    if (is_run)
        change_run(call, run, wants_upper, out);
    else
        change_each(call, wants_upper, out);
    return MQL_OK;
}

/* Characters of a text, eight bytes at a time: those that continue one have the
 * highest bit and not the next. `end`: texts_end() of all. */
static size_t
characters_before(Slice text, const char *end)
{
    size_t inside = 0;
    for (size_t i = 0; i < text.size; i += 8) {
        const Slice rest = {text.data + i, text.size - i};
        uint64_t word = text_head_before(rest, end);
        uint64_t inner = word & ~(word << 1) & HIGH;
        inside += (inner >> 7) * EACH >> 56;
    }
    return text.size - inside;
}

mql_status
batch_length(const BatchCall *call, Error *err)
{
    const Operand *texts = &call->arguments[0];
    int64_t *lengths = call->data;
    Slice run = run_of_rows(call);
    bool counts_bytes = call->expr->function->operation == 1 || is_ascii(run);
    const char *end = run.size > 0 ? run.data + run.size : NULL;
    (void)err;
    for (uint32_t row = 0; row < call->count; row++) {
        Slice text = texts->column.bytes[row * texts->step];
        if (call->valid[row])
            lengths[row] =
                (int64_t)(counts_bytes ? text.size
                                       : characters_before(text, end));
    }
    return MQL_OK;
}

/* Positions before the first count towards the length, as in SQL. */
mql_status
row_substr(const RowCall *call, const Value *arguments, Value *result,
           Error *err)
{
    Slice text = arguments[0].bytes;
    int64_t first = arguments[1].integer;
    int64_t end = INT64_MAX;
    if (call->expr->argument_count > 2) {
        if (arguments[2].integer < 0)
            return error_set(err, ERR_INVALID_PARAMETER,
                             "negative substring length not allowed");
        if (__builtin_add_overflow(first, arguments[2].integer, &end))
            end = INT64_MAX;
    }
    if (first < 1)
        first = 1;
    const char *start = skip_characters(text, (uint64_t)first - 1);
    Slice rest = {start, (size_t)(text.data + text.size - start)};
    uint64_t count = end > first ? (uint64_t)(end - first) : 0;
    const char *stop = skip_characters(rest, count);
    result->bytes = (Slice){start, (size_t)(stop - start)};
    return MQL_OK;
}

/* Whether the character at `at` is one of those in `set`. */
static bool
is_in_set(const char *at, Slice set)
{
    size_t size = utf8_size(at);
    for (size_t i = 0; i < set.size; i += utf8_size(set.data + i)) {
        if (utf8_size(set.data + i) == size &&
            memcmp(set.data + i, at, size) == 0)
            return true;
    }
    return false;
}

static size_t
last_character(Slice text)
{
    size_t at = text.size - 1;
    while (at > 0 && ((unsigned char)text.data[at] & 0xc0) == 0x80)
        at--;
    return at;
}

mql_status
row_trim(const RowCall *call, const Value *arguments, Value *result, Error *err)
{
    int32_t sides = call->expr->function->operation;
    Slice text = arguments[0].bytes;
    Slice set = call->expr->argument_count > 1 ? arguments[1].bytes
                                               : SLICE_LITERAL(" ");
    (void)err;
    while ((sides & 1) != 0 && text.size > 0 && is_in_set(text.data, set)) {
        size_t size = utf8_size(text.data);
        text.data += size;
        text.size -= size;
    }
    while ((sides & 2) != 0 && text.size > 0 &&
           is_in_set(text.data + last_character(text), set))
        text.size = last_character(text);
    result->bytes = text;
    return MQL_OK;
}

/* The first `part` in `text` from `from` on, or its size. */
static size_t
find(Slice text, size_t from, Slice part)
{
    if (part.size == 0 || text.size - from < part.size)
        return text.size;
    const char *found =
        memmem(text.data + from, text.size - from, part.data, part.size);
    return found == NULL ? text.size : (size_t)(found - text.data);
}

mql_status
row_replace(const RowCall *call, const Value *arguments, Value *result,
            Error *err)
{
    Slice text = arguments[0].bytes;
    Slice from = arguments[1].bytes;
    Slice to = arguments[2].bytes;
    Buffer buffer = BUFFER_INIT;
    size_t at = 0;
    mql_status status = MQL_OK;
    result->bytes = text;
    if (from.size == 0)
        return MQL_OK;
    while (at < text.size && status == MQL_OK) {
        size_t found = find(text, at, from);
        buffer_append(&buffer, text.data + at, found - at);
        if (found < text.size)
            buffer_append_slice(&buffer, to);
        at = found < text.size ? found + from.size : found;
        status = check_size(buffer.size, err);
    }
    if (status != MQL_OK) {
        buffer_free(&buffer);
        return status;
    }
    return result_buffer(call, &buffer, result, err);
}

mql_status
row_concat(const RowCall *call, const Value *arguments, Value *result,
           Error *err)
{
    Buffer buffer = BUFFER_INIT;
    for (uint32_t i = 0; i < call->expr->argument_count; i++)
        value_print(&buffer, &arguments[i]);
    mql_status status = check_size(buffer.size, err);
    if (status != MQL_OK) {
        buffer_free(&buffer);
        return status;
    }
    return result_buffer(call, &buffer, result, err);
}

static int64_t
count_parts(Slice text, Slice delimiter)
{
    int64_t count = 1;
    for (size_t at = find(text, 0, delimiter); at < text.size;
         at = find(text, at + delimiter.size, delimiter))
        count++;
    return count;
}

mql_status
row_split_part(const RowCall *call, const Value *arguments, Value *result,
               Error *err)
{
    Slice text = arguments[0].bytes;
    Slice delimiter = arguments[1].bytes;
    int64_t part = arguments[2].integer;
    (void)call;
    if (part == 0)
        return error_set(err, ERR_INVALID_PARAMETER,
                         "field position must not be zero");
    int64_t count = count_parts(text, delimiter);
    if (part < 0)
        part += count + 1;
    result->bytes = SLICE_LITERAL("");
    if (part < 1 || part > count)
        return MQL_OK;
    size_t start = 0;
    size_t end = find(text, 0, delimiter);
    while (--part > 0) {
        start = end + delimiter.size;
        end = find(text, start, delimiter);
    }
    result->bytes = (Slice){text.data + start, end - start};
    return MQL_OK;
}

/* left(text, n) and right(text, n); a negative n leaves out that many at the
 * far end. */
mql_status
row_left(const RowCall *call, const Value *arguments, Value *result, Error *err)
{
    bool is_right = call->expr->function->operation == 1;
    Slice text = arguments[0].bytes;
    int64_t length = (int64_t)utf8_length(text.data, text.size);
    int64_t count = arguments[1].integer;
    (void)err;
    if (count < 0)
        count = count < -length ? 0 : length + count;
    if (count > length)
        count = length;
    int64_t split = is_right ? length - count : count;
    const char *middle = skip_characters(text, (uint64_t)split);
    const char *end = text.data + text.size;
    if (is_right)
        result->bytes = (Slice){middle, (size_t)(end - middle)};
    else
        result->bytes = (Slice){text.data, (size_t)(middle - text.data)};
    return MQL_OK;
}

static mql_status
append_fill(Buffer *buffer, Slice fill, int64_t count, Error *err)
{
    size_t at = 0;
    for (; count > 0 && fill.size > 0; count--) {
        size_t size = utf8_size(fill.data + at);
        buffer_append(buffer, fill.data + at, size);
        at = at + size < fill.size ? at + size : 0;
        TRY(check_size(buffer->size, err));
    }
    return MQL_OK;
}

mql_status
row_pad(const RowCall *call, const Value *arguments, Value *result, Error *err)
{
    bool is_right = call->expr->function->operation == 1;
    Slice text = arguments[0].bytes;
    Slice fill = call->expr->argument_count > 2 ? arguments[2].bytes
                                                : SLICE_LITERAL(" ");
    int64_t wanted = arguments[1].integer < 0 ? 0 : arguments[1].integer;
    int64_t length = (int64_t)utf8_length(text.data, text.size);
    Buffer buffer = BUFFER_INIT;
    if (wanted <= length) {
        const char *end = skip_characters(text, (uint64_t)wanted);
        result->bytes = (Slice){text.data, (size_t)(end - text.data)};
        return MQL_OK;
    }
    if (is_right)
        buffer_append_slice(&buffer, text);
    mql_status status = append_fill(&buffer, fill, wanted - length, err);
    if (!is_right)
        buffer_append_slice(&buffer, text);
    if (status != MQL_OK) {
        buffer_free(&buffer);
        return status;
    }
    return result_buffer(call, &buffer, result, err);
}

mql_status
row_strpos(const RowCall *call, const Value *arguments, Value *result,
           Error *err)
{
    Slice text = arguments[0].bytes;
    Slice part = arguments[1].bytes;
    (void)call;
    (void)err;
    size_t at = find(text, 0, part);
    if (part.size == 0)
        result->integer = 1;
    else if (at == text.size)
        result->integer = 0;
    else
        result->integer = (int64_t)utf8_length(text.data, at) + 1;
    return MQL_OK;
}

mql_status
batch_starts_with(const BatchCall *call, Error *err)
{
    const Operand *texts = &call->arguments[0];
    const Operand *starts = &call->arguments[1];
    uint8_t *results = call->data;
    (void)err;
    for (uint32_t row = 0; row < call->count; row++) {
        if (!call->valid[row])
            continue;
        Slice text = texts->column.bytes[row * texts->step];
        Slice start = starts->column.bytes[row * starts->step];
        results[row] =
            start.size == 0 || (text.size >= start.size &&
                                memcmp(text.data, start.data, start.size) == 0);
    }
    return MQL_OK;
}

mql_status
batch_empty(const BatchCall *call, Error *err)
{
    const Operand *texts = &call->arguments[0];
    uint8_t *results = call->data;
    (void)err;
    for (uint32_t row = 0; row < call->count; row++)
        results[row] = call->valid[row] &&
                       texts->column.bytes[row * texts->step].size == 0;
    return MQL_OK;
}

/* A pattern that was compiled once, for all batches of a run. */
struct RegexKept {
    const Expr *expr;
    Regex *regex;
    struct RegexKept *next;
};

/* The regex of a pattern that is the same in every batch. */
static mql_status
keep_regex(const BatchCall *call, Slice pattern, Regex **regex, Error *err)
{
    ExprRun *run = call->run;
    struct RegexKept *kept = run->regexes;
    while (kept != NULL && kept->expr != call->expr)
        kept = kept->next;
    if (kept != NULL) {
        *regex = kept->regex;
        return MQL_OK;
    }
    Arena *arena = run->arena == NULL ? call->arena : run->arena;
    TRY(regex_compile(pattern, arena, regex, err));
    if (run->arena == NULL)
        return MQL_OK;
    kept = arena_new(arena, struct RegexKept);
    if (kept == NULL)
        return error_no_memory(err);
    *kept = (struct RegexKept){call->expr, *regex, run->regexes};
    run->regexes = kept;
    return MQL_OK;
}

/* One pattern for all rows. */
static mql_status
match_column(const BatchCall *call, Error *err)
{
    const Operand *texts = &call->arguments[0];
    uint8_t *matches = call->data;
    Regex *regex;
    if (memchr(call->valid, 1, call->count) == NULL)
        return MQL_OK;
    TRY(keep_regex(call, call->arguments[1].column.bytes[0], &regex, err));
    if (texts->step == 1) {
        regex_search_all(regex, texts->column.bytes, call->count, call->valid,
                         matches);
        return MQL_OK;
    }
    matches[0] = regex_search(regex, texts->column.bytes[0]);
    memset(matches, matches[0], call->count);
    return MQL_OK;
}

/* A pattern of its own for each row. */
static mql_status
match_each(const BatchCall *call, Arena *arena, Error *err)
{
    const Operand *texts = &call->arguments[0];
    const Operand *patterns = &call->arguments[1];
    uint8_t *data = call->data;
    for (uint32_t row = 0; row < call->count; row++) {
        Regex *regex;
        if (!call->valid[row])
            continue;
        arena_reset(arena);
        TRY(regex_compile(patterns->column.bytes[row * patterns->step], arena,
                          &regex, err));
        data[row] = regex_search(regex, texts->column.bytes[row * texts->step]);
    }
    return MQL_OK;
}

mql_status
batch_match(const BatchCall *call, Error *err)
{
    Arena scratch;
    if (call->arguments[1].step == 0)
        return match_column(call, err);
    arena_init(&scratch, call->arena->limit);
    mql_status status = match_each(call, &scratch, err);
    arena_free(&scratch);
    return status;
}
