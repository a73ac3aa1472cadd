# SPDX-License-Identifier: Apache-2.0
"""milvus.py: Milvus Lite in this process, and a real Milvus server, both through pymilvus.

The server is the package `milvus` in an environment of its own, MQL_BENCH_DEPS/milvus; started here and stopped at the end.
"""
import os
import socket
import subprocess
import time

from pymilvus import DataType, MilvusClient

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


class Milvus(Engine):
    """HNSW on one collection through MilvusClient."""

    package, efforts, most_queries, most_soak = "pymilvus", SLOW_EFFORTS, 300, 2000
    settings = [{"M": 16, "efConstruction": 200}]
    client = server = None
    where, scalar_index, filter_efforts = "", "STL_SORT", SLOW_EFFORTS[10]

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
        base, columns = self.data.base(), self.data.columns()
        for start in range(0, len(base), INSERTED_AT_ONCE):
            block = self.vectors(base[start:start + INSERTED_AT_ONCE])
            rows = [{"id": start + i, "v": row.tolist()} for i, row in enumerate(block)]
            for i, row in enumerate(rows):
                row.update((name, int(column[start + i])) for name, column in columns.items())
            self.client.insert("c", rows)
        self.client.flush("c")

    def index(self):
        """Build and load."""
        parameters = self.client.prepare_index_params()
        parameters.add_index("v", index_type="HNSW", metric_type=self.metric(), params=dict(self.setting))
        for name in self.data.columns():
            parameters.add_index(name, index_type=self.scalar_index)
        self.client.create_index("c", parameters)
        self.client.load_collection("c")

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
        for name in self.data.columns():
            schema.add_field(name, DataType.INT64)
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
        self.where = case.condition()

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
    scalar_index = "INVERTED"

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

    def processes(self):
        return measure.process_tree(self.server.pid)

    def close(self):
        super().close()
        if self.server:
            self.server.stdin.close()
            self.server.wait()
            self.server = None
