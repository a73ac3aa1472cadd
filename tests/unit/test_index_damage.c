/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_index_damage.c - index files that are not what was written: the answer
 * is an error or the right one, never a crash or a wrong one.
 *
 * Two ways: bytes changed in the file (checksums notice), and files whose
 * checksums are right over sections somebody else made up (then answers may be
 * anything that is in bounds, or an error).
 */
#include <math.h>

#include "unit/index_fixture.h"

#define ROWS 400
#define DIM 6
#define K 10

static float vectors[ROWS * DIM];
/* So many elements that a graph takes half a byte for each. */
#define WIDE 260
static float wide_vectors[ROWS * WIDE];
static uint32_t entry_rows[ROWS];
static int64_t entry_ints[ROWS];
static int64_t entry_bools[ROWS];
static Slice entry_bytes[ROWS];
static char entry_text[ROWS][16];

static const VectorColumn vector_column = {
    .data = vectors, .count = ROWS, .dim = DIM};
static const VectorColumn wide_column = {
    .data = wide_vectors, .count = ROWS, .dim = WIDE};
static const VectorColumn bit_column = {
    .data = vectors, .element = ELEMENT_BIT, .count = ROWS, .dim = DIM * 32};
static const ScalarColumn int_column = {.type = KEY_INT,
                                        .row_count = ROWS,
                                        .entry_count = ROWS,
                                        .rows = entry_rows,
                                        .ints = entry_ints};
/* So few keys that sets of them are bits. */
static const ScalarColumn bool_column = {.type = KEY_INT,
                                         .row_count = ROWS,
                                         .entry_count = ROWS,
                                         .rows = entry_rows,
                                         .ints = entry_bools};
static const ScalarColumn bytes_column = {.type = KEY_BYTES,
                                          .row_count = ROWS,
                                          .entry_count = ROWS,
                                          .rows = entry_rows,
                                          .bytes = entry_bytes};

/* What is built: a kind over one of the columns. */
typedef struct Case {
    const char *kind;
    Metric metric;
    const VectorColumn *vectors;
    const ScalarColumn *scalars;
    int64_t options[5]; /* 0: as usual */
} Case;

static const Case cases[] = {
    {"HNSW", METRIC_L2, &vector_column, NULL, {4, 40}},
    {"HNSW", METRIC_IP, &vector_column, NULL, {4, 40}},
    {"FLAT", METRIC_COSINE, &vector_column, NULL, {0}},
    {"FLAT", METRIC_IP, &vector_column, NULL, {0}},
    {"IVF_FLAT", METRIC_L2, &vector_column, NULL, {4}},
    {"IVF_SQ8", METRIC_IP, &vector_column, NULL, {4}},
    {"IVF_SQ8", METRIC_COSINE, &vector_column, NULL, {4}},
    {"IVF_PQ", METRIC_L2, &vector_column, NULL, {4, 3, 4}},
    {"IVF_PQ", METRIC_IP, &vector_column, NULL, {4, 2, 8}},
    {"IVF_RABITQ", METRIC_L2, &vector_column, NULL, {4}},
    {"BIN_IVF_FLAT", METRIC_HAMMING, &bit_column, NULL, {4}},
    {"INVERTED", METRIC_L2, NULL, &int_column, {0}},
    {"INVERTED", METRIC_L2, NULL, &bytes_column, {0}},
    {"BITMAP", METRIC_L2, NULL, &bool_column, {0}},
    {"BITMAP", METRIC_L2, NULL, &bytes_column, {0}},
    {"STL_SORT", METRIC_L2, NULL, &int_column, {0}},
    {"STL_SORT", METRIC_L2, NULL, &bytes_column, {0}},
    {"TRIE", METRIC_L2, NULL, &bytes_column, {0}},
    {"NGRAM", METRIC_L2, NULL, &bytes_column, {2, 3}},
    {"HNSW", METRIC_COSINE, &wide_column, NULL, {4, 40}},
    {"HNSW_SQ", METRIC_L2, &vector_column, NULL, {4, 40, 1}},
    {"HNSW_SQ", METRIC_IP, &vector_column, NULL, {4, 40, 4}},
    {"HNSW_PQ", METRIC_COSINE, &vector_column, NULL, {4, 40, 3, 5}},
    {"HNSW_PRQ", METRIC_L2, &vector_column, NULL, {4, 40, 3, 2, 8}},
};
#define CASES (sizeof cases / sizeof cases[0])

static int
make_columns(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (uint32_t row = 0; row < ROWS; row++) {
        for (uint32_t i = 0; i < DIM; i++)
            vectors[row * DIM + i] = random_float(&seed);
        if (row % 10 == 9) /* copies */
            memcpy(vectors + row * DIM, vectors + (row - 5) * DIM,
                   DIM * sizeof *vectors);
        random_wave(&seed, wide_vectors + row * WIDE, WIDE);
        entry_rows[row] = row;
        entry_ints[row] = (int64_t)(next_random(&seed) % 50);
        entry_bools[row] = 20 + entry_ints[row] % 2;
        int size = snprintf(entry_text[row], sizeof entry_text[row], "key%d",
                            (int)entry_ints[row]);
        entry_bytes[row] = (Slice){entry_text[row], (size_t)size};
    }
    return 0;
}

static void
case_init(Fixture *fixture, const Case *from)
{
    fixture_init(fixture, index_kind_find(slice_of(from->kind)), from->metric);
    fixture->vectors = from->vectors;
    fixture->scalars = from->scalars;
    for (uint32_t i = 0; i < 5; i++)
        if (from->options[i] != 0)
            fixture->options.values[i] = from->options[i];
}

/* What an index answers to a few questions, as one string of bytes; false: it
 * gave an error. */
typedef struct Answers {
    Neighbor nearest[6][K];
    uint32_t found[6];
    uint64_t hashes[4];
} Answers;

static bool
ask_vectors(Fixture *fixture, Answers *answers)
{
    static uint64_t allowed[(ROWS + 63) / 64];
    IndexOptions options;
    index_options_default(fixture->kind->search_options, &options);
    for (uint32_t row = 0; row < ROWS; row += 2)
        bits_set(allowed, row);
    for (uint32_t i = 0; i < 6; i++) {
        VectorQuery query = {.vector = vector_row(fixture->vectors, i * 7),
                             .k = K,
                             .options = &options,
                             .allowed = i % 2 == 0 ? NULL : allowed,
                             .allowed_count = i % 2 == 0 ? ROWS : ROWS / 2};
        if (fixture->kind->search(fixture->index, &query, answers->nearest[i],
                                  &answers->found[i], &fixture->err) != MQL_OK)
            return false;
        for (uint32_t n = 0; n < answers->found[i]; n++)
            assert_true(answers->nearest[i][n].row < ROWS);
    }
    return true;
}

static bool
ask_scalars(Fixture *fixture, Answers *answers)
{
    Key low = {.integer = 10}, high = {.integer = 30};
    Key list[3] = {{.integer = 3}, {.integer = 17}, {.integer = 44}};
    if (fixture->scalars->type == KEY_BYTES) {
        low.bytes = SLICE_LITERAL("key10");
        high.bytes = SLICE_LITERAL("key30");
        list[0].bytes = SLICE_LITERAL("key17");
        list[1].bytes = SLICE_LITERAL("key3");
        list[2].bytes = SLICE_LITERAL("key44");
    }
    ScalarPredicate predicates[4] = {
        {.kind = PREDICATE_RANGE,
         .has_low = true,
         .has_high = true,
         .low = low,
         .high = high},
        {.kind = PREDICATE_IN, .list = list, .list_count = 3},
        {.kind = PREDICATE_NOT_NULL},
        {.kind = fixture->scalars->type == KEY_BYTES ? PREDICATE_PREFIX
                                                     : PREDICATE_RANGE,
         .prefix = SLICE_LITERAL("key1")},
    };
    const ScalarPredicate contains = {
        .kind = PREDICATE_CONTAINS, .list = list, .list_count = 1};
    for (uint32_t i = 0; i < 4; i++) {
        if (!index_kind_answers(fixture->kind, predicates[i].kind))
            predicates[i] = contains;
        RowSet rows = row_set_empty(ROWS);
        uint64_t estimate =
            fixture->kind->estimate(fixture->index, &predicates[i]);
        assert_true(estimate <= ROWS);
        mql_status status = fixture->kind->lookup(
            fixture->index, &predicates[i], &rows, &fixture->err);
        uint32_t found = 0;
        for (uint32_t row = 0; row < ROWS; row++) {
            bool is_in = row_set_contains(&rows, row);
            answers->hashes[i] = answers->hashes[i] * 31 + is_in;
            found += is_in;
        }
        assert_int_equal(row_set_count(&rows), found);
        row_set_free(&rows);
        if (status != MQL_OK)
            return false;
    }
    return true;
}

/* Open, ask, check, close; false: some error, which must say what it is. */
static bool
ask(Fixture *fixture, Answers *answers, bool *is_checked)
{
    memset(answers, 0, sizeof *answers);
    error_clear(&fixture->err);
    *is_checked = false;
    bool is_answered = false;
    if (fixture_open(fixture) == MQL_OK) {
        is_answered = fixture->vectors != NULL ? ask_vectors(fixture, answers)
                                               : ask_scalars(fixture, answers);
        Error err = ERROR_INIT;
        *is_checked = fixture->kind->check(fixture->index, &err) == MQL_OK;
    }
    if (!is_answered) {
        assert_int_equal(fixture->err.status, MQL_CORRUPT);
        assert_true(fixture->err.text[0] != '\0');
    }
    fixture_close(fixture);
    return is_answered;
}

static void
test_changed_bytes(void **state)
{
    (void)state;
    for (size_t c = 0; c < CASES; c++) {
        Fixture fixture;
        Answers right, answers;
        bool is_checked;
        case_init(&fixture, &cases[c]);
        must(fixture_build(&fixture, NULL), &fixture.err);
        assert_true(ask(&fixture, &right, &is_checked));
        assert_true(is_checked);

        size_t size;
        char *bytes = fixture_bytes(&fixture, &size);
        uint64_t seed = 9 + c;
        uint32_t noticed = 0;
        for (uint32_t n = 0; n < 400; n++) {
            size_t place = (size_t)(next_random(&seed) % size);
            char change = (char)(1 << next_random(&seed) % 8);
            bytes[place] ^= change;
            fixture_put_bytes(&fixture, bytes, size);
            if (!ask(&fixture, &answers, &is_checked))
                noticed++;
            else
                assert_memory_equal(&answers, &right, sizeof right);
            bytes[place] ^= change;
        }
        assert_true(noticed > 25);
        for (uint32_t n = 0; n < 60; n++) { /* cut short */
            fixture_put_bytes(&fixture, bytes, size * n / 60);
            assert_false(ask(&fixture, &answers, &is_checked));
        }
        free(bytes);
        fixture_free(&fixture);
    }
}

/* ---- right checksums over wrong sections ---- */

#define SECTIONS_MOST 32

typedef struct Copy {
    SectionId id;
    char *data;
    size_t size;
} Copy;

static uint32_t
copy_sections(Fixture *fixture, Copy copies[SECTIONS_MOST])
{
    uint32_t count = 0;
    SectionFile *file;
    must(section_file_open(fixture_vfs(), fixture->path, FIXTURE_IDENTITY,
                           &file, &fixture->err),
         &fixture->err);
    for (uint32_t kind = 0; kind < 16; kind++) {
        for (uint32_t number = 0; number < 8; number++) {
            Section section;
            SectionId id = {kind, number};
            if (!section_find(file, id, &section))
                continue;
            assert_true(count < SECTIONS_MOST);
            copies[count] = (Copy){id, malloc(section.size + 1), section.size};
            if (section.size > 0)
                memcpy(copies[count].data, section.data, section.size);
            count++;
        }
    }
    section_file_close(file);
    return count;
}

static void
write_copies(Fixture *fixture, const Copy *copies, uint32_t count)
{
    char path[160];
    uint64_t size;
    SectionWriter *writer;
    Error *err = &fixture->err;
    error_clear(err);
    snprintf(path, sizeof path, "%s.new", fixture->path);
    must(section_writer_create(fixture_vfs(), path, FIXTURE_IDENTITY, &writer,
                               err),
         err);
    for (uint32_t i = 0; i < count; i++)
        must(section_write(writer, copies[i].id, copies[i].data, copies[i].size,
                           err),
             err);
    must(section_writer_finish(writer, fixture->path, &size, err), err);
}

/* Change one section: some bytes, all of it, or its size. */
static void
spoil(Copy *copy, uint64_t *seed)
{
    uint64_t way = next_random(seed) % 8;
    if (copy->size == 0)
        return;
    if (way == 0) {
        copy->size -= (size_t)(next_random(seed) % copy->size) / 8 * 8 + 1;
        return;
    }
    if (way == 1) {
        for (size_t i = 0; i < copy->size; i++)
            copy->data[i] = (char)next_random(seed);
        return;
    }
    for (uint64_t n = 0; n < way * way; n++) {
        size_t place = (size_t)(next_random(seed) % copy->size) & ~(size_t)3;
        uint32_t value = (uint32_t)next_random(seed);
        if (next_random(seed) % 2 == 0)
            value %= ROWS + 2;
        memcpy(copy->data + place, &value,
               copy->size - place < 4 ? copy->size - place : 4);
    }
}

static void
test_made_up_sections(void **state)
{
    (void)state;
    for (size_t c = 0; c < CASES; c++) {
        Fixture fixture;
        Copy copies[SECTIONS_MOST];
        case_init(&fixture, &cases[c]);
        must(fixture_build(&fixture, NULL), &fixture.err);
        uint32_t count = copy_sections(&fixture, copies);
        assert_true(count >= 4);
        if (fixture.vectors == &wide_column) /* norms of half bytes */
            assert_int_equal(copies[count - 2].id.kind, 7);
        uint64_t seed = 99 + c;
        uint32_t refused = 0;
        for (uint32_t n = 0; n < 400; n++) {
            uint32_t which = n % count;
            Copy before = copies[which];
            copies[which].data = malloc(before.size + 1);
            memcpy(copies[which].data, before.data, before.size);
            spoil(&copies[which], &seed);
            write_copies(&fixture, copies, count);
            Answers answers;
            bool is_checked;
            bool is_answered = ask(&fixture, &answers, &is_checked);
            refused += !is_answered || !is_checked;
            free(copies[which].data);
            copies[which] = before;
        }
        assert_true(refused > 200);
        for (uint32_t i = 0; i < count; i++)
            free(copies[i].data);
        fixture_free(&fixture);
    }
}

/* How distances grow is asked of no file that says it wrongly. */
static void
test_wrong_growth(void **state)
{
    (void)state;
    enum { PLACE = 60 }; /* docs/format/index-files.md */
    static const float wrong[] = {NAN, INFINITY, -1, -1e-30f, 4.5f};
    Fixture fixture;
    Copy copies[SECTIONS_MOST];
    case_init(&fixture, &cases[0]);
    assert_string_equal(fixture.kind->name, "HNSW");
    must(fixture_build(&fixture, NULL), &fixture.err);
    uint32_t count = copy_sections(&fixture, copies);
    assert_int_equal(copies[0].id.kind, 1);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        memcpy(copies[0].data + PLACE, &wrong[i], sizeof wrong[i]);
        write_copies(&fixture, copies, count);
        assert_int_equal(fixture_open(&fixture), MQL_CORRUPT);
        error_clear(&fixture.err);
    }
    for (uint32_t i = 0; i < count; i++)
        free(copies[i].data);
    fixture_free(&fixture);
}

/* A bit of a set that ranges are made from: right checksums, and all rows are
 * where they should be. check() says so. */
static void
test_wrong_mark(void **state)
{
    (void)state;
    enum { MARKS = 11 }; /* docs/format/index-files.md */
    uint32_t marked = 0;
    for (size_t c = 0; c < CASES; c++) {
        Fixture fixture;
        Copy copies[SECTIONS_MOST];
        case_init(&fixture, &cases[c]);
        must(fixture_build(&fixture, NULL), &fixture.err);
        uint32_t count = copy_sections(&fixture, copies);
        for (uint32_t i = 0; fixture.scalars != NULL && i < count; i++) {
            if (copies[i].id.kind != MARKS)
                continue;
            Answers answers;
            bool is_checked;
            marked++;
            assert_int_equal(copies[i].size, 64 * ((ROWS + 63) / 64) * 8);
            copies[i].data[marked * 8] ^= 4;
            write_copies(&fixture, copies, count);
            ask(&fixture, &answers, &is_checked);
            assert_false(is_checked);
        }
        for (uint32_t i = 0; i < count; i++)
            free(copies[i].data);
        fixture_free(&fixture);
    }
    assert_int_equal(marked, 5); /* INVERTED, STL_SORT, TRIE */
}

/* Marks at so many even steps in place of those that are in the file. */
static void
remake_marks(Copy *marks, const Copy *rows, uint32_t count)
{
    const uint32_t *row = (const uint32_t *)(const void *)rows->data;
    size_t words = (ROWS + 63) / 64;
    uint32_t step = (uint32_t)(rows->size / sizeof *row) / count;
    free(marks->data);
    marks->size = count * words * sizeof(uint64_t);
    marks->data = calloc(marks->size, 1);
    uint64_t *sets = (uint64_t *)(void *)marks->data;
    for (uint32_t mark = 0; mark < count; mark++)
        for (uint32_t i = 0; i < (mark + 1) * step; i++)
            bits_set(sets + mark * words, row[i]);
}

/* A file says by its size how many there are: those of before had 32. */
static void
test_number_of_marks(void **state)
{
    (void)state;
    enum { ROW_LIST = 5, MARKS = 11 }; /* docs/format/index-files.md */
    static const uint32_t numbers[] = {32, 1, 7, 100};
    uint32_t marked = 0;
    for (size_t c = 0; c < CASES; c++) {
        Fixture fixture;
        Copy copies[SECTIONS_MOST];
        Answers right, answers;
        bool is_checked;
        case_init(&fixture, &cases[c]);
        must(fixture_build(&fixture, NULL), &fixture.err);
        assert_true(ask(&fixture, &right, &is_checked));
        uint32_t count = copy_sections(&fixture, copies), rows = 0, marks = 0;
        for (uint32_t i = 0; fixture.scalars != NULL && i < count; i++) {
            rows = copies[i].id.kind == ROW_LIST ? i : rows;
            marks = copies[i].id.kind == MARKS ? i : marks;
        }
        for (size_t i = 0; marks > 0 && i < sizeof numbers / 4; i++) {
            marked++;
            remake_marks(&copies[marks], &copies[rows], numbers[i]);
            write_copies(&fixture, copies, count);
            assert_true(ask(&fixture, &answers, &is_checked));
            assert_true(is_checked);
            assert_memory_equal(&answers, &right, sizeof right);
        }
        if (marks > 0) { /* not a whole number */
            copies[marks].size -= 8;
            write_copies(&fixture, copies, count);
            assert_false(ask(&fixture, &answers, &is_checked));
        }
        for (uint32_t i = 0; i < count; i++)
            free(copies[i].data);
        fixture_free(&fixture);
    }
    assert_int_equal(marked, 5 * 4); /* INVERTED, STL_SORT, TRIE */
}

/* A good file of another segment, metric or option is refused. */
static void
test_foreign_files(void **state)
{
    (void)state;
    Fixture fixture;
    case_init(&fixture, &cases[0]);
    must(fixture_build(&fixture, NULL), &fixture.err);
    VectorColumn shorter = vector_column;
    shorter.count--;
    fixture.vectors = &shorter;
    assert_int_equal(fixture_open(&fixture), MQL_CORRUPT);
    fixture.vectors = &vector_column;
    error_clear(&fixture.err);
    fixture.metric = METRIC_COSINE;
    assert_int_equal(fixture_open(&fixture), MQL_CORRUPT);
    fixture.metric = METRIC_L2;
    error_clear(&fixture.err);
    fixture.options.values[0] = 5;
    assert_int_equal(fixture_open(&fixture), MQL_CORRUPT);
    fixture.options.values[0] = 4;
    error_clear(&fixture.err);
    must(fixture_open(&fixture), &fixture.err);
    fixture_free(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changed_bytes),
        cmocka_unit_test(test_made_up_sections),
        cmocka_unit_test(test_wrong_growth),
        cmocka_unit_test(test_wrong_mark),
        cmocka_unit_test(test_number_of_marks),
        cmocka_unit_test(test_foreign_files),
    };
    return cmocka_run_group_tests(tests, make_columns, NULL);
}
