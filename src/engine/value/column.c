/* SPDX-License-Identifier: Apache-2.0 */
/*
 * column.c - making columns and taking values out of them.
 */
#include "engine/value/column.h"

size_t
physical_size(Physical physical)
{
    switch (physical) {
    case PHYSICAL_NONE:
    case PHYSICAL_BOOL:
        return sizeof(uint8_t);
    case PHYSICAL_INT:
        return sizeof(int64_t);
    case PHYSICAL_REAL:
        return sizeof(double);
    case PHYSICAL_BYTES:
        break;
    }
    return sizeof(Slice);
}

Value
column_value(const Column *column, uint32_t row)
{
    Value value = {.type = column->type};
    if (column_is_null(column, row)) {
        value.is_null = true;
        return value;
    }
    switch (type_physical(column->type.kind)) {
    case PHYSICAL_NONE:
        value.is_null = true;
        break;
    case PHYSICAL_BOOL:
        value.boolean = column->bools[row] != 0;
        break;
    case PHYSICAL_INT:
        value.integer = column->ints[row];
        break;
    case PHYSICAL_REAL:
        value.real = column->reals[row];
        break;
    case PHYSICAL_BYTES:
        value.bytes = column->bytes[row];
        break;
    }
    return value;
}

/* Arrays are never empty, so that NULL means out of memory. */
mql_status
column_builder_init(ColumnBuilder *builder, Type type, uint32_t capacity,
                    Arena *arena, Error *err)
{
    size_t count = capacity == 0 ? 1 : capacity;
    size_t size = physical_size(type_physical(type.kind));
    builder->type = type;
    builder->capacity = capacity;
    builder->valid = arena_alloc_array(arena, count, sizeof(uint8_t));
    builder->data = arena_alloc_array(arena, count, size);
    if (builder->valid == NULL || builder->data == NULL)
        return error_no_memory(err);
    return MQL_OK;
}

void
column_builder_set(ColumnBuilder *builder, uint32_t row, const Value *value)
{
    builder->valid[row] = !value->is_null;
    if (value->is_null)
        return;
    switch (type_physical(builder->type.kind)) {
    case PHYSICAL_NONE:
        builder->valid[row] = 0;
        return;
    case PHYSICAL_BOOL:
        ((uint8_t *)builder->data)[row] = value->boolean;
        return;
    case PHYSICAL_INT:
        ((int64_t *)builder->data)[row] = value->integer;
        return;
    case PHYSICAL_REAL:
        ((double *)builder->data)[row] = value->real;
        return;
    case PHYSICAL_BYTES:
        ((Slice *)builder->data)[row] = value->bytes;
        return;
    }
}

Column
column_builder_finish(const ColumnBuilder *builder)
{
    return (Column){
        .type = builder->type, .valid = builder->valid, .data = builder->data};
}

mql_status
column_constant(Column *column, const Value *value, uint32_t count,
                Arena *arena, Error *err)
{
    ColumnBuilder builder;
    TRY(column_builder_init(&builder, value->type, count, arena, err));
    if (!value->is_null) {
        for (uint32_t row = 0; row < count; row++)
            column_builder_set(&builder, row, value);
    }
    *column = column_builder_finish(&builder);
    if (!value->is_null && value->type.kind != TYPE_NULL)
        column->valid = NULL;
    return MQL_OK;
}

static mql_status
gather_valid(const Column *in, const uint32_t *positions, uint32_t count,
             Arena *arena, Column *out, Error *err)
{
    if (in->valid == NULL)
        return MQL_OK;
    uint8_t *valid = arena_alloc(arena, count == 0 ? 1 : count);
    if (valid == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < count; i++)
        valid[i] = in->valid[positions[i]];
    out->valid = valid;
    return MQL_OK;
}

static void
gather_data(const Column *in, const uint32_t *positions, uint32_t count,
            void *data)
{
    switch (type_physical(in->type.kind)) {
    case PHYSICAL_NONE:
        return;
    case PHYSICAL_BOOL:
        for (uint32_t i = 0; i < count; i++)
            ((uint8_t *)data)[i] = in->bools[positions[i]];
        return;
    case PHYSICAL_INT:
        for (uint32_t i = 0; i < count; i++)
            ((int64_t *)data)[i] = in->ints[positions[i]];
        return;
    case PHYSICAL_REAL:
        for (uint32_t i = 0; i < count; i++)
            ((double *)data)[i] = in->reals[positions[i]];
        return;
    case PHYSICAL_BYTES:
        for (uint32_t i = 0; i < count; i++)
            ((Slice *)data)[i] = in->bytes[positions[i]];
        return;
    }
}

mql_status
column_gather(const Column *in, const uint32_t *positions, uint32_t count,
              Arena *arena, Column *out, Error *err)
{
    Column result = {.type = in->type};
    size_t size = physical_size(type_physical(in->type.kind));
    void *data = arena_alloc_array(arena, count == 0 ? 1 : count, size);
    if (data == NULL)
        return error_no_memory(err);
    TRY(gather_valid(in, positions, count, arena, &result, err));
    gather_data(in, positions, count, data);
    result.data = data;
    *out = result;
    return MQL_OK;
}
