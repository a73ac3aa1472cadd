/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node.c - making, finding and printing syntax nodes.
 *
 * A node knows how deep the tree below it is, so the limit is checked where the
 * tree grows and everything that walks it may recurse. The makers return NULL
 * once a failure is recorded; a NULL child is simply not there.
 */
#include "engine/sql/ast.h"
#include "engine/sql/parser.h"

#include "base/number.h"

#define VECTOR_SHOWN 8u /* elements of a vector that the printer shows */

static const char *const kind_names[] = {
#define NODE(kind) [NODE_##kind] = #kind,
#include "engine/sql/nodes.def"
#undef NODE
};

static const struct {
    uint32_t flag;
    const char *word;
} flag_names[] = {
    {FLAG_NOT, "not"},
    {FLAG_NOCASE, "nocase"},
    {FLAG_QUOTED, "quoted"},
    {FLAG_NULLS_FIRST, "nulls first"},
    {FLAG_NULLS_LAST, "nulls last"},
    {FLAG_ARRAY, "array"},
    {FLAG_LOCAL, "local"},
    {FLAG_GLOBAL, "global"},
    {FLAG_DISTINCT, "distinct"},
    {FLAG_LOSS, "allow loss"},
    {FLAG_OPERAND, "operand"},
};

/* ---- finding ---- */

const Node *
node_child(const Node *node, NodeKind kind)
{
    for (const Node *child = node->first; child != NULL; child = child->next) {
        if (child->kind == kind)
            return child;
    }
    return NULL;
}

const Node *
node_at(const Node *node, uint32_t i)
{
    const Node *child = node->first;
    while (child != NULL && i-- > 0)
        child = child->next;
    return child;
}

const char *
node_kind_name(NodeKind kind)
{
    return kind_names[kind];
}

/* ---- making ---- */

Node *
node_new(Parse *parse, NodeKind kind, Token at)
{
    Node *node = arena_new(parse->arena, Node);
    if (node == NULL) {
        error_no_memory(parse->err);
        return NULL;
    }
    node->kind = kind;
    node->depth = 1;
    node->position = parse_position(parse, at);
    node->text = SLICE_LITERAL("");
    return node;
}

Node *
node_add(Parse *parse, Node *parent, Node *child)
{
    if (parent == NULL || child == NULL)
        return parent;
    if (child->depth >= NODE_DEPTH_MOST) {
        parse_too_deep(parse, child->position);
        return NULL;
    }
    if (parent->count >= LIST_MOST) {
        error_at(parse->err, ERR_LIMIT_EXCEEDED, child->position,
                 "list has more than %u elements", LIST_MOST);
        return NULL;
    }

    if (parent->last == NULL)
        parent->first = child;
    else
        parent->last->next = child;
    parent->last = child;
    parent->count++;
    if (parent->depth <= child->depth)
        parent->depth = child->depth + 1;
    if (parent->position < 0)
        parent->position = child->position;
    return parent;
}

Node *
node_take(Parse *parse, Node *parent, Node *carrier)
{
    if (parent == NULL || carrier == NULL || carrier->first == NULL)
        return parent;
    if (parent->first == NULL && carrier->depth <= NODE_DEPTH_MOST) {
        parent->first = carrier->first;
        parent->last = carrier->last;
        parent->count = carrier->count;
        parent->depth = carrier->depth;
        return parent;
    }
    for (Node *child = carrier->first, *next; child != NULL; child = next) {
        next = child->next;
        child->next = NULL;
        if (node_add(parse, parent, child) == NULL)
            return NULL;
    }
    return parent;
}

Node *
node_turn(Parse *parse, Node *carrier, NodeKind kind, Token at)
{
    if (carrier == NULL)
        return node_new(parse, kind, at);
    carrier->kind = kind;
    carrier->position = parse_position(parse, at);
    return carrier;
}

Node *
node_with(Parse *parse, NodeKind kind, Token at, Node *first)
{
    return node_add(parse, node_new(parse, kind, at), first);
}

Node *
node_pair(Parse *parse, NodeKind kind, Token at, Node *first, Node *second)
{
    return node_add(parse, node_with(parse, kind, at, first), second);
}

Node *
node_word(Parse *parse, NodeKind kind, Token at, const char *text)
{
    Node *node = node_new(parse, kind, at);
    if (node != NULL)
        node->text = slice_of(text);
    return node;
}

Node *
node_named(Parse *parse, NodeKind kind, Token at, Token name)
{
    Node *node = node_new(parse, kind, at);
    if (node == NULL)
        return NULL;
    node->text = literal_name(parse, name);
    if (name.text[0] == '"' || name.text[0] == '`')
        node->flags |= FLAG_QUOTED;
    return node;
}

Node *
node_flag(Node *node, uint32_t flags)
{
    if (node != NULL)
        node->flags |= flags;
    return node;
}

/* ---- printing ---- */

static void
print_vector(Buffer *out, const Node *node)
{
    char text[NUMBER_TEXT_SIZE];

    buffer_append_text(out, " [");
    for (uint32_t i = 0; i < node->count && i < VECTOR_SHOWN; i++) {
        if (i > 0)
            buffer_append_text(out, ", ");
        number_print_float(text, node->floats[i]);
        buffer_append_text(out, text);
    }
    if (node->count > VECTOR_SHOWN)
        buffer_printf(out, ", ... %u in all", node->count);
    buffer_append_char(out, ']');
}

/* In double quotes, control characters and quotes escaped: one line stays one
 * line. */
static void
print_text(Buffer *out, Slice text)
{
    buffer_append_text(out, " \"");
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '"' || c == '\\')
            buffer_printf(out, "\\%c", c);
        else if ((unsigned char)c < ' ')
            buffer_printf(out, "\\x%02x", (unsigned char)c);
        else
            buffer_append_char(out, c);
    }
    buffer_append_char(out, '"');
}

static void
print_bytes(Buffer *out, Slice bytes)
{
    buffer_append_char(out, ' ');
    for (size_t i = 0; i < bytes.size; i++)
        buffer_printf(out, "%02x", (unsigned char)bytes.data[i]);
}

static bool
text_is_content(NodeKind kind)
{
    return kind == NODE_STRING || kind == NODE_DOUBLE_QUOTED;
}

static void
print_line(Buffer *out, const Node *node)
{
    char text[NUMBER_TEXT_SIZE];

    buffer_append_text(out, kind_names[node->kind]);
    if (node->kind == NODE_INTEGER || node->kind == NODE_PARAMETER)
        buffer_printf(out, " %lld", (long long)node->integer);
    if (node->kind == NODE_REAL) {
        number_print_double(text, node->real);
        buffer_printf(out, " %s", text);
    }
    if (node->kind == NODE_VECTOR)
        print_vector(out, node);
    else if (node->kind == NODE_SECRET)
        buffer_append_text(out, " ***");
    else if (node->kind == NODE_BYTES)
        print_bytes(out, node->text);
    else if (node->text.size > 0 || text_is_content(node->kind))
        print_text(out, node->text);

    for (size_t i = 0; i < sizeof flag_names / sizeof flag_names[0]; i++) {
        if (node->flags & flag_names[i].flag)
            buffer_printf(out, " %s", flag_names[i].word);
    }
    buffer_append_char(out, '\n');
}

/* Recursion is bounded by NODE_DEPTH_MOST. */
static void
print_tree(Buffer *out, const Node *node, uint32_t level)
{
    for (uint32_t i = 0; i < level; i++)
        buffer_append_text(out, "  ");
    print_line(out, node);
    for (const Node *child = node->first; child != NULL; child = child->next)
        print_tree(out, child, level + 1);
}

void
node_print(Buffer *out, const Node *node)
{
    print_tree(out, node, 0);
}
