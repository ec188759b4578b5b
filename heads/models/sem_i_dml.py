"""Sem-I-DML: the full image and the classes that its segmentation shows (Sem2Vec, eq. 3).

Source: Affect-DML, sections III-C, III-D and IV-A; tables II and III.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor

from heads import affect_dml
from heads.affect_dml import IMAGE, SEMANTIC
from heads.head import Head, Output


class Model(Head):
    """See ``affect_dml.Network``."""

    inputs = (IMAGE, SEMANTIC)
    Config = affect_dml.Config

    def __init__(
        self, config: affect_dml.Config, widths: Mapping[str, int], classes: int, seeds: Sequence[int]
    ) -> None:
        super().__init__(config, widths, classes, seeds)
        self.config = config
        self.network = affect_dml.Network(self.inputs, config, widths, classes, seeds)

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: (S, B, d) of each input."""
        output: Output = self.network(features)
        return output

    def terms(self, output: Output, labels: Tensor) -> dict[str, Tensor]:
        """Eq. 7: ``triplet`` and ``class``."""
        return affect_dml.terms(self.config, output, labels)

    def standardised(self) -> tuple[str, ...]:
        """Pooled features, when the config says so."""
        return affect_dml.pooled(self.config, self.inputs)
