/* SPDX-License-Identifier: Apache-2.0 */
/* copy_from.c - COPY ... FROM: the whole file is one statement, all or nothing.
 */
#include <string.h>

#include "engine/copy/copy.h"
#include "engine/session/kinds.h"

typedef struct CopyRun {
    Prepared *prepared;
    const Collection *collection;
    CopyField fields[FIELDS_MOST + 1];
    uint32_t positions[FIELDS_MOST + 1]; /* of the fields in the collection */
    uint32_t field_count;
    uint64_t partition;
    CopyOptions options;
    CopySource source;
    CopyReader *reader;
    Arena arena; /* of the batch */
} CopyRun;

static void
add_field(CopyRun *copy, uint32_t position)
{
    const Field *field = &copy->collection->fields[position];
    copy->positions[copy->field_count] = position;
    copy->fields[copy->field_count++] = (CopyField){
        .name = slice_of(field->name),
        .type = field->type,
        .is_dynamic = field->is_dynamic,
        .has_default = field->has_default,
        .default_value = field->default_value,
    };
}

static mql_status
choose_fields(CopyRun *copy, const Node *list, Error *err)
{
    const Collection *collection = copy->collection;
    for (uint32_t i = 0; list == NULL && i < collection->field_count; i++)
        add_field(copy, i);
    for (const Node *name = list != NULL ? list->first : NULL; name != NULL;
         name = name->next) {
        int32_t found = collection_find_field(collection, name->text);
        if (found < 0)
            return error_at(err, ERR_UNDEFINED_COLUMN, name->position,
                            "field \"%.*s\" of collection \"%s\" does not "
                            "exist",
                            (int)name->text.size, name->text.data,
                            collection->name);
        for (uint32_t i = 0; i < copy->field_count; i++)
            if (copy->positions[i] == (uint32_t)found)
                return error_at(err, ERR_DUPLICATE_COLUMN, name->position,
                                "field \"%.*s\" specified more than once",
                                (int)name->text.size, name->text.data);
        add_field(copy, (uint32_t)found);
    }
    return MQL_OK;
}

static mql_status
read_options(CopyRun *copy, const Node *options, Error *err)
{
    copy_options_init(&copy->options);
    for (const Node *option = options != NULL ? options->first : NULL;
         option != NULL; option = option->next) {
        Slice text;
        TRY(option_text(copy->prepared, option, &text, err));
        if (copy_option_set(&copy->options, option->text, text, err) != MQL_OK)
            return error_locate(err, option->position);
    }
    return MQL_OK;
}

static mql_status
choose_source(CopyRun *copy, const Node *root, Error *err)
{
    Session *session = copy->prepared->session;
    copy->source.vfs = store_vfs(session->store);
    const Node *stdin_node = node_child(root, NODE_STDIN);
    if (stdin_node != NULL) {
        if (session->copy_read == NULL)
            return error_at(err, ERR_FEATURE_NOT_SUPPORTED,
                            stdin_node->position,
                            "COPY FROM STDIN: the program gives no input");
        copy->source.read = session->copy_read;
        copy->source.context = session->copy_context;
        return MQL_OK;
    }
    Slice *paths = arena_alloc_array(&copy->prepared->exec_arena, root->count,
                                     sizeof *paths);
    if (paths == NULL)
        return error_no_memory(err);
    for (const Node *node = root->first; node != NULL; node = node->next)
        if (node->kind == NODE_FILE)
            paths[copy->source.path_count++] = node->text;
    copy->source.paths = paths;
    return MQL_OK;
}

/* The batch's columns at their fields' places; the rest is default or NULL. */
static mql_status
widen(CopyRun *copy, const Batch *read, Batch *batch, Error *err)
{
    const Collection *collection = copy->collection;
    bool given[FIELDS_MOST + 1] = {false};
    batch->count = read->count;
    batch->column_count = collection->field_count;
    batch->columns = arena_alloc_array(&copy->arena, batch->column_count,
                                       sizeof *batch->columns);
    if (batch->columns == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < copy->field_count; i++) {
        batch->columns[copy->positions[i]] = read->columns[i];
        given[copy->positions[i]] = true;
    }
    for (uint32_t f = 0; f < collection->field_count; f++) {
        if (given[f])
            continue;
        Value value;
        TRY(missing_value(collection, &collection->fields[f], &value, err));
        TRY(column_constant(&batch->columns[f], &value, read->count,
                            &copy->arena, err));
    }
    return MQL_OK;
}

static void
report(const CopyRun *copy, const Watch *watch)
{
    uint64_t done, total;
    copy_progress(copy->reader, &done, &total);
    watch->progress(watch->context, "copying", done, total);
}

static mql_status
copy_rows(CopyRun *copy, Transaction *transaction, Error *err)
{
    const Watch watch = prepared_watch(copy->prepared);
    const InsertTarget target = {
        .collection = version_collection(copy->prepared->execution.version,
                                         copy->collection->id),
        .partition = copy->partition,
        .mode = INSERT_NEW,
    };
    for (;;) {
        Batch read, batch;
        arena_reset(&copy->arena);
        TRY(execution_poll(&copy->prepared->execution, err));
        TRY(copy_next(copy->reader, &copy->arena, &read, err));
        if (read.count == 0)
            return MQL_OK;
        TRY(widen(copy, &read, &batch, err));
        uint32_t bad_row = 0;
        if (transaction_insert(transaction, &target, &batch, &bad_row, err) !=
            MQL_OK) {
            char place[ERROR_TEXT_SIZE];
            copy_place(copy->reader, bad_row, place, sizeof place);
            error_detail(err, "COPY %s, %s.", copy->collection->name, place);
            return err->status;
        }
        report(copy, &watch);
    }
}

static mql_status
run_copy(CopyRun *copy, Transaction *transaction, Error *err)
{
    const Node *root = copy->prepared->statement.root;
    const CollectionVersion *found;
    TRY(find_collection(copy->prepared, node_child(root, NODE_NAME), &found,
                        err));
    copy->collection = found->collection;
    TRY(find_target_partition(root, copy->collection, &copy->partition, err));
    TRY(choose_fields(copy, node_child(root, NODE_FIELDS), err));
    TRY(read_options(copy, node_child(root, NODE_OPTIONS), err));
    TRY(choose_source(copy, root, err));
    TRY(copy_open(&copy->source, copy->fields, copy->field_count,
                  &copy->options, &copy->reader, err));
    return copy_rows(copy, transaction, err);
}

mql_status
copy_from_run(Prepared *prepared, Error *err)
{
    CopyRun *copy = arena_new(&prepared->exec_arena, CopyRun);
    if (copy == NULL)
        return error_no_memory(err);
    copy->prepared = prepared;
    arena_init(&copy->arena, prepared->exec_arena.limit);
    Transaction *transaction;
    TRY(prepared_begin(prepared, &transaction, err));
    mql_status status = run_copy(copy, transaction, err);
    if (status == MQL_OK)
        prepared->changes = (int64_t)transaction_inserted(transaction);
    if (status == MQL_OK && copy_skipped(copy->reader) > 0)
        session_notice(prepared->session, "%llu rows were skipped",
                       (unsigned long long)copy_skipped(copy->reader));
    copy_close(copy->reader);
    arena_free(&copy->arena);
    return prepared_end(prepared, transaction, status, err);
}
