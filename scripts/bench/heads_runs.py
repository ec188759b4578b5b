"""What ``heads`` times: training steps of ours and of others, on made-up features at EMOTIC's size."""

import itertools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models import resnet18

from cache import plugins
from heads.experiments.grid import usual_protocol
from heads.head import CLASS, ROW, Head
from heads.inputs.samples import Samples
from heads.known_protocols import find
from heads.learning import sampling
from heads.learning.optimiser import Optimiser
from heads.learning.step import Step
from heads.learning.training import Recipe, recipe
from heads.protocol import Protocol

PEOPLE, CLASSES, STEPS = 23_266, 6, 20
WIDTHS = {"image/pooled": 512, "body/pooled": 512, "sem2vec/presence": 150}
HEAD = "sem_ib_dml"

Run = Callable[[], None]


def samples(people: int = PEOPLE, widths: Mapping[str, int] = WIDTHS, classes: int = CLASSES) -> Samples:
    """Made-up people; presence is 0 or 1."""
    draw = torch.Generator().manual_seed(0)
    features = {name: torch.randn(people, width, generator=draw) for name, width in widths.items()}
    features["sem2vec/presence"] = (features["sem2vec/presence"] > 1).float()
    labels = np.random.default_rng(0).integers(0, classes, people)
    return Samples.of(features, np.arange(people), {CLASS: labels}, torch.device("cpu"))


def protocol() -> Protocol:
    """What the benchmark's head is meant for."""
    return find(usual_protocol(HEAD))


def labels_of(data: Samples) -> NDArray[np.int64]:
    """(n,) the class of each."""
    return np.asarray(data.targets[CLASS].numpy(), np.int64)


def head_of(
    seeds: Sequence[int],
    name: str = HEAD,
    widths: Mapping[str, int] = WIDTHS,
    settings: Mapping[str, Any] | None = None,
) -> tuple[Head, Recipe]:
    """With the published settings but for ``settings``."""
    model: type[Head] = plugins.load("heads.models", name, "Model")
    chosen = recipe(model, type(protocol()), dict(settings or {}), "bench")
    inputs = {key: widths[key] for key in model.inputs_of(chosen)}
    return model(chosen, inputs, {CLASS: CLASSES}, seeds).train(), chosen


def head_run(
    data: Samples,
    seeds: Sequence[int],
    name: str = HEAD,
    steps: int = STEPS,
    settings: Mapping[str, Any] | None = None,
) -> Run:
    """Training steps of the given seeds in one model, from a recording: of a whole training all but 200 are."""
    head, chosen = head_of(seeds, name, {key: x.shape[1] for key, x in data.features.items()}, settings)
    mine = Samples({key: data.features[key] for key in (*head.inputs, ROW)}, data.targets)
    optimiser = Optimiser(head, chosen.lr)
    step = Step(head, mine, optimiser, plain=1)
    labels = labels_of(data)
    draws = [sampling.epoch(labels, chosen.per_class, chosen.batch, sampling.generator(seed)) for seed in seeds]
    order = itertools.cycle(torch.as_tensor(np.stack(draws, 1)))

    def run(count: int = steps) -> None:
        with optimiser:
            for places in itertools.islice(order, count):
                step(places)

    run(3)
    return run


class EndToEnd(nn.Module):
    """Two ResNet-18 without their logits layers, and the head on what they pool."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.body = resnet18(), resnet18()
        self.image.fc = self.body.fc = nn.Identity()
        self.head, _ = head_of([0])

    def forward(self, image: Tensor, body: Tensor, presence: Tensor, labels: Tensor) -> Tensor:
        """image, body: (32, 3, 256, 256). presence: (32, 150). labels: (32,). Returns the loss, (1,)."""
        pooled = {"image/pooled": self.image(image)[None], "body/pooled": self.body(body)[None]}
        return self.head.loss(self.head(pooled | {"sem2vec/presence": presence[None]}), {CLASS: labels[None]})


def end_to_end_run() -> Run:
    """One training step of the whole model; channels_last, which is the faster layout on a CPU."""
    model = EndToEnd().train()
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = Optimiser(model, 3.5e-4)
    images = [torch.randn(32, 3, 256, 256).contiguous(memory_format=torch.channels_last) for _ in range(2)]
    presence, labels = (torch.rand(32, 150) > 0.8).float(), torch.arange(32) // 4 % CLASSES

    def run() -> None:
        with optimiser:
            optimiser.step(model(*images, presence, labels).sum())

    return run


def in_turn(runs: Sequence[Run]) -> Run:
    """One run after the other."""

    def run() -> None:
        for one in runs:
            one()

    return run


def alternately(runs: Mapping[str, Run], rounds: int) -> dict[str, list[float]]:
    """Seconds of each run in each round, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            if number:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def milliseconds(seconds: Sequence[float], steps: int = STEPS) -> dict[str, float]:
    """Of a step: the median round, and the quickest, in which nobody else used the cores."""
    return {name: round(1e3 * pick(seconds) / steps, 3) for name, pick in (("median", statistics.median), ("min", min))}


def verdict(slow: Sequence[float], fast: Sequence[float], goal: float, most: bool = False) -> dict[str, Any]:
    """Seconds of ``slow`` over those of ``fast``, round by round, and of the quickest rounds; against its goal, which
    the median must reach (most: must not exceed)."""
    ratios = [a / b for a, b in zip(slow, fast, strict=True)]
    ratio = statistics.median(ratios)
    met = ratio <= goal if most else ratio >= goal
    quickest = round(min(slow) / min(fast), 3)
    spread = [round(min(ratios), 3), round(max(ratios), 3)]
    return {"ratio": round(ratio, 3), "of_quickest_rounds": quickest, "spread": spread, "goal": goal, "met": met}
