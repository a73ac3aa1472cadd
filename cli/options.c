/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.c - the command line.
 */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "memory.h"

typedef struct Option {
    char letter;          /* 0: none                            */
    const char *name;     /* after "--", NULL: none             */
    const char *argument; /* as --help shows it, NULL: none     */
    const char *help;     /* one line, no period                */
    bool (*use)(Options *options, const char *argument);
} Option;

static void
complain(const char *format, const char *word)
{
    fputs("mql: error: ", stderr);
    fprintf(stderr, format, word);
    fputs("\nTry \"mql --help\" for more information.\n", stderr);
}

static bool
set_format(Options *options, const char *name, const char *value)
{
    Text why = {0};
    bool is_set = setting_apply(options->shell, name, value, &why);
    if (!is_set)
        complain("%s", why.data);
    text_free(&why);
    return is_set;
}

static bool
set_variable(Options *options, const char *name, const char *value)
{
    Text why = {0};
    bool is_set = variables_set(&options->shell->variables, name, value, &why);
    if (!is_set)
        complain("%s", why.data);
    text_free(&why);
    return is_set;
}

static void
add_action(Options *options, int kind, const char *argument)
{
    options->actions = memory_resize(
        options->actions, options->action_count + 1, sizeof *options->actions);
    Action *action = &options->actions[options->action_count++];
    action->kind = kind;
    action->argument = argument;
}

/* ---- what the options do ---- */

static bool
use_command(Options *options, const char *argument)
{
    add_action(options, ACTION_COMMAND, argument);
    return true;
}

static bool
use_file(Options *options, const char *argument)
{
    add_action(options, ACTION_FILE, argument);
    return true;
}

static bool
use_list(Options *options, const char *argument)
{
    (void)argument;
    add_action(options, ACTION_COMMAND, "\\l");
    return true;
}

static bool
use_database(Options *options, const char *argument)
{
    options->database = argument;
    return true;
}

static bool
use_user(Options *options, const char *argument)
{
    options->user = argument;
    return true;
}

static bool
use_password(Options *options, const char *argument)
{
    (void)argument;
    options->prompt = LOGIN_ALWAYS;
    return true;
}

static bool
use_no_password(Options *options, const char *argument)
{
    (void)argument;
    options->prompt = LOGIN_NEVER;
    return true;
}

/* NAME=VALUE; without "=" the variable is forgotten, as psql does. */
static bool
use_variable(Options *options, const char *argument)
{
    const char *sign = strchr(argument, '=');
    Text why = {0};
    char *name = memory_copy(
        argument, sign == NULL ? strlen(argument) : (size_t)(sign - argument));
    bool is_set = true;
    if (sign != NULL)
        is_set = set_variable(options, name, sign + 1);
    else if (!variables_unset(&options->shell->variables, name, &why))
        complain("%s", why.data);
    is_set = is_set && why.size == 0;
    memory_free(name);
    text_free(&why);
    return is_set;
}

static bool
use_output(Options *options, const char *argument)
{
    options->output = argument;
    return true;
}

static bool
use_quiet(Options *options, const char *argument)
{
    (void)argument;
    return set_variable(options, "QUIET", "on");
}

static bool
use_echo_all(Options *options, const char *argument)
{
    (void)argument;
    return set_variable(options, "ECHO", "all");
}

static bool
use_echo_errors(Options *options, const char *argument)
{
    (void)argument;
    return set_variable(options, "ECHO", "errors");
}

static bool
use_echo_queries(Options *options, const char *argument)
{
    (void)argument;
    return set_variable(options, "ECHO", "queries");
}

static bool
use_echo_hidden(Options *options, const char *argument)
{
    (void)argument;
    options->shell->shows_hidden = true;
    return true;
}

static bool
use_unaligned(Options *options, const char *argument)
{
    (void)argument;
    return set_format(options, "format", "unaligned");
}

static bool
use_csv(Options *options, const char *argument)
{
    (void)argument;
    return set_format(options, "format", "csv");
}

static bool
use_json(Options *options, const char *argument)
{
    (void)argument;
    return set_format(options, "format", "json");
}

static bool
use_jsonl(Options *options, const char *argument)
{
    (void)argument;
    return set_format(options, "format", "jsonl");
}

static bool
use_separator(Options *options, const char *argument)
{
    return set_format(options, "fieldsep", argument);
}

static bool
use_zero_separator(Options *options, const char *argument)
{
    (void)argument;
    return set_format(options, "fieldsep_zero", NULL);
}

static bool
use_record_separator(Options *options, const char *argument)
{
    return set_format(options, "recordsep", argument);
}

static bool
use_zero_record_separator(Options *options, const char *argument)
{
    (void)argument;
    return set_format(options, "recordsep_zero", NULL);
}

/* -P NAME[=VALUE] */
static bool
use_setting(Options *options, const char *argument)
{
    const char *sign = strchr(argument, '=');
    char *name = memory_copy(
        argument, sign == NULL ? strlen(argument) : (size_t)(sign - argument));
    bool is_set = set_format(options, name, sign == NULL ? NULL : sign + 1);
    memory_free(name);
    return is_set;
}

static bool
use_tuples_only(Options *options, const char *argument)
{
    (void)argument;
    return set_format(options, "tuples_only", "on");
}

static bool
use_expanded(Options *options, const char *argument)
{
    (void)argument;
    return set_format(options, "expanded", "on");
}

static bool
use_no_editing(Options *options, const char *argument)
{
    (void)argument;
    options->has_line_editing = false;
    return true;
}

static bool
use_no_startup_file(Options *options, const char *argument)
{
    (void)argument;
    options->skips_startup_file = true;
    return true;
}

static bool
use_new(Options *options, const char *argument)
{
    (void)argument;
    options->must_be_new = true;
    return true;
}

static bool
use_readonly(Options *options, const char *argument)
{
    (void)argument;
    options->is_read_only = true;
    return true;
}

static bool
use_existing(Options *options, const char *argument)
{
    (void)argument;
    options->must_exist = true;
    return true;
}

static bool
use_single_transaction(Options *options, const char *argument)
{
    (void)argument;
    options->is_single_transaction = true;
    return true;
}

static bool
use_version(Options *options, const char *argument)
{
    (void)argument;
    printf("mql %s\n", mql_version());
    options->is_done = true;
    return true;
}

static bool use_help(Options *options, const char *argument);

/* ---- the table ---- */

#define HEADING(text)                                                          \
    {                                                                          \
        0, NULL, NULL, text, NULL                                              \
    }

/* The whole list, in the order of --help. */
static const Option table[] = {
    HEADING("What to do"),
    {'c', "command", "CMD", "run statements or a backslash command, then leave",
     use_command},
    {'f', "file", "FILE", "run the statements in FILE (-: standard input)",
     use_file},
    {'l', "list", NULL, "list the databases", use_list},
    {'v', "set", "NAME=VALUE", "set a variable (ON_ERROR_STOP=0: go on)",
     use_variable},
    {'1', "single-transaction", NULL, "run -c and -f as one transaction",
     use_single_transaction},
    {'X', "no-startup-file", NULL, "do not read the startup file (~/.mqlrc)",
     use_no_startup_file},
    {'V', "version", NULL, "show the version", use_version},
    {'?', "help", NULL, "show this help", use_help},

    HEADING("Database"),
    {'d', "database", "NAME", "use the database NAME in the directory",
     use_database},
    {'U', "username", "NAME", "connect as user NAME (root)", use_user},
    {'W', "password", NULL, "ask for a password in any case", use_password},
    {'w', "no-password", NULL, "never ask for a password", use_no_password},
    {0, "new", NULL, "fail when DIR holds a database already", use_new},
    {0, "existing", NULL, "fail instead of creating a database", use_existing},

    HEADING("Input and output"),
    {'a', "echo-all", NULL, "show all input", use_echo_all},
    {'b', "echo-errors", NULL, "show statements that fail", use_echo_errors},
    {'e', "echo-queries", NULL, "show statements as they are sent",
     use_echo_queries},
    {'E', "echo-hidden", NULL, "show the statements of \\d and its like",
     use_echo_hidden},
    {'n', "no-readline", NULL, "no line editing", use_no_editing},
    {'o', "output", "FILE", "send results to FILE or |COMMAND", use_output},
    {0, "readonly", NULL, "write nothing, not even what recovery would",
     use_readonly},
    {'q', "quiet", NULL, "results and errors only", use_quiet},

    HEADING("Format"),
    {'A', "no-align", NULL, "unaligned", use_unaligned},
    {0, "csv", NULL, "comma-separated values", use_csv},
    {0, "json", NULL, "an array of objects for each result", use_json},
    {0, "jsonl", NULL, "an object a line for each row, nothing else",
     use_jsonl},
    {'F', "field-separator", "TEXT", "between fields when unaligned (\"|\")",
     use_separator},
    {'R', "record-separator", "TEXT", "between rows when unaligned (newline)",
     use_record_separator},
    {'z', "field-separator-zero", NULL, "a zero byte between fields",
     use_zero_separator},
    {'0', "record-separator-zero", NULL, "a zero byte between rows",
     use_zero_record_separator},
    {'P', "pset", "NAME[=VALUE]", "set what \\pset sets", use_setting},
    {'t', "tuples-only", NULL, "rows only, no names and no counts",
     use_tuples_only},
    {'x', "expanded", NULL, "one record a block", use_expanded},
};

#define OPTION_COUNT (sizeof table / sizeof table[0])

static bool
use_help(Options *options, const char *argument)
{
    (void)argument;
    puts("mql - a vector database in a directory, spoken to in MilvusQL\n\n"
         "Usage:\n"
         "  mql [OPTION]... [DIR]\n"
         "  mql restore BACKUP DIR\n"
         "  mql dump [-U USER] DIR [-o FILE] [--schema-only | --data-only] "
         "[COLLECTION ...]\n\n"
         "DIR holds the database and is made when it is not there. Without it"
         " the\ndatabase is a temporary one. Without -c and -f statements are"
         " read from\nstandard input.");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const Option *option = &table[i];
        Text usage = {0};
        if (option->use == NULL) {
            printf("\n%s:\n", option->help);
            continue;
        }
        if (option->letter != 0)
            text_printf(&usage, "-%c, ", option->letter);
        else
            text_append_text(&usage, "    ");
        text_printf(&usage, "--%s%s%s", option->name,
                    option->argument == NULL ? "" : "=",
                    option->argument == NULL ? "" : option->argument);
        printf("  %-30s %s\n", usage.data, option->help);
        text_free(&usage);
    }
    puts("\nScripts (-c, -f, a pipe) stop at the first error. Exit status: 0"
         " all went well,\n1 wrong use or an error in -c, 2 the database could"
         " not be opened, 3 a script\nstopped at an error.\n\n"
         "For more, type \"\\?\" (commands of the shell) or \"\\h\""
         " (statements) inside mql, or\nsee mql(1).");
    options->is_done = true;
    return true;
}

/* ---- parsing ---- */

/* getopt_long()'s two forms of the table; long options return OPTION_BASE plus
 * their index. */
#define OPTION_BASE 256

typedef struct Forms {
    char letters[2 * OPTION_COUNT + 2];
    struct option words[OPTION_COUNT + 1];
} Forms;

static void
make_forms(Forms *forms)
{
    size_t letters = 0;
    size_t words = 0;
    memset(forms, 0, sizeof *forms);
    forms->letters[letters++] = ':'; /* we write the messages */
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (table[i].use == NULL)
            continue;
        /* "-?" is what getopt() says of a fault: seen by options_read(). */
        if (table[i].letter != 0 && table[i].letter != '?') {
            forms->letters[letters++] = table[i].letter;
            if (table[i].argument != NULL)
                forms->letters[letters++] = ':';
        }
        forms->words[words++] = (struct option){
            .name = table[i].name,
            .has_arg = table[i].argument != NULL,
            .val = OPTION_BASE + (int)i,
        };
    }
}

static const Option *
find(int code)
{
    if (code >= OPTION_BASE)
        return &table[code - OPTION_BASE];
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (table[i].use != NULL && table[i].letter == code)
            return &table[i];
    return NULL;
}

/* getopt_long() found a fault in `word`. */
static bool
explain(int code, const char *word)
{
    char letter[3] = {'-', (char)optopt, '\0'};
    const char *shown = optopt > 0 && optopt < OPTION_BASE ? letter : word;
    if (code == ':')
        complain("option %s needs an argument", shown);
    else if (optopt >= OPTION_BASE)
        complain("option %s takes no argument", shown);
    else
        complain("unknown option %s", shown);
    return false;
}

bool
options_read(Options *options, Shell *shell, int count, char **words)
{
    Forms forms;
    make_forms(&forms);
    *options = (Options){.shell = shell, .has_line_editing = true};
    opterr = 0;
    int code;
    while (!options->is_done && (code = getopt_long(count, words, forms.letters,
                                                    forms.words, NULL)) != -1) {
        if (code == ':' || (code == '?' && optopt != '?'))
            return explain(code, words[optind - 1]);
        const Option *option = find(code);
        if (option == NULL || !option->use(options, optarg))
            return false;
    }
    if (options->is_done)
        return true;
    if (options->is_single_transaction && options->action_count == 0) {
        complain("%s", "-1 (--single-transaction) needs -c or -f");
        return false;
    }
    if (optind < count)
        options->directory = words[optind++];
    if (optind < count) {
        complain("one directory is enough, what is \"%s\"?", words[optind]);
        return false;
    }
    return true;
}

void
options_free(Options *options)
{
    memory_free(options->actions);
}
