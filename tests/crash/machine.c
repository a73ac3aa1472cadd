/* SPDX-License-Identifier: Apache-2.0 */
/* machine.c - the model, the look at a database, and work in processes. */
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "engine/api/database_open.h"
#include "engine/api/handles.h"

/* ---- the model ---- */

typedef struct Effect {
    int collection;
    char what; /* 0: it must be there */
    int first, last;
    int64_t value;
    char thing[24];
} Effect;

static Effect
effect_read(const char *word, size_t size)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)size, word);
    Effect effect = {0};
    if (text[0] == '+' || text[0] == '-')
        return (Effect){.collection = text[1] - 't', .what = text[0]};
    effect.collection = text[0] - 't';
    effect.what = text[1];
    if (text[1] == '+' || text[1] == '-') {
        snprintf(effect.thing, sizeof effect.thing, "%.23s", text + 2);
        return effect;
    }
    if (text[1] == '\0')
        return effect;
    char *end;
    effect.first = effect.last = (int)strtol(text + 2, &end, 10);
    if (*end == '-')
        effect.last = (int)strtol(end + 1, &end, 10);
    if (*end == '=')
        effect.value = strtol(end + 1, &end, 10);
    return effect;
}

static bool
apply_thing(World *world, const Effect *effect)
{
    char(*things)[24] = world->collections[effect->collection].things;
    int free_place = -1;
    for (int i = 0; i < WORLD_THINGS; i++) {
        if (things[i][0] == '\0')
            free_place = i;
        if (strcmp(things[i], effect->thing) != 0)
            continue;
        things[i][0] = '\0';
        return effect->what == '-';
    }
    if (effect->what == '-' || free_place < 0)
        return false;
    memcpy(things[free_place], effect->thing, sizeof effect->thing);
    return true;
}

static bool
apply_row(World *world, const Effect *effect, int row)
{
    int64_t *values = world->collections[effect->collection].values;
    bool is_there = values[row] != 0;
    switch (effect->what) {
    case '*':
        values[row] = effect->value;
        return !is_there;
    case ':':
        values[row] = effect->value;
        return true;
    case '~':
        values[row] = is_there ? effect->value : 0;
        return true;
    case '?':
        values[row] = is_there ? values[row] : effect->value;
        return true;
    case '<':
        if (values[effect->value] == 0)
            return true;
        values[row] = values[effect->value];
        return !is_there;
    default:
        values[row] = 0;
        return true;
    }
}

static bool
apply_effect(World *world, const Effect *effect)
{
    bool exists = world->collections[effect->collection].exists;
    bool is_thing = effect->thing[0] != '\0';
    if (!is_thing && (effect->what == '+' || effect->what == '-')) {
        memset(&world->collections[effect->collection], 0,
               sizeof world->collections[0]);
        world->collections[effect->collection].exists = effect->what == '+';
        return exists == (effect->what == '-');
    }
    if (!exists || effect->what == '\0')
        return exists;
    if (is_thing)
        return apply_thing(world, effect);
    for (int row = effect->first; row <= effect->last; row++)
        if (!apply_row(world, effect, row))
            return false;
    return true;
}

bool
world_apply(World *world, const Action *action)
{
    World next = *world;
    for (const char *at = action->effects; *at != '\0';) {
        size_t size = strcspn(at, " ");
        Effect effect = effect_read(at, size);
        if (!apply_effect(&next, &effect))
            return false;
        at += size;
        at += strspn(at, " ");
    }
    *world = next;
    return true;
}

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void
print_things(char (*things)[24], size_t count, Buffer *out)
{
    qsort(things, count, sizeof things[0], compare_texts);
    for (size_t i = 0; i < count; i++)
        if (things[i][0] != '\0')
            buffer_printf(out, " %s", things[i]);
}

char *
world_text(const World *world)
{
    Buffer out = BUFFER_INIT;
    for (int c = 0; c < 3; c++) {
        if (!world->collections[c].exists)
            continue;
        char things[WORLD_THINGS][24];
        memcpy(things, world->collections[c].things, sizeof things);
        buffer_printf(&out, "%c:", 't' + c);
        print_things(things, WORLD_THINGS, &out);
        int64_t count = 0, sum = 0;
        for (int row = 0; row < WORLD_ROWS; row++) {
            int64_t value = world->collections[c].values[row];
            if (value == 0)
                continue;
            buffer_printf(&out, " %d=%" PRId64, row, value);
            count++;
            sum += row;
        }
        buffer_printf(&out, " found %" PRId64 " sum %" PRId64, count, sum);
        buffer_printf(&out, " filtered %" PRId64 "\n", count);
    }
    char *text = strdup(buffer_text(&out));
    buffer_free(&out);
    return text;
}

/* ---- databases ---- */

/* Around the time of a CrashVfs: no row's age depends on the day of the test.
 */
#define TIME_OF_BASE INT64_C(1699990000)
#define TIME_OF_JUDGEMENT INT64_C(1700003000)
#define SECOND INT64_C(1000000)

static int64_t
base_now(void *context)
{
    (void)context;
    return TIME_OF_BASE * SECOND;
}

static int64_t
judgement_now(void *context)
{
    (void)context;
    return TIME_OF_JUDGEMENT * SECOND;
}

/* The system's functions, but for the clock. */
static const Vfs *
with_clock(Vfs *vfs, int64_t (*now)(void *context))
{
    if (vfs->now == NULL) {
        *vfs = posix_vfs;
        vfs->now = now;
    }
    return vfs;
}

void
machine_make_base(const char *path, const char *copy)
{
    static Vfs vfs;
    Database database;
    mql_error error;
    if (machine_open(path, with_clock(&vfs, base_now), &database, &error) !=
        MQL_OK)
        fail_msg("%s %s", error.message, error.detail);
    for (size_t i = 0; i < prologue_count; i++)
        if (machine_run(database.conn, &prologue[i], &error) != MQL_OK)
            fail_msg("%s: %s %s", prologue[i].name, error.message,
                     error.detail);
    if (copy != NULL)
        copy_tree(path, copy);
    machine_close(&database);
}

mql_status
machine_open(const char *path, const Vfs *vfs, Database *database,
             mql_error *error)
{
    static Vfs judging;
    if (vfs == NULL)
        vfs = with_clock(&judging, judgement_now);
    mql_open_options options = MQL_OPEN_OPTIONS_INIT;
    options.threads = 1;
    options.no_jobs = 1; /* the same calls each time */
    Error err = ERROR_INIT;
    *database = (Database){0};
    *error = (mql_error)MQL_ERROR_INIT;
    mql_status status = database_open(path, vfs, &options, &database->db, &err);
    if (status != MQL_OK) {
        error_export(&err, error);
        return status;
    }
    status = mql_connect(database->db, &database->conn, error);
    if (status != MQL_OK) {
        mql_close(database->db);
        database->db = NULL;
    }
    return status;
}

void
machine_close(Database *database)
{
    mql_disconnect(database->conn);
    mql_close(database->db);
    *database = (Database){0};
}

mql_status
machine_run(mql_conn *conn, const Action *action, mql_error *error)
{
    *error = (mql_error)MQL_ERROR_INIT;
    mql_status status = mql_exec(conn, action->sql);
    if (status == MQL_OK)
        return MQL_OK;
    mql_error_get(conn, error);
    if (strncmp(action->sql, "BEGIN", 5) == 0)
        (void)mql_exec(conn, "ROLLBACK");
    return status;
}

/* Call `row` for each row of the SELECT or SHOW. */
static mql_status
each_row(mql_conn *conn, const char *sql, void (*row)(mql_stmt *, void *),
         void *context, mql_error *error)
{
    mql_stmt *stmt = NULL;
    mql_status status = mql_prepare(conn, sql, -1, &stmt, NULL);
    while (status == MQL_OK && (status = mql_step(stmt)) == MQL_ROW) {
        row(stmt, context);
        status = MQL_OK;
    }
    if (status != MQL_DONE)
        mql_error_get(conn, error);
    mql_finalize(stmt);
    return status == MQL_DONE ? MQL_OK : status;
}

typedef struct Things {
    const char *kind;
    char names[16][24];
    size_t count;
} Things;

static void
add_thing(mql_stmt *stmt, void *context)
{
    Things *things = context;
    const char *name = mql_column_text(stmt, 0, NULL);
    static const char *const usual[] = {"_default", "id", "n", "v"};
    for (size_t i = 0; i < 4; i++)
        if (name == NULL || strcmp(name, usual[i]) == 0)
            return;
    if (things->count < 16)
        snprintf(things->names[things->count++], sizeof things->names[0],
                 "%s.%.15s", things->kind, name);
}

static void
print_row(mql_stmt *stmt, void *context)
{
    uint32_t dim = 0;
    int64_t key = mql_column_int64(stmt, 0);
    const float *vector = mql_column_vector_f32(stmt, 2, &dim);
    buffer_printf(context, " %" PRId64 "=%" PRId64, key,
                  mql_column_int64(stmt, 1));
    if (vector == NULL || dim != 4 || vector[0] != (float)key ||
        vector[1] != 0.0f || vector[2] != 0.0f || vector[3] != 1.0f)
        buffer_append_text(context, " with a wrong vector");
}

typedef struct Sum {
    int64_t count, sum;
} Sum;

static bool
has_thing(const Things *things, const char *name)
{
    for (size_t i = 0; i < things->count; i++)
        if (strcmp(things->names[i], name) == 0)
            return true;
    return false;
}

static void
add_key(mql_stmt *stmt, void *context)
{
    Sum *sum = context;
    sum->count++;
    sum->sum += mql_column_int64(stmt, 0);
}

/* Rows that do not have the default that field x was added with. */
static mql_status
print_wrong_x(mql_conn *conn, const char *name, Buffer *out, mql_error *error)
{
    char sql[128];
    Sum wrong = {0, 0};
    snprintf(sql, sizeof sql, "SELECT id FROM %s WHERE x IS NULL OR x <> 4",
             name);
    TRY(each_row(conn, sql, add_key, &wrong, error));
    if (wrong.count > 0)
        buffer_printf(out, " %" PRId64 " with a wrong x", wrong.count);
    return MQL_OK;
}

static mql_status
print_collection(mql_conn *conn, const char *name, Buffer *out,
                 mql_error *error)
{
    static const struct {
        const char *sql, *kind;
    } looks[] = {{"SHOW INDEXES FROM %s", "index"},
                 {"SHOW PARTITIONS FROM %s", "partition"},
                 {"DESCRIBE %s", "field"}};
    char sql[128];
    Things things = {0};
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        snprintf(sql, sizeof sql, looks[i].sql, name);
        things.kind = looks[i].kind;
        TRY(each_row(conn, sql, add_thing, &things, error));
    }
    buffer_printf(out, "%s:", name);
    print_things(things.names, things.count, out);
    snprintf(sql, sizeof sql, "SELECT id, n, v FROM %s ORDER BY id", name);
    TRY(each_row(conn, sql, print_row, out, error));
    Sum found = {0, 0}, filtered = {0, 0};
    snprintf(sql, sizeof sql, "SEARCH %s ON v FOR [0, 0, 0, 1] LIMIT 64", name);
    TRY(each_row(conn, sql, add_key, &found, error));
    snprintf(sql, sizeof sql, "SELECT id FROM %s WHERE n > 0", name);
    TRY(each_row(conn, sql, add_key, &filtered, error));
    buffer_printf(out, " found %" PRId64 " sum %" PRId64, found.count,
                  found.sum);
    buffer_printf(out, " filtered %" PRId64, filtered.count);
    if (has_thing(&things, "field.x"))
        TRY(print_wrong_x(conn, name, out, error));
    buffer_append_text(out, "\n");
    return MQL_OK;
}

static void
add_name(mql_stmt *stmt, void *context)
{
    buffer_printf(context, "%s ", mql_column_text(stmt, 0, NULL));
}

mql_status
database_print(mql_conn *conn, Buffer *out, mql_error *error)
{
    Buffer names = BUFFER_INIT;
    mql_status status =
        each_row(conn, "SHOW COLLECTIONS", add_name, &names, error);
    char *rest = NULL, *text = strdup(buffer_text(&names));
    for (char *name = strtok_r(text, " ", &rest);
         status == MQL_OK && name != NULL; name = strtok_r(NULL, " ", &rest))
        status = print_collection(conn, name, out, error);
    free(text);
    buffer_free(&names);
    return status;
}

static void
print_problem(mql_stmt *stmt, void *context)
{
    for (int i = 0; i < 4; i++) {
        const char *text = mql_column_text(stmt, i, NULL);
        buffer_printf(context, "%s ", text == NULL ? "-" : text);
    }
}

mql_status
machine_check(Database *database, mql_error *error)
{
    Buffer problems = BUFFER_INIT;
    mql_status status = each_row(database->conn, "CHECK DATABASE",
                                 print_problem, &problems, error);
    if (problems.size > 0) {
        snprintf(error->detail, sizeof error->detail, "%.500s",
                 buffer_text(&problems));
        if (status == MQL_OK)
            snprintf(error->message, sizeof error->message, "CHECK finds");
        status = MQL_CORRUPT;
    }
    buffer_free(&problems);
    return status;
}

void
copy_tree(const char *from, const char *to)
{
    DIR *directory = opendir(from);
    if (directory == NULL) {
        Bytes bytes = read_file(from);
        write_file(to, bytes.data, bytes.size);
        free(bytes.data);
        return;
    }
    assert_int_equal(mkdir(to, 0700), 0);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *source = path_in(from, entry->d_name);
        char *target = path_in(to, entry->d_name);
        copy_tree(source, target);
        free(source);
        free(target);
    }
    closedir(directory);
}

/* ---- running ---- */

typedef struct Shared {
    char doing[WORKERS][512];
    _Atomic uint64_t counts[16];
} Shared;

/* Seen by all processes of a test; the test machinery's own. */
static Shared *shared;
static int this_worker;
static bool is_worker;

bool
is_long_run(void)
{
    const char *wanted = getenv("MQL_TEST_LONG");
    return wanted != NULL && strcmp(wanted, "0") != 0;
}

static void
share(void)
{
    if (shared != NULL)
        return;
    void *memory = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    shared = memory;
}

void
machine_doing(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    share();
    vsnprintf(shared->doing[this_worker], sizeof shared->doing[0], format,
              arguments);
    va_end(arguments);
}

void
machine_count(int what, uint64_t more)
{
    share();
    shared->counts[what] += more;
}

uint64_t
machine_counted(int what)
{
    share();
    return shared->counts[what];
}

/* Whether it ended well; else its words are printed. */
static bool
worker_ended(int worker, int state)
{
    if (WIFEXITED(state) && WEXITSTATUS(state) == 0)
        return true;
    if (WIFSIGNALED(state))
        print_message("worker %d ended by signal %d while: %s\n", worker,
                      WTERMSIG(state), shared->doing[worker]);
    else
        print_message("worker %d: last: %s\n", worker, shared->doing[worker]);
    return false;
}

int
run_workers(void (*work)(int worker, void *context), void *context)
{
    pid_t children[WORKERS];
    if (is_worker)
        _exit(1); /* a test that failed within a worker goes on to the next */
    share();
    memset(shared, 0, sizeof *shared);
    /* LMDB asks for 2 MiB of zeros whenever it opens: the system has them */
    mallopt(M_MMAP_THRESHOLD, 3 << 19);
    fflush(NULL);
    for (int i = 0; i < WORKERS; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] != 0)
            continue;
        this_worker = i;
        is_worker = true;
        work(i, context);
        fflush(NULL);
        _exit(0);
    }
    int failed = 0;
    for (int i = 0; i < WORKERS; i++) {
        int state;
        assert_int_equal(waitpid(children[i], &state, 0), children[i]);
        failed += worker_ended(i, state) ? 0 : 1;
    }
    return failed;
}
