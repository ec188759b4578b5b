"""CAER-Net against the same network written for one seed with torch's own functions."""

from typing import Any

import pytest
import torch
from one_seed import conv2d, linear, norm
from torch import Tensor

from cache.errors import ConfigError
from heads.head import CLASS, DIMENSIONS, FLAGS, Output
from heads.models.caer_net import Model, Stream

SEEDS = (0, 5)
FACE, CONTEXT, MAPS = "face_features/pooled", "context/pooled", "context/map"


def head(sizes: dict[str, int], **values: Any) -> Model:
    config = Model.config_of(values)(stream=4, hidden=3, **values)
    widths = {FACE: 7, CONTEXT: 6, MAPS: (6, 3, 2)}
    return Model(config, {name: widths[name] for name in Model.inputs_of(config)}, sizes, SEEDS).double()


def drawn(*shape: int) -> Tensor:
    return torch.randn(2, 5, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def encoded(stream: Stream, seed: int, x: Tensor) -> tuple[Tensor, Tensor]:
    code = norm(stream.norm, seed, linear(stream.encoder, seed, x)).relu()
    return code, linear(stream.second, seed, linear(stream.first, seed, code).relu())[:, 0]


def expected(model: Model, seed: int, face: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
    (face, face_score), (context, context_score) = (
        encoded(model.face, seed, face),
        encoded(model.context, seed, context),
    )
    share = 1 / (1 + torch.exp(context_score - face_score))  # a softmax over two
    fused = torch.cat([share[:, None] * face, (1 - share[:, None]) * context], 1)
    embedding = linear(model.last, seed, fused).relu()
    return embedding, linear(model.classifier, seed, embedding)


def test_two_streams_are_weighed_person_by_person() -> None:
    model, face, context = head({CLASS: 3}), drawn(7), drawn(6)
    made = model({FACE: face, CONTEXT: context})
    assert made.dimensions is None
    for seed in range(2):
        embedding, logits = expected(model, seed, face[seed], context[seed])
        torch.testing.assert_close(made.embedding[seed], embedding)
        torch.testing.assert_close(made.logits[seed], logits)


def test_places_of_the_context_are_weighed_by_a_softmax_over_them() -> None:
    model, face, maps = head({CLASS: 3}, attended=True), drawn(7), drawn(6, 3, 2)
    assert Model.arrays_of(model.config) == (MAPS,)
    assert model.standardised() == (FACE,)
    features = {FACE: face, MAPS: maps}
    made, seen = model(features), model.attention(features)[MAPS]
    for seed in range(2):
        looking = model.looking
        hidden = norm(looking.norm, seed, conv2d(looking.first, seed, maps[seed], 1)).relu()
        scores = conv2d(looking.second, seed, hidden, 1)[:, 0]
        places = scores.exp() / scores.exp().sum((1, 2), keepdim=True)
        torch.testing.assert_close(seen[seed], places)
        context = torch.einsum("bhw,bchw->bc", places, maps[seed])
        torch.testing.assert_close(made.logits[seed], expected(model, seed, face[seed], context)[1])


def test_labels_and_dimensions_are_learned_where_the_task_has_them() -> None:
    model = head({FLAGS: 4, DIMENSIONS: 3})
    output: Output = model({FACE: drawn(7), CONTEXT: drawn(6)})
    assert model.gives == {"embedding", "logits", "dimensions"}
    assert output.logits.shape == (2, 5, 4)
    assert output.dimensions.shape == (2, 5, 3)
    targets = {FLAGS: (drawn(4) > 0).double(), DIMENSIONS: drawn(3).sigmoid()}
    assert set(model.terms(output, targets)) == {"class", "dimensions"}


def test_one_feature_is_not_both_streams() -> None:
    with pytest.raises(ConfigError, match="context/pooled is the face and the context"):
        head({CLASS: 3}, face="context")
