"""Train two small ShuffleNets on what scenes show: place and light from the image, posture and joints from the body.

They stand for the backbones that others train on ImageNet or Places: they know the world, not the emotions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F
from torchvision.models import shufflenet_v2_x0_5

from pipeline.decoding.images import resize
from pipeline.demo.scenes.design import LIGHTS, PLACES, POSTURES
from pipeline.demo.scenes.figures import JOINTS
from pipeline.demo.scenes.render import Scene, scenes
from scripts.demo_training.scene_tensors import normalised, photograph, write_weights

WIDTH: Final = 1024


@dataclass(frozen=True)
class BackbonePlan:
    """seed draws training scenes, measure_seed the scenes measured on; size is the side of the square input."""

    size: int
    seed: int
    measure_seed: int = 2000
    scenes: int = 1200
    measured: int = 200
    steps: int = 350
    batch: int = 32
    rate: float = 3e-3


@dataclass(frozen=True)
class Examples:
    """images (n, size, size, 3) uint8, classes (n, t) one column per task, joints (n, 28) shares of the box or none."""

    images: NDArray[np.uint8]
    classes: NDArray[np.int64]
    joints: NDArray[np.float32] | None


@dataclass(frozen=True)
class Task:
    """What one backbone learns: its examples, and the names of the classes of each column."""

    examples: Callable[[Scene, int], list[Examples]]
    columns: dict[str, tuple[str, ...]]
    joints: bool
    what: str


def image_examples(scene: Scene, size: int) -> list[Examples]:
    """The whole image, stretched, with its place and light."""
    image = resize(photograph(scene), (size, size))
    classes = np.array([[PLACES.index(scene.plan.place), LIGHTS.index(scene.plan.light)]])
    return [Examples(image[None], classes, None)]


def body_examples(scene: Scene, size: int) -> list[Examples]:
    """Each person's box, stretched, with its posture and joints."""
    found, photo = [], photograph(scene)
    for person in scene.persons:
        x1, y1, x2, y2 = person.plan.box
        image = resize(photo, (size, size), person.plan.box)
        joints = ((person.joints - (x1, y1)) / (x2 - x1, y2 - y1)).reshape(1, -1).astype(np.float32)
        found.append(Examples(image[None], np.array([[POSTURES.index(person.plan.posture)]]), joints))
    return found


TASKS: Final = {
    "demo_image": Task(image_examples, {"place": PLACES, "light": LIGHTS}, False, "the whole image, stretched"),
    "demo_body": Task(body_examples, {"posture": POSTURES}, True, "the person's box, stretched"),
}


def train_backbone(name: str, path: Path, plan: BackbonePlan, tell: Callable[[str], None]) -> None:
    """Train and measure a backbone of TASKS; write its values without classifier to `path`, the numbers beside it."""
    start = time.monotonic()
    torch.manual_seed(plan.seed)
    task = TASKS[name]
    outputs = sum(len(classes) for classes in task.columns.values()) + 2 * len(JOINTS) * task.joints
    network = shufflenet_v2_x0_5(weights=None)
    network.fc = nn.Linear(WIDTH, outputs)
    _fit(network.to(memory_format=torch.channels_last), gathered(task, plan, plan.seed, plan.scenes), task, plan, tell)
    measured = _measure(network, gathered(task, plan, plan.measure_seed, plan.measured), task)
    seconds = time.monotonic() - start
    facts: dict[str, Any] = {
        "network": f"torchvision shufflenet_v2_x0_5 without classifier, {WIDTH} pooled values",
        "input": f"{plan.size} x {plan.size}, {task.what}, RGB, ImageNet mean and deviation",
        **asdict(plan),
        "seconds": round(seconds),
        **measured,
    }
    state = {key: value for key, value in network.state_dict().items() if not key.startswith("fc.")}
    write_weights(path, state, facts)
    tell(f"{name}: {measured}, {seconds:.0f} s")


def gathered(task: Task, plan: BackbonePlan, seed: int, count: int) -> Examples:
    """The examples of the first `count` scenes of `seed`."""
    found = [one for scene in scenes(seed, 0, count) for one in task.examples(scene, plan.size)]
    joints = np.concatenate([one.joints for one in found if one.joints is not None]) if task.joints else None
    return Examples(np.concatenate([e.images for e in found]), np.concatenate([e.classes for e in found]), joints)


def _fit(network: nn.Module, data: Examples, task: Task, plan: BackbonePlan, tell: Callable[[str], None]) -> None:
    rng = np.random.default_rng(plan.seed)
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.rate, total_steps=plan.steps, pct_start=0.2)
    network.train()
    for step in range(plan.steps):
        rows = rng.integers(0, len(data.images), plan.batch)
        loss = _loss(network(normalised(data.images[rows])), data, rows, task)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if step % 50 == 0:
            tell(f"step {step}/{plan.steps} loss {loss.item():.3f}")


def _loss(out: torch.Tensor, data: Examples, rows: NDArray[np.int64], task: Task) -> torch.Tensor:
    """Cross-entropy of every column, and where there are joints their smooth L1 distance, weighted by 20."""
    truth = torch.from_numpy(data.classes[rows])
    widths = [len(classes) for classes in task.columns.values()]
    parts = torch.split(out[:, : sum(widths)], widths, 1)
    loss = torch.stack([F.cross_entropy(part, truth[:, i]) for i, part in enumerate(parts)]).sum()
    if data.joints is None:
        return loss
    return loss + 20 * F.smooth_l1_loss(out[:, sum(widths) :], torch.from_numpy(data.joints[rows]), beta=0.05)


@torch.inference_mode()
def _measure(network: nn.Module, data: Examples, task: Task) -> dict[str, float]:
    """Accuracy per column, and the joints' mean distance along one axis as a share of the box's side."""
    network.eval()
    out = torch.cat([network(normalised(data.images[i : i + 32])) for i in range(0, len(data.images), 32)])
    measured, start = {}, 0
    for column, (name, classes) in enumerate(task.columns.items()):
        told = out[:, start : start + len(classes)].argmax(1).numpy()
        measured[f"{name}_accuracy"] = round(float((told == data.classes[:, column]).mean()), 4)
        start += len(classes)
    if data.joints is not None:
        measured["joint_error"] = round(float((out[:, start:] - torch.from_numpy(data.joints)).abs().mean()), 4)
    return measured
