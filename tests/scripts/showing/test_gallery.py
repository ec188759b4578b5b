"""A gallery's page says what the store says, of whoever is asked for, and shows nothing that it must not."""

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import seen_case
from PIL import Image
from seen_case import BOXES, FACE, MARKUP

from scripts import gallery
from scripts.showing.pile import Pile


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seen")
    seen_case.make(folder)
    return folder


def run(place: Path, *words: str) -> int:
    where = [word for name in ("store", "data", "runs", "weights") for word in (f"--{name}", str(place / name))]
    return gallery.main([*where, "--out", str(place / "out"), *words])


def text_of(place: Path) -> str:
    return (place / "out" / "gallery.html").read_text()


def held(text: str, name: str) -> str:
    (found,) = re.findall(rf'<script type="[^"]+" id="{name}">(.*?)</script>', text, re.S)
    return str(found)


def shown(place: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    text = text_of(place)
    return json.loads(held(text, "index")), json.loads(held(text, "people-00000"))


def test_each_layer_is_what_the_store_holds(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(place) == 0
    index, (first, second, *_) = shown(place)
    assert "4 of 5 pictures cannot be shown" in capsys.readouterr().out
    assert index["keys"][:3] == ["a.jpg#0", "a.jpg#1", "b.jpg#0"]
    assert first["box"] == list(BOXES["a.jpg#0"])
    assert first["face"]["box"] == list(FACE)
    assert first["face"]["points"][2] == [13, 13]
    assert index["confidence"] == [75, -1, -1, -1, -1, -1]
    assert first["context"] == [[2, 4, 30, 44, "#000"]]
    assert [(one["label"], one["box"]) for one in first["objects"]] == [("person", [1, 1, 9, 9])], "of two one is sure"
    assert ["VAD, 1 to 10", "valence 1, arousal 5, dominance 10"] in first["facts"]
    assert "VAD, 1 to 10" not in dict(second["facts"])
    assert "face" not in second
    assert second["ledger"] == [["face", "no_face", "no face in the person's box"]]


def test_the_label_map_lies_where_the_networks_input_did(place: Path) -> None:
    """By arithmetic: 64 x 48 pixels are 2/3 as large in an input of 64 x 32, which so covers 96 x 48 of them."""
    run(place)
    index, (first, *_) = shown(place)
    found = first["segmentation"]
    assert (found["width"], found["height"]) == (96, 48)
    assert [(index["classes"][at], share) for at, share in found["classes"]] == [("floor", 0.75), ("sky", 0.25)]
    picture = Image.open(io.BytesIO(base64.b64decode(found["src"].partition(",")[2]))).convert("RGBA")
    assert np.asarray(picture)[..., 3].tolist() == [[255] * 5 + [0] * 3] * 4, "what is beyond the image is clear"
    colour = "#{:02x}{:02x}{:02x}".format(*picture.getpixel((0, 3))[:3])  # type: ignore[index]
    assert colour == index["colours"][3]


def test_untrained_features_are_named_and_neither_drawn_nor_near(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(place)
    index, people = shown(place)
    assert "skeleton" not in index["layers"]
    assert "skeleton" not in people[0]
    assert "UNTRAINED</strong> features are not drawn, and nobody is near to anybody in them: pose." in text_of(place)
    capsys.readouterr()
    assert run(place, "--feature", "pose/keypoints") == 2
    assert "pose/keypoints: is UNTRAINED" in capsys.readouterr().err


def test_failures_stand_in_their_places_with_their_reasons(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place / "data")
    assert run(place, "--root", "demo") == 0
    index, people = shown(place)
    reasons = {index["keys"][one]: index["pictures"][index["picture"][one]][2] for one in range(2, 6)}
    assert [reason.partition(":")[0] for reason in reasons.values()] == ["missing", "broken", "outside_root", "missing"]
    assert str(place) not in json.dumps(reasons).replace("../", ""), "a page that is given away tells no folders"
    status = [[index["statuses"][at] for at in some] for some in index["status"]]
    assert status == [["ok"], ["no_face"], ["missing"], ["broken"], ["outside_root"], ["outside_root"]]
    assert {feature for feature, *_ in people[3]["ledger"]} == set(seen_case.TABLES)
    assert text_of(place).count('id="picture-') == 1, "nothing of what lies outside"


def test_words_of_the_data_stay_words(place: Path) -> None:
    run(place)
    text = text_of(place)
    assert MARKUP not in text
    assert shown(place)[0]["labels"] == ["joy", "fear", MARKUP]
    assert b"a secret of the file" not in base64.b64decode(held(text, "picture-00000"))


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (("--split", "test"), ["a.jpg#1"]),
        (("--label", f"{MARKUP}, fear"), ["a.jpg#1", "b.jpg#0", "c.jpg#0", "../d.jpg#0", f"{MARKUP}.jpg#0"]),
        (("--status", "no_face broken"), ["a.jpg#1", "c.jpg#0"]),
        (("--key", "a.jpg"), ["a.jpg#0", "a.jpg#1"]),
        (("--key", "c.jpg#0"), ["c.jpg#0"]),
        (("--most", "3"), ["a.jpg#0", "b.jpg#0", "../d.jpg#0"]),
    ],
)
def test_whom_it_shows(place: Path, words: tuple[str, ...], keys: list[str]) -> None:
    assert run(place, *words) == 0
    assert shown(place)[0]["keys"] == keys


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--label", "joi"), "no LABEL in demo 'joi'. Did you mean 'joy'? Known: "),
        (("--status", "noface"), "no STATUS in demo 'noface'. Did you mean 'no_face'? Known: "),
        (("--split", "dev"), "no SPLIT in demo 'dev'."),
        (("--key", "a.jpg#7"), "KEY=a.jpg#7: nobody in demo has this key. Did you mean 'a.jpg#1'?"),
        (("--feature", "imag"), "FEATURE=imag: is not in the store."),
        (("--feature", "sem2vec/label_map"), "FEATURE=sem2vec/label_map: rows of shape (4, 8) are no vectors"),
        (("--split", "train", "--status", "no_face"), "demo: nobody has split train, status no_face. Ask for less"),
        (("--most", "-1"), "N=-1: a whole number from 1 is wanted"),
        (("--root", "nowhere"), "nowhere: no such folder"),
        (("--run", "gone"), "gone"),
        (("--heads", "mlp"), "HEADS=mlp: are rows of a run. Give its folder as RUN"),
    ],
)
def test_bad_words_are_one_line(
    place: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    assert run(place, *words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def test_a_store_with_one_feature_shows_boxes_and_labels(tmp_path: Path) -> None:
    seen_case.make(tmp_path, features=("image",))
    assert run(tmp_path) == 0
    index, (first, *_) = shown(tmp_path)
    assert index["layers"] == ["box"]
    assert first["facts"][0] == ["labels", "joy"]


def test_what_was_not_extracted_yet_is_pending(tmp_path: Path) -> None:
    store = seen_case.make(tmp_path, features=("image", "face"))
    face = store.features("demo")["face"]
    face.path(face.layout.block(0)).unlink()
    assert run(tmp_path) == 0
    index, (first, *_) = shown(tmp_path)
    assert [index["statuses"][at] for at in index["status"][0]] == ["pending"]
    assert first["ledger"] == [["face", "pending", "not extracted yet: run make extract"]]


def test_a_large_page_is_a_folder_and_an_older_one_goes(tmp_path: Path) -> None:
    pile = Pile(tmp_path, largest=10)
    pile.picture(0, b"12345678")
    pile.people(0, [{"words": MARKUP}])
    assert pile.finish() == []
    assert (tmp_path / "gallery_files" / "picture-00000.jpg").read_bytes() == b"12345678"
    script = (tmp_path / "gallery_files" / "people-00000.js").read_text()
    assert script == 'took(0, [{"words":"\\u003cscript>alert(1)\\u003c/script>"}]);\n'
    small = Pile(tmp_path)
    small.picture(0, b"12345678")
    assert len(small.finish()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_gallerys_is_left_alone(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = place / "out" / "gallery_files" / "thesis.tex"
    mine.parent.mkdir(parents=True)
    mine.write_text("years of work")
    try:
        assert run(place) == 2
        assert "holds thesis.tex, which no gallery wrote" in capsys.readouterr().err
        assert mine.read_text() == "years of work"
    finally:
        mine.unlink()
        mine.parent.rmdir()
