#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make-items.py SOURCE - make items.jsonl.zst and queries.jsonl.

SOURCE is a folder with Fashion-MNIST as base_u8.npy (60,000 training images of
784 bytes), query_u8.npy (10,000 test images), meta.jsonl (a line for each
training image) and query_labels.csv. Not needed to use the example: what it
made stands beside it. Needs Python 3 and the program zstd, nothing else.
"""
import csv
import json
import pathlib
import subprocess
import sys

ITEMS = 3000
QUERIES = 50
DIMENSION = 784
HERE = pathlib.Path(__file__).resolve().parent

# The northern half of the world.
SEASONS = ["winter"] * 2 + ["spring"] * 3 + ["summer"] * 3 + ["autumn"] * 3 + ["winter"]


def images(path, count):
    """The first `count` rows of an npy file of bytes, as lists of integers."""
    with open(path, "rb") as file:
        start = file.read(10)
        assert start[:6] == b"\x93NUMPY" and start[6] == 1, path
        header = file.read(int.from_bytes(start[8:10], "little")).decode()
        assert "'|u1'" in header and f", {DIMENSION})" in header, header
        return [list(file.read(DIMENSION)) for _ in range(count)]


def dump(row):
    return json.dumps(row, separators=(",", ":")) + "\n"


def main():
    source = pathlib.Path(sys.argv[1])
    lines = []
    with open(source / "meta.jsonl", encoding="utf-8") as file:
        for image, line in zip(images(source / "base_u8.npy", ITEMS), file):
            meta = json.loads(line)
            lines.append(dump({
                "id": meta["id"],
                "category": meta["category"],
                "price": meta["price"],
                "season": SEASONS[int(meta["created_at"][5:7]) - 1],
                "tags": meta["tags"],
                "embedding": image,
            }))
    assert len(lines) == ITEMS
    subprocess.run(["zstd", "-19", "-q", "-f", "-o", HERE / "items.jsonl.zst"],
                   input="".join(lines).encode(), check=True)
    with open(source / "query_labels.csv", encoding="utf-8") as file, \
            open(HERE / "queries.jsonl", "w", encoding="utf-8") as out:
        labels = csv.DictReader(file)
        for image, label in zip(images(source / "query_u8.npy", QUERIES), labels):
            out.write(dump({"id": int(label["id"]), "category": label["category"],
                            "embedding": image}))


main()
