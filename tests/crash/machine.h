/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine.h - what the tests of the test machine share: a table of actions (one
 * SQL text each), a model that knows what each does, and a look at a database
 * in the same words.
 *
 * A new action is a row of the table in machine_actions.c; each test that
 * enumerates actions then has it.
 */
#ifndef TESTS_CRASH_MACHINE_H
#define TESTS_CRASH_MACHINE_H

#include "files.h"

#include "base/buffer.h"
#include "crash_vfs.h"
#include "mql.h"

/*
 * What an action does to collections t, u and v, in words with blanks between:
 *
 *   +u         u is created; an error when it is there
 *   -t         dropped; it, and everything below, is an error without t
 *   t*1-9=5    rows 1 .. 9 are new, n = 5; an error when one is there
 *   t:1-9=5    rows 1 .. 9 are put, n = 5
 *   t~1-9=5    those of rows 1 .. 9 that are there get n = 5
 *   t?1-9=5    those that are not there are put, n = 5
 *   t<9=5      row 9 is a copy of row 5, if that is there; an error when row 9
 *              is there
 *   t!1-9      rows 1 .. 9 go
 *   t+X  t-X   thing X ("index.t_n") comes, goes; an error when it is there, or
 *              is not
 *
 * An action whose words meet an error must fail and change nothing.
 */
typedef struct Action {
    const char *name;
    const char *sql; /* NULL: the database is closed and opened again */
    const char *effects;
} Action;

extern const Action actions[];
extern const size_t action_count;
/* Run once before: collection t with rows in files and in memory. */
extern const Action prologue[];
extern const size_t prologue_count;

const Action *action_find(const char *name, size_t size);

#define WORLD_ROWS 64
#define WORLD_THINGS 8

typedef struct World {
    struct {
        bool exists;
        int64_t values[WORLD_ROWS]; /* 0: no such row */
        char things[WORLD_THINGS][24];
    } collections[3];
} World;

/* False: the action must fail. */
bool world_apply(World *world, const Action *action);
/* As database_print() has to print it; malloc'ed. */
char *world_text(const World *world);

/* ---- databases ---- */

typedef struct Database {
    mql_db *db;
    mql_conn *conn;
} Database;

/* The prologue in a new database, three hours before all that comes; `copy`
 * (may be NULL) is what the directory is before it is closed. */
void machine_make_base(const char *path, const char *copy);

/* vfs NULL: the system's functions; the clock stands an hour after what
 * CrashVfs says. */
mql_status machine_open(const char *path, const Vfs *vfs, Database *database,
                        mql_error *error);
void machine_close(Database *database);

/* Run the SQL; after a failure no transaction is open. */
mql_status machine_run(mql_conn *conn, const Action *action, mql_error *error);

/* Everything a reader can see: names, rows, searches by each way. */
mql_status database_print(mql_conn *conn, Buffer *out, mql_error *error);

/* CHECK DATABASE finds nothing, leftovers neither. */
mql_status machine_check(Database *database, mql_error *error);

/* The directory copied, names and contents. */
void copy_tree(const char *from, const char *to);

/* ---- running ---- */

/* MQL_TEST_LONG=1: make crash-long. */
bool is_long_run(void);

/* Run `work` in so many processes, each with its number; the words of
 * machine_doing() are told when one ends badly. Returns how many did not end
 * well. */
#define WORKERS 2
int run_workers(void (*work)(int worker, void *context), void *context);
void machine_doing(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* What the workers have counted, under a small number. */
void machine_count(int what, uint64_t more);
uint64_t machine_counted(int what);

#endif
