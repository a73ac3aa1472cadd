/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - one line to whoever listens. */
#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

void
log_write(const Log *log, const char *severity, const char *format, ...)
{
    if (log == NULL || log->write == NULL)
        return;
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (length >= 0)
        log->write(log->context, severity, message);
}
