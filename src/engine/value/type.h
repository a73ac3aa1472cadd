/* SPDX-License-Identifier: Apache-2.0 */
/*
 * type.h - the types of fields and expressions.
 */
#ifndef ENGINE_VALUE_TYPE_H
#define ENGINE_VALUE_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/element.h"
#include "base/status.h"
#include "engine/sql/ast.h"

typedef enum TypeKind {
#define TYPE(kind, number, name, physical, size, built) TYPE_##kind = number,
#include "engine/value/types.def"
#undef TYPE
} TypeKind;

/* How a batch holds the values of a type; see column.h. */
typedef enum Physical {
    PHYSICAL_NONE,
    PHYSICAL_BOOL,  /* uint8_t 0 or 1 */
    PHYSICAL_INT,   /* int64_t        */
    PHYSICAL_REAL,  /* double         */
    PHYSICAL_BYTES, /* Slice          */
} Physical;

typedef struct Type {
    TypeKind kind;
    uint32_t length;         /* VARCHAR: most bytes, 0: TEXT (2 MiB); vectors:
                                dimension; ARRAY: most elements */
    TypeKind element;        /* ARRAY */
    uint32_t element_length; /* ARRAY of VARCHAR: most bytes of one */
} Type;

#define TEXT_SIZE_MOST (2u << 20) /* bytes of a VARCHAR without length */
#define JSON_SIZE_MOST 65536u     /* bytes of a JSON value's text      */

static inline Type
type_of(TypeKind kind)
{
    return (Type){.kind = kind};
}

Physical type_physical(TypeKind kind);
/* Bytes of one value in a segment: vectors dim * element; 0 when of varying
 * size. */
size_t type_storage_size(Type type);
bool type_is_built(TypeKind kind);
bool type_is_integer(TypeKind kind); /* INT8..INT64 */
bool type_is_number(TypeKind kind);  /* integers, FLOAT, DOUBLE */
bool type_is_vector(TypeKind kind);
/* Vectors of numbers, one for each dimension: all but binary and sparse ones.
 */
bool type_is_dense(TypeKind kind);
/* Of a vector type that is not sparse. */
ElementType type_element(TypeKind kind);
/* Whether a vector type's length is a number of dimensions it may have. */
bool type_has_dimension(Type type);
/* The most dimensions of a vector type. */
uint32_t type_dimension_most(TypeKind kind);
bool type_equal(Type a, Type b);
/* Smallest and largest value of an integer type. */
void type_integer_range(TypeKind kind, int64_t *least, int64_t *most);

/* "VARCHAR(64)", "ARRAY<INT64>(16)", "FLOAT_VECTOR(784)". */
void type_print(Buffer *out, Type type);

/* The same text, for messages; cut when it is too long. */
#define TYPE_TEXT_SIZE 64
void type_text(char text[TYPE_TEXT_SIZE], Type type);

/* "VARCHAR": the kind without its modifiers. */
const char *type_kind_name(TypeKind kind);

/*
 * Number of single-letter changes (insert, delete, replace, swap of neighbours)
 * that turn one name into the other, letter case apart; at most
 * NAME_DISTANCE_MOST + 1, which means "too many to be a slip". Names of fewer
 * than 4 letters allow one change.
 */
#define NAME_DISTANCE_MOST 2u
uint32_t name_distance(Slice a, Slice b);

/*
 * Meaning of a TYPE_NAME node, all spellings of language.md section 2, ranges
 * checked. `is_serial` OUT (may be NULL): SERIAL, BIGSERIAL. Errors with
 * positions: UNDEFINED_OBJECT type "foo" does not exist (with a candidate),
 * INVALID_PARAMETER dimension out of range, FEATURE_NOT_SUPPORTED for types not
 * built. A vector type without a dimension (as in
 * '[1,2]'::vector) has length 0: fields must refuse it, CAST takes any
 * dimension. An array type without a capacity has the largest.
 */
mql_status type_resolve(const Node *type_name, Type *type, bool *is_serial,
                        Error *err);

#endif
