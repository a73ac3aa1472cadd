/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_access.c - users, roles and grants as bytes and back; privileges as
 * sets; passwords as verifiers.
 */
#include "files.h"

#include "engine/catalog/access.h"
#include "engine/catalog/scram.h"

/* ---- passwords ---- */

/* RFC 7677, section 3: user "user", password "pencil". Its exchange ends with
 * the server's signature, which these keys make. */
static void
test_rfc_7677(void **state)
{
    static const uint8_t salt[] = {0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12,
                                   0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14,
                                   0x12, 0x36, 0xfa, 0x81};
    char verifier[VERIFIER_SIZE];
    (void)state;
    scram_make_salted(SLICE_LITERAL("pencil"), 4096, salt, sizeof salt,
                      verifier);
    assert_string_equal(verifier,
                        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3O"
                        "tcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl"
                        "2KeoiWGPlZqQxSrmfPwDl2dU=");
    assert_true(scram_matches(SLICE_LITERAL("pencil"), slice_of(verifier)));
    assert_false(scram_matches(SLICE_LITERAL("pencil "), slice_of(verifier)));
    assert_false(scram_matches(SLICE_LITERAL(""), slice_of(verifier)));
}

/* Whatever is cut, changed or put behind makes it none. */
static void
test_verifiers_are_exact(void **state)
{
    char verifier[VERIFIER_SIZE];
    char again[VERIFIER_SIZE];
    (void)state;
    OK(scram_make(&posix_vfs, SLICE_LITERAL("secret"), 4096, verifier, err));
    OK(scram_make(&posix_vfs, SLICE_LITERAL("secret"), 4096, again, err));
    assert_string_not_equal(verifier, again);
    size_t size = strlen(verifier);
    for (size_t i = 0; i < size; i++) {
        assert_false(scram_is_verifier((Slice){verifier, i}));
        memcpy(again, verifier, sizeof again);
        again[i] = '!';
        assert_false(scram_is_verifier((Slice){again, size}));
    }
    snprintf(again, sizeof again, "%s ", verifier);
    assert_false(scram_is_verifier(slice_of(again)));
    assert_false(scram_is_verifier(SLICE_LITERAL("SCRAM-SHA-256$")));
    assert_true(scram_is_verifier(slice_of(verifier)));
    FAILS("22023", scram_check_password(SLICE_LITERAL("12345"), err));
    OK(scram_check_password(SLICE_LITERAL("123456"), err));
    FAILS("22023", scram_check_password((Slice){"1\0003456", 6}, err));
}

/* ---- privileges ---- */

static void
test_sets(void **state)
{
    PrivilegeSet set = {{0}};
    (void)state;
    privilege_expand(PRIVILEGE_Query, LEVEL_CLUSTER, &set);
    assert_true(privilege_in(&set, PRIVILEGE_Query));
    assert_false(privilege_in(&set, PRIVILEGE_Search));
    privilege_expand(PRIVILEGE_Load, LEVEL_COLLECTION, &set);
    assert_true(privilege_in(&set, PRIVILEGE_GetLoadState));
    set = (PrivilegeSet){{0}};
    privilege_expand(PRIVILEGE_CollectionReadWrite, LEVEL_COLLECTION, &set);
    assert_true(privilege_in(&set, PRIVILEGE_Query));
    assert_true(privilege_in(&set, PRIVILEGE_Insert));
    assert_false(privilege_in(&set, PRIVILEGE_DropAlias));
    assert_int_equal(privilege_set_level(&set), LEVEL_COLLECTION);
    set = (PrivilegeSet){{0}};
    privilege_expand(PRIVILEGE_All, LEVEL_DATABASE, &set);
    assert_true(privilege_in(&set, PRIVILEGE_CreateCollection));
    assert_false(privilege_in(&set, PRIVILEGE_CreateDatabase));
    assert_false(privilege_in(&set, PRIVILEGE_All));
    assert_int_equal(privilege_find(SLICE_LITERAL("pRivilegeSEARCH"))->number,
                     PRIVILEGE_Search);
    assert_null(privilege_find(SLICE_LITERAL("Privilege")));
}

/* No name and no number twice, every group there. */
static void
test_list(void **state)
{
    (void)state;
    for (const PrivilegeDefinition *one = privilege_list; one->name != NULL;
         one++) {
        assert_ptr_equal(privilege_find(slice_of(one->name)), one);
        assert_ptr_equal(privilege_definition(one->number), one);
        if (one->group != PRIVILEGE_None)
            assert_int_equal(privilege_definition(one->group)->kind,
                             KIND_GROUP);
    }
}

/* ---- bytes ---- */

static Access *
make_access(void)
{
    Access *access = access_create(NULL);
    assert_non_null(access);
    assert_true(access_add_user(access, 10, SLICE_LITERAL("ada")));
    assert_true(access_add_role(access, 11, SLICE_LITERAL("reader")));
    assert_true(access_add_group(access, 12, SLICE_LITERAL("tending")));
    assert_true(access_give_role(access, 10, 11));
    access_set_group(access, 12, (PrivilegeSet){{1u << PRIVILEGE_Flush}});
    OK(access_grant(access, 11, (AccessGrant){LEVEL_COLLECTION, 7, 12, 0},
                    err));
    OK(access_grant(access, 11,
                    (AccessGrant){LEVEL_CLUSTER, 0, 0, PRIVILEGE_Query}, err));
    OK(access_grant(
        access, 11,
        (AccessGrant){LEVEL_DATABASE, 3, 0, PRIVILEGE_DatabaseAdmin}, err));
    return access;
}

typedef mql_status (*Decode)(Access *access, uint64_t id, Slice bytes,
                             Error *err);

/* The bytes come back the same; cut ones, and those with a byte more, are
 * refused; changed ones are refused or something that can be encoded. */
static void
check_bytes(Decode decode, uint64_t id, Slice bytes,
            void (*encode)(const Access *access, uint64_t id, Buffer *out))
{
    for (size_t size = 0; size <= bytes.size; size++) {
        Access *access = access_create(NULL);
        Buffer again = BUFFER_INIT;
        assert_non_null(access);
        Error failure = ERROR_INIT;
        char *cut = malloc(size + 1);
        assert_non_null(cut);
        memcpy(cut, bytes.data, size);
        mql_status status = decode(access, id, (Slice){cut, size}, &failure);
        free(cut);
        assert_int_equal(status, size == bytes.size ? MQL_OK : MQL_CORRUPT);
        if (status == MQL_OK) {
            encode(access, id, &again);
            assert_true(slice_equal(buffer_slice(&again), bytes));
        }
        buffer_free(&again);
        access_release(access);
    }
    char *changed = malloc(bytes.size + 1);
    assert_non_null(changed);
    for (size_t i = 0; i < bytes.size * 8; i++) {
        Access *access = access_create(NULL);
        Error failure = ERROR_INIT;
        assert_non_null(access);
        memcpy(changed, bytes.data, bytes.size);
        changed[i / 8] = (char)(changed[i / 8] ^ (1 << i % 8));
        (void)!decode(access, id, (Slice){changed, bytes.size}, &failure);
        Error ignored = ERROR_INIT;
        (void)!access_check(access, &ignored);
        access_release(access);
    }
    free(changed);
}

static void
encode_user(const Access *access, uint64_t id, Buffer *out)
{
    access_user_encode(out, access_user(access, id));
}

static void
encode_role(const Access *access, uint64_t id, Buffer *out)
{
    access_role_encode(out, access_role(access, id));
}

static void
encode_group(const Access *access, uint64_t id, Buffer *out)
{
    access_group_encode(out, access_group(access, id));
}

static void
test_bytes(void **state)
{
    char verifier[VERIFIER_SIZE];
    Buffer bytes = BUFFER_INIT;
    (void)state;
    Access *access = make_access();
    OK(scram_make(&posix_vfs, SLICE_LITERAL("secret"), 4096, verifier, err));
    assert_true(access_set_verifier(access, 10, verifier));
    OK(access_check(access, err));
    encode_user(access, 10, &bytes);
    check_bytes(access_user_decode, 10, buffer_slice(&bytes), encode_user);
    buffer_clear(&bytes);
    encode_role(access, 11, &bytes);
    check_bytes(access_role_decode, 11, buffer_slice(&bytes), encode_role);
    buffer_clear(&bytes);
    encode_group(access, 12, &bytes);
    check_bytes(access_group_decode, 12, buffer_slice(&bytes), encode_group);
    buffer_free(&bytes);
    access_release(access);
}

/* References that lead nowhere, and root without his role. */
static void
test_references(void **state)
{
    (void)state;
    Access *access = make_access();
    access_drop_group(access, 12);
    FAILS("XX001", access_check(access, err));
    access_release(access);
    access = make_access();
    assert_true(access_give_role(access, 10, 99));
    FAILS("XX001", access_check(access, err));
    access_release(access);
    access = make_access();
    assert_true(access_add_user(access, 20, SLICE_LITERAL("ada")));
    FAILS("XX001", access_check(access, err));
    access_release(access);
    access = make_access();
    Buffer bytes = BUFFER_INIT;
    assert_true(access_take_role(access, ROOT_USER, ADMIN_ROLE));
    encode_user(access, ROOT_USER, &bytes);
    FAILS("XX001",
          access_user_decode(access, ROOT_USER, buffer_slice(&bytes), err));
    buffer_free(&bytes);
    access_release(access);
}

/* ---- asking and changing ---- */

static void
test_asking(void **state)
{
    const AccessObject mine = {LEVEL_COLLECTION, 3, 7};
    const AccessObject other = {LEVEL_COLLECTION, 4, 8};
    (void)state;
    Access *access = make_access();
    assert_true(access_allows(access, 10, PRIVILEGE_Flush, mine));
    assert_true(access_allows(access, 10, PRIVILEGE_GetFlushState, mine));
    assert_false(access_allows(access, 10, PRIVILEGE_Flush, other));
    assert_true(access_allows(access, 10, PRIVILEGE_Query, other));
    assert_true(access_allows(access, 10, PRIVILEGE_DropCollection,
                              (AccessObject){LEVEL_DATABASE, 3, 0}));
    assert_false(access_allows(access, 10, PRIVILEGE_DropCollection,
                               (AccessObject){LEVEL_DATABASE, 4, 0}));
    assert_false(access_allows(access, 99, PRIVILEGE_Query, mine));
    assert_false(access_is_superuser(access, 10));
    assert_true(access_is_superuser(access, ROOT_USER));
    OK(access_grant(access, PUBLIC_ROLE,
                    (AccessGrant){LEVEL_CLUSTER, 0, 0, PRIVILEGE_All}, err));
    assert_true(access_is_superuser(access, 10));
    access_forget(access, LEVEL_COLLECTION, 7);
    assert_false(access_mentions(access, LEVEL_COLLECTION, 7));
    assert_true(access_mentions(access, LEVEL_DATABASE, 3));
    access_drop_role(access, 11);
    assert_int_equal(access_user(access, 10)->role_count, 0);
    access_release(access);
}

/* Grants in any order, with doubles, against a table of bits. */
static void
test_many_grants(void **state)
{
    bool is_granted[64][4] = {{false}};
    uint64_t random = 88172645463325252u;
    (void)state;
    Access *access = make_access();
    for (int step = 0; step < 20000; step++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        uint32_t object = (uint32_t)(random % 64);
        uint32_t what = (uint32_t)(random / 64 % 4);
        const AccessGrant grant = {LEVEL_COLLECTION, object + 1, 0,
                                   PRIVILEGE_Load + what};
        if (random / 256 % 3 != 0) {
            OK(access_grant(access, ADMIN_ROLE, grant, err));
            is_granted[object][what] = true;
        } else {
            assert_int_equal(access_revoke(access, ADMIN_ROLE, grant),
                             is_granted[object][what]);
            is_granted[object][what] = false;
        }
    }
    uint32_t count = 0;
    for (int i = 0; i < 64 * 4; i++)
        count += is_granted[i / 4][i % 4];
    assert_int_equal(access_role(access, ADMIN_ROLE)->grant_count, count);
    Access *copy = access_create(access);
    assert_non_null(copy);
    access_release(access);
    assert_int_equal(access_role(copy, ADMIN_ROLE)->grant_count, count);
    access_release(copy);
}

static void
test_limits(void **state)
{
    char name[16];
    (void)state;
    Access *access = access_create(NULL);
    assert_non_null(access);
    for (uint32_t i = 1; i < USERS_MOST; i++) {
        snprintf(name, sizeof name, "u%u", i);
        assert_true(access_add_user(access, i, slice_of(name)));
    }
    assert_false(access_add_user(access, 1000, SLICE_LITERAL("more")));
    for (uint32_t i = 2; i < ROLES_MOST; i++) {
        snprintf(name, sizeof name, "r%u", i);
        assert_true(access_add_role(access, i, slice_of(name)));
    }
    assert_false(access_add_role(access, 1000, SLICE_LITERAL("more")));
    for (uint32_t i = 1; i <= GRANTS_MOST; i++)
        OK(access_grant(access, 2,
                        (AccessGrant){LEVEL_COLLECTION, i, 0, PRIVILEGE_Query},
                        err));
    FAILS("54000",
          access_grant(
              access, 2,
              (AccessGrant){LEVEL_COLLECTION, 99999, 0, PRIVILEGE_Query}, err));
    access_release(access);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_7677),
        cmocka_unit_test(test_verifiers_are_exact),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_asking),
        cmocka_unit_test(test_many_grants),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
