# SPDX-License-Identifier: Apache-2.0
"""sqlite_vector.py: SQLite with sqlite-vec, which compares with every row. apsw, since many Pythons cannot load extensions."""
import os

import apsw
import sqlite_vec

import measure
from engines.base import EXACT_EFFORTS, Engine, ids_of


class SqliteVec(Engine):
    """A vec0 table."""

    name, package, effort_name, efforts, most_queries, soak_effort, most_soak = "sqlite-vec", "sqlite-vec", "", EXACT_EFFORTS, 50, 0, 100
    filter_efforts = []

    def connect(self):
        """The database with the extension in it."""
        self.db = apsw.Connection(os.path.join(self.folder, "db"))
        self.db.enable_load_extension(True)
        self.db.load_extension(sqlite_vec.loadable_path())

    def build(self):
        self.connect()
        kind = "L2" if self.data.metric == "L2" else "cosine"
        self.db.execute(f"create virtual table v using vec0(id integer primary key, e float[{self.data.dim}] distance_metric={kind})")

        def fill():
            with self.db:
                self.db.executemany("insert into v(id, e) values (?, ?)", ((i, row.tobytes()) for i, row in enumerate(self.data.base())))

        _, wall, cpu = measure.timed(fill)
        self.db.close()
        return {"load": (wall, cpu)}

    def open(self):
        self.connect()

    def prepare_query(self, queries):
        return [query.tobytes() for query in queries]

    def one(self, query, k):
        return [row[0] for row in self.db.execute("select id from v where e match ? and k = ?", (query, k))]

    def round_of_callers(self, ready, k, seconds):
        """One connection, one caller: SQLite's lock lets no more in."""
        self.threads, threads = 1, self.threads
        answers, wall, cpu, latencies = measure.one_round(lambda query: self.one(query, k), ready, seconds, self.cpu)
        self.threads = threads
        return ids_of(answers, len(ready), k), measure.summary(len(answers), wall, cpu, latencies)
