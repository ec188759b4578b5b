"""The single-label protocol against loops, scikit-learn and simulated people."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score, recall_score
from toy_features import CATEGORIES, manifest_of, people

from cache.errors import ConfigError
from cache.manifest import Row
from heads.head import CLASS, Output
from heads.known_protocols import find
from heads.protocols import _images
from heads.protocols._single_label import people as chosen_people
from heads.protocols._single_label.trial import ClassTrial
from heads.protocols.single_label import Judging, Protocol
from heads.statistics.interval import bootstrap_interval
from heads.trial import Resamples, Scores

WORD = "single-label"


def protocol() -> Protocol:
    found = find(WORD)
    assert isinstance(found, Protocol)
    return found


def rows(*labels: tuple[str, ...], split: str = "train") -> list[Row]:
    base = people(1)[0]
    return [
        replace(base, image=f"{split}/{place}.jpg", person=0, split=split, categories=words)
        for place, words in enumerate(labels)
    ]


def trial(labels: NDArray[np.int64], images: NDArray[np.int64], resamples: int = 200, classes: int = 3) -> ClassTrial:
    settings = Judging(resamples=resamples)
    names = tuple("abcdef"[:classes])
    found = protocol().metrics(settings)
    return ClassTrial(np.arange(len(labels)), labels, images, names, found, found[settings.chosen_by], resamples)


def logits(named: NDArray[np.int64], classes: int = 3) -> Output:
    """named: (S, n)."""
    return Output(logits=torch.nn.functional.one_hot(torch.as_tensor(named), classes).float())


def test_people_with_one_label_have_a_class_and_the_others_none() -> None:
    manifest = manifest_of(
        [
            *rows(("Anger",), ("Fear",), ("Anger", "Fear"), (), ("Peace",)),
            *rows(("Fear",), ("Pain",), split="test"),
            *rows(("Peace",), split="val"),
        ]
    )
    task = protocol().task(manifest)
    assert task.classes == ("Anger", "Fear", "Peace")
    assert dict(zip(manifest.keys, task.targets[CLASS].tolist(), strict=True)) == {
        "train/0.jpg#0": 0,
        "train/1.jpg#0": 1,
        "train/2.jpg#0": -1,
        "train/3.jpg#0": -1,
        "train/4.jpg#0": 2,
        "test/0.jpg#0": 1,
        "test/1.jpg#0": -1,
        "val/0.jpg#0": 2,
    }
    assert [len(part) for part in (task.train, task.val, task.test)] == [3, 1, 1]
    assert chosen_people.left_out(manifest) == [
        "1 people have several labels and are left out",
        "1 people have no label and are left out",
        "classes that no train person has are left out, with their people: Pain 1",
    ]
    told = protocol().described(manifest, task)
    assert "Classes that no train person has are left out, with their people: Pain 1." in told["notes"]
    assert told["labels"]["rows"] == [["Anger", "1", "0", "0"], ["Fear", "1", "0", "1"], ["Peace", "1", "1", "0"]]


def test_unusable_people_have_no_class() -> None:
    bad = [replace(row, status="bad_box", reason="none") for row in rows(("Anger",), ("Fear",))]
    manifest = manifest_of([*bad, *rows(("Fear",), split="val")])
    assert protocol().task(manifest).classes == ()


def test_what_cannot_be_judged_is_told_with_the_number_that_is_needed() -> None:
    manifest = manifest_of(rows(("Anger",), ("Anger", "Fear"), ("Anger",)))
    faults = protocol().faults(manifest, protocol().task(manifest), Judging())
    assert faults == [
        "1 classes have train people with exactly one label, at least 2 must",
        "0 val people, validation needs at least 1",
        "0 test images, their bootstrap needs at least 2",
        "1 people have several labels and are left out",
    ]


def test_a_mapping_is_refused_for_there_is_nothing_to_map(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError, match=r"single-label takes the labels as they are. Leave MAPPING out"):
        Protocol(WORD, tmp_path / "mine.toml")


@pytest.mark.parametrize("word", ["metrics", "chosen_by"])
def test_a_metric_that_is_none_is_told_with_those_there_are(word: str) -> None:
    with pytest.raises(ValueError, match="must be a file of heads/metrics: accuracy, macro_accuracy, macro_f1"):
        Judging(**{word: ("precision",) if word == "metrics" else "precision"})


def test_scores_are_scikit_learns_for_every_seed() -> None:
    draw = np.random.default_rng(0)
    labels, named = draw.integers(0, 3, 90), draw.integers(0, 3, (4, 90))
    found = trial(labels, np.arange(90)).scores(logits(named))
    for seed, given in enumerate(named):
        assert found["accuracy"].seeds[seed] == pytest.approx(accuracy_score(labels, given))
        assert found["macro_accuracy"].seeds[seed] == pytest.approx(recall_score(labels, given, average="macro"))
        assert found["macro_f1"].seeds[seed] == pytest.approx(f1_score(labels, given, average="macro"))
    assert {name: one.resampled.shape for name, one in found.items()} == dict.fromkeys(found, (4, 200))


def weights_of(one: ClassTrial) -> Iterator[np.ndarray]:
    return _images.weights(one.images, one.rows, one.resamples)


def test_a_resample_weighs_every_person_as_its_image() -> None:
    draw = np.random.default_rng(1)
    images = draw.integers(0, 30, 80)
    labels, named = draw.integers(0, 3, 80), draw.integers(0, 3, (2, 80))
    one = trial(labels, images, resamples=5)
    (weights,) = weights_of(one)
    assert weights.shape == (80, 5)
    assert all(len(np.unique(weights[images == image], axis=0)) == 1 for image in np.unique(images))
    found = one.scores(logits(named))
    for seed in range(2):
        for number in range(5):
            right = (named[seed] == labels) @ weights[:, number] / weights[:, number].sum()
            assert found["accuracy"].resampled[seed, number] == pytest.approx(right)
            given = recall_score(labels, named[seed], average="macro", sample_weight=weights[:, number])
            assert found["macro_accuracy"].resampled[seed, number] == pytest.approx(given)


def test_heads_that_lack_people_share_the_others_resamples() -> None:
    images = np.arange(50) // 2
    whole = trial(np.zeros(50, np.int64), images, resamples=450)
    assert [weights.shape for weights in weights_of(whole)] == [(50, 200), (50, 200), (50, 50)]
    part = replace(whole, rows=whole.rows[10:], labels=whole.labels[10:])
    for mine, theirs in zip(weights_of(whole), weights_of(part), strict=True):
        np.testing.assert_array_equal(mine[10:], theirs)
    assert whole.scored_on() != part.scored_on()


def test_the_spread_over_resamples_is_that_of_images_not_of_people() -> None:
    """The variance of a ratio over clusters by the textbook (Cochran 1977, Sampling techniques, 2.39)."""
    draw = np.random.default_rng(2)
    sizes = draw.integers(1, 5, 400)
    images = np.repeat(np.arange(400), sizes)
    right = np.repeat(draw.random(400) < 0.4, sizes)  # all of an image alike
    labels = np.zeros(len(images), np.int64)
    found = trial(labels, images, resamples=4000).scores(logits(np.where(right, 0, 1)[None]))["accuracy"]
    apart = np.bincount(images, right - right.mean())
    textbook = np.sqrt((apart**2).sum()) / len(right)
    assert found.resampled.std() == pytest.approx(textbook, rel=0.05)
    by_people = np.sqrt(right.mean() * (1 - right.mean()) / len(right))
    assert textbook > 1.5 * by_people


@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_the_interval_covers_the_true_accuracy_as_often_as_it_says(seeds: int) -> None:
    """People of an image share its difficulty, seeds have good and bad days."""
    draw, hits, trials = np.random.default_rng(seeds), 0, 300
    for _ in range(trials):
        images = np.repeat(np.arange(120), draw.integers(1, 4, 120))
        hard = draw.normal(size=120)[images]
        own = 0.15 * draw.normal(size=(seeds, 1)) if seeds > 1 else np.zeros((1, 1))
        right = draw.random((seeds, len(images))) < 1 / (1 + np.exp(-(hard + own)))
        found = trial(np.zeros(len(images), np.int64), images, 200).scores(logits(np.where(right, 0, 1)))["accuracy"]
        low, high = bootstrap_interval(found, (0.0, 1.0))
        hits += low <= 0.5 <= high
    assert 0.92 <= hits / trials <= 0.985


def test_bootstrap_interval_by_hand() -> None:
    # Seeds' scores 0.4, 0.6: V = 0.02 / 2 = 0.01, t(1) = 12.7062. Columns' means 0.4, 0.5, 0.6: variance 0.01.
    # What rows and columns leave is 0, so W = 0.01: half = sqrt(12.7062^2 * 0.01 + 1.959964^2 * 0.01).
    scores = Scores(np.array([0.4, 0.6]), np.array([[0.3, 0.4, 0.5], [0.5, 0.6, 0.7]]))
    half = (12.7062**2 * 0.01 + 1.959964**2 * 0.01) ** 0.5
    assert bootstrap_interval(scores, (-9, 9)) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-4)
    one = Scores(np.array([0.4]), np.array([[0.3, 0.4, 0.5]]))
    assert bootstrap_interval(one) == pytest.approx((0.4 - 0.1959964, 0.4 + 0.1959964), abs=1e-6)
    assert bootstrap_interval(Scores(np.array([0.4]), np.array([[0.3]])), (0, 1)) == (0, 1)


def test_levels_are_what_guessing_and_one_answer_get() -> None:
    manifest = manifest_of(people(600))
    task = protocol().task(manifest)
    labels = task.labels[task.test]
    levels = {one.name: one.values for one in protocol().levels(manifest, task, Judging())}
    draw = np.random.default_rng(0)
    guessed = [accuracy_score(labels, draw.integers(0, len(task.classes), len(labels))) for _ in range(400)]
    assert levels["chance"]["accuracy"] == pytest.approx(np.mean(guessed), abs=0.004)
    most = np.full(len(labels), np.bincount(labels).argmax())
    assert levels["largest_class"]["accuracy"] == pytest.approx(accuracy_score(labels, most))
    there = np.unique(labels)
    assert levels["largest_class"]["macro_f1"] == pytest.approx(f1_score(labels, most, average="macro", labels=there))


def test_answers_are_the_mean_probabilities() -> None:
    made = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    (answer,) = Protocol.answers({}, {"classes": list("abcd")}, Judging(), Output(logits=made))
    assert (answer.title, list(answer.names)) == ("classifier", list("abcd"))
    torch.testing.assert_close(answer.shares, torch.stack([one.softmax(1) for one in made]).mean(0))


def test_an_epoch_is_judged_by_the_metric_that_was_chosen() -> None:
    labels, named = np.array([0, 0, 0, 1, 2]), np.array([[0, 0, 0, 0, 0], [0, 1, 1, 1, 2]])
    one = trial(labels, np.arange(5))
    np.testing.assert_allclose(one.score(logits(named)), [1 / 3, 7 / 9])
    np.testing.assert_allclose(replace(one, chosen_by=one.metrics["accuracy"]).score(logits(named)), [0.6, 0.6])


def test_the_class_of_a_person_and_the_drawings_are_of_the_same_confusions() -> None:
    draw = np.random.default_rng(5)
    labels, named = draw.integers(0, 2, 40), draw.integers(0, 3, (2, 40))  # nobody is of the third class
    output = logits(named)._replace(embedding=torch.randn(2, 40, 6))
    scores, (bars, matrix, points) = trial(labels, np.arange(40)).judged(output)
    assert list(bars.values) == ["a", "b"]  # type: ignore[union-attr]
    for seed in range(2):
        assert bars.values["b"][0][seed] == pytest.approx((named[seed][labels == 1] == 1).mean())  # type: ignore[union-attr]
    counted = [[(named[:, labels == row] == column).mean() for column in range(3)] for row in range(2)]
    np.testing.assert_allclose(matrix.shares[:2], counted)  # type: ignore[union-attr]
    assert not matrix.shares[2].any()  # type: ignore[union-attr]
    np.testing.assert_allclose(np.linalg.norm(points.vectors, axis=1), 1, rtol=1e-5)  # type: ignore[union-attr]
    assert scores["accuracy"].resampled.shape == (2, 200)
    assert Protocol.resamples is Resamples.BOOTSTRAP


def test_the_text_counts_people_of_every_class_and_split() -> None:
    text = Protocol.mapped(manifest_of([*rows(("Anger",), ("Fear", "Pain")), *rows(("Anger",), split="test")]), None)
    assert text is not None
    assert text.splitlines()[-2:] == [
        "| Anger | 1     | 0   | 1    | 2   |",
        "1 people have several labels and are left out.",
    ]
    assert Protocol.mapped(manifest_of(rows(("Fear", "Pain"))), None) is None
    assert len(CATEGORIES) == 26
