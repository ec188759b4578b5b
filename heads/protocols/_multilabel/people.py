"""Who has labels, as flags and dimensions, and what becomes of the others."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cache.manifest import OK, SPLITS, Manifest
from heads.head import FLAGS
from heads.protocols._images import ENOUGH
from heads.task import PARTS, Task
from heads.text import aligned, counted

DIMENSIONS = ("valence", "arousal", "dominance")
MOST = 10.0
"""The upper end of the scale that people are rated on, which becomes 1.

Source: the published code of the thesis' author divides by it; the text says "rescaled in the range [0,1]" alone.
"""


EMOTIC = """
Affection Anger Annoyance Anticipation Aversion Confidence Disapproval Disconnection Disquietment
Doubt/Confusion Embarrassment Engagement Esteem Excitement Fatigue Fear Happiness Pain Peace Pleasure Sadness
Sensitivity Suffering Surprise Sympathy Yearning
"""
"""Its categories. Source: Kosti et al. 2019, table 1."""


class Labelled(NamedTuple):
    """classes: the categories of train people, in the dataset's order. flags: (n, C) of everybody. usable: (n,) who
    has a part in it."""

    classes: tuple[str, ...]
    flags: NDArray[np.bool_]
    usable: NDArray[np.bool_]


def labelled(manifest: Manifest) -> Labelled:
    """People without a label, or with none that a train person has, have no part, unless annotators were asked about
    every class and found none."""
    ok, flags = _ok(manifest), manifest.categories.astype(bool)
    train = np.array(manifest.splits) == "train"
    known = np.flatnonzero(flags[ok & train].any(0))
    mine = flags[:, known]
    return Labelled(tuple(manifest.category_names[at] for at in known), mine, ok & (mine.any(1) | scored(manifest)))


def scored(manifest: Manifest) -> NDArray[np.bool_]:
    """(n,): of whom it is known how sure the annotators are of each class."""
    scores = manifest.scores
    return np.asarray(~np.isnan(scores).any(1) if scores.size else np.zeros(len(manifest), bool))


def dimensions(manifest: Manifest) -> NDArray[np.float32]:
    """(n, 3) in 0..1, NaN where unknown."""
    return np.asarray(manifest.vad / np.float32(MOST), np.float32)


def emotic(manifest: Manifest) -> bool:
    """Whether its categories are EMOTIC's."""
    return set(manifest.category_names) == set(EMOTIC.split())


def _ok(manifest: Manifest) -> NDArray[np.bool_]:
    return np.asarray(np.array(manifest.statuses) == OK)


def left_out(manifest: Manifest) -> list[str]:
    """A line for each kind of otherwise usable people who have no part, and for classes that nobody can learn."""
    ok, flags, found = _ok(manifest), manifest.categories.astype(bool), []
    classes, _, usable = labelled(manifest)
    if none := int((ok & ~flags.any(1) & ~scored(manifest)).sum()):
        found.append(f"{none} people have no label and are left out")
    counts = dict(zip(manifest.category_names, flags[ok].sum(0).tolist(), strict=True))
    if strange := {name: count for name, count in counts.items() if count and name not in classes}:
        alone = int((ok & flags.any(1) & ~usable).sum())
        told = f", with {alone} people who have no other" if alone else ""
        found.append(f"classes that no train person has are left out{told}: {counted(strange)}")
    return found


def counts(task: Task) -> dict[str, dict[str, int]]:
    """train, val, test -> class -> people who are in it."""
    flags = flags_of(task)
    every = {part: flags[getattr(task, part)].sum(0).tolist() for part in PARTS}
    return {part: {name: n for name, n in zip(task.classes, found, strict=True) if n} for part, found in every.items()}


def flags_of(task: Task) -> NDArray[np.bool_]:
    """(n, C) of all rows."""
    return np.asarray(task.targets[FLAGS], bool)


def frequent(task: Task) -> str:
    """Labels a person of each part, on average."""
    flags = flags_of(task)
    every = {part: flags[rows] for part in PARTS if len(rows := getattr(task, part))}
    told = ", ".join(f"{part} {one.sum() / len(one):.2f}" for part, one in every.items())
    return f"Labels a person: {told}."


def unscored(task: Task) -> list[str]:
    """Lines on classes that nobody of test or of validation has, and on those of few test images."""
    found, told = counts(task), []
    if absent := [name for name in task.classes if name not in found["test"]]:
        told.append(f"Classes that no test person has, in no mean over classes: {', '.join(absent)}.")
    if unfitted := [name for name in task.classes if name not in found["val"]]:
        told.append(f"Classes that no validation person has, which no threshold names: {', '.join(unfitted)}.")
    flags = flags_of(task)[task.test]
    images = {name: len(np.unique(task.images[task.test][flags[:, at]])) for at, name in enumerate(task.classes)}
    if few := {name: count for name, count in images.items() if 0 < count < ENOUGH}:
        told.append(f"Classes with fewer than {ENOUGH} test images: {counted(few)}. Their intervals are too narrow.")
    return told


def text(words: Sequence[str], manifest: Manifest) -> str | None:
    """People of each class and split as a table, and who is left out; None when nobody has a label."""
    flags, ok, splits = manifest.categories.astype(bool), _ok(manifest), np.array(manifest.splits)
    if not flags[ok].any():
        return None
    body = [["class", *SPLITS, "all"]]
    for at, name in enumerate(manifest.category_names):
        found = [int((flags[:, at] & ok & (splits == split)).sum()) for split in SPLITS]
        if sum(found):
            body.append([name, *map(str, found), str(sum(found))])
    known = ok & ~np.isnan(manifest.vad).any(1)
    lines = [f"{manifest.dataset} ({manifest.release}), labels as they are; {int(ok.sum())} usable people, "]
    lines[0] += f"{int(known.sum())} of them with {', '.join(DIMENSIONS)}"
    return "\n".join([*lines, "", ", ".join(words), "", aligned(body), *(f"{one}." for one in left_out(manifest))])


def about(task: Task, told: Mapping[str, Any], lines: Sequence[str]) -> dict[str, Any]:
    """What results.json tells. told: what every protocol does; lines: on people who are left out."""
    beyond = ", valence, arousal, dominance" if task.about["dimensions"] else ""
    return {
        "about": f"{len(task.classes)} classes{beyond}",
        "caption": "people with any number of labels",
        "notes": [*told["notes"], frequent(task), *lines, *unscored(task)],
        "labels": {**told["labels"], "notes": [frequent(task), *lines]},
    }
