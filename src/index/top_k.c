/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top_k.c - a binary heap with the farthest kept neighbour on top.
 *
 * heap[0] is the farthest; the children of i are 2i + 1 and 2i + 2. Finishing
 * takes the top away again and again, which leaves the array in order.
 */
#include "index/top_k.h"

static void
sift_up(Neighbor *heap, uint32_t place)
{
    Neighbor moving = heap[place];
    while (place > 0) {
        uint32_t parent = (place - 1) / 2;
        if (!neighbor_before(heap[parent], moving))
            break;
        heap[place] = heap[parent];
        place = parent;
    }
    heap[place] = moving;
}

static void
sift_down(Neighbor *heap, uint32_t count, Neighbor moving)
{
    uint64_t place = 0;
    for (;;) {
        uint64_t child = 2 * place + 1;
        if (child >= count)
            break;
        if (child + 1 < count && neighbor_before(heap[child], heap[child + 1]))
            child++;
        if (!neighbor_before(moving, heap[child]))
            break;
        heap[place] = heap[child];
        place = child;
    }
    heap[place] = moving;
}

bool
top_k_offer(TopK *top, Neighbor neighbor)
{
    if (top->count < top->k) {
        top->heap[top->count] = neighbor;
        sift_up(top->heap, top->count++);
        return true;
    }
    if (top->k == 0 || !neighbor_before(neighbor, top->heap[0]))
        return false;
    sift_down(top->heap, top->count, neighbor);
    return true;
}

uint32_t
top_k_finish(TopK *top)
{
    for (uint32_t left = top->count; left > 1; left--) {
        Neighbor last = top->heap[left - 1];
        top->heap[left - 1] = top->heap[0];
        sift_down(top->heap, left - 1, last);
    }
    return top->count;
}
