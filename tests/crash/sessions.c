/* SPDX-License-Identifier: Apache-2.0 */
/* sessions.c - the model of sessions, and the search for an order. */
#include "sessions.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Picture {
    ModelTable table; /* with the session's own changes */
    bool is_truncated, has_defined;
} Picture;

typedef struct Session {
    bool is_open, has_failed;
    ModelTable base; /* when BEGIN was answered */
    Picture own, saved;
    bool has_cursor;
    ModelTable cursor;
    uint32_t position; /* of the next statement */
} Session;

typedef struct State {
    ModelTable table; /* committed */
    Session sessions[SESSIONS_MOST];
} State;

typedef struct Search {
    const History *history;
    uint64_t operations;
    const char *table;
} Search;

/* ---- words ---- */

static size_t
print_rows(const ModelTable *table, char *text)
{
    size_t used = 0;
    text[0] = '\0';
    for (int row = 0; row < ROW_UNSEEN; row++)
        if (table->rows[row] != 0)
            used += (size_t)snprintf(text + used, ANSWER_SIZE - used,
                                     "%d=%" PRId64 " ", row, table->rows[row]);
    return used;
}

void
table_print(const ModelTable *table, char text[ANSWER_SIZE])
{
    if (!table->exists) {
        snprintf(text, ANSWER_SIZE, "none");
        return;
    }
    size_t used = print_rows(table, text);
    snprintf(text + used, ANSWER_SIZE - used, "things %u", table->things);
}

/* ---- one effect; NULL or the SQLSTATE of its error ---- */

typedef struct Effect {
    char what;
    int row; /* or a thing */
    int64_t value;
} Effect;

static Effect
effect_read(const char *text, const char **end)
{
    char *at = (char *)(uintptr_t)text + 1;
    Effect effect = {.what = text[0]};
    if (*at >= '0' && *at <= '9')
        effect.row = (int)strtol(at, &at, 10);
    if (*at == '=')
        effect.value = strtol(at + 1, &at, 10);
    *end = at + (*at == ',' ? 1 : 0);
    return effect;
}

static const char *
change_row(ModelTable *table, const Effect *effect, int *count)
{
    int64_t *row = &table->rows[effect->row];
    bool is_there = *row != 0;
    if (strchr("<>", effect->what) != NULL) {
        int64_t *from = &table->rows[effect->value];
        if (*from == 0)
            return NULL;
        ++*count;
        if (is_there)
            return "23505";
        *row = *from;
        *from = effect->what == '>' ? 0 : *from;
        return NULL;
    }
    if (effect->what == '+' && is_there)
        return "23505";
    if (effect->what == '?' && is_there)
        return NULL;
    if (strchr("+:?", effect->what) != NULL)
        *row = effect->value;
    else if (is_there)
        *row = effect->what == '^'   ? *row + effect->value
               : effect->what == '~' ? effect->value
                                     : 0;
    else
        return NULL;
    ++*count;
    return NULL;
}

static const char *
missing_thing(uint32_t thing)
{
    return thing == THING_FIELD ? "42703" : "42704";
}

static const char *
change_thing(ModelTable *table, const Effect *effect)
{
    uint32_t thing = (uint32_t)effect->row;
    bool is_there = (table->things & thing) != 0;
    if (effect->what == 'T' && is_there)
        return thing == THING_FIELD       ? "42701"
               : thing == THING_PARTITION ? "42710"
                                          : "42P07";
    if (effect->what != 'T' && !is_there)
        return missing_thing(thing);
    if (effect->what == 'N')
        return NULL;
    table->things ^= thing;
    if (thing == THING_PARTITION)
        table->rows[ROW_UNSEEN] = 0;
    return NULL;
}

static const char *
change_collection(ModelTable *table, const Effect *effect)
{
    if (effect->what == 'C' && table->exists)
        return "42P07";
    table->exists = effect->what == 'C';
    memset(table->rows, 0, sizeof table->rows);
    table->things = 0;
    return NULL;
}

static const char *
change(Picture *own, const Effect *effect, int *count)
{
    ModelTable *table = &own->table;
    if (strchr("CDTXOAY", effect->what) != NULL)
        own->has_defined = true;
    if (effect->what == 'O')
        return NULL;
    if (effect->what == 'C')
        return change_collection(table, effect);
    if (effect->what == 'Y') {
        table->exists = true;
        return NULL;
    }
    if (!table->exists)
        return "42P01";
    if (effect->what == 'A') {
        table->exists = false;
        return NULL;
    }
    if (effect->what == 'D')
        return change_collection(table, effect);
    if (strchr("TXN", effect->what) != NULL)
        return change_thing(table, effect);
    if (effect->what == 'V') {
        table->has_forgotten = table->has_forgotten || table->has_deleted;
        return NULL;
    }
    if (effect->what == '!') {
        memset(table->rows, 0, sizeof table->rows);
        own->is_truncated = true;
        return NULL;
    }
    return effect->what == '.' ? NULL : change_row(table, effect, count);
}

/* ---- committing ---- */

static bool
is_defining(const ModelTable *before, const ModelTable *after)
{
    return before->exists != after->exists || before->things != after->things;
}

static bool
meets_conflict(const ModelTable *table, const ModelTable *base,
               const Picture *own)
{
    const ModelTable *after = &own->table;
    bool is_whole = is_defining(base, after) || own->is_truncated;
    bool changes = is_whole;
    for (int row = 0; row < ROWS_MOST; row++) {
        if (base->rows[row] == after->rows[row])
            continue;
        changes = true;
        if (own->is_truncated && after->rows[row] == 0)
            continue;
        bool is_newer = table->row_changed[row] > base->now;
        if (is_newer && (base->rows[row] != 0 || table->rows[row] != 0))
            return true;
    }
    if (is_whole && table->changed > base->now)
        return true;
    if (own->has_defined && table->schema > base->now)
        return true;
    return changes && table->defined > base->now;
}

static void
commit(ModelTable *table, const ModelTable *base, const Picture *own)
{
    const ModelTable *after = &own->table;
    ModelTable next = *table;
    next.now++;
    for (int row = 0; row < ROWS_MOST; row++)
        if (base->rows[row] != after->rows[row]) {
            next.rows[row] = after->rows[row];
            next.row_changed[row] = next.changed = next.now;
            next.has_deleted = next.has_deleted || base->rows[row] != 0;
        }
    next.has_forgotten = next.has_forgotten || after->has_forgotten;
    if (own->is_truncated)
        next.changed = next.now;
    if (own->has_defined)
        next.schema = next.now;
    if (is_defining(base, after)) {
        next.exists = after->exists;
        next.things = after->things;
        next.defined = next.now;
    }
    *table = next;
}

/* ---- statements ---- */

static void
begin(State *state, Session *session)
{
    session->is_open = true;
    session->has_failed = false;
    session->base = state->table;
    session->own = (Picture){.table = state->table};
}

static void
control(State *state, Session *session, char what, char *answer)
{
    snprintf(answer, ANSWER_SIZE, "ok");
    switch (what) {
    case 'B':
        begin(state, session);
        break;
    case 'K':
        session->is_open = false;
        if (session->has_failed)
            break;
        if (meets_conflict(&state->table, &session->base, &session->own))
            snprintf(answer, ANSWER_SIZE, "40001");
        else
            commit(&state->table, &session->base, &session->own);
        break;
    case 'R':
        session->is_open = false;
        break;
    case 'S':
        session->saved = session->own;
        break;
    default:
        session->own = session->saved;
        session->has_failed = false;
    }
}

static void
read_table(const ModelTable *table, const Effect *effect, char *answer)
{
    ModelTable some = *table;
    if (effect->what != 'f' && !table->exists) {
        snprintf(answer, ANSWER_SIZE, "42P01");
        return;
    }
    if (effect->what == 'p') {
        memset(some.rows, 0, sizeof some.rows);
        some.rows[effect->row] = table->rows[effect->row];
    }
    if (effect->what == 'b')
        table_print(&some, answer);
    else
        print_rows(&some, answer);
    if (effect->what != 'c')
        return;
    int count = 0;
    for (int row = 0; row < ROW_UNSEEN; row++)
        count += some.rows[row] != 0;
    snprintf(answer, ANSWER_SIZE, "%d=1 ", count);
}

static void
read_something(const History *history, Session *session, const ModelTable *now,
               const Effect *effect, char *answer)
{
    if (effect->what == 'd') {
        session->cursor = *now;
        session->has_cursor = now->exists;
        snprintf(answer, ANSWER_SIZE, now->exists ? "ok" : "42P01");
        return;
    }
    if (effect->what == 'f' && !session->has_cursor) {
        snprintf(answer, ANSWER_SIZE, "34000");
        return;
    }
    const ModelTable *table = effect->what == 'f' ? &session->cursor : now;
    ModelTable past = history->first;
    if (effect->what == 'h' && now->has_forgotten) {
        snprintf(answer, ANSWER_SIZE, "72000");
        return;
    }
    if (effect->what == 'h') {
        past.exists = now->exists;
        table = &past;
    }
    read_table(table, effect, answer);
}

static void
change_all(State *state, Session *session, const char *effects, char *answer)
{
    Picture own = {.table = state->table};
    if (session->is_open)
        own = session->own;
    const char *error = NULL;
    int count = 0;
    bool has_rows = false;
    for (const char *at = effects; *at != '\0' && error == NULL;) {
        Effect effect = effect_read(at, &at);
        has_rows = has_rows || strchr("+:?~^-<>", effect.what) != NULL;
        error = change(&own, &effect, &count);
    }
    if (error != NULL) {
        snprintf(answer, ANSWER_SIZE, "%s", error);
        session->has_failed = session->is_open;
        return;
    }
    snprintf(answer, ANSWER_SIZE, "ok");
    if (has_rows)
        snprintf(answer, ANSWER_SIZE, "ok %d", count);
    if (session->is_open) {
        session->own = own;
    } else {
        ModelTable base = state->table;
        commit(&state->table, &base, &own);
    }
}

static void
run_statement(const History *history, State *state, Session *session,
              const char *effects, char *answer)
{
    const char *end;
    Effect effect = effect_read(effects, &end);
    if (effect.what != '\0' && strchr("BKRSU", effect.what) != NULL) {
        control(state, session, effect.what, answer);
    } else if (session->is_open && session->has_failed) {
        snprintf(answer, ANSWER_SIZE, "25P02");
    } else if (effect.what != '\0' &&
               strchr("rscpihdfb", effect.what) != NULL) {
        read_something(history, session,
                       session->is_open ? &session->own.table : &state->table,
                       &effect, answer);
        if (strncmp(answer, "42", 2) == 0 && strchr(answer, '=') == NULL)
            session->has_failed = session->is_open;
    } else {
        change_all(state, session, effects, answer);
    }
}

/* ---- orders ---- */

static bool
is_over(const Search *search, const State *state, uint32_t session)
{
    uint32_t position = state->sessions[session].position;
    return position == STATEMENTS_MOST ||
           search->history->statements[session][position].sql == NULL;
}

/* Answered by then: it must be in the order. */
static bool
must_be(const Search *search, const State *state, uint32_t session)
{
    const History *history = search->history;
    uint32_t position = state->sessions[session].position;
    return !is_over(search, state, session) &&
           history->answered[session][position].answered_after <=
               search->operations;
}

/* Nothing that is still to come was answered before it was asked. */
static bool
may_be_next(const Search *search, const State *state, uint32_t session)
{
    const History *history = search->history;
    const Answered *this =
        &history->answered[session][state->sessions[session].position];
    if (this->asked_after > search->operations)
        return false;
    for (uint32_t i = 0; i < history->sessions; i++)
        if (i != session && !is_over(search, state, i) &&
            history->answered[i][state->sessions[i].position].answered_at <
                this->asked_at)
            return false;
    return true;
}

static bool
is_end(const Search *search, const State *state)
{
    char text[ANSWER_SIZE];
    for (uint32_t i = 0; i < search->history->sessions; i++)
        if (must_be(search, state, i))
            return false;
    table_print(&state->table, text);
    return strcmp(text, search->table) == 0;
}

/* As deep as there are statements. */
static bool
search_order(const Search *search, const State *state)
{
    const History *history = search->history;
    if (is_end(search, state))
        return true;
    for (uint32_t i = 0; i < history->sessions; i++) {
        if (is_over(search, state, i) || !may_be_next(search, state, i))
            continue;
        State next = *state;
        uint32_t position = next.sessions[i].position++;
        char answer[ANSWER_SIZE];
        run_statement(history, &next, &next.sessions[i],
                      history->statements[i][position].effects, answer);
        if (must_be(search, state, i) &&
            strcmp(answer, history->answered[i][position].answer) != 0)
            continue;
        if (search_order(search, &next))
            return true;
    }
    return false;
}

bool
history_explains(const History *history, uint64_t operations, const char *table)
{
    State state = {.table = history->first};
    const Search search = {history, operations, table};
    return search_order(&search, &state);
}
