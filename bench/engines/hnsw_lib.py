# SPDX-License-Identifier: Apache-2.0
"""hnsw_lib.py: hnswlib."""
import os

import hnswlib

import measure
from engines.base import Engine


class HnswLib(Engine):
    """hnswlib; M is swept, since its best value is often not the usual 16."""

    name, package, loops = "hnswlib", "hnswlib", True
    settings = [{"M": m, "efConstruction": 200} for m in (8, 16, 24)]

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

    def one(self, query, k):
        return self.index.knn_query(query, k=k, num_threads=1)[0][0]

    def many(self, queries, k):
        """All queries in one call."""
        return self.index.knn_query(queries, k=k, num_threads=self.threads)[0]
