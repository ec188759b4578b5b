"""The people of a new photograph: what the head reads of them is extracted in memory, as ``make predict`` does."""

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cache.errors import ConfigError
from cache.plugins import load as load_plugin
from cache.spec import Granularity
from heads.checkpoints.checkpoint import Checkpoint
from pipeline.running.recipes import dataset_config
from pipeline.running.request import fetching
from pipeline.stage import Extracted, Photo, Stage
from pipeline.weights.folder import Weights
from scripts.explaining.subject import Frame, Subject
from scripts.prediction import document, finding, people
from scripts.prediction.annotated import Annotation
from scripts.prediction.crowd import NEW
from scripts.prediction.finding import Finder, Found, by_head
from scripts.prediction.model import Model, build
from scripts.prediction.photograph import opened


class Seen(NamedTuple):
    """A photograph with its people. unread: number -> why somebody lacks what the head reads. how: the people came
    about, as ``make predict`` tells it."""

    subjects: list[Subject]
    unread: dict[int, str]
    how: dict[str, Any]


def seen(
    options: argparse.Namespace, path: Path, checkpoint: Checkpoint, max_pixels: int, say: Callable[[str], None]
) -> Seen:
    """The photograph at ``options.image``. path: of the checkpoint. say: takes a line for the user.

    Raises: AffectError for what the user can mend.
    """
    if options.image.is_dir():
        raise ConfigError(f"IMAGE={options.image}: a folder. Give one photograph")
    if not options.image.exists():
        raise ConfigError(f"IMAGE={options.image}: no such file. Give one photograph")
    finding.check(options.people, options.boxes)
    boxes = people.given(options.boxes, options.box) if options.boxes else None
    if isinstance(boxes, dict):
        people.check_names(boxes, [options.image], f"BOXES={options.boxes}")
    image = opened(options.image, max_pixels)
    config, weights = dataset_config(options.dataset, options.config), Weights(options.weights, options.untrained)
    fetch = partial(fetching, options.dataset, options.config, options.weights)
    model = build(path, checkpoint, config, weights, options.device, [], fetch)
    about = checkpoint.about
    annotation = Annotation.find(options.store, about, options.root or options.data / options.dataset)
    finder = Finder(
        options.people, boxes, options.box, annotation, config, weights, options.device, say, by_head(model)
    )
    found = finder.find(options.image, image)
    own = annotation is not None and annotation.holds(options.image)
    drawn = load_plugin("pipeline.datasets", about["dataset"], "Reader").drawn and not own
    notes = document.notes(found, about, drawn)
    subjects, unread = _subjects(options.image, image, model, checkpoint, found, notes)
    return Seen(subjects, unread, found.how)


def _subjects(
    path: Path, image: Image.Image, model: Model, checkpoint: Checkpoint, found: Found, notes: list[str]
) -> tuple[list[Subject], dict[int, str]]:
    made = model.memory.features(Photo(path.name, image, found.boxes))
    persons = len(found.boxes)
    inputs, reasons = model.read(checkpoint, made, persons)
    rows = np.arange(NEW, NEW + persons) if found.rows is None else found.rows
    subjects = [
        Subject(
            f"{path.name}.{person}",
            {name: x[person : person + 1] for name, x in inputs.items()},
            int(rows[person]),
            image,
            box,
            partial(_frame, model, image, box),
            partial(_read, model, made, person),
            {"number": person},
            notes,
            box / np.tile(np.array(image.size, np.float32), 2),
        )
        for person, box in enumerate(found.boxes)
        if not reasons[person]
    ]
    return subjects, {person: why for person, why in enumerate(reasons) if why}


def _frame(model: Model, image: Image.Image, box: NDArray[np.float32], name: str) -> Frame:
    return _stage(model, name).frame(image, box)


def _read(model: Model, made: Mapping[str, Extracted], person: int, name: str, array: str) -> NDArray[Any] | None:
    found = made[name].arrays.get(array)
    row = 0 if _stage(model, name).granularity is Granularity.IMAGE else person
    return None if found is None else found[row]


def _stage(model: Model, name: str) -> Stage[Any]:
    return next(one.stage for one in model.memory.recipes if one.feature == name)
