/* SPDX-License-Identifier: Apache-2.0 */
/* lists_avx512vnni.c - the same where codes are multiplied and added up by one
 * instruction; compiled with -mavx512vnni. */
#include "index/kernels/lists_avx512.c"
