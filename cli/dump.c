/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump.c - "mql dump": a database as the script that makes it again.
 *
 * Equal contents give equal bytes, whatever happened before: names in the order
 * of their bytes, rows in that of partition and key, nothing of the day or the
 * machine. Indexes come behind the rows, which are loaded faster so; settings
 * last. The transaction is not READ ONLY because released collections are
 * loaded in it; it is always rolled back.
 */
#include "dump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "login.h"
#include "memory.h"
#include "tools.h"

typedef struct Arguments {
    const char *database;
    const char *file; /* NULL: standard output */
    const char *user; /* -U, NULL: root */
    bool is_schema_only;
    bool is_data_only;
    char **names; /* room for all words */
    int name_count;
} Arguments;

/* ---- one collection ---- */

static bool
starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* The statements of SHOW CREATE: those that make indexes apart. */
static void
split_statements(const char *text, List *schema, List *indexes)
{
    size_t size;
    while ((size = mql_statement_size(text, strlen(text))) > 0) {
        while (*text == '\n' || *text == ' ') {
            text++;
            size--;
        }
        bool is_index = starts_with(text, "CREATE INDEX");
        list_add(is_index ? indexes : schema, text, size);
        text += size;
    }
    /* "CREATE COLLECTION" is before "CREATE PARTITION". */
    list_sort(schema);
    list_sort(indexes);
}

static void
write_lines(Dump *dump, const List *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        fprintf(dump->out, "%s\n", list_cell(lines, i, 0));
}

static void
ask(Text *sql, const char *question, const char *name)
{
    text_clear(sql);
    text_append_text(sql, question);
    append_name(sql, name);
}

/* Which field is the key, and whether there is a partition key. */
static bool
read_keys(Dump *dump, const char *name, DumpCollection *collection)
{
    Text sql = {0};
    List fields;
    append_name(&collection->name, name);
    ask(&sql, "DESCRIBE COLLECTION ", name);
    bool is_done = list_read(dump, sql.data, 4, &fields);
    for (size_t i = 0; is_done && i < fields.count; i++) {
        const char *key = list_cell(&fields, i, 3);
        if (strstr(key, "primary key") != NULL)
            append_name(&collection->key, list_cell(&fields, i, 0));
        if (strstr(key, "auto_id always") != NULL)
            collection->is_always = true;
        if (strstr(key, "partition key") != NULL)
            collection->has_partition_key = true;
    }
    list_free(&fields);
    text_free(&sql);
    return is_done;
}

static bool
write_aliases(Dump *dump, const char *name)
{
    Text sql = {0};
    List aliases;
    ask(&sql, "SHOW ALIASES FROM ", name);
    bool is_done = list_read(dump, sql.data, 1, &aliases);
    for (size_t i = 0; is_done && i < aliases.count; i++) {
        ask(&sql, "CREATE ALIAS ", list_cell(&aliases, i, 0));
        text_append_text(&sql, " FOR ");
        append_name(&sql, name);
        fprintf(dump->out, "%s;\n", sql.data);
    }
    list_free(&aliases);
    text_free(&sql);
    return is_done;
}

/* Where generated keys go on: rows that are gone had some of them. */
static bool
write_identity(Dump *dump, const char *name)
{
    Text sql = {0};
    List next;
    ask(&sql, "SHOW IDENTITY FROM ", name);
    bool is_done = list_read(dump, sql.data, 2, &next);
    for (size_t i = 0; is_done && i < next.count; i++) {
        ask(&sql, "ALTER COLLECTION ", name);
        text_append_text(&sql, " ALTER FIELD ");
        append_name(&sql, list_cell(&next, i, 0));
        fprintf(dump->out, "%s RESTART WITH %s;\n", sql.data,
                list_cell(&next, i, 1));
    }
    list_free(&next);
    text_free(&sql);
    return is_done;
}

static bool
write_rows(Dump *dump, const char *name, const List *partitions)
{
    DumpCollection collection = {0};
    Text sql = {0};
    bool is_done = read_keys(dump, name, &collection);
    bool was_released = false;
    for (size_t i = 0; i < partitions->count; i++)
        was_released |= strcmp(list_cell(partitions, i, 2), "t") != 0;
    ask(&sql, "LOAD COLLECTION ", name);
    if (is_done && was_released)
        is_done = dump_run(dump, sql.data);
    if (is_done && collection.has_partition_key)
        is_done = dump_rows(dump, &collection, NULL);
    for (size_t i = 0;
         is_done && !collection.has_partition_key && i < partitions->count; i++)
        is_done = dump_rows(dump, &collection, list_cell(partitions, i, 0));
    is_done = is_done && write_identity(dump, name);
    text_free(&collection.name);
    text_free(&collection.key);
    text_free(&sql);
    return is_done;
}

/* RELEASE what is released. */
static void
write_load_state(Dump *dump, const char *name, const List *partitions)
{
    Text names = {0};
    size_t released = 0;
    for (size_t i = 0; i < partitions->count; i++) {
        if (strcmp(list_cell(partitions, i, 2), "t") == 0)
            continue;
        if (released++ > 0)
            text_append_text(&names, ", ");
        append_name(&names, list_cell(partitions, i, 0));
    }
    Text statement = {0};
    ask(&statement, "RELEASE COLLECTION ", name);
    if (released < partitions->count)
        text_printf(&statement, " PARTITION (%s)", text_string(&names));
    if (released > 0)
        fprintf(dump->out, "%s;\n", statement.data);
    text_free(&statement);
    text_free(&names);
}

static bool
write_collection(Dump *dump, const char *name)
{
    Text sql = {0};
    List shown = {0}, partitions = {0};
    List schema = {0}, indexes = {0};
    ask(&sql, "SHOW CREATE COLLECTION ", name);
    bool is_done = list_read(dump, sql.data, 1, &shown);
    if (is_done && shown.count > 0)
        split_statements(list_cell(&shown, 0, 0), &schema, &indexes);
    ask(&sql, "SHOW PARTITIONS FROM ", name);
    is_done = is_done && list_read(dump, sql.data, 3, &partitions);
    list_sort(&partitions);
    fputc('\n', dump->out);
    if (dump->has_schema)
        write_lines(dump, &schema);
    if (is_done && dump->has_data)
        is_done = write_rows(dump, name, &partitions);
    if (is_done && dump->has_schema) {
        write_lines(dump, &indexes);
        is_done = write_aliases(dump, name);
        write_load_state(dump, name, &partitions);
    }
    list_free(&shown);
    list_free(&partitions);
    list_free(&schema);
    list_free(&indexes);
    text_free(&sql);
    return is_done;
}

/* ---- databases ---- */

/* Whether the command line asks for it: "c" or "database.c". */
static bool
is_wanted(Dump *dump, const char *database, const char *name)
{
    Text full = {0};
    bool found = dump->wanted_count == 0;
    text_printf(&full, "%s.%s", database, name);
    for (int i = 0; i < dump->wanted_count; i++) {
        if (strcmp(dump->wanted[i], name) != 0 &&
            strcmp(dump->wanted[i], full.data) != 0)
            continue;
        dump->was_found[i] = true;
        found = true;
    }
    text_free(&full);
    return found;
}

/* Go into the database and list what is to be written of it. */
static bool
read_collections(Dump *dump, const char *database, List *names)
{
    Text use = {0};
    List all = {0};
    ask(&use, "USE ", database);
    bool is_done = dump_run(dump, use.data) &&
                   list_read(dump, "SHOW COLLECTIONS", 1, &all);
    for (size_t i = 0; is_done && i < all.count; i++) {
        const char *name = list_cell(&all, i, 0);
        if (is_wanted(dump, database, name))
            list_add(names, name, strlen(name));
    }
    list_sort(names);
    list_free(&all);
    text_free(&use);
    return is_done;
}

/* What a property denies is asked for nevertheless: the transaction is rolled
 * back. */
static bool
allow_reading(Dump *dump, const char *name)
{
    Text sql = {0};
    text_printf(&sql,
                "ALTER DATABASE %s SET (database.force.deny.reading = false, "
                "database.force.deny.ddl = false, "
                "database.force.deny.collectionDDL = false)",
                name);
    bool is_done = dump_run(dump, sql.data);
    text_free(&sql);
    return is_done;
}

/* Rows without definitions go to a database that has its properties already.
 */
static void
write_permission(const Dump *dump, const char *name, const char *properties,
                 bool is_denied)
{
    /* RESTART WITH is an ALTER COLLECTION. */
    static const char *const denying[] = {"writing", "ddl", "collectionDDL"};
    const char *space = is_denied ? "\n" : "";
    for (size_t i = 0; i < sizeof denying / sizeof denying[0]; i++) {
        char property[64];
        snprintf(property, sizeof property, "database.force.deny.%s = true",
                 denying[i]);
        if (dump->has_schema || strstr(properties, property) == NULL)
            continue;
        fprintf(dump->out,
                "%sALTER DATABASE %s SET (database.force.deny.%s = %s);\n",
                space, name, denying[i], is_denied ? "true" : "false");
        space = "";
    }
}

static bool
write_database(Dump *dump, const char *database, const char *properties)
{
    Text name = {0};
    List names = {0};
    append_name(&name, database);
    bool is_done = properties[0] == '\0' || allow_reading(dump, name.data);
    is_done = is_done && read_collections(dump, database, &names);
    if (is_done && (names.count > 0 || dump->wanted_count == 0)) {
        fputc('\n', dump->out);
        if (dump->has_schema && strcmp(database, "default") != 0)
            fprintf(dump->out, "CREATE DATABASE %s;\n", name.data);
        fprintf(dump->out, "USE %s;\n", name.data);
        write_permission(dump, name.data, properties, false);
    }
    for (size_t i = 0; is_done && i < names.count; i++)
        is_done = write_collection(dump, list_cell(&names, i, 0));
    if (is_done && (names.count > 0 || dump->wanted_count == 0))
        write_permission(dump, name.data, properties, true);
    /* Last: they may deny what is above. */
    if (is_done && dump->has_schema && dump->wanted_count == 0 &&
        properties[0] != '\0')
        fprintf(dump->out, "\nALTER DATABASE %s SET (%s);\n", name.data,
                properties);
    list_free(&names);
    text_free(&name);
    return is_done;
}

/* What SET GLOBAL stored. */
static bool
write_settings(Dump *dump)
{
    List settings;
    bool is_first = true;
    bool is_done = list_read(dump, "SHOW SETTINGS", 3, &settings);
    list_sort(&settings);
    for (size_t i = 0; is_done && i < settings.count; i++) {
        if (strcmp(list_cell(&settings, i, 2), "global") != 0)
            continue;
        fprintf(dump->out, "%sSET GLOBAL %s = '%s';\n", is_first ? "\n" : "",
                list_cell(&settings, i, 0), list_cell(&settings, i, 1));
        is_first = false;
    }
    list_free(&settings);
    return is_done;
}

/* Users, roles and grants, each in its database. They come behind all else:
 * they name it. */
static bool
write_users(Dump *dump)
{
    List statements;
    Text sql = {0};
    const char *database = NULL;
    bool is_done = list_read(dump, "SHOW CREATE USERS", 2, &statements);
    if (is_done && statements.count > 0)
        fputc('\n', dump->out);
    for (size_t i = 0; is_done && i < statements.count; i++) {
        const char *home = list_cell(&statements, i, 0);
        if (*home != '\0' &&
            (database == NULL || strcmp(home, database) != 0)) {
            ask(&sql, "USE ", home);
            fprintf(dump->out, "%s;\n", sql.data);
            database = home;
        }
        fprintf(dump->out, "%s\n", list_cell(&statements, i, 1));
    }
    list_free(&statements);
    text_free(&sql);
    return is_done;
}

static bool
check_found(const Dump *dump)
{
    bool is_good = true;
    for (int i = 0; i < dump->wanted_count; i++) {
        if (dump->was_found[i])
            continue;
        fprintf(stderr, "mql: error: collection \"%s\" does not exist\n",
                dump->wanted[i]);
        is_good = false;
    }
    return is_good;
}

static bool
write_databases(Dump *dump)
{
    List databases;
    bool is_done = list_read(dump, "SHOW DATABASES", 3, &databases);
    list_sort(&databases);
    for (size_t i = 0; is_done && i < databases.count; i++)
        is_done = write_database(dump, list_cell(&databases, i, 0),
                                 list_cell(&databases, i, 2));
    list_free(&databases);
    return is_done && check_found(dump);
}

static bool
write_all(Dump *dump)
{
    fputs("-- A database of mql. To make it again: mql NEW -f FILE\n",
          dump->out);
    /* A timeout that is stored for everybody must not cut the dump short, nor
     * the loading: settings come last. */
    bool is_done = dump_run(dump, "SET statement_timeout = 0; BEGIN") &&
                   write_databases(dump);
    if (is_done && dump->has_schema && dump->wanted_count == 0)
        is_done = write_settings(dump) && write_users(dump);
    if (is_done)
        fputs("\n-- The end.\n", dump->out);
    return is_done;
}

/* ---- the file ---- */

/* Nobody else may read it, as nobody else may the database. */
static FILE *
open_private(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return NULL;
    FILE *file = fdopen(fd, "w");
    if (file == NULL)
        close(fd);
    return file;
}

/* A file is there under its name only when it is whole. */
static bool
open_file(Dump *dump, const char *path, Text *partial)
{
    dump->out = stdout;
    if (path == NULL)
        return true;
    text_printf(partial, "%s.partial", path);
    unlink(partial->data);
    dump->out = open_private(partial->data);
    if (dump->out == NULL)
        fprintf(stderr, "mql: error: could not open file \"%s\": %s\n",
                partial->data, strerror(errno));
    return dump->out != NULL;
}

static bool
close_file(Dump *dump, const char *path, const char *partial, bool is_done)
{
    bool is_written = fflush(dump->out) == 0 && !ferror(dump->out);
    if (path != NULL) {
        is_written = is_written && fsync(fileno(dump->out)) == 0;
        is_written = fclose(dump->out) == 0 && is_written;
    }
    if (is_done && is_written && path != NULL)
        is_written = rename(partial, path) == 0;
    if (!is_written)
        fprintf(stderr, "mql: error: could not write \"%s\": %s\n",
                path != NULL ? path : "standard output", strerror(errno));
    if (path != NULL && !(is_done && is_written))
        unlink(partial);
    return is_done && is_written;
}

static bool
write_file(Dump *dump, const char *path)
{
    Text partial = {0};
    bool is_done = open_file(dump, path, &partial);
    if (is_done)
        is_done = close_file(dump, path, partial.data, write_all(dump));
    text_free(&partial);
    return is_done;
}

static int
run(const Arguments *arguments)
{
    mql_open_options options = MQL_OPEN_OPTIONS_INIT;
    mql_error error = MQL_ERROR_INIT;
    mql_db *db;
    options.must_exist = 1;
    Dump dump = {.has_schema = !arguments->is_data_only,
                 .has_data = !arguments->is_schema_only,
                 .wanted = arguments->names,
                 .wanted_count = arguments->name_count};
    if (mql_open(arguments->database, &options, &db, &error) != MQL_OK)
        return tool_fail(&error);
    bool is_done =
        login_connect(db, arguments->user, LOGIN_ASKS, &dump.conn, &error);
    if (!is_done)
        tool_fail(&error);
    dump.was_found =
        memory_alloc((size_t)dump.wanted_count + 1, sizeof *dump.was_found);
    is_done = is_done && write_file(&dump, arguments->file);
    memory_free(dump.was_found);
    mql_disconnect(dump.conn); /* rolls back */
    mql_close(db);
    return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- the command line ---- */

static bool
read_words(Arguments *arguments, int count, char **words)
{
    bool has_options = true;
    for (int i = 0; i < count; i++) {
        const char *word = words[i];
        bool is_option = has_options && word[0] == '-' && word[1] != '\0';
        if (is_option && strcmp(word, "--") == 0)
            has_options = false;
        else if (is_option && strcmp(word, "--schema-only") == 0)
            arguments->is_schema_only = true;
        else if (is_option && strcmp(word, "--data-only") == 0)
            arguments->is_data_only = true;
        else if (is_option && strcmp(word, "-U") == 0 && i + 1 < count)
            arguments->user = words[++i];
        else if (is_option && strcmp(word, "-o") == 0 && i + 1 < count)
            arguments->file = words[++i];
        else if (is_option)
            return false;
        else if (arguments->database == NULL)
            arguments->database = word;
        else
            arguments->names[arguments->name_count++] = words[i];
    }
    return arguments->database != NULL &&
           !(arguments->is_schema_only && arguments->is_data_only);
}

int
dump_main(int count, char **words)
{
    Arguments arguments = {0};
    int status = EXIT_FAILURE;
    arguments.names = memory_alloc((size_t)count + 1, sizeof *arguments.names);
    if (read_words(&arguments, count, words))
        status = run(&arguments);
    else
        fputs("Usage: mql dump DATABASE [-o FILE] [--schema-only | "
              "--data-only] [COLLECTION ...]\n",
              stderr);
    memory_free(arguments.names);
    return status;
}
