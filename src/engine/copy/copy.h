/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy.h - files to batches: what COPY ... FROM reads.
 *
 * A format is one constant table of functions over a stream of bytes (a file,
 * plain or .zst, or what the host program hands over for STDIN). Values come
 * out converted to the fields' types. Files are hostile: every size is bounded
 * before memory is taken.
 */
#ifndef ENGINE_COPY_COPY_H
#define ENGINE_COPY_COPY_H

#include "base/file.h"
#include "engine/value/column.h"

/* A field to fill, in the order of the COPY's list (or of the collection). */
typedef struct CopyField {
    Slice name;
    Type type;
    bool is_dynamic; /* $meta: takes what no other field is called (JSON
                        formats) */
    bool has_default;
    Value default_value; /* for a field that a row does not mention; NULL
                            otherwise */
} CopyField;

/* WITH (...) of COPY; copy_option_set() knows names, ranges and which format
 * takes which. */
typedef struct CopyOptions {
    Slice
        format; /* "csv", "jsonl", "json", "npy"; empty: by the file's suffix */
    bool has_header; /* CSV, default: true when the file's first line names
                        fields of the list */
    bool header_is_set;
    char delimiter;  /* CSV; 0: ',', or a tab for a .tsv file */
    Slice null_text; /* CSV, default the unquoted empty string */
    bool null_is_set;
    bool skips_errors; /* ON_ERROR ignore: bad rows are left out and counted */
} CopyOptions;

void copy_options_init(CopyOptions *options);
/* One option as written; `value` is the value's text. INVALID_PARAMETER with
 * candidates. */
mql_status copy_option_set(CopyOptions *options, Slice name, Slice value,
                           Error *err);

typedef struct CopySource {
    const Vfs *vfs;
    const Slice *paths; /* one; npy: one for each field. NULL: `read` */
    uint32_t path_count;
    /* As in mql_on_copy_data(). */
    int64_t (*read)(void *context, char *buffer, size_t size);
    void *context;
    size_t chunk_size; /* bytes to read at once; 0: the usual. Tests make it
                          small */
} CopySource;

typedef struct CopyReader CopyReader;

/* Open; reads as much as is needed to know the format is right (a header, a
 * magic number). What the fields' and options' slices point to must outlive the
 * reader; the structs are copied. STDIN without a FORMAT is csv. */
mql_status copy_open(const CopySource *source, const CopyField *fields,
                     uint32_t field_count, const CopyOptions *options,
                     CopyReader **reader, Error *err);

/*
 * The next at most BATCH_ROWS rows (fewer when vectors are wide: about 8 MiB),
 * one column a field; count 0 at the end. The batch lives until `arena` is
 * reset. Errors carry the place in their detail: file, line (or row) and field:
 * `COPY items, line 3, field price: "abc"`.
 */
mql_status copy_next(CopyReader *reader, Arena *arena, Batch *batch,
                     Error *err);

/* "FILE, line 17" of a row of the last batch, for errors found later (a
 * duplicate key). */
void copy_place(const CopyReader *reader, uint32_t row, char *text,
                size_t size);

/* Bytes read of the input and their total (0: unknown), for progress. */
void copy_progress(const CopyReader *reader, uint64_t *done, uint64_t *total);
/* Rows left out by ON_ERROR ignore. */
uint64_t copy_skipped(const CopyReader *reader);
void copy_close(CopyReader *reader); /* NULL is allowed */

#endif
