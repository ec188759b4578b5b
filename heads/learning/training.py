"""How a head is trained, and one config made of everything that can be set: the head's, training's, the protocol's."""

from functools import cache
from typing import Any, ClassVar, Self

from pydantic import Field, create_model, model_validator

from cache.config import Settings, build
from heads.blocks.varied import Number
from heads.head import CLASS, Head
from heads.protocol import Protocol
from heads.task import Task


class Training(Settings):
    """lr: RMSprop's learning rate, times ``gamma`` after every ``step`` epochs. batch: samples in a step, ``per_class``
    of a class together; 0: drawn whatever their class, each sample at most once an epoch, and all at once where they
    are fewer than a batch. An epoch is as many steps as whole batches fit into the training samples. patience: epochs
    without a better validation score after which a seed stops; 0 never stops.

    Source: Affect-DML, section IV-A (lr, step, gamma, batch); the public code (per_class). Its number of epochs is not
    published: after three steps of ``gamma`` little moves.
    """

    lr: Number = Field(3.5e-4, gt=0)
    epochs: int = Field(12, ge=1, le=100_000)
    batch: int = Field(32, ge=2, le=4096)
    per_class: int = Field(4, ge=0, le=4096)
    step: int = Field(4, ge=1, le=100_000)
    gamma: Number = Field(0.1, gt=0, le=1)
    patience: int = Field(6, ge=0, le=100_000)

    @model_validator(mode="after")
    def _whole_groups(self) -> Self:
        if self.per_class and self.batch % self.per_class:
            raise ValueError(f"batch = {self.batch} is not a multiple of per_class = {self.per_class}")
        return self

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0; (S,) where rates train together."""
        return self.lr * self.gamma ** (epoch // self.step)


class Recipe(Training):
    """Training; ``recipe`` joins a head's own Config and a protocol's to it. judging: the names of the settings that
    training does not depend on."""

    judging: ClassVar[frozenset[str]] = frozenset()


def recipe(head: type[Head], protocol: type[Protocol], values: dict[str, Any], where: str) -> Recipe:
    """Every setting of one experiment, flat: an instance of ``head.Config``, Training and ``protocol.Config`` at once.

    values: what differs from the defaults. where: opens the error text.
    Raises: ConfigError with all faults; UnknownName for a loss or a miner.
    """
    return build(_joined(head.config_of(values), protocol.Config), values, where)


def fields(head: type[Head], protocol: type[Protocol], values: dict[str, Any]) -> set[str]:
    """The names of all settings that go with ``values``: a loss brings its own. Raises: UnknownName."""
    return set(_joined(head.config_of(values), protocol.Config).model_fields)


@cache
def _joined(config: type[Settings], judging: type[Settings]) -> type[Recipe]:
    """One class for each pair of configs, so that equal recipes are equal."""
    bases: Any = tuple(one for one in (config, Recipe, judging) if one is not Settings)
    model: type[Recipe] = create_model("Recipe", __base__=bases)
    model.judging = frozenset(judging.model_fields)
    return model


def faults(task: Task, recipe: Recipe) -> list[str]:
    """Why the people of ``task`` cannot be trained on, each with the number that is needed."""
    found = []
    if recipe.per_class:
        counts = zip(task.classes[: task.sizes[CLASS]], task.counts(task.train), strict=False)
        found = [
            f"class {word} has {count} train people, needs at least {recipe.per_class}"
            for word, count in counts
            if count < recipe.per_class
        ]
    least = recipe.batch if recipe.per_class else 2
    if len(task.train) < least:
        found.append(f"there are {len(task.train)} train people, one batch needs {least}")
    return found
