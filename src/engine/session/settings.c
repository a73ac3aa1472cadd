/* SPDX-License-Identifier: Apache-2.0 */
/* settings.c - SET, SHOW and RESET over the list in settings.def. */
#include <inttypes.h>
#include <string.h>

#include "base/number.h"
#include "engine/session/kinds.h"

const Setting settings[SETTING_COUNT] = {
#define SETTING(id, name, kind, usual, least, most, help)                      \
    {name, SETTING_##kind, usual, least, most, help, false},
#define STORED(id, name, kind, usual, least, most, help)                       \
    {name, SETTING_##kind, usual, least, most, help, true},
#include "engine/session/settings.def"
#undef SETTING
#undef STORED
};

static const char *const levels[] = {"Strong", "Bounded", "Session",
                                     "Eventually"};

/* Units a number may carry, by kind; 1 of the first is the setting's own. */
typedef struct Unit {
    SettingKind kind;
    const char *name;
    int64_t factor;
} Unit;

static const Unit units[] = {
    {SETTING_SIZE, "B", 1},
    {SETTING_SIZE, "kB", 1024},
    {SETTING_SIZE, "MB", 1024 * 1024},
    {SETTING_SIZE, "GB", 1024 * 1024 * 1024},
    {SETTING_TIME, "ms", 1},
    {SETTING_TIME, "s", 1000},
    {SETTING_TIME, "min", 60 * 1000},
    {SETTING_TIME, "h", 60 * 60 * 1000},
    {SETTING_TIME, "d", 24 * 60 * 60 * 1000},
};

int
setting_find(Slice name)
{
    for (int i = 0; i < SETTING_COUNT; i++)
        if (slice_equal_nocase(name, slice_of(settings[i].name)))
            return i;
    return -1;
}

static mql_status
setting_missing(Slice name, int64_t position, Error *err)
{
    error_at(err, ERR_UNDEFINED_OBJECT, position,
             "unrecognized configuration parameter \"%.*s\"", (int)name.size,
             name.data);
    Slice names[SETTING_COUNT];
    for (int i = 0; i < SETTING_COUNT; i++)
        names[i] = slice_of(settings[i].name);
    int32_t closest = name_closest(name, names, SETTING_COUNT);
    if (closest >= 0)
        error_hint(err, "Did you mean \"%s\"?", settings[closest].name);
    return err->status;
}

/* "64MB": the number times its unit; false when it is none. */
static bool
read_with_unit(Slice text, SettingKind kind, int64_t *value)
{
    const char *end = text.data + text.size;
    const char *rest = number_read_int64(text.data, end, value);
    if (rest == NULL)
        return false;
    while (rest < end && *rest == ' ')
        rest++;
    Slice unit = {rest, (size_t)(end - rest)};
    if (unit.size == 0)
        return true;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (units[i].kind == kind &&
            slice_equal_nocase(unit, slice_of(units[i].name)))
            return !__builtin_mul_overflow(*value, units[i].factor, value);
    return false;
}

static bool
read_level(Slice text, int64_t *value)
{
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (slice_equal_nocase(text, slice_of(levels[i]))) {
            *value = (int64_t)i;
            return true;
        }
    return false;
}

static bool
read_switch(const Value *value, int64_t *number)
{
    bool is_on;
    if (value->type.kind == TYPE_BOOL)
        is_on = value->boolean;
    else if (value->type.kind != TYPE_VARCHAR ||
             !property_read_bool(value->bytes, &is_on))
        return false;
    *number = is_on ? 1 : 0;
    return true;
}

/* The value as the setting's number; false: not of its kind. */
static bool
read_value(const Setting *setting, const Value *value, int64_t *number)
{
    if (value->is_null)
        return false;
    if (setting->kind == SETTING_SWITCH)
        return read_switch(value, number);
    if (setting->kind == SETTING_LEVEL || setting->kind == SETTING_ZONE) {
        if (value->type.kind != TYPE_VARCHAR)
            return false;
        if (setting->kind == SETTING_LEVEL)
            return read_level(value->bytes, number);
        *number = 0;
        return slice_equal_nocase(value->bytes, SLICE_LITERAL("UTC"));
    }
    if (type_is_integer(value->type.kind)) {
        *number = value->integer;
        return true;
    }
    return value->type.kind == TYPE_VARCHAR &&
           read_with_unit(value->bytes, setting->kind, number);
}

static mql_status
bad_value(const Setting *setting, const Value *value, int64_t position,
          Error *err)
{
    Buffer text = BUFFER_INIT;
    value_print(&text, value);
    error_at(err, ERR_INVALID_PARAMETER, position,
             "invalid value for parameter \"%s\": \"%s\"", setting->name,
             buffer_text(&text));
    buffer_free(&text);
    if (setting->kind == SETTING_LEVEL)
        error_hint(err, "Levels are Strong, Bounded, Session, Eventually.");
    if (setting->kind == SETTING_SWITCH)
        error_hint(err, "It is on or off.");
    if (setting->kind == SETTING_ZONE)
        error_hint(err, "The only zone so far is UTC.");
    return err->status;
}

mql_status
setting_read(Slice name, const Value *value, int64_t position, int *setting_id,
             int64_t *number_out, Error *err)
{
    int found = setting_find(name);
    if (found < 0)
        return setting_missing(name, position, err);
    const Setting *setting = &settings[found];
    int64_t number;
    if (!read_value(setting, value, &number))
        return bad_value(setting, value, position, err);
    if (number < setting->least || number > setting->most)
        return error_at(err, ERR_INVALID_PARAMETER, position,
                        "%" PRId64 " is outside the valid range for parameter "
                        "\"%s\" (%" PRId64 " .. %" PRId64 ")",
                        number, setting->name, setting->least, setting->most);
    *setting_id = found;
    *number_out = number;
    return MQL_OK;
}

/* What is stored for every session; false: nothing that this program takes. */
static bool
find_stored(const Session *session, int id, int64_t *number)
{
    const Setting *setting = &settings[id];
    return stored_setting(session->stored, setting->name, number) &&
           *number >= setting->least && *number <= setting->most;
}

static void
settle(Session *session, int id)
{
    const SettingState *own = &session->own[id];
    int64_t number = own->value;
    if (!own->is_set && !find_stored(session, id, &number))
        number = settings[id].usual;
    session->settings[id] = number;
}

static void
settle_all(Session *session)
{
    for (int i = 0; i < SETTING_COUNT; i++)
        settle(session, i);
}

/* A SET LOCAL keeps what was before the first of them. */
static void
set_own(Session *session, int id, const int64_t *number, bool is_local)
{
    SettingState *own = &session->own[id];
    if (is_local && !own->is_local) {
        own->old = own->value;
        own->was_set = own->is_set;
    }
    own->is_local = is_local;
    own->is_set = number != NULL;
    own->value = number != NULL ? *number : 0;
    settle(session, id);
}

mql_status
setting_set(Session *session, Slice name, const Value *value, bool is_local,
            int64_t position, Error *err)
{
    int setting = 0;
    int64_t number = 0;
    TRY(setting_read(name, value, position, &setting, &number, err));
    if (settings[setting].is_stored_only) {
        error_at(err, ERR_CANNOT_CHANGE_NOW, position,
                 "parameter \"%s\" cannot be set for one session",
                 settings[setting].name);
        return error_hint(err, "Use SET GLOBAL %s.", settings[setting].name);
    }
    set_own(session, setting, &number, is_local);
    return MQL_OK;
}

void
setting_reset(Session *session, int setting, bool is_local)
{
    set_own(session, setting, NULL, is_local);
}

void
settings_settle(Session *session)
{
    settle_all(session);
}

void
settings_end_local(Session *session)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        SettingState *own = &session->own[i];
        if (own->is_local)
            *own = (SettingState){.is_set = own->was_set, .value = own->old};
    }
    settle_all(session);
}

const char *
setting_source(const Session *session, int setting)
{
    int64_t number;
    if (session->own[setting].is_set)
        return "session";
    return find_stored(session, setting, &number) ? "global" : "default";
}

void
session_refresh(Session *session)
{
    const Version *version = store_version(session->store);
    const StoredSettings *own =
        session->transaction == NULL
            ? NULL
            : transaction_settings(session->transaction);
    const StoredSettings *newest = own != NULL ? own : version->settings;
    if (session->stored != newest) {
        stored_settings_release(session->stored);
        session->stored = stored_settings_retain(newest);
        settle_all(session);
    }
    version_release(version);
}

/* In the largest unit that loses nothing, as PostgreSQL shows it. */
static void
print_with_unit(Buffer *out, SettingKind kind, int64_t value)
{
    const Unit *best = NULL;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (units[i].kind == kind && value != 0 && value % units[i].factor == 0)
            best = &units[i];
    if (best == NULL)
        buffer_printf(out, "%" PRId64, value);
    else
        buffer_printf(out, "%" PRId64 "%s", value / best->factor, best->name);
}

void
setting_print(const Session *session, int setting, Buffer *out)
{
    int64_t value = session->settings[setting];
    if (settings[setting].kind == SETTING_LEVEL)
        buffer_append_text(out, levels[value]);
    else if (settings[setting].kind == SETTING_SWITCH)
        buffer_append_text(out, value != 0 ? "on" : "off");
    else if (settings[setting].kind == SETTING_ZONE)
        buffer_append_text(out, "UTC");
    else
        print_with_unit(out, settings[setting].kind, value);
}
