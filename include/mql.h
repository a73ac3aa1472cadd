/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mql.h - the whole public interface of mql, a vector database in a directory.
 *
 *     mql_db *db;
 *     mql_conn *conn;
 *     mql_error error = MQL_ERROR_INIT;
 *     if (mql_open("my.db", NULL, &db, &error) != MQL_OK)
 *         return fprintf(stderr, "%s\n", error.message);
 *     mql_connect(db, &conn, &error);
 *     mql_exec(conn, "CREATE COLLECTION c (id INT64 PRIMARY KEY, "
 *                    "v VECTOR(2))");
 *
 *     mql_stmt *stmt;
 *     mql_prepare(conn, "SEARCH c FOR $1 LIMIT 5", -1, &stmt, NULL);
 *     mql_bind_vector_f32(stmt, 1, query, 2, MQL_STATIC);
 *     while (mql_step(stmt) == MQL_ROW)
 *         printf("%lld %g\n", (long long)mql_column_int64(stmt, 0),
 *                mql_column_double(stmt, 1));
 *     mql_finalize(stmt);
 *
 * Conventions, valid for every function here unless its comment says otherwise:
 *   - a mql_status is returned; results come back through the last parameters;
 *   - on a failure the out parameters are NULL or zero, nothing has changed,
 *     and the words are in the mql_error the caller passed, or, where a
 *     connection or a statement was passed, in that connection until its next
 *     call: mql_error_get();
 *   - strings are UTF-8; sizes are in bytes, dimensions in elements, times in
 *     microseconds unless a name says otherwise;
 *   - a database may be used by many threads at once; a connection and its
 *     statements by one thread at a time (mql_interrupt() alone may be called
 *     from another thread or a signal handler), and not from its own callbacks;
 *   - a handle that is NULL, closed, of another kind, inherited from a parent
 *     process, or in use by another call is not used: MQL_MISUSE, or 0 or NULL
 *     where no status is returned; the handles of a child are its parent's;
 *   - no signal handler is installed but one for SIGBUS, which makes a disk
 *     that fails under a mapped file an error (MQL_CORRUPT) and hands all else
 *     to the handler that was there before. The limit for files (RLIMIT_FSIZE)
 *     is an error (MQL_FULL), no SIGXFSZ.
 */
#ifndef MQL_H
#define MQL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MQL_API __attribute__((visibility("default")))
#define MQL_MUST_CHECK __attribute__((warn_unused_result))

#define MQL_VERSION "0.1.0"
#define MQL_ABI_VERSION 1

typedef struct mql_db mql_db;
typedef struct mql_conn mql_conn;
typedef struct mql_stmt mql_stmt;

/* What a call came to. Negative values are never used. */
typedef int32_t mql_status;
enum {
    MQL_OK = 0,
    MQL_NO_MEMORY = 1, /* an allocation failed or a memory limit was reached */
    MQL_SYNTAX = 2,    /* the text is not a statement of MilvusQL            */
    MQL_INVALID = 3,   /* a value, type or argument is not allowed           */
    MQL_NOT_FOUND = 4, /* a named object does not exist                      */
    MQL_CONFLICT = 5,  /* exists already, duplicate key, locked, in use      */
    MQL_CORRUPT = 6,   /* a file fails its checksum or its invariants        */
    MQL_IO = 7,        /* the disk or the file system refused                */
    MQL_FULL = 8,      /* the disk is full                                   */
    MQL_INTERRUPTED = 9, /* mql_interrupt() or a timeout */
    MQL_READ_ONLY = 10, /* a change on a database that takes none             */
    MQL_UNSUPPORTED = 11, /* known to the language, not yet to the engine */
    MQL_MISUSE = 12,   /* a call that this interface forbids                 */
    MQL_INTERNAL = 13, /* a fault of mql itself                              */
    MQL_DENIED = 14, /* a wrong password, or a privilege that is not granted */
    MQL_ROW = 100,   /* mql_step(): a row is ready                         */
    MQL_DONE = 101   /* mql_step(): no more rows                           */
};

/* Types of result columns and parameters; the numbers are Milvus' DataType. */
enum {
    MQL_TYPE_NULL = 0,
    MQL_TYPE_BOOL = 1,
    MQL_TYPE_INT8 = 2,
    MQL_TYPE_INT16 = 3,
    MQL_TYPE_INT32 = 4,
    MQL_TYPE_INT64 = 5,
    MQL_TYPE_FLOAT = 10,
    MQL_TYPE_DOUBLE = 11,
    MQL_TYPE_VARCHAR = 21,
    MQL_TYPE_ARRAY = 22,
    MQL_TYPE_JSON = 23,
    MQL_TYPE_TIMESTAMPTZ = 26,
    MQL_TYPE_BINARY_VECTOR = 100,
    MQL_TYPE_FLOAT_VECTOR = 101,
    MQL_TYPE_FLOAT16_VECTOR = 102,
    MQL_TYPE_BFLOAT16_VECTOR = 103,
    MQL_TYPE_INT8_VECTOR = 105
};

/* A failure in full. `size` lets the struct grow; use MQL_ERROR_INIT. */
typedef struct mql_error {
    uint32_t size;     /* sizeof(mql_error), set by the caller              */
    int32_t status;    /* MQL_OK: no failure recorded                       */
    int64_t position;  /* byte offset into the statement's text, -1: none   */
    char sqlstate[8];  /* five characters and NUL, PostgreSQL's codes       */
    char message[512]; /* one line, lower case, no period                   */
    char detail[512];  /* a sentence, or empty                              */
    char hint[256];    /* a sentence, or empty                              */
} mql_error;

#define MQL_ERROR_INIT                                                         \
    {                                                                          \
        (uint32_t)sizeof(mql_error), 0, -1, "", "", "", ""                     \
    }

/* Who keeps bound memory alive. */
typedef enum mql_lifetime {
    MQL_STATIC = 0,   /* the caller, until rebound, cleared or finalized      */
    MQL_TRANSIENT = 1 /* mql: it copies before the call returns               */
} mql_lifetime;

/* ---- the library ---- */

/* MQL_VERSION and MQL_ABI_VERSION the library was built with. */
MQL_API const char *mql_version(void);
MQL_API int32_t mql_abi_version(void);

/* ---- databases and connections ---- */

typedef struct mql_open_options {
    uint32_t size;       /* sizeof(mql_open_options)                          */
    int32_t must_exist;  /* 1: fail with MQL_NOT_FOUND instead of creating    */
    int32_t must_be_new; /* 1: fail with MQL_CONFLICT when there is one       */
    int32_t threads;     /* of the pool; 0: as many as processors             */
    int32_t read_only;   /* 1: not a byte is written; changes are
                            MQL_READ_ONLY. Many processes may do so at once,
                            but none beside one that writes                  */
    /* Told what a person should know though no statement asked, from any
     * thread: a damaged file, an unfinished commit that was cut. NULL: nobody.
     * `severity` is "NOTICE" or "WARNING". */
    void (*log)(void *context, const char *severity, const char *message);
    void *log_context;
    int32_t no_jobs; /* 1: no thread of its own for background work        */
} mql_open_options;

#define MQL_OPEN_OPTIONS_INIT                                                  \
    {                                                                          \
        (uint32_t)sizeof(mql_open_options), 0, 0, 0, 0, NULL, NULL, 0          \
    }

/*
 * Open the database in directory `path`, creating it (mode 0700) if need be;
 * recovers after a crash.
 *
 *   path     a directory; NULL: a temporary database, removed by mql_close()
 *   options  NULL for the defaults
 *   db       OUT: owned by the caller, released with mql_close()
 *   error    OUT, may be NULL
 *
 * Errors: MQL_CONFLICT 55006 (another process has it open: the message names
 * it; or this one), MQL_CORRUPT,
 * MQL_IO, MQL_NOT_FOUND, MQL_NO_MEMORY.
 */
MQL_API MQL_MUST_CHECK mql_status mql_open(const char *path,
                                           const mql_open_options *options,
                                           mql_db **db, mql_error *error);

/* Close and free. Every connection must be closed before: MQL_MISUSE. NULL is
 * allowed. */
MQL_API mql_status mql_close(mql_db *db);

/*
 * Verify the backup that BACKUP DATABASE made in directory `backup`, and make
 * the database of it in `path`, which must not exist or be empty. After a crash
 * `path` is empty, or refused by mql_open(), or the whole database.
 *
 * Errors: MQL_CORRUPT (the backup is damaged), MQL_NOT_FOUND (no backup),
 * MQL_CONFLICT (`path` is not empty, or in use), MQL_IO, MQL_FULL,
 * MQL_NO_MEMORY.
 */
MQL_API MQL_MUST_CHECK mql_status mql_restore(const char *backup,
                                              const char *path,
                                              mql_error *error);

/* A connection to `db`: its session's settings, current database and last
 * error. Owned by the caller, released with mql_disconnect(). It is the user
 * root's; MQL_DENIED 28000 when root has a password. */
MQL_API MQL_MUST_CHECK mql_status mql_connect(mql_db *db, mql_conn **conn,
                                              mql_error *error);

/*
 * The same for a user. `password` NULL: none is given, which is enough as long
 * as root has none. Checking one takes some 20 ms by design
 * (`scram_iterations`); mql keeps no copy of it.
 *
 * In the process that has the files open users and grants are a guard rail
 * against mistakes, not a security boundary: who can read the files can read
 * the data.
 *
 * Errors: MQL_DENIED 28P01 (no such user, or another password: the same words
 * and the same time), 28000 (a password is needed).
 */
MQL_API MQL_MUST_CHECK mql_status mql_connect_as(mql_db *db, const char *user,
                                                 const char *password,
                                                 mql_conn **conn,
                                                 mql_error *error);

/* Release; its statements must be finalized before: MQL_MISUSE. NULL is
 * allowed. */
MQL_API mql_status mql_disconnect(mql_conn *conn);

/* The connection's user. Valid until the connection's next call. */
MQL_API const char *mql_current_user(mql_conn *conn);

/* The directory, and the name of the session's current database. Valid until
 * the connection's next call. */
MQL_API const char *mql_path(mql_conn *conn);
MQL_API const char *mql_current_database(mql_conn *conn);

/* Where the connection stands between BEGIN and COMMIT. */
enum {
    MQL_TRANSACTION_NONE = 0,  /* each statement is one of its own            */
    MQL_TRANSACTION_OPEN = 1,  /* BEGIN was given                             */
    MQL_TRANSACTION_FAILED = 2 /* a statement has failed: only ROLLBACK helps */
};
MQL_API int32_t mql_transaction_state(mql_conn *conn);

/* The last failure of a call on `conn` or on one of its statements, copied into
 * `error` (its `size` must be set). status MQL_OK when there was none. */
MQL_API void mql_error_get(mql_conn *conn, mql_error *error);

/* Stop the running statement of `conn` soon, with MQL_INTERRUPTED (57014).
 * Async-signal-safe, callable from any thread. */
MQL_API void mql_interrupt(mql_conn *conn);

/*
 * Call `notice` with each notice ("collection \"c\" does not exist, skipping").
 * `severity` is "NOTICE" or "WARNING". NULL: none are delivered.
 */
MQL_API void mql_on_notice(mql_conn *conn,
                           void (*notice)(void *context, const char *severity,
                                          const char *message),
                           void *context);

/*
 * Where COPY ... FROM STDIN reads: `read` fills at most `size` bytes of
 * `buffer` and returns their number, 0 at the end, -1 on failure. NULL: COPY
 * FROM STDIN is an error.
 */
MQL_API void mql_on_copy_data(mql_conn *conn,
                              int64_t (*read)(void *context, char *buffer,
                                              size_t size),
                              void *context);

/*
 * Call `progress` now and then during long statements: `done` of `total` units
 * (0: total unknown) of `phase`. A return value other than 0 interrupts.
 */
MQL_API void mql_on_progress(mql_conn *conn,
                             int (*progress)(void *context, const char *phase,
                                             uint64_t done, uint64_t total),
                             void *context);

/* ---- statements ---- */

/*
 * Compile the first statement of `sql`.
 *
 *   sql        text; `sql_size` bytes are read, or up to NUL when negative
 *   stmt       OUT: owned by the caller, released with mql_finalize(); NULL
 *              when the text holds only blanks and comments
 *   tail       OUT, may be NULL: first byte after the statement, inside `sql`;
 *              set on a failure too where the end of the statement is known
 *
 * Positions in errors count from the start of `sql`.
 */
MQL_API MQL_MUST_CHECK mql_status mql_prepare(mql_conn *conn, const char *sql,
                                              int64_t sql_size, mql_stmt **stmt,
                                              const char **tail);

/* Release the statement. NULL is allowed. */
MQL_API void mql_finalize(mql_stmt *stmt);

/* Make the statement ready to run again; bindings stay. */
MQL_API void mql_reset(mql_stmt *stmt);

/* Every parameter becomes NULL. */
MQL_API void mql_clear_bindings(mql_stmt *stmt);

/* Number of parameters; `$n` and `?` by number from 1, `:name` and `{name}`
 * take the next free number at their first use. */
MQL_API int32_t mql_parameter_count(mql_stmt *stmt);

/* Number of the parameter called `name` (without ':'), 0 when there is none. */
MQL_API int32_t mql_parameter_index(mql_stmt *stmt, const char *name);

/*
 * Give parameter `index` (from 1) a value. Errors: MQL_MISUSE when the index is
 * out of range or the statement is in the middle of its rows.
 */
MQL_API mql_status mql_bind_null(mql_stmt *stmt, int32_t index);
MQL_API mql_status mql_bind_bool(mql_stmt *stmt, int32_t index, int32_t value);
MQL_API mql_status mql_bind_int64(mql_stmt *stmt, int32_t index, int64_t value);
MQL_API mql_status mql_bind_double(mql_stmt *stmt, int32_t index, double value);

/* `size` bytes of UTF-8, or up to NUL when negative. */
MQL_API mql_status mql_bind_text(mql_stmt *stmt, int32_t index,
                                 const char *text, int64_t size,
                                 mql_lifetime lifetime);

/* A vector of `dim` floats; with MQL_STATIC it is read in place, never copied.
 * A field of another type of vector takes it rounded. */
MQL_API mql_status mql_bind_vector_f32(mql_stmt *stmt, int32_t index,
                                       const float *vector, uint32_t dim,
                                       mql_lifetime lifetime);

/* A vector of `dim` elements of `type`, one of MQL_TYPE_..._VECTOR: float;
 * uint16_t with the bits of a half float or bfloat; int8_t; or, of a binary
 * vector, dim / 8 bytes of eight dimensions each, the first one the highest
 * bit. */
MQL_API mql_status mql_bind_vector(mql_stmt *stmt, int32_t index, int32_t type,
                                   const void *elements, uint32_t dim,
                                   mql_lifetime lifetime);

/*
 * Run to the next row: MQL_ROW, MQL_DONE, or an error. A statement that gives
 * no rows has done all its work when MQL_DONE comes back. After MQL_DONE or an
 * error the next call starts anew.
 */
MQL_API MQL_MUST_CHECK mql_status mql_step(mql_stmt *stmt);

/*
 * The same to as many of the next rows as are ready, at least one: some
 * thousand of a SELECT come at once. mql_rows_...() reads a column of them,
 * mql_column_...() the first of them; the next step goes on behind them.
 *
 *   limit  most rows, 1 or more
 *   rows   OUT: how many, 1 .. limit; 0 unless MQL_ROW
 *
 *     while (mql_step_rows(stmt, 1024, &rows) == MQL_ROW)
 *         mql_rows_int64(stmt, 0, ids, NULL);
 */
MQL_API MQL_MUST_CHECK mql_status mql_step_rows(mql_stmt *stmt, int32_t limit,
                                                int32_t *rows);

/* Whether every step gives MQL_DONE only: no result table (DDL, INSERT, ...).
 */
MQL_API int32_t mql_has_rows(mql_stmt *stmt);

/* What psql would print after it: "INSERT 3", "CREATE COLLECTION", "SELECT".
 * Valid until the statement's next call; counts are right after MQL_DONE. */
MQL_API const char *mql_command_tag(mql_stmt *stmt);

/* Rows inserted, replaced, deleted or copied by the last run. */
MQL_API int64_t mql_changes(mql_stmt *stmt);

/*
 * ---- the current row ----
 *
 * When the disk cannot give a value's bytes, the value is NULL (0), and
 * mql_error_get() and the next mql_step() say so.
 */

/* Columns count from 0. Names and types are known after mql_prepare(). */
MQL_API int32_t mql_column_count(mql_stmt *stmt);
MQL_API const char *mql_column_name(mql_stmt *stmt, int32_t column);
MQL_API int32_t mql_column_type(mql_stmt *stmt, int32_t column);

/* As DESCRIBE prints it: "FLOAT_VECTOR(784)". Valid until finalize. */
MQL_API const char *mql_column_type_name(mql_stmt *stmt, int32_t column);

MQL_API int32_t mql_column_is_null(mql_stmt *stmt, int32_t column);

/* Numbers convert among each other (doubles are cut towards zero and kept in
 * range); anything else, and NULL, is 0. */
MQL_API int32_t mql_column_bool(mql_stmt *stmt, int32_t column);
MQL_API int64_t mql_column_int64(mql_stmt *stmt, int32_t column);
MQL_API double mql_column_double(mql_stmt *stmt, int32_t column);

/* The value as text, as the shell prints it (vectors whole, JSON compact);
 * NUL-terminated, `size` (may be NULL) without the NUL; NULL for NULL. Valid
 * until the statement's next step, reset or finalize. */
MQL_API const char *mql_column_text(mql_stmt *stmt, int32_t column,
                                    size_t *size);

/* A vector as floats, `dim` (may be NULL) its dimension; NULL for NULL, binary
 * vectors and other types. Valid as above. */
MQL_API const float *mql_column_vector_f32(mql_stmt *stmt, int32_t column,
                                           uint32_t *dim);

/* A vector's elements of its own type, as mql_bind_vector() takes them. */
MQL_API const void *mql_column_vector(mql_stmt *stmt, int32_t column,
                                      uint32_t *dim);

/*
 * ---- the rows of mql_step_rows() ----
 *
 * A column of all of them: a fraction of the time that asking row by row takes.
 * After mql_step() there is one.
 *
 *   values   OUT: one for each row; 0 for NULL
 *   is_null  OUT, may be NULL: for each row 1 where the value is NULL, or 0
 *
 * Errors: MQL_MISUSE (no rows, no such column), MQL_INVALID 42804 (its type),
 * MQL_CORRUPT (the disk cannot give the bytes), MQL_NO_MEMORY; what the out
 * parameters then hold is undefined.
 */

/* Of numbers, truth values and moments, which convert as mql_column_...()
 * does. */
MQL_API mql_status mql_rows_int64(mql_stmt *stmt, int32_t column,
                                  int64_t *values, uint8_t *is_null);
MQL_API mql_status mql_rows_double(mql_stmt *stmt, int32_t column,
                                   double *values, uint8_t *is_null);

/* Of any type, as mql_column_text(), one text behind the other: that of row i
 * is bytes[offsets[i]] .. bytes[offsets[i + 1]], without a NUL. `offsets` has
 * room for one more than rows. `bytes` is valid until the statement's next
 * step, reset or finalize, or reading of the same column as text. */
MQL_API mql_status mql_rows_text(mql_stmt *stmt, int32_t column,
                                 const char **bytes, size_t *offsets,
                                 uint8_t *is_null);

/* Of vectors that are not binary, as mql_column_vector_f32(): `values` has room
 * for rows x `dim`, the column's dimension (MQL_INVALID 22023 where it is not).
 */
MQL_API mql_status mql_rows_vector_f32(mql_stmt *stmt, int32_t column,
                                       uint32_t dim, float *values,
                                       uint8_t *is_null);

/* ---- short cuts and tools ---- */

/* Run every statement of `sql`, rows discarded; stops at the first error. */
MQL_API mql_status mql_exec(mql_conn *conn, const char *sql);

/*
 * The size of the first complete statement of `sql`, its ';' included, or 0
 * when the text has no complete one yet (an open string, comment, bracket or a
 * missing ';'). For shells: it is the language's own scanner.
 */
MQL_API size_t mql_statement_size(const char *sql, size_t size);

/* The `index`-th keyword of MilvusQL in upper case, NULL past the last: for
 * completion. */
MQL_API const char *mql_keyword(int32_t index);

#ifdef __cplusplus
}
#endif
#endif
