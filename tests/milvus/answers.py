# SPDX-License-Identifier: Apache-2.0
"""answers.py: what an engine said of a filter, and the file that keeps what a server said.

A line of the file: a digest of the filter's text, then the number of keys and their digest, or `refused` and the message.
"""
import hashlib
import re


def digest(text):
    """Sixteen hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Answer:
    """Keys, or a refusal. Two are equal when they have the same keys; of a kept one only number and digest are known."""

    def __init__(self, count=0, mark="", keys=None, refusal="", state=""):
        self.count, self.mark, self.keys, self.refusal, self.state = count, mark, keys, refusal, state

    @classmethod
    def of(cls, keys):
        """The keys themselves."""
        return cls(len(keys), digest(",".join(map(str, sorted(keys)))), keys)

    @classmethod
    def refused(cls, message, state=""):
        """An error; its message without the filter."""
        short = re.sub(r"cannot parse expression: .*, error: ", "", re.sub(r"\s+", " ", message))
        return cls(refusal=short[:200] or "refused", state=state)

    def same(self, other):
        """Whether both gave the same keys."""
        return not self.refusal and not other.refusal and (self.count, self.mark) == (other.count, other.mark)

    def __str__(self):
        return f"refused: {self.refusal}" if self.refusal else f"{self.count} keys"


def ask(keys, text, errors):
    """The answer of an engine, whose refusals are exceptions of one of these classes."""
    try:
        return Answer.of(keys(text))
    except errors as failure:
        return Answer.refused(str(failure), getattr(failure, "state", ""))


def keep(path, header, texts, given):
    """Write the file."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"# {header}\n")
        for text, each in zip(texts, given):
            file.write(f"{digest(text)} " + (f"refused {each.refusal}" if each.refusal else f"{each.count} {each.mark}") + "\n")


def kept(path, texts):
    """(header, answers) of a file that was written for these filters."""
    found = {}
    with open(path, encoding="utf-8") as file:
        header = file.readline()[2:].strip()
        for line in file:
            mark, first, rest = line.rstrip("\n").split(" ", 2)
            found[mark] = Answer.refused(rest) if first == "refused" else Answer(int(first), rest)
    if any(digest(text) not in found for text in texts):
        raise SystemExit(f"{path} was made of other filters or another seed: ask a server again (--keep)")
    return header, [found[digest(text)] for text in texts]
