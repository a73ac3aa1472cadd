/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - what a person should know though no statement asked: a torn log tail
 * was cut, a damaged index is bypassed. The sink is handed down like everything
 * else; a NULL write means silence. Never passwords or row contents.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

typedef struct Log {
    void (*write)(void *context, const char *severity, const char *message);
    void *context;
} Log;

/* severity: "NOTICE" or "WARNING"; the message is one line, no period. */
void log_write(const Log *log, const char *severity, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
