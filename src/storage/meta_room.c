/* SPDX-License-Identifier: Apache-2.0 */
/* meta_room.c - how much a commit of the catalogue may write, and room for it.
 */
#include "storage/meta_room.h"

#include "base/buffer.h"
#include "storage/meta_format.h"

#define ROOM_STEP ((uint64_t)64 * 1024)
/* LMDB's own number of the tree of free pages. */
#define FREE_TREE ((MDB_dbi)0)

/* What a list of changes brings, the root included. */
typedef struct Load {
    uint64_t keys;
    uint64_t bytes; /* of those that stand in leaves */
    uint64_t overflow_pages;
} Load;

static Load
load_of(Slice changes, uint64_t page_size)
{
    Load load = {1, META_ROOT_SIZE, 0};
    Reader reader = reader_of(changes);
    while (reader_left(&reader) > 0 && !reader.failed) {
        bool is_put = read_u8(&reader) == META_PUT;
        uint64_t size = META_FRAME_SIZE + read_sized(&reader).size;
        if (is_put)
            size += read_sized(&reader).size;
        load.keys++;
        if (size > page_size / 2 - 64) /* less the headers */
            load.overflow_pages += size / page_size + 1;
        else
            load.bytes += size;
    }
    return load;
}

/*
 * Pages that a commit may write, if none of those that are free is used: each
 * one on the way to a key is copied, leaves are split, and the lists of free
 * pages are written anew. A page is split when two halves would not fit, so
 * that each quarter of a page that comes in makes one new page at most.
 */
static uint64_t
pages_for(const Load *load, const MDB_stat *tree, const MDB_stat *free_tree,
          uint64_t last_page)
{
    uint64_t page_size = tree->ms_psize;
    uint64_t depth = tree->ms_depth + (uint64_t)1;
    uint64_t copied = load->keys * depth;
    uint64_t all = (uint64_t)tree->ms_branch_pages + tree->ms_leaf_pages;
    uint64_t lists =
        (uint64_t)free_tree->ms_branch_pages + free_tree->ms_leaf_pages;
    if (copied > all)
        copied = all;
    return copied + depth + load->bytes / (page_size / 4) +
           load->overflow_pages + 2 * (lists + last_page * 8 / page_size) + 4;
}

static mql_status
write_room(MetaRoom *room, File *file, uint64_t end, Error *err)
{
    static const char zeros[ROOM_STEP];
    TRY(file_size(file, &room->size, err));
    while (room->size < end) {
        uint64_t size = ROOM_STEP - room->size % ROOM_STEP;
        TRY(file_write(file, zeros, (size_t)size, room->size, err));
        room->size += size;
    }
    return MQL_OK;
}

mql_status
meta_make_room(MetaRoom *room, MDB_txn *transaction, MDB_dbi tree,
               Slice changes, Error *err)
{
    MDB_envinfo info;
    MDB_stat stat, free_stat;
    if (mdb_env_info(mdb_txn_env(transaction), &info) != 0 ||
        mdb_stat(transaction, tree, &stat) != 0 ||
        mdb_stat(transaction, FREE_TREE, &free_stat) != 0)
        return error_set(err, ERR_INTERNAL_ERROR, "LMDB tells no sizes");
    Load load = load_of(changes, stat.ms_psize);
    uint64_t pages = info.me_last_pgno + 1 +
                     pages_for(&load, &stat, &free_stat, info.me_last_pgno);
    if (pages * stat.ms_psize <= room->size)
        return MQL_OK;
    File file;
    TRY(file_open(room->vfs, room->path, FILE_UPDATE, &file, err));
    mql_status status = write_room(room, &file, pages * stat.ms_psize, err);
    file_close(&file);
    return status;
}
