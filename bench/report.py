# SPDX-License-Identifier: Apache-2.0
"""report.py RESULTS.jsonl PAGE.md FIGURES: the page of results, and its figures, from the lines that bench/run kept.

Where a result was measured twice the later one counts. Speed at a recall is taken from the best points of all settings of an engine:
between two points it is interpolated (log of the speed over log of the misses); where even the least effort has more recall than asked for,
it is that point's speed.
"""
import argparse
import collections
import json
import math
import pathlib

import svg

LEVELS = (0.95, 0.99)
QUIET = 0.5  # load besides the measuring process up to which a machine counts as quiet
OURS = "mql"
MIB, GIB = 2**20, 2**30


class Results:
    """All lines, by what they are about."""

    def __init__(self, path):
        self.runs, self.sets, self.lines = [], {}, {}
        for text in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            if line["kind"] == "run":
                self.runs.append(line)
            elif line["kind"] == "set":
                self.sets[line["set"]] = line
            elif "set" in line:
                names = ("kind", "set", "engine", "setting", "threads", "mode", "k", "effort", "number")
                self.lines[tuple(line.get(name) for name in names)] = line

    def of(self, kind, **wanted):
        """The lines of a kind with these values."""
        return [line for line in self.lines.values() if line["kind"] == kind and all(line.get(name) == value for name, value in wanted.items())]

    def loads(self, kinds):
        """The load averages seen while measuring."""
        return [load for line in self.lines.values() if line["kind"] in kinds for load in line.get("load", [])]


def misses(recall):
    """Where interpolation takes place."""
    return -math.log(1.0001 - recall)


def front(points):
    """Of (recall, speed) those that no other beats in both, by rising recall."""
    kept = []
    for recall, speed in sorted(points, key=lambda point: (-point[0], -point[1])):
        if not kept or speed > kept[-1][1]:
            kept.append((recall, speed))
    return kept[::-1]


def speed_at(points, level):
    """Queries a second at a recall, or None when it is not reached."""
    points = front(points)
    above = [point for point in points if point[0] >= level]
    below = [point for point in points if point[0] < level]
    if not above:
        return None
    (right, slow) = above[0]
    if not below:
        return slow
    (left, fast) = below[-1]
    share = (misses(level) - misses(left)) / (misses(right) - misses(left))
    return fast * (slow / fast) ** share


class Clock:
    """Which of the two clocks the page quotes, for searches and for builds."""

    def __init__(self, name, builds):
        self.name, self.builds = name, builds

    def speed(self, line):
        """Queries a second of a point."""
        if self.name == "wall":
            return line["qps"]
        return line["threads"] * 1e6 / line["cpu_us"]

    def seconds(self, line, part, threads):
        """Seconds of a part of a build, on all cores."""
        wall, cpu = line.get(part + "_wall"), line.get(part + "_cpu")
        if wall is None:
            return None
        return wall if self.builds == "wall" or not cpu else cpu / threads


def curves_of(results, clock, data, k, threads, many):
    """{engine: {setting: [(recall, speed)]}} of searches: one query at a time, or many in one call."""
    curves = collections.defaultdict(lambda: collections.defaultdict(list))
    for line in results.of("point", set=data, k=k, threads=threads):
        # A library's loop over many queries is the same work as one at a time, without Python's cost of a call.
        is_wanted = line["mode"] == ("many" if many else "one") or line["loops"]
        if is_wanted and line.get("recall") is not None:
            curves[line["engine"]][line["setting"]].append((line["recall"], clock.speed(line)))
    return curves


def every_point(settings):
    """The points of all settings together."""
    return [point for points in settings.values() for point in points]


def number(value):
    """Three digits, with commas; a dash for nothing."""
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def times(mine, other):
    """How many times as fast we are; a dash where one is missing."""
    return f"{number(mine / other)}x" if mine and other else "–"


def table(head, rows):
    """A Markdown table, the first column to the left."""
    return "\n".join(["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|", *("| " + " | ".join(row) + " |" for row in rows)])


def is_exact(engine):
    """Whether it compares with every row."""
    return engine in ("mql exact", "faiss FLAT", "sqlite-vec", "sgemm alone")


def speeds(results, clock, data, k, threads, many):
    """The table of speeds at equal recall; '' when nothing was measured."""
    curves = curves_of(results, clock, data, k, threads, many)
    curves = {engine: settings for engine, settings in curves.items() if not is_exact(engine)}
    if not curves:
        return ""
    found = {engine: [speed_at(every_point(settings), level) for level in LEVELS] for engine, settings in curves.items()}
    ours = [max((values[i] or 0 for engine, values in found.items() if engine.startswith(OURS)), default=None) for i in range(len(LEVELS))]
    rows = []
    for engine, values in sorted(found.items(), key=lambda item: -(item[1][0] or 0)):
        row = [f"**{engine}**" if engine.startswith(OURS) else engine]
        for mine, value in zip(ours, values):
            row += [number(value), "" if engine.startswith(OURS) else times(mine, value)]
        best = max(point[0] for point in every_point(curves[engine]))
        rows.append([*row, f"{best:.3f}"])
    head = [f"k = {k}"]
    for level in LEVELS:
        head += [f"queries/s at {level}", "mql is"]
    return table([*head, "best recall"], rows)


def fastest(curves, level, is_wanted):
    """(name, queries a second) of the fastest engine that is wanted and not exact; (None, None) when none gets there."""
    found = {engine: speed_at(every_point(settings), level) for engine, settings in curves.items() if is_wanted(engine) and not is_exact(engine)}
    reached = {engine: speed for engine, speed in found.items() if speed}
    best = max(reached, key=reached.get, default=None)
    return best, reached.get(best)


def is_ours(engine):
    """Whether it is an index of mql."""
    return engine.startswith(OURS)


def is_peer(engine):
    """Whether it is somebody else's."""
    return not is_ours(engine)


def named(name, speed):
    """A speed and whose it is."""
    return f"{number(speed)} ({name})" if name else "–"


def summary(results, clock):
    """One line for each set, k and way of asking: ours beside the best peer, on one core. One at a time ours is HNSW; of many, the fastest."""
    rows = []
    for data in results.sets:
        for k in sorted({line["k"] for line in results.of("point", set=data)}):
            for many in (False, True):
                curves = curves_of(results, clock, data, k, 1, many)
                row = [data, str(k), "all in one call" if many else "one at a time"]
                for level in LEVELS:
                    mine = fastest(curves, level, is_ours if many else lambda engine: engine == "mql HNSW")
                    peer = fastest(curves, level, is_peer)
                    row += [named(*mine), named(*peer), times(mine[1], peer[1])]
                rows.append(row)
    head = ["set", "k", "queries"]
    for level in LEVELS:
        head += [f"mql at {level}", "best peer", "mql is"]
    return "## One core, queries a second\n\n" + table(head, rows) if rows else ""


PAIRS = {"mql IVF_FLAT": "faiss IVF_FLAT", "mql IVF_SQ8": "faiss IVF_SQ8", "mql IVF_PQ": "faiss IVF_PQ fast scan, refined",
         "mql IVF_RABITQ": "faiss IVF_RABITQ, refined"}


def lists(results, clock):
    """The kinds with lists beside faiss' of the same kind, at equal recall on one core."""
    rows = []
    for data in results.sets:
        for many in (False, True):
            curves = curves_of(results, clock, data, 10, 1, many)
            for mine, other in PAIRS.items():
                if mine not in curves or other not in curves:
                    continue
                row = [data, mine, "all in one call" if many else "one at a time"]
                for level in LEVELS:
                    speeds = [speed_at(every_point(curves[engine]), level) for engine in (mine, other)]
                    row += [number(speeds[0]), number(speeds[1]), times(*speeds)]
                rows.append(row)
    head = ["set", "kind", "queries"]
    for level in LEVELS:
        head += [f"mql at {level}", "faiss", "mql is"]
    return "## Indexes with lists, k = 10, one core, queries a second\n\n" + table(head, rows) if rows else ""


def one_of(results, kind, **about):
    """The only line about that, or an empty one."""
    return next(iter(results.of(kind, **about)), {})


def costs(results, clock):
    """Building on all cores and memory of the graphs with the same numbers: mql HNSW beside hnswlib, faiss HNSW and pgvector."""
    rows, cores = [], results.runs[-1]["machine"]["cores"]
    for line in results.of("build", engine="mql HNSW"):
        about = {"set": line["set"], "setting": line["setting"]}
        seconds = {engine: clock.seconds(one_of(results, "build", engine=engine, **about), "build", cores) for engine in ("hnswlib", "faiss HNSW", "pgvector")}
        resident = {engine: one_of(results, "memory", engine=engine, **about).get("pss_kib") for engine in ("mql HNSW", "hnswlib")}
        mine = clock.seconds(line, "build", cores)
        row = [line["set"], line["setting"], number(mine)]
        for other in seconds.values():
            row += [number(other), times(other, mine)]
        ours, theirs = resident.values()
        rows.append([*row, *(number(kib / 1024 if kib else None) for kib in (ours, theirs)), times(ours, theirs)])
    head = ["set", "setting", "mql s", "hnswlib s", "mql is", "faiss HNSW s", "mql is", "pgvector s", "mql is", "mql MiB", "hnswlib MiB", "of it"]
    return "## Building graphs on all cores, and their memory after the queries\n\n" + table(head, rows) if rows else ""


def latencies(results, data, k):
    """p50, p99 and distances of the least effort that reaches the first level, one query at a time on one core."""
    rows = []
    best = {}
    for line in results.of("point", set=data, k=k, threads=1, mode="one"):
        if line.get("recall", 0) >= LEVELS[0]:
            old = best.get(line["engine"])
            if old is None or line["p50_us"] < old["p50_us"]:
                best[line["engine"]] = line
    for engine, line in sorted(best.items(), key=lambda item: item[1]["p50_us"]):
        distances = line.get("distances")
        effort = f"{line['setting']} effort {line['effort']}" if line["effort"] else line["setting"]
        rows.append([engine, effort, f"{line['recall']:.3f}", number(line["p50_us"]), number(line["p99_us"]),
                     number(distances)])
    return table(["engine", "setting", "recall", "p50 µs", "p99 µs", "distances a query"], rows) if rows else ""


def builds(results, clock, data):
    """Load and build seconds with the speed that they buy, disk, memory, cold open."""
    rows, cores = [], results.runs[-1]["machine"]["cores"]
    curves = curves_of(results, clock, data, 10, 1, False)
    for line in results.of("build", set=data):
        about = {"set": data, "engine": line["engine"], "setting": line["setting"], "threads": 1}
        memory, cold = one_of(results, "memory", **about), one_of(results, "cold", **about)
        resident = memory.get("pss_kib")
        speed = speed_at(curves[line["engine"]][line["setting"]], LEVELS[0])
        rows.append([line["engine"], line["setting"], number(clock.seconds(line, "load", cores)), number(clock.seconds(line, "build", cores)), number(speed),
                     number(line["disk"] / MIB), number(resident / 1024 if resident else None),
                     number(cold["open_s"] * 1e3 if cold else None), number(cold["first_s"] * 1e3 if cold else None)])
    head = ["engine", "setting", "load s", "build s", f"queries/s at {LEVELS[0]}", "disk MiB", "resident MiB", "cold open ms", "first query ms"]
    return table(head, rows) if rows else ""


def exact(results, clock, data, k):
    """Exact search: one query, and many in one call."""
    found = {}
    for engine in ("mql exact", "faiss FLAT", "sqlite-vec", "sgemm alone"):
        lines = results.of("point", set=data, k=k, threads=1, engine=engine)
        if lines:
            found[engine] = {line["mode"]: clock.speed(line) for line in lines}
    rows, ours = [], found.get("mql exact", {})
    for engine, speed in found.items():
        row = [engine]
        for mode in ("one", "many"):
            row += [number(speed.get(mode)), "" if engine.startswith(OURS) else times(ours.get(mode), speed.get(mode))]
        rows.append(row)
    head = [f"exact, one core, k = {k}", "one query at a time, queries/s", "mql is", "all in one call, queries/s", "mql is"]
    return table(head, rows) if rows else ""


def best_setting(results, clock, data, engine):
    """The setting of an engine that is fastest at the first level, with its line of build and memory."""
    curves = curves_of(results, clock, data, 10, 1, False).get(engine, {})
    ranked = sorted(curves, key=lambda setting: -(speed_at(curves[setting], LEVELS[0]) or 0))
    return ranked[0] if ranked else None


def figures(results, clock, data, folder):
    """Write the plots of a set; the lines of Markdown that show them."""
    shown = []
    for k in sorted({line["k"] for line in results.of("point", set=data)}):
        curves = {engine: front(every_point(settings)) for engine, settings in curves_of(results, clock, data, k, 1, False).items()
                  if not is_exact(engine)}
        if curves:
            ordered = dict(sorted(curves.items(), key=lambda item: (not item[0].startswith(OURS), item[0])))
            shown.append(write_figure(folder, f"{data}-k{k}", svg.plot(f"{data}, k = {k}, one core, one query at a time", ordered)))
    built, resident = {}, {}
    for line in results.of("build", set=data):
        if line["setting"] == best_setting(results, clock, data, line["engine"]) and not is_exact(line["engine"]):
            cores = results.runs[-1]["machine"]["cores"]
            built[line["engine"]] = sum(clock.seconds(line, part, cores) or 0 for part in ("load", "build"))
            memory = results.of("memory", set=data, engine=line["engine"], setting=line["setting"])
            if memory:
                resident[line["engine"]] = memory[0]["pss_kib"] / 1024
    if built:
        shown.append(write_figure(folder, f"{data}-build", svg.bars(f"{data}: load and build, all cores", ordered_bars(built), "s")))
    if resident:
        shown.append(write_figure(folder, f"{data}-memory", svg.bars(f"{data}: resident after the queries", ordered_bars(resident), "MiB")))
    return "\n".join(shown)


def ordered_bars(values):
    """Smallest first."""
    return dict(sorted(values.items(), key=lambda item: item[1]))


def write_figure(folder, name, drawing):
    """The file, and the Markdown that shows it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name.replace(':', '-')}.svg"
    path.write_text(drawing)
    return f"![{name}]({folder.name}/{path.name})"


def head(results, clock, kinds=None):
    """Machine, versions, commands; the load while results of these kinds were measured."""
    last = results.runs[-1]
    machine, loads = last["machine"], results.loads(kinds or (("point",) if clock.builds == "cpu" else ("point", "build")))
    versions = sorted({(line["package"], line["version"]) for line in results.lines.values() if line.get("package")})
    busy = max(loads) > machine["cores"] * 1.0 + QUIET if loads else False
    lines = [f"Measured {last['time']} UTC with {last['mql']} ({last['commit']}) on {machine['processor']}, {machine['cores']} cores, "
             f"{machine['memory_gib']} GiB, {', '.join(machine['caches'])}; {', '.join(machine['instruction_sets'])}; Linux {machine['kernel']}.",
             "Peers: " + ", ".join(f"{name} {version}" for name, version in versions) + "."]
    if last["simd"]:
        lines.append(f"With `MQL_SIMD={last['simd']}`.")
    if busy:
        lines.append(f"\n**The machine was not quiet**: load averages of {min(loads):.1f} to {max(loads):.1f} on {machine['cores']} cores while this "
                     "was measured. Ratios of one table are worth something, the numbers themselves little.")
    if clock.builds == "cpu" and clock.name == "wall":
        lines.append("Build times are processor seconds over cores: the machine did other things while the indexes were built, but not while they were asked.")
    if clock.name == "cpu":
        lines.append("Speeds and build times are by processor time for that reason: queries for each second of processor time that client and engine "
                     "used (times the threads), and processor seconds over cores. Latencies and cold times are by the wall clock.")
    lines.append("\n```sh\n" + "\n".join(dict.fromkeys(run["command"] for run in results.runs)) + "\n```")
    return "\n".join(lines)


INTRODUCTION = """# Benchmarks

Made by `bench/report.py` from the results beside it; do not edit. How it is measured, and how to do it again: [bench](../bench/README.md).

Recall is by distance, not by id. Speed at a recall is that of the best settings of an engine, interpolated between measured efforts (log of
the speed over log of the misses), or the speed of the least effort where that reaches more. A dash: never reached, or not told. "mql is 2x"
means that mql answers twice as many queries in the same time."""


def section(results, clock, data, folder):
    """All about one set."""
    facts = results.sets[data]
    source = f"The first rows of: {facts['source']} Here" if ":" in data else facts["source"]
    parts = [f"## {data}", f"{source} {facts['rows']:,} rows, {facts['dim']} dimensions, {facts['metric']}, {facts['queries']:,} queries."]
    points = results.of("point", set=data)
    asked = max((line["queries"] for line in points if line["mode"] == "many"), default=0)
    for k in sorted({line["k"] for line in points}):
        for threads in sorted({line["threads"] for line in points}):
            cores = "one core" if threads == 1 else f"{threads} cores"
            for many, words in ((False, "one query at a time"), (True, f"{asked:,} queries in one call or statement")):
                text = speeds(results, clock, data, k, threads, many)
                if text:
                    parts += [f"### k = {k}, {cores}, {words}", text]
        parts += [exact(results, clock, data, k)]
    parts += ["### Latency, one core", latencies(results, data, 10), "### Build, disk, memory, cold start", builds(results, clock, data),
              figures(results, clock, data, folder)]
    return "\n\n".join(part for part in parts if part)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results")
    parser.add_argument("page")
    parser.add_argument("figures")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: for a machine that does other things meanwhile")
    parser.add_argument("--builds", choices=("wall", "cpu"), help="the same for builds alone")
    options = parser.parse_args()
    results, clock = Results(options.results), Clock(options.clock, options.builds or options.clock)
    sections = [section(results, clock, data, pathlib.Path(options.figures)) for data in results.sets]
    failed = [f"* {line['engine']} {line['setting']} on {line['set']}: {line['step']} failed" for line in results.of("failed")]
    failed = "## Failed\n\n" + "\n".join(failed) if failed else ""
    text = "\n\n".join(part for part in (INTRODUCTION, head(results, clock), summary(results, clock), lists(results, clock), costs(results, clock), *sections, failed) if part)
    pathlib.Path(options.page).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
