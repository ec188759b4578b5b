"""What ``label_heads`` times: steps of heads of several labels on made-up people, ours and as one would write them."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import timm
import torch
from torch import Tensor
from torchvision.models import resnet18

from cache import shard
from cache.feature import Feature
from cache.manifest import Manifest, Row
from cache.spec import ArraySpec, Granularity, Status
from cache.store import Store
from heads.blocks.object_attention import ObjectAttention
from heads.experiments.grid import cell, usual_protocol
from heads.head import BOXES, DIMENSIONS, FLAGS, PEOPLE_FLAGS, ROW, Head, Taught
from heads.inputs.samples import Samples
from heads.inputs.stored import Stored
from heads.known_protocols import find
from heads.learning import sampling
from heads.learning.optimiser import Optimiser
from heads.learning.step import Step
from heads.learning.training import Recipe
from scripts.bench.heads_runs import Run
from scripts.bench.label_heads_targets import CROWD, LABELS, PEOPLE, crowds, people
from scripts.bench.rivals.relational import written

THREADS, SEEDS, STEPS, WORKERS = 2, 5, 10, 2
FEW_STEPS = 3
"""Of a head whose step takes a good part of a second."""
HEADS: dict[str, dict[str, Any]] = {
    "fusion": {"streams": "BCFPSA"},
    "ml_gcn": {"streams": "BCFPSA"},
    "relational": {},
    "abn": {},
    "amalgamated": {"trunk": "trunk", "strides": "c4,c8,c16,c32", "teachers": "teacher/c8"},
}
LARGE = {"relational": 2}
"""Heads of which so many seeds train together here: 48 million weights each, with their velocities and the batches."""
TAILS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "tail_layer4": ({"streams": "BC", "tail": "layer4"}, {"streams": "BC"}),
    "tail_stage4": ({"streams": "C", "context": "hrnet", "tailed": "C", "tail": "stage4"}, {"streams": "C"}),
}
"""Settings of ``fusion`` that train a network's last block from cached maps (ResNet-18's; HRNet-W32's, of 256 x 256
pixels), and those on pooled vectors."""
SHAPES: dict[str, tuple[int, ...]] = {
    "body/pooled": (512,),
    "context/pooled": (512,),
    "face_features/pooled": (512,),
    "pose_vector/vector": (141,),
    "scene/scores": (365,),
    "scene/attributes": (102,),
    "objects/features": (50, 1024),
    "objects/boxes": (50, 4),
    "objects/count": (),
    "body50/pooled": (2048,),
    "context/map": (512, 7, 7),
    "body/map": (512, 7, 7),
    "pose/box": (4,),
    "body/layer3": (256, 14, 14),
    "context/layer3": (256, 14, 14),
    "hrnet/stage3": (896, 16, 16),
    "trunk/c4": (32, 32, 32),
    "trunk/c8": (64, 16, 16),
    "trunk/c16": (128, 8, 8),
    "trunk/c32": (256, 4, 4),
    "teacher/c8": (64, 16, 16),
}
MOST_ROWS = 2048
"""More rows make products no quicker."""
ON_DISK = 2048
"""Images whose objects and maps are written; people of the others have one of theirs."""


@dataclass(frozen=True)
class Setting:
    """A head, and what it reads. inputs: name -> the shape of a row. seeds: that train together. steps: timed in one
    go."""

    name: str
    model: type[Head]
    recipe: Recipe
    inputs: Mapping[str, tuple[int, ...]]
    seeds: int = SEEDS
    steps: int = STEPS

    @property
    def widths(self) -> dict[str, Any]:
        """As a head takes them."""
        return {name: shape[0] if len(shape) == 1 else shape for name, shape in self.inputs.items()}

    @property
    def crowds(self) -> bool:
        """Whether a sample is an image with all its people."""
        return BOXES in self.model.learns

    @property
    def rows(self) -> int:
        """Of its products: the batch, or each of its places where the whole head is convolutions."""
        places = max(int(np.prod(shape[1:])) for shape in self.inputs.values()) if self.crowds else 1
        return min(self.recipe.batch * places, MOST_ROWS)

    def head(self, seeds: Sequence[int], data: Samples) -> Head:
        """Ready for training."""
        sizes = {BOXES: CROWD, PEOPLE_FLAGS: LABELS} if self.crowds else {FLAGS: LABELS, DIMENSIONS: 3}
        head = self.model(self.recipe, self.widths, sizes, seeds).to(data.device).train()
        blocks = {name: _block(word) for name, word in self.model.blocks_of(self.recipe).items()}
        head.learn_from(Taught([f"label {number}" for number in range(LABELS)], data.targets, blocks))
        return head


def _block(word: str) -> dict[str, Tensor]:
    """An untrained network's last block, by the word of ``tail``."""
    if word == "layer4":
        return dict(resnet18().layer4.state_dict())
    network = timm.create_model("hrnet_w32", features_only=True, feature_location="", out_indices=(1, 2, 3, 4))
    return {name: x for name, x in network.state_dict().items() if name.startswith(("transition3.", "stage4."))}


def setting(name: str, values: Mapping[str, Any] | None = None) -> Setting:
    """The head with its published settings but for ``values``, HEADS' where there are none."""
    one = cell(name, find(usual_protocol(name)), dict(HEADS[name] if values is None else values))
    slow = name in LARGE or BOXES in one.model.learns or bool(one.model.blocks_of(one.recipe))
    steps, inputs = FEW_STEPS if slow else STEPS, {key: SHAPES[key] for key in one.inputs}
    return Setting(name, one.model, one.recipe, inputs, LARGE.get(name, SEEDS), steps)


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
    targets = crowds(draw) if one.crowds else people(draw)
    mine = {name: left[name] for name in one.inputs if name in left}
    return Samples.of(vectors, np.arange(PEOPLE), targets, torch.device("cpu"), mine)


def steps_run(one: Setting, data: Samples, seeds: Sequence[int]) -> Run:
    """Training steps of the given seeds in one model, recorded where the head can be."""
    head = one.head(seeds, data)
    optimiser = Optimiser(head, one.recipe.lr, one.recipe.optimiser_rule())
    step = Step(head, data, optimiser, plain=1)
    draws = [sampling.shuffled(PEOPLE, one.recipe.batch, sampling.generator(seed)) for seed in seeds]
    order = itertools.cycle(torch.as_tensor(np.stack(draws, 1), device=data.device))

    def run(count: int = one.steps) -> None:
        with optimiser:
            for places in itertools.islice(order, count):
                step(places)

    run(3)
    return run


class People(torch.utils.data.Dataset[dict[str, Tensor]]):
    """One person a time out of an HDF5 file, which each worker opens for itself."""

    def __init__(self, path: Path, names: Sequence[str], data: Samples) -> None:
        self.path, self.names, self.data = path, names, data
        self.file: h5py.File | None = None

    def __len__(self) -> int:
        return ON_DISK

    def __getitem__(self, place: int) -> dict[str, Tensor]:
        self.file = self.file or h5py.File(self.path, "r")
        found = {
            name: torch.from_numpy(np.asarray(self.file[name.replace("/", "_")][place])).float() for name in self.names
        }
        return found | {kind: values[place] for kind, values in self.data.targets.items()}


@contextmanager
def usual_run(one: Setting, data: Samples, folder: Path) -> Iterator[Run]:
    """Steps of one seed as one would write them: DataLoader, torch's optimiser, no recording, the paper's equations as
    they stand (``rivals.relational``). Workers load ahead between two runs, which is in this loop's favour."""
    path = folder / f"{one.name}.h5"
    with h5py.File(path, "w") as file:
        rows = torch.arange(ON_DISK)
        for name in one.inputs:
            source: Any = data.stored.get(name, data.features.get(name))
            file.create_dataset(name.replace("/", "_"), data=source.index_select(0, rows).numpy().astype(np.float16))
    head = one.head([0], data)
    for attention in (part for part in head.modules() if isinstance(part, ObjectAttention)):
        written(attention)
    kinds: dict[str, Any] = {"rmsprop": torch.optim.RMSprop, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    more = {"momentum": one.recipe.momentum} if one.recipe.optimiser == "sgd" else {}
    optimiser = kinds[one.recipe.optimiser](head.parameters(), lr=one.recipe.lr, **more)
    people = People(path, list(one.inputs), data)
    loader = torch.utils.data.DataLoader(
        people, one.recipe.batch, shuffle=True, drop_last=True, num_workers=WORKERS, persistent_workers=True
    )
    batches = itertools.chain.from_iterable(iter(loader) for _ in itertools.count())

    def run() -> None:
        for batch in itertools.islice(batches, one.steps):
            features = {name: batch[name][None] for name in one.inputs}
            features[ROW] = torch.zeros(1, one.recipe.batch, 1, dtype=torch.int64)
            loss = head.loss(head(features), {kind: batch[kind][None] for kind in data.targets})
            optimiser.zero_grad()
            torch.autograd.backward(loss.sum())
            optimiser.step()

    run()
    yield run
