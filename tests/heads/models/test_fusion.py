"""The fusion's streams by letter, its two readings of a pose against torch and loops, its branches, what it refuses."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cache.errors import ConfigError
from heads.blocks.layers import BatchNorm, Linear, generators
from heads.head import CLASS, DIMENSIONS, FLAGS, Taught
from heads.learning.recording import recordable
from heads.learning.training import Recipe, recipe
from heads.models import _pose
from heads.models.fusion import Model
from heads.protocols.one_shot import Protocol

POOLED, SIZES = 6, {FLAGS: 4, DIMENSIONS: 3}
SEEDS, BATCH = (0, 5), 8


def settings(**values: Any) -> Recipe:
    return recipe(Model, Protocol, values, "test")


def made(sizes: dict[str, int] = SIZES, **values: Any) -> Model:
    found: Any = settings(**values)
    widths = {name: _pose.VECTOR if name == found.pose_vector else POOLED for name in Model.inputs_of(found)}
    return Model(found, widths, sizes, SEEDS).double()


def features(head: Model) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(0)
    widths = [_pose.VECTOR if "pose" in name else POOLED for name in head.inputs]
    every = [torch.rand(2, BATCH, width, generator=draw, dtype=torch.float64) for width in widths]
    return dict(zip(head.inputs, every, strict=True))


def moved(norm: BatchNorm) -> None:
    """To running statistics that are not where they start."""
    draw = torch.Generator().manual_seed(3)
    for tensor in (norm.mean, norm.variance, norm.weight.data, norm.bias.data):
        tensor += 0.1 + 0.2 * torch.rand(tensor.shape, generator=draw, dtype=tensor.dtype)


def normalised(norm: BatchNorm, x: Tensor, seed: int) -> Tensor:
    """In evaluation. x: (n, c)."""
    scaled = (x - norm.mean[seed]) / (norm.variance[seed] + norm.eps).sqrt()
    return F.relu(scaled * norm.weight[seed] + norm.bias[seed])


def test_letters_are_features_in_the_thesis_order() -> None:
    every = ("body/pooled", "context/pooled", "face_features/pooled", "pose_vector/vector")
    scene = ("scene/scores", "scene/attributes")
    assert Model.inputs_of(settings()) == (*every, *scene)
    assert settings(streams="CB") == settings(streams="BC")
    assert Model.inputs_of(settings(streams="DB", body="body50", extra="clip")) == (
        *("body50/pooled", "depth_features/pooled", "clip/pooled"),
    )
    assert Model.inputs_of(settings(streams="", extra="clip,image/pooled")) == ("clip/pooled", "image/pooled")
    assert made().standardised() == (*every[:3], *scene)
    assert made(standardise=False).standardised() == ()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"streams": "BX"}, r"streams: value error, 'X' is no stream's letter; there are B body, C context"),
        ({"streams": "BCB"}, "streams: value error, a letter stands twice"),
        ({"streams": ""}, "streams is empty"),
        ({"extra": "body"}, "body/pooled is the input of two streams"),
        ({"pose_vector": "clip"}, None),
        ({"embedding_weight": 0.4}, "embedding_weight would change nothing"),
        ({"embedding_weight": 0.4, "stream": 8, "streams": "FPSA"}, "embedding_weight would change nothing"),
    ],
)
def test_what_it_cannot_be_is_one_line(values: dict[str, Any], told: str | None) -> None:
    if told is None:
        with pytest.raises(ConfigError, match=r"^clip/pooled: is 6 wide, a pose vector 141$"):
            Model(settings(**values), dict.fromkeys(Model.inputs_of(settings(**values)), POOLED), SIZES, SEEDS)
        return
    with pytest.raises(ConfigError, match=told):
        made(**values)


def test_streams_stand_side_by_side_and_dimensions_have_layers_of_their_own() -> None:
    head = made(streams="BS", regression="7,5", dimensions_weight=2.0).eval()
    given = features(head)
    output = head(given)
    assert output.embedding is not None
    assert output.dimensions is not None
    joined = torch.cat([given["body/pooled"], given["scene/scores"]], 2)
    assert torch.equal(output.embedding, joined)
    for seed in range(2):
        x = joined[seed]
        for place, layer in enumerate(head.regressors):
            assert isinstance(layer, Linear)
            x = x @ layer.weight[seed] + layer.bias[seed]
            x = F.relu(x) if place < 2 else x
        torch.testing.assert_close(output.dimensions[seed], x)
    assert [tuple(layer.weight.shape[1:]) for layer in head.regressors] == [(12, 7), (7, 5), (5, 3)]
    assert made(streams="BS", regression="", sizes={CLASS: 4})(given).dimensions is None
    assert not made(streams="BS", dimensions_weight=0).regressors


def test_the_concatenation_is_as_wide_as_the_thesis_says() -> None:
    found = settings()
    wide = {"body/pooled": 2048, "context/pooled": 2048, "face_features/pooled": 2048, "pose_vector/vector": 141}
    head = Model(found, {**wide, "scene/scores": 365, "scene/attributes": 102}, SIZES, [0])  # type: ignore[arg-type]
    assert head.classifier.weight.shape[1] == 6867  # section 4.2.1, ML-GCN, with ResNet-50


def test_a_convolution_over_one_padded_position_is_the_layer_that_stands_for_it() -> None:
    encoder = _pose.encoder("conv1d", generators(SEEDS)).double().eval()
    assert [layer.weight.shape[2] for layer in encoder.layers] == [256, 512, 1024, 1024, 512, 256]
    for norm in encoder.norms:
        moved(norm)
    x = torch.rand(2, BATCH, 141, dtype=torch.float64)
    for seed in range(2):
        y = x[seed].unsqueeze(2)
        for place, (layer, norm) in enumerate(zip(encoder.layers, encoder.norms, strict=True)):
            if place < 3:
                convolution = nn.Conv1d(*layer.weight.shape[1:], 3, padding=1).double()
                convolution.weight.data[:, :, 1] = layer.weight[seed].T
                convolution.bias.data = layer.bias[seed, 0]
                y = normalised(norm, convolution(y).squeeze(2), seed).unsqueeze(2)
            else:
                y = normalised(norm, y.squeeze(2) @ layer.weight[seed] + layer.bias[seed], seed).unsqueeze(2)
        torch.testing.assert_close(encoder(x)[seed], y.squeeze(2), rtol=1e-9, atol=1e-12)


def test_graph_convolutions_are_loops_over_each_joints_neighbours() -> None:
    encoder = _pose.encoder("gcn", generators(SEEDS)).double().eval()
    for norm in (*encoder.norms, *encoder.connected.norms):
        moved(norm)
    vector = torch.rand(2, BATCH, 141, dtype=torch.float64)
    linked = encoder.adjacency != 0
    nodes = vector[1, 3, :134].view(67, 2)
    for layer, norm in zip(encoder.layers, encoder.norms, strict=True):
        degree = linked.sum(1).double()
        rows = []
        for joint in range(67):
            near = [other for other in range(67) if linked[joint, other]]
            rows.append(sum(nodes[other] / (degree[joint] * degree[other]).sqrt() for other in near))
        nodes = normalised(norm, torch.stack(rows) @ layer.weight[1] + layer.bias[1], 1)
    x = torch.cat([nodes.flatten(), vector[1, 3, 134:]])[None]
    for layer, norm in zip(encoder.connected.layers, encoder.connected.norms, strict=True):
        x = normalised(norm, x @ layer.weight[1] + layer.bias[1], 1)
    torch.testing.assert_close(encoder(vector)[1, 3], x[0], rtol=1e-5, atol=1e-8)


def test_the_graph_is_a_body_with_two_hands() -> None:
    linked = (_pose.adjacency() != 0) & ~torch.eye(67, dtype=torch.bool)
    assert int(linked.sum()) == 2 * (24 + 2 * (20 + 1))  # bones of BODY_25, of two hands, and two wrists: a tree
    assert torch.equal(linked, linked.T)
    reached = torch.eye(67, dtype=torch.bool)[0]
    for _ in range(67):
        reached = reached | linked[reached].any(0)
    assert reached.all()
    assert linked[7].nonzero().flatten().tolist() == [6, 25]  # left wrist: elbow, left hand
    assert linked[4].nonzero().flatten().tolist() == [3, 46]
    assert linked[25].nonzero().flatten().tolist() == [7, 26, 30, 34, 38, 42]


def test_embedding_loss_is_on_body_and_context_alone() -> None:
    head = made(streams="BCF", stream=5, embedding_weight=0.4)
    head.learn_from(Taught([*"abcd"], {FLAGS: torch.eye(4)}))
    aside = head(features(head)).aside
    assert aside is not None
    assert aside.shape == (2, BATCH, 4)
    gradients = torch.autograd.grad(aside.sum(), [part.layers[0].weight for part in head.encoders], allow_unused=True)
    assert [gradient is not None and bool(gradient.any()) for gradient in gradients] == [True, True, False]
    assert recordable(head.parts())
