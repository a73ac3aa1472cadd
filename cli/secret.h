/* SPDX-License-Identifier: Apache-2.0 */
/* secret.h - statements that may hold a password: neither kept nor shown. */
#ifndef CLI_SECRET_H
#define CLI_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the text speaks of a password, or makes or changes a user: their
 * strings are passwords, also where a word is misspelt. */
bool text_is_secret(const char *text, size_t size);

#endif
