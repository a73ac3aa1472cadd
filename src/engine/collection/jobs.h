/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobs.h - work that nobody waits for: sealing growing segments, building index
 * files, compaction, reading everything again.
 *
 * What is due follows from the newest Version, so nothing of a job is stored:
 * one that a crash, the end of the process or a cancellation interrupts leaves
 * no trace, and is found again. One thread of a store does them one after the
 * other.
 *
 * Thread rule: any thread may call these.
 */
#ifndef ENGINE_COLLECTION_JOBS_H
#define ENGINE_COLLECTION_JOBS_H

#include "engine/collection/scrub.h"

typedef enum JobKind {
    JOB_SEAL,
    JOB_INDEX,
    JOB_COMPACT,
    JOB_SCRUB, /* scrub.h: last, in small parts */
    JOB_KINDS
} JobKind;

typedef enum JobState {
    JOB_WAITING, /* for its turn, or after a failure for its time */
    JOB_RUNNING,
    JOB_PAUSED, /* until somebody resumes it */
    JOB_DONE,
    JOB_OBSOLETE, /* what it was for is gone, or done by others */
    JOB_CANCELED, /* until somebody resumes it, or the database is opened */
} JobState;

#define JOB_NAME_SIZE 256
#define JOB_MESSAGE_SIZE 256
#define JOBS_MOST 64u /* remembered */

typedef struct Job {
    uint64_t id;
    JobKind kind;
    JobState state;
    uint64_t collection;
    char name[JOB_NAME_SIZE];       /* of the collection, maybe cut */
    int64_t started;                /* microseconds since 1970; 0: not yet */
    uint64_t done, total;           /* of the phase under way */
    uint32_t failures;              /* in a row */
    int64_t retry_at;               /* microseconds; 0: at once */
    ScrubPlace place;               /* of JOB_SCRUB: how far it is */
    char message[JOB_MESSAGE_SIZE]; /* the phase, or what went wrong */
} Job;

typedef struct Jobs Jobs;

/* Begin the thread. By hand: none, and nothing is done but by store_run_job();
 * so tests can count what a job asks of the disk. */
mql_status jobs_start(Store *store, bool is_by_hand, Jobs **jobs, Error *err);
/* One job that is due, on the calling thread; false: none may begin. Jobs by
 * hand only. */
bool store_run_job(Store *store);
/* Cancels what runs and waits for it. NULL is allowed. */
void jobs_stop(Jobs *jobs);
/* Something was committed. NULL is allowed. */
void jobs_notify(Jobs *jobs);
/* Stored settings were: a job that they do not allow stops. NULL is allowed. */
void jobs_settings_changed(Jobs *jobs);
/* Whether there are jobs, and the setting of that name allows them. */
#define JOBS_SETTING "background_jobs"
#define COMPACTION_SETTING "auto_compaction" /* for JOB_COMPACT */
bool store_jobs_are_on(Store *store);
/* The log has become long: everything is to be sealed. */
void jobs_want_seal(Jobs *jobs);

/* A copy of the list, oldest first, with the names of today; returns their
 * number. */
uint32_t store_jobs(Store *store, Job list[JOBS_MOST]);
/* All of them, and those to come. */
bool store_jobs_are_paused(Store *store);
/* Something was found that a job mends. */
void store_wake_jobs(Store *store);
/* Whether the store does background work at all. */
bool store_has_jobs(const Store *store);

typedef enum JobAction { JOB_PAUSE, JOB_RESUME, JOB_CANCEL } JobAction;

typedef enum JobAnswer { JOB_UNKNOWN, JOB_TAKEN, JOB_HAS_ENDED } JobAnswer;

/* id 0: all of them; pausing all keeps others from beginning as well. */
JobAnswer store_job_do(Store *store, JobAction action, uint64_t id);

#endif
