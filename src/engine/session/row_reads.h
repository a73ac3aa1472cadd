/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row_reads.h - whether a change of rows tells what is in them.
 *
 * UPDATE, DELETE and ON CONFLICT DO UPDATE of one who may not read rows must
 * not answer questions about them, by their counts or in the words of an error.
 */
#ifndef ENGINE_SESSION_ROW_READS_H
#define ENGINE_SESSION_ROW_READS_H

#include "engine/catalog/catalog.h"
#include "engine/sql/ast.h"

/* Whether a value of the collection's rows goes into what the statement
 * assigns or into which rows it changes. Not so: rows that are named by their
 * keys, WHERE key = constant or key IN (constants), and EXCLUDED's. */
bool statement_reads_rows(const Node *statement, const Collection *collection);

#endif
