# SPDX-License-Identifier: Apache-2.0
"""rules.py: the known differences between mql and a Milvus 2.3 server, and which of them explain what was seen.

The model (filters.py) must give exactly the server's keys with all rules of MEANING in force, and exactly mql's with none. What a filter is filed
under are the rules that it takes: without any one of them the keys would be others. A refusal is explained by its message. The rest are failures.
"""
import collections
import re

import cases
import filters
from answers import Answer

# name: what Milvus 2.3 does, and what mql does.
MEANING = {
    "json-two-valued": "JSON path that is absent, null or of another kind: `!=` and `not in` are true, all other tests false, and NOT turns them. "
                       "mql: UNKNOWN, as Milvus from 2.6.20 on",
    "element-two-valued": "element beyond the end of an array: `not in` is true, all other tests false, `!=` among them, and NOT turns them. mql: UNKNOWN, as Milvus from 2.6.20 on",
    "exists-empty": "`exists` is true of null, `{}` and `[]`. mql: false, as Milvus 2.6",
    "length-zero": "`array_length` of a JSON path that is no array is 0. mql: UNKNOWN, as Milvus 2.6",
    "contains-by-type": "the `json_contains` functions do not find 1 where the array has 1.0, though `==` does. mql: equal numbers are equal",
    "like-underscore": "`_` in LIKE stands for itself. mql: any one character, as Milvus from 2.4 on",
    "like-escape": "a backslash in LIKE stands for itself. mql: it takes the meaning from the character behind it, as Milvus from 2.4 on",
    "float-array": "elements of an ARRAY<FLOAT> are compared with the constant as it is in 64 bits, so that 0.1 is not found. mql: with the constant as a FLOAT, as beside a field of that type",
    "overflow": "integers wrap at 64 bits. mql: error 22003",
}
# name: (the server's message, what it refuses; mql answers as the model says)
REFUSALS = {
    "only-equal": (r"(Less|Greater)(Than|Equal) is not supported in execution backend", "`<` and its like beside arithmetic or `array_length`; only `==` and `!=` are built"),
    "like-start": (r"unsupported pattern", "LIKE of another shape than `abc%` and `abc`; 2.4 knows more"),
    "int64-least": (r'parsing "9223372036854775808": value out of range', "-9223372036854775808; 2.6 takes it"),
    "inner": (r"fail to Query", "what its parser takes and its executor does not"),
}


def model(asked, rows, rules=frozenset()):
    """The model's answer; None where an integer overflows. Kept, since it is asked for several times."""
    known = asked.__dict__.setdefault("answers", {})
    if frozenset(rules) not in known:
        known[frozenset(rules)] = work_out(asked, rows, rules)
    return known[frozenset(rules)]


def work_out(asked, rows, rules):
    """The same, from the rows."""
    try:
        return Answer.of(filters.keys(asked, rows, rules))
    except filters.Overflow:
        return None


class Tally:
    """Sorts the answers to filters into those that agree, those that a rule explains, and failures."""

    def __init__(self, rows):
        self.rows, self.counts, self.examples, self.failures = rows, collections.Counter(), {}, []

    def file(self, name, asked):
        """Count it, and keep the shortest example."""
        self.counts[name] += 1
        if name not in self.examples or len(asked.text) < len(self.examples[name]):
            self.examples[name] = asked.text

    def judge_mql(self, asked, mine):
        """Whether mql's answer is the model's."""
        expected = model(asked, self.rows)
        if expected is None:
            return mine.state == "22003" or mine.same(model(asked, self.rows, {"overflow"}))
        return mine.same(expected)

    def explain(self, asked, theirs):
        """Names of the rules it takes, none where mql's meaning is the server's; None where rules do not explain it."""
        if theirs.refusal:
            return next(((name,) for name, (message, _) in REFUSALS.items() if re.search(message, theirs.refusal)), None)
        needed, bare = set(MEANING), model(asked, self.rows)
        if not model(asked, self.rows, needed).same(theirs):
            return None
        if bare is not None and bare.same(theirs):
            return ()
        for rule in MEANING:
            found = model(asked, self.rows, needed - {rule})
            if found is not None and found.same(theirs):
                needed.remove(rule)
        return tuple(rule for rule in MEANING if rule in needed)

    def add(self, asked, bare, indexed, theirs):
        """Sort one filter's answers: mql's without and with indexes, the server's (None: not asked)."""
        for mine, how in ((bare, "mql without indexes"), (indexed, "mql with indexes")):
            if not self.judge_mql(asked, mine):
                self.failures.append((asked, f"{how}: {mine}; the model: {model(asked, self.rows)}"))
                return
        rules = self.explain(asked, theirs) if theirs else ()
        if rules is None:
            self.failures.append((asked, f"mql: {bare}; the server: {theirs}; with all rules: {model(asked, self.rows, set(MEANING))}; {self.sample(bare, theirs)}"))
            return
        self.file("same" if theirs is None or bare.same(theirs) else " + ".join(rules), asked)

    def add_case(self, name, text, bare, indexed, theirs):
        """Sort the answers to a filter written by hand."""
        asked, (expected, _) = filters.Text(text), cases.OUTCOMES[name]
        refuses = expected in ("both refuse", "server only")
        found = cases.outcome(bare, theirs) if theirs else expected if refuses == bool(bare.refusal) else f"mql: {bare}"
        if bool(bare.refusal) != bool(indexed.refusal) or not (bare.refusal or bare.same(indexed)):
            self.failures.append((asked, f"mql without indexes: {bare}; with: {indexed}"))
        elif found != expected:
            self.failures.append((asked, f"{found}, not {expected} ({name}); mql: {bare}; server: {theirs}; {self.sample(bare, theirs)}"))
        else:
            self.file(f"by hand: {name}", asked)

    @staticmethod
    def sample(mine, theirs):
        """A few keys that one of them has alone."""
        if theirs is None or mine.keys is None or theirs.keys is None:
            return ""
        return f"mql alone {sorted(mine.keys - theirs.keys)[:5]}, server alone {sorted(theirs.keys - mine.keys)[:5]}"

    def table(self):
        """Markdown."""
        lines = ["| what came of it | filters | the shortest of them |", "|---|---|---|"]
        for name, count in self.counts.most_common():
            example = self.examples[name].replace("|", "\\|")
            lines.append(f"| {name} | {count} | `{example}` |")
        return "\n".join(lines)
