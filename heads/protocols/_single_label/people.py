"""Who has exactly one label, and what becomes of the others."""

import numpy as np
from numpy.typing import NDArray

from cache.manifest import OK, SPLITS, Manifest
from heads.protocols._images import ENOUGH
from heads.task import NOWHERE, Task
from heads.text import aligned, counted


def labelled(manifest: Manifest) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The classes, which are the categories of train people in the dataset's order, and everybody's class: (n,),
    NOWHERE for unusable people, those with several labels or none, and those of other classes."""
    category = _single(manifest)
    train = np.array(manifest.splits) == "train"
    known = np.unique(category[train & (category >= 0)])
    place = np.full(len(manifest.category_names) + 1, NOWHERE, np.int64)  # the last one is that of NOWHERE
    place[known] = np.arange(len(known))
    return tuple(manifest.category_names[index] for index in known), place[category]


def _single(manifest: Manifest) -> NDArray[np.int64]:
    """(n,) the category of usable people with exactly one, else NOWHERE."""
    categories = manifest.categories.astype(bool)
    found = np.full(len(categories), NOWHERE, np.int64)
    chosen = _usable(manifest) & (categories.sum(1) == 1)
    found[chosen] = np.nonzero(categories[chosen])[1]
    return found


def _usable(manifest: Manifest) -> NDArray[np.bool_]:
    return np.asarray(np.array(manifest.statuses) == OK)


def left_out(manifest: Manifest) -> list[str]:
    """A line for each kind of usable people who have no part in the protocol, with how many there are."""
    usable, many = _usable(manifest), manifest.categories.astype(bool).sum(1)
    found = []
    if several := int((usable & (many > 1)).sum()):
        found.append(f"{several} people have several labels and are left out")
    if none := int((usable & (many == 0)).sum()):
        found.append(f"{none} people have no label and are left out")
    if strange := _untaught(manifest):
        found.append(f"classes that no train person has are left out, with their people: {counted(strange)}")
    return found


def _untaught(manifest: Manifest) -> dict[str, int]:
    """Class -> its people of val and test, where no train person has it."""
    classes, category = labelled(manifest)[0], _single(manifest)
    names, counts = np.unique(category[category >= 0], return_counts=True)
    every = {manifest.category_names[index]: int(count) for index, count in zip(names, counts, strict=True)}
    return {name: count for name, count in every.items() if name not in classes}


def narrow(task: Task) -> list[str]:
    """A line for classes with so few test images that resampling them says little of how sure their scores are."""
    images = {
        name: len(np.unique(task.images[task.test][task.labels[task.test] == label]))
        for label, name in enumerate(task.classes)
    }
    few = {name: count for name, count in images.items() if 0 < count < ENOUGH}
    told = f"Classes with fewer than {ENOUGH} test images: {counted(few)}."
    return [f"{told} Intervals of their recall and of macro scores are too narrow."] if few else []


def text(word: str, manifest: Manifest) -> str | None:
    """People of each class and split as a table, and who is left out; None when nobody has exactly one label."""
    category, splits = _single(manifest), np.array(manifest.splits)
    if not (category >= 0).any():
        return None
    usable = int(_usable(manifest).sum())
    body = [["class", *SPLITS, "all"]]
    for index, name in enumerate(manifest.category_names):
        counts = [int(((category == index) & (splits == split)).sum()) for split in SPLITS]
        if sum(counts):
            body.append([name, *map(str, counts), str(sum(counts))])
    lines = [f"{manifest.dataset} ({manifest.release}), labels as they are; {usable} usable people", "", word, ""]
    return "\n".join([*lines, aligned(body), *(f"{line}." for line in left_out(manifest))])
