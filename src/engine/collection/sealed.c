/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealed.c - a segment file, open: header, deletions, visibility.
 *
 * Opening verifies the header and reads the deletions; all else is verified at
 * first touch. The header is checked against the catalogue's entry and every
 * section's size against the header, so that later code may index sections
 * without asking again.
 */
#include "base/guard.h"
#include "engine/collection/segment_internal.h"
#include "engine/collection/zones.h"

#include <stdlib.h>

#define SEGMENT_VERSION 1u
#define HEADER_START_SIZE 56u
#define HEADER_FIELD_SIZE 24u

/* ---- opening ---- */

static mql_status
damaged(const SealedSegment *segment, const char *what, Error *err)
{
    return error_corrupt(err, section_file_path(segment->file), -1, "%s", what);
}

/* A section of exactly `count` values of `size` bytes. */
static bool
find_sized(const SealedSegment *segment, SectionId id, uint64_t count,
           uint64_t size, Section *section)
{
    uint64_t total;
    return section_find(segment->file, id, section) &&
           !__builtin_mul_overflow(count, size, &total) &&
           section->size == total;
}

/* A file may lack them. */
static bool
find_zones(SealedSegment *segment, SealedField *field)
{
    SectionId id = {SECTION_ZONES, field->id};
    uint64_t count = zone_count(segment->row_count) + (uint64_t)1;
    return !section_find(segment->file, id, &field->zones) ||
           find_sized(segment, id, count, sizeof(Zone), &field->zones);
}

static bool
find_field_sections(SealedSegment *segment, SealedField *field, uint64_t bytes)
{
    uint64_t rows = segment->row_count;
    if (field->width > 0) {
        if (!find_sized(segment, (SectionId){SECTION_VALUES, field->id}, rows,
                        field->width, &field->values))
            return false;
    } else if (!find_sized(segment, (SectionId){SECTION_OFFSETS, field->id},
                           rows + 1, sizeof(uint64_t), &field->offsets) ||
               !find_sized(segment, (SectionId){SECTION_BYTES, field->id},
                           bytes, 1, &field->values)) {
        return false;
    }
    if (field->has_valid &&
        !find_sized(segment, (SectionId){SECTION_VALID, field->id}, rows, 1,
                    &field->valid))
        return false;
    return !type_has_zones(field->type) || find_zones(segment, field);
}

static bool
is_document(TypeKind kind)
{
    return kind == TYPE_JSON || kind == TYPE_ARRAY;
}

static mql_status
open_field(SealedSegment *segment, Reader *reader, Error *err)
{
    SealedField *field = &segment->fields[segment->field_count];
    field->id = read_u32(reader);
    field->type.kind = (TypeKind)read_u8(reader);
    field->type.element = (TypeKind)read_u8(reader);
    field->has_valid = read_u8(reader) != 0;
    read_u8(reader);
    field->type.length = read_u32(reader);
    field->type.element_length = read_u32(reader);
    uint64_t bytes = read_u64(reader);
    if (!type_is_built(field->type.kind) || field->type.kind == TYPE_NULL ||
        (type_is_vector(field->type.kind) && !type_has_dimension(field->type)))
        return damaged(segment, "wrong type in the segment's header", err);
    field->width = type_storage_size(field->type);
    if (!find_field_sections(segment, field, bytes))
        return damaged(segment, "wrong sections of a field", err);
    if (is_document(field->type.kind)) {
        size_t pages = segment->row_count / DOCUMENT_PAGE_ROWS + 1;
        field->checked = calloc(pages, sizeof *field->checked);
        if (field->checked == NULL)
            return error_no_memory(err);
    }
    segment->field_count++;
    return MQL_OK;
}

static mql_status
open_fields(SealedSegment *segment, Reader *reader, uint32_t count, Error *err)
{
    if (count > FIELDS_MOST || segment->key_field >= count ||
        reader_left(reader) != (size_t)count * HEADER_FIELD_SIZE)
        return damaged(segment, "wrong fields in the segment's header", err);
    for (uint32_t i = 0; i < count; i++)
        TRY(open_field(segment, reader, err));
    TypeKind key = segment->fields[segment->key_field].type.kind;
    if ((key != TYPE_INT64 && key != TYPE_VARCHAR) ||
        segment->fields[segment->key_field].has_valid)
        return damaged(segment, "wrong key in the segment's header", err);
    return MQL_OK;
}

static mql_status
open_header(SealedSegment *segment, Error *err)
{
    Section header;
    TRY(section_require(segment->file, (SectionId){SECTION_HEADER, 0}, SIZE_MAX,
                        &header, err));
    Reader reader = reader_of((Slice){header.data, header.size});
    uint32_t version = read_u32(&reader);
    segment->row_count = read_u32(&reader);
    uint32_t field_count = read_u32(&reader);
    segment->key_field = read_u32(&reader);
    uint64_t collection = read_u64(&reader);
    uint64_t partition = read_u64(&reader);
    segment->min_inserted = read_u64(&reader);
    segment->max_inserted = read_u64(&reader);
    segment->bloom_blocks = read_u32(&reader);
    read_u32(&reader);
    if (reader.failed || version != SEGMENT_VERSION ||
        collection != segment->entry.collection ||
        partition != segment->entry.partition ||
        segment->row_count != segment->entry.row_count ||
        segment->min_inserted > segment->max_inserted)
        return damaged(segment, "wrong header of a segment", err);
    if (segment->max_inserted == 0)
        sealed_set_sequence(segment, segment->entry.sequence);
    return open_fields(segment, &reader, field_count, err);
}

static mql_status
open_sections(SealedSegment *segment, Error *err)
{
    uint64_t rows = segment->row_count;
    bool is_right =
        find_sized(segment, (SectionId){SECTION_KEY_ORDER, 0}, rows,
                   sizeof(uint32_t), &segment->key_order) &&
        segment->bloom_blocks > 0 &&
        find_sized(segment, (SectionId){SECTION_BLOOM, 0},
                   segment->bloom_blocks, BLOOM_BLOCK_SIZE, &segment->bloom);
    if (segment->min_inserted != segment->max_inserted)
        is_right =
            is_right && find_sized(segment, (SectionId){SECTION_INSERTED, 0},
                                   rows, sizeof(uint64_t), &segment->inserted);
    if (!is_right)
        return damaged(segment, "wrong sections of a segment", err);
    size_t pages = segment->row_count / DELETE_PAGE_ROWS + 1;
    segment->pages = calloc(pages, sizeof *segment->pages);
    return segment->pages == NULL ? error_no_memory(err) : MQL_OK;
}

/* A vector field's validity is handed out whole: it is small, so it is verified
 * here. */
static mql_status
verify_vector_nulls(SealedSegment *segment, Error *err)
{
    for (uint32_t i = 0; i < segment->field_count; i++) {
        SealedField *field = &segment->fields[i];
        if (!field->has_valid || !type_is_vector(field->type.kind))
            continue;
        TRY(section_verify(segment->file, &field->valid, 0, field->valid.size,
                           err));
    }
    return MQL_OK;
}

static mql_status
open_file(const FileSpace *space, SealedSegment *segment, Error *err)
{
    char *path = segment_path(space, segment->base.id);
    if (path == NULL)
        return error_no_memory(err);
    SectionFileIdentity identity =
        segment_identity(space, SECTION_FILE_SEGMENT, segment->base.id, 0);
    mql_status status =
        section_file_open(space->vfs, path, identity, &segment->file, err);
    free(path);
    TRY(status);
    if (section_file_size(segment->file) != segment->entry.size)
        return damaged(segment, "another size than the catalogue says", err);
    TRY(open_header(segment, err));
    TRY(open_sections(segment, err));
    return verify_vector_nulls(segment, err);
}

static mql_status
open_indexes(const FileSpace *space, SealedSegment *segment,
             const Collection *definition, Error *err)
{
    for (uint32_t i = 0; i < definition->index_count; i++) {
        const IndexDefinition *index = &definition->indexes[i];
        if (sealed_field(segment, index->field) == NULL ||
            (index->kind->has_file &&
             !segment_entry_has_index(&segment->entry, index->id)))
            continue;
        TRY(segment_index_open(space, segment, definition, index, err));
    }
    return MQL_OK;
}

static uint64_t
entry_bytes(const SegmentEntry *entry)
{
    uint64_t bytes = entry->size + entry->deletes_size;
    for (uint32_t i = 0; i < entry->index_count; i++)
        bytes += entry->indexes[i].size;
    return bytes;
}

static mql_status
new_segment(const SegmentEntry *entry, SealedSegment **segment, Error *err)
{
    *segment = NULL;
    SealedSegment *created = calloc(1, sizeof *created);
    if (created == NULL)
        return error_no_memory(err);
    atomic_init(&created->base.references, 1);
    created->base.is_sealed = true;
    created->base.id = entry->id;
    created->base.collection = entry->collection;
    created->base.partition = entry->partition;
    atomic_init(&created->base.bytes, entry_bytes(entry));
    mql_status status = segment_entry_copy(entry, &created->entry, err);
    if (status == MQL_OK)
        *segment = created;
    else
        sealed_free(created);
    return status;
}

mql_status
sealed_set_damage(const SealedSegment *segment, const Error *why, Error *err)
{
    /* That it is known to be damaged changes, the segment does not. */
    SealedSegment *noted = (SealedSegment *)(uintptr_t)segment;
    Error *expected = NULL;
    Error *damage = malloc(sizeof *damage);
    if (damage == NULL)
        return error_no_memory(err);
    *damage = *why;
    guard_note_damage();
    if (!atomic_compare_exchange_strong(&noted->damage, &expected, damage)) {
        guard_forget_damage();
        free(damage);
    }
    return MQL_OK;
}

mql_status
sealed_open_damaged(const SegmentEntry *entry, const Error *why,
                    SealedSegment **segment, Error *err)
{
    SealedSegment *opened;
    *segment = NULL;
    TRY(new_segment(entry, &opened, err));
    mql_status status = sealed_set_damage(opened, why, err);
    size_t pages = entry->row_count / DELETE_PAGE_ROWS + (size_t)1;
    opened->pages = calloc(pages, sizeof *opened->pages);
    opened->row_count = entry->row_count;
    if (status == MQL_OK && opened->pages == NULL)
        status = error_no_memory(err);
    if (status == MQL_OK)
        *segment = opened;
    else
        sealed_free(opened);
    return status;
}

mql_status
sealed_open(const FileSpace *space, const SegmentEntry *entry,
            const Collection *definition, SealedSegment **segment, Error *err)
{
    SealedSegment *opened;
    *segment = NULL;
    TRY(new_segment(entry, &opened, err));
    mql_status status = open_file(space, opened, err);
    if (status == MQL_OK && entry->deletes != 0)
        status = deletes_read(space, opened, err);
    if (status == MQL_OK)
        residence_take_segment(space, opened, definition);
    if (status == MQL_OK)
        status = open_indexes(space, opened, definition, err);
    if (status == MQL_OK)
        *segment = opened;
    else
        sealed_free(opened);
    return status;
}

static void
close_indexes(SegmentIndex *index)
{
    while (index != NULL) {
        SegmentIndex *next = index->next;
        index->index->kind->close(index->index);
        if (index->file != NULL)
            section_file_close(index->file);
        free(index);
        index = next;
    }
}

void
sealed_free(SealedSegment *segment)
{
    close_indexes(atomic_load(&segment->indexes));
    Error *damage = atomic_load(&segment->damage);
    if (damage != NULL)
        guard_forget_damage();
    free(damage);
    if (segment->pages != NULL)
        for (uint32_t i = 0; i <= segment->row_count / DELETE_PAGE_ROWS; i++)
            free(atomic_load(&segment->pages[i]));
    free(segment->pages);
    for (uint32_t i = 0; i < segment->field_count; i++)
        free(segment->fields[i].checked);
    if (segment->file != NULL)
        section_file_close(segment->file);
    segment_entry_free(&segment->entry);
    free(segment);
}

void
sealed_set_sequence(SealedSegment *segment, uint64_t sequence)
{
    segment->entry.sequence = sequence;
    segment->min_inserted = sequence;
    segment->max_inserted = sequence;
}

const SealedField *
sealed_field(const SealedSegment *segment, uint32_t id)
{
    for (uint32_t i = 0; i < segment->field_count; i++)
        if (segment->fields[i].id == id)
            return &segment->fields[i];
    return NULL;
}

/* ---- deletions ---- */

mql_status
sealed_reserve_delete(SealedSegment *segment, uint32_t row, Error *err)
{
    _Atomic(DeletePage *) *page = &segment->pages[row / DELETE_PAGE_ROWS];
    if (atomic_load_explicit(page, memory_order_relaxed) != NULL)
        return MQL_OK;
    DeletePage *created = calloc(1, sizeof *created);
    if (created == NULL)
        return error_no_memory(err);
    atomic_store_explicit(page, created, memory_order_release);
    return MQL_OK;
}

void
sealed_delete(SealedSegment *segment, uint32_t row, uint64_t sequence)
{
    DeletePage *page = atomic_load_explicit(
        &segment->pages[row / DELETE_PAGE_ROWS], memory_order_relaxed);
    _Atomic uint64_t *number = &page->sequences[row % DELETE_PAGE_ROWS];
    bool is_new = atomic_load_explicit(number, memory_order_relaxed) == 0;
    atomic_store_explicit(number, sequence, memory_order_relaxed);
    if (!is_new)
        return;
    uint32_t place = row % DELETE_PAGE_ROWS;
    atomic_fetch_or_explicit(&page->marks[place / 64],
                             (uint64_t)1 << (place % 64), memory_order_relaxed);
    atomic_fetch_add_explicit(&segment->deleted_count, 1, memory_order_release);
}

void
sealed_revive(SealedSegment *segment, uint32_t row)
{
    DeletePage *page = atomic_load_explicit(
        &segment->pages[row / DELETE_PAGE_ROWS], memory_order_relaxed);
    atomic_store(&page->sequences[row % DELETE_PAGE_ROWS], 0);
    atomic_fetch_sub(&segment->deleted_count, 1);
}

uint64_t
sealed_deleted(const SealedSegment *segment, uint32_t row)
{
    DeletePage *page = atomic_load_explicit(
        &segment->pages[row / DELETE_PAGE_ROWS], memory_order_acquire);
    if (page == NULL)
        return 0;
    return atomic_load_explicit(&page->sequences[row % DELETE_PAGE_ROWS],
                                memory_order_relaxed);
}

/* ---- visibility ---- */

/* Of the 64 rows from `first` on; `word` is theirs, of page->marks. */
static uint32_t
hide_marked(const DeletePage *page, uint32_t word, uint64_t sequence,
            uint32_t first, uint32_t rows, uint64_t *bits)
{
    uint32_t hidden = 0;
    uint64_t marks =
        atomic_load_explicit(&page->marks[word], memory_order_relaxed);
    for (; marks != 0; marks &= marks - 1) {
        uint32_t bit = (uint32_t)__builtin_ctzll(marks), row = first + bit;
        uint64_t number = atomic_load_explicit(
            &page->sequences[word * 64 + bit], memory_order_relaxed);
        if (number == 0 || number > sequence || row >= rows ||
            !bits_get(bits, row))
            continue;
        bits_clear(bits, row);
        hidden++;
    }
    return hidden;
}

static uint32_t
hide_deleted(const SealedSegment *segment, uint64_t sequence, uint32_t rows,
             uint64_t *bits)
{
    uint32_t hidden = 0;
    for (uint32_t first = 0; first < rows; first += DELETE_PAGE_ROWS) {
        const DeletePage *page = atomic_load_explicit(
            &segment->pages[first / DELETE_PAGE_ROWS], memory_order_acquire);
        for (uint32_t word = 0; page != NULL && word < DELETE_PAGE_ROWS / 64;
             word++)
            hidden += hide_marked(page, word, sequence, first + word * 64, rows,
                                  bits);
    }
    return hidden;
}

/* Rows of later commits than `sequence`: only asked for pictures of the past.
 * The section that says so is verified; when it is damaged nothing of the
 * segment is answered, which segment_intact() says afterwards. */
static uint32_t
hide_later(const SealedSegment *segment, uint64_t sequence, uint32_t rows,
           uint64_t *bits)
{
    Error failure = ERROR_INIT;
    bool is_asked =
        segment->inserted.size > 0 && segment->min_inserted <= sequence;
    bool is_right =
        is_asked &&
        section_verify(segment->file, &segment->inserted, 0,
                       (uint64_t)rows * sizeof(uint64_t), &failure) == MQL_OK;
    if (is_asked && !is_right)
        (void)!sealed_set_damage(segment, &failure, NULL);
    const uint64_t *inserted = (const void *)segment->inserted.data;
    uint32_t hidden = 0;
    for (uint32_t row = 0; row < rows; row++) {
        if (is_right && inserted[row] <= sequence)
            continue;
        bits_clear(bits, row);
        hidden++;
    }
    return hidden;
}

uint32_t
sealed_visible(const SealedSegment *segment, uint64_t sequence, uint32_t rows,
               uint64_t *bits)
{
    memset(bits, 0, bits_words(rows) * sizeof *bits);
    bits_set_range(bits, 0, rows);
    uint32_t count = rows;
    if (segment->max_inserted > sequence)
        count -= hide_later(segment, sequence, rows, bits);
    if (atomic_load_explicit(&segment->deleted_count, memory_order_acquire) > 0)
        count -= hide_deleted(segment, sequence, rows, bits);
    return count;
}
