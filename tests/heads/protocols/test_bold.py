"""The clips' protocol on manifests made by hand: who chooses, who is judged, whose confidences are learned."""

from dataclasses import replace

import numpy as np
import pytest
from toy_features import CATEGORIES, manifest_of, people

from cache.manifest import Manifest, Row
from heads.head import DIMENSIONS, FLAGS, SCORES
from heads.known_protocols import find
from heads.protocol import Protocol
from heads.protocols.bold import held_out

HALF = tuple(0.5 if at % 2 else 0.4 for at in range(len(CATEGORIES)))
NAMED = tuple(CATEGORIES[1::2])
NONE = (0.1,) * len(CATEGORIES)
NAN3 = (float("nan"),) * 3


def clips(count: int, split: str, scores: tuple[float, ...] = HALF, labels: tuple[str, ...] = NAMED) -> list[Row]:
    """Two people in each video."""
    base = replace(people(1)[0], split=split, scores=scores, categories=labels, vad=(1, 5, 10), span=(3, 40))
    return [replace(base, image=f"{split}/{at // 2}.mp4", person=at % 2) for at in range(count)]


def unlabelled(count: int) -> list[Row]:
    return [replace(row, vad=NAN3) for row in clips(count, "test", (), ())]


def public() -> Manifest:
    """As the public files are: nobody of test has a label."""
    return manifest_of([*clips(60, "train"), *clips(8, "val"), *unlabelled(6)])


def protocol(word: str = "bold") -> Protocol:
    return find(word)


def test_flags_confidences_and_tenths_are_learned() -> None:
    task = protocol().task(public())
    assert set(task.targets) == {FLAGS, SCORES, DIMENSIONS}
    assert task.classes == NAMED
    assert task.targets[FLAGS][0].tolist() == [1.0] * len(NAMED)
    assert task.targets[SCORES][0].tolist() == [0.5] * len(NAMED)
    np.testing.assert_allclose(task.targets[DIMENSIONS][0], [0.1, 0.5, 1])


def of_films(count: int, split: str) -> list[Row]:
    """Three clips of each film, in two spans each."""
    base = clips(1, split)[0]
    paths = [f"{split}/{at // 6}.mp4/{at // 2 % 3}.mp4" for at in range(count)]
    return [replace(base, image=path, span=(at % 2 * 50, at % 2 * 50 + 40)) for at, path in enumerate(paths)]


@pytest.mark.parametrize("word", ["bold", "bold-published", "multilabel"])
def test_all_clips_of_a_film_count_alike_in_the_bootstrap(word: str) -> None:
    manifest = manifest_of([*of_films(120, "train"), *of_films(18, "val"), *of_films(12, "test")])
    task = protocol(word).task(manifest)
    films = ["/".join(path.split("/")[:2]) for path in manifest.images]
    assert len(np.unique(task.images)) == 20 + 3 + 2
    one = {film: {int(task.images[row]) for row, mine in enumerate(films) if mine == film} for film in films}
    assert all(len(numbers) == 1 for numbers in one.values())


def test_all_clips_of_a_film_are_held_out_or_none() -> None:
    manifest = manifest_of([*of_films(120, "train"), *of_films(18, "val")])
    task = protocol().task(manifest)
    films = ["/".join(path.split("/")[:2]) for path in manifest.images]
    assert len(task.val) == 12  # a tenth of 20 films of six samples
    assert not {films[row] for row in task.val} & {films[row] for row in task.train}
    shared = manifest_of(
        [
            *of_films(120, "train"),
            *(replace(row, image=row.image.replace("val/", "train/")[:-4] + "v.mp4") for row in of_films(18, "val")),
        ]
    )
    notes = protocol().described(shared, protocol().task(shared))["notes"]
    assert any(
        line.startswith("3 films have clips among the people who are trained on and among those judged")
        for line in notes
    )


def test_without_test_labels_val_is_judged_and_held_out_train_videos_choose() -> None:
    manifest = public()
    task = protocol().task(manifest)
    assert task.test.tolist() == list(range(60, 68))
    assert sorted([*task.train.tolist(), *task.val.tolist()]) == list(range(60))
    assert len(task.val) == 6  # a tenth of 30 videos of two people
    assert not {manifest.images[row] for row in task.val} & {manifest.images[row] for row in task.train}
    assert protocol().task(manifest).val.tolist() == task.val.tolist()
    notes = protocol().described(manifest, task)["notes"]
    assert notes[0].startswith("Nobody of test has a label: rows are judged on the val people")
    assert "chosen on 6 people of 3 train films" in notes[1]
    assert any("6 people have no label" in line for line in notes)


def test_as_published_the_judged_people_choose_and_the_row_says_so() -> None:
    manifest = public()
    task = protocol("bold-published").task(manifest)
    assert task.train.tolist() == list(range(60))
    assert task.val.tolist() == task.test.tolist() == list(range(60, 68))
    notes = protocol("bold-published").described(manifest, task)["notes"]
    assert notes[0] == "Judged on the val people, of whom the best epoch is too, as published: that flatters every row."


def test_where_test_has_labels_the_datasets_own_splits_count() -> None:
    manifest = manifest_of([*clips(20, "train"), *clips(8, "val"), *clips(6, "test")])
    task = protocol().task(manifest)
    assert [len(getattr(task, part)) for part in ("train", "val", "test")] == [20, 8, 6]
    assert not any("judged on the val" in line for line in protocol().described(manifest, task)["notes"])


def test_who_was_rated_and_is_in_no_class_has_a_part() -> None:
    known = [*clips(20, "train"), *clips(4, "val")]
    rated, named, neither = [*clips(1, "test", NONE, ()), *clips(2, "test")[1:], clips(3, "test", (), ())[2]]
    assert len(protocol().task(manifest_of([*known, rated, named, neither])).test) == 2


def test_where_there_are_no_confidences_flags_stand_for_them_and_that_is_said() -> None:
    manifest = manifest_of([replace(row, scores=()) for part in ("train", "val", "test") for row in clips(8, part)])
    task = protocol().task(manifest)
    assert np.array_equal(task.targets[SCORES], task.targets[FLAGS])
    told = "No confidences of annotators: flags, 0 or 1, are learned in their place."
    assert told in protocol().described(manifest, task)["notes"]
    assert told not in protocol().described(public(), protocol().task(public()))["notes"]


@pytest.mark.parametrize(("videos", "count"), [(1, 0), (2, 1), (9, 1), (25, 2), (100, 10)])
def test_a_tenth_of_the_videos_is_held_out(videos: int, count: int) -> None:
    numbers = np.repeat(np.arange(videos), 3)
    held = held_out(np.arange(3 * videos), numbers)
    assert len(np.unique(numbers[held])) == count
    assert held.sum() == 3 * count
