/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_parse.c - any bytes through the parser: a tree or a clean error.
 *
 * Besides not crashing: a statement ends within the text, a failure has words
 * and a place, a tree is as deep as it says, prints, and its vectors read as
 * lists. The text is parsed statement by statement, as a script is.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/sql/ast.h"

#define MEMORY_MOST (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
    if (!is_so)
        abort();
}

static void
check_vector(Arena *arena, const Node *vector)
{
    Error err = ERROR_INIT;
    const Node *list = NULL;
    if (node_vector_to_list(arena, vector, &list, &err) == MQL_OK)
        must(list->count == vector->count);
}

static uint32_t
check_tree(Arena *arena, const Node *node)
{
    uint32_t deepest = 0;
    uint32_t count = 0;
    if (node->kind == NODE_VECTOR) {
        check_vector(arena, node);
        return 1;
    }
    for (const Node *child = node->first; child != NULL; child = child->next) {
        uint32_t depth = check_tree(arena, child);
        deepest = depth > deepest ? depth : deepest;
        must(child->next != NULL || child == node->last);
        count++;
    }
    must(count == node->count);
    must(node->depth == deepest + 1);
    return node->depth;
}

static void
check_failure(const Error *err, size_t size)
{
    must(err->text[0] != '\0' && err->sqlstate[0] != '\0');
    must(err->position <= (int64_t)size);
}

static size_t
parse_one(const char *sql, size_t size)
{
    Arena arena;
    Error err = ERROR_INIT;
    Statement statement;
    Buffer out = BUFFER_INIT;

    arena_init(&arena, MEMORY_MOST);
    if (sql_parse(&arena, sql, size, &statement, &err) != MQL_OK) {
        check_failure(&err, size);
        must(statement.root == NULL);
    } else if (statement.root != NULL) {
        must(check_tree(&arena, statement.root) <= NODE_DEPTH_MOST);
        node_print(&out, statement.root);
    }
    must(statement.size <= size && (statement.size > 0 || size == 0));
    buffer_free(&out);
    arena_free(&arena);
    return statement.size;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *sql = (const char *)data;
    Arena arena;
    Error err = ERROR_INIT;
    const Node *root;

    arena_init(&arena, MEMORY_MOST);
    if (sql_parse_expression(&arena, sql, size, &root, &err) == MQL_OK &&
        root != NULL)
        check_tree(&arena, root);
    arena_free(&arena);

    while (size > 0) {
        size_t used = parse_one(sql, size);
        sql += used;
        size -= used;
    }
    return 0;
}
