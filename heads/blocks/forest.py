"""Random forests as tensors: fitted by scikit-learn, one a seed, and asked in torch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from torch import Tensor, nn

Array = NDArray[np.floating]


class Forest(nn.Module):
    """``trees`` of at most ``depth`` questions each; every way down asks as many, those beyond a leaf changing nothing.

    questions: (S, trees, 2^depth - 1) int64, the column that is asked about; limits: the same, a number up to the limit
    goes left. answers: (S, trees, 2^depth, C) of the leaves.
    """

    questions: Tensor
    limits: Tensor
    answers: Tensor

    def __init__(self, trees: int, depth: int, answers: int, seeds: Sequence[int]) -> None:
        super().__init__()
        self.trees, self.depth, self.seeds = trees, depth, tuple(seeds)
        shape = (len(seeds), trees, 2**depth - 1)
        self.register_buffer("questions", torch.zeros(shape, dtype=torch.int64))
        self.register_buffer("limits", torch.full(shape, torch.inf))
        self.register_buffer("answers", torch.zeros(*shape[:2], 2**depth, answers))

    def forward(self, x: Tensor) -> Tensor:
        """x: (S, B, d). Returns (S, B, C), the mean over trees."""
        seed = torch.arange(len(x), device=x.device)[:, None, None]
        tree = torch.arange(self.trees, device=x.device)
        place = torch.zeros(*x.shape[:2], self.trees, dtype=torch.int64, device=x.device)
        for _ in range(self.depth):
            asked = x.gather(2, self.questions[seed, tree, place])
            place = 2 * place + 1 + (asked > self.limits[seed, tree, place])
        return self.answers[seed, tree, place - (2**self.depth - 1)].mean(2)

    def classify(self, x: Array, right: NDArray[np.generic]) -> None:
        """Fit shares. x: (n, d). right: (n, C) 0 or 1, or (n,) the number of a class."""
        for place, seed in enumerate(self.seeds):
            wanted = right[:, 0] if right.ndim > 1 and right.shape[1] == 1 else right
            forest = RandomForestClassifier(self.trees, max_depth=self.depth, random_state=seed).fit(x, wanted)
            known = [forest.classes_] if wanted.ndim == 1 else forest.classes_
            for number, tree in enumerate(forest.estimators_):
                self._keep(place, number, tree.tree_, _shares(tree.tree_.value, known, right.ndim > 1, self._width))

    def regress(self, x: Array, right: Array) -> None:
        """Fit numbers. x: (n, d). right: (n, C)."""
        for place, seed in enumerate(self.seeds):
            forest = RandomForestRegressor(self.trees, max_depth=self.depth, max_features=1 / 3, random_state=seed).fit(
                x, right if right.shape[1] > 1 else right[:, 0]
            )
            for number, tree in enumerate(forest.estimators_):
                self._keep(place, number, tree.tree_, tree.tree_.value[:, :, 0])

    @property
    def _width(self) -> int:
        return self.answers.shape[3]

    def _keep(self, seed: int, number: int, tree: Any, values: Array) -> None:
        """values: (nodes, C) of scikit-learn's nodes."""
        level = {0: 0}  # place among all of a whole tree -> scikit-learn's node
        for place in range(2**self.depth - 1):
            node = level[place]
            leaf = tree.children_left[node] < 0
            if not leaf:
                self.questions[seed, number, place] = int(tree.feature[node])
                self.limits[seed, number, place] = float(tree.threshold[node])
            level[2 * place + 1] = node if leaf else tree.children_left[node]
            level[2 * place + 2] = node if leaf else tree.children_right[node]
        first = 2**self.depth - 1
        ends = [level[first + place] for place in range(first + 1)]
        self.answers[seed, number] = torch.as_tensor(values[ends], dtype=self.answers.dtype)


def _shares(values: Array, known: Sequence[Array], several: bool, width: int) -> Array:
    """(nodes, C). values: (nodes, outputs, classes) of a node's people. known: of each output, its classes."""
    shares = values / values.sum(2, keepdims=True)
    if several:
        return np.stack([_of_one(shares[:, at], classes) for at, classes in enumerate(known)], 1)
    found = np.zeros((len(values), width))
    found[:, known[0].astype(int)] = shares[:, 0, : len(known[0])]
    return found


def _of_one(shares: Array, classes: Array) -> Array:
    """Of a label: (nodes,). shares: (nodes, m) of its answers, no and yes where both occur."""
    yes = np.flatnonzero(classes == 1)
    return shares[:, yes[0]] if len(yes) else np.zeros(len(shares))
