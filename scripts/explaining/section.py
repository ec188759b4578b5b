"""The section of a run's page that explains a few test people, where their photographs are at hand; of a head of
photographs with all their people, ``crowds`` in its place."""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import ImageFont

from cache.errors import AffectError
from heads.checkpoints import checkpoint
from heads.experiments.evaluate import evaluate
from heads.page.elements import Html, element, join
from heads.page.material import Material, Place, laid_out
from heads.page.outcome import badge, card
from pipeline.decoding.images import MAX_PIXELS
from scripts.explaining import bars, crowds, picture, stored
from scripts.explaining.crowds import small
from scripts.explaining.looking import looked
from scripts.explaining.means import means
from scripts.explaining.picked import CLASSES, Picked, picked
from scripts.explaining.streams import left_out
from scripts.panels import LICENCE

TITLE = "Explanations"
_TOLD = (
    "What {name} looked at: of each class the test person with the greatest share among those of whom it is true and "
    "said, and the worst mistake, missed or wrongly said. Points are what the share loses without a stream; "
    "make explain tells more of one person."
)


def section(options: argparse.Namespace, folder: Path, material: Material, place: Place) -> Mapping[str, Html]:
    """One section, of one row: the first of HEADS, else the best on validation. Whatever keeps people from being
    explained is a line in it, never an error.

    options: ``store``, ``mapping``; ``root`` and ``data``, where photographs are. folder: of the run's page.
    """
    names = material.heads or laid_out(material.rows)[-1:]
    if not names:
        return {}
    root = options.root or options.data / material.results["dataset"]
    if not root.is_dir():
        return _line(f"No photographs are at hand: {root} is not there. ROOT=folder of the dataset shows some people")
    sys.stderr.write(f"Explanations of {names[0]}\n")
    try:
        return _section(options, folder / f"{names[0]}.safetensors", names[0], place)
    except AffectError as error:
        return _line(f"Nobody is explained: {error}")


def _line(told: str) -> dict[str, Html]:
    sys.stderr.write(f"{told}\n")
    return {TITLE: element("p", told, class_="absent")}


@dataclass(frozen=True)
class _Asked:
    """known: of all people. stand_ins: of ``means``. hidden: the untrained features."""

    known: stored.Known
    stand_ins: Mapping[str, Any]
    hidden: list[str]


def _section(options: argparse.Namespace, path: Path, name: str, place: Place) -> Mapping[str, Html]:
    """Raises: AffectError."""
    found = evaluate(path, place.store, place.mapping, place.device)
    known = stored.known(options, path, checkpoint.load(path), MAX_PIXELS)  # on the CPU, as what is read of a person
    if known.checkpoint.by_image:
        return crowds.section(known, found.task, name)
    people, beyond = picked(found)
    there = [one for one in people if known.photograph(one.row).is_file()]
    lost = len(people) - len(there)
    if not there:
        told = f"none of {lost} is below {known.root}" if people else "the head's answers are no classes"
        return _line(f"Nobody is explained: {told}")
    asked = _Asked(
        known, means(path, known.checkpoint, options.store, options.mapping), known.checkpoint.about["untrained"]
    )
    lines = [_TOLD.format(name=name), LICENCE]
    lines += [f"Of {lost} more people the photographs are not below {known.root}."] if lost else []
    lines += [f"The {CLASSES} classes with the most test people; without {', '.join(beyond)}."] if beyond else []
    parts = [element("p", line) for line in lines]
    if asked.hidden:
        parts.append(
            element("p", badge(), f" features, of which nothing is told: {', '.join(asked.hidden)}.", class_="warning")
        )
    return {TITLE: join([*parts, element("div", *(_card(asked, one) for one in there), class_="cards")])}


def _card(asked: _Asked, one: Picked) -> Html:
    known, title = asked.known, f"{one.word}: {one.kind}"
    key = known.manifest.keys[one.row]
    told = {"person": key, "truth": one.truth, "said": one.said or "none"}
    try:
        subject = stored.subject(known, key)
        answer = left_out(known.checkpoint, subject.inputs, subject.row, asked.stand_ins, asked.hidden, one.word)[0]
        found = looked(known.checkpoint, subject, asked.hidden, one.word)
        few = replace(found, maps=found.maps[:1], classes=found.classes[:1])
        images = picture.looks(subject, few, ImageFont.load_default(picture.FONT))
    except AffectError as error:
        return card(title, element("p", f"Not explained: {error}", class_="absent"), _pairs(told))
    (line,) = answer["names"]
    told["share"] = bars.title(line, answer["title"]).removeprefix(f"{one.word} ")
    told |= {name: bars.said(change, answer["title"]) for name, change in line["inputs"].items()}
    notes = [element("p", note, class_="absent") for note in [*subject.notes, found.mapless] if note]
    return card(title, *(small(text, image, key) for text, image in images), _pairs(told), *notes)


def _pairs(told: Mapping[str, str]) -> Html:
    return element("dl", *(element("div", element("dt", name), element("dd", value)) for name, value in told.items()))
