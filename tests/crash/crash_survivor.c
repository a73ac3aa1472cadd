/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash_survivor.c - what a loss of power leaves of a trace.
 *
 * Each file has `durable` bytes and a list of pending changes; each name is
 * durable or pending. A sync moves pending to durable. At the end, `durable`
 * and the pending changes that the state lets survive are put together and
 * written out. Pieces of a write survive by sectors of 512 bytes; a change of a
 * name survives or not as a whole.
 */
#include "crash_trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

typedef enum StateKind {
    STATE_NONE,   /* only what was synced                           */
    STATE_ALL,    /* everything                                     */
    STATE_NAMES,  /* names, not contents                            */
    STATE_DATA,   /* contents, not names                            */
    STATE_SIZES,  /* names and sizes; the contents read as zeros    */
    STATE_RANDOM, /* each sector and each name by itself            */
    STATE_TORN,   /* all, but of the last write the first `part`    */
    STATE_ALONE,  /* change `part` only                             */
    STATE_BUT,    /* all but change `part`                          */
    STATE_PREFIX, /* all before change `part`                       */
} StateKind;

#define RANDOM_STATES 4u
#define TORN_STATES_MOST 8u

typedef struct State {
    StateKind kind;
    uint64_t part; /* RANDOM: which; TORN: bytes of the last write; then an
                      index into the trace */
} State;

/* What a file has: `bytes`, then zeros up to `size`. Files are mostly zeros
 * that were asked for ahead, and each state of each moment makes all of them.
 */
typedef struct Contents {
    Buffer bytes;
    size_t size;
} Contents;

/* A file while replaying. */
typedef struct Inode {
    Contents durable;
    size_t *pending; /* indexes into the trace */
    size_t pending_count;
    size_t pending_capacity;
} Inode;

typedef struct Name {
    const char *path;
    bool is_directory;
    uint32_t inode;
} Name;

typedef struct Names {
    Name *names;
    size_t count;
    size_t capacity;
} Names;

typedef struct Model {
    const CrashVfs *crash;
    size_t count; /* operations replayed */
    Inode *inodes;
    Names names;     /* durable ones                      */
    size_t *pending; /* changes of names, trace indexes   */
    size_t pending_count;
} Model;

/* ---- bytes ---- */

static void
set_size(Contents *contents, size_t size)
{
    contents->size = size;
    if (contents->bytes.size > size)
        contents->bytes.size = size;
}

size_t
crash_without_zeros(const char *data, size_t size)
{
    static const char zeros[SECTOR];
    while (size >= SECTOR && memcmp(data + size - SECTOR, zeros, SECTOR) == 0)
        size -= SECTOR;
    while (size > 0 && data[size - 1] == '\0')
        size--;
    return size;
}

/* At least so many of the bytes are there. */
static void
extend(Buffer *bytes, size_t size)
{
    size_t had = bytes->size;
    if (size <= had)
        return;
    if (buffer_reserve(bytes, size - had) == NULL)
        crash_abort("out of", "memory");
    memset(bytes->data + had, 0, size - had);
    bytes->size = size;
}

static void
put_bytes(Contents *contents, const char *data, size_t size, uint64_t offset)
{
    Buffer *bytes = &contents->bytes;
    size_t end = (size_t)offset + size;
    size_t count = crash_without_zeros(data, size);
    size_t middle = (size_t)offset + count; /* from here on: zeros */
    if (contents->size < end)
        contents->size = end;
    if (count > 0) {
        extend(bytes, middle);
        memcpy(bytes->data + offset, data, count);
    }
    if (middle < bytes->size)
        memset(bytes->data + middle, 0,
               (end < bytes->size ? end : bytes->size) - middle);
}

static void
apply_whole(Contents *contents, const Operation *operation)
{
    if (operation->kind == OPERATION_TRUNCATE)
        set_size(contents, (size_t)operation->offset);
    else
        put_bytes(contents, operation->data, operation->size,
                  operation->offset);
}

/* A coin for sector or name `piece` of operation `index`. */
static bool
coin(const State *state, size_t index, uint64_t piece)
{
    uint64_t x = (state->part + 1) * UINT64_C(0x9E3779B97F4A7C15) +
                 index * UINT64_C(0xBF58476D1CE4E5B9) + piece;
    x = (x ^ x >> 30) * UINT64_C(0x94D049BB133111EB);
    return (x >> 40 & 1) != 0;
}

static void
apply_sectors(Contents *contents, const Operation *operation,
              const State *state, size_t index)
{
    uint64_t end = operation->offset + operation->size;
    for (uint64_t at = operation->offset; at < end;) {
        uint64_t next = (at / SECTOR + 1) * SECTOR;
        if (next > end)
            next = end;
        if (coin(state, index, at / SECTOR))
            put_bytes(contents, operation->data + (at - operation->offset),
                      (size_t)(next - at), at);
        at = next;
    }
}

/* Of the states that choose whole changes. */
static bool
is_chosen(const State *state, size_t index)
{
    switch (state->kind) {
    case STATE_ALONE:
        return index == state->part;
    case STATE_BUT:
        return index != state->part;
    default:
        return index < state->part;
    }
}

/* Let a pending change of a file survive as far as the state says. */
static void
apply_pending(const Model *model, Contents *contents, size_t index,
              const State *state)
{
    const Operation *operation = &model->crash->operations[index];
    bool is_write = operation->kind != OPERATION_TRUNCATE;
    /* here only so that older ones do not win over it */
    if (operation->kind == OPERATION_SYNCED_WRITE) {
        apply_whole(contents, operation);
        return;
    }
    switch (state->kind) {
    case STATE_NONE:
    case STATE_NAMES:
        return;
    case STATE_ALL:
    case STATE_DATA:
        apply_whole(contents, operation);
        return;
    case STATE_SIZES:
        if (!is_write)
            apply_whole(contents, operation);
        else if (contents->size < operation->offset + operation->size)
            set_size(contents, (size_t)operation->offset + operation->size);
        return;
    case STATE_RANDOM:
        if (is_write)
            apply_sectors(contents, operation, state, index);
        else if (coin(state, index, 0))
            apply_whole(contents, operation);
        return;
    case STATE_TORN:
        if (is_write && index + 1 == model->count)
            put_bytes(contents, operation->data, (size_t)state->part,
                      operation->offset);
        else
            apply_whole(contents, operation);
        return;
    default:
        if (is_chosen(state, index))
            apply_whole(contents, operation);
        return;
    }
}

/* ---- names ---- */

static Name *
find_name(const Names *names, const char *path)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->names[i].path, path) == 0)
            return &names->names[i];
    }
    return NULL;
}

static void
put_name(Names *names, Name name)
{
    Name *known = find_name(names, name.path);
    if (known != NULL) {
        *known = name;
        return;
    }
    if (names->count == names->capacity) {
        names->capacity = names->capacity == 0 ? 32 : names->capacity * 2;
        names->names =
            realloc(names->names, names->capacity * sizeof *names->names);
        if (names->names == NULL)
            crash_abort("out of", "memory");
    }
    names->names[names->count++] = name;
}

static void
remove_name(Names *names, const char *path)
{
    Name *known = find_name(names, path);
    if (known != NULL)
        *known = names->names[--names->count];
}

static void
apply_name(Names *names, const Operation *operation)
{
    switch (operation->kind) {
    case OPERATION_CREATE:
        put_name(names, (Name){operation->path, false, operation->inode});
        return;
    case OPERATION_MKDIR:
        put_name(names, (Name){operation->path, true, 0});
        return;
    case OPERATION_RENAME:
        remove_name(names, operation->path);
        put_name(names, (Name){operation->other_path, false, operation->inode});
        return;
    default:
        remove_name(names, operation->path);
        return;
    }
}

static bool
name_survives(const State *state, size_t index)
{
    switch (state->kind) {
    case STATE_NONE:
    case STATE_DATA:
        return false;
    case STATE_RANDOM:
        return coin(state, index, UINT64_MAX);
    case STATE_ALONE:
    case STATE_BUT:
    case STATE_PREFIX:
        return is_chosen(state, index);
    default:
        return true;
    }
}

static bool
is_in(const char *path, const char *directory)
{
    size_t size = strlen(directory);
    if (size == 0)
        return strchr(path, '/') == NULL;
    return strncmp(path, directory, size) == 0 && path[size] == '/' &&
           strchr(path + size + 1, '/') == NULL;
}

/* ---- replaying ---- */

static void
add_pending(Inode *inode, size_t index)
{
    if (inode->pending_count == inode->pending_capacity) {
        inode->pending_capacity =
            inode->pending_capacity == 0 ? 16 : inode->pending_capacity * 2;
        inode->pending = realloc(inode->pending, inode->pending_capacity *
                                                     sizeof *inode->pending);
        if (inode->pending == NULL)
            crash_abort("out of", "memory");
    }
    inode->pending[inode->pending_count++] = index;
}

static void
sync_inode(const Model *model, Inode *inode)
{
    for (size_t i = 0; i < inode->pending_count; i++)
        apply_whole(&inode->durable,
                    &model->crash->operations[inode->pending[i]]);
    inode->pending_count = 0;
}

static void
sync_names(Model *model, const char *directory)
{
    size_t kept = 0;
    for (size_t i = 0; i < model->pending_count; i++) {
        const Operation *operation =
            &model->crash->operations[model->pending[i]];
        bool is_here = is_in(operation->path, directory) ||
                       (operation->other_path != NULL &&
                        is_in(operation->other_path, directory));
        if (is_here)
            apply_name(&model->names, operation);
        else
            model->pending[kept++] = model->pending[i];
    }
    model->pending_count = kept;
}

static void
replay(Model *model, size_t index)
{
    const Operation *operation = &model->crash->operations[index];
    Inode *inode = &model->inodes[operation->inode];
    switch (operation->kind) {
    case OPERATION_SYNCED_WRITE:
        /* also pending, so that an older pending one does not win later */
        apply_whole(&inode->durable, operation);
        add_pending(inode, index);
        return;
    case OPERATION_WRITE:
    case OPERATION_TRUNCATE:
        add_pending(inode, index);
        return;
    case OPERATION_SYNC:
        sync_inode(model, inode);
        return;
    case OPERATION_FAILED_SYNC:
        inode->pending_count = 0;
        return;
    case OPERATION_SYNC_DIRECTORY:
        sync_names(model, operation->path);
        return;
    case OPERATION_NOTHING:
        return;
    default:
        model->pending[model->pending_count++] = index;
        return;
    }
}

static void
model_create(Model *model, const CrashVfs *crash, uint64_t operations)
{
    *model = (Model){.crash = crash, .count = (size_t)operations};
    model->inodes =
        crash_allocate((crash->inode_count + 1) * sizeof *model->inodes);
    model->pending = crash_allocate((model->count + 1) * sizeof(size_t));
    for (size_t i = 0; i < crash->initial_count; i++) {
        const InitialName *name = &crash->initial[i];
        put_name(&model->names,
                 (Name){name->path, name->is_directory, name->inode});
        if (name->is_directory)
            continue;
        Contents *durable = &model->inodes[name->inode].durable;
        put_bytes(durable, name->data, name->used, 0);
        durable->size = name->size;
    }
    for (size_t i = 0; i < model->count; i++)
        replay(model, i);
}

static void
model_destroy(Model *model)
{
    for (uint32_t i = 0; i <= model->crash->inode_count; i++) {
        buffer_free(&model->inodes[i].durable.bytes);
        free(model->inodes[i].pending);
    }
    free(model->inodes);
    free(model->names.names);
    free(model->pending);
}

static bool
has_pending(const Model *model)
{
    if (model->pending_count > 0)
        return true;
    for (uint32_t i = 0; i <= model->crash->inode_count; i++) {
        if (model->inodes[i].pending_count > 0)
            return true;
    }
    return false;
}

/* ---- states by number ---- */

static uint64_t
torn_states(const CrashVfs *crash, uint64_t operations)
{
    if (operations == 0)
        return 0;
    const Operation *last = &crash->operations[operations - 1];
    if (last->kind != OPERATION_WRITE || last->size == 0)
        return 0;
    uint64_t first_sector = last->offset / SECTOR;
    uint64_t last_sector = (last->offset + last->size - 1) / SECTOR;
    uint64_t count = last_sector - first_sector;
    return count < TORN_STATES_MOST ? count : TORN_STATES_MOST;
}

/* The first boundaries and the last ones. */
static uint64_t
torn_part(const CrashVfs *crash, uint64_t operations, uint64_t number)
{
    const Operation *last = &crash->operations[operations - 1];
    uint64_t first_sector = last->offset / SECTOR;
    uint64_t last_sector = (last->offset + last->size - 1) / SECTOR;
    uint64_t boundary = first_sector + 1 + number;
    if (number >= TORN_STATES_MOST / 2)
        boundary = last_sector - (torn_states(crash, operations) - 1 - number);
    return boundary * SECTOR - last->offset;
}

/* Changes that are not synced, by their place in the trace; free() it. */
static size_t *
changes_of(const CrashVfs *crash, uint64_t operations, size_t *count)
{
    Model model;
    model_create(&model, crash, operations);
    bool *is_pending = crash_allocate(model.count + 1);
    for (size_t i = 0; i < model.pending_count; i++)
        is_pending[model.pending[i]] = true;
    for (uint32_t i = 0; i <= crash->inode_count; i++)
        for (size_t k = 0; k < model.inodes[i].pending_count; k++)
            is_pending[model.inodes[i].pending[k]] = true;
    size_t *changes = crash_allocate((model.count + 1) * sizeof *changes);
    *count = 0;
    for (size_t i = 0; i < model.count; i++)
        if (is_pending[i] &&
            crash->operations[i].kind != OPERATION_SYNCED_WRITE)
            changes[(*count)++] = i;
    free(is_pending);
    model_destroy(&model);
    return changes;
}

static State
state_of(const CrashVfs *crash, uint64_t operations, uint64_t number)
{
    if (number < STATE_RANDOM)
        return (State){(StateKind)number, 0};
    number -= STATE_RANDOM;
    if (number < RANDOM_STATES)
        return (State){STATE_RANDOM, number};
    number -= RANDOM_STATES;
    uint64_t torn = torn_states(crash, operations);
    if (number < torn)
        return (State){STATE_TORN, torn_part(crash, operations, number)};
    number -= torn;
    size_t count;
    size_t *changes = changes_of(crash, operations, &count);
    State state = {STATE_ALL, 0};
    if (count > 0)
        state = (State){(StateKind)(STATE_ALONE + number % 3),
                        changes[number / 3 % count]};
    free(changes);
    return state;
}

uint64_t
crash_state_count(const CrashVfs *crash, uint64_t operations)
{
    Model model;
    model_create(&model, crash, operations);
    bool is_certain = !has_pending(&model);
    model_destroy(&model);
    if (is_certain)
        return 1;
    return STATE_RANDOM + RANDOM_STATES + torn_states(crash, operations);
}

uint64_t
crash_state_count_all(const CrashVfs *crash, uint64_t operations)
{
    uint64_t basic = crash_state_count(crash, operations);
    if (basic == 1)
        return 1;
    size_t count;
    free(changes_of(crash, operations, &count));
    return basic + 3 * count;
}

uint64_t
crash_unsynced(const CrashVfs *crash, uint64_t operations, const char *part)
{
    size_t count;
    uint64_t unsynced = 0;
    size_t *changes = changes_of(crash, operations, &count);
    for (size_t i = 0; i < count; i++) {
        const Operation *operation = &crash->operations[changes[i]];
        bool is_data = operation->kind == OPERATION_WRITE ||
                       operation->kind == OPERATION_TRUNCATE;
        if (is_data && strstr(crash_path(crash, operation), part) != NULL)
            unsynced++;
    }
    free(changes);
    return unsynced;
}

const char *
crash_state_name(CrashVfs *crash, uint64_t operations, uint64_t number)
{
    static const char *const names[] = {"none",  "all",    "names", "data",
                                        "sizes", "random", "torn",  "alone",
                                        "but",   "before"};
    State state = state_of(crash, operations, number);
    snprintf(crash->words, sizeof crash->words, "%s %llu", names[state.kind],
             (unsigned long long)state.part);
    return crash->words;
}

/* ---- writing it out ---- */

/* Zeros at the end are left to the size. */
static void
write_out(const char *path, const Contents *contents)
{
    int fd = posix_vfs.open(NULL, path, FILE_CREATE);
    const Buffer *bytes = &contents->bytes;
    if (fd < 0 || posix_vfs.ftruncate(NULL, fd, contents->size) != 0)
        crash_abort("could not create", path);
    for (size_t at = 0; at < bytes->size;) {
        ssize_t put =
            posix_vfs.pwrite(NULL, fd, bytes->data + at, bytes->size - at, at);
        if (put <= 0)
            crash_abort("could not write", path);
        at += (size_t)put;
    }
    posix_vfs.close(NULL, fd);
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(((const Name *)a)->path, ((const Name *)b)->path);
}

/* A name whose directory did not survive is lost with it; sorted by path, the
 * directory comes first. */
static bool
has_parent(const Names *names, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return true;
    char parent[4096];
    snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
    const Name *name = find_name(names, parent);
    return name != NULL && name->is_directory && has_parent(names, parent);
}

/* What survives of a file. */
static void
file_contents(const Model *model, const Name *name, const State *state,
              Contents *contents)
{
    const Inode *inode = &model->inodes[name->inode];
    const Contents *durable = &inode->durable;
    *contents = (Contents){.bytes = BUFFER_INIT};
    put_bytes(contents, durable->bytes.data, durable->bytes.size, 0);
    contents->size = durable->size;
    for (size_t i = 0; i < inode->pending_count; i++)
        apply_pending(model, contents, inode->pending[i], state);
    contents->bytes.size =
        crash_without_zeros(contents->bytes.data, contents->bytes.size);
}

static void
write_name(const Model *model, const Name *name, const State *state,
           const char *directory)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name->path);
    if (name->is_directory) {
        if (posix_vfs.mkdir(NULL, path) != 0)
            crash_abort("could not create", path);
        return;
    }
    Contents contents;
    file_contents(model, name, state, &contents);
    write_out(path, &contents);
    buffer_free(&contents.bytes);
}

/* The names that survive, sorted, in model->names. */
static State
choose_names(Model *model, const CrashVfs *crash, uint64_t operations,
             uint64_t number)
{
    model_create(model, crash, operations);
    State state = state_of(crash, operations, number);
    for (size_t i = 0; i < model->pending_count; i++) {
        if (name_survives(&state, model->pending[i]))
            apply_name(&model->names, &crash->operations[model->pending[i]]);
    }
    if (model->names.count > 0)
        qsort(model->names.names, model->names.count, sizeof(Name),
              compare_names);
    return state;
}

void
crash_survivor(const CrashVfs *crash, uint64_t operations, uint64_t number,
               const char *directory)
{
    Model model;
    State state = choose_names(&model, crash, operations, number);
    if (posix_vfs.mkdir(NULL, directory) != 0)
        crash_abort("could not create", directory);
    for (size_t i = 0; i < model.names.count; i++) {
        if (has_parent(&model.names, model.names.names[i].path))
            write_name(&model, &model.names.names[i], &state, directory);
    }
    model_destroy(&model);
}

uint64_t
crash_survivor_hash(const CrashVfs *crash, uint64_t operations, uint64_t number)
{
    Model model;
    State state = choose_names(&model, crash, operations, number);
    uint64_t hash = 0;
    for (size_t i = 0; i < model.names.count; i++) {
        const Name *name = &model.names.names[i];
        if (!has_parent(&model.names, name->path))
            continue;
        hash = XXH3_64bits_withSeed(name->path, strlen(name->path), hash);
        if (name->is_directory)
            continue;
        Contents contents;
        file_contents(&model, name, &state, &contents);
        hash = XXH3_64bits_withSeed(contents.bytes.data, contents.bytes.size,
                                    hash + contents.size);
        buffer_free(&contents.bytes);
    }
    model_destroy(&model);
    return hash;
}
