"""The head, if there is one, and every stage that is needed, loaded once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cache.errors import ConfigError, StoreError
from cache.spec import Granularity, Status
from heads.checkpoints.checkpoint import Checkpoint
from pipeline.running.memory import Memory
from pipeline.running.recipes import DatasetConfig, recipes, weights_of
from pipeline.running.watching import Sample
from pipeline.stage import Extracted, Photo
from pipeline.weights.folder import Weights

NEW = 1 << 40
"""Row numbers of people who stand in no manifest."""
NO_HEAD = "no head"
"""Why nobody has emotions."""


@dataclass(frozen=True)
class Model:
    """checkpoint: None where no head answers. memory: extracts the head's features and, for the report, those that the
    user adds. left_out: the config's other features."""

    checkpoint: Checkpoint | None
    memory: Memory
    left_out: Sequence[str]

    @property
    def untrained(self) -> list[str]:
        """The features that no trained network made."""
        return [recipe.feature for recipe in self.memory.recipes if not recipe.info["trained"]]

    @property
    def clips(self) -> bool:
        """Whether the features are of clips, not of photographs."""
        return any(recipe.stage.frames for recipe in self.memory.recipes)

    def look(self, photo: Photo, rows: NDArray[np.int64] | None = None) -> dict[str, Any]:
        """Of features of photographs: what is seen in ``photo``, and each person's emotions, ready for JSON: the
        answers of the head's protocol by their titles, the main one first. Of a feature that no trained network made
        nothing is told but its name.

        rows: (p,) of the people in the manifest the head was trained on: nobody is compared with himself.
        Raises: ConfigError for features of clips.
        """
        if self.clips:
            raise ConfigError(f"{photo.key}: the head was trained on clips. Give a video, or another HEAD")
        found = self.memory.features(photo)
        if rows is None:
            rows = np.arange(NEW, NEW + len(photo.boxes))
        emotions, named, reasons = self._emotions(found, rows)
        persons = [
            {
                "number": person,
                "box": [round(float(value), 2) for value in box],
                "emotions": emotions[person],
                **({"named": named[person]} if named[person] is not None else {}),
                "reason": reasons[person],
                "features": self._described(found, Granularity.PERSON, person),
            }
            for person, box in enumerate(photo.boxes)
        ]
        return {"features": self._described(found, Granularity.IMAGE, 0), "persons": persons}

    def answered(
        self, path: Path, samples: Sequence[Sample], size: tuple[int, int], max_pixels: int
    ) -> list[dict[str, Any]]:
        """Of features of clips: the emotions of each of ``samples`` of the video at ``path``, whose ``size`` this is,
        as ``look`` has them. Raises: ImageError when the video cannot be read."""
        found = self.memory.clips(path, samples, size, max_pixels)
        told = self._emotions(found, np.arange(NEW, NEW + len(samples)))
        return [
            {"emotions": one, **({"named": names} if names is not None else {}), "reason": why, "features": {}}
            for one, names, why in zip(*told, strict=True)
        ]

    def _described(self, found: Mapping[str, Extracted], granularity: Granularity, row: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for recipe in (one for one in self.memory.recipes if one.stage.granularity is granularity):
            rows = found[recipe.feature]
            if not recipe.info["trained"]:
                out[recipe.feature] = {"untrained": True}
            elif rows.status[row] != Status.OK:
                out[recipe.feature] = {"status": Status(rows.status[row]).word, "reason": rows.messages[row]}
            elif words := recipe.stage.describe({name: array[row] for name, array in rows.arrays.items()}):
                out[recipe.feature] = words
        return out

    def _emotions(
        self, found: Mapping[str, Extracted], rows: NDArray[np.int64]
    ) -> tuple[list[dict[str, Any] | None], list[list[str] | None], list[str]]:
        """One for each person, None with the reason where a feature that the head needs could not be made; the names
        that the main answer says are there, None where it is the strongest."""
        persons = len(rows)
        if self.checkpoint is None:
            return [None] * persons, [None] * persons, [NO_HEAD] * persons
        inputs, reasons = self.read(self.checkpoint, found, persons)
        if not persons:
            return [], [], []
        answers = self.checkpoint.answers(inputs, rows)
        emotions = [{one.title: _named(one.names, one.shares[person]) for one in answers} for person in range(persons)]
        main = answers[0]
        named = [None if why or main.named is None else main.said(person) for person, why in enumerate(reasons)]
        return [one if not why else None for one, why in zip(emotions, reasons, strict=True)], named, reasons

    def read(
        self, checkpoint: Checkpoint, found: Mapping[str, Extracted], persons: int
    ) -> tuple[dict[str, torch.Tensor], list[str]]:
        """What the head reads of the features ``found``, (p, ...) by input; and why somebody lacks one, "" for none."""
        inputs, reasons = {}, [""] * persons
        for name in checkpoint.head.inputs:
            feature, _, array = name.partition("/")
            made = found[feature]
            place = [0] * persons if self._by_image(feature) else list(range(persons))
            for person, row in enumerate(place):
                if made.status[row] != Status.OK and not reasons[person]:
                    reasons[person] = f"{Status(made.status[row]).word}: {feature}: {made.messages[row]}"
            inputs[name] = torch.as_tensor(made.arrays[array][place].astype(np.float32))
        return inputs, reasons

    def _by_image(self, feature: str) -> bool:
        stages = {recipe.feature: recipe.stage for recipe in self.memory.recipes}
        return stages[feature].granularity is Granularity.IMAGE


def _named(names: Sequence[str], values: torch.Tensor) -> dict[str, float]:
    return {name: round(float(value), 6) for name, value in zip(names, values, strict=True)}


def build(
    path: Path,
    checkpoint: Checkpoint | None,
    config: DatasetConfig,
    weights: Weights,
    device: str,
    more: Sequence[str],
    fetch: Callable[[Sequence[str]], str],
) -> Model:
    """The head's features, which must be made as those it was trained on, and their sources.

    path: of the checkpoint, for errors. checkpoint: None for none. more: features of the config that are told too.
    fetch: the command that fetches the weights of some features.
    Raises: StoreError when a feature would be another than the head's; WeightsError for an absent checkpoint;
    UnknownName, ConfigError.
    """
    wanted: dict[str, str] = checkpoint.about["features"] if checkpoint else {}
    names = list(dict.fromkeys([*wanted, *more]))
    if names:
        weights.demand(weights_of(config, names), fetch(names))
    chosen = {one.feature: one for one in (recipes(config, names, weights) if names else [])}
    for name, fingerprint in wanted.items():
        if chosen[name].fingerprint != fingerprint:
            cure = "Give the CONFIG, WEIGHTS and UNTRAINED of then, or extract and train again"
            raise StoreError(
                f"{path}: was trained on feature {name} {fingerprint}, these settings give {chosen[name].fingerprint}. "
                + cure
            )
    left_out = [name for name in config.stages if name not in chosen]
    return Model(checkpoint, Memory(list(chosen.values()), device), left_out)
