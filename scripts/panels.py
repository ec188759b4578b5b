"""``make panels``: photographs of test people with their scene, their truth, and what two rows of a finished run say.

Writes ``panels.html`` beside the run's ``report.html``: one page with small copies of the photographs inside, which
asks for nothing more. The people are those with the best, middle and worst Jaccard, the mean over the rows. Exit
status 0; 1 when a photograph could not be shown, which is told in its place; 2 for what the user can mend.
"""

import argparse
import base64
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from cache.command import ended
from cache.errors import AffectError, DataError, StoreError, unknown
from cache.feature import Feature
from cache.files import replace_text
from cache.manifest import Manifest
from cache.store import Store
from heads.experiments import runs
from heads.experiments.evaluate import evaluate
from heads.page import beside, page
from heads.page.elements import Html, element
from heads.page.material import Material, finished
from heads.page.outcome import badge, card
from pipeline.cli import Parser
from pipeline.decoding.images import ImageError, decode
from pipeline.decoding.paths import resolve
from scripts import panel_people
from scripts.panel_people import SCENE, Person

NAME = "panels.html"
ROWS = 2
"""That stand beside each other where HEADS names none."""
SIDE = 480
"""Pixels of a small copy's longer side."""
_OUTLINE, _LINE = ("#000000", 5), ("#F0E442", 3)
TOLD = "Each row's models answer together. Jaccard: of the classes said or true, the share that is both."
LICENCE = "This page holds photographs of the dataset: its licence says with whom it may be shared."


def main(words: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    options = _parser().parse_args(words)
    return ended(lambda: _run(options), "\ninterrupted. What is written is whole")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m scripts.panels", description="Photographs beside what two rows say of them.")
    parser.add_argument("--run", dest="name", default="demo", help="the run's folder in --runs (demo)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the results (runs)")
    parser.add_argument("--store", type=Path, default=Path("store"), help="folder of the cached features (store)")
    parser.add_argument("--root", type=Path, help="the dataset's own folder (<data>/<dataset>)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the datasets (data)")
    parser.add_argument(
        "--weights", type=Path, default=Path("weights"), help="folder of the attributes' names (weights)"
    )
    parser.add_argument("--heads", default="", help="rows beside each other (the reference or the first, and the best)")
    parser.add_argument("--mapping", type=Path, help="the mapping of the training")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (cpu)")
    return parser


@dataclass(frozen=True)
class Photographs:
    """root: the dataset's folder. scene: the feature that knows scenes, where the store has it. weights: folder of the
    attributes' names. missing: filled with what could not be shown."""

    root: Path
    manifest: Manifest
    scene: Feature | None
    weights: Path
    missing: list[str]


def _run(options: argparse.Namespace) -> int:
    """Raises: AffectError."""
    base = options.runs.joinpath(*(runs.folder_name(part) for part in options.name.split("/")))
    missing: list[str] = []
    for folder, results in finished(base).items():
        path = folder / NAME
        replace_text(path, _page(options, folder, results, missing))
        print(f"panels {path}")
    for line in missing:
        sys.stderr.write(f"not shown: {line}\n")
    return int(bool(missing))


def _page(options: argparse.Namespace, folder: Path, results: Mapping[str, Any], missing: list[str]) -> str:
    """Raises: StoreError, WeightsError, UnknownName; DataError without the dataset's folder."""
    root = options.root or options.data / results["dataset"]
    if not root.is_dir():
        raise DataError(f"{root}: no such folder, so there are no photographs. Give the dataset's folder as ROOT")
    material = Material(folder.name, results, heads=tuple(options.heads.split()))
    store, names = Store(options.store), _rows(folder, material)
    found = {name: evaluate(folder / f"{name}.safetensors", store, options.mapping, options.device) for name in names}
    manifest = next(iter(found.values())).manifest
    scene = store.features(manifest.dataset).get(SCENE)
    photographs = Photographs(root, manifest, scene, options.weights, missing)
    people = panel_people.chosen(panel_people.people(found))
    sections = {
        name: element("div", *(_panel(photographs, one) for one in part), class_="cards")
        for name, part in people.items()
    }
    used = sorted({word for row in material.rows if row["name"] in names for word in material.untrained(row)})
    used += [SCENE] if scene is not None and not scene.trained and SCENE not in used else []
    facts = [element("p", told) for told in (f"{' beside '.join(names)}. {TOLD}", LICENCE)]
    facts += [element("p", badge(), f" features took part: {', '.join(used)}.", class_="warning")] if used else []
    return page.document(f"{results['dataset']}, {results['protocol']}: panels", folder.name, facts, sections)


def _rows(folder: Path, material: Material) -> list[str]:
    """Raises: UnknownName; StoreError when no row can be asked."""
    known = [row["name"] for row in material.rows]
    for name in material.heads:
        if name not in known:
            raise unknown("head of the run", name, known)
    names = material.heads or [row["name"] for row in beside.chosen(material)][:ROWS]
    if not names:
        raise StoreError(f"{folder}: no head of this run was trained, so nothing is said of anybody. Run make train")
    return list(dict.fromkeys(names))


def _panel(photographs: Photographs, one: Person) -> Html:
    key = photographs.manifest.keys[one.row]
    told = {"truth": ", ".join(one.truth)}
    for name, said in one.said.items():
        told[name] = f"{', '.join(said.classes) or 'none'} (Jaccard {100 * said.jaccard:.2f} %)"
    if photographs.scene is not None:
        told |= panel_people.scenes(photographs.scene, one.row, photographs.weights)
    pairs = (element("div", element("dt", name), element("dd", value)) for name, value in told.items())
    return card(key, _picture(photographs, one, key), element("dl", *pairs))


def _picture(photographs: Photographs, one: Person, key: str) -> Html:
    """The photograph with the person's box, or why it cannot be shown."""
    manifest = photographs.manifest
    try:
        name = manifest.images[one.row]
        image = decode(resolve(photographs.root, f"{manifest.folder}/{name}" if manifest.folder else name))
        if image.size != (size := tuple(manifest.sizes[one.row].tolist())) and any(size):
            raise DataError(f"is {image.size[0]} x {image.size[1]} pixels, the store's {size[0]} x {size[1]}")
    except AffectError as error:
        photographs.missing.append(f"{key}: {error}")
        reason = error.status.word if isinstance(error, ImageError) else str(error)
        return element("p", f"Photograph not shown: {reason}", class_="absent")
    small = boxed(image, manifest.boxes[one.row].tolist())
    alternative = f"The person in {key}, whose classes are {', '.join(one.truth)}, in a box"
    width, height = small.size
    return element("img", src=address(small), alt=alternative, width=width, height=height, class_="photograph")


def boxed(image: Image.Image, box: Sequence[float], side: int = SIDE) -> Image.Image:
    """A copy of at most ``side`` pixels with the box (xyxy pixels of ``image``) drawn; none where it is not known."""
    small = image.convert("RGB")
    small.thumbnail((side, side))
    if all(value == value for value in box):
        pen = ImageDraw.Draw(small)
        scale = (small.width / image.width, small.height / image.height) * 2
        corners = [value * by for value, by in zip(box, scale, strict=True)]
        for colour, width in (_OUTLINE, _LINE):
            pen.rectangle(corners, outline=colour, width=width)
    return small


def address(image: Image.Image) -> str:
    """A picture's own, for a page that asks for nothing more."""
    image.info = {}  # a comment of the file would be written into the page too
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"


if __name__ == "__main__":
    sys.exit(main())
