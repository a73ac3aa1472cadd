/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index_fixture.h - building and opening an index in a directory of its own.
 *
 * Included by the tests of indexes; every function is static.
 */
#ifndef TESTS_INDEX_FIXTURE_H
#define TESTS_INDEX_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bits.h"
#include "base/file.h"
#include "index/index.h"

#define FIXTURE_IDENTITY ((SectionFileIdentity){11, 22, 33})

/* A built and opened index with what it was made of. */
typedef struct Fixture {
    char directory[64];
    char path[128];
    const IndexKind *kind;
    Metric metric;
    IndexOptions options;
    const VectorColumn *vectors;
    const ScalarColumn *scalars;
    uint32_t threads;
    SectionFile *file;
    Index *index;
    Error err;
} Fixture;

static inline int
sync_nothing(void *context, int fd)
{
    (void)context;
    (void)fd;
    return 0;
}

static inline int
sync_no_directory(void *context, const char *path)
{
    (void)context;
    (void)path;
    return 0;
}

/* The real files, but nobody waits for the disk. */
static inline const Vfs *
fixture_vfs(void)
{
    static Vfs vfs;
    vfs = posix_vfs;
    vfs.fdatasync = sync_nothing;
    vfs.sync_directory = sync_no_directory;
    return &vfs;
}

static inline uint64_t
next_random(uint64_t *seed)
{
    *seed ^= *seed << 13, *seed ^= *seed >> 7, *seed ^= *seed << 17;
    return *seed;
}

/* From -1 to 1. */
static inline float
random_float(uint64_t *seed)
{
    return (float)(next_random(seed) % 200001) / 100000.0f - 1.0f;
}

/* A vector of few directions, as those of real data are when they have many
 * elements: half a byte for each element tells them apart. */
static inline void
random_wave(uint64_t *seed, float *vector, uint32_t dim)
{
    float heights[6];
    for (uint32_t wave = 0; wave < 6; wave++)
        heights[wave] = random_float(seed);
    for (uint32_t i = 0; i < dim; i++) {
        vector[i] = 0.1f * random_float(seed);
        for (uint32_t wave = 0; wave < 6; wave++)
            vector[i] += heights[wave] *
                         (float)((i * (2 * wave + 3)) % 64 < 32 ? 1 : -1);
    }
}

static inline void
must(mql_status status, const Error *err)
{
    if (status != MQL_OK)
        fail_msg("%s (%s)", err->text, err->detail);
}

static inline void
fixture_init(Fixture *fixture, const IndexKind *kind, Metric metric)
{
    memset(fixture, 0, sizeof *fixture);
    strncpy(fixture->directory, "/tmp/test_index.XXXXXX",
            sizeof fixture->directory - 1);
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->path, sizeof fixture->path, "%s/index",
             fixture->directory);
    fixture->kind = kind;
    fixture->metric = metric;
    fixture->threads = 2;
    fixture->err.position = -1;
    index_options_default(kind->build_options, &fixture->options);
}

/* Write the file. */
static inline mql_status
fixture_build(Fixture *fixture, const atomic_bool *cancel)
{
    Error *err = &fixture->err;
    char path[160];
    SectionWriter *writer;
    Pool *pool;
    uint64_t size;
    snprintf(path, sizeof path, "%s.new", fixture->path);
    must(pool_create(fixture->threads, &pool, err), err);
    must(section_writer_create(fixture_vfs(), path, FIXTURE_IDENTITY, &writer,
                               err),
         err);
    IndexBuild input = {.metric = fixture->metric,
                        .options = &fixture->options,
                        .vectors = fixture->vectors,
                        .scalars = fixture->scalars,
                        .pool = pool,
                        .cancel = cancel};
    mql_status status = fixture->kind->build(&input, writer, err);
    if (status == MQL_OK)
        status = section_writer_finish(writer, fixture->path, &size, err);
    else
        section_writer_abort(writer);
    pool_destroy(pool);
    return status;
}

static inline mql_status
fixture_open(Fixture *fixture)
{
    Error *err = &fixture->err;
    fixture->file = NULL;
    fixture->index = NULL;
    if (fixture->kind->has_file)
        TRY(section_file_open(fixture_vfs(), fixture->path, FIXTURE_IDENTITY,
                              &fixture->file, err));
    IndexOpen input = {
        .metric = fixture->metric,
        .options = &fixture->options,
        .vectors = fixture->vectors,
        .key_type = fixture->scalars != NULL ? fixture->scalars->type : KEY_INT,
        .row_count = fixture->vectors != NULL ? fixture->vectors->count
                                              : fixture->scalars->row_count,
        .file = fixture->file};
    mql_status status = fixture->kind->open(&input, &fixture->index, err);
    if (status != MQL_OK) {
        section_file_close(fixture->file);
        fixture->file = NULL;
        fixture->index = NULL;
    }
    return status;
}

static inline void
fixture_close(Fixture *fixture)
{
    if (fixture->index != NULL)
        fixture->kind->close(fixture->index);
    if (fixture->file != NULL)
        section_file_close(fixture->file);
    fixture->index = NULL;
    fixture->file = NULL;
}

/* Build and open, both without failure, and check. */
static inline void
fixture_make(Fixture *fixture)
{
    if (fixture->kind->has_file)
        must(fixture_build(fixture, NULL), &fixture->err);
    must(fixture_open(fixture), &fixture->err);
    must(fixture->kind->check(fixture->index, &fixture->err), &fixture->err);
}

static inline void
fixture_free(Fixture *fixture)
{
    fixture_close(fixture);
    unlink(fixture->path);
    rmdir(fixture->directory);
}

/* The whole file, malloc'ed. */
static inline char *
fixture_bytes(const Fixture *fixture, size_t *size)
{
    FILE *file = fopen(fixture->path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*size);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

static inline void
fixture_put_bytes(const Fixture *fixture, const char *bytes, size_t size)
{
    FILE *file = fopen(fixture->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

#endif
