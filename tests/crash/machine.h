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
 * What an action does to collections t, u, v, w and, in database mine, x, in
 * words with blanks between:
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
 *   w#5        a row comes with the next key and n = 5
 *   t+X  t-X   thing X ("index.t_n") comes, goes; an error when it is there, or
 *              is not
 *   t%X        thing X is there from now on, whether it was or not
 *   t/X        thing X is not there from now on, whether it was or not
 *   t.X        an error when it is not there
 *   v&t        v is created with the fields and indexes of t; an error when v
 *              is there
 *   s%X        s is no collection: what is set in the database and for all
 *   =          a backup has all of it from now on; an error when there is one
 *
 * An action whose words meet an error must fail and change nothing.
 *
 * In the SQL {backup} is a directory beside the database's, {source} a backup
 * that lies on another disk.
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
#define WORLD_THINGS 12
#define WORLD_COLLECTIONS 6 /* s to x */

typedef struct WorldState {
    struct {
        bool exists;
        int64_t values[WORLD_ROWS]; /* 0: no such row */
        char things[WORLD_THINGS][24];
    } collections[WORLD_COLLECTIONS];
} WorldState;

typedef struct World {
    WorldState now;
    WorldState kept; /* in the backup */
    bool has_backup;
} World;

/* False: the action must fail. */
bool world_apply(World *world, const Action *action);
/* Sorted; those that are "" are none. */
void print_things(char (*things)[24], size_t count, Buffer *out);
/* As machine_print() has to print it; malloc'ed. */
char *world_text(const World *world);

/* ---- databases ---- */

typedef struct Database {
    mql_db *db;
    mql_conn *conn;
    const Vfs *vfs;
    char root[512]; /* "": of machine_open() */
} Database;

/* The prologue in a new database in `root`, three hours before all that comes;
 * `copy` (may be NULL) is what the root is before it is closed. Another
 * database is backed up beside the root, for {source}. */
void machine_make_base(const char *root, const char *copy);

/* vfs NULL: the system's functions; the clock stands an hour after what
 * CrashVfs says. */
mql_status machine_open(const char *path, const Vfs *vfs, Database *database,
                        mql_error *error);
/* The database in root/db; backups are made in root. */
mql_status machine_open_root(const char *root, const Vfs *vfs,
                             Database *database, mql_error *error);
void machine_close(Database *database);

/* The action's SQL, with the names of directories. */
#define MACHINE_SQL_SIZE 2048
void machine_sql(const Database *database, const Action *action, char *sql,
                 size_t size);

/* Run the SQL; after a failure no transaction is open. */
mql_status machine_run(const Database *database, const Action *action,
                       mql_error *error);

/* Everything a reader of the current database can see: names, rows, searches by
 * each way. */
mql_status database_print(mql_conn *conn, Buffer *out, mql_error *error);
/* The same of all databases, of what is set, and of the backup. */
mql_status machine_print(const Database *database, Buffer *out,
                         mql_error *error);
/* Something lies where {backup} is to be. */
bool machine_has_backup(const char *root);
bool machine_has_whole_backup(const char *root);
void machine_remove_backup(const Database *database);

/* CHECK DATABASE finds nothing, leftovers neither; the next generated key is a
 * new one. */
mql_status machine_check(Database *database, mql_error *error);

/* The directory copied, names and contents. */
void copy_tree(const char *from, const char *to);

/* ---- running ---- */

/* MQL_TEST_LONG=1: make crash-long. */
bool is_long_run(void);
/* MQL_TEST_ACTION=insert: of all actions that one alone. */
bool is_wanted(const Action *action);

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
