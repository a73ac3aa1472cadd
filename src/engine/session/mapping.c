/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mapping.c - mmap.enabled of collections, fields and indexes.
 *
 * What is loaded stays where it is, mapped or in memory: a change asks for a
 * released collection and holds from the next LOAD on.
 */
#include "engine/session/kinds.h"
#include "engine/session/show.h"

static bool
is_mmap(const Node *option)
{
    return slice_equal_nocase(option->text, SLICE_LITERAL(MMAP_PROPERTY));
}

/* What WITH and SET give; RESET gives nothing. */
static mql_status
read_mapping(Prepared *prepared, const Node *option, bool is_reset,
             Mapping *mapping, Error *err)
{
    Slice text;
    bool is_mapped;
    *mapping = MAPPING_UNSET;
    if (is_reset)
        return MQL_OK;
    TRY(option_text(prepared, option, &text, err));
    if (!property_read_bool(text, &is_mapped))
        return error_at(err, ERR_INVALID_PARAMETER, option->position,
                        "invalid value for property \"%s\"", MMAP_PROPERTY);
    *mapping = is_mapped ? MAPPING_ON : MAPPING_OFF;
    return MQL_OK;
}

mql_status
require_released(const Collection *collection, const Node *option, Error *err)
{
    if (!is_mmap(option) || !collection->is_loaded)
        return MQL_OK;
    error_at(err, ERR_NOT_READY, option->position,
             "collection \"%s\" is loaded", collection->name);
    Buffer text = BUFFER_INIT;
    print_name(&text, collection->name);
    error_hint(err,
               "RELEASE COLLECTION %s first; \"%s\" holds from the next LOAD "
               "on.",
               buffer_text(&text), MMAP_PROPERTY);
    buffer_free(&text);
    return err->status;
}

/* ---- fields ---- */

/* Known to Milvus, not yet built here. */
static const char *const unbuilt_options[] = {
    "analyzer",     "analyzer_params", "multi_analyzer_params",
    "enable_match", "enable_analyzer", "warmup",
    "max_length",   "max_capacity",
};

mql_status
set_field_option(Prepared *prepared, Field *field, const Node *option,
                 bool is_reset, Error *err)
{
    if (is_mmap(option))
        return read_mapping(prepared, option, is_reset, &field->mapping, err);
    for (size_t i = 0; i < sizeof unbuilt_options / sizeof unbuilt_options[0];
         i++)
        if (slice_equal_nocase(option->text, slice_of(unbuilt_options[i])))
            return error_at(err, ERR_FEATURE_NOT_SUPPORTED, option->position,
                            "\"%s\" of a field is not supported yet",
                            unbuilt_options[i]);
    return error_at(err, ERR_INVALID_PARAMETER, option->position,
                    "unknown property \"%.*s\" of a field",
                    (int)option->text.size, option->text.data);
}

/* ---- indexes ---- */

mql_status
set_index_mapping(Prepared *prepared, IndexDefinition *index,
                  const Node *option, bool is_reset, Error *err)
{
    if (is_mmap(option))
        return read_mapping(prepared, option, is_reset, &index->mapping, err);
    error_at(err, ERR_INVALID_PARAMETER, option->position,
             "parameter \"%.*s\" of an index cannot be changed",
             (int)option->text.size, option->text.data);
    return error_hint(err,
                      "Only \"%s\" can; drop the index and create it anew "
                      "for others.",
                      MMAP_PROPERTY);
}
