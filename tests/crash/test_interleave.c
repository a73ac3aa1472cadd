/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_interleave.c - two or three sessions in every order of their steps.
 *
 * A workload is a few statements for each session, over one collection with
 * rows in two files and in memory. The threads give way before each call to the
 * disk, before each lock, between statements and between rows (schedule.h).
 * There are switches that nobody was forced to: MQL_TEST_LONG=1 takes all
 * schedules with one, and of those with two up to 2,000 of each workload and
 * first session (MQL_TEST_SCHEDULES=0: all); `make check` a part of them.
 * Another MQL_TEST_SEED takes another part.
 *
 * After a run: some order of the statements explains every answer and what is
 * there (sessions.h); CHECK finds nothing; the same after opening again; and
 * after a power loss at the moment of an answer: what was answered by then,
 * reading included, must be explained by what is left.
 *
 * A failure prints `--replay WORKLOAD:SCHEDULE`. The same once more with
 * threads that run as they come (MQL_TEST_ROUNDS times), for the thread
 * sanitizer.
 */
#include "machine.h"
#include "schedule.h"
#include "sessions.h"

#include <inttypes.h>
#include <unistd.h>

#include "crash_trace.h"
#include "engine/api/handles.h"
#include "engine/collection/maintenance.h"

/* Of one process: where it works, and the run under way. */
typedef struct Bench {
    char *folder, *base, *root, *db, *backup, *survivor;
    uint64_t sequence; /* of the last commit of the prologue */
    CrashVfs *crash;
    const Workload *workload;
    History history;
    Database database;
    mql_conn *connections[SESSIONS_MOST];
    Passage passage;
    uint64_t random;
    uint64_t turn, step; /* which schedules of many */
    bool is_loud;
} Bench;

typedef struct Thread {
    Bench *bench;
    uint32_t session;
} Thread;

/* ---- one statement ---- */

/* Its text with the names of this bench. */
static void
fill_in(const Bench *bench, const char *sql, char *text, size_t size)
{
    const char *brace = strchr(sql, '{');
    if (brace == NULL) {
        snprintf(text, size, "%s", sql);
        return;
    }
    const char *rest = strchr(brace, '}') + 1;
    if (brace[1] == 'b')
        snprintf(text, size, "%.*s%s%s", (int)(brace - sql), sql, bench->backup,
                 rest);
    else
        snprintf(text, size, "%.*s%" PRIu64 "%s", (int)(brace - sql), sql,
                 bench->sequence, rest);
}

static int
column_named(mql_stmt *stmt, const char *name)
{
    for (int i = 0; i < mql_column_count(stmt); i++)
        if (strcmp(mql_column_name(stmt, i), name) == 0)
            return i;
    return -1;
}

/* A row comes twice, or a vector is not its own: the words say so. */
static void
take_row(mql_stmt *stmt, ModelTable *seen, char *odd)
{
    int64_t id = mql_column_int64(stmt, 0);
    int n = column_named(stmt, "n");
    int v = column_named(stmt, "v");
    if (id < 0 || id >= ROWS_MOST || seen->rows[id] != 0) {
        snprintf(odd, ANSWER_SIZE, "row %" PRId64 " twice or wrong", id);
        return;
    }
    seen->rows[id] = n < 0 ? 1 : mql_column_int64(stmt, n);
    uint32_t dim = 0;
    const float *vector = v < 0 ? NULL : mql_column_vector_f32(stmt, v, &dim);
    if (v >= 0 && (vector == NULL || dim != 2 || vector[0] != (float)id))
        snprintf(odd, ANSWER_SIZE, "row %" PRId64 " has another's vector", id);
}

static void
answer_failure(mql_conn *conn, char *answer)
{
    mql_error error = MQL_ERROR_INIT;
    mql_error_get(conn, &error);
    static const char expected[] =
        "23505 40001 42P01 42P07 42701 42703 42704 42710 72000 "
        "25P02 34000";
    snprintf(answer, ANSWER_SIZE, "%s", error.sqlstate);
    if (strstr(expected, error.sqlstate) == NULL)
        snprintf(answer, ANSWER_SIZE, "%s %.60s %.80s", error.sqlstate,
                 error.message, error.detail);
}

static void
answer_rows(const ModelTable *seen, char *answer)
{
    char text[ANSWER_SIZE];
    ModelTable table = *seen;
    table.exists = true;
    table_print(&table, text);
    snprintf(answer, ANSWER_SIZE, "%.*s", (int)(strstr(text, "things") - text),
             text);
}

static void
run_sql(mql_conn *conn, const char *sql, const char *effects, char *answer)
{
    mql_stmt *stmt = NULL;
    ModelTable seen = {0};
    char odd[ANSWER_SIZE] = "";
    mql_status status = mql_prepare(conn, sql, -1, &stmt, NULL);
    bool has_rows = status == MQL_OK && mql_has_rows(stmt) != 0;
    while (status == MQL_OK && (status = mql_step(stmt)) == MQL_ROW) {
        take_row(stmt, &seen, odd);
        schedule_point(POINT_STATEMENT);
        status = MQL_OK;
    }
    if (status != MQL_DONE)
        answer_failure(conn, answer);
    else if (has_rows && odd[0] != '\0')
        snprintf(answer, ANSWER_SIZE, "%s", odd);
    else if (has_rows && strspn(effects, "rscpihf") > 0)
        answer_rows(&seen, answer);
    else if (strpbrk(effects, "+:?~^-<>") != NULL)
        snprintf(answer, ANSWER_SIZE, "ok %d", (int)mql_changes(stmt));
    else
        snprintf(answer, ANSWER_SIZE, "ok");
    mql_finalize(stmt);
}

/* What the thread of jobs does, by the same calls. */
static void
run_job(const Bench *bench, const char *what, char *answer)
{
    Store *store = bench->database.db->store;
    const Version *version = store_version(store);
    Error err = ERROR_INIT;
    const CollectionVersion *found =
        version_find_collection(version, 1, slice_of("t"));
    uint64_t id = found == NULL ? 0 : found->collection->id;
    version_release(version);
    mql_status status = what[1] == 's'
                            ? store_compact(store, id, COMPACT_SEAL, NULL, &err)
                            : store_build_indexes(store, id, NULL, &err);
    if (status == MQL_OK)
        snprintf(answer, ANSWER_SIZE, "ok");
    else
        snprintf(answer, ANSWER_SIZE, "%s", err.sqlstate);
}

/* Free threads have the system's disk. */
static uint64_t
operations(const Bench *bench)
{
    return bench->crash == NULL ? 0 : crash_operations(bench->crash);
}

static void
run_session(void *context)
{
    const Thread *thread = context;
    Bench *bench = thread->bench;
    const Step *list = bench->history.statements[thread->session];
    for (int i = 0; i < STATEMENTS_MOST && list[i].sql != NULL; i++) {
        Answered *answered = &bench->history.answered[thread->session][i];
        char sql[512];
        fill_in(bench, list[i].sql, sql, sizeof sql);
        answered->asked_at = schedule_now();
        answered->asked_after = operations(bench);
        if (sql[0] == '@')
            run_job(bench, sql, answered->answer);
        else
            run_sql(bench->connections[thread->session], sql, list[i].effects,
                    answered->answer);
        answered->answered_at = schedule_now();
        answered->answered_after = operations(bench);
        schedule_point(POINT_STATEMENT);
    }
}

/* ---- looking ---- */

/* Whether SHOW lists the name. */
static bool
is_shown(mql_conn *conn, const char *sql, const char *name)
{
    bool is_there = false;
    mql_stmt *stmt = NULL;
    mql_status status = mql_prepare(conn, sql, -1, &stmt, NULL);
    while (status == MQL_OK && mql_step(stmt) == MQL_ROW)
        is_there =
            is_there || strcmp(mql_column_text(stmt, 0, NULL), name) == 0;
    mql_finalize(stmt);
    return is_there;
}

static void
look(mql_conn *conn, char table[ANSWER_SIZE])
{
    char searched[ANSWER_SIZE], read[ANSWER_SIZE];
    run_sql(conn, "SELECT id, n, v FROM t", "r", read);
    run_sql(conn, SEARCH, "s", searched);
    uint32_t things =
        (is_shown(conn, "DESCRIBE t", "m") ? THING_FIELD : 0u) |
        (is_shown(conn, "SHOW INDEXES FROM t", "t_n") ? THING_INDEX : 0u) |
        (is_shown(conn, "SHOW PARTITIONS FROM t", "p") ? THING_PARTITION : 0u);
    if (strcmp(read, "42P01") == 0)
        snprintf(table, ANSWER_SIZE, "none");
    else if (strcmp(read, searched) != 0)
        snprintf(table, ANSWER_SIZE, "read %.70s searched %.70s", read,
                 searched);
    else
        snprintf(table, ANSWER_SIZE, "%.140sthings %u", read, things);
}

/* NULL, or what CHECK finds; malloc'ed. */
static char *
check(Database *database, const char *when)
{
    mql_error error = MQL_ERROR_INIT;
    if (machine_check(database, &error) == MQL_OK)
        return NULL;
    Buffer words = BUFFER_INIT;
    buffer_printf(&words, "%s: CHECK: %s %s\n", when, error.message,
                  error.detail);
    char *text = strdup(buffer_text(&words));
    buffer_free(&words);
    return text;
}

static char *
unexplained(const char *when, const char *table)
{
    Buffer words = BUFFER_INIT;
    buffer_printf(&words, "%s: no order of the statements explains: %s\n", when,
                  table);
    char *text = strdup(buffer_text(&words));
    buffer_free(&words);
    return text;
}

/* Open the directory with nothing in between: what is there after so many
 * operations. */
static char *
judge_directory(Bench *bench, const char *path, uint64_t operations,
                const char *when)
{
    Database database;
    mql_error error;
    char table[ANSWER_SIZE];
    if (machine_open(path, NULL, &database, &error) != MQL_OK) {
        snprintf(table, sizeof table, "%.60s %.60s", error.message,
                 error.detail);
        return unexplained(when, table);
    }
    look(database.conn, table);
    char *wrong = NULL;
    if (!history_explains(&bench->history, operations, table))
        wrong = unexplained(when, table);
    if (wrong == NULL)
        wrong = check(&database, when);
    machine_close(&database);
    return wrong;
}

static char *
judge_power_loss(Bench *bench, uint64_t operations)
{
    char when[64];
    snprintf(when, sizeof when, "power lost after operation %" PRIu64,
             operations);
    crash_survivor(bench->crash, operations, 0, bench->survivor);
    char *path = path_in(bench->survivor, "db");
    char *wrong = judge_directory(bench, path, operations, when);
    free(path);
    remove_tree(bench->survivor);
    return wrong;
}

/* At the moment of each answer, or of one. */
static char *
judge_power_losses(Bench *bench, const Schedule *schedule)
{
    char *wrong = NULL;
    bool is_all = bench->is_loud || (is_long_run() && schedule->count < 2);
    uint64_t chosen = next_random(&bench->random) >> 40, count = 0;
    for (uint32_t i = 0; i < bench->history.sessions; i++)
        for (int k = 0; k < STATEMENTS_MOST; k++)
            count += bench->workload->sessions[i][k].sql != NULL;
    chosen %= count;
    count = 0;
    for (uint32_t i = 0; i < bench->history.sessions; i++)
        for (int k = 0; k < STATEMENTS_MOST && wrong == NULL; k++)
            if (bench->workload->sessions[i][k].sql != NULL &&
                (count++ == chosen || is_all))
                wrong = judge_power_loss(
                    bench, bench->history.answered[i][k].answered_after);
    return wrong;
}

/* The answer of a BACKUP that worked: what is in it. */
static void
look_into_backups(Bench *bench)
{
    char *restored = path_in(bench->folder, "restored");
    for (uint32_t i = 0; i < bench->history.sessions; i++)
        for (int k = 0; k < STATEMENTS_MOST; k++) {
            const Step *statement = &bench->workload->sessions[i][k];
            Answered *answered = &bench->history.answered[i][k];
            if (statement->sql == NULL || statement->effects[0] != 'b' ||
                strcmp(answered->answer, "ok") != 0)
                continue;
            Database database;
            mql_error error = MQL_ERROR_INIT;
            if (mql_restore(bench->backup, restored, &error) != MQL_OK ||
                machine_open(restored, NULL, &database, &error) != MQL_OK) {
                snprintf(answered->answer, ANSWER_SIZE, "backup: %.140s",
                         error.message);
            } else {
                look(database.conn, answered->answer);
                if (machine_check(&database, &error) != MQL_OK)
                    snprintf(answered->answer, ANSWER_SIZE, "backup: %.140s",
                             error.detail);
                machine_close(&database);
            }
            remove_tree(restored);
        }
    free(restored);
}

/* ---- a run ---- */

static void
open_bench(Bench *bench, bool is_free)
{
    mql_error error;
    copy_tree(bench->base, bench->root);
    bench->crash = is_free ? NULL : crash_create(bench->root, 42);
    crash_route_lmdb(bench->crash);
    if (machine_open(bench->db, is_free ? NULL : crash_vfs(bench->crash),
                     &bench->database, &error) != MQL_OK)
        fail_msg("%s %s", error.message, error.detail);
    for (uint32_t i = 0; i < bench->history.sessions; i++)
        assert_int_equal(
            mql_connect(bench->database.db, &bench->connections[i], &error),
            MQL_OK);
}

static void
on_call(void *context)
{
    const Bench *bench = context;
    /* Not within a call of the same thread: it has the trace's lock. */
    if (bench->crash->depth == 0)
        schedule_point(POINT_DISK);
}

static void
begin_history(Bench *bench, const Workload *workload)
{
    bench->workload = workload;
    bench->history = (History){.first = session_first};
    for (uint32_t i = 0; i < SESSIONS_MOST; i++)
        if (workload->sessions[i][0].sql != NULL) {
            bench->history.statements[i] = workload->sessions[i];
            bench->history.sessions = i + 1;
        }
}

static void
run_sessions(Bench *bench, const Schedule *schedule)
{
    Thread threads[SESSIONS_MOST];
    ScheduleThread list[SESSIONS_MOST];
    uint32_t count = bench->history.sessions;
    for (uint32_t i = 0; i < count; i++) {
        threads[i] = (Thread){bench, i};
        list[i] = (ScheduleThread){run_session, &threads[i]};
    }
    alarm(120); /* a thread that waits where nobody sees it */
    if (schedule == NULL) {
        schedule_run_free(list, count);
    } else {
        crash_on_call(bench->crash, on_call, bench);
        schedule_run(schedule, list, count, &bench->crash->mutex,
                     &bench->passage);
        crash_on_call(bench->crash, NULL, NULL);
    }
    alarm(0);
    for (uint32_t i = 0; i < count; i++)
        mql_disconnect(bench->connections[i]);
}

/* NULL: threads are free. */
static void
print_schedule(const Schedule *schedule, char *text, size_t size)
{
    if (schedule == NULL)
        snprintf(text, size, "free");
    else
        schedule_print(schedule, text, size);
}

/* NULL, or what is wrong; malloc'ed. */
static char *
run_schedule(Bench *bench, const Workload *workload, const Schedule *schedule)
{
    char text[128], table[ANSWER_SIZE];
    begin_history(bench, workload);
    print_schedule(schedule, text, sizeof text);
    machine_doing("--replay %s:%s", workload->name, text);
    open_bench(bench, schedule == NULL);
    run_sessions(bench, schedule);
    look_into_backups(bench);
    look(bench->database.conn, table);
    char *wrong = NULL;
    if (!history_explains(&bench->history, UINT64_MAX, table))
        wrong = unexplained("at the end", table);
    if (wrong == NULL)
        wrong = check(&bench->database, "at the end");
    machine_close(&bench->database);
    crash_route_lmdb(NULL);
    if (wrong == NULL)
        wrong = judge_directory(bench, bench->db, UINT64_MAX, "opened again");
    if (wrong == NULL && schedule != NULL)
        wrong = judge_power_losses(bench, schedule);
    machine_count(0, 1);
    if (schedule != NULL)
        crash_destroy(bench->crash);
    remove_tree(bench->root);
    return wrong;
}

static void
tell_answers(const Bench *bench, Buffer *words)
{
    for (uint32_t i = 0; i < bench->history.sessions; i++)
        for (int k = 0; k < STATEMENTS_MOST; k++) {
            const Answered *answered = &bench->history.answered[i][k];
            if (bench->workload->sessions[i][k].sql == NULL)
                break;
            buffer_printf(words, "  %u: %-44.44s points %4u-%4u  %s\n", i,
                          bench->workload->sessions[i][k].sql,
                          answered->asked_at, answered->answered_at,
                          answered->answer);
        }
}

static void
run_or_fail(Bench *bench, const Workload *workload, const Schedule *schedule)
{
    char *wrong = run_schedule(bench, workload, schedule);
    if (wrong == NULL)
        return;
    char text[128];
    Buffer words = BUFFER_INIT;
    print_schedule(schedule, text, sizeof text);
    tell_answers(bench, &words);
    fail_msg("--replay %s:%s\n%s%s", workload->name, text, wrong,
             buffer_text(&words));
}

/* ---- all schedules, or some ---- */

/* The other threads that could have gone on at a point. */
static uint32_t
others_at(const Passed *passed)
{
    return passed->may_run & ~(1u << passed->next);
}

static void
add_switch(Schedule *schedule, uint32_t point, uint32_t thread)
{
    schedule->switches[schedule->count++] = (Switch){point, thread};
}

/* How many with two switches are taken of one workload and first session;
 * MQL_TEST_SCHEDULES says another number, 0: all. */
static uint64_t
schedules_most(void)
{
    const char *wanted = getenv("MQL_TEST_SCHEDULES");
    uint64_t most = wanted == NULL ? 2000 : strtoull(wanted, NULL, 10);
    return most == 0 ? UINT64_MAX : most;
}

/* Of all schedules with more than one switch each so many-th, another with
 * another seed: there are about half the square of the points. */
static bool
is_taken(Bench *bench, const Schedule *schedule, uint32_t points)
{
    if (schedule->count == 0) {
        uint64_t all = (uint64_t)points * points / 2;
        bench->step = all / schedules_most() + 1;
        return true;
    }
    return bench->turn++ % bench->step == 0;
}

/* The schedule, and those that have up to `more` switches behind its last. */
static void
explore(Bench *bench, const Workload *workload, const Schedule *schedule,
        uint32_t more)
{
    run_or_fail(bench, workload, schedule);
    if (more == 0)
        return;
    uint32_t count = bench->passage.count;
    Passed *points = malloc(count * sizeof *points + 1);
    assert_non_null(points);
    memcpy(points, bench->passage.points, count * sizeof *points);
    uint32_t first = schedule->count == 0
                         ? 0
                         : schedule->switches[schedule->count - 1].point + 1;
    for (uint32_t point = first; point < count; point++)
        for (uint32_t i = 0; i < SCHEDULE_THREADS; i++) {
            if ((others_at(&points[point]) & 1u << i) == 0)
                continue;
            Schedule next = *schedule;
            if (!is_taken(bench, schedule, count))
                continue;
            add_switch(&next, point, i);
            explore(bench, workload, &next, more - 1);
        }
    free(points);
}

/* One more switch, somewhere behind the last, each second time between
 * statements; false: there is no place. */
static bool
switch_somewhere(Bench *bench, Schedule *schedule)
{
    Passage *passage = &bench->passage;
    bool is_between = next_random(&bench->random) >> 63 != 0;
    for (uint32_t i = 0; is_between && i < passage->count; i++)
        if (passage->points[i].kind != POINT_STATEMENT)
            passage->points[i].may_run = 0;
    uint32_t first = schedule->count == 0
                         ? 0
                         : schedule->switches[schedule->count - 1].point + 1;
    uint32_t places = 0;
    for (uint32_t i = first; i < passage->count; i++)
        places += others_at(&passage->points[i]) != 0;
    if (places == 0)
        return false;
    uint32_t place = (uint32_t)(next_random(&bench->random) >> 33) % places;
    uint32_t point = first;
    while (others_at(&passage->points[point]) == 0 || place-- > 0)
        point++;
    uint32_t others = others_at(&passage->points[point]);
    uint32_t thread =
        (uint32_t)(next_random(&bench->random) >> 33) % SCHEDULE_THREADS;
    while ((others & 1u << thread) == 0)
        thread = (thread + 1) % SCHEDULE_THREADS;
    add_switch(schedule, point, thread);
    return true;
}

/* Most switches; MQL_TEST_SWITCHES says another number. */
static uint32_t
switches_most(void)
{
    const char *wanted = getenv("MQL_TEST_SWITCHES");
    return wanted == NULL ? 2 : (uint32_t)strtoul(wanted, NULL, 10);
}

#define QUICK_CHAINS (CASE_STEP == 1 ? 8u : 4u)

static void
explore_some(Bench *bench, const Workload *workload, uint32_t sessions)
{
    for (uint32_t chain = 0; chain < QUICK_CHAINS; chain++) {
        Schedule schedule = {.first = chain % sessions};
        run_or_fail(bench, workload, &schedule);
        for (uint32_t i = 0;
             i < switches_most() && switch_somewhere(bench, &schedule); i++)
            run_or_fail(bench, workload, &schedule);
    }
}

/* ---- the bench ---- */

static void
bench_init(Bench *bench)
{
    Database database;
    mql_error error;
    const char *seed = getenv("MQL_TEST_SEED");
    *bench = (Bench){.folder = temporary_directory()};
    bench->random = seed == NULL ? 42 : strtoull(seed, NULL, 10) * 2 + 1;
    bench->turn = bench->random / 2;
    bench->base = path_in(bench->folder, "base");
    bench->root = path_in(bench->folder, "root");
    bench->db = path_in(bench->root, "db");
    bench->backup = path_in(bench->root, "backup");
    bench->survivor = path_in(bench->folder, "survivor");
    assert_int_equal(mkdir(bench->base, 0700), 0);
    char *path = path_in(bench->base, "db");
    assert_int_equal(machine_open(path, NULL, &database, &error), MQL_OK);
    for (size_t i = 0; i < session_prologue_count; i++)
        if (mql_exec(database.conn, session_prologue[i]) != MQL_OK)
            fail_msg("%s", session_prologue[i]);
    mql_stmt *stmt = NULL;
    assert_int_equal(mql_prepare(database.conn, "SELECT current_sequence()", -1,
                                 &stmt, NULL),
                     MQL_OK);
    assert_int_equal(mql_step(stmt), MQL_ROW);
    bench->sequence = (uint64_t)mql_column_int64(stmt, 0);
    mql_finalize(stmt);
    machine_close(&database);
    free(path);
}

static void
bench_free(Bench *bench)
{
    remove_tree(bench->folder);
    char *const paths[] = {bench->folder, bench->base,   bench->root,
                           bench->db,     bench->backup, bench->survivor};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        free(paths[i]);
    free(bench->passage.points);
}

static bool
is_telling(const Workload *workload)
{
    const char *const *name = telling_workloads;
    while (*name != NULL && strcmp(*name, workload->name) != 0)
        name++;
    return *name != NULL;
}

static void
work(int worker, void *context)
{
    Bench bench;
    (void)context;
    bench_init(&bench);
    for (size_t i = (size_t)worker; i < workload_count; i += WORKERS) {
        begin_history(&bench, &workloads[i]);
        uint32_t sessions = bench.history.sessions;
        bool is_long = is_long_run();
        if (!is_long)
            explore_some(&bench, &workloads[i], sessions);
        for (uint32_t first = 0; first < sessions; first++) {
            const Schedule schedule = {.first = first};
            if (is_long || (CASE_STEP == 1 && is_telling(&workloads[i])))
                explore(&bench, &workloads[i], &schedule,
                        is_long ? switches_most() : 1);
        }
    }
    bench_free(&bench);
}

/* All threads at once: for the thread sanitizer. */
static void
work_freely(int worker, void *context)
{
    Bench bench;
    (void)context;
    bench_init(&bench);
    const char *rounds = getenv("MQL_TEST_ROUNDS");
    long most = rounds == NULL ? 1 : strtol(rounds, NULL, 10);
    for (long round = 0; round < most; round++)
        for (size_t i = (size_t)worker; i < workload_count; i += WORKERS)
            run_or_fail(&bench, &workloads[i], NULL);
    bench_free(&bench);
}

static void
test_threads(void **unused)
{
    (void)unused;
    assert_int_equal(run_workers(work_freely, NULL), 0);
}

static void
test_interleavings(void **unused)
{
    (void)unused;
    int failed = run_workers(work, NULL);
    print_message("%zu workloads, %" PRIu64 " schedules\n", workload_count,
                  machine_counted(0));
    assert_int_equal(failed, 0);
}

/* ---- again ---- */

static void
tell_passage(const Passage *passage)
{
    for (uint32_t i = 0, since = 0; i < passage->count; i++) {
        const Passed *passed = &passage->points[i];
        if (passed->next == passed->thread && i + 1 < passage->count)
            continue;
        printf("points %4u-%4u: session %u, up to %s\n", since, i,
               passed->thread, point_kind_name((PointKind)passed->kind));
        since = i + 1;
    }
}

static int
replay(const char *text)
{
    const Workload *workload = NULL;
    size_t size = strcspn(text, ":");
    for (size_t i = 0; i < workload_count; i++)
        if (strlen(workloads[i].name) == size &&
            strncmp(workloads[i].name, text, size) == 0)
            workload = &workloads[i];
    Schedule schedule;
    bool is_free = strcmp(text + size, ":free") == 0;
    if (workload == NULL || text[size] != ':' ||
        (!is_free && !schedule_read(text + size + 1, &schedule))) {
        fprintf(stderr, "--replay WORKLOAD:FIRST[,POINT>THREAD...]\n");
        return 2;
    }
    Bench bench;
    bench_init(&bench);
    bench.is_loud = true;
    char *wrong = run_schedule(&bench, workload, is_free ? NULL : &schedule);
    Buffer words = BUFFER_INIT;
    tell_answers(&bench, &words);
    tell_passage(&bench.passage);
    printf("%s%s", buffer_text(&words),
           wrong == NULL ? "nothing is wrong\n" : wrong);
    int status = wrong == NULL ? 0 : 1;
    buffer_free(&words);
    free(wrong);
    bench_free(&bench);
    return status;
}

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--replay") == 0)
        return replay(argv[2]);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_interleavings),
                                       cmocka_unit_test(test_threads)};
    if (argc == 2)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
