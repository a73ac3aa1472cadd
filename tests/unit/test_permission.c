/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_permission.c - no statement does what its user may not.
 *
 * A row for each kind of statement and each form of SHOW says what it needs;
 * a kind without a row fails the test. Each row is run in every situation:
 * what it needs is granted on the object, the database, the cluster, by a
 * group, by public; all but it is granted; it was granted and is revoked; the
 * object was renamed, dropped and made again; the grant is in another database.
 * What is expected of a cell follows from the row's needs alone.
 */
#include "files.h"

#include "mql.h"

#include <unistd.h>

#include "engine/session/statement.h"

#define CELL_TEXT 512
#define NEEDS_MOST 3

enum { C = LEVEL_COLLECTION, D = LEVEL_DATABASE, K = LEVEL_CLUSTER };

typedef struct Need {
    const char *privilege; /* NULL: no more */
    int level;
} Need;

/* `%` stands for the collection's name. */
typedef struct Row {
    NodeKind kind;
    const char *sql;
    Need needs[NEEDS_MOST];
    bool is_prepared_only; /* it would leave something behind */
} Row;

static const Row rows[] = {
    {NODE_SELECT, "SELECT * FROM %", {{"Query", C}}, false},
    {NODE_SELECT,
     "SELECT count(*) FROM (SELECT n FROM %) s",
     {{"Query", C}},
     false},
    {NODE_SELECT,
     "SELECT * FROM % ORDER BY v <-> [1, 0] LIMIT 1",
     {{"Query", C}},
     false},
    {NODE_SELECT,
     "SELECT * FROM (SEARCH % FOR [1, 0]) s",
     {{"Search", C}},
     false},
    {NODE_SELECT, "QUERY % WHERE id = 1", {{"Query", C}}, false},
    {NODE_SELECT, "COUNT FROM %", {{"Query", C}}, false},
    {NODE_SELECT, "SELECT * FROM % AS OF now()", {{"Query", C}}, false},
    {NODE_SELECT, "SELECT 1", {{NULL, 0}}, false},
    {NODE_SEARCH, "SEARCH % FOR [1, 0] LIMIT 1", {{"Search", C}}, false},
    {NODE_SEARCH,
     "SEARCH % FOR (SELECT v FROM % WHERE id = 1)",
     {{"Search", C}, {"Query", C}},
     false},
    {NODE_EXPLAIN, "EXPLAIN SELECT * FROM %", {{"Query", C}}, false},
    {NODE_EXPLAIN,
     "EXPLAIN ANALYZE SEARCH % FOR [1, 0]",
     {{"Search", C}},
     false},
    {NODE_EXPLAIN, "EXPLAIN DELETE FROM %", {{"Delete", C}}, false},
    {NODE_CREATE_DATABASE,
     "CREATE DATABASE made",
     {{"CreateDatabase", K}},
     false},
    {NODE_DROP_DATABASE, "DROP DATABASE spare", {{"DropDatabase", K}}, false},
    {NODE_ALTER_DATABASE,
     "ALTER DATABASE \"default\" SET (database.max.collections = 100)",
     {{"AlterDatabase", D}},
     false},
    {NODE_CREATE_COLLECTION,
     "CREATE COLLECTION made (id INT64 PRIMARY KEY)",
     {{"CreateCollection", D}},
     false},
    {NODE_CREATE_COLLECTION,
     "CREATE COLLECTION made LIKE %",
     {{"CreateCollection", D}, {"DescribeCollection", C}},
     false},
    {NODE_ALTER_COLLECTION,
     "ALTER COLLECTION % RENAME TO made",
     {{"RenameCollection", K}},
     false},
    {NODE_ALTER_COLLECTION,
     "ALTER COLLECTION % ADD FIELD m INT64",
     {{"AddCollectionField", C}},
     false},
    {NODE_ALTER_COLLECTION,
     "ALTER COLLECTION % DROP FIELD s",
     {{"CreateCollection", D}},
     false},
    {NODE_ALTER_COLLECTION,
     "ALTER COLLECTION % SET (collection.ttl.seconds = 999999)",
     {{"CreateCollection", D}},
     false},
    {NODE_COMMENT_ON,
     "COMMENT ON COLLECTION % IS 'x'",
     {{"CreateCollection", D}},
     false},
    {NODE_DROP_COLLECTION,
     "DROP COLLECTION % CASCADE",
     {{"DropCollection", D}},
     false},
    {NODE_TRUNCATE, "TRUNCATE %", {{"DropCollection", D}}, false},
    {NODE_CREATE_ALIAS, "CREATE ALIAS made FOR %", {{"CreateAlias", C}}, false},
    {NODE_ALTER_ALIAS, "ALTER ALIAS a FOR %", {{"CreateAlias", C}}, false},
    {NODE_DROP_ALIAS, "DROP ALIAS a", {{"DropAlias", C}}, false},
    {NODE_DESCRIBE, "DESCRIBE %", {{"DescribeCollection", C}}, false},
    {NODE_CREATE_PARTITION,
     "CREATE PARTITION q ON %",
     {{"CreatePartition", C}},
     false},
    {NODE_DROP_PARTITION,
     "DROP PARTITION p ON %",
     {{"DropPartition", C}},
     false},
    {NODE_CREATE_INDEX,
     "CREATE INDEX made ON % (s)",
     {{"CreateIndex", C}},
     false},
    {NODE_ALTER_INDEX,
     "ALTER INDEX i ON % RENAME TO made",
     {{"CreateIndex", C}},
     false},
    {NODE_ALTER_INDEX,
     "ALTER INDEX i RENAME TO made",
     {{"CreateIndex", C}},
     false},
    {NODE_DROP_INDEX, "DROP INDEX i ON %", {{"DropIndex", C}}, false},
    {NODE_DROP_INDEX, "DROP INDEX i", {{"DropIndex", C}}, false},
    {NODE_REINDEX, "REINDEX COLLECTION %", {{"CreateIndex", C}}, false},
    {NODE_REINDEX, "REINDEX i", {{"CreateIndex", C}}, false},
    {NODE_LOAD, "LOAD COLLECTION %", {{"Load", C}}, false},
    {NODE_RELEASE, "RELEASE COLLECTION %", {{"Release", C}}, false},
    {NODE_FLUSH, "FLUSH %", {{"Flush", C}}, false},
    {NODE_FLUSH, "FLUSH", {{"FlushAll", K}}, false},
    {NODE_CHECK, "CHECK COLLECTION %", {{"GetStatistics", C}}, false},
    {NODE_CHECK, "CHECK DATABASE", {{"All", K}}, false},
    {NODE_BACKUP, "BACKUP DATABASE TO '/nowhere/b'", {{"All", K}}, true},
    {NODE_VERIFY_BACKUP, "VERIFY BACKUP '/nowhere/b'", {{"All", K}}, true},
    {NODE_RESTORE, "RESTORE DATABASE FROM '/nowhere/b'", {{"All", K}}, true},
    {NODE_RECOVER,
     "RECOVER DATABASE FROM '/nowhere/b' ALLOW LOSS",
     {{"All", K}},
     true},
    {NODE_COMPACT, "COMPACT %", {{"Compaction", C}}, false},
    {NODE_COMPACT, "COMPACT", {{"Compaction", D}}, false},
    {NODE_VACUUM, "VACUUM %", {{"Compaction", C}}, false},
    {NODE_VACUUM, "VACUUM", {{"Compaction", D}}, false},
    {NODE_JOB, "RESUME JOBS", {{"Compaction", K}}, false},
    {NODE_INSERT,
     "INSERT INTO % (id, n, v) VALUES (9, 9, [1, 1])",
     {{"Insert", C}},
     false},
    {NODE_INSERT,
     "INSERT INTO % (id, n, v) VALUES (9, 9, [1, 1]) RETURNING id",
     {{"Insert", C}, {"Query", C}},
     false},
    {NODE_INSERT,
     "INSERT INTO % (id, n, v) VALUES (1, 9, [1, 1]) ON CONFLICT DO UPDATE "
     "SET n = 3",
     {{"Insert", C}, {"Upsert", C}},
     false},
    {NODE_INSERT,
     "INSERT INTO % SELECT id + 10, n, s, v FROM %",
     {{"Insert", C}, {"Query", C}},
     false},
    {NODE_INSERT,
     "INSERT INTO % (id, n, v) VALUES (1, 9, [1, 1]) ON CONFLICT DO UPDATE "
     "SET n = EXCLUDED.n",
     {{"Insert", C}, {"Upsert", C}},
     false},
    {NODE_INSERT,
     "INSERT INTO % (id, n, v) VALUES (1, 9, [1, 1]) ON CONFLICT DO UPDATE "
     "SET n = %.n",
     {{"Insert", C}, {"Upsert", C}, {"Query", C}},
     false},
    {NODE_UPSERT,
     "UPSERT INTO % (id, n, v) VALUES (1, 9, [1, 1])",
     {{"Upsert", C}},
     false},
    {NODE_UPDATE, "UPDATE % SET n = 2 WHERE id = 1", {{"Upsert", C}}, false},
    {NODE_UPDATE,
     "UPDATE % SET n = n + 1 WHERE id = 1",
     {{"Upsert", C}, {"Query", C}},
     false},
    {NODE_UPDATE,
     "UPDATE % SET n = 2 RETURNING n",
     {{"Upsert", C}, {"Query", C}},
     false},
    {NODE_DELETE, "DELETE FROM % WHERE id = 1", {{"Delete", C}}, false},
    {NODE_DELETE, "DELETE FROM % WHERE id IN (1, 9)", {{"Delete", C}}, false},
    {NODE_DELETE,
     "DELETE FROM % WHERE n = 1",
     {{"Delete", C}, {"Query", C}},
     false},
    {NODE_DELETE,
     "DELETE FROM % RETURNING id",
     {{"Delete", C}, {"Query", C}},
     false},
    {NODE_COPY_FROM, "COPY % FROM STDIN", {{"Insert", C}}, true},
    {NODE_COPY_FROM, "COPY % FROM '/nowhere/x.csv'", {{"Import", C}}, true},
    {NODE_BEGIN, "BEGIN", {{NULL, 0}}, true},
    {NODE_START, "START TRANSACTION", {{NULL, 0}}, true},
    {NODE_COMMIT, "COMMIT", {{NULL, 0}}, true},
    {NODE_ROLLBACK, "ROLLBACK", {{NULL, 0}}, true},
    {NODE_ROLLBACK_TO, "ROLLBACK TO s", {{NULL, 0}}, true},
    {NODE_SAVEPOINT, "SAVEPOINT s", {{NULL, 0}}, true},
    {NODE_RELEASE_SAVEPOINT, "RELEASE SAVEPOINT s", {{NULL, 0}}, true},
    {NODE_DECLARE,
     "DECLARE k CURSOR FOR SELECT * FROM %",
     {{"Query", C}},
     false},
    {NODE_DECLARE,
     "DECLARE k CURSOR FOR SEARCH % FOR [1, 0]",
     {{"Search", C}},
     false},
    {NODE_FETCH, "FETCH 1 FROM mine", {{NULL, 0}}, false},
    {NODE_CLOSE, "CLOSE ALL", {{NULL, 0}}, true},
    {NODE_SET, "SET work_mem = '100MB'", {{NULL, 0}}, false},
    {NODE_SET, "SET GLOBAL retention = '1h'", {{"All", K}}, false},
    {NODE_RESET, "RESET work_mem", {{NULL, 0}}, false},
    {NODE_RESET, "RESET GLOBAL retention", {{"All", K}}, false},
    {NODE_USE, "USE \"default\"", {{NULL, 0}}, true},
    {NODE_CREATE_USER,
     "CREATE USER made PASSWORD NULL",
     {{"CreateOwnership", K}},
     false},
    {NODE_ALTER_USER,
     "ALTER USER spare PASSWORD NULL",
     {{"UpdateUser", K}},
     false},
    {NODE_DROP_USER, "DROP USER spare", {{"DropOwnership", K}}, false},
    {NODE_CREATE_ROLE, "CREATE ROLE made", {{"CreateOwnership", K}}, false},
    {NODE_DROP_ROLE, "DROP ROLE spare", {{"DropOwnership", K}}, false},
    {NODE_GRANT, "GRANT Query ON % TO spare", {{"ManageOwnership", K}}, false},
    {NODE_REVOKE,
     "REVOKE Query ON % FROM spare",
     {{"ManageOwnership", K}},
     false},
    {NODE_GRANT_ROLE, "GRANT spare TO spare", {{"ManageOwnership", K}}, false},
    {NODE_REVOKE_ROLE,
     "REVOKE spare FROM spare",
     {{"ManageOwnership", K}},
     false},
    {NODE_CREATE_PRIVILEGE_GROUP,
     "CREATE PRIVILEGE GROUP made",
     {{"CreatePrivilegeGroup", K}},
     false},
    {NODE_ALTER_PRIVILEGE_GROUP,
     "ALTER PRIVILEGE GROUP spare ADD (Query)",
     {{"OperatePrivilegeGroup", K}},
     false},
    {NODE_DROP_PRIVILEGE_GROUP,
     "DROP PRIVILEGE GROUP spare",
     {{"DropPrivilegeGroup", K}},
     false},
    {NODE_SHOW, "SHOW databases", {{NULL, 0}}, false},
    {NODE_SHOW, "SHOW collections", {{NULL, 0}}, false},
    {NODE_SHOW, "SHOW aliases", {{NULL, 0}}, false},
    {NODE_SHOW, "SHOW aliases FROM %", {{"ListAliases", C}}, false},
    {NODE_SHOW, "SHOW partitions FROM %", {{"ShowPartitions", C}}, false},
    {NODE_SHOW, "SHOW indexes", {{NULL, 0}}, false},
    {NODE_SHOW, "SHOW indexes FROM %", {{"IndexDetail", C}}, false},
    {NODE_SHOW, "SHOW segments FROM %", {{"GetStatistics", C}}, false},
    {NODE_SHOW, "SHOW identity FROM %", {{"DescribeCollection", C}}, false},
    {NODE_SHOW, "SHOW load state FOR %", {{"GetLoadState", C}}, false},
    {NODE_SHOW, "SHOW CREATE COLLECTION %", {{"DescribeCollection", C}}, false},
    {NODE_SHOW, "SHOW CREATE USERS", {{"All", K}}, false},
    {NODE_SHOW, "SHOW jobs", {{NULL, 0}}, false},
    {NODE_SHOW, "SHOW index types", {{NULL, 0}}, false},
    {NODE_SHOW, "SHOW index options", {{NULL, 0}}, false},
    {NODE_SHOW, "SHOW functions", {{NULL, 0}}, false},
    {NODE_SHOW, "SHOW settings", {{NULL, 0}}, false},
    {NODE_SHOW, "SHOW work_mem", {{NULL, 0}}, false},
    {NODE_SHOW, "SHOW users", {{NULL, 0}}, false},
    {NODE_SHOW, "SHOW roles", {{NULL, 0}}, false},
    {NODE_SHOW, "SHOW privileges", {{NULL, 0}}, false},
    {NODE_SHOW, "SHOW privilege groups", {{NULL, 0}}, false},
    {NODE_SHOW, "SHOW grants", {{NULL, 0}}, false},
    {NODE_SHOW, "SHOW grants FOR ROLE spare", {{"SelectOwnership", K}}, false},
    {NODE_SHOW, "SHOW grants FOR USER root", {{"SelectOwnership", K}}, false},
};
#define ROWS (sizeof rows / sizeof rows[0])

/* ---- the world ---- */

typedef struct World {
    char *path;
    mql_db *db;
    mql_conn *root;
    mql_conn *user;
} World;

static void
must(mql_conn *conn, const char *sql)
{
    mql_error error = MQL_ERROR_INIT;
    if (mql_exec(conn, sql) == MQL_OK)
        return;
    mql_error_get(conn, &error);
    fail_msg("%s: %s %s", sql, error.sqlstate, error.message);
}

static void
make_collection(World *world, const char *name)
{
    char sql[CELL_TEXT];
    snprintf(sql, sizeof sql,
             "CREATE COLLECTION %s (id INT64 PRIMARY KEY, n INT64, "
             "s VARCHAR(9), v FLOAT_VECTOR(2));"
             "CREATE PARTITION p ON %s; CREATE INDEX i ON %s (n);"
             "CREATE ALIAS a FOR %s;"
             "INSERT INTO %s VALUES (1, 1, 'a', [1, 0]), (2, 2, 'b', [0, 1])",
             name, name, name, name, name);
    must(world->root, sql);
}

static void
set_up(World *world)
{
    mql_error error = MQL_ERROR_INIT;
    world->path = temporary_directory();
    assert_int_equal(mql_open(world->path, NULL, &world->db, &error), MQL_OK);
    assert_int_equal(mql_connect(world->db, &world->root, &error), MQL_OK);
    make_collection(world, "c");
    must(world->root,
         "CREATE DATABASE other; CREATE DATABASE spare;"
         "CREATE COLLECTION open_to_all (id INT64 PRIMARY KEY);"
         "CREATE ROLE spare; CREATE USER spare PASSWORD NULL;"
         "CREATE PRIVILEGE GROUP spare; CREATE PRIVILEGE GROUP g;"
         "CREATE USER u PASSWORD NULL; CREATE ROLE r; GRANT r TO u;"
         "USE other; CREATE COLLECTION c (id INT64 PRIMARY KEY); USE "
         "\"default\"");
    assert_int_equal(mql_connect_as(world->db, "u", NULL, &world->user, &error),
                     MQL_OK);
    must(world->user, "DECLARE mine CURSOR FOR SELECT 1");
}

static void
tear_down(World *world)
{
    assert_int_equal(mql_disconnect(world->user), MQL_OK);
    assert_int_equal(mql_disconnect(world->root), MQL_OK);
    assert_int_equal(mql_close(world->db), MQL_OK);
    remove_tree(world->path);
    free(world->path);
}

/* Nothing is granted to the user; groups are empty. */
static void
forget_grants(World *world)
{
    must(world->root, "DROP ROLE r; CREATE ROLE r; GRANT r TO u;"
                      "REVOKE ALL ON c FROM public;"
                      "REVOKE ALL ON DATABASE \"default\" FROM public;"
                      "REVOKE ALL ON CLUSTER FROM public;"
                      "DROP PRIVILEGE GROUP g; CREATE PRIVILEGE GROUP g");
}

/* ---- situations ---- */

static void
grant_on(World *world, const char *privilege, int level, const char *to)
{
    static const char *const objects[] = {"COLLECTION c",
                                          "DATABASE \"default\"", "CLUSTER"};
    char sql[CELL_TEXT];
    snprintf(sql, sizeof sql, "GRANT %s ON %s TO %s", privilege, objects[level],
             to);
    must(world->root, sql);
}

/* Every need at its own level, or at `least`. */
static void
grant_needs(World *world, const Row *row, int least, const char *to)
{
    for (int i = 0; i < NEEDS_MOST && row->needs[i].privilege != NULL; i++)
        grant_on(world, row->needs[i].privilege,
                 row->needs[i].level > least ? row->needs[i].level : least, to);
}

static bool
needs_nothing(const Row *row)
{
    return row->needs[0].privilege == NULL;
}

static bool
needs_level(const Row *row, int level)
{
    for (int i = 0; i < NEEDS_MOST && row->needs[i].privilege != NULL; i++)
        if (row->needs[i].level == level)
            return true;
    return false;
}

static bool
names_collection(const Row *row)
{
    return strchr(row->sql, '%') != NULL;
}

static void
fill(const Row *row, const char *name, char sql[CELL_TEXT])
{
    size_t size = 0;
    for (const char *p = row->sql; *p != '\0' && size + 20 < CELL_TEXT; p++) {
        if (*p == '%')
            size += (size_t)snprintf(sql + size, CELL_TEXT - size, "%s", name);
        else
            sql[size++] = *p;
    }
    sql[size] = '\0';
}

static bool
is_alone(NodeKind kind)
{
    return statement_kind(kind)->place == PLACE_ALONE;
}

/* An index without ON is not there for who does not see its collection. */
static bool
is_hidden(const Row *row, const char *sqlstate)
{
    bool is_of_index = row->kind == NODE_DROP_INDEX ||
                       row->kind == NODE_ALTER_INDEX ||
                       row->kind == NODE_REINDEX;
    return is_of_index && !names_collection(row) &&
           strcmp(sqlstate, "42704") == 0;
}

/* Whether the statement is refused for want of a privilege. Whatever it does is
 * taken back. */
static bool
is_refused(World *world, const Row *row, const char *name)
{
    char sql[CELL_TEXT];
    mql_error error = MQL_ERROR_INIT;
    mql_stmt *stmt = NULL;
    fill(row, name, sql);
    bool takes_back = !row->is_prepared_only && !is_alone(row->kind);
    if (takes_back)
        must(world->user, "BEGIN");
    mql_status status = row->is_prepared_only
                            ? mql_prepare(world->user, sql, -1, &stmt, NULL)
                            : mql_exec(world->user, sql);
    if (status != MQL_OK)
        mql_error_get(world->user, &error);
    mql_finalize(stmt);
    if (takes_back)
        must(world->user, "ROLLBACK");
    return strcmp(error.sqlstate, "42501") == 0 ||
           is_hidden(row, error.sqlstate);
}

static void
expect(World *world, const Row *row, const char *name, bool refused,
       const char *situation)
{
    if (is_refused(world, row, name) != refused)
        fail_msg("%s (of %s): %s should be %s", situation, name, row->sql,
                 refused ? "refused" : "let through");
}

static void
test_granted(void **state)
{
    World world;
    (void)state;
    set_up(&world);
    for (size_t i = 0; i < ROWS; i++) {
        const Row *row = &rows[i];
        expect(&world, row, "c", !needs_nothing(row), "nothing");
        grant_needs(&world, row, C, "r");
        expect(&world, row, "c", false, "granted");
        expect(&world, row, "a", false, "granted, by alias");
        must(world.root, "DROP ROLE r");
        expect(&world, row, "c", !needs_nothing(row), "role dropped");
        must(world.root, "CREATE ROLE r; GRANT r TO u");
        grant_needs(&world, row, D, "r");
        expect(&world, row, "c", false, "on the database");
        must(world.root, "REVOKE r FROM u");
        expect(&world, row, "c", !needs_nothing(row), "role revoked");
        must(world.root, "GRANT r TO u");
        forget_grants(&world);
        grant_needs(&world, row, K, "r");
        expect(&world, row, "c", false, "on the cluster");
        forget_grants(&world);
        grant_needs(&world, row, C, "public");
        expect(&world, row, "c", false, "by public");
        forget_grants(&world);
        must(world.root, "GRANT admin TO u");
        expect(&world, row, "c", false, "admin");
        must(world.root, "REVOKE admin FROM u");
        expect(&world, row, "c", !needs_nothing(row), "admin no more");
    }
    tear_down(&world);
}

/* What was granted on the object is taken away again. */
static void
test_revoked(void **state)
{
    World world;
    (void)state;
    set_up(&world);
    for (size_t i = 0; i < ROWS; i++) {
        grant_needs(&world, &rows[i], C, "r");
        must(world.root, "REVOKE ALL ON c FROM r;"
                         "REVOKE ALL ON DATABASE \"default\" FROM r;"
                         "REVOKE ALL ON CLUSTER FROM r");
        expect(&world, &rows[i], "c", !needs_nothing(&rows[i]), "revoked");
    }
    tear_down(&world);
}

/* Through a group, and all there is but one need. */
static void
test_groups(void **state)
{
    World world;
    char sql[CELL_TEXT];
    (void)state;
    set_up(&world);
    for (size_t i = 0; i < ROWS; i++) {
        const Row *row = &rows[i];
        if (needs_nothing(row) || strcmp(row->needs[0].privilege, "All") == 0)
            continue;
        for (int n = 0; n < NEEDS_MOST && row->needs[n].privilege != NULL;
             n++) {
            snprintf(sql, sizeof sql, "ALTER PRIVILEGE GROUP g ADD (%s)",
                     row->needs[n].privilege);
            must(world.root, sql);
        }
        bool is_narrow = !needs_level(row, D) && !needs_level(row, K);
        must(world.root,
             is_narrow ? "GRANT g ON c TO r" : "GRANT g ON CLUSTER TO r");
        expect(&world, row, "c", false, "by group");
        for (int n = 0; n < NEEDS_MOST && row->needs[n].privilege != NULL;
             n++) {
            snprintf(sql, sizeof sql,
                     "GRANT ClusterAdmin, DatabaseAdmin, CollectionAdmin ON "
                     "CLUSTER TO r; ALTER PRIVILEGE GROUP g REMOVE (%s)",
                     row->needs[n].privilege);
            must(world.root, sql);
            expect(&world, row, "c", false, "by built-in groups");
            must(world.root, "REVOKE ClusterAdmin, DatabaseAdmin, "
                             "CollectionAdmin ON CLUSTER FROM r");
            for (int k = 0; k < NEEDS_MOST && row->needs[k].privilege != NULL;
                 k++)
                if (k > n)
                    grant_on(&world, row->needs[k].privilege, K, "r");
            expect(&world, row, "c", true, "all but one");
        }
        forget_grants(&world);
    }
    tear_down(&world);
}

/* The object, not its name. */
static void
test_objects(void **state)
{
    World world;
    (void)state;
    set_up(&world);
    for (size_t i = 0; i < ROWS; i++) {
        const Row *row = &rows[i];
        bool is_about = needs_level(row, C) && names_collection(row);
        grant_needs(&world, row, C, "r");
        must(world.root, "ALTER COLLECTION c RENAME TO moved");
        expect(&world, row, "moved", false, "renamed");
        must(world.root, "ALTER COLLECTION moved RENAME TO c");
        must(world.root, "DROP COLLECTION c CASCADE");
        make_collection(&world, "c");
        if (is_about)
            expect(&world, row, "c", true, "dropped and made again");
        forget_grants(&world);
        must(world.root, "USE other");
        bool is_narrow = needs_level(row, C) || needs_level(row, D);
        for (int n = 0; n < NEEDS_MOST && row->needs[n].privilege != NULL;
             n++) {
            char sql[CELL_TEXT];
            snprintf(sql, sizeof sql,
                     row->needs[n].level == K ? "GRANT %s ON CLUSTER TO r"
                                              : "GRANT %s ON DATABASE other "
                                                "TO r",
                     row->needs[n].privilege);
            must(world.root, sql);
        }
        must(world.root, "USE \"default\"");
        expect(&world, row, "c", is_narrow, "in another database");
        forget_grants(&world);
    }
    tear_down(&world);
}

/* ---- completeness ---- */

static void
test_every_kind_has_a_row(void **state)
{
    (void)state;
    for (int kind = 0; kind < NODE_KIND_COUNT; kind++) {
        bool has_row = statement_kind((NodeKind)kind) == NULL;
        for (size_t i = 0; i < ROWS; i++)
            has_row = has_row || rows[i].kind == (NodeKind)kind;
        if (!has_row)
            fail_msg("no row for %s", node_kind_name((NodeKind)kind));
    }
}

static void
test_every_show_has_a_row(void **state)
{
    (void)state;
    char line[256];
    bool is_inside = false;
    FILE *source = fopen("src/engine/session/show.c", "r");
    if (source == NULL)
        return; /* run from elsewhere */
    while (fgets(line, sizeof line, source) != NULL) {
        char name[64];
        char wanted[80];
        is_inside = is_inside || strncmp(line, "} forms[]", 9) == 0;
        if (!is_inside || sscanf(line, "    {\"%63[^\"]\"", name) != 1)
            continue;
        bool has_row = false;
        snprintf(wanted, sizeof wanted, "SHOW %s", name);
        for (size_t i = 0; i < ROWS; i++)
            has_row = has_row ||
                      strncasecmp(rows[i].sql, wanted, strlen(wanted)) == 0;
        if (!has_row)
            fail_msg("no row for %s", wanted);
    }
    assert_true(is_inside);
    fclose(source);
}

/* ---- statements that are prepared, cursors, transactions ---- */

static mql_status
step_again(mql_stmt *stmt)
{
    mql_reset(stmt);
    return mql_step(stmt);
}

static void
test_revoke_is_obeyed_at_once(void **state)
{
    World world;
    mql_stmt *stmt = NULL;
    (void)state;
    set_up(&world);
    must(world.root, "GRANT Query ON c TO r");
    assert_int_equal(
        mql_prepare(world.user, "SELECT id FROM c", -1, &stmt, NULL), MQL_OK);
    assert_int_equal(step_again(stmt), MQL_ROW);
    mql_reset(stmt);
    must(world.user, "DECLARE k CURSOR FOR SELECT id FROM c; FETCH k");
    must(world.user, "BEGIN; SELECT id FROM c");
    must(world.root, "REVOKE Query ON c FROM r");
    assert_int_equal(mql_exec(world.user, "SELECT id FROM c"), MQL_DENIED);
    must(world.user, "ROLLBACK");
    assert_int_equal(step_again(stmt), MQL_DENIED);
    assert_int_equal(mql_exec(world.user, "FETCH k"), MQL_DENIED);
    must(world.root, "GRANT Query ON c TO public");
    assert_int_equal(step_again(stmt), MQL_ROW);
    must(world.user, "FETCH k");
    mql_reset(stmt);
    must(world.root, "DROP USER u");
    assert_int_equal(step_again(stmt), MQL_DENIED);
    must(world.user, "ROLLBACK");
    mql_finalize(stmt);
    tear_down(&world);
}

/* A transaction sees what it has granted itself, nobody else does. */
static void
test_grants_of_a_transaction(void **state)
{
    World world;
    (void)state;
    set_up(&world);
    must(world.root, "GRANT ManageOwnership ON CLUSTER TO r");
    must(world.user, "BEGIN; GRANT Query ON c TO r; SELECT id FROM c");
    must(world.user, "SAVEPOINT s; REVOKE Query ON c FROM r");
    assert_int_equal(mql_exec(world.user, "SELECT id FROM c"), MQL_DENIED);
    must(world.user, "ROLLBACK TO s; SELECT id FROM c; ROLLBACK");
    assert_int_equal(mql_exec(world.user, "SELECT id FROM c"), MQL_DENIED);
    /* What both change is a conflict. */
    must(world.user, "BEGIN; GRANT Query ON c TO r");
    must(world.root, "GRANT Delete ON c TO r");
    assert_int_equal(mql_exec(world.user, "COMMIT"), MQL_CONFLICT);
    tear_down(&world);
}

/* Whatever the user's transaction has changed of users and grants itself: what
 * is revoked by others is revoked. */
static void
test_no_revoke_is_outlasted(void **state)
{
    World world;
    (void)state;
    set_up(&world);
    must(world.root, "GRANT Query ON c TO r; GRANT CreateCollection, "
                     "DropCollection ON DATABASE \"default\" TO r");
    must(world.user, "BEGIN; ALTER USER u PASSWORD 'secret-u' REPLACE NULL;"
                     "CREATE COLLECTION mine (id INT64 PRIMARY KEY);"
                     "SELECT id FROM c; SAVEPOINT s");
    must(world.root, "REVOKE Query ON c FROM r");
    assert_int_equal(mql_exec(world.user, "SELECT id FROM c"), MQL_DENIED);
    must(world.user, "ROLLBACK TO s");
    must(world.root, "GRANT Query ON c TO r");
    must(world.user, "SELECT id FROM c");
    must(world.root, "REVOKE r FROM u");
    assert_int_equal(mql_exec(world.user, "SELECT id FROM c"), MQL_DENIED);
    must(world.user, "ROLLBACK TO s");
    assert_int_equal(mql_exec(world.user, "CREATE COLLECTION more LIKE c"),
                     MQL_DENIED);
    must(world.user, "ROLLBACK TO s");
    must(world.root, "DROP USER u");
    assert_int_equal(mql_exec(world.user, "SELECT 1"), MQL_DENIED);
    must(world.user, "ROLLBACK");
    tear_down(&world);
}

/* A drop takes grants away too; ManageOwnership saves only what it has made,
 * and only as long as it is there. */
static void
test_no_manager_outlasts_a_revoke(void **state)
{
    World world;
    (void)state;
    set_up(&world);
    must(world.root,
         "GRANT ManageOwnership ON CLUSTER TO r; GRANT Query ON c TO r;"
         "CREATE ROLE super; GRANT ALL ON CLUSTER TO super");
    must(world.user, "BEGIN; GRANT Insert ON c TO r; SAVEPOINT s;"
                     "SELECT id FROM c");
    must(world.root, "REVOKE Query ON c FROM r");
    assert_int_equal(mql_exec(world.user, "SELECT id FROM c"), MQL_DENIED);
    must(world.user, "ROLLBACK TO s; INSERT INTO c VALUES (7, 7, 'g', [1, 1])");
    must(world.root, "REVOKE ManageOwnership ON CLUSTER FROM r");
    assert_int_equal(
        mql_exec(world.user, "INSERT INTO c VALUES (8, 7, 'g', [1, 1])"),
        MQL_DENIED);
    must(world.user, "ROLLBACK");
    /* A superuser no more, whatever its transaction says. */
    must(world.root, "GRANT super TO u");
    must(world.user, "BEGIN; CREATE ROLE mine; SELECT id FROM c; SAVEPOINT s");
    must(world.root, "REVOKE super FROM u");
    assert_int_equal(mql_exec(world.user, "SELECT id FROM c"), MQL_DENIED);
    must(world.user, "ROLLBACK TO s");
    assert_int_equal(mql_exec(world.user, "GRANT super TO spare"), MQL_DENIED);
    must(world.user, "ROLLBACK TO s");
    assert_int_equal(mql_exec(world.user, "GRANT ALL ON CLUSTER TO mine"),
                     MQL_DENIED);
    must(world.user, "ROLLBACK");
    /* Dropping the collection changes grants as well. */
    must(world.root, "CREATE COLLECTION d (id INT64 PRIMARY KEY);"
                     "GRANT Query ON c TO r; GRANT Query ON d TO r;"
                     "GRANT DropCollection ON DATABASE \"default\" TO r");
    must(world.user, "BEGIN; DROP COLLECTION d; SELECT id FROM c");
    must(world.root, "REVOKE Query ON c FROM r");
    assert_int_equal(mql_exec(world.user, "SELECT id FROM c"), MQL_DENIED);
    must(world.user, "ROLLBACK");
    tear_down(&world);
}

/* What a transaction has made is its own to use, by what it has granted. */
static void
test_objects_of_a_transaction(void **state)
{
    World world;
    (void)state;
    set_up(&world);
    must(world.root, "GRANT CreateCollection ON DATABASE \"default\" TO r;"
                     "GRANT ManageOwnership, CreateOwnership, CreateDatabase "
                     "ON CLUSTER TO r");
    must(world.user, "BEGIN; CREATE COLLECTION mine (id INT64 PRIMARY KEY);"
                     "CREATE ROLE q; GRANT q TO u; GRANT Insert, Query ON mine "
                     "TO q; INSERT INTO mine VALUES (1); SELECT id FROM mine;"
                     "CREATE DATABASE home; GRANT DatabaseAdmin ON DATABASE "
                     "home TO q; SAVEPOINT s");
    assert_int_equal(mql_exec(world.user, "DELETE FROM mine"), MQL_DENIED);
    must(world.user, "ROLLBACK TO s; COMMIT; SELECT id FROM mine");
    tear_down(&world);
}

/* ---- what lists and hides ---- */

static int
count_jobs(mql_conn *conn)
{
    mql_stmt *stmt = NULL;
    int count = 0;
    assert_int_equal(mql_prepare(conn, "SHOW JOBS", -1, &stmt, NULL), MQL_OK);
    while (mql_step(stmt) == MQL_ROW)
        count++;
    mql_finalize(stmt);
    return count;
}

/* Those of collections that the user sees. */
static void
test_jobs_are_hidden(void **state)
{
    World world;
    (void)state;
    set_up(&world);
    must(world.root, "FLUSH c; CREATE INDEX late ON c (s) USING INVERTED "
                     "WITH (build = 'background')");
    for (int i = 0; i < 500 && count_jobs(world.root) == 0; i++)
        usleep(10000);
    assert_true(count_jobs(world.root) > 0);
    assert_int_equal(count_jobs(world.user), 0);
    must(world.root, "GRANT Insert ON open_to_all TO r");
    assert_int_equal(count_jobs(world.user), 0);
    must(world.root, "GRANT Insert ON c TO r");
    assert_true(count_jobs(world.user) > 0);
    must(world.root, "REVOKE Insert ON c FROM r");
    assert_int_equal(count_jobs(world.user), 0);
    must(world.root, "GRANT Compaction ON CLUSTER TO r");
    assert_true(count_jobs(world.user) > 0);
    tear_down(&world);
}

/* Who comes to see the collection after it was prepared is asked all the same.
 */
static void
test_hidden_index_comes_to_light(void **state)
{
    World world;
    mql_stmt *stmt = NULL;
    (void)state;
    set_up(&world);
    assert_int_equal(mql_prepare(world.user, "DROP INDEX i", -1, &stmt, NULL),
                     MQL_OK);
    assert_int_equal(mql_step(stmt), MQL_NOT_FOUND);
    must(world.root, "GRANT Query ON c TO r");
    assert_int_equal(step_again(stmt), MQL_DENIED);
    must(world.root, "GRANT DropIndex ON c TO r");
    assert_int_equal(step_again(stmt), MQL_DONE);
    mql_finalize(stmt);
    tear_down(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_has_a_row),
        cmocka_unit_test(test_every_show_has_a_row),
        cmocka_unit_test(test_granted),
        cmocka_unit_test(test_revoked),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_revoke_is_obeyed_at_once),
        cmocka_unit_test(test_grants_of_a_transaction),
        cmocka_unit_test(test_no_revoke_is_outlasted),
        cmocka_unit_test(test_no_manager_outlasts_a_revoke),
        cmocka_unit_test(test_objects_of_a_transaction),
        cmocka_unit_test(test_jobs_are_hidden),
        cmocka_unit_test(test_hidden_index_comes_to_light),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
