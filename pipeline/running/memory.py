"""Features of a photograph, or of people in a video, without a store: the same decoding, the same stages, the same
rows."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cache.spec import Granularity, Status
from pipeline.decoding.images import MAX_PIXELS
from pipeline.decoding.video import frames
from pipeline.framed import Framed, Moments
from pipeline.running.clip_people import Sample
from pipeline.running.reading import Row
from pipeline.running.recipes import Recipe
from pipeline.running.watching import Wanted, look_at, show
from pipeline.stage import Extracted, Photo, Stage

NONE: Mapping[str, Extracted] = MappingProxyType({})


class Memory:
    """Runs the stages of ``recipes``, each loaded once. A feature that others are made from stands before them."""

    def __init__(self, recipes: Sequence[Recipe], device: str = "cpu") -> None:
        """Raises: WeightsError, ConfigError."""
        self.recipes = tuple(recipes)
        for recipe in self.recipes:
            recipe.stage.load(device, recipe.weights)

    def features(self, photo: Photo, known: Mapping[str, Extracted] = NONE) -> dict[str, Extracted]:
        """Feature name -> its rows: one for the image, or one for each of its persons. known: those that need not be
        made again."""
        found: dict[str, Extracted] = {}
        for recipe in self.recipes:
            stage = recipe.stage
            if recipe.feature in known:
                found[recipe.feature] = known[recipe.feature]
                continue
            if stage.granularity is Granularity.PERSON and not len(photo.boxes):
                found[recipe.feature] = stage.extract([])
                continue
            found[recipe.feature] = (
                derived(stage, found[stage.source], photo) if stage.source else stage.extract(stage.prepare(photo))
            )
        return found

    def clips(
        self, path: Path, samples: Sequence[Sample], size: tuple[int, int], max_pixels: int = MAX_PIXELS
    ) -> dict[str, Extracted]:
        """Feature name -> a row for each of ``samples`` of the video at ``path``, whose frames have this ``size``. The
        stages are those of a config for clips. Raises: ImageError when not even the first frame can be had."""
        stages = {one.feature: one.stage for one in self.recipes}
        framed = {name: one for name, one in stages.items() if isinstance(one, Framed) and not one.source}
        wanted = Wanted(path.name, samples, framed)
        black = Image.new("RGB", size)
        for frame in wanted.frames(pixels=False):
            wanted.show({frame: black}, frame, pixels=False)
        show(path, wanted, max_pixels)
        found: dict[str, Extracted] = {}
        for name, stage in stages.items():
            if name in framed:
                found[name] = stage.extract([wanted.moments[name]])
            else:
                found[name] = _spread(stage, found[stage.source], partial(_derived_items, stage, path, max_pixels))
        return found


def _derived_items(stage: Stage[Any], path: Path, max_pixels: int, rows: Sequence[Row]) -> list[Any]:
    """Of rows of its source, and of the video where it sees that. Raises: ImageError."""
    if not stage.sees:
        return [stage.derive(row) for row in rows]
    made = [Moments(row["positions"][None]) for row in rows]
    present = {frame for row in rows for frame in row["positions"][row["present"] > 0].tolist()}
    for frame, image in frames(path, sorted(present), max_pixels):
        look_at(stage, made, rows, frame, image)
    return made


def derived(stage: Stage[Any], source: Extracted, photo: Photo) -> Extracted:
    """What a derived stage makes of its source's rows of ``photo``; one not OK passes on its status and message."""
    if stage.sees:
        return _spread(stage, source, lambda rows: stage.look(photo.image, rows))
    return _spread(stage, source, lambda rows: [stage.derive(row) for row in rows])


def _spread(stage: Stage[Any], source: Extracted, items: Callable[[list[Row]], list[Any]]) -> Extracted:
    """Rows as those of ``source``; ``items`` are what the stage makes of those that are OK."""
    fine = np.flatnonzero(source.status == Status.OK)
    done = stage.extract(items([{name: source.arrays[name][row] for name in stage.reads} for row in fine]))
    status, messages = source.status.copy(), list(source.messages)
    status[fine] = done.status
    for row, message in zip(fine.tolist(), done.messages, strict=True):
        messages[row] = message
    arrays: dict[str, NDArray[Any]] = {name: spec.empty(len(status)) for name, spec in stage.outputs.items()}
    for name, array in arrays.items():
        array[fine] = done.arrays[name]
    return Extracted(arrays, status, messages)
