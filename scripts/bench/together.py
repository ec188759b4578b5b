"""Two trainings at once against one after the other, each of two threads, by how their threads wait for one another.

Each is a process of its own that is warm before it is timed. Ways take turns, and the quickest of several rounds
counts. Writes bench/together.json.
"""

import os
import subprocess
import sys
import time
from typing import IO, cast

from scripts.bench.results import machine, record

WAYS = {"spinning": {}, "short": {"GOMP_SPINCOUNT": "1000"}, "passive": {"OMP_WAIT_POLICY": "passive"}}
"""What is set before torch loads; ``spinning`` is what happens by itself."""
ROUNDS, STEPS, SEEDS, THREADS = 6, 5, 2, 2
HEAD = "i_dml"
GOAL = 1.2
"""At once over one after the other."""


def child() -> None:
    """Train for STEPS whenever a line comes in, and say so."""
    import torch

    from scripts.bench.heads_runs import head_run, samples

    torch.set_num_threads(THREADS)
    run = head_run(samples(2000), range(SEEDS), HEAD, steps=STEPS)
    run()
    for _ in sys.stdin:
        run()
        print("done", flush=True)


class Training:
    """A process that trains when it is told to."""

    def __init__(self, way: str) -> None:
        own = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
        command = [sys.executable, "-m", "scripts.bench.together", "child"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, env=own | WAYS[way], **pipes)  # type: ignore[call-overload]
        self.ask()

    def begin(self) -> None:
        """Ask, and do not wait."""
        into = cast(IO[str], self.process.stdin)
        into.write("go\n")
        into.flush()

    def end(self) -> None:
        """Wait for what was begun."""
        cast(IO[str], self.process.stdout).readline()

    def ask(self) -> None:
        """Train once."""
        self.begin()
        self.end()


def seconds(trainings: list[Training], at_once: bool) -> float:
    """Of all of ``trainings``."""
    start = time.perf_counter()
    if at_once:
        for one in trainings:
            one.begin()
        for one in trainings:
            one.end()
    else:
        for one in trainings:
            one.ask()
    return time.perf_counter() - start


def main() -> None:
    """See the module."""
    pairs = {way: [Training(way), Training(way)] for way in WAYS}
    kinds = [(way, at_once) for way in WAYS for at_once in (False, True)]
    found: dict[tuple[str, bool], list[float]] = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):
        for way, at_once in kinds:
            found[way, at_once].append(seconds(pairs[way], at_once))
    for pair in pairs.values():
        for one in pair:
            one.process.communicate()
    best = {kind: min(values) for kind, values in found.items()}
    told = {
        way: {
            "seconds_one_after_the_other": round(best[way, False], 3),
            "seconds_at_once": round(best[way, True], 3),
            "at_once_over_one_after_the_other": round(best[way, True] / best[way, False], 2),
        }
        for way in WAYS
    }
    alone = {way: round(best[way, False] / best["spinning", False], 3) for way in WAYS}
    about = {"rounds": ROUNDS, "steps": STEPS, "seeds": SEEDS, "threads": THREADS, "goal": GOAL}
    about["load"] = round(os.getloadavg()[0], 1)  # what others want of the cores
    record("together", {**machine(), **about, **told, "alone_over_spinning": alone})


if __name__ == "__main__":
    child() if sys.argv[1:] == ["child"] else main()
