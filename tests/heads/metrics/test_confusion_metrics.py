"""Metrics of confusions against scikit-learn, person by person."""

import numpy as np
import pytest
from sklearn import metrics as sklearn

from cache import plugins
from heads.metric import Metric

CLASSES = 4
REFERENCE = {
    "accuracy": sklearn.accuracy_score,
    "macro_accuracy": lambda right, given: sklearn.recall_score(right, given, average="macro", labels=np.unique(right)),
    "macro_f1": lambda right, given: sklearn.f1_score(right, given, average="macro", labels=np.unique(right)),
}


def metric(name: str) -> Metric:
    found: Metric = plugins.load("heads.metrics", name, "Metric")()
    return found


def confusion(right: np.ndarray, given: np.ndarray) -> np.ndarray:
    out = np.zeros((CLASSES, CLASSES), np.int64)
    for one, other in zip(right, given, strict=True):
        out[one, other] += 1
    return out


def test_every_metric_has_a_reference() -> None:
    every = {name for name in plugins.names("heads.metrics") if metric(name).takes == "confusion"}
    assert set(REFERENCE) == every


@pytest.mark.parametrize("name", REFERENCE)
@pytest.mark.parametrize("classes", [CLASSES, CLASSES - 1])
def test_a_metric_is_scikit_learns(name: str, classes: int) -> None:
    draw = np.random.default_rng(classes)
    pairs = [(draw.integers(0, classes, 60), draw.integers(0, CLASSES, 60)) for _ in range(6)]
    found = metric(name).score(
        np.array([[confusion(*pair) for pair in pairs[:3]], [confusion(*pair) for pair in pairs[3:]]])
    )
    expected = [REFERENCE[name](right, given) for right, given in pairs]
    np.testing.assert_allclose(found, np.array(expected).reshape(2, 3), rtol=1e-12)


@pytest.mark.parametrize("name", REFERENCE)
def test_weights_count_as_people_do(name: str) -> None:
    once = np.random.default_rng(0).integers(0, 9, (CLASSES, CLASSES))
    assert metric(name).score(0.37 * once) == pytest.approx(metric(name).score(once))


@pytest.mark.parametrize("name", REFERENCE)
def test_all_right_is_one_and_all_wrong_is_nothing(name: str) -> None:
    assert metric(name).score(np.diag([3, 1, 5, 2])) == 1
    assert metric(name).score(np.roll(np.diag([3, 1, 5, 2]), 1, 0)) == 0
    assert (metric(name).unit, metric(name).scale, metric(name).better) == ("%", 100.0, "higher")
