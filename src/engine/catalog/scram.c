/* SPDX-License-Identifier: Apache-2.0 */
/* scram.c - see scram.h. */
#include "engine/catalog/scram.h"

#include <nettle/base64.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/pbkdf2.h>
#include <nettle/sha2.h>
#include <stdio.h>

#include "base/number.h"

#define SCHEME "SCRAM-SHA-256$"
#define KEY_SIZE SHA256_DIGEST_SIZE
#define SALT_MOST 32u

typedef struct Keys {
    uint8_t stored[KEY_SIZE];
    uint8_t server[KEY_SIZE];
} Keys;

/* What a verifier says. */
typedef struct Parts {
    uint32_t iterations;
    uint8_t salt[SALT_MOST];
    size_t salt_size;
    Keys keys;
} Parts;

static void
hmac(const uint8_t key[KEY_SIZE], Slice text, uint8_t digest[KEY_SIZE])
{
    struct hmac_sha256_ctx context;
    hmac_sha256_set_key(&context, KEY_SIZE, key);
    hmac_sha256_update(&context, text.size, (const uint8_t *)text.data);
    hmac_sha256_digest(&context, KEY_SIZE, digest);
    explicit_bzero(&context, sizeof context);
}

/* RFC 5802, section 3. The password is taken as its bytes, as PostgreSQL does
 * with what SASLprep refuses; for ASCII that is the same. */
static void
derive(Slice password, uint32_t iterations, const uint8_t *salt,
       size_t salt_size, Keys *keys)
{
    uint8_t salted[KEY_SIZE];
    uint8_t client[KEY_SIZE];
    struct sha256_ctx context;
    pbkdf2_hmac_sha256(password.size, (const uint8_t *)password.data,
                       iterations, salt_size, salt, sizeof salted, salted);
    hmac(salted, SLICE_LITERAL("Client Key"), client);
    hmac(salted, SLICE_LITERAL("Server Key"), keys->server);
    sha256_init(&context);
    sha256_update(&context, sizeof client, client);
    sha256_digest(&context, KEY_SIZE, keys->stored);
    explicit_bzero(&context, sizeof context);
    explicit_bzero(salted, sizeof salted);
    explicit_bzero(client, sizeof client);
}

/* ---- the text ---- */

/* Base64 with a NUL behind it; `size` at most KEY_SIZE. */
static void
encode(const uint8_t *bytes, size_t size,
       char text[BASE64_ENCODE_RAW_LENGTH(KEY_SIZE) + 1])
{
    base64_encode_raw(text, size, bytes);
    text[BASE64_ENCODE_RAW_LENGTH(size)] = '\0';
}

void
scram_make_salted(Slice password, uint32_t iterations, const uint8_t *salt,
                  size_t salt_size, char verifier[VERIFIER_SIZE])
{
    Keys keys;
    char salt_text[BASE64_ENCODE_RAW_LENGTH(KEY_SIZE) + 1];
    char stored[BASE64_ENCODE_RAW_LENGTH(KEY_SIZE) + 1];
    char server[BASE64_ENCODE_RAW_LENGTH(KEY_SIZE) + 1];
    derive(password, iterations, salt, salt_size, &keys);
    encode(salt, salt_size, salt_text);
    encode(keys.stored, KEY_SIZE, stored);
    encode(keys.server, KEY_SIZE, server);
    snprintf(verifier, VERIFIER_SIZE, SCHEME "%u:%s$%s:%s", iterations,
             salt_text, stored, server);
    explicit_bzero(&keys, sizeof keys);
}

mql_status
scram_make(const Vfs *vfs, Slice password, uint32_t iterations,
           char verifier[VERIFIER_SIZE], Error *err)
{
    uint8_t salt[SCRAM_SALT_SIZE];
    if (vfs->random(vfs->context, salt, sizeof salt) != 0)
        return error_set(err, ERR_IO_ERROR,
                         "the system gave no random numbers");
    scram_make_salted(password, iterations, salt, sizeof salt, verifier);
    return MQL_OK;
}

/* ---- and back ---- */

/* The bytes of `text` up to `end`, exactly as encode() writes them. Moves past
 * the end. False: something else stands there. */
static bool
take_bytes(Slice *text, char end, uint8_t *bytes, size_t most, size_t *size)
{
    const char *found = end == '\0' ? text->data + text->size
                                    : memchr(text->data, end, text->size);
    if (found == NULL)
        return false;
    Slice part = {text->data, (size_t)(found - text->data)};
    uint8_t decoded[BASE64_DECODE_LENGTH(BASE64_ENCODE_RAW_LENGTH(KEY_SIZE))];
    char again[BASE64_ENCODE_RAW_LENGTH(KEY_SIZE) + 1];
    struct base64_decode_ctx context;
    *size = sizeof decoded;
    base64_decode_init(&context);
    if (part.size == 0 || part.size > BASE64_ENCODE_RAW_LENGTH(KEY_SIZE) ||
        !base64_decode_update(&context, size, decoded, part.size, part.data) ||
        !base64_decode_final(&context) || *size == 0 || *size > most)
        return false;
    encode(decoded, *size, again);
    if (!slice_equal(slice_of(again), part))
        return false;
    memcpy(bytes, decoded, *size);
    size_t taken = part.size + (end != '\0');
    *text = (Slice){text->data + taken, text->size - taken};
    return true;
}

static bool
take_iterations(Slice *text, uint32_t *iterations)
{
    const char *colon = memchr(text->data, ':', text->size);
    int64_t number = 0;
    if (colon == NULL || text->data[0] < '1' || text->data[0] > '9' ||
        number_read_int64(text->data, colon, &number) != colon ||
        number < SCRAM_ITERATIONS_LEAST || number > SCRAM_ITERATIONS_MOST)
        return false;
    *iterations = (uint32_t)number;
    size_t taken = (size_t)(colon - text->data) + 1;
    *text = (Slice){text->data + taken, text->size - taken};
    return true;
}

bool
scram_looks_like_verifier(Slice text)
{
    const Slice scheme = SLICE_LITERAL(SCHEME);
    return text.size >= scheme.size &&
           slice_equal((Slice){text.data, scheme.size}, scheme);
}

static bool
read_parts(Slice text, Parts *parts)
{
    const size_t scheme_size = sizeof SCHEME - 1;
    size_t stored;
    size_t server;
    if (text.size >= VERIFIER_SIZE || !scram_looks_like_verifier(text))
        return false;
    text.data += scheme_size;
    text.size -= scheme_size;
    return take_iterations(&text, &parts->iterations) &&
           take_bytes(&text, '$', parts->salt, SALT_MOST, &parts->salt_size) &&
           take_bytes(&text, ':', parts->keys.stored, KEY_SIZE, &stored) &&
           take_bytes(&text, '\0', parts->keys.server, KEY_SIZE, &server) &&
           stored == KEY_SIZE && server == KEY_SIZE;
}

bool
scram_is_verifier(Slice text)
{
    Parts parts;
    return read_parts(text, &parts);
}

uint32_t
scram_iterations(Slice verifier)
{
    Parts parts;
    return read_parts(verifier, &parts) ? parts.iterations : 0;
}

bool
scram_matches(Slice password, Slice verifier)
{
    Parts parts;
    Keys keys;
    if (!read_parts(verifier, &parts))
        return false;
    derive(password, parts.iterations, parts.salt, parts.salt_size, &keys);
    bool is_equal = memeql_sec(keys.stored, parts.keys.stored, KEY_SIZE) != 0;
    explicit_bzero(&keys, sizeof keys);
    return is_equal;
}

void
scram_pretend(Slice password, uint32_t iterations)
{
    static const uint8_t salt[SCRAM_SALT_SIZE] = {0};
    Keys keys;
    derive(password, iterations, salt, sizeof salt, &keys);
    explicit_bzero(&keys, sizeof keys);
}

mql_status
scram_check_password(Slice password, Error *err)
{
    if (password.size < PASSWORD_LEAST || password.size > PASSWORD_MOST)
        return error_set(err, ERR_INVALID_PARAMETER,
                         "a password has %u to %u bytes, not %zu",
                         PASSWORD_LEAST, PASSWORD_MOST, password.size);
    if (memchr(password.data, '\0', password.size) != NULL)
        return error_set(err, ERR_INVALID_PARAMETER,
                         "a password has no byte 0");
    return MQL_OK;
}
