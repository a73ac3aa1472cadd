/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_build.c - writing the binary form.
 */
#include "engine/value/json.h"

#include <stdlib.h>

#include "engine/value/json_internal.h"

void
json_set_u32(Buffer *out, size_t offset, size_t value)
{
    if (!buffer_failed(out))
        json_store_u32(out->data + offset, (uint32_t)value);
}

void
json_append_null(Buffer *out)
{
    buffer_append_u8(out, JSON_NULL);
}

void
json_append_bool(Buffer *out, bool value)
{
    buffer_append_u8(out, value ? JSON_TRUE : JSON_FALSE);
}

static void
append_eight(Buffer *out, JsonTag tag, uint64_t bits)
{
    char *room = json_room(out, 9);
    if (room == NULL)
        return;
    room[0] = (char)tag;
    json_store_u64(room + 1, bits);
    out->size += 9;
}

void
json_append_integer(Buffer *out, int64_t value)
{
    append_eight(out, JSON_INTEGER, (uint64_t)value);
}

void
json_append_real(Buffer *out, double value)
{
    uint64_t bits;
    double positive_zero = value == 0 ? 0 : value;
    memcpy(&bits, &positive_zero, sizeof bits);
    append_eight(out, JSON_REAL, bits);
}

void
json_append_string(Buffer *out, Slice text)
{
    buffer_append_u8(out, JSON_STRING);
    buffer_append_sized(out, text);
}

/* ---- containers ---- */

void
json_open(Buffer *out, JsonTag tag)
{
    char *room = json_room(out, JSON_HEADER_SIZE);
    if (room == NULL)
        return;
    memset(room, 0, JSON_HEADER_SIZE);
    room[0] = (char)tag;
    out->size += JSON_HEADER_SIZE;
}

/* Where an item of an object stands, for sorting. */
typedef struct Item {
    Slice key;
    const char *data; /* key and value */
    size_t size;
} Item;

/* By key; of equal keys the later one first. */
static int
compare_items(const void *left, const void *right)
{
    const Item *a = left;
    const Item *b = right;
    int order = slice_compare(a->key, b->key);
    return order != 0 ? order : (a->data < b->data) - (a->data > b->data);
}

static Item
item_of(const char *items, size_t items_size, const char *offsets,
        uint32_t count, uint32_t i)
{
    size_t offset = json_load_u32(offsets + (size_t)4 * i);
    size_t end = i + 1 < count ? json_load_u32(offsets + (size_t)4 * (i + 1))
                               : items_size;
    const char *data = items + offset;
    return (Item){.key = {data + 4, json_load_u32(data)},
                  .data = data,
                  .size = end - offset};
}

static bool
is_in_order(const char *items, const char *offsets, uint32_t count)
{
    const char *item = items + json_load_u32(offsets);
    Slice key = {item + 4, json_load_u32(item)};
    for (uint32_t i = 1; i < count; i++) {
        item = items + json_load_u32(offsets + (size_t)4 * i);
        Slice next = {item + 4, json_load_u32(item)};
        if (slice_compare(key, next) >= 0)
            return false;
        key = next;
    }
    return true;
}

/* Write the sorted, distinct items over the old ones. Returns their number. */
static uint32_t
rewrite_items(Buffer *out, size_t first, const Item *sorted, uint32_t count,
              char *offsets)
{
    uint32_t kept = 0;
    out->size = first;
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0 && slice_equal(sorted[i].key, sorted[i - 1].key))
            continue;
        Buffer entry = {offsets + (size_t)4 * kept++, 4, 4, false};
        json_set_u32(&entry, 0, out->size - first);
        buffer_append(out, sorted[i].data, sorted[i].size);
    }
    return kept;
}

#define FEW_ITEMS 16 /* insertion is faster than qsort() */

static void
sort_by_key(Item *items, uint32_t count)
{
    if (count > FEW_ITEMS) {
        qsort(items, count, sizeof *items, compare_items);
        return;
    }
    for (uint32_t i = 1; i < count; i++) {
        Item item = items[i];
        uint32_t at = i;
        for (; at > 0 && compare_items(&item, &items[at - 1]) < 0; at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
}

/* Sort the items in out[first..]; they are copied to `scratch` meanwhile. */
static mql_status
sort_items(Buffer *out, size_t first, char *offsets, uint32_t *count,
           Buffer *scratch)
{
    size_t size = out->size - first;
    size_t room = (size_t)*count * sizeof(Item);
    buffer_clear(scratch);
    char *memory = buffer_reserve(scratch, room + size);
    if (memory == NULL)
        return MQL_NO_MEMORY;
    Item *items = (Item *)(void *)memory;
    char *copy = memory + room;
    memcpy(copy, out->data + first, size);
    for (uint32_t i = 0; i < *count; i++)
        items[i] = item_of(copy, size, offsets, *count, i);
    sort_by_key(items, *count);
    *count = rewrite_items(out, first, items, *count, offsets);
    return MQL_OK;
}

mql_status
json_close(Buffer *out, size_t start, char *offsets, uint32_t count,
           Buffer *scratch, Error *err)
{
    if (buffer_failed(out))
        return error_no_memory(err);
    size_t first = start + JSON_HEADER_SIZE;
    if (out->data[start] == JSON_OBJECT &&
        !is_in_order(out->data + first, offsets, count) &&
        sort_items(out, first, offsets, &count, scratch) != MQL_OK)
        return error_no_memory(err);
    buffer_append(out, offsets, (size_t)count * 4);
    if (out->size - first > UINT32_MAX)
        return error_set(err, ERR_LIMIT_EXCEEDED, "JSON value is too large");
    json_set_u32(out, start + 1, count);
    json_set_u32(out, start + 5, out->size - first);
    return buffer_failed(out) ? error_no_memory(err) : MQL_OK;
}

static mql_status
check_item_depth(Slice item, Error *err)
{
    if (json_depth(json_of(item)) >= JSON_DEPTH_MOST)
        return error_set(err, ERR_TOO_COMPLEX,
                         "JSON value has more than %u levels of nesting",
                         JSON_DEPTH_MOST);
    return MQL_OK;
}

static void
begin_container(JsonArray *array, Buffer *out, JsonTag tag)
{
    *array = (JsonArray){.out = out, .start = out->size};
    json_open(out, tag);
}

void
json_array_begin(JsonArray *array, Buffer *out)
{
    begin_container(array, out, JSON_ARRAY);
}

void
json_array_item(JsonArray *array)
{
    size_t offset = array->out->size - array->start - JSON_HEADER_SIZE;
    buffer_append_u32(&array->offsets, (uint32_t)offset);
    array->count++;
}

/* Offsets that do not fit in u32 are noticed by json_close(): then the whole is
 * too large as well. */
mql_status
json_array_end(JsonArray *array, Error *err)
{
    Buffer scratch = BUFFER_INIT;
    mql_status status = MQL_OK;
    if (buffer_failed(&array->offsets) || buffer_failed(array->out))
        status = error_no_memory(err);
    else if (array->out->size - array->start > UINT32_MAX)
        status = error_set(err, ERR_LIMIT_EXCEEDED, "JSON value is too large");
    else if (array->count > 0)
        status = json_close(array->out, array->start, array->offsets.data,
                            array->count, &scratch, err);
    if (status != MQL_OK && !buffer_failed(array->out))
        array->out->size = array->start;
    buffer_free(&array->offsets);
    buffer_free(&scratch);
    return status;
}

/* Keys may be NULL: an array. */
static mql_status
append_items(Buffer *out, const Slice *keys, const Slice *items, uint32_t count,
             Error *err)
{
    JsonArray array;
    for (uint32_t i = 0; i < count; i++)
        TRY(check_item_depth(items[i], err));
    begin_container(&array, out, keys == NULL ? JSON_ARRAY : JSON_OBJECT);
    for (uint32_t i = 0; i < count; i++) {
        json_array_item(&array);
        if (keys != NULL)
            buffer_append_sized(out, keys[i]);
        buffer_append_slice(out, items[i]);
    }
    return json_array_end(&array, err);
}

mql_status
json_append_array(Buffer *out, const Slice *items, uint32_t count, Error *err)
{
    return append_items(out, NULL, items, count, err);
}

mql_status
json_append_object(Buffer *out, const Slice *keys, const Slice *items,
                   uint32_t count, Arena *arena, Error *err)
{
    (void)arena;
    static const Slice none;
    return append_items(out, keys == NULL ? &none : keys, items, count, err);
}
