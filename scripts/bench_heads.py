"""A training step on cached features over one end to end, and five seeds together over five one after another.

EMOTIC's size, features made up: 23,266 people; 512 + 512 + 150 numbers each; ``sem_ib_dml``, batches of 32. End to end
means the same head behind two torchvision ResNet-18 at 256 x 256: forward, backward, RMSprop over all weights (Sem2Vec
stays given: the paper's segmentation network is frozen too). Five seeds together are set against five of our own
one-seed models, whose step is lean already, and against the usual one: plain torch layers, torch.optim.RMSprop, miner
and loss of pytorch-metric-learning. The matrix products of the five seeds alone, on tensors that lie ready, bound what
any batching can reach. What is compared takes turns within one process; medians. Writes bench/heads.json.
"""

import itertools
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
from heads.optimiser import RMSprop
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
    optimiser = RMSprop(head, settings.lr)
    labels = data.labels.numpy()
    draws = [sampling.epoch(labels, settings.per_class, settings.batch, sampling.generator(seed)) for seed in seeds]
    order = itertools.cycle(torch.as_tensor(np.stack(draws, 1)))

    def run() -> None:
        with optimiser:
            for places in itertools.islice(order, STEPS):
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
    optimiser = RMSprop(model, 3.5e-4)
    images = [torch.randn(32, 3, 256, 256).contiguous(memory_format=torch.channels_last) for _ in range(2)]
    presence, labels = (torch.rand(32, 150) > 0.8).float(), torch.arange(32) // 4 % CLASSES

    def run() -> None:
        with optimiser:
            optimiser.step(model(*images, presence, labels).sum())

    return run


class Usual(nn.Module):
    """The same network for one seed, as one would write it without this project. Source: as heads/affect_dml.py."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.body = nn.Linear(512, 512), nn.Linear(512, 512)
        norm = nn.BatchNorm1d(256)
        self.semantic = nn.Sequential(nn.Linear(150, 256), nn.ReLU(), norm, nn.Linear(256, 512))
        self.fusion = nn.Sequential(nn.Linear(3 * 512, 512), nn.Linear(512, 128))
        self.classifier = nn.Linear(128, CLASSES)

    def forward(self, features: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """features: (B, d) each. Returns the embedding (B, 128) and the logits (B, CLASSES)."""
        streams = [
            self.image(features["image/pooled"]),
            self.body(features["body/pooled"]),
            self.semantic(features["sem2vec/presence"]),
        ]
        embedding = self.fusion(torch.cat(streams, 1))
        return embedding, self.classifier(embedding)


def usual_run(data: Samples, seed: int) -> Run:
    """STEPS training steps of one seed on the same tensors in memory, with the reference's miner and loss."""
    from pytorch_metric_learning.losses import TripletMarginLoss
    from pytorch_metric_learning.miners import MultiSimilarityMiner

    torch.manual_seed(seed)
    model, miner, triplet = Usual().train(), MultiSimilarityMiner(epsilon=0.1), TripletMarginLoss(margin=0.2)
    optimiser = torch.optim.RMSprop(model.parameters(), lr=3.5e-4)
    order = itertools.cycle(torch.as_tensor(sampling.epoch(data.labels.numpy(), 4, 32, sampling.generator(seed))))

    def run() -> None:
        for places in itertools.islice(order, STEPS):
            labels = data.labels[places]
            embedding, logits = model({name: data.features[name][places] for name in WIDTHS})
            metric = triplet(embedding, labels, miner(embedding, labels))
            optimiser.zero_grad()
            (0.5 * metric + 0.5 * nn.functional.cross_entropy(logits, labels)).backward()
            optimiser.step()

    return run


def products_run(seeds: int) -> Run:
    """The matrix products of STEPS steps and nothing else: forward, to the weights, and to the inputs where needed."""
    shapes = [(512, 512, False), (512, 512, False), (150, 256, False), (256, 512, True)]
    shapes += [(1536, 512, True), (512, 128, True), (128, CLASSES, True)]
    ready = [
        (torch.randn(seeds, 32, i), torch.randn(seeds, i, o), torch.randn(seeds, 32, o), back) for i, o, back in shapes
    ]

    def run() -> None:
        for _ in range(STEPS):
            for x, weight, gradient, back in ready:
                torch.bmm(x, weight)
                torch.bmm(x.transpose(1, 2), gradient)
                if back:
                    torch.bmm(gradient, weight.transpose(1, 2))

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
    runs = {
        "together": head_run(data, range(5)),
        "one_by_one": _in_turn([head_run(data, [seed]) for seed in range(5)]),
        "usual": _in_turn([usual_run(data, seed) for seed in range(5)]),
        "products": products_run(5),
    }
    seconds = alternately(runs, ROUNDS)
    medians = {f"{name}_step_ms": round(1e3 * statistics.median(row) / STEPS, 3) for name, row in seconds.items()}

    def over(slow: str, fast: str) -> list[float]:
        return [a / b for a, b in zip(seconds[slow], seconds[fast], strict=True)]

    return medians | {
        "over_our_one_seed_model": verdict(over("one_by_one", "together"), TOGETHER_GOAL),
        "over_the_usual_model": verdict(over("usual", "together"), TOGETHER_GOAL),
        "most_that_batching_can_reach": round(statistics.median(over("one_by_one", "products")), 3),
    }


def _in_turn(runs: Sequence[Run]) -> Run:
    def run() -> None:
        for one in runs:
            one()

    return run


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
