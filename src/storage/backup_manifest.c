/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_manifest.c - the manifest: a text of a line for each file, and a last
 * line with the hash of all before it.
 *
 * Hostile bytes are expected: the hash keeps out accidents, the strict form and
 * the order of the lines the rest. A name is only ever taken apart and compared
 * with the one that its ids give.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/backup.h"

#define MANIFEST_SIZE_MOST ((uint64_t)1 << 28)
#define FILE_NAME_SIZE 64u
#define HASH_TEXT_SIZE 33u

/* ---- names ---- */

static const struct {
    const char *folder;    /* NULL: none */
    const char *extension; /* NULL: the whole name is fixed */
    bool has_number;
} kinds[] = {
    [BACKUP_CATALOGUE] = {NULL, NULL, false},
    [BACKUP_LOG] = {"wal", "log", false},
    [BACKUP_SEGMENT] = {"segments", "seg", false},
    [BACKUP_INDEX] = {"segments", "idx", true},
    [BACKUP_DELETES] = {"segments", "del", true},
};

#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

/* Without the folder. */
static void
print_name(const BackupFile *file, const char *catalogue,
           char name[FILE_NAME_SIZE])
{
    const char *extension = kinds[file->kind].extension;
    if (extension == NULL)
        snprintf(name, FILE_NAME_SIZE, "%s", catalogue);
    else if (file->kind == BACKUP_LOG)
        snprintf(name, FILE_NAME_SIZE, "%020" PRIu64 ".%s", file->id,
                 extension);
    else if (kinds[file->kind].has_number)
        snprintf(name, FILE_NAME_SIZE, "%" PRIu64 "-%" PRIu64 ".%s", file->id,
                 file->number, extension);
    else
        snprintf(name, FILE_NAME_SIZE, "%" PRIu64 ".%s", file->id, extension);
}

/* With the folder. */
static void
print_place(const BackupFile *file, char place[FILE_NAME_SIZE])
{
    char name[FILE_NAME_SIZE];
    print_name(file, BACKUP_CATALOGUE_NAME, name);
    const char *folder = kinds[file->kind].folder;
    if (folder == NULL)
        snprintf(place, FILE_NAME_SIZE, "%s", name);
    else
        snprintf(place, FILE_NAME_SIZE, "%s/%.48s", folder, name);
}

/* Digits to a number; false: none, or more than fit. */
static bool
take_digits(Slice *text, uint64_t *number)
{
    size_t size = 0;
    *number = 0;
    while (size < text->size && text->data[size] >= '0' &&
           text->data[size] <= '9') {
        uint64_t digit = (uint64_t)(text->data[size] - '0');
        if (*number > (UINT64_MAX - digit) / 10)
            return false;
        *number = *number * 10 + digit;
        size++;
    }
    text->data += size;
    text->size -= size;
    return size > 0;
}

static bool
take_text(Slice *text, const char *expected)
{
    size_t size = strlen(expected);
    if (text->size < size || memcmp(text->data, expected, size) != 0)
        return false;
    text->data += size;
    text->size -= size;
    return true;
}

/* Whether `place` is the name of a file of that kind; its ids. */
static bool
parse_place(BackupKind kind, Slice place, BackupFile *file)
{
    Slice rest = place;
    char again[FILE_NAME_SIZE];
    *file = (BackupFile){.kind = kind};
    if (kinds[kind].extension != NULL) {
        if (!take_text(&rest, kinds[kind].folder) || !take_text(&rest, "/") ||
            !take_digits(&rest, &file->id))
            return false;
        if (kinds[kind].has_number &&
            (!take_text(&rest, "-") || !take_digits(&rest, &file->number)))
            return false;
    }
    print_place(file, again);
    return slice_equal(place, slice_of(again));
}

static bool
parse_any_place(Slice place, BackupFile *file)
{
    for (size_t kind = 0; kind < KIND_COUNT; kind++)
        if (parse_place((BackupKind)kind, place, file))
            return true;
    return false;
}

char *
backup_path(const char *directory, const BackupFile *file,
            const char *catalogue)
{
    char name[FILE_NAME_SIZE];
    print_name(file, catalogue, name);
    if (kinds[file->kind].folder == NULL)
        return path_join(directory, name);
    char *folder = path_join(directory, kinds[file->kind].folder);
    if (folder == NULL)
        return NULL;
    char *path = path_join(folder, name);
    free(folder);
    return path;
}

/* ---- the list ---- */

void
manifest_free(Manifest *manifest)
{
    free(manifest->files);
    *manifest = (Manifest)MANIFEST_INIT;
}

mql_status
manifest_add(Manifest *manifest, BackupFile file, Error *err)
{
    if (manifest->file_count == manifest->file_capacity) {
        size_t capacity =
            manifest->file_capacity == 0 ? 16 : manifest->file_capacity * 2;
        BackupFile *files = realloc(manifest->files, capacity * sizeof *files);
        if (files == NULL)
            return error_no_memory(err);
        manifest->files = files;
        manifest->file_capacity = capacity;
    }
    manifest->files[manifest->file_count++] = file;
    return MQL_OK;
}

uint64_t
manifest_bytes(const Manifest *manifest)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < manifest->file_count; i++)
        bytes += manifest->files[i].size;
    return bytes;
}

static int
compare_files(const void *a, const void *b)
{
    const BackupFile *left = a;
    const BackupFile *right = b;
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    if (left->id != right->id)
        return left->id < right->id ? -1 : 1;
    return (left->number > right->number) - (left->number < right->number);
}

const BackupFile *
manifest_find(const Manifest *manifest, const BackupFile *file)
{
    return bsearch(file, manifest->files, manifest->file_count,
                   sizeof *manifest->files, compare_files);
}

/* ---- the text ---- */

static void
print_hash(Buffer *text, Hash128 hash)
{
    buffer_printf(text, "%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
}

static mql_status
hash_of(Slice bytes, Hash128 *hash, Error *err)
{
    Hasher *hasher = hasher_create();
    if (hasher == NULL)
        return error_no_memory(err);
    hasher_add(hasher, bytes.data, bytes.size);
    *hash = hasher_result(hasher);
    hasher_free(hasher);
    return MQL_OK;
}

static mql_status
print_manifest(const Manifest *manifest, Buffer *text, Error *err)
{
    buffer_printf(text,
                  "mql backup 1\ndatabase %016" PRIx64 "\nsequence %" PRIu64
                  "\ntime %" PRId64 "\nfiles %zu\n",
                  manifest->database, manifest->sequence, manifest->time,
                  manifest->file_count);
    for (size_t i = 0; i < manifest->file_count; i++) {
        const BackupFile *file = &manifest->files[i];
        char place[FILE_NAME_SIZE];
        print_place(file, place);
        buffer_printf(text, "file %s %" PRIu64 " ", place, file->size);
        print_hash(text, file->hash);
        buffer_append_char(text, '\n');
    }
    if (buffer_failed(text))
        return error_no_memory(err);
    Hash128 hash;
    TRY(hash_of(buffer_slice(text), &hash, err));
    buffer_append_text(text, "end ");
    print_hash(text, hash);
    buffer_append_char(text, '\n');
    return buffer_failed(text) ? error_no_memory(err) : MQL_OK;
}

static mql_status
write_text(const Vfs *vfs, const char *path, Slice text, Error *err)
{
    File file;
    TRY(file_open(vfs, path, FILE_CREATE, &file, err));
    mql_status status = file_write(&file, text.data, text.size, 0, err);
    if (status == MQL_OK)
        status = file_sync(&file, err);
    file_close(&file);
    return status;
}

mql_status
manifest_write(const Vfs *vfs, const char *directory, Manifest *manifest,
               Error *err)
{
    qsort(manifest->files, manifest->file_count, sizeof *manifest->files,
          compare_files);
    char *path = path_join(directory, BACKUP_MANIFEST);
    if (path == NULL)
        return error_no_memory(err);
    Buffer text = BUFFER_INIT;
    mql_status status = print_manifest(manifest, &text, err);
    if (status == MQL_OK)
        status = write_text(vfs, path, buffer_slice(&text), err);
    if (status == MQL_OK)
        status = directory_sync(vfs, directory, err);
    buffer_free(&text);
    free(path);
    return status;
}

/* ---- reading it ---- */

static bool
take_hex(Slice *text, uint64_t *number)
{
    if (text->size < 16)
        return false;
    *number = 0;
    for (size_t i = 0; i < 16; i++) {
        char c = text->data[i];
        if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
            return false;
        *number = *number << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    text->data += 16;
    text->size -= 16;
    return true;
}

static bool
take_hash(Slice *text, Hash128 *hash)
{
    return take_hex(text, &hash->high) && take_hex(text, &hash->low);
}

static bool
take_file(Slice *text, BackupFile *file)
{
    if (!take_text(text, "file "))
        return false;
    const char *blank = memchr(text->data, ' ', text->size);
    if (blank == NULL)
        return false;
    Slice place = {text->data, (size_t)(blank - text->data)};
    text->data += place.size;
    text->size -= place.size;
    return parse_any_place(place, file) && take_text(text, " ") &&
           take_digits(text, &file->size) && take_text(text, " ") &&
           take_hash(text, &file->hash) && take_text(text, "\n");
}

static bool
take_head(Slice *text, Manifest *manifest, uint64_t *count)
{
    uint64_t time;
    bool is_good =
        take_text(text, "mql backup 1\ndatabase ") &&
        take_hex(text, &manifest->database) && take_text(text, "\nsequence ") &&
        take_digits(text, &manifest->sequence) && take_text(text, "\ntime ") &&
        take_digits(text, &time) && take_text(text, "\nfiles ") &&
        take_digits(text, count) && take_text(text, "\n");
    manifest->time = is_good ? (int64_t)(time & INT64_MAX) : 0;
    return is_good;
}

/* The catalogue first, then in order: so that no file is there twice. */
static bool
follows(const Manifest *manifest, const BackupFile *file)
{
    if (manifest->file_count == 0)
        return file->kind == BACKUP_CATALOGUE;
    return compare_files(&manifest->files[manifest->file_count - 1], file) < 0;
}

static mql_status
parse_manifest(const char *path, Slice text, Manifest *manifest, Error *err)
{
    Slice rest = text;
    uint64_t count;
    Hash128 hash;
    Hash128 expected;
    if (!take_head(&rest, manifest, &count))
        return error_corrupt(err, path, -1, "damaged manifest of a backup");
    for (uint64_t i = 0; i < count; i++) {
        BackupFile file;
        Slice before = rest;
        if (!take_file(&rest, &file) || !follows(manifest, &file))
            return error_corrupt(err, path, before.data - text.data,
                                 "damaged manifest of a backup");
        TRY(manifest_add(manifest, file, err));
    }
    Slice body = {text.data, (size_t)(rest.data - text.data)};
    TRY(hash_of(body, &hash, err));
    if (count == 0 || !take_text(&rest, "end ") ||
        !take_hash(&rest, &expected) || !take_text(&rest, "\n") ||
        rest.size != 0 || hash.high != expected.high ||
        hash.low != expected.low)
        return error_corrupt(err, path,
                             body.size > INT64_MAX ? -1 : (int64_t)body.size,
                             "damaged manifest of a backup");
    return MQL_OK;
}

static mql_status
read_text(File *file, Buffer *text, Error *err)
{
    uint64_t size;
    TRY(file_size(file, &size, err));
    if (size > MANIFEST_SIZE_MOST)
        return error_corrupt(err, file->path, -1,
                             "damaged manifest of a backup");
    if (buffer_reserve(text, (size_t)size + 1) == NULL)
        return error_no_memory(err);
    TRY(file_read(file, text->data, (size_t)size, 0, err));
    text->size = (size_t)size;
    return MQL_OK;
}

static mql_status
open_manifest(const Vfs *vfs, const char *directory, const char *path,
              File *file, Error *err)
{
    Error failure = ERROR_INIT;
    mql_status status = file_open(vfs, path, FILE_PLAIN, file, &failure);
    if (status == MQL_NOT_FOUND) {
        error_set(err, ERR_UNDEFINED_FILE, "\"%s\" is not a backup", directory);
        error_detail(err, "There is no file \"%s\".", path);
        return error_hint(err, "A backup that was interrupted has none.");
    }
    if (status != MQL_OK && err->status == MQL_OK)
        *err = failure;
    return status;
}

mql_status
manifest_read(const Vfs *vfs, const char *directory, Manifest *manifest,
              Error *err)
{
    *manifest = (Manifest)MANIFEST_INIT;
    char *path = path_join(directory, BACKUP_MANIFEST);
    if (path == NULL)
        return error_no_memory(err);
    File file = FILE_CLOSED;
    Buffer text = BUFFER_INIT;
    mql_status status = open_manifest(vfs, directory, path, &file, err);
    if (status == MQL_OK)
        status = read_text(&file, &text, err);
    if (status == MQL_OK)
        status = parse_manifest(path, buffer_slice(&text), manifest, err);
    if (status != MQL_OK)
        manifest_free(manifest);
    file_close(&file);
    buffer_free(&text);
    free(path);
    return status;
}

/* ---- names on disk ---- */

static bool
is_place_known(const Manifest *manifest, const char *folder, const char *name)
{
    char place[FILE_NAME_SIZE];
    BackupFile file;
    int size = folder == NULL
                   ? snprintf(place, sizeof place, "%s", name)
                   : snprintf(place, sizeof place, "%s/%s", folder, name);
    return size > 0 && (size_t)size < sizeof place &&
           parse_any_place(slice_of(place), &file) &&
           manifest_find(manifest, &file) != NULL;
}

static bool
is_top_name(const char *name)
{
    return strcmp(name, BACKUP_MANIFEST) == 0 || strcmp(name, "wal") == 0 ||
           strcmp(name, "segments") == 0;
}

/* Takes the path. */
static mql_status
check_names(const Vfs *vfs, char *path, const char *folder,
            const Manifest *manifest, Error *err)
{
    if (path == NULL)
        return error_no_memory(err);
    Buffer names = BUFFER_INIT;
    mql_status status = MQL_OK;
    if (folder != NULL)
        status = directory_check(vfs, path, err);
    int result = status == MQL_OK ? vfs->list(vfs->context, path, &names) : 0;
    if (result < 0)
        status = file_error(err, -result, "read directory", path);
    for (size_t at = 0; status == MQL_OK && at < names.size;
         at += strlen(names.data + at) + 1) {
        const char *name = names.data + at;
        if ((folder == NULL && is_top_name(name)) ||
            is_place_known(manifest, folder, name))
            continue;
        status = error_corrupt(
            err, path, -1, "file \"%s\" is not in the backup's manifest", name);
    }
    buffer_free(&names);
    free(path);
    return status;
}

mql_status
backup_check_names(const Vfs *vfs, const char *directory,
                   const Manifest *manifest, Error *err)
{
    TRY(check_names(vfs, strdup(directory), NULL, manifest, err));
    TRY(check_names(vfs, path_join(directory, "wal"), "wal", manifest, err));
    return check_names(vfs, path_join(directory, "segments"), "segments",
                       manifest, err);
}
