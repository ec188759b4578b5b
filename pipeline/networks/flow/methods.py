"""The methods by name: frames in, fields out, whatever is inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.decoding import motion

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.weights.folder import Weights

Frames = NDArray[np.uint8]
Fields = NDArray[np.float32]
Flow = Callable[[Frames, Frames], Fields]
"""Of two batches (n, h, w, 3) RGB: (n, 2, h, w), how far each pixel of the first moves to the second, x then y, in
pixels. A pair does not depend on the others. No pairs give no fields."""
Method = Literal["dis", "dis_ultrafast", "farneback", "tvl1", "raft_small", "raft_large"]
METHODS: tuple[Method, ...] = get_args(Method)
AT_ONCE = {"cpu": 1, "cuda": 64}
"""Pairs in one call of what runs in torch: on a CPU as many as its cache holds."""


def weights_of(name: Method) -> tuple[str, ...]:
    """Names in ``pipeline.weights``."""
    return (name,) if name.startswith("raft_") else ()


def build(name: Method, device: str, weights: Weights) -> Flow:
    """The method ``name`` on ``device``; OpenCV's run on the CPU whatever it is. Raises: WeightsError, ConfigError."""
    if name in motion.METHODS:
        return lambda first, second: motion.METHODS[name](grey(first), grey(second))
    if name == "tvl1":
        from pipeline.networks.flow.tvl1 import tvl1

        return lambda first, second: _in_torch(tvl1, grey(first), grey(second), device)
    from pipeline.networks.flow.raft import Raft

    raft = Raft(name, device, weights)
    return lambda first, second: _in_torch(raft, first.transpose(0, 3, 1, 2), second.transpose(0, 3, 1, 2), device)


def grey(frames: Frames) -> Frames:
    """(n, h, w) of (n, h, w, 3) RGB: 0.299 R + 0.587 G + 0.114 B in 256ths, as video calls luminance."""
    wide = frames.astype(np.uint16)
    return ((77 * wide[..., 0] + 150 * wide[..., 1] + 29 * wide[..., 2] + 128) >> 8).astype(np.uint8)


def _in_torch(method: Callable[[Tensor, Tensor], Tensor], first: Any, second: Any, device: str) -> Fields:
    import torch

    size = AT_ONCE[device]
    parts = [
        method(
            *(torch.from_numpy(np.ascontiguousarray(frames[at : at + size])).to(device) for frames in (first, second))
        )
        .cpu()
        .numpy()
        for at in range(0, len(first), size)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, 2, *first.shape[-2:]), np.float32)
