# SPDX-License-Identifier: Apache-2.0
"""base.py: what an engine is to the harness, and how one that lives in Python is measured."""
import concurrent.futures
import math
import os
import time

import numpy as np

import measure

HNSW_EFFORTS = {10: [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 400, 600], 100: [100, 128, 192, 256, 400, 600, 800]}
PROBES = {10: [1, 2, 4, 6, 8, 10, 12, 16, 24, 32, 48, 64, 128], 100: [2, 4, 8, 16, 32, 64, 128]}
FILTER_EFFORTS = [10, 16, 24, 32, 48, 64, 96, 128, 256, 512]
SLOW_EFFORTS = {10: [16, 64, 256], 100: [128, 400]}
EXACT_EFFORTS = {10: [0], 100: [0]}


def lists_for(rows):
    """How many lists an inverted file gets: about 4 sqrt(rows), to a power of two."""
    return 2 ** round(math.log2(4 * math.sqrt(rows)))


class Engine:
    """One engine with one setting on one set.

    Built once in a process of its own, then opened and asked in others. `folder` is its place on the disk. A class says which settings it is
    measured with (each a dict of build parameters), and which efforts of a search.
    """

    name = ""
    package = ""  # on PyPI; its version is kept with the results
    settings = [{}]
    effort_name = "ef"
    efforts = HNSW_EFFORTS
    filter_efforts = FILTER_EFFORTS  # empty: it has no filters
    most_queries = 1000  # fewer for those that take long
    most_soak = 10_000  # queries before memory is measured; fewer where the first one touches everything, or each takes long
    is_server = False  # answers from processes other than this one
    loops = False  # many queries in one call are a plain loop over them, in the engine's own language
    has_answers = True  # False: only a floor for the time
    soak_effort = 64

    def __init__(self, data, folder, setting):
        self.data, self.folder, self.setting = data, os.fspath(folder), setting
        self.threads = 1
        self.asked = self.most_queries  # of the queries, at most
        self.baseline_kib = 0  # what the process held before the engine was opened

    # ---- what an engine gives
    def build(self):
        """Load all rows and build the index on all cores, leaving it in the folder. {"load": ..., "build": ...}, each (wall, cpu) seconds."""
        raise NotImplementedError

    def open(self):
        """Open what was built; the first query can follow."""
        raise NotImplementedError

    def tune(self, effort, k):
        """Set the effort of the searches to come."""

    def filter(self, case):
        """Let only the rows of a filter (filtering.Case) through from now on. Engines that cannot leave it."""
        raise NotImplementedError

    def refusal(self, query, k):
        """Why it does not answer under the filter it was given, in its words; None: it does."""
        return None

    def one(self, query, k):
        """The ids of the k nearest rows."""
        raise NotImplementedError

    many = None  # many(queries, k): ids of each, from one call

    def takes_many(self):
        """Whether many queries can be given in one call."""
        return self.many is not None

    def distances(self, queries, k):
        """Distances computed for these queries, or None when the engine does not tell."""
        return None

    def processes(self):
        """The processes whose memory and time are the engine's."""
        return [os.getpid()]

    def close(self):
        """Stop what was started, if anything was; may be called twice."""

    # ---- how it is measured
    def prepare_query(self, queries):
        """The queries in the form that one() takes, made before the clock starts."""
        return list(queries)

    def cpu(self):
        """Processor seconds used so far by all that work on an answer."""
        if self.is_server:
            return measure.processor_seconds([*self.processes(), os.getpid()])
        return time.process_time()

    def fit(self, threads):
        """Use `threads` cores: this process's, or the server's, with the client beside it."""
        self.threads = threads
        if not self.is_server:
            measure.pin(threads)
            return
        for process in self.processes():
            measure.pin(threads, process)
        measure.pin_elsewhere(threads)

    def first(self, query, k):
        """Seconds of the very first query."""
        return measure.timed(lambda: self.one(self.prepare_query(query[None])[0], k))[1]

    def round(self, queries, k, seconds):
        """Each query by a call of its own: (ids, numbers). With several threads as many callers at once."""
        ready = self.prepare_query(queries)
        if self.threads > 1:
            return self.round_of_callers(ready, k, seconds)
        answers, wall, cpu, latencies = measure.one_round(lambda query: self.one(query, k), ready, seconds, self.cpu)
        return ids_of(answers, len(queries), k), measure.summary(len(answers), wall, cpu, latencies)

    def caller(self, number):
        """What caller `number` asks with; engines that need a connection for each override it."""
        return self.one

    def round_of_callers(self, ready, k, seconds):
        """The queries dealt out to threads of Python."""
        answers, cpu, start = [[]] * len(ready), self.cpu(), time.perf_counter()
        latencies = []

        def call(first):
            ask = self.caller(first)
            for i in range(first, len(ready), self.threads):
                before = time.perf_counter()
                if before - start > seconds:
                    return
                answers[i] = ask(ready[i], k)
                latencies.append(time.perf_counter() - before)

        with concurrent.futures.ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(call, range(self.threads)))
        wall = time.perf_counter() - start
        ids = ids_of(answers, len(ready), k)
        ids[[i for i, answer in enumerate(answers) if len(answer) == 0]] = -2
        return ids, measure.summary(len(latencies), wall, self.cpu() - cpu, latencies)

    def round_many(self, queries, k):
        """All queries in one call."""
        cpu, start = self.cpu(), time.perf_counter()
        answers = self.many(queries, k)
        wall, cpu = time.perf_counter() - start, self.cpu() - cpu
        return ids_of(answers, len(queries), k), measure.summary(len(queries), wall, cpu, None)

    def soak(self, queries, k, count):
        """`count` queries, not timed."""
        ready = self.prepare_query(queries)
        for i in range(count):
            self.one(ready[i % len(ready)], k)


def ids_of(answers, count, k):
    """Answers as a matrix for the judge: -1 where there are fewer than k, rows of -2 where a query was not asked."""
    matrix = np.full((count, k), -2, dtype=np.int64)
    for i, answer in enumerate(answers):
        matrix[i] = measure.padded(answer, k)
    return matrix
