"""A table of one's own in small."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from dataset_case import Case, photo

from cache.errors import ConfigError, DataError
from cache.manifest import Manifest
from pipeline.dataset import Reading, say_how
from pipeline.datasets._people import VAD
from pipeline.datasets.table import Reader

CORNERS = "image,x1,y1,x2,y2,labels"
HEADER = f"{CORNERS},split"
LINES = (
    "photos/a.jpg,10,20,50,80,happy;excited,train",
    "photos/a.jpg,-5,5,40,300,calm,train",
    "photos/b.jpg,,,,,afraid|sad,val",
    "c.jpg,200,200,210,210,happy,test",
    "c.jpg,50,60,53,80,happy,test",
    "./photos/../c.jpg,1,2,30,40,,test",
    "absent.jpg,1,2,30,40,happy,test",
)


def write(root: Path, lines: Sequence[str], header: str = HEADER) -> Reader:
    """``labels.csv`` with these lines, and the three images that LINES name."""
    _photos(root)
    (root / "labels.csv").write_text("\n".join([header, *lines, ""]))
    return Reader(root)


def _photos(root: Path) -> None:
    for name in ("photos/a.jpg", "photos/b.jpg", "c.jpg"):
        photo(root / name)


def write_json(root: Path, content: Any) -> Reader:
    """``labels.json`` with this content, and the same images."""
    _photos(root)
    (root / "labels.json").write_text(json.dumps(content))
    return Reader(root)


def as_json(header: str, lines: Sequence[str]) -> dict[str, Any]:
    """The same people in COCO's form: an annotation for each label."""
    rows = [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]
    paths = list(dict.fromkeys(row["image"] for row in rows))
    words = [row["labels"].replace("|", ";").split(";") for row in rows]
    names = list(dict.fromkeys(word for group in words for word in group if word))
    annotations: list[dict[str, Any]] = []
    for row, group in zip(rows, words, strict=True):
        about: dict[str, Any] = {name: float(row[name]) for name in VAD if row.get(name)}
        about |= {name: row[name] for name in ("gender", "age") if row.get(name)}
        if row["x1"]:
            x1, y1, x2, y2 = (float(row[name]) for name in ("x1", "y1", "x2", "y2"))
            about["bbox"] = [x1, y1, x2 - x1, y2 - y1]
        for one in [[names.index(word)] for word in group if word] or [[]]:
            of = {"id": len(annotations), "image_id": paths.index(row["image"]), "category_ids": one}
            annotations.append(of | about)
    splits = {row["image"]: row["split"] for row in rows}
    images = [{"id": number, "file_name": path, "split": splits[path]} for number, path in enumerate(paths)]
    categories = [{"id": number, "name": name} for number, name in enumerate(names)]
    return {"images": images, "annotations": annotations, "categories": categories}


def coco(root: Path, *more: str) -> Reader:
    """The same as ``build``; its one image with two spellings is two there."""
    return write_json(root, as_json(HEADER, [line.replace("./photos/../", "") for line in (*LINES, *more)]))


def build(root: Path) -> Reader:
    return write(root, LINES)


def unsplit(root: Path) -> Reader:
    """Twenty images without a column split, with every optional column."""
    for k in range(20):
        photo(root / f"{k}.jpg")
    header = "image,labels,valence,arousal,dominance,gender,age"
    return write(root, [f"{k}.jpg,{'happy' if k % 2 else 'sad'},{1 + k % 10},,5.5,f,{k}" for k in range(20)], header)


def hostile(root: Path, path: str) -> Reader:
    return write(root, [*LINES, f'"{path}",1,2,30,40,happy,train'])


def leaking(root: Path) -> Reader:
    return write(root, [*LINES, "photos/a.jpg,60,20,90,80,happy,val"])


CASES = {
    "with splits": Case(build, 7, hostile, leaking),
    "as COCO JSON": Case(
        coco, 7, lambda root, path: coco(root, f"{path},1,2,30,40,happy,train"), "an image has one split there"
    ),
    "without splits": Case(unsplit, 20, "as with splits", "there is no column for them", images=True),
}


def told(root: Path, header: str, *lines: str, box: str = "") -> Manifest:
    """The manifest of such a labels.csv, with BOX."""
    reader = write(root, lines, header)
    say_how(reader, Reading(box, asked=bool(box)))
    return reader.read("s")


def refused(root: Path, header: str, *lines: str, box: str = "") -> str:
    """The one line that such a labels.csv gives, from the file's name on."""
    with pytest.raises((DataError, ConfigError)) as error:
        told(root, header, *lines, box=box)
    text = str(error.value)
    assert len(text.splitlines()) == 1
    return text.removeprefix(f"{root}/")
