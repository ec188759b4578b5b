"""Knows N places where it looks for people, and tells each person by the image: the least that finds people."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from cache.config import Settings
from heads.blocks.layers import Linear, generators
from heads.head import BOXES, LABELS, PEOPLE_CLASS, PEOPLE_FLAGS, Head, Output
from heads.inputs import streams
from heads.inputs.streams import FeatureStreams

PLACES = 2


class Model(Head):
    """An affine map to the classes, for all people alike, and one to two boxes."""

    learns = frozenset({BOXES, PEOPLE_FLAGS, PEOPLE_CLASS})
    gives = frozenset({"people", "found", "cost"})
    Config = FeatureStreams

    def __init__(
        self, config: FeatureStreams, widths: Mapping[str, int], sizes: Mapping[str, int], seeds: Sequence[int]
    ) -> None:
        super().__init__(config, widths, sizes, seeds)
        draws, width = generators(seeds), sum(widths[name] for name in self.inputs)
        self.kind = next(kind for kind in LABELS if kind in sizes)
        self.labels, self.boxes = Linear(width, sizes[self.kind], draws), Linear(width, PLACES * 5, draws)

    @classmethod
    def inputs_of(cls, config: Settings) -> tuple[str, ...]:
        return streams.inputs_of(config)

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        x = torch.cat([features[name] for name in self.inputs], 2)
        logits, told = self.labels(x)[:, :, None], self.boxes(x).unflatten(2, (PLACES, 5)).sigmoid()
        low = told[..., :2] / 2
        boxes = torch.cat([low, low + told[..., 2:4], told[..., 4:]], 3)
        found = torch.cat([boxes, logits.expand(*boxes.shape[:3], logits.shape[3])], 3)
        if BOXES not in features:
            return Output(found=found)
        there = ~features[BOXES][..., :1].isnan()
        people = logits.expand(*there.shape[:3], logits.shape[3]).where(there, torch.nan)
        made = Output(people=people, found=found)
        return made._replace(cost=self._cost(made, features)[..., None])

    def terms(self, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"all": self._cost(output, targets).mean(1)}

    def _cost(self, output: Output, right: Mapping[str, Tensor]) -> Tensor:
        assert output.people is not None
        assert output.found is not None
        there = ~right[BOXES][..., 0].isnan()
        logits = output.people.nan_to_num()
        if self.kind == PEOPLE_CLASS:
            apart = F.cross_entropy(logits.flatten(0, 2), right[self.kind].flatten().clamp_min(0), reduction="none")
            apart = apart.view(there.shape)
        else:
            apart = F.binary_cross_entropy_with_logits(logits, right[self.kind], reduction="none").mean(3)
        boxes = (output.found[:, :, :1, :4] - right[BOXES][:, :, :1]).nan_to_num().abs().sum((2, 3))
        return (apart * there).sum(2) / there.sum(2).clamp_min(1) + boxes

    def standardised(self) -> tuple[str, ...]:
        return self.inputs
