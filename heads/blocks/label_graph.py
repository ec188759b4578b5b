"""A classifier whose weights are made of labels' word vectors, carried along a graph of which labels stand together.

Source: ML-GCN as the thesis (seeds/003) has it, eq. 4.9 to 4.12; relational regions' ELD (seeds/004), eq. 6 to 8.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from heads.blocks.chosen import one_hot
from heads.blocks.layers import ALL, Streamed
from heads.blocks.varied import Number, column
from heads.head import CLASS, FLAGS, Taught
from heads.inputs import words
from heads.inputs.words import Words


class GraphSettings(Words):
    """tau: the least probability of one label beside another that makes an edge. p: a label's share of its neighbours'
    vectors in its own. graph_hidden: width of the first of the two graph layers; the second's is that of what is
    classified."""

    tau: Number = Field(0.4, ge=0, le=1)
    p: Number = Field(0.25, ge=0, le=1)
    graph_hidden: int = Field(2048, ge=1, le=65_536)


def edges(shares: Tensor, tau: float | Tensor) -> Tensor:
    """A of eq. 4.10, [..., i, j] 1 where a person with label i has label j with a probability of tau or more; 0 from a
    label to itself. shares: (S, C, C), [..., i, j] that probability."""
    linked: Tensor = shares >= column(tau, shares)
    none = shares.new_zeros(shares.shape[:-1])
    return linked.to(shares.dtype).diagonal_scatter(none, dim1=-2, dim2=-1)


def reweighted(linked: Tensor, p: float | Tensor) -> Tensor:
    """A' of eq. 4.11 (A^r of eq. 7), (S, C, C): a label keeps 1 - p of itself and takes p of those it is linked to, in
    equal parts. linked: (S, C, C), [..., i, j] 1 where label i takes of label j."""
    share = column(p, linked)
    taken: Tensor = share * linked / linked.sum(-1, keepdim=True).clamp_min(1)
    own: Tensor = (1 - share) * torch.eye(linked.shape[-1], dtype=linked.dtype, device=linked.device)
    return taken + own


def normalised(weights: Tensor) -> Tensor:
    """D^-1/2 A D^-1/2, D the sums of A's rows; a row of zeros stays. weights: (S, C, C).

    Rows of ``reweighted`` sum to 1, those of a label without a link to 1 - p, so this gives the latter back their
    weight. Source: Kipf and Welling 2017, eq. 2.
    """
    total = weights.sum(-1)
    scale = torch.where(total > 0, total, 1).rsqrt() * (total > 0)
    return scale[..., :, None] * weights * scale[..., None, :]


class GraphLayer(Streamed):
    """S graph convolutions, A H W. weight: (S, in, out); no offset, as published. Uniform within 1/sqrt(out), as Chen
    et al. (ML-GCN) start; more lets the published learning rates diverge."""

    def __init__(self, inputs: int, outputs: int, draws: Sequence[torch.Generator]) -> None:
        super().__init__()
        bound = 1 / math.sqrt(outputs)
        drawn = [torch.empty(inputs, outputs).uniform_(-bound, bound, generator=draw) for draw in draws]
        self.weight = nn.Parameter(torch.stack(drawn))

    def forward(self, adjacency: Tensor, nodes: Tensor) -> Tensor:
        """adjacency: (S, C, C). nodes: (S, C, in). Returns (S, C, out)."""
        return self.times(torch.bmm(adjacency, nodes))


class LabelGraph(nn.Module):
    """S classifiers (S, B, d) -> (S, B, C): two graph layers over the labels' word vectors make a row a label.

    Until ``learn_from`` no label has a link, and each its own axis for a word.
    """

    adjacency: Tensor
    vectors: Tensor

    def __init__(
        self,
        config: Any,
        labels: int,
        outputs: int,
        draws: Sequence[torch.Generator],
        incoming: bool = False,
        slope: float = 0.0,
    ) -> None:
        """config: has the fields of GraphSettings. outputs: d. incoming: label i takes of those that it makes likely
        (eq. 7's sum over a row of A), or, when true, of those that make it likely (eq. 4.11's sum over a column, "the
        information transferred to node m from all neighboring nodes"). slope: of the activation between the layers for
        negative numbers; none follows the last layer, whose output has to be of either sign."""
        super().__init__()
        self.config, self.incoming, self.slope = config, incoming, slope
        wide = words.width(config, labels)
        self.register_buffer("adjacency", torch.eye(labels).repeat(len(draws), 1, 1))
        self.register_buffer("vectors", torch.eye(labels, wide).repeat(len(draws), 1, 1))
        self.first = GraphLayer(wide, config.graph_hidden, draws)
        self.second = GraphLayer(config.graph_hidden, outputs, draws)

    def learn_from(self, taught: Taught) -> None:
        """Link the labels and look up their words; classes, of which people have one, get no link. Raises:
        ConfigError."""
        labels = taught.classes[: self.adjacency.shape[-1]]
        flags = taught.targets.get(FLAGS)
        if flags is None:
            flags = one_hot(taught.targets[CLASS], len(labels))
        shares = words.companions(flags).expand(self.adjacency.shape)
        linked = edges(shares, self.config.tau)
        self.adjacency.copy_(normalised(reweighted(linked.mT if self.incoming else linked, self.config.p)))
        self.vectors.copy_(words.matrix(self.config, labels, flags))

    def classifiers(self) -> Tensor:
        """(S, C, d), a row a label."""
        made: Tensor = self.second(self.adjacency, self._hidden())
        return made

    def forward(self, samples: Tensor, wanted: slice = ALL) -> Tensor:
        """(S, B, C): eq. 4.12 and eq. 8. samples: (S, B, d). wanted: see ``Streamed``.

        The second layer's weights are by far the most. A step multiplies with all of them three times to make the
        classifiers, a row a label; but twice, a row a sample, where samples are mapped by them first and few of their
        columns want a gradient.
        """
        rows, width = samples.shape[1:]
        first, last, _ = wanted.indices(width)
        if self.second.taps is not None and rows * (2 + (last - first) / width) < 3 * self.adjacency.shape[-1]:
            mixed = torch.bmm(self.adjacency, self._hidden())
            return torch.bmm(mixed, self.second.folded(samples.mT, wanted)).mT
        return torch.bmm(samples, self.classifiers().mT)

    def _hidden(self) -> Tensor:
        """(S, C, graph_hidden)."""
        return F.leaky_relu(self.first(self.adjacency, self.vectors), self.slope)
