# SPDX-License-Identifier: Apache-2.0
"""milvus_engine.py: a real Milvus server with the same rows."""
import logging
import os
import shutil
import sys

from engines.milvus import MilvusServer
from pymilvus import DataType, MilvusException

from rows import CAPACITY, LENGTH

AT_ONCE = 500
RESTARTS_MOST = 8
logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # refusals are answers here


class Milvus:
    """One that this run starts and ends; one that a filter ends is started again."""

    def __init__(self, folder, fields, rows):
        self.folder, self.fields, self.rows, self.ended = folder, fields, rows, []
        self.start()

    def start(self):
        """A server with the collection c in it."""
        self.server = MilvusServer(None, self.folder, {})
        self.server.connect()
        self.client = self.server.client
        self.load()

    def version(self):
        """As it says itself."""
        return self.client.get_server_version()

    def load(self):
        """Make the collection c and fill it; half of the rows are sealed, the rest stays growing."""
        schema = self.client.create_schema(auto_id=False, enable_dynamic_field=True)
        for name, kind in self.fields.items():
            more = {"is_primary": True} if name == "id" else {}
            if kind.startswith("ARRAY"):
                more.update(element_type=DataType[kind[6:-1]], max_capacity=CAPACITY)
            if "VARCHAR" in kind:
                more["max_length"] = LENGTH
            schema.add_field(name, DataType[kind.partition("<")[0]], **more)
        schema.add_field("v", DataType.FLOAT_VECTOR, dim=2)
        self.client.create_collection("c", schema=schema)
        index = self.client.prepare_index_params()
        index.add_index("v", index_type="FLAT", metric_type="L2")
        self.client.create_index("c", index)
        self.client.load_collection("c")
        for part in range(2):
            half = self.rows[part::2]
            for start in range(0, len(half), AT_ONCE):
                self.client.insert("c", half[start:start + AT_ONCE])
            if part == 0:
                self.client.flush("c")

    def is_alive(self):
        """Whether the server's process still runs."""
        return any(b"milvus run" in self.command(pid) for pid in self.server.processes())

    @staticmethod
    def command(pid):
        """What a process was started as."""
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                return file.read().replace(b"\0", b" ")
        except OSError:
            return b""

    def keys(self, condition):
        """Ids of the rows that a filter lets through."""
        try:
            found = self.client.query("c", filter=condition, output_fields=["id"], consistency_level="Strong", timeout=20)
            return {row["id"] for row in found}
        except MilvusException:
            if self.is_alive():
                raise
        self.ended.append(condition)
        print(f"the server ended at: {condition}", file=sys.stderr, flush=True)
        if len(self.ended) > RESTARTS_MOST:
            raise SystemExit("the server ends too often")
        self.close()
        shutil.rmtree(os.path.join(self.folder, "server", "data"), ignore_errors=True)
        self.start()
        raise MilvusException(message="the server ended")

    def close(self):
        """Stop it."""
        self.server.close()
