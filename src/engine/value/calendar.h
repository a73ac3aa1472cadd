/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calendar.h - a moment taken apart into year, month, day and time of day (UTC,
 * proleptic Gregorian calendar).
 */
#ifndef ENGINE_VALUE_CALENDAR_H
#define ENGINE_VALUE_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#define SECOND_MICROSECONDS INT64_C(1000000)
#define DAY_MICROSECONDS (INT64_C(86400) * SECOND_MICROSECONDS)

typedef struct Civil {
    int64_t year;         /* astronomical: 0 is 1 BC                        */
    uint32_t month;       /* 1..12                                          */
    uint32_t day;         /* 1..31                                          */
    uint32_t hour;        /* 0..23                                          */
    uint32_t minute;      /* 0..59                                          */
    uint32_t second;      /* 0..59                                          */
    uint32_t microsecond; /* 0..999999                                      */
    int64_t days;         /* since 1970-01-01; filled by civil_of() only    */
} Civil;

/* Any moment. */
Civil civil_of(int64_t microseconds);
/* False unless the year is 1..9999. The other fields may be one past their
 * range. */
bool civil_to_timestamp(const Civil *civil, int64_t *microseconds);
/* Days since 1970-01-01; month 1..12. */
int64_t days_from_civil(int64_t year, uint32_t month, uint32_t day);
uint32_t days_of_month(int64_t year, uint32_t month);

#endif
