# SPDX-License-Identifier: Apache-2.0
"""generate.py: random filters of a typed grammar, in Milvus' syntax."""
import filters
import rows
from rows import DYNAMIC, FIELDS, INTEGERS, MISSING, NULLABLE, WORDS

OPS = ["==", "!=", "<", "<=", ">", ">="]


def path_in(start, steps):
    """The value at the end of keys and numbers of elements, MISSING when there is none."""
    for step in steps:
        if isinstance(step, str):
            start = start.get(step, MISSING) if isinstance(start, dict) else MISSING
        else:
            start = start[step] if isinstance(start, list) and step < len(start) else MISSING
    return start


class Generator:
    """next() gives a filter; the same seed, the same filters."""

    def __init__(self, random_, nullable):
        self.random, self.nullable = random_, nullable
        self.fields = {**FIELDS, **(NULLABLE if nullable else {})}

    def some(self, choices):
        """One of them."""
        return self.random.choice(list(choices))

    # ---- operands
    def field(self, *kinds):
        """A field of one of the types."""
        name = self.some(name for name, kind in self.fields.items() if kind in kinds)
        return filters.Operand(name, self.fields[name], "field", lambda row: row[name])

    def element(self, *kinds):
        """An element of an array field, which may be beyond its end."""
        name = self.some(name for name, kind in self.fields.items() if kind.startswith("ARRAY") and kind[6:-1] in kinds)
        index = self.random.randint(0, 3)

        def get(row):
            return None if row[name] is None else row[name][index] if index < len(row[name]) else MISSING
        return filters.Operand(f"{name}[{index}]", self.fields[name][6:-1], "element", get)

    def path(self, *last):
        """A path in JSON or a dynamic key; `last` are keys whose values are likely of the kind wanted."""
        root = self.some(["j", "j", "extra"] + (["nj"] if self.nullable else []))
        steps = self.some([(self.some(last),), (self.some(last),), ("k",), ("nowhere",), ("o", "k"), ("l", self.random.randint(0, 3)), ("m", 0)])
        if self.random.random() < 0.15:
            root, steps = self.some(["color", "count"]), ()
        if self.random.random() < 0.05 and root in DYNAMIC:
            return self.path_of("$meta", (root, *steps), root, steps)
        return self.path_of(root, steps, root, steps)

    def path_of(self, name, written, root, steps):
        """The path as an operand."""
        text = name + "".join(f'["{step}"]' if isinstance(step, str) else f"[{step}]" for step in written)

        def get(row):
            start = row.get(root, MISSING)
            return start if start is None and not steps else path_in(start, steps)
        return filters.Operand(text, "JSON", "path", get)

    def array(self):
        """An array field."""
        return self.field(*(kind for kind in set(self.fields.values()) if kind.startswith("ARRAY")))

    # ---- constants
    def constant(self, kind):
        """A constant that suits a type: for integers at times one beyond it."""
        if kind in INTEGERS and self.random.random() < 0.05 and kind != "INT64":
            return self.some([300, 70000, -(2**31) - 1])
        if kind in ("FLOAT", "DOUBLE") and self.random.random() < 0.3:
            return self.random.randint(-10, 10)
        return rows.scalar(self.random, kind)

    def json_constant(self):
        """A constant of any kind, and keys where such are found."""
        return self.some([(self.random.randint(-5, 5), ("n", "k")), (self.random.randint(-20, 20) / 4, ("r", "n")), (self.some(WORDS), ("w", "k")),
                          (self.random.random() < 0.5, ("b", "k")), (2**53 + 1, ("k",))])

    def list_of(self, make):
        """Up to eight constants."""
        return [make() for _ in range(self.random.randint(0 if self.random.random() < 0.2 else 1, 8))]

    # ---- tests
    def ops(self, value):
        """Comparisons that a constant allows."""
        return OPS[:2] if isinstance(value, bool) else OPS

    def scalar_operand(self, *kinds):
        """A field, or an element of an array."""
        return self.field(*kinds) if self.random.random() < 0.75 else self.element(*kinds)

    def comparison(self):
        """Of a field or an element with a constant."""
        operand = self.scalar_operand("BOOL", *INTEGERS, *INTEGERS, "FLOAT", "DOUBLE", "VARCHAR")
        constant = self.constant(operand.kind)
        return filters.compare(operand, self.some(self.ops(constant)), constant, self.random.random() < 0.15)

    def json_comparison(self):
        """Of a path with a constant."""
        constant, last = self.json_constant()
        return filters.compare(self.path(*last), self.some(self.ops(constant)), constant, self.random.random() < 0.1)

    def range(self):
        """Two bounds."""
        if self.random.random() < 0.3:
            operand, bounds = self.path("n", "r"), sorted(self.random.randint(-6, 6) for _ in range(2))
        else:
            operand = self.scalar_operand(*INTEGERS, "FLOAT", "DOUBLE", "VARCHAR")
            bounds = sorted(rows.scalar(self.random, operand.kind) for _ in range(2))
        if self.random.random() < 0.2:
            return filters.between(operand, bounds[1], self.some([">", ">="]), self.some([">", ">="]), bounds[0])
        return filters.between(operand, bounds[0], self.some(["<", "<="]), self.some(["<", "<="]), bounds[1])

    def in_list(self):
        """in, not in."""
        operand = self.scalar_operand("BOOL", *INTEGERS, "FLOAT", "DOUBLE", "VARCHAR")
        return filters.In(operand, self.list_of(lambda: rows.scalar(self.random, operand.kind)), self.random.random() < 0.4)

    def json_in_list(self):
        """Of a path: constants of one kind."""
        maker, last = self.some([(lambda: self.random.randint(-5, 5), ("n", "k")), (lambda: self.some(WORDS), ("w", "k")),
                                 (lambda: self.random.randint(-20, 20) / 4, ("r", "k"))])
        return filters.In(self.path(*last), self.list_of(maker), self.random.random() < 0.4)

    def like(self):
        """Patterns: a start, mostly."""
        operand = self.some([lambda: self.scalar_operand("VARCHAR"), lambda: self.path("w", "k")])()
        start = self.some(word for word in WORDS if word and not set(word) & set("%_\\"))
        if self.random.random() < 0.85:
            return filters.like(operand, start[:2] + "%")
        return filters.like(operand, self.some(["%" + start, "%" + start[-1] + "%", start, "a%c", "_a%", "ab_", "%", "100\\%", "50\\_%", "__"]))

    def arithmetic(self):
        """field op constant, compared with a constant."""
        place = self.random.random()
        if place < 0.25:
            operand, whole = self.path("n", "r"), self.random.random() < 0.6
        else:
            operand = self.scalar_operand(*INTEGERS, "FLOAT", "DOUBLE")
            whole = operand.kind in INTEGERS
        op = self.some("+-*/%" if whole else "+-*/")
        constant = self.some([2, 3, 4, -3, 7, 10]) if whole else self.some([0.5, 2.0, -4.0, 0.25])
        result = self.random.randint(-12, 12) if whole else self.random.randint(-24, 24) / 4
        ops = OPS[:2] if self.random.random() < 0.9 else OPS  # Milvus 2.3 knows == and != here
        return filters.arithmetic(operand, op, constant, self.some(ops), result, op in "+*" and self.random.random() < 0.2)

    def columns(self):
        """Two fields."""
        if self.random.random() < 0.3:
            return filters.Columns(self.field("VARCHAR"), self.some(OPS), self.field("VARCHAR"))
        kinds = (*INTEGERS, "DOUBLE")
        return filters.Columns(self.field(*kinds), self.some(OPS), self.field(*kinds))

    def contains(self):
        """Whether a constant, all or any of some are in an array."""
        suffix = self.some(["", "_all", "_any"])
        operand = self.array()
        kind = operand.kind[6:-1]
        wanted = [rows.scalar(self.random, kind) for _ in range(self.random.randint(1, 3))] if suffix else rows.scalar(self.random, kind)
        name = self.some(["array_contains", "json_contains", "ARRAY_CONTAINS"])
        return filters.contains(name + (suffix.upper() if name.isupper() else suffix), operand, wanted)

    def json_contains(self):
        """The same of an array in JSON."""
        suffix = self.some(["", "_all", "_any"])
        last, make = self.some([("l", lambda: self.random.randint(0, 6)), ("m", lambda: self.json_constant()[0]),
                                ("ll", lambda: [self.random.randint(0, 2) for _ in range(self.random.randint(1, 2))])])
        wanted = [make() for _ in range(self.random.randint(1, 3))] if suffix else make()
        return filters.contains("json_contains" + suffix, self.path(last, last), wanted)

    def length(self):
        """Of an array."""
        operand = self.array() if self.random.random() < 0.7 else self.path("l", "m")
        return filters.Length(operand, self.some(OPS[:2] if self.random.random() < 0.9 else OPS), self.random.randint(0, 4))

    def equals_array(self):
        """Whole arrays."""
        operand = self.array()
        return filters.equals_array(operand, self.some(OPS[:2]), [rows.scalar(self.random, operand.kind[6:-1]) for _ in range(self.random.randint(1, 2))])

    def exists(self):
        """Of a path."""
        return filters.Exists(self.path("e", "k", "o"))

    def is_null(self):
        """Of a field or a path."""
        operand = self.field(*set(NULLABLE.values())) if self.nullable and self.random.random() < 0.7 else self.path("e", "k")
        return filters.IsNull(operand, self.random.random() < 0.5)

    def test(self):
        """A filter without and, or, not."""
        makers = [(self.comparison, 6), (self.json_comparison, 5), (self.range, 3), (self.in_list, 4), (self.json_in_list, 2), (self.like, 3),
                  (self.arithmetic, 4), (self.columns, 2), (self.contains, 3), (self.json_contains, 2), (self.length, 2), (self.equals_array, 1),
                  (self.exists, 2), (self.is_null, 3 if self.nullable else 0)]
        return self.random.choices([maker for maker, _ in makers], [weight for _, weight in makers])[0]()

    def next(self, depth=3):
        """A filter; half of them are more than one test."""
        choice = self.random.random()
        if depth == 0 or choice < 0.45:
            return self.test()
        if choice < 0.6:
            return filters.Not(self.some(["not", "!"]), self.next(depth - 1))
        word = self.some(["and", "&&", "or", "||"])
        return filters.Logic(word, [self.next(depth - 1) for _ in range(self.random.choice([2, 2, 3]))])
