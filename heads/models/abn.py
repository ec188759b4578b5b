"""The thesis' streams with an attention branch on the context's, the body's or both: "C-ABN" and "BC-ABN".

As ``fusion``, but of each letter in ``attention`` the last feature maps are read (the array ``map`` of its feature,
which ``backbone`` gives with ``map = true``), weighed by the attention branch and then pooled. The branch tells the
labels on its own too, which is a loss beside the others. In the paper the branch stands before a network's last block,
which is trained with it: ``tail=layer4`` has it so, see ``_tailed``. Without, the branch stands after the last block of
a frozen network, and its perception branch is the pooling and the layers of ``fusion``.

Source: thesis (seeds/003), eq. 4.5 and section 4.2.1, "Attention Branch Network Extension": L = L_cont + L_cat +
lambda L_att, lambda 0.5 (figure 4.8), halved for two branches (tables 4.14 and 4.15); Fukui et al. 2019.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from pydantic import AfterValidator, Field, model_validator
from torch import Tensor, nn

from cache.aligned import DEFAULT
from heads.blocks import categories
from heads.blocks.attention_branch import Attended, AttentionBranch, own_loss
from heads.blocks.class_maps import BRANCH, branch_maps
from heads.blocks.layers import generators
from heads.blocks.varied import Number, column
from heads.head import ClassMaps, Looks, Output
from heads.models import fusion

MAP = "map"
CAN = "BC"
"""The letters that have maps."""
_APART = 1 << 32
"""Added to a seed for the branches' own numbers, so that the other layers start as without them."""


def _letters(word: str) -> str:
    if not word or set(word) - set(CAN) or len(set(word)) < len(word):
        raise ValueError("must be B, C or BC; without a branch the head is fusion")
    return "".join(letter for letter in CAN if letter in word)


class Model(fusion.Model):
    """``fusion`` with attention branches, by letter."""

    recordable = True
    approximates = ("without tail=layer4 the attention branch stands after a frozen network's last block",)

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
        branched, tails = self.branched(config), self.blocks_of(config)
        pooled = {name: widths[name][0] for name in branched if name not in tails}
        super().__init__(config, {**widths, **pooled}, sizes, seeds)
        self.kind, self.classes = categories.kind_of(sizes), categories.count(sizes)
        draws = generators([_APART + seed for seed in seeds])
        self.branches = nn.ModuleList(AttentionBranch(widths[name][0], self.classes, draws) for name in branched)

    @classmethod
    def row_of(cls, config: Any, letter: str) -> str:
        """With the last maps of the letters in ``attention`` that have no block to train."""
        word = super().row_of(config, letter)
        feature, _, array = word.partition("/")
        return f"{feature}/{MAP}" if letter in config.attention and array == DEFAULT else word

    @classmethod
    def branched(cls, config: Any) -> tuple[str, ...]:
        """The inputs with a branch."""
        return tuple(cls.row_of(config, letter) for letter in config.attention)

    @classmethod
    def arrays_of(cls, config: Any) -> tuple[str, ...]:
        """The maps."""
        return tuple(dict.fromkeys([*super().arrays_of(config), *cls.branched(config)]))

    def attention(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """By input: the map of attention, (S, B, h, w)."""
        return {name: one.map for name, one in self._attended(features).items()}

    def looks(self, features: Mapping[str, Tensor]) -> Looks:
        """The maps of attention; what the branches' maps say of each class, and those that are pooled."""
        seen, tails = self._attended(features), self.blocks_of(self.config)
        weighted = {name: one.weighted for name, one in seen.items()}
        last = {name: x for name, x in weighted.items() if name not in tails}
        last |= self.last_maps({**features, **weighted})
        own = [
            ClassMaps(name, branch_maps(branch, features[name]), BRANCH)  # type: ignore[arg-type]
            for name, branch in zip(seen, self.branches, strict=True)
        ]
        maps = {name: one.map for name, one in seen.items()}
        return Looks(maps, [*self.class_maps(features, last), *own])

    def _attended(self, features: Mapping[str, Tensor]) -> dict[str, Attended]:
        """By input."""
        named = zip(self.branched(self.config), self.branches, strict=True)
        return {name: branch(features[name]) for name, branch in named}

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: (S, B, d) of each input, (S, B, c, h, w) of those with a branch or a block."""
        tails, seen = self.blocks_of(self.config), self._attended(features)
        given = {name: one.weighted if name in tails else one.pooled for name, one in seen.items()}
        output = super().forward({**features, **given})
        if not self.training:
            return output
        beside = [*(one.logits for one in seen.values()), *(() if output.aside is None else (output.aside,))]
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
