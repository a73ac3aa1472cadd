/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h - threads that share out a loop.
 *
 * One pool per database. pool_run() is called by one thread at a time; another
 * caller waits. The calling thread works too, so a pool of one has no threads.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stdint.h>

#include "base/status.h"

typedef struct Pool Pool;

/* `threads` from 1; 0: as many as processors. */
mql_status pool_create(uint32_t threads, Pool **pool, Error *err);
void pool_destroy(Pool *pool);
uint32_t pool_threads(const Pool *pool);

/*
 * Call work(context, thread, first, count) for pieces of [0, total) of at most
 * `grain` items until all are done; `thread` is below pool_threads(), each
 * thread has one piece at a time. The first status that is not MQL_OK stops the
 * handing out and is returned; its words are in `err`. Each call gets an Error
 * of its own.
 */
typedef mql_status (*PoolWork)(void *context, uint32_t thread, uint64_t first,
                               uint64_t count, Error *err);
mql_status pool_run(Pool *pool, uint64_t total, uint64_t grain, PoolWork work,
                    void *context, Error *err);

#endif
