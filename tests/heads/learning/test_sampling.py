"""Batches: groups of one class, every class equally often, the same draws for the same seed."""

import numpy as np
import pytest

from heads.learning import sampling

LABELS = np.repeat(np.arange(6), [300, 40, 20, 7, 4, 100])


def draw(seed: int = 0) -> np.ndarray:
    return sampling.epoch(LABELS, 4, 32, sampling.generator(seed))


def test_an_epoch_has_as_many_batches_as_fit_into_the_samples() -> None:
    assert draw().shape == (471 // 32, 32)


def test_groups_hold_four_different_samples_of_one_class() -> None:
    groups = draw().reshape(-1, 4)
    assert (LABELS[groups] == LABELS[groups[:, :1]]).all()
    assert all(len(set(group)) == 4 for group in groups.tolist())


def test_each_pass_of_six_groups_has_every_class_once() -> None:
    classes = LABELS[draw().reshape(-1, 4)[:, 0]]
    passes = classes[: len(classes) // 6 * 6].reshape(-1, 6)
    assert (np.sort(passes, axis=1) == np.arange(6)).all()
    assert len({tuple(one) for one in passes.tolist()}) > 1


def test_the_same_seed_draws_the_same_and_goes_on() -> None:
    generator = sampling.generator(3)
    first, second = (sampling.epoch(LABELS, 4, 32, generator) for _ in range(2))
    assert (first == draw(3)).all()
    assert (first != second).any()
    assert (first != draw(4)).any()


def test_all_samples_of_a_class_are_equally_likely() -> None:
    generator, seen = sampling.generator(0), np.zeros(len(LABELS))
    for _ in range(600):
        np.add.at(seen, sampling.epoch(LABELS, 4, 32, generator), 1)
    for label in range(6):
        mine = seen[label == LABELS]
        assert mine.std() < 4 * np.sqrt(mine.mean())
        assert (np.abs(mine - mine.mean()) < 6 * np.sqrt(mine.mean())).all()


def test_a_class_smaller_than_a_group_repeats_its_samples() -> None:
    labels = np.array([0] * 60 + [1, 1])
    groups = sampling.epoch(labels, 4, 20, sampling.generator(0)).reshape(-1, 4)
    small = groups[labels[groups[:, 0]] == 1]
    assert len(small)
    assert set(small.flatten()) <= {60, 61}


def test_fewer_samples_than_a_batch_give_one_step_of_whole_groups() -> None:
    labels = np.repeat(np.arange(3), [7, 6, 5])
    (step,) = sampling.epoch(labels, 4, 32, sampling.generator(0))
    assert step.shape == (16,)
    groups = step.reshape(4, 4)
    assert (labels[groups] == labels[groups[:, :1]]).all()
    assert set(labels[step]) == {0, 1, 2}
    assert sampling.epoch(labels[:4], 4, 32, sampling.generator(0)).shape == (1, 4)
    assert sampling.epoch(labels, 4, 16, sampling.generator(0)).shape == (1, 16)


def test_pytorch_metric_learnings_sampler_refuses_this_batch() -> None:
    from pytorch_metric_learning.samplers import MPerClassSampler

    with pytest.raises(AssertionError, match="must be >= batch_size"):
        MPerClassSampler(LABELS, m=4, batch_size=32)
