/* SPDX-License-Identifier: Apache-2.0 */
/* index.c - CREATE INDEX, DROP INDEX and ALTER INDEX. */
#include "engine/session/index_path.h"
#include "engine/session/kinds.h"

#include <string.h>

/* pgvector's operator classes name a metric. */
static const struct {
    const char *name;
    TypeKind type;
    Metric metric;
} operator_classes[] = {
    {"vector_l2_ops", TYPE_FLOAT_VECTOR, METRIC_L2},
    {"vector_ip_ops", TYPE_FLOAT_VECTOR, METRIC_IP},
    {"vector_cosine_ops", TYPE_FLOAT_VECTOR, METRIC_COSINE},
    {"halfvec_l2_ops", TYPE_FLOAT16_VECTOR, METRIC_L2},
    {"halfvec_ip_ops", TYPE_FLOAT16_VECTOR, METRIC_IP},
    {"halfvec_cosine_ops", TYPE_FLOAT16_VECTOR, METRIC_COSINE},
    {"bit_hamming_ops", TYPE_BINARY_VECTOR, METRIC_HAMMING},
    {"bit_jaccard_ops", TYPE_BINARY_VECTOR, METRIC_JACCARD},
};

static mql_status
set_operator_class(const Node *name, TypeKind type, IndexDefinition *index,
                   Error *err)
{
    for (size_t i = 0; i < sizeof operator_classes / sizeof operator_classes[0];
         i++)
        if (slice_equal_nocase(name->text,
                               slice_of(operator_classes[i].name))) {
            TypeKind wanted = operator_classes[i].type;
            bool is_usual = wanted == TYPE_FLOAT_VECTOR && type_is_dense(type);
            if (wanted != type && !is_usual)
                return error_at(err, ERR_DATATYPE_MISMATCH, name->position,
                                "operator class \"%s\" does not accept data "
                                "type %s",
                                operator_classes[i].name, type_kind_name(type));
            index->metric = operator_classes[i].metric;
            return MQL_OK;
        }
    return error_at(err, ERR_UNDEFINED_OBJECT, name->position,
                    "operator class \"%.*s\" does not exist",
                    (int)name->text.size, name->text.data);
}

static mql_status
wrong_metric(const Node *node, Metric metric, ElementType element, Error *err)
{
    error_at(err, ERR_INVALID_PARAMETER, node->position,
             "metric %s is not for %s vectors", metric_name(metric),
             element == ELEMENT_BIT ? "binary" : "dense");
    return error_hint(err, "Metrics are %s.", metric_choice(element));
}

static mql_status
set_metric(Prepared *prepared, const Node *option, bool has_operator_class,
           IndexDefinition *index, Error *err)
{
    Slice text;
    Metric metric;
    /* The usual one tells what the field's elements are. */
    bool is_of_bits = metric_fits(index->metric, ELEMENT_BIT);
    ElementType element = is_of_bits ? ELEMENT_BIT : ELEMENT_F32;
    TRY(option_text(prepared, option, &text, err));
    if (!index->kind->is_vector)
        return error_at(err, ERR_INVALID_PARAMETER, option->position,
                        "index kind %s takes no metric", index->kind->name);
    if (metric_from_name(text, &metric)) {
        if (!metric_fits(metric, element))
            return wrong_metric(option, metric, element, err);
        if (has_operator_class && metric != index->metric)
            return error_at(err, ERR_INVALID_PARAMETER, option->position,
                            "metric %s contradicts the operator class, which "
                            "means %s",
                            metric_name(metric), metric_name(index->metric));
        index->metric = metric;
        return MQL_OK;
    }
    error_at(err, ERR_INVALID_PARAMETER, option->position,
             "unknown metric \"%.*s\"", (int)text.size, text.data);
    return error_hint(err, "Metrics are %s.", metric_choice(element));
}

/* A parameter that no table knows: one near to those of every kind gets a hint.
 */
static mql_status
hint_common_option(const Node *option, Error *err)
{
    static const char *const common[] = {"metric_type", MMAP_PROPERTY};
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++) {
        Slice name = slice_of(common[i]);
        if (name_closest(option->text, &name, 1) != 0)
            continue;
        error_at(err, ERR_INVALID_PARAMETER, option->position,
                 "unrecognized parameter \"%.*s\"", (int)option->text.size,
                 option->text.data);
        return error_hint(err, "Perhaps you meant \"%s\".", common[i]);
    }
    return MQL_OK;
}

/* When the files are built: a matter of the statement, not of the index. */
static mql_status
read_build(Prepared *prepared, const Node *option, bool *is_background,
           Error *err)
{
    Slice text;
    TRY(option_text(prepared, option, &text, err));
    *is_background = slice_equal_nocase(text, SLICE_LITERAL("background"));
    if (*is_background || slice_equal_nocase(text, SLICE_LITERAL("foreground")))
        return MQL_OK;
    error_at(err, ERR_INVALID_PARAMETER, option->position,
             "invalid value for parameter \"build\": \"%.*s\"", (int)text.size,
             text.data);
    return error_hint(err, "It is foreground or background.");
}

static mql_status
check_build(Prepared *prepared, const Node *option, Error *err)
{
    bool is_background;
    return read_build(prepared, option, &is_background, err);
}

static mql_status
find_build(Prepared *prepared, const Node *root, bool *is_background,
           Error *err)
{
    const Node *options = node_child(root, NODE_OPTIONS);
    *is_background = false;
    for (const Node *option = options != NULL ? options->first : NULL;
         option != NULL; option = option->next)
        if (slice_equal_nocase(option->text, SLICE_LITERAL("build")))
            TRY(read_build(prepared, option, is_background, err));
    return MQL_OK;
}

static mql_status
set_index_option(Prepared *prepared, const Node *option,
                 bool has_operator_class, IndexDefinition *index, Error *err)
{
    if (slice_equal_nocase(option->text, SLICE_LITERAL("metric_type")))
        return set_metric(prepared, option, has_operator_class, index, err);
    if (slice_equal_nocase(option->text, SLICE_LITERAL("build")))
        return check_build(prepared, option, err);
    if (index_path_is_option(option))
        return index_path_check_option(option, index, err);
    if (slice_equal_nocase(option->text, SLICE_LITERAL(MMAP_PROPERTY)))
        return set_index_mapping(prepared, index, option, false, err);
    TRY(hint_common_option(option, err));
    if (index->is_auto)
        return error_at(err, ERR_INVALID_PARAMETER, option->position,
                        "only metric_type can be given with AUTOINDEX");
    const Node *value = option->first;
    bool is_integer = value != NULL && value->kind == NODE_INTEGER;
    Slice text = {0};
    if (!is_integer)
        TRY(option_text(prepared, option, &text, err));
    mql_status status = index_option_set(
        index->kind->build_options, &index->options, option->text, is_integer,
        is_integer ? value->integer : 0, text, err);
    return status == MQL_OK ? MQL_OK : error_locate(err, option->position);
}

/* Milvus' kinds that are not built yet. */
static const char *const unbuilt_kinds[] = {

    "DISKANN",     "AISAQ",     "GPU_BRUTE_FORCE",       "GPU_IVF_FLAT",
    "GPU_IVF_PQ",  "GPU_CAGRA", "SPARSE_INVERTED_INDEX", "SPARSE_WAND",
    "MINHASH_LSH", "RTREE",
};

static mql_status
kind_missing(const Node *using, Error *err)
{
    for (size_t i = 0; i < sizeof unbuilt_kinds / sizeof unbuilt_kinds[0]; i++)
        if (slice_equal_nocase(using->text, slice_of(unbuilt_kinds[i])))
            return error_at(err, ERR_FEATURE_NOT_SUPPORTED, using->position,
                            "index kind %s is not supported yet",
                            unbuilt_kinds[i]);
    error_at(err, ERR_UNDEFINED_OBJECT, using->position,
             "index kind \"%.*s\" does not exist", (int)using->text.size,
             using->text.data);
    return error_hint(err, "SHOW INDEX TYPES lists all kinds.");
}

static ScalarClass
scalar_class(TypeKind kind)
{
    switch (kind) {
    case TYPE_BOOL:
        return SCALAR_BOOL;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return SCALAR_REAL;
    case TYPE_TIMESTAMPTZ:
        return SCALAR_TIME;
    case TYPE_VARCHAR:
        return SCALAR_TEXT;
    default:
        return SCALAR_INT;
    }
}

/* Of the field, or of its elements. */
static TypeKind
scalar_type(const Field *field)
{
    return field->type.kind == TYPE_ARRAY ? field->type.element
                                          : field->type.kind;
}

/* STL_SORT takes no arrays. */
static const IndexKind *
auto_scalar(const Field *field, IndexOptions *options)
{
    ScalarClass scalar = scalar_class(scalar_type(field));
    bool is_array = field->type.kind == TYPE_ARRAY;
    const IndexKind *kind = index_kind_auto_scalar(scalar, options);
    if (index_kind_takes_scalar(kind, scalar, is_array))
        return kind;
    return index_kind_auto_scalar(SCALAR_INT, options);
}

/* Whether a kind is for the values at a path of a JSON field. */
static mql_status
check_path(const Node *using, const IndexKind *kind, JsonCast cast, Error *err)
{
    if (!kind->takes_paths)
        return error_at(err, ERR_WRONG_OBJECT_TYPE, using->position,
                        "index kind %s does not take JSON fields", kind->name);
    if (index_kind_takes_scalar(kind, scalar_class(json_cast_kind(cast)),
                                json_cast_is_array(cast)))
        return MQL_OK;
    return error_at(err, ERR_WRONG_OBJECT_TYPE, using->position,
                    "index kind %s does not take JSON as %s", kind->name,
                    json_cast_name(cast));
}

/* Whether a kind over scalars is for a field. */
static mql_status
check_scalar(const Node *using, const IndexKind *kind, const Field *field,
             Error *err)
{
    bool is_array = field->type.kind == TYPE_ARRAY;
    TypeKind type = scalar_type(field);
    if (index_kind_takes_scalar(kind, scalar_class(type), is_array) &&
        !(kind->refuses_primary && field->is_primary))
        return MQL_OK;
    if (index_kind_takes_scalar(kind, scalar_class(type), is_array))
        return error_at(err, ERR_WRONG_OBJECT_TYPE, using->position,
                        "index kind %s is not for primary keys", kind->name);
    return error_at(err, ERR_WRONG_OBJECT_TYPE, using->position,
                    "index kind %s does not take fields of type %s%s",
                    kind->name, is_array ? "ARRAY of " : "",
                    type_kind_name(type));
}

static mql_status
choose_kind(const Node *node, const Field *field, IndexDefinition *index,
            Error *err)
{
    TypeKind type = field->type.kind;
    bool is_vector = type_is_vector(type);
    ElementType element = is_vector ? type_element(type) : ELEMENT_F32;
    const Node *using = node_child(node, NODE_USING);
    index->is_auto =
        using == NULL ||
        slice_equal_nocase(using->text, SLICE_LITERAL("AUTOINDEX"));
    if (index->is_auto) {
        index->kind = is_vector ? index_kind_auto(element, &index->options)
                                : auto_scalar(field, &index->options);
        return MQL_OK;
    }
    index->kind = index_kind_find(using->text);
    if (index->kind == NULL)
        return kind_missing(using, err);
    if (index->kind->is_vector != is_vector)
        return error_at(err, ERR_WRONG_OBJECT_TYPE, using->position,
                        "index kind %s is for %s fields", index->kind->name,
                        index->kind->is_vector ? "vector" : "scalar");
    if (is_vector && !index_kind_takes(index->kind, element))
        return error_at(err, ERR_WRONG_OBJECT_TYPE, using->position,
                        "index kind %s does not take fields of type %s",
                        index->kind->name, type_kind_name(type));
    if (index->cast != CAST_NONE)
        TRY(check_path(using, index->kind, index->cast, err));
    else if (!is_vector)
        TRY(check_scalar(using, index->kind, field, err));
    index_options_default(index->kind->build_options, &index->options);
    return MQL_OK;
}

static mql_status
name_taken(const char *name, int64_t position, Error *err)
{
    return error_at(err, ERR_DUPLICATE_TABLE, position,
                    "index \"%s\" already exists", name);
}

/* One index for a field, of a JSON field one for each path. */
static mql_status
check_unindexed(const Collection *collection, const Field *field,
                const IndexDefinition *index, int64_t position, Error *err)
{
    const IndexDefinition *other =
        collection_field_index(collection, field->id, index->path);
    if (other == NULL)
        return MQL_OK;
    error_at(err, ERR_DUPLICATE_OBJECT, position,
             index->path.size > 0 ? "that path of field \"%s\" has an index "
                                    "already: \"%s\""
                                  : "field \"%s\" has an index already: \"%s\"",
             field->name, other->name);
    return error_hint(err, "Drop it first: DROP INDEX %s ON %s.", other->name,
                      collection->name);
}

/* The given name, or the field's (Milvus' default), with the path's keys. */
static mql_status
choose_name(Prepared *prepared, const Node *node, const Collection *collection,
            const Field *field, IndexDefinition *index, Error *err)
{
    const Node *name = node_child(node, NODE_INDEX_NAME);
    Slice text = slice_of(field->name);
    if (name != NULL) {
        TRY(check_name(name, NAME_OF_INDEX, "index", err));
        text = name->text;
    } else if (index->cast != CAST_NONE) {
        TRY(index_path_name(prepared, collection, field, index->path, &text,
                            err));
    }
    index->name = arena_copy(&prepared->exec_arena, text.data, text.size);
    if (index->name == NULL)
        return error_no_memory(err);
    int64_t position = name != NULL ? name->position : node->position;
    int32_t existing = collection_find_index(collection, text);
    if (name != NULL && existing >= 0 &&
        is_taken(name, collection->indexes[existing].name, false))
        return name_taken(index->name, position, err);
    TRY(check_unindexed(collection, field, index, position, err));
    if (name == NULL && existing >= 0 &&
        slice_equal(slice_of(collection->indexes[existing].name), text)) {
        name_taken(index->name, position, err);
        return error_hint(err, "Give the new one another name.");
    }
    return MQL_OK;
}

/* Two spellings of one option. */
static mql_status
check_twice(const Node *options, const Node *option, const IndexKind *kind,
            Error *err)
{
    const IndexOption *table = kind->build_options;
    size_t position = index_option_find(table, option->text);
    for (const Node *other = options->first;
         table[position].name != NULL && other != option; other = other->next)
        if (index_option_find(table, other->text) == position)
            return error_at(err, ERR_SYNTAX_ERROR, option->position,
                            "option \"%s\" is given twice", option->text.data);
    return MQL_OK;
}

static mql_status
set_index_options(Prepared *prepared, const Node *options,
                  bool has_operator_class, IndexDefinition *index, Error *err)
{
    const Node *option = options != NULL ? options->first : NULL;
    for (; option != NULL; option = option->next) {
        TRY(check_twice(options, option, index->kind, err));
        TRY(set_index_option(prepared, option, has_operator_class, index, err));
    }
    return MQL_OK;
}

mql_status
define_index(Prepared *prepared, const Node *node, const Collection *collection,
             IndexDefinition *index, Error *err)
{
    const Field *field;
    *index = (IndexDefinition){.metric = METRIC_COSINE};
    TRY(index_path_find(prepared, node, collection, &field, &index->path, err));
    index->field = field->id;
    if (field->type.kind == TYPE_JSON)
        TRY(index_path_cast(prepared, node, collection, &index->cast, err));
    if (type_is_vector(field->type.kind))
        index->metric = metric_usual(type_element(field->type.kind));
    TRY(choose_kind(node, field, index, err));
    TRY(choose_name(prepared, node, collection, field, index, err));
    const Node *operator_class = node_child(node, NODE_INDEX_KEY)->first->next;
    if (operator_class != NULL)
        TRY(set_operator_class(operator_class, field->type.kind, index, err));
    const Node *options = node_child(node, NODE_OPTIONS);
    TRY(set_index_options(prepared, options, operator_class != NULL, index,
                          err));
    if (index->kind->settle != NULL &&
        index->kind->settle(&index->options, field->type.length, err) != MQL_OK)
        return error_locate(err, options != NULL ? options->position
                                                 : node->position);
    return MQL_OK;
}

/* IF NOT EXISTS: the index of that name (or, unnamed, on that field or path),
 * or NULL. */
static mql_status
find_existing(Prepared *prepared, const Node *root,
              const Collection *collection, const IndexDefinition **existing,
              Error *err)
{
    const Node *name = node_child(root, NODE_INDEX_NAME);
    *existing = NULL;
    if (node_child(root, NODE_IF_NOT_EXISTS) == NULL)
        return MQL_OK;
    if (name != NULL) {
        int32_t found = collection_find_index(collection, name->text);
        *existing = found >= 0 ? &collection->indexes[found] : NULL;
        return MQL_OK;
    }
    const Field *field;
    Slice path;
    TRY(index_path_find(prepared, root, collection, &field, &path, err));
    *existing = collection_field_index(collection, field->id, path);
    return MQL_OK;
}

mql_status
create_index_run(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    const Watch watch = prepared_watch(prepared);
    Transaction *transaction;
    TRY(prepared_begin(prepared, &transaction, err));
    const CollectionVersion *found;
    IndexDefinition index;
    mql_status status =
        find_collection(prepared, node_child(root, NODE_INDEX_ON), &found, err);
    const IndexDefinition *existing = NULL;
    if (status == MQL_OK)
        status =
            find_existing(prepared, root, found->collection, &existing, err);
    if (existing != NULL) {
        session_notice(prepared->session,
                       "index \"%s\" already exists, skipping", existing->name);
        return prepared_end(prepared, transaction, MQL_OK, err);
    }
    if (status == MQL_OK)
        status = define_index(prepared, root, found->collection, &index, err);
    bool is_background = false;
    if (status == MQL_OK)
        status = find_build(prepared, root, &is_background, err);
    if (status == MQL_OK)
        index.id = transaction_new_id(transaction);
    if (status == MQL_OK && is_background)
        status = transaction_define_index(transaction, found->collection->id,
                                          &index, err);
    else if (status == MQL_OK) {
        status = transaction_create_index(transaction, found->collection->id,
                                          &index, &watch, err);
    }
    return prepared_end(prepared, transaction, status, err);
}

/* ---- DROP INDEX ---- */

static mql_status
remove_index(Collection *copy, void *context, Error *err)
{
    (void)err;
    uint32_t position = *(const uint32_t *)context;
    memmove(&copy->indexes[position], &copy->indexes[position + 1],
            (copy->index_count - position - 1) * sizeof *copy->indexes);
    copy->index_count--;
    return MQL_OK;
}

mql_status
find_named_index(Prepared *prepared, const CollectionVersion **found,
                 int32_t *position, Error *err)
{
    const Node *root = prepared->statement.root;
    const Node *name = node_child(root, NODE_INDEX_NAME);
    const Node *on = node_child(root, NODE_INDEX_ON);
    *found = NULL;
    if (on != NULL) {
        TRY(find_collection(prepared, on, found, err));
        *position = collection_find_index((*found)->collection, name->text);
        if (*position < 0)
            *found = NULL;
        return MQL_OK;
    }
    const Version *version = prepared->execution.version;
    for (uint32_t i = 0; i < version->collection_count; i++) {
        const Collection *collection = version->collections[i]->collection;
        int32_t at = collection_find_index(collection, name->text);
        if (collection->database != prepared->session->database || at < 0 ||
            !permission_sees(prepared, collection))
            continue;
        if (*found != NULL)
            return error_at(err, ERR_AMBIGUOUS_COLUMN, name->position,
                            "several collections have an index \"%.*s\"; name "
                            "one with ON",
                            (int)name->text.size, name->text.data);
        *found = version->collections[i];
        *position = at;
    }
    return MQL_OK;
}

mql_status
drop_index_run(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    const Node *name = node_child(root, NODE_INDEX_NAME);
    Transaction *transaction;
    TRY(prepared_begin(prepared, &transaction, err));
    const CollectionVersion *found;
    int32_t position = -1;
    mql_status status = find_named_index(prepared, &found, &position, err);
    if (status == MQL_OK && found == NULL) {
        if (node_child(root, NODE_IF_EXISTS) != NULL)
            session_notice(prepared->session,
                           "index \"%.*s\" does not exist, skipping",
                           (int)name->text.size, name->text.data);
        else
            status = error_at(err, ERR_UNDEFINED_OBJECT, name->position,
                              "index \"%.*s\" does not exist",
                              (int)name->text.size, name->text.data);
        return prepared_end(prepared, transaction, status, err);
    }
    uint32_t at = (uint32_t)position;
    if (status == MQL_OK)
        status = change_collection(transaction, found->collection, remove_index,
                                   &at, err);
    return prepared_end(prepared, transaction, status, err);
}

/* ---- ALTER INDEX ---- */

typedef struct IndexRename {
    uint32_t position;
    Slice name;
} IndexRename;

static mql_status
rename_index(Collection *copy, void *context, Error *err)
{
    const IndexRename *change = context;
    char *name = collection_text(copy, change->name);
    if (name == NULL)
        return error_no_memory(err);
    copy->indexes[change->position].name = name;
    return MQL_OK;
}

typedef struct IndexOptionChange {
    Prepared *prepared;
    const Node *action; /* ALTER_SET or ALTER_RESET */
    uint32_t position;
} IndexOptionChange;

static mql_status
change_index_options(Collection *copy, void *context, Error *err)
{
    const IndexOptionChange *change = context;
    bool is_reset = change->action->kind == NODE_ALTER_RESET;
    IndexDefinition *index = &copy->indexes[change->position];
    const Node *options = node_child(change->action, NODE_OPTIONS);
    for (const Node *option = options->first; option != NULL;
         option = option->next) {
        TRY(set_index_mapping(change->prepared, index, option, is_reset, err));
        TRY(require_released(copy, option, err));
    }
    return MQL_OK;
}

static mql_status
rename_found(Transaction *transaction, const Collection *collection,
             uint32_t position, const Node *name, Error *err)
{
    TRY(check_name(name, NAME_OF_INDEX, "index", err));
    int32_t other = collection_find_index(collection, name->text);
    if (other >= 0 && is_taken(name, collection->indexes[other].name, false))
        return error_at(err, ERR_DUPLICATE_TABLE, name->position,
                        "index \"%.*s\" already exists", (int)name->text.size,
                        name->text.data);
    IndexRename change = {position, name->text};
    return change_collection(transaction, collection, rename_index, &change,
                             err);
}

static mql_status
alter_index(Prepared *prepared, Transaction *transaction, Error *err)
{
    const Node *root = prepared->statement.root;
    const Node *name = node_child(root, NODE_INDEX_NAME);
    const Node *rename = node_child(root, NODE_ALTER_RENAME);
    const Node *set = node_child(root, NODE_ALTER_SET);
    const CollectionVersion *found;
    int32_t position = -1;
    TRY(find_named_index(prepared, &found, &position, err));
    if (found == NULL && node_child(root, NODE_IF_EXISTS) != NULL) {
        session_notice(prepared->session,
                       "index \"%.*s\" does not exist, skipping",
                       (int)name->text.size, name->text.data);
        return MQL_OK;
    }
    if (found == NULL)
        return error_at(err, ERR_UNDEFINED_OBJECT, name->position,
                        "index \"%.*s\" does not exist", (int)name->text.size,
                        name->text.data);
    if (rename != NULL)
        return rename_found(transaction, found->collection, (uint32_t)position,
                            rename->first, err);
    IndexOptionChange change = {
        prepared, set != NULL ? set : node_child(root, NODE_ALTER_RESET),
        (uint32_t)position};
    return change_collection(transaction, found->collection,
                             change_index_options, &change, err);
}

mql_status
alter_index_run(Prepared *prepared, Error *err)
{
    Transaction *transaction;
    TRY(prepared_begin(prepared, &transaction, err));
    return prepared_end(prepared, transaction,
                        alter_index(prepared, transaction, err), err);
}
