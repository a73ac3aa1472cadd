/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_posix.c - the operating system's own file functions.
 *
 * Files are made 0600 and directories 0700 from the start, never changed later;
 * descriptors are closed on exec. Reads and writes are tried again after a
 * signal, a sync never is: after a failed one the pages may be marked clean.
 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The descriptor of a regular file; that of anything else is closed. A FIFO
 * would keep who opens it waiting, and a link leads out of the database. */
static int
keep_plain(int fd)
{
    struct stat status;
    int result = fd;
    if (fstat(fd, &status) != 0)
        result = -errno;
    else if (S_ISDIR(status.st_mode))
        result = -EISDIR;
    else if (!S_ISREG(status.st_mode))
        result = -EINVAL;
    if (result < 0)
        close(fd);
    return result;
}

#define PLAIN (O_NOFOLLOW | O_NONBLOCK)

static int
posix_open(void *context, const char *path, FileMode mode)
{
    (void)context;
    static const int flags[] = {
        [FILE_READ] = O_RDONLY,
        [FILE_PLAIN] = O_RDONLY | PLAIN,
        [FILE_UPDATE] = O_RDWR | PLAIN,
        [FILE_CREATE] = O_RDWR | O_CREAT | O_EXCL | PLAIN,
        [FILE_ENSURE] = O_RDWR | O_CREAT | PLAIN,
    };
    int fd;
    do {
        fd = open(path, flags[mode] | O_CLOEXEC, 0600);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return -errno;
    return mode == FILE_READ ? fd : keep_plain(fd);
}

static int
posix_close(void *context, int fd)
{
    (void)context;
    return close(fd) != 0 ? -errno : 0;
}

static ssize_t
posix_pread(void *context, int fd, void *data, size_t size, uint64_t offset)
{
    (void)context;
    ssize_t got;
    do {
        got = pread(fd, data, size, (off_t)offset);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

/* Writing beyond the limit for files would bring SIGXFSZ, which ends a program
 * that does not ignore it. `end`: of the file as it would be. */
static bool
is_beyond_limit(uint64_t end)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
           limit.rlim_cur != RLIM_INFINITY && end > limit.rlim_cur;
}

static void
posix_read_at_random(void *context, int fd)
{
    (void)context;
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
}

static ssize_t
posix_pwrite(void *context, int fd, const void *data, size_t size,
             uint64_t offset)
{
    (void)context;
    ssize_t put;
    if (size > 0 && is_beyond_limit(offset + 1)) /* a part is taken */
        return -EFBIG;
    do {
        put = pwrite(fd, data, size, (off_t)offset);
    } while (put < 0 && errno == EINTR);
    return put < 0 ? -errno : put;
}

static int
posix_fdatasync(void *context, int fd)
{
    (void)context;
    return fdatasync(fd) != 0 ? -errno : 0;
}

static void
posix_will_sync(void *context, int fd, uint64_t offset, uint64_t size)
{
    (void)context;
    (void)sync_file_range(fd, (off_t)offset, (off_t)size,
                          SYNC_FILE_RANGE_WRITE);
}

static int
posix_ftruncate(void *context, int fd, uint64_t size)
{
    (void)context;
    int result;
    struct stat status;
    if (is_beyond_limit(size) && fstat(fd, &status) == 0 &&
        (uint64_t)status.st_size < size)
        return -EFBIG;
    do {
        result = ftruncate(fd, (off_t)size);
    } while (result != 0 && errno == EINTR);
    return result != 0 ? -errno : 0;
}

static int
posix_allocate(void *context, int fd, uint64_t offset, uint64_t size)
{
    (void)context;
    if (is_beyond_limit(offset + size))
        return -EFBIG;
    return -posix_fallocate(fd, (off_t)offset, (off_t)size);
}

static int64_t
posix_size(void *context, int fd)
{
    (void)context;
    struct stat status;
    return fstat(fd, &status) != 0 ? -errno : (int64_t)status.st_size;
}

static int
posix_rename(void *context, const char *from, const char *to)
{
    (void)context;
    return rename(from, to) != 0 ? -errno : 0;
}

static int
posix_unlink(void *context, const char *path)
{
    (void)context;
    return unlink(path) != 0 ? -errno : 0;
}

static int
posix_mkdir(void *context, const char *path)
{
    (void)context;
    return mkdir(path, 0700) != 0 ? -errno : 0;
}

static int
posix_rmdir(void *context, const char *path)
{
    (void)context;
    return rmdir(path) != 0 ? -errno : 0;
}

/* A file system that cannot sync directories (EINVAL) has nothing to lose. */
static int
posix_sync_directory(void *context, const char *path)
{
    (void)context;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = fsync(fd) != 0 && errno != EINVAL ? -errno : 0;
    close(fd);
    return result;
}

static int
posix_list(void *context, const char *path, Buffer *names)
{
    (void)context;
    DIR *directory = opendir(path);
    if (directory == NULL)
        return -errno;
    errno = 0;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            buffer_append(names, entry->d_name, strlen(entry->d_name) + 1);
        errno = 0;
    }
    int result = -errno;
    closedir(directory);
    return buffer_failed(names) ? -ENOMEM : result;
}

static int
posix_exists(void *context, const char *path)
{
    (void)context;
    struct stat status;
    if (lstat(path, &status) == 0)
        return 1;
    return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}

static int
posix_identify(void *context, const char *path, uint64_t identity[2])
{
    (void)context;
    struct stat status;
    if (stat(path, &status) != 0)
        return -errno;
    identity[0] = (uint64_t)status.st_dev;
    identity[1] = (uint64_t)status.st_ino;
    return 0;
}

/* An open-file-description lock: unlike a POSIX lock it is not lost when some
 * other descriptor of the same file is closed. */
static int
set_lock(int fd, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return 0;
    return errno == EACCES ? -EAGAIN : -errno;
}

static int
posix_lock(void *context, int fd)
{
    (void)context;
    return set_lock(fd, F_WRLCK);
}

static int
posix_lock_shared(void *context, int fd)
{
    (void)context;
    return set_lock(fd, F_RDLCK);
}

static int
posix_unlock(void *context, int fd)
{
    (void)context;
    return set_lock(fd, F_UNLCK);
}

static int
posix_map(void *context, int fd, size_t size, const void **address)
{
    (void)context;
    void *mapped = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        return -errno;
    /* Disks are set to read megabytes ahead of a page that is touched, which
     * makes opening slow; who reads says what (posix_will_read). */
    (void)madvise(mapped, size, MADV_RANDOM);
    *address = mapped;
    return 0;
}

static void
posix_will_read(void *context, const void *address, size_t size)
{
    (void)context;
    uintptr_t start = (uintptr_t)address & ~(uintptr_t)4095;
    (void)madvise((void *)start, (uintptr_t)address + size - start,
                  MADV_WILLNEED);
}

static int
posix_unmap(void *context, const void *address, size_t size)
{
    (void)context;
    return munmap((void *)(uintptr_t)address, size) != 0 ? -errno : 0;
}

size_t
file_page_size(void)
{
    long size = sysconf(_SC_PAGESIZE);
    return size > 0 ? (size_t)size : 4096;
}

/* Large pages begin at multiples of this; where the memory goes to they should
 * too, so it is taken as far behind such a multiple as its place is. */
#define LARGE_PAGE ((size_t)2 * 1024 * 1024)

static int
posix_memory(void *context, size_t size, const void *place, void **memory)
{
    (void)context;
    bool is_large = size >= LARGE_PAGE && size <= SIZE_MAX - LARGE_PAGE;
    size_t taken = is_large ? size + LARGE_PAGE : size;
    char *area = mmap(NULL, taken, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED)
        return -errno;
    *memory = area;
    if (!is_large)
        return 0;
    size_t before = ((uintptr_t)place - (uintptr_t)area) % LARGE_PAGE;
    if (before > 0)
        munmap(area, before);
    munmap(area + before + size, LARGE_PAGE - before);
    *memory = area + before;
    (void)madvise(*memory, size, MADV_HUGEPAGE);
    return 0;
}

static int
posix_take_place(void *context, void *memory, size_t size, const void *place)
{
    (void)context;
    if (mprotect(memory, size, PROT_READ) != 0)
        return -errno;
    void *moved = mremap(memory, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
                         (void *)(uintptr_t)place);
    return moved == MAP_FAILED ? -errno : 0;
}

static int
posix_map_at(void *context, int fd, size_t size, uint64_t offset,
             const void *place)
{
    (void)context;
    void *mapped = mmap((void *)(uintptr_t)place, size, PROT_READ,
                        MAP_SHARED | MAP_FIXED, fd, (off_t)offset);
    if (mapped == MAP_FAILED)
        return -errno;
    (void)madvise(mapped, size, MADV_RANDOM);
    return 0;
}

static int64_t
posix_now(void *context)
{
    (void)context;
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return 0;
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int
posix_random(void *context, void *data, size_t size)
{
    (void)context;
    char *to = data;
    while (size > 0) {
        ssize_t got = getrandom(to, size, 0);
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got > 0) {
            to += got;
            size -= (size_t)got;
        }
    }
    return 0;
}

const Vfs posix_vfs = {
    .context = NULL,
    .open = posix_open,
    .close = posix_close,
    .pread = posix_pread,
    .pwrite = posix_pwrite,
    .read_at_random = posix_read_at_random,
    .fdatasync = posix_fdatasync,
    .will_sync = posix_will_sync,
    .ftruncate = posix_ftruncate,
    .allocate = posix_allocate,
    .size = posix_size,
    .rename = posix_rename,
    .unlink = posix_unlink,
    .mkdir = posix_mkdir,
    .rmdir = posix_rmdir,
    .sync_directory = posix_sync_directory,
    .list = posix_list,
    .exists = posix_exists,
    .identify = posix_identify,
    .lock = posix_lock,
    .lock_shared = posix_lock_shared,
    .unlock = posix_unlock,
    .map = posix_map,
    .unmap = posix_unmap,
    .memory = posix_memory,
    .take_place = posix_take_place,
    .map_at = posix_map_at,
    .will_read = posix_will_read,
    .now = posix_now,
    .random = posix_random,
};
