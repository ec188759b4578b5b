"""How a head is trained, and one config made of everything that can be set."""

from functools import cache
from typing import Any, Self

from pydantic import Field, create_model, model_validator

from cache.config import Settings, build
from heads.episodes import Episodes
from heads.head import Head
from heads.varied import Number


class Training(Settings):
    """lr: RMSprop's learning rate, times ``gamma`` after every ``step`` epochs. batch: samples in a step, ``per_class``
    of a class together. An epoch is as many steps as whole batches fit into the training samples. patience: epochs
    without a better validation score after which a seed stops; 0 never stops.

    Source: Affect-DML, section IV-A (lr, step, gamma, batch); the public code (per_class). Its number of epochs is not
    published: after three steps of ``gamma`` little moves.
    """

    lr: Number = Field(3.5e-4, gt=0)
    epochs: int = Field(12, ge=1, le=100_000)
    batch: int = Field(32, ge=2, le=4096)
    per_class: int = Field(4, ge=1, le=4096)
    step: int = Field(4, ge=1, le=100_000)
    gamma: Number = Field(0.1, gt=0, le=1)
    patience: int = Field(6, ge=0, le=100_000)

    @model_validator(mode="after")
    def _whole_groups(self) -> Self:
        if self.batch % self.per_class:
            raise ValueError(f"batch = {self.batch} is not a multiple of per_class = {self.per_class}")
        return self

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0; (S,) where rates train together."""
        return self.lr * self.gamma ** (epoch // self.step)


class Recipe(Training, Episodes):
    """Training and episodes; ``recipe`` joins a head's own Config to it."""


def recipe(head: type[Head], values: dict[str, Any], where: str) -> Recipe:
    """Every setting of one experiment, flat: an instance of ``head.Config``, Training and Episodes at once.

    values: what differs from the defaults. where: opens the error text.
    Raises: ConfigError with all faults; UnknownName for a loss or a miner.
    """
    return build(_joined(head.config_of(values)), values, where)


def fields(head: type[Head], values: dict[str, Any]) -> set[str]:
    """The names of all settings that go with ``values``: a loss brings its own. Raises: UnknownName."""
    return set(_joined(head.config_of(values)).model_fields)


@cache
def _joined(config: type[Settings]) -> type[Recipe]:
    """One class for each config, so that equal recipes are equal."""
    bases: Any = (config, Recipe)
    model: type[Recipe] = create_model("Recipe", __base__=bases)
    return model
