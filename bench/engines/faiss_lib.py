# SPDX-License-Identifier: Apache-2.0
"""faiss_lib.py: the indexes of faiss. Cosine is the inner product of vectors scaled to length 1 beforehand; with lists it is their
Euclidean distance, which orders rows alike, as lists made for inner products find half as many of the nearest."""
import os

import faiss
import numpy as np

import grow
import measure
from engines.base import EXACT_EFFORTS, PROBES, Engine, lists_for

QUERIES_FOR_BLAS = 20  # in one call, from which on distances come from matrix products


class Faiss(Engine):
    """What all of them share; key() is the index factory's text."""

    package = "faiss-cpu"

    def key(self):
        """What index_factory() is told."""
        raise NotImplementedError

    def ready(self, rows):
        """The rows as the index wants them."""
        return rows if self.data.metric == "L2" else grow.unit(rows)

    def path(self):
        """The file of the index."""
        return os.path.join(self.folder, "index")

    def metric(self):
        """Which distance the index is told."""
        return faiss.METRIC_L2 if self.data.metric == "L2" else faiss.METRIC_INNER_PRODUCT

    def prepare_build(self):
        """Set what the factory's text cannot say."""

    def build(self):
        base = self.ready(self.data.base()[:])
        faiss.omp_set_num_threads(len(measure.ALL_CORES))
        self.index = faiss.index_factory(self.data.dim, self.key(), self.metric())
        self.prepare_build()

        def fill():
            self.index.train(base)
            self.index.add(base)

        _, wall, cpu = measure.timed(fill)
        faiss.write_index(self.index, self.path())
        return {"build": (wall, cpu)}

    def open(self):
        self.index = faiss.read_index(self.path())

    def fit(self, threads):
        super().fit(threads)
        faiss.omp_set_num_threads(threads)

    def prepare_query(self, queries):
        return [query[None] for query in self.ready(queries)]

    parameters = None  # of the searches: NULL for the index's own

    def filter_parameters(self):
        """SearchParameters of the kind, with the rows that are let through."""
        return faiss.SearchParameters(sel=self.selector)

    def filter(self, case):
        self.bits = np.packbits(self.data.allowed(case), bitorder="little")  # the selector points to it
        self.selector = faiss.IDSelectorBitmap(self.data.rows, faiss.swig_ptr(self.bits))
        self.parameters = self.filter_parameters()

    def one(self, query, k):
        return self.index.search(query, k, params=self.parameters)[1][0]

    def many(self, queries, k):
        """All queries in one call."""
        return self.index.search(self.ready(queries), k, params=self.parameters)[1]


class Hnsw(Faiss):
    """HNSW over whole vectors."""

    name, loops = "faiss HNSW", True
    settings = [{"M": m, "efConstruction": 200} for m in (8, 16, 24, 32)]

    def key(self):
        return f"HNSW{self.setting['M']},Flat"

    def prepare_build(self):
        self.index.hnsw.efConstruction = self.setting["efConstruction"]

    def filter_parameters(self):
        return faiss.SearchParametersHNSW(sel=self.selector)

    def tune(self, effort, k):
        self.index.hnsw.efSearch = effort
        if self.parameters:
            self.parameters.efSearch = effort

    def distances(self, queries, k):
        faiss.cvar.hnsw_stats.reset()
        self.many(queries, k)
        return int(faiss.cvar.hnsw_stats.ndis)


class Ivf(Faiss):
    """An inverted file."""

    effort_name, efforts, soak_effort, filter_efforts = "nprobe", PROBES, 16, []

    def metric(self):
        return faiss.METRIC_L2

    def tune(self, effort, k):
        faiss.extract_index_ivf(self.index).nprobe = effort

    def distances(self, queries, k):
        faiss.cvar.indexIVF_stats.reset()
        self.many(queries, k)
        return int(faiss.cvar.indexIVF_stats.ndis)


class IvfFlat(Ivf):
    """Whole vectors in the lists."""

    name = "faiss IVF_FLAT"

    def key(self):
        return f"IVF{lists_for(self.data.rows)},Flat"


class IvfSq8(Ivf):
    """A byte a dimension in the lists."""

    name = "faiss IVF_SQ8"

    def key(self):
        return f"IVF{lists_for(self.data.rows)},SQ8"


class IvfPq(Ivf):
    """4-bit product quantisation, fast scan, the best candidates ranked again by whole vectors."""

    name = "faiss IVF_PQ fast scan, refined"
    settings = [{"refine": refine} for refine in (4, 16, 64)]

    def key(self):
        return f"IVF{lists_for(self.data.rows)},PQ{self.data.dim // 4}x4fs,RFlat"

    def tune(self, effort, k):
        super().tune(effort, k)
        self.index.k_factor = self.setting["refine"]

    def distances(self, queries, k):
        return None  # mixed: codes and vectors


class IvfRabitq(IvfPq):
    """A bit a dimension, the best candidates ranked again by whole vectors."""

    name = "faiss IVF_RABITQ, refined"

    def key(self):
        return f"IVF{lists_for(self.data.rows)},RaBitQfs,RFlat"


class Flat(Faiss):
    """Exact search."""

    name, effort_name, efforts, most_queries, soak_effort, most_soak = "faiss FLAT", "", EXACT_EFFORTS, 200, 0, 100
    filter_efforts = [0]

    def key(self):
        return "Flat"

    def open(self):
        # In faiss 1.15 the threshold is queries times dimensions; as it comes, 500 queries of 128 dimensions take the slow path.
        faiss.cvar.distance_compute_blas_threshold = QUERIES_FOR_BLAS * self.data.dim
        super().open()
