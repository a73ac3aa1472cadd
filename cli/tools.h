/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools.h - what mql does besides being a shell: "mql TOOL ...".
 */
#ifndef CLI_TOOLS_H
#define CLI_TOOLS_H

#include <stdbool.h>

#include "mql.h"

/* Run the tool that the command line names; false: it names none. A directory
 * of such a name is opened as "./dump". */
bool tools_run(int count, char **words, int *status);

/* For the tools: the error in lines on stderr; returns the exit status. */
int tool_fail(const mql_error *error);

#endif
