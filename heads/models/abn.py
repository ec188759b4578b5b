"""The thesis' streams with an attention branch on the context's, the body's or both: "C-ABN" and "BC-ABN".

As ``fusion``, but of each letter in ``attention`` the last feature maps are read (the array ``map`` of its feature,
which ``backbone`` gives with ``map = true``), weighed by the attention branch and then pooled. The branch tells the
labels on its own too, which is a loss beside the others. In the paper the branch stands before a network's last block,
which is trained with it; here it stands after the last block of a frozen network, so its perception branch is the
pooling and the layers of ``fusion``.

Source: thesis (seeds/003), eq. 4.5 and section 4.2.1, "Attention Branch Network Extension": L = L_cont + L_cat +
lambda L_att, lambda 0.5 (figure 4.8), halved for two branches (tables 4.14 and 4.15).
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from pydantic import AfterValidator, Field, model_validator
from torch import Tensor, nn

from cache.aligned import DEFAULT
from heads.blocks import categories
from heads.blocks.attention_branch import AttentionBranch, own_loss
from heads.blocks.layers import generators
from heads.blocks.varied import Number, column
from heads.head import Output
from heads.models import fusion

MAP = "map"
CAN = "BC"
"""The letters that have maps."""
_APART = 1 << 32
"""Added to a seed for the branches' own numbers, so that ``fusion``'s layers start as without them."""


def _letters(word: str) -> str:
    if not word or set(word) - set(CAN) or len(set(word)) < len(word):
        raise ValueError("must be B, C or BC; without a branch the head is fusion")
    return "".join(letter for letter in CAN if letter in word)


class Model(fusion.Model):
    """``fusion`` with attention branches, by letter."""

    recordable = True
    approximates = (
        "frozen backbones for fine-tuned ones, the attention branch after the last block and not before it",
    )

    class Config(fusion.Model.Config):
        """attention: the letters with a branch. attention_weight: lambda, shared by the branches."""

        attention: Annotated[str, AfterValidator(_letters)] = "C"
        attention_weight: Number = Field(0.5, ge=0)

        @model_validator(mode="after")
        def _has_them(self) -> "Model.Config":
            if absent := sorted(set(self.attention) - set(self.streams)):
                raise ValueError(f"attention = {self.attention}, but streams = {self.streams} has no {absent[0]}")
            return self

    def __init__(
        self, config: Config, widths: Mapping[str, Any], sizes: Mapping[str, int], seeds: Sequence[int]
    ) -> None:
        arrays = self.arrays_of(config)
        channels = {name: width[0] if name in arrays else width for name, width in widths.items()}
        super().__init__(config, channels, sizes, seeds)
        self.kind, self.classes = categories.kind_of(sizes), categories.count(sizes)
        draws = generators([_APART + seed for seed in seeds])
        self.branches = nn.ModuleList(AttentionBranch(channels[name], self.classes, draws) for name in arrays)

    @classmethod
    def inputs_of(cls, config: Any) -> tuple[str, ...]:
        """As ``fusion``'s, with maps for the letters in ``attention``."""
        maps = {fusion.LETTERS[letter]: _map_of(config, letter) for letter in config.attention}
        return super().inputs_of(config.model_copy(update=maps))

    @classmethod
    def arrays_of(cls, config: Any) -> tuple[str, ...]:
        """The maps."""
        return tuple(_map_of(config, letter) for letter in config.attention)

    def attention(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """By input: the map of attention, (S, B, h, w)."""
        return {
            name: branch(features[name]).map
            for name, branch in zip(self.arrays_of(self.config), self.branches, strict=True)
        }

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: (S, B, d) of each input, (S, B, c, h, w) of those with a branch."""
        arrays = self.arrays_of(self.config)
        seen = [branch(features[name]) for name, branch in zip(arrays, self.branches, strict=True)]
        pooled = {name: one.pooled for name, one in zip(arrays, seen, strict=True)}
        output = super().forward({**features, **pooled})
        if not self.training:
            return output
        beside = [*(one.logits for one in seen), *(() if output.aside is None else (output.aside,))]
        return output._replace(aside=torch.cat(beside, 2))

    def terms(self, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Those of ``fusion``, and ``attention`` while it is trained."""
        if output.aside is None:
            return super().terms(output, targets)
        own = len(self.branches) * self.classes
        rest = output.aside[..., own:]
        found = super().terms(output._replace(aside=rest if rest.shape[2] else None), targets)
        costs = [
            own_loss(logits, targets[self.kind], self.kind)
            for logits in torch.split(output.aside[..., :own], self.classes, 2)
        ]
        cost = torch.stack(costs).mean(0)
        return found | {"attention": column(self.config.attention_weight, cost) * cost}

    def standardised(self) -> tuple[str, ...]:
        """The vectors among ``fusion``'s."""
        arrays = self.arrays_of(self.config)
        return tuple(name for name in super().standardised() if name not in arrays)


def _map_of(config: Any, letter: str) -> str:
    """The maps of the letter's feature; another array, where one is named, is taken as it is."""
    feature, _, array = str(getattr(config, fusion.LETTERS[letter])).partition("/")
    return f"{feature}/{MAP if array == DEFAULT else array}"
