/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - setting options by name from a kind's table. */
#include "index/index.h"

#include <inttypes.h>
#include <string.h>

#define NAME_MOST 63 /* longer names are like none of ours */

void
index_options_default(const IndexOption *table, IndexOptions *options)
{
    memset(options, 0, sizeof *options);
    for (size_t i = 0; table[i].name != NULL; i++)
        options->values[i] = table[i].usual;
}

bool
index_option_is(const IndexOption *option, Slice name)
{
    return slice_equal_nocase(name, slice_of(option->name)) ||
           (option->synonym != NULL &&
            slice_equal_nocase(name, slice_of(option->synonym)));
}

static unsigned char
lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static size_t
least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance, letters alike in any case. */
static size_t
edits_between(Slice a, Slice b)
{
    size_t row[NAME_MOST + 1];
    if (a.size > NAME_MOST || b.size > NAME_MOST)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t change = lower(a.data[i - 1]) != lower(b.data[j - 1]);
            size_t best = least_of(corner + change, row[j] + 1);
            corner = row[j];
            row[j] = least_of(best, row[j - 1] + 1);
        }
    }
    return row[b.size];
}

/* The option of the most similar name, or NULL when none is similar. */
static const IndexOption *
most_similar(const IndexOption *table, Slice name)
{
    const IndexOption *best = NULL;
    size_t fewest = SIZE_MAX;
    for (const IndexOption *option = table; option->name != NULL; option++) {
        size_t edits = edits_between(name, slice_of(option->name));
        if (option->synonym != NULL)
            edits =
                least_of(edits, edits_between(name, slice_of(option->synonym)));
        if (edits < fewest) {
            fewest = edits;
            best = option;
        }
    }
    return fewest <= 3 && fewest < name.size ? best : NULL;
}

#define LIST_SIZE (ERROR_HINT_SIZE - 64)

/* Append a name to a list of them, if there is room. */
static void
list_add(char list[LIST_SIZE], const char *name)
{
    size_t used = strlen(list), length = strlen(name);
    if (used + length + 3 > LIST_SIZE)
        return;
    if (used > 0) {
        memcpy(list + used, ", ", 2);
        used += 2;
    }
    memcpy(list + used, name, length + 1);
}

static mql_status
unknown_option(const IndexOption *table, Slice name, Error *err)
{
    int size = name.size > NAME_MOST ? NAME_MOST : (int)name.size;
    error_set(err, ERR_INVALID_PARAMETER, "unrecognized parameter \"%.*s\"",
              size, name.size == 0 ? "" : name.data);

    const IndexOption *similar = most_similar(table, name);
    if (similar != NULL)
        return error_hint(err, "Perhaps you meant \"%s\".", similar->name);
    if (table->name == NULL)
        return error_hint(err, "There are no parameters here.");

    char list[LIST_SIZE] = "";
    for (const IndexOption *option = table; option->name != NULL; option++)
        list_add(list, option->name);
    return error_hint(err, "Valid parameters are: %s.", list);
}

static mql_status
set_word(const IndexOption *option, int64_t *value, Slice text, Error *err)
{
    for (int64_t i = 0; option->words[i] != NULL; i++) {
        if (text.data != NULL &&
            slice_equal_nocase(text, slice_of(option->words[i]))) {
            *value = i;
            return MQL_OK;
        }
    }
    error_set(err, ERR_INVALID_PARAMETER, "invalid value for parameter \"%s\"",
              option->name);
    char list[LIST_SIZE] = "";
    for (size_t i = 0; option->words[i] != NULL; i++)
        list_add(list, option->words[i]);
    return error_hint(err, "Valid values are: %s.", list);
}

size_t
index_option_find(const IndexOption *table, Slice name)
{
    size_t i = 0;
    while (table[i].name != NULL && !slice_equal(slice_of(table[i].name), name))
        i++;
    if (table[i].name != NULL)
        return i;
    i = 0;
    while (table[i].name != NULL && !index_option_is(&table[i], name))
        i++;
    return i;
}

mql_status
index_option_set(const IndexOption *table, IndexOptions *options, Slice name,
                 bool is_integer, int64_t integer, Slice text, Error *err)
{
    size_t i = index_option_find(table, name);
    const IndexOption *option = &table[i];
    if (option->name == NULL)
        return unknown_option(table, name, err);

    if (option->words != NULL)
        return set_word(option, &options->values[i], text, err);
    if (!is_integer)
        return error_set(err, ERR_INVALID_PARAMETER,
                         "parameter \"%s\" requires an integer value",
                         option->name);
    if (integer < option->least || integer > option->most)
        return error_set(err, ERR_INVALID_PARAMETER,
                         "\"%s\" must be between %" PRId64 " and %" PRId64,
                         option->name, option->least, option->most);
    options->values[i] = integer;
    return MQL_OK;
}
