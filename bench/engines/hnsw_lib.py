# SPDX-License-Identifier: Apache-2.0
"""hnsw_lib.py: hnswlib."""
import os

import hnswlib
import numpy as np

import measure
from engines.base import Engine


class HnswLib(Engine):
    """hnswlib; M is swept, since its best value is often not the usual 16."""

    name, package, loops = "hnswlib", "hnswlib", True
    settings = [{"M": m, "efConstruction": 200} for m in (8, 16, 24, 32)]

    def space(self):
        """hnswlib's name of the metric."""
        return "l2" if self.data.metric == "L2" else "cosine"

    def path(self):
        """The file of the index."""
        return os.path.join(self.folder, "index")

    def build(self):
        base = self.data.base()[:]
        self.index = hnswlib.Index(space=self.space(), dim=self.data.dim)
        self.index.init_index(len(base), M=self.setting["M"], ef_construction=self.setting["efConstruction"])
        _, wall, cpu = measure.timed(lambda: self.index.add_items(base, num_threads=len(measure.ALL_CORES)))
        self.index.save_index(self.path())
        return {"build": (wall, cpu)}

    def open(self):
        self.index = hnswlib.Index(space=self.space(), dim=self.data.dim)
        self.index.load_index(self.path())

    def tune(self, effort, k):
        self.index.set_ef(max(effort, k))

    passes = None  # whether a row is let through; built in, as a function in Python would cost more than the search

    def filter(self, case):
        self.passes = self.data.allowed(case).tolist().__getitem__

    def many(self, queries, k):
        """All queries in one call; fewer rows than k are an error to it, and no answers to us."""
        try:
            return self.index.knn_query(queries, k=k, num_threads=self.threads, filter=self.passes)[0]
        except RuntimeError:
            return np.full((len(queries), k), -1, dtype=np.int64)

    def one(self, query, k):
        return self.many(query, k)[0]
