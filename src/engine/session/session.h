/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - one connection: its current database, its settings, its last
 * error.
 *
 * Used by one thread at a time; `cancel` alone may be set by another.
 */
#ifndef ENGINE_SESSION_SESSION_H
#define ENGINE_SESSION_SESSION_H

#include "base/alarm.h"
#include "engine/collection/transaction.h"
#include "engine/sql/ast.h"

/* Settings by their place in settings.def. */
typedef enum SettingId {
#define SETTING(id, name, kind, usual, least, most, help) SETTING_##id,
#define STORED SETTING
#include "engine/session/settings.def"
#undef SETTING
#undef STORED
    SETTING_COUNT
} SettingId;

/* What a session has SET, and what comes back after a SET LOCAL. */
typedef struct SettingState {
    bool is_set;
    bool is_local;
    bool was_set;
    int64_t value;
    int64_t old;
} SettingState;

/*
 * What the session was like at BEGIN and at each open savepoint: ROLLBACK and
 * ROLLBACK TO give it back. Newest first, BEGIN's last.
 */
typedef struct SessionMark {
    struct SessionMark *older;
    uint64_t database;
    char database_name[NAME_SIZE_MOST + 1];
    SettingState own[SETTING_COUNT];
} SessionMark;

typedef struct Session {
    Store *store;
    uint64_t user; /* id */
    char user_name[USER_NAME_MOST + 1];
    uint64_t database; /* id of the current one */
    char database_name[NAME_SIZE_MOST + 1];
    int64_t settings[SETTING_COUNT]; /* what holds: SET, or stored, or usual */
    SettingState own[SETTING_COUNT]; /* what SET said */
    const StoredSettings *stored;    /* the list the others are from */
    Transaction *transaction;        /* from BEGIN to COMMIT, else NULL */
    bool is_read_only;               /* the transaction is */
    bool is_failed;                  /* a statement of it has failed */
    SessionMark *marks;              /* its beginning's and its savepoints' */
    uint32_t mark_count;
    Error error; /* of the last call */
    atomic_bool cancel;
    Alarms *alarms; /* the database's; sets `cancel` when the time is over */
    uint32_t statement_count; /* prepared and not finalized */
    struct Cursor *cursors;   /* cursor.c; newest first */
    uint32_t cursor_count;
    uint64_t next_cursor; /* number of the next one */
    bool is_declaring;    /* the query being analysed is a cursor's */
    void (*notice)(void *context, const char *severity, const char *message);
    void *notice_context;
    int64_t (*copy_read)(void *context, char *buffer, size_t size);
    void *copy_context;
    int (*progress)(void *context, const char *phase, uint64_t done,
                    uint64_t total);
    void *progress_context;
} Session;

mql_status session_open(Store *store, Session *session, Error *err);
void session_close(Session *session);

/* Whose the session is from now on; `password` NULL: none is given. A new
 * session is root's. INVALID_PASSWORD, INVALID_AUTHORIZATION. (login.c) */
mql_status session_login(Session *session, Slice user, const Slice *password,
                         Error *err);
/* Users, roles and grants, the newest that are committed; in `own` what the
 * session's transaction has made of them, NULL unless it changes them. Release
 * both. */
const Access *session_access(Session *session, const Access **own);

/* Make `name` the current database: INVALID_DATABASE when there is none. */
mql_status session_use(Session *session, Slice name, int64_t position,
                       Error *err);

/* The same for a statement that reads no rows: they may be those of a while
 * ago. */
mql_status session_definitions(Session *session, const Version **version,
                               Error *err);
/* INVALID_DATABASE when another session has dropped the current one. */
mql_status session_require_database(const Session *session,
                                    const Version *version, Error *err);
/* What the session's next statement sees: the newest version, or what its
 * transaction sees. Release it. */
mql_status session_version(Session *session, const Version **version,
                           Error *err);

/* A statement has failed: the open transaction, if there is one, only waits for
 * its ROLLBACK. */
void session_fail(Session *session);

void session_notice(Session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void session_warning(Session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- marks (mark.c): the settings and the current database go back ---- */

/* Remember what they are. */
mql_status session_mark(Session *session, Error *err);
/* Forget the marks above the first `count`. */
void session_keep_marks(Session *session, uint32_t count);
/* They are again as at the newest mark, which stays. */
void session_return(Session *session);

/* ---- settings: SET, SHOW, RESET ---- */

/* Take what others have stored since; begins every statement. */
void session_refresh(Session *session);

typedef enum SettingKind {
    SETTING_INTEGER, /* least..most                              */
    SETTING_SIZE,    /* bytes; '64MB' is understood               */
    SETTING_TIME,    /* milliseconds; '5s' is understood          */
    SETTING_LEVEL,   /* consistency level, position in the list   */
    SETTING_SWITCH,  /* 0 off, 1 on                               */
    SETTING_ZONE,    /* time zone: UTC                            */
} SettingKind;

typedef struct Setting {
    const char *name;
    SettingKind kind;
    int64_t usual, least, most;
    const char *help;    /* one line for the manual */
    bool is_stored_only; /* SET GLOBAL alone changes it */
} Setting;

extern const Setting settings[SETTING_COUNT];

/* -1: no such setting. */
int setting_find(Slice name);
/* UNDEFINED_OBJECT `unrecognized configuration parameter "x"` with a candidate;
 * INVALID_PARAMETER. */
mql_status setting_read(Slice name, const Value *value, int64_t position,
                        int *setting, int64_t *number, Error *err);
/* `is_local`: until the transaction ends. */
mql_status setting_set(Session *session, Slice name, const Value *value,
                       bool is_local, int64_t position, Error *err);
/* A SET LOCAL is over, the stored ones count again. */
void settings_end_local(Session *session);
void settings_settle(Session *session);
void setting_reset(Session *session, int setting, bool is_local);
/* "session", "global" or "default". */
const char *setting_source(const Session *session, int setting);
void setting_print(const Session *session, int setting, Buffer *out);

#endif
