"""What the people of ``label_heads`` are to be told as: made up, of EMOTIC's size."""

import numpy as np
import torch
from numpy.typing import NDArray

from heads.head import BOXES, DIMENSIONS, FLAGS, PEOPLE_FLAGS

PEOPLE, LABELS = 23_266, 26
CROWD = 5
"""People of an image at most, of a head that tells all of them."""


def people(draw: torch.Generator) -> dict[str, NDArray[np.float32]]:
    """A label in six is theirs."""
    flags = (torch.rand(PEOPLE, LABELS, generator=draw) < 1 / 6).float().numpy()
    return {FLAGS: flags, DIMENSIONS: torch.rand(PEOPLE, 3, generator=draw).numpy()}


def crowds(draw: torch.Generator) -> dict[str, NDArray[np.float32]]:
    """As many images, half of whose CROWD places are of nobody."""
    near = 0.6 * torch.rand(PEOPLE, CROWD, 2, generator=draw)
    boxes = torch.cat([near, near + 0.1 + 0.3 * torch.rand(near.shape, generator=draw)], 2)
    boxes[torch.rand(PEOPLE, CROWD, generator=draw) < 0.5] = torch.nan
    flags = (torch.rand(PEOPLE, CROWD, LABELS, generator=draw) < 1 / 6).float().numpy()
    return {BOXES: boxes.numpy(), PEOPLE_FLAGS: flags}
