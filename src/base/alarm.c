/* SPDX-License-Identifier: Apache-2.0 */
/* alarm.c - a list of alarms and the thread that waits for the next of them. */
#include "base/alarm.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define MICROSECONDS_MOST (INT64_C(1) << 55) /* a thousand years */

struct Alarms {
    pthread_t thread;
    pthread_mutex_t mutex; /* over all that follows */
    pthread_cond_t wake;
    Alarm *alarms;
    bool has_thread;
    bool is_stopping;
};

mql_status
alarms_create(Alarms **alarms, Error *err)
{
    *alarms = calloc(1, sizeof **alarms);
    if (*alarms == NULL)
        return error_no_memory(err);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&(*alarms)->mutex, NULL);
    pthread_cond_init(&(*alarms)->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return MQL_OK;
}

void
alarms_destroy(Alarms *alarms)
{
    if (alarms == NULL)
        return;
    pthread_mutex_lock(&alarms->mutex);
    alarms->is_stopping = true;
    pthread_cond_signal(&alarms->wake);
    pthread_mutex_unlock(&alarms->mutex);
    if (alarms->has_thread)
        pthread_join(alarms->thread, NULL);
    pthread_cond_destroy(&alarms->wake);
    pthread_mutex_destroy(&alarms->mutex);
    free(alarms);
}

static int64_t
monotonic_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Ring what is due; the time of the next alarm, 0: none. With the mutex. */
static int64_t
ring(Alarms *alarms)
{
    int64_t next = 0;
    int64_t now = monotonic_now();
    for (Alarm *alarm = alarms->alarms; alarm != NULL; alarm = alarm->next) {
        if (alarm->has_rung)
            continue;
        if (alarm->due <= now) {
            alarm->has_rung = true;
            atomic_store(alarm->flag, true);
        } else if (next == 0 || alarm->due < next) {
            next = alarm->due;
        }
    }
    return next;
}

static void *
alarm_thread(void *context)
{
    Alarms *alarms = context;
    pthread_mutex_lock(&alarms->mutex);
    while (!alarms->is_stopping) {
        int64_t next = ring(alarms);
        struct timespec until = {next / 1000000, next % 1000000 * 1000};
        if (next == 0)
            pthread_cond_wait(&alarms->wake, &alarms->mutex);
        else
            pthread_cond_timedwait(&alarms->wake, &alarms->mutex, &until);
    }
    pthread_mutex_unlock(&alarms->mutex);
    return NULL;
}

mql_status
alarm_set(Alarms *alarms, Alarm *alarm, atomic_bool *flag, int64_t microseconds,
          Error *err)
{
    if (microseconds > MICROSECONDS_MOST)
        microseconds = MICROSECONDS_MOST;
    *alarm = (Alarm){
        .flag = flag, .due = monotonic_now() + microseconds, .is_set = true};
    pthread_mutex_lock(&alarms->mutex);
    alarm->next = alarms->alarms;
    alarms->alarms = alarm;
    if (microseconds <= 0) {
        alarm->has_rung = true;
        atomic_store(flag, true);
    }
    if (!alarms->has_thread)
        alarms->has_thread =
            pthread_create(&alarms->thread, NULL, alarm_thread, alarms) == 0;
    else
        pthread_cond_signal(&alarms->wake);
    bool is_watched = alarms->has_thread;
    pthread_mutex_unlock(&alarms->mutex);
    if (is_watched)
        return MQL_OK;
    alarm_clear(alarms, alarm);
    return error_set(err, ERR_OUT_OF_MEMORY, "could not start a thread");
}

bool
alarm_clear(Alarms *alarms, Alarm *alarm)
{
    if (!alarm->is_set)
        return false;
    pthread_mutex_lock(&alarms->mutex);
    Alarm **link = &alarms->alarms;
    while (*link != alarm)
        link = &(*link)->next;
    *link = alarm->next;
    alarm->is_set = false;
    pthread_mutex_unlock(&alarms->mutex);
    return alarm->has_rung;
}
