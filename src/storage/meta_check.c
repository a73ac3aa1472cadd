/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta_check.c - walks the pages of an LMDB 0.9 file before LMDB does.
 *
 * LMDB trusts its file: one wrong page number, count or offset makes it read
 * outside of the map, miss keys, or hand out a page that is in use. So every
 * page that the newest of the two meta pages leads to is looked at first. What
 * is inside the values is meta.c's affair; their checksums follow.
 *
 * Layout (64 bits, little-endian), as in mdb.c of LMDB 0.9:
 *
 *   page     0 page number 8 | pad 2 | flags 2 | lower 2, upper 2 (overflow:
 * number of pages 4) | from 16 on offsets of nodes, 2 each node     low 2, high
 * 2, flags 2, key size 2 | key | data; in a leaf low and high are the data's
 * size, in a branch with the flags the child's number meta     page | magic 4,
 * version 4, address 8, map size 8 | free tree | main tree | last page 8,
 * transaction 8 tree     page size (in the free tree only) 4, flags 2, depth 2,
 * branch pages 8, leaf pages 8, overflow pages 8, entries 8, root 8
 *
 * The free tree's keys are transaction numbers, its values lists of free pages:
 * their number, then the pages, highest first.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/buffer.h"
#include "base/guard.h"
#include "storage/meta_format.h"

#define PAGE_HEADER 16u
#define NODE_HEADER 8u
#define DEPTH_MOST 32u
#define KEY_SIZE_MOST 511u
#define META_MAGIC 0xBEEFC0DEu
#define META_DATA_VERSION 1u
#define NO_PAGE UINT64_MAX
/* Pages behind the end of the file may be known to the free list only. */
#define PAGES_BEYOND ((uint64_t)1 << 20)
/* MDB_NOSUBDIR, which is remembered in the file, and MDB_INTEGERKEY. */
#define FREE_TREE_FLAGS 0x4008u

enum {
    PAGE_BRANCH = 0x01,
    PAGE_LEAF = 0x02,
    PAGE_OVERFLOW = 0x04,
    PAGE_META = 0x08,
};
enum { NODE_BIG = 0x01 };

typedef struct Tree {
    uint32_t page_size;
    uint16_t flags;
    uint16_t depth;
    uint64_t branch_pages;
    uint64_t leaf_pages;
    uint64_t overflow_pages;
    uint64_t entries;
    uint64_t root;
} Tree;

typedef struct MetaPage {
    Tree free_tree;
    Tree main_tree;
    uint64_t last_page;
    uint64_t transaction;
} MetaPage;

typedef struct Node {
    uint64_t child; /* in a branch */
    Slice key;
    Slice data; /* in a leaf, wherever it lies */
} Node;

/* The file, and what the walk has seen so far. */
typedef struct Walk {
    const char *path;
    const char *data;
    uint64_t size;
    uint64_t page_size;
    uint64_t pages; /* whole ones in the file */
    MetaPage meta;
    uint64_t *taken; /* a bit for each page up to the last: used or free */
    /* of the tree being walked */
    bool is_free_tree;
    Tree seen;
    Slice last_key; /* of the leaves so far */
} Walk;

static mql_status
damaged(const Walk *walk, uint64_t page, const char *what, Error *err)
{
    return error_corrupt(err, walk->path, (int64_t)(page * walk->page_size),
                         "damaged page of the catalogue: %s", what);
}

static void
read_tree(Reader *reader, Tree *tree)
{
    tree->page_size = read_u32(reader);
    tree->flags = read_u16(reader);
    tree->depth = read_u16(reader);
    tree->branch_pages = read_u64(reader);
    tree->leaf_pages = read_u64(reader);
    tree->overflow_pages = read_u64(reader);
    tree->entries = read_u64(reader);
    tree->root = read_u64(reader);
}

/* False: LMDB would not take this for a meta page either. */
static bool
read_meta_page(const Walk *walk, uint64_t number, MetaPage *meta)
{
    Reader reader = reader_of((Slice){walk->data + number * walk->page_size,
                                      (size_t)walk->page_size});
    uint64_t page = read_u64(&reader);
    read_u16(&reader);
    uint16_t flags = read_u16(&reader);
    read_u32(&reader);
    uint32_t magic = read_u32(&reader);
    uint32_t version = read_u32(&reader);
    read_u64(&reader);
    read_u64(&reader);
    read_tree(&reader, &meta->free_tree);
    read_tree(&reader, &meta->main_tree);
    meta->last_page = read_u64(&reader);
    meta->transaction = read_u64(&reader);
    return !reader.failed && page == number && flags == PAGE_META &&
           magic == META_MAGIC && version == META_DATA_VERSION &&
           meta->free_tree.page_size == walk->page_size &&
           meta->free_tree.flags == FREE_TREE_FLAGS &&
           meta->main_tree.flags == 0;
}

/* Transactions write the two pages in turn, so that their numbers tell if one
 * of them is not what was written. */
static bool
pick_meta_page(Walk *walk)
{
    MetaPage metas[2];
    if (walk->pages < 2 || !read_meta_page(walk, 0, &metas[0]) ||
        !read_meta_page(walk, 1, &metas[1]))
        return false;
    uint64_t even = metas[0].transaction;
    uint64_t odd = metas[1].transaction;
    bool is_new = even == 0 && odd == 0;
    bool is_in_turn = even % 2 == 0 && odd % 2 == 1 &&
                      (even > odd ? even - odd : odd - even) == 1;
    walk->meta = metas[odd > even];
    return is_new || is_in_turn;
}

/* Note that a page is in use or free; false: out of range or taken before. */
static bool
take_page(Walk *walk, uint64_t page)
{
    if (page < 2 || page > walk->meta.last_page ||
        bits_get(walk->taken, (size_t)page))
        return false;
    bits_set(walk->taken, (size_t)page);
    return true;
}

/* The page's header, when it is one that may be used for the first time. */
static const char *
use_page(Walk *walk, uint64_t number, uint16_t flags, Reader *header)
{
    if (number >= walk->pages || !take_page(walk, number))
        return NULL;
    const char *page = walk->data + number * walk->page_size;
    *header = reader_of((Slice){page, PAGE_HEADER});
    bool is_right = read_u64(header) == number;
    read_u16(header);
    is_right = read_u16(header) == flags && is_right;
    return is_right ? page : NULL;
}

/* A value of its own pages; its first page's number stands in the node. A value
 * that became smaller keeps its pages. */
static bool
read_big(Walk *walk, Slice number, size_t size, Slice *data)
{
    Reader reader = reader_of(number);
    uint64_t first = read_u64(&reader);
    Reader header;
    const char *page = use_page(walk, first, PAGE_OVERFLOW, &header);
    if (page == NULL)
        return false;
    uint64_t count = read_u32(&header);
    uint64_t needed = (PAGE_HEADER - 1 + (uint64_t)size) / walk->page_size + 1;
    if (count < needed || count > walk->pages - first)
        return false;
    for (uint64_t i = 1; i < count; i++) {
        if (!take_page(walk, first + i))
            return false;
    }
    walk->seen.overflow_pages += count;
    *data = (Slice){page + PAGE_HEADER, size};
    return true;
}

/* Take a node apart; its end within the page goes to `end`. */
static bool
read_node(Walk *walk, const char *page, size_t offset, bool is_leaf, Node *node,
          size_t *end)
{
    Reader reader = reader_of((Slice){page, (size_t)walk->page_size});
    reader.offset = offset;
    uint64_t low = read_u16(&reader);
    uint64_t high = read_u16(&reader);
    uint64_t flags = read_u16(&reader);
    uint16_t key_size = read_u16(&reader);
    node->key = read_bytes(&reader, key_size);
    node->child = low | high << 16 | flags << 32;
    bool is_right = !reader.failed && key_size <= KEY_SIZE_MOST;
    if (is_leaf) {
        size_t size = (size_t)(low | high << 16);
        bool is_big = flags == NODE_BIG;
        node->data = read_bytes(&reader, is_big ? 8 : size);
        is_right = is_right && !reader.failed && (flags == 0 || is_big) &&
                   key_size > 0;
        if (is_right && is_big)
            is_right = read_big(walk, node->data, size, &node->data);
    }
    *end = reader.offset;
    return is_right;
}

/* Transaction numbers are ordered as numbers, texts as bytes. */
static int
compare_keys(const Walk *walk, Slice a, Slice b)
{
    if (!walk->is_free_tree)
        return slice_compare(a, b);
    Reader reader_a = reader_of(a);
    Reader reader_b = reader_of(b);
    uint64_t x = read_u64(&reader_a);
    uint64_t y = read_u64(&reader_b);
    return (x > y) - (x < y);
}

/* A list of free pages: their number, then the pages, highest first. */
static bool
check_free_list(Walk *walk, const Node *node)
{
    Reader key = reader_of(node->key);
    uint64_t transaction = read_u64(&key);
    Reader reader = reader_of(node->data);
    uint64_t count = read_u64(&reader);
    uint64_t before = UINT64_MAX;
    if (node->key.size != 8 || transaction == 0 ||
        transaction > walk->meta.transaction || reader.failed ||
        node->data.size % 8 != 0 || count > reader_left(&reader) / 8)
        return false;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t page = read_u64(&reader);
        if (page >= before || !take_page(walk, page))
            return false;
        before = page;
    }
    return true;
}

/* A leaf's node: its key is above the one before and not below `bound`. */
static bool
check_leaf_node(Walk *walk, const Node *node, const Slice *bound)
{
    if (walk->is_free_tree && node->key.size != 8)
        return false;
    if (walk->seen.entries > 0 &&
        compare_keys(walk, node->key, walk->last_key) <= 0)
        return false;
    if (bound != NULL && compare_keys(walk, node->key, *bound) < 0)
        return false;
    walk->last_key = node->key;
    walk->seen.entries++;
    return !walk->is_free_tree || check_free_list(walk, node);
}

static mql_status walk_page(Walk *walk, uint64_t number, unsigned depth,
                            const Slice *bound, Error *err);

/* A branch's node `i`: above all keys before it; then its child. The first
 * one's key is never looked at and need not be there. */
static mql_status
walk_child(Walk *walk, const Node *node, uint64_t number, unsigned depth,
           const Slice *bound, Error *err)
{
    if (bound != NULL) {
        bool is_right = !walk->is_free_tree || bound->size == 8;
        if (!is_right || (walk->seen.entries > 0 &&
                          compare_keys(walk, *bound, walk->last_key) <= 0))
            return damaged(walk, number, "keys out of order", err);
    }
    return walk_page(walk, node->child, depth - 1, bound, err);
}

typedef struct Span {
    size_t start;
    size_t end;
} Span;

static int
compare_spans(const void *a, const void *b)
{
    const Span *x = a;
    const Span *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

/* No two nodes share bytes. */
static bool
spans_are_apart(Span *spans, size_t count)
{
    qsort(spans, count, sizeof *spans, compare_spans);
    for (size_t i = 1; i < count; i++) {
        if (spans[i].start < spans[i - 1].end)
            return false;
    }
    return true;
}

/* Check all nodes of a page, and below a branch all pages. */
static mql_status
walk_nodes(Walk *walk, const char *page, uint64_t number, unsigned depth,
           const Slice *bound, Span *spans, Error *err)
{
    Reader reader = reader_of((Slice){page, (size_t)walk->page_size});
    reader.offset = 12;
    size_t lower = read_u16(&reader);
    size_t upper = read_u16(&reader);
    size_t count = (lower - PAGE_HEADER) / 2;
    for (size_t i = 0; i < count; i++) {
        size_t offset = read_u16(&reader);
        Node node;
        bool is_right = offset >= upper && offset % 2 == 0 &&
                        offset <= walk->page_size - NODE_HEADER;
        spans[i].start = offset;
        if (!is_right ||
            !read_node(walk, page, offset, depth == 1, &node, &spans[i].end))
            return damaged(walk, number, "wrong node", err);
        if (depth == 1) {
            if (!check_leaf_node(walk, &node, bound))
                return damaged(walk, number, "wrong key or list", err);
        } else {
            const Slice *child_bound = i == 0 ? bound : &node.key;
            TRY(walk_child(walk, &node, number, depth, child_bound, err));
        }
    }
    if (!spans_are_apart(spans, count))
        return damaged(walk, number, "nodes overlap", err);
    return MQL_OK;
}

/* `depth` levels from here down to the leaves, at most DEPTH_MOST. Every key of
 * the page is at least `bound` (NULL: any). */
static mql_status
walk_page(Walk *walk, uint64_t number, unsigned depth, const Slice *bound,
          Error *err)
{
    bool is_leaf = depth == 1;
    Reader header;
    const char *page =
        use_page(walk, number, is_leaf ? PAGE_LEAF : PAGE_BRANCH, &header);
    if (page == NULL)
        return damaged(walk, number, "not a page of this tree", err);
    size_t lower = read_u16(&header);
    size_t upper = read_u16(&header);
    size_t least = is_leaf ? 1 : 2;
    if (lower < PAGE_HEADER + 2 * least || lower % 2 != 0 || lower > upper ||
        upper > walk->page_size)
        return damaged(walk, number, "wrong page header", err);
    walk->seen.leaf_pages += is_leaf;
    walk->seen.branch_pages += !is_leaf;
    size_t count = (lower - PAGE_HEADER) / 2;
    Span *spans = malloc(count * sizeof *spans);
    if (spans == NULL)
        return error_no_memory(err);
    mql_status status =
        walk_nodes(walk, page, number, depth, bound, spans, err);
    free(spans);
    return status;
}

static mql_status
walk_tree(Walk *walk, const Tree *tree, bool is_free_tree, Error *err)
{
    walk->is_free_tree = is_free_tree;
    walk->seen = (Tree){0};
    walk->last_key = (Slice){NULL, 0};
    if (tree->depth > DEPTH_MOST ||
        (tree->root == NO_PAGE) != (tree->depth == 0))
        return damaged(walk, 0, "wrong tree", err);
    if (tree->depth > 0)
        TRY(walk_page(walk, tree->root, tree->depth, NULL, err));
    const Tree *seen = &walk->seen;
    if (tree->entries != seen->entries ||
        tree->branch_pages != seen->branch_pages ||
        tree->leaf_pages != seen->leaf_pages ||
        tree->overflow_pages != seen->overflow_pages)
        return damaged(walk, 0, "wrong number of pages or keys", err);
    return MQL_OK;
}

/* What lies behind the end of the file must be known to be free. */
static bool
rest_is_free(const Walk *walk)
{
    for (uint64_t page = walk->pages; page <= walk->meta.last_page; page++) {
        if (!bits_get(walk->taken, (size_t)page))
            return false;
    }
    return true;
}

static mql_status
walk_file(Walk *walk, Error *err)
{
    if (walk->size < 2 * (uint64_t)4096)
        return error_corrupt(err, walk->path, (int64_t)walk->size,
                             "unexpected end of file");
    /* the free tree's first word says how large a page is */
    Reader reader = reader_of((Slice){walk->data, 4096});
    reader.offset = PAGE_HEADER + 24;
    walk->page_size = read_u32(&reader);
    if (walk->page_size < 512 || walk->page_size > 65536 ||
        (walk->page_size & (walk->page_size - 1)) != 0)
        return error_corrupt(err, walk->path, 0, "not a catalogue");
    walk->pages = walk->size / walk->page_size;
    if (!pick_meta_page(walk))
        return damaged(walk, 0, "wrong meta page", err);
    uint64_t last = walk->meta.last_page;
    if (last < 1 || last >= walk->pages + PAGES_BEYOND)
        return damaged(walk, 0, "wrong last page", err);
    walk->taken = calloc(bits_words((size_t)last + 1), sizeof *walk->taken);
    if (walk->taken == NULL)
        return error_no_memory(err);
    TRY(walk_tree(walk, &walk->meta.main_tree, false, err));
    TRY(walk_tree(walk, &walk->meta.free_tree, true, err));
    if (!rest_is_free(walk))
        return damaged(walk, walk->pages, "the file is too short", err);
    return MQL_OK;
}

/* Zeros where a page could not be read are damage too: the page is named. */
static mql_status
walk_guarded(Walk *walk, Error *err)
{
    uint64_t offset;
    Error found = ERROR_INIT;
    Guard *guard = guard_add(walk->data, (size_t)walk->size);
    if (guard == NULL)
        return error_no_memory(err);
    mql_status status = walk_file(walk, &found);
    if (guard_has_fault(guard, &offset))
        status = error_corrupt(err, walk->path, (int64_t)offset,
                               "the catalogue could not be read");
    else if (status != MQL_OK && err != NULL && err->status == MQL_OK)
        *err = found;
    guard_remove(guard);
    return status;
}

mql_status
meta_check_file(const Vfs *vfs, const char *path, Error *err)
{
    File file;
    Walk walk = {.path = path};
    const void *address = NULL;
    TRY(file_open(vfs, path, FILE_PLAIN, &file, err));
    mql_status status = file_size(&file, &walk.size, err);
    if (status == MQL_OK && walk.size == 0)
        status = error_corrupt(err, path, 0, "unexpected end of file");
    if (status == MQL_OK)
        status = file_map(&file, (size_t)walk.size, &address, err);
    file_close(&file);
    if (status != MQL_OK)
        return status;
    walk.data = address;
    status = walk_guarded(&walk, err);
    free(walk.taken);
    file_unmap(vfs, address, (size_t)walk.size);
    return status;
}
