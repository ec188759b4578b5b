"""scripts.bench.reference: its page says what its file says, and what it is given is looked at first."""

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from scripts.bench import reference
from scripts.bench.references import table
from scripts.bench.results import FOLDER


def test_the_page_has_the_table_of_the_file() -> None:
    text = table.TABLE.read_text(encoding="utf-8")
    result = json.loads((FOLDER / "reference.json").read_text(encoding="utf-8"))
    assert table.rewritten(text, result) == text, "run python -m scripts.bench.reference --table"


def test_every_entry_of_the_file_is_equal() -> None:
    result = json.loads((FOLDER / "reference.json").read_text(encoding="utf-8"))
    known = list(reference.builders())
    assert list(result["stages"]) == [name for name in known if name in result["stages"]]
    for name, entry in result["stages"].items():
        apart = {what: one for what, one in entry["differences"].items() if one["greatest"] > one["tolerance"]}
        assert entry["equal"] == (not apart), name
        assert entry["equal"], f"{name}: {apart}"
        for what in ("boxes", "keypoints", "landmarks"):
            assert entry["differences"].get(what, {"tolerance": 0.5})["tolerance"] == 0.5
        assert entry["met"] == (entry["ratio"] >= 1.3)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--photos", "none", "poses"], "no entry poses. Known: sem2vec, pose,"),
        ([], "--photos is missing"),
        (["--photos", "empty"], "empty: no photograph (.jpg, .jpeg, .png) in it"),
        (["--photos", "broken"], "broken/a.png: not readable as an image"),
    ],
)
def test_faults_in_what_is_given(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("empty", "broken"):
        (tmp_path / name).mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"no image")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["reference", *words])
    with pytest.raises(SystemExit) as ended:
        reference.main()
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_people_are_made_of_faces_and_else_of_the_whole_photograph(tmp_path: Path) -> None:
    Image.new("RGB", (80, 60), (90, 120, 60)).save(tmp_path / "plain.png")
    (photo,) = reference.photographs(tmp_path)
    assert photo.boxes.tolist() == [[0, 0, 80, 60]]
    made = reference.copies([photo], tmp_path / "copies", 3)
    assert reference.manifest(made).images == ["000.png", "001.png", "002.png"]
