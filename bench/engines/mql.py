# SPDX-License-Identifier: Apache-2.0
"""mql.py: mql, by the C program measure.c; Python only hands it orders and reads what it says.

MQL_MEASURE and MQL_SHELL name the two programs; bench/run sets them.
"""
import json
import os
import pathlib
import subprocess

import numpy as np

import measure
from engines.base import EXACT_EFFORTS, PROBES, Engine, lists_for


class Mql(Engine):
    """The database, and how it is asked; what differs is the index and the options of SEARCH."""

    name, package, soak_effort, kind, where = "mql", "", 64, "", ""

    def __init__(self, data, folder, setting):
        super().__init__(data, folder, setting)
        self.program = None
        self.options = ""

    def database(self):
        """The directory of the database."""
        return os.path.join(self.folder, "db")

    def start(self, threads):
        """The C program on the database: what it says of opening it."""
        command = [os.environ["MQL_MEASURE"], self.database(), os.fspath(self.queries_file()), str(threads)]
        self.program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return json.loads(self.program.stdout.readline())

    def queries_file(self):
        """The queries that measure.c asks: all, or the first ones alone."""
        whole = self.data.folder / "queries.npy"
        if self.asked >= len(np.load(whole, mmap_mode="r")):
            return whole
        part = pathlib.Path(self.folder) / "queries.npy"
        np.save(part, np.load(whole)[: self.asked])
        return part

    def order(self, *parts):
        """Give an order, and what came of it."""
        self.program.stdin.write("\t".join(str(part) for part in parts) + "\n")
        self.program.stdin.flush()
        line = self.program.stdout.readline()
        if not line:
            raise RuntimeError(f"measure ended with {self.program.wait()} at: {parts[0]} {str(parts[1])[:100]}")
        return json.loads(line)

    def run(self, statement):
        """(wall, cpu) seconds of a statement."""
        line = self.order("run", statement)
        return line["wall"], line["cpu"]

    def index_options(self):
        """Those of CREATE INDEX besides the metric: the settings."""
        return self.setting

    def index_statement(self):
        """CREATE INDEX."""
        text = "".join(f", {name} = {value}" for name, value in self.index_options().items())
        return f"CREATE INDEX ON c (v) USING {self.kind} WITH (metric_type = '{self.data.metric}'{text})"

    def build(self):
        self.start(len(measure.ALL_CORES))
        columns = self.data.types()
        others = "".join(f", {name} {kind}" for name, kind in columns.items())
        self.run(f"CREATE COLLECTION c (id INT64 PRIMARY KEY, v FLOAT_VECTOR({self.data.dim}){others})")
        files = ", ".join(f"'{path}'" for path in self.data.files())
        copy = self.run(f"COPY c ({', '.join(('id', 'v', *columns))}) FROM {files}")
        flush = self.run("FLUSH c")
        times = {"load": (copy[0] + flush[0], copy[1] + flush[1])}
        times["build"] = self.run(self.index_statement())
        for name, kind in self.data.indexes().items():
            self.run(f"CREATE INDEX ON c ({name}) {kind}")
        self.close()
        return times

    def open(self):
        said = self.start(self.threads)
        self.baseline_kib = said["pss_kib"]
        return said["open"]

    def processes(self):
        return [self.program.pid] if self.program else []

    def search(self, targets, k):
        """The text of a SEARCH."""
        return f"SEARCH c ON v FOR {targets} {self.where} {self.options} LIMIT {k}"

    def filter(self, case):
        self.where = f"WHERE {case.condition()}"

    def first(self, query, k):
        """Seconds of the very first query."""
        return self.order("soak", self.search("$1", k), k, 1)["wall"]

    def answers(self, path, k):
        """(keys, seconds of each query) that measure.c wrote."""
        raw = pathlib.Path(path).read_bytes()
        os.unlink(path)
        count = len(raw) // (8 * (k + 1))
        keys = np.frombuffer(raw, dtype=np.int64, count=count * k).reshape(count, k)
        return keys, np.frombuffer(raw, dtype=np.float64, offset=count * k * 8)

    def round(self, queries, k, seconds):
        """Each query by a statement of its own; on several threads by as many connections."""
        path = os.path.join(self.folder, "answers")
        said = self.order("one", self.search("$1", k), k, seconds, path)
        keys, latencies = self.answers(path, k)
        latencies = latencies[keys[:, 0] != -2]
        wall = float(latencies.sum()) if self.threads == 1 else said["wall"]
        return keys, measure.summary(said["answered"], wall, said["cpu"], latencies)

    def round_many(self, queries, k):
        """All queries in one statement."""
        path = os.path.join(self.folder, "answers")
        targets = ", ".join(f"${i + 1}" for i in range(len(queries)))
        said = self.order("many", self.search(targets, k), k, 0, path)
        return self.answers(path, k)[0], measure.summary(len(queries), said["wall"], said["cpu"], None)

    def takes_many(self):
        return True

    def soak(self, queries, k, count):
        """`count` queries, not timed."""
        self.order("soak", self.search("$1", k), k, count)

    def distances(self, queries, k):
        said = self.order("count", "EXPLAIN (ANALYZE) " + self.search("$1", k), len(queries))
        return said["distances"]

    def close(self):
        if self.program:
            self.program.stdin.close()
            self.program.wait()
            self.program = None


class Hnsw(Mql):
    """Prepared SEARCH over HNSW; M is swept as hnswlib's."""

    name, kind = "mql HNSW", "HNSW"
    settings = [{"M": m, "efConstruction": 200} for m in (8, 16, 24, 32)]

    def tune(self, effort, k):
        self.options = f"WITH (ef = {effort})"


class Ivf(Mql):
    """Prepared SEARCH over one of the kinds with lists; as many lists as faiss gets."""

    effort_name, efforts, soak_effort, filter_efforts = "nprobe", PROBES, 16, [4, 16, 64]

    def index_options(self):
        return {"nlist": lists_for(self.data.rows)}

    def tune(self, effort, k):
        self.options = f"WITH (nprobe = {effort})"


class IvfFlat(Ivf):
    """Exact within the lists."""

    name, kind = "mql IVF_FLAT", "IVF_FLAT"


class IvfSq8(Ivf):
    """A byte a dimension."""

    name, kind = "mql IVF_SQ8", "IVF_SQ8"


class IvfRabitq(Ivf):
    """A bit a dimension, ranked again as faiss' refinement does; refine_k is an option of a search."""

    name, kind = "mql IVF_RABITQ", "IVF_RABITQ"
    settings = [{"refine": refine} for refine in (4, 16, 64)]

    def tune(self, effort, k):
        self.options = f"WITH (nprobe = {effort}, refine_k = {self.setting['refine']})"


class IvfPq(IvfRabitq):
    """4 bits for 4 dimensions, ranked again."""

    name, kind = "mql IVF_PQ", "IVF_PQ"

    def index_options(self):
        return {**super().index_options(), "m": self.data.dim // 4, "nbits": 4}


class Exact(Mql):
    """SEARCH over FLAT: every row is compared."""

    kind = "FLAT"
    name, effort_name, efforts, soak_effort, most_soak, filter_efforts = "mql exact", "", EXACT_EFFORTS, 0, 100, [0]

    def tune(self, effort, k):
        self.options = ""
