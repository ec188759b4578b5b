"""Train the narrow HRNet on exact label maps of drawn scenes and measure it on others."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from pipeline.demo.scenes.design import ADE20K, SURROUNDINGS
from pipeline.demo.scenes.render import scenes
from pipeline.networks.openmmlab import build_segmentor
from scripts.demo_training.scene_tensors import letterboxed_all, normalised, write_weights

HEIGHT: Final = 192
WIDTH: Final = 256
IGNORED: Final = 255
CLASSES: Final = 150
SHARES: Final = (0.0, 0.0005, 0.001, 0.002, 0.004)
SHARE: Final = 0.001


@dataclass(frozen=True)
class SegmenterPlan:
    """seed draws training scenes, measure_seed the scenes measured on; neither may be the demo's own (0)."""

    seed: int = 1000
    measure_seed: int = 2000
    scenes: int = 3200
    measured: int = 200
    steps: int = 800
    batch: int = 16
    rate: float = 4e-3


def train_segmenter(path: Path, plan: SegmenterPlan, tell: Callable[[str], None]) -> None:
    """Train, measure, and write the weights to `path` and the numbers beside it."""
    start = time.monotonic()
    torch.manual_seed(plan.seed)
    network = build_segmentor("demo_hr8")
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images, labels = letterboxed_all(scenes(plan.seed, 0, plan.scenes), HEIGHT, WIDTH)
    tell(f"{len(images)} scenes drawn in {time.monotonic() - start:.0f} s")
    _fit(network, images, labels, plan, tell)
    seconds = time.monotonic() - start
    facts: dict[str, Any] = {
        "network": "mmsegmentation EncoderDecoder, HRNet 8-16-32-64 with FCNHead, 150 ADE20K classes",
        "input": f"{HEIGHT} x {WIDTH}, letterboxed to the upper left, RGB, ImageNet mean and deviation",
        "parameters": sum(p.numel() for p in network.parameters()),
        **asdict(plan),
        "seconds": round(seconds),
        **measure_segmenter(network, plan),
    }
    write_weights(path, network.state_dict(), facts)
    tell(f"segmenter: mIoU {facts['miou']:.3f} on {plan.measured} new scenes, {seconds:.0f} s")


def class_weights(labels: NDArray[np.uint8]) -> torch.Tensor:
    """(150,) cross-entropy weights: rarer classes count more, by the fifth root of the ratio, 2.5 at most."""
    counts = np.bincount(labels[labels != IGNORED].ravel(), minlength=CLASSES).astype(np.float64)
    rarity = counts.max() / np.maximum(counts, 1)
    return torch.from_numpy(np.where(counts > 0, np.minimum(rarity**0.2, 2.5), 1.0).astype(np.float32))


def _fit(
    network: nn.Module, images: NDArray[np.uint8], labels: NDArray[np.uint8], plan: SegmenterPlan,
    tell: Callable[[str], None],
) -> None:  # fmt: skip
    rng = np.random.default_rng(plan.seed)
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.rate, total_steps=plan.steps, pct_start=0.2)
    weights = class_weights(labels)
    order = np.concatenate([rng.permutation(len(images)) for _ in range(1 + plan.steps * plan.batch // len(images))])
    start = time.monotonic()
    network.train()
    for step in range(plan.steps):
        rows = order[step * plan.batch : (step + 1) * plan.batch]
        loss = _loss(network, images[rows], labels[rows], weights, rng)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if step % 20 == 0:
            tell(f"step {step}/{plan.steps} loss {loss.item():.3f} {time.monotonic() - start:.0f} s")


def _loss(
    network: nn.Module, images: NDArray[np.uint8], labels: NDArray[np.uint8], weights: torch.Tensor,
    rng: np.random.Generator,
) -> torch.Tensor:  # fmt: skip
    """Weighted cross-entropy at half size, the batch mirrored half of the time.

    Each pixel of the half-size map takes the label of one of its four pixels, the same corner within a batch.
    """
    x, target = _input(images, labels), torch.from_numpy(labels).long()
    if rng.random() < 0.5:
        x, target = x.flip(3), target.flip(2)
    down, right = rng.integers(0, 2, 2)
    half = target[:, int(down) :: 2, int(right) :: 2]
    logits = F.interpolate(_logits(network, x), size=half.shape[1:], mode="bilinear", align_corners=False)
    return F.cross_entropy(logits, half, weight=weights, ignore_index=IGNORED)


def _logits(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    backbone, head = cast(nn.Module, network.backbone), cast(nn.Module, network.decode_head)
    return cast(torch.Tensor, head(backbone(x)))


def _input(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> torch.Tensor:
    """The network's input; beside the image 0, the mean colour, with which mmsegmentation and `sem2vec` pad."""
    x = normalised(images) * torch.from_numpy(labels != IGNORED)[:, None]
    return x.contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def predicted(network: nn.Module, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Label maps (n, h, w) of images (n, h, w, 3), at the images' size; 255 where labels (n, h, w) are 255."""
    network.eval()
    maps = []
    for start in range(0, len(images), 8):
        logits = _logits(network, _input(images[start : start + 8], labels[start : start + 8]))
        full = F.interpolate(logits, size=images.shape[1:3], mode="bilinear", align_corners=False)
        maps.append(full.argmax(1).to(torch.uint8).numpy())
    return np.where(labels == IGNORED, np.uint8(IGNORED), np.concatenate(maps))


def measure_segmenter(network: nn.Module, plan: SegmenterPlan) -> dict[str, Any]:
    """IoU and presence on scenes of another seed, over the classes that occur in them; padding counts nowhere.

    Presence per class is told at SHARE; for all classes together at each of SHARES.
    """
    images, truth = letterboxed_all(scenes(plan.measure_seed, 0, plan.measured), HEIGHT, WIDTH)
    found = predicted(network, images, truth)
    names = {index: name for name, index in ADE20K.items()}
    occurring = [c for c in sorted(names) if (truth == c).any()]
    told, is_there = presence_of(found, SHARE), presence_of(truth, SHARE)
    classes = {names[c]: _of_class(truth == c, found == c, is_there[:, c], told[:, c]) for c in occurring}
    things = [name for name in classes if name in _things()]
    return {
        "miou": round(float(np.mean([row["iou"] for row in classes.values()])), 4),
        "miou_things": round(float(np.mean([classes[name]["iou"] for name in things])), 4),
        "pixel_accuracy": round(float((found == truth)[truth != IGNORED].mean()), 4),
        "presence": {f"from a share of {share}": _presence(found, truth, share) for share in SHARES},
        "classes": classes,
    }


def presence_of(maps: NDArray[np.uint8], share: float) -> NDArray[np.bool_]:
    """(n, 150): which classes cover at least that share, and one, of the map's pixels that are not ignored."""
    rows = []
    for one in maps:
        kept = one[one != IGNORED]
        rows.append(np.bincount(kept, minlength=CLASSES)[:CLASSES] >= max(1.0, share * kept.size))
    return np.array(rows)


def _presence(found: NDArray[np.uint8], truth: NDArray[np.uint8], share: float) -> dict[str, float]:
    """Presence told from `share` on, against what is there with any pixel."""
    told, there = presence_of(found, share), presence_of(truth, 0.0)
    both = float((told & there).sum())
    return {"precision": round(both / max(1, int(told.sum())), 4), "recall": round(both / int(there.sum()), 4)}


def _things() -> set[str]:
    return {name for group in SURROUNDINGS for name in group}


def _of_class(
    truth: NDArray[np.bool_], found: NDArray[np.bool_], there: NDArray[np.bool_], told: NDArray[np.bool_]
) -> dict[str, float]:
    both = int((there & told).sum())
    return {
        "iou": round(float((truth & found).sum() / (truth | found).sum()), 4),
        "presence_precision": round(both / max(1, int(told.sum())), 4),
        "presence_recall": round(both / max(1, int(there.sum())), 4),
        "scenes": int(there.sum()),
    }
