/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.c - threads that wait for a loop, and the loop that wakes them.
 *
 * One job at a time, held under `turn`. A worker sleeps until `round` changes,
 * takes pieces with an atomic counter until none is left or one failed, and
 * reports back; the caller, who worked as thread 0, waits for all. Everything
 * of a job but its counters is written before the round begins and read only
 * until it ends, so `mutex` is all the ordering it needs.
 */
#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS_MOST 1024u

typedef struct Job {
    PoolWork work;
    void *context;
    uint64_t total;
    uint64_t grain;
    atomic_uint_least64_t next; /* first item nobody has taken           */
    atomic_bool stop;           /* a piece failed                        */
    mql_status status;          /* under mutex: of the first that failed */
    Error *err;                 /* under mutex                           */
} Job;

typedef struct Worker {
    struct Pool *pool;
    uint32_t thread; /* from 1; 0 is the caller of pool_run() */
    pthread_t id;
} Worker;

struct Pool {
    uint32_t threads;     /* the caller included                          */
    uint32_t started;     /* workers that run                             */
    pthread_mutex_t turn; /* one pool_run() at a time                     */
    pthread_mutex_t mutex;
    pthread_cond_t begin; /* the round changed, or the end has come       */
    pthread_cond_t end;   /* the last busy worker is done                 */
    uint64_t round;       /* under mutex                                  */
    uint32_t busy;        /* under mutex: workers not yet done with it    */
    bool closing;         /* under mutex                                  */
    Job job;
    Worker workers[];
};

static void
record_failure(Pool *pool, mql_status status, const Error *err)
{
    Job *job = &pool->job;
    pthread_mutex_lock(&pool->mutex);
    if (job->status == MQL_OK) {
        job->status = status;
        if (job->err != NULL && job->err->status == MQL_OK)
            *job->err = *err;
    }
    pthread_mutex_unlock(&pool->mutex);
    atomic_store(&job->stop, true);
}

/* Take pieces until there are none. */
static void
work_on(Pool *pool, uint32_t thread)
{
    Job *job = &pool->job;
    while (!atomic_load(&job->stop)) {
        uint64_t first = atomic_fetch_add(&job->next, job->grain);
        if (first >= job->total)
            return;
        uint64_t left = job->total - first;
        Error err = ERROR_INIT;
        mql_status status =
            job->work(job->context, thread, first,
                      left < job->grain ? left : job->grain, &err);
        if (status != MQL_OK)
            record_failure(pool, status, &err);
    }
}

static void *
worker_main(void *argument)
{
    Worker *worker = argument;
    Pool *pool = worker->pool;
    uint64_t seen = 0;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (pool->round == seen && !pool->closing)
            pthread_cond_wait(&pool->begin, &pool->mutex);
        if (pool->closing)
            break;
        seen = pool->round;
        pthread_mutex_unlock(&pool->mutex);
        work_on(pool, worker->thread);
        pthread_mutex_lock(&pool->mutex);
        if (--pool->busy == 0)
            pthread_cond_signal(&pool->end);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

static uint32_t
processor_count(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : (uint32_t)count;
}

/* Signals are the host program's business: ours take none, but for those that
 * a thread brings upon itself (base/guard.h). */
static bool
start_workers(Pool *pool)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->started + 1 < pool->threads) {
        Worker *worker = &pool->workers[pool->started];
        worker->pool = pool;
        worker->thread = pool->started + 1;
        if (pthread_create(&worker->id, NULL, worker_main, worker) != 0)
            break;
        pool->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pool->started + 1 == pool->threads;
}

mql_status
pool_create(uint32_t threads, Pool **result, Error *err)
{
    *result = NULL;
    if (threads == 0)
        threads = processor_count();
    if (threads > THREADS_MOST)
        threads = THREADS_MOST;
    Pool *pool = calloc(1, sizeof *pool + threads * sizeof(Worker));
    if (pool == NULL)
        return error_no_memory(err);
    pool->threads = threads;
    pthread_mutex_init(&pool->turn, NULL);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->begin, NULL);
    pthread_cond_init(&pool->end, NULL);
    if (!start_workers(pool)) {
        pool_destroy(pool);
        return error_set(err, ERR_OUT_OF_MEMORY, "could not start a thread");
    }
    *result = pool;
    return MQL_OK;
}

void
pool_destroy(Pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->closing = true;
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->mutex);
    for (uint32_t i = 0; i < pool->started; i++)
        pthread_join(pool->workers[i].id, NULL);
    pthread_cond_destroy(&pool->end);
    pthread_cond_destroy(&pool->begin);
    pthread_mutex_destroy(&pool->mutex);
    pthread_mutex_destroy(&pool->turn);
    free(pool);
}

uint32_t
pool_threads(const Pool *pool)
{
    return pool->threads;
}

static void
wake_workers(Pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    pool->round++;
    pool->busy = pool->started;
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->mutex);
}

static void
wait_for_workers(Pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    while (pool->busy > 0)
        pthread_cond_wait(&pool->end, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
}

mql_status
pool_run(Pool *pool, uint64_t total, uint64_t grain, PoolWork work,
         void *context, Error *err)
{
    if (total == 0)
        return MQL_OK;
    if (grain == 0)
        grain = 1;
    pthread_mutex_lock(&pool->turn);
    Job *job = &pool->job;
    job->work = work;
    job->context = context;
    job->total = total;
    job->grain = grain < total ? grain : total;
    atomic_store(&job->next, 0);
    atomic_store(&job->stop, false);
    job->status = MQL_OK;
    job->err = err;

    bool is_shared = total > grain && pool->started > 0;
    if (is_shared)
        wake_workers(pool);
    work_on(pool, 0);
    if (is_shared)
        wait_for_workers(pool);
    mql_status status = job->status;
    pthread_mutex_unlock(&pool->turn);
    return status;
}
