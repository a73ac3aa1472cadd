# SPDX-License-Identifier: Apache-2.0
"""sets.py NAME...: make the data sets that are measured, once, in the cache folder; prints where each is.

A prepared set is a folder with base.npy and queries.npy (float32), ids.npy (int64, the row's number), truth.npy (float64: the distances of
the 100 nearest rows of each query, computed exactly) and set.json. NAME:ROWS is the set's first ROWS rows only. NAME+filters has columns to
filter by and fewer queries (filtering.py): apart.npy and near.npy (int64), truth-N.npy for each filter N of the grid.

MQL_DATA         the folder with fashion-mnist/, nsmc/, siftsmall/ and vespa-products/
MQL_BENCH_CACHE  where prepared sets are kept; mql-bench in the user's cache otherwise
"""
import json
import os
import pathlib
import shutil
import sys

import numpy as np

import filtering
import grow

TRUTH = 100  # neighbours kept for each query
SPARE = 28  # candidates beyond them that single precision may have put in the wrong order
QUERIES = 1000
BLOCK = 200  # queries compared at once

FILTERED = "+filters"

L2, COSINE = "L2", "COSINE"


def data_folder():
    """Where the real sets are; ends the program when nobody said."""
    if "MQL_DATA" not in os.environ:
        sys.exit("set MQL_DATA to the folder that holds fashion-mnist/, nsmc/ and siftsmall/")
    return pathlib.Path(os.environ["MQL_DATA"])


def cache_folder():
    """Where prepared sets are kept."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    return pathlib.Path(os.environ.get("MQL_BENCH_CACHE", cache / "mql-bench"))


def read_fvecs(path):
    """The rows of a .fvecs file."""
    flat = np.fromfile(path, dtype=np.int32)
    return flat.reshape(-1, flat[0] + 1)[:, 1:].view(np.float32)


def fashion():
    """Fashion-MNIST: 60,000 images of 784 bytes, L2."""
    folder = data_folder() / "fashion-mnist"
    return L2, np.load(folder / "base_u8.npy"), np.load(folder / "query_u8.npy")[:QUERIES]


def nsmc():
    """Film reviews: 100,000 sentence vectors of 128 dimensions, cosine; some are zero."""
    folder = data_folder() / "nsmc"
    return COSINE, np.load(folder / "base100k_f16.npy"), np.load(folder / "query1k_f16.npy")[:QUERIES]


def siftsmall():
    """TEXMEX siftsmall: 10,000 x 128, 100 queries, L2."""
    folder = data_folder() / "siftsmall"
    return L2, read_fvecs(folder / "siftsmall_base.fvecs"), read_fvecs(folder / "siftsmall_query.fvecs")


def grown128():
    """1,000,000 x 128 grown from nsmc (grow.py)."""
    metric, base, queries = nsmc()
    return metric, *grow.grow(base, queries, rows=1_000_000, is_cosine=True)


def grown768():
    """200,000 x 768 grown from the first 768 of fashion's 784 dimensions (grow.py)."""
    metric, base, queries = fashion()
    return metric, *grow.grow(base[:, :768], queries[:, :768], rows=200_000, is_cosine=False)


def vespa():
    """Vespa's products: 24,076 LSA vectors of 256 dimensions, cosine."""
    folder = data_folder() / "vespa-products"
    return COSINE, np.load(folder / "base_f16.npy"), np.load(folder / "query_f16.npy")[:QUERIES]


SOURCES = {"fashion": fashion, "nsmc": nsmc, "siftsmall": siftsmall, "vespa": vespa, "grown128": grown128, "grown768": grown768}


def distances(metric, query, rows):
    """Distance of one query to each of the rows in double precision. L2: squared; COSINE: 1 - cosine, and 1 to a zero vector."""
    query, rows = query.astype(np.float64), rows.astype(np.float64)
    if metric == L2:
        return ((rows - query) ** 2).sum(axis=1)
    size = np.linalg.norm(query) * np.linalg.norm(rows, axis=1)
    return 1.0 - np.divide(rows @ query, size, out=np.zeros(len(rows)), where=size > 0)


def keys_for_ranking(metric, base):
    """(rows, squared norms): a row's rank for a query is norm - 2 row . query, for either metric."""
    if metric == L2:
        return base, (base * base).sum(axis=1)
    rows = grow.unit(base)
    return rows, np.zeros(len(rows), dtype=np.float32)


def exact(metric, base, queries, most=TRUTH):
    """The distances of the `most` nearest rows of each query: candidates by single precision, ranked again by double."""
    rows, norms = keys_for_ranking(metric, base)
    count, wanted = min(most, len(base)), min(most + SPARE, len(base))
    truth = np.empty((len(queries), count))
    for start in range(0, len(queries), BLOCK):
        ranks = norms - 2 * (queries[start:start + BLOCK] @ rows.T)
        near = np.argpartition(ranks, wanted - 1, axis=1)[:, :wanted]
        for i, candidates in enumerate(near):
            found = distances(metric, queries[start + i], base[candidates])
            truth[start + i] = np.sort(found)[:count]
    return truth


class Set:
    """A prepared set: its files, and the judge of answers."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        facts = json.loads((self.folder / "set.json").read_text())
        self.name, self.metric, self.rows, self.dim = facts["name"], facts["metric"], facts["rows"], facts["dim"]
        self.source = facts["source"]

    def base(self):
        """The rows, mapped."""
        return np.load(self.folder / "base.npy", mmap_mode="r")

    def queries(self):
        """The queries, in memory."""
        return np.load(self.folder / "queries.npy")

    def columns(self):
        """{name: a number for each row} of the columns to filter by; none in most sets."""
        paths = [self.folder / f"{name}.npy" for name in filtering.COLUMNS]
        return {path.stem: np.load(path) for path in paths if path.exists()}

    def cases(self):
        """The filters that it is asked under; none in most sets."""
        return filtering.grid(self.rows) if self.columns() else []

    def types(self):
        """{column: its type in MilvusQL}."""
        return {name: "INT64" for name in self.columns()}

    def indexes(self):
        """{column: what follows its name in CREATE INDEX} of the columns with an index."""
        return {name: "" for name in self.columns()}

    def files(self):
        """What COPY loads id, v and the columns from."""
        return [self.folder / f"{name}.npy" for name in ("ids", "base", *self.columns())]

    def records(self):
        """The columns of each row, one row after another."""
        columns = list(self.columns().values())
        return zip(*(column.tolist() for column in columns)) if columns else iter([()] * self.rows)

    def allowed(self, case):
        """A bool for each row: whether the filter lets it through."""
        return case.allowed(np.load(self.folder / f"{case.column}.npy"))

    def recall(self, answers, k, number=None):
        """Share of the k nearest that `answers` (queries x k, -1: none) found, by distance: a row as near as the k-th is right.

        With the number of a filter of the grid, of the rows that it lets through; others are wrong. A query whose answers begin with -2 was
        not asked and does not count. Where no row is wanted the recall is 1.
        """
        base, queries = self.base(), self.queries()
        truth = np.load(self.folder / ("truth.npy" if number is None else f"truth-{number}.npy"))
        allowed = None if number is None else self.allowed(self.cases()[number])
        right = wanted = 0
        for query, found, near in zip(queries, answers, truth):
            near = near[:k]
            if found[0] == -2 or len(near) == 0:
                continue
            found = np.unique(found[found >= 0])
            found = found if allowed is None else found[allowed[found]]
            farthest = near[-1] + 1e-9 * abs(near[-1]) + 1e-12
            hits = int((distances(self.metric, query, base[found]) <= farthest).sum())
            right += min(hits, len(near))
            wanted += len(near)
        return right / wanted if wanted else 1.0

    def wrong(self, answers, number):
        """How many answers there are that the filter excludes, or that their query has already."""
        allowed = self.allowed(self.cases()[number])
        asked = [found[found >= 0] for found in answers]
        return sum(len(found) - int(allowed[np.unique(found)].sum()) for found in asked)


def write_set(folder, name, source, metric, base, queries):
    """Fill `folder` with the files of a set."""
    base = np.ascontiguousarray(base, dtype=np.float32)
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    np.save(folder / "base.npy", base)
    np.save(folder / "queries.npy", queries)
    np.save(folder / "ids.npy", np.arange(len(base), dtype=np.int64))
    np.save(folder / "truth.npy", exact(metric, base, queries))
    facts = {"name": name, "source": source, "metric": metric, "rows": len(base), "dim": base.shape[1], "queries": len(queries)}
    (folder / "set.json").write_text(json.dumps(facts))


def add_filters(folder, metric, base):
    """The columns of a set with filters, and the truth of each filter of the grid."""
    data = Set(folder)
    away = distances(metric, base[filtering.pivot(len(base))], base)
    for name, column in filtering.columns(away).items():
        np.save(folder / f"{name}.npy", column)
    for number, case in enumerate(filtering.grid(len(base))):
        np.save(folder / f"truth-{number}.npy", exact(metric, base[data.allowed(case)], data.queries()))


def near_pivot(metric, base, queries):
    """The queries that a set with filters keeps."""
    away = distances(metric, base[filtering.pivot(len(base))], queries)
    return queries[np.sort(np.argsort(away, kind="stable")[: filtering.QUERIES])]


def write_named(folder, name, metric, base, queries, source):
    """write_set(), and what the name asks for besides."""
    is_filtered = name.endswith(FILTERED)
    base, queries = np.asarray(base, dtype=np.float32), np.asarray(queries, dtype=np.float32)
    write_set(folder, name, source, metric, base, near_pivot(metric, base, queries) if is_filtered else queries)
    if is_filtered:
        add_filters(folder, metric, base)


def prepare(name):
    """The set `name`, made now if it is not in the cache yet."""
    folder = cache_folder() / name.replace(":", "-")
    if (folder / "set.json").exists():
        return Set(folder)
    source, _, rows = name.removesuffix(FILTERED).partition(":")
    if source not in SOURCES:
        sys.exit(f"no set {source}: there are {', '.join(SOURCES)}")
    metric, base, queries = SOURCES[source]()
    making = folder.with_name(folder.name + f".making-{os.getpid()}")
    making.mkdir(parents=True)
    write_named(making, name, metric, base[: int(rows)] if rows else base, queries, SOURCES[source].__doc__)
    shutil.rmtree(folder, ignore_errors=True)
    making.rename(folder)
    return Set(folder)


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        print(prepare(wanted).folder)
