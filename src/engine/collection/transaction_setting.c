/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transaction_setting.c - settings stored for every session: SET GLOBAL.
 *
 * They are names with numbers, in one short list that never changes once it is
 * published; a transaction that changes one makes a new list. What names there
 * are and what the numbers mean is the session's: names that it does not know,
 * of a newer program, stay as they are.
 */
#include <stdlib.h>

#include "base/utf8.h"
#include "engine/collection/store_internal.h"

#define SETTING_VERSION 1u
#define SETTING_KEY "setting/"

/* ---- the list ---- */

StoredSettings *
stored_settings_create(const StoredSettings *from)
{
    uint32_t count = from != NULL ? from->count : 0;
    StoredSettings *created = calloc(
        1, sizeof *created + (count + (size_t)1) * sizeof created->settings[0]);
    if (created == NULL)
        return NULL;
    atomic_init(&created->references, 1);
    created->count = count;
    for (uint32_t i = 0; i < count; i++)
        created->settings[i] = from->settings[i];
    return created;
}

const StoredSettings *
stored_settings_retain(const StoredSettings *list)
{
    /* The counter changes, the list does not. */
    if (list != NULL)
        atomic_fetch_add(&((StoredSettings *)(uintptr_t)list)->references, 1);
    return list;
}

void
stored_settings_release(const StoredSettings *list)
{
    StoredSettings *owned = (StoredSettings *)(uintptr_t)list;
    if (owned != NULL && atomic_fetch_sub(&owned->references, 1) == 1)
        free(owned);
}

bool
stored_setting(const StoredSettings *list, const char *name, int64_t *value)
{
    for (uint32_t i = 0; list != NULL && i < list->count; i++)
        if (strcmp(list->settings[i].name, name) == 0) {
            *value = list->settings[i].value;
            return true;
        }
    return false;
}

/* There is room for one more than it was created with. */
static void
put(StoredSettings *list, Slice name, int64_t value)
{
    uint32_t i = 0;
    while (i < list->count &&
           !slice_equal(slice_of(list->settings[i].name), name))
        i++;
    StoredSetting *setting = &list->settings[i];
    memset(setting->name, 0, sizeof setting->name);
    memcpy(setting->name, name.data, name.size);
    setting->value = value;
    if (i == list->count)
        list->count++;
}

static void
drop(StoredSettings *list, Slice name)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (slice_equal(slice_of(list->settings[i].name), name)) {
            list->settings[i] = list->settings[list->count - 1];
            list->count--;
            return;
        }
}

/* ---- changing ---- */

mql_status
transaction_put_setting(Transaction *transaction, const char *name,
                        const int64_t *value, Error *err)
{
    Slice text = slice_of(name);
    const StoredSettings *old = transaction->settings != NULL
                                    ? transaction->settings
                                    : transaction->base->settings;
    StoredSettings *changed = NULL;
    if (text.size > 0 && text.size < STORED_SETTING_NAME_SIZE)
        changed = stored_settings_create(old);
    if (changed == NULL) {
        transaction->is_failed = true;
        return error_no_memory(err);
    }
    if (value != NULL)
        put(changed, text, *value);
    else
        drop(changed, text);
    stored_settings_release(transaction->settings);
    transaction->settings = changed;
    transaction->has_definitions = true;
    transaction_touch(transaction);
    return MQL_OK;
}

static void
setting_key(char key[META_KEY_SIZE], const char *name)
{
    memset(key, 0, META_KEY_SIZE);
    memcpy(key, SETTING_KEY, sizeof SETTING_KEY - 1);
    memcpy(key + sizeof SETTING_KEY - 1, name, strlen(name));
}

void
meta_of_settings(const Transaction *transaction, MetaChanges *changes)
{
    const StoredSettings *list = transaction->settings;
    const StoredSettings *old = transaction->base->settings;
    char key[META_KEY_SIZE];
    int64_t value;
    for (uint32_t i = 0; list != NULL && i < list->count; i++) {
        const StoredSetting *setting = &list->settings[i];
        Buffer bytes = BUFFER_INIT;
        buffer_append_u8(&bytes, SETTING_VERSION);
        buffer_append_u64(&bytes, (uint64_t)setting->value);
        setting_key(key, setting->name);
        if (buffer_failed(&bytes))
            changes->bytes.failed = true;
        else
            meta_change_put(changes, key, buffer_slice(&bytes));
        buffer_free(&bytes);
    }
    for (uint32_t i = 0; list != NULL && old != NULL && i < old->count; i++) {
        if (stored_setting(list, old->settings[i].name, &value))
            continue;
        setting_key(key, old->settings[i].name);
        meta_change_delete(changes, key);
    }
}

/* ---- reading ---- */

static mql_status
damaged(const char *what, Error *err)
{
    error_set(err, ERR_DATA_CORRUPTED, "damaged entry in the catalogue");
    return error_detail(err, "%s of a setting.", what);
}

static mql_status
load_setting(void *context, Slice key, Slice value, Error *err)
{
    StoredSettings **list = context;
    Slice name = {key.data + sizeof SETTING_KEY - 1,
                  key.size - (sizeof SETTING_KEY - 1)};
    if (name.size == 0 || name.size >= STORED_SETTING_NAME_SIZE ||
        !utf8_valid(name.data, name.size, NULL) ||
        memchr(name.data, '\0', name.size) != NULL)
        return damaged("Wrong name", err);
    Reader reader = reader_of(value);
    uint8_t version = read_u8(&reader);
    int64_t number = (int64_t)read_u64(&reader);
    if (reader.failed || reader_left(&reader) != 0 ||
        version != SETTING_VERSION)
        return damaged("Wrong value", err);
    StoredSettings *longer = stored_settings_create(*list);
    if (longer == NULL)
        return error_no_memory(err);
    put(longer, name, number);
    stored_settings_release(*list);
    *list = longer;
    return MQL_OK;
}

mql_status
stored_settings_load(Meta *meta, StoredSettings **list, Error *err)
{
    *list = stored_settings_create(NULL);
    if (*list == NULL)
        return error_no_memory(err);
    mql_status status = meta_each(meta, SETTING_KEY, load_setting, list, err);
    if (status == MQL_OK)
        return MQL_OK;
    stored_settings_release(*list);
    *list = NULL;
    return status;
}

const StoredSettings *
transaction_settings(const Transaction *transaction)
{
    return transaction->settings;
}
