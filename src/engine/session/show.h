/* SPDX-License-Identifier: Apache-2.0 */
/* show.h - definitions as text. */
#ifndef ENGINE_SESSION_SHOW_H
#define ENGINE_SESSION_SHOW_H

#include "engine/catalog/catalog.h"

/* "metric_type = 'L2', M = 16": what WITH (...) would say. */
void show_index_options(Buffer *out, const IndexDefinition *index);

/* "mmap.enabled = false". */
void show_mapping(Buffer *out, Mapping mapping);

/* "name = value, ...", in the order of their names, whenever each was set. */
void print_properties(Buffer *out, const Property *properties, uint32_t count);

/* The statements that make the collection and its indexes again. */
void print_create_collection(Buffer *out, const Collection *collection);

/* A name as the language needs it written: quoted when it is not plain. */
void print_name(Buffer *out, const char *name);

#endif
