/* SPDX-License-Identifier: Apache-2.0 */
/* machine_world.c - the model: what is there after each action, in words. */
#include "machine.h"

#include <inttypes.h>

typedef struct Effect {
    int collection;
    char what; /* 0: it must be there */
    int first, last;
    int64_t value;
    char thing[24];
} Effect;

static Effect
effect_read(const char *word, size_t size)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)size, word);
    Effect effect = {0};
    if (text[0] == '+' || text[0] == '-')
        return (Effect){.collection = text[1] - 's', .what = text[0]};
    if (text[0] == '=')
        return (Effect){.what = '='};
    effect.collection = text[0] - 's';
    effect.what = text[1];
    if (text[1] == '&')
        effect.value = text[2] - 's';
    if (text[1] != '\0' && strchr("+-%/.", text[1]) != NULL) {
        snprintf(effect.thing, sizeof effect.thing, "%.23s", text + 2);
        return effect;
    }
    if (text[1] == '\0')
        return effect;
    char *end;
    effect.first = effect.last = (int)strtol(text + 2, &end, 10);
    if (*end == '-')
        effect.last = (int)strtol(end + 1, &end, 10);
    if (*end == '=')
        effect.value = strtol(end + 1, &end, 10);
    return effect;
}

static char *
find_thing(char (*things)[24], const char *name)
{
    for (int i = 0; i < WORLD_THINGS; i++)
        if (strcmp(things[i], name) == 0)
            return things[i];
    return NULL;
}

/* An index that goes takes with it that its files are held in memory. */
static void
remove_thing(char (*things)[24], char *thing)
{
    char held[32];
    if (strncmp(thing, "index.", 6) == 0) {
        snprintf(held, sizeof held, "held.%s", thing + 6);
        char *other = find_thing(things, held);
        if (other != NULL)
            other[0] = '\0';
    }
    thing[0] = '\0';
}

static bool
apply_thing(WorldState *state, const Effect *effect)
{
    char(*things)[24] = state->collections[effect->collection].things;
    char *here = find_thing(things, effect->thing);
    switch (effect->what) {
    case '.':
        return here != NULL;
    case '-':
    case '/':
        if (here != NULL)
            remove_thing(things, here);
        return here != NULL || effect->what == '/';
    default:
        if (here != NULL)
            return effect->what == '%';
        here = find_thing(things, "");
        assert_non_null(here);
        memcpy(here, effect->thing, sizeof effect->thing);
        return true;
    }
}

static bool
apply_row(WorldState *state, const Effect *effect, int row)
{
    int64_t *values = state->collections[effect->collection].values;
    bool is_there = values[row] != 0;
    switch (effect->what) {
    case '*':
        values[row] = effect->value;
        return !is_there;
    case ':':
        values[row] = effect->value;
        return true;
    case '~':
        values[row] = is_there ? effect->value : 0;
        return true;
    case '?':
        values[row] = is_there ? values[row] : effect->value;
        return true;
    case '<':
        if (values[effect->value] == 0)
            return true;
        values[row] = values[effect->value];
        return !is_there;
    default:
        values[row] = 0;
        return true;
    }
}

static void
apply_generated(WorldState *state, const Effect *effect)
{
    int64_t *values = state->collections[effect->collection].values;
    int row = 0;
    while (row < WORLD_ROWS - 1 && values[row] != 0)
        row++;
    values[row] = effect->first;
}

/* Collection `effect` is like another: its fields and indexes, no grants. */
static bool
apply_like(WorldState *state, const Effect *effect)
{
    if (state->collections[effect->collection].exists ||
        !state->collections[effect->value].exists)
        return false;
    memset(&state->collections[effect->collection], 0,
           sizeof state->collections[0]);
    state->collections[effect->collection].exists = true;
    for (int i = 0; i < WORLD_THINGS; i++) {
        const char *thing = state->collections[effect->value].things[i];
        if (strncmp(thing, "partition.", 10) != 0 &&
            strcmp(thing, "grant") != 0)
            memcpy(state->collections[effect->collection].things[i], thing, 24);
    }
    return true;
}

static bool
apply_effect(WorldState *state, const Effect *effect)
{
    bool exists = state->collections[effect->collection].exists;
    bool is_thing = effect->thing[0] != '\0';
    if (!is_thing && (effect->what == '+' || effect->what == '-')) {
        memset(&state->collections[effect->collection], 0,
               sizeof state->collections[0]);
        state->collections[effect->collection].exists = effect->what == '+';
        return exists == (effect->what == '-');
    }
    if (effect->what == '&')
        return apply_like(state, effect);
    if (!exists && effect->collection != 0)
        return false;
    if (effect->what == '\0')
        return true;
    if (is_thing)
        return apply_thing(state, effect);
    if (effect->what == '#') {
        apply_generated(state, effect);
        return true;
    }
    for (int row = effect->first; row <= effect->last; row++)
        if (!apply_row(state, effect, row))
            return false;
    return true;
}

static bool
apply_backup(World *world)
{
    bool is_new = !world->has_backup;
    world->kept = world->now;
    world->has_backup = true;
    return is_new;
}

bool
world_apply(World *world, const Action *action)
{
    World next = *world;
    for (const char *at = action->effects; *at != '\0';) {
        size_t size = strcspn(at, " ");
        Effect effect = effect_read(at, size);
        if (effect.what == '=' ? !apply_backup(&next)
                               : !apply_effect(&next.now, &effect))
            return false;
        at += size;
        at += strspn(at, " ");
    }
    *world = next;
    return true;
}

/* Of w the keys are not known: one that is lost with an error is not given
 * again. */
static void
print_collection(const WorldState *state, int number, Buffer *out)
{
    char things[WORLD_THINGS][24];
    memcpy(things, state->collections[number].things, sizeof things);
    char letter = (char)('s' + number);
    buffer_printf(out, "%c:", letter);
    print_things(things, WORLD_THINGS, out);
    int64_t count = 0, sum = 0;
    for (int row = 0; row < WORLD_ROWS; row++) {
        int64_t value = state->collections[number].values[row];
        if (value == 0)
            continue;
        if (letter == 'w')
            buffer_printf(out, " new=%" PRId64, value);
        else
            buffer_printf(out, " %d=%" PRId64, row, value);
        count++;
        sum += letter == 'w' ? 0 : row;
    }
    buffer_printf(out, " found %" PRId64 " sum %" PRId64, count, sum);
    buffer_printf(out, " filtered %" PRId64 "\n", count);
}

static void
print_state(const WorldState *state, Buffer *out)
{
    char things[WORLD_THINGS][24];
    memcpy(things, state->collections[0].things, sizeof things);
    buffer_append_text(out, "set:");
    print_things(things, WORLD_THINGS, out);
    buffer_append_text(out, "\n");
    for (int c = 1; c < WORLD_COLLECTIONS; c++)
        if (state->collections[c].exists)
            print_collection(state, c, out);
}

char *
world_text(const World *world)
{
    Buffer out = BUFFER_INIT;
    print_state(&world->now, &out);
    if (world->has_backup) {
        buffer_append_text(&out, "backup:\n");
        print_state(&world->kept, &out);
    }
    char *text = strdup(buffer_text(&out));
    buffer_free(&out);
    return text;
}
