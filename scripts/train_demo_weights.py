"""Train the demo's small networks again: `make demo-weights`.

Each is written with its measured numbers beside it: the segmenter on exact label maps, the two backbones on places and
postures. The scenes come from other seeds than the demo's, and emotion labels are never used.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from scripts.demo_training.backbones import BackbonePlan, train_backbone
from scripts.demo_training.segmenter import SegmenterPlan, train_segmenter

FOLDER = Path(__file__).resolve().parent.parent / "pipeline" / "demo" / "weights"
BACKBONES = {
    "demo_image": BackbonePlan(size=160, seed=1001),
    "demo_body": BackbonePlan(size=128, seed=1002, scenes=1600, steps=900),
}
NETWORKS = ("demo_hr8", *BACKBONES)


def main(words: Sequence[str] | None = None) -> None:
    """Train the networks named on the command line, all of them by default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="network", help=f"any of {', '.join(NETWORKS)}; default all")
    parser.add_argument("--out", type=Path, default=FOLDER, help="the folder to write to (default: the repository's)")
    parser.add_argument("--steps", type=int, help="training steps, where the default is not wanted")
    parser.add_argument("--scenes", type=int, help="training scenes, where the default is not wanted")
    parser.add_argument("--measured", type=int, help="scenes to measure on, where the default is not wanted")
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="threads of arithmetic (default 1; the shipped demo_hr8 had 2, which rounds otherwise)",
    )
    options = parser.parse_args(words)
    chosen = options.networks or list(NETWORKS)
    for name in chosen:
        if name not in NETWORKS:
            parser.error(f"no network {name!r}. Known: {', '.join(NETWORKS)}")
    torch.set_num_threads(options.threads)
    given = {key: value for key in ("steps", "scenes", "measured") if (value := getattr(options, key)) is not None}
    for name in chosen:
        _train(name, options.out / f"{name}.safetensors", given)


def _train(name: str, path: Path, given: dict[str, int]) -> None:
    if name == "demo_hr8":
        train_segmenter(path, SegmenterPlan(**given), _tell)
    else:
        train_backbone(name, path, replace(BACKBONES[name], **given), _tell)


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
