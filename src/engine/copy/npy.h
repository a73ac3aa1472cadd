/* SPDX-License-Identifier: Apache-2.0 */
/* npy.h - the header of a .npy file; see npy_header.c. */
#ifndef ENGINE_COPY_NPY_H
#define ENGINE_COPY_NPY_H

#include "engine/copy/copy_internal.h"

#define NPY_DESCR_SIZE 32u

typedef struct NpyHeader {
    char descr[NPY_DESCR_SIZE]; /* "<f4"                                  */
    bool is_fortran;            /* columns first                          */
    uint32_t dimensions;        /* 1 or 2 (others are refused on reading) */
    uint64_t shape[2];
} NpyHeader;

/* Read and consume the header. Its numbers are not compared with anything yet.
 */
mql_status npy_header_read(Input *input, NpyHeader *header, Error *err);

#endif
