"""``make torture``: hundreds of real kills and thousands of flipped bits, counted in bench/torture.json.

Each extraction is a forked child of a process that holds the loaded code, so that a kill costs a fraction of a second.
The child runs every stage with small networks on drawn scenes, then stages for clips on drawn clips, and is killed at a
random moment, every third time in the midst of the next write. After every kill the
store must open and hold only whole shards; when a run ends by itself its store must be, byte for byte, that of an
unbroken run. A control runs the same without the atomic commit and has to fail.
"""

import argparse
import hashlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import cache.shard
from cache.errors import AffectError
from cache.feature import Feature
from cache.files import PARTIAL
from cache.header import BLOCK
from cache.layout import Block
from cache.makings import NAME
from cache.store import Store
from cache.verify import problem, verify
from pipeline.demo.clips.write import write_clips
from pipeline.demo.scenes.write import write_demo
from pipeline.running.extraction import extract
from pipeline.running.request import Request
from scripts.bench.results import machine, record

CONFIG = """
dataset = "demo"
shard_images = 2
[stages.sem2vec]
model = "demo_hr8"
size = [64, 96]
[stages.image]
stage = "backbone"
model = "shufflenet_v2_x0_5"
size = [64, 64]
[stages.body]
stage = "backbone"
input = "body"
model = "shufflenet_v2_x0_5"
size = [64, 64]
[stages.face]
[stages.pose]
model = "rtmpose-t"
"""
CLIPS_CONFIG = """
dataset = "demo_video"
shard_images = 2
frames = 4
[stages.body]
stage = "backbone"
input = "body"
model = "shufflenet_v2_x0_5"
size = [64, 64]
[stages.flow]
model = "shufflenet_v2_x0_5"
method = "dis"
size = [64, 64]
[stages.joints]
[stages.lma]
[stages.face]
"""
KILLS, FLIPS = 300, 2000


class Case(NamedTuple):
    """A dataset to extract: its word, its config's text and what writes its files."""

    dataset: str
    config: str
    make: Callable[[Path], None]


CASES = (
    Case("demo", CONFIG, partial(write_demo, scenes=24, seed=5)),
    Case("demo_video", CLIPS_CONFIG, partial(write_clips, clips=24, seed=5, processes=1)),
)


def main() -> int:
    """0 when nothing was lost and the controls failed, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--flips", type=int, default=FLIPS)
    options = parser.parse_args()
    found = {case.dataset: tortured(case, options.kills, options.flips) for case in CASES}
    met = all(one["met"] for one in found.values())
    record("torture", found | {"met": met} | machine())
    return 0 if met else 1


def tortured(case: Case, kills: int, flips: int) -> dict[str, Any]:
    """What became of one dataset's store."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        case.make(folder / "data")
        (folder / "config.toml").write_text(case.config)
        run = partial(request, case.dataset, folder)
        warm_up(run(folder))
        seconds = child(run(folder / "whole"), None)[1]
        whole = tree(folder / "whole")
        killed = torture(run, folder / "kills", whole, kills, seconds)
        with patch.object(cache.shard, "replace", in_place):
            control = torture(run, folder / "control", whole, kills, seconds, stop_at_loss=True)
        flipped = flip_bits(folder / "whole", case.dataset, flips)
    kept = killed["landed"] >= KILLS and killed["left_a_temporary"] > 0 and not killed["losses"]
    told = flipped["flips"] >= FLIPS and not flipped["wrong_rows"] + flipped["unreported"]
    counts = {"kills": killed, "control_without_atomic_commit": control, "bit_flips": flipped}
    return counts | {"files_in_the_store": len(whole), "met": kept and told and control["losses"] > 0}


def request(dataset: str, folder: Path, store: Path) -> Request:
    """All stages, one thread: a forked child must not meet a thread pool that only its parent has."""
    paths = {"root": folder / "data", "store": store, "weights": folder / "none", "config": folder / "config.toml"}
    return Request(dataset, untrained=True, threads=1, **paths)  # type: ignore[arg-type]


def warm_up(asked: Request) -> None:
    """Import what the stages import, in the parent, once."""
    import torch

    torch.set_num_threads(1)
    from pipeline.weights.folder import Weights

    for recipe in asked.settings()[1]:
        recipe.stage.load("cpu", Weights(asked.weights, untrained=True))


def child(asked: Request, kill_after: float | None) -> tuple[bool, float]:
    """Run one extraction in a fork; (whether it was killed, seconds it lived)."""
    started = time.monotonic()
    process = os.fork()
    if process == 0:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (lives as long as the child)
        try:
            extract(asked, lambda _: None)
        except BaseException:
            os._exit(3)
        os._exit(0)
    if kill_after is not None:
        while not moment(asked.folder, started, kill_after) and os.waitpid(process, os.WNOHANG) == (0, 0):
            time.sleep(0.0002)
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            return False, time.monotonic() - started
    try:
        _, status = os.waitpid(process, 0)
    except ChildProcessError:  # it ended by itself, and was seen to
        return False, time.monotonic() - started
    if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"an extraction that nobody killed ended with {os.WEXITSTATUS(status)}")
    return os.WIFSIGNALED(status), time.monotonic() - started


def moment(written: Path, started: float, kill_after: float) -> bool:
    """Whether to kill now: the time is over or, where it is negative, a shard is being written after that long."""
    if time.monotonic() - started < abs(kill_after):
        return False
    return kill_after > 0 or any(
        name.startswith(PARTIAL) for folder in written.glob("*/*") for name in os.listdir(folder)
    )


def torture(
    run: Callable[[Path], Request],
    stores: Path,
    whole: dict[str, str],
    kills: int,
    seconds: float,
    stop_at_loss: bool = False,
) -> dict[str, Any]:
    """Kill and go on, store after store, until so many kills have landed."""
    draw, counts = random.Random(1), Counter[str](landed=0, losses=0, left_a_temporary=0)
    store, number = stores / "0", 0
    while counts["landed"] < kills and not (stop_at_loss and counts["losses"]):
        after = draw.uniform(0.02, 0.7) * seconds
        killed, _ = child(run(store), after if counts["tries"] % 3 else -after)
        counts["tries"] += 1
        counts["landed"] += killed
        counts["ended_before_the_kill"] += not killed
        counts["losses"] += not only_whole_shards(run(store))
        present = len(list(store.rglob("shard-*.h5")))
        counts["half_way"] += killed and present > 0
        counts["left_a_temporary"] += killed and bool(list(store.rglob(".partial-*")))
        if not killed or counts["landed"] % 7 == 0:
            child(run(store), None)
            counts["finished_runs"] += 1
            counts["losses"] += tree(store) != whole
            number += 1
            store = stores / str(number)
    return dict(counts)


def only_whole_shards(asked: Request) -> bool:
    """Whether the store opens and every shard in it is sound."""
    if not (asked.folder / "current.json").exists():
        return True
    try:
        return not [finding for finding in verify(asked.store, asked.dataset) if "killed" not in finding.problem]
    except AffectError:  # killed before the features were described
        return not list(asked.store.rglob("shard-*.h5"))


def tree(store: Path) -> dict[str, str]:
    """Path -> digest of every file but the lock and the records of makings, which have a date."""
    files = [path for path in sorted(store.rglob("*")) if path.is_file() and path.name not in (".lock", NAME)]
    return {str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def in_place(path: Path, parts: Any) -> None:
    """The control: the same bytes, written where they will be read, page by page as onto a slow disk."""
    whole = b"".join(parts)
    with path.open("wb") as file:
        for start in range(0, len(whole), 4096):
            file.write(whole[start : start + 4096])
            file.flush()
            os.fsync(file.fileno())


def flip_bits(store: Path, dataset: str, flips: int) -> dict[str, int]:
    """Flip one random bit at a time, anywhere in any shard; each must be reported and never read as a wrong row."""
    draw, counts = random.Random(2), Counter[str](wrong_rows=0, unreported=0, reported=0)
    features = Store(store).features(dataset)
    shards = [(feature, block) for feature in features.values() for block in feature.layout.blocks()]
    for _ in range(flips):
        feature, block = draw.choice(shards)
        path, right = feature.path(block), rows(feature, block)
        whole = path.read_bytes()
        place, bit = draw.randrange(len(whole)), draw.randrange(8)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
        counts["in_header" if place < BLOCK else "behind_header"] += 1
        counts["reported" if problem(feature, block) else "unreported"] += 1
        try:
            counts["wrong_rows"] += rows(feature, block) != right
        except AffectError:
            counts["reads_refused"] += 1
        path.write_bytes(whole)
    return dict(counts) | {"flips": flips}


def rows(feature: Feature, block: Block) -> dict[str, bytes]:
    """All that a fresh reader gets of a shard."""
    fresh = Feature(feature.folder, feature.layout)
    keys = fresh.layout.keys(block, fresh.granularity)
    found = {name: fresh.read(name, keys) for name in fresh.arrays}
    return {name: array.tobytes() + status.tobytes() for name, (array, status) in found.items()}


if __name__ == "__main__":
    sys.exit(main())
