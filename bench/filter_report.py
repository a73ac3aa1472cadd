# SPDX-License-Identifier: Apache-2.0
"""filter_report.py RESULTS.jsonl PAGE.md: the page of filtered searches, its figures beside it, from the lines that bench/run kept of sets
with filters.

An engine's speed under a filter is that of its quickest effort with which it finds LEVEL of the rows and never returns fewer than there are.
Where it has none, the recall of its best effort stands there instead, with "short" where rows were missing.
"""
import argparse
import pathlib

import report
import svg

LEVEL = 0.95
OURS = "mql HNSW"


class Cell:
    """What one engine did under one filter, all efforts together."""

    def __init__(self, lines, clock):
        reached = [line for line in lines if line["recall"] >= LEVEL and not line["short"] and not line.get("wrong")]
        self.line = max(reached, key=clock.speed, default=None)
        self.speed = clock.speed(self.line) if self.line else None
        self.best = max(lines, key=lambda line: (line["recall"], not line["short"]))

    def shown(self):
        """As it stands in a table."""
        if self.line:
            return report.number(self.speed)
        return f"{self.best['recall']:.2f}" + (" short" if self.best["short"] else "")


def cells_of(results, clock, data, relation):
    """{share: {engine: Cell}}."""
    grouped = {}
    for line in results.of("filtered", set=data, relation=relation):
        grouped.setdefault(line["share"], {}).setdefault(line["engine"], []).append(line)
    return {share: {engine: Cell(lines, clock) for engine, lines in engines.items()} for share, engines in sorted(grouped.items())}


def percent(share):
    """0.0001 as 0.01 %."""
    return f"{share * 100:g} %"


def best_peer(engines):
    """(name, Cell) of the fastest that is not ours and reaches the level; (None, None) when none does."""
    reached = {name: cell for name, cell in engines.items() if not name.startswith("mql") and cell.speed}
    name = max(reached, key=lambda name: reached[name].speed, default=None)
    return name, reached.get(name)


def against_best(cells):
    """A row for each share: ours, and the best peer."""
    rows = []
    for share, engines in cells.items():
        if OURS not in engines:
            continue
        ours, (name, peer) = engines[OURS], best_peer(engines)
        effort = f"{ours.line['effort']}" if ours.line else ""
        rows.append([percent(share), ours.shown(), f"{ours.best['recall']:.3f}", effort, report.named(name, peer.speed if peer else None),
                     report.times(ours.speed, peer.speed if peer else None)])
    return report.table(["rows let through", "mql queries/s", "best recall", "ef", "best peer", "mql is"], rows)


def all_engines(cells):
    """A row for each engine: its speed under each filter, or why it has none."""
    engines = sorted({name for row in cells.values() for name in row}, key=lambda name: (not name.startswith("mql"), name))
    rows = [[name, *(row[name].shown() if name in row else "–" for row in cells.values())] for name in engines]
    return report.table(["queries/s, or recall", *(percent(share) for share in cells)], rows)


def figure(cells, title, folder, name):
    """Speeds over shares."""
    curves = {}
    for share, engines in cells.items():
        for engine, cell in engines.items():
            if cell.speed:
                curves.setdefault(engine, []).append((share, cell.speed))
    ordered = dict(sorted(curves.items(), key=lambda item: (item[0] != OURS, item[0])))
    if not ordered:
        return ""
    report.write_figure(folder, name, svg.plot(title, ordered, svg.SHARE))
    return f"![{name}]({name}.svg)"


def section(results, clock, data, folder):
    """All about one set."""
    facts = results.sets[data]
    parts = [f"## {data}", f"{facts['source']} {facts['rows']:,} rows, {facts['dim']} dimensions, {facts['metric']}, {facts['queries']} queries, k = 10."]
    for relation in sorted({line["relation"] for line in results.of("filtered", set=data)}, key=("independent", "correlated", "anti-correlated").index):
        cells = cells_of(results, clock, data, relation)
        name = f"filters-{data.partition('+')[0]}-{relation}"
        parts += [f"### {relation}", against_best(cells), all_engines(cells), figure(cells, f"{data}, {relation}", folder, name)]
    return "\n\n".join(part for part in parts if part)


INTRODUCTION = """# Filtered searches

Made by `bench/filter_report.py` from the results beside it; do not edit. How it is measured: [bench](../../bench/README.md).

Every filter is a range of a column with an index. *Independent* filters have nothing to do with the vectors; *correlated* ones let the rows through that lie
where the queries are, *anti-correlated* ones those farthest from there. A number is the queries a second of the quickest effort that finds 0.95 of
the nearest rows and returns k rows whenever k match; an engine that has no such effort is shown by its best recall, with "short" where rows were missing. One that takes over a second for a query is not asked
with more effort. Engines in one process take turns, a filter each, and a point counts with its quickest round and its least recall.
mql, PostgreSQL, Milvus and LanceDB evaluate the condition; faiss is given the bitmap of the rows ready-made, hnswlib a function built into Python. usearch has no filters in Python."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results")
    parser.add_argument("page")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: for a machine that does other things meanwhile")
    options = parser.parse_args()
    results, clock = report.Results(options.results), report.Clock(options.clock, options.clock)
    sections = [section(results, clock, data, pathlib.Path(options.page).parent) for data in results.sets]
    text = "\n\n".join([INTRODUCTION, report.head(results, clock, ("filtered",)), *sections])
    pathlib.Path(options.page).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
