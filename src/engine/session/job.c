/* SPDX-License-Identifier: Apache-2.0 */
/* job.c - SHOW JOBS; PAUSE, RESUME and CANCEL of background jobs. */
#include <inttypes.h>
#include <stdio.h>

#include "engine/collection/jobs.h"
#include "engine/session/kinds.h"
#include "engine/session/show.h"

static const char *const kind_names[JOB_KINDS] = {"seal", "index build",
                                                  "compaction", "scrub"};

static const char *
state_name(const Job *job)
{
    switch (job->state) {
    case JOB_WAITING:
        return job->failures > 0 ? "failed" : "waiting";
    case JOB_RUNNING:
        return "running";
    case JOB_PAUSED:
        return "paused";
    case JOB_DONE:
        return "done";
    case JOB_OBSOLETE:
        return "obsolete";
    default:
        return "canceled";
    }
}

static Value
progress_of(Prepared *prepared, const Job *job)
{
    char text[16];
    uint64_t percent = job->total == 0 ? 0 : job->done * 100 / job->total;
    if (job->state == JOB_DONE)
        percent = 100;
    snprintf(text, sizeof text, "%" PRIu64 " %%", percent);
    return rows_text(prepared, text);
}

/* Of collections that the user may see; all for who may stop them. */
static bool
sees_job(const Prepared *prepared, const Job *job)
{
    const CollectionVersion *found =
        version_collection(prepared->version, job->collection);
    return job->collection == 0 ||
           permission_has(prepared, PRIVILEGE_Compaction) ||
           (found != NULL && permission_sees(prepared, found->collection));
}

mql_status
show_jobs(Prepared *prepared, Error *err)
{
    Job *list =
        arena_alloc_array(&prepared->exec_arena, JOBS_MOST, sizeof *list);
    if (list == NULL)
        return error_no_memory(err);
    uint32_t count = store_jobs(prepared->session->store, list);
    if (store_jobs_are_paused(prepared->session->store))
        session_notice(prepared->session,
                       "background jobs are paused; RESUME JOBS lets them "
                       "begin");
    for (uint32_t i = 0; i < count; i++) {
        if (!sees_job(prepared, &list[i]))
            continue;
        Value started = {.type = type_of(TYPE_TIMESTAMPTZ),
                         .integer = list[i].started,
                         .is_null = list[i].started == 0};
        const Value row[] = {
            value_int64((int64_t)list[i].id),
            rows_text(prepared, kind_names[list[i].kind]),
            rows_text(prepared, list[i].name),
            rows_text(prepared, state_name(&list[i])),
            progress_of(prepared, &list[i]),
            started,
            rows_text(prepared, list[i].message),
        };
        TRY(rows_add(prepared, row, err));
    }
    return MQL_OK;
}

/* The number of PAUSE JOB number. */
static mql_status
job_number(Prepared *prepared, const Node *node, uint64_t *id, Error *err)
{
    Scope none = {.dynamic_column = -1};
    Arena *arena = &prepared->exec_arena;
    Expr *expr;
    Value value;
    TRY(expr_analyse(node, &none, type_of(TYPE_INT64), arena, &expr, err));
    TRY(expr_value(expr, &prepared->execution.run, arena, &value, err));
    if (value.is_null || !type_is_integer(value.type.kind) || value.integer < 1)
        return error_at(err, ERR_INVALID_PARAMETER, node->position,
                        "a job is named by its number");
    *id = (uint64_t)value.integer;
    return MQL_OK;
}

mql_status
job_run(Prepared *prepared, Error *err)
{
    const Node *root = prepared->statement.root;
    JobAction action = JOB_CANCEL;
    if (slice_equal_nocase(root->text, SLICE_LITERAL("PAUSE")))
        action = JOB_PAUSE;
    else if (slice_equal_nocase(root->text, SLICE_LITERAL("RESUME")))
        action = JOB_RESUME;
    uint64_t id = 0;
    if (root->first != NULL)
        TRY(job_number(prepared, root->first, &id, err));
    JobAnswer answer = store_job_do(prepared->session->store, action, id);
    if (answer == JOB_TAKEN)
        return MQL_OK;
    if (answer == JOB_HAS_ENDED)
        return error_at(err, ERR_NOT_READY, root->first->position,
                        "job %" PRIu64 " has ended", id);
    error_at(err, ERR_UNDEFINED_OBJECT, root->first->position,
             "job %" PRIu64 " does not exist", id);
    return error_hint(err, "SHOW JOBS lists them.");
}
