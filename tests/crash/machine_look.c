/* SPDX-License-Identifier: Apache-2.0 */
/* machine_look.c - a look at a database, in the words of machine_world.c. */
#include "machine.h"

#include <inttypes.h>

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

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(a, b);
}

void
print_things(char (*things)[24], size_t count, Buffer *out)
{
    qsort(things, count, sizeof things[0], compare_texts);
    for (size_t i = 0; i < count; i++)
        if (things[i][0] != '\0')
            buffer_printf(out, " %s", things[i]);
}

typedef struct Things {
    const char *kind;
    char names[16][24];
    size_t count;
} Things;

static void
add_thing_named(Things *things, const char *name)
{
    if (things->count < 16)
        snprintf(things->names[things->count++], sizeof things->names[0],
                 "%.23s", name);
}

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

/* Of a collection whose keys nobody chooses. */
static void
print_generated_row(mql_stmt *stmt, void *context)
{
    uint32_t dim = 0;
    const float *vector = mql_column_vector_f32(stmt, 2, &dim);
    buffer_printf(context, " new=%" PRId64, mql_column_int64(stmt, 1));
    if (mql_column_int64(stmt, 0) < 1 || vector == NULL || dim != 4 ||
        vector[0] != 0.0f || vector[3] != 1.0f)
        buffer_append_text(context, " with a wrong key or vector");
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

/* Lines of SHOW CREATE: what is held in memory. */
static void
add_held(mql_stmt *stmt, void *context)
{
    Things *things = context;
    char *rest = NULL, *text = strdup(mql_column_text(stmt, 0, NULL));
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char name[16];
        if (strstr(line, "mmap.enabled = false") == NULL || things->count == 16)
            continue;
        char *thing = things->names[things->count++];
        if (sscanf(line, "CREATE INDEX %15s", name) == 1)
            snprintf(thing, sizeof things->names[0], "held.%s", name);
        else
            snprintf(thing, sizeof things->names[0], "held");
    }
    free(text);
}

/* SHOW GRANTS: whether anything is granted on the collection. */
typedef struct Granted {
    Things *things;
    char database[40];
    const char *collection;
} Granted;

static void
add_grant(mql_stmt *stmt, void *context)
{
    const Granted *granted = context;
    char database[40];
    const char *text = mql_column_text(stmt, 3, NULL);
    snprintf(database, sizeof database, "%s", text == NULL ? "" : text);
    text = mql_column_text(stmt, 4, NULL);
    if (text != NULL && strcmp(database, granted->database) == 0 &&
        strcmp(text, granted->collection) == 0)
        add_thing_named(granted->things, "grant");
}

static mql_status
print_definition(mql_conn *conn, const char *name, Things *things, Buffer *out,
                 mql_error *error)
{
    static const struct {
        const char *sql, *kind;
    } looks[] = {{"SHOW INDEXES FROM %s", "index"},
                 {"SHOW PARTITIONS FROM %s", "partition"},
                 {"SHOW ALIASES FROM %s", "alias"},
                 {"DESCRIBE %s", "field"}};
    char sql[128];
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        snprintf(sql, sizeof sql, looks[i].sql, name);
        things->kind = looks[i].kind;
        TRY(each_row(conn, sql, add_thing, things, error));
    }
    Granted granted = {.things = things, .collection = name};
    snprintf(granted.database, sizeof granted.database, "%s",
             mql_current_database(conn));
    TRY(each_row(conn, "SHOW GRANTS", add_grant, &granted, error));
    snprintf(sql, sizeof sql, "SHOW CREATE COLLECTION %s", name);
    TRY(each_row(conn, sql, add_held, things, error));
    buffer_printf(out, "%s:", name);
    print_things(things->names, things->count, out);
    return MQL_OK;
}

static mql_status
print_collection(mql_conn *conn, const char *name, Buffer *out,
                 mql_error *error)
{
    char sql[128];
    Things things = {0};
    bool is_generated = strcmp(name, "w") == 0;
    TRY(print_definition(conn, name, &things, out, error));
    snprintf(sql, sizeof sql, "SELECT id, n, v FROM %s ORDER BY id", name);
    TRY(each_row(conn, sql, is_generated ? print_generated_row : print_row, out,
                 error));
    Sum found = {0, 0}, filtered = {0, 0};
    snprintf(sql, sizeof sql, "SEARCH %s ON v FOR [0, 0, 0, 1] LIMIT 64", name);
    TRY(each_row(conn, sql, add_key, &found, error));
    snprintf(sql, sizeof sql, "SELECT id FROM %s WHERE n > 0", name);
    TRY(each_row(conn, sql, add_key, &filtered, error));
    buffer_printf(out, " found %" PRId64 " sum %" PRId64, found.count,
                  is_generated ? 0 : found.sum);
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

/* ---- all databases ---- */

/* Of SHOW DATABASES: what is set, and the others' names. */
typedef struct Databases {
    Things set;
    Buffer names;
} Databases;

static void
add_database(mql_stmt *stmt, void *context)
{
    Databases *databases = context;
    const char *name = mql_column_text(stmt, 0, NULL);
    const char *properties = mql_column_text(stmt, 2, NULL);
    if (properties != NULL &&
        strcmp(properties, "database.max.collections = 9") == 0)
        add_thing_named(&databases->set, "limit");
    if (strcmp(name, "default") != 0)
        buffer_printf(&databases->names, "%s ", name);
}

static void
add_retention(mql_stmt *stmt, void *context)
{
    Databases *databases = context;
    if (strcmp(mql_column_text(stmt, 0, NULL), "2h") == 0)
        add_thing_named(&databases->set, "retention");
}

/* Of SHOW USERS and SHOW ROLES: those that were made. */
static void
add_user(mql_stmt *stmt, void *context)
{
    Databases *databases = context;
    if (strcmp(mql_column_text(stmt, 0, NULL), "m") == 0)
        add_thing_named(&databases->set, "user.m");
}

static void
add_role(mql_stmt *stmt, void *context)
{
    Databases *databases = context;
    if (strcmp(mql_column_text(stmt, 0, NULL), "k") == 0)
        add_thing_named(&databases->set, "role.k");
}

static mql_status
print_others(mql_conn *conn, char *names, Buffer *out, mql_error *error)
{
    char *rest = NULL;
    char sql[64];
    for (char *name = strtok_r(names, " ", &rest); name != NULL;
         name = strtok_r(NULL, " ", &rest)) {
        snprintf(sql, sizeof sql, "USE \"%.40s\"", name);
        TRY(mql_exec(conn, sql));
        TRY(database_print(conn, out, error));
    }
    return mql_exec(conn, "USE \"default\"");
}

static mql_status
print_all(mql_conn *conn, Buffer *out, mql_error *error)
{
    Databases databases = {.names = BUFFER_INIT};
    mql_status status =
        each_row(conn, "SHOW DATABASES", add_database, &databases, error);
    if (status == MQL_OK)
        status =
            each_row(conn, "SHOW retention", add_retention, &databases, error);
    if (status == MQL_OK)
        status = each_row(conn, "SHOW USERS", add_user, &databases, error);
    if (status == MQL_OK)
        status = each_row(conn, "SHOW ROLES", add_role, &databases, error);
    buffer_append_text(out, "set:");
    print_things(databases.set.names, databases.set.count, out);
    buffer_append_text(out, "\n");
    if (status == MQL_OK)
        status = database_print(conn, out, error);
    char *names = strdup(buffer_text(&databases.names));
    if (status == MQL_OK)
        status = print_others(conn, names, out, error);
    free(names);
    buffer_free(&databases.names);
    return status;
}

/* ---- the backup ---- */

bool
machine_has_backup(const char *root)
{
    char *path = path_in(root, "backup");
    bool is_there = access(path, F_OK) == 0;
    free(path);
    return is_there;
}

static mql_status
print_restored(const char *path, Buffer *out, mql_error *error)
{
    Database database;
    TRY(machine_open(path, NULL, &database, error));
    buffer_append_text(out, "backup:\n");
    mql_status status = print_all(database.conn, out, error);
    if (status == MQL_OK)
        status = machine_check(&database, error);
    machine_close(&database);
    return status;
}

/* What says of itself that it is none is none. */
static mql_status
print_backup(const char *root, Buffer *out, mql_error *error)
{
    if (!machine_has_backup(root))
        return MQL_OK;
    char *folder = temporary_directory();
    char *made = path_in(root, "backup"), *copy = path_in(folder, "copy");
    char *restored = path_in(folder, "restored");
    copy_tree(made, copy);
    mql_status status = mql_restore(copy, restored, error);
    if (status == MQL_OK)
        status = print_restored(restored, out, error);
    else if (status == MQL_CORRUPT || status == MQL_NOT_FOUND)
        status = MQL_OK;
    remove_tree(folder);
    free(folder);
    free(made);
    free(copy);
    free(restored);
    return status;
}

bool
machine_has_whole_backup(const char *root)
{
    Buffer words = BUFFER_INIT;
    mql_error error = MQL_ERROR_INIT;
    mql_status status = print_backup(root, &words, &error);
    bool is_whole = status == MQL_OK && words.size > 0;
    buffer_free(&words);
    return is_whole;
}

mql_status
machine_print(const Database *database, Buffer *out, mql_error *error)
{
    TRY(print_all(database->conn, out, error));
    return print_backup(database->root, out, error);
}

/* ---- whether it is sound ---- */

static void
add_largest(mql_stmt *stmt, void *context)
{
    int64_t *largest = context;
    int64_t key = mql_column_int64(stmt, 0);
    *largest = key > *largest ? key : *largest;
}

/* A key that is generated next is larger than all that are there. */
static mql_status
check_next_key(Database *database, mql_error *error)
{
    int64_t largest = 0, next = 0;
    if (each_row(database->conn, "SELECT id FROM w", add_largest, &largest,
                 error) != MQL_OK)
        return MQL_OK; /* there is no w */
    TRY(mql_exec(database->conn, "BEGIN"));
    mql_status status = each_row(database->conn,
                                 "INSERT INTO w (n, v) VALUES (1, [0,0,0,1]) "
                                 "RETURNING id",
                                 add_largest, &next, error);
    TRY(mql_exec(database->conn, "ROLLBACK"));
    if (status != MQL_OK || next > largest)
        return status;
    snprintf(error->message, sizeof error->message,
             "key %" PRId64 " behind %" PRId64, next, largest);
    return MQL_CORRUPT;
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
    if (status == MQL_OK && database->root[0] != '\0')
        status = check_next_key(database, error);
    return status;
}
