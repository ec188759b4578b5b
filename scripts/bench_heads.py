"""A training step on cached features over one end to end, and five seeds together over five one after another.

EMOTIC's size, features made up: 23,266 people; 512 + 512 + 150 numbers each; ``sem_ib_dml``, batches of 32. End to end
means the same head behind two torchvision ResNet-18 at 256 x 256: forward, backward, RMSprop over all weights (Sem2Vec
stays given: the paper's segmentation network is frozen too). What is compared takes turns within one process; medians.
Writes bench/heads.json.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from heads import sampling
from heads.evaluation import Samples
from heads.head import Head
from heads.models.sem_ib_dml import Model
from heads.optimiser import rmsprop
from heads.train import step
from heads.training import Recipe, recipe
from scripts.benchmark import machine, record

PEOPLE, CLASSES, THREADS = 23_266, 6, 2
WIDTHS = {"image/pooled": 512, "body/pooled": 512, "sem2vec/presence": 150}
END_TO_END_GOAL, TOGETHER_GOAL = 500.0, 1.5
STEPS, ROUNDS, END_TO_END_ROUNDS = 20, 15, 3

Run = Callable[[], None]


def samples() -> Samples:
    """Made-up people; presence is 0 or 1."""
    draw = torch.Generator().manual_seed(0)
    features = {name: torch.randn(PEOPLE, width, generator=draw) for name, width in WIDTHS.items()}
    features["sem2vec/presence"] = (features["sem2vec/presence"] > 1).float()
    labels = np.random.default_rng(0).integers(0, CLASSES, PEOPLE)
    return Samples.of(features, np.arange(PEOPLE), labels, torch.device("cpu"))


def head_of(seeds: Sequence[int]) -> tuple[Head, Recipe]:
    """The published settings."""
    model: type[Head] = Model
    settings = recipe(model, {}, "bench")
    return model(settings, WIDTHS, CLASSES, seeds).train(), settings


def head_run(data: Samples, seeds: Sequence[int]) -> Run:
    """STEPS training steps of the given seeds in one model."""
    head, settings = head_of(seeds)
    optimiser = rmsprop(head.parameters(), settings.lr)
    labels = data.labels.numpy()
    draws = [sampling.epoch(labels, settings.per_class, settings.batch, sampling.generator(seed)) for seed in seeds]
    order = torch.as_tensor(np.stack(draws, 1))[:STEPS]

    def run() -> None:
        for places in order:
            step(head, data, places, optimiser)

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
        return self.head.loss(self.head(pooled | {"sem2vec/presence": presence[None]}), labels[None])


def end_to_end_run() -> Run:
    """One training step of the whole model; channels_last, which is the faster layout on a CPU."""
    model = EndToEnd().train()
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = rmsprop(model.parameters(), 3.5e-4)
    images = [torch.randn(32, 3, 256, 256).contiguous(memory_format=torch.channels_last) for _ in range(2)]
    presence, labels = (torch.rand(32, 150) > 0.8).float(), torch.arange(32) // 4 % CLASSES

    def run() -> None:
        optimiser.zero_grad()
        model(*images, presence, labels).sum().backward()
        optimiser.step()

    return run


def alternately(runs: dict[str, Run], rounds: int) -> dict[str, list[float]]:
    """Seconds of each run in each round, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            if number:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def verdict(ratios: Sequence[float], goal: float) -> dict[str, Any]:
    """The median ratio of the rounds, against its goal."""
    ratio = statistics.median(ratios)
    return {"ratio": round(ratio, 3), "ratios": [round(one, 3) for one in ratios], "goal": goal, "met": ratio >= goal}


def end_to_end(data: Samples) -> dict[str, Any]:
    """A step on pixels over a step on features."""
    runs = {"cached": head_run(data, [0]), "pixels": end_to_end_run()}
    seconds = alternately(runs, END_TO_END_ROUNDS)
    cached = [one / STEPS for one in seconds["cached"]]
    return {
        "cached_step_ms": round(1e3 * statistics.median(cached), 3),
        "end_to_end_step_ms": round(1e3 * statistics.median(seconds["pixels"]), 1),
    } | verdict([pixels / one for pixels, one in zip(seconds["pixels"], cached, strict=True)], END_TO_END_GOAL)


def together(data: Samples) -> dict[str, Any]:
    """Five models trained one after the other over the same five trained at once."""
    singles = [head_run(data, [seed]) for seed in range(5)]

    def one_by_one() -> None:
        for single in singles:
            single()

    seconds = alternately({"together": head_run(data, range(5)), "one_by_one": one_by_one}, ROUNDS)
    medians = {name: statistics.median(values) / STEPS for name, values in seconds.items()}
    ratios = [slow / fast for slow, fast in zip(seconds["one_by_one"], seconds["together"], strict=True)]
    return {
        "together_step_ms": round(1e3 * medians["together"], 3),
        "one_by_one_step_ms": round(1e3 * medians["one_by_one"], 3),
    } | verdict(ratios, TOGETHER_GOAL)


def main() -> None:
    """Both comparisons on two threads."""
    torch.set_num_threads(THREADS)
    data = samples()
    about = {"people": PEOPLE, "widths": WIDTHS, "batch": 32, "steps": STEPS, "threads": THREADS}
    record(
        "heads", {"five_seeds_together": together(data), "cached_over_end_to_end": end_to_end(data)} | about | machine()
    )


if __name__ == "__main__":
    main()
