/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys_template.h - insert_keys() of distance.h, for one instruction set.
 *
 * Include it where these are defined:
 *   place_of(keys, count, key)   how many of the ascending keys are not larger
 *   make_room(keys, place, end)  move those from `place` up to `end` on by one
 *
 * No include guard, and no function that files share: see README.md.
 */

static uint32_t
insert_keys(int64_t *keys, uint32_t *count, uint32_t most, const int64_t *fresh,
            uint32_t fresh_count)
{
    uint32_t lowest = most, used = *count;
    for (uint32_t i = 0; i < fresh_count; i++) {
        int64_t key = fresh[i];
        if (used == most && (most == 0 || key >= keys[most - 1]))
            continue;
        uint32_t place = place_of(keys, used, key);
        used += used < most;
        make_room(keys, place, used - 1);
        keys[place] = key;
        lowest = place < lowest ? place : lowest;
    }
    *count = used;
    return lowest;
}
