"""The head, if there is one, and every stage that is needed, loaded once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from cache.errors import ConfigError, DataError, StoreError, WeightsError
from cache.spec import Granularity, Status
from heads.checkpoints.checkpoint import Checkpoint
from pipeline.running.clip_people import Sample
from pipeline.running.memory import Memory
from pipeline.running.recipes import DatasetConfig, Recipe, recipes, weights_of
from pipeline.stage import Extracted, Photo
from pipeline.weights.folder import Weights
from scripts.prediction import crowd
from scripts.prediction.crowd import NEW, EmotionMaps

NO_HEAD = "no head"
"""Why nobody has emotions."""
_CURE = "Give the CONFIG, WEIGHTS and UNTRAINED of then"
NOBODY = np.zeros((0, 4), np.float32)


@dataclass
class _Whole:
    """What was made of the whole of a photograph, so that finding people in it and telling of them looks at it once."""

    image: Image.Image | None = None
    found: Mapping[str, Extracted] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """checkpoint: None where no head answers. memory: extracts the head's features and, for the report, those that the
    user adds. left_out: the config's other features."""

    checkpoint: Checkpoint | None
    memory: Memory
    left_out: Sequence[str]
    whole: _Whole = field(default_factory=_Whole)

    @property
    def finds_people(self) -> bool:
        """Whether the head does, and needs no boxes."""
        return self.checkpoint is not None and self.checkpoint.by_image and self.checkpoint.finds_people

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
        known = self.whole.found if photo.image is self.whole.image else {}
        found = self.memory.features(photo, known)
        if rows is None:
            rows = np.arange(NEW, NEW + len(photo.boxes))
        emotions, named, reasons = self._emotions(found, rows, photo)
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

    def find(self, photo: Photo) -> tuple[NDArray[np.float32], list[float]]:
        """Boxes (p, 4) of the people whom the head finds, the surest first, and their scores.

        Raises: DataError for a photograph of which what the head reads cannot be made.
        """
        assert self.checkpoint is not None
        inputs, why = self._of_whole(self.checkpoint, photo)
        if why:
            raise DataError(f"{photo.key}: people cannot be looked for: {why}")
        return crowd.finds(self.checkpoint, inputs, photo.image.size)

    def maps(self, photo: Photo) -> EmotionMaps | None:
        """None without a head that has any, and of a photograph of which what it reads cannot be made."""
        if self.checkpoint is None or not self.checkpoint.by_image:
            return None
        inputs, why = self._of_whole(self.checkpoint, photo)
        return None if why else crowd.emotion_maps(self.checkpoint, inputs)

    def _of_whole(self, checkpoint: Checkpoint, photo: Photo) -> tuple[dict[str, torch.Tensor], str]:
        """What the head reads of the photograph; and why it lacks something, "" for nothing."""
        if photo.image is not self.whole.image:
            every = self.memory.features(Photo(photo.key, photo.image, NOBODY))
            self.whole.image = photo.image
            self.whole.found = {name: rows for name, rows in every.items() if self._by_image(name)}
        inputs, (why,) = self.read(checkpoint, self.whole.found, 1)
        return inputs, why

    def answered(
        self, path: Path, samples: Sequence[Sample], size: tuple[int, int], max_pixels: int
    ) -> list[dict[str, Any]]:
        """Of features of clips: the emotions of each of ``samples`` of the video at ``path``, whose ``size`` this is,
        as ``look`` has them. Raises: ImageError when the video cannot be read."""
        found = self.memory.clips(path, samples, size, max_pixels)
        told = self._emotions(found, np.arange(NEW, NEW + len(samples)), None)
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
        self, found: Mapping[str, Extracted], rows: NDArray[np.int64], photo: Photo | None
    ) -> tuple[list[dict[str, Any] | None], list[list[str] | None], list[str]]:
        """One for each person, None with the reason where a feature that the head needs could not be made; the names
        that the main answer says are there, None where it is the strongest. photo: with their boxes, None of clips."""
        persons = len(rows)
        if self.checkpoint is None:
            return [None] * persons, [None] * persons, [NO_HEAD] * persons
        if not persons:
            return [], [], []
        if self.checkpoint.by_image and photo is not None:
            inputs, (reason,) = self.read(self.checkpoint, found, 1)
            reasons = [reason] * persons
            answers = [crowd.in_boxes(self.checkpoint, inputs, photo.boxes, photo.image.size)]
        else:
            inputs, reasons = self.read(self.checkpoint, found, persons)
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
        for name in checkpoint.inputs:
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
    wanted = _read_by(checkpoint) if checkpoint else {}
    names = list(dict.fromkeys([*wanted, *more]))
    if absent := [name for name in wanted if name not in config.stages]:
        raise StoreError(f"{path}: reads {', '.join(absent)}, of which the CONFIG here has no stage. {_CURE}, or HEAD")
    if names:
        try:
            weights.demand(weights_of(config, names), fetch(names))
        except WeightsError as error:
            more = f". Or was {path} trained on features made otherwise? {_CURE}" if wanted else ""
            raise WeightsError(f"{error}{more}") from None
    chosen = {one.feature: one for one in (recipes(config, names, weights) if names else [])}
    for name, fingerprint in wanted.items():
        if chosen[name].fingerprint != fingerprint:
            told = f"{path}: was trained on feature {name} {fingerprint}"
            raise StoreError(
                f"{told}, these settings give {chosen[name].fingerprint}. {_CURE}, or extract and train again"
            )
    if checkpoint and checkpoint.by_image:
        _check_whole(path, [chosen[name] for name in wanted])
    left_out = [name for name in config.stages if name not in chosen]
    return Model(checkpoint, Memory(list(chosen.values()), device), left_out)


def _read_by(checkpoint: Checkpoint) -> dict[str, str]:
    """Feature -> fingerprint, of what the head's answers need."""
    read = {name.partition("/")[0] for name in checkpoint.inputs}
    return {name: one for name, one in checkpoint.about["features"].items() if name in read}


def _check_whole(path: Path, read: Sequence[Recipe]) -> None:
    """Raises: ConfigError for a head of photographs with all their people that reads something of one person."""
    for recipe in read:
        if recipe.stage.granularity is Granularity.PERSON:
            told = f"{path}: tells all people of a photograph at once, and was trained on {recipe.feature}, of one each"
            raise ConfigError(f"{told}. Train it on features of whole photographs")
