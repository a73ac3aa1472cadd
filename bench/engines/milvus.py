# SPDX-License-Identifier: Apache-2.0
"""milvus.py: Milvus Lite in this process, and a real Milvus server, both through pymilvus.

The server is the package `milvus` in an environment of its own, MQL_BENCH_DEPS/milvus; started here and stopped at the end.
"""
import os
import re
import socket
import subprocess
import time

from pymilvus import DataType, MilvusClient, MilvusException

import dialects
import grow
import measure
from engines.base import SLOW_EFFORTS, Engine

INSERTED_AT_ONCE = 1000
# pymilvus pings every 10 s, and Milvus Lite hangs up on pings while it builds; the next try then finds the index half made.
SELDOM_PINGED = {"grpc.keepalive_time_ms": 3_600_000}
SERVER = """
import signal, sys
from milvus import default_server
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
default_server.set_base_dir(sys.argv[1])
default_server.listen_port = int(sys.argv[2])
try:
    default_server.start()
    print("ready", flush=True)
    sys.stdin.read()
finally:
    default_server.stop()
"""


# MilvusQL's types: Milvus' of a field, and of an array's elements. Times are texts, whose order is theirs.
TYPES = {"INT64": (DataType.INT64,), "FLOAT": (DataType.FLOAT,), "BOOL": (DataType.BOOL,), "VARCHAR": (DataType.VARCHAR,), "TIMESTAMPTZ": (DataType.VARCHAR,),
         "ARRAY<VARCHAR>": (DataType.ARRAY, DataType.VARCHAR)}
TIME_LENGTH = 32


def field_of(kind):
    """What add_field() is told of a column of this type."""
    name, numbers = re.sub(r"\(\d+\)", "", kind), [int(number) for number in re.findall(r"\((\d+)\)", kind)]
    field = dict(zip(("datatype", "element_type"), TYPES[name]))
    if DataType.VARCHAR in TYPES[name]:
        field["max_length"] = numbers[0] if numbers else TIME_LENGTH
    if DataType.ARRAY in TYPES[name]:
        field["max_capacity"] = numbers[1]
    return field


class Milvus(Engine):
    """HNSW on one collection through MilvusClient."""

    package, efforts, most_queries, most_soak = "pymilvus", SLOW_EFFORTS, 300, 2000
    settings = [{"M": 16, "efConstruction": 200}]
    client = server = None
    where, filter_efforts = "", SLOW_EFFORTS[10]

    def connect(self):
        """Set self.client."""
        raise NotImplementedError

    def metric(self):
        """Under COSINE the graph of 2.3 finds a tenth of the nearest where some vectors are zero: units under IP are in the same order."""
        return "IP" if self.data.metric == "COSINE" else self.data.metric

    def vectors(self, rows):
        """The rows, units where the metric asks for it; zeros stay zeros."""
        return grow.unit(rows) if self.data.metric == "COSINE" else rows

    def insert(self):
        """All rows."""
        base, names, records = self.data.base(), list(self.data.types()), iter(self.data.records())
        for start in range(0, len(base), INSERTED_AT_ONCE):
            block = self.vectors(base[start:start + INSERTED_AT_ONCE])
            rows = [{"id": start + i, "v": row.tolist()} for i, row in enumerate(block)]
            for row, record in zip(rows, records):
                row.update((name, dialects.ABSENT if value is None else value) for name, value in zip(names, record))
            self.client.insert("c", rows)
        self.client.flush("c")

    def index(self):
        """Build and load."""
        parameters = self.client.prepare_index_params()
        parameters.add_index("v", index_type="HNSW", metric_type=self.metric(), params=dict(self.setting))
        for name in self.data.indexes():
            kind = self.scalar_index(field_of(self.data.types()[name])["datatype"])
            if kind is not None:
                parameters.add_index(name, index_type=kind)
        self.client.create_index("c", parameters)
        self.client.load_collection("c")

    def scalar_index(self, datatype):
        """The kind of index a field of a type gets; None: there is none for it."""
        raise NotImplementedError

    def spent(self, work):
        """(wall, cpu) seconds of client and engine."""
        cpu, start = self.cpu(), time.perf_counter()
        work()
        return time.perf_counter() - start, self.cpu() - cpu

    def build(self):
        self.connect()
        schema = self.client.create_schema(auto_id=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("v", DataType.FLOAT_VECTOR, dim=self.data.dim)
        for name, kind in self.data.types().items():
            schema.add_field(name, **field_of(kind))
        self.client.create_collection("c", schema=schema)
        return {"load": self.spent(self.insert), "build": self.spent(self.index)}

    def open(self):
        self.connect()
        self.client.load_collection("c")

    def tune(self, effort, k):
        self.parameters = {"params": {"ef": max(effort, k)}}

    def prepare_query(self, queries):
        return [[query.tolist()] for query in self.vectors(queries)]

    def filter(self, case):
        self.where = dialects.milvus(case.condition())

    def refusal(self, query, k):
        self.tune(self.filter_efforts[0], k)
        try:
            self.one(query, k)
        except MilvusException as error:
            return error.message
        return None

    def one(self, query, k):
        found = self.client.search("c", query, limit=k, search_params=self.parameters, filter=self.where)
        return [hit["id"] for hit in found[0]]

    def close(self):
        if self.client:
            self.client.close()
            self.client = None


class MilvusLite(Milvus):
    """The embedded one."""

    name, package, most_queries, most_soak = "Milvus Lite", "milvus-lite", 60, 200

    def scalar_index(self, datatype):
        return None if datatype == DataType.ARRAY else "INVERTED"

    def connect(self):
        self.client = MilvusClient(os.path.join(self.folder, "milvus.db"), grpc_options=SELDOM_PINGED)

    def processes(self):
        return measure.process_tree(os.getpid())

    def cpu(self):
        return measure.processor_seconds(self.processes())


class MilvusServer(Milvus):
    """The real one, standalone."""

    name, is_server = "Milvus server", True

    def connect(self):
        python = os.path.join(os.environ.get("MQL_BENCH_DEPS", "build/bench"), "milvus", "bin", "python")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [python, "-c", SERVER, os.path.join(self.folder, "server"), str(port)]
        self.server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not any("ready" in line for line in self.server.stdout):
            raise RuntimeError("the Milvus server did not start")
        self.client = MilvusClient(f"http://127.0.0.1:{port}")

    def scalar_index(self, datatype):
        """Of 2.3."""
        numbers = (DataType.INT64, DataType.FLOAT)
        return "STL_SORT" if datatype in numbers else "Trie" if datatype == DataType.VARCHAR else None

    def processes(self):
        return measure.process_tree(self.server.pid)

    def close(self):
        super().close()
        if self.server:
            self.server.stdin.close()
            self.server.wait()
            self.server = None
