"""ML-GCN's classifier on the thesis' streams, by hand and with plain matrices."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from toy_features import CATEGORIES, make_store

from cache.errors import ConfigError
from heads.blocks.label_graph import LabelGraph
from heads.checkpoints import checkpoint
from heads.experiments.bench import prepare
from heads.experiments.evaluate import evaluate
from heads.experiments.experiment import run
from heads.experiments.grid import cell
from heads.head import DIMENSIONS, FLAGS, Taught, given
from heads.known_protocols import find
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
    one = cell("ml_gcn", find("emotic-26"), {})
    config = one.recipe
    assert isinstance(config, Model.Config)
    assert (config.streams, config.tau, config.p, config.graph_hidden) == ("BCFPSA", 0.4, 0.25, 2048)
    assert [config.rate(epoch) for epoch in (0, 4, 5)] == pytest.approx([5e-3, 5e-3, 1e-3])
    assert build()[0].approximates[1:] == ("labels told by which stand together, for word vectors",)


def test_words_are_in_the_checkpoint_and_their_file_is_not_asked_for_again(tmp_path: Path) -> None:
    store, words = make_store(tmp_path / "store", features=("body", "scene")), tmp_path / "words.npy"
    table = np.random.default_rng(0).normal(size=(26, 5)).astype(np.float32)
    np.save(words, table[::-1])
    (tmp_path / "words.txt").write_text("\n".join(CATEGORIES[::-1]))
    values = SMALL | {"words": str(words), "epochs": 2, "resamples": 10}
    with pytest.raises(ConfigError, match=r'5 numbers, word_width is 300\. SET="word_width=5"'):
        trained(store, values, tmp_path)
    metrics = trained(store, values | {"word_width": 5}, tmp_path)
    words.unlink()
    graph = checkpoint.load(tmp_path / "ml_gcn.safetensors").head.classifier
    assert isinstance(graph, LabelGraph)
    np.testing.assert_array_equal(graph.vectors[1].numpy(), table[: graph.vectors.shape[1]])
    assert evaluate(tmp_path / "ml_gcn.safetensors", store).metrics == metrics


def trained(store: Any, values: dict[str, Any], folder: Path) -> Any:
    one = cell("ml_gcn", find("multilabel"), values)
    return run(prepare(store, "demo", find("multilabel"), [one], "cpu"), one, range(2), folder).row()["metrics"]
