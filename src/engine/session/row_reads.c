/* SPDX-License-Identifier: Apache-2.0 */
/* row_reads.c - see row_reads.h. What is not known to read nothing reads. */
#include "engine/session/row_reads.h"

typedef struct Reading {
    const Collection *collection;
    Slice qualifier;   /* the collection, as the statement calls it */
    bool has_excluded; /* EXCLUDED.x is the proposed row's x        */
} Reading;

static bool
has_dynamic_field(const Collection *collection)
{
    for (uint32_t i = 0; i < collection->field_count; i++)
        if (collection->fields[i].is_dynamic)
            return true;
    return false;
}

/* A name may be a word such as current_user, quotes may hold a string. */
static bool
reads_name(const Reading *reading, const Node *node)
{
    if (collection_find_field(reading->collection, node->text) != -1)
        return true;
    return node->kind == NODE_NAME && has_dynamic_field(reading->collection);
}

static bool
is_called(const Node *node, Slice name)
{
    return node->kind == NODE_NAME && slice_equal_nocase(node->text, name);
}

/* The analyser's order: the collection's own name before EXCLUDED. */
static bool
reads_member(const Reading *reading, const Node *dot)
{
    if (is_called(dot->first, reading->qualifier))
        return true;
    return !reading->has_excluded ||
           !is_called(dot->first, SLICE_LITERAL("excluded"));
}

/* Recursion is bounded by NODE_DEPTH_MOST. */
static bool
reads(const Reading *reading, const Node *node)
{
    if (node->kind == NODE_NAME || node->kind == NODE_DOUBLE_QUOTED)
        return reads_name(reading, node);
    if (node->kind == NODE_DOT && node->first->kind == NODE_NAME)
        return reads_member(reading, node);
    for (const Node *child = node->first; child != NULL; child = child->next)
        if (reads(reading, child))
            return true;
    return false;
}

static bool
is_key(const Reading *reading, const Node *node)
{
    bool is_name = node->kind == NODE_NAME || node->kind == NODE_DOUBLE_QUOTED;
    bool is_member =
        node->kind == NODE_DOT && is_called(node->first, reading->qualifier);
    return (is_name || is_member) &&
           collection_find_field(reading->collection, node->text) ==
               (int32_t)reading->collection->primary;
}

/* key = constant, constant = key, key IN (constants) */
static bool
is_key_lookup(const Reading *reading, const Node *node)
{
    const Node *left = node->first;
    if (node->kind == NODE_IN)
        return (node->flags & FLAG_NOT) == 0 && is_key(reading, left) &&
               !reads(reading, left->next);
    if (node->kind != NODE_COMPARE ||
        !slice_equal(node->text, SLICE_LITERAL("=")))
        return false;
    return (is_key(reading, left) && !reads(reading, left->next)) ||
           (is_key(reading, left->next) && !reads(reading, left));
}

static bool
condition_reads(const Reading *reading, const Node *node)
{
    if (is_key_lookup(reading, node))
        return false;
    if (node->kind != NODE_AND && node->kind != NODE_OR)
        return reads(reading, node);
    for (const Node *child = node->first; child != NULL; child = child->next)
        if (condition_reads(reading, child))
            return true;
    return false;
}

/* Of UPDATE, DELETE and DO UPDATE: what is assigned, and which rows. */
static bool
change_reads(const Reading *reading, const Node *change)
{
    const Node *where = node_child(change, NODE_WHERE);
    for (const Node *assign = change->first; assign != NULL;
         assign = assign->next)
        if (assign->kind == NODE_ASSIGN && reads(reading, assign))
            return true;
    return where != NULL && condition_reads(reading, where->first);
}

bool
statement_reads_rows(const Node *statement, const Collection *collection)
{
    Reading reading = {collection, node_child(statement, NODE_NAME)->text,
                       false};
    if (statement->kind == NODE_UPDATE || statement->kind == NODE_DELETE)
        return change_reads(&reading, statement);
    const Node *conflict = node_child(statement, NODE_ON_CONFLICT);
    const Node *update =
        conflict == NULL ? NULL : node_child(conflict, NODE_DO_UPDATE);
    reading.has_excluded = true;
    return update != NULL && change_reads(&reading, update);
}
