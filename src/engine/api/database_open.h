/* SPDX-License-Identifier: Apache-2.0 */
/* database_open.h - mql_open() over other file functions: for the crash tests.
 */
#ifndef ENGINE_API_DATABASE_OPEN_H
#define ENGINE_API_DATABASE_OPEN_H

#include "base/file.h"

/* `vfs` NULL: the operating system's. See mql_open(). */
mql_status database_open(const char *path, const Vfs *vfs,
                         const mql_open_options *options, mql_db **db,
                         Error *err);

#endif
