/* SPDX-License-Identifier: Apache-2.0 */
/* files.h - directories and whole files for tests; failures end the test. */
#ifndef TESTS_FILES_H
#define TESTS_FILES_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* clang-format off: cmocka needs these four before it */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "base/status.h"

/* The call succeeds, or the test ends with its words. */
#define OK(call)                                                               \
    do {                                                                       \
        Error ok_error = ERROR_INIT;                                           \
        Error *err = &ok_error;                                                \
        if ((call) != MQL_OK)                                                  \
            fail_msg("%s: %s: %s %s", #call, ok_error.sqlstate, ok_error.text, \
                     ok_error.detail);                                         \
    } while (0)

/* The call fails with this SQLSTATE. */
#define FAILS(state, call)                                                     \
    do {                                                                       \
        Error ok_error = ERROR_INIT;                                           \
        Error *err = &ok_error;                                                \
        assert_int_not_equal((call), MQL_OK);                                  \
        assert_string_equal(ok_error.sqlstate, (state));                       \
    } while (0)

typedef struct Bytes {
    char *data; /* malloc'ed */
    size_t size;
} Bytes;

/* A new empty directory in $TMPDIR, or in memory, or in /tmp; malloc'ed. */
static inline char *
temporary_directory(void)
{
    const char *base = getenv("TMPDIR");
    char path[512];
    if (base == NULL)
        base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(path, sizeof path, "%s/mql-test-XXXXXX", base);
    assert_non_null(mkdtemp(path));
    return strdup(path);
}

static inline char *
path_in(const char *directory, const char *name)
{
    size_t size = strlen(directory) + strlen(name) + 2;
    char *path = malloc(size);
    if (path == NULL)
        abort(); /* the compiler knows this to end here, unlike an assertion */
    snprintf(path, size, "%s/%s", directory, name);
    return path;
}

/* Depth is bounded by what the tests make. */
static inline void
remove_tree(const char *path)
{
    DIR *directory = opendir(path);
    if (directory == NULL) {
        unlink(path);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *child = path_in(path, entry->d_name);
        remove_tree(child);
        free(child);
    }
    closedir(directory);
    rmdir(path);
}

static inline void
write_file(const char *path, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    for (size_t at = 0; at < size;) {
        ssize_t put = pwrite(fd, (const char *)data + at, size - at, (off_t)at);
        assert_true(put > 0);
        at += (size_t)put;
    }
    close(fd);
}

static inline Bytes
read_file(const char *path)
{
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    Bytes bytes = {malloc((size_t)status.st_size + 1), (size_t)status.st_size};
    assert_non_null(bytes.data);
    for (size_t at = 0; at < bytes.size;) {
        ssize_t got = pread(fd, bytes.data + at, bytes.size - at, (off_t)at);
        assert_true(got > 0);
        at += (size_t)got;
    }
    close(fd);
    return bytes;
}

/* Deterministic: xorshift64*. */
static inline uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * UINT64_C(0x2545F4914F6CDD1D);
}

#endif
