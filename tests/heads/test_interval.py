"""The two-way bootstrap against a loop version and against known spreads."""

import numpy as np
import pytest

from heads.interval import summary, two_way_interval


def test_equal_values_have_no_width() -> None:
    assert two_way_interval(np.full((5, 20), 0.25)) == pytest.approx((0.25, 0.25))


def test_interval_agrees_with_resampling_by_loops() -> None:
    draw = np.random.default_rng(3)
    values = draw.normal(size=(5, 1)) + draw.normal(size=(1, 30)) + draw.normal(size=(5, 30))
    means = [values[np.ix_(draw.integers(0, 5, 5), draw.integers(0, 30, 30))].mean() for _ in range(4000)]
    assert two_way_interval(values) == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.08)


def test_spread_between_seeds_is_not_hidden_by_many_episodes() -> None:
    values = np.repeat(np.array([[0.2], [0.3], [0.4], [0.5], [0.6]]), 500, axis=1)
    low, high = two_way_interval(values)
    assert high - low == pytest.approx(2 * 1.96 * np.std(values[:, 0]) / np.sqrt(5), rel=0.1)


def test_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    draw, inside = np.random.default_rng(0), 0
    for number in range(150):
        values = 0.5 + 0.05 * draw.normal(size=(8, 1)) + 0.05 * draw.normal(size=(1, 40))
        low, high = two_way_interval(values, seed=number)
        inside += low <= 0.5 <= high
    assert 0.85 <= inside / 150 <= 1.0


def test_summary_holds_the_mean_of_each_seed() -> None:
    score = summary(np.array([[0.0, 0.5], [0.5, 1.0]]))
    assert score["values"] == [0.25, 0.75]
    assert (score["mean"], score["std"]) == (0.5, pytest.approx(np.std([0.25, 0.75], ddof=1)))
    assert score["ci95"][0] <= 0.5 <= score["ci95"][1]
    assert summary(np.array([[0.0, 1.0]]))["std"] == 0.0
