/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line_edit.c - typing a line on a terminal.
 *
 * The characters are read here and not by libedit: a Ctrl-C while a line is
 * typed then ends the reading at once, without a jump out of a signal handler.
 */
#include "line_edit.h"
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "interrupt.h"
#include "memory.h"

struct LineEdit {
    EditLine *editor;
    History *history;
    const char *prompt; /* of the line that is being typed  */
    char *path;         /* of the history file, NULL: none  */
    LineEditOffer offer;
    void *context;
};

static LineEdit *
edit_of(EditLine *editor)
{
    void *edit = NULL;
    el_get(editor, EL_CLIENTDATA, &edit);
    return edit;
}

static char *
show_prompt(EditLine *editor)
{
    return (char *)edit_of(editor)->prompt;
}

/* libedit's "getc": 1 with a character, 0 at the end, -1 when there is none. */
static int
read_character(EditLine *editor, wchar_t *character)
{
    (void)editor;
    mbstate_t state = {0};
    for (;;) {
        char byte;
        if (!interrupt_wait_for_input())
            return -1;
        ssize_t size = read(STDIN_FILENO, &byte, 1);
        if (size == 0)
            return 0;
        if (size < 0)
            return -1;
        /* A Ctrl-D typed ahead, before the terminal was ours, arrives so. */
        if (byte == '\0')
            byte = '\004';
        size_t used = mbrtowc(character, &byte, 1, &state);
        if (used <= 1)
            return 1;
        if (used == (size_t)-1)
            memset(&state, 0, sizeof state); /* not UTF-8: dropped */
    }
}

/* ---- completion ---- */

static bool
ends_word(char c)
{
    return strchr(" \t\n\"'()[],;=<>+-*/", c) != NULL;
}

/* How many bytes of `a` and `b` are the same. */
static size_t
common_size(const char *a, const char *b)
{
    size_t i = 0;
    while (a[i] != '\0' && a[i] == b[i])
        i++;
    return i;
}

/* What all offers begin with; `count` is set to their number. */
static void
common_offer(LineEdit *edit, const char *before, const char *word, size_t size,
             Text *common, size_t *count)
{
    const char *offer;
    *count = 0;
    for (size_t i = 0;
         (offer = edit->offer(edit->context, before, word, size, i)) != NULL;
         i++) {
        if ((*count)++ == 0)
            text_append_text(common, offer);
        else
            common->size = common_size(common->data, offer);
    }
    if (common->data != NULL)
        common->data[common->size] = '\0';
}

static void
show_offers(LineEdit *edit, const char *before, const char *word, size_t size)
{
    const char *offer;
    size_t column = 0;
    putchar('\n');
    for (size_t i = 0;
         (offer = edit->offer(edit->context, before, word, size, i)) != NULL &&
         i < 200;
         i++) {
        size_t width = strlen(offer) / 20 * 20 + 20;
        if (column > 0 && column + width > 80) {
            putchar('\n');
            column = 0;
        }
        printf("%-*s", (int)width, offer);
        column += width;
    }
    putchar('\n');
    fflush(stdout);
}

static unsigned char
complete(EditLine *editor, wint_t key)
{
    (void)key;
    LineEdit *edit = edit_of(editor);
    const LineInfo *info = el_line(editor);
    const char *start = info->cursor;
    while (start > info->buffer && !ends_word(start[-1]))
        start--;
    size_t size = (size_t)(info->cursor - start);
    char *before = memory_copy(info->buffer, (size_t)(start - info->buffer));
    char *word = memory_copy(start, size);

    Text common = {0};
    size_t count;
    unsigned char result = CC_REFRESH_BEEP;
    common_offer(edit, before, word, size, &common, &count);
    if (count == 1)
        text_append_char(&common, ' ');
    if (count > 0 && common.size >= size &&
        strcmp(text_string(&common), word) != 0) {
        el_deletestr(editor, (int)size);
        if (el_insertstr(editor, text_string(&common)) == 0)
            result = CC_REFRESH;
    } else if (count > 1) {
        show_offers(edit, before, word, size);
        result = CC_REDISPLAY;
    }
    text_free(&common);
    memory_free(word);
    memory_free(before);
    return result;
}

/* ---- opening and reading ---- */

LineEdit *
line_edit_open(LineEditOffer offer, void *context)
{
    LineEdit *edit = memory_alloc(1, sizeof *edit);
    HistEvent event;
    edit->offer = offer;
    edit->context = context;
    edit->prompt = "";
    edit->history = history_init();
    edit->editor = el_init("mql", stdin, stdout, stderr);
    if (edit->history == NULL || edit->editor == NULL) {
        line_edit_close(edit);
        return NULL;
    }
    history(edit->history, &event, H_SETSIZE, 500);
    history(edit->history, &event, H_SETUNIQUE, 1);
    EditLine *editor = edit->editor;
    el_set(editor, EL_CLIENTDATA, edit);
    el_set(editor, EL_PROMPT, show_prompt);
    el_set(editor, EL_EDITOR, "emacs");
    el_set(editor, EL_SIGNAL, 0);
    el_set(editor, EL_HIST, history, edit->history);
    el_set(editor, EL_GETCFN, read_character);
    /* The narrow form would copy the names and lose them. */
    el_wset(editor, EL_ADDFN, L"mql-complete", L"complete the word", complete);
    el_set(editor, EL_BIND, "^I", "mql-complete", NULL);
    el_set(editor, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(editor, NULL);
    return edit;
}

void
line_edit_close(LineEdit *edit)
{
    if (edit == NULL)
        return;
    if (edit->editor != NULL)
        el_end(edit->editor);
    if (edit->history != NULL)
        history_end(edit->history);
    memory_free(edit->path);
    memory_free(edit);
}

SourceRead
line_edit_read(LineEdit *edit, const char *prompt, Text *line)
{
    int count = 0;
    interrupt_forget();
    edit->prompt = prompt;
    const char *typed = el_gets(edit->editor, &count);
    if (interrupt_was_asked()) {
        interrupt_forget();
        fputs("^C\n", stdout);
        fflush(stdout);
        el_reset(edit->editor);
        return SOURCE_INTERRUPTED;
    }
    if (typed == NULL || count <= 0)
        return SOURCE_END;
    size_t size = (size_t)count;
    if (typed[size - 1] == '\n')
        size--;
    text_append(line, typed, size);
    return SOURCE_LINE;
}

/* ---- history ---- */

/* Only now and then is the file written anew; what another shell appends in
 * this moment is lost, which a history survives. */
static void
shorten_file(LineEdit *edit)
{
    Text path = {0};
    text_printf(&path, "%s.new", edit->path);
    int fd = open(path.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (file != NULL) {
        line_edit_print_history(edit, file);
        if (fclose(file) != 0 || rename(path.data, edit->path) != 0)
            unlink(path.data);
    }
    text_free(&path);
}

void
line_edit_use_history(LineEdit *edit, const char *path, long most)
{
    HistEvent event;
    memory_free(edit->path);
    edit->path = memory_copy(path, strlen(path));
    history(edit->history, &event, H_SETSIZE, most < 0 ? 1000000 : (int)most);

    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    long count = 0;
    while ((size = getline(&line, &capacity, file)) > 0) {
        if (line[size - 1] == '\n')
            line[size - 1] = '\0';
        history(edit->history, &event, H_ENTER, line);
        count++;
    }
    memory_free(line);
    fclose(file);
    if (most >= 0 && count > 2 * most)
        shorten_file(edit);
}

static void
append_to_file(const char *path, const char *lines)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
        (status.st_mode & 0077) != 0 && fchmod(fd, 0600) != 0) {
        close(fd);
        return;
    }
    size_t size = strlen(lines);
    /* A history that cannot be kept is no reason to bother anybody. */
    if (write(fd, lines, size) < 0)
        errno = 0;
    close(fd);
}

void
line_edit_remember(LineEdit *edit, const char *lines)
{
    HistEvent event;
    for (const char *p = lines; *p != '\0';) {
        size_t size = strcspn(p, "\n");
        char *line = memory_copy(p, size);
        if (size > 0)
            history(edit->history, &event, H_ENTER, line);
        memory_free(line);
        p += size + (p[size] == '\n');
    }
    if (edit->path != NULL && !text_is_secret(lines, strlen(lines)))
        append_to_file(edit->path, lines);
}

void
line_edit_print_history(LineEdit *edit, FILE *out)
{
    HistEvent event;
    int found = history(edit->history, &event, H_LAST);
    while (found >= 0) {
        fprintf(out, "%s\n", event.str);
        found = history(edit->history, &event, H_PREV);
    }
}
