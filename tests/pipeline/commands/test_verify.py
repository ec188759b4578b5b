"""``verify`` with a sample finds what no digest can, and is quiet about what other batches do."""

from pathlib import Path

import numpy as np
import pytest
from toy_clips import FRAMES, make_clips, run_clips
from toy_pipeline import CONFIG, Colour, in_place, make_root, run, tree

from cache.shard import Rows, Shard, write
from cache.store import Store
from pipeline.cli import main
from pipeline.stage import Extracted

LATER = CONFIG + "[stages.pixel]\n[stages.later]\nstage = 'pixel'\nsource = 'pixel'\nreads = 'twice'\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_root(tmp_path / "data", 12)
    run(tmp_path / "data", tmp_path / "store", LATER)
    return tmp_path


def check(place: Path, *words: str) -> int:
    with in_place():
        return main(["verify", "--store", str(place / "store"), "--root", str(place / "data"), *words])


def change(place: Path, name: str, array: str, number: int, row: int, by: float) -> str:
    """Add to one row, and write its shard with right digests. Returns the row's key."""
    feature = Store(place / "store").features("demo")[name]
    path = feature.path(feature.layout.block(number))
    shard = Shard(path)
    arrays = {one: np.array(shard.array(one)[:]) for one in feature.arrays}
    arrays[array][row] += by
    rows = Rows(shard.keys, shard.status.copy(), list(shard.messages), arrays)
    write(path, feature.fingerprint, shard.header.source, feature.arrays, rows)
    return str(rows.keys[row])


def test_a_sound_store_is_as_stored_and_only_read(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(place / "store")
    assert check(place, "--sample", "5", "--draw", "3") == 0
    told = capsys.readouterr().out
    assert "demo: 5 images extracted again (DRAW=3)" in told
    assert [line.split(":")[0].strip() for line in told.splitlines() if "every digit" in line] == [
        *("colour", "crop", "later", "pixel"),
    ]
    assert tree(place / "store") == before


def test_clips_and_what_is_made_of_their_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_clips(tmp_path / "data")
    run_clips(tmp_path / "data", tmp_path / "store", FRAMES + "[stages.twice]\n[stages.pixel]\n")
    assert check(tmp_path, "--sample", "4") == 0
    assert capsys.readouterr().out.count("rows as stored, every digit") == 4
    key = change(tmp_path, "pixel", "twice", number=0, row=0, by=1.0)
    assert check(tmp_path, "--sample", "99") == 1
    assert f"    {key} twice: differs" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "array", "by"), [("colour", "mean", 0.02), ("later", "twice", 1.0)])
def test_a_changed_row_with_right_digests_is_found(
    place: Path, capsys: pytest.CaptureFixture[str], name: str, array: str, by: float
) -> None:
    """Means are about 127, so 0.02 is more than a part in ten thousand; 0.002 is not. ``later`` has no photograph of
    its own rows: its source's stored rows are taken."""
    key = change(place, name, array, number=1, row=2, by=by)
    assert check(place) == 0, "the digests are right"
    capsys.readouterr()
    assert check(place, "--sample", "12") == 1
    told = capsys.readouterr().out
    assert f"  {name}: 1 of " in told
    assert f"    {key} {array}: differs by {by:.2g} at [" in told
    assert f"demo: {name}: not as stored" in told
    if name == "colour":
        change(place, name, array, number=1, row=2, by=0.002 - by)
        assert check(place, "--sample", "12") == 0


def test_what_only_other_batches_change_is_no_finding(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Values that depend on how many are in the batch: shards of 4 images were made in batches of 3 and 1."""
    monkeypatch.setattr(
        Colour, "run", lambda _, items: Extracted.ok({"mean": np.full((len(items), 3), len(items), "f")})
    )
    run(place / "data", place / "other")
    words = ["--store", str(place / "other"), "--stages", "colour"]
    assert check(place, *words, "--sample", "2") == 0
    assert "2 of them only in the batches they were made in" in capsys.readouterr().out


def test_a_photograph_that_went_away_is_told(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "data" / "7.png").unlink()
    assert check(place, "--sample", "12", "--stages", "crop") == 1
    assert "7.png#0 was ok, is missing" in capsys.readouterr().out


def test_a_feature_that_the_code_here_cannot_make_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Colour, "version", 2)
    assert check(place, "--sample", "3") == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "colour: cannot be extracted as it was: version was 1, is 2" in told
    assert check(place, "--sample", "3", "--stages", "crop") == 0


def test_absent_weights_are_refused_with_the_words_that_help_here(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of ``UNTRAINED=1``, which helps an extraction, nothing is said."""
    monkeypatch.setattr(Colour, "weights", ("demo_hr8", "rtmpose-t"))
    assert check(place, "--sample", "3", "--weights", str(place / "none")) == 2
    absent = f"weights rtmpose-t are absent from {place / 'none'}/. WEIGHTS=.. names their folder; STAGES=.. names"
    assert f"colour: cannot be extracted as it was: {absent}" in capsys.readouterr().err


def test_what_is_not_extracted_yet_is_told(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = place / "store" / "demo"
    for path in [*folder.glob("pixel/*/shard-*"), *folder.glob("later/*/shard-*")]:
        path.unlink()
    assert check(place, "--sample", "12", "--stages", "colour pixel") == 0
    assert "pixel: nothing of these images is stored" in capsys.readouterr().out
    assert check(place, "--sample", "12", "--stages", "pixel") == 1
    assert "no shard of pixel is there" in capsys.readouterr().out


def test_damage_comes_first(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = next((place / "store" / "demo" / "crop").rglob("shard-00000.h5"))
    path.write_bytes(path.read_bytes()[:-1])
    assert check(place, "--sample", "3") == 1
    assert "SAMPLE=3 waits until that is done" in capsys.readouterr().out
