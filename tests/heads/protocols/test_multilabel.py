"""The multi-label protocol against loops, and on manifests made by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, precision_score, recall_score
from sklearn.preprocessing import StandardScaler
from toy_features import CATEGORIES, manifest_of, people

from cache.config import build
from cache.errors import ConfigError
from cache.manifest import Manifest, Row
from heads.drawing import Ordered
from heads.head import DIMENSIONS, FLAGS, Output
from heads.known_protocols import find
from heads.protocols._multilabel import geometry, thresholds
from heads.protocols.multilabel import Judging, Protocol

SMALL = {"resamples": 20}
NAN3 = (float("nan"),) * 3


def protocol(word: str = "multilabel") -> Protocol:
    found = find(word)
    assert isinstance(found, Protocol)
    return found


def judging(**values: object) -> Judging:
    return build(Judging, {**SMALL, **values}, "test")


def manifest(count: int = 260) -> Manifest:
    return manifest_of(people(count, categories=CATEGORIES[:5]))


def rows(*labels: tuple[str, ...], split: str = "train", vad: tuple[float, float, float] = (1, 5, 10)) -> list[Row]:
    base = people(1)[0]
    return [
        replace(base, image=f"{split}/{place}.jpg", person=0, split=split, categories=words, vad=vad)
        for place, words in enumerate(labels)
    ]


def output(flags: NDArray[np.generic], seeds: int = 2, seed: int = 0, dimensions: int = 3) -> Output:
    """Logits that know the labels in part."""
    draw = torch.Generator().manual_seed(seed)
    known = torch.as_tensor(np.asarray(flags, np.float32))
    logits = known + torch.randn(seeds, *known.shape, generator=draw)
    told = torch.rand(seeds, len(known), dimensions, generator=draw) if dimensions else None
    return Output(logits=logits, dimensions=told)


def test_targets_are_labels_and_tenths() -> None:
    every = [*rows(("Anger", "Fear"), ("Fear",)), *rows(("Anger",), split="val", vad=NAN3)]
    task = protocol().task(manifest_of(every))
    assert task.classes == ("Anger", "Fear")
    np.testing.assert_array_equal(task.targets[FLAGS], [[1, 1], [0, 1], [1, 0]])
    np.testing.assert_allclose(task.targets[DIMENSIONS], [[0.1, 0.5, 1], [0.1, 0.5, 1], NAN3], rtol=1e-6)
    assert task.sizes == {FLAGS: 2, DIMENSIONS: 3}
    assert {values.dtype for values in task.targets.values()} == {np.dtype(np.float32)}


def test_without_a_rated_train_person_there_are_no_dimensions() -> None:
    every = [*rows(("Anger",), ("Fear",), vad=NAN3), *rows(("Anger",), ("Fear",), split="val")]
    task = protocol().task(manifest_of(every))
    assert set(task.targets) == {FLAGS}
    assert protocol().asked(frozenset({"logits", "dimensions"}), task) == {"logits"}
    faults = protocol().faults(manifest_of(every), task, judging(chosen_by="vad_error"))
    assert any(one.startswith("0 val people have valence") for one in faults)


def test_who_has_no_label_that_can_be_learned_is_left_out_and_told() -> None:
    odd = rows(("Anger",), ("Peace", "Anger"), ("Peace",), (), split="test")
    made = manifest_of([*rows(("Anger",), ("Fear",)), *rows(("Fear",), split="val"), *odd])
    task = protocol().task(made)
    assert [made.keys[row] for row in task.test] == ["test/0.jpg#0", "test/1.jpg#0"]
    told = protocol().described(made, task)["notes"]
    assert "1 people have no label and are left out." in told
    assert "Classes that no train person has are left out, with 1 people who have no other: Peace 2." in told
    assert "Classes that no test person has, in no mean over classes: Fear." in told
    assert "Classes that no validation person has, which no threshold names: Anger." in told
    assert "Labels a person: train 1.00, val 1.00, test 1.00." in told
    assert protocol().truth(task, int(task.train[1])) == "Fear"


def test_emotics_word_is_for_its_categories_alone() -> None:
    assert protocol("emotic-26").task(manifest()).protocol == "emotic-26"
    other = Manifest.from_rows(
        rows(("Joy",)), dataset="mine", release="toy", category_names=["Joy", "Rage"], source="toy"
    )
    with pytest.raises(ConfigError) as caught:
        protocol("emotic-26").task(other)
    told = "mine: has other categories than EMOTIC's 26, which emotic-26 is for. Take PROTOCOL=multilabel"
    assert str(caught.value) == told


def test_a_threshold_is_where_precision_equals_recall() -> None:
    draw = np.random.default_rng(0)
    logits, flags = draw.normal(size=(200, 4)).astype(np.float32), draw.random((200, 4)) < [0.1, 0.5, 0.8, 0.0]
    logits += flags
    found = thresholds.fit(logits, flags)
    for at in range(3):
        said = logits[:, at] >= found[at]
        assert precision_score(flags[:, at], said) == pytest.approx(recall_score(flags[:, at], said))
    assert found[3] == np.inf


def test_people_of_one_logit_are_named_together_or_not_at_all() -> None:
    logits = np.array([[3], [2], [2], [2], [1]], np.float32)
    for right, wanted in ((1, 3), (2, 3), (3, 2), (4, 2), (5, 1)):
        flags = np.arange(5)[:, None] < right
        assert thresholds.fit(logits, flags).tolist() == [wanted], right
    assert thresholds.fit(np.zeros((5, 1)), np.arange(5)[:, None] < 2).tolist() == [np.inf]
    assert thresholds.fit(np.zeros((5, 1)), np.arange(5)[:, None] < 3).tolist() == [0]


def test_resamples_are_weighted_scores_and_seeds_plain_ones() -> None:
    task = protocol().task(manifest())
    trial = protocol().test(task, judging(metrics="map"))
    made = output(trial.flags)
    found = trial.scores(made)["map"]
    assert made.logits is not None
    for seed, logits in enumerate(made.logits.numpy()):
        plain = [average_precision_score(trial.flags[:, at], logits[:, at]) for at in range(5)]
        assert found.seeds[seed] == pytest.approx(np.mean(plain))
        assert [one.seeds[seed] for one in found.classes.values()] == pytest.approx(plain)
    draw, images = np.random.default_rng([2, 20]), int(task.images.max()) + 1
    weights = draw.standard_exponential(images)[task.images[trial.rows]]
    weighted = [
        average_precision_score(trial.flags[:, at], made.logits[1].numpy()[:, at], sample_weight=weights)
        for at in range(5)
    ]
    assert found.resampled[1, 0] == pytest.approx(np.mean(weighted))


def test_an_epoch_is_chosen_by_a_metric_or_by_the_thesis_ratio() -> None:
    task = protocol().task(manifest())
    made = output(protocol().validation(task, judging()).flags)

    def score(chosen: str) -> NDArray[np.float64]:
        return protocol().validation(task, judging(chosen_by=chosen)).score(made)

    trial = protocol().validation(task, judging(metrics="map,vad_error,log_loss,jaccard"))
    plain = {name: one.seeds for name, one in trial.scores(made, trial.fitted(made)).items()}
    np.testing.assert_allclose(score("map"), plain["map"])
    np.testing.assert_allclose(score("log_loss"), -plain["log_loss"])
    np.testing.assert_allclose(score("jaccard"), plain["jaccard"])
    np.testing.assert_allclose(score("map,vad_error"), plain["map"] / plain["vad_error"])
    assert protocol().validation_title(judging(chosen_by="map,vad_error")) == "mAP / VAD error"
    assert protocol().validation_title(judging()) == "mAP %"
    with pytest.raises(ConfigError, match="chosen_by = vad_error: the head gives no dimensions"):
        protocol().validation(task, judging(chosen_by="vad_error")).score(Output(logits=made.logits))


def test_thresholds_that_were_not_fitted_are_no_silent_dash() -> None:
    trial = protocol().test(protocol().task(manifest()), judging())
    with pytest.raises(TypeError, match="jaccard needs thresholds"):
        trial.scores(output(trial.flags))


def test_a_head_without_dimensions_has_no_score_of_them() -> None:
    trial = protocol().test(protocol().task(manifest()), judging(metrics="map,vad_error"))
    assert list(trial.scores(output(trial.flags, dimensions=0))) == ["map"]
    assert list(trial.scores(output(trial.flags))["vad_error"].classes) == ["valence", "arousal", "dominance"]


def test_levels_are_measured() -> None:
    single = [replace(row, categories=row.categories[:1]) for row in people(520)]
    made = manifest_of([replace(row, box=(0, 0, 40 if "Anger" in row.categories else 10, 40)) for row in single])
    task, settings = protocol().task(made), judging(metrics="map,macro_auc,vad_error,log_loss")
    levels = {one.name: one.values for one in protocol().levels(made, task, settings)}
    assert list(levels) == ["label_frequency", "shuffled", "geometry"]
    trial = protocol().test(task, settings)
    shares = trial.flags.mean(0)
    assert levels["label_frequency"]["map"] == pytest.approx(shares[shares > 0].mean())
    assert levels["label_frequency"]["macro_auc"] == pytest.approx(0.5)
    train = np.asarray(task.targets[DIMENSIONS])[task.train].mean(0)
    wanted = np.abs(np.asarray(task.targets[DIMENSIONS])[task.test] - train).mean()
    assert levels["label_frequency"]["vad_error"] == pytest.approx(wanted, rel=1e-5)
    assert levels["shuffled"]["macro_auc"] == pytest.approx(0.5, abs=0.02)
    assert "log_loss" not in levels["shuffled"]
    anger = task.classes.index("Anger")
    widths = StandardScaler().fit(made.boxes[task.train, 2:3]).transform(made.boxes[:, 2:3])
    probe = LogisticRegression().fit(widths[task.train], np.asarray(task.targets[FLAGS])[task.train, anger])
    alone = average_precision_score(trial.flags[:, anger], probe.decision_function(widths[task.test]))
    assert alone == 1
    assert levels["geometry"]["map"] > levels["label_frequency"]["map"] + 0.5 / len(task.classes)


def test_answers_name_what_most_seeds_name() -> None:
    logits = torch.tensor([[[0.0, 2.0]], [[1.0, -1.0]], [[2.0, -1.0]]])
    memory = {"thresholds": torch.tensor([[1.0, 1.0], [1.0, 1.0], [1.0, -2.0]])}
    about = {"classes": ["Anger", "Fear"], "dimensions": ["valence", "arousal", "dominance"]}
    told = torch.full((3, 1, 3), 0.25)
    first, second = Protocol.answers(memory, about, judging(), Output(logits=logits, dimensions=told))
    assert first.said(0) == ["Anger", "Fear"]
    torch.testing.assert_close(first.shares, logits.sigmoid().mean(0))
    assert (second.title, second.shares.tolist(), second.said(0)) == (DIMENSIONS, [[0.25] * 3], [])
    (only,) = Protocol.answers(memory, about, judging(), Output(logits=logits))
    assert only.title == "categories"


def test_bars_have_each_classs_frequency_and_points_the_rarest_class() -> None:
    trial = protocol().test(protocol().task(manifest()), judging())
    made = output(trial.flags)
    _, (bars, _, points) = trial.judged(Output(made.logits, made.logits, made.dimensions), trial.fitted(made))
    assert bars.name == "mAP of each class"
    assert dict(bars.levels) == pytest.approx(dict(zip(trial.classes, trial.flags.mean(0), strict=True)))
    count = trial.flags.sum(0)
    for label, flags in zip(points.labels, trial.flags, strict=True):
        assert count[label] == min(count[flags])


def test_people_have_their_own_jaccard_and_error() -> None:
    """By hand; their mean over people is the score."""
    test = rows(("Anger", "Fear"), ("Fear",), split="test")
    test += [replace(one, image="test/c.jpg", vad=NAN3) for one in rows(("Anger",), split="test")]
    task = protocol().task(manifest_of([*rows(("Anger",), ("Fear",)), *rows(("Anger",), split="val"), *test]))
    trial = protocol().test(task, judging())
    logits = torch.tensor([[[2.0, -1.0], [1.0, 1.0], [-1.0, 1.0]], [[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]]])
    told = torch.tensor([0.1, 0.5, 1.0]).repeat(2, 3, 1)
    told[0, 1] += torch.tensor([0.3, 0.0, -0.3])
    fitted = {"thresholds": np.zeros((2, 2), np.float32)}
    scores, drawings = trial.judged(Output(logits=logits, dimensions=told), fitted)
    (found,) = (one for one in drawings if isinstance(one, Ordered))
    assert list(found.values) == ["VAD error %", "Jaccard %"]
    np.testing.assert_allclose(found.values["Jaccard %"], [[50, 50, 0], [100, 100, 100]])
    np.testing.assert_allclose(found.values["VAD error %"], [[0, 20], [0, 0]], atol=1e-5)
    for name, title in (("jaccard", "Jaccard %"), ("vad_error", "VAD error %")):
        np.testing.assert_allclose(100 * scores[name].seeds, found.values[title].mean(1), atol=1e-5)
    (alone,) = (one for one in trial.judged(Output(logits=logits), fitted)[1] if isinstance(one, Ordered))
    assert list(alone.values) == ["Jaccard %"]


def test_a_score_that_so_few_people_do_not_give_is_one_line() -> None:
    trial = protocol().test(protocol().task(manifest()), judging(metrics="map,r2"))
    assert trial.truth is not None
    alike = replace(trial, truth=np.full_like(trial.truth, 0.5), chosen_by={"r2": trial.metrics["r2"]})
    for judge in (alike.scores, alike.score):
        with pytest.raises(ConfigError, match=r"^mR2 cannot be told of these \d+ people: too few, or too much alike"):
            judge(output(trial.flags))


def test_a_class_that_no_training_person_has_is_unlikely_for_everybody() -> None:
    """By the probe on geometry, which else would have one class to tell apart; the other is one to learn."""
    numbers, train = np.arange(12.0).reshape(4, 3), np.array([0, 1, 2])
    flags = np.array([[0.0, 1.0], [0.0, 0.0], [0.0, 1.0]])
    spread = (numbers - numbers.mean(0)) / numbers.std(0)
    assert (geometry._class(spread, train, flags[:, 0]) < -5).all()
    assert np.ptp(geometry._class(spread, train, flags[:, 1])) > 0
