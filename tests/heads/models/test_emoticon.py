"""EmotiCon against the same network written for one seed with torch's own functions."""

from typing import Any

import pytest
import torch
from one_seed import linear, norm
from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional as F

from cache.errors import ConfigError
from heads.blocks.graph_layer import proximity, skeleton
from heads.head import CLASS, DIMENSIONS, FLAGS
from heads.models.emoticon import Model

SEEDS = (0, 5)
WIDTHS: dict[str, Any] = {
    "face_features/pooled": 7,
    "pose_vector/vector": 141,
    "context/map": (6, 3, 2),
    "depth_features/pooled": 8,
    "neighbours/boxes": (3, 4),
}
FACE, POSE, CONTEXT, DEPTH, NEIGHBOURS = WIDTHS


def head(sizes: dict[str, int], **values: Any) -> Model:
    config = Model.config_of(values)(hidden=5, **values)
    return Model(config, {name: WIDTHS[name] for name in Model.inputs_of(config)}, sizes, SEEDS).double()


def features(people: int = 6) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(1)
    rows = {name: width if isinstance(width, tuple) else (width,) for name, width in WIDTHS.items()}
    made = {name: torch.rand(2, people, *row, dtype=torch.float64, generator=draw) for name, row in rows.items()}
    made[NEIGHBOURS] = 100 * made[NEIGHBOURS].cumsum(3)
    return made


def layers(block: Any, seed: int, x: Tensor) -> Tensor:
    for layer, one in zip(block.layers, block.norms, strict=True):
        x = norm(one, seed, linear(layer, seed, x)).relu()
    return linear(block.classifier, seed, x)


def gait(block: Any, seed: int, x: Tensor) -> Tensor:
    nodes, joined = x[:, :50].reshape(-1, 25, 2), skeleton().double()
    for layer, one in zip(block.graph, block.norms[:2], strict=True):
        mapped = linear(layer.linear, seed, nodes)
        nodes = norm(one, seed, torch.einsum("ij,bjd->bdi", joined, mapped)).relu().transpose(1, 2)
    convolved = F.conv1d(nodes.transpose(1, 2), block.convolution.weight[seed], block.convolution.bias[seed], padding=1)
    return linear(block.classifier, seed, norm(block.norms[2], seed, convolved).relu().mean(2))


def near(block: Any, seed: int, boxes: Tensor) -> Tensor:
    nodes, joined = proximity(boxes[None], 100, 5)
    nodes, joined = nodes[0], joined[0]
    for layer in block.graph:
        nodes = torch.einsum("bij,bjd->bid", joined, linear(layer.linear, seed, nodes)).relu()
    return layers(block.last, seed, nodes[:, 0])


def test_scores_of_all_streams_are_those_of_each_seed() -> None:
    model, seen = head({FLAGS: 4}, streams="FPCDG"), features()
    made = model(seen)
    maps = model.attention(seen)[CONTEXT]
    for seed in range(2):
        one = {name: x[seed] for name, x in seen.items()}
        face = layers(model.streams["F"], seed, one[FACE]).sigmoid()
        pose = gait(model.streams["P"], seed, one[POSE]).sigmoid()
        pooled = ((1 + maps[seed][:, None]) * one[CONTEXT]).mean((2, 3))
        others = [
            linear(model.streams["C"].classifier, seed, pooled),
            layers(model.streams["D"], seed, one[DEPTH]),
            near(model.streams["G"], seed, one[NEIGHBOURS]),
        ]
        joint = torch.exp((face * face.log() + pose * pose.log()) / (face + pose))  # beta 1, two streams
        hidden = linear(model.last, seed, torch.cat([joint, *[x.sigmoid() for x in others]], 1)).relu()
        torch.testing.assert_close(made.embedding[seed], hidden)
        torch.testing.assert_close(made.logits[seed], linear(model.classifier, seed, hidden))


@pytest.mark.parametrize(
    ("streams", "terms"),
    [
        ("FPCD", {"class", "multiplicative", "attention"}),
        ("FPG", {"class", "multiplicative"}),
        ("CP", {"class", "attention"}),
        ("D", {"class"}),
    ],
)
@pytest.mark.parametrize("kind", [CLASS, FLAGS])
def test_each_stream_is_a_switch_and_brings_its_terms(streams: str, terms: set[str], kind: str) -> None:
    model = head({kind: 4, DIMENSIONS: 3}, streams=streams)
    output = model(features())
    assert model.gives == {"embedding", "logits"}
    wanted = torch.arange(6).expand(2, 6) % 4
    targets = {CLASS: wanted, FLAGS: F.one_hot(wanted, 4).double()}
    assert set(model.terms(output, targets)) == terms
    assert set(model.eval().terms(model(features()), targets)) == {"class"}


def test_dimensions_and_word_vectors_on_request() -> None:
    from heads.head import Taught

    model = head({FLAGS: 4, DIMENSIONS: 3}, dimensions_weight=1.0, embedding_weight=0.5)
    flags = F.one_hot(torch.arange(6) % 4, 4).double()
    model.learn_from(Taught("abcd", {FLAGS: flags.float()}))
    output = model(features())
    targets = {FLAGS: flags.expand(2, 6, 4), DIMENSIONS: output.dimensions.detach() + 0.5}
    found = model.terms(output, targets)
    assert set(found) == {"class", "dimensions", "embedding", "multiplicative", "attention"}
    torch.testing.assert_close(found["dimensions"], torch.full((2,), 0.5 * 0.5**2, dtype=torch.float64))
    own = output.aside[..., 2 * 4 : 3 * 4]
    expected = F.binary_cross_entropy(own.sigmoid(), targets[FLAGS], reduction="none").mean((1, 2))
    torch.testing.assert_close(found["attention"], expected)


def test_what_makes_no_sense_is_refused() -> None:
    for word in ("", "FX", "FF"):
        with pytest.raises(ValidationError, match="letters of FPCDG, each at most once"):
            head({CLASS: 4}, streams=word)
    with pytest.raises(ConfigError, match="face_features/pooled is the input of two streams"):
        head({CLASS: 4}, depth="face_features")
