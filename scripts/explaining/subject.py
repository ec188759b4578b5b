"""Who is explained: one person with what the head reads of him, and the photograph where it is at hand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

Frame = NDArray[np.floating] | None


@dataclass(frozen=True)
class Subject:
    """name: of what is written of him. inputs: as in the store, (1, ...) each. row: of the manifest, or beyond it.
    image, box: (4,) xyxy inside it; None where the photograph is not at hand. frame: of a feature, the region (4,) of
    the photograph that its maps lie over, None where it is not known. read: a feature's array of him, (...), None where
    the feature has none of that name. told: more of him for the JSON. notes: sentences for whoever sees the picture.
    place: (4,) his box in shares 0..1 of the photograph, None where it is not known."""

    name: str
    inputs: Mapping[str, Tensor]
    row: int
    image: Image.Image | None
    box: NDArray[np.float32] | None
    frame: Callable[[str], Frame]
    read: Callable[[str, str], NDArray[Any] | None]
    told: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    place: NDArray[np.floating] | None = None
