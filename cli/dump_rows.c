/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump_rows.c - the rows of a collection as COPY ... FROM STDIN.
 *
 * They are read a page at a time, each beginning behind the last key of the one
 * before, so memory holds one page whatever the collection's size. How many
 * rows a page has follows from how long the rows were: from the contents only,
 * as everything here, so that equal contents give equal bytes. CSV tells an
 * empty text from NULL and the JSON null from both. What it cannot carry in a
 * script is a value with a line "\.", which ends the data: such a row is an
 * INSERT.
 */
#include <inttypes.h>
#include <string.h>

#include "dump.h"
#include "memory.h"

#define PAGE_SIZE ((size_t)32 << 20) /* bytes a page is meant to have      */
#define PAGE_ROWS_FIRST 64u
#define PAGE_ROWS_MOST 65536u
#define BLOCK_SIZE ((size_t)32 << 20)       /* bytes of one COPY: one commit */
#define RECORD_SIZE_MOST ((size_t)64 << 20) /* COPY's own                 */

typedef struct Rows {
    Dump *dump;
    const DumpCollection *collection;
    const char *partition; /* NULL: all */
    Text header;           /* of CSV; empty: not made yet */
    Text fields;           /* for INSERT */
    Text record;
    size_t block_size; /* bytes in the open COPY, 0: none is open */
    size_t page_size;  /* bytes of this page so far */
    uint32_t page_rows;
    uint32_t page_most;
    int32_t key_column;
    bool has_key; /* the key of the last row */
    bool is_text_key;
    int64_t number_key;
    Text text_key;
} Rows;

/* ---- the script ---- */

static void
append_target(Text *text, const Rows *rows)
{
    text_append_text(text, rows->collection->name.data);
    if (rows->partition == NULL || strcmp(rows->partition, "_default") == 0)
        return; /* rows go there by themselves */
    text_append_text(text, " PARTITION ");
    append_name(text, rows->partition);
}

static void
end_block(Rows *rows)
{
    if (rows->block_size > 0)
        fputs("\\.\n", rows->dump->out);
    rows->block_size = 0;
}

static void
begin_block(Rows *rows)
{
    Text text = {0};
    text_append_text(&text, "COPY ");
    append_target(&text, rows);
    text_append_text(&text, " FROM STDIN WITH (FORMAT csv, HEADER true);\n");
    fputs(text.data, rows->dump->out);
    fputs(rows->header.data, rows->dump->out);
    rows->block_size = text.size + rows->header.size;
    text_free(&text);
}

/* ---- values ---- */

/* A value's text between quotes, these doubled. */
static void
append_quoted(Text *text, const char *data, size_t size)
{
    text_append_char(text, '"');
    for (const char *quote; (quote = memchr(data, '"', size)) != NULL;) {
        size_t head = (size_t)(quote - data) + 1;
        text_append(text, data, head);
        text_append_char(text, '"');
        data += head;
        size -= head;
    }
    text_append(text, data, size);
    text_append_char(text, '"');
}

/* A string of SQL on one line. */
static void
append_string(Text *text, const char *data, size_t size)
{
    text_append_text(text, "E'");
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\n') {
            text_append_text(text, "\\n");
            continue;
        }
        if (data[i] == '\'' || data[i] == '\\')
            text_append_char(text, '\\');
        text_append_char(text, data[i]);
    }
    text_append_char(text, '\'');
}

/* Whether a line of the record would end the data. */
static bool
has_end_line(const Text *record)
{
    const char *at = record->data;
    const char *end = record->data + record->size;
    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        at++;
        size_t size = (size_t)(end - at);
        if (size >= 3 && memcmp(at, "\\.\n", 3) == 0)
            return true;
        if (size >= 4 && memcmp(at, "\\.\r\n", 4) == 0)
            return true;
    }
    return false;
}

static bool
is_bare(int32_t type)
{
    return type <= MQL_TYPE_DOUBLE || type == MQL_TYPE_TIMESTAMPTZ;
}

static void
make_record(Rows *rows, mql_stmt *stmt)
{
    Text *record = &rows->record;
    int32_t count = mql_column_count(stmt);
    text_clear(record);
    for (int32_t i = 0; i < count; i++) {
        size_t size;
        const char *text = mql_column_text(stmt, i, &size);
        if (i > 0)
            text_append_char(record, ',');
        if (text == NULL)
            continue;
        if (is_bare(mql_column_type(stmt, i)))
            text_append(record, text, size);
        else
            append_quoted(record, text, size);
    }
    text_append_char(record, '\n');
}

static void
make_insert(Rows *rows, mql_stmt *stmt)
{
    Text *record = &rows->record;
    int32_t count = mql_column_count(stmt);
    text_clear(record);
    text_append_text(record, "INSERT INTO ");
    append_target(record, rows);
    text_printf(record, " (%s) %sVALUES (", rows->fields.data,
                rows->collection->is_always ? "OVERRIDING SYSTEM VALUE " : "");
    for (int32_t i = 0; i < count; i++) {
        size_t size;
        const char *text = mql_column_text(stmt, i, &size);
        if (i > 0)
            text_append_text(record, ", ");
        if (text == NULL)
            text_append_text(record, "NULL");
        else
            append_string(record, text, size);
    }
    text_append_text(record, ");\n");
}

/* ---- rows ---- */

static void
make_header(Rows *rows, mql_stmt *stmt)
{
    int32_t count = mql_column_count(stmt);
    for (int32_t i = 0; i < count; i++) {
        const char *name = mql_column_name(stmt, i);
        if (i > 0) {
            text_append_char(&rows->header, ',');
            text_append_text(&rows->fields, ", ");
        }
        append_quoted(&rows->header, name, strlen(name));
        append_name(&rows->fields, name);
        Text quoted = {0};
        append_name(&quoted, name);
        if (strcmp(quoted.data, rows->collection->key.data) == 0)
            rows->key_column = i;
        text_free(&quoted);
    }
    text_append_char(&rows->header, '\n');
    rows->is_text_key =
        mql_column_type(stmt, rows->key_column) == MQL_TYPE_VARCHAR;
}

static void
keep_key(Rows *rows, mql_stmt *stmt)
{
    rows->has_key = true;
    if (!rows->is_text_key) {
        rows->number_key = mql_column_int64(stmt, rows->key_column);
        return;
    }
    size_t size;
    const char *text = mql_column_text(stmt, rows->key_column, &size);
    text_clear(&rows->text_key);
    text_append(&rows->text_key, text != NULL ? text : "",
                text != NULL ? size : 0);
}

static bool
write_row(Rows *rows, mql_stmt *stmt)
{
    make_record(rows, stmt);
    if (rows->record.size > RECORD_SIZE_MOST) {
        fprintf(stderr,
                "mql: error: a row of collection %s is too long for COPY\n",
                rows->collection->name.data);
        return false;
    }
    bool is_insert = has_end_line(&rows->record);
    if (is_insert || rows->block_size >= BLOCK_SIZE)
        end_block(rows);
    if (is_insert)
        make_insert(rows, stmt);
    else if (rows->block_size == 0)
        begin_block(rows);
    if (!is_insert)
        rows->block_size += rows->record.size;
    fwrite(rows->record.data, 1, rows->record.size, rows->dump->out);
    rows->page_size += rows->record.size;
    rows->page_rows++;
    keep_key(rows, stmt);
    return true;
}

static void
make_query(const Rows *rows, Text *sql)
{
    const char *key = rows->collection->key.data;
    text_printf(sql, "SELECT * FROM %s", rows->collection->name.data);
    if (rows->partition != NULL) {
        text_append_text(sql, " PARTITION (");
        append_name(sql, rows->partition);
        text_append_char(sql, ')');
    }
    if (rows->has_key)
        text_printf(sql, " WHERE %s > $1", key);
    text_printf(sql, " ORDER BY %s LIMIT %" PRIu32, key, rows->page_most);
}

static mql_status
bind_key(const Rows *rows, mql_stmt *stmt)
{
    if (!rows->has_key)
        return MQL_OK;
    if (rows->is_text_key)
        return mql_bind_text(stmt, 1, text_string(&rows->text_key),
                             (int64_t)rows->text_key.size, MQL_TRANSIENT);
    return mql_bind_int64(stmt, 1, rows->number_key);
}

static bool
step_rows(Rows *rows, mql_stmt *stmt)
{
    if (rows->header.size == 0)
        make_header(rows, stmt);
    if (bind_key(rows, stmt) != MQL_OK)
        return dump_fail(rows->dump);
    mql_status status;
    while ((status = mql_step(stmt)) == MQL_ROW)
        if (!write_row(rows, stmt))
            return false;
    return status == MQL_DONE || dump_fail(rows->dump);
}

static bool
write_page(Rows *rows)
{
    Text sql = {0};
    mql_stmt *stmt;
    make_query(rows, &sql);
    mql_status status =
        mql_prepare(rows->dump->conn, sql.data, (int64_t)sql.size, &stmt, NULL);
    text_free(&sql);
    if (status != MQL_OK)
        return dump_fail(rows->dump);
    rows->page_size = 0;
    rows->page_rows = 0;
    bool is_done = step_rows(rows, stmt);
    mql_finalize(stmt);
    return is_done;
}

/* As many rows as will make a page, if they go on as they were. */
static uint32_t
next_page(const Rows *rows)
{
    size_t count = PAGE_SIZE / (rows->page_size / rows->page_rows + 1);
    if (count > PAGE_ROWS_MOST)
        return PAGE_ROWS_MOST;
    return count == 0 ? 1 : (uint32_t)count;
}

static bool
write_pages(Rows *rows)
{
    for (;;) {
        if (!write_page(rows))
            return false;
        if (rows->page_rows < rows->page_most)
            return true;
        if (ferror(rows->dump->out))
            return true; /* told when the file is closed */
        rows->page_most = next_page(rows);
    }
}

bool
dump_rows(Dump *dump, const DumpCollection *collection, const char *partition)
{
    Rows rows = {.dump = dump,
                 .collection = collection,
                 .partition = partition,
                 .page_most = PAGE_ROWS_FIRST};
    bool is_done = write_pages(&rows);
    end_block(&rows);
    text_free(&rows.header);
    text_free(&rows.fields);
    text_free(&rows.record);
    text_free(&rows.text_key);
    return is_done;
}
