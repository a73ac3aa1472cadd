#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""named_filters.py: the filters that came with the real data sets, mql beside its peers; writes a page, and ends with 1 where mql is wrong.

Runs bench/run on NAME+named (named.py) and makes the page of its results (`--report-only`: of those in OUT). mql is wrong where it returns fewer
rows than there are (k when k match), rows that the filter excludes, or has no effort that finds LEVEL of the nearest.
"""
import argparse
import os
import pathlib
import subprocess
import sys

import filter_report
import named
import report
from filter_report import OURS, Cell

HERE = pathlib.Path(__file__).resolve().parent
ENGINES = "mql,faiss-hnsw,faiss-flat,hnswlib,pgvector,milvus,milvus-lite,lancedb"
PEERS = ("faiss HNSW", "faiss FLAT", "hnswlib", "pgvector", "Milvus server", "Milvus Lite", "LanceDB")

INTRODUCTION = """# The filters of the real data sets

Made by `bench/named_filters.py`; do not edit. `make bench-named-filters` does it again. How it is measured: [bench](../../bench/README.md).

Each data set comes with named filters and the exact nearest rows of each; SQLite and comparing with all rows confirmed them. Columns have their types, and an
index each where a filter names them. A number is the queries a second, one at a time on one core, of the quickest effort that finds 0.95 of the nearest rows
and returns k rows whenever k match; an engine that has no such effort is shown by its best recall, with "short" where rows were missing. The time
of mql, PostgreSQL, Milvus and LanceDB includes the condition; faiss is given the bitmap of the rows ready-made, hnswlib a function built into Python (fewer rows
than k are an error to it). Graphs have M = 16, efConstruction = 200. Milvus has times as texts and -1 in place of NULL, which 2.3 does not know."""


def cells_of(results, clock, data):
    """[(a line of the filter, {engine: Cell})] in the order of the set."""
    grouped = {}
    for line in results.of("filtered", set=data):
        grouped.setdefault(line["number"], {}).setdefault(line["engine"], []).append(line)
    return [(next(iter(engines.values()))[0], {name: Cell(lines, clock) for name, lines in engines.items()}, engines.get(OURS, []))
            for _, engines in sorted(grouped.items())]


def row_of(about, cells, refusals):
    """A filter's row of the table."""
    ours, (name, peer) = cells.get(OURS), filter_report.best_peer(cells)
    speed = peer.speed if peer else None
    shown, line = (ours.shown(), ours.line or ours.best) if ours else ("–", None)
    refused = {line["engine"] for line in refusals}
    mine = [shown, f"{line['recall']:.3f}" if line else "–", str(line["effort"]) if line else "–"]
    others = [cells[engine].shown() if engine in cells else "refused" if engine in refused else "–" for engine in PEERS]
    return [about["name"], f"`{about['where']}`", f"{about['matching']:,}", *mine, report.named(name, speed), report.times(ours and ours.speed, speed), *others]


def failures(facts, filters):
    """What mql does wrong on a set, a line for each."""
    found = []
    for about, cells, lines in filters:
        where = f"{facts['set']} {about['name']}"
        found += [f"{where}: rows are missing at ef = {line['effort']}" for line in lines if line["short"]]
        found += [f"{where}: {line['wrong']} rows are wrong at ef = {line['effort']}" for line in lines if line["wrong"]]
        if lines and not any(line["recall"] >= filter_report.LEVEL for line in lines):
            found.append(f"{where}: recall is {cells[OURS].best['recall']:.3f} at best")
    answered = sum(1 for _, _, lines in filters if lines)
    if answered < facts["filters"]:
        found.append(f"{facts['set']}: mql was measured under {answered} filters of {facts['filters']}")
    return found


def section(facts, filters, refused):
    """All about one set."""
    head = ["filter", "WHERE", "rows that match", "mql queries/s", "recall", "ef", "best peer", "mql is", *PEERS]
    about = f"{facts['source']} {facts['rows']:,} rows, {facts['dim']} dimensions, {facts['metric']}, {facts['queries']} queries, k = 10."
    table = report.table(head, [row_of(line, cells, [no for no in refused if no["number"] == line["number"]]) for line, cells, _ in filters])
    reasons = "\n".join(f"* {line['engine']} refuses {line['name']}: `{' '.join(line['why'].split())}`" for line in refused)
    return "\n\n".join(part for part in (f"## {facts['set']}", about, table.replace("|---|---:|", "|---|---|", 1), reasons) if part)


def summary(filters):
    """How often mql is the fastest of those that reach the level, where any row matches."""
    speeds = [(cells[OURS].speed, filter_report.best_peer(cells)[1]) for about, cells, _ in filters if OURS in cells and about["matching"]]
    ratios = [mine / peer.speed for mine, peer in speeds if mine and peer]
    if not ratios:
        return ""
    return (f"Under {sum(ratio >= 1 for ratio in ratios)} of {len(ratios)} filters that let rows through and that a peer reaches too mql is at least as fast as the best peer; it is "
            f"{report.number(min(ratios))}x to {report.number(max(ratios))}x.")


def write_page(out, page):
    """The page from the results; what mql does wrong."""
    results, clock = report.Results(out), report.Clock("wall", "wall")
    found = {data: cells_of(results, clock, data) for data in results.sets}
    bad = [text for data, filters in found.items() for text in failures(results.sets[data], filters)]
    failed = [f"{line['engine']} on {line['set']}: {line['step']} failed" for line in results.of("failed")]
    parts = [INTRODUCTION, report.head(results, clock, ("filtered",)), summary([one for filters in found.values() for one in filters]),
             *(section(results.sets[data], filters, results.of("refused", set=data)) for data, filters in found.items())]
    if bad or failed:
        parts.append("## Wrong or failed\n\n" + "\n".join(f"* {text}" for text in bad + failed))
    pathlib.Path(page).write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")
    return bad


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", help="the folder that holds libmql.a and mql")
    parser.add_argument("--sets", default=",".join(named.SOURCES), help=f"of {','.join(named.SOURCES)}")
    parser.add_argument("--engines", default=ENGINES, help=f"of {ENGINES}")
    parser.add_argument("--seconds", default="0.3", help="after which a round of a point stops")
    parser.add_argument("--rounds", default="2", help="of each point, after one to warm up; the best counts")
    parser.add_argument("--keep", default="", help="folder where built indexes stay, and are not built again by a later run")
    parser.add_argument("--out", default="", help="file of results, begun anew; BUILD/bench/named.jsonl otherwise")
    parser.add_argument("--add", action="store_true", help="add to OUT; a point that was measured twice counts as the last time")
    parser.add_argument("--page", default=str(HERE.parent / "docs/benchmarks/named-filters.md"))
    parser.add_argument("--report-only", action="store_true", help="measure nothing")
    return parser.parse_args()


def measure(options, out):
    """bench/run on the sets."""
    if not options.add:
        pathlib.Path(out).unlink(missing_ok=True)
    command = [sys.executable, str(HERE / "run"), "--build", options.build, "--sets", ",".join(name + named.SUFFIX for name in options.sets.split(",")),
               "--engines", options.engines, "--settings", "M=16", "--k", "10", "--threads", "1", "--seconds", options.seconds,
               "--rounds", options.rounds, "--out", out, *(["--keep", options.keep] if options.keep else [])]
    subprocess.run(command, check=True)


def main():
    options = arguments()
    out = options.out or os.path.join(options.build, "bench", "named.jsonl")
    if not options.report_only:
        measure(options, out)
    bad = write_page(out, options.page)
    print("\n".join(bad), end="\n" if bad else "")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
