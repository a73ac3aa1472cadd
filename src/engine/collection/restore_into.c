/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore_into.c - the databases of a backup, put into one that is open.
 *
 * The backup is verified and opened as it lies there, read-only; its rows are
 * inserted by one transaction, as COPY would do it. So all that holds for a
 * transaction holds here: nobody sees anything before its commit, and a failure
 * or a crash leaves nothing. Definitions keep everything but their ids, which
 * are new; rows keep everything but the commit that inserted them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "engine/collection/backup.h"
#include "engine/collection/restore_access.h"
#include "engine/collection/store_internal.h"

typedef struct Taking {
    Transaction *transaction;
    Store *from;
    const Version *old; /* of the backup */
    uint64_t rows;
    uint64_t rows_done;
    RestoredIds ids;
    BackupWatch watch;
    const LossReport *losses; /* NULL: nothing may be lost */
} Taking;

/* Rows that the same damage took, behind each other in a segment. */
typedef struct LostRows {
    uint64_t count;
    Error why;
    Buffer first_key; /* empty: it cannot be read either */
    Buffer last_key;
} LostRows;

/* A collection of the backup and what it becomes. */
typedef struct Taken {
    Taking *taking;
    const CollectionVersion *old;
    const CollectionVersion *new;
    uint64_t expired;
    Arena arena;
    Column *columns;
    LostRows lost;
} Taken;

mql_status
backup_open(const Vfs *vfs, const char *path, const Watch *watch, Store **store,
            Error *err)
{
    BackupReport report = {0};
    const StoreOptions options = {
        .vfs = vfs, .threads = 1, .is_read_only = true, .is_backup = true};
    *store = NULL;
    TRY(backup_verify(vfs, path, watch, &report, err));
    return store_open(path, &options, store, err);
}

/* ---- names ---- */

static bool
is_default(const DatabaseDefinition *database)
{
    return strcmp(database->name, DEFAULT_DATABASE_NAME) == 0;
}

static const DatabaseDefinition *
find_database(const Version *version, const char *name)
{
    for (uint32_t i = 0; i < version->database_count; i++)
        if (strcmp(version->databases[i]->name, name) == 0)
            return version->databases[i];
    return NULL;
}

static bool
has_collections(const Version *version, const DatabaseDefinition *database)
{
    for (uint32_t i = 0; i < version->collection_count; i++)
        if (version->collections[i]->collection->database == database->id)
            return true;
    return false;
}

/* What the properties of the database that is there say. */
static mql_status
check_default(const Version *version, const Version *old,
              const DatabaseDefinition *from, const DatabaseDefinition *here,
              Error *err)
{
    uint32_t more = 0;
    for (uint32_t i = 0; i < old->collection_count; i++)
        more += old->collections[i]->collection->database == from->id;
    TRY(version_check_denied(version, here->id, "writing", err));
    TRY(version_check_denied(version, here->id, "ddl", err));
    TRY(version_check_denied(version, here->id, "collectionDDL", err));
    return version_check_collections(version, here->id, more, err);
}

/* The database "default" is always there: it is taken when both have something
 * in it. */
static mql_status
check_name_is_free(const Version *version, const Version *old,
                   const DatabaseDefinition *database, Error *err)
{
    const DatabaseDefinition *other = find_database(version, database->name);
    if (other == NULL)
        return MQL_OK;
    if (is_default(database) && !has_collections(old, database))
        return MQL_OK;
    if (is_default(database) && !has_collections(version, other))
        return check_default(version, old, database, other, err);
    error_set(err, ERR_DUPLICATE_DATABASE,
              is_default(database) ? "database \"%s\" already has collections"
                                   : "database \"%s\" already exists",
              database->name);
    return error_hint(err, "RESTORE DATABASE brings all databases of a backup; "
                           "into a new directory: mql restore BACKUP DIR");
}

static mql_status
check_names(const Taking *taking, Error *err)
{
    const Version *version;
    TRY(transaction_view(taking->transaction, &version, err));
    mql_status status = MQL_OK;
    for (uint32_t i = 0; status == MQL_OK && i < taking->old->database_count;
         i++)
        status = check_name_is_free(version, taking->old,
                                    taking->old->databases[i], err);
    version_release(version);
    return status;
}

mql_status
store_open_damaged(const Vfs *vfs, const char *path, const LossReport *losses,
                   Store **store, Error *err)
{
    const StoreOptions options = {
        .vfs = vfs, .threads = 1, .is_read_only = true, .losses = losses};
    return store_open(path, &options, store, err);
}

/* ---- rows that cannot be read ---- */

static mql_status
report_lost(const Taken *taken, uint64_t rows, const char *what,
            const Error *why, Error *err)
{
    char object[ERROR_TEXT_SIZE];
    snprintf(object, sizeof object, "collection \"%s\"",
             taken->old->collection->name);
    const Loss loss = {object, rows, what, why};
    const LossReport *losses = taken->taking->losses;
    return losses->lost(losses->context, &loss, err);
}

/* Report what was gathered. */
static mql_status
end_lost(Taken *taken, Error *err)
{
    LostRows *lost = &taken->lost;
    Buffer what = BUFFER_INIT;
    mql_status status = MQL_OK;
    if (lost->first_key.size > 0)
        buffer_printf(&what, "keys %s .. %s", buffer_text(&lost->first_key),
                      buffer_text(&lost->last_key));
    else
        buffer_append_text(&what, "rows whose keys cannot be read");
    if (lost->count > 0)
        status = report_lost(taken, lost->count, buffer_text(&what), &lost->why,
                             err);
    buffer_free(&what);
    buffer_free(&lost->first_key);
    buffer_free(&lost->last_key);
    *lost = (LostRows){0};
    return status;
}

static bool
is_same_damage(const Error *a, const Error *b)
{
    return strcmp(a->text, b->text) == 0 && strcmp(a->detail, b->detail) == 0;
}

static mql_status
lose_row(Taken *taken, const Segment *segment, uint32_t row, const Error *why,
         Error *err)
{
    LostRows *lost = &taken->lost;
    const Collection *old = taken->old->collection;
    const RowRange range = {.rows = &row, .count = 1};
    Error ignored = ERROR_INIT; /* then the key is not known */
    Column column;
    if (lost->count > 0 && !is_same_damage(&lost->why, why))
        TRY(end_lost(taken, err));
    if (lost->count++ == 0)
        lost->why = *why;
    arena_reset(&taken->arena);
    if (segment_read(segment, &old->fields[old->primary], range, &taken->arena,
                     &column, &ignored) != MQL_OK)
        return MQL_OK;
    const Value key = column_value(&column, 0);
    buffer_clear(&lost->last_key);
    value_print(&lost->last_key, &key);
    if (lost->first_key.size == 0)
        value_print(&lost->first_key, &key);
    return MQL_OK;
}

/* ---- rows ---- */

static mql_status
read_rows(Taken *taken, const Segment *segment, RowRange range, Error *err)
{
    const Collection *old = taken->old->collection;
    arena_reset(&taken->arena);
    for (uint32_t i = 0; i < old->field_count; i++)
        TRY(segment_read(segment, &old->fields[i], range, &taken->arena,
                         &taken->columns[i], err));
    return segment_intact(segment, err);
}

static mql_status insert_rows(Taken *taken, const Segment *segment,
                              uint64_t partition, RowRange range, Error *err);

/* Damage is in a block of a field: half of the rows may be whole. A batch has
 * 1,024 rows, so that this goes ten halves deep at most. */
static mql_status
insert_readable(Taken *taken, const Segment *segment, uint64_t partition,
                RowRange range, const Error *why, Error *err)
{
    uint32_t half = range.count / 2;
    const RowRange low = {.rows = range.rows, .count = half};
    const RowRange high = {.rows = range.rows + half,
                           .count = range.count - half};
    if (range.count == 1)
        return lose_row(taken, segment, range.rows[0], why, err);
    TRY(insert_rows(taken, segment, partition, low, err));
    return insert_rows(taken, segment, partition, high, err);
}

static mql_status
insert_rows(Taken *taken, const Segment *segment, uint64_t partition,
            RowRange range, Error *err)
{
    const Collection *old = taken->old->collection;
    const bool may_lose = taken->taking->losses != NULL;
    Error why = ERROR_INIT;
    mql_status status = read_rows(taken, segment, range, &why);
    if (status == MQL_CORRUPT && may_lose)
        return insert_readable(taken, segment, partition, range, &why, err);
    if (status != MQL_OK) {
        *err = why;
        return status;
    }
    /* A row whose deletion is lost gives way to the one that came later. */
    const InsertTarget target = {taken->new, partition,
                                 may_lose ? INSERT_REPLACE : INSERT_NEW};
    const Batch batch = {range.count, old->field_count, taken->columns};
    uint32_t bad_row;
    TRY(transaction_insert(taken->taking->transaction, &target, &batch,
                           &bad_row, err));
    arena_reset(&taken->arena);
    Taking *taking = taken->taking;
    taking->rows_done += range.count;
    return backup_step(&taking->watch, taking->rows_done, taking->rows, err);
}

static mql_status
insert_visible(Taken *taken, const Segment *segment, const uint64_t *bits,
               uint32_t rows, Error *err)
{
    const Collection *old = taken->old->collection;
    int32_t at = collection_find_partition_id(old, segment_partition(segment));
    if (at < 0)
        return error_set(err, ERR_DATA_CORRUPTED, "rows of no partition");
    uint64_t partition = taken->new->collection->partitions[at].id;
    uint32_t chosen[BATCH_ROWS];
    uint32_t count = 0;
    for (uint32_t row = 0; row < rows; row++) {
        if (bits_get(bits, row))
            chosen[count++] = row;
        if (count < BATCH_ROWS && (row + 1 < rows || count == 0))
            continue;
        RowRange range = {.rows = chosen, .count = count};
        TRY(insert_rows(taken, segment, partition, range, err));
        count = 0;
    }
    return MQL_OK;
}

/* All of it, when its file cannot be opened. */
static mql_status
lose_segment(const Taken *taken, const Segment *segment, const Error *why,
             Error *err)
{
    uint32_t rows = as_sealed(segment_under(segment))->row_count;
    return report_lost(
        taken, rows, "a whole segment, with rows that were deleted", why, err);
}

static mql_status
take_segment(Taken *taken, const Segment *segment, Error *err)
{
    Error why = ERROR_INIT;
    if (taken->taking->losses != NULL &&
        segment_intact(segment, &why) != MQL_OK)
        return lose_segment(taken, segment, &why, err);
    uint64_t sequence = taken->taking->old->sequence;
    uint32_t rows = segment_row_count(segment, sequence);
    uint32_t hidden;
    uint64_t *bits = calloc(bits_words(rows) + 1, sizeof *bits);
    if (bits == NULL)
        return error_no_memory(err);
    segment_visible(segment, sequence, rows, bits);
    mql_status status =
        segment_hide_expired(segment, taken->expired, rows, bits, &hidden, err);
    if (status == MQL_OK)
        status = insert_visible(taken, segment, bits, rows, err);
    free(bits);
    return status == MQL_OK ? end_lost(taken, err) : status;
}

static mql_status
take_segments(Taken *taken, Error *err)
{
    const CollectionVersion *old = taken->old;
    if (taken->taking->losses == NULL)
        TRY(collection_intact(old, err));
    taken->columns = calloc(old->collection->field_count + (size_t)1,
                            sizeof *taken->columns);
    if (taken->columns == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < old->segment_count; i++)
        TRY(take_segment(taken, old->segments[i], err));
    return MQL_OK;
}

static mql_status
take_rows(Taking *taking, const CollectionVersion *old, uint64_t id, Error *err)
{
    const Version *version;
    TRY(transaction_view(taking->transaction, &version, err));
    Taken taken = {
        .taking = taking, .old = old, .new = version_collection(version, id)};
    taken.expired =
        store_expired(taking->from, old->collection, store_now(taking->from));
    arena_init(&taken.arena, 0);
    mql_status status = taken.new == NULL ? error_set(err, ERR_INTERNAL_ERROR,
                                                      "no such "
                                                      "collection")
                                          : take_segments(&taken, err);
    free(taken.columns);
    buffer_free(&taken.lost.first_key);
    buffer_free(&taken.lost.last_key);
    arena_free(&taken.arena);
    version_release(version);
    return status;
}

/* ---- definitions ---- */

static mql_status
take_collection(Taking *taking, const CollectionVersion *old, uint64_t database,
                Error *err)
{
    Transaction *transaction = taking->transaction;
    Collection *copy;
    TRY(transaction_copy_definition(transaction, old->collection, &copy, err));
    copy->database = database;
    copy->next_auto_id =
        atomic_load(&collection_entry_of(old)->state->next_auto_id);
    uint64_t id = copy->id;
    bool has_indexes = copy->index_count > 0;
    TRY(transaction_put_collection(transaction, copy, err));
    TRY(take_rows(taking, old, id, err));
    TRY(restored_ids_add(&taking->ids, LEVEL_COLLECTION, old->collection->id,
                         id, true, err));
    return has_indexes
               ? transaction_flush(transaction, id, taking->watch.watch, err)
               : MQL_OK;
}

static mql_status
take_database(Taking *taking, const DatabaseDefinition *old, Error *err)
{
    Transaction *transaction = taking->transaction;
    const DatabaseDefinition *here =
        find_database(transaction->base, DEFAULT_DATABASE_NAME);
    uint64_t id = here == NULL ? 0 : here->id;
    if (is_default(old) && here != NULL && here->property_count == 0 &&
        old->property_count > 0)
        TRY(transaction_alter_database(transaction, id, slice_of(old->name),
                                       old->properties, old->property_count,
                                       err));
    if (!is_default(old)) {
        TRY(transaction_create_database(transaction, slice_of(old->name),
                                        old->properties, old->property_count,
                                        err));
        id = transaction->databases->id;
    }
    TRY(restored_ids_add(&taking->ids, LEVEL_DATABASE, old->id, id,
                         !is_default(old), err));
    for (uint32_t i = 0; i < taking->old->collection_count; i++) {
        const CollectionVersion *collection = taking->old->collections[i];
        if (collection->collection->database == old->id)
            TRY(take_collection(taking, collection, id, err));
    }
    return MQL_OK;
}

/* What is stored here already stays. */
static mql_status
take_settings(const Taking *taking, Error *err)
{
    Transaction *transaction = taking->transaction;
    const StoredSettings *old = taking->old->settings;
    int64_t here;
    for (uint32_t i = 0; old != NULL && i < old->count; i++) {
        const StoredSetting *setting = &old->settings[i];
        const StoredSettings *now = transaction->settings != NULL
                                        ? transaction->settings
                                        : transaction->base->settings;
        if (!stored_setting(now, setting->name, &here))
            TRY(transaction_put_setting(transaction, setting->name,
                                        &setting->value, err));
    }
    return MQL_OK;
}

static uint64_t
count_rows(const Version *version)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < version->collection_count; i++) {
        const CollectionVersion *collection = version->collections[i];
        for (uint32_t k = 0; k < collection->segment_count; k++)
            rows +=
                segment_row_count(collection->segments[k], version->sequence);
    }
    return rows;
}

static mql_status
take_all(Taking *taking, Error *err)
{
    TRY(check_names(taking, err));
    for (uint32_t i = 0; i < taking->old->database_count; i++)
        TRY(take_database(taking, taking->old->databases[i], err));
    TRY(restore_access(taking->transaction, taking->old->access, &taking->ids,
                       err));
    return take_settings(taking, err);
}

mql_status
transaction_restore(Transaction *transaction, Store *backup, const Watch *watch,
                    Error *err)
{
    Taking taking = {.transaction = transaction,
                     .from = backup,
                     .old = store_version(backup),
                     .losses = backup->losses,
                     .watch = {watch, "restoring"}};
    taking.rows = count_rows(taking.old);
    mql_status status = take_all(&taking, err);
    restored_ids_free(&taking.ids);
    version_release(taking.old);
    if (status != MQL_OK)
        transaction->is_failed = true;
    return status;
}
