# SPDX-License-Identifier: Apache-2.0
"""test_bench.py: what the harness itself could get wrong, asked of answers that are known. Run by `make bench` before anything else."""
import json
import pathlib
import tempfile
import unittest
import xml.dom.minidom

import numpy as np

import dialects
import filtering
import grow
import measure
import named
import named_filters
import report
import sets
import svg


class Recall(unittest.TestCase):
    """The judge of answers."""

    def make(self, metric, base, queries):
        """A set in a folder that is gone after the test."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        sets.write_set(pathlib.Path(folder.name), "test", "", metric, np.array(base), np.array(queries))
        return sets.Set(folder.name)

    def test_equal_distances_count(self):
        data = self.make("L2", [[0.0, 0], [1, 0], [1, 0], [9, 9]], [[0.0, 0]])
        self.assertEqual(data.recall(np.array([[0, 2]]), 2), 1.0)
        self.assertEqual(data.recall(np.array([[0, 3]]), 2), 0.5)

    def test_a_row_counts_once(self):
        data = self.make("L2", [[0.0, 0], [1, 0], [2, 0]], [[0.0, 0]])
        self.assertEqual(data.recall(np.array([[0, 0]]), 2), 0.5)

    def test_missing_and_unasked(self):
        data = self.make("L2", [[0.0, 0], [1, 0], [2, 0]], [[0.0, 0], [2, 0]])
        self.assertEqual(data.recall(np.array([[0, -1], [-2, -2]]), 2), 0.5)

    def test_zero_vectors_under_cosine(self):
        data = self.make("COSINE", [[0.0, 0], [0, 1], [2, 0]], [[1.0, 0], [0, 0]])
        self.assertEqual(data.recall(np.array([[2, 0], [0, 1]]), 2), 1.0)

    def test_truth_is_exact(self):
        random = np.random.default_rng(1)
        base, queries = random.random((500, 8), dtype=np.float32), random.random((7, 8), dtype=np.float32)
        for metric in (sets.L2, sets.COSINE):
            wanted = [np.sort(sets.distances(metric, query, base))[: sets.TRUTH] for query in queries]
            self.assertTrue(np.array_equal(sets.exact(metric, base, queries), wanted))


class Filters(unittest.TestCase):
    """The grid of filters, and its truth."""

    def test_rounds(self):
        """A point is as quick as its quickest round, and as wrong as its worst."""
        quick = {"qps": 9.0, "cpu_us": 7.0, "recall": 0.9, "wrong": 0, "short": False, "ids": 1}
        slow = {"qps": 5.0, "cpu_us": 6.0, "recall": 0.8, "wrong": 2, "short": True, "ids": 2}
        self.assertEqual(measure.merged([slow, quick]), {**slow, "qps": 9.0, "ids": 1})
        self.assertEqual(measure.merged([{"why": "no"}, {"why": "no"}]), {"why": "no"})

    def test_cases(self):
        grid = filtering.grid(1000)
        self.assertEqual(len(grid), len(filtering.SHARES) * len(filtering.RELATIONS))
        columns = filtering.columns(np.arange(1000.0))
        for case in grid:
            self.assertEqual(case.allowed(columns[case.column]).sum(), case.matching)
        self.assertEqual([case.condition() for case in grid if case.share == 0.01], ["apart < 10", "near < 10", "near >= 990"])

    def test_only_rows_let_through_count(self):
        random = np.random.default_rng(1)
        base, queries = random.random((500, 8), dtype=np.float32), random.random((120, 8), dtype=np.float32)
        with tempfile.TemporaryDirectory() as folder:
            sets.write_named(pathlib.Path(folder), "test" + sets.FILTERED, sets.L2, base, queries, "")
            data = sets.Set(folder)
            self.assertEqual(len(data.queries()), filtering.QUERIES)
            for number, case in enumerate(filtering.grid(500)):
                rows = np.flatnonzero(data.allowed(case))
                away = [sets.distances(sets.L2, query, base[rows]) for query in data.queries()]
                nearest = [rows[np.argsort(distance)[:10]] for distance in away]
                self.assertEqual(data.recall(np.array(nearest), 10, number), 1.0)
                others = np.flatnonzero(~data.allowed(case))[:1]
                self.assertEqual(data.recall(np.array([others] * len(away)), 10, number), 0.0)


class Named(unittest.TestCase):
    """The filters that came with the sets."""

    def test_translation(self):
        where = "('a' IN tags OR 'b' IN tags) AND category IN ('c','d')"
        self.assertEqual(dialects.postgres(where), "(tags @> ARRAY['a'] OR tags @> ARRAY['b']) AND category IN ('c','d')")
        self.assertEqual(dialects.lance(where), "(array_has(tags, 'a') OR array_has(tags, 'b')) AND category IN ('c','d')")
        self.assertEqual(dialects.milvus(where), '(array_contains(tags, "a") or array_contains(tags, "b")) and category in ["c","d"]')
        self.assertEqual(dialects.lance("d >= '2023-01-01T00:00:00Z' AND e < '2023-01-01'"), "d >= timestamp '2023-01-01T00:00:00Z' AND e < '2023-01-01'")

    def test_translation_for_milvus(self):
        for where, wanted in (("NOT (a = 1 OR d < '2012-01-01')", 'not (a == 1 or d < "2012-01-01")'), ("a >= 1 AND b <> ' = OR IN (x)'", 'a >= 1 and b != " = OR IN (x)"'),
                              ("p BETWEEN 'a' AND 'b' AND n IS NULL", '(p >= "a" and p <= "b") and n == -1'), ("r LIKE '%x%' AND NOT b = true", 'r like "%x%" and not b == true')):
            self.assertEqual(dialects.milvus(where), wanted)

    def test_indexes(self):
        columns = {"price": "INT64", "review": "VARCHAR(8)", "rating": "INT64", "date": "VARCHAR(10)"}
        indexes = named.indexes_for(["review LIKE '%price%' AND rating <= 3", "NOT date < '2012-01-01'"], columns)
        self.assertEqual(list(indexes), ["review", "rating", "date"])
        self.assertTrue(indexes["review"].startswith("USING NGRAM") and indexes["rating"] == "")

    def test_matching(self):
        rows = [{"id": 0, "n": 1, "b": True, "tags": ["x"], "s": "Ab"}, {"id": 1, "n": None, "b": False, "tags": [], "s": "ab"}]
        found = named.matching(rows, ["'x' IN tags", "n IS NULL", "b = true", "s LIKE '%a%'", "n < 0"])
        self.assertEqual(found.tolist(), [[True, False], [False, True], [True, False], [False, True], [False, False]])

    def make(self):
        """A set with two filters, the second of which matches nothing."""
        folder = tempfile.TemporaryDirectory(suffix=named.SUFFIX)
        self.addCleanup(folder.cleanup)
        path, base = pathlib.Path(folder.name), np.array([[0.0], [1], [2], [3]], dtype=np.float32)
        sets.write_set(path, "test", "", sets.L2, base, base[:1])
        filters = [{"name": "two", "where": "n > 1", "matching_rows": 2}, {"name": "empty", "where": "n > 9", "matching_rows": 0}]
        for number, (bits, near) in enumerate((([False, False, True, True], [[2, 3, -1]]), ([False] * 4, [[-1, -1, -1]]))):
            np.save(path / f"allowed-{number}.npy", np.array(bits))
            np.save(path / f"truth-{number}.npy", named.truth_of(sets.L2, base, base[:1], np.array(near)))
        facts = json.loads((path / "set.json").read_text())
        (path / "set.json").write_text(json.dumps({**facts, "filters": filters, "meta": "", "kinds": {}, "indexed": {}}))
        return named.opened(folder.name)

    def test_judge(self):
        data = self.make()
        self.assertEqual([data.recall(np.array([answer]), 3, 0) for answer in ([3, 2, -1], [2, -1, -1], [0, 2, 2])], [1.0, 0.5, 0.5])
        self.assertEqual([data.wrong(np.array([answer]), 0) for answer in ([3, 2, -1], [0, 2, 2], [-2, -2, -2])], [0, 2, 0])
        self.assertEqual((data.recall(np.array([[-1, -1, -1]]), 3, 1), data.wrong(np.array([[1, -1, -1]]), 1)), (1.0, 1))

    def test_failures(self):
        line = {"name": "f", "where": "", "matching": 9, "effort": 16, "qps": 1.0, "threads": 1}
        good, short = ({**line, "recall": recall, "short": short, "wrong": 0} for recall, short in ((0.96, False), (0.5, True)))
        clock = report.Clock("wall", "wall")
        for lines, bad in (([good], 0), ([good, short], 1), ([short], 2), ([], 1)):
            cells = {named_filters.OURS: named_filters.Cell(lines, clock)} if lines else {}
            self.assertEqual(len(named_filters.failures({"set": "s", "filters": 1}, [(line, cells, lines)])), bad)


class Grown(unittest.TestCase):
    """Grown sets."""

    def test_same_every_time(self):
        random = np.random.default_rng(1)
        base, queries = random.random((60, 8), dtype=np.float32), random.random((5, 8), dtype=np.float32)
        first, again = (grow.grow(base, queries, rows=150, is_cosine=True) for _ in range(2))
        self.assertEqual(first[0].shape, (150, 8))
        self.assertTrue(np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1]))
        self.assertTrue(np.allclose(np.linalg.norm(first[0], axis=1), 1, atol=1e-5))


class Report(unittest.TestCase):
    """Speed at a recall."""

    def test_between_points(self):
        points = [(0.9, 1000.0), (0.99, 100.0)]
        self.assertTrue(100 < report.speed_at(points, 0.95) < 1000)
        self.assertAlmostEqual(report.speed_at(points, 0.99), 100)

    def test_beyond_points(self):
        self.assertIsNone(report.speed_at([(0.9, 1000.0)], 0.95))
        self.assertEqual(report.speed_at([(0.97, 800.0), (0.99, 100.0)], 0.95), 800)

    def test_front_drops_what_is_beaten(self):
        self.assertEqual(report.front([(0.9, 10), (0.95, 20), (0.99, 5)]), [(0.95, 20), (0.99, 5)])

    def test_later_lines_win(self):
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            for speed in (1, 2):
                file.write(json.dumps({"kind": "point", "set": "s", "engine": "e", "setting": "", "threads": 1, "qps": speed}) + "\n")
            file.flush()
            self.assertEqual([line["qps"] for line in report.Results(file.name).of("point")], [2])

    def test_plots_are_xml(self):
        xml.dom.minidom.parseString(svg.plot("a & b", {"mql": [(0.9, 10.0), (1.0, 5.0)]}))
        xml.dom.minidom.parseString(svg.bars("a", {"mql": 1.0, "other <x>": 2.0}, "s"))


if __name__ == "__main__":
    unittest.main()
