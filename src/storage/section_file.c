/* SPDX-License-Identifier: Apache-2.0 */
/*
 * section_file.c - opening a section file and trusting it piece by piece.
 *
 * Opening verifies footer, header and directory, so that every offset and size
 * used later is known to lie within the file. A block is verified once: its bit
 * in `verified` is set afterwards. Two threads may verify the same block at the
 * same time; both come to the same result. The table of block checksums is
 * verified in the same way, 64 KiB at a time, under its own bits, which follow
 * the blocks'. section_memory.c brings sections into memory.
 */
#include "storage/section_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/buffer.h"

typedef struct Footer {
    uint64_t table_offset;
    uint64_t blocks;
    uint64_t directory_offset;
    uint64_t sections;
    uint64_t file_size;
    uint64_t directory_checksum;
} Footer;

static uint64_t
load_u64(const char *data)
{
    Reader reader = reader_of((Slice){data, 8});
    return read_u64(&reader);
}

static mql_status
check_header(const SectionFile *file, Error *err)
{
    Reader reader = reader_of((Slice){file->data, SECTION_HEADER_SIZE});
    if (read_u64(&reader) != SECTION_MAGIC)
        return error_corrupt(err, file->path, 0, "not a section file");
    uint32_t version = read_u32(&reader);
    uint64_t expected = section_checksum(file->identity, SECTION_BLOCK_HEADER,
                                         file->data, SECTION_HEADER_SIZE - 8);
    if (load_u64(file->data + SECTION_HEADER_SIZE - 8) != expected)
        return error_corrupt(err, file->path, 0,
                             "damaged or foreign file header");
    if (version != SECTION_VERSION)
        return error_set(err, ERR_FEATURE_NOT_SUPPORTED,
                         "file \"%s\" has format version %u, this program "
                         "reads version %u",
                         file->path, version, SECTION_VERSION);
    uint32_t header_size = read_u32(&reader);
    uint64_t database = read_u64(&reader);
    uint64_t id = read_u64(&reader);
    uint32_t type = read_u32(&reader);
    if (header_size != SECTION_HEADER_SIZE ||
        database != file->identity.database || id != file->identity.file ||
        type != file->identity.type)
        return error_corrupt(err, file->path, 0,
                             "wrong identity in file header");
    return MQL_OK;
}

static mql_status
read_footer(const SectionFile *file, Footer *footer, Error *err)
{
    const char *data = file->data + file->size - SECTION_FOOTER_SIZE;
    int64_t offset = (int64_t)(file->size - SECTION_FOOTER_SIZE);
    Reader reader = reader_of((Slice){data, SECTION_FOOTER_SIZE});
    footer->table_offset = read_u64(&reader);
    footer->blocks = read_u64(&reader);
    footer->directory_offset = read_u64(&reader);
    footer->sections = read_u64(&reader);
    footer->file_size = read_u64(&reader);
    footer->directory_checksum = read_u64(&reader);
    uint64_t magic = read_u64(&reader);
    uint64_t expected = section_checksum(file->identity, SECTION_BLOCK_FOOTER,
                                         data, SECTION_FOOTER_SIZE - 8);
    if (magic != SECTION_END_MAGIC || read_u64(&reader) != expected)
        return error_corrupt(err, file->path, offset,
                             "damaged, truncated or foreign file footer");
    if (footer->file_size != file->size)
        return error_corrupt(err, file->path, offset, "wrong file size");
    return MQL_OK;
}

/* All sizes the footer gives fit the file, whatever they are. */
static bool
footer_fits(const SectionFile *file, const Footer *footer)
{
    uint64_t footer_offset = file->size - SECTION_FOOTER_SIZE;
    if (footer->sections > SECTION_COUNT_MOST ||
        footer->blocks > file->size / 8 ||
        footer->table_offset < SECTION_HEADER_SIZE ||
        footer->table_offset > footer_offset ||
        footer->directory_offset > footer_offset)
        return false;
    uint64_t table_size = footer->blocks * 8;
    uint64_t directory_size = footer->sections * SECTION_ENTRY_SIZE +
                              section_block_count(table_size) * 8;
    return footer->table_offset % 8 == 0 &&
           footer->directory_offset >= footer->table_offset &&
           footer->directory_offset - footer->table_offset >= table_size &&
           footer_offset - footer->directory_offset == directory_size;
}

/* `blocks` and `end`: of the sections before this one. */
static bool
entry_fits(const SectionFile *file, const SectionEntry *entry, uint64_t blocks,
           uint64_t end)
{
    return entry->offset % SECTION_ALIGNMENT == 0 && entry->offset >= end &&
           entry->offset <= file->table_offset &&
           entry->size <= file->table_offset - entry->offset &&
           entry->first_block == blocks;
}

static mql_status
read_entries(SectionFile *file, const Footer *footer, Error *err)
{
    const char *data = file->data + footer->directory_offset;
    Reader reader =
        reader_of((Slice){data, (size_t)footer->sections * SECTION_ENTRY_SIZE});
    uint64_t blocks = 0;
    uint64_t end = SECTION_HEADER_SIZE;
    file->entries = calloc((size_t)footer->sections + 1, sizeof(SectionEntry));
    if (file->entries == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < footer->sections; i++) {
        SectionEntry *entry = &file->entries[i];
        entry->id.kind = read_u32(&reader);
        entry->id.number = read_u32(&reader);
        entry->offset = read_u64(&reader);
        entry->size = read_u64(&reader);
        entry->first_block = read_u64(&reader);
        uint64_t key = (uint64_t)entry->id.kind << 32 | entry->id.number;
        if (!entry_fits(file, entry, blocks, end) ||
            map_find_u64(&file->index, key) != NULL)
            return error_corrupt(err, file->path,
                                 (int64_t)footer->directory_offset,
                                 "wrong entry %u in the directory", i);
        if (!map_put_u64(&file->index, key, i))
            return error_no_memory(err);
        blocks += section_block_count(entry->size);
        end = entry->offset + entry->size;
    }
    file->sections = (uint32_t)footer->sections;
    if (blocks != footer->blocks)
        return error_corrupt(err, file->path, (int64_t)footer->directory_offset,
                             "wrong number of blocks");
    return MQL_OK;
}

static mql_status
read_directory(SectionFile *file, Error *err)
{
    Footer footer;
    TRY(read_footer(file, &footer, err));
    int64_t offset = (int64_t)(file->size - SECTION_FOOTER_SIZE);
    if (!footer_fits(file, &footer))
        return error_corrupt(err, file->path, offset, "wrong file footer");
    const char *directory = file->data + footer.directory_offset;
    size_t directory_size =
        (size_t)(file->size - SECTION_FOOTER_SIZE - footer.directory_offset);
    if (section_checksum(file->identity, SECTION_BLOCK_DIRECTORY, directory,
                         directory_size) != footer.directory_checksum)
        return error_corrupt(err, file->path, (int64_t)footer.directory_offset,
                             "damaged directory");
    file->table_offset = footer.table_offset;
    file->blocks = footer.blocks;
    file->table_blocks = section_block_count(footer.blocks * 8);
    file->table_sums = directory + footer.sections * SECTION_ENTRY_SIZE;
    file->opened_bytes =
        SECTION_HEADER_SIZE + directory_size + SECTION_FOOTER_SIZE;
    TRY(read_entries(file, &footer, err));
    size_t words = bits_words((size_t)(file->blocks + file->table_blocks));
    file->verified = calloc(words + 1, sizeof *file->verified);
    if (file->verified == NULL)
        return error_no_memory(err);
    return MQL_OK;
}

/* Map the file and read its directory. */
static mql_status
load(SectionFile *file, Error *err)
{
    File handle;
    TRY(file_open(file->vfs, file->path, FILE_PLAIN, &handle, err));
    mql_status status = file_size(&handle, &file->size, err);
    if (status == MQL_OK &&
        file->size < SECTION_HEADER_SIZE + SECTION_FOOTER_SIZE)
        status = error_corrupt(err, file->path, (int64_t)file->size,
                               "unexpected end of file");
    const void *address = NULL;
    if (status == MQL_OK)
        status = file_map(&handle, (size_t)file->size, &address, err);
    file->data = address;
    file_close(&handle);
    if (status == MQL_OK) {
        file->guard = guard_add(address, (size_t)file->size);
        if (file->guard == NULL)
            status = error_no_memory(err);
    }
    if (status == MQL_OK)
        status = check_header(file, err);
    if (status == MQL_OK)
        status = read_directory(file, err);
    return status;
}

mql_status
section_file_intact(const SectionFile *file, Error *err)
{
    uint64_t offset;
    if (file->guard == NULL || !guard_has_fault(file->guard, &offset))
        return MQL_OK;
    return error_corrupt(err, file->path, (int64_t)offset,
                         "a mapped file could not be read");
}

/* Zeros in the place of a page fail every checksum; the reason is the page. */
mql_status
section_explain_fault(const SectionFile *file, mql_status status, Error *err)
{
    if (status != MQL_CORRUPT || file->guard == NULL ||
        !guard_has_fault(file->guard, NULL))
        return status;
    error_clear(err);
    return section_file_intact(file, err);
}

mql_status
section_file_open(const Vfs *vfs, const char *path,
                  SectionFileIdentity identity, SectionFile **result,
                  Error *err)
{
    *result = NULL;
    SectionFile *file = calloc(1, sizeof *file);
    if (file == NULL)
        return error_no_memory(err);
    file->vfs = vfs;
    file->identity = identity;
    atomic_init(&file->reader, -1);
    file->path = strdup(path);
    mql_status status =
        file->path == NULL ? error_no_memory(err) : load(file, err);
    status = section_explain_fault(file, status, err);
    if (status != MQL_OK) {
        section_file_close(file);
        return status;
    }
    *result = file;
    return MQL_OK;
}

void
section_file_close(SectionFile *file)
{
    if (file == NULL)
        return;
    section_memory_close(file);
    section_reader_close(file);
    guard_remove(file->guard);
    file_unmap(file->vfs, file->data, (size_t)file->size);
    map_free(&file->index);
    free(file->entries);
    free((void *)file->verified);
    free(file->path);
    free(file);
}

uint64_t
section_file_size(const SectionFile *file)
{
    return file->size;
}

const char *
section_file_path(const SectionFile *file)
{
    return file->path;
}

uint64_t
section_file_verified_bytes(const SectionFile *file)
{
    return file->opened_bytes + atomic_load(&file->verified_bytes);
}

bool
section_find(const SectionFile *file, SectionId id, Section *section)
{
    uint64_t *at =
        map_find_u64(&file->index, (uint64_t)id.kind << 32 | id.number);
    *section = (Section){NULL, 0, 0};
    if (at == NULL)
        return false;
    const SectionEntry *entry = &file->entries[*at];
    section->size = (size_t)entry->size;
    section->index = (uint32_t)*at;
    if (entry->size > 0)
        section->data = file->data + entry->offset;
    return true;
}

mql_status
section_require(SectionFile *file, SectionId id, size_t size, Section *section,
                Error *err)
{
    if (!section_find(file, id, section))
        return error_corrupt(err, file->path, -1, "section %u.%u is missing",
                             id.kind, id.number);
    if (size != SIZE_MAX && section->size != size)
        return error_corrupt(err, file->path, -1,
                             "section %u.%u has %zu bytes, expected %zu",
                             id.kind, id.number, section->size, size);
    return section_verify(file, section, 0, section->size, err);
}

bool
section_block_is_verified(const SectionFile *file, uint64_t bit)
{
    uint64_t word =
        atomic_load_explicit(&file->verified[bit / 64], memory_order_acquire);
    return (word >> (bit % 64) & 1) != 0;
}

void
section_set_verified(SectionFile *file, uint64_t bit, uint64_t size)
{
    atomic_fetch_or_explicit(&file->verified[bit / 64],
                             (uint64_t)1 << (bit % 64), memory_order_release);
    atomic_fetch_add(&file->verified_bytes, size);
}

void
section_set_unverified(SectionFile *file, uint64_t block)
{
    atomic_fetch_and_explicit(&file->verified[block / 64],
                              ~((uint64_t)1 << (block % 64)),
                              memory_order_release);
}

/* Check piece `i` of the table of block checksums. */
static mql_status
check_table(const SectionFile *file, uint64_t i, uint64_t *size, Error *err)
{
    uint64_t offset = i * SECTION_BLOCK_SIZE;
    uint64_t left = file->blocks * 8 - offset;
    *size = left < SECTION_BLOCK_SIZE ? left : SECTION_BLOCK_SIZE;
    const char *data = file->data + file->table_offset + offset;
    uint64_t checksum = section_checksum(
        file->identity, SECTION_BLOCK_TABLE + i, data, (size_t)*size);
    if (load_u64(file->table_sums + i * 8) != checksum)
        return error_corrupt(err, file->path,
                             (int64_t)(file->table_offset + offset),
                             "damaged table of checksums");
    return MQL_OK;
}

/* Check block `i` of the section, whose checksum is known to be right. */
static mql_status
check_block(const SectionFile *file, const SectionEntry *entry, uint64_t i,
            const char *bytes, uint64_t *size, Error *err)
{
    uint64_t offset = i * SECTION_BLOCK_SIZE;
    uint64_t left = entry->size - offset;
    *size = left < SECTION_BLOCK_SIZE ? left : SECTION_BLOCK_SIZE;
    uint64_t block = entry->first_block + i;
    uint64_t checksum =
        section_checksum(file->identity, block, bytes, (size_t)*size);
    if (load_u64(file->data + file->table_offset + block * 8) != checksum)
        return error_corrupt(err, file->path, (int64_t)(entry->offset + offset),
                             "damaged block %llu", (unsigned long long)block);
    return MQL_OK;
}

static const char *
block_bytes(const SectionFile *file, const SectionEntry *entry, uint64_t i)
{
    return file->data + entry->offset + i * SECTION_BLOCK_SIZE;
}

mql_status
section_check_bytes(SectionFile *file, const SectionEntry *entry, uint64_t i,
                    const char *bytes, uint64_t *size, Error *err)
{
    uint64_t piece = (entry->first_block + i) / CHECKSUMS_PER_BLOCK;
    if (!section_block_is_verified(file, file->blocks + piece)) {
        TRY(check_table(file, piece, size, err));
        section_set_verified(file, file->blocks + piece, *size);
    }
    return check_block(file, entry, i, bytes, size, err);
}

/* Verify block `i` of the section for the first time. */
static mql_status
verify_block(SectionFile *file, const SectionEntry *entry, uint64_t i,
             Error *err)
{
    uint64_t size;
    TRY(section_check_bytes(file, entry, i, block_bytes(file, entry, i), &size,
                            err));
    section_set_verified(file, entry->first_block + i, size);
    return MQL_OK;
}

/* Have blocks [i, last] of the section brought from the disk in one go, as far
 * as they fit in one. Returns the first one that is not. */
#define BLOCKS_AHEAD 16u
static uint64_t
read_ahead(const SectionFile *file, const SectionEntry *entry, uint64_t i,
           uint64_t last)
{
    uint64_t end = last - i < BLOCKS_AHEAD ? last + 1 : i + BLOCKS_AHEAD;
    uint64_t from = i * SECTION_BLOCK_SIZE;
    uint64_t to = end * SECTION_BLOCK_SIZE;
    if (to > entry->size)
        to = entry->size;
    file_will_read(file->vfs, file->data + entry->offset + from,
                   (size_t)(to - from));
    return end;
}

/* Blocks [first, last] of the section; seldom called, kept out of the way. */
static __attribute__((noinline)) mql_status
verify_blocks(SectionFile *file, const SectionEntry *entry, uint64_t first,
              uint64_t last, Error *err)
{
    mql_status status = section_file_intact(file, err);
    uint64_t ahead = 0;
    for (uint64_t i = first; status == MQL_OK && i <= last; i++) {
        if (section_block_is_verified(file, entry->first_block + i))
            continue;
        if (i >= ahead)
            ahead = read_ahead(file, entry, i, last);
        status = verify_block(file, entry, i, err);
    }
    return section_explain_fault(file, status, err);
}

static __attribute__((noinline)) mql_status
out_of_section(const SectionFile *file, const SectionEntry *entry, Error *err)
{
    return error_corrupt(err, file->path, (int64_t)entry->offset,
                         "range outside of section %u.%u", entry->id.kind,
                         entry->id.number);
}

/* Readers that jump about are here for each row: nearly always there is one
 * block, verified before. */
mql_status
section_verify(SectionFile *file, const Section *section, uint64_t offset,
               uint64_t size, Error *err)
{
    const SectionEntry *entry = &file->entries[section->index];
    if (size == 0)
        return MQL_OK;
    if (offset > entry->size || size > entry->size - offset)
        return out_of_section(file, entry, err);
    uint64_t first = offset / SECTION_BLOCK_SIZE;
    uint64_t last = (offset + size - 1) / SECTION_BLOCK_SIZE;
    bool is_known = first == last &&
                    section_block_is_verified(file, entry->first_block + first);
    if (is_known &&
        (file->guard == NULL || !guard_has_fault(file->guard, NULL)))
        return MQL_OK;
    return verify_blocks(file, entry, first, last, err);
}

/* The first block of [from, end) that was not verified, or `end`. */
static uint64_t
next_unverified(const SectionFile *file, uint64_t from, uint64_t end)
{
    while (from < end) {
        uint64_t word = atomic_load_explicit(&file->verified[from / 64],
                                             memory_order_acquire);
        uint64_t open = ~word >> (from % 64);
        if (open != 0)
            from += (uint64_t)__builtin_ctzll(open);
        else
            from += 64 - from % 64;
        if (open != 0)
            break;
    }
    return from < end ? from : end;
}

/* Blocks of [from, end) that were not verified. */
static uint64_t
count_unverified(const SectionFile *file, uint64_t from, uint64_t end)
{
    uint64_t count = 0;
    while (from < end) {
        uint64_t in_word = 64 - from % 64, left = end - from;
        uint64_t word = atomic_load_explicit(&file->verified[from / 64],
                                             memory_order_acquire);
        uint64_t open = ~word >> (from % 64);
        if (left < in_word)
            open &= ((uint64_t)1 << left) - 1;
        count += bits_count(&open, 64);
        from += left < in_word ? left : in_word;
    }
    return count;
}

bool
section_is_verified(const SectionFile *file, const Section *section)
{
    const SectionEntry *entry = &file->entries[section->index];
    uint64_t size = entry->size;
    uint64_t blocks =
        size / SECTION_BLOCK_SIZE + (size % SECTION_BLOCK_SIZE > 0);
    uint64_t end = entry->first_block + blocks;
    return next_unverified(file, entry->first_block, end) == end;
}

mql_status
section_verify_rest(SectionFile *file, const Section *section, Error *err)
{
    const SectionEntry *entry = &file->entries[section->index];
    uint64_t size = entry->size;
    uint64_t blocks =
        size / SECTION_BLOCK_SIZE + (size % SECTION_BLOCK_SIZE > 0);
    uint64_t end = entry->first_block + blocks;
    uint64_t open = count_unverified(file, entry->first_block, end);
    if (open == 0 || open > blocks / 2)
        return MQL_OK;
    uint64_t first = next_unverified(file, entry->first_block, end);
    if (first == end) /* another thread was quicker */
        return MQL_OK;
    uint64_t offset = (first - entry->first_block) * SECTION_BLOCK_SIZE;
    return section_verify(file, section, offset, 1, err);
}

/* Bytes nothing owns are zero. */
static mql_status
check_gap(const SectionFile *file, uint64_t from, uint64_t to, Error *err)
{
    for (uint64_t i = from; i < to; i++) {
        if (file->data[i] != 0)
            return error_corrupt(err, file->path, (int64_t)i,
                                 "padding is not zero");
    }
    return MQL_OK;
}

/* Who hears of what is wrong. */
typedef struct Findings {
    mql_status (*found)(void *context, const Error *problem, Error *err);
    void *context;
} Findings;

/* Hand a problem on; what is not damage ends the check. That a page could not
 * be read is said once, at the end. */
static mql_status
hand_on(const SectionFile *file, const Findings *findings, mql_status status,
        Error *problem, Error *err)
{
    if (status == MQL_CORRUPT && section_file_intact(file, NULL) != MQL_OK)
        return MQL_OK;
    if (status == MQL_CORRUPT)
        return findings->found(findings->context, problem, err);
    if (status != MQL_OK && err != NULL)
        *err = *problem;
    return status;
}

#define REPORT(call)                                                           \
    do {                                                                       \
        Error problem = ERROR_INIT;                                            \
        mql_status call_status = (call);                                       \
        TRY(hand_on(file, findings, call_status, &problem, err));              \
    } while (0)

static mql_status
check_section(const SectionFile *file, const SectionEntry *entry,
              const Findings *findings, Error *err)
{
    uint64_t size;
    uint64_t blocks = section_block_count(entry->size);
    uint64_t ahead = 0;
    for (uint64_t i = 0; i < blocks; i++) {
        if (i >= ahead)
            ahead = read_ahead(file, entry, i, blocks - 1);
        REPORT(check_block(file, entry, i, block_bytes(file, entry, i), &size,
                           &problem));
    }
    return MQL_OK;
}

static mql_status
check_directory(const SectionFile *file, Error *err)
{
    Footer footer;
    TRY(read_footer(file, &footer, err));
    if (!footer_fits(file, &footer))
        return error_corrupt(err, file->path,
                             (int64_t)(file->size - SECTION_FOOTER_SIZE),
                             "wrong file footer");
    uint64_t table_end = file->table_offset + file->blocks * 8;
    TRY(check_gap(file, table_end, footer.directory_offset, err));
    size_t directory_size =
        (size_t)(file->size - SECTION_FOOTER_SIZE - footer.directory_offset);
    if (section_checksum(file->identity, SECTION_BLOCK_DIRECTORY,
                         file->data + footer.directory_offset,
                         directory_size) != footer.directory_checksum)
        return error_corrupt(err, file->path, (int64_t)footer.directory_offset,
                             "damaged directory");
    return MQL_OK;
}

static mql_status
check_each(SectionFile *file, const Findings *findings, Error *err)
{
    uint64_t size;
    uint64_t end = SECTION_HEADER_SIZE;
    REPORT(check_header(file, &problem));
    for (uint64_t i = 0; i < file->table_blocks; i++)
        REPORT(check_table(file, i, &size, &problem));
    for (uint32_t i = 0; i < file->sections; i++) {
        const SectionEntry *entry = &file->entries[i];
        REPORT(check_gap(file, end, entry->offset, &problem));
        TRY(check_section(file, entry, findings, err));
        end = entry->offset + entry->size;
    }
    REPORT(check_gap(file, end, file->table_offset, &problem));
    REPORT(check_directory(file, &problem));
    Error fault = ERROR_INIT;
    if (section_file_intact(file, &fault) == MQL_OK)
        return MQL_OK;
    return findings->found(findings->context, &fault, err);
}

mql_status
section_file_check_each(SectionFile *file,
                        mql_status (*found)(void *context, const Error *problem,
                                            Error *err),
                        void *context, Error *err)
{
    const Findings findings = {found, context};
    return check_each(file, &findings, err);
}

uint64_t
section_file_blocks(const SectionFile *file)
{
    return file->blocks;
}

/* Blocks [from, to) of those that the section has, with what lies before it. */
static mql_status
check_section_part(const SectionFile *file, uint32_t section, uint64_t from,
                   uint64_t to, const Findings *findings, Error *err)
{
    const SectionEntry *entry = &file->entries[section];
    uint64_t end = SECTION_HEADER_SIZE;
    uint64_t size;
    if (section > 0)
        end = entry[-1].offset + entry[-1].size;
    uint64_t first = entry->first_block;
    uint64_t last = first + section_block_count(entry->size);
    if (from <= first)
        REPORT(check_gap(file, end, entry->offset, &problem));
    for (uint64_t i = from > first ? from : first; i < to && i < last; i++)
        REPORT(check_block(file, entry, i - first,
                           block_bytes(file, entry, i - first), &size,
                           &problem));
    return MQL_OK;
}

static mql_status
check_part(const SectionFile *file, uint64_t from, uint64_t to,
           const Findings *findings, Error *err)
{
    uint64_t size;
    uint64_t end = SECTION_HEADER_SIZE;
    for (uint64_t i = from / CHECKSUMS_PER_BLOCK;
         i < file->table_blocks && i * CHECKSUMS_PER_BLOCK < to; i++)
        REPORT(check_table(file, i, &size, &problem));
    for (uint32_t i = 0; i < file->sections; i++) {
        const SectionEntry *entry = &file->entries[i];
        uint64_t last = entry->first_block + section_block_count(entry->size);
        if (entry->first_block < to && last >= from)
            TRY(check_section_part(file, i, from, to, findings, err));
        end = entry->offset + entry->size;
    }
    if (to == file->blocks) {
        REPORT(check_gap(file, end, file->table_offset, &problem));
        REPORT(check_directory(file, &problem));
    }
    Error fault = ERROR_INIT;
    if (section_file_intact(file, &fault) == MQL_OK)
        return MQL_OK;
    return findings->found(findings->context, &fault, err);
}

mql_status
section_file_check_part(SectionFile *file, uint64_t *block, uint64_t most,
                        mql_status (*found)(void *context, const Error *problem,
                                            Error *err),
                        void *context, Error *err)
{
    const Findings findings = {found, context};
    uint64_t count = most / SECTION_BLOCK_SIZE + (most < SECTION_BLOCK_SIZE);
    uint64_t from = *block < file->blocks ? *block : file->blocks;
    uint64_t to = count < file->blocks - from ? from + count : file->blocks;
    *block = to;
    return check_part(file, from, to, &findings, err);
}

/* The first one is enough. */
static mql_status
take_first(void *context, const Error *problem, Error *err)
{
    (void)context;
    if (err != NULL && err->status == MQL_OK)
        *err = *problem;
    return problem->status;
}

mql_status
section_file_check(SectionFile *file, Error *err)
{
    return section_file_check_each(file, take_first, NULL, err);
}
