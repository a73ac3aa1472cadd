# SPDX-License-Identifier: Apache-2.0
"""measure.py: clocks, cores, memory, cold files and the machine's name, the same for every engine.

Times are taken twice: by the wall clock, and by the processor time of the processes that did the work, which other work on the machine
disturbs less. Memory is PSS (proportional set size): what the processes of an engine hold, pages shared with others counted in shares.
"""
import os
import pathlib
import platform
import subprocess
import time

import numpy as np

WARM_UP = 50  # queries before a round is timed
TICKS = os.sysconf("SC_CLK_TCK")
ALL_CORES = sorted(os.sched_getaffinity(0))


def pin(threads, process=0):
    """Keep `process` and every thread of it on the first `threads` cores."""
    cores = ALL_CORES[:threads]
    tasks = os.listdir(f"/proc/{process or os.getpid()}/task")
    for task in tasks:
        try:
            os.sched_setaffinity(int(task), cores)
        except ProcessLookupError:
            pass


def pin_elsewhere(threads):
    """Keep this process off the first `threads` cores, where there are others: the client beside a pinned server."""
    os.sched_setaffinity(0, ALL_CORES[threads:] or ALL_CORES)


def process_tree(root):
    """The ids of `root` and of all that it started, directly or not."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = pathlib.Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            parents[int(entry)] = int(text.rpartition(")")[2].split()[1])
    tree, fresh = {root}, True
    while fresh:
        fresh = {child for child, parent in parents.items() if parent in tree} - tree
        tree |= fresh
    return sorted(tree)


def pss_kib(processes):
    """KiB that the processes hold together."""
    total = 0
    for process in processes:
        try:
            lines = pathlib.Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


def processor_seconds(processes):
    """Processor time the processes have used so far, all threads, to a tick of the kernel."""
    total = 0
    for process in processes:
        try:
            fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def files_below(folder):
    """Every plain file under `folder`."""
    return [path for path in pathlib.Path(folder).rglob("*") if path.is_file() and not path.is_symlink()]


def disk_bytes(folder):
    """Bytes the files under `folder` take on the disk."""
    return sum(path.stat().st_blocks * 512 for path in files_below(folder))


def evict(folder):
    """Write what is dirty and drop the files under `folder` from the page cache: the next open is a cold one."""
    for path in files_below(folder):
        with open(path, "rb") as file:
            try:
                os.fsync(file.fileno())
            except OSError:
                pass
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def timed(work):
    """(result, wall seconds, processor seconds of this process) of work()."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def padded(ids, k):
    """The answer of one query as k numbers, -1 where there are fewer."""
    row = np.full(k, -1, dtype=np.int64)
    ids = np.asarray(ids[:k], dtype=np.int64)
    row[: len(ids)] = ids
    return row


def summary(answered, wall, cpu, latencies):
    """The numbers of one round; `latencies` in seconds, or None where queries were not timed one by one."""
    line = {"queries": answered, "qps": answered / wall, "cpu_us": cpu / answered * 1e6}
    if latencies is not None:
        micros = np.percentile(np.array(latencies) * 1e6, [50, 99])
        line.update(p50_us=float(micros[0]), p99_us=float(micros[1]))
    return line


def one_round(ask, queries, seconds, cpu_clock):
    """Ask the queries one by one until all are answered or `seconds` are over: (answers, wall, cpu, latencies)."""
    clock, answers, latencies = time.perf_counter, [], []
    cpu, start = cpu_clock(), clock()
    for query in queries:
        before = clock()
        answer = ask(query)
        after = clock()
        answers.append(answer)
        latencies.append(after - before)
        if after - start > seconds:
            break
    return answers, sum(latencies), cpu_clock() - cpu, latencies


def best_of(rounds):
    """One line of several rounds: the quickest by the wall clock, with the least processor time of any."""
    best = max(rounds, key=lambda line: line["qps"])
    return {**best, "cpu_us": min(line["cpu_us"] for line in rounds)}


def merged(rounds):
    """One line of several judged rounds of a point: the quickest, with the worst answers of any. A refusal has no rounds but itself."""
    if "qps" not in rounds[0]:
        return rounds[0]
    worst = {"recall": min, "wrong": max, "short": max}
    return {**best_of(rounds), **{name: of(line[name] for line in rounds) for name, of in worst.items() if name in rounds[0]}}


def processor_name():
    """What /proc/cpuinfo calls the processor."""
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Hardware")):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def instruction_sets():
    """The vector instructions among the processor's flags."""
    wanted = ("avx2", "fma", "avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_vpopcntdq", "avx512_fp16", "amx_tile",
              "asimd", "asimddp", "i8mm", "sve")
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("flags", "Features")):
            flags = set(line.partition(":")[2].split())
            return [flag for flag in wanted if flag in flags]
    return []


def cache_sizes():
    """Each cache of the first core as "L2 1024K"."""
    found = []
    for path in sorted(pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((path / name).read_text().strip() for name in ("level", "type", "size"))
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return found


def machine():
    """What a reader has to know about where the numbers are from."""
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    return {"processor": processor_name(), "cores": len(ALL_CORES), "instruction_sets": instruction_sets(), "caches": cache_sizes(),
            "memory_gib": round(memory / 2**20, 1), "kernel": platform.release(), "load": os.getloadavg()[0]}


def version_of_mql(mql):
    """What the shell says of itself."""
    return subprocess.run([mql, "--version"], capture_output=True, text=True, check=True).stdout.strip()
