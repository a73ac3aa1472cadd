/* SPDX-License-Identifier: Apache-2.0 */
/*
 * input.c - the bytes of one file or of STDIN, decompressed, through a window.
 *
 * The window holds what is not consumed yet. It is moved to the front of its
 * buffer when more is asked for, and each time as much is read as it holds, so
 * that a record which a format looks at anew after each piece costs no more
 * than twice its size.
 */
#include "engine/copy/copy_internal.h"

#define CHUNK_SIZE ((size_t)1 << 20)
#define MAGIC_SIZE 4u /* bytes that tell a compressed file */

/* Read at most `size` bytes behind those in `to`; is_read when there are none.
 */
static mql_status
read_raw(Input *input, Buffer *to, size_t size, Error *err)
{
    char *room = buffer_reserve(to, size);
    if (room == NULL)
        return error_no_memory(err);
    const CopySource *source = input->source;
    int64_t got;
    if (source->paths == NULL) {
        got = source->read(source->context, room, size);
        if (got < 0 || (uint64_t)got > size)
            return error_set(err, ERR_IO_ERROR, "could not read from STDIN");
    } else {
        const Vfs *vfs = input->file.vfs;
        got = vfs->pread(vfs->context, input->file.fd, room, size, input->read);
        if (got < 0)
            return file_error(err, (int)-got, "read file", input->name);
    }
    to->size += (size_t)got;
    input->read += (uint64_t)got;
    input->is_read = got == 0;
    return MQL_OK;
}

static bool
ends_with(Slice text, const char *ending)
{
    size_t size = strlen(ending);
    return text.size >= size &&
           slice_equal_nocase((Slice){text.data + text.size - size, size},
                              (Slice){ending, size});
}

bool
path_has_suffix(Slice path, const char *suffix)
{
    if (ends_with(path, ".zst"))
        path.size -= strlen(".zst");
    else if (ends_with(path, ".gz")) /* to be refused by its bytes */
        path.size -= strlen(".gz");
    return ends_with(path, suffix);
}

uint64_t
count_lines(Slice text)
{
    uint64_t count = 0;
    const char *end = text.data + text.size;
    const char *at = text.data;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        count++;
        at++;
    }
    return count;
}

mql_status
text_begin(Input *input, Error *err)
{
    TRY(input_need(input, 3, err));
    Slice start = input_window(input);
    if (start.size >= 3 && memcmp(start.data, "\xef\xbb\xbf", 3) == 0)
        input_consume(input, 3);
    if (start.size >= 2 && (memcmp(start.data, "\xff\xfe", 2) == 0 ||
                            memcmp(start.data, "\xfe\xff", 2) == 0))
        return error_set(err, ERR_ENCODING, "the file is UTF-16, not UTF-8");
    return MQL_OK;
}

/* Look at the first bytes and decide whether they must be decompressed. */
static mql_status
choose_packing(Input *input, Error *err)
{
    Buffer *packed = &input->packed;
    while (!input->is_read && packed->size < MAGIC_SIZE)
        TRY(read_raw(input, packed, input->chunk, err));
    if (unpack_is_packed(buffer_slice(packed)))
        return unpacker_create(&input->unpacker, err);
    if (ends_with(slice_of(input->name), ".zst"))
        return error_set(err, ERR_BAD_COPY_FORMAT, "\"%s\" is not a zstd file",
                         input->name);
    if (packed->size >= 2 && memcmp(packed->data, "\x1f\x8b", 2) == 0) {
        error_set(err, ERR_FEATURE_NOT_SUPPORTED,
                  "gzip files are not supported");
        return error_hint(err, "Files compressed with zstd are.");
    }
    /* They are the first of the window. */
    input->window = *packed;
    *packed = (Buffer)BUFFER_INIT;
    return MQL_OK;
}

/* The path as a C string in the arena. */
static mql_status
copy_path(Slice path, Arena *arena, const char **copy, Error *err)
{
    if (path.size == 0 || memchr(path.data, '\0', path.size) != NULL)
        return error_set(err, ERR_INVALID_PARAMETER,
                         "a file's name is empty or has a zero byte");
    char *text = arena_alloc(arena, path.size + 1);
    if (text == NULL)
        return error_no_memory(err);
    memcpy(text, path.data, path.size);
    *copy = text;
    return MQL_OK;
}

mql_status
input_open(Input *input, const CopySource *source, uint32_t path, Arena *arena,
           Error *err)
{
    *input = (Input){.name = "STDIN", .source = source, .file = FILE_CLOSED};
    input->chunk = source->chunk_size == 0 ? CHUNK_SIZE : source->chunk_size;
    if (source->paths != NULL) {
        TRY(copy_path(source->paths[path], arena, &input->name, err));
        TRY(file_open(source->vfs, input->name, FILE_READ, &input->file, err));
        TRY(file_size(&input->file, &input->total, err));
    }
    return choose_packing(input, err);
}

void
input_close(Input *input)
{
    unpacker_destroy(input->unpacker);
    buffer_free(&input->packed);
    buffer_free(&input->window);
    file_close(&input->file);
}

/* Decompress at most `size` bytes into the window; is_done at the end. */
static mql_status
unpack_more(Input *input, size_t size, Error *err)
{
    Buffer *packed = &input->packed;
    char *room = buffer_reserve(&input->window, size);
    if (room == NULL)
        return error_no_memory(err);
    for (;;) {
        Slice left = {packed->data + input->packed_begin,
                      packed->size - input->packed_begin};
        size_t done;
        TRY(unpacker_run(input->unpacker, &left, input->is_read, room, size,
                         &done, err));
        input->packed_begin = packed->size - left.size;
        input->window.size += done;
        if (done > 0)
            return MQL_OK;
        if (input->is_read) {
            input->is_done = true;
            return MQL_OK;
        }
        buffer_clear(packed);
        input->packed_begin = 0;
        TRY(read_raw(input, packed, input->chunk, err));
    }
}

mql_status
input_more(Input *input, Error *err)
{
    Buffer *window = &input->window;
    size_t kept = window->size - input->begin;
    if (kept >= RECORD_SIZE_MOST)
        return error_set(err, ERR_LIMIT_EXCEEDED,
                         "a record is longer than %zu bytes", RECORD_SIZE_MOST);
    if (input->begin > 0) {
        memmove(window->data, window->data + input->begin, kept);
        window->size = kept;
        input->begin = 0;
    }
    size_t want = kept > input->chunk ? kept : input->chunk;
    if (input->unpacker != NULL)
        return unpack_more(input, want, err);
    TRY(read_raw(input, window, want, err));
    input->is_done = input->is_read;
    return MQL_OK;
}

mql_status
input_need(Input *input, size_t size, Error *err)
{
    while (input->window.size - input->begin < size && !input->is_done)
        TRY(input_more(input, err));
    return MQL_OK;
}
