# SPDX-License-Identifier: Apache-2.0
"""dialects.py: a condition in MilvusQL, of the kinds that the real sets' filters have, as other programs write it.

Enough for those: comparisons, IN, BETWEEN, LIKE, IS NULL, AND, OR, NOT and `'x' IN array`, with texts that have no quote in them.
"""
import re

TEXT = re.compile(r"('[^']*')")
IN_ARRAY = re.compile(r"('[^']*') IN (\w+)")
TIME = re.compile(r"('\d+-\d+-\d+T[\d:]+Z')")
ABSENT = -1  # Milvus 2.3 knows no NULL: this number stands for it, which no column of these sets has

# (pattern, what Milvus writes), outside of texts, in this order; a text is one character here.
MILVUS = (
    (r"(\w+) BETWEEN (\S+) AND ([^\s)]+)", r"(\1 >= \2 and \1 <= \3)"),
    (r"(\w+) IS NULL", rf"\1 == {ABSENT}"),
    (r" IN \(([^)]*)\)", r" in [\1]"),
    (r"<>", "!="),
    (r"(?<![<>!=])=(?!=)", "=="),
    (r"\b(AND|OR|NOT|LIKE)\b", lambda word: word.group().lower()),
)


def sqlite(where):
    """Arrays are JSON."""
    return IN_ARRAY.sub(r"EXISTS (SELECT 1 FROM json_each(\2) WHERE value = \1)", where)


def postgres(where):
    """Its arrays' operator has an index."""
    return IN_ARRAY.sub(r"\2 @> ARRAY[\1]", where)


def lance(where):
    """DataFusion's SQL, in which a time must say that it is one."""
    return TIME.sub(r"timestamp \1", IN_ARRAY.sub(r"array_has(\2, \1)", where))


def milvus(where):
    """Milvus' filter grammar, for the columns with ABSENT in place of NULL."""
    where = IN_ARRAY.sub(r"array_contains(\2, \1)", where)
    texts = [text[1:-1] for text in TEXT.findall(where)]
    where = TEXT.sub("\0", where)
    for pattern, written in MILVUS:
        where = re.sub(pattern, written, where)
    remaining = iter(texts)
    return re.sub("\0", lambda _: f'"{next(remaining)}"', where)
