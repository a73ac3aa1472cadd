/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sessions.h - what several sessions were told, judged: is there an order of
 * their statements, one after another, that explains every answer and what is
 * there at the end?
 *
 * The model knows one collection, t (id, n, v), and snapshot isolation. It
 * tries each order that keeps to real time: a statement that was answered
 * before another was asked comes before it. What a statement does is said in
 * its effects, with commas between:
 *
 *   +3=30  row 3 is new, n = 30; 23505 when it is there
 *   :3=30  row 3 is put         ?3=30  put if it is not there
 *   ^3=1   n = n + 1 if there   ~3=30  n = 30 if there
 *   -3     it goes              <9=1   row 9 is a copy of row 1 if there, or
 *   >9=1   row 1 becomes row 9 if there; 23505 when row 9 is there
 *   !      all rows go
 *   V      deleted rows are forgotten: the past of before is 72000
 *   A Y    the collection has another name, has its own again
 *   D C    the collection goes, comes: 42P01, 42P07
 *   T1 X1  thing 1 comes, goes: index 1, field 2, partition 4, in which row 11
 *          may be, seen by nobody; an error when it is there, or is not
 *   N2     needs thing 2
 *   O      something else is defined
 *   r s c  all rows read, searched, counted; p3: row 3 looked up; i: by index
 *   h      the rows as they were at first
 *   B K R  BEGIN, COMMIT, ROLLBACK       S U  SAVEPOINT, ROLLBACK TO
 *   d f    a cursor is declared, all of it fetched
 *   b      a backup: the answer is what is in it
 *   .      nothing, but needs the collection
 */
#ifndef TESTS_CRASH_SESSIONS_H
#define TESTS_CRASH_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SESSIONS_MOST 3
#define STATEMENTS_MOST 6
#define ROWS_MOST 12
#define ROW_UNSEEN 11
#define ANSWER_SIZE 160

typedef enum Thing {
    THING_INDEX = 1,
    THING_FIELD = 2,
    THING_PARTITION = 4,
} Thing;

/* Committed, or a session's picture. Numbers are of the model's commits. */
typedef struct ModelTable {
    bool exists;
    uint32_t things;
    int64_t rows[ROWS_MOST]; /* n; 0: no such row */
    uint32_t row_changed[ROWS_MOST];
    uint32_t changed; /* any row                        */
    uint32_t defined; /* the definition                 */
    uint32_t schema;  /* any definition                 */
    bool has_deleted; /* a row since the first picture  */
    bool has_forgotten;
    uint32_t now; /* the last commit                */
} ModelTable;

typedef struct Step {
    const char *sql; /* NULL: no more */
    const char *effects;
} Step;

#define SEARCH "SEARCH t ON v FOR [0,0] LIMIT 12 RETURNING n"

typedef struct Workload {
    const char *name;
    Step sessions[SESSIONS_MOST][STATEMENTS_MOST]; /* up to one without SQL */
} Workload;

extern const Workload workloads[];
extern const size_t workload_count;
/* Names of those that found something, up to NULL: each single switch is tried
 * in every run. */
extern const char *const telling_workloads[];
/* Run once before, and what is there then. */
extern const char *const session_prologue[];
extern const size_t session_prologue_count;
extern const ModelTable session_first;

/* What came of a statement. */
typedef struct Answered {
    char answer[ANSWER_SIZE];
    uint32_t asked_at, answered_at;       /* points of the schedule       */
    uint64_t asked_after, answered_after; /* operations on the disk done */
} Answered;

typedef struct History {
    ModelTable first;
    uint32_t sessions;
    const Step *statements[SESSIONS_MOST]; /* up to one without SQL */
    Answered answered[SESSIONS_MOST][STATEMENTS_MOST];
} History;

/* A table as a look at the database has to print it. */
void table_print(const ModelTable *table, char text[ANSWER_SIZE]);

/* Whether some order explains all answers, and the table that is there after
 * so many operations on the disk. Statements that were not answered by then may
 * have happened. */
bool history_explains(const History *history, uint64_t operations,
                      const char *table);

#endif
