"""Settings of equal shape trained as one batched model: every seed of every setting at once."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cache.errors import ConfigError
from heads.evaluation import Samples, Trial
from heads.head import Head
from heads.train import Best, Diverged, Epoch, Fit, Places, diverged, train
from heads.training import Recipe
from heads.varied import Varies

Build = Callable[[Recipe, Sequence[int]], Head]
"""Makes a head of a recipe and seeds, one a model."""


def apart(recipes: Sequence[Recipe]) -> list[str]:
    """The settings in which ``recipes`` differ but one batched model cannot; empty when they can train together."""
    first = recipes[0]
    if any(type(other) is not type(first) for other in recipes):
        return ["loss", "miner"]
    return [name for name in _differing(recipes) if name not in varying(first)]


def varying(recipe: Recipe) -> list[str]:
    """The settings in which recipes that train together may differ."""
    return [name for name, one in type(recipe).model_fields.items() if any(_marks(mark) for mark in one.metadata)]


def _marks(mark: Any) -> bool:
    return mark is Varies or isinstance(mark, Varies)


def _differing(recipes: Sequence[Recipe]) -> list[str]:
    first = recipes[0]
    names = type(first).model_fields
    return [name for name in names if any(getattr(one, name) != getattr(first, name) for one in recipes)]


def joined(recipes: Sequence[Recipe], seeds: int) -> Recipe:
    """One recipe whose differing numbers are tensors (len(recipes) * seeds,), all seeds of the first recipe first.

    Raises: ConfigError naming the settings that must be equal.
    """
    if wrong := apart(recipes):
        values = "; ".join(f"{name} = {[getattr(one, name, None) for one in recipes]}" for name in wrong)
        raise ConfigError(f"settings cannot train together: {values}. Train them one after another")
    columns: dict[str, Any] = {
        name: torch.tensor([getattr(one, name) for one in recipes], dtype=torch.float64).repeat_interleave(seeds)
        for name in _differing(recipes)
    }
    return recipes[0].model_copy(update=columns)


@dataclass(frozen=True)
class Trained:
    """head: one recipe's, with each seed's best weights, in evaluation mode. seconds: its share of the training: the
    time of an epoch is shared equally among the recipes that are trained in it."""

    head: Head
    best: Best
    seconds: float


def train_together(
    model: type[Head],
    recipes: Sequence[Recipe],
    widths: Mapping[str, int],
    classes: int,
    seeds: Sequence[int],
    samples: Samples,
    validation: Trial,
    watch: Callable[[int, Epoch], None] = lambda *_: None,
) -> Iterator[tuple[int, Trained | Diverged]]:
    """The place in ``recipes`` of each as soon as it is done, and what ``train`` would have made of it alone: the
    trained head, or that its loss is no longer finite, which is no matter to the others.

    A recipe leaves the batch when it is done, so it costs no more epochs than alone. watch: is told the place with each
    epoch. Raises: ConfigError when the recipes cannot train together.
    """
    device, kind = samples.labels.device, _kind(samples)

    def build(recipe: Recipe, each: Sequence[int]) -> Head:
        return model(recipe, widths, classes, each).to(device, kind)

    if len(recipes) > 1 and build(recipes[0], [0]).parameter_count():
        group = _Group(build, recipes, seeds, samples, validation)
        while group.here:
            yield from group.epoch(watch)
        return
    for place, one in enumerate(recipes):
        start = time.perf_counter()
        head = build(one, seeds)
        try:
            best = train(head, samples, validation, one, seeds, partial(watch, place))
        except Diverged as error:
            yield place, error
        else:
            yield place, Trained(head, best, time.perf_counter() - start)


class _Group:
    """The recipes in training. here: the places of those that are not done; their models stand in this order in
    ``fit``, all seeds of one recipe in a row. seconds: of every recipe, its share so far. mark: the time up to which
    it was shared."""

    def __init__(
        self, build: Build, recipes: Sequence[Recipe], seeds: Sequence[int], samples: Samples, validation: Trial
    ) -> None:
        self.mark = time.perf_counter()
        self.build, self.recipes, self.seeds, self.here = build, recipes, seeds, list(range(len(recipes)))
        recipe, every = joined(recipes, len(seeds)), [*seeds] * len(recipes)
        self.fit = Fit.start(build(recipe, every), samples, validation, recipe, every)
        self.seconds = [0.0] * len(recipes)
        self._share(self.here)

    def models(self, place: int) -> Places:
        """Which models of ``fit`` are the recipe's."""
        count = len(self.seeds)
        return np.arange(count) + self.here.index(place) * count

    def epoch(self, watch: Callable[[int, Epoch], None]) -> list[tuple[int, Trained | Diverged]]:
        """Train for one more epoch. Returns the places that ended in it, and how."""
        self.mark, here = time.perf_counter(), self.here
        loss = self.fit.descend()
        lost = {place: error for place in here if (error := self._diverged(place, loss))}
        loss = loss[self._leave(lost)]
        if not self.here:
            return [*lost.items()]
        epoch = self.fit.judge(loss)
        self._share(here)
        parts = {place: epoch.part(self.models(place)) for place in self.here}
        for place, part in parts.items():
            watch(place, part)
        last = not self.fit.going
        done = {place: self._trained(place) for place, part in parts.items() if last or not part.running}
        self._leave(done)
        self._share(self.here)
        return [*lost.items(), *done.items()]

    def _share(self, places: Sequence[int]) -> None:
        """The time since ``mark`` belongs to the recipes at ``places``."""
        now = time.perf_counter()
        for place in places:
            self.seconds[place] += (now - self.mark) / len(places)
        self.mark = now

    def _diverged(self, place: int, loss: NDArray[np.float64]) -> Diverged | None:
        return diverged(loss[self.models(place)], self.seeds, self.fit.number, self.recipes[place].lr)

    def _trained(self, place: int) -> Trained:
        """The recipe's part of what is the best so far."""
        head, best = self.build(self.recipes[place], self.seeds), self.fit.best.part(self.models(place))
        head.load_state_dict(best.state)
        self._share([place])
        return Trained(head.eval(), best, self.seconds[place])

    def _leave(self, places: Collection[int]) -> Places:
        """Go on without the recipes at ``places``. Returns which models stay."""
        stay = [place for place in self.here if place not in places]
        models = np.concatenate([np.arange(0), *(self.models(place) for place in stay)])
        if places and stay:
            recipe = joined([self.recipes[place] for place in stay], len(self.seeds))
            self.fit = self.fit.only(models, self.build(recipe, [*self.seeds] * len(stay)), recipe)
        self.here = stay
        return models


def _kind(samples: Samples) -> torch.dtype:
    return next((x.dtype for x in samples.features.values() if x.is_floating_point()), torch.float32)
