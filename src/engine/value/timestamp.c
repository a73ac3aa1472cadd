/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timestamp.c - moments: text to microseconds since 1970 UTC, and back.
 *
 * Calendar arithmetic is Howard Hinnant's days_from_civil and its inverse
 * (proleptic Gregorian calendar, eras of 400 years). Years 1 to 9999 are read.
 */
#include "engine/value/value.h"

#include "base/number.h"
#include "engine/value/calendar.h"
#include "engine/value/value_internal.h"

int64_t
days_from_civil(int64_t year, uint32_t month, uint32_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t shifted = (int64_t)month + (month > 2 ? -3 : 9);
    int64_t day_of_year = (153 * shifted + 2) / 5 + day - 1;
    int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void
civil_from_days(int64_t days, Civil *civil)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
                           day_of_era / 146096) /
                          365;
    int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    civil->day = (uint32_t)(day_of_year - (153 * shifted + 2) / 5 + 1);
    civil->month = (uint32_t)(shifted < 10 ? shifted + 3 : shifted - 9);
    civil->year = year_of_era + era * 400 + (civil->month <= 2);
}

Civil
civil_of(int64_t microseconds)
{
    Civil civil;
    int64_t days = microseconds / DAY_MICROSECONDS;
    int64_t rest = microseconds % DAY_MICROSECONDS;
    if (rest < 0) {
        rest += DAY_MICROSECONDS;
        days--;
    }
    civil_from_days(days, &civil);
    civil.days = days;
    civil.microsecond = (uint32_t)(rest % SECOND_MICROSECONDS);
    int64_t seconds = rest / SECOND_MICROSECONDS;
    civil.second = (uint32_t)(seconds % 60);
    civil.minute = (uint32_t)(seconds / 60 % 60);
    civil.hour = (uint32_t)(seconds / 3600);
    return civil;
}

bool
civil_to_timestamp(const Civil *civil, int64_t *microseconds)
{
    if (civil->year < 1 || civil->year > 9999)
        return false;
    int64_t days = days_from_civil(civil->year, civil->month, civil->day);
    int64_t seconds = (int64_t)civil->hour * 3600 +
                      (int64_t)civil->minute * 60 + civil->second;
    *microseconds = days * DAY_MICROSECONDS + seconds * SECOND_MICROSECONDS +
                    civil->microsecond;
    return true;
}

static bool
is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

uint32_t
days_of_month(int64_t year, uint32_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30,
                                   31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* ---- reading ---- */

typedef struct Cursor {
    const char *at;
    const char *end;
} Cursor;

static bool
is_digit(const Cursor *cursor)
{
    return cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9';
}

/* `least` to `most` digits. */
static bool
read_digits(Cursor *cursor, uint32_t least, uint32_t most, uint32_t *value)
{
    uint32_t count = 0;
    *value = 0;
    while (count < most && is_digit(cursor)) {
        *value = *value * 10 + (uint32_t)(*cursor->at++ - '0');
        count++;
    }
    return count >= least && !is_digit(cursor);
}

static bool
read_char(Cursor *cursor, char c)
{
    if (cursor->at == cursor->end || *cursor->at != c)
        return false;
    cursor->at++;
    return true;
}

static void
skip_blanks(Cursor *cursor)
{
    while (read_char(cursor, ' '))
        continue;
}

/* Microseconds of ".5"; more than six digits are rounded, may give 1000000. */
static bool
read_fraction(Cursor *cursor, uint32_t *microsecond)
{
    uint32_t value = 0;
    uint32_t digits = 0;
    if (!is_digit(cursor))
        return false;
    for (; is_digit(cursor); cursor->at++, digits++) {
        uint32_t digit = (uint32_t)(*cursor->at - '0');
        if (digits < 6)
            value = value * 10 + digit;
        else if (digits == 6)
            value += digit >= 5;
    }
    for (; digits < 6; digits++)
        value *= 10;
    *microsecond = value;
    return true;
}

static bool
read_time(Cursor *cursor, Civil *civil)
{
    if (!read_digits(cursor, 1, 2, &civil->hour) || !read_char(cursor, ':') ||
        !read_digits(cursor, 2, 2, &civil->minute))
        return false;
    if (read_char(cursor, ':') && !read_digits(cursor, 2, 2, &civil->second))
        return false;
    return !read_char(cursor, '.') ||
           read_fraction(cursor, &civil->microsecond);
}

/* "Z", "UTC", "+02", "-05:30", "+0530", nothing; seconds east of UTC. */
static bool
read_zone(Cursor *cursor, int64_t *offset)
{
    *offset = 0;
    skip_blanks(cursor);
    Slice rest = {cursor->at, (size_t)(cursor->end - cursor->at)};
    if (rest.size == 0 || slice_equal_nocase(rest, SLICE_LITERAL("z")) ||
        slice_equal_nocase(rest, SLICE_LITERAL("utc")) ||
        slice_equal_nocase(rest, SLICE_LITERAL("gmt"))) {
        cursor->at = cursor->end;
        return true;
    }
    int64_t sign = rest.data[0] == '-' ? -1 : 1;
    if (!read_char(cursor, '+') && !read_char(cursor, '-'))
        return false;
    uint32_t hours;
    uint32_t minutes = 0;
    Cursor four = *cursor;
    if (read_digits(&four, 4, 4, &hours)) {
        *cursor = four;
        minutes = hours % 100;
        hours /= 100;
    } else if (!read_digits(cursor, 1, 2, &hours) ||
               (read_char(cursor, ':') &&
                !read_digits(cursor, 2, 2, &minutes))) {
        return false;
    }
    *offset = sign * ((int64_t)hours * 3600 + (int64_t)minutes * 60);
    return hours <= 15 && minutes <= 59;
}

static bool
read_moment(Cursor *cursor, Civil *civil, int64_t *offset)
{
    uint32_t year;
    if (!read_digits(cursor, 4, 4, &year) || !read_char(cursor, '-') ||
        !read_digits(cursor, 1, 2, &civil->month) || !read_char(cursor, '-') ||
        !read_digits(cursor, 1, 2, &civil->day))
        return false;
    civil->year = year;
    if (read_char(cursor, 'T') || read_char(cursor, 't')) {
        if (!read_time(cursor, civil))
            return false;
    } else {
        skip_blanks(cursor);
        if (is_digit(cursor) && !read_time(cursor, civil))
            return false;
    }
    return read_zone(cursor, offset) && cursor->at == cursor->end;
}

/* 24:00:00 and second 60 are accepted, as in PostgreSQL. */
static bool
is_civil(const Civil *civil)
{
    bool is_midnight = civil->hour == 24 && civil->minute == 0 &&
                       civil->second == 0 && civil->microsecond == 0;
    return civil->year >= 1 && civil->month >= 1 && civil->month <= 12 &&
           civil->day >= 1 &&
           civil->day <= days_of_month(civil->year, civil->month) &&
           (civil->hour <= 23 || is_midnight) && civil->minute <= 59 &&
           civil->second <= 60;
}

mql_status
timestamp_read(Slice text, int64_t *microseconds, Error *err)
{
    Slice trimmed = text_trim(text);
    Civil civil = {0};
    int64_t offset;
    Cursor cursor = {trimmed.data, trimmed.data + trimmed.size};
    if (slice_equal_nocase(trimmed, SLICE_LITERAL("epoch"))) {
        *microseconds = 0;
        return MQL_OK;
    }
    if (trimmed.size == 0 || !read_moment(&cursor, &civil, &offset)) {
        text_invalid(text, type_of(TYPE_TIMESTAMPTZ), err);
        return error_hint(err, "Write it as '2025-01-31 10:00:00+00'.");
    }
    if (!is_civil(&civil) || !civil_to_timestamp(&civil, microseconds))
        return error_set(err, ERR_DATETIME_OVERFLOW,
                         "date/time field value out of range: \"%.*s\"",
                         trimmed.size > 64 ? 64 : (int)trimmed.size,
                         trimmed.data);
    *microseconds -= offset * SECOND_MICROSECONDS;
    if (*microseconds < TIMESTAMP_LEAST || *microseconds > TIMESTAMP_MOST)
        return error_set(err, ERR_DATETIME_OVERFLOW,
                         "timestamp out of range: \"%.*s\"", (int)trimmed.size,
                         trimmed.data);
    return MQL_OK;
}

/* ---- printing ---- */

void
timestamp_print(Buffer *out, int64_t microseconds)
{
    Civil civil = civil_of(microseconds);
    bool is_before_christ = civil.year <= 0;
    long long year = is_before_christ ? 1 - civil.year : civil.year;
    buffer_printf(out, "%04lld-%02u-%02u %02u:%02u:%02u", year, civil.month,
                  civil.day, civil.hour, civil.minute, civil.second);
    if (civil.microsecond != 0) {
        uint32_t digits = civil.microsecond;
        int width = 6;
        for (; digits % 10 == 0; digits /= 10)
            width--;
        buffer_printf(out, ".%0*u", width, digits);
    }
    buffer_append_text(out, is_before_christ ? "+00 BC" : "+00");
}
