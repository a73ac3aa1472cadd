/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timeline.c - points in chunks: the last chunk is appended to, and thinned
 * when it is full; whenever a new one is begun the older ones are thinned by
 * their age, and small neighbours become one.
 */
#include "engine/collection/timeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMELINE_VERSION 1u
#define SECOND INT64_C(1000000)
/* Points that the retention takes at most; more make them coarser. */
#define POINTS_OF_RETENTION 100000
/* Beyond it, a stretch is at most this part of its age. */
#define STRETCHES_OF_AGE 1024
#define KEY_SIZE 40u

void
timeline_init(Timeline *timeline, int64_t retention)
{
    *timeline = (Timeline){.retention = retention, .next_number = 1};
    pthread_mutex_init(&timeline->mutex, NULL);
}

void
timeline_free(Timeline *timeline)
{
    for (uint32_t i = 0; i < timeline->chunk_count; i++)
        free(timeline->chunks[i]);
    free(timeline->chunks);
    free(timeline->gone);
    pthread_mutex_destroy(&timeline->mutex);
}

void
timeline_set_retention(Timeline *timeline, int64_t retention)
{
    pthread_mutex_lock(&timeline->mutex);
    timeline->retention = retention;
    pthread_mutex_unlock(&timeline->mutex);
}

/* ---- thinning ---- */

static int64_t
stretch_of(const Timeline *timeline, int64_t age)
{
    int64_t stretch = SECOND;
    if (timeline->retention / POINTS_OF_RETENTION > stretch)
        stretch = timeline->retention / POINTS_OF_RETENTION;
    if (age <= timeline->retention)
        return stretch;
    while (stretch <= age / STRETCHES_OF_AGE / 2)
        stretch *= 2;
    return stretch;
}

/* A stretch ends with its last microsecond: what is asked for is mostly a full
 * second. */
static bool
is_same_stretch(int64_t a, int64_t b, int64_t stretch)
{
    return (a - 1) / stretch == (b - 1) / stretch;
}

/* Leave out points, among the first `most`, that the next one stands for. */
static bool
thin(const Timeline *timeline, TimelineChunk *chunk, uint32_t most, int64_t now)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < chunk->count; i++) {
        TimePoint point = chunk->points[i];
        bool is_needed =
            i >= most || i + 1 == chunk->count ||
            !is_same_stretch(point.time, chunk->points[i + 1].time,
                             stretch_of(timeline, now - point.time));
        if (is_needed)
            chunk->points[count++] = point;
    }
    bool is_thinner = count < chunk->count;
    chunk->count = count;
    return is_thinner;
}

static bool
remember_gone(Timeline *timeline, const TimelineChunk *chunk)
{
    if (!chunk->is_stored)
        return true;
    if (timeline->gone_count == timeline->gone_capacity) {
        uint32_t capacity = timeline->gone_capacity * 2 + 8;
        uint64_t *grown =
            realloc(timeline->gone, capacity * sizeof *timeline->gone);
        if (grown == NULL)
            return false;
        timeline->gone = grown;
        timeline->gone_capacity = capacity;
    }
    timeline->gone[timeline->gone_count++] = chunk->number;
    return true;
}

/* Put the next chunk's points into this one; without memory they stay two. */
static bool
merge_next(Timeline *timeline, uint32_t position)
{
    TimelineChunk *chunk = timeline->chunks[position];
    TimelineChunk *next = timeline->chunks[position + 1];
    if (chunk->count + next->count > TIMELINE_CHUNK_POINTS / 2 ||
        !remember_gone(timeline, next))
        return false;
    memcpy(chunk->points + chunk->count, next->points,
           next->count * sizeof *next->points);
    chunk->count += next->count;
    free(next);
    timeline->chunk_count--;
    memmove(timeline->chunks + position + 1, timeline->chunks + position + 2,
            (timeline->chunk_count - position - 1) * sizeof *timeline->chunks);
    return true;
}

/* All but the last chunk. */
static void
tend(Timeline *timeline, TimePoint newest)
{
    for (uint32_t i = 0; i + 1 < timeline->chunk_count; i++) {
        TimelineChunk *chunk = timeline->chunks[i];
        bool is_changed = thin(timeline, chunk, chunk->count, newest.time);
        while (i + 2 < timeline->chunk_count && merge_next(timeline, i))
            is_changed = true;
        if (is_changed)
            chunk->changed = newest.sequence;
    }
}

/* ---- appending ---- */

static TimelineChunk *
add_chunk(Timeline *timeline, uint64_t number)
{
    if (timeline->chunk_count == timeline->chunk_capacity) {
        uint32_t capacity = timeline->chunk_capacity * 2 + 8;
        TimelineChunk **grown =
            realloc(timeline->chunks, capacity * sizeof(TimelineChunk *));
        if (grown == NULL)
            return NULL;
        timeline->chunks = grown;
        timeline->chunk_capacity = capacity;
    }
    TimelineChunk *chunk = calloc(1, sizeof *chunk);
    if (chunk == NULL)
        return NULL;
    chunk->number = number;
    if (number >= timeline->next_number)
        timeline->next_number = number + 1;
    timeline->chunks[timeline->chunk_count++] = chunk;
    return chunk;
}

/* The chunk that takes the point; NULL: no memory. */
static TimelineChunk *
room_for(Timeline *timeline, TimePoint point)
{
    if (timeline->chunk_count == 0)
        return add_chunk(timeline, timeline->next_number);
    TimelineChunk *last = timeline->chunks[timeline->chunk_count - 1];
    if (last->count < TIMELINE_CHUNK_POINTS)
        return last;
    if (thin(timeline, last, last->count - TIMELINE_EXACT, point.time))
        last->changed = point.sequence;
    if (last->count <= TIMELINE_CHUNK_POINTS * 3 / 4)
        return last;
    TimelineChunk *added = add_chunk(timeline, timeline->next_number);
    if (added == NULL)
        return last->count < TIMELINE_CHUNK_POINTS ? last : NULL;
    /* The newest ones go along, so that they stay exact. */
    added->count = TIMELINE_EXACT;
    last->count -= TIMELINE_EXACT;
    memcpy(added->points, last->points + last->count,
           TIMELINE_EXACT * sizeof *added->points);
    last->changed = point.sequence;
    tend(timeline, point);
    return added;
}

static TimePoint *
newest_point(const Timeline *timeline)
{
    if (timeline->chunk_count == 0)
        return NULL;
    TimelineChunk *last = timeline->chunks[timeline->chunk_count - 1];
    return &last->points[last->count - 1];
}

/* A clock that went back repeats its time. */
static TimePoint
in_order(const Timeline *timeline, TimePoint point)
{
    const TimePoint *newest = newest_point(timeline);
    if (newest != NULL && point.time < newest->time)
        point.time = newest->time;
    return point;
}

void
timeline_append(Timeline *timeline, uint64_t sequence, int64_t time)
{
    pthread_mutex_lock(&timeline->mutex);
    TimePoint point = in_order(timeline, (TimePoint){sequence, time});
    TimelineChunk *chunk = room_for(timeline, point);
    TimePoint *newest = newest_point(timeline);
    if (chunk != NULL)
        chunk->points[chunk->count++] = point;
    else if (newest != NULL)
        *newest = point;
    if (timeline->chunk_count > 0)
        timeline->chunks[timeline->chunk_count - 1]->changed = sequence;
    pthread_mutex_unlock(&timeline->mutex);
}

/* ---- asking ---- */

/* The number of points of the chunk at or before `time`. */
static uint32_t
points_until(const TimelineChunk *chunk, int64_t time)
{
    uint32_t low = 0;
    uint32_t high = chunk->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (chunk->points[middle].time <= time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t
timeline_at(Timeline *timeline, int64_t time)
{
    uint64_t found = 0;
    pthread_mutex_lock(&timeline->mutex);
    for (uint32_t i = timeline->chunk_count; i > 0 && found == 0; i--) {
        const TimelineChunk *chunk = timeline->chunks[i - 1];
        uint32_t count = points_until(chunk, time);
        if (count > 0)
            found = chunk->points[count - 1].sequence;
    }
    pthread_mutex_unlock(&timeline->mutex);
    return found;
}

/* The first point that has the commit or a later one; NULL: none. */
static const TimePoint *
point_of(const Timeline *timeline, uint64_t sequence)
{
    const TimePoint *found = NULL;
    for (uint32_t i = timeline->chunk_count; i > 0; i--) {
        const TimelineChunk *chunk = timeline->chunks[i - 1];
        if (chunk->points[chunk->count - 1].sequence < sequence)
            return found;
        uint32_t k = chunk->count - 1;
        while (k > 0 && chunk->points[k - 1].sequence >= sequence)
            k--;
        found = &chunk->points[k];
        if (k > 0)
            return found;
    }
    return found;
}

bool
timeline_time(Timeline *timeline, uint64_t sequence, int64_t *time)
{
    pthread_mutex_lock(&timeline->mutex);
    const TimePoint *point = point_of(timeline, sequence);
    *time = point != NULL ? point->time : 0;
    pthread_mutex_unlock(&timeline->mutex);
    return point != NULL;
}

TimePoint
timeline_first(Timeline *timeline)
{
    pthread_mutex_lock(&timeline->mutex);
    TimePoint point = {0, 0};
    if (timeline->chunk_count > 0)
        point = timeline->chunks[0]->points[0];
    pthread_mutex_unlock(&timeline->mutex);
    return point;
}

TimePoint
timeline_last(Timeline *timeline)
{
    pthread_mutex_lock(&timeline->mutex);
    TimePoint point = {0, 0};
    if (timeline->chunk_count > 0)
        point = *newest_point(timeline);
    pthread_mutex_unlock(&timeline->mutex);
    return point;
}

/* ---- the catalogue ---- */

static void
append_varint(Buffer *out, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        buffer_append_u8(out, (uint8_t)(value | 128));
    buffer_append_u8(out, (uint8_t)value);
}

static uint64_t
read_varint(Reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = read_u8(reader);
        value |= (uint64_t)(byte & 127) << shift;
        if ((byte & 128) == 0)
            return value;
    }
    reader->failed = true;
    return 0;
}

static void
encode(Buffer *out, const TimelineChunk *chunk)
{
    TimePoint before = {0, 0};
    buffer_append_u8(out, TIMELINE_VERSION);
    buffer_append_u32(out, chunk->count);
    for (uint32_t i = 0; i < chunk->count; i++) {
        TimePoint point = chunk->points[i];
        append_varint(out, point.sequence - before.sequence);
        append_varint(out, (uint64_t)point.time - (uint64_t)before.time);
        before = point;
    }
}

static void
put_chunk(TimelineChunk *chunk, MetaChanges *changes)
{
    char key[KEY_SIZE];
    Buffer value = BUFFER_INIT;
    snprintf(key, sizeof key, TIMELINE_PREFIX "%020" PRIu64, chunk->number);
    encode(&value, chunk);
    if (buffer_failed(&value))
        changes->bytes.failed = true;
    else
        meta_change_put(changes, key, buffer_slice(&value));
    buffer_free(&value);
    chunk->is_stored = true; /* or will be: a delete too many does no harm */
}

static void
delete_chunk(uint64_t number, MetaChanges *changes)
{
    char key[KEY_SIZE];
    snprintf(key, sizeof key, TIMELINE_PREFIX "%020" PRIu64, number);
    meta_change_delete(changes, key);
}

void
timeline_put(Timeline *timeline, TimePoint pending, MetaChanges *changes)
{
    pthread_mutex_lock(&timeline->mutex);
    pending = in_order(timeline, pending);
    TimelineChunk *last = timeline->chunk_count > 0
                              ? timeline->chunks[timeline->chunk_count - 1]
                              : add_chunk(timeline, timeline->next_number);
    for (uint32_t i = 0; i + 1 < timeline->chunk_count; i++)
        if (timeline->chunks[i]->changed > timeline->stored)
            put_chunk(timeline->chunks[i], changes);
    for (uint32_t i = 0; i < timeline->gone_count; i++)
        delete_chunk(timeline->gone[i], changes);
    timeline->gone_put = timeline->gone_count;
    if (last == NULL) {
        changes->bytes.failed = true;
    } else {
        uint32_t count = last->count;
        /* There is room for one more, unless a loaded chunk has it already. */
        if (count <= TIMELINE_CHUNK_POINTS)
            last->points[last->count++] = pending;
        put_chunk(last, changes);
        last->count = count;
    }
    if (last != NULL && last->count == 0) {
        free(last);
        timeline->chunk_count--;
    }
    pthread_mutex_unlock(&timeline->mutex);
}

void
timeline_stored(Timeline *timeline, uint64_t sequence)
{
    pthread_mutex_lock(&timeline->mutex);
    timeline->stored = sequence - 1;
    timeline->gone_count -= timeline->gone_put;
    if (timeline->gone_count > 0)
        memmove(timeline->gone, timeline->gone + timeline->gone_put,
                timeline->gone_count * sizeof *timeline->gone);
    timeline->gone_put = 0;
    pthread_mutex_unlock(&timeline->mutex);
}

static mql_status
damaged(Error *err)
{
    return error_set(err, ERR_DATA_CORRUPTED,
                     "damaged times of commits in the catalogue");
}

/* Points above `newest`: what comes before is in chunks that took the place of
 * this one. */
static mql_status
decode(Slice value, TimePoint newest, TimelineChunk *chunk, Error *err)
{
    Reader reader = reader_of(value);
    uint8_t version = read_u8(&reader);
    uint32_t count = read_u32(&reader);
    if (reader.failed || version != TIMELINE_VERSION || count == 0 ||
        count > TIMELINE_CHUNK_POINTS + 1)
        return damaged(err);
    TimePoint before = {0, 0};
    for (uint32_t i = 0; i < count; i++) {
        uint64_t more = read_varint(&reader);
        int64_t time = (int64_t)((uint64_t)before.time + read_varint(&reader));
        if (reader.failed || more > UINT64_MAX - before.sequence || more == 0 ||
            (i > 0 && time < before.time))
            return damaged(err);
        before = (TimePoint){before.sequence + more, time};
        if (before.sequence > newest.sequence && before.time >= newest.time)
            chunk->points[chunk->count++] = before;
    }
    return reader_left(&reader) == 0 ? MQL_OK : damaged(err);
}

mql_status
timeline_load(Timeline *timeline, uint64_t number, Slice value, Error *err)
{
    TimePoint newest = timeline_last(timeline);
    if (newest.sequence == 0)
        newest.time = INT64_MIN;
    if (number < timeline->next_number)
        return damaged(err);
    TimelineChunk *chunk = add_chunk(timeline, number);
    if (chunk == NULL)
        return error_no_memory(err);
    chunk->is_stored = true;
    mql_status status = decode(value, newest, chunk, err);
    if (chunk->count == 0) {
        remember_gone(timeline, chunk);
        free(chunk);
        timeline->chunk_count--;
        return status;
    }
    chunk->changed = chunk->points[chunk->count - 1].sequence;
    timeline->stored = chunk->changed;
    return status;
}
