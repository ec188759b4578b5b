"""What is said of the people in images, and whether a checkpoint's words fit its head."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from heads.head import PEOPLE_CLASS, PEOPLE_FLAGS, Output
from heads.protocol import Answer, Finds
from heads.protocols._boxes.finds import fuse

HALF = 0.5
"""The share above which one of any number of classes is named."""


def anybody(about: Mapping[str, Any], there: Tensor, shares: Tensor) -> Answer:
    """Of each image and class the greatest share of one of its people, named where one of them is said to have it.
    about: ``Task.about``. there: (n, K) bool. shares: (n, K, C)."""
    said = _named(about, shares) & there[..., None]
    return Answer("anybody", about["classes"], (shares * there[..., None]).amax(1), said.any(1))


def in_boxes(about: Mapping[str, Any], people: Tensor) -> Answer:
    """Of each image, by its people in annotated boxes. people: (S, n, K, C) logits, NaN where there is nobody."""
    there = ~people[0].isnan().any(-1)
    return anybody(about, there, _shares(about, people.nan_to_num(0.0)).mean(0))


def finds(about: Mapping[str, Any], found: Tensor, least: float) -> Finds:
    """Whom the models found together, with a score of ``least`` or more. found: (S, n, N, 5 + C)."""
    told = found.double().cpu()
    one = fuse(told[..., :4].numpy(), told[..., 4].numpy(), _shares(about, told[..., 5:]).numpy(), least)
    boxes, scores, shares = (torch.as_tensor(x, dtype=torch.float32) for x in one)
    return Finds(boxes, scores, _people(about, shares.flatten(0, 1)))


def of_each(about: Mapping[str, Any], people: Tensor) -> Answer:
    """Of each of the n * K places. people: (S, n, K, C) logits; NaN stays where there is nobody."""
    logits = people.flatten(1, 2)
    return _people(about, _shares(about, logits).mean(0), logits.mean(0))


def _people(about: Mapping[str, Any], shares: Tensor, logits: Tensor | None = None) -> Answer:
    """shares: (m, C). Of one class each, it is the one with the greatest share."""
    named = None if about["labels"] == PEOPLE_CLASS else _named(about, shares)
    return Answer("people", about["classes"], shares, named, logits)


def _shares(about: Mapping[str, Any], logits: Tensor) -> Tensor:
    return logits.softmax(-1) if about["labels"] == PEOPLE_CLASS else logits.sigmoid()


def _named(about: Mapping[str, Any], shares: Tensor) -> Tensor:
    if about["labels"] == PEOPLE_CLASS:
        return F.one_hot(shares.argmax(-1), shares.shape[-1]).bool()
    return shares > HALF


def check(about: Mapping[str, Any], output: Output) -> None:
    """Raises: LookupError, ValueError when ``Task.about`` does not fit what the head makes of one image."""
    names, kind = about["classes"], about["labels"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("task: classes are not a list of names")
    if kind not in (PEOPLE_CLASS, PEOPLE_FLAGS):
        raise ValueError(f"task: labels are {str(kind)[:60]!r}, not {PEOPLE_CLASS} or {PEOPLE_FLAGS}")
    if output.found is not None and output.found.shape[-1] != 5 + len(names):
        raise ValueError(f"task: {len(names)} classes, the head tells {output.found.shape[-1] - 5}")
