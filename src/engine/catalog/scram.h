/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scram.h - passwords as SCRAM-SHA-256 verifiers (RFC 5802, RFC 7677), in the
 * form PostgreSQL stores them:
 *
 *     SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>
 *
 * with salt and keys in base64. Who reads a verifier can neither log in with it
 * nor find the password but by trying. SHA-256, HMAC, PBKDF2 and base64 are
 * nettle's (docs/design/passwords.md says why that library).
 */
#ifndef ENGINE_CATALOG_SCRAM_H
#define ENGINE_CATALOG_SCRAM_H

#include "base/file.h"
#include "base/status.h"
#include "base/slice.h"
#include "engine/catalog/access.h"

#define PASSWORD_LEAST 6u /* bytes, as in Milvus */
#define PASSWORD_MOST 72u
#define SCRAM_ITERATIONS 32768
#define SCRAM_ITERATIONS_LEAST 4096
#define SCRAM_ITERATIONS_MOST 1000000
#define SCRAM_SALT_SIZE 16u /* of a new verifier */

/* A new verifier, with a salt from the system; NUL-terminated. */
mql_status scram_make(const Vfs *vfs, Slice password, uint32_t iterations,
                      char verifier[VERIFIER_SIZE], Error *err);

/* The same with the salt given: for tests. `salt_size` at most 32. */
void scram_make_salted(Slice password, uint32_t iterations, const uint8_t *salt,
                       size_t salt_size, char verifier[VERIFIER_SIZE]);

/* Whether the text is a verifier, whole: a prefix is not enough. */
bool scram_is_verifier(Slice text);

/* Whether it begins as a verifier does. */
bool scram_looks_like_verifier(Slice text);

/* Of a verifier; 0: it is none. */
uint32_t scram_iterations(Slice verifier);

/* Whether the password is the verifier's; in a time that depends on the
 * iterations alone. False also for what is no verifier. */
bool scram_matches(Slice password, Slice verifier);

/* So much work for nothing, that the time does not tell who is there. */
void scram_pretend(Slice password, uint32_t iterations);

/* Whether a password may be one: 6 to 72 bytes without NUL. INVALID_PARAMETER;
 * the message never holds it. */
mql_status scram_check_password(Slice password, Error *err);

#endif
