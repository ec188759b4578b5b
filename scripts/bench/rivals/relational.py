"""Attention on objects as its equations stand, and as one would write them: a key for every object.

Source: relational region-level analysis (seeds/004), eq. 2 to 4.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from heads.blocks.object_attention import ObjectAttention, waves


class AsWritten(ObjectAttention):
    """The same weights and the same values as ``ObjectAttention``, of one seed."""

    def weights(self, person: Tensor, objects: Tensor, there: Tensor, where: Tensor | None = None) -> Tensor:
        """See ``ObjectAttention``."""
        query = self.query(person)[0].view(len(person[0]), self.heads, self.key)
        keys = F.linear(objects[0], self.keys[0].flatten(0, 1)).view(*objects.shape[1:3], self.heads, self.key)
        logits = torch.einsum("bhk,bmhk->bhm", query, keys) / math.sqrt(self.key)
        if self.place is not None:
            assert where is not None
            near = F.relu(self.place(waves(where, self.geometry)[0].flatten(0, 1)[None]))
            logits = logits + near.clamp_min(1e-6).log().view(*keys.shape[:3]).mT
        kept = there[0, :, None]
        return (logits.masked_fill(~kept, torch.finfo(logits.dtype).min).softmax(-1) * kept)[None]


def written(attention: ObjectAttention) -> ObjectAttention:
    """``attention`` itself, its parameters too, from now on computed so."""
    attention.__class__ = AsWritten
    return attention
