/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neon_template.h - sums of products of bytes, with the instruction for them
 * and without, for one of both.
 *
 * No include guard, and no function that files share: see README.md.
 */

/* Adds four products to each lane; no element is -128, so that two of them fit
 * 16 bits. */
static inline int32x4_t
add_products(int32x4_t sum, int8x16_t a, int8x16_t b)
{
#ifdef __ARM_FEATURE_DOTPROD
    return vdotq_s32(sum, a, b);
#else
    int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
    return vpadalq_s16(sum, vpaddq_s16(low, vmull_high_s8(a, b)));
#endif
}
