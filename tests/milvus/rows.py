# SPDX-License-Identifier: Apache-2.0
"""rows.py: a collection with a field of every scalar type, and seeded rows for it.

Values come from small pools, so that a random filter meets some rows and not others, and from the edges of their types. Floats are multiples
of 1/4 but for a few, so that arithmetic on them is exact in any width. FIELDS are those that Milvus 2.3 knows; NULLABLE are fields that may be
NULL, which it has had since 2.5. Keys that are no fields are dynamic.
"""
import random

INTEGERS = {"INT8": 7, "INT16": 15, "INT32": 31, "INT64": 63}  # type: bits besides the sign
FIELDS = {
    "id": "INT64", "flag": "BOOL", "i8": "INT8", "i16": "INT16", "i32": "INT32", "i64": "INT64", "f": "FLOAT", "d": "DOUBLE",
    "s": "VARCHAR", "t": "VARCHAR", "j": "JSON", "flags": "ARRAY<BOOL>", "i8s": "ARRAY<INT8>", "i16s": "ARRAY<INT16>",
    "i32s": "ARRAY<INT32>", "i64s": "ARRAY<INT64>", "fs": "ARRAY<FLOAT>", "ds": "ARRAY<DOUBLE>", "ts": "ARRAY<VARCHAR>",
}
NULLABLE = {"nb": "BOOL", "n16": "INT16", "n64": "INT64", "nf": "DOUBLE", "nt": "VARCHAR", "nj": "JSON", "ni32s": "ARRAY<INT32>", "nts": "ARRAY<VARCHAR>"}
DYNAMIC = ("color", "count", "extra")
CAPACITY, LENGTH = 8, 64

WORDS = ["", "a", "ab", "abc", "abcd", "b", "ba", "bar", "baz", "car", "cart", "a b", "100%", "50_50", "x'y", "A", "Äpfel", "日本", "zz", "ZZ",
         "a\\b", 'say "hi"', "tab\there"]
MISSING = object()  # no such key, no such element


def integer(random_, kind):
    """One of a few small ones, at times an edge of the type."""
    bits = INTEGERS[kind]
    if random_.random() < 0.03:
        return random_.choice([2**bits - 1, 1 - 2**bits])
    if kind == "INT64" and random_.random() < 0.05:
        return random_.choice([2**53, 2**53 + 1, 2**40, -(2**53) - 1])
    return random_.randint(-9, 9) if random_.random() < 0.8 else random_.randint(-100, 100)


def number(random_):
    """A multiple of 1/4, or one of a few that binary fractions cannot hold."""
    return random_.choice([0.1, -2.7, 1e10, 1e-3]) if random_.random() < 0.05 else random_.randint(-40, 40) / 4


def scalar(random_, kind):
    """A value of a type's pool."""
    if kind == "BOOL":
        return random_.random() < 0.5
    if kind in INTEGERS:
        return integer(random_, kind)
    if kind in ("FLOAT", "DOUBLE"):
        return number(random_)
    return random_.choice(WORDS)


def json_scalar(random_):
    """A leaf of JSON: kinds are mixed under one key."""
    return random_.choice([
        lambda: random_.randint(-5, 5), lambda: random_.randint(-5, 5), lambda: random_.randint(-20, 20) / 4, lambda: random_.choice(WORDS),
        lambda: random_.choice(WORDS[:6]), lambda: random_.random() < 0.5, lambda: None, lambda: random_.choice([2**53 + 1, -(2**53) - 1, 0, 0.0, "1"]),
    ])()


def json_object(random_):
    """Keys that are there or not, of one kind or mixed."""
    makers = {
        "k": lambda: json_scalar(random_), "n": lambda: random_.randint(-5, 5), "w": lambda: random_.choice(WORDS),
        "r": lambda: random_.randint(-20, 20) / 4, "b": lambda: random_.random() < 0.5,
        "l": lambda: [random_.randint(0, 6) for _ in range(random_.randint(0, 4))],
        "m": lambda: [json_scalar(random_) for _ in range(random_.randint(0, 3))],
        "ll": lambda: [[random_.randint(0, 2) for _ in range(random_.randint(0, 2))] for _ in range(random_.randint(0, 3))],
        "o": lambda: {key: json_scalar(random_) for key in ("k", "x") if random_.random() < 0.7},
        "e": lambda: random_.choice([None, {}, [], "", 0, False, {"x": None}, [None], [[]], {"x": 1}]),
    }
    return {key: make() for key, make in makers.items() if random_.random() < 0.75}


def make_value(random_, kind):
    """A value of a type."""
    if kind == "JSON":
        return json_object(random_)
    if kind.startswith("ARRAY"):
        return [scalar(random_, kind[6:-1]) for _ in range(random_.randint(0, CAPACITY // 2))]
    return scalar(random_, kind)


def make(count, seed, nullable):
    """`count` rows, ids from 1; each a dict as both engines take it."""
    random_ = random.Random(seed)
    rows = []
    for row_id in range(1, count + 1):
        row = {name: make_value(random_, kind) for name, kind in FIELDS.items()}
        row["id"] = row_id
        row["v"] = [random_.random(), random_.random()]
        if random_.random() < 0.6:
            row["color"] = random_.choice(WORDS[:8])
        if random_.random() < 0.6:
            row["count"] = json_scalar(random_)
        if random_.random() < 0.6:
            row["extra"] = json_object(random_)
        if nullable:
            row.update((name, None if random_.random() < 0.3 else make_value(random_, kind)) for name, kind in NULLABLE.items())
        rows.append(row)
    return rows
