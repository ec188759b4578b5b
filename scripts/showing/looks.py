"""One person as every feature saw him, in plain numbers and words, for the page to draw.

What a stage's ``describe`` tells decides what is drawn: a ``box`` with its confidence is a face, ``joints`` are a
skeleton, an ``outline`` is a silhouette. Maps become small pictures.
"""

from collections.abc import Mapping, Sequence
from math import ceil, floor
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.stages._places365 import attribute_names
from scripts.prediction import seen
from scripts.showing import maps
from scripts.showing.sources import Opened, Place, Row

LAYERS: Final = ("box", "context", "segmentation", "depth", "objects", "outline", "skeleton", "face")
"""From the lowest to the uppermost."""
ATTRIBUTES = 9
MOST_SCENES = 3
Size = tuple[int, int]
Look = dict[str, Any]


def looks(every: Sequence[Opened], place: Place, size: Size, box: Sequence[float] | None, frame: int | None) -> Look:
    """Layers by name, ``words`` by feature, and ``confidence``, where they are known. size: of the image. box: of the
    person. frame: of a clip."""
    out: Look = {"words": {}, "drawn": []}
    rows = {one.source.name: (one, row) for one in every if (row := one.row(place, frame)) is not None}
    for name, (one, row) in rows.items():
        said = one.source.stage.describe(row)
        before = len(out)
        _drawn(out, one, row, said, size)
        out["drawn"] += [name] if len(out) > before else []
        if words := _words(name, said):
            out["words"][name] = words
    for one, _ in rows.values():
        if hidden := _hidden(out, one.source.stage.config, box):
            out["context"] = hidden
            out["drawn"].append(one.source.name)
    return out


def _drawn(out: Look, one: Opened, row: Row, said: Mapping[str, Any], size: Size) -> None:
    if "box" in said and said.get("confidence"):
        points = np.round(row["landmarks"].astype(float), 1).tolist() if "landmarks" in row else []
        out["face"] = {"box": said["box"], "points": points}
        out["confidence"] = said["confidence"]
    if "joints" in said:
        out["skeleton"] = [[round(x, 1), round(y, 1), round(score, 2)] for x, y, score in said["joints"]]
    if said.get("outline"):
        out["outline"] = said["outline"]
    if "objects" in said:
        out["objects"] = said["objects"]
    if "classes" in said and "label_map" in row:
        out["segmentation"] = maps.segmentation(row["label_map"], row["area"], size)
    if one.source.stage.granularity == "image" and set(row) >= {"map"} and not said and row["map"].ndim == 2:
        out["depth"] = maps.depth(row["map"])


def _hidden(out: Look, config: Any, box: Sequence[float] | None) -> list[Any] | None:
    """What a backbone that looks at the context does not see: boxes [x1, y1, x2, y2, colour] or pieces of an outline
    [[x, y], ...]. None where nothing of that is known."""
    if getattr(config, "input", "") != "context":
        return None
    if config.blank == "mask":
        return list(out["outline"]) if "outline" in out else None
    region = out["face"]["box"] if config.blank == "face" and "face" in out else box
    if region is None or (config.blank == "face" and "face" not in out):
        return None
    colour = "rgb({:.0f} {:.0f} {:.0f})".format(*config.mean) if config.blank == "mean" else "#000"
    return [[floor(region[0]), floor(region[1]), ceil(region[2]), ceil(region[3]), colour]]


def _words(name: str, said: Mapping[str, Any]) -> str:
    if "scenes" in said:
        shares = list(said["scenes"].items())[:MOST_SCENES]
        return f"{', '.join(f'{scene} {100 * share:.0f} %' for scene, share in shares)}; {said['place']}"
    if "objects" in said:
        return ", ".join(f"{one['label']} {100 * one['score']:.0f} %" for one in said["objects"])
    (phrase, *_) = [*seen.words({name: said}), ""]
    return phrase.removeprefix(f"{name} ")


class Attributes:
    """The strongest of SUN's attributes of a scene, in words, where the file of their names is there."""

    def __init__(self, weights: Path) -> None:
        """weights: folder of that file."""
        self._names = attribute_names(weights)

    def add(self, out: Look, every: Sequence[Opened], place: Place, frame: int | None) -> None:
        """To the words of the feature that knows them."""
        for one in every if self._names else ():
            row = one.row(place, frame) if "attributes" in one.source.feature.arrays else None
            if row is not None and one.source.name in out["words"]:
                strong = np.argsort(-row["attributes"].astype(float), kind="stable")[:ATTRIBUTES]
                out["words"][one.source.name] += f"; {', '.join(self._names[at] for at in strong)}"


def rounded(box: NDArray[np.floating]) -> list[float] | None:
    """A box for the page; None where it is not known."""
    return None if np.isnan(box).any() else np.round(box.astype(float), 1).tolist()
