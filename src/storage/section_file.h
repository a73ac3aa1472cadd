/* SPDX-License-Identifier: Apache-2.0 */
/*
 * section_file.h - an immutable, checksummed file of numbered sections, mapped
 * read-only. Segments and index files are both section files: storage knows
 * bytes, not what they mean.
 *
 *   header (4 KiB) | section | section | ... | block checksums | directory
 *   | footer
 *
 * Each section starts at a multiple of 64 bytes (2 MiB when it is 2 MiB or
 * more) and is covered by one checksum for each 64 KiB block. Header and
 * directory are verified when the file is opened; a section's blocks when they
 * are first touched, so that opening reads a few KiB whatever the size.
 * docs/format/section-file.md has the offset tables.
 */
#ifndef STORAGE_SECTION_FILE_H
#define STORAGE_SECTION_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/status.h"

#define SECTION_BLOCK_SIZE 65536u

/* What a section is: a kind its owner defines, and a number within the kind (a
 * field id, a level). A pair occurs once in a file. */
typedef struct SectionId {
    uint32_t kind;
    uint32_t number;
} SectionId;

/* ---- writing ---- */

typedef struct SectionWriter SectionWriter;

typedef struct SectionFileIdentity {
    uint64_t database; /* random id of the database             */
    uint64_t file;     /* id of this file within the database   */
    uint32_t type;     /* SECTION_FILE_SEGMENT, ... owner's word */
} SectionFileIdentity;

/* Start `path` (a temporary name in tmp/). */
mql_status section_writer_create(const Vfs *vfs, const char *path,
                                 SectionFileIdentity identity,
                                 SectionWriter **writer, Error *err);
/* Begin a section; the one before ends. */
mql_status section_begin(SectionWriter *writer, SectionId id, Error *err);
/* Append to the current section; buffered, so small pieces are fine. */
mql_status section_append(SectionWriter *writer, const void *data, size_t size,
                          Error *err);
/* section_begin and one section_append. */
mql_status section_write(SectionWriter *writer, SectionId id, const void *data,
                         size_t size, Error *err);
/* Write directory and footer, sync, close, rename to `final_path`, sync its
 * directory. The writer is gone afterwards, also on failure (then the temporary
 * file is removed). */
mql_status section_writer_finish(SectionWriter *writer, const char *final_path,
                                 uint64_t *file_size, Error *err);
/* Give up: close and remove the temporary file. NULL is allowed. */
void section_writer_abort(SectionWriter *writer);

/* ---- reading ---- */

typedef struct SectionFile SectionFile;

typedef struct Section {
    const char *data; /* mapped; 64-byte aligned; NULL when size is 0 */
    size_t size;
    uint32_t index; /* for section_verify() */
} Section;

/* Map `path`; verifies header, directory, size and identity, reads nothing
 * else. */
mql_status section_file_open(const Vfs *vfs, const char *path,
                             SectionFileIdentity identity, SectionFile **file,
                             Error *err);
void section_file_close(SectionFile *file);
uint64_t section_file_size(const SectionFile *file);
const char *section_file_path(const SectionFile *file);

/* The section `id`; false when the file has none. Its bytes may be used only
 * after section_verify() of the range. */
bool section_find(const SectionFile *file, SectionId id, Section *section);

/* Same, verified whole; a missing one, or one whose size is not `size`
 * (SIZE_MAX: any), is DATA_CORRUPTED. For small sections. */
mql_status section_require(SectionFile *file, SectionId id, size_t size,
                           Section *section, Error *err);

/*
 * Check the blocks under [offset, offset + size) of the section that were not
 * checked before; the range must lie within it. Thread-safe; about a nanosecond
 * when done before.
 */
mql_status section_verify(SectionFile *file, const Section *section,
                          uint64_t offset, uint64_t size, Error *err);

/*
 * Copy `size` bytes from `offset` of the section by reading the file instead of
 * touching its mapping, checked as section_verify() would. Sections in memory
 * are copied from there. Thread-safe; keeps a descriptor open from the first
 * time on. Errors: what opening and reading give, DATA_CORRUPTED.
 */
mql_status section_read(SectionFile *file, const Section *section,
                        uint64_t offset, uint64_t size, void *data, Error *err);

/*
 * Whether section_verify() of any range would find nothing left to check: for
 * readers that jump about. Costs a load for each 64 blocks. Who goes without
 * section_verify() asks section_file_intact() afterwards.
 */
bool section_is_verified(const SectionFile *file, const Section *section);

/* Verify one more block when at least half of the section has been: readers
 * that jump about come upon the last ones seldom. */
mql_status section_verify_rest(SectionFile *file, const Section *section,
                               Error *err);

/* Check every byte of the file again, whatever was checked before; the first
 * thing wrong is the error. */
mql_status section_file_check(SectionFile *file, Error *err);

/* The same, and go on: `found` gets one thing wrong after the other. Its status
 * other than MQL_OK ends the check. */
mql_status section_file_check_each(SectionFile *file,
                                   mql_status (*found)(void *context,
                                                       const Error *problem,
                                                       Error *err),
                                   void *context, Error *err);

/* Of blocks *block and on, counted over all sections, only so many that they
 * have about `most` bytes, one at least; *block becomes the next one, or
 * section_file_blocks() at the end. With the bytes between sections. */
mql_status section_file_check_part(
    SectionFile *file, uint64_t *block, uint64_t most,
    mql_status (*found)(void *context, const Error *problem, Error *err),
    void *context, Error *err);
uint64_t section_file_blocks(const SectionFile *file);

/* Whether every page that was touched could be read: DATA_CORRUPTED, naming the
 * place, when not (base/guard.h). To be asked after mapped bytes were used and
 * before what came of them is. */
mql_status section_file_intact(const SectionFile *file, Error *err);

/* ---- in memory instead of mapped ---- */

/* What is held, by all files that count here, and how much of it may be. */
typedef struct SectionMemory {
    _Atomic uint64_t held;  /* bytes of sections */
    _Atomic uint64_t limit; /* bytes             */
} SectionMemory;

/* Which sections are meant. */
typedef bool (*SectionChoice)(const void *context, SectionId id);

/*
 * Read the chosen sections into memory, verify every byte, and let them take
 * the place of the mapping: whoever has their addresses goes on, and no page of
 * them is read from the disk again. Sections held before stay so. `memory`
 * outlives the file. Errors, after which some of them may be held, as
 * section_file_let_go() undoes: OUT_OF_MEMORY, with the limit too;
 * DATA_CORRUPTED; what opening and reading give. One thread at a time.
 */
mql_status section_file_hold(SectionFile *file, SectionChoice is_chosen,
                             const void *context, SectionMemory *memory,
                             Error *err);
/* Sections that are held and not chosen are mapped again, and verified anew
 * when they are touched. If that cannot be they stay in memory. One thread at a
 * time. */
void section_file_let_go(SectionFile *file, SectionChoice is_chosen,
                         const void *context);
/* Bytes of sections in memory. */
uint64_t section_file_held(const SectionFile *file);

/* Bytes of this file verified (hence read) so far; for tests of opening. */
uint64_t section_file_verified_bytes(const SectionFile *file);

#endif
