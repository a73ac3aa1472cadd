/* SPDX-License-Identifier: Apache-2.0 */
/* lists_neondot.c - the same where one instruction multiplies bytes and adds
 * four products up; compiled with -march=armv8.2-a+dotprod. */
#include "index/kernels/lists_neon.c"
