/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobs.c - the background thread of a store (jobs.h).
 *
 * After each commit it looks what is due, at most every SCAN_MILLISECONDS. A
 * job that fails waits twice as long each time; it never ends the thread. The
 * list of jobs is what SHOW JOBS shows: finished ones stay until their place is
 * needed.
 */
#include "engine/collection/jobs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/collection/maintenance.h"
#include "engine/collection/store_internal.h"

#define SCAN_MILLISECONDS 100
#define RETRY_FIRST (INT64_C(1) * 1000 * 1000)
#define RETRY_DOUBLINGS 10u

struct Jobs {
    Store *store;
    bool is_by_hand; /* no thread */
    pthread_t thread;
    pthread_mutex_t mutex; /* over all that follows */
    pthread_cond_t wake;
    bool is_stopping;
    bool is_paused; /* all */
    uint64_t next_id;
    uint32_t count;
    Job list[JOBS_MOST]; /* oldest first */
    uint64_t running;    /* id, 0: none */
    atomic_bool cancel;  /* what runs */
    atomic_bool is_notified;
    atomic_bool wants_seal;
};

/* ---- the list ---- */

static int64_t
now_of(const Jobs *jobs)
{
    const Vfs *vfs = jobs->store->space.vfs;
    return vfs->now(vfs->context);
}

/* With the mutex held; NULL: none. */
static Job *
find_job(Jobs *jobs, uint64_t id)
{
    for (uint32_t i = 0; i < jobs->count; i++)
        if (jobs->list[i].id == id)
            return &jobs->list[i];
    return NULL;
}

static bool
has_ended(const Job *job)
{
    return job->state == JOB_DONE || job->state == JOB_OBSOLETE;
}

/* The job for that work which is not done yet. */
static Job *
find_open(Jobs *jobs, JobKind kind, uint64_t collection)
{
    for (uint32_t i = 0; i < jobs->count; i++)
        if (jobs->list[i].kind == kind &&
            jobs->list[i].collection == collection &&
            !has_ended(&jobs->list[i]))
            return &jobs->list[i];
    return NULL;
}

/* One pass at a time: that which runs, or waits for its next part. */
static Job *
active_scrub(Jobs *jobs)
{
    for (uint32_t i = 0; i < jobs->count; i++)
        if (jobs->list[i].kind == JOB_SCRUB &&
            (jobs->list[i].state == JOB_WAITING ||
             jobs->list[i].state == JOB_RUNNING))
            return &jobs->list[i];
    return NULL;
}

/* The oldest finished one goes, or the oldest of all. */
static void
make_room(Jobs *jobs)
{
    if (jobs->count < JOBS_MOST)
        return;
    uint32_t gone = 0;
    while (gone < jobs->count && !has_ended(&jobs->list[gone]))
        gone++;
    gone = gone == jobs->count ? 0 : gone;
    memmove(&jobs->list[gone], &jobs->list[gone + 1],
            (jobs->count - gone - 1) * sizeof *jobs->list);
    jobs->count--;
}

static Job *
add_job(Jobs *jobs, JobKind kind, const Collection *collection)
{
    make_room(jobs);
    Job *job = &jobs->list[jobs->count++];
    *job = (Job){
        .id = ++jobs->next_id, .kind = kind, .collection = collection->id};
    snprintf(job->name, sizeof job->name, "%.*s", JOB_NAME_SIZE - 1,
             collection->name);
    return job;
}

/* ---- a run ---- */

static void
report(void *context, const char *phase, uint64_t done, uint64_t total)
{
    Jobs *jobs = context;
    pthread_mutex_lock(&jobs->mutex);
    Job *job = find_job(jobs, jobs->running);
    if (job != NULL) {
        job->done = done;
        job->total = total;
        snprintf(job->message, sizeof job->message, "%s", phase);
    }
    pthread_mutex_unlock(&jobs->mutex);
}

/* A part of the pass; the job waits before the next one. */
static mql_status
scrub(Jobs *jobs, uint64_t collection, const Watch *watch, Error *err)
{
    int64_t pause;
    pthread_mutex_lock(&jobs->mutex);
    Job *job = find_job(jobs, jobs->running);
    ScrubPlace place = job != NULL ? job->place : (ScrubPlace){0};
    pthread_mutex_unlock(&jobs->mutex);
    TRY(store_scrub(jobs->store, collection, &place, watch, &pause, err));
    pthread_mutex_lock(&jobs->mutex);
    job = find_job(jobs, jobs->running);
    if (job != NULL) {
        job->place = place;
        job->done = place.read < place.total ? place.read : place.total;
        job->total = place.total;
        job->retry_at = now_of(jobs) + pause;
    }
    pthread_mutex_unlock(&jobs->mutex);
    return MQL_OK;
}

static mql_status
do_work(Jobs *jobs, JobKind kind, uint64_t collection, Error *err)
{
    const Watch watch = {&jobs->cancel, report, jobs};
    if (kind == JOB_SCRUB)
        return scrub(jobs, collection, &watch, err);
    if (kind == JOB_INDEX)
        return store_build_indexes(jobs->store, collection, &watch, err);
    return store_compact(jobs->store, collection,
                         kind == JOB_SEAL ? COMPACT_SEAL : COMPACT_DUE, &watch,
                         err);
}

static void
note_failure(Jobs *jobs, Job *job, const Error *failure)
{
    int64_t wait = RETRY_FIRST
                   << (job->failures < RETRY_DOUBLINGS ? job->failures
                                                       : RETRY_DOUBLINGS);
    job->failures++;
    job->retry_at = now_of(jobs) + wait;
    job->state = JOB_WAITING;
    snprintf(job->message, sizeof job->message, "%.*s", JOB_MESSAGE_SIZE - 1,
             failure->text);
    log_write(&jobs->store->space.log, "WARNING",
              "background job %" PRIu64 " on collection \"%s\" failed: %s",
              job->id, job->name, failure->text);
}

static void
note_found(Job *job)
{
    if (job->place.found == 0)
        job->message[0] = '\0';
    else
        snprintf(job->message, sizeof job->message,
                 "%u damaged places; CHECK COLLECTION lists them",
                 job->place.found);
}

/* With the mutex held. A state that somebody set meanwhile stays. */
static void
note_end(Jobs *jobs, mql_status status, const Error *failure)
{
    Job *job = find_job(jobs, jobs->running);
    jobs->running = 0;
    if (job == NULL || job->state != JOB_RUNNING)
        return;
    if (status == MQL_OK)
        job->failures = 0;
    /* A collection or index that is gone needs nothing more. */
    if (status == MQL_OK && job->kind == JOB_SCRUB) {
        job->state = job->place.is_done ? JOB_DONE : JOB_WAITING;
        note_found(job);
    } else if (status == MQL_OK || status == MQL_NOT_FOUND) {
        job->state = status == MQL_OK ? JOB_DONE : JOB_OBSOLETE;
        job->message[0] = '\0';
    } else if (status == MQL_INTERRUPTED) {
        job->state = JOB_WAITING;
    } else {
        note_failure(jobs, job, failure);
    }
}

static bool
is_off(const Version *version, const char *setting)
{
    int64_t number;
    return stored_setting(version->settings, setting, &number) && number == 0;
}

/* By the newest settings. */
static bool
is_allowed(const Jobs *jobs, JobKind kind)
{
    const Version *version = store_version(jobs->store);
    bool is_allowed =
        !is_off(version, JOBS_SETTING) &&
        (kind != JOB_COMPACT || !is_off(version, COMPACTION_SETTING));
    version_release(version);
    return is_allowed;
}

/* Whether it may begin now; then it is the one that runs. While all are paused
 * what is due is listed all the same. */
static bool
take_turn(Jobs *jobs, JobKind kind, const Collection *collection)
{
    pthread_mutex_lock(&jobs->mutex);
    const Job *other = kind == JOB_SCRUB ? active_scrub(jobs) : NULL;
    bool may = !jobs->is_stopping && is_allowed(jobs, kind) &&
               (other == NULL || other->collection == collection->id);
    Job *job = may ? find_open(jobs, kind, collection->id) : NULL;
    if (may && job == NULL) {
        job = add_job(jobs, kind, collection);
        job->state = jobs->is_paused ? JOB_PAUSED : JOB_WAITING;
    }
    may = may && !jobs->is_paused && job->state == JOB_WAITING &&
          job->retry_at <= now_of(jobs);
    if (may) {
        job->state = JOB_RUNNING;
        if (kind != JOB_SCRUB || job->started == 0)
            job->started = now_of(jobs);
        if (kind != JOB_SCRUB)
            job->done = job->total = 0;
        jobs->running = job->id;
        atomic_store(&jobs->cancel, false);
    }
    pthread_mutex_unlock(&jobs->mutex);
    return may;
}

static int64_t
scrub_due(Store *store, const CollectionVersion *collection)
{
    const Version *version = store_version(store);
    int64_t due = store_scrub_due(store, collection, version->settings);
    version_release(version);
    return due;
}

static bool
is_due(const Jobs *jobs, JobKind kind, const CollectionVersion *collection)
{
    Store *store = jobs->store;
    if (kind == JOB_INDEX)
        return store_index_is_due(collection);
    if (kind == JOB_COMPACT)
        return store_compact_is_due(store, collection, COMPACT_DUE);
    if (kind == JOB_SCRUB)
        return scrub_due(store, collection) <= now_of(jobs);
    if (!atomic_load(&jobs->wants_seal))
        return store_compact_is_due(store, collection, COMPACT_SEAL);
    for (uint32_t i = 0; i < collection->segment_count; i++)
        if (!segment_is_sealed(collection->segments[i]))
            return true;
    return false;
}

/* Jobs that wait for what nobody needs any more. */
static void
forget_obsolete(Jobs *jobs, const Version *version)
{
    pthread_mutex_lock(&jobs->mutex);
    for (uint32_t i = 0; i < jobs->count; i++) {
        Job *job = &jobs->list[i];
        const CollectionVersion *collection =
            version_collection(version, job->collection);
        if (!has_ended(job) && job->state != JOB_RUNNING &&
            (collection == NULL || !is_due(jobs, job->kind, collection))) {
            job->state = JOB_OBSOLETE;
            job->message[0] = '\0';
        }
    }
    pthread_mutex_unlock(&jobs->mutex);
}

/* One that is due, if any may begin. */
static bool
run_one(Jobs *jobs)
{
    const Version *version = store_version(jobs->store);
    bool has_run = false;
    for (int kind = 0; kind < JOB_KINDS && !has_run; kind++)
        for (uint32_t i = 0; i < version->collection_count && !has_run; i++) {
            const CollectionVersion *collection = version->collections[i];
            if (!is_due(jobs, (JobKind)kind, collection) ||
                !take_turn(jobs, (JobKind)kind, collection->collection))
                continue;
            uint64_t id = collection->collection->id;
            /* What it replaces must not be held here. */
            version_release(version);
            Error failure = ERROR_INIT;
            mql_status status = do_work(jobs, (JobKind)kind, id, &failure);
            pthread_mutex_lock(&jobs->mutex);
            note_end(jobs, status, &failure);
            pthread_mutex_unlock(&jobs->mutex);
            version = store_version(jobs->store);
            has_run = true;
        }
    if (!has_run) {
        forget_obsolete(jobs, version);
        atomic_store(&jobs->wants_seal, false);
    }
    version_release(version);
    return has_run;
}

/* ---- the thread ---- */

/* When a pass is due that has no job yet; 0: none will be. With the mutex. */
static int64_t
next_scrub(Jobs *jobs)
{
    if (active_scrub(jobs) != NULL)
        return 0;
    const Version *version = store_version(jobs->store);
    int64_t next = INT64_MAX;
    for (uint32_t i = 0; i < version->collection_count; i++) {
        const CollectionVersion *collection = version->collections[i];
        int64_t due =
            store_scrub_due(jobs->store, collection, version->settings);
        if (due < next &&
            find_open(jobs, JOB_SCRUB, collection->collection->id) == NULL)
            next = due;
    }
    bool may = !is_off(version, JOBS_SETTING);
    version_release(version);
    return may && next != INT64_MAX ? next : 0;
}

/* When the next one may begin or go on; 0: none waits. With the mutex. */
static int64_t
next_retry(Jobs *jobs)
{
    int64_t next = 0;
    for (uint32_t i = 0; i < jobs->count; i++)
        if (jobs->list[i].state == JOB_WAITING &&
            is_allowed(jobs, jobs->list[i].kind) &&
            (next == 0 || jobs->list[i].retry_at < next))
            next = jobs->list[i].retry_at;
    int64_t scrub = next_scrub(jobs);
    return scrub != 0 && (next == 0 || scrub < next) ? scrub : next;
}

static void
wait_for(Jobs *jobs, int64_t microseconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    if (microseconds < 1000)
        microseconds = 1000;
    int64_t nanoseconds = until.tv_nsec + microseconds % 1000000 * 1000;
    until.tv_sec += microseconds / 1000000 + nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    pthread_cond_timedwait(&jobs->wake, &jobs->mutex, &until);
}

static void
sleep_until_due(Jobs *jobs)
{
    pthread_mutex_lock(&jobs->mutex);
    if (!jobs->is_stopping && atomic_load(&jobs->is_notified))
        wait_for(jobs, SCAN_MILLISECONDS * INT64_C(1000));
    while (!jobs->is_stopping && !atomic_load(&jobs->is_notified)) {
        int64_t retry = next_retry(jobs);
        int64_t now = now_of(jobs);
        if (retry == 0 || jobs->is_paused) {
            pthread_cond_wait(&jobs->wake, &jobs->mutex);
            continue;
        }
        if (retry > now)
            wait_for(jobs, retry - now);
        if (retry <= now_of(jobs))
            break;
    }
    pthread_mutex_unlock(&jobs->mutex);
}

static void *
job_thread(void *context)
{
    Jobs *jobs = context;
    for (;;) {
        atomic_store(&jobs->is_notified, false);
        while (run_one(jobs))
            ;
        sleep_until_due(jobs);
        pthread_mutex_lock(&jobs->mutex);
        bool is_stopping = jobs->is_stopping;
        pthread_mutex_unlock(&jobs->mutex);
        if (is_stopping)
            return NULL;
    }
}

bool
store_run_job(Store *store)
{
    return store->jobs != NULL && store->jobs->is_by_hand &&
           run_one(store->jobs);
}

mql_status
jobs_start(Store *store, bool is_by_hand, Jobs **jobs, Error *err)
{
    *jobs = NULL;
    Jobs *started = calloc(1, sizeof *started);
    if (started == NULL)
        return error_no_memory(err);
    started->store = store;
    started->is_by_hand = is_by_hand;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&started->mutex, NULL);
    pthread_cond_init(&started->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *jobs = started;
    if (is_by_hand ||
        pthread_create(&started->thread, NULL, job_thread, started) == 0)
        return MQL_OK;
    *jobs = NULL;
    pthread_cond_destroy(&started->wake);
    pthread_mutex_destroy(&started->mutex);
    free(started);
    return error_set(err, ERR_OUT_OF_MEMORY, "could not start a thread");
}

void
jobs_stop(Jobs *jobs)
{
    if (jobs == NULL)
        return;
    pthread_mutex_lock(&jobs->mutex);
    jobs->is_stopping = true;
    atomic_store(&jobs->cancel, true);
    pthread_cond_broadcast(&jobs->wake);
    pthread_mutex_unlock(&jobs->mutex);
    if (!jobs->is_by_hand)
        pthread_join(jobs->thread, NULL);
    pthread_cond_destroy(&jobs->wake);
    pthread_mutex_destroy(&jobs->mutex);
    free(jobs);
}

void
jobs_notify(Jobs *jobs)
{
    if (jobs == NULL || atomic_exchange(&jobs->is_notified, true))
        return;
    pthread_mutex_lock(&jobs->mutex);
    pthread_cond_broadcast(&jobs->wake);
    pthread_mutex_unlock(&jobs->mutex);
}

/* The settings are published already: a job that begins later sees them. */
void
jobs_settings_changed(Jobs *jobs)
{
    if (jobs == NULL)
        return;
    pthread_mutex_lock(&jobs->mutex);
    const Job *job = find_job(jobs, jobs->running);
    if (job != NULL && !is_allowed(jobs, job->kind))
        atomic_store(&jobs->cancel, true);
    pthread_mutex_unlock(&jobs->mutex);
    jobs_notify(jobs);
}

bool
store_jobs_are_on(Store *store)
{
    if (store->jobs == NULL)
        return false;
    const Version *version = store_version(store);
    bool are_on = !is_off(version, JOBS_SETTING);
    version_release(version);
    return are_on;
}

void
jobs_want_seal(Jobs *jobs)
{
    atomic_store(&jobs->wants_seal, true);
    jobs_notify(jobs);
}

/* ---- looking and steering ---- */

bool
store_has_jobs(const Store *store)
{
    return store->jobs != NULL;
}

void
store_wake_jobs(Store *store)
{
    jobs_notify(store->jobs);
}

/* Collections may have other names than when their jobs were found. */
static void
rename_jobs(Store *store, Job *list, uint32_t count)
{
    const Version *version = store_version(store);
    for (uint32_t i = 0; i < count; i++) {
        const CollectionVersion *collection =
            version_collection(version, list[i].collection);
        if (collection != NULL)
            snprintf(list[i].name, sizeof list[i].name, "%.*s",
                     JOB_NAME_SIZE - 1, collection->collection->name);
    }
    version_release(version);
}

uint32_t
store_jobs(Store *store, Job list[JOBS_MOST])
{
    Jobs *jobs = store->jobs;
    if (jobs == NULL)
        return 0;
    pthread_mutex_lock(&jobs->mutex);
    uint32_t count = jobs->count;
    memcpy(list, jobs->list, count * sizeof *list);
    pthread_mutex_unlock(&jobs->mutex);
    rename_jobs(store, list, count);
    return count;
}

/* With the mutex held. */
static void
steer(Jobs *jobs, Job *job, JobAction action)
{
    if (has_ended(job))
        return;
    if (action == JOB_RESUME) {
        if (job->state != JOB_RUNNING)
            job->state = JOB_WAITING;
        job->retry_at = 0;
        return;
    }
    if (job->state == JOB_RUNNING)
        atomic_store(&jobs->cancel, true);
    if (job->state != JOB_CANCELED)
        job->state = action == JOB_PAUSE ? JOB_PAUSED : JOB_CANCELED;
}

bool
store_jobs_are_paused(Store *store)
{
    Jobs *jobs = store->jobs;
    if (jobs == NULL)
        return false;
    pthread_mutex_lock(&jobs->mutex);
    bool are_paused = jobs->is_paused;
    pthread_mutex_unlock(&jobs->mutex);
    return are_paused;
}

JobAnswer
store_job_do(Store *store, JobAction action, uint64_t id)
{
    Jobs *jobs = store->jobs;
    JobAnswer answer = id == 0 ? JOB_TAKEN : JOB_UNKNOWN;
    if (jobs == NULL)
        return answer;
    pthread_mutex_lock(&jobs->mutex);
    Job *job = find_job(jobs, id);
    if (id == 0 && action != JOB_CANCEL)
        jobs->is_paused = action == JOB_PAUSE;
    for (uint32_t i = 0; id == 0 && i < jobs->count; i++)
        steer(jobs, &jobs->list[i], action);
    if (job != NULL) {
        answer = has_ended(job) ? JOB_HAS_ENDED : JOB_TAKEN;
        steer(jobs, job, action);
    }
    pthread_mutex_unlock(&jobs->mutex);
    jobs_notify(jobs);
    return answer;
}
