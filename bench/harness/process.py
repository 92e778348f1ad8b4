"""One run of a program: wall time, CPU time, peak memory."""

import json
import os
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path


class Failed(Exception):
    """A program that ended badly, or left something else than was asked for."""


class Program:
    """A contender in one scenario: words to run in an empty folder, and what they leave there."""

    def __init__(self, name, words, kind="peer", environment=None, stdout=None, timed=False):
        self.name, self.words, self.kind = name, [str(word) for word in words], kind
        # Nobody's settings, proxies and authorities are to take part.
        self.environment = {"PATH": os.environ["PATH"]} | (environment or {})
        self.stdout, self.timed = stdout, timed

    def run(self, out, size=None, watch=False, group=None):
        """Runs it and checks that a file of this size is there; gives a dictionary of wall, cpu and peak."""
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        stdout = open(out / self.stdout, "wb") if self.stdout else subprocess.PIPE if self.timed else subprocess.DEVNULL
        enter = (lambda: (group / "cgroup.procs").write_text(str(os.getpid()))) if group else None
        began = time.monotonic()
        process = subprocess.Popen(self.words, env=self.environment, cwd=out, stdin=subprocess.DEVNULL,
                                   stdout=stdout, stderr=subprocess.PIPE, preexec_fn=enter)
        marks = [0]
        if watch:
            threading.Thread(target=follow_memory, args=(process.pid, marks), daemon=True).start()
        error = process.stderr.read()
        said = process.stdout.read() if self.timed else None
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = status
        if status:
            raise Failed(f"{self.name} failed ({status}): {error.decode(errors='replace').strip()[-2000:]}")
        if size is not None and not any(file.stat().st_size == size for file in files(out)):
            raise Failed(f"{self.name} left no file of {size} bytes")
        figures = {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "peak": max(marks)}
        return figures | (json.loads(said) if said else {})


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def follow_memory(pid, marks):
    """Notes the high-water marks of a process and its children, in MiB, until it ends.

    The maxrss that wait4 gives begins with that of this interpreter, which the process was before it became another
    program; VmHWM is the program's own.
    """
    while True:
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            texts = [Path(f"/proc/{process}/status").read_text() for process in [pid, *children]]
        except OSError:
            texts = []
            if not Path(f"/proc/{pid}").exists():
                return
        marks.extend(int(mark) / 1024 for text in texts for mark in re.findall(r"VmHWM:\s+(\d+)", text))
        time.sleep(0.005)


class Group:
    """A control group with a limit of memory, of either version; `path` is None where none can be made."""

    def __init__(self, limit):
        self.path = None
        for root, file in (("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")):
            path = Path(root) / f"unlade-bench-{os.getpid()}"
            try:
                path.mkdir()
            except OSError:
                continue
            try:
                # The kernel puts its files into a folder of its own: where they are not, nothing is limited.
                with open(path / file, "r+") as knob:
                    knob.write(str(limit))
            except OSError:
                path.rmdir()
                continue
            self.path = path
            return

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        if self.path:
            self.path.rmdir()
