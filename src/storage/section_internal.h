/* SPDX-License-Identifier: Apache-2.0 */
/*
 * section_internal.h - a section file from within: what section_file.c opens,
 * section_memory.c brings into memory and section_read.c reads.
 */
#ifndef STORAGE_SECTION_INTERNAL_H
#define STORAGE_SECTION_INTERNAL_H

#include <stdatomic.h>

#include "base/guard.h"
#include "base/map.h"
#include "storage/section_format.h"

#define CHECKSUMS_PER_BLOCK (SECTION_BLOCK_SIZE / 8)

typedef struct SectionEntry {
    SectionId id;
    atomic_bool is_held; /* section_memory.c */
    uint64_t offset;
    uint64_t size;
    uint64_t first_block;
} SectionEntry;

struct SectionFile {
    const Vfs *vfs;
    char *path;
    SectionFileIdentity identity;
    const char *data; /* the whole file, mapped; parts of it may be memory */
    uint64_t size;
    Guard *guard;           /* of the mapping                     */
    uint64_t table_offset;  /* of the block checksums             */
    uint64_t blocks;        /* of all sections                    */
    uint64_t table_blocks;  /* 64 KiB pieces of the table         */
    const char *table_sums; /* their checksums, in the directory  */
    uint32_t sections;
    SectionEntry *entries; /* by offset                          */
    Map index;             /* kind << 32 | number to entry       */
    uint64_t opened_bytes; /* verified when opening              */
    atomic_uint_least64_t verified_bytes;
    atomic_uint_least64_t *verified; /* bits: blocks, then the table's */
    SectionMemory *memory;           /* where the held bytes are counted */
    atomic_uint_least64_t held;      /* bytes */
    atomic_int reader; /* section_read.c: a descriptor, -1: none yet */
};

/* Verify `bytes` as block `i` of the section, whose place in the table of
 * checksums is verified on the way. `size` OUT: of the block. */
mql_status section_check_bytes(SectionFile *file, const SectionEntry *entry,
                               uint64_t i, const char *bytes, uint64_t *size,
                               Error *err);
/* The block is known to be right; or, again, is not. */
bool section_block_is_verified(const SectionFile *file, uint64_t block);
void section_set_verified(SectionFile *file, uint64_t block, uint64_t size);
void section_set_unverified(SectionFile *file, uint64_t block);
/* What the status is when a page could not be read: that. */
mql_status section_explain_fault(const SectionFile *file, mql_status status,
                                 Error *err);
/* The file is being closed: its descriptor, if there is one, is too. */
void section_reader_close(SectionFile *file);
/* Held bytes are counted no more: the file is being closed. */
void section_memory_close(SectionFile *file);

#endif
