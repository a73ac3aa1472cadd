/* SPDX-License-Identifier: Apache-2.0 */
/* tools.c - "mql restore" and "mql dump". */
#include "tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump.h"
#include "mql.h"

int
tool_fail(const mql_error *error)
{
    fprintf(stderr, "mql: error: %s\n", error->message);
    if (error->detail[0] != '\0')
        fprintf(stderr, "DETAIL:  %s\n", error->detail);
    if (error->hint[0] != '\0')
        fprintf(stderr, "HINT:  %s\n", error->hint);
    return EXIT_FAILURE;
}

static int
restore(int count, char **words)
{
    mql_error error = MQL_ERROR_INIT;
    if (count != 2 || words[0][0] == '-') {
        fputs("Usage: mql restore BACKUP DIRECTORY\n", stderr);
        return EXIT_FAILURE;
    }
    if (mql_restore(words[0], words[1], &error) != MQL_OK)
        return tool_fail(&error);
    return EXIT_SUCCESS;
}

static const struct {
    const char *name;
    int (*run)(int count, char **words);
} tools[] = {
    {"dump", dump_main},
    {"restore", restore},
};

bool
tools_run(int count, char **words, int *status)
{
    for (size_t i = 0; count > 1 && i < sizeof tools / sizeof tools[0]; i++) {
        if (strcmp(words[1], tools[i].name) != 0)
            continue;
        *status = tools[i].run(count - 2, words + 2);
        return true;
    }
    return false;
}
