/* SPDX-License-Identifier: Apache-2.0 */
/*
 * database_rules.c - what the properties of a database let in.
 *
 * They are looked at when something is asked for; what is there already stays
 * when a property comes.
 */
#include <inttypes.h>
#include <stdio.h>

#include "engine/collection/store_internal.h"

static mql_status
hint_at(const DatabaseDefinition *database, const char *property, Error *err)
{
    return error_hint(err, "ALTER DATABASE \"%s\" RESET (%s)", database->name,
                      property);
}

mql_status
version_check_collections(const Version *version, uint64_t database,
                          uint32_t more, Error *err)
{
    const DatabaseDefinition *found = version_database(version, database);
    int64_t most =
        found == NULL ? -1 : database_number(found, MAX_COLLECTIONS_PROPERTY);
    int64_t count = more;
    for (uint32_t i = 0; i < version->collection_count; i++)
        count += version->collections[i]->collection->database == database;
    if (most < 0 || count <= most || more == 0)
        return MQL_OK;
    error_set(err, ERR_CONFIGURATION_LIMIT,
              "database \"%s\" may have %" PRId64 " collection%s at most",
              found->name, most, most == 1 ? "" : "s");
    return hint_at(found, MAX_COLLECTIONS_PROPERTY, err);
}

static uint64_t
bytes_of(const Version *version, uint64_t database)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < version->collection_count; i++) {
        const CollectionVersion *collection = version->collections[i];
        if (collection->collection->database != database)
            continue;
        for (uint32_t k = 0; k < collection->segment_count; k++)
            bytes += segment_bytes(collection->segments[k]);
    }
    return bytes;
}

mql_status
version_check_quota(const Version *version, uint64_t database, Error *err)
{
    const DatabaseDefinition *found = version_database(version, database);
    int64_t megabytes =
        found == NULL ? -1 : database_number(found, DISK_QUOTA_PROPERTY);
    if (megabytes < 0 || megabytes > INT64_MAX >> 20)
        return MQL_OK;
    uint64_t bytes = bytes_of(version, database);
    if (bytes <= (uint64_t)megabytes << 20)
        return MQL_OK;
    error_set(err, ERR_CONFIGURATION_LIMIT,
              "database \"%s\" may have %" PRId64 " MB at most", found->name,
              megabytes);
    error_detail(err, "It would have %" PRIu64 " MB.",
                 (bytes + (UINT64_C(1) << 20) - 1) >> 20);
    return hint_at(found, DISK_QUOTA_PROPERTY, err);
}

mql_status
version_require_database(const Version *version, uint64_t database,
                         const char *name, Error *err)
{
    if (version_database(version, database) != NULL)
        return MQL_OK;
    error_set(err, ERR_INVALID_DATABASE, "database \"%s\" does not exist",
              name);
    return error_hint(err, "It was the current one and has been dropped: USE "
                           "another.");
}

mql_status
version_check_denied(const Version *version, uint64_t database,
                     const char *what, Error *err)
{
    char name[64];
    const DatabaseDefinition *found = version_database(version, database);
    snprintf(name, sizeof name, DENY_PROPERTY "%s", what);
    if (found == NULL || !database_switch(found, name))
        return MQL_OK;
    error_set(err, ERR_NOT_READY, "database \"%s\" denies this: \"%s\" is true",
              found->name, name);
    return hint_at(found, name, err);
}
