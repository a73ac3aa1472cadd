/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trie.c - the kind TRIE: the distinct texts as a tree in which those that
 * begin alike share that beginning.
 *
 * A node is a run of bytes (its label) behind its parent's; below it lie the
 * keys from `first_key` to before `end_key`, so a prefix is one walk and one
 * stretch of places. Nodes lie level by level, the children of a node one
 * behind the other in the order of their first bytes. A child comes behind its
 * parent, so a walk ends whatever the file says.
 */
#include <stdlib.h>
#include <string.h>

#include "index/scalar/entries.h"

static const IndexOption no_options[] = {{.name = NULL}};

static const ScalarLayout trie_layout;

/* own[]: TrieNode each, and their labels one behind the other. */
enum { NODES, LABELS };

typedef struct TrieNode {
    uint64_t label; /* where it begins among the labels        */
    uint32_t label_size;
    uint32_t first_child; /* number of a node                        */
    uint32_t child_count; /* up to 256                               */
    uint32_t first_key;
    uint32_t end_key;
    uint32_t has_key; /* 1: key first_key ends here              */
} TrieNode;

_Static_assert(sizeof(TrieNode) == 32, "on-disk format");

/* ---- building ---- */

typedef struct TrieBuild {
    const Entries *entries;
    uint32_t *places; /* of each key its first pair              */
    TrieNode *nodes;
    uint32_t *depths; /* of each node: bytes above its label     */
    uint32_t count;
    uint64_t labels; /* bytes of all so far                     */
} TrieBuild;

static Slice
key_of(const TrieBuild *build, uint32_t key)
{
    return entries_bytes(build->entries, build->places[key]);
}

/* Keys in order begin alike as long as the first and the last do. */
static uint32_t
common_size(Slice a, Slice b, uint32_t from)
{
    uint32_t size = from;
    while (size < a.size && size < b.size && a.data[size] == b.data[size])
        size++;
    return size;
}

static void
add_node(TrieBuild *build, uint32_t depth, uint32_t first_key, uint32_t end_key)
{
    build->depths[build->count] = depth;
    build->nodes[build->count++] =
        (TrieNode){.first_key = first_key, .end_key = end_key};
}

/* The label of a node, and its children: keys that differ in the byte behind
 * it. */
static void
split_node(TrieBuild *build, uint32_t number)
{
    TrieNode *node = &build->nodes[number];
    uint32_t depth = build->depths[number];
    Slice first = key_of(build, node->first_key);
    uint32_t end = common_size(first, key_of(build, node->end_key - 1), depth);
    node->label = build->labels;
    node->label_size = end - depth;
    node->has_key = first.size == end;
    node->first_child = build->count;
    build->labels += node->label_size;

    uint32_t key = node->first_key + node->has_key, from = key;
    for (; key < node->end_key; key++) {
        bool is_last =
            key + 1 == node->end_key ||
            key_of(build, key).data[end] != key_of(build, key + 1).data[end];
        if (!is_last)
            continue;
        add_node(build, end, from, key + 1);
        from = key + 1;
    }
    build->nodes[number].child_count =
        build->count - build->nodes[number].first_child;
}

static mql_status
make_nodes(TrieBuild *build, Error *err)
{
    const Entries *entries = build->entries;
    uint32_t keys = 0;
    for (uint32_t i = 0; i < entries->count; i++)
        if (entries_is_new(entries, i))
            build->places[keys++] = i;
    if (keys > 0)
        add_node(build, 0, 0, keys);
    for (uint32_t i = 0; i < build->count; i++) {
        TRY(entries_poll(entries, i, err));
        split_node(build, i);
    }
    return MQL_OK;
}

static mql_status
write_labels(const TrieBuild *build, SectionWriter *writer, Error *err)
{
    TRY(section_begin(writer, (SectionId){SCALAR_SECTION_LABELS, 0}, err));
    for (uint32_t i = 0; i < build->count; i++) {
        const TrieNode *node = &build->nodes[i];
        Slice key = key_of(build, node->first_key);
        TRY(entries_poll(build->entries, i, err));
        if (node->label_size > 0)
            TRY(section_append(writer, key.data + build->depths[i],
                               node->label_size, err));
    }
    return MQL_OK;
}

static mql_status
write_nodes(TrieBuild *build, SectionWriter *writer, Error *err)
{
    TRY(make_nodes(build, err));
    TRY(section_write(writer, (SectionId){SCALAR_SECTION_NODES, 0},
                      build->nodes, build->count * sizeof *build->nodes, err));
    return write_labels(build, writer, err);
}

/* A tree of n keys has fewer than 2 n nodes: each other node has two children
 * or a key of its own and a child. */
static uint64_t
most_nodes(uint64_t keys)
{
    return 2 * keys + 1;
}

static mql_status
write_trie(Entries *entries, SectionWriter *writer, Error *err)
{
    uint64_t keys = entries->header.key_count, most = most_nodes(keys);
    TrieBuild build = {.entries = entries};
    build.places = malloc((keys + 1) * sizeof *build.places);
    build.nodes = malloc(most * sizeof *build.nodes);
    build.depths = malloc(most * sizeof *build.depths);
    mql_status status =
        build.places == NULL || build.nodes == NULL || build.depths == NULL
            ? error_no_memory(err)
            : write_nodes(&build, writer, err);
    free(build.places);
    free(build.nodes);
    free(build.depths);
    return status;
}

static uint64_t
trie_memory(const IndexBuild *input)
{
    uint64_t keys = input->scalars->entry_count;
    return entries_memory(input) + keys * sizeof(uint32_t) +
           most_nodes(keys) * (sizeof(TrieNode) + sizeof(uint32_t));
}

static mql_status
trie_build(const IndexBuild *input, SectionWriter *writer, Error *err)
{
    Entries entries;
    mql_status status = entries_sort(&entries, input, err);
    if (status == MQL_OK)
        status = write_trie(&entries, writer, err);
    if (status == MQL_OK)
        status = entries_write_starts(&entries, writer, err);
    if (status == MQL_OK)
        status = entries_write_rows(&entries, writer, err);
    if (status == MQL_OK)
        status = entries_write_header(&entries, &trie_layout, writer, err);
    entries_free(&entries);
    return status;
}

/* ---- reading ---- */

static uint32_t
node_count(const ScalarIndex *index)
{
    return (uint32_t)(index->own[NODES].size / sizeof(TrieNode));
}

static mql_status
find_sections(ScalarIndex *index, const IndexOpen *input, Error *err)
{
    (void)input;
    uint32_t keys = index->header.key_count;
    if (!section_find(index->file, (SectionId){SCALAR_SECTION_NODES, 0},
                      &index->own[NODES]) ||
        !section_find(index->file, (SectionId){SCALAR_SECTION_LABELS, 0},
                      &index->own[LABELS]))
        return scalar_wrong(index, "section", err);
    uint64_t size = index->own[NODES].size;
    if (size % sizeof(TrieNode) != 0 ||
        size / sizeof(TrieNode) > most_nodes(keys) ||
        (size == 0) != (keys == 0))
        return scalar_wrong(index, "section", err);
    return MQL_OK;
}

/* A node (below node_count) whose label, keys and children exist, and whose
 * children come behind it. */
static mql_status
read_node(const ScalarIndex *index, uint32_t number, TrieNode *node,
          Slice *label, Error *err)
{
    uint64_t offset = (uint64_t)number * sizeof *node;
    const Section *labels = &index->own[LABELS];
    *node = (TrieNode){0};
    *label = (Slice){NULL, 0};
    TRY(section_verify(index->file, &index->own[NODES], offset, sizeof *node,
                       err));
    memcpy(node, index->own[NODES].data + offset, sizeof *node);
    if (node->label > labels->size ||
        node->label_size > labels->size - node->label)
        return scalar_wrong(index, "label", err);
    if (node->first_key >= node->end_key ||
        node->end_key > index->header.key_count || node->has_key > 1 ||
        node->end_key - node->first_key < node->has_key + node->child_count)
        return scalar_wrong(index, "key", err);
    uint32_t count = node_count(index);
    if (node->child_count > 0 &&
        (node->first_child <= number || node->first_child > count ||
         node->child_count > count - node->first_child))
        return scalar_wrong(index, "node", err);
    *label = (Slice){labels->data + node->label, node->label_size};
    return node->label_size == 0
               ? MQL_OK
               : section_verify(index->file, labels, node->label,
                                node->label_size, err);
}

/* The child whose label begins with `byte` or, where there is none, the first
 * behind it; `number` OUT: first_child + child_count: none. */
static mql_status
find_child(const ScalarIndex *index, const TrieNode *node, unsigned char byte,
           uint32_t *number, Error *err)
{
    uint32_t low = node->first_child, high = low + node->child_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        TrieNode child;
        Slice label;
        TRY(read_node(index, middle, &child, &label, err));
        if (label.size == 0)
            return scalar_wrong(index, "label", err);
        if ((unsigned char)label.data[0] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    *number = low;
    return MQL_OK;
}

/* Where a walk stands: at a node, with what of the key is behind its label. */
typedef struct Walk {
    TrieNode node;
    Slice rest;
} Walk;

/* Whether the walk is over, because the label is not a beginning of the rest;
 * `place` OUT: then the answer. */
static bool
ends_in_label(const Bound *bound, const Walk *walk, Slice label,
              uint32_t *place)
{
    size_t size = label.size < walk->rest.size ? label.size : walk->rest.size;
    int order = size == 0 ? 0 : memcmp(label.data, walk->rest.data, size);
    if (order == 0 && size == label.size)
        return false;
    /* The rest is a beginning of the label: all below begin with the key. */
    if (order == 0)
        order = bound->is_prefix && bound->is_after ? -1 : 1;
    *place = order < 0 ? walk->node.end_key : walk->node.first_key;
    return true;
}

/* The key ends at this node. */
static uint32_t
place_at(const Bound *bound, const TrieNode *node)
{
    if (!bound->is_after)
        return node->first_key;
    return bound->is_prefix ? node->end_key : node->first_key + node->has_key;
}

static mql_status
trie_find(const ScalarIndex *index, Bound bound, uint32_t *place, Error *err)
{
    Walk walk = {.rest = bound.key->bytes};
    uint32_t number = 0;
    *place = 0;
    while (number < node_count(index)) {
        Slice label;
        TRY(read_node(index, number, &walk.node, &label, err));
        if (ends_in_label(&bound, &walk, label, place))
            return MQL_OK;
        if (label.size == walk.rest.size) {
            *place = place_at(&bound, &walk.node);
            return MQL_OK;
        }
        walk.rest.data += label.size;
        walk.rest.size -= label.size;
        const TrieNode *node = &walk.node;
        TRY(find_child(index, node, (unsigned char)walk.rest.data[0], &number,
                       err));
        *place = node->end_key;
        if (number == node->first_child + node->child_count)
            return MQL_OK;
    }
    return MQL_OK;
}

/* ---- checking ---- */

/* The children of a node share its keys among them, in order. */
static mql_status
check_children(const ScalarIndex *index, uint32_t number, const TrieNode *node,
               Error *err)
{
    uint32_t key = node->first_key + node->has_key;
    int before = -1;
    for (uint32_t i = 0; i < node->child_count; i++) {
        TrieNode child;
        Slice label;
        TRY(read_node(index, node->first_child + i, &child, &label, err));
        if (label.size == 0 || (unsigned char)label.data[0] <= before ||
            child.first_key != key)
            return scalar_wrong_key(index, "keys out of order", key, err);
        before = (unsigned char)label.data[0];
        key = child.end_key;
    }
    bool is_right = key == node->end_key &&
                    (number == 0 || node->child_count != 1 || node->has_key);
    return is_right ? MQL_OK
                    : scalar_wrong_key(index, "a wrong node", key, err);
}

/* Each node is the child of one before it, and labels lie one behind the
 * other. */
static mql_status
check_tree(const ScalarIndex *index, Error *err)
{
    uint32_t next = 1;
    uint64_t label_end = 0;
    for (uint32_t i = 0; i < node_count(index); i++) {
        TrieNode node;
        Slice label;
        TRY(read_node(index, i, &node, &label, err));
        bool is_right = node.label == label_end && node.first_child == next;
        if (i == 0)
            is_right = is_right && node.first_key == 0 &&
                       node.end_key == index->header.key_count;
        if (!is_right)
            return scalar_wrong_key(index, "a wrong node", node.first_key, err);
        label_end += node.label_size;
        next += node.child_count;
        TRY(check_children(index, i, &node, err));
    }
    bool is_whole = label_end == index->own[LABELS].size &&
                    (next == node_count(index) || node_count(index) == 0);
    return is_whole ? MQL_OK : scalar_wrong(index, "node", err);
}

/* The tree as a whole, once. */
static mql_status
trie_check_key(const ScalarIndex *index, uint32_t place, Error *err)
{
    return place == 0 ? check_tree(index, err) : MQL_OK;
}

static mql_status
trie_open(const IndexOpen *input, Index **index, Error *err)
{
    return scalar_open(&trie_layout, input, index, err);
}

extern const IndexKind trie_kind;

static const ScalarLayout trie_layout = {
    .kind = &trie_kind,
    .number = 3,
    .has_keys = false,
    .has_starts = true,
    .has_row_list = true,
    .open = find_sections,
    .find = trie_find,
    .add = scalar_add_listed,
    .check_key = trie_check_key,
    .check_rows = scalar_check_listed,
};

const IndexKind trie_kind = {
    .name = "TRIE",
    .synonym = "marisa-trie",
    .help = "texts as a tree of their beginnings, with the rows of each",
    .is_vector = false,
    .is_exact = true,
    .has_file = true,
    .scalars = SCALAR_SET(SCALAR_TEXT),
    .takes_arrays = false,
    .predicates = PREDICATES_OF_KEYS,
    .build_options = no_options,
    .search_options = no_options,
    .memory = trie_memory,
    .build = trie_build,
    .open = trie_open,
    .lookup = scalar_lookup,
    .estimate = scalar_estimate,
    .check = scalar_check,
    .close = scalar_close,
};
