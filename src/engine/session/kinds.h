/* SPDX-License-Identifier: Apache-2.0 */
/* kinds.h - what the kinds of statement do, for the table in kinds.c; and
 * helpers they share. */
#ifndef ENGINE_SESSION_KINDS_H
#define ENGINE_SESSION_KINDS_H

#include "engine/session/statement.h"

/* query.c */
mql_status query_prepare(Prepared *prepared, Error *err);
/* explain.c */
mql_status explain_prepare(Prepared *prepared, Error *err);
mql_status explain_run(Prepared *prepared, Error *err);
/* database.c */
mql_status create_database_run(Prepared *prepared, Error *err);
mql_status drop_database_run(Prepared *prepared, Error *err);
mql_status alter_database_run(Prepared *prepared, Error *err);
/* INVALID_DATABASE, with a hint at one whose name is close and that the user
 * may know of. */
mql_status database_missing(const Prepared *prepared, const Version *version,
                            const Node *name, Error *err);
mql_status use_run(Prepared *prepared, Error *err);
/* create_collection.c */
mql_status create_collection_run(Prepared *prepared, Error *err);
/* collection.c */
mql_status drop_collection_run(Prepared *prepared, Error *err);
mql_status truncate_run(Prepared *prepared, Error *err);
mql_status create_partition_run(Prepared *prepared, Error *err);
mql_status drop_partition_run(Prepared *prepared, Error *err);
mql_status load_run(Prepared *prepared, Error *err);
mql_status release_run(Prepared *prepared, Error *err);
mql_status flush_run(Prepared *prepared, Error *err);
/* check.c */
mql_status check_prepare(Prepared *prepared, Error *err);
mql_status check_run(Prepared *prepared, Error *err);
/* job.c */
mql_status job_run(Prepared *prepared, Error *err);
mql_status show_jobs(Prepared *prepared, Error *err);
/* maintain.c */
mql_status compact_run(Prepared *prepared, Error *err);
mql_status vacuum_run(Prepared *prepared, Error *err);
mql_status reindex_run(Prepared *prepared, Error *err);
/* For ALTER: one more field of a copy, without a row of its own yet; a default;
 * whether a property may be given that value. */
mql_status add_field_later(Prepared *prepared, Collection *collection,
                           const Node *node, Error *err);
mql_status set_default_later(Prepared *prepared, Collection *collection,
                             Field *field, const Node *attribute, Error *err);
mql_status check_property_later(Prepared *prepared, Collection *collection,
                                const Node *option, Error *err);
/* alias.c */
mql_status create_alias_run(Prepared *prepared, Error *err);
mql_status alter_alias_run(Prepared *prepared, Error *err);
mql_status drop_alias_run(Prepared *prepared, Error *err);
/* The aliases of the database (`collection` NULL), or of a collection, in the
 * order of their bytes: `collection` and `name` of each, in the arena. */
typedef struct Alias {
    const char *name;
    const Collection *collection;
} Alias;
mql_status list_aliases(Prepared *prepared, const Collection *collection,
                        Alias **aliases, uint32_t *count, Error *err);
/* alter.c */
mql_status alter_collection_run(Prepared *prepared, Error *err);
mql_status comment_on_run(Prepared *prepared, Error *err);
/* mapping.c: mmap.enabled. It cannot be changed while the collection is loaded;
 * options of a field, all of them, and those of an index that can be changed.
 */
mql_status require_released(const Collection *collection, const Node *option,
                            Error *err);
mql_status set_field_option(Prepared *prepared, Field *field,
                            const Node *option, bool is_reset, Error *err);
mql_status set_index_mapping(Prepared *prepared, IndexDefinition *index,
                             const Node *option, bool is_reset, Error *err);
/* index.c */
mql_status alter_index_run(Prepared *prepared, Error *err);
mql_status create_index_run(Prepared *prepared, Error *err);
mql_status drop_index_run(Prepared *prepared, Error *err);
/* Where the INDEX_NAME of the statement is: in the collection that its INDEX_ON
 * names, or in the only one that has it, of those that the user sees; `*found`
 * NULL: nowhere. */
mql_status find_named_index(Prepared *prepared, const CollectionVersion **found,
                            int32_t *position, Error *err);
/* insert.c */
mql_status insert_prepare(Prepared *prepared, Error *err);
mql_status insert_run(Prepared *prepared, Error *err);
void insert_explain(const Prepared *prepared, struct Explainer *explainer);
/* delete.c */
mql_status delete_prepare(Prepared *prepared, Error *err);
mql_status delete_run(Prepared *prepared, Error *err);
void delete_explain(const Prepared *prepared, struct Explainer *explainer);
/* update.c */
mql_status update_prepare(Prepared *prepared, Error *err);
mql_status update_run(Prepared *prepared, Error *err);
void update_explain(const Prepared *prepared, struct Explainer *explainer);
/* copy_from.c */
mql_status copy_from_run(Prepared *prepared, Error *err);
/* show.c */
mql_status show_prepare(Prepared *prepared, Error *err);
mql_status show_run(Prepared *prepared, Error *err);
mql_status describe_prepare(Prepared *prepared, Error *err);
mql_status describe_run(Prepared *prepared, Error *err);
/* show_access.c */
mql_status show_users(Prepared *prepared, Error *err);
mql_status show_roles(Prepared *prepared, Error *err);
mql_status show_privileges(Prepared *prepared, Error *err);
mql_status show_privilege_groups(Prepared *prepared, Error *err);
mql_status show_grants(Prepared *prepared, Error *err);
/* show_create_users.c */
mql_status show_create_users(Prepared *prepared, Error *err);
/* What a SHOW needs of its user. */
Asks show_asks(const Node *show);
/* user.c */
mql_status create_user_run(Prepared *prepared, Error *err);
mql_status alter_user_run(Prepared *prepared, Error *err);
mql_status drop_user_run(Prepared *prepared, Error *err);
mql_status create_role_run(Prepared *prepared, Error *err);
mql_status drop_role_run(Prepared *prepared, Error *err);
/* grant.c */
mql_status grant_run(Prepared *prepared, Error *err);
mql_status grant_role_run(Prepared *prepared, Error *err);
/* privilege_group.c */
mql_status create_group_run(Prepared *prepared, Error *err);
mql_status alter_group_run(Prepared *prepared, Error *err);
mql_status drop_group_run(Prepared *prepared, Error *err);
/* transaction.c */
mql_status begin_run(Prepared *prepared, Error *err);
mql_status start_run(Prepared *prepared, Error *err);
mql_status commit_run(Prepared *prepared, Error *err);
mql_status rollback_run(Prepared *prepared, Error *err);
mql_status rollback_to_run(Prepared *prepared, Error *err);
mql_status savepoint_run(Prepared *prepared, Error *err);
mql_status release_savepoint_run(Prepared *prepared, Error *err);
/* backup.c */
mql_status backup_run(Prepared *prepared, Error *err);
mql_status verify_backup_run(Prepared *prepared, Error *err);
mql_status restore_run(Prepared *prepared, Error *err);
mql_status recover_prepare(Prepared *prepared, Error *err);
mql_status recover_run(Prepared *prepared, Error *err);
/* cursor.c */
mql_status declare_prepare(Prepared *prepared, Error *err);
mql_status declare_run(Prepared *prepared, Error *err);
mql_status fetch_prepare(Prepared *prepared, Error *err);
mql_status fetch_run(Prepared *prepared, Error *err);
mql_status close_run(Prepared *prepared, Error *err);
/* set.c */
mql_status set_run(Prepared *prepared, Error *err);
mql_status reset_run(Prepared *prepared, Error *err);

/* ---- shared ---- */

/* The collection a NAME or INDEX_ON node means, in the run's Version. */
mql_status find_collection(Prepared *prepared, const Node *name,
                           const CollectionVersion **found, Error *err);

/* The same; an alias of it will not do: WRONG_OBJECT_TYPE with the hint. */
mql_status find_own_collection(Prepared *prepared, const Node *name,
                               const char *hint,
                               const CollectionVersion **found, Error *err);
/* Whether a collection or an alias (`*kind`, the word) has the name already,
 * with `if_not_exists` in any spelling; require_new_name(): then
 * DUPLICATE_TABLE. */
bool is_relation(const Prepared *prepared, const Node *name, bool if_not_exists,
                 const char **kind, const char **as);
mql_status require_new_name(const Prepared *prepared, const Node *name,
                            Error *err);

/* The partition that the statement's PARTITION names for its new rows; the
 * first one without the clause. */
mql_status find_target_partition(const Node *root, const Collection *collection,
                                 uint64_t *partition, Error *err);

/* A changed copy of a definition: `change` edits it; it is put into the
 * transaction. */
mql_status change_collection(Transaction *transaction,
                             const Collection *collection,
                             mql_status (*change)(Collection *copy,
                                                  void *context, Error *err),
                             void *context, Error *err);

/* Letters, digits, '_' (and for partitions '-', for users '-' and '.'), not
 * beginning with a digit, at most NAME_SIZE_MOST. */
typedef enum NameRule {
    NAME_ORDINARY,
    NAME_OF_PARTITION,
    NAME_OF_INDEX,
    NAME_OF_USER
} NameRule;
mql_status check_name(const Node *name, NameRule rule, const char *what,
                      Error *err);

/* Whether a new object's name is taken by the one found for it: by the same
 * spelling; with IF NOT EXISTS by any spelling that means it. */
bool is_taken(const Node *name, const char *existing, bool if_not_exists);

/* The value of an OPTION node as text, as properties keep it; in the arena. */
mql_status option_text(Prepared *prepared, const Node *option, Slice *text,
                       Error *err);

/* A definition's text in the collection's arena. */
char *collection_text(Collection *collection, Slice text);

/* Give an index name, kind, metric and options (a CREATE_INDEX or FIELD_INDEX
 * node). */
mql_status define_index(Prepared *prepared, const Node *node,
                        const Collection *collection, IndexDefinition *index,
                        Error *err);

/* The value of a field that a row leaves out: its default, NULL, or NOT_NULL.
 */
mql_status missing_value(const Collection *collection, const Field *field,
                         Value *value, Error *err);

#endif
