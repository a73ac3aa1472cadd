/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.h - every call to the disk, the clock, randomness and mappings.
 *
 * One table of functions, so that tests can stop the world at any of them, make
 * any of them fail, or keep unsynced writes apart and lose them. Nothing above
 * base calls the operating system for files in any other way; LMDB's calls are
 * led here by the linker in the crash tests (--wrap).
 *
 * Each function returns 0 or a positive number, or -errno. The file_*()
 * functions below turn that into a status with words.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/status.h"

typedef enum FileMode {
    FILE_READ,   /* must exist; anything that can be read: a user named it */
    FILE_PLAIN,  /* same, of a regular file: the others' too, DATA_CORRUPTED */
    FILE_UPDATE, /* read and write, must exist        */
    FILE_CREATE, /* read and write, must not exist    */
    FILE_ENSURE, /* read and write, created if needed */
} FileMode;

typedef struct Vfs {
    void *context; /* handed to each function */
    int (*open)(void *context, const char *path, FileMode mode);
    int (*close)(void *context, int fd);
    ssize_t (*pread)(void *context, int fd, void *data, size_t size,
                     uint64_t offset);
    ssize_t (*pwrite)(void *context, int fd, const void *data, size_t size,
                      uint64_t offset);
    /* Reads of the file will jump about: nothing is read ahead. NULL: does
     * nothing. */
    void (*read_at_random)(void *context, int fd);
    int (*fdatasync)(void *context, int fd);
    /* Begin to bring written bytes to the disk: nothing is promised, but the
     * sync to come has less to wait for. NULL: does nothing. */
    void (*will_sync)(void *context, int fd, uint64_t offset, uint64_t size);
    int (*ftruncate)(void *context, int fd, uint64_t size);
    int (*allocate)(void *context, int fd, uint64_t offset, uint64_t size);
    int64_t (*size)(void *context, int fd);
    int (*rename)(void *context, const char *from, const char *to);
    int (*unlink)(void *context, const char *path);
    int (*mkdir)(void *context, const char *path);
    int (*rmdir)(void *context, const char *path);
    int (*sync_directory)(void *context, const char *path);
    /* Names in the directory, each followed by NUL, appended to a Buffer. */
    int (*list)(void *context, const char *path, Buffer *names);
    /* 1: there is such a file or directory; 0: no */
    int (*exists)(void *context, const char *path);
    /* What the name leads to, in two numbers that nothing else has. */
    int (*identify)(void *context, const char *path, uint64_t identity[2]);
    /* Whole-file exclusive lock of this open file (OFD); -EAGAIN when held. */
    int (*lock)(void *context, int fd);
    /* The same, beside others of this kind; the file may be open for reading.
     */
    int (*lock_shared)(void *context, int fd);
    /* Give up the lock, also for a child that has inherited the descriptor. */
    int (*unlock)(void *context, int fd);
    int (*map)(void *context, int fd, size_t size, const void **address);
    int (*unmap)(void *context, const void *address, size_t size);
    /* Bytes of a mapping are about to be read; nothing else is read ahead.
     * NULL: does nothing. */
    void (*will_read)(void *context, const void *address, size_t size);
    /* Memory with zeros, to be filled and to take_place() of `size` bytes of a
     * mapping that begin at the page `place`, or to be unmapped. */
    int (*memory)(void *context, size_t size, const void *place, void **memory);
    /* It takes the place of the pages at `place`, in one step for those who
     * read there. On failure nothing has changed. */
    int (*take_place)(void *context, void *memory, size_t size,
                      const void *place);
    /* Bytes of the file from `offset`, of a page, on take that place again. */
    int (*map_at)(void *context, int fd, size_t size, uint64_t offset,
                  const void *place);
    int64_t (*now)(void *context); /* microseconds since 1970, UTC */
    int (*random)(void *context, void *data, size_t size);
} Vfs;

/* The operating system's own. */
extern const Vfs posix_vfs;

/* An open file and the path it came from, for messages. */
typedef struct File {
    const Vfs *vfs;
    int fd;     /* -1: closed */
    char *path; /* owned */
} File;

#define FILE_CLOSED                                                            \
    {                                                                          \
        NULL, -1, NULL                                                         \
    }

/* Errors name the path and errno: UNDEFINED_FILE, DISK_FULL, IO_ERROR. */
mql_status file_open(const Vfs *vfs, const char *path, FileMode mode,
                     File *file, Error *err);
void file_close(File *file);
/* All of it or an error; a short read is DATA_CORRUPTED "unexpected end of
 * file". */
mql_status file_read(File *file, void *data, size_t size, uint64_t offset,
                     Error *err);
/* See Vfs. */
void file_read_at_random(const File *file);
mql_status file_write(File *file, const void *data, size_t size,
                      uint64_t offset, Error *err);
/* The bytes are to be synced later: see Vfs. */
void file_will_sync(File *file, uint64_t offset, uint64_t size);
mql_status file_sync(File *file, Error *err);
mql_status file_truncate(File *file, uint64_t size, Error *err);
mql_status file_size(File *file, uint64_t *size, Error *err);
mql_status file_map(File *file, size_t size, const void **address, Error *err);
/* Vfs.memory, filled by the file's bytes from `offset` on; zeros follow its
 * end. */
mql_status file_read_for(File *file, size_t size, uint64_t offset,
                         const void *place, void **memory, Error *err);
mql_status file_take_place(const Vfs *vfs, void *memory, size_t size,
                           const void *place, Error *err);
mql_status file_map_at(File *file, size_t size, uint64_t offset,
                       const void *place, Error *err);
/* Bytes of a page of memory: mappings are replaced by whole ones. */
size_t file_page_size(void);
void file_will_read(const Vfs *vfs, const void *address, size_t size);
void file_unmap(const Vfs *vfs, const void *address, size_t size);
mql_status file_rename(const Vfs *vfs, const char *from, const char *to,
                       Error *err);
/* A file that is not there is no error. */
mql_status file_remove(const Vfs *vfs, const char *path, Error *err);
mql_status directory_create(const Vfs *vfs, const char *path, Error *err);
/* DATA_CORRUPTED when it is none, but a file or a symbolic link, which leads
 * out of the database; or is not there. */
mql_status directory_check(const Vfs *vfs, const char *path, Error *err);
mql_status directory_sync(const Vfs *vfs, const char *path, Error *err);
/* Make the directory and sync the one it is in. `is_made` OUT, also on failure.
 */
mql_status directory_create_durably(const Vfs *vfs, const char *path,
                                    bool *is_made, Error *err);
/* Whether it is there; an error when that cannot be told. What is made, or
 * replaced, because it is missing must ask so. */
mql_status file_find(const Vfs *vfs, const char *path, bool *is_there,
                     Error *err);
/* The same where an error may count as "no". */
bool file_exists(const Vfs *vfs, const char *path);
/* Whether `path`, which may have to be made yet, is the directory or in it, by
 * whatever names the two go. */
mql_status file_is_within(const Vfs *vfs, const char *path,
                          const char *directory, bool *is_within, Error *err);
/* A failure of an operating system call in words. `errno_value` is positive. */
mql_status file_error(Error *err, int errno_value, const char *doing,
                      const char *path);

/* "directory/name" in malloc'ed memory, NULL: out of memory. `name` is a name
 * the engine made: a '/' or ".." in it is refused (NULL). */
char *path_join(const char *directory, const char *name);
/* "a/b/" -> "a"; malloc'ed, NULL: out of memory. */
char *path_parent(const char *path);

#endif
