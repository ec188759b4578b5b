"""Intervals against a hand calculation, SciPy's one-sample t and simulated effects of known sizes."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from heads.statistics.interval import SHARE, over, summary, two_way_interval
from heads.trial import Resamples, Scores

WIDE = (-100.0, 100.0)


def simulated(draw: np.random.Generator, seeds: int, sizes: tuple[float, float, float]) -> NDArray[np.float64]:
    """(seeds, 200) of mean 0 with normal effects of the seed, the episode and both; sizes: standard deviations."""
    seed, episode, rest = sizes
    shape = (seeds, 200)
    return seed * draw.normal(size=(seeds, 1)) + episode * draw.normal(size=(1, 200)) + rest * draw.normal(size=shape)


def recognised(draw: np.random.Generator, seeds: int, sizes: tuple[float, float, float]) -> NDArray[np.float64]:
    """(seeds, 200) shares of 600 queries; the effects are on the log-odds, around -0.8."""
    shares: NDArray[np.float64] = draw.binomial(600, 1 / (1 + np.exp(0.8 - simulated(draw, seeds, sizes)))) / 600
    return shares


def by_draws(values: NDArray[np.float64]) -> Scores:
    """A score whose resamples are draws: its mean is theirs."""
    return Scores(values.mean(1), values)


def test_equal_values_have_no_width() -> None:
    assert two_way_interval(np.full((5, 20), 0.25)) == pytest.approx((0.25, 0.25))


def test_interval_by_hand() -> None:
    # Mean 3; means of the seeds 1, 3, 5 and of the episodes 1, 3, 3, 5; what these leave has squares of sum 4.
    values = np.array([[-2.0, 2, 1, 3], [2, 2, 3, 5], [3, 5, 5, 7]])
    left = values - values.mean(1, keepdims=True) - values.mean(0) + 3
    assert (values.mean(1).tolist(), values.mean(0).tolist(), (left**2).sum()) == ([1, 3, 5], [1, 3, 3, 5], 4)
    # Var of the seeds' means / 3 = 4 / 3; of the episodes' / 4 = 2 / 3, less the rest's 4 / 6 / 12 = 1 / 18.
    half = (4.302653**2 * 4 / 3 + 3.182446**2 * (2 / 3 - 1 / 18)) ** 0.5
    assert two_way_interval(values, WIDE) == pytest.approx((3 - half, 3 + half), abs=1e-5)
    assert two_way_interval(values.T, WIDE) == pytest.approx((3 - half, 3 + half), abs=1e-5)


def test_spread_between_seeds_is_not_hidden_by_many_episodes() -> None:
    seeds = np.array([0.2, 0.3, 0.4, 0.5, 0.6])
    expected = stats.ttest_1samp(seeds, 0).confidence_interval()
    assert two_way_interval(np.repeat(seeds[:, None], 500, axis=1)) == pytest.approx(tuple(expected))


@pytest.mark.parametrize("shape", [(1, 30), (30, 1)])
def test_one_seed_or_one_episode_leaves_the_t_interval_of_the_others(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(3).random(shape)
    expected = stats.ttest_1samp(values.ravel(), 0).confidence_interval()
    assert two_way_interval(values) == pytest.approx(tuple(expected))


def test_one_value_says_nothing_of_the_mean() -> None:
    assert two_way_interval(np.array([[0.5]])) == (-1, 1)
    assert summary(by_draws(np.array([[0.5]])), Resamples.DRAWS)["ci95"] == [0, 1]


@pytest.mark.parametrize("sizes", [(1, 5, 3), (1, 0.5, 1)])
@pytest.mark.parametrize("seeds", [2, 3, 5, 20])
def test_interval_covers_the_true_mean_as_often_as_it_says(seeds: int, sizes: tuple[float, float, float]) -> None:
    draw, trials = np.random.default_rng(seeds), 1000
    bounds = [two_way_interval(simulated(draw, seeds, sizes), WIDE) for _ in range(trials)]
    assert 0.93 <= sum(low <= 0 <= high for low, high in bounds) / trials <= 0.98


@pytest.mark.parametrize("seeds", [3, 5])
def test_interval_of_accuracies_covers_their_true_mean(seeds: int) -> None:
    draw, trials, sizes = np.random.default_rng(seeds), 1000, (0.1, 0.3, 0.1)
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    true = (weights / (1 + np.exp(0.8 - np.sqrt(0.11) * points))).sum() / weights.sum()
    bounds = [two_way_interval(recognised(draw, seeds, sizes), SHARE) for _ in range(trials)]
    assert 0.93 <= sum(low <= true <= high for low, high in bounds) / trials <= 0.98


def test_summary_holds_the_mean_of_each_seed_and_bounds_that_a_share_can_have() -> None:
    score = summary(by_draws(np.array([[0.0, 0.5], [0.5, 1.0]])), Resamples.DRAWS)
    assert score["values"] == [0.25, 0.75]
    assert (score["mean"], score["std"]) == (0.5, pytest.approx(np.std([0.25, 0.75], ddof=1)))
    assert score["ci95"] == [0, 1]
    assert summary(by_draws(np.array([[0.0, 1.0]])), Resamples.DRAWS)["std"] == 0.0


def test_what_varies_is_told_in_words() -> None:
    assert over(5, "support draws") == "seeds and support draws"
    assert over(1, "support draws") == "support draws alone"
