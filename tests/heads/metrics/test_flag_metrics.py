"""Metrics of flags and dimensions against scikit-learn with weights, and against loops: ties, classes that nobody or
everybody has, and every resample as it would be alone."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    jaccard_score,
    log_loss,
    mean_absolute_error,
    precision_score,
    r2_score,
    recall_score,
    roc_auc_score,
)

from cache import plugins
from heads.judged import JudgedBoth, JudgedDimensions, JudgedFlags
from heads.metric import Metric

PEOPLE, RESAMPLES = 60, 7
NOBODY, EVERYBODY = 3, 4
"""Places of the classes that nobody has, and everybody."""


def metric(name: str) -> Metric:
    found: Metric = plugins.load("heads.metrics", name, "Metric")()
    return found


def case(seed: int = 0, ties: bool = True) -> JudgedFlags:
    """ties: logits are whole numbers, so that many people have the same."""
    draw = np.random.default_rng(seed)
    logits = draw.normal(0, 2, (PEOPLE, 6))
    flags = draw.random((PEOPLE, 6)) < [0.1, 0.3, 0.6, 0, 1, 0.05]
    flags[:, 5] |= np.arange(PEOPLE) == 0
    flags[:, NOBODY], flags[:, EVERYBODY] = False, True
    weights = draw.standard_exponential((PEOPLE, RESAMPLES))
    return JudgedFlags(np.round(logits) if ties else logits, flags, weights, draw.normal(0, 1, 6))


CASES = [case(seed, ties) for seed in range(3) for ties in (True, False)]


def classes(*without: int) -> list[int]:
    return [at for at in range(6) if at not in without]


def envelope(flags: NDArray[np.bool_], scores: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Interpolated average precision as it is defined: at each score that somebody has, from the highest down."""
    points = []
    for least in sorted(set(scores.tolist()), reverse=True):
        named = scores >= least
        hits = weights[named & flags].sum()
        points.append((hits / weights[flags].sum(), hits / weights[named].sum()))
    total, before = 0.0, 0.0
    for recall, _ in points:
        total += (recall - before) * max(precision for other, precision in points if other >= recall)
        before = recall
    return total


@pytest.mark.parametrize("judged", CASES)
def test_average_precision_is_scikit_learns(judged: JudgedFlags) -> None:
    found = metric("map").by_class(judged)
    assert found is not None
    assert np.isnan(found[:, NOBODY]).all()
    wanted = [
        [
            average_precision_score(judged.flags[:, at], judged.logits[:, at], sample_weight=one)
            for at in classes(NOBODY)
        ]
        for one in judged.weights.T
    ]
    np.testing.assert_allclose(found[:, classes(NOBODY)], wanted, rtol=1e-12)
    np.testing.assert_allclose(metric("map").score(judged), np.mean(wanted, 1), rtol=1e-12)


@pytest.mark.parametrize("judged", CASES)
def test_interpolated_average_precision_is_that_of_a_loop(judged: JudgedFlags) -> None:
    wanted = [
        [envelope(judged.flags[:, at], judged.logits[:, at], one) for at in classes(NOBODY)] for one in judged.weights.T
    ]
    np.testing.assert_allclose(metric("map_interpolated").score(judged), np.mean(wanted, 1), rtol=1e-12)
    assert (metric("map_interpolated").score(judged) > metric("map").score(judged)).all()


@pytest.mark.parametrize("judged", CASES)
def test_areas_under_curves_are_scikit_learns(judged: JudgedFlags) -> None:
    some = classes(NOBODY, EVERYBODY)
    wanted = [
        np.mean([roc_auc_score(judged.flags[:, at], judged.logits[:, at], sample_weight=one) for at in some])
        for one in judged.weights.T
    ]
    np.testing.assert_allclose(metric("macro_auc").score(judged), wanted, rtol=1e-12)
    micro = [
        roc_auc_score(judged.flags.ravel(), judged.logits.ravel(), sample_weight=np.repeat(one, 6))
        for one in judged.weights.T
    ]
    np.testing.assert_allclose(metric("micro_auc").score(judged), micro, rtol=1e-12)


@pytest.mark.parametrize("judged", CASES)
def test_f1_and_its_parts_are_scikit_learns(judged: JudgedFlags) -> None:
    said, some = judged.logits > 0, classes(NOBODY)

    def scores(name: str, average: str, labels: list[int] | None) -> NDArray[np.float64]:
        one = {"precision": precision_score, "recall": recall_score}[name]
        known = {"average": average, "labels": labels, "zero_division": 0}
        return np.array([one(judged.flags, said, sample_weight=w, **known) for w in judged.weights.T])

    for letter, average, labels in (("c", "macro", some), ("o", "micro", None)):
        precision, recall = (scores(name, average, labels) for name in ("precision", "recall"))
        np.testing.assert_allclose(metric(f"{letter}_precision").score(judged), precision, rtol=1e-12)
        np.testing.assert_allclose(metric(f"{letter}_recall").score(judged), recall, rtol=1e-12)
        wanted = [2 / (1 / p + 1 / r) for p, r in zip(precision, recall, strict=True)]
        np.testing.assert_allclose(metric(f"{letter}_f1").score(judged), wanted, rtol=1e-12)


def test_who_names_nothing_has_no_precision_and_no_f1() -> None:
    one = CASES[0]
    silent = JudgedFlags(np.full_like(one.logits, -1), one.flags, one.weights)
    for name in ("c_precision", "c_f1", "o_precision", "o_f1"):
        assert metric(name).score(silent).tolist() == [0.0] * RESAMPLES


@pytest.mark.parametrize("judged", CASES)
def test_jaccard_and_log_loss_are_scikit_learns(judged: JudgedFlags) -> None:
    assert judged.thresholds is not None
    said = judged.logits >= judged.thresholds
    wanted = [jaccard_score(judged.flags, said, average="samples", sample_weight=one) for one in judged.weights.T]
    np.testing.assert_allclose(metric("jaccard").score(judged), wanted, rtol=1e-12)
    shares = 1 / (1 + np.exp(-judged.logits))
    losses = [
        np.mean([log_loss(judged.flags[:, at], shares[:, at], sample_weight=w, labels=[0, 1]) for at in range(6)])
        for w in judged.weights.T
    ]
    np.testing.assert_allclose(metric("log_loss").score(judged), losses, rtol=1e-9)


@pytest.mark.parametrize("judged", CASES)
def test_calibration_error_is_that_of_a_loop(judged: JudgedFlags) -> None:
    wanted = []
    for weights in judged.weights.T:
        bins: dict[int, list[tuple[float, float]]] = {}
        for person in range(PEOPLE):
            for at in range(6):
                share = 1 / (1 + math.exp(-judged.logits[person, at]))
                apart = share - float(judged.flags[person, at])
                bins.setdefault(min(int(share * 15), 14), []).append((weights[person], apart))
        total = sum(abs(sum(weight * apart for weight, apart in one)) for one in bins.values())
        wanted.append(total / sum(weight for one in bins.values() for weight, _ in one))
    np.testing.assert_allclose(metric("calibration_error").score(judged), wanted, rtol=1e-9)


def test_errors_of_dimensions_leave_out_what_is_not_known() -> None:
    draw = np.random.default_rng(0)
    truth, said = draw.random((PEOPLE, 3)), draw.random((PEOPLE, 3))
    truth[draw.random((PEOPLE, 3)) < 0.3] = np.nan
    weights = draw.standard_exponential((PEOPLE, RESAMPLES))
    names = ("valence", "arousal", "dominance")
    judged = JudgedDimensions(said, truth, weights, names)
    known = ~np.isnan(truth)
    wanted = np.array(
        [
            [mean_absolute_error(truth[k, at], said[k, at], sample_weight=w[k]) for at, k in enumerate(known.T)]
            for w in weights.T
        ]
    )
    np.testing.assert_allclose(metric("vad_error").score(judged), wanted.mean(1), rtol=1e-12)
    np.testing.assert_allclose(metric("vad_error_10").score(judged), 10 * wanted.mean(1), rtol=1e-12)
    for at, name in enumerate(names):
        np.testing.assert_allclose(metric(f"{name}_error").score(judged), wanted[:, at], rtol=1e-12)
    whole = np.where([True, True, False], truth, np.nan)
    two = metric("vad_error").score(JudgedDimensions(said, whole, weights, names))
    np.testing.assert_allclose(two, wanted[:, :2].mean(1), rtol=1e-12)


def test_the_first_score_ten_on_a_scale_of_one_to_ten() -> None:
    """By hand: rated 3 and said 0.5, which is 5, is 2 apart."""
    judged = JudgedDimensions(np.array([[0.5]]), np.array([[0.3]]), np.ones((1, 1)), ("valence",))
    assert metric("vad_error_10").score(judged) == pytest.approx(2)
    assert metric("vad_error").score(judged) == pytest.approx(0.2)


@pytest.mark.parametrize("judged", CASES)
def test_explained_shares_are_scikit_learns_and_the_emotion_score_is_equation_5_16(judged: JudgedFlags) -> None:
    draw = np.random.default_rng(0)
    truth, said = draw.random((PEOPLE, 3)), draw.random((PEOPLE, 3))
    truth[draw.random((PEOPLE, 3)) < 0.3] = np.nan
    truth[:, 2] = 0.3
    told = JudgedDimensions(said, truth, judged.weights, ("valence", "arousal", "dominance"))
    wanted = [
        np.mean(
            [r2_score(truth[k, at], said[k, at], sample_weight=one[k]) for at, k in enumerate(~np.isnan(truth.T[:2]))]
        )
        for one in judged.weights.T
    ]
    np.testing.assert_allclose(metric("r2").score(told), wanted, rtol=1e-12)
    classes = metric("r2").by_class(told)
    assert classes is not None
    assert np.isnan(classes[:, 2]).all()
    areas = [(metric(name).score(judged)) for name in ("map", "macro_auc")]
    ers = metric("ers").score(JudgedBoth(judged, told))
    np.testing.assert_allclose(ers, [0.5 * (r2 + 0.5 * (p + a)) for r2, p, a in zip(wanted, *areas, strict=True)])


def test_explained_shares_and_the_emotion_score_by_hand() -> None:
    """Truths 0, .5, 1 of which .25, .5, .75 is said: squares .125 of .5, so three quarters are explained. Of four
    people two are in the class, at the first and the third place: precision 1 and 2/3, three of four pairs in order."""
    weights = np.ones((3, 1))
    told = JudgedDimensions(np.array([[0.25], [0.5], [0.75]]), np.array([[0.0], [0.5], [1.0]]), weights, ("valence",))
    assert metric("r2").score(told) == pytest.approx(0.75)
    flags = JudgedFlags(np.array([[4.0], [3], [2], [1]]), np.array([[1], [0], [1], [0]], bool), np.ones((4, 1)))
    assert metric("map").score(flags) == pytest.approx(5 / 6)
    assert metric("macro_auc").score(flags) == pytest.approx(0.75)
    assert metric("ers").score(JudgedBoth(flags, told)) == pytest.approx((0.75 + (5 / 6 + 0.75) / 2) / 2)


def test_the_published_scores_are_of_the_emotion_score() -> None:
    """Thesis, Table 5.13: its mR2, mAP and mRA give its ERS."""
    for explained, precision, area, score in ((0.1597, 0.2185, 0.6826, 0.3051), (0.1030, 0.1714, 0.6352, 0.2530)):
        assert (explained + (precision + area) / 2) / 2 == pytest.approx(score, abs=2e-4)
