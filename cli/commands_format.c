/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands_format.c - \pset and its short forms \a \f \t \x, and \timing.
 *
 * Everything \pset knows is one table; options of the command line set it by
 * the same names.
 */
#include "commands.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct Setting {
    const char *name;
    const char *message; /* after it was set, with %s for what it is now */
    /* `value` NULL: switch over, where that means something. */
    bool (*set)(Format *format, const char *value, Text *why);
    void (*show)(const Format *format, Text *out);
} Setting;

/* ---- values ---- */

static bool
set_switch(bool *is_on, const char *value, Text *why)
{
    if (value == NULL) {
        *is_on = !*is_on;
        return true;
    }
    if (parse_switch(value, is_on))
        return true;
    text_printf(why, "unrecognized value \"%s\": Boolean expected", value);
    return false;
}

static void
show_switch(bool is_on, Text *out)
{
    text_append_text(out, is_on ? "on" : "off");
}

static void
show_quoted(const Text *text, Text *out)
{
    if (strcmp(text_string(text), "\n") == 0)
        text_append_text(out, "<newline>");
    else if (text->size == 1 && text->data[0] == '\0')
        text_append_text(out, "zero byte");
    else
        text_printf(out, "\"%s\"", text_string(text));
}

static bool
set_number(long *number, const char *value, long least, long most, Text *why)
{
    char *end = NULL;
    long wanted = value == NULL ? least - 1 : strtol(value, &end, 10);
    if (value != NULL && *value != '\0' && *end == '\0' && wanted >= least &&
        wanted <= most) {
        *number = wanted;
        return true;
    }
    text_printf(why, "expected a number from %ld to %ld", least, most);
    return false;
}

static void
set_text(Text *text, const char *value)
{
    text_clear(text);
    text_append_text(text, value == NULL ? "" : value);
}

/* ---- settings ---- */

static bool
set_format(Format *format, const char *value, Text *why)
{
    const Renderer *renderer = value == NULL ? NULL : renderer_find(value);
    if (renderer != NULL) {
        format->renderer = renderer;
        return true;
    }
    text_append_text(why, "allowed formats are");
    for (size_t i = 0; (renderer = renderer_at(i)) != NULL; i++)
        text_printf(why, "%s %s", i == 0 ? "" : ",", renderer->name);
    return false;
}

static void
show_format(const Format *format, Text *out)
{
    text_append_text(out, format->renderer->name);
}

static bool
set_expanded(Format *format, const char *value, Text *why)
{
    bool is_on = format->expanded != EXPANDED_ON;
    if (value != NULL && strcasecmp(value, "auto") == 0) {
        format->expanded = EXPANDED_AUTO;
        return true;
    }
    if (value != NULL && !parse_switch(value, &is_on)) {
        text_printf(why, "unrecognized value \"%s\": on, off or auto expected",
                    value);
        return false;
    }
    format->expanded = is_on ? EXPANDED_ON : EXPANDED_OFF;
    return true;
}

static void
show_expanded(const Format *format, Text *out)
{
    if (format->expanded == EXPANDED_AUTO)
        text_append_text(out, "used automatically");
    else
        show_switch(format->expanded == EXPANDED_ON, out);
}

static bool
set_tuples(Format *format, const char *value, Text *why)
{
    return set_switch(&format->tuples_only, value, why);
}

static void
show_tuples(const Format *format, Text *out)
{
    show_switch(format->tuples_only, out);
}

static bool
set_footer(Format *format, const char *value, Text *why)
{
    return set_switch(&format->has_footer, value, why);
}

static void
show_footer(const Format *format, Text *out)
{
    show_switch(format->has_footer, out);
}

static bool
set_null(Format *format, const char *value, Text *why)
{
    (void)why;
    set_text(&format->null, value);
    format->has_null = true;
    return true;
}

static void
show_null(const Format *format, Text *out)
{
    text_printf(out, "\"%s\"", format_null(format));
}

static bool
set_field_separator(Format *format, const char *value, Text *why)
{
    (void)why;
    set_text(&format->field_separator, value == NULL ? "|" : value);
    return true;
}

static void
show_field_separator(const Format *format, Text *out)
{
    show_quoted(&format->field_separator, out);
}

static bool
set_record_separator(Format *format, const char *value, Text *why)
{
    (void)why;
    set_text(&format->record_separator, value == NULL ? "\n" : value);
    return true;
}

static void
show_record_separator(const Format *format, Text *out)
{
    show_quoted(&format->record_separator, out);
}

static bool
set_field_zero(Format *format, const char *value, Text *why)
{
    (void)value;
    (void)why;
    text_clear(&format->field_separator);
    text_append_char(&format->field_separator, '\0');
    return true;
}

static bool
set_record_zero(Format *format, const char *value, Text *why)
{
    (void)value;
    (void)why;
    text_clear(&format->record_separator);
    text_append_char(&format->record_separator, '\0');
    return true;
}

static bool
set_csv_separator(Format *format, const char *value, Text *why)
{
    if (value == NULL || strlen(value) != 1 ||
        strchr("\"\r\n", value[0]) != NULL) {
        text_append_text(why, "expected one byte that is no quote or newline");
        return false;
    }
    set_text(&format->csv_separator, value);
    return true;
}

static void
show_csv_separator(const Format *format, Text *out)
{
    show_quoted(&format->csv_separator, out);
}

static bool
set_title(Format *format, const char *value, Text *why)
{
    (void)why;
    set_text(&format->title, value);
    return true;
}

static void
show_title(const Format *format, Text *out)
{
    text_printf(out, "\"%s\"", text_string(&format->title));
}

static bool
set_items(Format *format, const char *value, Text *why)
{
    if (value != NULL && strcasecmp(value, "all") == 0)
        value = "0";
    return set_number(&format->vector_items, value, 0, 32768, why);
}

static void
show_items(const Format *format, Text *out)
{
    if (format->vector_items == 0)
        text_append_text(out, "all");
    else
        text_printf(out, "%ld", format->vector_items);
}

static bool
set_precision(Format *format, const char *value, Text *why)
{
    return set_number(&format->vector_precision, value, 1, 17, why);
}

static void
show_precision(const Format *format, Text *out)
{
    text_printf(out, "%ld", format->vector_precision);
}

/* The whole list, by name. */
static const Setting settings[] = {
    {"csv_fieldsep", "Field separator for CSV is %s.", set_csv_separator,
     show_csv_separator},
    {"expanded", "Expanded display is %s.", set_expanded, show_expanded},
    {"fieldsep", "Field separator is %s.", set_field_separator,
     show_field_separator},
    {"fieldsep_zero", "Field separator is %s.", set_field_zero,
     show_field_separator},
    {"footer", "Default footer is %s.", set_footer, show_footer},
    {"format", "Output format is %s.", set_format, show_format},
    {"null", "Null display is %s.", set_null, show_null},
    {"recordsep", "Record separator is %s.", set_record_separator,
     show_record_separator},
    {"recordsep_zero", "Record separator is %s.", set_record_zero,
     show_record_separator},
    {"title", "Title is %s.", set_title, show_title},
    {"tuples_only", "Tuples only is %s.", set_tuples, show_tuples},
    {"vector_items", "Numbers shown of a vector on a terminal: %s.", set_items,
     show_items},
    {"vector_precision", "Digits of these numbers: %s.", set_precision,
     show_precision},
};

#define SETTING_COUNT (sizeof settings / sizeof settings[0])

/* ---- setting ---- */

static const Setting *
find_setting(const char *name)
{
    if (strcmp(name, "x") == 0)
        name = "expanded";
    else if (strcmp(name, "t") == 0)
        name = "tuples_only";
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (strcmp(settings[i].name, name) == 0)
            return &settings[i];
    return NULL;
}

bool
setting_apply(Shell *shell, const char *name, const char *value, Text *why)
{
    const Setting *setting = find_setting(name);
    Text reason = {0};
    if (setting == NULL)
        text_printf(why, "\\pset: unknown option: %s", name);
    else if (!setting->set(&shell->format, value, &reason))
        text_printf(why, "\\pset: %s: %s", setting->name, reason.data);
    text_free(&reason);
    return why->size == 0;
}

static Outcome
apply(Shell *shell, const char *name, const char *value)
{
    Text text = {0};
    bool is_set = setting_apply(shell, name, value, &text);
    if (!is_set) {
        report(shell, "%s", text.data);
    } else if (shell_is_talkative(shell)) {
        const Setting *setting = find_setting(name);
        const char *place = strstr(setting->message, "%s");
        setting->show(&shell->format, &text);
        printf("%.*s%s%s\n", (int)(place - setting->message), setting->message,
               text_string(&text), place + 2);
    }
    text_free(&text);
    return is_set ? OUTCOME_DONE : OUTCOME_FAILED;
}

/* Apply with the command's own argument, if there is one. */
static Outcome
apply_argument(Invocation *call, const char *name)
{
    Text value = {0};
    bool is_given = arguments_next(&call->arguments, &value);
    Outcome outcome =
        apply(call->shell, name, is_given ? text_string(&value) : NULL);
    text_free(&value);
    return outcome;
}

static void
show_settings(const Shell *shell)
{
    Text value = {0};
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (settings[i].set == set_field_zero ||
            settings[i].set == set_record_zero)
            continue;
        text_clear(&value);
        settings[i].show(&shell->format, &value);
        printf("%-24s %s\n", settings[i].name, text_string(&value));
    }
    text_free(&value);
}

Outcome
command_setting(Invocation *call)
{
    Text name = {0};
    Outcome outcome = OUTCOME_DONE;
    if (arguments_next(&call->arguments, &name))
        outcome = apply_argument(call, text_string(&name));
    else
        show_settings(call->shell);
    text_free(&name);
    return outcome;
}

Outcome
command_alignment(Invocation *call)
{
    bool is_aligned = call->shell->format.renderer == &aligned_renderer;
    return apply(call->shell, "format", is_aligned ? "unaligned" : "aligned");
}

Outcome
command_separator(Invocation *call)
{
    return apply_argument(call, "fieldsep");
}

Outcome
command_tuples(Invocation *call)
{
    return apply_argument(call, "tuples_only");
}

Outcome
command_expanded(Invocation *call)
{
    return apply_argument(call, "expanded");
}

Outcome
command_timing(Invocation *call)
{
    Shell *shell = call->shell;
    Text value = {0};
    Text why = {0};
    bool is_given = arguments_next(&call->arguments, &value);
    bool is_set = set_switch(&shell->shows_timing,
                             is_given ? text_string(&value) : NULL, &why);
    if (!is_set)
        report(shell, "\\timing: %s", why.data);
    else if (shell_is_talkative(shell))
        printf("Timing is %s.\n", shell->shows_timing ? "on" : "off");
    text_free(&value);
    text_free(&why);
    return is_set ? OUTCOME_DONE : OUTCOME_FAILED;
}
