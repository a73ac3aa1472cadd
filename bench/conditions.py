# SPDX-License-Identifier: Apache-2.0
"""conditions.py: SELECT ... WHERE without vectors, beside DuckDB in the same run.

One table of 1,000,000 rows, one thread each, everything in memory (mql's in the page cache). A time is the least
processor time of some runs: of count(*), and of SELECT id with all ids taken (DuckDB's as one array, mql's by blocks through
mql.h). mql has a database without indexes and one with an index on each column. The three take turns with each query, so that
an hour in which the machine is slow is one for all. Answers must be the same.

    conditions.py --build build [--rows 1000000] [--times 9]        prints a table; exits with 1 where answers differ
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import duckdb
import numpy as np

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu")
COLUMNS = ("n", "m", "d", "s", "b", "ts")
CONDITIONS = (
    "n < 100000",
    "n BETWEEN 400000 AND 410000",
    "n BETWEEN 400000.5 AND 410000.5",
    "m IN (1, 5, 9, 77, 500, 999)",
    "m IS NULL",
    "d > 150.0",
    "b",
    "ts >= '2026-03-01 00:00:00' AND ts < '2026-03-08 00:00:00'",
    "n < 500000 AND d > 0 AND b",
    "m = 3 OR n > 990000",
    "NOT b AND m <> 5",
    "n % 10 = 3",
    "s = 'alpha-77'",
    "s IN ('alpha-77', 'beta-9', 'mu-100')",
    "s >= 'gam' AND s < 'gan'",
    "s LIKE 'gam%'",
    "s LIKE '%a-77%'",
    "s LIKE '%77'",
    "s ILIKE '%A-77%'",
    "s ~ '^gam.*7$'",
    "s ~ '(alpha|beta)-7[0-9]2'",
    "length(s) = 7",
    "lower(s) = 'mu-77'",
)


def write_rows(path, rows):
    """A CSV file of the table, the same on every run."""
    random = np.random.default_rng(1)
    n = random.integers(0, 1_000_000, rows)
    m = random.integers(0, 1000, rows)
    is_null = random.random(rows) < 0.1
    d = random.normal(0, 100, rows)
    word, number = random.integers(0, len(WORDS), rows), random.integers(0, 2000, rows)
    b = random.random(rows) < 0.5
    begin = np.datetime64("2026-01-01T00:00:00")
    with open(path, "w", encoding="utf-8") as out:
        out.write("id,n,m,d,s,b,ts\n")
        for i in range(rows):
            when = str(begin + np.timedelta64(i * 31_000_000 // rows, "s")).replace("T", " ")
            null_or_m = "" if is_null[i] else m[i]
            out.write(f"{i},{n[i]},{null_or_m},{d[i]:.6f},{WORDS[word[i]]}-{number[i]},{'true' if b[i] else 'false'},{when}\n")


def load_mql(build, database, csv):
    """A database with the table, its rows sealed."""
    statements = (
        "CREATE COLLECTION t (id INT64 PRIMARY KEY, n INT32, m INT64, d DOUBLE, s VARCHAR(40), b BOOL, ts TIMESTAMPTZ)",
        f"COPY t FROM '{csv}' WITH (FORMAT csv, HEADER true)",
        "FLUSH t",
    )
    mql(build, database, statements)


def mql(build, database, statements):
    """Run statements by the shell."""
    command = [f"{build}/mql", "-X", database]
    for statement in statements:
        command += ["-c", statement]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def load_duckdb(csv):
    """DuckDB in memory with the table."""
    connection = duckdb.connect()
    connection.execute("PRAGMA threads=1")
    connection.execute("CREATE TABLE t AS SELECT id::BIGINT id, n::INTEGER n, m::BIGINT m, d::DOUBLE d, s::VARCHAR s, b::BOOLEAN b, "
                       f"ts::TIMESTAMP ts FROM read_csv('{csv}', header = true)")
    return connection


def compile_program(build, folder):
    """conditions.c against the library."""
    here = pathlib.Path(__file__).parent
    program = f"{folder}/conditions"
    subprocess.run(["cc", "-O2", "-std=c11", "-D_GNU_SOURCE", f"-I{here.parent}/include", "-o", program, here / "conditions.c",
                    f"{build}/libmql.a", "-llmdb", "-lxxhash", "-lzstd", "-lnettle", "-lm", "-pthread"], check=True)
    return program


class Mql:
    """A process of conditions.c with a database open."""

    def __init__(self, program, database):
        self.process = subprocess.Popen([program, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, query):
        """(milliseconds, rows, sum) of a run."""
        self.process.stdin.write(query + "\n")
        self.process.stdin.flush()
        milliseconds, rows, total = self.process.stdout.readline().split()
        return float(milliseconds), int(rows), int(total)


class Duck:
    """DuckDB in memory with the table."""

    def __init__(self, csv):
        self.connection = load_duckdb(csv)

    def ask(self, query):
        """(milliseconds, rows, sum) of a run."""
        begin = time.process_time()
        values = self.connection.execute(query).fetchnumpy()
        milliseconds = (time.process_time() - begin) * 1000
        column = next(iter(values.values()))
        return milliseconds, len(column), int(column.sum())


def duckdb_condition(condition):
    """The same for DuckDB, whose ~ matches whole texts."""
    match = re.fullmatch(r"s ~ '(.*)'", condition)
    return f"regexp_matches(s, '{match[1]}')" if match else condition


def in_turns(engines, queries, times):
    """Of each engine the least milliseconds, and its answer."""
    runs = [[engine.ask(query) for engine, query in zip(engines, queries)] for _ in range(times)]
    return [min(of_one) for of_one in zip(*runs)]


def measure(options, folder):
    """Print the table; whether all answers were the same."""
    csv, program = f"{folder}/rows.csv", compile_program(options.build, folder)
    write_rows(csv, options.rows)
    for name in ("plain", "indexed"):
        load_mql(options.build, f"{folder}/{name}", csv)
    mql(options.build, f"{folder}/indexed", [f"CREATE INDEX ON t ({column})" for column in COLUMNS])
    engines = (Duck(csv), Mql(program, f"{folder}/plain"), Mql(program, f"{folder}/indexed"))
    print(f"{options.rows:,} rows, DuckDB {duckdb.__version__}, milliseconds of processor, the least of {options.times} in turns\n")
    print("| query | rows | DuckDB | mql | of DuckDB's | with indexes | of DuckDB's |\n|---|---:|---:|---:|---:|---:|---:|")
    is_same = True
    for what in ("count(*)", "id"):
        for condition in CONDITIONS:
            query = f"SELECT {what} FROM t WHERE "
            peer, mine, quick = in_turns(engines, (query + duckdb_condition(condition), query + condition, query + condition), options.times)
            is_right = mine[1:] == peer[1:] == quick[1:]
            is_same = is_same and is_right
            rows = peer[2] if what != "id" else peer[1]
            text = f"{what} {condition}".replace("|", "\\|")
            print(f"| `{text}` | {rows:,} | {peer[0]:.2f} | {mine[0]:.2f} | {mine[0] / peer[0]:.2f} | {quick[0]:.2f} | {quick[0] / peer[0]:.2f} |"
                  + ("" if is_right else f" **differ**: {peer[1:]} {mine[1:]} {quick[1:]}"), flush=True)
    return is_same


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if not measure(options, folder):
            sys.exit("answers differ")


if __name__ == "__main__":
    main()
