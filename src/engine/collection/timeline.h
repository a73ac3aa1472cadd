/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timeline.h - when each commit was made: from a moment to the last commit at
 * or before it, and back.
 *
 * A point is a commit and its time. The newest few hundred commits all have
 * one; of older ones the last of each second stays, of those beyond the
 * retention the last of each stretch that is short against its age. So memory
 * is bounded, whatever the age of the database, and what is missing only makes
 * an answer earlier than it might be. Order is that of the sequence numbers: a
 * clock that goes back repeats the time it had.
 *
 * The points lie in chunks, which are values of the catalogue
 * (docs/format/catalog.md): they are written when the log, which has the times
 * of its commits, is trimmed.
 *
 * Thread rule: any thread may ask; one writer at a time does the rest.
 */
#ifndef ENGINE_COLLECTION_TIMELINE_H
#define ENGINE_COLLECTION_TIMELINE_H

#include <pthread.h>

#include "storage/meta.h"

#define TIMELINE_PREFIX "timeline/"
#define TIMELINE_CHUNK_POINTS 1024u
#define TIMELINE_EXACT 512u /* newest commits that keep their points */

typedef struct TimePoint {
    uint64_t sequence;
    int64_t time; /* microseconds since 1970 */
} TimePoint;

typedef struct TimelineChunk {
    uint64_t number;  /* in the catalogue's key, ascending */
    uint64_t changed; /* commit with which it changed last */
    bool is_stored;   /* the catalogue has it, maybe older */
    uint32_t count;
    TimePoint points[TIMELINE_CHUNK_POINTS + 1];
} TimelineChunk;

typedef struct Timeline {
    pthread_mutex_t mutex;
    TimelineChunk **chunks; /* none is empty */
    uint32_t chunk_count;
    uint32_t chunk_capacity;
    uint64_t next_number;
    int64_t retention; /* microseconds for which a second counts */
    uint64_t stored;   /* changes up to this commit are in the catalogue */
    /* Keys of chunks that were merged away; the catalogue still has them. */
    uint64_t *gone;
    uint32_t gone_count;
    uint32_t gone_capacity;
    uint32_t gone_put; /* of them, in the changes given last */
} Timeline;

void timeline_init(Timeline *timeline, int64_t retention);
void timeline_free(Timeline *timeline);
void timeline_set_retention(Timeline *timeline, int64_t retention);

/* A commit has been made; sequence numbers ascend. Cannot fail: without memory
 * it takes the place of the one before it. */
void timeline_append(Timeline *timeline, uint64_t sequence, int64_t time);

/* The last commit known at or before `time`; 0: none is so old. */
uint64_t timeline_at(Timeline *timeline, int64_t time);
/* A time at which the commit was there: its own or that of a later one; false:
 * not made yet. */
bool timeline_time(Timeline *timeline, uint64_t sequence, int64_t *time);
/* The first and the last point; zeros when there is none. */
TimePoint timeline_first(Timeline *timeline);
TimePoint timeline_last(Timeline *timeline);

/* What the catalogue lacks, and the commit under way. Out of memory is in
 * `changes`. */
void timeline_put(Timeline *timeline, TimePoint pending, MetaChanges *changes);
/* The changes that timeline_put() gave before commit `sequence` was made are in
 * the catalogue. */
void timeline_stored(Timeline *timeline, uint64_t sequence);
/* A chunk of the catalogue, in the order of their numbers. */
mql_status timeline_load(Timeline *timeline, uint64_t number, Slice value,
                         Error *err);

#endif
