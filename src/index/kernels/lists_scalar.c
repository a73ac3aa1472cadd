/* SPDX-License-Identifier: Apache-2.0 */
/* lists_scalar.c - plain C: the reference of the other tables. */
#include "index/kernels/lists.h"

#include <stdbool.h>
#include <string.h>

static void
dots_u7(const int8_t *query, const uint8_t *rows, size_t stride, size_t count,
        int32_t *dots)
{
    for (size_t row = 0; row < count; row++, rows += stride) {
        int32_t sum = 0;
        for (size_t i = 0; i < stride; i++)
            sum += (int32_t)query[i] * (int32_t)rows[i];
        dots[row] = sum;
    }
}

static void
pass_codes(const CodeBound *bound, const float *const terms[CODE_TERMS],
           const int32_t *dots, size_t count, uint64_t *passes)
{
    const CodeBound b = *bound;
    memset(passes, 0, (count + 63) / 64 * sizeof *passes);
    for (size_t i = 0; i < count; i++) {
        float error = terms[3][i];
        float radius = b.radius + b.of_radius * error;
        float value =
            b.of_low * terms[0][i] + b.of_step * terms[1][i] * (float)dots[i] +
            radius * radius + b.of_size * terms[2][i] + b.of_error * error;
        if (!(value < b.least))
            passes[i / 64] |= (uint64_t)1 << i % 64;
    }
}

static void
dot_panel(const float *const rows[PANEL_ROWS], const float *panel, size_t dim,
          float *dots)
{
    for (size_t row = 0; row < PANEL_ROWS; row++) {
        float sums[PANEL_POINTS] = {0};
        for (size_t i = 0; i < dim; i++)
            for (size_t point = 0; point < PANEL_POINTS; point++)
                sums[point] += rows[row][i] * panel[PANEL_POINTS * i + point];
        memcpy(dots + row * PANEL_POINTS, sums, sizeof sums);
    }
}

static void
pass_panel(const float *const rows[PANEL_ROWS], const float *panel, size_t dim,
           const float scales[PANEL_ROWS], const float shifts[PANEL_ROWS],
           const float bounds[PANEL_POINTS], uint32_t masks[PANEL_ROWS])
{
    float dots[PANEL_ROWS * PANEL_POINTS];
    dot_panel(rows, panel, dim, dots);
    for (size_t row = 0; row < PANEL_ROWS; row++) {
        masks[row] = 0;
        for (size_t point = 0; point < PANEL_POINTS; point++) {
            float value =
                dots[row * PANEL_POINTS + point] * scales[row] - shifts[row];
            masks[row] |= (uint32_t) !(value < bounds[point]) << point;
        }
    }
}

static void
sum_nibbles(const uint8_t *tables, const uint8_t *blocks, size_t parts,
            size_t count, uint16_t *sums)
{
    for (size_t block = 0; block < count; block++, blocks += 16 * parts) {
        for (size_t row = 0; row < NIBBLE_ROWS; row++) {
            uint32_t sum = 0;
            for (size_t part = 0; part < parts; part++) {
                uint8_t byte = blocks[nibble_place(part, row)];
                uint8_t nibble = row < 16 ? byte & 15 : byte >> 4;
                sum += tables[16 * part + nibble];
            }
            *sums++ = (uint16_t)sum;
        }
    }
}

static void
side_distances(const SideCodes *side,
               const uint8_t *const queries[SIDE_QUERIES],
               const int32_t limits[SIDE_QUERIES], int32_t *distances,
               uint16_t below[SIDE_QUERIES])
{
    for (size_t query = 0; query < SIDE_QUERIES; query++) {
        int32_t sums[SIDE_ROWS] = {0};
        for (size_t i = 0; i < side->size; i++) {
            const uint8_t *codes = side->codes + i / 4 * 64 + i % 4;
            for (size_t row = 0; row < SIDE_ROWS; row++)
                sums[row] +=
                    (int32_t)codes[4 * row] * (int8_t)queries[query][i];
        }
        below[query] = 0;
        for (size_t row = 0; row < SIDE_ROWS; row++) {
            int32_t distance = side->norms[row] - 2 * sums[row];
            bool is_below = distance < limits[query];
            distances[SIDE_ROWS * query + row] = distance;
            below[query] |= (uint16_t)(is_below << row);
        }
    }
}

static void
lay_side(const uint8_t *rows, size_t stride, size_t count, size_t size,
         uint8_t *codes)
{
    static const uint8_t zeros[4];
    for (size_t i = 0; i < size; i += 4, codes += 4 * SIDE_ROWS)
        for (size_t row = 0; row < SIDE_ROWS; row++)
            memcpy(codes + 4 * row,
                   row < count ? rows + row * stride + i : zeros, 4);
}

static void
side_estimates(const SideCodes *side, const float *terms,
               const SideQuery queries[SIDE_QUERIES], float *distances,
               uint16_t below[SIDE_QUERIES])
{
    for (size_t query = 0; query < SIDE_QUERIES; query++) {
        const SideQuery *to = &queries[query];
        int32_t sums[SIDE_ROWS] = {0};
        for (size_t i = 0; i < side->size; i++) {
            const uint8_t *codes = side->codes + i / 4 * 64 + i % 4;
            for (size_t row = 0; row < SIDE_ROWS; row++)
                sums[row] += (int32_t)codes[4 * row] * to->code[i];
        }
        below[query] = 0;
        for (size_t row = 0; row < SIDE_ROWS; row++) {
            float distance = to->base - to->scale * (float)sums[row];
            distance += terms[row];
            bool is_below = distance <= to->limit;
            distances[SIDE_ROWS * query + row] = distance;
            below[query] |= (uint16_t)(is_below << row);
        }
    }
}

static void
side_passes(const SideCodes *side, const float *const terms[CODE_TERMS],
            const SideBound queries[SIDE_QUERIES], int32_t *dots,
            uint16_t passes[SIDE_QUERIES])
{
    memset(dots, 0, SIDE_QUERIES * SIDE_ROWS * sizeof *dots);
    for (size_t query = 0; query < SIDE_QUERIES; query++) {
        int32_t *sums = dots + SIDE_ROWS * query;
        uint64_t mask;
        for (size_t i = 0; i < side->size; i++) {
            const uint8_t *codes = side->codes + i / 4 * 64 + i % 4;
            for (size_t row = 0; row < SIDE_ROWS; row++)
                sums[row] += (int32_t)codes[4 * row] * queries[query].code[i];
        }
        pass_codes(&queries[query].bound, terms, sums, SIDE_ROWS, &mask);
        passes[query] = (uint16_t)mask;
    }
}

const ListTable lists_scalar = {
    .name = "scalar",
    .dots_u7 = dots_u7,
    .pass_codes = pass_codes,
    .dot_panel = dot_panel,
    .pass_panel = pass_panel,
    .sum_nibbles = sum_nibbles,
    .side_distances = side_distances,
    .lay_side = lay_side,
    .side_estimates = side_estimates,
    .side_passes = side_passes,
};
