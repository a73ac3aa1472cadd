/* SPDX-License-Identifier: Apache-2.0 */
/* secret.c - statements that may hold a password. */
#include "secret.h"

#include <string.h>
#include <strings.h>

/* The text behind `word` when it begins with it, or NULL. */
static const char *
behind(const char *text, const char *end, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(end - text) < size || strncasecmp(text, word, size) != 0)
        return NULL;
    return text + size;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* CREATE USER, ALTER USER. */
static bool
is_about_user(const char *text, const char *end)
{
    const char *rest = behind(text, end, "create");
    if (rest == NULL)
        rest = behind(text, end, "alter");
    if (rest == NULL || rest == end || !is_blank(*rest))
        return false;
    while (rest < end && is_blank(*rest))
        rest++;
    return behind(rest, end, "user") != NULL;
}

bool
text_is_secret(const char *text, size_t size)
{
    const char *end = text + size;
    for (; text < end; text++)
        if (behind(text, end, "password") != NULL ||
            behind(text, end, "identified by") != NULL ||
            is_about_user(text, end))
            return true;
    return false;
}
