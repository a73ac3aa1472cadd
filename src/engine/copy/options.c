/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.c - WITH (...) of COPY: one table of names.
 */
#include "engine/copy/copy_internal.h"

const CopyFormat *const copy_formats[] = {
    &csv_format, &jsonl_format, &json_format, &npy_format, NULL,
};

/* Formats of the language that have no reader yet. */
static const char *const future_formats[] = {"fvecs", "parquet", NULL};

static mql_status
set_format(CopyOptions *options, Slice value, Error *err)
{
    for (size_t i = 0; copy_formats[i] != NULL; i++) {
        if (slice_equal_nocase(value, slice_of(copy_formats[i]->name))) {
            options->format = slice_of(copy_formats[i]->name);
            return MQL_OK;
        }
    }
    for (size_t i = 0; future_formats[i] != NULL; i++) {
        if (slice_equal_nocase(value, slice_of(future_formats[i])))
            return error_set(err, ERR_FEATURE_NOT_SUPPORTED,
                             "COPY format \"%s\" is not supported yet",
                             future_formats[i]);
    }
    error_set(err, ERR_INVALID_PARAMETER, "COPY format \"%.*s\" not recognized",
              (int)value.size, value.data);
    return error_hint(err, "Formats are csv, jsonl, json and npy.");
}

static mql_status
set_header(CopyOptions *options, Slice value, Error *err)
{
    static const char *const yes[] = {"true", "on", "1", ""};
    static const char *const no[] = {"false", "off", "0"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (slice_equal_nocase(value, slice_of(yes[i]))) {
            options->has_header = options->header_is_set = true;
            return MQL_OK;
        }
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        if (slice_equal_nocase(value, slice_of(no[i]))) {
            options->has_header = false;
            options->header_is_set = true;
            return MQL_OK;
        }
    }
    return error_set(err, ERR_INVALID_PARAMETER,
                     "header requires a Boolean value");
}

static mql_status
set_delimiter(CopyOptions *options, Slice value, Error *err)
{
    if (slice_equal(value, SLICE_LITERAL("\\t")))
        value = SLICE_LITERAL("\t");
    if (value.size != 1)
        return error_set(err, ERR_INVALID_PARAMETER,
                         "COPY delimiter must be a single one-byte character");
    char c = value.data[0];
    if (c == '"' || c == '\n' || c == '\r' || c == '\0' || c == '[' ||
        c == ']' || (unsigned char)c >= 0x80)
        return error_set(err, ERR_INVALID_PARAMETER,
                         "COPY delimiter cannot be a quote, a bracket, the end "
                         "of a line or a part of a character");
    options->delimiter = c;
    return MQL_OK;
}

static mql_status
set_null(CopyOptions *options, Slice value, Error *err)
{
    if (value.size > 0 && (memchr(value.data, '\n', value.size) != NULL ||
                           memchr(value.data, '\r', value.size) != NULL ||
                           memchr(value.data, '"', value.size) != NULL))
        return error_set(err, ERR_INVALID_PARAMETER,
                         "COPY null representation cannot use newline, "
                         "carriage return or a quote");
    options->null_text = value;
    options->null_is_set = true;
    return MQL_OK;
}

static mql_status
set_on_error(CopyOptions *options, Slice value, Error *err)
{
    options->skips_errors = slice_equal_nocase(value, SLICE_LITERAL("ignore"));
    if (options->skips_errors ||
        slice_equal_nocase(value, SLICE_LITERAL("stop")))
        return MQL_OK;
    error_set(err, ERR_INVALID_PARAMETER,
              "COPY ON_ERROR \"%.*s\" not recognized", (int)value.size,
              value.data);
    return error_hint(err, "It is stop or ignore.");
}

static const struct {
    const char *name;
    mql_status (*set)(CopyOptions *options, Slice value, Error *err);
} settings[] = {
    {"format", set_format},       {"header", set_header},
    {"delimiter", set_delimiter}, {"null", set_null},
    {"on_error", set_on_error},
};

/* PostgreSQL's that are not built. */
static const char *const future_options[] = {
    "quote",         "escape",         "encoding",   "freeze",
    "default",       "force_not_null", "force_null", "force_quote",
    "log_verbosity", "reject_limit",
};

void
copy_options_init(CopyOptions *options)
{
    *options = (CopyOptions){.null_text = {"", 0}};
}

mql_status
copy_option_set(CopyOptions *options, Slice name, Slice value, Error *err)
{
    uint32_t least = NAME_DISTANCE_MOST + 1;
    const char *nearest = NULL;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        Slice known = slice_of(settings[i].name);
        if (slice_equal_nocase(name, known))
            return settings[i].set(options, value, err);
        uint32_t distance = name_distance(name, known);
        if (distance < least) {
            least = distance;
            nearest = settings[i].name;
        }
    }
    for (size_t i = 0; i < sizeof future_options / sizeof *future_options;
         i++) {
        if (slice_equal_nocase(name, slice_of(future_options[i])))
            return error_set(err, ERR_FEATURE_NOT_SUPPORTED,
                             "COPY option \"%s\" is not supported yet",
                             future_options[i]);
    }
    error_set(err, ERR_INVALID_PARAMETER, "option \"%.*s\" not recognized",
              (int)name.size, name.data);
    if (nearest != NULL)
        return error_hint(err, "Perhaps you meant the option \"%s\".", nearest);
    return error_hint(
        err, "Options are format, header, delimiter, null and on_error.");
}
