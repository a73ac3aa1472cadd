# SPDX-License-Identifier: Apache-2.0
"""grow.py: a larger set from a real one, the same on every run.

A new row lies between a real row a and one of its 10 nearest real rows b, and a little beside the line:

    row = w a + (1 - w) b + noise,   w uniform in [0, 1),

where the noise is normal in every dimension and as long, on average, as half the distance of a to its nearest row. Every real row is a the
same number of times (the last round may be cut). Queries are made the same way with a from the set's own queries, which are no rows, and b
among the rows near it. For cosine, real rows are scaled to length 1 before, new ones after. Random numbers are numpy's PCG64 with a fixed
seed; nearest rows are exact. So the set has the clusters and the uneven density of the real one, and no row of it.
"""
import numpy as np

NEAREST = 10
SEED = 20260101
NOISE = 0.5  # of the distance to the nearest row
BLOCK = 500


def unit(rows):
    """The rows scaled to length 1; a zero row stays zero."""
    size = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, size, out=np.zeros_like(rows), where=size > 0)


def nearest(base, rows, skip_self):
    """(ids, distance to the first) of the NEAREST rows of `base`; with skip_self row i of `rows` is row i of `base`."""
    norms = (base * base).sum(axis=1)
    ids = np.empty((len(rows), NEAREST), dtype=np.int64)
    for start in range(0, len(rows), BLOCK):
        block = rows[start:start + BLOCK]
        ranks = norms - 2 * (block @ base.T)
        if skip_self:
            ranks[np.arange(len(block)), np.arange(start, start + len(block))] = np.inf
        near = np.argpartition(ranks, NEAREST - 1, axis=1)[:, :NEAREST]
        order = np.argsort(np.take_along_axis(ranks, near, axis=1), axis=1, kind="stable")
        ids[start:start + BLOCK] = np.take_along_axis(near, order, axis=1)
    return ids, np.linalg.norm(rows - base[ids[:, 0]], axis=1)


def mixed(base, parents, neighbours, reach, count, random):
    """`count` new rows: parent i in turn, mixed with one of its neighbours, with noise by its reach."""
    dim = base.shape[1]
    made = np.empty((count, dim), dtype=np.float32)
    for start in range(0, count, len(parents)):
        size = min(len(parents), count - start)
        which = random.integers(0, NEAREST, size)
        share = random.random((size, 1), dtype=np.float32)
        noise = random.standard_normal((size, dim), dtype=np.float32)
        noise *= (NOISE * reach[:size, None] / np.sqrt(dim)).astype(np.float32)
        other = base[neighbours[np.arange(size), which]]
        made[start:start + size] = share * parents[:size] + (1 - share) * other + noise
    return made


def grow(base, queries, rows, is_cosine):
    """(rows, queries) grown from the real ones."""
    base, queries = base.astype(np.float32), queries.astype(np.float32)
    if is_cosine:
        base, queries = unit(base), unit(queries)
    random = np.random.Generator(np.random.PCG64(SEED))
    made = mixed(base, base, *nearest(base, base, skip_self=True), rows, random)
    asked = mixed(base, queries, *nearest(base, queries, skip_self=False), len(queries), random)
    return (unit(made), unit(asked)) if is_cosine else (made, asked)
