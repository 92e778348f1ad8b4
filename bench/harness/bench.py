"""The command: builds, starts the registry, plays the scenarios, and tells."""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from . import lasting, speed
from .contenders import NAMES, ROOT, missing, versions
from .process import Failed
from .registry import MIB, Registry
from .report import verdicts

SCENARIOS = {
    "tls": speed.over_tls, "plain": speed.plainly, "disk": speed.onto_disk, "capped": speed.capped, "window": speed.windowed,
    "delay": speed.delayed, "memory": lasting.memory, "requests": lasting.requests, "layers": speed.layers,
    "killed": lasting.killed, "start": speed.start_up, "floor": speed.floor,
}


class Bench:
    """What a scenario needs."""

    def __init__(self, options, folder, disk):
        self.folder, self.disk = folder, disk / "out"
        self.out = folder / "out"
        self.runs, self.quick, self.only, self.seed = options.runs, options.quick, options.only, options.seed
        self.unlade, self.link = options.unlade, options.link
        self.size = options.size * MIB
        self.registry = Registry(folder / "registry")
        self.authority = self.registry.authority
        self._artifact = None
        (folder / "home").mkdir()

    def artifact(self):
        """The one large artifact that the timed scenarios share."""
        self._artifact = self._artifact or self.registry.publish("bench", self.size)
        return self._artifact

    def home(self):
        """Nobody's logins are to take part."""
        return {"HOME": str(self.folder / "home"), "DOCKER_CONFIG": str(self.folder / "home")}

    def takes(self, name):
        return not self.only or name in self.only


def build(package, *more):
    """Builds what is to be measured as it is shipped; CARGO names another cargo."""
    words = [os.environ.get("CARGO", "cargo"), "build", "--locked", "--profile", "dist", "--package", package, *more]
    subprocess.run(words, cwd=ROOT, check=True)


def target():
    words = ["cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"]
    metadata = subprocess.run(words, cwd=ROOT, check=True, capture_output=True).stdout
    return Path(json.loads(metadata)["target_directory"])


def parse():
    parser = argparse.ArgumentParser(prog="bench/run", description="Compares unlade with its peers: see bench/README.md.")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="play this one; may be repeated [all]")
    parser.add_argument("--runs", type=int, metavar="N", help="rounds that count [5, quick 1]")
    parser.add_argument("--size", type=int, metavar="MIB", help="size of the large layer [1024, quick 128]")
    parser.add_argument("--quick", action="store_true", help="small layers, one round: to see that all of it works")
    parser.add_argument("--only", metavar="NAME,…", 
                        help=f"who takes part beside unlade, of {', '.join(name.replace(', ', '+') for name in NAMES[1:])}")
    parser.add_argument("--dir", default="/dev/shm", help="where layers lie and arrive: a tmpfs [/dev/shm]")
    parser.add_argument("--disk", help="a folder on a disk [target]")
    parser.add_argument("--json", metavar="FILE", help="where the document goes [target/bench.json]")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="of the moments of the kills")
    parser.add_argument("--unlade", help="a built command; otherwise it is built as it is shipped")
    parser.add_argument("--link", help="a built link; otherwise it is built too")
    parser.add_argument("--install", action="store_true", help="run bench/install first")
    options = parser.parse_args()
    options.runs = options.runs or (1 if options.quick else 5)
    options.size = options.size or (128 if options.quick else 1024)
    if options.only:
        known = {name.replace(", ", "+"): name for name in NAMES}
        if strange := set(options.only.split(",")) - set(known):
            parser.error(f"--only: nobody is called {', '.join(sorted(strange))}")
        options.only = {"unlade"} | {known[word] for word in options.only.split(",")}
    return options


def prepare(options):
    if options.install:
        subprocess.run([ROOT / "bench/install"], check=True)
    if absent := missing(options.only):
        sys.exit(f"bench: missing: {', '.join(absent)}; bench/install installs them, --only compares with fewer")
    target_folder = target()
    options.disk = Path(options.disk or target_folder)
    options.json = Path(options.json or target_folder / "bench.json")
    if not options.unlade:
        build("unlade-cli")
    if not options.link:
        build("unlade-testkit", "--example", "link")
    options.unlade = os.path.abspath(options.unlade or target_folder / "dist/unlade")
    options.link = os.path.abspath(options.link or target_folder / "dist/examples/link")


def machine():
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cores": os.cpu_count(), "memory_gib": round(memory / 2**30), "kernel": platform.release().split("-")[0]}


def main():
    options = parse()
    prepare(options)
    print(f"{options.size} MiB, {options.runs} rounds, medians, {os.cpu_count()} cores; "
          + ", ".join(f"{name} {version}" for name, version in versions().items()))
    results, failures = {}, {}
    with tempfile.TemporaryDirectory(prefix="unlade-bench-", dir=options.dir) as folder, \
            tempfile.TemporaryDirectory(prefix="unlade-bench-", dir=options.disk) as disk:
        bench = Bench(options, Path(folder), Path(disk))
        try:
            for name in options.scenario or SCENARIOS:
                try:
                    results[name] = SCENARIOS[name](bench)
                    results[name].show()
                except Failed as error:
                    failures[name] = str(error)
                    print(f"\n{name}: failed: {error}", flush=True)
        finally:
            bench.registry.stop()
    verdicts(results)
    document = {"machine": machine(), "versions": versions(), "runs": options.runs, "size_mib": options.size,
                "scenarios": {name: result.plain() for name, result in results.items()}, "failed": failures}
    options.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    print(f"\nAll of it is in {options.json}.")
    if failures:
        sys.exit(f"bench: failed: {', '.join(failures)}")
