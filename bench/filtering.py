# SPDX-License-Identifier: Apache-2.0
"""filtering.py: the same set with two columns to filter by, and the grid of filters that are asked.

`apart` is a random order of the rows: a range of it has nothing to do with their vectors. `near` is their order by the distance to one row, the
pivot, and the queries of such a set are the QUERIES of the set that are nearest to it. So the least of `near` are where the queries are
(correlated), the greatest as far from them as rows can be (anti-correlated). Every share is asked in all three relations.
"""
import numpy as np

QUERIES = 100
SEED = 20260102
SHARES = (0.0001, 0.001, 0.01, 0.05, 0.1, 0.3, 0.5, 0.9, 0.99)
RELATIONS = ("independent", "correlated", "anti-correlated")
COLUMNS = ("apart", "near")


def ranks(values):
    """The place of each value when all are sorted, ties by number."""
    places = np.empty(len(values), dtype=np.int64)
    places[np.argsort(values, kind="stable")] = np.arange(len(values))
    return places


def columns(away):
    """{name: a number for each row} from the rows' distances to the pivot."""
    return {"apart": np.random.default_rng(SEED).permutation(len(away)).astype(np.int64), "near": ranks(away)}


def pivot(rows):
    """The row that the order of `near` begins at."""
    return int(np.random.default_rng(SEED).integers(rows))


class Case:
    """One filter: a column from `low` to below `high`, one of which is an end of the column."""

    def __init__(self, relation, share, rows):
        count = max(1, round(share * rows))
        self.relation, self.share, self.matching, self.rows = relation, share, count, rows
        self.column = "apart" if relation == "independent" else "near"
        self.low, self.high = (rows - count, rows) if relation == "anti-correlated" else (0, count)

    def condition(self):
        """As MilvusQL writes it."""
        return f"{self.column} < {self.high}" if self.low == 0 else f"{self.column} >= {self.low}"

    def facts(self):
        """What a result says of it."""
        return {"relation": self.relation, "share": self.share, "matching": self.matching}

    def allowed(self, column):
        """A bool for each row."""
        return (column >= self.low) & (column < self.high)


def grid(rows):
    """All cases of a set of so many rows."""
    return [Case(relation, share, rows) for relation in RELATIONS for share in SHARES]
