"""The manifest: what goes in comes out, in the same bytes; nothing inconsistent gets in, nothing damaged out."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.errors import DataError, StoreError
from cache.manifest import BAD_BOX, SPLITS, STATUSES, Manifest, Row

NAMES = ("Anger", "Fear", "Peace")
FINE = Row("a.jpg", 0, "train", (1, 2, 30, 40), (-5, 2, 30, 40), (64, 48), ("Fear",), (1, 5.5, 10), "Female", "Kid")
ROWS = (
    FINE,
    replace(FINE, person=1, categories=("Anger", "Peace"), vad=(2, float("nan"), 3), reason="no arousal"),
    Row("b c\n☃.jpg", 0, "val", size=(64, 48), status="bad_box", reason="box is reversed"),
    Row("empty.jpg", -1, "test", size=(64, 48), status="no_person", reason="the annotation names no person"),
)


def make(rows: Any = ROWS, **about: Any) -> Manifest:
    told = {
        "dataset": "toy",
        "release": "1",
        "category_names": NAMES,
        "source": "s",
        "folder": "emotic",
        "notes": ["n"],
    }
    return Manifest.from_rows(rows, **(told | about))


def same(one: Manifest, other: Manifest) -> None:
    assert vars(one).keys() == vars(other).keys()
    for name, value in vars(one).items():
        np.testing.assert_array_equal(value, vars(other)[name], err_msg=name)
        assert type(value) is type(vars(other)[name]), name
        if isinstance(value, np.ndarray):
            assert value.dtype == vars(other)[name].dtype
            assert value.tobytes() == vars(other)[name].tobytes(), "digests are over bits: -0.0 is not 0.0"


def test_columns_hold_the_rows() -> None:
    made = make()
    assert made.keys == ["a.jpg#0", "a.jpg#1", "b c\n☃.jpg#0", "empty.jpg"]
    assert made.persons.tolist() == [0, 1, 0, -1]
    assert made.categories.tolist() == [[0, 1, 0], [1, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert made.boxes[0].tolist() == [1, 2, 30, 40]
    assert made.original_boxes[0].tolist() == [-5, 2, 30, 40]
    assert np.isnan(made.boxes[2:]).all()
    assert made.counts() == {"train": {"ok": 2}, "val": {"bad_box": 1}, "test": {"no_person": 1}}
    assert len(made) == 4


def test_round_trip(tmp_path: Path) -> None:
    make().save(tmp_path / "m.parquet")
    same(Manifest.load(tmp_path / "m.parquet"), make())


def test_a_manifest_without_rows_survives(tmp_path: Path) -> None:
    make([]).save(tmp_path / "m.parquet")
    same(Manifest.load(tmp_path / "m.parquet"), make([]))
    assert make([]).counts() == {}


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
numbers = st.floats(width=32, allow_infinity=False)
any_row = st.builds(
    Row,
    image=texts.filter(bool),
    person=st.integers(-1, 3),
    split=st.sampled_from(SPLITS),
    original_box=st.tuples(numbers, numbers, numbers, numbers),
    size=st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)),
    categories=st.lists(st.sampled_from(NAMES), unique=True).map(tuple),
    vad=st.tuples(numbers, numbers, numbers),
    gender=texts,
    age=texts,
    status=st.sampled_from(STATUSES[1:]),
    reason=texts,
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(any_row, max_size=8, unique_by=lambda row: row.key), notes=st.lists(texts, max_size=2))
def test_any_manifest_comes_back(tmp_path_factory: pytest.TempPathFactory, rows: list[Row], notes: list[str]) -> None:
    path = tmp_path_factory.mktemp("manifest") / "m.parquet"
    made = make(rows, notes=notes)
    made.save(path)
    loaded = Manifest.load(path)
    same(loaded, made)
    first = path.read_bytes()
    loaded.save(path)
    assert path.read_bytes() == first


def test_other_tools_read_it(tmp_path: Path) -> None:
    make().save(tmp_path / "m.parquet")
    assert pq.read_table(tmp_path / "m.parquet").column("keys").to_pylist() == make().keys


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (FINE, "a.jpg#0: stands twice in the annotation"),
        (replace(FINE, image="x", split="dev"), "x#0: split 'dev' is none of train, val, test"),
        (replace(FINE, image="x", status="fine"), "x#0: status 'fine' is none of ok, no_label,"),
        (replace(FINE, image="x", categories=("Joy",)), "x#0: category 'Joy' is not in the vocabulary"),
        (replace(FINE, image="x", box=(1, 2, 65, 40)), "x#0: box (1, 2, 65, 40) is not inside the image (64, 48)"),
        (replace(FINE, image="x", box=(30, 2, 1, 40)), "is not inside the image"),
        (replace(FINE, image="x", box=(-1, 2, 30, 40)), "is not inside the image"),
        (replace(FINE, image="x", box=(1, 2, 1, 40)), "is not inside the image"),
        (replace(FINE, image="x", box=(1, float("nan"), 30, 40)), "is not inside the image"),
    ],
)
def test_inconsistent_rows_are_named(row: Row, text: str) -> None:
    with pytest.raises(DataError) as error:
        make([FINE, row])
    assert text in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def refusal(path: Path) -> str:
    with pytest.raises(StoreError) as error:
        Manifest.load(path)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


CLIP = replace(FINE, image="v/a.mp4", span=(10, 119), track="j/a.npy", track_digest="f0", scores=(0.1, 0.9, 0.5))


def test_clips_have_keys_and_columns_of_their_own(tmp_path: Path) -> None:
    assert [CLIP.key, replace(CLIP, person=-1).key] == ["v/a.mp4#0@10-119", "v/a.mp4"]
    clips = make((CLIP, replace(CLIP, person=2, span=(0, 4), track="", track_digest="", scores=())))
    assert clips.clips
    assert not make().clips
    assert clips.spans.tolist() == [[10, 119], [0, 4]]
    assert clips.tracks == ["j/a.npy", ""]
    np.testing.assert_array_equal(clips.scores, np.float32([[0.1, 0.9, 0.5], [np.nan] * 3]))
    clips.save(tmp_path / "m.parquet")
    same(Manifest.load(tmp_path / "m.parquet"), clips)
    for wrong, word in (
        (replace(CLIP, span=(5, 4)), "frames 5 to 4"),
        (replace(CLIP, scores=(1.0,)), "1 scores for 3"),
    ):
        with pytest.raises(DataError, match=word):
            make((wrong,))


def test_what_is_no_manifest_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    assert refusal(path) == f"{path}: no such manifest. Run make extract first"
    make().save(path)
    whole = path.read_bytes()
    for content in (b"", b"PAR1", whole[:-1], whole[: len(whole) // 2], b"x" * 5000):
        path.write_bytes(content)
        assert "not a manifest" in refusal(path)
    path.write_bytes(whole)
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["boxes"]), path)
    assert "not a manifest" in refusal(path)
    pq.write_table(table.replace_schema_metadata(None), path)
    assert "not a manifest" in refusal(path)
    for about in (b"[]", b"3", b"{}", b"[" * 100_000):
        pq.write_table(table.replace_schema_metadata({"affect-cache": about}), path)
        assert "not a manifest" in refusal(path)


def test_no_flipped_bit_changes_a_row(tmp_path: Path) -> None:
    """Labels and boxes come from here: a flip is refused, or provably changes nothing that is read."""
    path = tmp_path / "m.parquet"
    make().save(path)
    whole, dice, refused = path.read_bytes(), random.Random(0), 0
    for _ in range(600):
        spoilt = bytearray(whole)
        spoilt[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
        path.write_bytes(spoilt)
        try:
            loaded = Manifest.load(path)
        except StoreError:
            refused += 1
            continue
        same(loaded, make())
    assert refused > 100


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_photographs_beside_clips_are_refused(order: tuple[int, int]) -> None:
    both = [Row("a.jpg", 0, "train", status=BAD_BOX), Row("b.mp4", 0, "train", status=BAD_BOX, span=(0, 9))]
    with pytest.raises(DataError) as error:
        Manifest.from_rows([both[at] for at in order], dataset="x", release="x", category_names=(), source="s")
    told = "a.jpg#0 is a photograph and b.mp4#0@0-9 a clip: one dataset has one of the two"
    assert str(error.value) == f"{told}. Make two datasets, or give every photograph as a video of one frame"
