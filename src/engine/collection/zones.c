/* SPDX-License-Identifier: Apache-2.0 */
/* zones.c - keys of values, zones of blocks, and those that a file has. */
#include "engine/collection/zones.h"

#include <string.h>

#include "engine/collection/segment_internal.h"

#define SIGN ((uint64_t)1 << 63)
#define PREFIX_SIZE 8u

bool
type_has_zones(Type type)
{
    Physical physical = type_physical(type.kind);
    return physical == PHYSICAL_BOOL || physical == PHYSICAL_INT ||
           physical == PHYSICAL_REAL || type.kind == TYPE_VARCHAR;
}

bool
type_has_exact_zones(Type type)
{
    return type_has_zones(type) && type.kind != TYPE_VARCHAR;
}

/* ---- keys ---- */

static uint64_t
key_of_int(int64_t value)
{
    return (uint64_t)value ^ SIGN;
}

/* Bits of a double order as integers once those of negative ones are turned
 * over. Both zeros are one; NaN, which no field has, is above all. */
static uint64_t
key_of_real(double value)
{
    uint64_t bits;
    if (value != value)
        return UINT64_MAX;
    value = value == 0 ? 0 : value;
    memcpy(&bits, &value, sizeof bits);
    return (bits & SIGN) != 0 ? ~bits : bits | SIGN;
}

/* The first bytes, followed by as many of `rest` as are missing. */
static uint64_t
key_of_text(Slice text, uint8_t rest)
{
    uint64_t key = 0;
    for (size_t i = 0; i < PREFIX_SIZE; i++)
        key = key << 8 | (i < text.size ? (uint8_t)text.data[i] : rest);
    return key;
}

uint64_t
zone_key_after(Slice prefix)
{
    return key_of_text(prefix, 0xff);
}

uint64_t
zone_key(const Value *value)
{
    switch (type_physical(value->type.kind)) {
    case PHYSICAL_BOOL:
        return value->boolean ? 1 : 0;
    case PHYSICAL_REAL:
        return key_of_real(value->real);
    case PHYSICAL_BYTES:
        return key_of_text(value->bytes, 0);
    default:
        return key_of_int(value->integer);
    }
}

uint64_t
zone_key_of_column(const Column *column, uint32_t row)
{
    switch (type_physical(column->type.kind)) {
    case PHYSICAL_BOOL:
        return column->bools[row] != 0;
    case PHYSICAL_REAL:
        return key_of_real(column->reals[row]);
    case PHYSICAL_BYTES:
        return key_of_text(column->bytes[row], 0);
    default:
        return key_of_int(column->ints[row]);
    }
}

/* ---- making ---- */

static const Zone nothing = {.least = UINT64_MAX, .greatest = 0};

void
zones_begin(ZoneBuilder *builder, Zone *zones, uint32_t rows)
{
    *builder = (ZoneBuilder){.zones = zones, .rows = rows};
    for (uint32_t i = 0; i <= zone_count(rows); i++)
        zones[i] = nothing;
}

void
zones_add_null(ZoneBuilder *builder)
{
    builder->zones[builder->row++ / ZONE_ROWS].nulls++;
}

void
zones_add(ZoneBuilder *builder, uint64_t key)
{
    Zone *zone = &builder->zones[builder->row++ / ZONE_ROWS];
    zone->values++;
    zone->least = key < zone->least ? key : zone->least;
    zone->greatest = key > zone->greatest ? key : zone->greatest;
}

void
zones_finish(ZoneBuilder *builder)
{
    uint32_t count = zone_count(builder->rows);
    Zone *all = &builder->zones[count];
    for (uint32_t i = 0; i < count; i++) {
        const Zone *zone = &builder->zones[i];
        all->values += zone->values;
        all->nulls += zone->nulls;
        all->least = zone->least < all->least ? zone->least : all->least;
        all->greatest =
            zone->greatest > all->greatest ? zone->greatest : all->greatest;
    }
}

/* ---- reading ---- */

mql_status
segment_zones(const Segment *segment, const Field *field, const Zone **zones,
              uint32_t *count, Error *err)
{
    segment = segment_under(segment);
    *zones = NULL;
    *count = 0;
    if (!segment->is_sealed)
        return MQL_OK;
    const SealedSegment *sealed = as_sealed(segment);
    const SealedField *stored = sealed_field(sealed, field->id);
    if (stored == NULL || stored->zones.size == 0 ||
        stored->type.kind != field->type.kind)
        return MQL_OK;
    TRY(section_verify(sealed->file, &stored->zones, 0, stored->zones.size,
                       err));
    *zones = (const void *)stored->zones.data;
    *count = zone_count(sealed->row_count);
    return MQL_OK;
}
