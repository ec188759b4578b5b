"""Every kind of bad image through one real extraction: each marks itself, with its reason, and nobody else."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import toy_pipeline
from bad_images import JPEG, KINDS, SIDE
from PIL import Image

from cache.manifest import Manifest, Row
from cache.spec import FAILURES, Status
from cache.store import Store
from pipeline.commands.status import status, table


class CorpusReader(toy_pipeline.ToyReader):
    """One person in the left half of every image, and a sound image after each bad one."""

    def read(self, source: str) -> Manifest:
        names = [name for kind in KINDS for name in (f"bad/{kind}", f"good/{len(kind)}-{kind}.jpg")]
        left = (0.0, 0.0, SIDE[0] / 2, float(SIDE[1]))
        rows = [Row(name, 0, "train", left, left, SIDE, ("a",)) for name in names]
        return Manifest.from_rows(rows, dataset="demo", release="corpus", category_names=("a",), source=source)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    root = folder / "data"
    (root / "bad").mkdir(parents=True)
    (root / "good").mkdir()
    (root / "annotation.txt").write_text("corpus")
    for kind, (make, _, _) in KINDS.items():
        make(root / "bad" / kind)
        (root / "good" / f"{len(kind)}-{kind}.jpg").write_bytes(JPEG)
    with patch.object(toy_pipeline, "ToyReader", CorpusReader):
        report = toy_pipeline.run(root, folder / "store")
    assert report.failed == {f"bad/{kind}" for kind, (_, expected, _) in KINDS.items() if expected in FAILURES}
    return folder / "store"


@pytest.fixture(scope="module")
def ledger(store: Path) -> dict[str, tuple[Status, str]]:
    return {one.key: (one.status, one.message) for one in Store(store).features("demo")["colour"].failures()}


def test_the_corpus_is_large() -> None:
    assert len(KINDS) >= 40


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_status_and_message(kind: str, ledger: dict[str, tuple[Status, str]]) -> None:
    _, expected, words = KINDS[kind]
    found, message = ledger.get(f"bad/{kind}", (Status.OK, ""))
    assert found is expected, message
    assert words in message
    assert "\n" not in message
    assert bool(message) is (expected is not Status.OK)


def test_no_neighbour_is_touched(store: Path, ledger: dict[str, tuple[Status, str]]) -> None:
    assert not [key for key in ledger if key.startswith("good/")]
    good = [f"good/{len(kind)}-{kind}.jpg" for kind in KINDS]
    mean, _ = Store(store).features("demo")["colour"].read("mean", good)
    assert (mean == mean[0]).all()


@pytest.mark.parametrize("turn", range(1, 9))
def test_boxes_stay_on_the_person_whatever_the_orientation(turn: int, store: Path) -> None:
    """The annotated box is in upright pixels; the crop must hold what the upright picture shows there."""
    crop, _ = Store(store).features("demo")["crop"].read("sum", [f"bad/orientation {turn}.jpg#0"])
    upright = np.asarray(_turned(turn))[: SIDE[1], : SIDE[0] // 2]
    assert crop[0] == pytest.approx(2.0 * upright.astype(float).sum(), rel=0.02)


def _turned(turn: int) -> Image.Image:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = turn
    from bad_images import picture

    image = picture()
    image.info["exif"] = exif.tobytes()
    image.getexif()[0x0112] = turn
    return ImageOps.exif_transpose(image)


def test_status_shows_them_in_lines_and_in_json(store: Path) -> None:
    state: dict[str, Any] = json.loads(json.dumps(status(store, "demo")))
    bad = [kind for kind, (_, expected, _) in KINDS.items() if expected in FAILURES]
    assert state["failed_images"] == len(bad)
    assert state["features"]["colour"]["rows"]["broken"] == sum(one is Status.BROKEN for _, one, _ in KINDS.values())
    lines = table(state, "DATASET=demo")
    assert all("\n" not in line for line in lines)
    assert any("bad/folder.jpg: is a folder, an image file is wanted (colour, crop)" in line for line in lines)
