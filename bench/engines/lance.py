# SPDX-License-Identifier: Apache-2.0
"""lance.py: LanceDB, its IVF_HNSW_SQ index with the best candidates ranked again by whole vectors."""
import datetime
import re

import lancedb
import numpy as np
import pyarrow

import dialects
import measure
from engines.base import SLOW_EFFORTS, Engine

# MilvusQL's types: pyarrow's, and the kind of scalar index.
TYPES = {"INT64": (pyarrow.int64(), "BTREE"), "FLOAT": (pyarrow.float32(), "BTREE"), "BOOL": (pyarrow.bool_(), "BITMAP"), "VARCHAR": (pyarrow.utf8(), "BTREE"),
         "TIMESTAMPTZ": (pyarrow.timestamp("us", "UTC"), "BTREE"), "ARRAY<VARCHAR>": (pyarrow.list_(pyarrow.utf8()), "LABEL_LIST")}


def type_of(kind):
    """(type, index) for one of MilvusQL's."""
    return TYPES[re.sub(r"\(\d+\)", "", kind)]


def column_of(values, kind):
    """An array of a type; times come as texts."""
    if pyarrow.types.is_timestamp(kind):
        values = [value and datetime.datetime.fromisoformat(value.replace("Z", "+00:00")) for value in values]
    return pyarrow.array(values, kind)


class Lance(Engine):
    """One table, opened from the disk."""

    name, package, efforts, most_queries, most_soak = "LanceDB", "lancedb", SLOW_EFFORTS, 200, 1000
    PROBES, REFINE = 20, 10
    where, filter_efforts = "", SLOW_EFFORTS[10]

    def metric(self):
        """LanceDB's name of it."""
        return "l2" if self.data.metric == "L2" else "cosine"

    def build(self):
        base, kinds = self.data.base()[:], self.data.types()
        values = zip(*self.data.records()) if kinds else ()
        others = {name: column_of(column, type_of(kinds[name])[0]) for name, column in zip(kinds, values)}

        def load():
            vectors = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(base.reshape(-1)), self.data.dim)
            rows = pyarrow.table({"row": pyarrow.array(np.arange(len(base))), "vector": vectors, **others})
            return lancedb.connect(self.folder).create_table("t", rows)

        table, load_wall, load_cpu = measure.timed(load)
        for name in self.data.indexes():
            table.create_scalar_index(name, index_type=type_of(kinds[name])[1])
        index = {"metric": self.metric(), "index_type": "IVF_HNSW_SQ", "vector_column_name": "vector"}
        _, wall, cpu = measure.timed(lambda: table.create_index(**index))
        return {"load": (load_wall, load_cpu), "build": (wall, cpu)}

    def open(self):
        self.table = lancedb.connect(self.folder).open_table("t")

    def tune(self, effort, k):
        self.effort = max(effort, k * self.REFINE)  # fewer are refused

    def filter(self, case):
        self.where = dialects.lance(case.condition())

    def one(self, query, k):
        search = self.table.search(query).distance_type(self.metric()).nprobes(self.PROBES).ef(self.effort)
        if self.where:
            search = search.where(self.where, prefilter=True)
        found = search.refine_factor(self.REFINE).limit(k).select(["row", "_distance"]).to_arrow()
        return found["row"].to_pylist()
