"""Images with all their people, and how what a head reads out of annotated boxes, and whom it finds, fare, again and
again on resampled images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from cache.errors import ConfigError
from heads.drawing import Bars, Drawing
from heads.head import Output, given
from heads.judged import JudgedBoxes, JudgedFlags, JudgedFound
from heads.metric import Metric
from heads.metrics import _classes
from heads.protocols import _images
from heads.protocols._boxes.matching import match
from heads.trial import NOTHING, Fitted, Scores, Trial

LOSS = "loss"
"""What an epoch is chosen by where no metric is."""
_AT_ONCE = 50
"""Resamples scored in one go: bounds the memory."""

BARS = "{} of each class; line: 95 % interval; dashed: the share of test people who are in the class."

Array = NDArray[np.float64]
Judged = JudgedFlags | JudgedBoxes | JudgedFound
Found = tuple[Array, Array | None]
"""(r,) by resample, and (r, C) of each class."""


@dataclass(frozen=True)
class PeopleTrial(Trial):
    """rows: of m images. boxes: (m, K, 4), NaN where there is nobody. flags: (m, K, C). one_class: whether each person
    has one. images: of every row of the manifest, the number of its image. classes: names. metrics: by name. chosen_by:
    one of them, by which an epoch is judged, None for the loss. resamples: how many."""

    rows: NDArray[np.int64]
    boxes: NDArray[np.float64]
    flags: NDArray[np.bool_]
    one_class: bool
    images: NDArray[np.int64]
    classes: tuple[str, ...]
    metrics: Mapping[str, Metric]
    chosen_by: Metric | None
    resamples: int

    def score(self, output: Output) -> NDArray[np.float64]:
        """By ``chosen_by``; of the loss, the mean over images, below zero. Raises: ConfigError when the head gives
        nothing to choose by."""
        if self.chosen_by is None:
            if output.cost is None:
                raise ConfigError('chosen_by = loss: the head tells no loss of an image. Take SET="chosen_by=er"')
            return np.asarray(-output.cost.double().mean((1, 2)).cpu().numpy())
        one = self.chosen_by
        found = [self._judged(output, at) for at in range(self._models(output))]
        if one.takes not in found[0]:
            raise ConfigError(f'chosen_by = {one.title}: the head finds nobody. Take SET="chosen_by=er"')
        return np.array([_measured(one, judged[one.takes])[0][0] for judged in found])

    def scores(self, output: Output, fitted: Fitted = NOTHING) -> dict[str, Scores]:  # noqa: ARG002 (nothing is)
        """By resample of the images. Raises: ConfigError for a metric that so few people do not give."""
        every = [*_images.weights(self.images, self.rows, self.resamples, _AT_ONCE)]
        models = [self._of_model(output, at, every) for at in range(self._models(output))]
        return {name: self._scores(name, [one[name] for one in models]) for name in models[0]}

    def points(self, output: Output) -> dict[str, float]:
        """Metric -> the mean of all models' scores on the people themselves."""
        models = [self._of_model(output, at, ()) for at in range(self._models(output))]
        return {name: float(np.mean([one[name][0][0] for one in models])) for name in models[0]}

    def judged(self, output: Output, fitted: Fitted = NOTHING) -> tuple[dict[str, Scores], list[Drawing]]:
        """The first metric that has classes, of each of them."""
        found = self.scores(output, fitted)
        shares = dict(zip(self.classes, self._flags().mean(0).tolist(), strict=True))
        for name, one in found.items():
            if one.classes:
                values = {word: (each.seeds, each.resampled) for word, each in one.classes.items()}
                title = self.metrics[name].title
                bars = Bars("Classes", BARS.format(title), f"{title} of each class", values, levels=shares)
                return found, [bars]
        return found, []

    def scored_on(self) -> dict[str, Any]:
        """The resamples."""
        return _images.scored_on(self.images, self.rows, self.resamples)

    def _models(self, output: Output) -> int:
        return len(given(output.people))

    def _there(self) -> NDArray[np.bool_]:
        return np.asarray(~np.isnan(self.boxes[..., 0]))

    def _flags(self) -> NDArray[np.bool_]:
        """(n, C) of the people of all images, one image after the other."""
        return self.flags[self._there()]

    def _of_model(self, output: Output, at: int, every: Sequence[Array]) -> dict[str, Found]:
        """Metric -> on the people themselves, and then by resample. every: weights of images, (m, r) each."""
        plain = self._judged(output, at)
        mine = {name: one for name, one in self.metrics.items() if one.takes in plain}
        parts = [{name: _measured(one, plain[one.takes]) for name, one in mine.items()}]
        for weights in every:  # one after the other: what rankings keep of each is large
            judged = self._weighed(plain, weights)
            parts.append({name: _measured(one, judged[one.takes]) for name, one in mine.items()})
        return {name: _joined([part[name] for part in parts]) for name in mine}

    def _judged(self, output: Output, at: int) -> dict[str, Judged]:
        """By what a metric takes, everybody once; without boxes where the head finds nobody."""
        there, once = self._there(), np.ones((len(self.rows), 1))
        flags, each = self._flags(), np.ones((int(there.sum()), 1))
        read = JudgedFlags(self._ranked(given(output.people)[at].cpu().numpy()[there]), flags, each)
        if output.found is None:
            return {"people": read}
        found = output.found[at].cpu().numpy().astype(np.float64)
        matched = match(found[..., :5], self.boxes)
        finder = matched.finder(there.shape[1])
        told = np.take_along_axis(found[..., 5:], np.maximum(finder, 0)[..., None], 1)[there]
        return {
            "people": read,
            "boxes": JudgedBoxes(matched.orders(), there.sum(1), once),
            "found": JudgedFound(JudgedFlags(self._ranked(told), flags, each), finder[there] >= 0),
        }

    def _weighed(self, judged: Mapping[str, Judged], weights: Array) -> dict[str, Judged]:
        """The same, images counted as ``weights``, (m, r), say and people as their images."""
        people = np.repeat(weights, self._there().sum(1), 0)
        return {
            name: JudgedBoxes(one.finds, one.people, weights) if isinstance(one, JudgedBoxes) else one.weighed(people)
            for name, one in judged.items()
        }

    def _ranked(self, logits: NDArray[np.floating]) -> NDArray[np.floating]:
        """What people are put in order by: of one class each, the share of the softmax."""
        return np.asarray(log_softmax(logits, -1)) if self.one_class else logits

    def _scores(self, name: str, models: Sequence[Found]) -> Scores:
        """Raises: ConfigError when one of them is no number."""
        values = np.stack([one for one, _ in models])
        if np.isnan(values).any():
            told = f"{self.metrics[name].title} cannot be told of these {len(self.rows)} images"
            raise ConfigError(f"{told}: too few people, or too much alike. Judge by more")
        classes = {}
        for at, word in enumerate(self.classes):
            each = [every[:, at] for _, every in models if every is not None]
            if each and not np.isnan(each).any():
                classes[word] = Scores(np.stack(each)[:, 0], np.stack(each)[:, 1:])
        return Scores(values[:, 0], values[:, 1:], classes)


def _measured(metric: Metric, judged: Judged) -> Found:
    classes = metric.by_class(judged)
    return (metric.score(judged), None) if classes is None else (_classes.mean(classes), classes)


def _joined(parts: Sequence[Found]) -> Found:
    classes = [each for _, each in parts if each is not None]
    return np.concatenate([value for value, _ in parts]), np.concatenate(classes) if classes else None
