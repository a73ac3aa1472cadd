/* SPDX-License-Identifier: Apache-2.0 */
/*
 * type.c - facts about types, and the meaning of a type's name.
 *
 * The types stand in types.def; the other spellings people use in one table
 * here. A spelling says which modifiers it takes, so that TEXT(3) or INT64(8)
 * is an error and not silently INT64.
 */
#include "engine/value/type.h"

#include <inttypes.h>
#include <string.h>

#include "engine/value/value_internal.h"

#define DIMENSION_MOST VECTOR_DIMENSION_MOST
#define VARCHAR_MOST 65535

typedef struct TypeFacts {
    const char *name; /* NULL: no type has this number */
    Physical physical;
    size_t size;
    bool built;
} TypeFacts;

/* By number: every value that a reader sees asks here. */
static const TypeFacts facts[] = {
#define TYPE(kind, number, name, physical, size, built)                        \
    [number] = {name, PHYSICAL_##physical, size, built},
#include "engine/value/types.def"
#undef TYPE
};

#define FACT_COUNT (sizeof facts / sizeof *facts)

static const TypeFacts *
facts_of(TypeKind kind)
{
    bool is_known = (size_t)kind < FACT_COUNT && facts[kind].name != NULL;
    return &facts[is_known ? kind : TYPE_NULL];
}

Physical
type_physical(TypeKind kind)
{
    return facts_of(kind)->physical;
}

size_t
type_storage_size(Type type)
{
    size_t size = facts_of(type.kind)->size;
    if (type.kind == TYPE_BINARY_VECTOR)
        return type.length / 8;
    return type_is_vector(type.kind) ? size * type.length : size;
}

bool
type_is_built(TypeKind kind)
{
    return facts_of(kind)->built;
}

bool
type_is_integer(TypeKind kind)
{
    return kind >= TYPE_INT8 && kind <= TYPE_INT64;
}

bool
type_is_number(TypeKind kind)
{
    return type_is_integer(kind) || kind == TYPE_FLOAT || kind == TYPE_DOUBLE;
}

bool
type_is_vector(TypeKind kind)
{
    return kind >= TYPE_BINARY_VECTOR;
}

bool
type_is_dense(TypeKind kind)
{
    return type_is_vector(kind) && kind != TYPE_BINARY_VECTOR &&
           kind != TYPE_SPARSE_FLOAT_VECTOR;
}

ElementType
type_element(TypeKind kind)
{
    switch (kind) {
    case TYPE_FLOAT16_VECTOR:
        return ELEMENT_F16;
    case TYPE_BFLOAT16_VECTOR:
        return ELEMENT_BF16;
    case TYPE_INT8_VECTOR:
        return ELEMENT_I8;
    case TYPE_BINARY_VECTOR:
        return ELEMENT_BIT;
    default:
        return ELEMENT_F32;
    }
}

uint32_t
type_dimension_most(TypeKind kind)
{
    return kind == TYPE_BINARY_VECTOR ? BINARY_DIMENSION_MOST : DIMENSION_MOST;
}

bool
type_has_dimension(Type type)
{
    if (type.kind == TYPE_BINARY_VECTOR && type.length % 8 != 0)
        return false;
    return type.length >= 1 && type.length <= type_dimension_most(type.kind);
}

bool
type_equal(Type a, Type b)
{
    if (a.kind != b.kind || a.length != b.length)
        return false;
    return a.kind != TYPE_ARRAY ||
           (a.element == b.element && a.element_length == b.element_length);
}

void
type_integer_range(TypeKind kind, int64_t *least, int64_t *most)
{
    size_t bits = 8 * facts_of(kind)->size;
    *most = (int64_t)(UINT64_MAX >> (65 - bits));
    *least = -*most - 1;
}

const char *
type_kind_name(TypeKind kind)
{
    return facts_of(kind)->name;
}

void
type_print(Buffer *out, Type type)
{
    buffer_append_text(out, type_kind_name(type.kind));
    if (type.kind == TYPE_ARRAY) {
        Type element = {.kind = type.element, .length = type.element_length};
        buffer_append_char(out, '<');
        type_print(out, element);
        buffer_append_char(out, '>');
    }
    if (type.length != 0)
        buffer_printf(out, "(%" PRIu32 ")", type.length);
}

void
type_text(char text[TYPE_TEXT_SIZE], Type type)
{
    Buffer buffer = BUFFER_INIT;
    type_print(&buffer, type);
    size_t size =
        buffer.size < TYPE_TEXT_SIZE ? buffer.size : TYPE_TEXT_SIZE - 1;
    if (size != 0)
        memcpy(text, buffer.data, size);
    text[size] = '\0';
    buffer_free(&buffer);
}

/* ---- names ---- */

typedef enum Modifier {
    MODIFIER_NONE,
    MODIFIER_LENGTH,    /* optional bytes          */
    MODIFIER_DIMENSION, /* optional dimension      */
    MODIFIER_ELEMENT,   /* ARRAY<T>(n)             */
} Modifier;

typedef struct Spelling {
    const char *name;
    TypeKind kind;
    Modifier modifier;
    bool is_serial;
} Spelling;

static const Spelling spellings[] = {
    {"BOOL", TYPE_BOOL, MODIFIER_NONE, false},
    {"BOOLEAN", TYPE_BOOL, MODIFIER_NONE, false},
    {"INT8", TYPE_INT8, MODIFIER_NONE, false},
    {"TINYINT", TYPE_INT8, MODIFIER_NONE, false},
    {"INT16", TYPE_INT16, MODIFIER_NONE, false},
    {"SMALLINT", TYPE_INT16, MODIFIER_NONE, false},
    {"INT32", TYPE_INT32, MODIFIER_NONE, false},
    {"INT", TYPE_INT32, MODIFIER_NONE, false},
    {"INTEGER", TYPE_INT32, MODIFIER_NONE, false},
    {"INT64", TYPE_INT64, MODIFIER_NONE, false},
    {"BIGINT", TYPE_INT64, MODIFIER_NONE, false},
    {"SERIAL", TYPE_INT64, MODIFIER_NONE, true},
    {"BIGSERIAL", TYPE_INT64, MODIFIER_NONE, true},
    {"FLOAT", TYPE_FLOAT, MODIFIER_NONE, false},
    {"REAL", TYPE_FLOAT, MODIFIER_NONE, false},
    {"FLOAT4", TYPE_FLOAT, MODIFIER_NONE, false},
    {"DOUBLE", TYPE_DOUBLE, MODIFIER_NONE, false},
    {"DOUBLE PRECISION", TYPE_DOUBLE, MODIFIER_NONE, false},
    {"FLOAT8", TYPE_DOUBLE, MODIFIER_NONE, false},
    {"VARCHAR", TYPE_VARCHAR, MODIFIER_LENGTH, false},
    {"CHARACTER VARYING", TYPE_VARCHAR, MODIFIER_LENGTH, false},
    {"STRING", TYPE_VARCHAR, MODIFIER_LENGTH, false},
    {"TEXT", TYPE_VARCHAR, MODIFIER_NONE, false},
    {"JSON", TYPE_JSON, MODIFIER_NONE, false},
    {"JSONB", TYPE_JSON, MODIFIER_NONE, false},
    {"ARRAY", TYPE_ARRAY, MODIFIER_ELEMENT, false},
    {"TIMESTAMPTZ", TYPE_TIMESTAMPTZ, MODIFIER_NONE, false},
    {"TIMESTAMP WITH TIME ZONE", TYPE_TIMESTAMPTZ, MODIFIER_NONE, false},
    {"FLOAT_VECTOR", TYPE_FLOAT_VECTOR, MODIFIER_DIMENSION, false},
    {"VECTOR", TYPE_FLOAT_VECTOR, MODIFIER_DIMENSION, false},
    {"FLOAT16_VECTOR", TYPE_FLOAT16_VECTOR, MODIFIER_DIMENSION, false},
    {"HALFVEC", TYPE_FLOAT16_VECTOR, MODIFIER_DIMENSION, false},
    {"BFLOAT16_VECTOR", TYPE_BFLOAT16_VECTOR, MODIFIER_DIMENSION, false},
    {"INT8_VECTOR", TYPE_INT8_VECTOR, MODIFIER_DIMENSION, false},
    {"BINARY_VECTOR", TYPE_BINARY_VECTOR, MODIFIER_DIMENSION, false},
    {"BIT", TYPE_BINARY_VECTOR, MODIFIER_DIMENSION, false},
    {"SPARSE_FLOAT_VECTOR", TYPE_SPARSE_FLOAT_VECTOR, MODIFIER_DIMENSION,
     false},
    {"SPARSEVEC", TYPE_SPARSE_FLOAT_VECTOR, MODIFIER_DIMENSION, false},
};

#define SPELLING_COUNT (sizeof spellings / sizeof *spellings)

/* Unknown name: 42704, with the nearest name as a hint. */
static mql_status
unknown_type(const Node *node, Error *err)
{
    error_at(err, ERR_UNDEFINED_OBJECT, node->position,
             "type \"%.*s\" does not exist", (int)node->text.size,
             node->text.data);
    const char *nearest = NULL;
    uint32_t best = NAME_DISTANCE_MOST + 1;
    for (size_t i = 0; i < SPELLING_COUNT; i++) {
        uint32_t distance =
            name_distance(node->text, slice_of(spellings[i].name));
        if (distance < best) {
            best = distance;
            nearest = spellings[i].name;
        }
    }
    if (nearest != NULL)
        return error_hint(err, "Did you mean %s?", nearest);
    return err->status;
}

static const Spelling *
find_spelling(Slice name)
{
    for (size_t i = 0; i < SPELLING_COUNT; i++) {
        if (slice_equal_nocase(name, slice_of(spellings[i].name)))
            return &spellings[i];
    }
    return NULL;
}

/* The `which`-th INTEGER child, from 0. */
static const Node *
integer_child(const Node *node, uint32_t which)
{
    for (const Node *child = node->first; child != NULL; child = child->next) {
        if (child->kind == NODE_INTEGER && which-- == 0)
            return child;
    }
    return NULL;
}

static uint32_t
integer_children(const Node *node)
{
    uint32_t count = 0;
    while (integer_child(node, count) != NULL)
        count++;
    return count;
}

static mql_status
read_length(const Node *length, uint32_t *result, Error *err)
{
    if (length->integer < 1)
        return error_at(err, ERR_INVALID_PARAMETER, length->position,
                        "length for type VARCHAR must be at least 1");
    if (length->integer > VARCHAR_MOST) {
        error_at(err, ERR_INVALID_PARAMETER, length->position,
                 "length for type VARCHAR cannot exceed %d", VARCHAR_MOST);
        return error_hint(err, "TEXT holds up to 2 MiB.");
    }
    *result = (uint32_t)length->integer;
    return MQL_OK;
}

/* pgvector's words. */
static mql_status
read_dimension(TypeKind kind, const Node *dim, uint32_t *result, Error *err)
{
    const int64_t most = type_dimension_most(kind);
    if (dim->integer < 1)
        return error_at(err, ERR_INVALID_PARAMETER, dim->position,
                        "dimensions for type %s must be at least 1",
                        type_kind_name(kind));
    if (dim->integer > most)
        return error_at(err, ERR_INVALID_PARAMETER, dim->position,
                        "dimensions for type %s cannot exceed %" PRId64,
                        type_kind_name(kind), most);
    if (kind == TYPE_BINARY_VECTOR && dim->integer % 8 != 0)
        return error_at(err, ERR_INVALID_PARAMETER, dim->position,
                        "dimensions for type %s must be a multiple of 8",
                        type_kind_name(kind));
    *result = (uint32_t)dim->integer;
    return MQL_OK;
}

static mql_status
read_modifier(const Spelling *spelling, const Node *modifier, Type *type,
              Error *err)
{
    switch (spelling->modifier) {
    case MODIFIER_LENGTH:
        return read_length(modifier, &type->length, err);
    case MODIFIER_DIMENSION:
        return read_dimension(type->kind, modifier, &type->length, err);
    case MODIFIER_NONE:
    case MODIFIER_ELEMENT:
        break;
    }
    return error_at(err, ERR_SYNTAX_ERROR, modifier->position,
                    "type modifier is not allowed for type \"%s\"",
                    spelling->name);
}

/* `element` becomes an array of it; `capacity` NULL: the most there may be. */
static mql_status
make_array(Type element, const Node *capacity, const Node *node, Type *type,
           Error *err)
{
    TypeKind kind = element.kind;
    if (kind != TYPE_BOOL && !type_is_number(kind) && kind != TYPE_VARCHAR)
        return error_at(err, ERR_FEATURE_NOT_SUPPORTED, node->position,
                        "arrays of %s are not supported", type_kind_name(kind));
    int64_t count = capacity == NULL ? ARRAY_CAPACITY_MOST : capacity->integer;
    if (count < 1 || count > ARRAY_CAPACITY_MOST)
        return error_at(err, ERR_INVALID_PARAMETER, capacity->position,
                        "capacity of an ARRAY must be between 1 and %d",
                        ARRAY_CAPACITY_MOST);
    *type = (Type){.kind = TYPE_ARRAY,
                   .length = (uint32_t)count,
                   .element = kind,
                   .element_length = element.length};
    return MQL_OK;
}

/* ARRAY<T>(n) */
static mql_status
resolve_array(const Node *node, Type *type, Error *err)
{
    const Node *element_node = node_child(node, NODE_TYPE_NAME);
    if (element_node == NULL)
        return error_at(err, ERR_SYNTAX_ERROR, node->position,
                        "ARRAY needs an element type, as in ARRAY<INT64>(16)");
    if (node_child(element_node, NODE_TYPE_NAME) != NULL ||
        (element_node->flags & FLAG_ARRAY) != 0)
        return error_at(err, ERR_FEATURE_NOT_SUPPORTED, element_node->position,
                        "arrays of ARRAY are not supported");
    Type element;
    TRY(type_resolve(element_node, &element, NULL, err));
    return make_array(element, integer_child(node, 0), element_node, type, err);
}

/* A type that is no ARRAY<..>, with its modifier; T[n] and T ARRAY[n] too. */
static mql_status
resolve_plain(const Spelling *spelling, const Node *node, Type *type,
              Error *err)
{
    bool is_array = (node->flags & FLAG_ARRAY) != 0;
    uint32_t count = integer_children(node);
    const Node *modifier = integer_child(node, 0);
    const Node *capacity = integer_child(node, 1);
    if (is_array && count == 1 && spelling->modifier == MODIFIER_NONE) {
        capacity = modifier;
        modifier = NULL;
    }
    *type = type_of(spelling->kind);
    if (modifier != NULL)
        TRY(read_modifier(spelling, modifier, type, err));
    if (is_array)
        return make_array(*type, capacity, node, type, err);
    if (capacity != NULL)
        return error_at(err, ERR_SYNTAX_ERROR, capacity->position,
                        "type %s takes one modifier", spelling->name);
    return MQL_OK;
}

mql_status
type_resolve(const Node *type_name, Type *type, bool *is_serial, Error *err)
{
    const Spelling *spelling = find_spelling(type_name->text);
    if (spelling == NULL)
        return unknown_type(type_name, err);
    if (!type_is_built(spelling->kind))
        return error_at(err, ERR_FEATURE_NOT_SUPPORTED, type_name->position,
                        "type %s is not supported yet",
                        type_kind_name(spelling->kind));
    if (is_serial != NULL)
        *is_serial = spelling->is_serial;
    else if (spelling->is_serial)
        return error_at(err, ERR_INVALID_PARAMETER, type_name->position,
                        "type %s is allowed for fields only", spelling->name);
    if (spelling->kind == TYPE_ARRAY)
        return resolve_array(type_name, type, err);
    return resolve_plain(spelling, type_name, type, err);
}
