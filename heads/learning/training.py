"""How a head is trained, and one config made of everything that can be set: the head's, training's, the protocol's."""

from functools import cache
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, create_model, model_validator

from cache.config import Settings, build
from heads.blocks.named_loss import OtherKind
from heads.blocks.varied import Number
from heads.head import CLASS, Head
from heads.learning.rules import SGD, Adam, RMSprop, Rule
from heads.learning.sampling import fitting
from heads.protocol import Protocol
from heads.task import Task


class Training(Settings):
    """optimiser: the rule of a step. momentum: of SGD. weight_decay: times a weight is added to its gradient. lr: the
    learning rate, times ``gamma`` after every ``step`` epochs, or with ``plateau`` in their place after more than that
    many epochs in a row whose loss on validation people is not below the lowest. batch: samples in a step,
    ``per_class`` of a class together; 0: drawn whatever their class, each sample at most once an epoch. An epoch is as
    many steps as whole batches fit into the training samples, or one of all that fit where they are fewer than a batch.
    patience: epochs without a better validation score after which a seed stops; 0 never stops.

    Source: Affect-DML, section IV-A (RMSprop, lr, step, gamma, batch); the public code (per_class). Its number of
    epochs is not published: after three steps of ``gamma`` little moves.
    """

    optimiser: Literal["rmsprop", "sgd", "adam"] = "rmsprop"
    momentum: float = Field(0.0, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0, le=1)
    lr: Number = Field(3.5e-4, gt=0)
    epochs: int = Field(12, ge=1, le=100_000)
    batch: int = Field(32, ge=2, le=4096)
    per_class: int = Field(4, ge=0, le=4096)
    step: int = Field(4, ge=1, le=100_000)
    gamma: Number = Field(0.1, gt=0, le=1)
    plateau: int = Field(0, ge=0, le=100_000)
    patience: int = Field(6, ge=0, le=100_000)

    @model_validator(mode="after")
    def _whole_groups(self) -> Self:
        if self.per_class and self.batch % self.per_class:
            raise ValueError(f"batch = {self.batch} is not a multiple of per_class = {self.per_class}")
        return self

    @model_validator(mode="after")
    def _momentum_where_there_is_one(self) -> Self:
        if self.momentum and self.optimiser != "sgd":
            raise ValueError(f"momentum = {self.momentum:g} is of optimiser = sgd, this one is {self.optimiser}")
        return self

    def optimiser_rule(self) -> Rule:
        """What the optimiser's step does."""
        if self.optimiser == "sgd":
            return SGD(self.weight_decay, self.momentum)
        return (Adam if self.optimiser == "adam" else RMSprop)(self.weight_decay)

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0; (S,) where rates train together. With a plateau: of the
        first."""
        return self.lr if self.plateau else self.lr * self.gamma ** (epoch // self.step)


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
    """The names of all settings that go with ``values``: a loss brings its own; a head whose losses are of another kind
    is as one without. Raises: UnknownName."""
    try:
        return set(_joined(head.config_of(values), protocol.Config).model_fields)
    except OtherKind:
        others = {key: value for key, value in values.items() if key != "loss"}
        return set(_joined(head.config_of(others), protocol.Config).model_fields) - {"loss"}


@cache
def _joined(config: type[Settings], judging: type[Settings]) -> type[Recipe]:
    """One class for each pair of configs, so that equal recipes are equal. Raises: TypeError for a setting that both
    have, a fault of one of the two files."""
    if twice := sorted(set(judging.model_fields) & {*config.model_fields, *Recipe.model_fields}):
        raise TypeError(f"setting {twice[0]} is the head's or training's, and the protocol's too")
    bases: Any = tuple(one for one in (config, Recipe, judging) if one is not Settings)
    model: type[Recipe] = create_model("Recipe", __base__=bases)
    model.judging = frozenset(judging.model_fields)
    return model


def faults(task: Task, recipe: Recipe) -> list[str]:
    """Why the people of ``task`` cannot be trained on, each with the number that is needed."""
    found = []
    if recipe.per_class and CLASS not in task.targets:
        grouped = f"per_class = {recipe.per_class} groups people by class"
        return [f'{grouped}, which is not what they are taught: SET="per_class=0"']
    if recipe.per_class:
        counts = zip(task.classes[: task.sizes[CLASS]], task.counts(task.train), strict=False)
        found = [
            f"class {word} has {count} train people, needs at least {recipe.per_class} (per_class)"
            for word, count in counts
            if count < recipe.per_class
        ]
    if len(task.train) < 2:
        found.append(f"there are {len(task.train)} train people, training needs 2")
    return found


def grouped(task: Task, recipe: Recipe) -> str:
    """What to set so that the smallest class fills its groups: ``per_class=3 batch=30``."""
    smallest = min(task.counts(task.train)[: task.sizes[CLASS]], default=0)
    if smallest < 2:
        return "per_class=0"
    fewer = f"per_class={smallest}"
    return fewer if recipe.batch % smallest == 0 else f"{fewer} batch={recipe.batch // smallest * smallest}"


def shortened(people: int, recipe: Recipe) -> str:
    """A line on training ``people`` who are fewer than a batch; empty when they are not."""
    if people >= recipe.batch:
        return ""
    step = fitting(people, recipe.per_class, recipe.batch)
    told = f"{people} train people are fewer than batch = {recipe.batch}: every epoch is one step of {step}"
    smaller = 2 * recipe.per_class or min(8, max(2, people // 2))
    return f'{told}. SET="batch={smaller}" makes more steps of fewer' if smaller < step else told
