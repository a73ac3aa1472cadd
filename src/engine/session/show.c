/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show.c - SHOW and DESCRIBE: the catalogue as tables.
 *
 * Each form of SHOW is one entry of `forms`: its columns and the function that
 * makes the rows.
 */
#include <inttypes.h>
#include <string.h>

#include "engine/session/kinds.h"
#include "engine/session/show.h"

#define TEXT_COLUMN(name)                                                      \
    {                                                                          \
        {name, sizeof(name) - 1},                                              \
        {                                                                      \
            .kind = TYPE_VARCHAR                                               \
        }                                                                      \
    }
#define NUMBER_COLUMN(name)                                                    \
    {                                                                          \
        {name, sizeof(name) - 1},                                              \
        {                                                                      \
            .kind = TYPE_INT64                                                 \
        }                                                                      \
    }
#define BOOL_COLUMN(name)                                                      \
    {                                                                          \
        {name, sizeof(name) - 1},                                              \
        {                                                                      \
            .kind = TYPE_BOOL                                                  \
        }                                                                      \
    }
#define TIME_COLUMN(name)                                                      \
    {                                                                          \
        {name, sizeof(name) - 1},                                              \
        {                                                                      \
            .kind = TYPE_TIMESTAMPTZ                                           \
        }                                                                      \
    }
#define COLUMNS_MOST 8

/* ---- counting ---- */

static mql_status
count_segment(Prepared *prepared, const Collection *collection,
              const Segment *segment, uint64_t *rows, Error *err)
{
    const TablePlan everything = {.collection = collection};
    Arena arena;
    SegmentRows found;
    FilterCounters counters = {0};
    arena_init(&arena, prepared->exec_arena.limit);
    mql_status status = segment_filter(&everything, &prepared->execution,
                                       segment, &arena, &found, &counters, err);
    *rows += status == MQL_OK ? found.count : 0;
    arena_free(&arena);
    return status;
}

/* Rows of a collection, or of one of its partitions (id; 0: all); NULL when a
 * damaged segment does not say, and for who may not know. */
static mql_status
count_rows(Prepared *prepared, const CollectionVersion *version,
           uint64_t partition, Value *value, Error *err)
{
    uint64_t rows = 0;
    Error damage = ERROR_INIT;
    *value = VALUE_NULL;
    if (!permission_may(prepared, version->collection, PRIVILEGE_Query) &&
        !permission_may(prepared, version->collection, PRIVILEGE_GetStatistics))
        return MQL_OK;
    for (uint32_t i = 0; i < version->segment_count; i++) {
        const Segment *segment = version->segments[i];
        if (partition != 0 && segment_partition(segment) != partition)
            continue;
        if (segment_intact(segment, &damage) != MQL_OK)
            return MQL_OK;
        TRY(count_segment(prepared, version->collection, segment, &rows, err));
    }
    *value = value_int64((int64_t)rows);
    return MQL_OK;
}

/* ---- forms ---- */

static mql_status
show_databases(Prepared *prepared, Error *err)
{
    const Version *version = prepared->version;
    for (uint32_t i = 0; i < version->database_count; i++) {
        uint32_t collections = 0;
        if (!permission_sees_database(prepared, version,
                                      version->databases[i]->id))
            continue;
        for (uint32_t c = 0; c < version->collection_count; c++)
            collections +=
                version->collections[c]->collection->database ==
                    version->databases[i]->id &&
                permission_sees(prepared, version->collections[c]->collection);
        Buffer properties = BUFFER_INIT;
        print_properties(&properties, version->databases[i]->properties,
                         version->databases[i]->property_count);
        const Value row[] = {rows_text(prepared, version->databases[i]->name),
                             value_int64(collections),
                             rows_buffer(prepared, &properties)};
        buffer_free(&properties);
        TRY(rows_add(prepared, row, err));
    }
    return MQL_OK;
}

static mql_status
show_collections(Prepared *prepared, Error *err)
{
    const Version *version = prepared->version;
    TRY(session_require_database(prepared->session, version, err));
    for (uint32_t i = 0; i < version->collection_count; i++) {
        const CollectionVersion *shown = version->collections[i];
        const Collection *collection = shown->collection;
        if (collection->database != prepared->session->database ||
            !permission_sees(prepared, collection))
            continue;
        Value rows;
        TRY(count_rows(prepared, shown, 0, &rows, err));
        const Value row[] = {
            rows_text(prepared, collection->name),
            rows,
            value_bool(collection->is_loaded),
            rows_text(prepared, collection->comment),
        };
        TRY(rows_add(prepared, row, err));
    }
    return MQL_OK;
}

static mql_status
show_aliases(Prepared *prepared, Error *err)
{
    const Node *name = node_child(prepared->statement.root, NODE_NAME);
    const CollectionVersion *found = NULL;
    Alias *aliases;
    uint32_t count;
    if (name != NULL)
        TRY(find_collection(prepared, name, &found, err));
    else
        TRY(session_require_database(prepared->session, prepared->version,
                                     err));
    TRY(list_aliases(prepared, found == NULL ? NULL : found->collection,
                     &aliases, &count, err));
    for (uint32_t i = 0; i < count; i++) {
        if (!permission_may(prepared, aliases[i].collection,
                            PRIVILEGE_ListAliases))
            continue;
        const Value row[] = {
            rows_text(prepared, aliases[i].name),
            rows_text(prepared, aliases[i].collection->name),
        };
        TRY(rows_add(prepared, row, err));
    }
    return MQL_OK;
}

static mql_status
named_collection(Prepared *prepared, const CollectionVersion **found,
                 Error *err)
{
    const Node *root = prepared->statement.root;
    const Node *name = node_child(root, NODE_NAME);
    if (name == NULL)
        return error_at(err, ERR_SYNTAX_ERROR, root->position,
                        "SHOW %.*s needs FROM and a collection",
                        (int)root->text.size, root->text.data);
    return find_collection(prepared, name, found, err);
}

static mql_status
show_partitions(Prepared *prepared, Error *err)
{
    const CollectionVersion *found;
    TRY(named_collection(prepared, &found, err));
    for (uint32_t i = 0; i < found->collection->partition_count; i++) {
        const Partition *partition = &found->collection->partitions[i];
        Value rows;
        TRY(count_rows(prepared, found, partition->id, &rows, err));
        const Value row[] = {rows_text(prepared, partition->name), rows,
                             value_bool(partition->is_loaded)};
        TRY(rows_add(prepared, row, err));
    }
    return MQL_OK;
}

void
show_mapping(Buffer *out, Mapping mapping)
{
    buffer_printf(out, "%s = %s", MMAP_PROPERTY,
                  mapping == MAPPING_ON ? "true" : "false");
}

void
show_index_options(Buffer *out, const IndexDefinition *index)
{
    const char *separator = "";
    if (index->kind->is_vector) {
        buffer_printf(out, "metric_type = '%s'", metric_name(index->metric));
        separator = ", ";
    }
    if (index->cast != CAST_NONE) {
        buffer_printf(out, "json_cast_type = '%s'",
                      json_cast_name(index->cast));
        separator = ", ";
    }
    const IndexOption *table = index->kind->build_options;
    for (size_t i = 0; !index->is_auto && table[i].name != NULL; i++) {
        if (table[i].words != NULL)
            buffer_printf(out, "%s%s = '%s'", separator, table[i].name,
                          table[i].words[index->options.values[i]]);
        else
            buffer_printf(out, "%s%s = %" PRId64, separator, table[i].name,
                          index->options.values[i]);
        separator = ", ";
    }
    if (index->mapping == MAPPING_UNSET)
        return;
    buffer_append_text(out, separator);
    show_mapping(out, index->mapping);
}

/* Rows in the segments whose file of the index is open. */
static uint64_t
indexed_rows(const CollectionVersion *version, const IndexDefinition *index,
             uint64_t sequence)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < version->segment_count; i++)
        if (segment_index(version->segments[i], index->id) != NULL)
            rows += segment_row_count(version->segments[i], sequence);
    return rows;
}

static mql_status
show_indexes_of(Prepared *prepared, const CollectionVersion *version,
                Error *err)
{
    const Collection *collection = version->collection;
    Buffer options = BUFFER_INIT, key = BUFFER_INIT;
    mql_status status = MQL_OK;
    for (uint32_t i = 0; i < collection->index_count && status == MQL_OK; i++) {
        const IndexDefinition *index = &collection->indexes[i];
        int32_t field = collection_find_field_id(collection, index->field);
        buffer_append_text(&key, collection->fields[field].name);
        if (index->cast != CAST_NONE)
            json_path_print(&key, index->path);
        show_index_options(&options, index);
        const Value row[] = {
            rows_text(prepared, index->name),
            rows_text(prepared, collection->name),
            rows_buffer(prepared, &key),
            rows_text(prepared, index->kind->name),
            rows_buffer(prepared, &options),
            value_int64((int64_t)indexed_rows(version, index,
                                              prepared->version->sequence)),
        };
        status = rows_add(prepared, row, err);
    }
    buffer_free(&options);
    buffer_free(&key);
    return status;
}

static mql_status
show_indexes(Prepared *prepared, Error *err)
{
    const Node *name = node_child(prepared->statement.root, NODE_NAME);
    const CollectionVersion *found;
    if (name != NULL) {
        TRY(find_collection(prepared, name, &found, err));
        return show_indexes_of(prepared, found, err);
    }
    const Version *version = prepared->version;
    TRY(session_require_database(prepared->session, version, err));
    for (uint32_t i = 0; i < version->collection_count; i++)
        if (version->collections[i]->collection->database ==
                prepared->session->database &&
            permission_may(prepared, version->collections[i]->collection,
                           PRIVILEGE_IndexDetail))
            TRY(show_indexes_of(prepared, version->collections[i], err));
    return MQL_OK;
}

static const char *
partition_name(const Collection *collection, uint64_t id)
{
    int32_t found = collection_find_partition_id(collection, id);
    return found >= 0 ? collection->partitions[found].name : "";
}

static mql_status
show_segments(Prepared *prepared, Error *err)
{
    const CollectionVersion *found;
    TRY(named_collection(prepared, &found, err));
    for (uint32_t i = 0; i < found->segment_count; i++) {
        const Segment *segment = found->segments[i];
        uint64_t rows = 0;
        TRY(count_segment(prepared, found->collection, segment, &rows, err));
        const Value row[] = {
            value_int64((int64_t)segment_id(segment)),
            rows_text(prepared, partition_name(found->collection,
                                               segment_partition(segment))),
            rows_text(prepared,
                      segment_is_sealed(segment) ? "sealed" : "growing"),
            value_int64((int64_t)rows),
            value_int64((int64_t)segment_bytes(segment)),
        };
        TRY(rows_add(prepared, row, err));
    }
    return MQL_OK;
}

/* The next generated key, which no row says. */
static mql_status
show_identity(Prepared *prepared, Error *err)
{
    const CollectionVersion *found;
    TRY(named_collection(prepared, &found, err));
    const Collection *collection = found->collection;
    const Field *key = &collection->fields[collection->primary];
    if (!key->is_auto_id)
        return MQL_OK;
    const Value row[] = {rows_text(prepared, key->name),
                         value_int64(collection_next_key(found))};
    return rows_add(prepared, row, err);
}

static mql_status
show_load_state(Prepared *prepared, Error *err)
{
    const CollectionVersion *found;
    TRY(named_collection(prepared, &found, err));
    const Collection *collection = found->collection;
    uint32_t loaded = 0;
    for (uint32_t i = 0; i < collection->partition_count; i++)
        loaded += collection->partitions[i].is_loaded;
    uint64_t memory = 0;
    for (uint32_t i = 0; i < found->segment_count; i++)
        memory += segment_memory(found->segments[i]);
    const char *state = loaded == 0 ? "not loaded" : "loaded";
    if (loaded > 0 && loaded < collection->partition_count)
        state = "partly loaded";
    const Value row[] = {rows_text(prepared, collection->name),
                         rows_text(prepared, state),
                         value_int64((int64_t)memory)};
    return rows_add(prepared, row, err);
}

static mql_status
show_index_types(Prepared *prepared, Error *err)
{
    for (size_t i = 0; index_kinds[i] != NULL; i++) {
        const IndexKind *kind = index_kinds[i];
        const Value row[] = {
            rows_text(prepared, kind->name),
            rows_text(prepared, kind->is_vector ? "vector" : "scalar"),
            rows_text(prepared, kind->help),
        };
        TRY(rows_add(prepared, row, err));
    }
    return MQL_OK;
}

/* "2 .. 2048", or the allowed words. */
static void
print_range(Buffer *out, const IndexOption *option)
{
    if (option->words == NULL) {
        buffer_printf(out, "%" PRId64 " .. %" PRId64, option->least,
                      option->most);
        return;
    }
    for (size_t i = 0; option->words[i] != NULL; i++)
        buffer_printf(out, "%s%s", i > 0 ? ", " : "", option->words[i]);
}

/* NULL: the kind chooses, its description says how. */
static Value
usual_value(Prepared *prepared, Buffer *text, const IndexOption *option)
{
    if (option->words != NULL)
        return rows_text(prepared, option->words[option->usual]);
    if (option->usual < option->least)
        return VALUE_NULL;
    buffer_printf(text, "%" PRId64, option->usual);
    return rows_buffer(prepared, text);
}

static mql_status
show_option_table(Prepared *prepared, const IndexKind *kind, const char *phase,
                  const IndexOption *table, Error *err)
{
    Buffer text = BUFFER_INIT;
    mql_status status = MQL_OK;
    for (; table->name != NULL && status == MQL_OK; table++) {
        Value row[6];
        row[0] = rows_text(prepared, kind->name);
        row[1] = rows_text(prepared, phase);
        row[2] = rows_text(prepared, table->name);
        print_range(&text, table);
        row[3] = rows_buffer(prepared, &text);
        row[4] = usual_value(prepared, &text, table);
        row[5] = rows_text(prepared, table->help);
        status = rows_add(prepared, row, err);
    }
    buffer_free(&text);
    return status;
}

static bool
metric_is_of(const IndexKind *kind, Metric metric)
{
    for (int element = 0; element < ELEMENT_COUNT; element++)
        if (index_kind_takes(kind, (ElementType)element) &&
            metric_fits(metric, (ElementType)element))
            return true;
    return false;
}

/* Every kind over vectors has a metric; it is no option of the kind's own. */
static mql_status
show_metric_option(Prepared *prepared, const IndexKind *kind, Error *err)
{
    Buffer text = BUFFER_INIT;
    for (int i = 0; i < METRIC_COUNT; i++)
        if (metric_is_of(kind, (Metric)i))
            buffer_printf(&text, "%s%s", text.size > 0 ? ", " : "",
                          metric_name((Metric)i));
    bool is_of_bits = !index_kind_takes(kind, ELEMENT_F32);
    Metric usual = metric_usual(is_of_bits ? ELEMENT_BIT : ELEMENT_F32);
    const Value row[] = {
        rows_text(prepared, kind->name),
        rows_text(prepared, "build"),
        rows_text(prepared, "metric_type"),
        rows_buffer(prepared, &text),
        rows_text(prepared, metric_name(usual)),
        rows_text(prepared, "what near means"),
    };
    buffer_free(&text);
    return rows_add(prepared, row, err);
}

static mql_status
show_all_index_options(Prepared *prepared, Error *err)
{
    for (size_t i = 0; index_kinds[i] != NULL; i++) {
        const IndexKind *kind = index_kinds[i];
        if (kind->is_vector)
            TRY(show_metric_option(prepared, kind, err));
        TRY(show_option_table(prepared, kind, "build", kind->build_options,
                              err));
        TRY(show_option_table(prepared, kind, "search", kind->search_options,
                              err));
    }
    return MQL_OK;
}

/* The sign of an operator that analysis knows by another name: "- a". */
static Value
function_name(Prepared *prepared, const FunctionHelp *help)
{
    if (strstr(help->usage, help->name) != NULL)
        return rows_text(prepared, help->name);
    Buffer text = BUFFER_INIT;
    buffer_append(&text, help->usage, strcspn(help->usage, " "));
    Value name = rows_buffer(prepared, &text);
    buffer_free(&text);
    return name;
}

static mql_status
show_functions(Prepared *prepared, Error *err)
{
    FunctionHelp help;
    for (uint32_t i = 0; expr_function(i, &help); i++) {
        const Value row[] = {
            function_name(prepared, &help),
            rows_text(prepared, help.usage),
            rows_text(prepared, help.help),
        };
        TRY(rows_add(prepared, row, err));
    }
    return MQL_OK;
}

static mql_status
show_settings(Prepared *prepared, Error *err)
{
    Buffer text = BUFFER_INIT;
    mql_status status = MQL_OK;
    for (int i = 0; i < SETTING_COUNT && status == MQL_OK; i++) {
        setting_print(prepared->session, i, &text);
        const Value row[] = {
            rows_text(prepared, settings[i].name), rows_buffer(prepared, &text),
            rows_text(prepared, setting_source(prepared->session, i)),
            rows_text(prepared, settings[i].help)};
        status = rows_add(prepared, row, err);
    }
    buffer_free(&text);
    return status;
}

static mql_status
show_create(Prepared *prepared, Error *err)
{
    const CollectionVersion *found;
    TRY(named_collection(prepared, &found, err));
    Buffer text = BUFFER_INIT;
    print_create_collection(&text, found->collection);
    bool failed = buffer_failed(&text);
    const Value row[] = {rows_buffer(prepared, &text)};
    buffer_free(&text);
    return failed ? error_no_memory(err) : rows_add(prepared, row, err);
}

static const struct ShowForm {
    const char *name;
    ScopeColumn columns[COLUMNS_MOST];
    mql_status (*run)(Prepared *prepared, Error *err);
    AskRule asks; /* what it needs of its user; who sees what is run()'s */
    Privilege privilege;
} forms[] = {
    {"databases",
     {TEXT_COLUMN("database"), NUMBER_COLUMN("collections"),
      TEXT_COLUMN("properties")},
     show_databases,
     ASKS_NOTHING,
     PRIVILEGE_None},
    {"collections",
     {TEXT_COLUMN("collection"), NUMBER_COLUMN("rows"), BOOL_COLUMN("loaded"),
      TEXT_COLUMN("comment")},
     show_collections,
     ASKS_NOTHING,
     PRIVILEGE_None},
    {"aliases",
     {TEXT_COLUMN("alias"), TEXT_COLUMN("collection")},
     show_aliases,
     ASKS_COLLECTION,
     PRIVILEGE_ListAliases},
    {"partitions",
     {TEXT_COLUMN("partition"), NUMBER_COLUMN("rows"), BOOL_COLUMN("loaded")},
     show_partitions,
     ASKS_COLLECTION,
     PRIVILEGE_ShowPartitions},
    {"indexes",
     {TEXT_COLUMN("index"), TEXT_COLUMN("collection"), TEXT_COLUMN("field"),
      TEXT_COLUMN("kind"), TEXT_COLUMN("options"),
      NUMBER_COLUMN("indexed_rows")},
     show_indexes,
     ASKS_COLLECTION,
     PRIVILEGE_IndexDetail},
    {"segments",
     {NUMBER_COLUMN("segment"), TEXT_COLUMN("partition"), TEXT_COLUMN("state"),
      NUMBER_COLUMN("rows"), NUMBER_COLUMN("bytes")},
     show_segments,
     ASKS_COLLECTION,
     PRIVILEGE_GetStatistics},
    {"identity",
     {TEXT_COLUMN("field"), NUMBER_COLUMN("next_key")},
     show_identity,
     ASKS_COLLECTION,
     PRIVILEGE_DescribeCollection},
    {"load state",
     {TEXT_COLUMN("collection"), TEXT_COLUMN("state"),
      NUMBER_COLUMN("in_memory")},
     show_load_state,
     ASKS_COLLECTION,
     PRIVILEGE_GetLoadState},
    {"jobs",
     {NUMBER_COLUMN("job"), TEXT_COLUMN("kind"), TEXT_COLUMN("collection"),
      TEXT_COLUMN("state"), TEXT_COLUMN("progress"), TIME_COLUMN("started"),
      TEXT_COLUMN("message")},
     show_jobs,
     ASKS_NOTHING,
     PRIVILEGE_None},
    {"index types",
     {TEXT_COLUMN("kind"), TEXT_COLUMN("fields"), TEXT_COLUMN("description")},
     show_index_types,
     ASKS_NOTHING,
     PRIVILEGE_None},
    {"index options",
     {TEXT_COLUMN("kind"), TEXT_COLUMN("phase"), TEXT_COLUMN("option"),
      TEXT_COLUMN("range"), TEXT_COLUMN("default"), TEXT_COLUMN("description")},
     show_all_index_options,
     ASKS_NOTHING,
     PRIVILEGE_None},
    {"functions",
     {TEXT_COLUMN("name"), TEXT_COLUMN("usage"), TEXT_COLUMN("description")},
     show_functions,
     ASKS_NOTHING,
     PRIVILEGE_None},
    {"settings",
     {TEXT_COLUMN("name"), TEXT_COLUMN("setting"), TEXT_COLUMN("source"),
      TEXT_COLUMN("description")},
     show_settings,
     ASKS_NOTHING,
     PRIVILEGE_None},
    {"create users",
     {TEXT_COLUMN("database"), TEXT_COLUMN("statement")},
     show_create_users,
     ASKS_CLUSTER,
     PRIVILEGE_All},
    {"create collection",
     {TEXT_COLUMN("statement")},
     show_create,
     ASKS_COLLECTION,
     PRIVILEGE_DescribeCollection},
    {"users",
     {TEXT_COLUMN("user"), TEXT_COLUMN("roles"), BOOL_COLUMN("superuser"),
      BOOL_COLUMN("password")},
     show_users,
     ASKS_NOTHING,
     PRIVILEGE_None},
    {"roles",
     {TEXT_COLUMN("role"), TEXT_COLUMN("members"), BOOL_COLUMN("built_in")},
     show_roles,
     ASKS_NOTHING,
     PRIVILEGE_None},
    {"privileges",
     {TEXT_COLUMN("privilege"), TEXT_COLUMN("level"), TEXT_COLUMN("group"),
      TEXT_COLUMN("description")},
     show_privileges,
     ASKS_NOTHING,
     PRIVILEGE_None},
    {"privilege groups",
     {TEXT_COLUMN("privilege_group"), TEXT_COLUMN("level"),
      BOOL_COLUMN("built_in"), TEXT_COLUMN("privileges")},
     show_privilege_groups,
     ASKS_NOTHING,
     PRIVILEGE_None},
    {"grants",
     {TEXT_COLUMN("role"), TEXT_COLUMN("privilege"), TEXT_COLUMN("on"),
      TEXT_COLUMN("database"), TEXT_COLUMN("collection")},
     show_grants,
     ASKS_NOTHING,
     PRIVILEGE_None},
};

Asks
show_asks(const Node *show)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (slice_equal(show->text, slice_of(forms[i].name)))
            return (Asks){forms[i].asks, forms[i].privilege};
    return (Asks){ASKS_NOTHING, PRIVILEGE_None};
}

static mql_status
use_columns(Prepared *prepared, const ScopeColumn *columns)
{
    uint32_t count = 0;
    while (count < COLUMNS_MOST && columns[count].name.data != NULL)
        count++;
    return prepared_columns(prepared, columns, count);
}

/* SHOW name: the setting, under its own name. */
static mql_status
prepare_setting(Prepared *prepared, Error *err)
{
    const Node *name = node_child(prepared->statement.root, NODE_NAME);
    int setting = setting_find(name->text);
    if (setting < 0) {
        const Value nothing = VALUE_NULL;
        return setting_set(prepared->session, name->text, &nothing, false,
                           name->position, err);
    }
    ScopeColumn *column = arena_new(&prepared->plan_arena, ScopeColumn);
    if (column == NULL)
        return error_no_memory(err);
    *column =
        (ScopeColumn){slice_of(settings[setting].name), type_of(TYPE_VARCHAR)};
    return prepared_columns(prepared, column, 1);
}

mql_status
show_prepare(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    prepared->detail = NULL;
    if (root->text.size == 0)
        return prepare_setting(prepared, err);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (slice_equal(root->text, slice_of(forms[i].name))) {
            prepared->detail = (void *)(uintptr_t)&forms[i];
            return use_columns(prepared, forms[i].columns);
        }
    return error_at(err, ERR_FEATURE_NOT_SUPPORTED, root->position,
                    "SHOW %.*s is not supported yet", (int)root->text.size,
                    root->text.data);
}

mql_status
show_run(Prepared *prepared, Error *err)
{
    const struct ShowForm *form = prepared->detail;
    if (form != NULL)
        return form->run(prepared, err);
    const Node *name = node_child(prepared->statement.root, NODE_NAME);
    Buffer text = BUFFER_INIT;
    setting_print(prepared->session, setting_find(name->text), &text);
    const Value row[] = {rows_buffer(prepared, &text)};
    buffer_free(&text);
    return rows_add(prepared, row, err);
}

/* ---- DESCRIBE ---- */

static const ScopeColumn describe_columns[COLUMNS_MOST] = {
    TEXT_COLUMN("field"), TEXT_COLUMN("type"),    BOOL_COLUMN("nullable"),
    TEXT_COLUMN("key"),   TEXT_COLUMN("default"), TEXT_COLUMN("comment"),
};

mql_status
describe_prepare(Prepared *prepared, Error *err)
{
    TRY(planner_unbuilt(node_child(prepared->statement.root, NODE_INDEX_NAME),
                        "DESCRIBE INDEX", err));
    return use_columns(prepared, describe_columns);
}

static const char *
key_text(const Field *field)
{
    if (field->is_always)
        return "primary key, auto_id always";
    if (field->is_primary)
        return field->is_auto_id ? "primary key, auto_id" : "primary key";
    return field->is_partition_key ? "partition key" : "";
}

mql_status
describe_run(Prepared *prepared, Error *err)
{
    const Node *name = node_child(prepared->statement.root, NODE_NAME);
    const CollectionVersion *found;
    TRY(find_collection(prepared, name, &found, err));
    Buffer text = BUFFER_INIT;
    mql_status status = MQL_OK;
    for (uint32_t i = 0; i < found->collection->field_count && status == MQL_OK;
         i++) {
        const Field *field = &found->collection->fields[i];
        Value row[6];
        row[0] = rows_text(prepared, field->name);
        type_print(&text, field->type);
        row[1] = rows_buffer(prepared, &text);
        row[2] = value_bool(field->is_nullable);
        row[3] = rows_text(prepared, key_text(field));
        if (field->has_default)
            value_print(&text, &field->default_value);
        row[4] = field->has_default ? rows_buffer(prepared, &text) : VALUE_NULL;
        row[5] = rows_text(prepared, field->comment);
        status = rows_add(prepared, row, err);
    }
    buffer_free(&text);
    return status;
}
