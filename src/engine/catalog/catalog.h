/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog.h - what exists: databases, collections, fields, partitions, indexes.
 *
 * Definitions are immutable once published and counted by reference: a change
 * copies the definition, changes the copy and publishes it with a commit.
 * Grants, plans and files refer to objects by id; ids are never used twice in a
 * database directory.
 */
#ifndef ENGINE_CATALOG_CATALOG_H
#define ENGINE_CATALOG_CATALOG_H

#include <stdatomic.h>

#include "base/arena.h"
#include "engine/value/json.h"
#include "engine/value/value.h"
#include "index/index.h"

#define FIELDS_MOST 64u
#define VECTOR_FIELDS_MOST 10u
#define PARTITIONS_MOST 1024u
#define ALIASES_MOST 256u
#define DYNAMIC_FIELD_NAME "$meta"
#define DEFAULT_DATABASE_NAME "default"
#define DEFAULT_PARTITION_NAME "_default"

/* mmap.enabled of a collection, a field or an index. */
typedef enum Mapping {
    MAPPING_UNSET, /* as what it belongs to */
    MAPPING_ON,
    MAPPING_OFF,
} Mapping;

typedef struct Field {
    uint32_t id; /* unique in its collection for ever */
    char *name;
    Type type;
    bool is_primary;
    bool is_auto_id;
    bool is_always; /* an AUTO_ID for which no values may be given */
    bool is_nullable;
    bool is_partition_key;
    bool is_clustering_key;
    bool is_dynamic; /* the $meta field */
    bool has_default;
    Value default_value; /* of the field's type, may be NULL */
    /* What rows have that were there before the field was added: its default
     * then, else NULL. */
    bool has_missing;
    Value missing_value;
    Mapping mapping;
    char *comment; /* "" when none */
} Field;

typedef struct Partition {
    uint64_t id;
    char *name;
    bool is_loaded;
} Partition;

/*
 * What an index over a JSON field keeps of the value at its path, as Milvus'
 * json_cast_type: booleans, numbers (as doubles) or strings; of an array its
 * elements of that kind. A value of another kind is not in the index: nothing
 * is converted.
 */
typedef enum JsonCast {
    CAST_NONE, /* an index over a field of another type */
    CAST_BOOL,
    CAST_DOUBLE,
    CAST_VARCHAR,
    CAST_ARRAY_BOOL,
    CAST_ARRAY_DOUBLE,
    CAST_ARRAY_VARCHAR,
    CAST_COUNT
} JsonCast;

typedef struct IndexDefinition {
    uint64_t id;
    char *name;
    uint32_t field; /* id */
    JsonCast cast;  /* of JSON fields, else CAST_NONE */
    Slice path;     /* with a cast: a JSON array of keys and positions, []: the
                       whole document; see json_path_find() */
    const IndexKind *kind;
    bool is_auto;  /* was asked for as AUTOINDEX or without USING */
    Metric metric; /* vector kinds */
    Mapping mapping;
    IndexOptions options;
} IndexDefinition;

/* A property as it was given: "collection.ttl.seconds" = "86400". */
typedef struct Property {
    char *name;
    char *value;
} Property;

typedef struct Collection {
    atomic_uint references;
    Arena arena; /* holds everything below */
    uint64_t id;
    uint64_t database; /* id */
    char *name;
    char *comment;
    Field *fields; /* in order of definition, $meta last */
    uint32_t field_count;
    uint32_t next_field_id;
    Partition *partitions; /* the default one first */
    uint32_t partition_count;
    IndexDefinition *indexes;
    uint32_t index_count;
    Property *properties;
    uint32_t property_count;
    char **aliases; /* other names of it, in the order of their bytes; they and
                       the names of collections are one set in a database */
    uint32_t alias_count;
    uint32_t primary; /* position of the key in fields */
    bool is_loaded;
    bool has_partition_key; /* rows go to partitions by hash of the key field */
    uint64_t flushed;       /* rows of commits up to this sequence number are in
                               sealed segments */
    int64_t next_auto_id;   /* as of `flushed` */
    uint64_t created;       /* commit that made it */
    uint64_t horizon; /* rows deleted by commits up to this one may be gone:
                         older pictures cannot be read */
    uint64_t expired; /* rows inserted by commits up to this one are gone,
                         whatever the time to live is now */
} Collection;

typedef struct DatabaseDefinition {
    uint64_t id;
    char *name;
    Property *properties;
    uint32_t property_count;
} DatabaseDefinition;

/* Value of a database's property, NULL when not set; its number, -1 when not
 * set; whether the switch is on. */
const char *database_property(const DatabaseDefinition *database,
                              const char *name);
int64_t database_number(const DatabaseDefinition *database, const char *name);
bool database_switch(const DatabaseDefinition *database, const char *name);

/* Those that the engine obeys. Behind DENY_PROPERTY comes what is denied. */
#define MAX_COLLECTIONS_PROPERTY "database.max.collections"
#define DISK_QUOTA_PROPERTY "database.diskQuota.mb"
#define DENY_PROPERTY "database.force.deny."

/* An empty one with one reference and an arena, to be filled before it is
 * published. */
mql_status collection_create(Collection **collection, Error *err);
/* A copy to change. */
mql_status collection_copy(const Collection *collection, Collection **copy,
                           Error *err);
Collection *collection_retain(const Collection *collection);
void collection_release(Collection *collection); /* NULL is allowed */

/* Exact spelling first, then any case if only one fits: position, -1 none, -2
 * ambiguous. */
int32_t collection_find_field(const Collection *collection, Slice name);
int32_t collection_find_field_id(const Collection *collection, uint32_t id);
int32_t collection_find_partition(const Collection *collection, Slice name);
int32_t collection_find_partition_id(const Collection *collection, uint64_t id);
int32_t collection_find_index(const Collection *collection, Slice name);
/* Whether it has the index with that id. */
bool collection_has_index(const Collection *collection, uint64_t id);
/* Put an index at the end of the list, which has room for it: its texts are
 * copied. */
mql_status collection_add_index(Collection *collection,
                                const IndexDefinition *index, Error *err);
/* The index over that field, and of a JSON field over that path; NULL: none. */
const IndexDefinition *collection_field_index(const Collection *collection,
                                              uint32_t field, Slice path);

/* "DOUBLE", "ARRAY_VARCHAR"; in any case, false: no such cast. */
const char *json_cast_name(JsonCast cast);
bool json_cast_from_name(Slice name, JsonCast *cast);
bool json_cast_is_array(JsonCast cast);
/* BOOL, DOUBLE or VARCHAR: what values or elements are. */
TypeKind json_cast_kind(JsonCast cast);
/* The key of a scalar, false: it is not of the cast's kind. */
bool json_cast_key(JsonCast cast, Json scalar, Key *key);

/* What stands at the path of a document, absent (data NULL) where nothing does.
 */
Json json_path_find(Json document, Slice path);
/* Whether untrusted bytes are a path: a JSON array of strings and positions, no
 * longer than documents are deep. */
bool json_path_check(Slice path);
/* ["a"][0], which is read as it was written. */
void json_path_print(Buffer *out, Slice path);

/* How well a name means the collection, and by which of its names: its own, or
 * an alias. */
typedef enum NameMatch {
    NAME_MATCH_NONE,
    NAME_MATCH_NOCASE,
    NAME_MATCH_EXACT,
} NameMatch;
NameMatch collection_match(const Collection *collection, Slice name,
                           const char **as);
/* Position of the alias of exactly that spelling, -1: none. Add one at its
 * place (the copy is the collection's); remove one. */
int32_t collection_find_alias(const Collection *collection, Slice alias);
mql_status collection_add_alias(Collection *collection, Slice alias,
                                Error *err);
void collection_remove_alias(Collection *collection, uint32_t position);

/* Value of a property, NULL when not set. */
const char *collection_property(const Collection *collection, const char *name);

/* Seconds that its rows live (collection.ttl.seconds); 0: for ever. */
#define TTL_PROPERTY "collection.ttl.seconds"
#define TTL_MOST INT64_C(3155760000) /* 100 years */
int64_t collection_ttl(const Collection *collection);

/*
 * Whether files are mapped, or read into memory when they are loaded: as set
 * for the field or index, else for the collection, else for all (`usual`, SET
 * GLOBAL). What belongs to no field follows the collection.
 */
#define MMAP_PROPERTY "mmap.enabled"
bool collection_is_mapped(const Collection *collection, bool usual);
bool field_is_mapped(const Collection *collection, const Field *field,
                     bool usual);
bool index_is_mapped(const Collection *collection, const IndexDefinition *index,
                     bool usual);
/* Whether the fields and indexes that both have are mapped alike. */
bool collection_maps_alike(const Collection *a, const Collection *b);
/* "true", "on", "1", and their opposites; false: none of them. */
bool property_read_bool(Slice text, bool *value);

/* The stored form (docs/format/catalog.md), and back; decoding checks
 * everything. */
void collection_encode(Buffer *out, const Collection *collection);
mql_status collection_decode(Slice bytes, Collection **collection, Error *err);

/* Same for a database; what it points to lives in `arena`. */
void database_encode(Buffer *out, const DatabaseDefinition *database);
mql_status database_decode(Slice bytes, Arena *arena,
                           DatabaseDefinition *database, Error *err);

/* A NUL-terminated copy, for filling definitions; NULL: out of memory. */
char *catalog_copy_text(Arena *arena, Slice text);

/*
 * Names close to a misspelt one, for hints: the best candidate within edit
 * distance 2 (and less than the name's length), or -1. Case does not count.
 */
int32_t name_closest(Slice wanted, const Slice *names, uint32_t count);

#endif
