/* SPDX-License-Identifier: Apache-2.0 */
/*
 * complete.c - what Tab offers.
 *
 * Offers in this order: at the start of a line "\d" and the like; otherwise
 * collections and aliases, as SHOW lists them when Tab is pressed, then
 * keywords.
 */
#include "complete.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "commands.h"
#include "memory.h"

static void
forget_names(Completion *completion)
{
    for (size_t i = 0; i < completion->name_count; i++)
        memory_free(completion->names[i]);
    completion->name_count = 0;
}

/* A failure here is none: there is just nothing to offer. */
static void
load_names_of(Completion *completion, const char *query)
{
    mql_stmt *stmt = NULL;
    if (mql_prepare(*completion->conn, query, -1, &stmt, NULL) != MQL_OK)
        return;
    while (mql_step(stmt) == MQL_ROW) {
        size_t size;
        const char *name = mql_column_text(stmt, 0, &size);
        if (name == NULL)
            continue;
        completion->names = memory_resize(
            completion->names, completion->name_count + 1, sizeof(char *));
        completion->names[completion->name_count++] = memory_copy(name, size);
    }
    mql_finalize(stmt);
}

/* Whether the statement is about users, roles and privileges. */
static bool
is_about_access(const char *line)
{
    static const char *const words[] = {"grant", "revoke", "role", "user",
                                        "privilege"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasestr(line, words[i]) != NULL)
            return true;
    return false;
}

static void
load_names(Completion *completion, const char *line)
{
    forget_names(completion);
    if (is_about_access(line)) {
        load_names_of(completion, "SHOW PRIVILEGES");
        load_names_of(completion, "SHOW PRIVILEGE GROUPS");
        load_names_of(completion, "SHOW ROLES");
        load_names_of(completion, "SHOW USERS");
    }
    load_names_of(completion, "SHOW COLLECTIONS");
    load_names_of(completion, "SHOW ALIASES");
}

static const char *
offer_command(Completion *completion, const char *word, size_t size,
              size_t index)
{
    const Command *command;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        if (command->name == NULL ||
            strncmp(command->name, word + 1, size - 1) != 0)
            continue;
        if (index-- > 0)
            continue;
        text_clear(&completion->offer);
        text_printf(&completion->offer, "\\%s", command->name);
        return completion->offer.data;
    }
    return NULL;
}

static const char *
offer_name(const Completion *completion, const char *word, size_t size,
           size_t *index)
{
    for (size_t i = 0; i < completion->name_count; i++)
        if (strncmp(completion->names[i], word, size) == 0 && (*index)-- == 0)
            return completion->names[i];
    return NULL;
}

/* In the case the word has: "sel" becomes "select". */
static const char *
offer_keyword(Completion *completion, const char *word, size_t size,
              size_t index)
{
    const char *keyword;
    bool is_lower = size > 0 && islower((unsigned char)word[size - 1]);
    for (int32_t i = 0; (keyword = mql_keyword(i)) != NULL; i++) {
        if (strncasecmp(keyword, word, size) != 0 || index-- > 0)
            continue;
        text_clear(&completion->offer);
        for (const char *p = keyword; *p != '\0'; p++)
            text_append_char(&completion->offer,
                             is_lower ? (char)tolower((unsigned char)*p) : *p);
        /* What was typed stays as it was. */
        memcpy(completion->offer.data, word, size);
        return completion->offer.data;
    }
    return NULL;
}

/* Whether the word before is one that a collection's name follows. */
static bool
expects_name(const char *line)
{
    static const char *const words[] = {
        "from", "into", "search", "collection", "table", "on",   "upsert",
        "copy", "\\d",  "\\di",   "\\dP",       "flush", "alias"};
    size_t end = strlen(line);
    while (end > 0 && isspace((unsigned char)line[end - 1]))
        end--;
    size_t start = end;
    while (start > 0 && !isspace((unsigned char)line[start - 1]))
        start--;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (text_equals(line + start, end - start, words[i]))
            return true;
    return false;
}

const char *
complete_offer(void *context, const char *line_before, const char *word,
               size_t size, size_t index)
{
    Completion *completion = context;
    bool is_command = strspn(line_before, " \t") == strlen(line_before) &&
                      size > 0 && word[0] == '\\';
    if (is_command)
        return offer_command(completion, word, size, index);
    if (size == 0 && !expects_name(line_before))
        return NULL;
    if (index == 0)
        load_names(completion, line_before);
    const char *name = offer_name(completion, word, size, &index);
    if (name != NULL)
        return name;
    return size == 0 ? NULL : offer_keyword(completion, word, size, index);
}

void
completion_free(Completion *completion)
{
    forget_names(completion);
    memory_free(completion->names);
    text_free(&completion->offer);
}
