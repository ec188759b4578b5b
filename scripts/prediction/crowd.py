"""A head whose sample is a photograph with all its people: whom it finds, what it says of people in boxes, its maps."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cache.errors import ConfigError, WeightsError
from heads.checkpoints.checkpoint import Checkpoint
from heads.head import CLASS, PEOPLE_CLASS
from heads.protocol import Answer

Inputs = Mapping[str, Tensor]
"""What the head reads of one photograph, (1, ...) each."""
Boxes = NDArray[np.float32]
NEW = 1 << 40
"""Row numbers of people who stand in no manifest."""
_ONE = np.array([NEW])


class EmotionMaps(NamedTuple):
    """names: of the C maps. values: (C, h, w) in 0..1 over the whole photograph, the mean over seeds. form: how logits
    became these, in words."""

    names: Sequence[str]
    values: NDArray[np.float64]
    form: str


def finds(checkpoint: Checkpoint, inputs: Inputs, size: tuple[int, int]) -> tuple[Boxes, list[float]]:
    """Boxes (p, 4) xyxy in pixels of a photograph of ``size`` (width, height), the surest first, and their scores; of a
    head with ``finds_people``. Raises: ConfigError where its protocol does nothing with them."""
    found = checkpoint.finds(inputs, _ONE)
    if found is None:
        told = f"protocol {checkpoint.about['protocol']}: tells nobody of those whom {checkpoint.about['head']} finds"
        raise ConfigError(told)
    scores = found.scores[0].tolist()
    there = [place for place, score in enumerate(scores) if score > 0]
    boxes = found.boxes[0].numpy()[there] * np.tile(np.array(size, np.float32), 2)
    return boxes.astype(np.float32), [round(scores[place], 4) for place in there]


def in_boxes(checkpoint: Checkpoint, inputs: Inputs, boxes: Boxes, size: tuple[int, int]) -> Answer:
    """Of each of the people in ``boxes`` (p, 4), pixels of a photograph of ``size``. Raises: WeightsError for a head
    that diverged."""
    shares = np.asarray(boxes.reshape(1, -1, 4) / np.tile(np.array(size, np.float32), 2), np.float32)
    answer = checkpoint.in_boxes(inputs, _ONE, shares)
    _check(checkpoint, answer.shares)
    return answer


def emotion_maps(checkpoint: Checkpoint, inputs: Inputs) -> EmotionMaps | None:
    """As in figure 3 of knowledge amalgamation (seeds/002): a softmax over the maps where a person has one class, else
    each map's sigmoid. None of a head that has none. Raises: WeightsError for a head that diverged."""
    every = checkpoint.looks(inputs, _ONE).classes
    if not every:
        return None
    logits = every[0].values[:, 0].double()
    _check(checkpoint, logits)
    one = {CLASS, PEOPLE_CLASS} & checkpoint.about["sizes"].keys()
    values = (logits.softmax(1) if one else logits.sigmoid()).mean(0).cpu().numpy()
    names = in_boxes(checkpoint, inputs, np.zeros((0, 4), np.float32), (1, 1)).names
    return EmotionMaps(names, values, "softmax over the maps" if one else "sigmoid")


def _check(checkpoint: Checkpoint, numbers: Tensor) -> None:
    if not numbers.isfinite().all():
        told = f"{checkpoint.about['head']}: its answers are not finite numbers: training diverged"
        raise WeightsError(f"{told}. Train again, with a lower lr in SET")
