"""raft: optical flow by torchvision's RAFT, small or large, with the weights of its name.

Source: Teed and Deng 2020, RAFT: recurrent all-pairs field transforms for optical flow.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.stage import deploy

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

MULTIPLE, LEAST_SIDE = 8, 128
"""Sides of frames that the network takes: whole multiples, not smaller."""


class Raft:
    """The network ``name``, raft_small or raft_large, on ``device``. Raises: WeightsError, ConfigError."""

    def __init__(self, name: str, device: str, weights: Weights) -> None:
        from torchvision.models import optical_flow

        network = getattr(optical_flow, name)()
        weights.load_into(name, network)
        self.network: Any = deploy(network, device)

    @torch.inference_mode()
    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        """(n, 2, h, w) float32, x then y in pixels. first, second: (n, 3, h, w) RGB of 0 to 255, on the device.

        Frames that the network does not take as they are get copies of their edges right and below, cut off again.
        """
        height, width = first.shape[2:]
        right, below = (max(LEAST_SIDE, -(-side // MULTIPLE) * MULTIPLE) - side for side in (width, height))
        frames = [F.pad(frame.float() / 127.5 - 1, (0, right, 0, below), mode="replicate") for frame in (first, second)]
        network = copy(self.network)
        own = {"corr_block": copy(self.network.corr_block)}  # it keeps a pair's correlations: each thread has its own
        network._modules = {**self.network._modules, **own}
        flow: Tensor = network(*frames)[-1]
        return flow[..., :height, :width].contiguous()
