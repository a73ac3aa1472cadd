/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schedule.h - threads of which exactly one runs, in an order that is told.
 *
 * Threads give way at points: before each call to the disk, before each lock
 * that is taken, and where a test says schedule_point(). A Schedule says which
 * thread begins and at which points another goes on; at all others who runs
 * goes on running until it ends or must wait. So a run is repeated exactly by
 * its schedule, and all schedules with few switches can be enumerated.
 *
 * The linker leads the locks of the program here (--wrap): a thread that would
 * wait for a lock or a condition gives way to one that need not. When all wait,
 * that is a deadlock: the run says so and who waits where.
 *
 * A schedule as text: "0" or "0,17>1,40>0": thread 0 begins, at point 17 thread
 * 1 goes on.
 */
#ifndef TESTS_CRASH_SCHEDULE_H
#define TESTS_CRASH_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEDULE_THREADS 3
#define SCHEDULE_SWITCHES 8

/* Where a thread may give way. */
typedef enum PointKind {
    POINT_DISK,
    POINT_LOCK,
    POINT_STATEMENT, /* between statements, and between the rows of one */
    POINT_WAIT,      /* it must: a lock is held, or it has ended */
} PointKind;

typedef struct Switch {
    uint32_t point;
    uint32_t thread;
} Switch;

typedef struct Schedule {
    uint32_t first;
    uint32_t count;
    Switch switches[SCHEDULE_SWITCHES];
} Schedule;

typedef struct ScheduleThread {
    void (*work)(void *context);
    void *context;
} ScheduleThread;

/* What happened at a point. */
typedef struct Passed {
    uint8_t kind;    /* PointKind                                     */
    uint8_t thread;  /* who came to it                                */
    uint8_t next;    /* who went on                                   */
    uint8_t may_run; /* bit i: thread i could have; the schedule chose */
} Passed;

typedef struct Passage {
    Passed *points; /* malloc'ed */
    uint32_t count;
    uint32_t capacity;
} Passage;

/*
 * Run the threads to their ends. A deadlock, and a schedule that asks for a
 * thread that cannot run, end the process with words (run_workers() tells
 * them).
 *
 *   passage  OUT: what happened; its memory is used again by the next run
 *   ignored  a lock that is nobody's business (the CrashVfs'), or NULL
 */
void schedule_run(const Schedule *schedule, const ScheduleThread *threads,
                  uint32_t count, const void *ignored, Passage *passage);

/* Run them as they come, all at once. */
void schedule_run_free(ScheduleThread *threads, uint32_t count);

/* Another thread may go on here. Nothing in a thread that is not scheduled. */
void schedule_point(PointKind kind);

/* A clock: points of the run so far, or calls of this where threads are free.
 */
uint32_t schedule_now(void);

void schedule_print(const Schedule *schedule, char *text, size_t size);
bool schedule_read(const char *text, Schedule *schedule);
const char *point_kind_name(PointKind kind);

#endif
