"""What the page knows of all people at once, for filters and order; and of each, in parts that are read as needed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cache.manifest import SPLITS
from scripts.prediction.figures import LIMBS
from scripts.prediction.seen import LEAST_JOINT
from scripts.showing import maps
from scripts.showing.answers import Said
from scripts.showing.ledger import Ledger
from scripts.showing.looks import LAYERS
from scripts.showing.nearest import Near
from scripts.showing.pictures import Picture
from scripts.showing.views import Person

SIZE = 24
"""People of a part."""
VAD = ("valence", "arousal", "dominance")
Part = tuple[int, list[Any]]
"""Number of a part, and its people."""


class Index:
    """pictures: size of each, and why it is not there. told: features that drew or said something of anybody."""

    def __init__(
        self, ledger: Ledger, rows: Sequence[int], said: Sequence[Said], near: Sequence[tuple[Near, Mapping[int, int]]]
    ) -> None:
        """rows: of the manifest, all people of the page in order. near: with the place of each row in it."""
        self.pictures: list[list[Any]] = []
        self.told: set[str] = set()
        self._ledger, self._said, self._rows = ledger, said, rows
        self._near = [(one, places, list(places)) for one, places in near]
        self._places = {row: number for number, row in enumerate(rows)}
        self._picture: list[int] = []
        self._confidence: list[int] = []
        self._layers: set[str] = set()
        self._part: list[Any] = []

    @property
    def lost(self) -> int:
        """Pictures that cannot be shown."""
        return sum(bool(reason) for *_, reason in self.pictures)

    def add_picture(self, picture: Picture) -> int:
        """Its number."""
        self.pictures.append([*picture.size, picture.reason])
        return len(self.pictures) - 1

    def add(self, person: Person, picture: Picture, number: int) -> Part | None:
        """The next person; a part where it is full. number: of the picture."""
        look = dict(person.look)
        words, confidence = look.pop("words"), look.pop("confidence", None)
        self.told |= {*words} | {*look.pop("drawn")}
        self._picture.append(number)
        self._confidence.append(-1 if confidence is None else round(100 * confidence))
        look |= {"box": person.box} if person.box else {}
        self._layers |= {*look} & {*LAYERS}
        row, keys = person.row, self._ledger.manifest.keys
        answers = {one.name: told for one in self._said if (told := one.of_person(row, self._places, keys))}
        about = {
            "facts": self._facts(row, picture),
            "words": list(words.items()),
            "ledger": [list(entry) for entry in self._ledger.entries.get(row, ())],
            "near": self._neighbours(row),
            "answers": answers,
        }
        self._part.append(look | {name: value for name, value in about.items() if value})
        return self.rest() if len(self._part) == SIZE else None

    def rest(self) -> Part | None:
        """The last part, which may not be full; None where there is nobody left."""
        if not self._part:
            return None
        part, self._part = self._part, []
        return (len(self._picture) - 1) // SIZE, part

    def document(self, files: str) -> dict[str, Any]:
        """For ``index.js``. files: the folder with the parts, "" where the page holds them."""
        manifest = self._ledger.manifest
        statuses = [self._ledger.words(row) for row in self._rows]
        words = list(dict.fromkeys(word for some in statuses for word in some))
        segmented = "segmentation" in self._layers
        return {
            "files": files,
            "size": SIZE,
            "keys": [manifest.keys[row] for row in self._rows],
            "pictures": self.pictures,
            "picture": self._picture,
            "splits": list(SPLITS),
            "split": [SPLITS.index(manifest.splits[row]) for row in self._rows],
            "statuses": words,
            "status": [[words.index(word) for word in some] for some in statuses],
            "labels": list(manifest.category_names),
            "label": [np.flatnonzero(manifest.categories[row]).tolist() for row in self._rows],
            "confidence": self._confidence if max(self._confidence, default=-1) >= 0 else [],
            "layers": [name for name in LAYERS if name in self._layers],
            "classes": maps.names() if segmented else [],
            "colours": maps.colours() if segmented else [],
            "limbs": LIMBS,
            "leastJoint": LEAST_JOINT,
            "rows": [one.column(self._places) for one in self._said],
        }

    def _facts(self, row: int, picture: Picture) -> list[list[str]]:
        manifest = self._ledger.manifest
        vad = [
            f"{name} {value:g}" for name, value in zip(VAD, manifest.vad[row].tolist(), strict=True) if value == value
        ]
        frames = "" if picture.frame is None else "{} of {} to {}".format(picture.frame, *manifest.spans[row].tolist())
        told = {
            "labels": ", ".join(manifest.category_names[at] for at in np.flatnonzero(manifest.categories[row]))
            or "none",
            "VAD, 1 to 10": ", ".join(vad),
            "gender": manifest.genders[row],
            "age": manifest.ages[row],
            "frame shown": frames,
            "image": f"{picture.size[0]} x {picture.size[1]} pixels" if picture.jpeg else "",
        }
        return [[name, value] for name, value in told.items() if value]

    def _neighbours(self, row: int) -> dict[str, list[list[int]]]:
        found: dict[str, list[list[int]]] = {}
        for near, places, rows in self._near:
            if (at := places.get(row)) is None:
                continue
            pairs = zip(near.people[at].tolist(), near.likeness[at].tolist(), strict=True)
            if kept := [[self._places[rows[one]], round(100 * like)] for one, like in pairs if one >= 0]:
                found[near.word] = kept
        return found
