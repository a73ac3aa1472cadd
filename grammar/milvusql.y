/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milvusql.y - the grammar of MilvusQL, and nothing else: an action builds nodes and
 * does no lookups and no checks of meaning. Words live in src/engine/sql/keywords.def,
 * nodes in nodes.def, what needs more than a line in src/engine/sql/build.c.
 *
 * Order: names, statements, clauses, queries, expressions, types. README.md tells how
 * to add a keyword or a statement, and the traps.
 */
%name sql_parser
%token_prefix TK_
%token_type {Token}
%default_type {Node *}
%extra_context {Parse *parse}
%start_symbol input

/* 200 open parentheses (SQL_NESTING_MOST) with every level of the precedence table
 * pending in each fit about here; what does not is an error, see %stack_overflow. */
%stack_size 4000

%include {
#include <assert.h>
#include <stdlib.h>

#include "engine/sql/parser.h"

#define NONE ((Token){NULL, 0})
}

%stack_overflow {
    parse_too_deep(parse, -1);
}

%syntax_error {
    (void)yymajor;
    parse_syntax_error(parse, TOKEN);
}

/* ---- precedence, weakest first; every line has a case in tests/unit/test_parse.c ---- */
%left UNION EXCEPT.
%left INTERSECT.
%left OR.
%left AND.
%right NOT BANG.
%left EQ NE.
%left LT LE GT GE.
%left IN LIKE ILIKE BETWEEN IS NOT_INFIX TILDE MATCHES MATCHES_NOT.
%left ESCAPE.
%left DISTANCE.
%left BIT_OR.
%left BIT_XOR.
%left BIT_AND.
%left SHIFT.
%left PLUS MINUS.
%left STAR SLASH PERCENT.
%right SIGN.
%left POWER.
%left JSON.
%left TYPECAST.
%left LB VECTOR DOT.

/* Keywords that are names wherever the grammar has no use for the keyword. WORD itself
 * is never scanned; an alias without AS is an IDENT, so that no keyword becomes one. */
%fallback WORD
    ADD ALIAS ALL ALTER ALWAYS ANALYZE APPROX ARRAY ASC AUTO_ID AUTO_INCREMENT
    BACKUP BEGIN BY CANCEL CASCADE CHECK CLOSE CLUSTER CLUSTERING COLLECTION COLUMN COMMENT
    COMMIT COMPACT CONCURRENTLY CONFLICT CONSISTENCY COPY COUNT CREATE CROSS CURSOR
    DATABASE DEALLOCATE DECLARE DEFAULT DELETE DESC DESCRIBE DO DROP END
    ESCAPE EXECUTE EXPLAIN FETCH FIELD FIRST FLUSH FULL GENERATED GLOBAL GRANT
    GROUP HYBRID IDENTITY IF IMPORT INDEX INNER INSERT INTO JOB JOBS JOIN KEY KEYS
    LAST LEFT LEVEL LIMIT LOAD LOCAL NEXT NOTHING NULLS OF OFFSET ONLY ORDER
    OUTER OUTPUT OVERRIDING PARAMS PARTITION PASSWORD PAUSE PRECISION PREPARE PRIMARY PRIVILEGE QUERY
    RANK RECOVER REINDEX RELEASE REMOVE RENAME REPLACE RERANK RESET RESTORE RESTRICT RESUME RETURNING REVOKE ROLE
    ROLLBACK ROW ROWS SAVEPOINT SEARCH SEQUENCE SESSION SET SHOW SIZE START STDIN
    STDOUT STORED STRICT TABLE TO TRUNCATE UNIQUE UNKNOWN UPDATE UPSERT USE
    USER USING VACUUM VALUES VARYING VERBOSE VERIFY WEIGHT
    .
%wildcard ANY.
%token_class collection COLLECTION|TABLE.
%token_class job_word PAUSE|RESUME|CANCEL.

/* ==== the text ==== */
input ::= .
input ::= SEMI.
input ::= statement(S).                  { parse->root = S; }
input ::= statement(S) SEMI.             { parse->root = S; }
input ::= START_EXPRESSION expr(E).      { parse->root = E; }

/* ==== names ==== */
%type id {Token}
id(A) ::= IDENT(T).                      { A = T; }
id(A) ::= WORD(T).                       { A = T; }
id(A) ::= BACKTICK(T).                   { A = T; }
id(A) ::= DOUBLE(T).                     { A = T; }
/* An alias without AS. */
%type bare {Token}
bare(A) ::= IDENT(T).                    { A = T; }
bare(A) ::= BACKTICK(T).                 { A = T; }
bare(A) ::= DOUBLE(T).                   { A = T; }
name(A) ::= id(T).                       { A = build_name(parse, T); }
/* A relation may have a schema before it: mql_catalog.segments. */
relation(A) ::= name(N).                 { A = N; }
relation(A) ::= name(N) DOT id(M).       { A = build_dotted(parse, N, M); }
/* A setting or option: mmap.enabled, collection.ttl.seconds. */
dotted(A) ::= name(N).                   { A = N; }
dotted(A) ::= dotted(N) DOT id(M).       { A = build_dotted(parse, N, M); }
names(A) ::= name(N).                    { A = node_with(parse, NODE_NAME_LIST, NONE, N); }
names(A) ::= names(L) COMMA name(N).     { A = node_add(parse, L, N); }
relations(A) ::= relation(N).            { A = node_with(parse, NODE_NAME_LIST, NONE, N); }
relations(A) ::= relations(L) COMMA relation(N). { A = node_add(parse, L, N); }

if_exists(A) ::= .                       { A = NULL; }
if_exists(A) ::= IF(T) EXISTS.           { A = node_new(parse, NODE_IF_EXISTS, T); }
if_not_exists(A) ::= .                   { A = NULL; }
if_not_exists(A) ::= IF(T) NOT EXISTS.   { A = node_new(parse, NODE_IF_NOT_EXISTS, T); }
cascade(A) ::= .                         { A = NULL; }
cascade(A) ::= RESTRICT.                 { A = NULL; }
cascade(A) ::= CASCADE(T).               { A = node_new(parse, NODE_CASCADE, T); }

/* ==== options: name = value, name value, name ==== */
options_opt(A) ::= .                     { A = NULL; }
options_opt(A) ::= with_options(O).      { A = O; }
with_options(A) ::= WITH(T) LP option_list(L) RP. { A = node_turn(parse, L, NODE_OPTIONS, T); }
option_list(A) ::= option(O).            { A = build_option(parse, NULL, O); }
option_list(A) ::= option_list(L) COMMA option(O). { A = build_option(parse, L, O); }
option(A) ::= option_name(N).            { A = N; }
option(A) ::= option_name(N) EQ option_value(V). { A = node_add(parse, N, V); }
option(A) ::= option_name(N) plain_value(V). { A = node_add(parse, N, V); }
option_name(A) ::= dotted(N).            { A = N; if (A) A->kind = NODE_OPTION; }
option_name(A) ::= NULL(T).              { A = node_named(parse, NODE_OPTION, T, T); }
option_value(A) ::= expr(E).             { A = E; }
option_value(A) ::= ON(T).               { A = build_name(parse, T); }
plain_value(A) ::= id(T).                { A = build_name(parse, T); }
plain_value(A) ::= ON(T).                { A = build_name(parse, T); }
plain_value(A) ::= TRUE(T).              { A = node_new(parse, NODE_TRUE_VALUE, T); }
plain_value(A) ::= FALSE(T).             { A = node_new(parse, NODE_FALSE_VALUE, T); }
plain_value(A) ::= STRING(T).            { A = literal_string(parse, T, NODE_STRING); }
plain_value(A) ::= INTEGER(T).           { A = literal_integer(parse, T); }
plain_value(A) ::= REAL(T).              { A = literal_real(parse, T); }

/* ==== databases ==== */
statement(A) ::= CREATE(T) DATABASE if_not_exists(I) name(N) options_opt(O). {
    A = node_add(parse, node_pair(parse, NODE_CREATE_DATABASE, T, I, N), O);
}
statement(A) ::= DROP(T) DATABASE if_exists(I) name(N) cascade(C). {
    A = node_add(parse, node_pair(parse, NODE_DROP_DATABASE, T, I, N), C);
}
statement(A) ::= ALTER(T) DATABASE name(N) database_action(C). { A = node_pair(parse, NODE_ALTER_DATABASE, T, N, C); }
database_action(A) ::= SET(T) LP option_list(L) RP.   { A = node_with(parse, NODE_ALTER_SET, T, node_turn(parse, L, NODE_OPTIONS, T)); }
database_action(A) ::= RESET(T) LP option_list(L) RP. { A = node_with(parse, NODE_ALTER_RESET, T, node_turn(parse, L, NODE_OPTIONS, T)); }
statement(A) ::= USE(T) name(N).         { A = node_with(parse, NODE_USE, T, N); }

/* ==== collections ==== */
statement(A) ::= CREATE(T) collection if_not_exists(I) relation(N) LP elements(E) RP collection_tail(C). {
    A = node_take(parse, node_take(parse, node_pair(parse, NODE_CREATE_COLLECTION, T, I, N), E), C);
}
statement(A) ::= CREATE(T) collection if_not_exists(I) relation(N) LIKE(L) relation(M) including(F). {
    A = node_add(parse, node_pair(parse, NODE_CREATE_COLLECTION, T, I, N), node_flag(node_with(parse, NODE_LIKE_COLLECTION, L, M), F));
}
%type including {uint32_t}
including(A) ::= .                       { A = 0; }
including(A) ::= id(I) id(W).            { A = build_including(parse, I, W); }
collection_tail(A) ::= .                 { A = NULL; }
collection_tail(A) ::= collection_tail(L) comment(C). { A = build_clause(parse, L, C); }
collection_tail(A) ::= collection_tail(L) with_options(O). { A = build_clause(parse, L, build_option_source(O, 1)); }
comment(A) ::= COMMENT STRING(S).        { A = literal_string(parse, S, NODE_COMMENT); }
comment(A) ::= COMMENT EQ STRING(S).     { A = literal_string(parse, S, NODE_COMMENT); }

elements(A) ::= element(E).              { A = node_with(parse, NODE_LIST, NONE, E); }
elements(A) ::= elements(L) COMMA element(E). { A = node_add(parse, L, E); }
element(A) ::= id(N) type(Y) attributes(L). {
    A = node_take(parse, node_add(parse, node_named(parse, NODE_FIELD, N, N), Y), L);
}
element(A) ::= PRIMARY(T) KEY LP names(L) RP.   { A = node_turn(parse, L, NODE_PRIMARY_KEY, T); }
element(A) ::= PARTITION(T) KEY LP names(L) RP. { A = node_turn(parse, L, NODE_PARTITION_KEY, T); }
element(A) ::= CLUSTERING(T) KEY LP names(L) RP. { A = node_turn(parse, L, NODE_CLUSTERING_KEY, T); }
element(A) ::= UNIQUE(T) LP names(L) RP. { A = node_turn(parse, L, NODE_UNIQUE, T); }
element(A) ::= INDEX(T) LP index_keys(K) RP index_tail(L). {
    A = node_take(parse, build_keys(parse, node_new(parse, NODE_FIELD_INDEX, T), NONE, K), L);
}
element(A) ::= INDEX(T) id(N) LP index_keys(K) RP index_tail(L). {
    A = node_take(parse, build_keys(parse, node_new(parse, NODE_FIELD_INDEX, T), N, K), L);
}

attributes(A) ::= .                      { A = NULL; }
attributes(A) ::= attributes(L) attribute(E). { A = build_clause(parse, L, E); }
attribute(A) ::= PRIMARY(T) KEY.         { A = node_new(parse, NODE_PRIMARY_KEY, T); }
attribute(A) ::= PARTITION(T) KEY.       { A = node_new(parse, NODE_PARTITION_KEY, T); }
attribute(A) ::= CLUSTERING(T) KEY.      { A = node_new(parse, NODE_CLUSTERING_KEY, T); }
attribute(A) ::= UNIQUE(T).              { A = node_new(parse, NODE_UNIQUE, T); }
attribute(A) ::= AUTO_ID|AUTO_INCREMENT(T). { A = node_new(parse, NODE_AUTO_ID, T); }
attribute(A) ::= NULL(T).                { A = node_new(parse, NODE_NULLABLE, T); }
attribute(A) ::= NOT(T) NULL.            { A = node_new(parse, NODE_NOT_NULL, T); }
attribute(A) ::= DEFAULT(T) expr(E).     { A = node_with(parse, NODE_DEFAULT, T, E); }
attribute(A) ::= comment(C).             { A = C; }
attribute(A) ::= with_options(O).        { A = build_option_source(O, 1); }
attribute(A) ::= GENERATED(T) ALWAYS AS IDENTITY.     { A = node_flag(node_new(parse, NODE_AUTO_ID, T), FLAG_ALWAYS); }
attribute(A) ::= GENERATED(T) BY DEFAULT AS IDENTITY. { A = node_new(parse, NODE_AUTO_ID, T); }
attribute(A) ::= GENERATED(T) ALWAYS AS LP expr(E) RP. { A = node_with(parse, NODE_GENERATED, T, E); }
attribute(A) ::= GENERATED(T) ALWAYS AS LP expr(E) RP STORED. { A = node_with(parse, NODE_GENERATED, T, E); }

/* ==== changing them ==== */
field ::= .
field ::= FIELD|COLUMN.
statement(A) ::= ALTER(T) collection if_exists(I) relation(N) alter_action(C). {
    A = node_add(parse, node_pair(parse, NODE_ALTER_COLLECTION, T, I, N), C);
}
alter_action(A) ::= ADD(T) field if_not_exists(I) id(N) type(Y) attributes(L). {
    A = node_pair(parse, NODE_ALTER_ADD, T, I, node_take(parse, node_add(parse, node_named(parse, NODE_FIELD, N, N), Y), L));
}
alter_action(A) ::= DROP(T) field if_exists(I) name(N) cascade. { A = node_pair(parse, NODE_ALTER_DROP, T, N, I); }
alter_action(A) ::= RENAME(T) TO name(N).  { A = node_with(parse, NODE_ALTER_RENAME, T, N); }
alter_action(A) ::= RENAME(T) field name(N) TO name(M). { A = node_pair(parse, NODE_ALTER_RENAME_FIELD, T, N, M); }
alter_action(A) ::= ALTER(T) field name(N) id(W) type(Y). { A = build_alter_type(parse, T, N, W, Y); }
alter_action(A) ::= ALTER(T) field name(N) SET id(D) id(W) type(Y). {
    if (!slice_equal_nocase((Slice){D.text, D.size}, SLICE_LITERAL("data"))) parse_syntax_error(parse, D);
    A = build_alter_type(parse, T, N, W, Y);
}
alter_action(A) ::= ALTER(T) field name(N) SET DEFAULT(D) expr(E). {
    A = node_pair(parse, NODE_ALTER_DEFAULT, T, N, node_with(parse, NODE_DEFAULT, D, E));
}
alter_action(A) ::= ALTER(T) field name(N) DROP DEFAULT. { A = node_with(parse, NODE_ALTER_DEFAULT, T, N); }
alter_action(A) ::= ALTER(T) field name(N) id(W) WITH expr(E). { A = build_alter_restart(parse, T, N, W, E); }
alter_action(A) ::= ALTER(T) field name(N) DROP NOT NULL. { A = node_with(parse, NODE_ALTER_NULLABLE, T, N); }
alter_action(A) ::= ALTER(T) field name(N) SET LP option_list(L) RP. {
    A = node_pair(parse, NODE_ALTER_SET, T, N, node_turn(parse, L, NODE_OPTIONS, T));
}
alter_action(A) ::= ALTER(T) field name(N) RESET LP option_list(L) RP. {
    A = node_pair(parse, NODE_ALTER_RESET, T, N, node_turn(parse, L, NODE_OPTIONS, T));
}
alter_action(A) ::= SET(T) LP option_list(L) RP. { A = node_with(parse, NODE_ALTER_SET, T, node_turn(parse, L, NODE_OPTIONS, T)); }
alter_action(A) ::= RESET(T) LP option_list(L) RP. { A = node_with(parse, NODE_ALTER_RESET, T, node_turn(parse, L, NODE_OPTIONS, T)); }
statement(A) ::= ALTER(T) INDEX if_exists(I) id(N) index_on_opt(O) index_action(C). {
    A = node_add(parse, node_add(parse, node_pair(parse, NODE_ALTER_INDEX, T, I, node_named(parse, NODE_INDEX_NAME, N, N)), O), C);
}
index_on_opt(A) ::= .                      { A = NULL; }
index_on_opt(A) ::= index_on(O).           { A = O; }
index_action(A) ::= RENAME(T) TO name(N).  { A = node_with(parse, NODE_ALTER_RENAME, T, N); }
index_action(A) ::= SET(T) LP option_list(L) RP. { A = node_with(parse, NODE_ALTER_SET, T, node_turn(parse, L, NODE_OPTIONS, T)); }
index_action(A) ::= RESET(T) LP option_list(L) RP. { A = node_with(parse, NODE_ALTER_RESET, T, node_turn(parse, L, NODE_OPTIONS, T)); }
statement(A) ::= COMMENT(T) ON collection relation(N) IS comment_text(C). { A = node_pair(parse, NODE_COMMENT_ON, T, N, C); }
statement(A) ::= COMMENT(T) ON FIELD|COLUMN name(N) DOT name(M) IS comment_text(C). {
    A = node_add(parse, node_pair(parse, NODE_COMMENT_ON, T, N, M), C);
}
comment_text(A) ::= STRING(S).             { A = literal_string(parse, S, NODE_COMMENT); }
comment_text(A) ::= NULL(T).               { A = node_word(parse, NODE_COMMENT, T, ""); }

statement(A) ::= DROP(T) collection if_exists(I) relations(L) cascade(C). {
    A = node_add(parse, node_take(parse, node_with(parse, NODE_DROP_COLLECTION, T, I), L), C);
}
statement(A) ::= TRUNCATE(T) relation(N).            { A = node_with(parse, NODE_TRUNCATE, T, N); }
statement(A) ::= TRUNCATE(T) collection relation(N). { A = node_with(parse, NODE_TRUNCATE, T, N); }
statement(A) ::= describe(T) relation(N).            { A = node_with(parse, NODE_DESCRIBE, T, N); }
statement(A) ::= describe(T) collection relation(N). { A = node_with(parse, NODE_DESCRIBE, T, N); }
statement(A) ::= describe(T) INDEX id(I) index_on(O). {
    A = node_pair(parse, NODE_DESCRIBE, T, O, node_named(parse, NODE_INDEX_NAME, I, I));
    if (O) O->kind = NODE_NAME;
}
%type describe {Token}
describe(A) ::= DESCRIBE(T).             { A = T; }
describe(A) ::= DESC(T).                 { A = T; }

/* ==== aliases ==== */
statement(A) ::= CREATE(T) ALIAS name(N) FOR relation(M). { A = node_pair(parse, NODE_CREATE_ALIAS, T, N, M); }
statement(A) ::= ALTER(T) ALIAS name(N) FOR relation(M).  { A = node_pair(parse, NODE_ALTER_ALIAS, T, N, M); }
statement(A) ::= DROP(T) ALIAS if_exists(I) name(N).      { A = node_pair(parse, NODE_DROP_ALIAS, T, I, N); }

/* ==== partitions ==== */
statement(A) ::= CREATE(T) PARTITION if_not_exists(I) name(N) index_on(O). {
    A = node_add(parse, node_pair(parse, NODE_CREATE_PARTITION, T, I, N), O);
}
statement(A) ::= DROP(T) PARTITION if_exists(I) name(N) index_on(O). {
    A = node_add(parse, node_pair(parse, NODE_DROP_PARTITION, T, I, N), O);
}
index_on(A) ::= ON relation(N).            { A = N; if (A) A->kind = NODE_INDEX_ON; }
index_on(A) ::= ON collection relation(N). { A = N; if (A) A->kind = NODE_INDEX_ON; }

/* ==== indexes: the kind before or behind the field ==== */
statement(A) ::= CREATE(T) INDEX if_not_exists(I) index_on(O) LP index_keys(K) RP index_tail(L). {
    A = node_take(parse, build_keys(parse, node_pair(parse, NODE_CREATE_INDEX, T, I, O), NONE, K), L);
}
statement(A) ::= CREATE(T) INDEX if_not_exists(I) id(N) index_on(O) LP index_keys(K) RP index_tail(L). {
    A = node_take(parse, build_keys(parse, node_pair(parse, NODE_CREATE_INDEX, T, I, O), N, K), L);
}
statement(A) ::= CREATE(T) INDEX if_not_exists(I) index_on(O) using(U) LP index_keys(K) RP options_opt(P). {
    A = node_add(parse, node_add(parse, build_keys(parse, node_pair(parse, NODE_CREATE_INDEX, T, I, O), NONE, K), U), P);
}
statement(A) ::= CREATE(T) INDEX if_not_exists(I) id(N) index_on(O) using(U) LP index_keys(K) RP options_opt(P). {
    A = node_add(parse, node_add(parse, build_keys(parse, node_pair(parse, NODE_CREATE_INDEX, T, I, O), N, K), U), P);
}
statement(A) ::= CREATE INDEX CONCURRENTLY(T) any. { A = NULL; parse_unsupported(parse, T, "CREATE INDEX CONCURRENTLY"); }
index_tail(A) ::= .                      { A = NULL; }
index_tail(A) ::= index_tail(L) using(U). { A = build_clause(parse, L, U); }
index_tail(A) ::= index_tail(L) with_options(O). { A = build_clause(parse, L, build_option_source(O, 1)); }
using(A) ::= USING(T) id(N).             { A = node_named(parse, NODE_USING, T, N); }
index_keys(A) ::= index_key(K).          { A = node_with(parse, NODE_LIST, NONE, K); }
index_keys(A) ::= index_keys(L) COMMA index_key(K). { A = node_add(parse, L, K); }
index_key(A) ::= expr(E).                { A = node_with(parse, NODE_INDEX_KEY, NONE, E); }
index_key(A) ::= expr(E) bare(C).        { A = node_pair(parse, NODE_INDEX_KEY, NONE, E, build_name(parse, C)); }
statement(A) ::= DROP(T) INDEX if_exists(I) id(N). {
    A = node_pair(parse, NODE_DROP_INDEX, T, I, node_named(parse, NODE_INDEX_NAME, N, N));
}
statement(A) ::= DROP(T) INDEX if_exists(I) id(N) index_on(O). {
    A = node_add(parse, node_pair(parse, NODE_DROP_INDEX, T, I, node_named(parse, NODE_INDEX_NAME, N, N)), O);
}

/* ==== memory and files ==== */
statement(A) ::= LOAD(T) collection relation(N) partitions_opt(P).    { A = node_pair(parse, NODE_LOAD, T, N, P); }
statement(A) ::= RELEASE(T) collection relation(N) partitions_opt(P). { A = node_pair(parse, NODE_RELEASE, T, N, P); }
statement(A) ::= BACKUP(T) DATABASE TO file(F).   { A = node_with(parse, NODE_BACKUP, T, F); }
statement(A) ::= VERIFY(T) BACKUP file(F).        { A = node_with(parse, NODE_VERIFY_BACKUP, T, F); }
statement(A) ::= RECOVER(T) DATABASE FROM file(F).             { A = node_with(parse, NODE_RECOVER, T, F); }
statement(A) ::= RECOVER(T) DATABASE FROM file(F) id(W) id(L). { A = build_recover(parse, T, F, W, L); }
statement(A) ::= RESTORE(T) DATABASE FROM file(F). { A = node_with(parse, NODE_RESTORE, T, F); }
statement(A) ::= FLUSH(T).                        { A = node_new(parse, NODE_FLUSH, T); }
statement(A) ::= FLUSH(T) relation(N).            { A = node_with(parse, NODE_FLUSH, T, N); }
statement(A) ::= FLUSH(T) collection relation(N). { A = node_with(parse, NODE_FLUSH, T, N); }
statement(A) ::= CHECK(T) DATABASE.               { A = node_new(parse, NODE_CHECK, T); }
statement(A) ::= CHECK(T) collection relation(N). { A = node_with(parse, NODE_CHECK, T, N); }
statement(A) ::= COMPACT(T).                      { A = node_new(parse, NODE_COMPACT, T); }
statement(A) ::= COMPACT(T) relation(N).          { A = node_with(parse, NODE_COMPACT, T, N); }
statement(A) ::= COMPACT(T) collection relation(N). { A = node_with(parse, NODE_COMPACT, T, N); }
statement(A) ::= vacuum(V).                       { A = V; }
statement(A) ::= vacuum(V) relation(N).           { A = node_add(parse, V, N); }
statement(A) ::= vacuum(V) collection relation(N). { A = node_add(parse, V, N); }
vacuum(A) ::= VACUUM(T).                          { A = node_new(parse, NODE_VACUUM, T); }
vacuum(A) ::= VACUUM(T) FULL(F).                  { A = node_new(parse, NODE_VACUUM, T); if (A) A->text = (Slice){F.text, F.size}; }
statement(A) ::= REINDEX(T) collection relation(N). { A = node_with(parse, NODE_REINDEX, T, N); }
statement(A) ::= REINDEX(T) id(N).                { A = node_with(parse, NODE_REINDEX, T, node_named(parse, NODE_INDEX_NAME, N, N)); }
statement(A) ::= REINDEX(T) INDEX id(N).          { A = node_with(parse, NODE_REINDEX, T, node_named(parse, NODE_INDEX_NAME, N, N)); }
statement(A) ::= REINDEX(T) id(N) index_on(O).    { A = node_pair(parse, NODE_REINDEX, T, node_named(parse, NODE_INDEX_NAME, N, N), O); }
statement(A) ::= REINDEX(T) INDEX id(N) index_on(O). { A = node_pair(parse, NODE_REINDEX, T, node_named(parse, NODE_INDEX_NAME, N, N), O); }

/* ==== background jobs ==== */
statement(A) ::= job_word(T) JOB expr(E). { A = node_with(parse, NODE_JOB, T, E); if (A) A->text = (Slice){T.text, T.size}; }
statement(A) ::= job_word(T) JOBS.                   { A = node_new(parse, NODE_JOB, T); if (A) A->text = (Slice){T.text, T.size}; }
partitions_opt(A) ::= .                  { A = NULL; }
partitions_opt(A) ::= partitions(P).     { A = P; }
partitions(A) ::= PARTITION(T) name(N).  { A = node_with(parse, NODE_PARTITIONS, T, N); }
partitions(A) ::= PARTITION(T) LP names(L) RP. { A = node_turn(parse, L, NODE_PARTITIONS, T); }

/* ==== transactions: the words are checked by session/transaction.c ==== */
statement(A) ::= BEGIN(T) block_words(W).      { A = node_turn(parse, W, NODE_BEGIN, T); }
statement(A) ::= START(T) block_words(W).      { A = node_turn(parse, W, NODE_START, T); }
statement(A) ::= COMMIT(T) block_words(W).     { A = node_turn(parse, W, NODE_COMMIT, T); }
statement(A) ::= END(T) block_words(W).        { A = node_turn(parse, W, NODE_COMMIT, T); }
statement(A) ::= ROLLBACK(T) block_words(W).   { A = node_turn(parse, W, NODE_ROLLBACK, T); }
statement(A) ::= ROLLBACK(T) block_words(W) TO id(N).           { A = node_add(parse, node_named(parse, NODE_ROLLBACK_TO, T, N), W); }
statement(A) ::= ROLLBACK(T) block_words(W) TO SAVEPOINT id(N). { A = node_add(parse, node_named(parse, NODE_ROLLBACK_TO, T, N), W); }
statement(A) ::= SAVEPOINT(T) id(N).           { A = node_named(parse, NODE_SAVEPOINT, T, N); }
statement(A) ::= RELEASE(T) SAVEPOINT id(N).   { A = node_named(parse, NODE_RELEASE_SAVEPOINT, T, N); }
block_words(A) ::= .                           { A = node_new(parse, NODE_LIST, NONE); }
block_words(A) ::= block_words(L) COMMA.       { A = L; }
block_words(A) ::= block_words(L) id(N).       { A = node_add(parse, L, build_name(parse, N)); }

/* ==== INSERT, UPSERT, UPDATE, DELETE ==== */
statement(A) ::= insert(I) body(B) query_tail(L) conflict_opt(C) returning_opt(R). {
    A = build_insert(parse, I, node_take(parse, B, L));
    A = node_add(parse, build_conflict(parse, A, C), R);
}
statement(A) ::= insert(I) DEFAULT(D) VALUES conflict_opt(C) returning_opt(R). {
    A = node_add(parse, I, node_new(parse, NODE_DEFAULT_VALUES, D));
    A = node_add(parse, build_conflict(parse, A, C), R);
}
insert(A) ::= insert_word(I) INTO relation(N) partitions_opt(P) fields_opt(F) overriding_opt(O). {
    A = node_add(parse, node_add(parse, node_add(parse, node_add(parse, I, N), P), F), O);
}
overriding_opt(A) ::= .                  { A = NULL; }
overriding_opt(A) ::= OVERRIDING(T) id(S) id(V). { A = build_overriding(parse, T, S, V); }
insert_word(A) ::= INSERT(T).            { A = node_new(parse, NODE_INSERT, T); }
insert_word(A) ::= UPSERT(T).            { A = node_new(parse, NODE_UPSERT, T); }
fields_opt(A) ::= .                      { A = NULL; }
fields_opt(A) ::= LP(T) names(L) RP.     { A = node_turn(parse, L, NODE_FIELDS, T); }
rows(A) ::= row(R).                      { A = node_with(parse, NODE_ROWS, NONE, R); }
rows(A) ::= rows(L) COMMA row(R).        { A = node_add(parse, L, R); }
row(A) ::= LP(T) row_items(L) RP.        { A = node_turn(parse, L, NODE_ROW, T); }
row_items(A) ::= row_item(E).            { A = node_with(parse, NODE_LIST, NONE, E); }
row_items(A) ::= row_items(L) COMMA row_item(E). { A = node_add(parse, L, E); }
row_item(A) ::= expr(E).                 { A = E; }
row_item(A) ::= DEFAULT(T).              { A = node_new(parse, NODE_DEFAULT, T); }
conflict_opt(A) ::= .                    { A = NULL; }
conflict_opt(A) ::= ON(T) CONFLICT conflict_key(K) DO(D) NOTHING. {
    A = node_add(parse, node_turn(parse, K, NODE_ON_CONFLICT, T), node_new(parse, NODE_DO_NOTHING, D));
}
conflict_opt(A) ::= ON(T) CONFLICT conflict_key(K) DO(D) UPDATE SET assigns(L) where_opt(W). {
    A = node_add(parse, node_turn(parse, K, NODE_ON_CONFLICT, T),
                 node_add(parse, node_turn(parse, L, NODE_DO_UPDATE, D), W));
}
conflict_key(A) ::= .                    { A = NULL; }
conflict_key(A) ::= LP names(L) RP.      { A = L; }
assigns(A) ::= assign(E).                { A = node_with(parse, NODE_LIST, NONE, E); }
assigns(A) ::= assigns(L) COMMA assign(E). { A = node_add(parse, L, E); }
assign(A) ::= id(N) EQ row_item(E).      { A = node_add(parse, node_named(parse, NODE_ASSIGN, N, N), E); }
statement(A) ::= UPDATE(T) relation(N) partitions_opt(P) SET assigns(L) where_opt(W) returning_opt(R). {
    A = node_add(parse, node_add(parse, node_take(parse, node_pair(parse, NODE_UPDATE, T, N, P), L), W), R);
}
statement(A) ::= DELETE(T) FROM relation(N) partitions_opt(P) where_opt(W) returning_opt(R). {
    A = node_add(parse, node_add(parse, node_pair(parse, NODE_DELETE, T, N, P), W), R);
}
where_opt(A) ::= .                       { A = NULL; }
where_opt(A) ::= where(W).               { A = W; }
where(A) ::= WHERE(T) expr(E).           { A = node_with(parse, NODE_WHERE, T, E); }
returning_opt(A) ::= .                   { A = NULL; }
returning_opt(A) ::= returning(R).       { A = R; }
returning(A) ::= RETURNING|OUTPUT(T) items(L). { A = node_turn(parse, L, NODE_RETURNING, T); }

/* ==== COPY ==== */
statement(A) ::= COPY(T) relation(N) partitions_opt(P) fields_opt(F) FROM files(L) copy_options(O). {
    A = node_add(parse, node_pair(parse, NODE_COPY_FROM, T, N, P), F);
    A = node_add(parse, node_take(parse, A, L), O);
}
statement(A) ::= COPY(T) relation(N) partitions_opt(P) fields_opt(F) FROM STDIN(S) copy_options(O). {
    A = node_add(parse, node_pair(parse, NODE_COPY_FROM, T, N, P), F);
    A = node_add(parse, node_add(parse, A, node_new(parse, NODE_STDIN, S)), O);
}
statement(A) ::= COPY(T) relation(N) partitions_opt(P) fields_opt(F) TO copy_target(C) copy_options(O). {
    A = node_add(parse, node_pair(parse, NODE_COPY_TO, T, N, P), F);
    A = node_add(parse, node_add(parse, A, C), O);
}
statement(A) ::= COPY(T) LP query(Q) RP TO copy_target(C) copy_options(O). {
    A = node_add(parse, node_pair(parse, NODE_COPY_TO, T, Q, C), O);
}
files(A) ::= file(F).                    { A = node_with(parse, NODE_LIST, NONE, F); }
files(A) ::= files(L) COMMA file(F).     { A = node_add(parse, L, F); }
file(A) ::= STRING(S).                   { A = literal_string(parse, S, NODE_FILE); }
copy_target(A) ::= file(F).              { A = F; }
copy_target(A) ::= STDOUT(T).            { A = node_new(parse, NODE_STDOUT, T); }
copy_options(A) ::= options_opt(O).      { A = O; }
copy_options(A) ::= LP(T) option_list(L) RP. { A = node_turn(parse, L, NODE_OPTIONS, T); }

/* ==== SEARCH, HYBRID SEARCH ==== */
statement(A) ::= query(Q).               { A = Q; }
query(A) ::= search(S).                  { A = S; }
search(A) ::= SEARCH(T) relation(N) search_heads(H) FOR(F) targets(L) search_clauses(C). {
    A = node_take(parse, node_with(parse, NODE_SEARCH, T, N), H);
    A = build_search(parse, A, node_turn(parse, L, NODE_TARGETS, F), C);
}
search_heads(A) ::= .                    { A = NULL; }
search_heads(A) ::= search_heads(L) search_head(C). { A = build_clause(parse, L, C); }
search_head(A) ::= as_of(M).             { A = M; }
search_head(A) ::= partitions(P).        { A = P; }
search_head(A) ::= ON(T) id(N).          { A = node_named(parse, NODE_ON_FIELD, T, N); }
as_of(A) ::= AS(T) OF expr(E).           { A = node_with(parse, NODE_AS_OF, T, E); }
as_of(A) ::= AS(T) OF SEQUENCE expr(E).  { A = node_with(parse, NODE_AS_OF, T, E); if (A) A->text = SLICE_LITERAL("sequence"); }
targets(A) ::= target(E).                { A = node_with(parse, NODE_LIST, NONE, E); }
targets(A) ::= targets(L) COMMA target(E). { A = node_add(parse, L, E); }
target(A) ::= expr(E).                   { A = E; }
target(A) ::= KEY(T) expr(E).            { A = node_with(parse, NODE_TARGET_KEYS, T, E); }
target(A) ::= KEYS(T) LP exprs(L) RP.    { A = node_turn(parse, L, NODE_TARGET_KEYS, T); }
search_clauses(A) ::= .                  { A = NULL; }
search_clauses(A) ::= search_clauses(L) search_clause(C). { A = build_clause(parse, L, C); }
search_clause(A) ::= where(W).           { A = W; }
search_clause(A) ::= group_by(G).        { A = G; }
search_clause(A) ::= order_by(O).        { A = O; }
search_clause(A) ::= returning(R).       { A = R; }
search_clause(A) ::= partitions(P).      { A = P; }
search_clause(A) ::= tail_clause(C).     { A = C; }
group_by(A) ::= GROUP(T) BY exprs(L) group_size(S). {
    A = node_add(parse, node_turn(parse, L, NODE_GROUP_BY, T), S);
}
group_size(A) ::= .                      { A = NULL; }
group_size(A) ::= SIZE(T) expr(E).       { A = build_option(parse, NULL, node_add(parse, node_word(parse, NODE_OPTION, T, "size"), E)); }
group_size(A) ::= STRICT(T).             { A = build_option(parse, NULL, node_word(parse, NODE_OPTION, T, "strict")); }
group_size(A) ::= SIZE(T) expr(E) STRICT(S). {
    A = build_option(parse, NULL, node_add(parse, node_word(parse, NODE_OPTION, T, "size"), E));
    A = build_option(parse, A, node_word(parse, NODE_OPTION, S, "strict"));
}
query(A) ::= HYBRID(T) SEARCH relation(N) hybrid_parts(L) hybrid_clauses(C). {
    A = node_take(parse, node_take(parse, node_with(parse, NODE_HYBRID_SEARCH, T, N), L), C);
}
hybrid_parts(A) ::= hybrid_part(P).      { A = node_with(parse, NODE_LIST, NONE, P); }
hybrid_parts(A) ::= hybrid_parts(L) COMMA hybrid_part(P). { A = node_add(parse, L, P); }
hybrid_part(A) ::= LP(T) search_heads(H) FOR(F) targets(L) search_clauses(C) RP. {
    A = node_take(parse, node_new(parse, NODE_SEARCH, T), H);
    A = build_search(parse, A, node_turn(parse, L, NODE_TARGETS, F), C);
}
hybrid_clauses(A) ::= .                  { A = NULL; }
hybrid_clauses(A) ::= hybrid_clauses(L) search_clause(C). { A = build_clause(parse, L, C); }
hybrid_clauses(A) ::= hybrid_clauses(L) rank_by(C). { A = build_clause(parse, L, C); }
rank_by(A) ::= RANK(T) BY expr(E).       { A = node_with(parse, NODE_RANK_BY, T, E); }
rank_by(A) ::= RERANK(T) expr(E).        { A = node_with(parse, NODE_RANK_BY, T, E); }

/* ==== SELECT and its kin ==== */
query(A) ::= body(B) query_tail(C).      { A = node_take(parse, B, C); }
query_tail(A) ::= .                      { A = NULL; }
query_tail(A) ::= query_tail(L) order_by(C). { A = build_clause(parse, L, C); }
query_tail(A) ::= query_tail(L) tail_clause(C). { A = build_clause(parse, L, C); }
query_tail(A) ::= query_tail(L) HYBRID(T) SEARCH LP hybrid_terms RP. { A = L; parse_unsupported(parse, T, "HYBRID SEARCH as a clause of SELECT"); }
query_tail(A) ::= query_tail(L) RERANK(T) expr. { A = L; parse_unsupported(parse, T, "RERANK"); }
hybrid_terms ::= hybrid_term.
hybrid_terms ::= hybrid_terms COMMA hybrid_term.
hybrid_term ::= expr.
hybrid_term ::= expr WEIGHT expr.
tail_clause(A) ::= LIMIT(T) expr(E).     { A = node_with(parse, NODE_LIMIT, T, E); }
tail_clause(A) ::= LIMIT ALL.            { A = NULL; }
tail_clause(A) ::= OFFSET(T) expr(E) rows_word. { A = node_with(parse, NODE_OFFSET, T, E); }
tail_clause(A) ::= FETCH(T) approx first_word expr(E) row_word ONLY. { A = node_with(parse, NODE_LIMIT, T, E); }
tail_clause(A) ::= FETCH(T) approx first_word row_word ONLY. { A = node_with(parse, NODE_LIMIT, T, build_one(parse, T)); }
tail_clause(A) ::= with_options(O).      { A = build_option_source(O, 1); }
tail_clause(A) ::= SEARCH(T) PARAMS LP option_list(L) RP. {
    A = build_option_source(node_turn(parse, L, NODE_OPTIONS, T), 2);
}
tail_clause(A) ::= CONSISTENCY(T) LEVEL plain_value(V). {
    A = node_with(parse, NODE_OPTIONS, T, node_add(parse, node_word(parse, NODE_OPTION, T, "consistency_level"), V));
    A = build_option_source(A, 4);
}
rows_word ::= .
rows_word ::= row_word.
row_word ::= ROW|ROWS.
first_word ::= FIRST|NEXT.
approx ::= .
approx ::= APPROX.

body(A) ::= SELECT(T) distinct(D) items(L) from_opt(F) where_opt(W) group_opt(G) having_opt(H). {
    A = node_take(parse, node_with(parse, NODE_SELECT, T, D), L);
    A = node_add(parse, node_add(parse, A, F), W);
    A = node_add(parse, node_add(parse, A, G), H);
}
body(A) ::= VALUES(T) rows(R).           { A = node_with(parse, NODE_VALUES, T, R); }
body(A) ::= body(L) UNION(T) body(R).    { A = node_pair(parse, NODE_SET_OPERATION, T, L, R); if (A) A->text = SLICE_LITERAL("union"); }
body(A) ::= body(L) UNION(T) ALL body(R). [UNION] { A = node_pair(parse, NODE_SET_OPERATION, T, L, R); if (A) A->text = SLICE_LITERAL("union all"); }
body(A) ::= body(L) EXCEPT(T) body(R).   { A = node_pair(parse, NODE_SET_OPERATION, T, L, R); if (A) A->text = SLICE_LITERAL("except"); }
body(A) ::= body(L) INTERSECT(T) body(R). { A = node_pair(parse, NODE_SET_OPERATION, T, L, R); if (A) A->text = SLICE_LITERAL("intersect"); }
query(A) ::= WITH(T) ctes query(Q).      { A = Q; parse_unsupported(parse, T, "WITH before a query"); }
ctes ::= cte.
ctes ::= ctes COMMA cte.
cte ::= name cte_fields AS LP query RP.
cte_fields ::= .
cte_fields ::= LP names RP.

distinct(A) ::= .                        { A = NULL; }
distinct(A) ::= ALL.                     { A = NULL; }
distinct(A) ::= DISTINCT(T).             { A = node_new(parse, NODE_DISTINCT, T); }
items(A) ::= item(I).                    { A = node_with(parse, NODE_LIST, NONE, I); }
items(A) ::= items(L) COMMA item(I).     { A = node_add(parse, L, I); }
item(A) ::= STAR(T).                     { A = node_new(parse, NODE_STAR, T); }
item(A) ::= expr(E) DOT STAR(T).         { A = build_star_item(parse, T, E); }
item(A) ::= expr(E).                     { A = node_with(parse, NODE_ITEM, NONE, E); }
item(A) ::= expr(E) AS id(N).            { A = node_pair(parse, NODE_ITEM, NONE, E, build_name(parse, N)); }
item(A) ::= expr(E) bare(N).             { A = node_pair(parse, NODE_ITEM, NONE, E, build_name(parse, N)); }

from_opt(A) ::= .                        { A = NULL; }
from_opt(A) ::= FROM(T) source(S) joins(J). { A = node_take(parse, S, J); if (A) A->position = parse_position(parse, T); }
joins(A) ::= .                           { A = NULL; }
joins(A) ::= joins(L) join(J).           { A = L ? node_add(parse, L, J) : node_with(parse, NODE_LIST, NONE, J); }
join(A) ::= inner(T) source(S) ON expr(E). { A = node_pair(parse, NODE_JOIN, T, S, E); if (A) A->text = SLICE_LITERAL("inner"); }
join(A) ::= LEFT(T) outer JOIN source(S) ON expr(E). { A = node_pair(parse, NODE_JOIN, T, S, E); if (A) A->text = SLICE_LITERAL("left"); }
join(A) ::= CROSS(T) JOIN source(S).     { A = node_with(parse, NODE_JOIN, T, S); if (A) A->text = SLICE_LITERAL("cross"); }
join(A) ::= COMMA(T) source(S).          { A = node_with(parse, NODE_JOIN, T, S); if (A) A->text = SLICE_LITERAL("cross"); }
%type inner {Token}
inner(A) ::= JOIN(T).                    { A = T; }
inner(A) ::= INNER(T) JOIN.              { A = T; }
outer ::= .
outer ::= OUTER.
source(A) ::= relation(N) source_parts(L). { A = node_take(parse, node_with(parse, NODE_FROM, NONE, N), L); }
source(A) ::= LP query(Q) RP source_parts(L). { A = node_take(parse, node_with(parse, NODE_FROM, NONE, Q), L); }
source_parts(A) ::= .                    { A = NULL; }
source_parts(A) ::= source_parts(L) source_part(P). { A = build_clause(parse, L, P); }
source_part(A) ::= as_of(M).             { A = M; }
source_part(A) ::= partitions(P).        { A = P; }
source_part(A) ::= AS id(N).             { A = node_named(parse, NODE_ALIAS, N, N); }
source_part(A) ::= bare(N).              { A = node_named(parse, NODE_ALIAS, N, N); }
group_opt(A) ::= .                       { A = NULL; }
group_opt(A) ::= GROUP(T) BY exprs(L).   { A = node_turn(parse, L, NODE_GROUP_BY, T); }
having_opt(A) ::= .                      { A = NULL; }
having_opt(A) ::= HAVING(T) expr(E).     { A = node_with(parse, NODE_HAVING, T, E); }
order_by(A) ::= ORDER(T) BY sort_keys(L). { A = node_turn(parse, L, NODE_ORDER_BY, T); }
sort_keys(A) ::= sort_key(K).            { A = node_with(parse, NODE_LIST, NONE, K); }
sort_keys(A) ::= sort_keys(L) COMMA sort_key(K). { A = node_add(parse, L, K); }
sort_key(A) ::= expr(E) direction(D) nulls(N). {
    A = node_flag(node_with(parse, NODE_SORT_KEY, NONE, E), N);
    if (A) A->text = D;
}
%type direction {Slice}
direction(A) ::= .                       { A = SLICE_LITERAL(""); }
direction(A) ::= ASC.                    { A = SLICE_LITERAL("asc"); }
direction(A) ::= DESC.                   { A = SLICE_LITERAL("desc"); }
%type nulls {uint32_t}
nulls(A) ::= .                           { A = 0; }
nulls(A) ::= NULLS FIRST.                { A = FLAG_NULLS_FIRST; }
nulls(A) ::= NULLS LAST.                 { A = FLAG_NULLS_LAST; }

/* Milvus' spellings. */
query(A) ::= QUERY(T) relation(N) query_clauses(C). { A = build_query_statement(parse, T, N, C); }
query(A) ::= QUERY(T) relation(N) as_of(M) query_clauses(C). { A = build_query_statement(parse, T, N, build_clause(parse, C, M)); }
query_clauses(A) ::= .                   { A = NULL; }
query_clauses(A) ::= query_clauses(L) search_clause(C). { A = build_clause(parse, L, C); }
query(A) ::= COUNT(T) FROM(F) source(S) where_opt(W). {
    A = node_add(parse, node_word(parse, NODE_CALL, T, "count"), node_new(parse, NODE_STAR, T));
    A = node_with(parse, NODE_SELECT, T, node_with(parse, NODE_ITEM, T, A));
    if (S) S->position = parse_position(parse, F);
    A = node_add(parse, node_add(parse, A, S), W);
}

/* ==== cursors ==== */
statement(A) ::= DECLARE(T) name(N) CURSOR FOR(F) query(Q). {
    A = node_pair(parse, NODE_DECLARE, T, N, Q);
    if (A) A->integer = parse_position(parse, F) + 3;
}
statement(A) ::= FETCH(T) name(N).       { A = node_with(parse, NODE_FETCH, T, N); }
statement(A) ::= FETCH(T) FROM name(N).  { A = node_with(parse, NODE_FETCH, T, N); }
statement(A) ::= FETCH(T) fetch_count(C) FROM name(N). { A = node_pair(parse, NODE_FETCH, T, N, C); }
statement(A) ::= FETCH(T) NEXT FROM name(N). { A = node_with(parse, NODE_FETCH, T, N); }
statement(A) ::= FETCH(T) ALL FROM name(N). {
    A = node_with(parse, NODE_FETCH, T, N);
    if (A) A->text = SLICE_LITERAL("all");
}
fetch_count(A) ::= INTEGER(T).           { A = literal_integer(parse, T); }
fetch_count(A) ::= PARAMETER(T).         { A = build_parameter(parse, T); }
statement(A) ::= CLOSE(T) name(N).       { A = node_with(parse, NODE_CLOSE, T, N); }
statement(A) ::= CLOSE(T) ALL.           { A = node_new(parse, NODE_CLOSE, T); }

/* ==== users, roles, privileges ==== */
statement(A) ::= CREATE(T) USER if_not_exists(I) name(N) password(P). {
    A = node_add(parse, node_pair(parse, NODE_CREATE_USER, T, I, N), P);
}
statement(A) ::= ALTER(T) USER if_exists(I) name(N) password(P) replace(R). {
    A = node_add(parse, node_add(parse, node_pair(parse, NODE_ALTER_USER, T, I, N), P), R);
}
statement(A) ::= DROP(T) USER if_exists(I) name(N). { A = node_pair(parse, NODE_DROP_USER, T, I, N); }
password(A) ::= PASSWORD(T) secret(S).   { A = node_with(parse, NODE_PASSWORD, T, S); }
password(A) ::= WITH PASSWORD(T) secret(S). { A = node_with(parse, NODE_PASSWORD, T, S); }
replace(A) ::= .                         { A = NULL; }
replace(A) ::= REPLACE(T) secret(S).     { A = node_with(parse, NODE_OLD_PASSWORD, T, S); }
secret(A) ::= STRING(T).                 { A = literal_string(parse, T, NODE_SECRET); }
secret(A) ::= NULL(T).                   { A = node_new(parse, NODE_NULL_VALUE, T); }
secret(A) ::= PARAMETER(T).              { A = build_parameter(parse, T); }

statement(A) ::= CREATE(T) ROLE if_not_exists(I) name(N). { A = node_pair(parse, NODE_CREATE_ROLE, T, I, N); }
statement(A) ::= DROP(T) ROLE if_exists(I) name(N). { A = node_pair(parse, NODE_DROP_ROLE, T, I, N); }

statement(A) ::= GRANT(T) privileges(P) ON grant_object(O) TO roles(R). {
    A = node_add(parse, node_pair(parse, NODE_GRANT, T, P, O), R);
}
statement(A) ::= REVOKE(T) privileges(P) ON grant_object(O) FROM roles(R). {
    A = node_add(parse, node_pair(parse, NODE_REVOKE, T, P, O), R);
}
statement(A) ::= GRANT(T) privileges(P) TO users(U). { A = node_pair(parse, NODE_GRANT_ROLE, T, P, U); }
statement(A) ::= GRANT(T) ROLE names(P) TO users(U). { A = node_pair(parse, NODE_GRANT_ROLE, T, P, U); }
statement(A) ::= REVOKE(T) privileges(P) FROM users(U). { A = node_pair(parse, NODE_REVOKE_ROLE, T, P, U); }
statement(A) ::= REVOKE(T) ROLE names(P) FROM users(U). { A = node_pair(parse, NODE_REVOKE_ROLE, T, P, U); }
privileges(A) ::= privilege(N).          { A = node_with(parse, NODE_NAME_LIST, NONE, N); }
privileges(A) ::= privileges(L) COMMA privilege(N). { A = node_add(parse, L, N); }
privilege(A) ::= name(N).                { A = N; }
privilege(A) ::= SELECT(T).              { A = build_name(parse, T); }
privilege(A) ::= ALL(T).                 { A = build_name(parse, T); }
privilege(A) ::= ALL(T) id(W).           { A = build_all_privileges(parse, T, W); }
roles(A) ::= names(N).                   { A = N; }
roles(A) ::= ROLE names(N).              { A = N; }
users(A) ::= names(N).                   { A = N; }
users(A) ::= USER names(N).              { A = N; }
grant_object(A) ::= relation(N).         { A = build_grant_object(parse, "collection", N); }
grant_object(A) ::= collection relation(N). { A = build_grant_object(parse, "collection", N); }
grant_object(A) ::= DATABASE name(N).    { A = build_grant_object(parse, "database", N); }
grant_object(A) ::= CLUSTER(T).          { A = node_word(parse, NODE_GRANT_ON, T, "cluster"); }
grant_object(A) ::= ALL id(W) IN DATABASE name(N). { A = build_all_collections(parse, W, N); }

statement(A) ::= CREATE(T) PRIVILEGE GROUP if_not_exists(I) name(N). { A = node_pair(parse, NODE_CREATE_PRIVILEGE_GROUP, T, I, N); }
statement(A) ::= DROP(T) PRIVILEGE GROUP if_exists(I) name(N). { A = node_pair(parse, NODE_DROP_PRIVILEGE_GROUP, T, I, N); }
statement(A) ::= ALTER(T) PRIVILEGE GROUP name(N) ADD group_members(L). {
    A = node_pair(parse, NODE_ALTER_PRIVILEGE_GROUP, T, N, L);
    if (A) A->text = SLICE_LITERAL("add");
}
statement(A) ::= ALTER(T) PRIVILEGE GROUP name(N) REMOVE group_members(L). {
    A = node_pair(parse, NODE_ALTER_PRIVILEGE_GROUP, T, N, L);
    if (A) A->text = SLICE_LITERAL("remove");
}
group_members(A) ::= LP privileges(L) RP. { A = L; }
group_members(A) ::= privileges(L).      { A = L; }

/* ==== EXPLAIN, SHOW, SET ==== */
statement(A) ::= EXPLAIN(T) explain_words(W) statement(S). {
    A = build_explain(parse, T, W, S);
}
statement(A) ::= EXPLAIN(T) LP(P) option_list(L) RP statement(S). {
    A = build_explain(parse, T, node_turn(parse, L, NODE_OPTIONS, P), S);
}
explain_words(A) ::= .                   { A = NULL; }
explain_words(A) ::= ANALYZE(T).         { A = node_with(parse, NODE_OPTIONS, T, node_word(parse, NODE_OPTION, T, "analyze")); }
explain_words(A) ::= VERBOSE(T).         { A = node_with(parse, NODE_OPTIONS, T, node_word(parse, NODE_OPTION, T, "verbose")); }
explain_words(A) ::= ANALYZE(T) VERBOSE(V). {
    A = node_pair(parse, NODE_OPTIONS, T, node_word(parse, NODE_OPTION, T, "analyze"), node_word(parse, NODE_OPTION, V, "verbose"));
}

statement(A) ::= SHOW(T) show_words(W).  { A = build_show(parse, T, W, NULL); }
statement(A) ::= SHOW(T) show_words(W) of_word relation(N). { A = build_show(parse, T, W, N); }
statement(A) ::= SHOW(T) CREATE collection relation(N). {
    A = node_with(parse, NODE_SHOW, T, N);
    if (A) A->text = SLICE_LITERAL("create collection");
}
statement(A) ::= SHOW(T) CREATE id(W).   { A = build_show_create(parse, T, W); }
statement(A) ::= SHOW(T) show_words(W) FOR USER name(N). { A = build_show_of(parse, T, W, N, FLAG_USER); }
statement(A) ::= SHOW(T) show_words(W) FOR ROLE name(N). { A = build_show_of(parse, T, W, N, FLAG_ROLE); }
statement(A) ::= SHOW(T) show_words(W) FOR relation(N). { A = build_show(parse, T, W, N); }
show_words(A) ::= dotted(N).             { A = node_with(parse, NODE_LIST, NONE, N); }
show_words(A) ::= name(N) id(S).         { A = node_pair(parse, NODE_LIST, NONE, N, build_name(parse, S)); }
of_word ::= FROM|ON|IN.

statement(A) ::= SET(T) scope(F) dotted(N) set_to set_values(L). {
    A = node_flag(node_new(parse, NODE_SET, T), F);
    if (A && N) A->text = N->text;
    A = node_take(parse, A, L);
}
%type scope {uint32_t}
scope(A) ::= .                           { A = 0; }
scope(A) ::= SESSION.                    { A = 0; }
scope(A) ::= LOCAL.                      { A = FLAG_LOCAL; }
scope(A) ::= GLOBAL.                     { A = FLAG_GLOBAL; }
set_to ::= EQ|TO.
set_values(A) ::= set_value(V).          { A = node_with(parse, NODE_LIST, NONE, V); }
set_values(A) ::= set_values(L) COMMA set_value(V). { A = node_add(parse, L, V); }
set_value(A) ::= expr(E).                { A = E; }
set_value(A) ::= ON(T).                  { A = build_name(parse, T); }
set_value(A) ::= DEFAULT(T).             { A = node_new(parse, NODE_DEFAULT, T); }
statement(A) ::= RESET(T) scope(F) dotted(N). {
    A = node_flag(node_new(parse, NODE_RESET, T), F);
    if (A && N) A->text = N->text;
}
statement(A) ::= RESET(T) ALL.           { A = node_word(parse, NODE_RESET, T, "all"); }

/* ==== known, not built: the leading words are checked, the rest is skipped ==== */
any ::= .
any ::= any ANY.
statement(A) ::= unbuilt(U) any.         { A = U; }
unbuilt(A) ::= CREATE(T) collection if_not_exists relation AS(L).         { A = build_unbuilt(parse, T, NONE); if (A) A->text = SLICE_LITERAL("CREATE COLLECTION AS"); (void)L; }
unbuilt(A) ::= CREATE(T) UNIQUE INDEX(W).                { A = build_unbuilt(parse, T, W); }
unbuilt(A) ::= IMPORT(T) INTO(W).        { A = build_unbuilt(parse, T, W); }
unbuilt(A) ::= PREPARE|EXECUTE|DEALLOCATE(T). {
    A = build_unbuilt(parse, T, T);
}

/* ==== expressions: one rule per level, a rule with alternatives has the precedence of
 * its first ==== */
exprs(A) ::= expr(E).                    { A = node_with(parse, NODE_LIST, NONE, E); }
exprs(A) ::= exprs(L) COMMA expr(E).     { A = node_add(parse, L, E); }

expr(A) ::= id(T).                       { A = build_word(parse, T); }
expr(A) ::= INTEGER(T).                  { A = literal_integer(parse, T); }
expr(A) ::= REAL(T).                     { A = literal_real(parse, T); }
expr(A) ::= STRING(T).                   { A = literal_string(parse, T, NODE_STRING); }
expr(A) ::= BYTES(T).                    { A = literal_bytes(parse, T); }
expr(A) ::= BITS(T).                     { A = literal_bits(parse, T); }
expr(A) ::= SPARSE(T).                   { A = literal_sparse(parse, T); }
expr(A) ::= VECTOR(T).                   { A = literal_vector(parse, T); }
expr(A) ::= PARAMETER(T).                { A = build_parameter(parse, T); }
expr(A) ::= NULL(T).                     { A = node_new(parse, NODE_NULL_VALUE, T); }
expr(A) ::= TRUE(T).                     { A = node_new(parse, NODE_TRUE_VALUE, T); }
expr(A) ::= FALSE(T).                    { A = node_new(parse, NODE_FALSE_VALUE, T); }
expr(A) ::= id(Y) STRING(S).             { A = build_typed_literal(parse, Y, S); }
expr(A) ::= LB(T) RB.                    { A = node_new(parse, NODE_LIST, T); }
expr(A) ::= LB(T) exprs(L) RB.           { A = node_turn(parse, L, NODE_LIST, T); }
expr(A) ::= LB(T) exprs(L) COMMA RB.     { A = node_turn(parse, L, NODE_LIST, T); }
expr(A) ::= LP expr(E) RP.               { A = build_in_parentheses(E); }
expr(A) ::= LP query(Q) RP.              { A = Q; }

/* access */
expr(A) ::= expr(L) DOT id(N).           { A = build_member(parse, L, N); }
expr(A) ::= expr(L) LB(T) expr(R) RB.    { A = build_subscript(parse, T, L, R); }
expr(A) ::= expr(L) VECTOR(T).           { A = build_subscript_vector(parse, L, T); }
expr(A) ::= expr(L) TYPECAST(T) type(Y). { A = node_pair(parse, NODE_CAST, T, L, Y); }
expr(A) ::= CAST(T) LP expr(E) AS type(Y) RP. { A = node_pair(parse, NODE_CAST, T, E, Y); }
expr(A) ::= expr(L) JSON(T) expr(R).     { A = build_binary(parse, T, L, R); }

/* arithmetic */
expr(A) ::= expr(L) POWER(T) expr(R).    { A = build_binary(parse, T, L, R); }
expr(A) ::= MINUS(T) expr(E). [SIGN]     { A = build_sign(parse, T, E); }
expr(A) ::= PLUS(T) expr(E). [SIGN]      { A = build_sign(parse, T, E); }
expr(A) ::= TILDE(T) expr(E). [SIGN]     { A = build_sign(parse, T, E); }
expr(A) ::= EXISTS(T) expr(E). [SIGN]    { A = node_with(parse, NODE_EXISTS, T, E); }
expr(A) ::= expr(L) STAR|SLASH|PERCENT(T) expr(R). { A = build_binary(parse, T, L, R); }
expr(A) ::= expr(L) PLUS|MINUS(T) expr(R). { A = build_binary(parse, T, L, R); }
expr(A) ::= expr(L) SHIFT(T) expr(R).    { A = build_binary(parse, T, L, R); }
expr(A) ::= expr(L) BIT_AND(T) expr(R).  { A = build_binary(parse, T, L, R); }
expr(A) ::= expr(L) BIT_XOR(T) expr(R).  { A = build_binary(parse, T, L, R); }
expr(A) ::= expr(L) BIT_OR(T) expr(R).   { A = build_binary(parse, T, L, R); }
expr(A) ::= expr(L) DISTANCE(T) expr(R). { A = build_binary(parse, T, L, R); }

/* tests */
expr(A) ::= expr(L) IN(T) in_list(R).    { A = node_pair(parse, NODE_IN, T, L, R); }
expr(A) ::= expr(L) NOT_INFIX(T) IN in_list(R). [IN] { A = node_flag(node_pair(parse, NODE_IN, T, L, R), FLAG_NOT); }
in_list(A) ::= LP(T) exprs(L) RP.        { A = node_turn(parse, L, NODE_LIST, T); }
in_list(A) ::= LP(T) RP.                 { A = node_new(parse, NODE_LIST, T); }
in_list(A) ::= LB(T) exprs(L) RB.        { A = node_turn(parse, L, NODE_LIST, T); }
in_list(A) ::= LB(T) exprs(L) COMMA RB.  { A = node_turn(parse, L, NODE_LIST, T); }
in_list(A) ::= LB(T) RB.                 { A = node_new(parse, NODE_LIST, T); }
in_list(A) ::= LP query(Q) RP.           { A = Q; }
in_list(A) ::= VECTOR(T).                { A = literal_list(parse, T); }
in_list(A) ::= PARAMETER(T).             { A = build_parameter(parse, T); }
in_list(A) ::= path(P). [IN]             { A = P; }
path(A) ::= id(T).                       { A = build_word(parse, T); }
path(A) ::= path(L) DOT id(N).           { A = build_member(parse, L, N); }
path(A) ::= path(L) LB(T) expr(R) RB.    { A = build_subscript(parse, T, L, R); }
path(A) ::= path(L) VECTOR(T).           { A = build_subscript_vector(parse, L, T); }
expr(A) ::= expr(E) BETWEEN(T) expr(L) AND expr(H). [BETWEEN] {
    A = node_add(parse, node_pair(parse, NODE_BETWEEN, T, E, L), H);
}
expr(A) ::= expr(E) NOT_INFIX(T) BETWEEN expr(L) AND expr(H). [BETWEEN] {
    A = node_flag(node_add(parse, node_pair(parse, NODE_BETWEEN, T, E, L), H), FLAG_NOT);
}
expr(A) ::= expr(L) LIKE|ILIKE(T) expr(R). { A = build_like(parse, T, L, R); }
expr(A) ::= expr(L) LIKE|ILIKE(T) expr(R) ESCAPE expr(E). [LIKE] { A = node_add(parse, build_like(parse, T, L, R), E); }
expr(A) ::= expr(L) NOT_INFIX LIKE|ILIKE(T) expr(R). [LIKE] { A = node_flag(build_like(parse, T, L, R), FLAG_NOT); }
expr(A) ::= expr(L) NOT_INFIX LIKE|ILIKE(T) expr(R) ESCAPE expr(E). [LIKE] {
    A = node_flag(node_add(parse, build_like(parse, T, L, R), E), FLAG_NOT);
}
expr(A) ::= expr(L) TILDE|MATCHES(T) expr(R). { A = node_pair(parse, NODE_MATCH, T, L, R); }
expr(A) ::= expr(L) MATCHES_NOT(T) expr(R). { A = node_flag(node_pair(parse, NODE_MATCH, T, L, R), FLAG_NOT); }
expr(A) ::= expr(E) IS(T) is_word(W).    { A = node_add(parse, node_word(parse, NODE_IS, T, W), E); }
expr(A) ::= expr(E) IS(T) NOT is_word(W). [IS] { A = node_flag(node_add(parse, node_word(parse, NODE_IS, T, W), E), FLAG_NOT); }
expr(A) ::= expr(L) IS(T) DISTINCT FROM expr(R). [IS] { A = node_pair(parse, NODE_DISTINCT_FROM, T, L, R); }
expr(A) ::= expr(L) IS(T) NOT DISTINCT FROM expr(R). [IS] { A = node_flag(node_pair(parse, NODE_DISTINCT_FROM, T, L, R), FLAG_NOT); }
%type is_word {const char *}
is_word(A) ::= NULL.                     { A = "null"; }
is_word(A) ::= TRUE.                     { A = "true"; }
is_word(A) ::= FALSE.                    { A = "false"; }
is_word(A) ::= UNKNOWN.                  { A = "unknown"; }

/* comparison and logic */
expr(A) ::= expr(L) LT|LE|GT|GE(T) expr(R). { A = build_compare(parse, T, L, R); }
expr(A) ::= expr(L) EQ|NE(T) expr(R).    { A = build_compare(parse, T, L, R); }
expr(A) ::= NOT(T) expr(E).              { A = node_with(parse, NODE_NOT, T, E); }
expr(A) ::= BANG(T) expr(E).             { A = node_with(parse, NODE_NOT, T, E); }
expr(A) ::= expr(L) AND(T) expr(R).      { A = build_logic(parse, NODE_AND, T, L, R); }
expr(A) ::= expr(L) OR(T) expr(R).       { A = build_logic(parse, NODE_OR, T, L, R); }

/* CASE and calls */
expr(A) ::= CASE(T) whens(L) else(E) END. { A = node_add(parse, node_turn(parse, L, NODE_CASE, T), E); }
expr(A) ::= CASE(T) expr(O) whens(L) else(E) END. {
    A = node_flag(node_with(parse, NODE_CASE, T, O), FLAG_OPERAND);
    A = node_add(parse, node_take(parse, A, L), E);
}
whens(A) ::= when(W).                    { A = node_with(parse, NODE_LIST, NONE, W); }
whens(A) ::= whens(L) when(W).           { A = node_add(parse, L, W); }
when(A) ::= WHEN(T) expr(C) THEN expr(E). { A = node_pair(parse, NODE_WHEN, T, C, E); }
else(A) ::= .                            { A = NULL; }
else(A) ::= ELSE(T) expr(E).             { A = node_with(parse, NODE_ELSE, T, E); }
expr(A) ::= id(F) LP RP.                 { A = build_call(parse, F, NULL); }
expr(A) ::= id(F) LP arguments(L) RP.    { A = build_call(parse, F, L); }
expr(A) ::= id(F) LP STAR(S) RP.         { A = node_add(parse, build_call(parse, F, NULL), node_new(parse, NODE_STAR, S)); }
expr(A) ::= id(F) LP DISTINCT exprs(L) RP. { A = node_flag(build_call(parse, F, L), FLAG_DISTINCT); }
expr(A) ::= id(F) LP id(U) FROM expr(E) RP. { A = build_extract(parse, F, U, E); }
arguments(A) ::= argument(E).            { A = node_with(parse, NODE_LIST, NONE, E); }
arguments(A) ::= arguments(L) COMMA argument(E). { A = node_add(parse, L, E); }
argument(A) ::= expr(E).                 { A = E; }
argument(A) ::= id(N) NAMED expr(E).     { A = node_add(parse, node_named(parse, NODE_NAMED_ARGUMENT, N, N), E); }

/* ==== types ==== */
type(A) ::= id(T).                       { A = build_type(parse, T, NONE); }
type(A) ::= id(T) PRECISION(S).          { A = build_type(parse, T, S); }
type(A) ::= id(T) VARYING(S).            { A = build_type(parse, T, S); }
type(A) ::= id(T) LP INTEGER(I) RP.      { A = build_type_argument(parse, build_type(parse, T, NONE), I); }
type(A) ::= id(T) VARYING(S) LP INTEGER(I) RP. { A = build_type_argument(parse, build_type(parse, T, S), I); }
type(A) ::= ARRAY(T) LT type(E) GT.      { A = build_array_type(parse, T, E, NONE); }
type(A) ::= ARRAY(T) LT type(E) GT LP INTEGER(I) RP. { A = build_array_type(parse, T, E, I); }
type(A) ::= type(E) ARRAY(T). [TYPECAST] { A = build_array_type(parse, T, E, NONE); }
type(A) ::= type(E) ARRAY(T) VECTOR(V).  { A = build_array_type(parse, T, E, V); }
type(A) ::= type(E) LB(T) RB.            { A = build_array_type(parse, T, E, NONE); }
type(A) ::= type(E) VECTOR(V).           { A = build_array_type(parse, V, E, V); }
