# SPDX-License-Identifier: Apache-2.0
"""worker.py: one step of one engine in a process of its own; bench/run starts it. Prints a line of JSON for each result, and
{"kind": "turn"} where it waits to be told the number of a filter.

    worker.py '{"step": "build", "search" or "filter", "engine": ..., "set": ..., "folder": ..., "setting": {...}, ...}'

Answers are judged elsewhere, so that the rows are not in the memory that is measured: a line names the file with the ids.
"""
import json
import os
import signal
import sys
import time

import numpy as np

import measure
import named
from engines import engine_class

SOAK_K = 10
TRIED = 3  # queries of a library's loop that tell how many fit into the time
COUNTED = 100  # queries whose distances are counted
LEAST_QPS = 1  # under a filter: an engine that is slower is not asked with more effort


def say(**line):
    """One result."""
    print(json.dumps(line), flush=True)


def build(engine, order):
    """Load and index, timed; the size on the disk."""
    load_before = os.getloadavg()[0]
    times = engine.build()
    parts = {f"{part}_{clock}": seconds for part, both in times.items() for clock, seconds in zip(("wall", "cpu"), both)}
    say(kind="build", **parts, disk=measure.disk_bytes(engine.folder), load=[load_before, os.getloadavg()[0]])


def cold(engine, queries):
    """Open with nothing in the page cache, and the first query."""
    if not engine.is_server:
        engine.baseline_kib = measure.pss_kib([os.getpid()])
    measure.evict(engine.folder)
    start = time.perf_counter()
    told = engine.open()
    opened = told if told is not None else time.perf_counter() - start
    engine.fit(engine.threads)
    engine.tune(engine.soak_effort, SOAK_K)
    first = engine.first(queries[0], SOAK_K)
    say(kind="cold", open_s=opened, first_s=first)


def soak(engine, queries, count):
    """Memory after `count` queries."""
    engine.tune(engine.soak_effort, SOAK_K)
    engine.soak(queries, SOAK_K, count)
    total = measure.pss_kib(engine.processes())
    say(kind="memory", queries=count, pss_kib=total - engine.baseline_kib, pss_total_kib=total)


class Sweep:
    """All efforts, both ways of asking."""

    def __init__(self, engine, queries, order):
        self.engine, self.queries, self.order = engine, queries, order
        self.files = 0

    def report(self, mode, k, effort, ids, line):
        """One point: numbers, and the file with the ids."""
        self.files += 1
        path = os.path.join(self.engine.folder, f"ids-{self.files}.npy")
        np.save(path, ids)
        say(kind="point", mode=mode, k=k, effort=effort, **line, ids=path, load=[os.getloadavg()[0]])

    def one(self, k, effort):
        """Each query by itself: the best of some rounds."""
        engine, seconds = self.engine, self.order["seconds"]
        queries = self.queries[: engine.most_queries]
        engine.soak(queries, k, min(measure.WARM_UP, engine.most_queries))
        rounds = [engine.round(queries, k, seconds) for _ in range(self.order["rounds"])]
        line = measure.best_of([numbers for _, numbers in rounds])
        counted = engine.distances(queries[:COUNTED], k) if engine.threads == 1 else None
        line["distances"] = counted / len(queries[:COUNTED]) if counted is not None else None
        self.report("one", k, effort, rounds[0][0], line)

    def many(self, k, effort):
        """All queries in one call."""
        engine = self.engine
        engine.round_many(self.queries, k)
        rounds = [engine.round_many(self.queries, k) for _ in range(self.order["rounds"])]
        self.report("many", k, effort, rounds[0][0], measure.best_of([numbers for _, numbers in rounds]))

    def efforts(self, k):
        """The engine's, less those that were not asked for."""
        wanted = self.order["efforts"]
        return [effort for effort in self.engine.efforts[k] if effort in (*wanted, 0) or not wanted]

    def run(self):
        """Every k and effort."""
        for k in self.order["ks"]:
            for effort in self.efforts(k):
                self.engine.tune(effort, k)
                takes_many = self.engine.takes_many()
                # On several cores a library's own threads do better than several callers in Python.
                if self.engine.threads == 1 or not self.engine.loops:
                    self.one(k, effort)
                if takes_many:
                    self.many(k, effort)


def search(engine, order):
    """Cold open, sweep, memory."""
    queries = engine.data.queries()[: order["queries"]]
    if not engine.is_server:
        engine.fit(order["threads"])
    engine.threads, engine.asked = order["threads"], min(order["queries"], engine.most_queries)
    cold(engine, queries)
    Sweep(engine, queries, order).run()
    if order["threads"] == 1:
        soak(engine, queries, min(order["soak"], engine.most_soak))


class Grid:
    """Every filter of the grid with every effort, one query at a time; a library that loops over many itself is asked for all in one call."""

    def __init__(self, engine, queries, order):
        self.engine, self.queries, self.order = engine, queries, order
        self.files = 0

    def looped(self, k):
        """As many of the queries as fit into the time, by what the first ones took, in one call: (ids, numbers)."""
        seconds = 1 / self.engine.round_many(self.queries[:TRIED], k)[1]["qps"]
        count = int(min(max(self.order["seconds"] / seconds, TRIED), len(self.queries)))
        found, line = self.engine.round_many(self.queries[:count], k)
        ids = np.full((len(self.queries), k), -2, dtype=np.int64)
        ids[:count] = found
        return ids, line

    def point(self, number, case, effort):
        """One round of a filter with one effort, after one as a warm-up. Queries a second."""
        engine, k = self.engine, self.order["ks"][0]
        engine.tune(effort, k)
        ask = (lambda: self.looped(k)) if engine.loops else (lambda: engine.round(self.queries, k, self.order["seconds"]))
        ask()
        ids, line = ask()
        self.files += 1
        path = os.path.join(engine.folder, f"ids-{self.files}.npy")
        np.save(path, ids)
        say(kind="filtered", **case.facts(), number=number, k=k, effort=effort, **line, ids=path, load=[os.getloadavg()[0]])
        return line["qps"]

    def case(self, number):
        """A round of one filter with every effort."""
        case = self.engine.data.cases()[number]
        query, k = self.engine.prepare_query(self.queries[:1])[0], self.order["ks"][0]
        self.engine.filter(case)
        why = self.engine.refusal(query, k)
        if why is not None:
            say(kind="refused", **case.facts(), number=number, why=why)
            return
        for effort in self.engine.filter_efforts:
            if self.point(number, case, effort) < LEAST_QPS:
                break


def ask_filtered(engine, order):
    """Open, and ask under the filters whose numbers are told, one a line."""
    queries = engine.data.queries()
    engine.threads, engine.asked = 1, len(queries)
    if not engine.is_server:
        engine.fit(1)
    engine.open()
    engine.fit(1)
    grid = Grid(engine, queries, order)
    say(kind="turn")
    for number in sys.stdin:
        grid.case(int(number))
        say(kind="turn")


def main():
    order = json.loads(sys.argv[1])
    engine = engine_class(order["engine"])(named.opened(order["set"]), order["folder"], order["setting"])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        {"build": build, "search": search, "filter": ask_filtered}[order["step"]](engine, order)
    finally:
        engine.close()


if __name__ == "__main__":
    main()
