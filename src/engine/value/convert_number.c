/* SPDX-License-Identifier: Apache-2.0 */
/*
 * convert_number.c - between numbers, and between numbers and booleans.
 */
#include <inttypes.h>
#include <math.h>

#include "base/number.h"
#include "engine/value/value_internal.h"

mql_status
integer_check(int64_t integer, Type to, Value *out, Error *err)
{
    int64_t least;
    int64_t most;
    type_integer_range(to.kind, &least, &most);
    if (integer < least || integer > most)
        return error_set(err, ERR_OUT_OF_RANGE,
                         "value \"%" PRId64 "\" is out of range for type %s",
                         integer, type_kind_name(to.kind));
    out->integer = integer;
    return MQL_OK;
}

static mql_status
real_out_of_range(double real, Type to, Error *err)
{
    char text[NUMBER_TEXT_SIZE];
    number_print_double(text, real);
    return error_set(err, ERR_OUT_OF_RANGE,
                     "value \"%s\" is out of range for type %s", text,
                     type_kind_name(to.kind));
}

mql_status
real_check(double real, Type to, Value *out, Error *err)
{
    double rounded = to.kind == TYPE_FLOAT ? (double)(float)real : real;
    if (!isfinite(rounded))
        return real_out_of_range(real, to, err);
    out->real = rounded;
    return MQL_OK;
}

/* A CAST rounds half to even, as PostgreSQL's of double precision does; storing
 * takes whole numbers only, as Milvus does. */
static mql_status
real_to_integer(double real, Type to, bool is_explicit, Value *out, Error *err)
{
    double whole = nearbyint(real);
    if (isnan(real) || whole < -9223372036854775808.0 ||
        whole >= 9223372036854775808.0)
        return real_out_of_range(real, to, err);
    if (whole != real && !is_explicit) {
        char text[NUMBER_TEXT_SIZE];
        number_print_double(text, real);
        error_set(err, ERR_DATA_EXCEPTION,
                  "value \"%s\" is not a whole number, as type %s needs", text,
                  type_kind_name(to.kind));
        return error_hint(err, "Round it, or write a CAST.");
    }
    return integer_check((int64_t)whole, to, out, err);
}

static mql_status
bool_convert(const Value *value, Type to, bool is_explicit, Value *out,
             Error *err)
{
    if (!is_explicit || !type_is_integer(to.kind))
        return cannot_convert(value->type, to, err);
    out->integer = value->boolean;
    return MQL_OK;
}

mql_status
number_convert(const Value *value, Type to, bool is_explicit, Value *out,
               Error *err)
{
    if (value->type.kind == TYPE_BOOL)
        return bool_convert(value, to, is_explicit, out, err);
    bool is_integer = type_is_integer(value->type.kind);
    if (to.kind == TYPE_BOOL) {
        if (!is_explicit || !is_integer)
            return cannot_convert(value->type, to, err);
        out->boolean = value->integer != 0;
        return MQL_OK;
    }
    if (!type_is_number(to.kind))
        return cannot_convert(value->type, to, err);
    if (type_is_integer(to.kind)) {
        if (is_integer)
            return integer_check(value->integer, to, out, err);
        return real_to_integer(value->real, to, is_explicit, out, err);
    }
    if (is_integer)
        out->real = to.kind == TYPE_FLOAT ? (double)(float)value->integer
                                          : (double)value->integer;
    else
        return real_check(value->real, to, out, err);
    return MQL_OK;
}
