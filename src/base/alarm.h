/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alarm.h - flags that are set when their time has come.
 *
 * Long work looks at a flag; who limits its time sets an alarm before it and
 * clears it after. One thread sleeps until the next alarm is due; it is started
 * by the first one. Any thread may call.
 */
#ifndef BASE_ALARM_H
#define BASE_ALARM_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/status.h"

typedef struct Alarms Alarms;

/* The caller's, until it is cleared. */
typedef struct Alarm {
    struct Alarm *next;
    atomic_bool *flag;
    int64_t due; /* microseconds of the monotonic clock */
    bool is_set;
    bool has_rung;
} Alarm;

mql_status alarms_create(Alarms **alarms, Error *err);
/* No alarm is set any more. NULL is allowed. */
void alarms_destroy(Alarms *alarms);

/* `*flag` becomes true in that many microseconds; at once when they are none.
 * OUT_OF_MEMORY: no thread. */
mql_status alarm_set(Alarms *alarms, Alarm *alarm, atomic_bool *flag,
                     int64_t microseconds, Error *err);
/* Whether it has set its flag; it does not from now on. */
bool alarm_clear(Alarms *alarms, Alarm *alarm);

#endif
