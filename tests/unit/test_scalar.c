/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_scalar.c - scalar kinds against a loop over all entries: random keys
 * of every type, one or many to a row, NULLs, every predicate.
 */
#include <strings.h>

#include "unit/index_fixture.h"

#define ROWS 3000
#define ENTRIES_MOST (ROWS * 3)

/* ---- data ---- */

typedef struct Data {
    uint32_t rows[ENTRIES_MOST];
    int64_t ints[ENTRIES_MOST];
    double reals[ENTRIES_MOST];
    Slice bytes[ENTRIES_MOST];
    char text[ENTRIES_MOST][24];
    uint8_t valid[ROWS];
    ScalarColumn column;
} Data;

static Key
random_key(KeyType type, uint32_t distinct, char text[24], uint64_t *seed)
{
    int64_t number = (int64_t)(next_random(seed) % distinct);
    Key key = {.integer = (number - (int64_t)distinct / 2) *
                          (number % 3 == 0 ? 1 : INT64_C(1000000000007))};
    if (type == KEY_REAL) {
        key.real = (double)(number - (int64_t)distinct / 2) / 8;
        if (key.real == 0 && next_random(seed) % 2 == 0)
            key.real = -0.0;
    }
    if (type == KEY_BYTES) {
        /* Common beginnings of different lengths, an empty key, high bytes. */
        int size = number == 0 ? 0
                               : snprintf(text, 24, "%s%d",
                                          number % 3 == 0   ? "common/prefix/"
                                          : number % 3 == 1 ? "\xc3\xa9"
                                                            : "",
                                          (int)number);
        key.bytes = (Slice){text, (size_t)size};
    }
    return key;
}

/* `most` keys to a row at most; every ninth row is NULL. */
static Data *
data_new(KeyType type, uint32_t row_count, uint32_t most, uint32_t distinct,
         uint64_t seed)
{
    Data *data = calloc(1, sizeof *data);
    uint32_t count = 0;
    for (uint32_t row = 0; row < row_count; row++) {
        data->valid[row] = row % 9 != 4;
        uint32_t keys = most == 1 ? 1 : (uint32_t)(next_random(&seed) % most);
        for (uint32_t i = 0; data->valid[row] && i < keys; i++) {
            Key key = random_key(type, distinct, data->text[count], &seed);
            data->rows[count] = row;
            data->ints[count] = key.integer;
            data->reals[count] = key.real;
            data->bytes[count] = key.bytes;
            count++;
        }
    }
    data->column = (ScalarColumn){
        .type = type,
        .row_count = row_count,
        .entry_count = count,
        .rows = data->rows,
        .ints = type == KEY_INT ? data->ints : NULL,
        .reals = type == KEY_REAL ? data->reals : NULL,
        .bytes = type == KEY_BYTES ? data->bytes : NULL,
        .valid = data->valid,
    };
    return data;
}

/* ---- the oracle ---- */

static int
compare(KeyType type, const Data *data, uint32_t entry, const Key *key)
{
    if (type == KEY_INT)
        return (data->ints[entry] > key->integer) -
               (data->ints[entry] < key->integer);
    if (type == KEY_REAL)
        return (data->reals[entry] > key->real) -
               (data->reals[entry] < key->real);
    return slice_compare(data->bytes[entry], key->bytes);
}

static bool
matches(const Data *data, const ScalarPredicate *predicate, uint32_t entry)
{
    KeyType type = data->column.type;
    if (predicate->kind == PREDICATE_RANGE) {
        int low = predicate->has_low
                      ? compare(type, data, entry, &predicate->low)
                      : 1;
        int high = predicate->has_high
                       ? compare(type, data, entry, &predicate->high)
                       : -1;
        return (predicate->low_inclusive ? low >= 0 : low > 0) &&
               (predicate->high_inclusive ? high <= 0 : high < 0);
    }
    if (predicate->kind == PREDICATE_PREFIX)
        return data->bytes[entry].size >= predicate->prefix.size &&
               memcmp(data->bytes[entry].data, predicate->prefix.data,
                      predicate->prefix.size) == 0;
    for (uint32_t i = 0; i < predicate->list_count; i++)
        if (compare(type, data, entry, &predicate->list[i]) == 0)
            return true;
    return false;
}

static void
check_lookup(Fixture *fixture, const Data *data,
             const ScalarPredicate *predicate, bool is_single)
{
    uint32_t row_count = data->column.row_count, count = 0;
    RowSet rows = row_set_empty(row_count);
    bool *expected = calloc(row_count + (size_t)1, sizeof *expected);
    for (uint32_t i = 0; i < data->column.entry_count; i++)
        if (predicate->kind != PREDICATE_NOT_NULL &&
            matches(data, predicate, i))
            expected[data->rows[i]] = true;
    for (uint32_t row = 0; row < row_count; row++)
        if (predicate->kind == PREDICATE_NOT_NULL)
            expected[row] = data->valid[row];

    must(fixture->kind->lookup(fixture->index, predicate, &rows, &fixture->err),
         &fixture->err);
    for (uint32_t row = 0; row < row_count; row++) {
        assert_int_equal(row_set_contains(&rows, row), expected[row]);
        count += expected[row];
    }
    assert_int_equal(row_set_count(&rows), count);
    uint64_t estimate = fixture->kind->estimate(fixture->index, predicate);
    assert_true(estimate >= count);
    if (is_single)
        assert_int_equal(estimate, count);
    free(expected);
    row_set_free(&rows);
}

static int
compare_keys(KeyType type, const Key *a, const Key *b)
{
    if (type == KEY_INT)
        return (a->integer > b->integer) - (a->integer < b->integer);
    if (type == KEY_REAL)
        return (a->real > b->real) - (a->real < b->real);
    return slice_compare(a->bytes, b->bytes);
}

/* Sorted, without doubles, as the planner hands it over. */
static uint32_t
sort_list(KeyType type, Key *list, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = 0;
        while (place < kept && compare_keys(type, &list[place], &list[i]) < 0)
            place++;
        if (place < kept && compare_keys(type, &list[place], &list[i]) == 0)
            continue;
        Key key = list[i];
        memmove(list + place + 1, list + place, (kept - place) * sizeof *list);
        list[place] = key;
        kept++;
    }
    return kept;
}

static void
random_lookups(Fixture *fixture, const Data *data, uint32_t distinct,
               bool is_single)
{
    static const char *const prefixes[] = {"",      "common", "common/prefix/",
                                           "\xc3",  "1",      "common/prefix/1",
                                           "zebra", "\xff"};
    KeyType type = data->column.type;
    uint64_t seed = 31;
    for (uint32_t n = 0; n < 100; n++) {
        char text[40][24];
        ScalarPredicate predicate = {.kind = PREDICATE_RANGE};
        uint64_t bits = next_random(&seed);
        predicate.has_low = (bits & 1) != 0;
        predicate.has_high = (bits & 2) != 0;
        predicate.low_inclusive = (bits & 4) != 0;
        predicate.high_inclusive = (bits & 8) != 0;
        predicate.low = random_key(type, distinct + 9, text[0], &seed);
        predicate.high = random_key(type, distinct + 9, text[1], &seed);
        check_lookup(fixture, data, &predicate, is_single);

        Key list[40];
        uint32_t count = (uint32_t)(next_random(&seed) % 40);
        for (uint32_t i = 0; i < count; i++)
            list[i] = random_key(type, distinct + 9, text[i], &seed);
        count = sort_list(type, list, count);
        ScalarPredicate in = {
            .kind = PREDICATE_IN, .list = list, .list_count = count};
        check_lookup(fixture, data, &in, is_single);
    }
    for (size_t i = 0;
         type == KEY_BYTES && i < sizeof prefixes / sizeof prefixes[0]; i++) {
        ScalarPredicate prefix = {.kind = PREDICATE_PREFIX,
                                  .prefix = slice_of(prefixes[i])};
        check_lookup(fixture, data, &prefix, is_single);
    }
    check_lookup(fixture, data, &(ScalarPredicate){.kind = PREDICATE_NOT_NULL},
                 true);
}

/* ---- tests ---- */

static bool
takes(const IndexKind *kind, int type)
{
    static const ScalarClass classes[] = {SCALAR_INT, SCALAR_REAL, SCALAR_TEXT};
    return !kind->is_vector && index_kind_answers(kind, PREDICATE_RANGE) &&
           index_kind_takes_scalar(kind, classes[type], false);
}

/* Call a test for each kind and type of keys that it takes. */
static void
each_kind(void (*test)(const IndexKind *kind, KeyType type))
{
    for (size_t i = 0; index_kinds[i] != NULL; i++)
        for (int type = KEY_INT; type <= KEY_BYTES; type++)
            if (takes(index_kinds[i], type))
                test(index_kinds[i], (KeyType)type);
}

static void
every_kind(const IndexKind *kind, KeyType type)
{
    static const uint32_t distincts[] = {1, 2, 40, 5000};
    for (uint32_t n = 0; n < 8; n++) {
        uint32_t distinct = distincts[n / 2], most = n % 2 ? 4 : 1;
        Data *data = data_new(type, ROWS, most, distinct, 7 + n);
        Fixture fixture;
        fixture_init(&fixture, kind, METRIC_L2);
        fixture.scalars = &data->column;
        fixture_make(&fixture);
        random_lookups(&fixture, data, distinct, most == 1);
        fixture_free(&fixture);
        free(data);
    }
}

static void
test_every_kind(void **state)
{
    (void)state;
    each_kind(every_kind);
}

static void
small_segments(const IndexKind *kind, KeyType type)
{
    static const uint32_t counts[] = {0, 1, 2, 63, 64, 65};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        for (int all_null = 0; all_null < 2; all_null++) {
            Data *data = data_new(type, counts[c], 1, 5, 3);
            if (all_null) {
                memset(data->valid, 0, counts[c]);
                data->column.entry_count = 0;
            }
            Fixture fixture;
            fixture_init(&fixture, kind, METRIC_L2);
            fixture.scalars = &data->column;
            fixture_make(&fixture);
            random_lookups(&fixture, data, 5, true);
            fixture_free(&fixture);
            free(data);
        }
    }
}

static void
test_small_segments(void **state)
{
    (void)state;
    each_kind(small_segments);
}

static void
foreign_key_type(const IndexKind *kind, KeyType type)
{
    for (int other = KEY_INT; other <= KEY_BYTES; other++) {
        if (other == (int)type)
            continue;
        Data *data = data_new(type, 100, 1, 5, 3);
        Fixture fixture;
        fixture_init(&fixture, kind, METRIC_L2);
        fixture.scalars = &data->column;
        fixture_make(&fixture);
        fixture_close(&fixture);
        data->column.type = (KeyType)other;
        assert_int_equal(fixture_open(&fixture), MQL_CORRUPT);
        assert_string_equal(fixture.err.sqlstate, "XX001");
        fixture_free(&fixture);
        free(data);
    }
}

/* A file whose keys are of another type than the field's. */
static void
test_foreign_key_type(void **state)
{
    (void)state;
    each_kind(foreign_key_type);
}

/* A file of one kind under the name of another. */
static void
test_foreign_kind(void **state)
{
    (void)state;
    for (size_t i = 0; index_kinds[i] != NULL; i++)
        for (size_t k = 0; index_kinds[k] != NULL; k++) {
            if (i == k || !takes(index_kinds[i], KEY_BYTES) ||
                !takes(index_kinds[k], KEY_BYTES))
                continue;
            Data *data = data_new(KEY_BYTES, 100, 1, 5, 3);
            Fixture fixture;
            fixture_init(&fixture, index_kinds[i], METRIC_L2);
            fixture.scalars = &data->column;
            fixture_make(&fixture);
            fixture_close(&fixture);
            fixture.kind = index_kinds[k];
            assert_int_equal(fixture_open(&fixture), MQL_CORRUPT);
            fixture_free(&fixture);
            free(data);
        }
}

static void
extreme_keys(const IndexKind *kind, KeyType type)
{
    static const int64_t ints[] = {INT64_MIN, -1, 0, 1, INT64_MAX, INT64_MIN};
    static const double reals[] = {-1e308, -1e-308, -0.0, 0.0, 1e308, 1.0 / 3};
    if (type == KEY_BYTES)
        return;
    Data *data = data_new(KEY_INT, 6, 1, 5, 3);
    memset(data->valid, 1, 6);
    data->column.entry_count = 6;
    data->column.type = type;
    data->column.reals = data->reals;
    for (uint32_t i = 0; i < 6; i++) {
        data->rows[i] = i;
        data->ints[i] = ints[i];
        data->reals[i] = reals[i];
    }
    Fixture fixture;
    fixture_init(&fixture, kind, METRIC_L2);
    fixture.scalars = &data->column;
    fixture_make(&fixture);
    for (uint32_t i = 0; i < 6; i++) {
        ScalarPredicate up = {.kind = PREDICATE_RANGE,
                              .has_low = true,
                              .low_inclusive = i % 2 == 0};
        if (type == KEY_INT)
            up.low.integer = ints[i];
        else
            up.low.real = reals[i];
        check_lookup(&fixture, data, &up, true);
        ScalarPredicate one = {
            .kind = PREDICATE_IN, .list = &up.low, .list_count = 1};
        check_lookup(&fixture, data, &one, true);
    }
    fixture_free(&fixture);
    free(data);
}

/* Keys at the ends of their types. */
static void
test_extreme_keys(void **state)
{
    (void)state;
    each_kind(extreme_keys);
}

static void
doubled_entries(const IndexKind *kind, KeyType type)
{
    static const uint32_t rows[] = {0, 0, 1, 1, 1, 3};
    if (type != KEY_INT)
        return;
    Data *data = data_new(KEY_INT, 4, 1, 5, 3);
    memset(data->valid, 1, 4);
    data->column.entry_count = 6;
    for (uint32_t i = 0; i < 6; i++) {
        data->rows[i] = rows[i];
        data->ints[i] = 7;
    }
    Fixture fixture;
    fixture_init(&fixture, kind, METRIC_L2);
    fixture.scalars = &data->column;
    fixture_make(&fixture);
    Key seven = {.integer = 7};
    ScalarPredicate one = {
        .kind = PREDICATE_IN, .list = &seven, .list_count = 1};
    check_lookup(&fixture, data, &one, true);
    assert_int_equal(kind->estimate(fixture.index, &one), 3);
    fixture_free(&fixture);
    free(data);
}

/* The same pair twice, as an array [1, 1] gives it. */
static void
test_doubled_entries(void **state)
{
    (void)state;
    each_kind(doubled_entries);
}

static void
cancelled(const IndexKind *kind, KeyType type)
{
    Data *data = data_new(type, ROWS, 1, 100, 3);
    atomic_bool cancel = true;
    Fixture fixture;
    fixture_init(&fixture, kind, METRIC_L2);
    fixture.scalars = &data->column;
    assert_int_equal(fixture_build(&fixture, &cancel), MQL_INTERRUPTED);
    fixture_free(&fixture);
    free(data);
}

static void
test_cancel(void **state)
{
    (void)state;
    each_kind(cancelled);
}

/* ---- texts that contain others ---- */

static bool
has_text(Slice text, Slice part)
{
    for (size_t i = 0; i + part.size <= text.size; i++)
        if (part.size == 0 ||
            strncasecmp(text.data + i, part.data, part.size) == 0)
            return true;
    return false;
}

/* No row is missing; those that are too many have all grams of the part. */
static void
check_contains(Fixture *fixture, const Data *data, const char *part,
               bool is_gram)
{
    Key key = {.bytes = slice_of(part)};
    ScalarPredicate predicate = {
        .kind = PREDICATE_CONTAINS, .list = &key, .list_count = 1};
    RowSet rows = row_set_empty(data->column.row_count);
    must(
        fixture->kind->lookup(fixture->index, &predicate, &rows, &fixture->err),
        &fixture->err);
    uint32_t count = row_set_count(&rows), wanted = 0;
    assert_true(fixture->kind->estimate(fixture->index, &predicate) >= count);
    for (uint32_t i = 0; i < data->column.entry_count; i++)
        if (has_text(data->bytes[i], key.bytes)) {
            assert_true(row_set_contains(&rows, data->rows[i]));
            wanted++;
        }
    if (is_gram)
        assert_int_equal(count, wanted);
    row_set_free(&rows);
}

static void
test_contains(void **state)
{
    (void)state;
    Data *data = data_new(KEY_BYTES, ROWS, 1, 5000, 3);
    Fixture fixture;
    fixture_init(&fixture, index_kind_find(SLICE_LITERAL("NGRAM")), METRIC_L2);
    fixture.options.values[0] = 2;
    fixture.options.values[1] = 3;
    fixture.scalars = &data->column;
    fixture_make(&fixture);
    check_contains(&fixture, data, "12", true);
    check_contains(&fixture, data, "123", true);
    check_contains(&fixture, data,
                   "\xc3\xa9"
                   "1",
                   true);
    check_contains(&fixture, data, "COM", true);
    check_contains(&fixture, data, "zzz", true);
    check_contains(&fixture, data, "mon/Prefix/12", false);
    check_contains(&fixture, data, "1234", false);
    check_contains(&fixture, data, "1", false);
    check_contains(&fixture, data, "", false);
    ScalarPredicate range = {.kind = PREDICATE_RANGE};
    RowSet rows = row_set_empty(ROWS);
    assert_int_not_equal(
        fixture.kind->lookup(fixture.index, &range, &rows, &fixture.err),
        MQL_OK);
    fixture_close(&fixture);
    error_clear(&fixture.err);
    fixture.options.values[0] = 1; /* built with others */
    assert_int_equal(fixture_open(&fixture), MQL_CORRUPT);
    fixture_free(&fixture);
    free(data);
}

/* NULLs, no rows, no grams. */
static void
test_few_grams(void **state)
{
    (void)state;
    for (uint32_t count = 0; count < 4; count++) {
        Data *data = data_new(KEY_BYTES, count, 1, 3, 3);
        Fixture fixture;
        fixture_init(&fixture, index_kind_find(SLICE_LITERAL("NGRAM")),
                     METRIC_L2);
        fixture.options.values[0] = fixture.options.values[1] = 9;
        fixture.scalars = &data->column;
        fixture_make(&fixture);
        check_contains(&fixture, data, "123456789", true);
        check_contains(&fixture, data, "1", false);
        fixture_free(&fixture);
        free(data);
    }
}

static void
test_auto(void **state)
{
    (void)state;
    IndexOptions options;
    static const char *const wanted[] = {[SCALAR_BOOL] = "BITMAP",
                                         [SCALAR_INT] = "INVERTED",
                                         [SCALAR_REAL] = "INVERTED",
                                         [SCALAR_TIME] = "STL_SORT",
                                         [SCALAR_TEXT] = "INVERTED"};
    for (int i = SCALAR_BOOL; i <= SCALAR_TEXT; i++) {
        const IndexKind *kind =
            index_kind_auto_scalar((ScalarClass)i, &options);
        assert_string_equal(kind->name, wanted[i]);
        assert_true(index_kind_takes_scalar(kind, (ScalarClass)i, false));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_small_segments),
        cmocka_unit_test(test_foreign_key_type),
        cmocka_unit_test(test_foreign_kind),
        cmocka_unit_test(test_extreme_keys),
        cmocka_unit_test(test_doubled_entries),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_contains),
        cmocka_unit_test(test_few_grams),
        cmocka_unit_test(test_auto),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
