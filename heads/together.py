"""Settings of equal shape trained as one batched model: every seed of every setting at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cache.errors import ConfigError
from heads.evaluation import Samples, Trial
from heads.head import Head
from heads.train import Best, Epoch, ignore, train
from heads.training import Recipe
from heads.varied import Varies


def apart(recipes: Sequence[Recipe]) -> list[str]:
    """The settings in which ``recipes`` differ but one batched model cannot; empty when they can train together."""
    first = recipes[0]
    if any(type(other) is not type(first) for other in recipes):
        return ["loss", "miner"]
    return [name for name in _differing(recipes) if not _varies(first, name)]


def _differing(recipes: Sequence[Recipe]) -> list[str]:
    first = recipes[0]
    names = type(first).model_fields
    return [name for name in names if any(getattr(one, name) != getattr(first, name) for one in recipes)]


def _varies(recipe: Recipe, name: str) -> bool:
    return any(mark is Varies or isinstance(mark, Varies) for mark in type(recipe).model_fields[name].metadata)


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


def train_together(
    model: type[Head],
    recipes: Sequence[Recipe],
    widths: Mapping[str, int],
    classes: int,
    seeds: Sequence[int],
    samples: Samples,
    validation: Trial,
    watch: Callable[[Epoch], None] = ignore,
) -> list[tuple[Head, Best]]:
    """For each recipe the head that ``train`` would have made of it alone, in evaluation mode, and how it got there.

    Raises: ConfigError when the recipes cannot train together, or a loss is no longer finite.
    """
    every = list(seeds) * len(recipes)
    recipe = joined(recipes, len(seeds))
    head = model(recipe, widths, classes, every).to(samples.labels.device, _kind(samples))
    best = train(head, samples, validation, recipe, every, watch)
    found = []
    for number, one in enumerate(recipes):
        mine = slice(number * len(seeds), (number + 1) * len(seeds))
        single = model(one, widths, classes, seeds).to(samples.labels.device, _kind(samples))
        single.load_state_dict({name: tensor[mine] for name, tensor in head.state_dict().items()})
        found.append((single.eval(), _part(best, mine)))
    return found


def _kind(samples: Samples) -> torch.dtype:
    return next((x.dtype for x in samples.features.values() if x.is_floating_point()), torch.float32)


def _part(best: Best, mine: slice) -> Best:
    state: dict[str, Tensor] = {name: tensor[mine] for name, tensor in best.state.items()}
    history = [
        Epoch(epoch.number, epoch.of, epoch.loss[mine], epoch.validation[mine], epoch.running) for epoch in best.history
    ]
    return Best(np.array(best.score[mine]), np.array(best.epoch[mine]), state, history)
