# SPDX-License-Identifier: Apache-2.0
"""usearch_lib.py: usearch."""
import os

import numpy as np
from usearch.index import Index

import measure
from engines.base import Engine


class Usearch(Engine):
    """usearch with whole and with half floats."""

    name, package, loops = "usearch", "usearch", True
    filter_efforts = []  # its Python has none
    settings = [{"M": 16, "efConstruction": 200, "type": kind} for kind in ("f32", "f16")]

    def make(self):
        """An empty index of the setting."""
        return Index(ndim=self.data.dim, metric="l2sq" if self.data.metric == "L2" else "cos", dtype=self.setting["type"],
                     connectivity=self.setting["M"], expansion_add=self.setting["efConstruction"])

    def path(self):
        """The file of the index."""
        return os.path.join(self.folder, "index")

    def build(self):
        base = self.data.base()[:]
        self.index = self.make()
        _, wall, cpu = measure.timed(lambda: self.index.add(np.arange(len(base)), base, threads=len(measure.ALL_CORES)))
        self.index.save(self.path())
        return {"build": (wall, cpu)}

    def open(self):
        self.index = self.make()
        self.index.load(self.path())

    def tune(self, effort, k):
        self.index.expansion_search = effort

    def one(self, query, k):
        return self.index.search(query, k, threads=1).keys

    def many(self, queries, k):
        """All queries in one call."""
        found = self.index.search(queries, k, threads=self.threads)
        return found.keys if queries.shape[0] > 1 else found.keys[None]

    def distances(self, queries, k):
        return int(self.index.search(queries, k, threads=1).computed_distances)
