/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.c - reads lines: from a file, from text, from the terminal.
 */
#include "source.h"

#include <errno.h>
#include <string.h>

#include "interrupt.h"
#include "line_edit.h"
#include "memory.h"

/* A line of -c's text. */
static SourceRead
text_line(Source *source, Text *line)
{
    if (*source->text == '\0')
        return SOURCE_END;
    size_t size = strcspn(source->text, "\n");
    text_append(line, source->text, size);
    source->text += size;
    if (*source->text == '\n')
        source->text++;
    return SOURCE_LINE;
}

/* Windows' editors put a mark in front of UTF-8. */
static void
drop_mark(Text *line)
{
    if (line->size < 3 || memcmp(line->data, "\xef\xbb\xbf", 3) != 0)
        return;
    line->size -= 3;
    memmove(line->data, line->data + 3, line->size + 1);
}

static SourceRead
file_line(Source *source, Text *line)
{
    errno = 0;
    ssize_t size = getline(&source->buffer, &source->capacity, source->file);
    if (size < 0 && ferror(source->file)) {
        bool was_interrupted = errno == EINTR && interrupt_was_asked();
        clearerr(source->file);
        return was_interrupted ? SOURCE_INTERRUPTED : SOURCE_FAILED;
    }
    if (size < 0)
        return SOURCE_END;
    if (source->buffer[size - 1] == '\n')
        size--;
    text_append(line, source->buffer, (size_t)size);
    return SOURCE_LINE;
}

/* A line from the terminal, edited by nothing but the terminal. */
static SourceRead
typed_line(Source *source, const char *prompt, Text *line)
{
    interrupt_forget();
    fputs(prompt, stdout);
    fflush(stdout);
    SourceRead result = interrupt_wait_for_input() ? file_line(source, line)
                                                   : SOURCE_INTERRUPTED;
    if (result == SOURCE_INTERRUPTED)
        putchar('\n');
    return result;
}

SourceRead
source_line(Source *source, const char *prompt, Text *line)
{
    SourceRead result;
    text_clear(line);
    if (source->line_edit != NULL) {
        result = line_edit_read(source->line_edit, prompt, line);
    } else if (source->file == NULL) {
        result = text_line(source, line);
    } else {
        result = source->is_interactive ? typed_line(source, prompt, line)
                                        : file_line(source, line);
    }
    if (result == SOURCE_LINE && ++source->line_number == 1)
        drop_mark(line);
    return result;
}

void
source_free(Source *source)
{
    memory_free(source->buffer);
    source->buffer = NULL;
    source->capacity = 0;
}
