/* SPDX-License-Identifier: Apache-2.0 */
/*
 * help.c - \h: how statements are written, in the words of the reference.
 */
#include "commands.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef struct Topic {
    const char *name;
    const char *section; /* of the reference */
    const char *syntax;  /* lines */
} Topic;

/* By name; made of the reference (tools/make-help). */
static const Topic topics[] = {
#include "help_topics.h"
};

#define TOPIC_COUNT (sizeof topics / sizeof topics[0])

static void
show_topic(FILE *out, const Topic *topic)
{
    fprintf(out, "Statement: %s\nReference: %s\nSyntax:\n%s\n\n", topic->name,
            topic->section, topic->syntax);
}

static void
list_topics(FILE *out)
{
    fputs("Help is there for these statements, by \\h NAME:\n", out);
    for (size_t i = 0; i < TOPIC_COUNT; i++)
        fprintf(out, "  %s\n", topics[i].name);
}

Outcome
command_syntax(Invocation *call)
{
    Text name = {0};
    FILE *out = call->shell->out;
    size_t shown = 0;
    arguments_rest(&call->arguments, &name);
    while (name.size > 0 && strchr("; ", name.data[name.size - 1]) != NULL)
        name.data[--name.size] = '\0';
    if (name.size == 0)
        list_topics(out);
    bool wants_all = strcmp(text_string(&name), "*") == 0;
    for (size_t i = 0; i < TOPIC_COUNT && name.size > 0; i++) {
        if (!wants_all &&
            strncasecmp(topics[i].name, name.data, name.size) != 0)
            continue;
        show_topic(out, &topics[i]);
        shown++;
    }
    if (name.size > 0 && shown == 0)
        fprintf(out, "There is no help for \"%s\"; \\h lists what there is.\n",
                name.data);
    text_free(&name);
    return OUTCOME_DONE;
}
