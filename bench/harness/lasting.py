"""The scenarios about unlade alone: its memory, its requests, and what a kill costs it."""

import hashlib
import random
import shutil
import statistics
import subprocess

from .contenders import unlade
from .process import Failed, Group, Program
from .registry import MIB, Link
from .report import Figure, Result, exactly, most

GROUP = 128 * MIB
CAP = 20 * MIB


def memory(bench):
    rows, peaks = [], {"a file": [], "stdout": []}
    sizes = [64, 256] if bench.quick else [64, 1024, 8192]
    for size in sizes:
        artifact = bench.registry.publish(f"memory{size}", size * MIB, sparse=size > 1024)
        for where in peaks:
            to_file = where == "a file"
            words = unlade(bench, artifact, bench.registry.tls, output="disk.img" if to_file else "-").words
            # A slow disk would hide what a fast one makes of it; what a tmpfs cannot hold goes to the disk.
            place = bench.disk if to_file and size > 1024 else bench.out
            program = Program("unlade", words, environment=bench.home())
            peak = program.run(place, artifact.size if to_file else None, watch=True)["peak"]
            peaks[where].append(peak)
            rows.append([f"{size} MiB", where, round(peak, 1)])
            shutil.rmtree(place)
        if size == sizes[-1]:
            rows.append(_in_a_group(bench, artifact))
        bench.registry.remove(artifact)
    file, stdout = peaks.values()
    held = rows[-1][2]
    figures = [most("peak, a file", round(max(file), 1), 32, " MiB"), most("peak, stdout", round(max(stdout), 1), 48, " MiB"),
               most("largest to smallest layer, a file", file[-1] / file[0], 1.25),
               Figure(f"{sizes[-1]} MiB in a group of 128 MiB", "done", held, None if held is None else held == "done", "")]
    return Result("Memory", ["layer", "into", "unlade's peak MiB"], rows, figures)


def _in_a_group(bench, artifact):
    what = [f"{artifact.size // MIB} MiB", "a file on a disk, in a control group of 128 MiB"]
    with Group(GROUP) as group:
        if not group:
            return [*what, None]
        program = unlade(bench, artifact, bench.registry.tls)
        try:
            program.run(bench.disk, artifact.size, group=group)
        except Failed as error:
            return [*what, str(error)]
        finally:
            shutil.rmtree(bench.disk)
    return [*what, "done"]


def requests(bench):
    registry, rows, figures = bench.registry, [], []
    ways = [("one", "v1", "one manifest", 2), ("one", "index", "an index", 3), ("locked/one", "index", "an index, token server", 5),
            ("many", "v1", "a repository of 5,000 tags", 2)]
    published = {name: registry.publish(name, MIB) for name in ("one", "locked/one", "many")}
    registry.tag("many", 5000)
    for name, tag, what, wanted in ways:
        before = len(registry.requests())
        unlade(bench, published[name], registry.tls, tag=tag).run(bench.out, MIB)
        seen = registry.requests()[before:]
        rows.append([what, len(seen), "; ".join(request[:60] for request in seen)])
        figures.append(exactly(f"requests, {what}", len(seen), wanted))
    for artifact in published.values():
        registry.remove(artifact)
    return Result("Requests for a tag", ["of", "requests", "which"], rows, figures)


def killed(bench):
    """Kills a pull at a random moment, once, and runs it again. Bytes are counted on the way, TLS included."""
    rounds, artifact = (10 if bench.quick else 100), bench.registry.publish("killed", 256 * MIB)
    seed = bench.seed
    chance = random.Random(seed)
    costs, wrong, midway = [], 0, 0
    with Link(bench.link, bench.registry.tls, rate=CAP) as link:
        program = unlade(bench, artifact, link.port)
        usual = program.run(bench.out, artifact.size)["wall"]
        for _ in range(rounds):
            shutil.rmtree(bench.out)
            bench.out.mkdir()
            before = link.carried()
            midway += _kill(bench, program, chance.uniform(0, usual))
            wrong += _is_wrong(bench.out / "disk.img", artifact)
            _again(bench, program)
            wrong += _is_wrong(bench.out / "disk.img", artifact) or not (bench.out / "disk.img").exists()
            if len(list(bench.out.iterdir())) != 1:
                raise Failed(f"left behind: {sorted(path.name for path in bench.out.iterdir())}")
            costs.append((link.carried() - before) / artifact.size)
    bench.registry.remove(artifact)
    rows = [["rounds", rounds], ["killed before the end", midway], ["bytes to blob, median", statistics.median(costs)],
            ["bytes to blob, worst", max(costs)], ["wrong files", wrong], ["seed", seed]]
    figures = [most("bytes in all, worst round, to the blob", max(costs), 1.05), exactly("wrong files published", wrong, 0)]
    return Result(f"{artifact.size // MIB} MiB at 20 MiB/s for each connection, killed once, run again", ["what", "measured"],
                  rows, figures)


def _kill(bench, program, after):
    process = subprocess.Popen(program.words, cwd=bench.out, env=program.environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(after)
        return 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return 1


def _again(bench, program):
    done = subprocess.run(program.words, cwd=bench.out, env=program.environment, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode:
        raise Failed(f"the second run failed: {done.stderr.decode(errors='replace')}")


def _is_wrong(path, artifact):
    if not path.exists():
        return 0
    with open(path, "rb") as file:
        return int("sha256:" + hashlib.file_digest(file, "sha256").hexdigest() != artifact.layer)
