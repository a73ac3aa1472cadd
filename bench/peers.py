#!/usr/bin/env python3
"""peers.py FOLDER EF: hnswlib and faiss on the same vectors: build time, recall@10 by distance, queries a second, one thread."""
import sys
import time

import numpy as np

K, QUERIES = 10, 1000


def read_ivecs(path):
    flat = np.fromfile(path, dtype=np.int32)
    return flat.reshape(-1, flat[0] + 1)[:, 1:]


def report(name, built, search, base, queries, truth):
    start = time.perf_counter()
    found = [search(queries[i:i + 1])[0] for i in range(QUERIES)]
    spent = time.perf_counter() - start
    right = 0
    for i in range(QUERIES):
        far = ((base[truth[i, K - 1]] - queries[i]) ** 2).sum()
        right += int((((base[found[i]] - queries[i]) ** 2).sum(axis=1) <= far).sum())
    print(f"{name:<14} recall@10 {right / K / QUERIES:.4f}   build {built:6.1f} s   {QUERIES / spent:8.0f} queries/s")


def main():
    folder, ef = sys.argv[1], int(sys.argv[2])
    base = np.load(f"{folder}/base_u8.npy").astype(np.float32)
    queries = np.load(f"{folder}/query_u8.npy")[:QUERIES].astype(np.float32)
    truth = read_ivecs(f"{folder}/gt/gt_l2.ivecs")
    try:
        import hnswlib
        index = hnswlib.Index("l2", base.shape[1])
        index.init_index(len(base), M=16, ef_construction=200)
        start = time.perf_counter()
        index.add_items(base)
        built = time.perf_counter() - start
        index.set_ef(ef)
        index.set_num_threads(1)
        report("hnswlib", built, lambda q: index.knn_query(q, K)[0], base, queries, truth)
    except ImportError:
        print("hnswlib is not installed")
    try:
        import faiss
        index = faiss.IndexHNSWFlat(base.shape[1], 16)
        index.hnsw.efConstruction = 200
        start = time.perf_counter()
        index.add(base)
        built = time.perf_counter() - start
        index.hnsw.efSearch = ef
        faiss.omp_set_num_threads(1)
        report("faiss HNSW", built, lambda q: index.search(q, K)[1], base, queries, truth)
    except ImportError:
        print("faiss is not installed")


main()
