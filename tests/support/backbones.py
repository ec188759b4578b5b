"""Networks whole and cut, and what passes between their parts."""

from collections.abc import Mapping
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from pipeline.stage import deploy
from pipeline.stages._backbone_lookup import find
from pipeline.stages._backbone_networks import Backbone, build
from pipeline.weights.checkpoints import fill, initialise


class Given:
    """Stands in for Weights: gives the tensors of a network at hand, by the same rules."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = tensors

    def load_into(self, name: str, network: nn.Module, rename: Any = None, adapt: Any = None) -> None:
        named = {rename(key) if rename else key: value for key, value in self.tensors.items()}
        kept = {key: value for key, value in named.items() if key is not None}
        fill(network, adapt(kept) if adapt else kept, name)


def cut(model: str, size: tuple[int, int], tensors: Mapping[str, Tensor]) -> Backbone:
    name, network = find(model)
    backbone = build(name, network.size, size, True)
    backbone.load(Given(tensors), model)  # type: ignore[arg-type]
    return deploy(backbone, "cpu")  # type: ignore[return-value]


def into(module: nn.Module, network: nn.Module, batch: Tensor) -> Tensor:
    """What ``module`` gets when ``network`` runs."""
    seen: list[Tensor] = []
    handle = module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    with torch.inference_mode():
        network(batch)
    handle.remove()
    return seen[0].flatten(1)


def close(found: Tensor | None, expected: Tensor) -> None:
    assert found is not None
    assert expected.std() > 0
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4 * float(expected.detach().abs().max()))


def whole(model: str) -> nn.Module:
    settings: dict[str, Any] = {}
    if model in ("googlenet", "inception_v3"):  # with the heads that training needs, as in their checkpoints
        settings = {"init_weights": False, "aux_logits": True, "transform_input": True}
    network: nn.Module = torchvision.models.get_model(model, **settings)
    initialise(network, model)
    return network.eval()
