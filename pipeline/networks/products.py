"""Affine maps of a frozen network on a CPU: offset and GELU in the product's own pass, weights packed once."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Product(nn.Module):
    """``layer``, and exact GELU after it where ``then`` is "gelu", for rows of float32; no gradient passes.

    torch's own writes the offset of every row first, adds the product to it and goes over the result again for GELU.
    """

    def __init__(self, layer: nn.Linear, rows: int, then: str = "none") -> None:
        """rows: about how many a call has; the weights are packed for it."""
        super().__init__()
        self.packed = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), rows)
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach())
        self.then = then

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., in). Returns (..., out)."""
        how = "none" if self.then == "gelu" else ""  # which of its GELUs: the exact one
        made: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, self.then, [], how)
        return made


def pack(network: nn.Module, rows: int) -> nn.Module:
    """``network`` with a ``Product`` in place of every affine map, where this torch has them (its CPU builds with
    oneDNN); on a CPU, in float32. Also where a map named ``fc1`` stands beside an exact GELU ``activation_fn`` or
    ``act``, with both in one."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return network
    for parent in list(network.modules()):
        kinds = dict(parent.named_children())
        gelu = next((name for name in ("activation_fn", "act") if _is_gelu(kinds.get(name))), "")
        for name, layer in kinds.items():
            if type(layer) is nn.Linear:
                both = name == "fc1" and bool(gelu)
                setattr(parent, name, Product(layer, rows, "gelu" if both else "none"))
                if both:
                    setattr(parent, gelu, nn.Identity())
    return network


def _is_gelu(layer: nn.Module | None) -> bool:
    """Whether it is x times the normal distribution's share below x, not one of the approximations."""
    if layer is None:
        return False
    x = torch.linspace(-4, 4, 65)
    with torch.inference_mode():
        return bool(torch.equal(layer(x), nn.functional.gelu(x)))
