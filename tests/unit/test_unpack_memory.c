/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_unpack_memory.c - memory runs out at each allocation of unpacking, those
 * inside libzstd included: 53200, and no block is left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

#include "engine/copy/copy_internal.h"

#include "own_malloc.h"

#define TEXT_SIZE 300000u
#define PIECE 1000u

static char text[TEXT_SIZE], packed[2 * TEXT_SIZE], unpacked[TEXT_SIZE];

static mql_status
unpack(size_t packed_size, Error *err)
{
    Unpacker *unpacker;
    TRY(unpacker_create(&unpacker, err));
    Slice left = {packed, packed_size};
    size_t size = 0;
    mql_status status = MQL_OK;
    /* In pieces: all at once, libzstd needs no memory of its own. */
    while (status == MQL_OK && size < TEXT_SIZE) {
        size_t done;
        status = unpacker_run(unpacker, &left, true, unpacked + size, PIECE,
                              &done, err);
        size += done;
    }
    unpacker_destroy(unpacker);
    if (status == MQL_OK)
        assert_memory_equal(text, unpacked, TEXT_SIZE);
    return status;
}

static void
fail_each(size_t packed_size, bool is_for_good)
{
    bool has_failed = true;
    atomic_store(&fails_for_good, is_for_good);
    for (unsigned long n = 1; has_failed; n++) {
        Error err = ERROR_INIT;
        long before = atomic_load(&blocks);
        atomic_store(&fail_at, atomic_load(&calls) + n);
        mql_status status = unpack(packed_size, &err);
        has_failed = atomic_load(&calls) >= atomic_load(&fail_at);
        atomic_store(&fail_at, 0);
        assert_int_equal(status, has_failed ? MQL_NO_MEMORY : MQL_OK);
        if (has_failed)
            assert_string_equal(err.sqlstate, "53200");
        assert_int_equal(atomic_load(&blocks), before);
    }
}

static void
test_memory(void **state)
{
    (void)state;
    if (!HAS_OWN_MALLOC)
        skip();
    for (uint32_t i = 0; i < TEXT_SIZE; i++)
        text[i] = (char)('a' + i * i % 23 % 7);
    size_t size = ZSTD_compress(packed, sizeof packed, text, TEXT_SIZE, 3);
    assert_false(ZSTD_isError(size));
    fail_each(size, false);
    fail_each(size, true);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
