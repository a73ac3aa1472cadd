/* SPDX-License-Identifier: Apache-2.0 */
/*
 * section_memory.c - sections in memory instead of mapped.
 *
 * The file stays mapped as a whole, so that every section has its address for
 * as long as the file is open. To hold sections is to read their pages into
 * memory, verify them there, and let that memory take the place of those pages
 * in one step: readers see the same bytes at the same place before, during and
 * after it. From then on the disk has no part in them: no page fault, no
 * SIGBUS, whatever becomes of the file. Letting go maps the file's pages again.
 *
 * Work goes by runs: sections next to each other, from the page in which the
 * first begins to the one in which the last ends. What else lies in these two
 * pages must be what the mapping has.
 */
#include "storage/section_internal.h"

#include <inttypes.h>
#include <string.h>

/* Sections [first, end) and the pages under them. */
typedef struct Run {
    uint32_t first;
    uint32_t end;
    uint64_t from; /* offset in the file, of a page */
    uint64_t to;   /* of a page or past the file's last one */
} Run;

static uint64_t
page_below(uint64_t offset)
{
    return offset - offset % file_page_size();
}

static uint64_t
page_above(uint64_t offset)
{
    return page_below(offset + file_page_size() - 1);
}

static uint64_t
entry_end(const SectionEntry *entry)
{
    return entry->offset + entry->size;
}

/* ---- holding ---- */

/* Whether a section is to be held that is not. */
static bool
is_due(const SectionFile *file, uint32_t i, SectionChoice is_chosen,
       const void *context)
{
    const SectionEntry *entry = &file->entries[i];
    return !entry->is_held && is_chosen(context, entry->id);
}

/* The pages of a run; all of the file's, if all sections are in it. */
static void
find_pages(const SectionFile *file, Run *run)
{
    run->from = page_below(file->entries[run->first].offset);
    run->to = page_above(entry_end(&file->entries[run->end - 1]));
    if (run->first == 0 && run->end == file->sections) {
        run->from = 0;
        run->to = page_above(file->size);
    }
}

/* The next run from section `run->end` on; false: none. */
static bool
next_due(const SectionFile *file, SectionChoice is_chosen, const void *context,
         Run *run)
{
    run->first = run->end;
    while (run->first < file->sections &&
           !is_due(file, run->first, is_chosen, context))
        run->first++;
    run->end = run->first;
    while (run->end < file->sections &&
           is_due(file, run->end, is_chosen, context))
        run->end++;
    if (run->first == run->end)
        return false;
    find_pages(file, run);
    return true;
}

/* Every block of the run's sections in `bytes`, which begin where it does. */
static mql_status
check_blocks(SectionFile *file, const Run *run, const char *bytes, Error *err)
{
    for (uint32_t i = run->first; i < run->end; i++) {
        const SectionEntry *entry = &file->entries[i];
        const char *section = bytes + (entry->offset - run->from);
        uint64_t blocks = section_block_count(entry->size);
        uint64_t size;
        for (uint64_t k = 0; k < blocks; k++)
            TRY(section_check_bytes(
                file, entry, k, section + k * SECTION_BLOCK_SIZE, &size, err));
    }
    return MQL_OK;
}

/* Bytes [from, to) of the file, of no section of the run, as they are mapped.
 */
static mql_status
check_same(const SectionFile *file, const Run *run, const char *bytes,
           uint64_t from, uint64_t to, Error *err)
{
    if (to > file->size)
        to = file->size;
    if (from >= to || memcmp(bytes + (from - run->from), file->data + from,
                             (size_t)(to - from)) == 0)
        return MQL_OK;
    return error_corrupt(err, file->path, (int64_t)from,
                         "the file is not what was opened");
}

static mql_status
check_run(SectionFile *file, const Run *run, const char *bytes, Error *err)
{
    mql_status status = check_blocks(file, run, bytes, err);
    if (status == MQL_OK)
        status = check_same(file, run, bytes, run->from,
                            file->entries[run->first].offset, err);
    if (status == MQL_OK)
        status =
            check_same(file, run, bytes,
                       entry_end(&file->entries[run->end - 1]), run->to, err);
    if (status == MQL_OK)
        status = section_file_intact(file, err);
    return section_explain_fault(file, status, err);
}

/* Its blocks were verified in memory. */
static void
note_held(SectionFile *file, const Run *run)
{
    for (uint32_t i = run->first; i < run->end; i++) {
        SectionEntry *entry = &file->entries[i];
        uint64_t blocks = section_block_count(entry->size);
        entry->is_held = true;
        for (uint64_t k = 0; k < blocks; k++)
            section_set_verified(file, entry->first_block + k, 0);
        atomic_fetch_add(&file->held, entry->size);
    }
}

static mql_status
hold_run(SectionFile *file, File *handle, const Run *run, Error *err)
{
    void *memory;
    const char *place = file->data + run->from;
    size_t size = (size_t)(run->to - run->from);
    TRY(file_read_for(handle, size, run->from, place, &memory, err));
    mql_status status = check_run(file, run, memory, err);
    if (status == MQL_OK)
        status = file_take_place(file->vfs, memory, size, place, err);
    if (status != MQL_OK) {
        file_unmap(file->vfs, memory, size);
        return status;
    }
    note_held(file, run);
    return MQL_OK;
}

static mql_status
hold_runs(SectionFile *file, SectionChoice is_chosen, const void *context,
          Error *err)
{
    File handle;
    uint64_t size;
    Run run = {0};
    TRY(file_open(file->vfs, file->path, FILE_PLAIN, &handle, err));
    mql_status status = file_size(&handle, &size, err);
    if (status == MQL_OK && size != file->size)
        status = error_corrupt(err, file->path, (int64_t)size,
                               "the file is not what was opened");
    while (status == MQL_OK && next_due(file, is_chosen, context, &run))
        status = hold_run(file, &handle, &run, err);
    file_close(&handle);
    return status;
}

static const char *
file_name(const SectionFile *file)
{
    const char *slash = strrchr(file->path, '/');
    return slash != NULL ? slash + 1 : file->path;
}

static mql_status
count_bytes(SectionFile *file, SectionMemory *memory, uint64_t bytes,
            Error *err)
{
    uint64_t limit = atomic_load(&memory->limit);
    uint64_t held = atomic_fetch_add(&memory->held, bytes) + bytes;
    if (held <= limit)
        return MQL_OK;
    atomic_fetch_sub(&memory->held, bytes);
    error_set(err, ERR_OUT_OF_MEMORY,
              "%" PRIu64 " bytes of file \"%s\" do not fit in memory", bytes,
              file_name(file));
    error_detail(err,
                 "Loaded data with mmap.enabled = false may take %" PRIu64
                 " bytes; %" PRIu64 " are taken.",
                 limit, held - bytes);
    return error_hint(err, "Map more of it (mmap.enabled = true), RELEASE "
                           "other collections, or raise load_mem.");
}

mql_status
section_file_hold(SectionFile *file, SectionChoice is_chosen,
                  const void *context, SectionMemory *memory, Error *err)
{
    uint64_t bytes = 0;
    bool is_any = false;
    for (uint32_t i = 0; i < file->sections; i++) {
        bool is_new = is_due(file, i, is_chosen, context);
        is_any = is_any || is_new;
        bytes += is_new ? file->entries[i].size : 0;
    }
    if (!is_any)
        return MQL_OK;
    TRY(count_bytes(file, memory, bytes, err));
    file->memory = memory;
    uint64_t before = atomic_load(&file->held);
    mql_status status = hold_runs(file, is_chosen, context, err);
    uint64_t held = atomic_load(&file->held) - before;
    atomic_fetch_sub(&memory->held, bytes - held);
    return status;
}

/* ---- letting go ---- */

static bool
is_left(const SectionFile *file, uint32_t i, SectionChoice is_chosen,
        const void *context)
{
    const SectionEntry *entry = &file->entries[i];
    return entry->is_held && !is_chosen(context, entry->id);
}

static bool
is_kept(const SectionFile *file, uint32_t i, SectionChoice is_chosen,
        const void *context)
{
    const SectionEntry *entry = &file->entries[i];
    return entry->is_held && entry->size > 0 && is_chosen(context, entry->id);
}

/* Pages that a section before or after the run keeps are not mapped again. */
static void
spare_kept(const SectionFile *file, SectionChoice is_chosen,
           const void *context, Run *run)
{
    uint32_t before = run->first;
    uint32_t after = run->end;
    while (before > 0 && !is_kept(file, before - 1, is_chosen, context))
        before--;
    while (after < file->sections && !is_kept(file, after, is_chosen, context))
        after++;
    if (before == 0 && after == file->sections) {
        run->from = 0;
        run->to = page_above(file->size);
        return;
    }
    if (before > 0) {
        uint64_t end = page_above(entry_end(&file->entries[before - 1]));
        run->from = run->from < end ? end : run->from;
    }
    if (after < file->sections) {
        uint64_t begin = page_below(file->entries[after].offset);
        run->to = run->to > begin ? begin : run->to;
    }
}

/* The next run from section `run->end` on of those that are let go. */
static bool
next_left(const SectionFile *file, SectionChoice is_chosen, const void *context,
          Run *run)
{
    run->first = run->end;
    while (run->first < file->sections &&
           !is_left(file, run->first, is_chosen, context))
        run->first++;
    run->end = run->first;
    while (run->end < file->sections &&
           is_left(file, run->end, is_chosen, context))
        run->end++;
    if (run->first == run->end)
        return false;
    find_pages(file, run);
    spare_kept(file, is_chosen, context, run);
    return true;
}

static void
note_left(SectionFile *file, const Run *run)
{
    for (uint32_t i = run->first; i < run->end; i++) {
        SectionEntry *entry = &file->entries[i];
        uint64_t blocks = section_block_count(entry->size);
        entry->is_held = false;
        for (uint64_t k = 0; k < blocks; k++)
            section_set_unverified(file, entry->first_block + k);
        atomic_fetch_sub(&file->held, entry->size);
        atomic_fetch_sub(&file->memory->held, entry->size);
    }
}

static mql_status
map_run(SectionFile *file, File *handle, const Run *run)
{
    if (run->from >= run->to)
        return MQL_OK;
    return file_map_at(handle, (size_t)(run->to - run->from), run->from,
                       file->data + run->from, NULL);
}

void
section_file_let_go(SectionFile *file, SectionChoice is_chosen,
                    const void *context)
{
    File handle;
    uint64_t size;
    Run run = {0};
    if (atomic_load(&file->held) == 0 ||
        file_open(file->vfs, file->path, FILE_PLAIN, &handle, NULL) != MQL_OK)
        return;
    bool is_same =
        file_size(&handle, &size, NULL) == MQL_OK && size == file->size;
    while (is_same && next_left(file, is_chosen, context, &run))
        if (map_run(file, &handle, &run) == MQL_OK)
            note_left(file, &run);
    file_close(&handle);
}

uint64_t
section_file_held(const SectionFile *file)
{
    return atomic_load(&file->held);
}

void
section_memory_close(SectionFile *file)
{
    if (file->memory != NULL)
        atomic_fetch_sub(&file->memory->held, atomic_load(&file->held));
}
