/* SPDX-License-Identifier: Apache-2.0 */
/* machine.c - databases, and work in processes. */
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
#include "storage/backup.h"

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

/* For {source}. */
static char source_path[512];

static void
must(mql_status status, const char *what, const mql_error *error)
{
    if (status != MQL_OK)
        fail_msg("%s: %s %s", what, error->message, error->detail);
}

/* A database is backed up, and gone. */
static void
make_source(const char *root, const Vfs *vfs)
{
    static const char other[] =
        "CREATE DATABASE mine; USE mine; CREATE COLLECTION x (id INT64 PRIMARY "
        "KEY, n INT64, v VECTOR(4)); INSERT INTO x VALUES (1, 4, [1,0,0,1]), "
        "(2, 4, [2,0,0,1]); CREATE INDEX x_v ON x (v) USING HNSW WITH "
        "(metric_type = 'L2'); FLUSH x; INSERT INTO x VALUES (3, 4, "
        "[3,0,0,1])";
    char path[sizeof source_path + 8];
    char sql[sizeof source_path + 40];
    Database database;
    mql_error error;
    snprintf(source_path, sizeof source_path, "%s.source", root);
    snprintf(path, sizeof path, "%s.other", root);
    snprintf(sql, sizeof sql, "BACKUP DATABASE TO '%s'", source_path);
    must(machine_open(path, vfs, &database, &error), "another database",
         &error);
    if (mql_exec(database.conn, other) != MQL_OK ||
        mql_exec(database.conn, sql) != MQL_OK) {
        mql_error_get(database.conn, &error);
        fail_msg("%s", error.message);
    }
    machine_close(&database);
    remove_tree(path);
}

void
machine_make_base(const char *root, const char *copy)
{
    static Vfs vfs;
    Database database;
    mql_error error;
    make_source(root, with_clock(&vfs, base_now));
    assert_int_equal(mkdir(root, 0700), 0);
    must(machine_open_root(root, &vfs, &database, &error), "open", &error);
    for (size_t i = 0; i < prologue_count; i++)
        must(machine_run(&database, &prologue[i], &error), prologue[i].name,
             &error);
    if (copy != NULL)
        copy_tree(root, copy);
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
    *database = (Database){.vfs = vfs};
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

mql_status
machine_open_root(const char *root, const Vfs *vfs, Database *database,
                  mql_error *error)
{
    char path[sizeof database->root + 4]; /* memory may have run out */
    snprintf(path, sizeof path, "%s/db", root);
    mql_status status = machine_open(path, vfs, database, error);
    snprintf(database->root, sizeof database->root, "%s", root);
    return status;
}

void
machine_close(Database *database)
{
    mql_disconnect(database->conn);
    mql_close(database->db);
    *database = (Database){0};
}

void
machine_sql(const Database *database, const Action *action, char *sql,
            size_t size)
{
    const char *open = strchr(action->sql, '{');
    const char *close = open == NULL ? NULL : strchr(open, '}');
    int used;
    if (close == NULL)
        used = snprintf(sql, size, "%s", action->sql);
    else if (strncmp(open, "{backup}", 8) == 0)
        used = snprintf(sql, size, "%.*s%s/backup%s", (int)(open - action->sql),
                        action->sql, database->root, close + 1);
    else
        used = snprintf(sql, size, "%.*s%s%s", (int)(open - action->sql),
                        action->sql, source_path, close + 1);
    assert_true(used > 0 && (size_t)used < size);
}

void
machine_remove_backup(const Database *database)
{
    char *path = path_in(database->root, "backup");
    backup_remove(database->vfs, path, true);
    free(path);
}

/* A part of a backup is in the way of the next one: a user removes it. */
static void
remove_partial_backup(const Database *database)
{
    if (machine_has_backup(database->root) &&
        !machine_has_whole_backup(database->root))
        machine_remove_backup(database);
}

mql_status
machine_run(const Database *database, const Action *action, mql_error *error)
{
    char sql[MACHINE_SQL_SIZE];
    if (strstr(action->sql, "{backup}") != NULL)
        remove_partial_backup(database);
    machine_sql(database, action, sql, sizeof sql);
    *error = (mql_error)MQL_ERROR_INIT;
    mql_status status = mql_exec(database->conn, sql);
    if (status == MQL_OK)
        return MQL_OK;
    mql_error_get(database->conn, error);
    if (strncmp(action->sql, "BEGIN", 5) == 0)
        (void)mql_exec(database->conn, "ROLLBACK");
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

bool
is_wanted(const Action *action)
{
    const char *wanted = getenv("MQL_TEST_ACTION");
    return wanted == NULL || strcmp(wanted, action->name) == 0;
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

static pid_t children[WORKERS];

/* Who is told to stop says how far it came: the workers end, their words and
 * what they counted are printed. */
static void
stop_workers(int signal_number)
{
    for (int i = 0; i < WORKERS; i++)
        if (children[i] > 0)
            kill(children[i], signal_number);
}

int
run_workers(void (*work)(int worker, void *context), void *context)
{
    if (is_worker)
        _exit(1); /* a test that failed within a worker goes on to the next */
    share();
    memset(shared, 0, sizeof *shared);
    /* LMDB asks for 2 MiB of zeros whenever it opens: the system has them */
    mallopt(M_MMAP_THRESHOLD, 3 << 19);
    fflush(NULL);
    const struct sigaction stopping = {.sa_handler = stop_workers,
                                       .sa_flags = SA_RESTART};
    memset(children, 0, sizeof children);
    sigaction(SIGTERM, &stopping, NULL);
    for (int i = 0; i < WORKERS; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] != 0)
            continue;
        this_worker = i;
        is_worker = true;
        signal(SIGTERM, SIG_DFL);
        work(i, context);
        fflush(NULL);
        _exit(0);
    }
    int failed = 0;
    for (int i = 0; i < WORKERS; i++) {
        int state;
        assert_int_equal(waitpid(children[i], &state, 0), children[i]);
        children[i] = 0;
        failed += worker_ended(i, state) ? 0 : 1;
    }
    signal(SIGTERM, SIG_DFL);
    return failed;
}
