/* SPDX-License-Identifier: Apache-2.0 */
/* login.c - see login.h. */
#include "login.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "text.h"

/* ---- the terminal ---- */

/* A line without its end; false: there is none, or it is too long. */
static bool
read_line(int terminal, char line[PASSWORD_SIZE])
{
    size_t size = 0;
    char c;
    while (read(terminal, &c, 1) == 1) {
        if (c == '\n') {
            line[size] = '\0';
            return true;
        }
        if (size + 1 == PASSWORD_SIZE)
            return false;
        line[size++] = c;
    }
    return false;
}

static void
say(int terminal, const char *text)
{
    if (write(terminal, text, strlen(text)) < 0)
        return; /* then nobody answers either */
}

bool
login_ask(const char *question, char password[PASSWORD_SIZE])
{
    struct termios usual;
    struct termios silent;
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (terminal < 0)
        return false;
    bool is_read = false;
    if (tcgetattr(terminal, &usual) == 0) {
        silent = usual;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(terminal, TCSAFLUSH, &silent);
        say(terminal, question);
        is_read = read_line(terminal, password);
        say(terminal, "\n");
        tcsetattr(terminal, TCSAFLUSH, &usual);
    }
    close(terminal);
    return is_read;
}

/* ---- the file ---- */

static FILE *
open_password_file(void)
{
    const char *given = getenv("MQLPASSFILE");
    const char *home = getenv("HOME");
    Text path = {0};
    struct stat about;
    if (given != NULL)
        text_append_text(&path, given);
    else if (home != NULL)
        text_printf(&path, "%s/.mqlpass", home);
    FILE *file = path.size > 0 ? fopen(text_string(&path), "re") : NULL;
    if (file != NULL && (fstat(fileno(file), &about) != 0 ||
                         (about.st_mode & (S_IRWXG | S_IRWXO)) != 0)) {
        fprintf(stderr,
                "mql: warning: password file \"%s\" is not used: others may "
                "read it (chmod 0600)\n",
                text_string(&path));
        fclose(file);
        file = NULL;
    }
    text_free(&path);
    return file;
}

/* The password of a line "USER:PASSWORD"; NULL: somebody else's. */
static const char *
line_password(char *line, const char *user)
{
    size_t size = strlen(user);
    line[strcspn(line, "\r\n")] = '\0';
    if (strncmp(line, user, size) == 0 && line[size] == ':')
        return line + size + 1;
    return strncmp(line, "*:", 2) == 0 ? line + 2 : NULL;
}

static bool
find_in_file(const char *user, char password[PASSWORD_SIZE])
{
    FILE *file = open_password_file();
    char *line = NULL;
    size_t room = 0;
    bool is_found = false;
    while (file != NULL && !is_found && getline(&line, &room, file) > 0) {
        const char *found = line_password(line, user);
        is_found = found != NULL && strlen(found) < PASSWORD_SIZE;
        if (is_found)
            memcpy(password, found, strlen(found) + 1);
    }
    if (line != NULL)
        explicit_bzero(line, room);
    free(line);
    if (file != NULL)
        fclose(file);
    return is_found;
}

/* ---- together ---- */

static bool
find_password(const char *user, LoginPrompt prompt,
              char password[PASSWORD_SIZE])
{
    const char *given = getenv("MQLPASSWORD");
    Text question = {0};
    if (prompt != LOGIN_ALWAYS && given != NULL &&
        strlen(given) < PASSWORD_SIZE) {
        memcpy(password, given, strlen(given) + 1);
        return true;
    }
    if (prompt != LOGIN_ALWAYS && find_in_file(user, password))
        return true;
    if (prompt == LOGIN_NEVER)
        return false;
    text_printf(&question, "Password for user %s: ", user);
    bool is_found = login_ask(text_string(&question), password);
    text_free(&question);
    return is_found;
}

bool
login_connect(mql_db *db, const char *user, LoginPrompt prompt, mql_conn **conn,
              mql_error *error)
{
    char password[PASSWORD_SIZE];
    const char *name = user != NULL ? user : "root";
    if (prompt != LOGIN_ALWAYS) {
        if (mql_connect_as(db, name, NULL, conn, error) == MQL_OK)
            return true;
        if (strcmp(error->sqlstate, "28000") != 0)
            return false;
    }
    if (!find_password(name, prompt, password))
        return false;
    *error = (mql_error)MQL_ERROR_INIT;
    mql_status status = mql_connect_as(db, name, password, conn, error);
    explicit_bzero(password, sizeof password);
    return status == MQL_OK;
}
