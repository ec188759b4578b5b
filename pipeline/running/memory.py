"""Features of a photograph without a store: the same decoding, the same stages, the same rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.spec import Granularity, Status
from pipeline.running.recipes import Recipe
from pipeline.stage import Extracted, Photo, Stage


class Memory:
    """Runs the stages of ``recipes``, each loaded once. A feature that others are made from stands before them."""

    def __init__(self, recipes: Sequence[Recipe], device: str = "cpu") -> None:
        """Raises: WeightsError, ConfigError."""
        self.recipes = tuple(recipes)
        for recipe in self.recipes:
            recipe.stage.load(device, recipe.weights)

    def features(self, photo: Photo) -> dict[str, Extracted]:
        """Feature name -> its rows: one for the image, or one for each of its persons."""
        found: dict[str, Extracted] = {}
        for recipe in self.recipes:
            stage = recipe.stage
            if stage.granularity is Granularity.PERSON and not len(photo.boxes):
                found[recipe.feature] = stage.extract([])
                continue
            found[recipe.feature] = (
                derived(stage, found[stage.source], photo) if stage.source else stage.extract(stage.prepare(photo))
            )
        return found


def derived(stage: Stage[Any], source: Extracted, photo: Photo) -> Extracted:
    """What a derived stage makes of its source's rows of ``photo``; one not OK passes on its status and message."""
    fine = np.flatnonzero(source.status == Status.OK)
    rows = [{name: source.arrays[name][row] for name in stage.reads} for row in fine]
    done = stage.extract(stage.look(photo.image, rows) if stage.sees else [stage.derive(row) for row in rows])
    status, messages = source.status.copy(), list(source.messages)
    status[fine] = done.status
    for row, message in zip(fine.tolist(), done.messages, strict=True):
        messages[row] = message
    arrays: dict[str, NDArray[Any]] = {name: spec.empty(len(status)) for name, spec in stage.outputs.items()}
    for name, array in arrays.items():
        array[fine] = done.arrays[name]
    return Extracted(arrays, status, messages)
