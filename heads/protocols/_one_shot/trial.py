"""People, the episodes drawn among them, and how embeddings fare in those."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from cache.fingerprint import digest
from heads.drawing import Bars, Drawing, Matrix, Points
from heads.head import Output, given
from heads.metrics import accuracy, macro_accuracy
from heads.protocols._one_shot.confusions import confusions
from heads.protocols._one_shot.episodes import Counts, recognise
from heads.protocols._one_shot.recognition import Rule
from heads.trial import NOTHING, Fitted, Scores, Trial

RECALL = "Share of a class's people recognised from one example of each class; line: 95 % interval; dashed: chance."
CONFUSION = (
    "Rows: the true class; columns: what the nearest example said; per cent of the row, over all seeds and episodes."
)
EMBEDDING = "Test people of the classes never trained on, as embedded by the first seed's model (Affect-DML, figure 4)."


@dataclass(frozen=True)
class OneShotTrial(Trial):
    """labels: (n,) 0..C - 1. support: (E, C, k) positions among the n. rule: how it is used. classes: their names."""

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    support: NDArray[np.int64]
    rule: Rule
    classes: tuple[str, ...]

    def counts(self, output: Output) -> Counts:
        """How often each model recognises each class in each episode."""
        embedding = given(output.embedding)
        return recognise(embedding, torch.as_tensor(self.labels, device=embedding.device), self.support, self.rule)

    def score(self, output: Output) -> NDArray[np.float64]:
        """Macro accuracy, the mean over episodes."""
        return np.asarray(macro_accuracy.score(*self.counts(output)).mean(1))

    def scores(self, output: Output, fitted: Fitted = NOTHING) -> dict[str, Scores]:  # noqa: ARG002 (nothing is)
        """By episode."""
        return _scores(*self.counts(output))

    def judged(self, output: Output, fitted: Fitted = NOTHING) -> tuple[dict[str, Scores], list[Drawing]]:  # noqa: ARG002
        """Recall, confusions and embeddings, from one search for the nearest support."""
        embedding = given(output.embedding)
        labels = torch.as_tensor(self.labels, device=embedding.device)
        named = confusions(embedding, labels, self.support, self.rule)
        correct, total = named.diagonal(axis1=2, axis2=3), named[0, 0].sum(1)
        recall = {name: correct[:, :, at] / total[at] for at, name in enumerate(self.classes)}
        shares = named.sum((0, 1)) / named.sum((0, 1, 3))[:, None]
        bars = {name: (values.mean(1), values) for name, values in recall.items()}
        vectors = F.normalize(embedding[0], dim=1).cpu().numpy()
        return _scores(correct, total), [
            Bars("Classes", RECALL, "Recall of each class", bars, 1 / len(self.classes)),
            Matrix("Confusions", CONFUSION, "Confusions", self.classes, shares),
            Points("Embeddings", EMBEDDING, self.classes, vectors, self.labels),
        ]

    def scored_on(self) -> dict[str, Any]:
        """The shots and the draws."""
        return {"shots": self.support.shape[2], "support": [list(self.support.shape), digest(self.support.tobytes())]}


def _scores(correct: NDArray[np.int64], total: NDArray[np.int64]) -> dict[str, Scores]:
    every = {"accuracy": accuracy.score(correct, total), "macro_accuracy": macro_accuracy.score(correct, total)}
    return {name: Scores(values.mean(1), values) for name, values in every.items()}
