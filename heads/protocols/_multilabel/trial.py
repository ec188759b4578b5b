"""People with any number of classes each, and how logits and dimensions fare on them, again and again on resampled
images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from cache.errors import ConfigError
from heads.drawing import Bars, Drawing, Ordered, Points
from heads.head import Output, given
from heads.judged import JudgedBoth, JudgedDimensions, JudgedFlags
from heads.metric import Metric
from heads.metrics import _classes
from heads.protocols import _images
from heads.protocols._multilabel import thresholds
from heads.trial import NOTHING, Fitted, Scores, Trial

_AT_ONCE = 50
"""Resamples scored in one go: bounds the memory, and what is added up stays in the processor's cache."""

BARS = "{} of each class; line: 95 % interval; dashed: the share of test people who are in the class."
ORDERED = (
    "Each model puts the test people in order of their own score. Line: mean over seeds; band: lowest to highest seed; "
    "dashed: the mean over people."
)
EMBEDDING = "Test people, as embedded by the first seed's model; of a person's classes, the rarest."

Array = NDArray[np.float64]
Judged = JudgedFlags | JudgedDimensions | JudgedBoth
Part = dict[str, tuple[Array, Array | None]]
"""Metric -> (r,) by resample, and (r, C) of each class."""


class _Found(NamedTuple):
    """One metric of all models, first on the people themselves and then by resample. values: (S, 1 + R). classes:
    (S, 1 + R, C) or None."""

    values: Array
    classes: Array | None


@dataclass(frozen=True)
class FlagsTrial(Trial):
    """flags: (n, C). truth: (n, D) dimensions, None where there are none to judge. images: of every row of the
    manifest, the number of its image. classes, dimensions: names. metrics: by name. chosen_by: what an epoch is judged
    by; of several, the product of those that are better higher over the product of the others. resamples: how many."""

    rows: NDArray[np.int64]
    flags: NDArray[np.bool_]
    truth: NDArray[np.float32] | None
    images: NDArray[np.int64]
    classes: tuple[str, ...]
    dimensions: Sequence[str]
    metrics: Mapping[str, Metric]
    chosen_by: Mapping[str, Metric]
    resamples: int

    def score(self, output: Output) -> NDArray[np.float64]:
        """By ``chosen_by``. What is fitted for it is fitted on these people, who are those of validation.

        Raises: ConfigError when the head gives no dimensions to judge by.
        """
        fitted = self.fitted(output) if any(one.needs for one in self.chosen_by.values()) else NOTHING
        found = self._found(output, fitted, self.chosen_by, [np.ones((len(self.rows), 1))])
        for name in self.chosen_by:
            if name not in found:
                raise ConfigError(f"chosen_by = {name}: the head gives no dimensions. Choose by another metric")
            self._check(self.chosen_by[name], found[name].values)
        values = {name: found[name].values[:, 0] for name in self.chosen_by}
        if len(values) == 1:
            ((name, value),) = values.items()
            return value if self.chosen_by[name].better == "higher" else -value
        powers = {name: 1.0 if one.better == "higher" else -1.0 for name, one in self.chosen_by.items()}
        return np.asarray(np.prod([value ** powers[name] for name, value in values.items()], 0))

    def fitted(self, output: Output) -> dict[str, NDArray[np.floating]]:
        """``thresholds``, (S, C) in float32: where precision equals recall on these people."""
        logits = _numbers(given(output.logits))
        return {"thresholds": np.stack([thresholds.fit(one, self.flags) for one in logits])}

    def scores(self, output: Output, fitted: Fitted = NOTHING) -> dict[str, Scores]:
        """By resample of the images. Raises: TypeError when a metric needs what is not in ``fitted``; ConfigError for
        one that so few people do not give."""
        every = [np.ones((len(self.rows), 1)), *_images.weights(self.images, self.rows, self.resamples, _AT_ONCE)]
        found = dict(self._scored(output, fitted, every))
        for name, one in found.items():
            self._check(self.metrics[name], one.values)
        return {name: self._scores(one, self.metrics[name]) for name, one in found.items()}

    def _check(self, metric: Metric, values: Array) -> None:
        """values: (models, resamples). Raises: ConfigError when one of them is no number."""
        if np.isnan(values).any():
            where = "" if np.isnan(values[:, 0]).any() else ", in one of the draws of their images"
            text = f"{metric.title} cannot be told of these {len(self.rows)} people{where}: too few, or too much alike"
            raise ConfigError(f"{text}. Judge by more people")

    def points(self, output: Output, fitted: Fitted) -> dict[str, float]:
        """Metric -> the mean of all models' scores on the people themselves."""
        return {
            name: float(one.values[:, 0].mean())
            for name, one in self._scored(output, fitted, [np.ones((len(self.rows), 1))])
        }

    def _scored(self, output: Output, fitted: Fitted, every: Sequence[Array]) -> Iterator[tuple[str, _Found]]:
        return iter(self._found(output, fitted, self.metrics, every).items())

    def judged(self, output: Output, fitted: Fitted = NOTHING) -> tuple[dict[str, Scores], list[Drawing]]:
        """The first metric that has classes, of each of them; those that each person has; of a head that gives one, the
        embedding."""
        found, drawings = self.scores(output, fitted), list[Drawing]()
        shares = dict(zip(self.classes, self.flags.mean(0).tolist(), strict=True))
        for name, one in found.items():
            if one.classes and self.metrics[name].takes == "flags":
                values = {word: (each.seeds, each.resampled) for word, each in one.classes.items()}
                title = self.metrics[name].title
                drawings.append(Bars("Classes", BARS.format(title), f"{title} of each class", values, levels=shares))
                break
        if people := self._people(output, fitted):
            drawings.append(Ordered("People", ORDERED, people))
        if output.embedding is not None:
            vectors = F.normalize(output.embedding[0], dim=1).cpu().numpy()
            drawings.append(Points("Embeddings", EMBEDDING, self.classes, vectors, self._rarest()))
        return found, drawings

    def scored_on(self) -> dict[str, Any]:
        """The resamples."""
        return _images.scored_on(self.images, self.rows, self.resamples)

    def _rarest(self) -> NDArray[np.int64]:
        """(n,): of each person's classes the one that fewest test people have."""
        count = np.where(self.flags, self.flags.sum(0), len(self.flags) + 1)
        return np.asarray(count.argmin(1), np.int64)

    def _found(
        self, output: Output, fitted: Fitted, metrics: Mapping[str, Metric], every: Sequence[Array]
    ) -> dict[str, _Found]:
        """every: weights of resamples, (n, r) each."""
        models = range(len(given(output.logits)))
        parts = [self._of_model(output, at, fitted, metrics, every) for at in models]
        names = list(parts[0][0])
        return {name: _joined([[part[name] for part in model] for model in parts]) for name in names}

    def _of_model(
        self, output: Output, at: int, fitted: Fitted, metrics: Mapping[str, Metric], every: Sequence[Array]
    ) -> list[Part]:
        """One for each of the weights; without metrics of dimensions that the model does not give."""
        flags, told = self._said(output, at, fitted, every[0])
        return [self._part(flags.weighed(weights), told, metrics) for weights in every]

    def _said(
        self, output: Output, at: int, fitted: Fitted, weights: Array
    ) -> tuple[JudgedFlags, NDArray[np.floating] | None]:
        """What the model says of everybody."""
        known = fitted["thresholds"][at] if "thresholds" in fitted else None
        flags = JudgedFlags(_numbers(given(output.logits)[at]), self.flags, weights, known)
        return flags, None if output.dimensions is None else _numbers(output.dimensions[at])

    def _people(self, output: Output, fitted: Fitted) -> dict[str, Array]:
        """Metric -> (S, m), as it is printed, of the people who have it."""
        once = np.ones((len(self.rows), 1))
        said = [self._judged(*self._said(output, at, fitted, once)) for at in range(len(given(output.logits)))]
        found = {}
        for one in (one for one in self.metrics.values() if one.takes in said[0]):
            values = [known for judged in said if (known := one.by_person(judged[one.takes])) is not None]
            if values:
                every = one.scale * np.stack(values)
                found[f"{one.title} {one.unit}".strip()] = every[:, ~np.isnan(every).any(0)]
        return found

    def _part(self, flags: JudgedFlags, told: NDArray[np.floating] | None, metrics: Mapping[str, Metric]) -> Part:
        judged = self._judged(flags, told)
        mine = {name: one for name, one in metrics.items() if one.takes in judged}
        return {name: _measured(one, judged[one.takes]) for name, one in mine.items()}

    def _judged(self, flags: JudgedFlags, told: NDArray[np.floating] | None) -> dict[str, Judged]:
        """By what a metric takes; without dimensions that are not given or not known."""
        judged: dict[str, Judged] = {"flags": flags}
        if told is not None and self.truth is not None:
            dimensions = JudgedDimensions(told, self.truth, flags.weights, self.dimensions)
            judged |= {"dimensions": dimensions, "both": JudgedBoth(flags, dimensions)}
        return judged

    def _scores(self, found: _Found, metric: Metric) -> Scores:
        names = self.classes if metric.takes == "flags" else self.dimensions
        classes = {}
        if found.classes is not None:
            for at, name in enumerate(names):
                values = found.classes[..., at]
                if not np.isnan(values).any():
                    classes[name] = Scores(values[:, 0], values[:, 1:])
        return Scores(found.values[:, 0], found.values[:, 1:], classes)


def _measured(metric: Metric, judged: Judged) -> tuple[Array, Array | None]:
    classes = metric.by_class(judged)
    return (metric.score(judged), None) if classes is None else (_classes.mean(classes), classes)


def _numbers(values: Tensor) -> NDArray[np.floating]:
    return np.asarray(values.cpu().numpy())


def _joined(models: Sequence[Sequence[tuple[Array, Array | None]]]) -> _Found:
    values = np.stack([np.concatenate([value for value, _ in parts]) for parts in models])
    classes = [[each for _, each in parts if each is not None] for parts in models]
    return _Found(values, np.stack([np.concatenate(parts) for parts in classes]) if classes[0] else None)
