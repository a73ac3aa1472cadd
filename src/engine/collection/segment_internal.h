/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment_internal.h - the two kinds of segment from within.
 *
 * Growing: rows in chunks of a power of two rows, each chunk one block of
 * memory with an array per field, reached by a directory of two levels that
 * never moves. The writer fills rows past `count`, and publishes them with one
 * release store after the commit is durable; readers load `count` and look at
 * nothing beyond. Bytes of varying size lie in blocks of their own. A hash
 * index leads from a key to the newest row that has it, and from there
 * `previous` leads to older ones.
 *
 * Sealed: a section file (docs/format/segment.md), mapped. Sequence numbers of
 * deletions are in memory, in pages made when needed, and in a .del file as of
 * the last flush.
 */
#ifndef ENGINE_COLLECTION_SEGMENT_INTERNAL_H
#define ENGINE_COLLECTION_SEGMENT_INTERNAL_H

#include <pthread.h>

#include "base/bits.h"
#include "base/file.h"
#include "base/log.h"
#include "engine/collection/segment.h"
#include "engine/collection/transaction.h"

struct Segment {
    atomic_uint references;
    bool is_sealed;  /* an overlay: what is under it */
    bool is_overlay; /* neither kind: never cast without asking */
    uint64_t id;
    uint64_t collection; /* id */
    uint64_t partition;  /* id */
    _Atomic uint64_t bytes;
};

Segment *segment_retain(const Segment *segment);
void segment_release(Segment *segment); /* NULL is allowed */

#define ROW_NONE UINT32_MAX

/* What is in memory instead of mapped, and how much may be (residence.c). */
typedef struct Residence {
    SectionMemory memory;
    atomic_bool is_mapped;     /* SET GLOBAL mmap.enabled */
    atomic_ullong build_limit; /* SET GLOBAL maintenance_work_mem, bytes */
} Residence;

/* Where a database's files are. */
typedef struct FileSpace {
    const Vfs *vfs;
    char *path;        /* of the database */
    uint64_t database; /* its random id   */
    Log log;
    Pool *pool;
    Residence *residence; /* NULL: all is mapped */
} FileSpace;

/* ---- keys (key.c) ---- */

/* A primary key in physical form with its hash, which is the same on every
 * machine. */
typedef struct RowKey {
    bool is_text;
    int64_t integer;
    Slice text;
    uint64_t hash;
} RowKey;

RowKey row_key_of(const Value *value);
/* Without the hash, for comparing only. */
RowKey row_key_plain(const Value *value);
uint64_t row_key_hash(const RowKey *key);
RowKey row_key_of_column(const Column *column, uint32_t row);
bool row_key_equal(const RowKey *a, const RowKey *b);
int row_key_compare(const RowKey *a, const RowKey *b);

/* A blocked Bloom filter: blocks of eight 32-bit words, one bit in each. */
#define BLOOM_BLOCK_SIZE 32u
uint32_t bloom_blocks(uint32_t keys);
/* Offset in bytes of the block of a hash. */
uint64_t bloom_offset(uint64_t hash, uint32_t blocks);
void bloom_block_add(char *block, uint64_t hash);
bool bloom_block_has(const char *block, uint64_t hash);

/* From keys to rows: open addressing, a slot is hash << 32 | row + 1, 0 is
 * free. */
typedef struct KeyIndex {
    uint64_t *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
} KeyIndex;

/* ---- values (segment_read.c) ---- */

/* `count` stored values from `from` on, to physical form at out[at]. Not for
 * varying sizes. */
void values_to_physical(Type type, const char *from, uint32_t count, void *out,
                        uint32_t at);
/* Same, for the rows of a range of those from `from` on. */
void values_gather(Type type, const char *from, RowRange range, void *out);
/* One value of a column, which is not NULL, to storage form. `width` bytes at
 * `to`. */
void value_to_storage(const Column *column, uint32_t row, size_t width,
                      char *to);
/* A field that the segment does not have. */
mql_status read_absent(const Field *field, uint32_t count, Arena *arena,
                       Column *column, Error *err);
/* How many of the rows from `at` on follow each other without a gap: 1 to
 * `most`. */
uint32_t range_run(RowRange range, uint32_t at, uint32_t most, uint32_t *first);

/* ---- growing ---- */

typedef struct GrowingField {
    uint32_t id;
    Type type;
    size_t width; /* of a value in the chunk: sizeof(Slice) when varying */
    bool is_varying;
    size_t values_offset; /* in the chunk */
    size_t valid_offset;
    atomic_bool has_nulls;
} GrowingField;

#define GROWING_DIRECTORY 256u /* entries on each of the two levels */

typedef struct ByteBlock {
    struct ByteBlock *next; /* older */
    size_t used;
    size_t size;
    char data[];
} ByteBlock;

/* Memory that chunks are cut from when there are many. */
typedef struct ChunkBlock {
    struct ChunkBlock *next; /* older */
    char *memory;            /* pages_alloc() */
    size_t size;
    size_t used;
} ChunkBlock;

typedef struct GrowingSegment {
    Segment base;
    uint32_t field_count;
    uint32_t key_field;
    GrowingField fields[FIELDS_MOST];
    uint32_t chunk_shift;  /* rows of a chunk: 1 << this */
    size_t chunk_size;     /* bytes */
    size_t deleted_offset; /* inserted numbers are at 0 */
    size_t previous_offset;
    char **directory[GROWING_DIRECTORY];
    _Atomic uint32_t count; /* published */
    pthread_rwlock_t key_lock;
    KeyIndex keys;
    /* The writer's. */
    uint32_t filled; /* published or not */
    bool is_frozen;  /* being sealed: takes no more rows */
    ByteBlock *bytes;
    ByteBlock *published_block; /* where rolling back leads to */
    size_t published_used;
    uint64_t memory; /* bytes of rows, pending ones included */
    uint64_t published_memory;
    uint32_t chunk_count;
    uint32_t own_chunks;      /* the first ones have memory of their own */
    ChunkBlock *chunk_blocks; /* that of all others */
} GrowingSegment;

/* Fields as `definition` has them now; chunks of about `chunk_bytes`. */
mql_status growing_create(uint64_t id, const Collection *definition,
                          uint64_t partition, uint64_t chunk_bytes,
                          GrowingSegment **segment, Error *err);
void growing_free(GrowingSegment *segment);
/* Whether rows of `definition` can be appended to it. */
bool growing_fits(const GrowingSegment *segment, const Collection *definition);
/* Append rows of a batch (rows NULL: all) that nobody sees yet. On failure
 * growing_rollback() is due. */
mql_status growing_append(GrowingSegment *segment, const Batch *batch,
                          const uint32_t *rows, uint32_t count,
                          uint64_t inserted, Error *err);
/* Room for the keys of all pending rows, so that publishing cannot fail. */
mql_status growing_reserve_keys(GrowingSegment *segment, Error *err);
/* Make the next `count` pending rows visible to readers at their sequence
 * number. */
void growing_publish(GrowingSegment *segment, uint32_t count);
/* Forget pending rows. */
void growing_rollback(GrowingSegment *segment);
void growing_delete(GrowingSegment *segment, uint32_t row, uint64_t sequence);
uint64_t growing_deleted(const GrowingSegment *segment, uint32_t row);
uint64_t growing_inserted(const GrowingSegment *segment, uint32_t row);
/* A byte for each row of a run from `row` on: 0 is NULL. */
const uint8_t *growing_valid(const GrowingSegment *segment,
                             const GrowingField *field, uint32_t row);
/* The newest published row with the key, deleted or not; ROW_NONE. */
uint32_t growing_newest(const GrowingSegment *segment, const RowKey *key);
RowKey growing_key(const GrowingSegment *segment, uint32_t row);
const char *growing_value(const GrowingSegment *segment,
                          const GrowingField *field, uint32_t row);
/* Values from `row` on in one piece, at most `most`. */
uint32_t growing_run(const GrowingSegment *segment, uint32_t row,
                     uint32_t most);
const GrowingField *growing_field(const GrowingSegment *segment, uint32_t id);

static inline char *
growing_chunk(const GrowingSegment *segment, uint32_t row)
{
    uint32_t chunk = row >> segment->chunk_shift;
    return segment
        ->directory[chunk / GROWING_DIRECTORY][chunk % GROWING_DIRECTORY];
}

uint32_t growing_row_count(const GrowingSegment *segment, uint64_t sequence);
uint32_t growing_visible(const GrowingSegment *segment, uint64_t sequence,
                         uint32_t rows, uint64_t *bits);
mql_status growing_read(const GrowingSegment *segment, const Field *field,
                        RowRange range, Arena *arena, Column *column,
                        Error *err);
uint32_t growing_find_key(const GrowingSegment *segment, const RowKey *key,
                          uint64_t sequence);
/* The next older row with the key of `row` that is visible; ROW_NONE. */
uint32_t growing_find_older(const GrowingSegment *segment, uint32_t row,
                            uint64_t sequence);
/* Take back a deletion that nobody else saw. */
void growing_revive(GrowingSegment *segment, uint32_t row);

/* ---- sealed ---- */

/* Types of section files (SectionFileIdentity). */
enum {
    SECTION_FILE_SEGMENT = 1,
    SECTION_FILE_INDEX = 2,
    SECTION_FILE_DELETES = 3,
};

/* Kinds of sections of a segment; the number is the field's id, or 0. */
enum {
    SECTION_HEADER = 1,
    SECTION_VALUES = 2,
    SECTION_VALID = 3,
    SECTION_OFFSETS = 4,
    SECTION_BYTES = 5,
    SECTION_INSERTED = 6,
    SECTION_KEY_ORDER = 7,
    SECTION_BLOOM = 8,
    SECTION_ZONES = 9,
    /* of a .del file */
    SECTION_DELETED_ROWS = 16,
    SECTION_DELETED_SEQUENCES = 17,
};

#define SEGMENT_INDEXES_MOST 1024u

/* An index file in a segment's entry. */
typedef struct IndexFile {
    uint64_t index; /* id    */
    uint64_t size;  /* bytes */
} IndexFile;

/* What the catalogue says about a sealed segment (docs/format/catalog.md). */
typedef struct SegmentEntry {
    uint64_t id;
    uint64_t collection;
    uint64_t partition;
    uint32_t row_count;
    uint64_t sequence; /* of the commit, of rows that a transaction wrote before
                          it knew its number; 0: the file says it all */
    uint64_t size;     /* of the .seg file */
    uint64_t deletes;  /* sequence number in the .del file's name, 0: none */
    uint64_t deletes_size;
    uint32_t index_count;
    IndexFile *indexes; /* malloc'ed */
} SegmentEntry;

void segment_entry_encode(Buffer *out, const SegmentEntry *entry);
mql_status segment_entry_decode(Slice bytes, SegmentEntry *entry, Error *err);
mql_status segment_entry_copy(const SegmentEntry *entry, SegmentEntry *copy,
                              Error *err);
void segment_entry_free(SegmentEntry *entry);
bool segment_entry_has_index(const SegmentEntry *entry, uint64_t index);
/* Out of memory: false. */
bool segment_entry_add_index(SegmentEntry *entry, IndexFile file);
void segment_entry_remove_index(SegmentEntry *entry, uint64_t index);

#define DELETE_PAGE_ROWS 4096u

typedef struct DeletePage {
    _Atomic uint64_t sequences[DELETE_PAGE_ROWS]; /* 0: live */
    /* Bits of the rows that have a number, or had one that was taken back:
     * every search looks for the few among the many. */
    _Atomic uint64_t marks[DELETE_PAGE_ROWS / 64];
} DeletePage;

/* An index open on a segment. The list only grows while the segment lives. */
typedef struct SegmentIndex {
    struct SegmentIndex *next;
    uint64_t id;
    SectionFile *file; /* NULL for kinds without */
    Index *index;
    VectorColumn vectors;
    atomic_bool is_damaged; /* found so when it was used */
} SegmentIndex;

static inline bool
segment_index_is_damaged(const SegmentIndex *index)
{
    return atomic_load_explicit(&index->is_damaged, memory_order_relaxed);
}

/* Documents (JSON, ARRAY) are checked by pages of this many rows when first
 * read. */
#define DOCUMENT_PAGE_ROWS 1024u

typedef struct SealedField {
    uint32_t id;
    Type type;
    size_t width; /* 0: varying size */
    bool has_valid;
    Section values; /* or the bytes of varying size */
    Section offsets;
    Section valid;
    Section zones;         /* size 0: there are none */
    atomic_uchar *checked; /* for documents: per page */
} SealedField;

typedef struct SealedSegment {
    Segment base;
    SectionFile *file;
    uint32_t row_count;
    uint32_t field_count;
    uint32_t key_field;
    SealedField fields[FIELDS_MOST];
    uint64_t min_inserted;
    uint64_t max_inserted;
    Section inserted; /* when they differ */
    Section key_order;
    Section bloom;
    uint32_t bloom_blocks;
    _Atomic(DeletePage *) *pages;
    _Atomic uint32_t deleted_count;
    _Atomic(SegmentIndex *) indexes;
    atomic_uint bypassed;    /* indexes that did not open */
    _Atomic(Error *) damage; /* why nothing of it can be read; NULL: it can.
                                Set once */
    /* The writer's. */
    SegmentEntry entry;
    bool has_new_deletes; /* some are not in the .del file */
} SealedSegment;

static inline const SealedSegment *
as_sealed(const Segment *segment)
{
    return (const SealedSegment *)(const void *)segment;
}

static inline const GrowingSegment *
as_growing(const Segment *segment)
{
    return (const GrowingSegment *)(const void *)segment;
}

/* Open a segment of the catalogue, with its deletes and the indexes of
 * `definition`. Copies `entry`. */
mql_status sealed_open(const FileSpace *space, const SegmentEntry *entry,
                       const Collection *definition, SealedSegment **segment,
                       Error *err);
/* In the place of one that cannot be opened: it has its entry, and answers
 * everything with `why`. */
mql_status sealed_open_damaged(const SegmentEntry *entry, const Error *why,
                               SealedSegment **segment, Error *err);
/* Nothing of the segment is read any more. */
mql_status sealed_set_damage(const SealedSegment *segment, const Error *why,
                             Error *err);
void sealed_free(SealedSegment *segment);
/* The commit that rows written without one (number 0) belong to: before readers
 * see the segment. */
void sealed_set_sequence(SealedSegment *segment, uint64_t sequence);
const SealedField *sealed_field(const SealedSegment *segment, uint32_t id);
uint32_t sealed_visible(const SealedSegment *segment, uint64_t sequence,
                        uint32_t rows, uint64_t *bits);
mql_status sealed_read(const SealedSegment *segment, const Field *field,
                       RowRange range, Arena *arena, Column *column,
                       Error *err);
mql_status sealed_find_key(const SealedSegment *segment, const RowKey *key,
                           uint64_t sequence, uint32_t *row, Error *err);
/* Key of a row, in place and without its hash. */
mql_status sealed_key(const SealedSegment *segment, uint32_t row, RowKey *key,
                      Error *err);
/* The bytes of a value of varying size. */
mql_status sealed_slice(const SealedSegment *segment, const SealedField *field,
                        uint32_t row, Slice *slice, Error *err);
mql_status sealed_inserted(const SealedSegment *segment, uint32_t row,
                           uint64_t *inserted, Error *err);
bool sealed_vectors(const SealedSegment *segment, const Field *field,
                    VectorColumn *column);
/* Memory for the deletion of a row, so that sealed_delete() cannot fail. */
mql_status sealed_reserve_delete(SealedSegment *segment, uint32_t row,
                                 Error *err);
void sealed_delete(SealedSegment *segment, uint32_t row, uint64_t sequence);
uint64_t sealed_deleted(const SealedSegment *segment, uint32_t row);
/* Take back a deletion that nobody else saw. */
void sealed_revive(SealedSegment *segment, uint32_t row);

/* ---- growing or sealed, no overlay (segment.c) ---- */

/* Key of a row; of a sealed one without its hash. */
mql_status segment_key(const Segment *segment, uint32_t row, RowKey *key,
                       Error *err);
/* The row with the key that is visible at `sequence`; ROW_NONE. */
mql_status segment_find_row(const Segment *segment, const RowKey *key,
                            uint64_t sequence, uint32_t *row, Error *err);
/* Sequence number of the deletion, 0: none. */
uint64_t segment_deleted(const Segment *segment, uint32_t row);

/* ---- as a transaction sees it (overlay.c) ---- */

typedef struct OverlaySegment {
    Segment base;
    Segment *under; /* growing or sealed, never an overlay */
    uint64_t sequence;
    uint32_t row_count;
    bool is_own;
    uint64_t *hidden; /* bits of rows, may be NULL */
} OverlaySegment;

typedef struct OverlayPicture {
    Segment *under; /* retained by the overlay */
    uint64_t sequence;
    uint32_t row_count;     /* rows from there on are not in it */
    bool is_own;            /* of the transaction: only `hidden` hides rows */
    const uint64_t *hidden; /* copied; NULL: none */
} OverlayPicture;

/* NULL: out of memory. */
Segment *overlay_create(const OverlayPicture *picture);
void overlay_free(OverlaySegment *overlay);
uint32_t overlay_visible(const OverlaySegment *overlay, uint32_t rows,
                         uint64_t *bits);
mql_status overlay_find_key(const OverlaySegment *overlay, const RowKey *key,
                            uint32_t *row, Error *err);

static inline const OverlaySegment *
as_overlay(const Segment *segment)
{
    return (const OverlaySegment *)(const void *)segment;
}

/* What a segment of a Version is about, overlay or not. */
static inline const Segment *
segment_under(const Segment *segment)
{
    return segment->is_overlay ? as_overlay(segment)->under : segment;
}

/* ---- files ---- */

/* Rows of a segment to be written, ascending. */
typedef struct RowSource {
    const GrowingSegment *segment;
    const uint32_t *rows;
    uint32_t count;
    const uint64_t *deleted; /* bits of rows that the commit deletes, or NULL */
    const SealedSegment *sealed; /* instead of `segment` */
} RowSource;

/* ---- rows to be written (row_source.c) ---- */

/* Fields of another type than in the definition are DATA_CORRUPTED. */
mql_status source_check(const RowSource *source, const Collection *definition,
                        Error *err);
/* How many of `most` rows from `row` on lie behind each other. */
uint32_t source_run(const RowSource *source, uint32_t row, uint32_t most);
/* Values of a run in stored form; NULL: the segment lacks the field. */
mql_status source_values(const RowSource *source, const Field *field,
                         uint32_t row, uint32_t count, const char **values,
                         Error *err);
mql_status source_slice(const RowSource *source, const Field *field,
                        uint32_t row, Slice *slice, Error *err);
/* A byte for each row of a run; NULL: all are as source_absent_is_valid()
 * says. */
mql_status source_valid(const RowSource *source, const Field *field,
                        uint32_t row, uint32_t count, const uint8_t **valid,
                        Error *err);
bool source_absent_is_valid(const RowSource *source, const Field *field);
mql_status source_inserted(const RowSource *source, uint32_t row,
                           uint64_t *inserted, Error *err);
/* With its hash. */
mql_status source_key(const RowSource *source, uint32_t row, RowKey *key,
                      Error *err);
/* Sequence number of the row's deletion, 0: none. */
uint64_t source_deleted(const RowSource *source, uint32_t row);

/* A file that is begun while its rows still come (segment_ahead.c). */
typedef struct SegmentAhead {
    uint64_t id;                /* of the segment to be */
    const GrowingSegment *rows; /* outlives it */
    uint32_t field;             /* id */
    uint32_t row_count;         /* whose values are written */
    SectionWriter *writer;
} SegmentAhead;

typedef struct SegmentWrite {
    uint64_t id;
    const Collection *definition;
    uint64_t partition;
    const RowSource *sources;
    uint32_t source_count;
    uint64_t sequence; /* of rows that a transaction staged; 0: not known yet */
    const Watch *watch;  /* may be NULL */
    SegmentAhead *ahead; /* owned, of that id, and fits; or NULL */
} SegmentWrite;

/* NULL: nothing of these rows is worth it. */
mql_status segment_ahead_begin(const FileSpace *space, uint64_t id,
                               const GrowingSegment *rows, SegmentAhead **ahead,
                               Error *err);
/* Write the chunks that are full. */
mql_status segment_ahead_write(SegmentAhead *ahead, Error *err);
/* Whether there are any. */
bool segment_ahead_is_due(const SegmentAhead *ahead);
/* Throw the file away. NULL is allowed. */
void segment_ahead_abort(SegmentAhead *ahead);
/* Whether what is written is the beginning of what is to be. */
bool segment_ahead_fits(const SegmentAhead *ahead, const SegmentWrite *write);

/* Write segments/ID.seg, durably. `entry` OUT: without deletes and indexes.
 * `ahead` is used up, also on failure. */
mql_status segment_write(const FileSpace *space, const SegmentWrite *input,
                         SegmentEntry *entry, Error *err);

/* Write segments/ID-SEQUENCE.del with every deletion of the segment, and of
 * `more` (bits of rows deleted at `sequence`, may be NULL). `size` OUT: bytes
 * of the file. */
mql_status deletes_write(const FileSpace *space, const SealedSegment *segment,
                         uint64_t sequence, const uint64_t *more,
                         uint64_t *size, Error *err);
/* Read the file of the segment's entry. */
mql_status deletes_read(const FileSpace *space, SealedSegment *segment,
                        Error *err);

/* Write segments/ID-INDEX.idx. */
mql_status segment_index_build(const FileSpace *space,
                               const SealedSegment *segment,
                               const Collection *definition,
                               const IndexDefinition *index, const Watch *watch,
                               uint64_t *size, Error *err);
/* Open an index that has its file, for readers; one that does not open is
 * bypassed with a warning. Only out of memory is an error. */
mql_status segment_index_open(const FileSpace *space, SealedSegment *segment,
                              const Collection *definition,
                              const IndexDefinition *index, Error *err);

/* ---- in memory or mapped (residence.c) ---- */

/* Bring what its definition wants there into memory, before readers have it; if
 * that cannot be, it stays mapped, with a warning. */
void residence_take_segment(const FileSpace *space, SealedSegment *segment,
                            const Collection *definition);
void residence_take_index(const FileSpace *space, const SealedSegment *segment,
                          SectionFile *file, const Collection *definition,
                          const IndexDefinition *index);

/* Paths, malloc'ed; NULL: out of memory. */
char *segment_path(const FileSpace *space, uint64_t segment);
char *segment_index_path(const FileSpace *space, uint64_t segment,
                         uint64_t index);
char *segment_deletes_path(const FileSpace *space, uint64_t segment,
                           uint64_t sequence);
/* tmp/ID-NUMBER.EXTENSION */
char *segment_temporary_path(const FileSpace *space, uint64_t segment,
                             uint64_t number, const char *extension);
/* Identities that tell the files of a segment from each other. */
SectionFileIdentity segment_identity(const FileSpace *space, uint32_t type,
                                     uint64_t segment, uint64_t number);

/* MQL_INTERRUPTED when somebody asked to stop. */
mql_status watch_poll(const Watch *watch, Error *err);
void watch_report(const Watch *watch, const char *phase, uint64_t done,
                  uint64_t total);

/* "12.seg", "12-3.idx", "12-40.del"; false: not a name of ours. */
bool segment_file_parse(const char *name, uint64_t *segment, uint64_t *number,
                        const char **extension);
/* Whether the entry of that segment has such a file. */
bool segment_entry_names(const SegmentEntry *entry, uint64_t number,
                         const char *extension);

/* Check every byte and invariant, indexes included (segment_check.c). */
mql_status segment_check(const Segment *segment, const Collection *definition,
                         Error *err);
/* The invariants of rows and keys at `sequence`; bytes were checked before. */
mql_status segment_check_rows(const Segment *segment,
                              const Collection *definition, uint64_t sequence,
                              Error *err);
/* Those of an index; one that is not open is damaged. */
mql_status segment_check_index(const SealedSegment *segment,
                               const IndexDefinition *definition, Error *err);

#endif
