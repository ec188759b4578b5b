"""Descriptors of movement: the LSTM against torch's, the convolutions against a plain model, forests against
scikit-learn's own predictions, and what absent frames change."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from torch import Tensor, nn
from torch.nn import functional as F

from cache.errors import ConfigError
from heads.blocks.forest import Forest
from heads.blocks.layers import generators
from heads.blocks.lstm import Lstm
from heads.head import CLASS, DIMENSIONS, FLAGS
from heads.learning.training import recipe
from heads.models.lma import Model
from heads.protocols.one_shot import Protocol

SEEDS, FRAMES, WIDTH = (1, 6), 5, 7
SIZES = {FLAGS: 4, DIMENSIONS: 3}
WIDTHS = {"lma/frames": (FRAMES, WIDTH), "lma/seen": (FRAMES, WIDTH), "lma/statistics": WIDTH}
FEW = {"hidden_units": 3, "trees": 7, "depth": 4}


def build(sizes: dict[str, int] = SIZES, **values: Any) -> Model:
    settings: Any = recipe(Model, Protocol, FEW | values, "test")
    return Model(settings, WIDTHS, sizes, SEEDS).double()


def frames() -> Tensor:
    return torch.randn(2, 3, FRAMES, WIDTH, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def whole(x: Tensor) -> dict[str, Tensor]:
    return {"lma/frames": x, "lma/seen": torch.ones_like(x)}


def test_the_lstm_is_torchs() -> None:
    ours, x = Lstm(WIDTH, 3, generators(SEEDS)).double(), frames()
    for seed in range(2):
        theirs = nn.LSTM(WIDTH, 3, batch_first=True, bidirectional=True).double()
        for way, end in enumerate(("", "_reverse")):
            for name, value in (("weight_ih", ours.inner), ("weight_hh", ours.before)):
                getattr(theirs, f"{name}_l0{end}").data.copy_(value[seed, way].T)
            getattr(theirs, f"bias_ih_l0{end}").data.copy_(ours.bias[seed, way, 0])
            getattr(theirs, f"bias_hh_l0{end}").data.zero_()
        torch.testing.assert_close(ours(x)[seed], theirs(x[seed])[0])


def test_the_last_frame_tells_of_two_layers() -> None:
    head, x = build(form="lstm", standardise=False).eval(), frames()
    first, second = head.memories
    wanted = second(first(x))[:, :, -1]
    assert torch.equal(head(whole(x)).embedding, wanted)


@pytest.mark.parametrize("form", ["conv1d", "statistics"])
def test_convolutions_are_a_plain_model_of_one_seed(form: str) -> None:
    head = build(form=form, standardise=False).eval()
    given = frames() if form == "conv1d" else frames()[:, :, 0]
    x = head(whole(given) if form == "conv1d" else {head.inputs[0]: given})
    assert [layer.weight.shape[1:] for layer in head.convolutions][1:] == [(512, 256, 3), (1024, 512, 3)]
    for seed in range(2):
        y = given[seed].transpose(1, 2) if form == "conv1d" else given[seed][:, None]
        for layer, padding in zip(head.convolutions, (2, 1, 1), strict=True):
            y = F.relu(F.conv1d(y, layer.weight[seed], None, padding=padding) / np.sqrt(1 + 1e-5))
        y = y.mean(2)
        for layer in head.connected.layers:
            y = F.relu((y @ layer.weight[seed] + layer.bias[seed]) / np.sqrt(1 + 1e-5))
        torch.testing.assert_close(x.logits[seed], y @ head.classifier.weight[seed] + head.classifier.bias[seed])
        torch.testing.assert_close(x.dimensions[seed], y @ head.regressor.weight[seed] + head.regressor.bias[seed])


@pytest.mark.parametrize("form", ["conv1d", "lstm"])
def test_what_is_not_seen_counts_for_nothing(form: str) -> None:
    x = frames()
    gone = whole(x.clone())
    gone["lma/frames"][:, :, 2, 0] = torch.nan
    gone["lma/seen"][:, :, 2, 0] = 0
    for training in (True, False):
        head = build(form=form).train(training)
        output = head(gone)
        assert torch.isfinite(output.logits).all()
    plain = build(form=form, standardise=False).eval()
    x[:, :, 2, 0] = 0
    assert torch.equal(plain(gone).logits, plain(whole(x)).logits)


def people(seed: int = 0, count: int = 80) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(count, WIDTH)).astype(np.float32)
    flags = (x[:, :4] + 0.3 * draw.normal(size=(count, 4)) > 0.3).astype(np.float32)
    flags[:, 3] = 0
    return x, flags, (x[:, 1:4] * 0.1 + 0.5).astype(np.float32)


def test_a_forest_says_what_scikit_learns_does() -> None:
    (x, flags, numbers), new = people(), people(1)[0]
    asked = torch.from_numpy(new).expand(2, -1, -1)
    told, measured, single = (Forest(7, 4, width, SEEDS) for width in (4, 3, 5))
    told.classify(x, flags)
    measured.regress(x, numbers)
    classes = np.digitize(x[:, 0], [-1, 0, 1]) + 1  # of five the first has nobody
    single.classify(x, classes)
    for place, seed in enumerate(SEEDS):
        forest = RandomForestClassifier(7, max_depth=4, random_state=seed).fit(x, flags)
        wanted = [shares[:, 1] if shares.shape[1] > 1 else 0 * shares[:, 0] for shares in forest.predict_proba(new)]
        np.testing.assert_allclose(told(asked)[place], np.stack(wanted, 1), atol=1e-6)
        regressor = RandomForestRegressor(7, max_depth=4, max_features=1 / 3, random_state=seed).fit(x, numbers)
        np.testing.assert_allclose(measured(asked)[place], regressor.predict(new), atol=1e-6)
        one = RandomForestClassifier(7, max_depth=4, random_state=seed).fit(x, classes)
        np.testing.assert_allclose(single(asked)[place][:, 1:], one.predict_proba(new), atol=1e-6)
        assert not single(asked)[place][:, 0].any()


def test_a_forest_is_fitted_kept_and_has_nothing_to_train() -> None:
    x, flags, numbers = people()
    numbers[::3] = np.nan
    head = build(form="forest").float()
    assert head.parameter_count() == 0
    assert head.inputs == ("lma/statistics",)
    shapes = {name: tensor.shape for name, tensor in head.state_dict().items()}
    targets = {FLAGS: torch.from_numpy(flags), DIMENSIONS: torch.from_numpy(numbers)}
    head.fit({"lma/statistics": torch.from_numpy(x)}, targets)
    assert {name: tensor.shape for name, tensor in head.state_dict().items()} == shapes
    output = head({"lma/statistics": torch.from_numpy(x).expand(2, -1, -1)})
    assert not torch.equal(output.logits[0], output.logits[1])
    torch.testing.assert_close(
        output.logits.sigmoid(), head.forests[0](torch.from_numpy(x).expand(2, -1, -1)).clamp(1e-4, 1 - 1e-4)
    )
    assert ((output.logits[0, :, 0] > 0) == (targets[FLAGS][:, 0] > 0)).float().mean() > 0.9
    assert head.terms(output, targets) == {}
    again = build(form="forest").float()
    again.load_state_dict(head.state_dict())
    assert torch.equal(again({"lma/statistics": torch.from_numpy(x).expand(2, -1, -1)}).dimensions, output.dimensions)
    one_class = build({CLASS: 3}, form="forest").float()
    one_class.fit({"lma/statistics": torch.from_numpy(x)}, {CLASS: torch.arange(80) % 3})
    shares = one_class({"lma/statistics": torch.from_numpy(x).expand(2, -1, -1)}).logits.softmax(2)
    assert (shares.argmax(2)[0] == torch.arange(80) % 3).float().mean() > 0.6


def test_what_it_cannot_be_is_one_line() -> None:
    with pytest.raises(ConfigError, match="form: input should be 'conv1d', 'lstm', 'statistics' or 'forest'"):
        build(form="svm")
    with pytest.raises(ConfigError, match="embedding_weight would change nothing"):
        build(form="forest", embedding_weight=0.4)
    settings: Any = recipe(Model, Protocol, FEW, "test")
    with pytest.raises(ConfigError, match=r"^lma/frames: a row is 7; form = conv1d takes frames, \(T, d\)$"):
        Model(settings, {"lma/frames": 7}, SIZES, SEEDS)
