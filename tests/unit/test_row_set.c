/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_row_set.c - sets of rows against an array of booleans: each way to make
 * one, each operation on two of any size and form, memory that runs out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bits.h"
#include "index/row_set.h"

#include "own_malloc.h"

static const uint32_t row_counts[] = {0, 1, 31, 32, 63, 64, 65, 2000, 100000};
#define ROW_COUNTS (sizeof row_counts / sizeof *row_counts)
#define MOST_ROWS 100000u

/* Rows chosen of 1,000; around the switch, 31; 1 of 100,000 is one or none. */
static const double shares[] = {0, 0.01, 1, 25, 30, 31, 32, 40, 500, 990, 1000};
#define SHARES (sizeof shares / sizeof *shares)

typedef enum Form {
    ASCENDING,
    SHUFFLED, /* with doubles */
    ONE_BY_ONE,
    RANGES,
    BITS,
    FLIPS,
    FORMS
} Form;

typedef struct Model {
    uint32_t row_count, count;
    bool has[MOST_ROWS];
} Model;

typedef struct Fixture {
    Model one, two;
    uint32_t rows[2 * MOST_ROWS]; /* to be added */
    uint64_t bits[MOST_ROWS / 64 + 2];
    uint64_t seed;
} Fixture;

static uint64_t
next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static int
setup(void **state)
{
    Fixture *fixture = calloc(1, sizeof *fixture);
    fixture->seed = 7;
    *state = fixture;
    return 0;
}

static int
teardown(void **state)
{
    free(*state);
    return 0;
}

/* ---- the model ---- */

static void
model_fill(Model *model, uint32_t row_count, double share, uint64_t *seed)
{
    model->row_count = row_count;
    model->count = 0;
    for (uint32_t row = 0; row < row_count; row++) {
        model->has[row] = next_random(seed) % 100000 < share * 100;
        model->count += model->has[row];
    }
}

static uint32_t
model_rows(const Model *model, uint32_t *rows)
{
    uint32_t count = 0;
    for (uint32_t row = 0; row < model->row_count; row++)
        if (model->has[row])
            rows[count++] = row;
    return count;
}

static void
shuffle(uint32_t *rows, uint32_t count, uint64_t *seed)
{
    for (uint32_t i = 1; i < count; i++) {
        uint32_t other = (uint32_t)(next_random(seed) % (i + 1));
        uint32_t kept = rows[i];
        rows[i] = rows[other];
        rows[other] = kept;
    }
}

/* Bits of the rows; the last word is not the set's and must stay. */
#define GUARD UINT64_C(0x5a5a5a5a5a5a5a5a)

static void
model_bits(const Model *model, uint64_t *bits)
{
    size_t words = bits_words(model->row_count);
    memset(bits, 0, words * sizeof *bits);
    bits[words] = GUARD;
    for (uint32_t row = 0; row < model->row_count; row++)
        if (model->has[row])
            bits_set(bits, row);
}

/* ---- making a set of the model's rows ---- */

static mql_status
add_each(RowSet *set, const uint32_t *rows, uint32_t count, Error *err)
{
    for (uint32_t i = 0; i < count; i++)
        TRY(row_set_add(set, &rows[i], 1, err));
    return MQL_OK;
}

static mql_status
add_ranges(RowSet *set, const Model *model, Error *err)
{
    for (uint32_t row = 0; row < model->row_count; row++) {
        uint32_t first = row;
        while (row < model->row_count && model->has[row])
            row++;
        if (row > first)
            TRY(row_set_add_range(set, first, row - first, err));
    }
    return MQL_OK;
}

/* Rows with even numbers first and last, so that those among them are flipped
 * three times. */
static mql_status
flip(Fixture *fixture, RowSet *set, uint32_t count, Error *err)
{
    uint64_t *bits = fixture->bits;
    memset(bits, 0, bits_words(set->row_count) * sizeof *bits);
    for (uint32_t row = 0; row < set->row_count; row += 2)
        bits_set(bits, row);
    TRY(row_set_flip_bits(set, bits, err));
    TRY(row_set_flip(set, fixture->rows, count, err));
    return row_set_flip_bits(set, bits, err);
}

static mql_status
make(Fixture *fixture, const Model *model, Form form, RowSet *set, Error *err)
{
    uint32_t *rows = fixture->rows, count = model_rows(model, rows);
    *set = row_set_empty(model->row_count);
    switch (form) {
    case SHUFFLED:
        memcpy(rows + count, rows, count / 3 * sizeof *rows);
        count += count / 3;
        shuffle(rows, count, &fixture->seed);
        return row_set_add(set, rows, count, err);
    case ONE_BY_ONE:
        if (count < 2000)
            shuffle(rows, count, &fixture->seed);
        return add_each(set, rows, count, err);
    case RANGES:
        return add_ranges(set, model, err);
    case BITS:
        model_bits(model, fixture->bits);
        return row_set_add_bits(set, fixture->bits, err);
    case FLIPS:
        return flip(fixture, set, count, err);
    default:
        return row_set_add(set, rows, count, err);
    }
}

static RowSet
made(Fixture *fixture, const Model *model, Form form)
{
    RowSet set;
    Error err = ERROR_INIT;
    assert_int_equal(make(fixture, model, form, &set, &err), MQL_OK);
    return set;
}

/* ---- judging ---- */

/* The two forms' own rules, and the promise about memory. */
static void
check_form(const RowSet *set)
{
    if (set->words == NULL) {
        assert_true(set->count <= set->capacity);
        assert_true(set->capacity <= set->row_count / 32);
        for (uint32_t i = 1; i < set->count; i++)
            assert_true(set->rows[i - 1] < set->rows[i]);
        return;
    }
    assert_null(set->rows);
    uint32_t past = set->row_count % 64;
    if (past != 0)
        assert_true(set->words[set->row_count / 64] >> past == 0);
}

static void
check_bits(Fixture *fixture, const RowSet *set, const Model *model)
{
    uint64_t *bits = fixture->bits;
    size_t words = bits_words(model->row_count);
    bits[words] = GUARD;
    memset(bits, 0xb6, words * sizeof *bits);
    uint32_t left = row_set_mask(set, bits);
    assert_true(left == UINT32_MAX || left == bits_count(bits, set->row_count));
    for (uint32_t row = 0; row < model->row_count; row++)
        assert_int_equal(bits_get(bits, row),
                         model->has[row] && (0xb6 >> row % 8 & 1) != 0);
    assert_true(bits[words] == GUARD);
}

static void
check_set(Fixture *fixture, const RowSet *set, const Model *model)
{
    uint32_t count = 0;
    check_form(set);
    assert_int_equal(set->row_count, model->row_count);
    for (uint32_t row = 0; row < model->row_count; row++) {
        assert_int_equal(row_set_contains(set, row), model->has[row]);
        count += model->has[row];
    }
    assert_false(row_set_contains(set, model->row_count));
    assert_false(row_set_contains(set, UINT32_MAX));
    assert_int_equal(row_set_count(set), count);
    check_bits(fixture, set, model);
}

/* Bits of an arena without room for them, and of one with. */
static void
check_taking(RowSet *set, const Model *model)
{
    Arena arena;
    RowSet copy = row_set_empty(set->row_count);
    Error err = ERROR_INIT;
    if (set->words != NULL) {
        assert_int_equal(row_set_add_bits(&copy, set->words, &err), MQL_OK);
        arena_init(&arena, bits_words(set->row_count) * 8 + 16);
        assert_null(row_set_take(&copy, &arena));
        assert_int_equal(row_set_count(&copy), 0);
        arena_free(&arena);
    }
    arena_init(&arena, 0);
    const uint64_t *bits = row_set_take(set, &arena);
    assert_non_null(bits);
    for (uint32_t row = 0; row < model->row_count; row++)
        assert_int_equal(bits_get(bits, row), model->has[row]);
    assert_true(arena.used >= bits_words(model->row_count) * 8);
    arena_free(&arena);
}

/* ---- tests ---- */

static void
test_making(void **state)
{
    Fixture *fixture = *state;
    for (size_t c = 0; c < ROW_COUNTS; c++) {
        for (size_t s = 0; s < SHARES; s++) {
            Model *model = &fixture->one;
            model_fill(model, row_counts[c], shares[s], &fixture->seed);
            for (Form form = 0; form < FORMS; form++) {
                RowSet set = made(fixture, model, form);
                check_set(fixture, &set, model);
                check_taking(&set, model);
                assert_int_equal(row_set_count(&set), 0);
            }
        }
    }
}

typedef enum Operation { AND, OR, MINUS, OPERATIONS } Operation;

static mql_status
operate(Operation operation, RowSet *set, RowSet *other, Error *err)
{
    if (operation == OR)
        return row_set_or(set, other, err);
    if (operation == AND)
        row_set_and(set, other);
    else
        row_set_minus(set, other);
    return MQL_OK;
}

static void
model_operate(Operation operation, Model *one, const Model *two)
{
    for (uint32_t row = 0; row < one->row_count; row++) {
        bool a = one->has[row], b = two->has[row];
        one->has[row] = operation == AND  ? a && b
                        : operation == OR ? a || b
                                          : a && !b;
    }
}

static void
check_two(Fixture *fixture, Form form, Operation operation, const Model *first)
{
    fixture->one = *first;
    Error err = ERROR_INIT;
    RowSet set = made(fixture, &fixture->one, form);
    RowSet other = made(fixture, &fixture->two, (form + operation) % FORMS);
    assert_int_equal(operate(operation, &set, &other, &err), MQL_OK);
    assert_null(other.rows);
    assert_null(other.words);
    model_operate(operation, &fixture->one, &fixture->two);
    check_set(fixture, &set, &fixture->one);
    row_set_free(&set);
}

static void
test_two_sets(void **state)
{
    Fixture *fixture = *state;
    static const uint32_t counts[] = {0, 1, 63, 64, 65, 20000};
    Model *first = calloc(1, sizeof *first);
    for (size_t n = 0; n < sizeof counts / sizeof *counts; n++) {
        for (size_t s = 0; s < SHARES * SHARES; s++) {
            Form form = (Form)(s % FORMS);
            model_fill(first, counts[n], shares[s % SHARES], &fixture->seed);
            model_fill(&fixture->two, counts[n], shares[s / SHARES],
                       &fixture->seed);
            for (Operation o = 0; o < OPERATIONS; o++)
                check_two(fixture, form, o, first);
        }
    }
    free(first);
}

/* Three rows of a million are not 125 KB, and nothing is nothing. */
static void
test_little_memory(void **state)
{
    (void)state;
    static const uint32_t rows[] = {999999, 5, 700000};
    Error err = ERROR_INIT;
    RowSet set = row_set_empty(1000000), none = row_set_empty(1000000);
    assert_int_equal(row_set_add(&set, rows, 3, &err), MQL_OK);
    assert_null(set.words);
    assert_true(set.capacity <= 8);
    assert_int_equal(row_set_add(&none, rows, 0, &err), MQL_OK);
    assert_null(none.words);
    assert_null(none.rows);
    row_set_and(&set, &none);
    assert_int_equal(row_set_count(&set), 0);
    row_set_free(&set);
}

/* Each allocation fails, once or it and all after it: 53200, and what is there
 * can still be used. */
static void
fail_each(Fixture *fixture, Form form, Operation operation)
{
    bool has_failed = true;
    atomic_store(&fails_for_good, operation != AND);
    for (unsigned long n = 1; has_failed; n++) {
        Error err = ERROR_INIT;
        RowSet set, other = row_set_empty(fixture->two.row_count);
        long before = atomic_load(&blocks);
        atomic_store(&fail_at, atomic_load(&calls) + n);
        mql_status status = make(fixture, &fixture->one, form, &set, &err);
        if (status == MQL_OK)
            status = make(fixture, &fixture->two, form, &other, &err);
        if (status == MQL_OK)
            status = operate(operation, &set, &other, &err);
        has_failed = atomic_load(&calls) >= atomic_load(&fail_at);
        atomic_store(&fail_at, 0);
        assert_int_equal(status, has_failed ? MQL_NO_MEMORY : MQL_OK);
        if (has_failed)
            assert_string_equal(err.sqlstate, "53200");
        check_form(&set);
        row_set_free(&set);
        row_set_free(&other);
        assert_int_equal(atomic_load(&blocks), before);
    }
}

static void
test_memory(void **state)
{
    Fixture *fixture = *state;
    if (!HAS_OWN_MALLOC)
        skip();
    for (size_t s = 0; s < SHARES; s++) {
        model_fill(&fixture->one, 20000, shares[s], &fixture->seed);
        model_fill(&fixture->two, 20000, shares[SHARES - 1 - s],
                   &fixture->seed);
        for (Form form = 0; form < FORMS; form++)
            for (Operation o = 0; o < OPERATIONS; o++)
                fail_each(fixture, form, o);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_making, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_sets, setup, teardown),
        cmocka_unit_test(test_little_memory),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
