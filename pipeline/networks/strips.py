"""Layers at an image's full size, some rows at a time: what lies between them stays in the processor's cache."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_ROWS = 32


class Strips(nn.Module):
    """A convolution of 3 x 3 that keeps the size, then layers that see each place alone, to the same bits as at once.

    Source of the arithmetic: a row of the convolution needs one row above and one below, zeros outside the map.
    """

    def __init__(self, convolution: nn.Conv2d, *after: nn.Module) -> None:
        super().__init__()
        assert (convolution.kernel_size, convolution.padding, convolution.stride) == ((3, 3), (1, 1), (1, 1))
        self.convolution, self.after = convolution, nn.Sequential(*after)

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, c, h, w). Returns (n, d, h, w)."""
        weight, bias, height = self.convolution.weight, self.convolution.bias, x.shape[2]
        images = []
        for place in range(len(x)):
            one, made = x[place : place + 1], []
            for start in range(0, height, _ROWS):
                end = min(start + _ROWS, height)
                seen = one[:, :, max(start - 1, 0) : end + 1]
                if start == 0 or end == height:
                    seen = F.pad(seen, (0, 0, int(start == 0), int(end == height)))
                made.append(self.after(F.conv2d(seen, weight, bias, padding=(0, 1))))
            images.append(torch.cat(made, 2))
        return torch.cat(images)
