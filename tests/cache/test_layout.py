"""Shards are runs of images with all their persons; a shard's source changes exactly when what it is made of does."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.layout import Layout, shard_name
from cache.manifest import Manifest, Row
from cache.spec import Granularity

IMAGE, PERSON = Granularity.IMAGE, Granularity.PERSON


def rows(*people: int) -> list[Row]:
    """Image i has people[i] persons; 0 makes an image without any."""
    made = []
    for number, count in enumerate(people):
        fine = Row(f"{number}.jpg", 0, "train", (1, 2, 30, 40), size=(64, 48), categories=("Fear",))
        made += [replace(fine, person=k) for k in range(count)]
        made += [] if count else [Row(f"{number}.jpg", -1, "train", status="no_person", reason="none")]
    return made


def layout(made: list[Row], size: int = 2) -> Layout:
    manifest = Manifest.from_rows(made, dataset="toy", release="", category_names=["Fear", "Peace"], source="s")
    return Layout(manifest, size)


def sources(made: list[Row], granularity: Granularity) -> list[str]:
    one = layout(made)
    return [one.source(block, granularity) for block in one.blocks()]


def test_blocks_by_hand() -> None:
    first, second, third = layout(rows(1, 2, 0, 3, 1)).blocks()
    assert (first.images, first.persons, first.rows.tolist()) == (("0.jpg", "1.jpg"), (1, 2), [0, 1, 2])
    assert (second.images, second.persons, second.rows.tolist()) == (("2.jpg", "3.jpg"), (0, 3), [4, 5, 6])
    assert (third.images, third.persons, third.rows.tolist()) == (("4.jpg",), (1,), [7])
    assert second.spans == (slice(0, 0), slice(0, 3))
    assert [block.number for block in (first, second, third)] == [0, 1, 2]
    assert layout(rows(1, 2)).keys(first, IMAGE) == ["0.jpg", "1.jpg"]
    assert layout(rows(1, 2)).keys(first, PERSON) == ["0.jpg#0", "1.jpg#0", "1.jpg#1"]


@given(people=st.lists(st.integers(0, 3), max_size=12), size=st.integers(1, 5))
def test_every_sample_lies_in_exactly_one_shard(people: list[int], size: int) -> None:
    made = layout(rows(*people), size)
    blocks = list(made.blocks())
    assert len(blocks) == len(made) == -(-len(people) // size)
    assert [name for block in blocks for name in block.images] == [f"{i}.jpg" for i in range(len(people))]
    persons = [key for block in blocks for key in made.keys(block, PERSON)]
    assert persons == [f"{i}.jpg#{k}" for i, count in enumerate(people) for k in range(count)]


def test_persons_of_an_image_come_together_although_their_rows_do_not() -> None:
    a, b, c = rows(2, 1)
    block = layout([a, c, b]).block(0)
    assert block.rows.tolist() == [0, 2, 1]
    assert layout([a, c, b]).keys(block, PERSON) == ["0.jpg#0", "0.jpg#1", "1.jpg#0"]


BASE = rows(1, 2, 1, 1)


@pytest.mark.parametrize(
    ("name", "change", "images_change", "persons_change"),
    [
        ("a box", {"box": (1, 2, 30, 41)}, False, True),
        ("a status", {"status": "bad_box", "reason": "x"}, False, True),
        ("a path", {"image": "new.jpg"}, True, True),
        ("a label", {"categories": ("Peace",), "vad": (1.0, 2.0, 3.0)}, False, False),
        ("a split", {"split": "val"}, False, False),
        ("what it was before clamping", {"original_box": (0, 0, 999, 999)}, False, False),
        ("the text of a reason", {"reason": "no age", "gender": "Male", "age": "Kid"}, False, False),
        ("the size told", {"size": (640, 480)}, True, True),
    ],
)
def test_a_source_changes_exactly_when_it_must(
    name: str, change: dict[str, object], images_change: bool, persons_change: bool
) -> None:
    changed = [*BASE[:3], replace(BASE[3], **change), *BASE[4:]]  # type: ignore[arg-type]
    for granularity, counts in ((IMAGE, images_change), (PERSON, persons_change)):
        before, after = sources(BASE, granularity), sources(changed, granularity)
        assert before[0] == after[0], "the other shard is not touched"
        assert (before[1] != after[1]) is counts


def test_added_persons_and_images_touch_their_own_shard_only() -> None:
    more = rows(1, 2, 1, 2)
    assert sources(more, IMAGE) == sources(BASE, IMAGE)
    assert [a == b for a, b in zip(sources(more, PERSON), sources(BASE, PERSON), strict=True)] == [True, False]
    appended = rows(1, 2, 1, 1, 1)
    for granularity in (IMAGE, PERSON):
        assert sources(appended, granularity)[:2] == sources(BASE, granularity)


def test_no_two_shards_share_a_source() -> None:
    made = rows(1, 2, 0, 0, 1, 1, 3)
    for granularity in (IMAGE, PERSON):
        assert len(set(sources(made, granularity))) == len(layout(made))


def test_another_track_or_span_is_another_source() -> None:
    clips = [replace(row, span=(0, 9), track=f"{row.image}.npy", track_digest="d") for row in rows(1, 1, 1)]
    before = sources(clips, Granularity.CLIP)
    for change in ({"track_digest": "e"}, {"span": (1, 9)}):
        after = sources([*clips[:2], replace(clips[2], **change)], Granularity.CLIP)  # type: ignore[arg-type]
        assert [one == other for one, other in zip(before, after, strict=True)] == [True, False]


def test_a_source_survives_the_disk(tmp_path: Path) -> None:
    made = layout([*BASE, Row("4.jpg", 0, "test", status="bad_box", reason="NaN")])
    made.manifest.save(tmp_path / "m.parquet")
    again = Layout(Manifest.load(tmp_path / "m.parquet"), made.size)
    for ours, theirs in zip(made.blocks(), again.blocks(), strict=True):
        assert made.source(ours, PERSON) == again.source(theirs, PERSON)
        np.testing.assert_array_equal(ours.rows, theirs.rows)


def test_file_names() -> None:
    assert [shard_name(n) for n in (0, 12, 123456)] == ["shard-00000.h5", "shard-00012.h5", "shard-123456.h5"]
