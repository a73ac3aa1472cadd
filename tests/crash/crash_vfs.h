/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash_vfs.h - a disk that remembers what was synced, for losing the rest.
 *
 * A CrashVfs works on a real directory, so that everything behaves as usual,
 * and keeps a trace of every operation that changes the disk. Operations are
 * numbered from 1. For any number of operations done, and without running
 * anything again, crash_survivor() makes the directory that a power loss right
 * then could leave:
 *
 *   - what was synced (files by fdatasync, names by syncing their directory) is
 *     there; a write through an O_DSYNC descriptor is synced by itself
 *   - of what was not, any part may be there: the states below choose parts
 *
 * Usage:
 *     CrashVfs *crash = crash_create(directory);
 *     crash_route_lmdb(crash);
 *     ... run the workload with crash_vfs(crash), and after each step that was
 *         acknowledged note crash_operations(crash) ...
 *     for (n = 0; n <= crash_operations(crash); n++)
 *         for (state = 0; state < crash_state_count(crash, n); state++) {
 *             crash_survivor(crash, n, state, other_directory);
 *             ... open other_directory with posix_vfs and compare ...
 *         }
 *
 * Failures of the test machinery itself abort the program. The file functions
 * may be called by many threads; everything else by one, while they rest.
 */
#ifndef CRASH_VFS_H
#define CRASH_VFS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"

/* A sanitizer is three times as slow and looks at memory, not at the disk: one
 * case in so many is enough for it. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CASE_STEP 7u
#else
#define CASE_STEP 1u
#endif

typedef struct CrashVfs CrashVfs;

/* `root` exists; all that is in it counts as synced. Time starts at a fixed day
 * and random bytes come from `seed`, so that a run can be repeated exactly. */
CrashVfs *crash_create(const char *root, uint64_t seed);
void crash_destroy(CrashVfs *crash);

/* To hand to the code under test. Files that do not lie below `root` are of
 * another disk, which is only read. */
const Vfs *crash_vfs(CrashVfs *crash);

/* Changing operations so far. */
uint64_t crash_operations(const CrashVfs *crash);

/* "pwrite wal/1.log 64+512" for messages; valid until the next call. */
const char *crash_describe(CrashVfs *crash, uint64_t operation);

/* Operation `operation` (from 1; 0: none) and all after it, reading ones
 * included, fail with EIO and change nothing. */
void crash_stop_at(CrashVfs *crash, uint64_t operation);

/* Operation `operation` fails with `errno_value`, once or from then on. A sync
 * that fails drops what it should have made durable: a later one will not. */
void crash_fail_at(CrashVfs *crash, uint64_t operation, int errno_value,
                   bool is_sticky);

/* Every call counts here, those that only read too; call `call` (from 1; 0:
 * none) fails, once or from then on. */
uint64_t crash_calls(const CrashVfs *crash);
void crash_fail_call(CrashVfs *crash, uint64_t call, int errno_value,
                     bool is_sticky);

/* Reads and writes do half of what was asked. LMDB's are left whole. */
void crash_cut_calls(CrashVfs *crash, bool is_short);

/* The disk has this many bytes (0: no end), in blocks of 4096. Of a write it
 * takes what fits; when that is nothing, the write fails with ENOSPC. */
void crash_limit_space(CrashVfs *crash, uint64_t bytes);
uint64_t crash_used_space(const CrashVfs *crash);

/* Called before each call, by the thread that makes it. */
void crash_on_call(CrashVfs *crash, void (*hook)(void *context), void *context);

/* The place of the code that asked for this sync or rename, NULL for other
 * operations: "fdatasync of tmp / *.seg 0x1234 ..."; the numbers are for
 * addr2line. Valid until the next call. crash_forget_site(): as if the calls
 * from there had done nothing; how many there were. */
const char *crash_site(CrashVfs *crash, uint64_t operation);
uint64_t crash_forget_site(CrashVfs *crash, const char *site);

/* As if syncs had not been called: of files that were created under a path that
 * contains `part`, or of the directory `path` ("" is the root). Shows that a
 * test notices a missing sync. Returns how many there were. */
uint64_t crash_forget_file_syncs(CrashVfs *crash, const char *part);
uint64_t crash_forget_directory_syncs(CrashVfs *crash, const char *path);

/* States that a loss of power after `operations` operations may leave, at least
 * one; with nothing unsynced there is exactly one. */
uint64_t crash_state_count(const CrashVfs *crash, uint64_t operations);

/* "none", "all", "names", "data", "sizes", "random 3", "torn 1024" */
const char *crash_state_name(CrashVfs *crash, uint64_t operations,
                             uint64_t state);

/* More states: each change that is not synced alone, all but one, and all
 * before one. They are numbered behind the others. */
uint64_t crash_state_count_all(const CrashVfs *crash, uint64_t operations);

/* Writes to files with `part` in their path that are not synced then. */
uint64_t crash_unsynced(const CrashVfs *crash, uint64_t operations,
                        const char *part);

/* The same number: the same files with the same bytes. */
uint64_t crash_survivor_hash(const CrashVfs *crash, uint64_t operations,
                             uint64_t state);

/* Make `directory` (which must not exist) what is left of the root. */
void crash_survivor(const CrashVfs *crash, uint64_t operations, uint64_t state,
                    const char *directory);

/* Lead LMDB's own calls on files below the root through `crash`; NULL: to the
 * system. Test-only global state; needs the linker's --wrap (lmdb_wrap.c). */
void crash_route_lmdb(CrashVfs *crash);

#endif
