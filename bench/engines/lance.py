# SPDX-License-Identifier: Apache-2.0
"""lance.py: LanceDB, its IVF_HNSW_SQ index with the best candidates ranked again by whole vectors."""
import lancedb
import numpy as np
import pyarrow

import measure
from engines.base import SLOW_EFFORTS, Engine


class Lance(Engine):
    """One table, opened from the disk."""

    name, package, efforts, most_queries, most_soak = "LanceDB", "lancedb", SLOW_EFFORTS, 200, 1000
    PROBES, REFINE = 20, 10
    where, filter_efforts = "", SLOW_EFFORTS[10]

    def metric(self):
        """LanceDB's name of it."""
        return "l2" if self.data.metric == "L2" else "cosine"

    def build(self):
        base = self.data.base()[:]

        def load():
            vectors = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(base.reshape(-1)), self.data.dim)
            rows = pyarrow.table({"row": pyarrow.array(np.arange(len(base))), "vector": vectors, **self.data.columns()})
            return lancedb.connect(self.folder).create_table("t", rows)

        table, load_wall, load_cpu = measure.timed(load)
        for name in self.data.columns():
            table.create_scalar_index(name)
        index = {"metric": self.metric(), "index_type": "IVF_HNSW_SQ", "vector_column_name": "vector"}
        _, wall, cpu = measure.timed(lambda: table.create_index(**index))
        return {"load": (load_wall, load_cpu), "build": (wall, cpu)}

    def open(self):
        self.table = lancedb.connect(self.folder).open_table("t")

    def tune(self, effort, k):
        self.effort = max(effort, k * self.REFINE)  # fewer are refused

    def filter(self, case):
        self.where = case.condition()

    def one(self, query, k):
        search = self.table.search(query).distance_type(self.metric()).nprobes(self.PROBES).ef(self.effort)
        if self.where:
            search = search.where(self.where, prefilter=True)
        found = search.refine_factor(self.REFINE).limit(k).select(["row", "_distance"]).to_arrow()
        return found["row"].to_pylist()
