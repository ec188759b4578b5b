"""ML-GCN on the thesis' streams: the categories' layer is made of the labels' words and of which labels stand together.

All else is as in ``fusion``: streams by letter, layers to the dimensions, the embedding loss. The second graph layer is
as wide as the streams side by side (the thesis' 6,867), for its output are the weights that these are multiplied with.

Source: thesis (seeds/003), eq. 4.9 to 4.12, section 4.2.1 (tau 0.4, p 0.25, layers of 2,048 and 6,867, leaky ReLU) and
tables 4.17 to 4.20. The slope is that of Chen et al. 2019, Multi-label image recognition with graph convolutional
networks, which the thesis takes and names none.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from heads.blocks.label_graph import GraphSettings, LabelGraph
from heads.head import Looks, Taught
from heads.models import fusion

_SLOPE = 0.2


class Model(fusion.Model):
    """Streams side by side, a classifier made by graph layers, layers to the dimensions."""

    recordable = True

    class Config(fusion.Model.Config, GraphSettings):
        """Both at once."""

    config: Config

    def reads_words(self) -> bool:
        """Always."""
        return True

    def learn_from(self, taught: Taught) -> None:
        """As ``fusion``; and which labels stand together."""
        super().learn_from(taught)
        assert isinstance(self.classifier, LabelGraph)
        self.classifier.learn_from(taught)

    def looks(self, features: Mapping[str, Tensor]) -> Looks:
        """As ``fusion``; and the graph of the labels."""
        assert isinstance(self.classifier, LabelGraph)
        return super().looks(features)._replace(graph=self.classifier.adjacency)

    def _classifier(self, width: int, labels: int, draws: Sequence[torch.Generator]) -> nn.Module:
        return LabelGraph(self.config, labels, width, draws, incoming=True, slope=_SLOPE)
