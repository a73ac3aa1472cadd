/* SPDX-License-Identifier: Apache-2.0 */
/* status.c - filling an Error. The first failure wins everywhere. */
#include "base/status.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct CodeInfo {
    char sqlstate[6];
    mql_status status;
} CodeInfo;

static const CodeInfo code_infos[ERR_COUNT] = {
#define ERRCODE(name, sqlstate, status) {sqlstate, status},
#include "base/errcodes.def"
#undef ERRCODE
};

void
error_clear(Error *err)
{
    err->status = MQL_OK;
    err->position = -1;
    memset(err->sqlstate, 0, sizeof err->sqlstate);
    err->text[0] = err->detail[0] = err->hint[0] = '\0';
}

/* Text that did not fit must not end within a UTF-8 character. */
static void
format_text(char *text, size_t size, const char *format, va_list arguments)
{
    int length = vsnprintf(text, size, format, arguments);
    if (length < 0) {
        text[0] = '\0';
        return;
    }
    if ((size_t)length < size)
        return;
    size_t end = size - 1;
    while (end > 0 && ((unsigned char)text[end - 1] & 0xC0) == 0x80)
        end--;
    if (end > 0 && ((unsigned char)text[end - 1] & 0x80) != 0)
        end--;
    text[end] = '\0';
}

static mql_status
record(Error *err, ErrorCode code, int64_t position, const char *format,
       va_list arguments)
{
    assert(code < ERR_COUNT);
    const CodeInfo *info = &code_infos[code];
    if (err == NULL)
        return info->status;
    if (err->status != MQL_OK)
        return err->status;
    err->status = info->status;
    memcpy(err->sqlstate, info->sqlstate, sizeof err->sqlstate);
    err->position = position;
    err->detail[0] = '\0';
    err->hint[0] = '\0';
    format_text(err->text, sizeof err->text, format, arguments);
    return info->status;
}

mql_status
error_set(Error *err, ErrorCode code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    mql_status status = record(err, code, -1, format, arguments);
    va_end(arguments);
    return status;
}

mql_status
error_at(Error *err, ErrorCode code, int64_t position, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    mql_status status = record(err, code, position, format, arguments);
    va_end(arguments);
    return status;
}

mql_status
error_detail(Error *err, const char *format, ...)
{
    if (err == NULL)
        return MQL_INTERNAL;
    if (err->detail[0] == '\0') {
        va_list arguments;
        va_start(arguments, format);
        format_text(err->detail, sizeof err->detail, format, arguments);
        va_end(arguments);
    }
    return err->status;
}

mql_status
error_hint(Error *err, const char *format, ...)
{
    if (err == NULL)
        return MQL_INTERNAL;
    if (err->hint[0] == '\0') {
        va_list arguments;
        va_start(arguments, format);
        format_text(err->hint, sizeof err->hint, format, arguments);
        va_end(arguments);
    }
    return err->status;
}

mql_status
error_locate(Error *err, int64_t position)
{
    if (err == NULL)
        return MQL_INTERNAL;
    if (err->position < 0)
        err->position = position;
    return err->status;
}

mql_status
error_no_memory(Error *err)
{
    return error_set(err, ERR_OUT_OF_MEMORY, "out of memory");
}

mql_status
error_corrupt(Error *err, const char *path, int64_t offset, const char *format,
              ...)
{
    if (err != NULL && err->status != MQL_OK)
        return err->status;
    va_list arguments;
    va_start(arguments, format);
    mql_status status = record(err, ERR_DATA_CORRUPTED, -1, format, arguments);
    va_end(arguments);
    if (err == NULL)
        return status;
    if (offset < 0)
        return error_detail(err, "File \"%s\".", path);
    return error_detail(err, "File \"%s\", offset %lld.", path,
                        (long long)offset);
}

bool
error_place(const Error *err, const char **path, size_t *path_size,
            int64_t *offset)
{
    static const char start[] = "File \"";
    static const char middle[] = "\", offset ";
    *offset = -1;
    if (strncmp(err->detail, start, sizeof start - 1) != 0)
        return false;
    *path = err->detail + sizeof start - 1;
    const char *end = strrchr(*path, '"');
    if (end == NULL)
        return false;
    *path_size = (size_t)(end - *path);
    if (strncmp(end, middle, sizeof middle - 1) == 0)
        *offset = strtoll(end + sizeof middle - 1, NULL, 10);
    return true;
}
