"""Settings that no machine could hold, or no arithmetic solve, are one line before anything is trained."""

import pytest
import torch

from cache.errors import ConfigError
from cache.plugins import load
from heads.learning.training import recipe
from heads.protocols._one_shot.episodes import recognise
from heads.protocols._one_shot.recognition import Rule
from heads.protocols.one_shot import Protocol

SIZES = ["stream", "semantic_hidden", "fusion", "embedding"]
COUNTS = ["epochs", "batch", "per_class", "step", "patience", "shots", "episodes", "validation_episodes"]


@pytest.mark.parametrize("name", [*SIZES, *COUNTS, "centers_per_class"])
@pytest.mark.parametrize("value", [2_000_000_000, 1e11, 10**30])
def test_sizes_and_counts_have_an_upper_bound(name: str, value: float) -> None:
    model = load("heads.models", "sem_ib_dml", "Model")
    values = {name: value} | ({"loss": "soft_triple"} if name == "centers_per_class" else {})
    with pytest.raises(ConfigError, match=f"SET: {name}: input should be "):
        recipe(model, Protocol, values, "SET")


@pytest.mark.parametrize("values", [{"shrinkage": 1e-300}, {"ridge": 1e-320}, {"ridge": 1e300}, {"shrinkage": 0}])
def test_what_cannot_be_solved_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="should be"):
        Rule.model_validate(values)


@pytest.mark.parametrize("rule", ["nearest", "centroid", "linear"])
@pytest.mark.parametrize("spread", [0.0, 1e-7, 1.0])
@pytest.mark.parametrize("ridge", [1e-8, 1e8])
def test_the_bounds_themselves_can_be_solved(rule: str, spread: float, ridge: float) -> None:
    """Also of people who are all the same, or nearly."""
    draw = torch.Generator().manual_seed(0)
    embedding = torch.ones(2, 40, 8) + spread * torch.randn(2, 40, 8, generator=draw)
    labels = torch.arange(40) % 4
    support = torch.stack([torch.stack([torch.arange(4) + 4 * shot for shot in (0, one)], 1) for one in (1, 2)]).numpy()
    for norm in ("none", "centre", "whiten"):
        words = Rule.model_validate({"rule": rule, "support_norm": norm, "shrinkage": 1e-8, "ridge": ridge})
        counts = recognise(embedding, labels, support, words)
        assert (counts.correct <= counts.total).all()
