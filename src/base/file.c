/* SPDX-License-Identifier: Apache-2.0 */
/* file.c - file_*(): the table's numbers turned into statuses with words. */
#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One call never moves more, so that a size fits every system's int. */
#define CALL_SIZE_MOST ((size_t)1 << 30)

static ErrorCode
code_of_errno(int errno_value)
{
    switch (errno_value) {
    case ENOENT:
        return ERR_UNDEFINED_FILE;
    case EEXIST:
        return ERR_DUPLICATE_FILE;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ERR_DISK_FULL;
    case ENOMEM:
        return ERR_OUT_OF_MEMORY;
    default:
        return ERR_IO_ERROR;
    }
}

mql_status
file_error(Error *err, int errno_value, const char *doing, const char *path)
{
    char words[128];
    const char *reason = strerror_r(errno_value, words, sizeof words);
    mql_status status =
        error_set(err, code_of_errno(errno_value), "could not %s \"%s\": %s",
                  doing, path, reason);
    if (errno_value == EFBIG)
        error_hint(err, "The process has a limit for the size of its files "
                        "(ulimit -f).");
    else if (status == MQL_FULL)
        error_hint(err, "Make room on the disk and try again; DROP, TRUNCATE, "
                        "and DELETE with VACUUM work on a full one.");
    return status;
}

/* What the system says when something else than a regular file has the name of
 * one of the database's; a socket is ENXIO. */
static bool
is_no_file(FileMode mode, int errno_value)
{
    return mode != FILE_READ &&
           (errno_value == ELOOP || errno_value == EINVAL ||
            errno_value == EISDIR || errno_value == ENXIO);
}

static mql_status
open_error(Error *err, int errno_value, FileMode mode, const char *path)
{
    if (is_no_file(mode, errno_value))
        return error_corrupt(err, path, -1, "\"%s\" is not a regular file",
                             path);
    return file_error(err, errno_value,
                      mode == FILE_CREATE ? "create file" : "open file", path);
}

mql_status
file_open(const Vfs *vfs, const char *path, FileMode mode, File *file,
          Error *err)
{
    *file = (File)FILE_CLOSED;
    char *copy = strdup(path);
    if (copy == NULL)
        return error_no_memory(err);
    int fd = vfs->open(vfs->context, path, mode);
    if (fd < 0) {
        free(copy);
        return open_error(err, -fd, mode, path);
    }
    *file = (File){vfs, fd, copy};
    return MQL_OK;
}

void
file_close(File *file)
{
    if (file->fd >= 0)
        file->vfs->close(file->vfs->context, file->fd);
    free(file->path);
    *file = (File)FILE_CLOSED;
}

mql_status
file_read(File *file, void *data, size_t size, uint64_t offset, Error *err)
{
    char *to = data;
    while (size > 0) {
        size_t piece = size < CALL_SIZE_MOST ? size : CALL_SIZE_MOST;
        ssize_t got =
            file->vfs->pread(file->vfs->context, file->fd, to, piece, offset);
        if (got < 0)
            return file_error(err, (int)-got, "read file", file->path);
        if (got == 0)
            return error_corrupt(err, file->path, (int64_t)offset,
                                 "unexpected end of file");
        to += got;
        size -= (size_t)got;
        offset += (uint64_t)got;
    }
    return MQL_OK;
}

void
file_read_at_random(const File *file)
{
    if (file->vfs->read_at_random != NULL)
        file->vfs->read_at_random(file->vfs->context, file->fd);
}

mql_status
file_write(File *file, const void *data, size_t size, uint64_t offset,
           Error *err)
{
    const char *from = data;
    while (size > 0) {
        size_t piece = size < CALL_SIZE_MOST ? size : CALL_SIZE_MOST;
        ssize_t put = file->vfs->pwrite(file->vfs->context, file->fd, from,
                                        piece, offset);
        if (put <= 0)
            return file_error(err, put == 0 ? ENOSPC : (int)-put, "write file",
                              file->path);
        from += put;
        size -= (size_t)put;
        offset += (uint64_t)put;
    }
    return MQL_OK;
}

void
file_will_sync(File *file, uint64_t offset, uint64_t size)
{
    if (file->vfs->will_sync != NULL)
        file->vfs->will_sync(file->vfs->context, file->fd, offset, size);
}

mql_status
file_sync(File *file, Error *err)
{
    int result = file->vfs->fdatasync(file->vfs->context, file->fd);
    if (result < 0)
        return file_error(err, -result, "sync file", file->path);
    return MQL_OK;
}

mql_status
file_truncate(File *file, uint64_t size, Error *err)
{
    int result = file->vfs->ftruncate(file->vfs->context, file->fd, size);
    if (result < 0)
        return file_error(err, -result, "truncate file", file->path);
    return MQL_OK;
}

mql_status
file_size(File *file, uint64_t *size, Error *err)
{
    int64_t result = file->vfs->size(file->vfs->context, file->fd);
    *size = 0;
    if (result < 0)
        return file_error(err, (int)-result, "stat file", file->path);
    *size = (uint64_t)result;
    return MQL_OK;
}

mql_status
file_map(File *file, size_t size, const void **address, Error *err)
{
    *address = NULL;
    int result = file->vfs->map(file->vfs->context, file->fd, size, address);
    if (result < 0)
        return file_error(err, -result, "map file", file->path);
    return MQL_OK;
}

mql_status
file_read_for(File *file, size_t size, uint64_t offset, const void *place,
              void **memory, Error *err)
{
    const Vfs *vfs = file->vfs;
    uint64_t end;
    *memory = NULL;
    TRY(file_size(file, &end, err));
    if (offset > end)
        return error_corrupt(err, file->path, (int64_t)end,
                             "unexpected end of file");
    size_t there = end - offset < size ? (size_t)(end - offset) : size;
    int result = vfs->memory(vfs->context, size, place, memory);
    if (result < 0)
        return file_error(err, -result, "take memory for file", file->path);
    mql_status status = file_read(file, *memory, there, offset, err);
    if (status == MQL_OK)
        return MQL_OK;
    vfs->unmap(vfs->context, *memory, size);
    *memory = NULL;
    return status;
}

mql_status
file_take_place(const Vfs *vfs, void *memory, size_t size, const void *place,
                Error *err)
{
    int result = vfs->take_place(vfs->context, memory, size, place);
    if (result < 0)
        return file_error(err, -result, "keep in memory", "a mapping");
    return MQL_OK;
}

mql_status
file_map_at(File *file, size_t size, uint64_t offset, const void *place,
            Error *err)
{
    const Vfs *vfs = file->vfs;
    int result = vfs->map_at(vfs->context, file->fd, size, offset, place);
    if (result < 0)
        return file_error(err, -result, "map file", file->path);
    return MQL_OK;
}

void
file_will_read(const Vfs *vfs, const void *address, size_t size)
{
    if (vfs->will_read != NULL)
        vfs->will_read(vfs->context, address, size);
}

void
file_unmap(const Vfs *vfs, const void *address, size_t size)
{
    if (address != NULL)
        vfs->unmap(vfs->context, address, size);
}

mql_status
file_rename(const Vfs *vfs, const char *from, const char *to, Error *err)
{
    int result = vfs->rename(vfs->context, from, to);
    if (result < 0)
        return file_error(err, -result, "rename file", from);
    return MQL_OK;
}

mql_status
file_remove(const Vfs *vfs, const char *path, Error *err)
{
    int result = vfs->unlink(vfs->context, path);
    if (result < 0 && result != -ENOENT)
        return file_error(err, -result, "remove file", path);
    return MQL_OK;
}

mql_status
directory_create(const Vfs *vfs, const char *path, Error *err)
{
    int result = vfs->mkdir(vfs->context, path);
    if (result < 0)
        return file_error(err, -result, "create directory", path);
    return MQL_OK;
}

mql_status
directory_sync(const Vfs *vfs, const char *path, Error *err)
{
    int result = vfs->sync_directory(vfs->context, path);
    if (result < 0)
        return file_error(err, -result, "sync directory", path);
    return MQL_OK;
}

mql_status
directory_create_durably(const Vfs *vfs, const char *path, bool *is_made,
                         Error *err)
{
    *is_made = false;
    char *parent = path_parent(path);
    if (parent == NULL)
        return error_no_memory(err);
    mql_status status = directory_create(vfs, path, err);
    *is_made = status == MQL_OK;
    if (status == MQL_OK)
        status = directory_sync(vfs, parent, err);
    free(parent);
    return status;
}

mql_status
directory_check(const Vfs *vfs, const char *path, Error *err)
{
    int fd = vfs->open(vfs->context, path, FILE_PLAIN);
    if (fd >= 0)
        vfs->close(vfs->context, fd);
    if (fd == -EISDIR)
        return MQL_OK;
    if (fd < 0 && fd != -ENOENT && !is_no_file(FILE_PLAIN, -fd))
        return file_error(err, -fd, "open", path);
    return error_corrupt(err, path, -1, "\"%s\" is not a folder", path);
}

mql_status
file_find(const Vfs *vfs, const char *path, bool *is_there, Error *err)
{
    int result = vfs->exists(vfs->context, path);
    *is_there = result == 1;
    if (result < 0)
        return file_error(err, -result, "look for", path);
    return MQL_OK;
}

bool
file_exists(const Vfs *vfs, const char *path)
{
    return vfs->exists(vfs->context, path) == 1;
}

/* ---- one directory in another ---- */

/* `path` is replaced by what it lies in, by its text or by what is there. */
static mql_status
go_up(Buffer *path, bool by_text, Error *err)
{
    if (by_text) {
        char *parent = path_parent(buffer_text(path));
        buffer_clear(path);
        if (parent != NULL)
            buffer_append_text(path, parent);
        path->failed = path->failed || parent == NULL;
        free(parent);
    } else {
        buffer_append_text(path, "/..");
    }
    return buffer_failed(path) ? error_no_memory(err) : MQL_OK;
}

/* Up to the nearest directory that is there: `identity` OUT. */
static mql_status
find_nearest(const Vfs *vfs, Buffer *path, uint64_t identity[2], Error *err)
{
    for (;;) {
        const char *text = buffer_text(path);
        int result = vfs->identify(vfs->context, text, identity);
        if (result == 0)
            return MQL_OK;
        bool is_last = strcmp(text, ".") == 0 || strcmp(text, "/") == 0;
        if (is_last || (result != -ENOENT && result != -ENOTDIR))
            return file_error(err, -result, "look for", text);
        TRY(go_up(path, true, err));
    }
}

/* From there to the root, which is in itself. A file has nothing in it, so that
 * what is above it does not matter. */
static mql_status
look_above(const Vfs *vfs, Buffer *path, const uint64_t wanted[2],
           bool *is_within, Error *err)
{
    uint64_t here[2];
    uint64_t below[2];
    TRY(find_nearest(vfs, path, here, err));
    do {
        *is_within = here[0] == wanted[0] && here[1] == wanted[1];
        memcpy(below, here, sizeof below);
        TRY(go_up(path, false, err));
        int result = vfs->identify(vfs->context, buffer_text(path), here);
        if (result < 0 && result != -ENOTDIR && !*is_within)
            return file_error(err, -result, "look for", buffer_text(path));
        if (result < 0)
            return MQL_OK;
    } while (!*is_within && (here[0] != below[0] || here[1] != below[1]));
    return MQL_OK;
}

mql_status
file_is_within(const Vfs *vfs, const char *path, const char *directory,
               bool *is_within, Error *err)
{
    uint64_t wanted[2];
    Buffer above = BUFFER_INIT;
    *is_within = false;
    int result = vfs->identify(vfs->context, directory, wanted);
    if (result < 0)
        return file_error(err, -result, "look for", directory);
    buffer_append_text(&above, path);
    mql_status status = buffer_failed(&above)
                            ? error_no_memory(err)
                            : look_above(vfs, &above, wanted, is_within, err);
    buffer_free(&above);
    return status;
}

char *
path_parent(const char *path)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    while (size > 0 && path[size - 1] != '/')
        size--;
    while (size > 1 && path[size - 1] == '/')
        size--;
    return size == 0 ? strdup(".") : strndup(path, size);
}

char *
path_join(const char *directory, const char *name)
{
    if (name[0] == '\0' || strcmp(name, ".") == 0 ||
        strchr(name, '/') != NULL || strstr(name, "..") != NULL)
        return NULL;
    size_t directory_size = strlen(directory);
    size_t name_size = strlen(name);
    bool has_slash = directory_size > 0 && directory[directory_size - 1] == '/';
    char *path = malloc(directory_size + name_size + 2);
    if (path == NULL)
        return NULL;
    memcpy(path, directory, directory_size);
    if (!has_slash)
        path[directory_size++] = '/';
    memcpy(path + directory_size, name, name_size + 1);
    return path;
}
