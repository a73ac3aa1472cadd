/* SPDX-License-Identifier: Apache-2.0 */
/*
 * help.c - \h: how statements are written, a reminder and no manual.
 */
#include "commands.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef struct Topic {
    const char *name;
    const char *help;   /* one line, no period */
    const char *syntax; /* lines */
} Topic;

/* By name. */
static const Topic topics[] = {
    {"COPY", "load rows from a file",
     "COPY collection [(field, ...)] FROM 'file' | STDIN\n"
     "    [WITH (FORMAT csv | jsonl | json | npy, HEADER, DELIMITER ',', "
     "...)]"},
    {"CREATE COLLECTION", "define a collection (or TABLE)",
     "CREATE COLLECTION [IF NOT EXISTS] name (\n"
     "    field type [PRIMARY KEY] [AUTO_ID] [NULL | NOT NULL] [DEFAULT value]"
     " ...,\n"
     "    ...\n"
     ") [COMMENT 'text'] [WITH (enable_dynamic_field = true, ...)]\n"
     "CREATE COLLECTION [IF NOT EXISTS] name LIKE other [INCLUDING INDEXES]\n\n"
     "types: BOOL INT8 INT16 INT32 INT64 FLOAT DOUBLE VARCHAR(n) TEXT JSON\n"
     "       ARRAY<type>(n) TIMESTAMPTZ FLOAT_VECTOR(dim) (or VECTOR(dim))"},
    {"CREATE DATABASE", "make another database in the directory",
     "CREATE DATABASE [IF NOT EXISTS] name [WITH (property = value, ...)]\n"
     "ALTER DATABASE name SET (property = value, ...) | RESET (property, "
     "...)"},
    {"CREATE INDEX", "make searches and filters fast",
     "CREATE INDEX [IF NOT EXISTS] [name] ON collection (field)\n"
     "    [USING HNSW | FLAT | INVERTED | AUTOINDEX]\n"
     "    [WITH (metric_type = 'L2' | 'IP' | 'COSINE', M = 16, "
     "efConstruction = 200, ...)]"},
    {"CREATE PARTITION", "divide a collection",
     "CREATE PARTITION [IF NOT EXISTS] name ON collection"},
    {"DELETE", "delete rows",
     "DELETE FROM collection [PARTITION name] [WHERE condition]\n"
     "    [RETURNING item, ... | *]"},
    {"DESCRIBE", "show the fields of a collection",
     "DESCRIBE [COLLECTION] name"},
    {"DROP COLLECTION", "delete a collection with its rows",
     "DROP COLLECTION [IF EXISTS] name [, ...]"},
    {"DROP DATABASE", "delete a database",
     "DROP DATABASE [IF EXISTS] name [CASCADE]"},
    {"DROP INDEX", "delete an index",
     "DROP INDEX [IF EXISTS] name [ON collection]"},
    {"DROP PARTITION", "delete a partition with its rows",
     "DROP PARTITION [IF EXISTS] name ON collection"},
    {"EXPLAIN", "show how a statement is done",
     "EXPLAIN [ANALYZE] statement\nEXPLAIN (option, ...) statement"},
    {"FLUSH", "seal what was written", "FLUSH [collection]"},
    {"INSERT", "add rows",
     "INSERT INTO collection [PARTITION name] [(field, ...)]\n"
     "    VALUES (value, ...) [, ...] | SELECT ... | DEFAULT VALUES\n"
     "    [ON CONFLICT [(key)] DO NOTHING\n"
     "        | DO UPDATE SET field = value, ... [WHERE condition]]\n"
     "    [RETURNING item, ... | *]"},
    {"LOAD", "make a collection ready for searches",
     "LOAD COLLECTION name [PARTITION (name, ...)]"},
    {"RELEASE", "take a collection out of memory",
     "RELEASE COLLECTION name [PARTITION (name, ...)]"},
    {"SEARCH", "find the nearest rows to a vector",
     "SEARCH collection [PARTITION (name, ...)] [ON field]\n"
     "    FOR [number, ...] [, ...]\n"
     "    [WHERE condition]\n"
     "    [WITH (ef = 64, radius = number, range_filter = number, ...)]\n"
     "    [LIMIT count] [OFFSET count] [RETURNING field, ... | *]"},
    {"SELECT", "read rows",
     "SELECT item, ... | * | count(*) FROM collection [PARTITION (name)]\n"
     "    [WHERE condition]\n"
     "    [ORDER BY field [ASC | DESC] | vector <-> [number, ...]]\n"
     "    [LIMIT count] [OFFSET count]\n\n"
     "<-> is the L2 distance, <=> the cosine distance, <#> the negative inner "
     "product"},
    {"SET", "change a setting of this session", "SET name = value"},
    {"SHOW", "list what there is",
     "SHOW DATABASES | COLLECTIONS | SETTINGS | INDEX TYPES\n"
     "SHOW PARTITIONS | INDEXES | SEGMENTS FROM collection\n"
     "SHOW CREATE COLLECTION name\n"
     "SHOW setting"},
    {"TRUNCATE", "delete all rows", "TRUNCATE [COLLECTION] name"},
    {"UPDATE", "change fields of rows",
     "UPDATE collection [PARTITION name] SET field = value | DEFAULT, ...\n"
     "    [WHERE condition] [RETURNING item, ... | *]"},
    {"UPSERT", "add rows, or replace those of the same key",
     "UPSERT INTO collection [PARTITION name] [(field, ...)]\n"
     "    VALUES (value, ...) [, ...] | SELECT ...\n"
     "    [RETURNING item, ... | *]"},
    {"USE", "go to another database", "USE name"},
};

#define TOPIC_COUNT (sizeof topics / sizeof topics[0])

static void
show_topic(FILE *out, const Topic *topic)
{
    fprintf(out, "Statement:    %s\nWhat it does: %s\nSyntax:\n%s\n\n",
            topic->name, topic->help, topic->syntax);
}

static void
list_topics(FILE *out)
{
    fputs("Help is there for these statements, by \\h NAME:\n", out);
    for (size_t i = 0; i < TOPIC_COUNT; i++)
        fprintf(out, "  %-18s %s\n", topics[i].name, topics[i].help);
}

Outcome
command_syntax(Invocation *call)
{
    Text name = {0};
    FILE *out = call->shell->out;
    size_t shown = 0;
    arguments_rest(&call->arguments, &name);
    while (name.size > 0 && strchr("; ", name.data[name.size - 1]) != NULL)
        name.data[--name.size] = '\0';
    if (name.size == 0)
        list_topics(out);
    bool wants_all = strcmp(text_string(&name), "*") == 0;
    for (size_t i = 0; i < TOPIC_COUNT && name.size > 0; i++) {
        if (!wants_all &&
            strncasecmp(topics[i].name, name.data, name.size) != 0)
            continue;
        show_topic(out, &topics[i]);
        shown++;
    }
    if (name.size > 0 && shown == 0)
        fprintf(out, "There is no help for \"%s\"; \\h lists what there is.\n",
                name.data);
    text_free(&name);
    return OUTCOME_DONE;
}
