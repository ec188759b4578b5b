"""Settings of equal shape trained as one batched model: every seed of every setting at once.

Settings that differ only in how a head is judged (``Recipe.judging``) are the same training, judged in several ways.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cache.errors import ConfigError
from heads.blocks.varied import Varies
from heads.head import Head, Output, Taught
from heads.inputs.samples import Samples
from heads.learning import memory
from heads.learning.epoch import Descent, Epoch
from heads.learning.train import Best, Course, Diverged, Judge, Validation, diverged
from heads.learning.training import Recipe

Build = Callable[[Recipe, Sequence[int]], Head]
"""Makes a head of a recipe and seeds, one a model."""


def apart(recipes: Sequence[Recipe]) -> list[str]:
    """The settings in which ``recipes`` differ but one batched model cannot; empty when they can train together."""
    first = recipes[0]
    if any(type(other) is not type(first) for other in recipes):
        return ["loss", "miner"]
    return [name for name in _differing(recipes) if name not in varying(first)]


def trainings(recipes: Sequence[Recipe]) -> list[list[int]]:
    """The places of ``recipes``, those with the same training together, in the order of their first."""
    found: list[list[int]] = []
    for place, one in enumerate(recipes):
        home = next((mine for mine in found if not _differing([recipes[mine[0]], one])), None)
        if home is None:
            found.append(home := [])
        home.append(place)
    return found


def varying(recipe: Recipe) -> list[str]:
    """The settings in which recipes that train together may differ."""
    return [name for name, one in type(recipe).model_fields.items() if any(_marks(mark) for mark in one.metadata)]


def _marks(mark: Any) -> bool:
    return mark is Varies or isinstance(mark, Varies)


def _differing(recipes: Sequence[Recipe]) -> list[str]:
    """The settings that make the trainings of ``recipes``, of one type, differ."""
    first = recipes[0]
    names = [name for name in type(first).model_fields if name not in first.judging]
    return [name for name in names if any(getattr(one, name) != getattr(first, name) for one in recipes)]


def joined(recipes: Sequence[Recipe], seeds: int) -> Recipe:
    """One recipe whose differing numbers are tensors (len(recipes) * seeds,), all seeds of the first recipe first; how
    they are judged is the first one's.

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
    widths: Mapping[str, Any],
    sizes: Mapping[str, int],
    seeds: Sequence[int],
    samples: Samples,
    validation: Sequence[Validation],
    watch: Callable[[int, Epoch], None] = lambda *_: None,
    taught: Taught | None = None,
) -> Iterator[tuple[int, Trained | Diverged]]:
    """The place in ``recipes`` of each as soon as it is done, and what ``train`` would have made of it alone: the
    trained head, or that its loss is no longer finite, which is no matter to the others.

    A recipe leaves the batch when it is done, so it costs no more epochs than alone. On a CPU, seeds of a single recipe
    that do not fit into memory at once train in parts (``memory.parts``). validation: one for each recipe; those of
    equal samples should share them, which then are looked at once. taught: what the heads may know before the first
    step. watch: is told the place with each epoch.
    Raises: ConfigError when the recipes cannot train together.
    """
    device, kind = samples.device, _kind(samples)

    def build(recipe: Recipe, each: Sequence[int]) -> Head:
        return model(recipe, widths, sizes, each).to(device, kind)

    def known(recipe: Recipe, each: Sequence[int]) -> Head:
        return _knowing(build(recipe, each), taught)

    if len(recipes) > 1 and build(recipes[0], [0]).parameter_count():
        group = _Group(build, recipes, seeds, samples, validation, taught)
        while group.here:
            yield from group.epoch(watch)
        return
    for place, one in enumerate(recipes):
        start = time.perf_counter()
        try:
            course = (samples, validation[place], one, seeds, partial(watch, place))
            head, best = memory.train_in_parts(partial(known, one), *course)
        except Diverged as error:
            yield place, error
        else:
            yield place, Trained(head, best, time.perf_counter() - start)


class _Group:
    """The recipes in training. here: the places of those that are not done; ``trainings`` groups them, and ``course``
    has the models of each training in a row, all its seeds. judges: by place. seconds: of every recipe, its share so
    far. mark: the time up to which it was shared."""

    def __init__(
        self,
        build: Build,
        recipes: Sequence[Recipe],
        seeds: Sequence[int],
        samples: Samples,
        validation: Sequence[Validation],
        taught: Taught | None,
    ) -> None:
        self.mark = time.perf_counter()
        self.build, self.recipes, self.seeds, self.here = build, recipes, seeds, list(range(len(recipes)))
        self.trainings = trainings(recipes)
        recipe, every = self._joined()
        self.course = Course.start(_knowing(build(recipe, every), taught), samples, recipe, every)
        self.validation = validation
        self.judges = {
            place: Judge.start(self._state(place), validation[place].trial, recipes[place], len(seeds))
            for place in self.here
        }
        self.seconds = [0.0] * len(recipes)
        self._share(self.here)

    def _joined(self) -> tuple[Recipe, list[int]]:
        """What all trainings have in one, and each model's seed."""
        firsts = [self.recipes[places[0]] for places in self.trainings]
        return joined(firsts, len(self.seeds)), [*self.seeds] * len(firsts)

    def models(self, place: int) -> slice:
        """Which models of ``course`` are the recipe's."""
        number = next(number for number, places in enumerate(self.trainings) if place in places)
        return slice(number * len(self.seeds), (number + 1) * len(self.seeds))

    def _state(self, place: int) -> dict[str, Tensor]:
        mine = self.models(place)
        return {name: tensor[mine] for name, tensor in self.course.head.state_dict().items()}

    def epoch(self, watch: Callable[[int, Epoch], None]) -> list[tuple[int, Trained | Diverged]]:
        """Train for one more epoch. Returns the places that ended in it, and how."""
        self.mark, here = time.perf_counter(), self.here
        told = self.course.descend()
        descents = {place: told.of(self.models(place)) for place in here}
        lost = {place: error for place in here if (error := self._diverged(place, descents[place]))}
        self._leave(lost)
        if not self.here:
            return [*lost.items()]
        self._look_for_plateau()
        made: dict[int, Output] = {}
        parts = {place: self._judged(place, descents[place], made) for place in self.here}
        self._share(here)
        for place, part in parts.items():
            watch(place, part)
        done = {place: self._trained(place) for place in parts if not self.judges[place].going}
        self._leave(done)
        self._share(self.here)
        return [*lost.items(), *done.items()]

    def _look_for_plateau(self) -> None:
        """Each training by the validation people of its first recipe."""
        if not (plateau := self.course.plateau):
            return
        made, found, count = dict[int, NDArray[np.float64]](), list[NDArray[np.float64]](), len(self.seeds)
        for number, places in enumerate(self.trainings):
            mine = self.validation[places[0]]
            if id(mine.samples) not in made:
                made[id(mine.samples)] = mine.losses(self.course.head, len(self.course.seeds))
            found.append(made[id(mine.samples)][number * count : (number + 1) * count])
        plateau.told(np.concatenate(found), self.course.training)

    def _judged(self, place: int, descent: Descent, made: dict[int, Output]) -> Epoch:
        """made: the outputs of the epoch so far, by the samples' identity."""
        known = id(self.validation[place].samples)
        if known not in made:
            made[known] = self.validation[place].outputs(self.course.head, len(self.course.seeds))
        mine = self.models(place)
        output = Output(*(None if x is None else x[mine] for x in made[known]))
        return self.judges[place].judge(self._state(place), output, descent)

    def _share(self, places: Sequence[int]) -> None:
        """The time since ``mark`` belongs to the recipes at ``places``."""
        now = time.perf_counter()
        for place in places:
            self.seconds[place] += (now - self.mark) / len(places)
        self.mark = now

    def _diverged(self, place: int, descent: Descent) -> Diverged | None:
        return diverged(descent.loss, self.seeds, self.course.number, self.recipes[place].lr)

    def _trained(self, place: int) -> Trained:
        """The recipe's best so far."""
        head, best = self.build(self.recipes[place], self.seeds), self.judges[place].best
        head.load_state_dict(best.state)
        self._share([place])
        return Trained(head.eval(), best, self.seconds[place])

    def _leave(self, places: Collection[int]) -> None:
        """Go on without the recipes at ``places``, and without the models that no other recipe needs."""
        self.here = [place for place in self.here if place not in places]
        left = [[place for place in each if place not in places] for each in self.trainings]
        needed = [number for number, each in enumerate(left) if each]
        self.trainings = [left[number] for number in needed]
        if self.here and len(needed) < len(left):
            count = len(self.seeds)
            models = np.concatenate([np.arange(count) + number * count for number in needed])
            recipe, every = self._joined()
            self.course = self.course.only(models, self.build(recipe, every), recipe)


def _knowing(head: Head, taught: Taught | None) -> Head:
    if taught:
        head.learn_from(taught)
    return head


def _kind(samples: Samples) -> torch.dtype:
    return next((x.dtype for x in samples.features.values() if x.is_floating_point()), torch.float32)
