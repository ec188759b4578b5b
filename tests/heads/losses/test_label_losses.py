"""Every loss on labels by plain loops, its gradient by finite differences; focal against torchvision's too."""

import math
from typing import Any

import pytest
import torch
from losses_by_kind import ON_EMBEDDINGS, ON_LABELS
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

from cache import plugins
from cache.errors import ConfigError, UnknownName
from heads.blocks import label_loss
from heads.blocks.categories import CategorySettings
from heads.blocks.label_loss import LabelLoss
from heads.blocks.varied import Varies
from heads.head import FLAGS, Taught
from heads.learning.training import Recipe

SEEDS, BATCH, CLASSES = 3, 7, 5
TAUGHT = Taught(
    [*"abcde"], {FLAGS: torch.tensor([[1.0, 0, 1, 0, 0], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0], [1, 0, 1, 0, 0]])}
)
SHARES = (1.0, 0.25, 0.5, 0.0, 0.0)
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in ON_LABELS),
    ("weighted_bce", {"offset": 1.01}),
    *(("weighted_l2", {"weights": "fixed", "scores": scores}) for scores in ("linear", "sigmoid")),
    ("focal", {"focusing": 0.5, "balance": 0.8}),
    ("focal", {"focusing": 0.0}),
    ("asymmetric", {"gamma_pos": 0.0, "gamma_neg": 0.5, "clip": 0.0}),
    *(("asymmetric", {"gamma_neg": power, "clip": 0.3}) for power in (0.0, 0.5)),
]


def made(name: str, seeds: int = SEEDS, **values: Any) -> LabelLoss:
    kind = label_loss.load(name)
    return kind(kind.Config(**values), CLASSES, seeds).double()


def batch() -> tuple[Tensor, Tensor]:
    """The third class stands for none of the batch, and nobody of the last seed has any."""
    draw = torch.Generator().manual_seed(2)
    logits = 2 * torch.randn(SEEDS, BATCH, CLASSES, generator=draw, dtype=torch.float64)
    flags = (torch.rand(SEEDS, BATCH, CLASSES, generator=draw) < 0.4).double()
    flags[:, :, 2] = 0
    flags[2] = 0
    return logits, flags


def _varies(mark: Any) -> bool:
    return isinstance(mark, Varies)


def logarithmic(offset: float) -> list[float]:
    raw = [1 / math.log(offset + share) for share in SHARES]
    return [one / sum(raw) for one in raw]


def by_hand(name: str, config: Any, logits: list[list[float]], flags: list[list[float]]) -> float:
    """Of one seed."""
    weights = [1 / CLASSES] * CLASSES
    if name == "weighted_bce" or (name == "weighted_l2" and config.weights == "fixed"):
        weights = logarithmic(config.offset)
    elif name == "weighted_l2":
        raw = [1 / max(1, sum(row[c] for row in flags)) for c in range(CLASSES)]
        weights = [one / sum(raw) for one in raw]
    total = 0.0
    for scores, truth in zip(logits, flags, strict=True):
        for c, (x, y) in enumerate(zip(scores, truth, strict=True)):
            p = 1 / (1 + math.exp(-x))
            if name in ("bce", "weighted_bce"):
                cost = -math.log(p if y else 1 - p)
            elif name == "weighted_l2":
                cost = ((x if config.scores == "linear" else p) - y) ** 2
            elif name == "focal":
                right = p if y else 1 - p
                cost = -(config.balance if y else 1 - config.balance) * (1 - right) ** config.focusing * math.log(right)
            else:
                rest = max(p - config.clip, 0)
                absent = rest**config.gamma_neg * math.log(1 - rest) if rest else 0
                cost = -((1 - p) ** config.gamma_pos * math.log(p) if y else absent)
            total += weights[c] * cost
    return total / len(logits)


@pytest.mark.parametrize(("name", "values"), VARIANTS)
def test_each_seeds_value_is_that_of_loops(name: str, values: dict[str, Any]) -> None:
    loss = made(name, **values)
    loss.learn_from(TAUGHT)
    logits, flags = batch()
    expected = [by_hand(name, loss.config, *(x[seed].tolist() for x in (logits, flags))) for seed in range(SEEDS)]
    torch.testing.assert_close(loss(logits, flags), torch.tensor(expected, dtype=torch.float64), rtol=1e-6, atol=0)


@pytest.mark.parametrize(("name", "values"), VARIANTS)
def test_gradients_are_finite_differences_and_touch_no_other_seed(name: str, values: dict[str, Any]) -> None:
    loss = made(name, **values)
    loss.learn_from(TAUGHT)
    logits, flags = batch()
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, flags), logits)
    (gradient,) = torch.autograd.grad(loss(logits, flags)[1], logits)
    assert gradient[1].any()
    assert not gradient[[0, 2]].any()


@pytest.mark.parametrize(("name", "values"), VARIANTS)
def test_scores_far_off_and_far_right_stay_finite_in_single_precision(name: str, values: dict[str, Any]) -> None:
    loss = made(name, seeds=1, **values).float()
    logits = torch.tensor([[[80.0, -80, 80, -80, 0]]], requires_grad=True)
    value = loss(logits, torch.tensor([[[1.0, 1, 0, 0, 1]]]))
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    assert value.isfinite().all()
    assert gradient.isfinite().all()


def test_focal_is_torchvisions() -> None:
    logits, flags = batch()
    expected = [sigmoid_focal_loss(*pair, reduction="mean") for pair in zip(logits, flags, strict=True)]
    torch.testing.assert_close(made("focal")(logits, flags), torch.stack(expected))


@pytest.mark.parametrize("name", ON_LABELS)
def test_every_number_may_be_one_for_each_model(name: str) -> None:
    usual = label_loss.load(name).Config()
    varying = [word for word, field in type(usual).model_fields.items() if any(map(_varies, field.metadata))]
    assert name == "bce" or varying
    other = usual.model_copy(update={word: 0.9 * getattr(usual, word) + 0.2 for word in varying})
    both = {word: torch.tensor([getattr(one, word) for one in (usual, other)]) for word in varying}
    loss, apart = made(name, 2), [made(name, 1), made(name, 1)]
    loss.config, apart[1].config = usual.model_copy(update=both), other
    logits, flags = (x[:1] for x in batch())
    for one in (loss, *apart):
        one.learn_from(TAUGHT)
    expected = torch.cat([one(logits, flags) for one in apart])
    torch.testing.assert_close(loss(logits.repeat(2, 1, 1), flags.repeat(2, 1, 1)), expected, rtol=1e-6, atol=0)


def test_settings_have_names_of_their_own() -> None:
    taken = set(CategorySettings.model_fields) | set(Recipe.model_fields)
    for name in ON_LABELS:
        assert not taken & set(label_loss.load(name).Config.model_fields), name


def test_every_loss_here_is_of_one_kind() -> None:
    assert sorted([*ON_LABELS, *ON_EMBEDDINGS]) == plugins.names("heads.losses")


def test_a_loss_on_embeddings_is_refused_with_those_that_fit() -> None:
    fitting = "asymmetric, bce, focal, weighted_bce, weighted_l2"
    with pytest.raises(ConfigError, match=f"^loss triplet is no loss on labels, which this head has. Take {fitting}$"):
        label_loss.config_of(CategorySettings, {"loss": "triplet"})
    with pytest.raises(UnknownName, match=r"no loss 'focl'\. Did you mean 'focal'\?"):
        label_loss.config_of(CategorySettings, {"loss": "focl"})
    assert {"loss", "focusing"} <= set(label_loss.config_of(CategorySettings, {"loss": "focal"}).model_fields)
