/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy_internal.h - what the files of this folder share.
 *
 * A reader stands between two sides: Input gives the bytes of a file, a format
 * finds the next record in them, and the row functions put its values into the
 * batch. A record is whole in the input's window when its values are taken.
 */
#ifndef ENGINE_COPY_INTERNAL_H
#define ENGINE_COPY_INTERNAL_H

#include "engine/copy/copy.h"

/* Bytes of one record at most: a row of 64 fields is far below. */
#define RECORD_SIZE_MOST ((size_t)64 << 20)
/* Bytes of values after which a batch ends. */
#define BATCH_SIZE_MOST ((size_t)8 << 20)

/* ---- input.c: the bytes of one file, decompressed ---- */

typedef struct Unpacker Unpacker;

typedef struct Input {
    const char *name; /* the path or STDIN; the reader's arena */
    const CopySource *source;
    File file;          /* closed for STDIN                    */
    uint64_t read;      /* bytes taken from the file           */
    uint64_t total;     /* of the file; 0: unknown             */
    Unpacker *unpacker; /* NULL: the bytes are as they are     */
    Buffer packed;      /* read, not yet decompressed          */
    size_t packed_begin;
    Buffer window; /* [begin, window.size) is not consumed */
    size_t begin;
    size_t chunk; /* bytes to read at once               */
    bool is_read; /* the file has no more                */
    bool is_done; /* nothing comes after the window      */
} Input;

/* `path`: which of the source's. Opens, looks at the first bytes. */
mql_status input_open(Input *input, const CopySource *source, uint32_t path,
                      Arena *arena, Error *err);
void input_close(Input *input);

/* Get more bytes behind those in the window, or set is_done. Moves the window's
 * bytes. LIMIT_EXCEEDED when the window may not grow any more. */
mql_status input_more(Input *input, Error *err);

/* At least `size` bytes in the window, unless the input ends before. */
mql_status input_need(Input *input, size_t size, Error *err);

static inline Slice
input_window(const Input *input)
{
    if (input->window.size == 0)
        return (Slice){"", 0};
    return (Slice){input->window.data + input->begin,
                   input->window.size - input->begin};
}

static inline void
input_consume(Input *input, size_t size)
{
    input->begin += size;
}

/* For formats of text: past a byte order mark; UTF-16 is refused. */
mql_status text_begin(Input *input, Error *err);

/* Ends of lines in it. */
uint64_t count_lines(Slice text);

/* ".csv" of "items.csv" and of "items.csv.zst"; case does not matter. */
bool path_has_suffix(Slice path, const char *suffix);

/* ---- unpack.c: zstd ---- */

bool unpack_is_packed(Slice start);
mql_status unpacker_create(Unpacker **unpacker, Error *err);
void unpacker_destroy(Unpacker *unpacker); /* NULL is allowed */
/*
 * Decompress from `packed` (its read part is cut off) into `size` bytes of
 * `data`; *done bytes were written. `is_last`: nothing follows `packed`.
 */
mql_status unpacker_run(Unpacker *unpacker, Slice *packed, bool is_last,
                        char *data, size_t size, size_t *done, Error *err);

/* ---- formats ---- */

typedef struct CopyFormat {
    const char *name;        /* as in WITH (FORMAT name)            */
    const char *suffixes[3]; /* of its files; NULL at the end       */
    const char *record;      /* what copy_place() counts: line, row */
    bool takes_csv_options;  /* HEADER, DELIMITER, NULL             */
    bool has_file_for_each_field;
    /* Look at the first bytes; may set reader->state. */
    mql_status (*open)(CopyReader *reader, Error *err);
    /*
     * The next record into the batch's current row; *found is false at the end.
     * has_record is set once the record is consumed, so that after a failure
     * the next call goes on behind it.
     */
    mql_status (*next)(CopyReader *reader, bool *found, Error *err);
} CopyFormat;

extern const CopyFormat csv_format;
extern const CopyFormat jsonl_format;
extern const CopyFormat json_format;
extern const CopyFormat npy_format;
/* Ends with NULL. */
extern const CopyFormat *const copy_formats[];

struct CopyReader {
    const CopyFormat *format;
    Arena arena; /* lives as long as the reader */
    CopySource source;
    CopyField *fields;
    uint32_t field_count;
    int32_t dynamic_field; /* position of $meta, -1: none */
    CopyOptions options;
    Input *inputs;
    uint32_t input_count;
    void *state; /* the format's, in `arena` */
    Buffer scratch;
    Buffer gathered; /* members of a JSON row that no field takes */
    uint64_t skipped;

    uint64_t line;     /* lines (npy: rows) before the next record */
    uint64_t place;    /* line or row of the current record, from 1 */
    bool has_record;   /* the current record is consumed            */
    int32_t bad_field; /* the field a failure is about, -1: none    */
    Slice bad_text;    /* what stood there                          */

    /* The batch being filled. */
    Arena *batch_arena;
    size_t batch_used;       /* of the arena, before the first row */
    ColumnBuilder *builders; /* one a field */
    float **vectors;         /* one a field: capacity * dim floats, or NULL */
    uint32_t row;
    uint32_t capacity;
    uint64_t *places; /* BATCH_ROWS; of the last batch */
};

/* ---- rows.c: values into the batch's current row ---- */

/* Make columns for a new batch. */
mql_status rows_begin(CopyReader *reader, Arena *arena, Error *err);
bool rows_full(const CopyReader *reader);
mql_status rows_finish(CopyReader *reader, Batch *batch, Error *err);

mql_status row_set(CopyReader *reader, uint32_t field, const Value *value,
                   Error *err);
/* Converted as the language converts a string. */
mql_status row_set_text(CopyReader *reader, uint32_t field, Slice text,
                        Error *err);
/* Where the current row's floats go; field has a vector type. */
float *row_vector(CopyReader *reader, uint32_t field);
/* What row_vector() pointed to is filled. */
mql_status row_set_vector(CopyReader *reader, uint32_t field, Error *err);
/* The row says nothing about the field: its default, or NULL. */
mql_status row_set_missing(CopyReader *reader, uint32_t field, Error *err);
/* Position of the field called so, -1: none. */
int32_t row_find_field(const CopyReader *reader, Slice name);
/* `column "x" of collection does not exist` with a candidate. */
mql_status row_unknown_field(const CopyReader *reader, Slice name, Error *err);
/* Errors of a record's form: UTF-8 is wrong. */
mql_status row_check_utf8(Slice record, Error *err);

/* ---- vector_text.c ---- */

/*
 * Read `dim` numbers, separated by commas, and `close` at the start of [at,
 * end) (behind the opening bracket). Returns the first byte after `close`.
 * NULL: the text is not that plain and must be read, and its fault be named, by
 * value_convert().
 */
const char *vector_text_read(const char *at, const char *end, char close,
                             float *floats, uint32_t dim);

#endif
