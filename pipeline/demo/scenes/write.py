"""Write a demo dataset to disk in EMOTIC's layout, all of it or nothing."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.demo.folder import make_whole
from pipeline.demo.scenes.emotic_layout import annotations_mat
from pipeline.demo.scenes.plan import FOLDERS, plan_scenes
from pipeline.demo.scenes.render import render

JPEG_BYTES: Final = 26_000
"""Every JPEG has this many bytes, so that a file's length tells nothing of what it shows."""
_QUALITIES: Final = (90, 80, 65, 40, 15)
_START: Final = b"\xff\xd8"
_COMMENT: Final = b"\xff\xfe"


def write_demo(root: Path, scenes: int = 900, seed: int = 0) -> None:
    """Write `scenes` scenes to `root`: made beside it and renamed, so `root` is whole or absent.

    `root`/Annotations/Annotations.mat as EMOTIC's, JPEGs of equal length in `root`/emotic/<folder>/<file>.jpg, label
    maps (uint8, 0-based ADE20K class, 255 none) in `root`/label_maps/<folder>/<file>.png. Same arguments, same bytes.
    Raises: DataError when `root` is there and not empty.
    """
    make_whole(root, lambda folder: _fill(folder, scenes, seed))


def padded_jpeg(image: NDArray[np.uint8], size: int = JPEG_BYTES) -> bytes:
    """(h, w, 3) uint8 RGB as a JPEG of exactly `size` bytes: what is missing is filled with a comment.

    The best of some qualities that fits is taken.
    Raises: ValueError when none fits.
    """
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=quality)
        data = buffer.getvalue()
        filler = size - len(data) - 4
        if filler >= 0:
            # After the first segment: JFIF wants its own right at the start.
            first = 4 + struct.unpack(">H", data[4:6])[0]
            comment = _COMMENT + struct.pack(">H", filler + 2) + bytes(filler)
            return data[:first] + comment + data[first:]
    raise ValueError(f"an image of {image.shape} does not fit into a JPEG of {size} bytes")


def _fill(folder: Path, scenes: int, seed: int) -> None:
    plans = plan_scenes(scenes, seed)
    for name in FOLDERS:
        (folder / "emotic" / name).mkdir(parents=True)
        (folder / "label_maps" / name).mkdir(parents=True)
    (folder / "Annotations").mkdir()
    (folder / "Annotations" / "Annotations.mat").write_bytes(annotations_mat(plans))
    for plan in plans:
        scene = render(plan)
        (folder / "emotic" / plan.folder / plan.filename).write_bytes(padded_jpeg(scene.image))
        label_file = (folder / "label_maps" / plan.folder / plan.filename).with_suffix(".png")
        Image.fromarray(scene.label_map).save(label_file)
