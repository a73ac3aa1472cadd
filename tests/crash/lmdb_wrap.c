/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmdb_wrap.c - LMDB's calls to the disk, led through a CrashVfs.
 *
 * The linker (--wrap=pwrite and so on, static liblmdb) sends every such call of
 * the program here. A descriptor belongs to LMDB when it was opened by a path
 * with "/meta." below the root; all other calls pass through, those of the
 * CrashVfs itself among them. LMDB writes its meta page through a descriptor
 * with O_DSYNC: such a write is synced by itself. It reads through a map of the
 * real file, so that the live directory must really have everything written.
 */
#include "crash_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

int __real_open(const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __real_pwrite(int fd, const void *data, size_t size, off_t offset);
ssize_t __real_writev(int fd, const struct iovec *pieces, int count);
ssize_t __real_pwritev(int fd, const struct iovec *pieces, int count,
                       off_t offset);
ssize_t __real_pread(int fd, void *data, size_t size, off_t offset);
void *__real_mmap(void *address, size_t size, int protection, int flags, int fd,
                  off_t offset);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_msync(void *address, size_t size, int flags);
int __real_ftruncate(int fd, off_t size);

int __wrap_open(const char *path, int flags, ...);
ssize_t __wrap_write(int fd, const void *data, size_t size);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t offset);
ssize_t __wrap_writev(int fd, const struct iovec *pieces, int count);
ssize_t __wrap_pwritev(int fd, const struct iovec *pieces, int count,
                       off_t offset);
ssize_t __wrap_pread(int fd, void *data, size_t size, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd,
                  off_t offset);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_msync(void *address, size_t size, int flags);
int __wrap_ftruncate(int fd, off_t size);

/* The one global of the crash tests: LMDB's calls carry no context. */
static CrashVfs *active;

void
crash_route_lmdb(CrashVfs *crash)
{
    active = crash;
}

static bool
is_lmdb(int fd)
{
    return active != NULL && fd >= 0 && fd < FD_MOST &&
           active->fds[fd].inode != 0 && active->fds[fd].is_lmdb;
}

/* 0, or errno is set: the operation must fail. It has its number then too. */
static int
next(void)
{
    int error = crash_next(active);
    if (error != 0)
        errno = -crash_failed(active, error);
    return error;
}

/* The same for a call that changes nothing. */
static int
next_reading(void)
{
    int error = crash_reading_error(active);
    if (error != 0)
        errno = -error;
    return error;
}

static int
routed_open(const char *path, int flags, mode_t mode)
{
    bool is_new = (flags & O_CREAT) != 0 && access(path, F_OK) != 0;
    if (is_new ? next() != 0 : next_reading() != 0)
        return -1;
    int fd = __real_open(path, flags, mode);
    if (fd >= 0 && fd < FD_MOST)
        crash_opened(active, path, fd, is_new, true, (flags & O_DSYNC) != 0);
    return fd;
}

int
__wrap_open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    bool is_ours = active != NULL && crash_is_below(active, path) &&
                   strstr(path, "/meta.") != NULL;
    if (is_ours)
        crash_enter(active, __builtin_return_address(0));
    int fd = is_ours ? routed_open(path, flags, mode)
                     : __real_open(path, flags, mode);
    /* the number may have been LMDB's before */
    if (!is_ours && active != NULL && fd >= 0 && fd < FD_MOST)
        active->fds[fd].inode = 0;
    if (is_ours)
        crash_leave(active);
    return fd;
}

static ssize_t
routed_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    if (next() != 0)
        return -1;
    ssize_t fits = crash_fit(active, fd, (uint64_t)offset, size);
    if (fits < 0) {
        errno = -crash_failed(active, (int)fits);
        return -1;
    }
    ssize_t put = __real_pwrite(fd, data, (size_t)fits, offset);
    if (put > 0)
        crash_record_write(active, fd, data, (size_t)put, (uint64_t)offset);
    return put;
}

ssize_t
__wrap_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    if (!is_lmdb(fd))
        return __real_pwrite(fd, data, size, offset);
    crash_enter(active, __builtin_return_address(0));
    ssize_t result = routed_pwrite(fd, data, size, offset);
    crash_leave(active);
    return result;
}

ssize_t
__wrap_write(int fd, const void *data, size_t size)
{
    if (!is_lmdb(fd))
        return __real_write(fd, data, size);
    off_t offset = lseek(fd, 0, SEEK_CUR);
    ssize_t put = __wrap_pwrite(fd, data, size, offset);
    if (put > 0)
        lseek(fd, put, SEEK_CUR);
    return put;
}

ssize_t
__wrap_pwritev(int fd, const struct iovec *pieces, int count, off_t offset)
{
    if (!is_lmdb(fd))
        return __real_pwritev(fd, pieces, count, offset);
    Buffer whole = BUFFER_INIT;
    for (int i = 0; i < count; i++)
        buffer_append(&whole, pieces[i].iov_base, pieces[i].iov_len);
    ssize_t put = __wrap_pwrite(fd, whole.data, whole.size, offset);
    buffer_free(&whole);
    return put;
}

ssize_t
__wrap_writev(int fd, const struct iovec *pieces, int count)
{
    if (!is_lmdb(fd))
        return __real_writev(fd, pieces, count);
    off_t offset = lseek(fd, 0, SEEK_CUR);
    ssize_t put = __wrap_pwritev(fd, pieces, count, offset);
    if (put > 0)
        lseek(fd, put, SEEK_CUR);
    return put;
}

ssize_t
__wrap_pread(int fd, void *data, size_t size, off_t offset)
{
    if (!is_lmdb(fd))
        return __real_pread(fd, data, size, offset);
    crash_enter(active, __builtin_return_address(0));
    ssize_t result =
        next_reading() != 0 ? -1 : __real_pread(fd, data, size, offset);
    crash_leave(active);
    return result;
}

void *
__wrap_mmap(void *address, size_t size, int protection, int flags, int fd,
            off_t offset)
{
    if (!is_lmdb(fd))
        return __real_mmap(address, size, protection, flags, fd, offset);
    crash_enter(active, __builtin_return_address(0));
    void *result = next_reading() != 0 ? MAP_FAILED
                                       : __real_mmap(address, size, protection,
                                                     flags, fd, offset);
    crash_leave(active);
    return result;
}

static int
routed_fdatasync(int fd)
{
    int error = crash_record_sync(active, fd);
    if (error != 0)
        errno = -error;
    return error == 0 ? 0 : -1;
}

int
__wrap_fdatasync(int fd)
{
    if (!is_lmdb(fd))
        return __real_fdatasync(fd);
    crash_enter(active, __builtin_return_address(0));
    int result = routed_fdatasync(fd);
    crash_leave(active);
    return result;
}

int
__wrap_fsync(int fd)
{
    return is_lmdb(fd) ? __wrap_fdatasync(fd) : __real_fsync(fd);
}

/* Only MDB_WRITEMAP would need it, which is never used. */
int
__wrap_msync(void *address, size_t size, int flags)
{
    return __real_msync(address, size, flags);
}

static int
routed_ftruncate(int fd, off_t size)
{
    if (next() != 0)
        return -1;
    int result = __real_ftruncate(fd, size);
    if (result == 0)
        crash_record_truncate(active, fd, (uint64_t)size);
    return result;
}

int
__wrap_ftruncate(int fd, off_t size)
{
    if (!is_lmdb(fd))
        return __real_ftruncate(fd, size);
    crash_enter(active, __builtin_return_address(0));
    int result = routed_ftruncate(fd, size);
    crash_leave(active);
    return result;
}
