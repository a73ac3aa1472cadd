/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zones.h - what blocks of a sealed segment's rows have: the least and the
 * greatest value of a field, and how many are NULL.
 *
 * Values are kept as keys: numbers of 64 bits in the order of the values. Where
 * x < y, key(x) <= key(y): texts are known by their first 8 bytes, the other
 * types exactly. So a zone may say that a value could be there that is not, and
 * never the reverse. Deleted rows count: a zone is of all rows of the file.
 * docs/format/segment.md has the layout.
 */
#ifndef ENGINE_COLLECTION_ZONES_H
#define ENGINE_COLLECTION_ZONES_H

#include "engine/collection/segment.h"

/* Rows of a block; a multiple of 64. */
#define ZONE_ROWS 4096u

/* As it lies in the file. */
typedef struct Zone {
    uint64_t least; /* of the values that are not NULL; above `greatest` when
                       there are none */
    uint64_t greatest;
    uint32_t values; /* rows that are not NULL */
    uint32_t nulls;  /* rows that are          */
} Zone;

_Static_assert(sizeof(Zone) == 24, "on-disk format");

static inline uint32_t
zone_count(uint32_t rows)
{
    return rows / ZONE_ROWS + (rows % ZONE_ROWS > 0);
}

/* Whether fields of that type have zones: scalars do. */
bool type_has_zones(Type type);
/* Whether its keys tell any two values apart. */
bool type_has_exact_zones(Type type);

/* Of a value in physical form, of a type with zones, not NULL. */
uint64_t zone_key(const Value *value);
/* Of one of a column. */
uint64_t zone_key_of_column(const Column *column, uint32_t row);
/* The greatest of the texts that begin with `prefix`. */
uint64_t zone_key_after(Slice prefix);

/* Zones in the making: one for each block, then that of all rows. */
typedef struct ZoneBuilder {
    Zone *zones; /* zone_count(rows) + 1 */
    uint32_t rows;
    uint32_t row; /* the next one */
} ZoneBuilder;

/* `zones` is calloc'ed for `rows` by the caller. */
void zones_begin(ZoneBuilder *builder, Zone *zones, uint32_t rows);
void zones_add_null(ZoneBuilder *builder);
void zones_add(ZoneBuilder *builder, uint64_t key);
/* All rows were added: fill in the last zone. */
void zones_finish(ZoneBuilder *builder);

/* Those of a field, verified: `count` of them and that of all rows. NULL: the
 * segment has none (growing, or written before the field was there).
 * Errors: DATA_CORRUPTED. */
mql_status segment_zones(const Segment *segment, const Field *field,
                         const Zone **zones, uint32_t *count, Error *err);

#endif
