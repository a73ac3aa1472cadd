# SPDX-License-Identifier: Apache-2.0
"""engines: one module for each program that is measured; REGISTRY says which class is called how on the command line."""
import importlib

REGISTRY = {
    "mql": ("mql", "Hnsw"),
    "mql-ivf-flat": ("mql", "IvfFlat"),
    "mql-ivf-sq8": ("mql", "IvfSq8"),
    "mql-ivf-pq": ("mql", "IvfPq"),
    "mql-ivf-rabitq": ("mql", "IvfRabitq"),
    "mql-exact": ("mql", "Exact"),
    "hnswlib": ("hnsw_lib", "HnswLib"),
    "faiss-hnsw": ("faiss_lib", "Hnsw"),
    "faiss-ivf-flat": ("faiss_lib", "IvfFlat"),
    "faiss-ivf-sq8": ("faiss_lib", "IvfSq8"),
    "faiss-ivf-pq": ("faiss_lib", "IvfPq"),
    "faiss-ivf-rabitq": ("faiss_lib", "IvfRabitq"),
    "faiss-flat": ("faiss_lib", "Flat"),
    "sgemm": ("sgemm", "Sgemm"),
    "usearch": ("usearch_lib", "Usearch"),
    "pgvector": ("pgvector", "Pgvector"),
    "sqlite-vec": ("sqlite_vector", "SqliteVec"),
    "lancedb": ("lance", "Lance"),
    "milvus-lite": ("milvus", "MilvusLite"),
    "milvus": ("milvus", "MilvusServer"),
}


def engine_class(name):
    """The class that measures the engine `name`. ImportError when its package is not installed."""
    module, cls = REGISTRY[name]
    return getattr(importlib.import_module(f"engines.{module}"), cls)
