/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment_values.c - values between their width on disk and their form in a
 * batch.
 *
 * Stored values are little-endian and as wide as their type; batches hold
 * int64_t, double, bytes of 0 or 1, or Slices (column.h).
 */
#include "engine/collection/segment_internal.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "stored values are read in place");

/* The i-th row of a range. */
static inline size_t
row_at(RowRange range, uint32_t i)
{
    return range.rows != NULL ? range.rows[i] : (size_t)range.first + i;
}

#define WIDEN_EACH(StoredType, PhysicalType, place)                            \
    for (uint32_t i = 0; i < range.count; i++) {                               \
        StoredType value;                                                      \
        memcpy(&value, from + (place) * sizeof value, sizeof value);           \
        ((PhysicalType *)out)[i] = (PhysicalType)value;                        \
    }

/* Rows that follow each other in a loop of their own: some at a time. */
#define WIDEN(StoredType, PhysicalType)                                        \
    do {                                                                       \
        if (range.rows == NULL)                                                \
            WIDEN_EACH(StoredType, PhysicalType, (size_t)range.first + i)      \
        else                                                                   \
            WIDEN_EACH(StoredType, PhysicalType, (size_t)range.rows[i])        \
    } while (0)

static void
slices_of(Type type, const char *from, RowRange range, Slice *to)
{
    size_t width = type_storage_size(type);
    for (uint32_t i = 0; i < range.count; i++)
        to[i] = (Slice){from + row_at(range, i) * width, width};
}

void
values_gather(Type type, const char *from, RowRange range, void *out)
{
    switch (type.kind) {
    case TYPE_BOOL:
        for (uint32_t i = 0; i < range.count; i++)
            ((uint8_t *)out)[i] = from[row_at(range, i)] != 0;
        return;
    case TYPE_INT8:
        WIDEN(int8_t, int64_t);
        return;
    case TYPE_INT16:
        WIDEN(int16_t, int64_t);
        return;
    case TYPE_INT32:
        WIDEN(int32_t, int64_t);
        return;
    case TYPE_INT64:
    case TYPE_TIMESTAMPTZ:
        WIDEN(int64_t, int64_t);
        return;
    case TYPE_FLOAT:
        WIDEN(float, double);
        return;
    case TYPE_DOUBLE:
        WIDEN(double, double);
        return;
    default:
        slices_of(type, from, range, out);
        return;
    }
}

void
values_to_physical(Type type, const char *from, uint32_t count, void *out,
                   uint32_t at)
{
    size_t size = physical_size(type_physical(type.kind));
    values_gather(type, from, (RowRange){.count = count},
                  (char *)out + at * size);
}

void
value_to_storage(const Column *column, uint32_t row, size_t width, char *to)
{
    switch (type_physical(column->type.kind)) {
    case PHYSICAL_BOOL:
        *to = column->bools[row] != 0;
        return;
    case PHYSICAL_INT:
        memcpy(to, &column->ints[row], width); /* the low bytes */
        return;
    case PHYSICAL_REAL:
        if (width == sizeof(float)) {
            float narrow = (float)column->reals[row];
            memcpy(to, &narrow, width);
        } else {
            memcpy(to, &column->reals[row], width);
        }
        return;
    case PHYSICAL_BYTES:
        memcpy(to, column->bytes[row].data, width);
        return;
    default:
        return;
    }
}

mql_status
read_absent(const Field *field, uint32_t count, Arena *arena, Column *column,
            Error *err)
{
    Value value = VALUE_NULL;
    if (field->has_missing)
        value = field->missing_value;
    value.type = field->type;
    return column_constant(column, &value, count, arena, err);
}

uint32_t
range_run(RowRange range, uint32_t at, uint32_t most, uint32_t *first)
{
    uint32_t left = range.count - at < most ? range.count - at : most;
    if (range.rows == NULL) {
        *first = range.first + at;
        return left;
    }
    *first = range.rows[at];
    uint32_t run = 1;
    while (run < left && range.rows[at + run] == *first + run)
        run++;
    return run;
}
