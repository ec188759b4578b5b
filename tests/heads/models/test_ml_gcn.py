"""ML-GCN's classifier on the thesis' streams, by hand and with plain matrices."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from heads.blocks.label_graph import LabelGraph
from heads.head import DIMENSIONS, FLAGS, Taught, given
from heads.models.ml_gcn import Model

SEEDS = (0, 3)
WIDTHS = {"body/pooled": 4, "scene/scores": 3}
SMALL = {"streams": "BS", "regression": "5", "graph_hidden": 6}


def build(**values: Any) -> tuple[Model, LabelGraph]:
    config = Model.config_of(values)(**SMALL | values)
    model = Model(config, WIDTHS, {FLAGS: 3, DIMENSIONS: 2}, SEEDS).double()
    flags = torch.tensor([[1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float32)
    model.learn_from(Taught(("a", "b", "c"), {FLAGS: flags}))
    assert isinstance(model.classifier, LabelGraph)
    return model, model.classifier


def people() -> dict[str, Tensor]:
    return {name: torch.randn(2, 5, width).double() for name, width in WIDTHS.items()}


def test_a_label_is_given_of_those_that_make_it_likely() -> None:
    """ab, ab, a, c: at tau 0.7 the one edge is P(a|b) = 1, so eq. 4.11 has A'_ba = p, and of b's vector a is given p;
    the rows of b and c sum to 1 - p."""
    _, graph = build(tau=0.7, p=0.25)
    expected = [[0.75, 0.25 / 0.75**0.5, 0], [0, 1, 0], [0, 0, 1]]
    torch.testing.assert_close(graph.adjacency, torch.tensor(expected).double().expand(2, 3, 3), rtol=0, atol=1e-6)


def test_scores_are_products_of_streams_and_label_vectors() -> None:
    model, graph = build()
    seen = people()
    output = model(seen)
    joined = torch.cat([seen[name] for name in WIDTHS], 2)
    for seed in range(2):
        words = graph.adjacency[seed] @ graph.vectors[seed] @ graph.first.weight[seed]
        rows = graph.adjacency[seed] @ F.leaky_relu(words, 0.2) @ graph.second.weight[seed]
        assert rows.shape == (3, 7)
        torch.testing.assert_close(given(output.logits)[seed], joined[seed] @ rows.T)
    assert given(output.dimensions).shape == (2, 5, 2)


def test_it_is_set_as_published() -> None:
    config = Model.Config()
    assert (config.streams, config.tau, config.p, config.graph_hidden) == ("BCFPSA", 0.4, 0.25, 2048)
    assert build()[0].approximates[1:] == ("labels told by which stand together, for word vectors",)
