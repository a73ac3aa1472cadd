/* SPDX-License-Identifier: Apache-2.0 */
/*
 * column.h - values in batches: how the executor and expressions see data.
 *
 * A column holds `count` values (the batch knows the count) in one of four
 * physical forms (type_physical): whatever the field's width on disk, integers
 * are int64_t here and reals double, so that no operator is written once per
 * type. Bytes are Slices that point into the mapped segment, the growing chunk,
 * or an arena: nothing is copied to make a column of them. A FLOAT_VECTOR value
 * is a Slice of dim * 4 bytes, 4-byte aligned.
 */
#ifndef ENGINE_VALUE_COLUMN_H
#define ENGINE_VALUE_COLUMN_H

#include <stdint.h>

#include "base/arena.h"
#include "engine/value/value.h"

#define BATCH_ROWS 2048u /* most rows of one batch */

typedef struct Column {
    Type type;
    const uint8_t
        *valid; /* per row: 0 is NULL; NULL pointer: no value is NULL */
    union {
        const uint8_t *bools;
        const int64_t *ints;
        const double *reals;
        const Slice *bytes;
        const void *data;
    };
} Column;

typedef struct Batch {
    uint32_t count; /* rows, at most BATCH_ROWS */
    uint32_t column_count;
    Column *columns;
} Batch;

/* Bytes of one value of the physical form in a column's array. */
size_t physical_size(Physical physical);

static inline bool
column_is_null(const Column *column, uint32_t row)
{
    return column->type.kind == TYPE_NULL ||
           (column->valid != NULL && column->valid[row] == 0);
}

/* One value; points where the column points. */
Value column_value(const Column *column, uint32_t row);

/* A column being filled, in an arena: `capacity` rows, all NULL until set. */
typedef struct ColumnBuilder {
    Type type;
    uint32_t capacity;
    uint8_t *valid;
    void *data; /* physical form */
} ColumnBuilder;

mql_status column_builder_init(ColumnBuilder *builder, Type type,
                               uint32_t capacity, Arena *arena, Error *err);
/* `value` must have the builder's physical form (or be NULL); bytes are not
 * copied. */
void column_builder_set(ColumnBuilder *builder, uint32_t row,
                        const Value *value);
Column column_builder_finish(const ColumnBuilder *builder);

/* `count` times the same value. */
mql_status column_constant(Column *column, const Value *value, uint32_t count,
                           Arena *arena, Error *err);

/* The rows of `in` at `positions`, as a new column in the arena. */
mql_status column_gather(const Column *in, const uint32_t *positions,
                         uint32_t count, Arena *arena, Column *out, Error *err);

#endif
