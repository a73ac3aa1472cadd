# SPDX-License-Identifier: Apache-2.0
"""named.py: NAME+named, a real set with its own columns, asked under the filters that came with it.

The WHERE texts, how many rows match and the nearest of them are the set's (filters/filters.json, gt_*.ivecs). Before a set is used SQLite says which rows
match: their number and the truth must be the set's. Prepared like others (sets.py), with rows.jsonl (columns and vectors), allowed-N.npy (a bool for
each row) and truth-N.npy for each filter N.
"""
import json
import os
import pathlib
import re
import shutil
import sqlite3
import sys

import numpy as np

import dialects
import filtering
import sets

SUFFIX = "+named"
CHECKED = 10  # nearest rows that must be as near as the set says

SHOP = {"category": "VARCHAR(32)", "price": "INT64", "brand": "VARCHAR(32)", "rating": "FLOAT", "in_stock": "BOOL", "created_at": "TIMESTAMPTZ",
        "tags": "ARRAY<VARCHAR(32)>(16)", "rank_u": "INT64"}
# For each set: the file of the rows, and their columns.
SOURCES = {
    "siftsmall": ("siftsmall/meta.jsonl", SHOP),
    "vespa": ("vespa-products/products.jsonl", {"product_id": "INT64", "title": "VARCHAR(512)", "description": "VARCHAR(2048)", "category": "VARCHAR(32)",
                                                "price": "INT64", "quantity": "INT64", "average_rating": "FLOAT"}),
    "fashion": ("fashion-mnist/meta.jsonl", {"label": "INT64", **SHOP}),
    "nsmc": ("nsmc/nsmc_100k.jsonl", {"review_id": "INT64", "movie_id": "INT64", "rating": "INT64", "date": "VARCHAR(10)", "author": "VARCHAR(32)",
                                      "review": "VARCHAR(1024)"}),
}


def columns_of(where, columns):
    """Those of the columns that the condition names, outside of its texts."""
    words = re.findall(r"\w+", re.sub(r"'[^']*'", "", where))
    return [name for name in columns if name in words]


def indexes_for(wheres, columns):
    """{column: what follows its name in CREATE INDEX}: one for each column that is asked, grams where texts are looked into."""
    asked = {name for where in wheres for name in columns_of(where, columns)}
    inside = {name for where in wheres for name in re.findall(r"(\w+) LIKE '%", where)}
    return {name: "USING NGRAM WITH (min_gram = 2, max_gram = 3)" if name in inside else "" for name in columns if name in asked}


class Case:
    """One filter of a set; as filtering.Case to the engines."""

    relation = "named"

    def __init__(self, number, about, rows):
        self.number, self.name, self.where, self.matching = number, about["name"], about["where"], about["matching_rows"]
        self.share = self.matching / rows

    def condition(self):
        """As MilvusQL writes it."""
        return self.where

    def facts(self):
        """What a result says of it."""
        return {"relation": self.relation, "name": self.name, "where": self.where, "share": self.share, "matching": self.matching}


class NamedSet(sets.Set):
    """A prepared set with its own columns and filters."""

    def __init__(self, folder):
        super().__init__(folder)
        facts = json.loads((self.folder / "set.json").read_text(encoding="utf-8"))
        self.filters, self.meta = facts["filters"], facts["meta"]
        self.kinds, self.indexed = facts["kinds"], facts["indexed"]

    def cases(self):
        return [Case(number, about, self.rows) for number, about in enumerate(self.filters)]

    def types(self):
        return self.kinds

    def indexes(self):
        return self.indexed

    def files(self):
        return [self.folder / "rows.jsonl"]

    def records(self):
        for row in read_rows(self.meta):
            yield tuple(row[name] for name in self.kinds)

    def allowed(self, case):
        return np.load(self.folder / f"allowed-{case.number}.npy")


def read_rows(path):
    """The rows of a .jsonl, one by one."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def matching(rows, wheres):
    """For each condition a bool for each row, by SQLite; `id` is the row's number."""
    names = list(rows[0])
    db = sqlite3.connect(":memory:")
    db.execute("PRAGMA case_sensitive_like = 1")
    db.execute(f"CREATE TABLE t ({', '.join(names)})")
    values = ([json.dumps(value) if isinstance(value, list) else value for value in row.values()] for row in rows)
    db.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(names))})", values)
    found = np.zeros((len(wheres), len(rows)), dtype=bool)
    for bits, where in zip(found, wheres):
        bits[[row[0] for row in db.execute(f"SELECT id FROM t WHERE {dialects.sqlite(where)}")]] = True
    return found


def truth_of(metric, base, queries, near):
    """The distances of the rows `near` (queries x most, -1: no more), nearest first."""
    count = int((near[0] >= 0).sum()) if len(near) else 0
    truth = np.empty((len(queries), count))
    for distances, query, ids in zip(truth, queries, near):
        distances[:] = np.sort(sets.distances(metric, query, base[ids[ids >= 0]]))
    return truth


def check_truth(about, metric, base, queries, bits, truth):
    """End the program where the set's numbers are not what SQLite and comparing with all rows give."""
    if int(bits.sum()) != about["matching_rows"]:
        sys.exit(f"{about['name']}: {int(bits.sum())} rows match, not {about['matching_rows']}")
    most = min(CHECKED, int(bits.sum()))
    if most and not np.allclose(sets.exact(metric, base[bits], queries, most), truth[:, :most], rtol=1e-6, atol=1e-9):
        sys.exit(f"{about['name']}: the nearest rows are not those of {about['gt']}")


def write_filters(folder, source, filters, metric, base, queries, rows):
    """allowed-N.npy and truth-N.npy of each filter."""
    for number, (about, bits) in enumerate(zip(filters, matching(rows, [about["where"] for about in filters]))):
        if about["metric"] != {sets.L2: "l2", sets.COSINE: "cos"}[metric]:
            sys.exit(f"{about['name']}: its metric is {about['metric']}")
        near = np.fromfile(source / about["gt"], dtype=np.int32).reshape(about["queries"], -1)[: len(queries), 1:]
        truth = truth_of(metric, base, queries, near)
        check_truth(about, metric, base, queries, bits, truth)
        np.save(folder / f"allowed-{number}.npy", bits)
        np.save(folder / f"truth-{number}.npy", truth)


def write(folder, name):
    """Fill `folder` with the set."""
    source = name.removesuffix(SUFFIX)
    metric, base, queries = sets.SOURCES[source]()
    base, queries = np.asarray(base, dtype=np.float32), np.asarray(queries, dtype=np.float32)[: filtering.QUERIES]
    meta, kinds = SOURCES[source]
    meta = sets.data_folder() / meta
    rows, filters = list(read_rows(meta)), json.loads((meta.parent / "filters/filters.json").read_text(encoding="utf-8"))
    sets.write_set(folder, name, sets.SOURCES[source].__doc__, metric, base, queries)
    write_filters(folder, meta.parent, filters, metric, base, queries, rows)
    with open(folder / "rows.jsonl", "w", encoding="utf-8") as file:
        for row, vector in zip(rows, base, strict=True):
            file.write(f'{json.dumps(row, ensure_ascii=False)[:-1]}, "v": {vector.tolist()}}}\n')
    facts = json.loads((folder / "set.json").read_text())
    facts.update(filters=filters, meta=str(meta), kinds=kinds, indexed=indexes_for([about["where"] for about in filters], kinds))
    (folder / "set.json").write_text(json.dumps(facts), encoding="utf-8")


def opened(folder):
    """The prepared set in a folder, of either kind."""
    is_named = str(folder).endswith(SUFFIX)
    return NamedSet(folder) if is_named else sets.Set(folder)


def prepare(name):
    """The set `name`, made now if it is not in the cache yet; sets.py's when it is not NAME+named."""
    if not name.endswith(SUFFIX):
        return sets.prepare(name)
    if name.removesuffix(SUFFIX) not in SOURCES:
        sys.exit(f"no set {name}: there are {', '.join(source + SUFFIX for source in SOURCES)}")
    folder = sets.cache_folder() / name
    if not (folder / "set.json").exists():
        making = folder.with_name(f"making-{os.getpid()}-{name}")
        making.mkdir(parents=True)
        write(making, name)
        shutil.rmtree(folder, ignore_errors=True)
        making.rename(folder)
    return NamedSet(folder)


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        print(pathlib.Path(prepare(wanted).folder))
