/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine_actions.c - the actions, one row each: name, SQL, what it does.
 *
 * The prologue leaves t with rows 1-10 (2 deleted again), 1-6 in files with
 * their indexes, the rest in memory, and 11-12 in partition p.
 */
#include "machine.h"

#define COLUMNS "(id INT64 PRIMARY KEY, n INT64, v VECTOR(4))"
#define ROW(id, n) "(" #id ", " #n ", [" #id ",0,0,1])"

const Action prologue[] = {
    {"create t", "CREATE COLLECTION t " COLUMNS, "+t"},
    {"rows in files",
     "INSERT INTO t VALUES " ROW(1, 7) ", " ROW(2, 7) ", " ROW(3, 7) ", " ROW(
         4, 7) ", " ROW(5, 7) ", " ROW(6, 7),
     "t*1-6=7"},
    {"field w", "ALTER COLLECTION t ADD FIELD w INT64", "t+field.w"},
    {"index v",
     "CREATE INDEX t_v ON t (v) USING HNSW WITH (metric_type = 'L2')",
     "t+index.t_v"},
    {"seal", "FLUSH t", ""},
    {"partition", "CREATE PARTITION p ON t", "t+partition.p"},
    {"its rows", "INSERT INTO t PARTITION p VALUES " ROW(11, 8) ", " ROW(12, 8),
     "t*11-12=8"},
    {"another partition", "CREATE PARTITION r ON t", "t+partition.r"},
    {"its row", "INSERT INTO t PARTITION r VALUES " ROW(13, 8), "t*13=8"},
    {"released", "RELEASE COLLECTION t PARTITION (r)", "t!13"},
    {"rows in memory",
     "INSERT INTO t VALUES " ROW(7, 9) ", " ROW(8, 9) ", " ROW(9, 9) ", " ROW(
         10, 9),
     "t*7-10=9"},
    {"delete", "DELETE FROM t WHERE id = 2", "t!2"},
    {"create u", "CREATE COLLECTION u " COLUMNS, "+u"},
    {"u's rows", "INSERT INTO u VALUES " ROW(1, 5) ", " ROW(2, 5), "u*1-2=5"},
    {"create w",
     "CREATE COLLECTION w (id INT64 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
     "n INT64, v VECTOR(4))",
     "+w"},
    {"alias", "CREATE ALIAS z FOR w", "w+alias.z"},
    {"w's row", "INSERT INTO w (n, v) VALUES (6, [0,0,0,1])", "w#6"},
};
const size_t prologue_count = sizeof prologue / sizeof prologue[0];

const Action actions[] = {
    {"create", "CREATE COLLECTION v " COLUMNS, "+v"},
    {"insert", "INSERT INTO t VALUES " ROW(20, 21), "t*20=21"},
    {"batch",
     "INSERT INTO t VALUES " ROW(22, 23) ", " ROW(23, 23) ", " ROW(24, 23),
     "t*22-24=23"},
    {"upsert",
     "UPSERT INTO t VALUES " ROW(1, 31) ", " ROW(2, 31) ", " ROW(
         7, 31) ", " ROW(25, 31),
     "t:1-2=31 t:7=31 t:25=31"},
    {"conflict",
     "INSERT INTO t VALUES " ROW(3, 33) ", " ROW(
         26, 33) " ON CONFLICT (id) DO UPDATE SET n = 34",
     "t~3=34 t~26=34 t?3=33 t?26=33"},
    {"update", "UPDATE t SET n = 41 WHERE id BETWEEN 4 AND 8", "t~4-8=41"},
    {"delete", "DELETE FROM t WHERE id IN (1, 5, 9, 11, 20)",
     "t!1 t!5 t!9 t!11 t!20"},
    {"flush", "FLUSH", ""},
    {"seal", "FLUSH u", "u"},
    {"merge", "VACUUM FULL u", "u"},
    {"addfield", "ALTER COLLECTION t ADD FIELD x INT64 DEFAULT 4", "t+field.x"},
    {"dropfield", "ALTER COLLECTION t DROP FIELD w", "t-field.w"},
    {"renamefield", "ALTER COLLECTION t RENAME FIELD w TO y",
     "t-field.w t+field.y"},
    /* what the prologue inserted is older than that, what comes later is not */
    {"ttl", "ALTER COLLECTION u SET (collection.ttl.seconds = 8000)", "u!1-2"},
    {"grow", "INSERT INTO u VALUES " ROW(3, 5), "u*3=5"},
    {"index2", "CREATE INDEX u_n ON u (n) USING INVERTED", "u+index.u_n"},
    {"index", "CREATE INDEX t_n ON t (n) USING INVERTED", "t+index.t_n"},
    {"unindex", "DROP INDEX t_v ON t", "t-index.t_v"},
    {"transaction",
     "BEGIN; INSERT INTO t VALUES " ROW(
         30, 51) "; UPDATE t SET n = 52 WHERE id IN (4, 8); SAVEPOINT s; "
                 "INSERT INTO t VALUES " ROW(
                     31, 53) "; DELETE FROM t WHERE id < 40; ROLLBACK TO "
                             "SAVEPOINT s; DELETE FROM t WHERE id = 6; COMMIT",
     "t*30=51 t~4=52 t~8=52 t!6"},
    {"rollback",
     "BEGIN; DELETE FROM t WHERE id < 5; INSERT INTO t VALUES " ROW(
         32, 54) "; ROLLBACK",
     "t"},
    {"copyrows",
     "INSERT INTO t SELECT id + 30, n, [33, 0, 0, 1] FROM t WHERE id = 3",
     "t<33=3"},
    {"partition", "CREATE PARTITION q ON t", "t+partition.q"},
    {"unpartition", "DROP PARTITION r ON t", "t-partition.r"},
    {"compact", "COMPACT t", "t"},
    {"vacuum", "VACUUM t", "t"},
    {"reindex", "REINDEX COLLECTION t", "t"},
    {"truncate", "TRUNCATE t", "t!0-63"},
    {"drop", "DROP COLLECTION t", "-t"},
    {"like", "CREATE COLLECTION v LIKE t INCLUDING INDEXES", "v&t"},
    {"always", "INSERT INTO w (n, v) VALUES (61, [0,0,0,1])", "w#61"},
    {"realias", "ALTER ALIAS z FOR u", "w/alias.z u%alias.z"},
    {"hold",
     "BEGIN; RELEASE COLLECTION t; ALTER COLLECTION t SET (mmap.enabled = "
     "false); LOAD COLLECTION t PARTITION (_default, p); COMMIT",
     "t%held"},
    {"holdindex",
     "BEGIN; RELEASE COLLECTION t; ALTER INDEX t_v ON t SET (mmap.enabled = "
     "false); LOAD COLLECTION t PARTITION (_default, p); COMMIT",
     "t.index.t_v t%held.t_v"},
    {"property",
     "ALTER DATABASE \"default\" SET (database.max.collections = 9)",
     "s%limit"},
    {"setting", "SET GLOBAL retention = '2h'", "s%retention"},
    {"grant",
     "BEGIN; CREATE ROLE k; GRANT Query ON t TO k; GRANT Query ON u TO public; "
     "COMMIT",
     "s+role.k t%grant u%grant"},
    {"revoke",
     "BEGIN; CREATE USER m PASSWORD NULL; REVOKE ALL ON u FROM public; "
     "SAVEPOINT s; DROP USER m; GRANT ALL ON u TO public; ROLLBACK TO s; "
     "COMMIT",
     "s+user.m u/grant"},
    {"backup", "BACKUP DATABASE TO '{backup}'", "="},
    {"restore", "RESTORE DATABASE FROM '{source}'", "+x x+index.x_v x*1-3=4"},
    {"reopen", NULL, ""},
};
const size_t action_count = sizeof actions / sizeof actions[0];

const Action *
action_find(const char *name, size_t size)
{
    for (size_t i = 0; i < action_count; i++)
        if (strlen(actions[i].name) == size &&
            strncmp(actions[i].name, name, size) == 0)
            return &actions[i];
    return NULL;
}
