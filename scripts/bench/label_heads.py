"""Heads of several labels on cached features: a step over its floor, seeds together, over the usual loop; their memory.

EMOTIC's size, features made up: 23,266 people, 26 labels, valence, arousal, dominance; each head with its published
settings (heads/configs), batch and optimiser. Floor: the FLOPs of one step, counted by torch's own counter, at the rate
of products of as many rows as the batch has, and the bytes that the optimiser and the inputs move at the rate at which
this machine reads and writes; both measured in the same rounds. Usual: the same head for one seed, fed item by item
from HDF5 by a DataLoader's workers, torch's optimiser, one seed after the other. What is compared takes turns, round by
round; told are the medians of the rounds' ratios. Objects and maps lie in shards of a store, as extraction leaves them.
Writes bench/label_heads.json. ``--quick``: one round, nothing written.
"""

import itertools
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from cache import plugins, shard
from cache.feature import Feature
from cache.manifest import Manifest, Row
from cache.spec import ArraySpec, Granularity, Status
from cache.store import Store
from heads.experiments.grid import cell
from heads.head import DIMENSIONS, FLAGS, ROW, Head, Taught
from heads.inputs.samples import Samples
from heads.inputs.stored import Stored
from heads.learning import sampling
from heads.learning.optimiser import Optimiser
from heads.learning.step import Step
from heads.learning.training import Recipe
from heads.protocol import find
from scripts.bench.heads_runs import Run, alternately, in_turn, milliseconds, verdict
from scripts.bench.results import machine, record

PEOPLE, LABELS, THREADS, SEEDS, STEPS, WORKERS = 23_266, 26, 2, 5, 10, 2
ROUNDS = 7
FLOOR_GOAL, TOGETHER_GOAL, USUAL_GOAL, MEMORY_GOAL = 1.8, 1.3, 3.0, 4.0
HEADS: dict[str, dict[str, Any]] = {
    "fusion": {"streams": "BCFPSA"},
    "ml_gcn": {"streams": "BCFPSA"},
    "relational": {},
    "abn": {},
}
SHAPES: dict[str, tuple[int, ...]] = {
    "body/pooled": (512,),
    "context/pooled": (512,),
    "face_features/pooled": (512,),
    "pose_vector/vector": (141,),
    "scene/scores": (365,),
    "scene/attributes": (102,),
    "objects/features": (50, 1024),
    "objects/boxes": (50, 4),
    "objects/scores": (50,),
    "context/map": (512, 7, 7),
    "body/map": (512, 7, 7),
    "pose/box": (4,),
}
ON_DISK = 2048
"""Images whose objects and maps are written; people of the others have one of theirs."""


@dataclass(frozen=True)
class Setting:
    """A head, and what it reads. inputs: name -> the shape of a row."""

    name: str
    model: type[Head]
    recipe: Recipe
    inputs: Mapping[str, tuple[int, ...]]

    @property
    def widths(self) -> dict[str, Any]:
        """As a head takes them."""
        return {name: shape[0] if len(shape) == 1 else shape for name, shape in self.inputs.items()}

    def head(self, seeds: Sequence[int], data: Samples) -> Head:
        """Ready for training."""
        sizes = {FLAGS: LABELS, DIMENSIONS: 3}
        head = self.model(self.recipe, self.widths, sizes, seeds).train()
        head.learn_from(Taught([f"label {number}" for number in range(LABELS)], data.targets))
        return head


def setting(name: str) -> Setting:
    """The head with its published settings but for HEADS'."""
    one = cell(name, find("emotic-26"), HEADS[name])
    return Setting(name, one.model, one.recipe, {key: SHAPES[key] for key in one.inputs})


def store_of(folder: Path, names: Sequence[str]) -> dict[str, Stored]:
    """Arrays ``names`` of ON_DISK images with one person each in a store, and PEOPLE's rows of them."""
    rows = [Row(f"{number}.jpg", 0, "train", (0, 0, 9, 9), (0, 0, 9, 9), (10, 10), ("a",)) for number in range(ON_DISK)]
    manifest = Manifest.from_rows(rows, dataset="bench", release="made", category_names=("a",), source="bench")
    store = Store(folder)
    store.begin(manifest, 256)
    found = {}
    for word in sorted({name.partition("/")[0] for name in names}):
        arrays = {name.partition("/")[2]: name for name in names if name.startswith(f"{word}/")}
        specs = {array: ArraySpec(SHAPES[name], "float16", "made up") for array, name in arrays.items()}
        feature = _feature(store, word, specs)
        for array, name in arrays.items():
            whole = Stored.of(feature, array, np.arange(ON_DISK), torch.device("cpu"))
            found[name] = whole.take(np.random.default_rng(0).integers(0, ON_DISK, PEOPLE))
    return found


def _feature(store: Store, word: str, specs: Mapping[str, ArraySpec]) -> Feature:
    info: dict[str, Any] = {
        "feature": word,
        "fingerprint": "0" * 16,
        "granularity": Granularity.IMAGE.value,
        "trained": True,
        "arrays": {array: spec.to_json() for array, spec in specs.items()},
    }
    store.use("bench", info)
    feature = store.features("bench")[word]
    draw = np.random.default_rng(1)
    for block in feature.layout.blocks():
        keys = feature.layout.keys(block, Granularity.IMAGE)
        arrays: dict[str, Any] = {
            array: draw.random((len(keys), *spec.shape), np.float32).astype(np.float16) for array, spec in specs.items()
        }
        rows = shard.Rows(keys, np.full(len(keys), Status.OK, np.uint8), [""] * len(keys), arrays)
        source = feature.layout.source(block, feature.granularity)
        shard.write(feature.path(block), feature.fingerprint, source, specs, rows)
    return feature


def samples_of(one: Setting, left: Mapping[str, Stored]) -> Samples:
    """PEOPLE, vectors in memory and ``left`` in the store; a label in six is theirs."""
    draw = torch.Generator().manual_seed(0)
    vectors = {
        name: torch.rand(PEOPLE, *shape, generator=draw) for name, shape in one.inputs.items() if name not in left
    }
    flags = (torch.rand(PEOPLE, LABELS, generator=draw) < 1 / 6).float().numpy()
    targets = {FLAGS: flags, DIMENSIONS: torch.rand(PEOPLE, 3, generator=draw).numpy()}
    mine = {name: left[name] for name in one.inputs if name in left}
    return Samples.of(vectors, np.arange(PEOPLE), targets, torch.device("cpu"), mine)


def steps_run(one: Setting, data: Samples, seeds: Sequence[int]) -> Run:
    """STEPS training steps of the given seeds in one model, recorded where the head can be."""
    head = one.head(seeds, data)
    optimiser = Optimiser(head, one.recipe.lr, one.recipe.optimiser_rule())
    step = Step(head, data, optimiser, plain=1)
    draws = [sampling.shuffled(PEOPLE, one.recipe.batch, sampling.generator(seed)) for seed in seeds]
    order = itertools.cycle(torch.as_tensor(np.stack(draws, 1)))

    def run(count: int = STEPS) -> None:
        with optimiser:
            for places in itertools.islice(order, count):
                step(places)

    run(3)
    return run


def work(one: Setting, data: Samples, seeds: int) -> dict[str, float]:
    """flops of a step, and the bytes that its optimiser and its inputs move."""
    head = one.head(range(seeds), data)
    optimiser = Optimiser(head, one.recipe.lr, one.recipe.optimiser_rule())
    places = torch.arange(one.recipe.batch).expand(seeds, -1)
    with FlopCounterMode(display=False) as counted, optimiser:
        Step(head, data, optimiser)(places)
    weights = seeds * head.parameter_count()
    row = sum(int(np.prod(shape)) for shape in one.inputs.values())
    moved = 2 * 4 * weights * (1 + optimiser.rule.memories)
    return {"flops": counted.get_total_flops(), "optimiser": moved, "inputs": 2 * 4 * row * one.recipe.batch * seeds}


def rates(batch: int, width: int = 1024) -> dict[str, Run]:
    """``products``: of ``batch`` rows, forward, to the weights and to the inputs. ``traffic``: a read and a write of
    128 MB. Each once."""
    x, gradient, weight = torch.randn(batch, width), torch.randn(batch, width), torch.randn(width, width)
    big = torch.full((2**25,), 1e-3)
    out, change = torch.empty(batch, width), torch.empty(width, width)

    def products() -> None:
        for _ in range(8):
            torch.mm(x, weight, out=out)
            torch.mm(gradient, weight.T, out=out)
            torch.mm(x.T, gradient, out=change)

    def traffic() -> None:
        big.mul_(1.0)

    return {"products": products, "traffic": traffic}


def over_floor(one: Setting, data: Samples, rounds: int) -> dict[str, Any]:
    """One seed's step and SEEDS' step over their floors."""
    found: dict[str, Any] = {}
    batch, width = one.recipe.batch, 1024
    for seeds in (1, SEEDS):
        runs = {"step": steps_run(one, data, range(seeds)), **rates(batch, width)}
        seconds, need = alternately(runs, rounds), work(one, data, seeds)
        done, moved = 8 * 3 * 2 * batch * width**2, 2 * 4 * 2**25
        floor = [
            need["flops"] * a / done + (need["optimiser"] + need["inputs"]) * b / moved
            for a, b in zip(seconds["products"], seconds["traffic"], strict=True)
        ]
        steps = [each / STEPS for each in seconds["step"]]
        about: dict[str, Any] = {
            "gflop": round(need["flops"] / 1e9, 3),
            "optimiser_mbytes": round(need["optimiser"] / 1e6, 1),
        }
        about |= {"inputs_mbytes": round(need["inputs"] / 1e6, 1), "step_ms": milliseconds(steps, 1)}
        name = "one_seed" if seeds == 1 else "five_seeds"
        found[name] = about | {"floor_ms": milliseconds(floor, 1)} | verdict(steps, floor, FLOOR_GOAL, most=True)
    return found


class People(torch.utils.data.Dataset[dict[str, Tensor]]):
    """One person a time out of an HDF5 file, which each worker opens for itself."""

    def __init__(self, path: Path, names: Sequence[str], data: Samples) -> None:
        self.path, self.names, self.data = path, names, data
        self.file: h5py.File | None = None

    def __len__(self) -> int:
        return ON_DISK

    def __getitem__(self, place: int) -> dict[str, Tensor]:
        self.file = self.file or h5py.File(self.path, "r")
        found = {name: torch.from_numpy(self.file[name.replace("/", "_")][place]).float() for name in self.names}
        return found | {kind: values[place] for kind, values in self.data.targets.items()}


@contextmanager
def usual_run(one: Setting, data: Samples, folder: Path) -> Iterator[Run]:
    """STEPS steps of one seed as one would write them: DataLoader, torch's optimiser, no recording. Workers load ahead
    while others are timed, which is in this loop's favour."""
    path = folder / f"{one.name}.h5"
    with h5py.File(path, "w") as file:
        rows = torch.arange(ON_DISK)
        for name in one.inputs:
            source: Any = data.stored.get(name, data.features.get(name))
            file.create_dataset(name.replace("/", "_"), data=source.index_select(0, rows).numpy().astype(np.float16))
    head = one.head([0], data)
    kinds: dict[str, Any] = {"rmsprop": torch.optim.RMSprop, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    more = {"momentum": one.recipe.momentum} if one.recipe.optimiser == "sgd" else {}
    optimiser = kinds[one.recipe.optimiser](head.parameters(), lr=one.recipe.lr, **more)
    people = People(path, list(one.inputs), data)
    loader = torch.utils.data.DataLoader(
        people, one.recipe.batch, shuffle=True, drop_last=True, num_workers=WORKERS, persistent_workers=True
    )
    batches = itertools.chain.from_iterable(iter(loader) for _ in itertools.count())

    def run() -> None:
        for batch in itertools.islice(batches, STEPS):
            features = {name: batch[name][None] for name in one.inputs}
            features[ROW] = torch.zeros(1, one.recipe.batch, 1, dtype=torch.int64)
            loss = head.loss(head(features), {kind: batch[kind][None] for kind in data.targets})
            optimiser.zero_grad()
            torch.autograd.backward(loss.sum())
            optimiser.step()

    run()
    yield run


def over_others(one: Setting, data: Samples, folder: Path, rounds: int) -> dict[str, Any]:
    """SEEDS together over one by one, and over the usual loop."""
    with usual_run(one, data, folder) as usual:
        seconds = alternately(
            {
                "together": steps_run(one, data, range(SEEDS)),
                "one_by_one": in_turn([steps_run(one, data, [seed]) for seed in range(SEEDS)]),
                "usual": in_turn([usual] * SEEDS),
            },
            rounds,
        )
    return {f"{name}_step_ms": milliseconds(row) for name, row in seconds.items()} | {
        "together_over_one_by_one": verdict(seconds["one_by_one"], seconds["together"], TOGETHER_GOAL),
        "over_the_usual_loop": verdict(seconds["usual"], seconds["together"], USUAL_GOAL),
    }


def random_rows(left: Mapping[str, Stored], name: str, count: int = 1000) -> dict[str, int]:
    """Rows a second out of the memory map, in any order, once they are in the page cache."""
    draw, rows = np.random.default_rng(2), left[name]
    seconds = []
    for _ in range(5):
        places = torch.as_tensor(draw.integers(0, len(rows), count))
        started = time.perf_counter()
        rows.index_select(0, places)
        seconds.append(time.perf_counter() - started)
    rate = count / statistics.median(seconds)
    size = int(np.prod(rows.shape[1:])) * 2
    return {"rows_per_second": round(rate), "mbytes_per_second": round(rate * size / 1e6), "bytes_per_row": size}


def main(quick: bool = False) -> None:
    """Everything on two threads of an idle machine (``load`` tells)."""
    before = os.getloadavg()[0]
    torch.set_num_threads(THREADS)
    rounds, known = 1 if quick else ROUNDS, set(plugins.names("heads.models"))
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = [setting(word) for word in HEADS if word in known]
        arrays = {each for one in settings for each in one.model.arrays_of(one.recipe) if len(SHAPES[each]) > 1}
        left = store_of(folder / "store", sorted(arrays))
        for one in settings:
            data = samples_of(one, left)
            result[one.name] = {"batch": one.recipe.batch, "optimiser": one.recipe.optimiser}
            result[one.name] |= {"over_the_floor": over_floor(one, data, rounds)}
            result[one.name] |= over_others(one, data, folder, rounds)
            print(f"{one.name}: {json.dumps(result[one.name])}", file=sys.stderr, flush=True)
        result["random_rows_of_the_memory_map"] = {each: random_rows(left, each) for each in sorted(arrays)}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    result["memory"] = {"peak_gbytes": round(peak, 2), "goal": MEMORY_GOAL, "met": peak <= MEMORY_GOAL}
    load = {"start": round(before, 2), "end": round(os.getloadavg()[0], 2), "benchmark_itself": THREADS}
    about = {"load": load, "people": PEOPLE, "labels": LABELS, "steps": STEPS, "threads": THREADS, "seeds": SEEDS}
    if quick:
        print(json.dumps(result, indent=2))
    else:
        record("label_heads", result | about | machine())


if __name__ == "__main__":
    main("--quick" in sys.argv)
