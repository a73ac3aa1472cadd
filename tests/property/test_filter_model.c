/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_filter_model.c - conditions keep the rows that a small model says,
 * whatever indexes there are.
 *
 * Typed conditions at random (filter_grammar.h) over all scalar types, arrays
 * and JSON are asked of four collections that hold the same rows: without
 * indexes, with INVERTED, with AUTOINDEX, and with BITMAP, STL_SORT, TRIE and
 * NGRAM, and over paths of JSON; sealed segments, rows in memory, deleted rows.
 * The model (filter_model.h) says for each row TRUE, FALSE, NULL, or that it
 * fails. Asked are WHERE p, WHERE NOT p and WHERE p IS NULL (each row is in one
 * of the three), the value of p itself, which no index or zone answers, and
 * count(*).
 *
 * What may fail: when the model meets an error in a row, reading from left to
 * right, the statement may fail with that error; it must when nothing else
 * decides the row. When it does not fail its rows must be right.
 *
 * MQL_TEST_SEED=n begins elsewhere, MQL_TEST_STEPS=n tries n conditions,
 * MQL_TEST_SAY=1 prints them. A condition that fails is made smaller first.
 */
#include "files.h"
#include "mql.h"
#include "run_sql.h"

#include "property/filter_grammar.h"

#if defined(__SANITIZE_ADDRESS__)
#define CONDITIONS 2000 /* four times as slow */
#else
#define CONDITIONS 5000
#endif
#define ROUND 500   /* conditions for the same rows */
#define SEGMENTS 3u /* sealed */
#define ROWS 60u    /* of a segment, and in memory */
#define ALL_ROWS ((SEGMENTS + 1) * ROWS)
#define LAYOUTS 4u

typedef struct Test {
    Maker maker;      /* terms; forgotten after each condition */
    Maker rows_maker; /* what rows hold; forgotten after each round */
    Room values;      /* what is computed for a row */
    mql_conn *conn;
    Printed sql;
    char problem[32768];
    ModelRow rows[ALL_ROWS];
    bool is_live[ALL_ROWS];
    Mean means[ALL_ROWS]; /* of the condition at hand */
    Model model;
    bool may_fail, must_fail;
    bool is_loud;
    uint32_t failures; /* statements that failed as they should */
    uint32_t tried;
} Test;

static void
run(Test *test)
{
    run_sql(test->conn, test->sql.text);
    test->sql.size = 0;
}

/* ---- rows ---- */

static bool
is_one_of(Test *test, uint32_t count)
{
    return below(&test->rows_maker, count) == 0;
}

static Mean
maybe(Test *test, Mean mean)
{
    return is_one_of(test, 6) ? unknown : mean;
}

static Doc *
new_doc(Test *test, DocKind kind)
{
    Doc *doc = room_take(test->rows_maker.room, sizeof *doc);
    doc->kind = kind;
    return doc;
}

static Doc *
some_scalar(Test *test)
{
    static const DocKind kinds[] = {DOC_INTEGER, DOC_INTEGER, DOC_INTEGER,
                                    DOC_REAL,    DOC_TEXT,    DOC_TEXT,
                                    DOC_BOOL,    DOC_NULL};
    Doc *doc = new_doc(test, kinds[below(&test->rows_maker, 8)]);
    doc->integer = doc->kind == DOC_BOOL
                       ? below(&test->rows_maker, 2)
                       : (int64_t)below(&test->rows_maker, 15) - 7;
    doc->real = ((double)below(&test->rows_maker, 40) - 20) / 4;
    doc->text = some_word(&test->rows_maker);
    return doc;
}

static Doc *
some_items(Test *test, DocKind kind, const char *name)
{
    Doc *doc = new_doc(test, kind);
    doc->count = below(&test->rows_maker, kind == DOC_ARRAY ? 5 : 2);
    for (uint32_t i = 0; i < doc->count; i++) {
        doc->names[i] = name;
        doc->items[i] = some_scalar(test);
    }
    return doc;
}

static const Doc *
some_document(Test *test)
{
    static const char *const names[] = {"n", "s", "o", "a"};
    Doc *doc = new_doc(test, DOC_OBJECT);
    if (is_one_of(test, 16))
        return some_scalar(test);
    for (uint32_t i = 0; i < 4; i++) {
        if (is_one_of(test, 6))
            continue;
        doc->names[doc->count] = names[i];
        doc->items[doc->count++] =
            i < 2 ? some_scalar(test)
                  : some_items(test, i == 2 ? DOC_OBJECT : DOC_ARRAY, "k");
    }
    return doc;
}

static Mean
some_list(Test *test, char sort)
{
    Mean mean = {.sort = sort};
    mean.list.count = below(&test->rows_maker, 5);
    for (uint32_t i = 0; i < mean.list.count; i++) {
        mean.list.integers[i] = (int64_t)below(&test->rows_maker, 15) - 7;
        mean.list.texts[i] = some_word(&test->rows_maker);
    }
    return mean;
}

/* Parts of the rows differ in `i`, so that least and greatest values say
 * something. */
static ModelRow
some_row(Test *test, uint32_t id)
{
    Maker *maker = &test->rows_maker;
    Text word = some_word(maker);
    double real = some_real(maker);
    float narrow = (float)some_real(maker);
    int64_t part = id / ROWS;
    if (!isfinite(narrow))
        narrow = 1e30f;
    return (ModelRow){
        .id = id,
        .b = maybe(test, mean_truth(is_one_of(test, 2))),
        .m = maybe(test, mean_integer((int64_t)below(maker, 256) - 128)),
        .i = maybe(test, mean_integer(part * 100 + below(maker, 40) - 20)),
        .n = maybe(test, mean_integer(some_integer(maker))),
        .f = maybe(test, (Mean){.sort = 'r', .real = (double)narrow}),
        .d = maybe(test, (Mean){.sort = 'r', .real = real}),
        .s = maybe(test, mean_text(word.at, word.size)),
        .z = maybe(test, (Mean){.sort = 'z', .integer = below(maker, 31 * 24)}),
        .a = maybe(test, some_list(test, 'a')),
        .w = maybe(test, some_list(test, 'w')),
        .j = maybe(test, (Mean){.sort = 'p', .doc = some_document(test)}),
    };
}

/* Inside '...'. */
static void
say_json_text(Printed *out, Text text)
{
    say(out, "\"");
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] == '\n')
            say(out, "\\n");
        else if (text.at[i] == '\\')
            say(out, "\\\\");
        else
            say(out, text.at[i] == '\'' ? "''" : "%c", text.at[i]);
    }
    say(out, "\"");
}

/* Depth is that of the document: three. */
static void
say_doc(Printed *out, const Doc *doc)
{
    switch (doc->kind) {
    case DOC_BOOL:
        say(out, doc->integer != 0 ? "true" : "false");
        return;
    case DOC_INTEGER:
        say(out, "%lld", (long long)doc->integer);
        return;
    case DOC_REAL:
        say(out, "%.2f", doc->real);
        return;
    case DOC_TEXT:
        say_json_text(out, doc->text);
        return;
    case DOC_ARRAY:
    case DOC_OBJECT:
        break;
    default:
        say(out, "null");
        return;
    }
    bool is_array = doc->kind == DOC_ARRAY;
    say(out, is_array ? "[" : "{");
    for (uint32_t i = 0; i < doc->count; i++) {
        say(out, i > 0 ? "," : "");
        if (!is_array)
            say(out, "\"%s\":", doc->names[i]);
        say_doc(out, doc->items[i]);
    }
    say(out, is_array ? "]" : "}");
}

static void
say_list(Printed *out, const Mean *list)
{
    say(out, "[");
    for (uint32_t i = 0; i < list->list.count; i++) {
        say(out, i > 0 ? ", " : "");
        if (list->sort == 'a')
            say_integer(out, list->list.integers[i]);
        else
            say_text(out, list->list.texts[i]);
    }
    say(out, "]");
}

static void
say_cell(Printed *out, const Mean *cell)
{
    say(out, ", ");
    if (cell->worth == WORTH_NULL)
        say(out, "null");
    else if (cell->sort == 'b')
        say(out, cell->integer != 0 ? "true" : "false");
    else if (cell->sort == 'i')
        say_integer(out, cell->integer);
    else if (cell->sort == 'r')
        say_real(out, cell->real);
    else if (cell->sort == 't')
        say_text(out, cell->text);
    else if (cell->sort == 'z')
        say_time(out, cell->integer);
    else if (cell->sort != 'p')
        say_list(out, cell);
    else {
        say(out, "'");
        say_doc(out, cell->doc);
        say(out, "'");
    }
}

static void
say_row(Printed *out, const ModelRow *row)
{
    const Mean *cells[] = {&row->b, &row->m, &row->i, &row->n, &row->f, &row->d,
                           &row->s, &row->z, &row->a, &row->w, &row->j};
    say(out, "(%lld", (long long)row->id);
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        say_cell(out, cells[i]);
    say(out, ")");
}

static void
insert_part(Test *test, uint32_t part)
{
    for (uint32_t first = part * ROWS; first < (part + 1) * ROWS; first += 20) {
        say(&test->sql, "INSERT INTO c0 VALUES ");
        for (uint32_t id = first; id < first + 20; id++) {
            test->rows[id] = some_row(test, id);
            /* nothing of the first segment is deleted */
            test->is_live[id] = part == 0 || !is_one_of(test, 8);
            say(&test->sql, id > first ? ", " : "");
            say_row(&test->sql, &test->rows[id]);
        }
        run(test);
    }
    for (uint32_t i = 1; i < LAYOUTS; i++) {
        say(&test->sql,
            "INSERT INTO c%u SELECT id, b, m, i, n, f, d, s, z, a, w, j FROM "
            "c0 WHERE id >= %u",
            i, part * ROWS);
        run(test);
    }
    if (part < SEGMENTS) {
        say(&test->sql, "FLUSH");
        run(test);
    }
}

static void
delete_rows(Test *test)
{
    for (uint32_t i = 0; i < LAYOUTS; i++) {
        say(&test->sql, "DELETE FROM c%u WHERE id IN (-1", i);
        for (uint32_t id = 0; id < ALL_ROWS; id++)
            if (!test->is_live[id])
                say(&test->sql, ", %u", id);
        say(&test->sql, ")");
        run(test);
    }
}

/* ---- collections ---- */

static const char *const fields = "bminfdszaw";

/* Kinds that fit a field, beside INVERTED and AUTOINDEX. */
static const char *
special_kind(Test *test, char field)
{
    static const char *const numbers[] = {"BITMAP", "STL_SORT"};
    static const char *const texts[] = {
        "TRIE", "BITMAP", "STL_SORT", "NGRAM WITH (min_gram = 2, max_gram = 3)",
        "NGRAM WITH (min_gram = 1, max_gram = 2)"};
    if (strchr("baw", field) != NULL)
        return "BITMAP";
    if (field == 's')
        return texts[below(&test->rows_maker, 5)];
    if (strchr("fdz", field) != NULL)
        return "STL_SORT";
    return numbers[below(&test->rows_maker, 2)];
}

/* Indexes over paths of JSON, with casts by chance. */
static void
index_paths(Test *test, uint32_t layout)
{
    static const char *const casts[] = {
        "INVERTED WITH (json_cast_type = 'DOUBLE')",
        "INVERTED WITH (json_cast_type = 'VARCHAR')",
        "INVERTED WITH (json_cast_type = 'BOOL')",
        "INVERTED WITH (json_cast_type = 'ARRAY_DOUBLE')",
        "INVERTED WITH (json_cast_type = 'ARRAY_VARCHAR')",
        "INVERTED WITH (json_cast_type = 'ARRAY_BOOL')",
        "NGRAM WITH (json_cast_type = 'VARCHAR', min_gram = 1, max_gram = 2)",
    };
    for (int path = 0; path < ARROW_PATH; path++) {
        say(&test->sql, "CREATE INDEX ON c%u (%s) USING %s", layout,
            path_texts[path], casts[below(&test->rows_maker, 7)]);
        run(test);
    }
}

static void
make_collections(Test *test)
{
    static const char *const kinds[] = {"", "INVERTED", "AUTOINDEX", ""};
    for (uint32_t i = 0; i < LAYOUTS; i++) {
        say(&test->sql,
            "DROP COLLECTION IF EXISTS c%u; CREATE COLLECTION c%u (id INT64 "
            "PRIMARY KEY, b BOOL, m INT8, i INT32, n INT64, f FLOAT, d DOUBLE, "
            "s VARCHAR(40), z TIMESTAMPTZ, a ARRAY<INT64>(5), w "
            "ARRAY<VARCHAR(40)>(5), j JSON)",
            i, i);
        run(test);
        for (const char *field = fields; i > 0 && *field != '\0'; field++) {
            say(&test->sql, "CREATE INDEX ON c%u (%c) USING %s", i, *field,
                i < 3 ? kinds[i] : special_kind(test, *field));
            run(test);
        }
        if (i > 0)
            index_paths(test, i);
    }
}

static void
begin_round(Test *test)
{
    test->rows_maker.room->used = 0;
    make_collections(test);
    for (uint32_t part = 0; part <= SEGMENTS; part++)
        insert_part(test, part);
    delete_rows(test);
}

/* ---- what the model says ---- */

static Mean
row_mean(Test *test, const Term *term, const ModelRow *row)
{
    test->values.used = 0;
    return filter_mean(&test->model, term, row);
}

/* False: there is nothing to compare. */
static bool
ask_model(Test *test, const Term *term)
{
    test->model = (Model){.room = &test->values};
    test->may_fail = test->must_fail = false;
    for (uint32_t id = 0; id < ALL_ROWS; id++) {
        if (!test->is_live[id])
            continue;
        Mean *mean = &test->means[id];
        test->model.is_lenient = false;
        *mean = row_mean(test, term, &test->rows[id]);
        if (mean->worth < WORTH_ERROR)
            continue;
        test->may_fail = true;
        test->model.is_lenient = true;
        *mean = row_mean(test, term, &test->rows[id]);
        test->must_fail = test->must_fail || mean->worth == WORTH_ERROR;
    }
    return !test->model.is_too_long;
}

/* Whether a part that reads no field fails: it does so when it is read. */
static bool
fails_when_read(Test *test, const Term *term, bool *is_constant)
{
    static const ModelRow nothing;
    *is_constant = term->name == 0;
    for (uint32_t i = 0; i < term->count; i++) {
        bool is_part_constant;
        if (fails_when_read(test, term->items[i], &is_part_constant))
            return true;
        *is_constant = *is_constant && is_part_constant;
    }
    return *is_constant && term->production != NULL &&
           row_mean(test, term, &nothing).worth >= WORTH_ERROR;
}

/* ---- what the engine says ---- */

static bool
disagrees(Test *test, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(test->problem, sizeof test->problem, format, arguments);
    va_end(arguments);
    return false;
}

/* An error that the model knows of. */
static bool
is_known_failure(Test *test)
{
    mql_error error = MQL_ERROR_INIT;
    mql_error_get(test->conn, &error);
    for (uint32_t i = 0; test->may_fail && i < test->model.state_count; i++)
        if (strcmp(error.sqlstate, test->model.states[i]) == 0) {
            test->failures++;
            return true;
        }
    return disagrees(test, "%s %s", error.sqlstate, error.message);
}

static const char *
worth_name(const Mean *mean)
{
    if (mean->worth == WORTH_NULL)
        return "NULL";
    return mean->integer != 0 ? "TRUE" : "FALSE";
}

static bool
is_wanted(const Mean *mean, int part)
{
    return part == 2 ? mean->worth == WORTH_NULL : is_worth(*mean, part == 0);
}

static bool
check_rows(Test *test, const uint8_t *rows, int part)
{
    for (uint32_t id = 0; id < ALL_ROWS; id++) {
        const Mean *mean = &test->means[id];
        if (test->is_live[id] && mean->worth >= WORTH_ERROR)
            continue;
        bool is_there = test->is_live[id] && is_wanted(mean, part);
        if (rows[id] == is_there)
            continue;
        Printed *row = &test->sql;
        row->size = 0;
        say_row(row, &test->rows[id]);
        return disagrees(test, "row %u comes %u times, it is %s and %s\n%s", id,
                         rows[id], test->is_live[id] ? "there" : "deleted",
                         worth_name(mean), row->text);
    }
    return true;
}

/* Whether a statement that ended well was to end so. */
static bool
is_known_success(Test *test)
{
    return !test->must_fail ||
           disagrees(test, "it succeeds, and should fail with %s",
                     test->model.states[0]);
}

/* Rows of one of the three parts. */
static bool
check_where(Test *test, uint32_t layout, int part, const char *condition)
{
    static const char *const forms[] = {
        "SELECT id FROM c%u WHERE %.8000s",
        "SELECT id FROM c%u WHERE NOT %.8000s",
        "SELECT id FROM c%u WHERE %.8000s IS NULL"};
    uint8_t rows[ALL_ROWS] = {0};
    mql_stmt *stmt;
    char *sql = test->sql.text;
    snprintf(sql, sizeof test->sql.text, forms[part], layout, condition);
    if (mql_prepare(test->conn, sql, -1, &stmt, NULL) != MQL_OK)
        return is_known_failure(test);
    mql_status status;
    while ((status = mql_step(stmt)) == MQL_ROW)
        rows[mql_column_int64(stmt, 0)]++;
    bool is_right = status == MQL_DONE
                        ? is_known_success(test) && check_rows(test, rows, part)
                        : is_known_failure(test);
    mql_finalize(stmt);
    return is_right;
}

/* The value of the condition for each row: what no index takes part in. */
static bool
check_values(Test *test, const char *condition)
{
    mql_stmt *stmt;
    char *sql = test->sql.text;
    bool is_right = true;
    snprintf(sql, sizeof test->sql.text, "SELECT id, %.8000s FROM c0",
             condition);
    if (mql_prepare(test->conn, sql, -1, &stmt, NULL) != MQL_OK)
        return is_known_failure(test);
    mql_status status;
    while (is_right && (status = mql_step(stmt)) == MQL_ROW) {
        const Mean *mean = &test->means[mql_column_int64(stmt, 0)];
        int part = mql_column_is_null(stmt, 1)     ? 2
                   : mql_column_bool(stmt, 1) != 0 ? 0
                                                   : 1;
        if (mean->worth < WORTH_ERROR && !is_wanted(mean, part))
            is_right = disagrees(test, "row %lld: %s, and not %s",
                                 (long long)mql_column_int64(stmt, 0),
                                 part == 2   ? "NULL"
                                 : part == 0 ? "TRUE"
                                             : "FALSE",
                                 worth_name(mean));
    }
    if (is_right)
        is_right = status == MQL_DONE ? is_known_success(test)
                                      : is_known_failure(test);
    mql_finalize(stmt);
    return is_right;
}

static bool
check_count(Test *test, uint32_t layout, const char *condition)
{
    int64_t wanted = 0;
    mql_stmt *stmt;
    char *sql = test->sql.text;
    for (uint32_t id = 0; id < ALL_ROWS; id++)
        wanted += test->is_live[id] && is_worth(test->means[id], true);
    snprintf(sql, sizeof test->sql.text,
             "SELECT count(*) FROM c%u WHERE %.8000s", layout, condition);
    if (mql_prepare(test->conn, sql, -1, &stmt, NULL) != MQL_OK)
        return is_known_failure(test);
    bool is_right = mql_step(stmt) == MQL_ROW ? is_known_success(test)
                                              : is_known_failure(test);
    if (is_right && !test->may_fail && mql_column_int64(stmt, 0) != wanted)
        is_right =
            disagrees(test, "count(*) is %lld, not %lld",
                      (long long)mql_column_int64(stmt, 0), (long long)wanted);
    mql_finalize(stmt);
    return is_right;
}

/* Whether engine and model agree; test->problem says what not. */
static bool
agrees(Test *test, const Term *term)
{
    static Printed condition;
    bool is_constant;
    if (fails_when_read(test, term, &is_constant) || !ask_model(test, term))
        return true;
    condition.size = 0;
    say_term(&condition, term);
    if (condition.size > 8000)
        return true;
    for (uint32_t layout = 0; layout < LAYOUTS; layout++)
        for (int part = 0; part < 3; part++)
            if (!check_where(test, layout, part, condition.text)) {
                size_t size = strlen(test->problem);
                snprintf(test->problem + size, sizeof test->problem - size,
                         "\nlayout %u, part %d", layout, part);
                return false;
            }
    return check_values(test, condition.text) &&
           check_count(test, test->tried % LAYOUTS, condition.text);
}

/* ---- smaller ---- */

/* A term of the same sort deeper in `term` for which they still disagree, put
 * in the place of one of its parts. Depth is that of the term. */
static bool
shrink_part(Test *test, Term *root, Term **place)
{
    Term *term = *place;
    for (uint32_t i = 0; i < term->count; i++) {
        if (term->items[i]->sort == term->sort) {
            *place = term->items[i];
            Term *whole = place == &term ? *place : root;
            if (!agrees(test, whole))
                return true;
            *place = term;
        }
    }
    for (uint32_t i = 0; i < term->count; i++)
        if (shrink_part(test, root, &term->items[i]))
            return true;
    return false;
}

static Term *
shrink(Test *test, Term *term)
{
    bool is_smaller = true;
    while (is_smaller) {
        is_smaller = false;
        for (uint32_t i = 0; i < term->count && !is_smaller; i++) {
            if (term->items[i]->sort == 'b' && !agrees(test, term->items[i])) {
                term = term->items[i];
                is_smaller = true;
            }
        }
        for (uint32_t i = 0; i < term->count && !is_smaller; i++)
            is_smaller = shrink_part(test, term, &term->items[i]);
    }
    return term;
}

static void
try_condition(Test *test, uint64_t seed)
{
    static Printed printed;
    test->maker.room->used = 0;
    Term *term = make_term(&test->maker, 'b', below(&test->maker, 5));
    if (test->is_loud) {
        printed.size = 0;
        say_term(&printed, term);
        fprintf(stderr, "%s\n", printed.text);
    }
    test->tried++;
    if (agrees(test, term))
        return;
    term = shrink(test, term);
    (void)agrees(test, term);
    printed.size = 0;
    say_term(&printed, term);
    fail_msg("seed %llu, condition %u: %s\n%s", (unsigned long long)seed,
             test->tried, printed.text, test->problem);
}

/* ---- the test ---- */

static Room *
new_room(size_t size)
{
    Room *room = calloc(1, sizeof *room);
    assert_non_null(room);
    *room = (Room){.bytes = malloc(size), .size = size};
    assert_non_null(room->bytes);
    return room;
}

static void
free_room(Room *room)
{
    free(room->bytes);
    free(room);
}

static uint64_t
number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static void
test_model(void **state)
{
    (void)state;
    uint64_t seed = number_of("MQL_TEST_SEED", 1);
    uint64_t most = number_of("MQL_TEST_STEPS", CONDITIONS);
    Test *test = calloc(1, sizeof *test);
    assert_non_null(test);
    Room *values = new_room(1 << 22);
    test->values = *values;
    test->maker = (Maker){seed, new_room(1 << 22)};
    test->rows_maker = (Maker){seed + 1000, new_room(1 << 22)};
    test->is_loud = getenv("MQL_TEST_SAY") != NULL;
    char *directory = temporary_directory();
    char *path = path_in(directory, "db");
    mql_db *db;
    assert_int_equal(mql_open(path, NULL, &db, NULL), MQL_OK);
    assert_int_equal(mql_connect(db, &test->conn, NULL), MQL_OK);
    for (uint64_t i = 0; i < most; i++) {
        if (i % ROUND == 0)
            begin_round(test);
        try_condition(test, seed);
    }
    print_message("%u conditions, %u statements that failed as they should\n",
                  test->tried, test->failures);
    mql_disconnect(test->conn);
    mql_close(db);
    remove_tree(directory);
    free(path);
    free(directory);
    free_room(test->maker.room);
    free_room(test->rows_maker.room);
    free_room(values);
    free(test);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
