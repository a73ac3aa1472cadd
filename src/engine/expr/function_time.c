/* SPDX-License-Identifier: Apache-2.0 */
/*
 * function_time.c - moments (in UTC) and the session.
 */
#include <math.h>

#include "engine/expr/expr_internal.h"
#include "engine/value/calendar.h"

typedef enum Unit {
    UNIT_MICROSECOND,
    UNIT_MILLISECOND,
    UNIT_SECOND,
    UNIT_MINUTE,
    UNIT_HOUR,
    UNIT_DAY,
    UNIT_WEEK,
    UNIT_MONTH,
    UNIT_QUARTER,
    UNIT_YEAR,
    UNIT_DECADE,
    UNIT_CENTURY,
    UNIT_EPOCH,
    UNIT_DAY_OF_WEEK,
    UNIT_ISO_DAY_OF_WEEK,
    UNIT_DAY_OF_YEAR,
    UNIT_UNKNOWN,
} Unit;

static Unit
unit_of(Slice name)
{
    static const struct {
        const char *name;
        Unit unit;
    } units[] = {
        {"microsecond", UNIT_MICROSECOND},
        {"microseconds", UNIT_MICROSECOND},
        {"millisecond", UNIT_MILLISECOND},
        {"milliseconds", UNIT_MILLISECOND},
        {"second", UNIT_SECOND},
        {"minute", UNIT_MINUTE},
        {"hour", UNIT_HOUR},
        {"day", UNIT_DAY},
        {"week", UNIT_WEEK},
        {"month", UNIT_MONTH},
        {"quarter", UNIT_QUARTER},
        {"year", UNIT_YEAR},
        {"decade", UNIT_DECADE},
        {"century", UNIT_CENTURY},
        {"epoch", UNIT_EPOCH},
        {"dow", UNIT_DAY_OF_WEEK},
        {"isodow", UNIT_ISO_DAY_OF_WEEK},
        {"doy", UNIT_DAY_OF_YEAR},
    };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (slice_equal_nocase(name, slice_of(units[i].name)))
            return units[i].unit;
    }
    return UNIT_UNKNOWN;
}

static mql_status
unknown_unit(Slice name, Error *err)
{
    return error_set(err, ERR_INVALID_PARAMETER,
                     "unit \"%.*s\" not recognized for type TIMESTAMPTZ",
                     name.size > 64 ? 64 : (int)name.size, name.data);
}

mql_status
row_now(const RowCall *call, const Value *arguments, Value *result, Error *err)
{
    (void)arguments;
    (void)err;
    result->integer = call->run->now;
    return MQL_OK;
}

/* 0 is Monday. */
static int64_t
week_day(const Civil *civil)
{
    int64_t day = (civil->days + 3) % 7;
    return day < 0 ? day + 7 : day;
}

/* Microseconds of units that divide a day; 0: not such a unit. */
static int64_t
unit_size(Unit unit)
{
    switch (unit) {
    case UNIT_MICROSECOND:
        return 1;
    case UNIT_MILLISECOND:
        return 1000;
    case UNIT_SECOND:
        return SECOND_MICROSECONDS;
    case UNIT_MINUTE:
        return 60 * SECOND_MICROSECONDS;
    case UNIT_HOUR:
        return 3600 * SECOND_MICROSECONDS;
    case UNIT_DAY:
        return DAY_MICROSECONDS;
    default:
        return 0;
    }
}

/* The first day of the unit around the day; false: no such unit. */
static bool
first_day(Unit unit, const Civil *civil, int64_t *day)
{
    int64_t year = civil->year;
    uint32_t month = 1;
    switch (unit) {
    case UNIT_WEEK:
        *day = civil->days - week_day(civil);
        return true;
    case UNIT_MONTH:
        month = civil->month;
        break;
    case UNIT_QUARTER:
        month = (civil->month - 1) / 3 * 3 + 1;
        break;
    case UNIT_YEAR:
        break;
    case UNIT_DECADE:
        year = year / 10 * 10;
        break;
    case UNIT_CENTURY:
        year = (year - 1) / 100 * 100 + 1;
        break;
    default:
        return false;
    }
    *day = days_from_civil(year, month, 1);
    return true;
}

mql_status
row_date_trunc(const RowCall *call, const Value *arguments, Value *result,
               Error *err)
{
    Unit unit = unit_of(arguments[0].bytes);
    int64_t moment = arguments[1].integer;
    int64_t size = unit_size(unit);
    int64_t day;
    (void)call;
    if (size != 0) {
        int64_t rest = moment % size;
        result->integer = moment - (rest < 0 ? rest + size : rest);
        return MQL_OK;
    }
    Civil civil = civil_of(moment);
    if (!first_day(unit, &civil, &day))
        return unknown_unit(arguments[0].bytes, err);
    result->integer = day * DAY_MICROSECONDS;
    return MQL_OK;
}

/* ISO 8601: the week of the year's first Thursday is week 1. */
static int64_t
iso_week(const Civil *civil)
{
    int64_t thursday = civil->days - week_day(civil) + 3;
    Civil other = civil_of(thursday * DAY_MICROSECONDS);
    return (thursday - days_from_civil(other.year, 1, 1)) / 7 + 1;
}

static double
seconds_of(const Civil *civil)
{
    return civil->second + civil->microsecond / 1e6;
}

static mql_status
extract_day(Unit unit, const Civil *civil, Slice name, double *part, Error *err)
{
    switch (unit) {
    case UNIT_WEEK:
        *part = (double)iso_week(civil);
        return MQL_OK;
    case UNIT_DAY_OF_WEEK:
        *part = (double)((week_day(civil) + 1) % 7);
        return MQL_OK;
    case UNIT_ISO_DAY_OF_WEEK:
        *part = (double)(week_day(civil) + 1);
        return MQL_OK;
    case UNIT_DAY_OF_YEAR:
        *part = (double)(civil->days - days_from_civil(civil->year, 1, 1) + 1);
        return MQL_OK;
    case UNIT_QUARTER:
        *part = (civil->month - 1) / 3 + 1;
        return MQL_OK;
    case UNIT_DECADE:
        *part = (double)(civil->year / 10);
        return MQL_OK;
    case UNIT_CENTURY:
        *part = (double)((civil->year + 99) / 100);
        return MQL_OK;
    default:
        return unknown_unit(name, err);
    }
}

mql_status
row_extract(const RowCall *call, const Value *arguments, Value *result,
            Error *err)
{
    Unit unit = unit_of(arguments[0].bytes);
    int64_t moment = arguments[1].integer;
    Civil civil = civil_of(moment);
    (void)call;
    switch (unit) {
    case UNIT_MICROSECOND:
        result->real = seconds_of(&civil) * 1e6;
        return MQL_OK;
    case UNIT_MILLISECOND:
        result->real = seconds_of(&civil) * 1e3;
        return MQL_OK;
    case UNIT_SECOND:
        result->real = seconds_of(&civil);
        return MQL_OK;
    case UNIT_MINUTE:
        result->real = civil.minute;
        return MQL_OK;
    case UNIT_HOUR:
        result->real = civil.hour;
        return MQL_OK;
    case UNIT_DAY:
        result->real = civil.day;
        return MQL_OK;
    case UNIT_MONTH:
        result->real = civil.month;
        return MQL_OK;
    case UNIT_YEAR:
        result->real = (double)civil.year;
        return MQL_OK;
    case UNIT_EPOCH:
        result->real = (double)moment / 1e6;
        return MQL_OK;
    default:
        return extract_day(unit, &civil, arguments[0].bytes, &result->real,
                           err);
    }
}

mql_status
row_to_timestamp(const RowCall *call, const Value *arguments, Value *result,
                 Error *err)
{
    double seconds = arguments[0].real;
    (void)call;
    /* Years 1 to 9999. */
    if (!(seconds >= -62135596800.0 && seconds < 253402300800.0))
        return error_set(err, ERR_DATETIME_OVERFLOW, "timestamp out of range");
    double whole = floor(seconds);
    result->integer = (int64_t)whole * SECOND_MICROSECONDS +
                      (int64_t)nearbyint((seconds - whole) * 1e6);
    return MQL_OK;
}

mql_status
row_version(const RowCall *call, const Value *arguments, Value *result,
            Error *err)
{
    (void)call;
    (void)arguments;
    (void)err;
    result->bytes = SLICE_LITERAL("mql " MQL_VERSION);
    return MQL_OK;
}

mql_status
row_current(const RowCall *call, const Value *arguments, Value *result,
            Error *err)
{
    const char *name = call->expr->function->operation == 0
                           ? call->run->user
                           : call->run->database;
    (void)arguments;
    (void)err;
    result->is_null = name == NULL;
    if (name != NULL)
        result->bytes = slice_of(name);
    return MQL_OK;
}

mql_status
row_sequence(const RowCall *call, const Value *arguments, Value *result,
             Error *err)
{
    (void)arguments;
    (void)err;
    result->integer = (int64_t)call->run->sequence;
    return MQL_OK;
}
