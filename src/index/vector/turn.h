/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turn.h - turning vectors, all in the same way that is drawn by chance.
 *
 * Lengths and angles stay as they are, but every element comes to be much like
 * the others, so that few values serve to tell all of them. The same bits on
 * every instruction set.
 */
#ifndef INDEX_VECTOR_TURN_H
#define INDEX_VECTOR_TURN_H

#include <stdint.h>

/* In place; `room` is for as many elements. */
void turn_vector(float *x, uint32_t dim, float *room);

#endif
