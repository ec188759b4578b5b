"""HECO: people in photographs and film stills, one of 8 categories each, and valence, arousal, dominance.

Origin: Yang et al., "Emotion Recognition for Multiple Context Awareness", ECCV 2022, from the authors on request
(licence: research only). Some of its images belong to MS COCO, ADE20K and EMOTIC.
Layout: `<root>/Labels/HECO_Labels.csv` (Image, xmin, ymin, xmax, ymax, Category, Valence, Arousal, Dominance, Label_SA,
Label_CA) and `<root>/Data/<Image>` or `<root>/Images/<Image>`. Keys are `<Image>#0`; rows of one image are its people.
Counts: 9,385 images with 19,781 people.
VAD is taken as it is given, on 1..10 like EMOTIC's (public code divides both by ten); what lies outside is left out and
counted. Label_SA and Label_CA (self-assurance, catharsis) are not used: the manifest has no place for them.
Split: there is no official one. As in Cladiere et al., "Knowledge Amalgamation for Single-Shot Context-Aware Emotion
Recognition" (VISAPP 2025), images with one person and those with several are split apart, 70/10/20 each, and joined;
which image goes where is drawn here by a seeded hash (their draw is not published) and stored in the manifest.
Sizes come from the images' headers. The people of an image that is not there or cannot be read stay in the manifest as
`missing`, `broken` or `too_large`; once it is mended, `make extract` and then `make retry` take them up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Final

import pipeline.dataset
from cache.errors import DataError, shown
from cache.manifest import Manifest
from pipeline.datasets import _headers
from pipeline.datasets._csv import Record, Table, read_csv, repeats
from pipeline.datasets._headers import Header, read_headers
from pipeline.datasets._people import Image, Person, rated
from pipeline.datasets._rows import Rows
from pipeline.datasets._split import SEED, SHARES, drawn
from pipeline.decoding.images import MAX_PIXELS
from pipeline.decoding.paths import inside

CATEGORIES: Final = ("Surprise", "Excitement", "Happiness", "Peace", "Disgust", "Anger", "Fear", "Sadness")
MISSPELT: Final = {"Happinesst": "Happiness"}
"""Line 9736 of the published file."""
PUBLISHED: Final = (9_385, 19_781)
NEAR: Final = 0.02
"""The release is recognised when both counts are within this share of the published ones."""
COLUMNS: Final = ("Image", "xmin", "ymin", "xmax", "ymax", "Category", "Valence", "Arousal", "Dominance")
ANNOTATIONS: Final = ("Labels/HECO_Labels.csv", "labels/HECO_Labels.csv", "HECO_Labels.csv")
FOLDERS: Final = ("Data", "Images")


class Reader(pipeline.dataset.Reader):
    """The authors' HECO_Labels.csv."""

    name: ClassVar[str] = "heco"
    published: ClassVar[Mapping[str, Mapping[str, int]]] = {"HECO": {"images": PUBLISHED[0], "people": PUBLISHED[1]}}
    version: ClassVar[int] = 2

    def annotation_files(self) -> list[Path]:
        """The one CSV. Raises: DataError naming the path that was tried first."""
        for name in ANNOTATIONS:
            if (path := self.root / name).is_file():
                return [path]
        cure = "ROOT is the folder that holds Labels/ and Data/"
        raise DataError(f"{self.root / ANNOTATIONS[0]}: no such file. {cure}")

    def arrangement(self) -> str:
        """The image folder, and what the images' headers say."""
        headers = self._headers(_by_image(self.root, self._table()))
        return f"{self._folder()}\n{_headers.state(headers)}"

    def read(self, source: str) -> Manifest:
        """One row per person, images in the order of their first row. Raises: DataError naming file and line."""
        table = self._table()
        images = _by_image(self.root, table)
        headers, splits = self._headers(images), _splits(images)
        rows = Rows(self.root, CATEGORIES)
        for path, records in images.items():
            rows.add(_image(path, records, splits[path], headers.get(path, Header((0, 0)))))
        return Manifest.from_rows(
            rows.rows,
            dataset=self.name,
            release=release_of(len(images), len(table.records)),
            category_names=CATEGORIES,
            source=source,
            folder=self._folder(),
            notes=[
                *_notes(table, images),
                *_headers.notes(self.root / self._folder(), headers),
                *rows.notes(),
            ],
        )

    def _table(self) -> Table:
        return read_csv(self.annotation_files()[0], COLUMNS)

    def _folder(self) -> str:
        for name in FOLDERS:
            if (self.root / name).is_dir():
                return name
        raise DataError(
            f"{self.root}: holds neither Data/ nor Images/. ROOT is the folder that holds Labels/ and Data/"
        )

    def _headers(self, images: dict[str, list[Record]]) -> dict[str, Header]:
        cap = self.reading.max_pixels or MAX_PIXELS
        return read_headers(self.root, self._folder(), filter(self._is_inside, images), cap)

    def _is_inside(self, path: str) -> bool:
        try:
            return bool(inside(self.root, path))
        except DataError:
            return False


def release_of(images: int, people: int) -> str:
    """``HECO`` when the counts are about the published ones, else ``unrecognised`` with the counts."""
    near = all(abs(n - known) <= NEAR * known for n, known in zip((images, people), PUBLISHED, strict=True))
    return "HECO" if near else f"unrecognised ({images} images, {people} people)"


def _by_image(root: Path, table: Table) -> dict[str, list[Record]]:
    """Path -> its rows; a path that leads out of ``root`` stays as it is written."""
    found: defaultdict[str, list[Record]] = defaultdict(list)
    for record in table.records:
        path = record.fields["Image"]
        if not path:
            raise DataError(f"{record.place}: Image is empty")
        with suppress(DataError):
            path = inside(root, path)
        found[path].append(record)
    return dict(found)


def _splits(images: dict[str, list[Record]]) -> dict[str, str]:
    alone = [path for path, records in images.items() if len(records) == 1]
    return drawn(alone) | drawn(images.keys() - set(alone))


def _image(path: str, records: list[Record], split: str, header: Header) -> Image:
    return header.image(f"{records[0].short} {shown(path)}", path, split, [*map(_person, records)])


def _person(record: Record) -> Person:
    x1, y1, x2, y2 = (record.number(name) for name in ("xmin", "ymin", "xmax", "ymax"))
    vad, remarks = rated([record.number(name) for name in ("Valence", "Arousal", "Dominance")])
    word = record.fields["Category"]
    return Person(
        place=record.place,
        box=(x1, y1, x2, y2),
        categories=(MISSPELT.get(word, word),) if word else (),
        vad=vad,
        remarks=remarks,
    )


def _notes(table: Table, images: dict[str, list[Record]]) -> list[str]:
    alone = sum(len(records) == 1 for records in images.values())
    notes = [
        f"no official split: drawn {SHARES} by seeded hash (seed {SEED}) of {alone} images with one person and of "
        f"{len(images) - alone} with several, then joined",
    ]
    notes += [
        f"{record.short}: category {record.fields['Category']!r} read as {MISSPELT[record.fields['Category']]!r}"
        for record in table.records
        if record.fields["Category"] in MISSPELT
    ]
    strange = sum("is not in" in remark for record in table.records for remark in _person(record).remarks)
    if strange:
        notes.append(f"values of VAD that are not in 1..10, left out: {strange}")
    if unread := [name for name in table.columns if name not in COLUMNS]:
        notes.append(f"columns that are not used: {', '.join(unread)}")
    if release_of(len(images), len(table.records)) == "HECO":
        notes.append(f"published: {PUBLISHED[0]:,} images, {PUBLISHED[1]:,} people")
    return notes + repeats(table)
