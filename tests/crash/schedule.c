/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schedule.c - the baton (schedule.h), and the locks, led through it.
 *
 * All state is under `baton.mutex`, a real lock. Who holds the baton runs; the
 * others wait on a condition each. The wrapped functions pass through in
 * threads that are not scheduled.
 */
#include "schedule.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A run that goes on longer goes round in circles. */
#define POINTS_MOST 200000u

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __real_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __real_pthread_cond_timedwait(pthread_cond_t *condition,
                                  pthread_mutex_t *mutex,
                                  const struct timespec *until);
int __real_pthread_cond_signal(pthread_cond_t *condition);
int __real_pthread_cond_broadcast(pthread_cond_t *condition);
int __real_pthread_rwlock_rdlock(pthread_rwlock_t *lock);
int __real_pthread_rwlock_wrlock(pthread_rwlock_t *lock);
int __real_pthread_rwlock_unlock(pthread_rwlock_t *lock);

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition,
                                  pthread_mutex_t *mutex,
                                  const struct timespec *until);
int __wrap_pthread_cond_signal(pthread_cond_t *condition);
int __wrap_pthread_cond_broadcast(pthread_cond_t *condition);
int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *lock);
int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *lock);
int __wrap_pthread_rwlock_unlock(pthread_rwlock_t *lock);

typedef struct Runner {
    pthread_t id;
    uint32_t number;
    ScheduleThread thread;
    pthread_cond_t turn;
    const void *waits_for; /* a lock or a condition; NULL: it can run */
    bool has_ended;
} Runner;

/* One run at a time; locks carry no context. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t all_ended;
    Runner runners[SCHEDULE_THREADS];
    uint32_t count;
    uint32_t current; /* `count`: nobody, all have ended */
    const Schedule *schedule;
    uint32_t next_switch;
    const void *ignored;
    Passage *passage;
} baton = {.mutex = PTHREAD_MUTEX_INITIALIZER,
           .all_ended = PTHREAD_COND_INITIALIZER};

static _Atomic uint32_t free_clock;

/* This thread's, NULL: it is not scheduled. */
static _Thread_local Runner *self;

const char *
point_kind_name(PointKind kind)
{
    static const char *const names[] = {"a call to the disk", "taking a lock",
                                        "a statement", "waiting"};
    return names[kind];
}

/* ---- who is next ---- */

static uint32_t
runnable(void)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < baton.count; i++)
        if (!baton.runners[i].has_ended && baton.runners[i].waits_for == NULL)
            bits |= 1u << i;
    return bits;
}

static _Noreturn void
give_up(const char *words)
{
    char text[128];
    schedule_print(baton.schedule, text, sizeof text);
    printf("schedule %s, point %u: %s\n", text, baton.passage->count, words);
    for (uint32_t i = 0; i < baton.count; i++)
        printf("  thread %u %s\n", i,
               baton.runners[i].has_ended           ? "has ended"
               : baton.runners[i].waits_for != NULL ? "waits for a lock"
                                                    : "can run");
    fflush(stdout);
    _exit(3);
}

static void
note(PointKind kind, uint32_t next, uint32_t may_run)
{
    Passage *passage = baton.passage;
    if (passage->count == POINTS_MOST)
        give_up("too many points, threads go round in circles");
    if (passage->count == passage->capacity) {
        passage->capacity = passage->capacity * 2 + 1024;
        passage->points =
            realloc(passage->points, passage->capacity * sizeof(Passed));
        if (passage->points == NULL)
            give_up("no memory");
    }
    passage->points[passage->count++] = (Passed){
        (uint8_t)kind, (uint8_t)self->number, (uint8_t)next, (uint8_t)may_run};
}

/* With the baton's mutex held. */
static uint32_t
choose(PointKind kind)
{
    uint32_t may_run = runnable();
    uint32_t point = baton.passage->count;
    uint32_t next = self->number;
    if (may_run == 0)
        give_up("deadlock");
    for (uint32_t i = 0; (may_run & 1u << next) == 0 && i < baton.count; i++)
        next = (next + 1) % baton.count;
    const Schedule *schedule = baton.schedule;
    if (baton.next_switch < schedule->count &&
        schedule->switches[baton.next_switch].point == point) {
        next = schedule->switches[baton.next_switch++].thread;
        if (next >= baton.count || (may_run & 1u << next) == 0)
            give_up("the schedule asks for a thread that cannot run");
    }
    note(kind, next, may_run);
    return next;
}

/* With the mutex held: hand over and come back when it is this one's turn. */
static void
pass_on(uint32_t next)
{
    baton.current = next;
    if (next == self->number)
        return;
    __real_pthread_cond_signal(&baton.runners[next].turn);
    while (baton.current != self->number)
        __real_pthread_cond_wait(&self->turn, &baton.mutex);
}

void
schedule_point(PointKind kind)
{
    if (self == NULL)
        return;
    __real_pthread_mutex_lock(&baton.mutex);
    pass_on(choose(kind));
    __real_pthread_mutex_unlock(&baton.mutex);
}

static void
wait_for(const void *what)
{
    __real_pthread_mutex_lock(&baton.mutex);
    self->waits_for = what;
    pass_on(choose(POINT_WAIT));
    __real_pthread_mutex_unlock(&baton.mutex);
}

/* Those that wait for it can run again: all, or the first. */
static void
wake(const void *what, bool is_all)
{
    if (self == NULL)
        return;
    for (uint32_t i = 0; i < baton.count; i++) {
        if (baton.runners[i].waits_for != what)
            continue;
        baton.runners[i].waits_for = NULL;
        if (!is_all)
            return;
    }
}

uint32_t
schedule_now(void)
{
    return self == NULL ? atomic_fetch_add(&free_clock, 1)
                        : baton.passage->count;
}

/* ---- a run ---- */

static void *
run(void *context)
{
    Runner *runner = context;
    self = runner;
    __real_pthread_mutex_lock(&baton.mutex);
    while (baton.current != runner->number)
        __real_pthread_cond_wait(&runner->turn, &baton.mutex);
    __real_pthread_mutex_unlock(&baton.mutex);
    runner->thread.work(runner->thread.context);
    __real_pthread_mutex_lock(&baton.mutex);
    runner->has_ended = true;
    bool is_last = true;
    for (uint32_t i = 0; i < baton.count; i++)
        is_last = is_last && baton.runners[i].has_ended;
    baton.current = is_last ? baton.count : choose(POINT_WAIT);
    if (is_last)
        __real_pthread_cond_signal(&baton.all_ended);
    else
        __real_pthread_cond_signal(&baton.runners[baton.current].turn);
    __real_pthread_mutex_unlock(&baton.mutex);
    return NULL;
}

void
schedule_run(const Schedule *schedule, const ScheduleThread *threads,
             uint32_t count, const void *ignored, Passage *passage)
{
    passage->count = 0;
    baton.schedule = schedule;
    baton.next_switch = 0;
    baton.ignored = ignored;
    baton.passage = passage;
    baton.count = count;
    baton.current = schedule->first;
    for (uint32_t i = 0; i < count; i++) {
        Runner *runner = &baton.runners[i];
        *runner = (Runner){.number = i, .thread = threads[i]};
        pthread_cond_init(&runner->turn, NULL);
    }
    for (uint32_t i = 0; i < count; i++)
        if (pthread_create(&baton.runners[i].id, NULL, run,
                           &baton.runners[i]) != 0)
            abort();
    __real_pthread_mutex_lock(&baton.mutex);
    while (baton.current != count)
        __real_pthread_cond_wait(&baton.all_ended, &baton.mutex);
    __real_pthread_mutex_unlock(&baton.mutex);
    for (uint32_t i = 0; i < count; i++) {
        pthread_join(baton.runners[i].id, NULL);
        pthread_cond_destroy(&baton.runners[i].turn);
    }
}

static void *
run_free(void *context)
{
    const ScheduleThread *thread = context;
    thread->work(thread->context);
    return NULL;
}

void
schedule_run_free(ScheduleThread *threads, uint32_t count)
{
    pthread_t ids[SCHEDULE_THREADS];
    for (uint32_t i = 0; i < count; i++)
        if (pthread_create(&ids[i], NULL, run_free, &threads[i]) != 0)
            abort();
    for (uint32_t i = 0; i < count; i++)
        pthread_join(ids[i], NULL);
}

/* ---- locks ---- */

int
__wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    if (self == NULL || mutex == baton.ignored)
        return __real_pthread_mutex_lock(mutex);
    schedule_point(POINT_LOCK);
    int result;
    while ((result = pthread_mutex_trylock(mutex)) == EBUSY)
        wait_for(mutex);
    return result;
}

int
__wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    int result = __real_pthread_mutex_unlock(mutex);
    wake(mutex, true);
    return result;
}

int
__wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    if (self == NULL)
        return __real_pthread_cond_wait(condition, mutex);
    int result = __wrap_pthread_mutex_unlock(mutex);
    wait_for(condition);
    while (result == 0 && (result = pthread_mutex_trylock(mutex)) == EBUSY) {
        wait_for(mutex);
        result = 0;
    }
    return result;
}

/* Time does not pass for those who have turns. */
int
__wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                              const struct timespec *until)
{
    if (self == NULL)
        return __real_pthread_cond_timedwait(condition, mutex, until);
    return __wrap_pthread_cond_wait(condition, mutex);
}

int
__wrap_pthread_cond_signal(pthread_cond_t *condition)
{
    wake(condition, false);
    return __real_pthread_cond_signal(condition);
}

int
__wrap_pthread_cond_broadcast(pthread_cond_t *condition)
{
    wake(condition, true);
    return __real_pthread_cond_broadcast(condition);
}

int
__wrap_pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    if (self == NULL)
        return __real_pthread_rwlock_rdlock(lock);
    schedule_point(POINT_LOCK);
    int result;
    while ((result = pthread_rwlock_tryrdlock(lock)) == EBUSY)
        wait_for(lock);
    return result;
}

int
__wrap_pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    if (self == NULL)
        return __real_pthread_rwlock_wrlock(lock);
    schedule_point(POINT_LOCK);
    int result;
    while ((result = pthread_rwlock_trywrlock(lock)) == EBUSY)
        wait_for(lock);
    return result;
}

int
__wrap_pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
    int result = __real_pthread_rwlock_unlock(lock);
    wake(lock, true);
    return result;
}

/* ---- as text ---- */

void
schedule_print(const Schedule *schedule, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "%u", schedule->first);
    for (uint32_t i = 0; i < schedule->count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, ",%u>%u",
                                 schedule->switches[i].point,
                                 schedule->switches[i].thread);
}

bool
schedule_read(const char *text, Schedule *schedule)
{
    char *end;
    *schedule = (Schedule){.first = (uint32_t)strtoul(text, &end, 10)};
    while (*end == ',' && schedule->count < SCHEDULE_SWITCHES) {
        Switch *added = &schedule->switches[schedule->count++];
        added->point = (uint32_t)strtoul(end + 1, &end, 10);
        if (*end != '>')
            return false;
        added->thread = (uint32_t)strtoul(end + 1, &end, 10);
    }
    return *end == '\0' && schedule->first < SCHEDULE_THREADS;
}
