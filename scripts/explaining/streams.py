"""Each stream's share of the score: what the answers become when it is left out, replaced by its mean."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cache.errors import DataError, WeightsError
from heads.checkpoints.checkpoint import Checkpoint
from heads.head import DIMENSIONS
from heads.protocol import Answer

TOP = 3
"""Of each answer's classes; of dimensions, all."""
_DIGITS = 6


def streams(checkpoint: Checkpoint) -> dict[str, tuple[str, ...]]:
    """Name -> the inputs that are left out together: each vector alone, and the arrays of one feature that are no
    vectors as one, for boxes mean nothing without what is in them."""
    arrays = checkpoint.head.arrays_of(checkpoint.recipe)
    found: dict[str, tuple[str, ...]] = {}
    for name in checkpoint.inputs:
        word = name.partition("/")[0] if name in arrays else name
        found[word] = (*found.get(word, ()), name)
    return {one[0] if len(one) == 1 else word: one for word, one in found.items()}


def left_out(
    checkpoint: Checkpoint,
    inputs: Mapping[str, Tensor],
    row: int,
    means: Mapping[str, Tensor],
    hidden: Sequence[str] = (),
    word: str = "",
    place: NDArray[np.floating] | None = None,
) -> list[dict[str, Any]]:
    """Of each answer the strongest classes, ready for JSON: ``share``, ``logit`` where there is one, and ``inputs``:
    stream -> what the share and the logit lose without it, negative where it speaks against the class. ``without_any``
    is what they are with all streams left out.

    inputs: of one person as in the store, (1, ...) each. row: his, of the manifest, or beyond it. hidden: features of
    which nothing is told, for no trained network made them. word: the class that is told in place of the strongest,
    where an answer has it. place: as of ``answered``. Raises: WeightsError for a head that diverged; DataError as
    ``answered``.
    """
    groups = streams(checkpoint)
    answers = answered(checkpoint, *_variants(inputs, list(groups.values()), row, means), place)
    for one in answers:
        if not all(x.isfinite().all() for x in (one.shares, one.logits) if x is not None):
            told = f"{checkpoint.about['head']}: its answers are not finite numbers: training diverged"
            raise WeightsError(f"{told}. Train again, with a lower lr in SET")
    shown = {name: place for place, name in enumerate(groups, 1) if name.partition("/")[0] not in hidden}
    return [_told(one, shown, len(groups) + 1, word) for one in answers]


def answered(
    checkpoint: Checkpoint, inputs: Mapping[str, Tensor], rows: NDArray[np.int64], place: NDArray[np.floating] | None
) -> list[Answer]:
    """What the head says of one person, again and again. inputs: (n, ...). rows: (n,). place: his box, (4,) in shares
    of the image, which a head of photographs with all their people is given. Raises: DataError where it is not known.
    """
    if not checkpoint.by_image:
        return checkpoint.answers(inputs, rows)
    if place is None:
        raise DataError("his box is not usable, in which the head is to look. Take another KEY")
    return [checkpoint.in_boxes(inputs, rows, np.broadcast_to(place, (len(rows), 1, 4)).copy())]


def _variants(
    inputs: Mapping[str, Tensor], groups: Sequence[tuple[str, ...]], row: int, means: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], Any]:
    """The person as he is, without each of ``groups``, without any; and his row as often."""
    count = len(groups) + 2
    every = {name: x.repeat(count, *[1] * (x.dim() - 1)) for name, x in inputs.items()}
    for place, group in enumerate(groups, 1):
        for name in group:
            every[name][[place, count - 1]] = means[name].to(every[name].dtype)
    return every, np.full(count, row, np.int64)


def _told(answer: Answer, shown: Mapping[str, int], nothing: int, word: str) -> dict[str, Any]:
    told = range(len(answer.names)) if answer.title == DIMENSIONS else strongest(answer, word)
    said = answer.said(0)
    measures = {"share": answer.shares} | ({} if answer.logits is None else {"logit": answer.logits})
    return {
        "title": answer.title,
        "names": [
            {
                "name": answer.names[at],
                **({} if answer.title == DIMENSIONS else {"named": answer.names[at] in said}),
                **{word: _round(x[0, at]) for word, x in measures.items()},
                "inputs": {
                    name: {word: _round(x[0, at] - x[place, at]) for word, x in measures.items()}
                    for name, place in shown.items()
                },
                "without_any": {word: _round(x[nothing, at]) for word, x in measures.items()},
            }
            for at in told
        ],
    }


def strongest(answer: Answer, word: str = "") -> list[int]:
    """Where the first person's greatest shares stand, TOP at most; where the class ``word`` stands, if there is one."""
    if word in answer.names:
        return [list(answer.names).index(word)]
    found: list[int] = torch.argsort(-answer.shares[0], stable=True)[:TOP].tolist()
    return found


def _round(value: Tensor) -> float:
    return round(float(value), _DIGITS)
