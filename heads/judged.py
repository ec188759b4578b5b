"""What metrics are made of beside confusions: what one model says of people and what is right of them, everybody
counted as much as each of R resamples says."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Order:
    """People from the highest score down, and the k stops among them: behind each score that somebody has who is in the
    class, for people of one score come in together, as in scikit-learn.

    rows: (m,) of the weights, in that order. right: (m,) whether they are in the class. tied: (m,) those who are not,
    and have the score of somebody who is. stops: (k,) how many people come before each.
    """

    rows: NDArray[np.int64]
    right: NDArray[np.bool_]
    tied: NDArray[np.bool_]
    stops: NDArray[np.int64]

    @classmethod
    def of(
        cls, scores: NDArray[np.floating], right: NDArray[np.bool_], who: NDArray[np.int64] | None = None
    ) -> "Order":
        """scores, right: (m,), at least one of them right. who: (m,) whose row of the weights counts; by default they
        are the n people in order."""
        order = np.argsort(-scores, kind="stable")
        score, there = scores[order], right[order]
        ends = np.flatnonzero(np.append(score[1:] != score[:-1], True)) + 1
        starts = np.append(0, ends[:-1])
        hit = np.add.reduceat(there.astype(np.int64), starts) > 0
        tied = ~there & np.repeat(hit, ends - starts)
        return cls(order if who is None else who[order], there, tied, ends[hit])

    def summed(self, chosen: NDArray[np.bool_], weights: Array) -> Array:
        """(k, R): the weights of the ``chosen`` up to each stop, from the one before on; weights: (n, R). A product
        with a sparse matrix, which copies no weights."""
        bounds = np.append(0, np.cumsum(chosen)[self.stops - 1])
        mine = self.rows[chosen][: bounds[-1]]
        parts = csr_array((np.ones(len(mine)), mine, bounds), shape=(len(self.stops), len(weights)))
        return np.asarray(parts @ weights)


@dataclass(frozen=True)
class Ranking:
    """An order with everybody weighed. weights: (n, R)."""

    order: Order
    weights: Array

    @cached_property
    def gained(self) -> Array:
        """(k, R): weight of those in the class who come in before each stop, after the one before."""
        return self.order.summed(self.order.right, self.weights)

    @cached_property
    def found(self) -> Array:
        """(k, R): of those in the class so far."""
        return self.gained.cumsum(0)

    @cached_property
    def named(self) -> Array:
        """(k, R): of everybody so far."""
        return self.order.summed(np.ones_like(self.order.right), self.weights).cumsum(0)

    @cached_property
    def precision(self) -> Array:
        """(k, R): the share of those named so far who are in the class."""
        return self.found / self.named

    @property
    def tied(self) -> Array:
        """(k, R): of those who are not in the class, at the very score of each stop."""
        return self.order.summed(self.order.tied, self.weights)

    def mean(self, values: Array) -> Array:
        """(R,): the mean of values (k, R) over those who are in the class."""
        return np.asarray(np.einsum("kr,kr->r", self.gained, values) / self.found[-1])


@dataclass(frozen=True)
class JudgedFlags:
    """logits: (n, C). flags: (n, C) what is right. weights: (n, R), all above 0. thresholds: (C,) the least logit at
    which a class is named, where they are known."""

    logits: NDArray[np.floating]
    flags: NDArray[np.bool_]
    weights: Array
    thresholds: NDArray[np.floating] | None = None

    @cached_property
    def orders(self) -> list[Order | None]:
        """Of each class, by logits, which unlike shares do not become alike near 0 and 1; None for one that nobody
        has."""
        every = zip(self.logits.T, self.flags.T, strict=True)
        return [Order.of(scores, right) if right.any() else None for scores, right in every]

    @cached_property
    def rankings(self) -> list[Ranking | None]:
        """Of each class."""
        return [None if one is None else Ranking(one, self.weights) for one in self.orders]

    def weighed(self, weights: Array) -> "JudgedFlags":
        """The same people and model with other weights; nothing is sorted again."""
        other = replace(self, weights=weights)
        other.__dict__["orders"] = self.orders
        return other


@dataclass(frozen=True)
class JudgedDimensions:
    """dimensions: (n, D) in 0..1. truth: (n, D), NaN where it is not known. weights: (n, R). names: of the D."""

    dimensions: NDArray[np.floating]
    truth: NDArray[np.floating]
    weights: Array
    names: Sequence[str]


@dataclass(frozen=True)
class JudgedBoth:
    """What one model says of the classes and of the dimensions of the same people."""

    flags: JudgedFlags
    dimensions: JudgedDimensions


OVERLAPS = tuple(np.linspace(0.5, 0.95, 10).tolist())
"""Intersections over union from which on a box that was found is somebody's. Source: COCO's AP, .50:.05:.95."""


@dataclass(frozen=True)
class JudgedBoxes:
    """Boxes that one model found in m images. finds: for each of OVERLAPS all boxes of all images by their scores,
    right where they are somebody's; of boxes of one score each comes in alone, as in COCO's code. people: (m,) how many
    there are in each image. weights: (m, R)."""

    finds: Sequence[Order]
    people: NDArray[np.int64]
    weights: Array


@dataclass(frozen=True)
class JudgedFound:
    """People whose classes are told once somebody has been found. flags: of everybody, by the logits of the box that
    was found to be theirs; of whoever was not found these mean nothing. found: (n,)."""

    flags: JudgedFlags
    found: NDArray[np.bool_]

    @cached_property
    def orders(self) -> list[Order | None]:
        """Of each class, those who were found; None where nobody of the class was."""
        who = np.flatnonzero(self.found)
        every = zip(self.flags.logits[who].T, self.flags.flags[who].T, strict=True)
        return [Order.of(scores, right, who) if right.any() else None for scores, right in every]

    def weighed(self, weights: Array) -> "JudgedFound":
        """The same with other weights; nothing is sorted again."""
        other = replace(self, flags=self.flags.weighed(weights))
        other.__dict__["orders"] = self.orders
        return other
