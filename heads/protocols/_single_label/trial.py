"""People with one class each, and how logits fare on them, again and again on resampled images."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch.nn import functional as F

from heads.drawing import Bars, Drawing, Matrix, Points
from heads.head import Output, given
from heads.metric import Metric
from heads.protocols import _images
from heads.trial import NOTHING, Fitted, Scores, Trial

RECALL = "Share of a class's people who were given that class; line: 95 % interval; dashed: chance."
CONFUSION = "Rows: the true class; columns: the class given; per cent of the row, over all seeds."
EMBEDDING = "Test people, as embedded by the first seed's model."


@dataclass(frozen=True)
class ClassTrial(Trial):
    """labels: (n,) 0..C - 1. images: of every row of the manifest, the number of its image. classes: their names.
    chosen_by: what an epoch is judged by. resamples: how many."""

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    images: NDArray[np.int64]
    classes: tuple[str, ...]
    metrics: Mapping[str, Metric]
    chosen_by: Metric
    resamples: int

    def score(self, output: Output) -> NDArray[np.float64]:
        """By ``chosen_by``."""
        value = self.chosen_by.score(self._counted(output))
        return value if self.chosen_by.better == "higher" else -value

    def scores(self, output: Output, fitted: Fitted = NOTHING) -> dict[str, Scores]:  # noqa: ARG002 (nothing is)
        """By resample of the images."""
        return self._scores(self._counted(output), self._resampled(output))

    def judged(self, output: Output, fitted: Fitted = NOTHING) -> tuple[dict[str, Scores], list[Drawing]]:  # noqa: ARG002
        """Recall, confusions and, of a head that gives one, the embedding."""
        counted, resampled = self._counted(output), self._resampled(output)
        recall = {
            name: (_recall(counted, at), _recall(resampled, at))
            for at, name in enumerate(self.classes)
            if counted[0, at].any()
        }
        whole = counted.sum(0)
        shares = whole / np.maximum(whole.sum(1, keepdims=True), 1)
        drawings: list[Drawing] = [
            Bars("Classes", RECALL, "Recall of each class", recall, 1 / len(self.classes)),
            Matrix("Confusions", CONFUSION, "Confusions", self.classes, shares),
        ]
        if output.embedding is not None:
            vectors = F.normalize(output.embedding[0], dim=1).cpu().numpy()
            drawings.append(Points("Embeddings", EMBEDDING, self.classes, vectors, self.labels))
        return self._scores(counted, resampled), drawings

    def _scores(self, counted: NDArray[np.int64], resampled: NDArray[np.float64]) -> dict[str, Scores]:
        return {name: Scores(one.score(counted), one.score(resampled)) for name, one in self.metrics.items()}

    def scored_on(self) -> dict[str, Any]:
        """The resamples."""
        return _images.scored_on(self.images, self.rows, self.resamples)

    def _cells(self, output: Output) -> NDArray[np.int64]:
        """(S, n): which cell of a confusion matrix each person is in."""
        named = given(output.logits).argmax(2).cpu().numpy()
        return np.asarray(self.labels * len(self.classes) + named, np.int64)

    def _counted(self, output: Output) -> NDArray[np.int64]:
        """(S, C, C) people by their true class (row) and the one they were given (column)."""
        size = len(self.classes)
        found = [np.bincount(one, minlength=size**2) for one in self._cells(output)]
        return np.stack(found).reshape(-1, size, size)

    def _resampled(self, output: Output) -> NDArray[np.float64]:
        """(S, R, C, C): the same, every person counted as often as each resample says."""
        size, count = len(self.classes), len(self.rows)
        ones, people = np.ones(count), np.arange(count)
        every = [csr_array((ones, (one, people)), shape=(size**2, count)) for one in self._cells(output)]
        resamples = _images.weights(self.images, self.rows, self.resamples)
        parts = [np.stack([one @ weights for one in every]) for weights in resamples]
        return np.concatenate(parts, 2).transpose(0, 2, 1).reshape(len(every), self.resamples, size, size)


def _recall(confusion: NDArray[np.number], at: int) -> NDArray[np.float64]:
    """(...,) of the class ``at``."""
    return np.asarray(confusion[..., at, at] / confusion[..., at, :].sum(-1))
