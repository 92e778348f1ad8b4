"""The scenarios that time everyone: wall and CPU, in turns."""

import os
import shutil
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from .contenders import programs, tool, regctl_environment, unlade
from .process import Failed, Program, files
from .registry import MIB, Link
from .report import Result, least, most

CONNECTIONS = 8
CAP = 20 * MIB
WINDOW = 3 * MIB
DELAY = 25


def compare(everyone, out, size, rounds):
    """Runs everyone in turn, after a round in which memory is followed and time does not count."""
    peaks = {program.name: program.run(out, size, watch=True)["peak"] for program in everyone}
    runs = {program.name: [] for program in everyone}
    for _ in range(rounds):
        for program in everyone:
            runs[program.name].append(program.run(out, size))
    return {program.name: medians(runs[program.name]) | {"peak": peaks[program.name]} for program in everyone}


def medians(runs):
    return {key: statistics.median(run[key] for run in runs) for key in ("wall", "cpu")} | {"runs": runs}


def best(everyone, found, key):
    """The name of the best of those that verify as unlade does, in one go; None where there are none."""
    peers = [program.name for program in everyone if program.kind == "peer"]
    return min(peers, key=lambda name: found[name][key], default=None)


def ratio(found, name, key):
    """What unlade needs to what another needs: the median of rounds, each of which had both; None if it is not there.

    A machine that is slower for a minute is so for both. Where only one round has both, that of the medians.
    """
    if name not in found:
        return None
    ours, theirs = found["unlade"], found[name]
    if len(ours["runs"]) != len(theirs["runs"]):
        return ours[key] / theirs[key]
    return statistics.median(one[key] / other[key] for one, other in zip(ours["runs"], theirs["runs"]))


def table(title, everyone, found, figures):
    verifies = {"peer": "yes", "unlade": "yes", "script": "after", "unverified": "no"}
    columns = ["program", "verifies", "wall s", "CPU s", "peak MiB", "unlade's wall", "unlade's CPU"]
    rows = []
    for program in everyone:
        got = found[program.name]
        rows.append([program.name, verifies[program.kind], got["wall"], got["cpu"], round(got["peak"], 1) or None,
                     *(f"{ratio(found, program.name, key):.2f}×" for key in ("wall", "cpu"))])
    return Result(title, columns, rows, figures)


def over_tls(bench):
    artifact = bench.artifact()
    everyone = programs(bench, artifact, bench.registry.tls)
    found = compare(everyone, bench.out, artifact.size, bench.runs)
    figures = [
        most("CPU, to the best peer", ratio(found, best(everyone, found, "cpu"), "cpu"), 0.8),
        most("CPU, to curl and openssl", ratio(found, "curl, openssl", "cpu"), 0.85),
        most("wall, to the best peer", ratio(found, best(everyone, found, "wall"), "wall"), 0.65),
        most("wall, to curl alone", ratio(found, "curl", "wall"), 1.2),
    ]
    return table(f"{artifact.size // MIB} MiB over TLS on loopback", everyone, found, figures)


def plainly(bench):
    artifact = bench.artifact()
    everyone = programs(bench, artifact, bench.registry.plain, plain=True)
    found = compare(everyone, bench.out, artifact.size, bench.runs)
    figures = [most("wall, to the best peer", ratio(found, best(everyone, found, "wall"), "wall"), 0.65)]
    return table(f"{artifact.size // MIB} MiB without TLS on loopback", everyone, found, figures)


def onto_disk(bench):
    artifact = bench.artifact()
    copy = ["sh", "-c", 'cp "$1" disk.img && sync disk.img .', "sh", bench.registry.path(artifact)]
    everyone = [unlade(bench, artifact, bench.registry.tls), Program("cp, sync", copy, kind="unverified")]
    runs = {program.name: [] for program in everyone}
    for _ in range(bench.runs):
        for program in everyone:
            subprocess.run(["sync"], check=True)
            runs[program.name].append(program.run(bench.disk, artifact.size))
    found = {name: medians(done) | {"peak": 0} for name, done in runs.items()}
    figures = [most("wall, to cp and sync", ratio(found, "cp, sync", "wall"), 1.1)]
    return table(f"{artifact.size // MIB} MiB over TLS onto a disk, synced", everyone, found, figures)


def floor(bench):
    """What the parts of a pull cost by themselves: nobody can be faster than they are together."""
    artifact = bench.artifact()
    path, url = bench.registry.path(artifact), f"localhost:{{}}/v2/{artifact.name}/blobs/{artifact.layer}"
    tls, plain = f"https://{url.format(bench.registry.tls)}", f"http://{url.format(bench.registry.plain)}"
    curl = ["curl", "-fsS", "--cacert", bench.authority, "-o"]
    aes = ["openssl", "speed", "-elapsed", "-seconds", "1", "-bytes", "16384", "-evp"]
    parts = [Program("receive", [*curl, "/dev/null", plain]), Program("receive, decrypt", [*curl, "/dev/null", tls]),
             Program("receive, write", [*curl, "disk.img", plain]), Program("receive, decrypt, write", [*curl, "disk.img", tls]),
             Program("hash (openssl, from the file)", ["openssl", "dgst", "-sha256", path]),
             Program("write (cp, from the file)", ["cp", path, "disk.img"])]
    runs = {program.name: [program.run(bench.out) for _ in range(bench.runs)] for program in parts}
    rows = [[name, *(medians(done)[key] for key in ("wall", "cpu"))] for name, done in runs.items()]
    for cipher in ("aes-128-gcm", "aes-256-gcm", "chacha20-poly1305"):
        said = subprocess.run([*aes, cipher], check=True, capture_output=True, text=True).stdout.split()[-1]
        rows.append([f"encrypt ({cipher})", artifact.size / (float(said.rstrip("k")) * 1000), None])
    return Result(f"What {artifact.size // MIB} MiB cost, part by part", ["part", "wall s", "CPU s"], rows, [])


def far(bench, title, figures, together=False, **terms):
    """Through a link. Where it is the limit, all peers run once, two at a time; the best of them then takes turns with unlade."""
    artifact = bench.artifact()
    with Link(bench.link, bench.registry.tls, **terms) as link:
        everyone = judged = programs(bench, artifact, link.port)
        if not together:
            found = compare(everyone, bench.out, artifact.size, bench.runs)
        else:
            ours, theirs = everyone[0], everyone[1:]
            # What an earlier scenario left takes room that is needed now.
            shutil.rmtree(bench.out, ignore_errors=True)
            with ThreadPoolExecutor(2) as pool:
                places = [bench.out / str(number) for number in range(len(theirs))]
                done = pool.map(lambda program, place: _once(program, place, artifact.size), theirs, places)
                found = {program.name: medians([run]) | {"peak": run["peak"]} for program, run in zip(theirs, done)}
            chosen = best(theirs, found, "wall") or "curl"
            judged = [ours, *(program for program in theirs if program.name == chosen)]
            found |= compare(judged, bench.out, artifact.size, 1 if bench.quick else 3)
    return table(f"{artifact.size // MIB} MiB over TLS, {title}", everyone, found, figures(artifact, judged, found))


def _once(program, place, size):
    run = program.run(place, size)
    for file in files(place):
        file.unlink()
    return run


def capped(bench):
    def figures(artifact, everyone, found):
        ideal = artifact.size / (CONNECTIONS * CAP)
        return [least("speed, to the fastest single stream", _speed(found, best(everyone, found, "wall") or "curl"), 6),
                most("wall, to connections × cap", found["unlade"]["wall"] / ideal, 1.1)]

    return far(bench, "20 MiB/s for each connection", figures, together=True, rate=CAP)


def _speed(found, name):
    needs = ratio(found, name, "wall")
    return None if needs is None else 1 / needs


def windowed(bench):
    def figures(_, everyone, found):
        return [least("speed, to the best peer", _speed(found, best(everyone, found, "wall")), 5)]

    return far(bench, "50 ms round trip, 3 MiB in flight for each connection", figures, together=True, delay=DELAY, window=WINDOW)


def delayed(bench):
    def figures(_, everyone, found):
        return [most("wall, to the best peer", ratio(found, best(everyone, found, "wall"), "wall"), 0.9)]

    return far(bench, "50 ms round trip", figures, delay=DELAY)


def layers(bench):
    count = 500
    artifact = bench.registry.publish("layers", 4096, count=count)
    host = f"localhost:{bench.registry.tls}"
    everyone = [unlade(bench, artifact, bench.registry.tls, output="files")]
    if bench.takes("oras"):
        everyone.append(Program("oras", [tool("oras"), "pull", "--plain-http=false", "--ca-file", bench.authority, "-o", "files",
                                         f"{host}/{artifact.name}:v1"], environment=bench.home()))
    if bench.takes("regctl"):
        everyone.append(Program("regctl", ["sh", "-c", 'mkdir files && "$@"', "sh", tool("regctl"), "artifact", "get", "-o", "files",
                                           f"{host}/{artifact.name}:v1"], environment=regctl_environment(bench, host, plain=False)))
    runs = {program.name: [] for program in everyone}
    for _ in range(2 * bench.runs + 1):
        for program in everyone:
            runs[program.name].append(program.run(bench.out, 4096))
            there = len(files(bench.out / "files"))
            if there != count:
                raise Failed(f"{program.name} left {there} files instead of {count}")
    found = {name: medians(done) | {"peak": 0} for name, done in runs.items()}
    bench.registry.remove(artifact)
    figures = [most("wall, to the best peer", ratio(found, best(everyone, found, "wall"), "wall"), 0.8)]
    return table(f"{count} layers of 4 KiB over TLS into a folder", everyone, found, figures)


def start_up(bench):
    times = []
    for _ in range(100):
        began = time.monotonic()
        subprocess.run([bench.unlade, "--version"], check=True, stdout=subprocess.DEVNULL)
        times.append(time.monotonic() - began)
    took, size = statistics.median(times) * 1000, os.stat(bench.unlade).st_size / 1e6
    figures = [most("`unlade --version`", took, 5, " ms"), most("size of the program", size, 12, " MB")]
    return Result("Start", ["what", "measured"], [["--version, ms", took], ["size, MB", size]], figures)
