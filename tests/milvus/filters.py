# SPDX-License-Identifier: Apache-2.0
"""filters.py: filters as trees; each knows its text in Milvus' syntax and what it means for a row.

value(row, rules) is True, False or None (UNKNOWN). With no rules it means what Milvus 2.6.20 documents, which mql follows. A rule is the name of
one known difference (rules.py); with it in force a filter means what the engine does that differs so.
"""
import functools
import math
import operator
import re
import struct

from rows import MISSING

COMPARE = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
WRAP = 2**64


class Overflow(Exception):
    """An integer beyond 64 bits."""


def single(value):
    """A number as a FLOAT holds it."""
    return struct.unpack("f", struct.pack("f", value))[0]


def kind_of(value):
    """Which values of JSON compare with each other: those of one kind."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else None


def quote(text):
    """A string in Milvus' syntax: single quotes where nothing must be escaped."""
    if not re.search(r"['\"\\\t]", text) and len(text) % 2:
        return f"'{text}'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return f'"{escaped}"'


def literal(value):
    """A constant in Milvus' syntax."""
    if isinstance(value, bool):
        return "true" if value else "False"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, list):
        return "[" + ", ".join(literal(each) for each in value) + "]"
    return hex(value) if isinstance(value, int) and value > 60 and value % 3 == 0 else repr(value)


class Operand:
    """A field, an element of an array field, a path in JSON or a dynamic key."""

    def __init__(self, text, kind, place, get):
        self.text, self.kind, self.place, self.get = text, kind, place, get

    def fit(self, constant, rules):
        """A constant as the comparison sees it: of 32 bits beside a FLOAT or an element of an ARRAY<FLOAT>."""
        if self.kind not in ("FLOAT", "ARRAY<FLOAT>") or (self.place == "element" or self.kind != "FLOAT") and "float-array" in rules:
            return constant
        return single(constant)

    def read(self, row):
        """Its value; a FLOAT's is the one stored."""
        value = self.get(row)
        return single(value) if self.kind == "FLOAT" and value not in (None, MISSING) else value

    def known(self, row, constant):
        """The value when it can be compared with the constant, else MISSING."""
        value = self.read(row)
        if value is None or value is MISSING:
            return MISSING
        if self.place == "path" and kind_of(value) != kind_of(constant):
            return MISSING
        return value

    def absent(self, row, rules, otherwise):
        """What a test of this row is that has nothing to test: UNKNOWN, or in two values `otherwise`."""
        if self.place == "path" and "json-two-valued" in rules:
            return otherwise
        if self.place == "element" and "element-two-valued" in rules and self.get(row) is MISSING:
            return otherwise
        return None


class Filter:
    """text: in Milvus' syntax."""

    text = ""

    def value(self, row, rules):
        """True, False or None."""
        raise NotImplementedError


class Text(Filter):
    """One written by hand, that means what the engines say."""

    def __init__(self, text):
        self.text = text


class Test(Filter):
    """One about one operand and constants. `holds` is asked of a value that is there and fits; `otherwise` is its two-valued answer for others."""

    def __init__(self, operand, text, holds, like, otherwise=False):
        self.operand, self.text, self.holds, self.like, self.otherwise = operand, text, holds, like, otherwise

    def value(self, row, rules):
        value = self.operand.known(row, self.like)
        if value is MISSING:
            return self.operand.absent(row, rules, self.otherwise)
        return self.holds(value, rules)


def compare(operand, op, constant, mirrored=False):
    """field < 1, or 1 > field."""
    text = f"{literal(constant)} {MIRRORED[op]} {operand.text}" if mirrored else f"{operand.text} {op} {literal(constant)}"
    return Test(operand, text, lambda value, rules: COMPARE[op](value, operand.fit(constant, rules)), constant, op == "!=" and operand.place == "path")


def between(operand, low, low_op, high_op, high):
    """1 < field <= 5, or from above."""
    ops = COMPARE[low_op], COMPARE[high_op]
    return Test(operand, f"{literal(low)} {low_op} {operand.text} {high_op} {literal(high)}",
                lambda value, rules: ops[0](operand.fit(low, rules), value) and ops[1](value, operand.fit(high, rules)), low)


class In(Filter):
    """field [not] in [...]; constants of several kinds are fit for JSON only."""

    def __init__(self, operand, constants, negated):
        self.operand, self.constants, self.negated = operand, constants, negated
        self.text = f"{operand.text} {'not in' if negated else 'in'} {literal(constants)}"

    def value(self, row, rules):
        value = self.operand.get(row)
        if value is None or value is MISSING:
            return self.operand.absent(row, rules, self.negated)
        value = self.operand.read(row)
        if self.operand.place != "path":
            return (value in [self.operand.fit(each, rules) for each in self.constants]) != self.negated
        kinds = {kind_of(each) for each in self.constants}
        found = any(kind_of(each) == kind_of(value) and each == value for each in self.constants)
        unknown = kind_of(value) not in kinds and bool(self.constants)
        if unknown and not found:
            return self.operand.absent(row, rules, self.negated)
        return found != self.negated


class Columns(Filter):
    """Two fields."""

    def __init__(self, left, op, right):
        self.left, self.op, self.right, self.text = left, op, right, f"{left.text} {op} {right.text}"

    def value(self, row, rules):
        values = self.left.read(row), self.right.read(row)
        if MISSING in values or None in values:
            return None
        return COMPARE[self.op](*values)


@functools.cache
def pattern_of(like, has_underscore, has_escape):
    """A regular expression for LIKE: % any run, _ one character, backslash takes the meaning away, the two where they have one."""
    parts, characters = [], iter(like)
    for each in characters:
        if each == "%":
            parts.append(".*")
        elif each == "_" and has_underscore:
            parts.append(".")
        else:
            parts.append(re.escape(next(characters, each) if each == "\\" and has_escape else each))
    return re.compile("".join(parts), re.DOTALL)


def like(operand, text):
    """LIKE; Milvus 2.3 knows it of the shape abc% alone."""
    def holds(value, rules):
        return bool(pattern_of(text, "like-underscore" not in rules, "like-escape" not in rules).fullmatch(value))

    return Test(operand, f"{operand.text} like {literal(text)}", holds, "")


def wrapped(number, rules):
    """An INT64: beyond it an error, or by the rule its 64 low bits."""
    if -(2**63) <= number < 2**63:
        return number
    if "overflow" not in rules:
        raise Overflow
    return (number + 2**63) % WRAP - 2**63


def calculate(left, op, right, rules):
    """Numbers: integers among themselves, truncating towards zero; else doubles."""
    whole = isinstance(left, int) and isinstance(right, int)
    if op in "/%":
        if not whole:
            return left / right if op == "/" else math.fmod(left, right)
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return wrapped(quotient if op == "/" else left - quotient * right, rules)
    found = {"+": operator.add, "-": operator.sub, "*": operator.mul}[op](left, right)
    return wrapped(found, rules) if whole else found


def arithmetic(operand, op, constant, comparison, result, mirrored=False):
    """field + 1 == 2, or 1 + field == 2."""
    left = f"{literal(constant)} {op} {operand.text}" if mirrored else f"{operand.text} {op} {literal(constant)}"
    return Test(operand, f"{left} {comparison} {literal(result)}",
                lambda value, rules: COMPARE[comparison](calculate(value, op, constant, rules), result), 0,
                comparison == "!=" and operand.place == "path")


def same(left, right, rules):
    """Whether an element is the constant: of one kind, and equal."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(*pair, rules) for pair in zip(left, right))
    if "contains-by-type" in rules and isinstance(left, float) and isinstance(right, int):
        return False
    return kind_of(left) == kind_of(right) and left == right


def contains(name, operand, wanted):
    """json_contains and its kin; `wanted` is a list for _all and _any."""
    element = wanted if name.lower().endswith(("_all", "_any")) else [wanted]

    def holds(value, rules):
        stored = [single(each) for each in value] if operand.kind == "ARRAY<FLOAT>" else value
        found = [any(same(one, operand.fit(each, rules), rules) for one in stored) for each in element]
        return any(found) if name.lower().endswith("_any") else all(found)
    return Test(operand, f"{name}({operand.text}, {literal(wanted)})", holds, [])


class Length(Test):
    """array_length(field) == 2."""

    def __init__(self, operand, op, count):
        super().__init__(operand, f"array_length({operand.text}) {op} {count}", lambda value, _: COMPARE[op](len(value), count), [], op == "!=")
        self.of_none = COMPARE[op](0, count)

    def value(self, row, rules):
        found = super().value(row, rules - {"json-two-valued"})
        return self.of_none if found is None and self.operand.place == "path" and "length-zero" in rules else found


def equals_array(operand, op, wanted):
    """field == [1, 2]."""
    def holds(value, rules):
        stored = [single(each) for each in value] if operand.kind == "ARRAY<FLOAT>" else value
        return (stored == [operand.fit(each, rules) for each in wanted]) == (op == "==")
    return Test(operand, f"{operand.text} {op} {literal(wanted)}", holds, [], op == "!=")


def is_empty(value):
    """Nothing but null and nothing, however deep."""
    if isinstance(value, (dict, list)):
        return all(is_empty(each) for each in (value.values() if isinstance(value, dict) else value))
    return value is None


class Exists(Filter):
    """Whether a path is there; never UNKNOWN."""

    def __init__(self, operand):
        self.operand, self.text = operand, f"exists {operand.text}"

    def value(self, row, rules):
        value = self.operand.get(row)
        if value is MISSING:
            return False
        return "exists-empty" in rules or not is_empty(value)


class IsNull(Filter):
    """field is [not] null; of a path: that it does [not] exist."""

    def __init__(self, operand, negated):
        self.operand, self.negated = operand, negated
        self.text = f"{operand.text} is {'not ' if negated else ''}null"

    def value(self, row, rules):
        value = self.operand.get(row)
        null = value is None or value is MISSING or (self.operand.place == "path" and is_empty(value))
        return null != self.negated


class Logic(Filter):
    """and, or of two or more."""

    def __init__(self, word, parts):
        self.parts, self.decides = parts, word in ("or", "OR", "||")
        self.text = f" {word} ".join(f"({part.text})" for part in parts)

    def value(self, row, rules):
        values = [part.value(row, rules) for part in self.parts]
        return self.decides if self.decides in values else None if None in values else not self.decides


class Not(Filter):
    """not (...), !(...)."""

    def __init__(self, word, part):
        self.part, self.text = part, f"{word} ({part.text})"

    def value(self, row, rules):
        value = self.part.value(row, rules)
        return None if value is None else not value


def keys(filter_, rows, rules=frozenset()):
    """Ids of the rows for which it is TRUE. Raises Overflow."""
    return {row["id"] for row in rows if filter_.value(row, rules) is True}
