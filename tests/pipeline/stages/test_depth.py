"""depth against transformers: its own image processor, its own reading of the published file, its own network."""

import math
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from cache.errors import ConfigError, WeightsError
from cache.spec import Status
from pipeline.decoding.images import decode
from pipeline.stage import Photo
from pipeline.stages import depth
from pipeline.stages.depth import Extractor, build, kept_aspect
from pipeline.weights import catalogue as weights_module
from pipeline.weights.folder import Weights
from pipeline.weights.origins import Weight

transformers = pytest.importorskip("transformers", reason="the extra depth is not installed")
PHOTOS = Path(__file__).parents[4] / "shared" / "real" / "photos"
SIZE = 112
NOBODY = np.zeros((0, 4), np.float32)


@pytest.fixture(scope="module", autouse=True)
def offline() -> Iterator[None]:
    """Whoever asks for an address fails; two threads."""

    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    threads = torch.get_num_threads()
    torch.set_num_threads(min(threads, 2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", refuse)
        patch.setattr(socket.socket, "connect", refuse)
        yield
    torch.set_num_threads(threads)


def photo(seed: int, width: int, height: int) -> Photo:
    rough = np.random.default_rng(seed).integers(0, 256, (7, 9, 3)).astype(np.uint8)
    return Photo(f"{seed}.jpg", Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC), NOBODY)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as on the hub: config.json and model.safetensors, with other numbers in it."""
    folder = tmp_path_factory.mktemp("hub")
    torch.manual_seed(3)
    network = build()
    for name, tensor in network.state_dict().items():
        if tensor.dim() == 1:
            tensor.uniform_(0.2, 0.6) if name.endswith("weight") or "lambda" in name else tensor.normal_(0, 0.2)
        else:
            tensor.normal_(0, 0.06 if "backbone" in name else math.sqrt(2 / tensor[0].numel()))
    network.head.conv3.weight.data.abs_()
    network.head.conv3.bias.data.fill_(0.1)
    network.save_pretrained(folder)
    return folder


@pytest.fixture
def weights(published: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    monkeypatch.setitem(
        weights_module.WEIGHTS, "made", Weight("made", ("model.safetensors",), "", "", "Apache-2.0", "")
    )
    return Weights(published)


def loaded(source: Weights, **settings: Any) -> Extractor:
    stage = Extractor(Extractor.Config(**{"size": SIZE, "weights": "made"} | settings))
    stage.load("cpu", source)
    return stage


def by_cells(whole: np.ndarray) -> np.ndarray:
    """(56, 56) of (h, w): the mean of all pixels that a cell touches."""
    height, width = whole.shape
    out = np.zeros((56, 56))
    for i in range(56):
        for j in range(56):
            rows = slice(i * height // 56, math.ceil((i + 1) * height / 56))
            columns = slice(j * width // 56, math.ceil((j + 1) * width / 56))
            out[i, j] = whole[rows, columns].mean()
    return out


@pytest.mark.parametrize("aspect", ["keep", "stretch"])
def test_as_transformers_does_it(weights: Weights, published: Path, aspect: str) -> None:
    reference = transformers.DepthAnythingForDepthEstimation.from_pretrained(published, local_files_only=True).eval()
    prepare = transformers.DPTImageProcessorPil(
        size={"height": SIZE, "width": SIZE}, keep_aspect_ratio=aspect == "keep", ensure_multiple_of=14,
        image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225],
    )  # fmt: skip
    photos = [photo(1, 160, 120), photo(2, 60, 90), photo(3, 160, 120)]
    stage = loaded(weights, aspect=aspect)
    found = stage.extract([item for one in photos for item in stage.prepare(one)])
    assert found.status.tolist() == [Status.OK] * 3
    for row, one in enumerate(photos):
        with torch.inference_mode():
            whole = reference(**prepare(one.image, return_tensors="pt")).predicted_depth[0].numpy()
        square = whole.shape == (SIZE, SIZE)
        assert square == (aspect == "stretch")
        wanted = by_cells(whole)
        assert wanted.std() > 0.01 * wanted.mean() > 0
        np.testing.assert_allclose(found.arrays["map"][row], wanted, rtol=5e-3, atol=5e-3 * wanted.std())


def test_threads_do_not_disturb_each_other(weights: Weights) -> None:
    """Several batches run at once; transformers collects hidden states beside the forward pass."""
    stage = loaded(weights, size=56)
    items = [stage.prepare(photo(seed, 60 + 20 * seed, 80))[0] for seed in range(8)]
    wanted = [stage.extract([item]).arrays["map"] for item in items]
    with ThreadPoolExecutor(4) as pool:
        for found, one in zip(pool.map(lambda item: stage.extract([item]), items * 3), wanted * 3, strict=True):
            np.testing.assert_allclose(found.arrays["map"], one, rtol=1e-3)


def test_files_with_the_names_of_either_version(weights: Weights, published: Path, tmp_path: Path) -> None:
    old, network = load_file(published / "model.safetensors"), build()
    new = {depth.renamed(name): tensor for name, tensor in old.items()}
    assert any(".attention.attention.query." in name for name in old)
    assert any(".attention.q_proj." in name for name in new)
    for tensors in (old, new):
        save_file(tensors, tmp_path / "model.safetensors")
        for parameter in network.parameters():
            parameter.data.zero_()
        depth.fill(network, Weights(tmp_path), "made")
        state = network.state_dict()
        for name, tensor in old.items():
            assert torch.equal(state[name] if name in state else state[depth.renamed(name)], tensor)
    save_file(
        {name: tensor for name, tensor in old.items() if "head.conv1" not in name}, tmp_path / "model.safetensors"
    )
    with pytest.raises(WeightsError, match=r"head\.conv1\.weight \(32, 64, 3, 3\) is not in the file"):
        depth.fill(network, Weights(tmp_path), "made")


def test_sizes_are_those_of_transformers() -> None:
    from transformers.models.dpt.image_processing_pil_dpt import get_resize_output_image_size

    rng = np.random.default_rng(1)
    for width, height in rng.integers(1, 3000, (300, 2)).tolist():
        wanted = get_resize_output_image_size(np.empty((3, height, width), np.uint8), (518, 518), True, 14)
        high, wide = kept_aspect(width, height, 518)
        assert (high, wide) == tuple(min(max(side, 14), 4 * 518) for side in (wanted.height, wanted.width))
    assert kept_aspect(640, 480, 518) == (518, 686)
    assert kept_aspect(60_000, 1_000, 518) == (518, 2072)
    assert kept_aspect(1, 5_000, 518) == (518, 14)


def test_without_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ConfigError) as caught:
        loaded(Weights(Path("none"), untrained=True))
    told = "the stage depth needs transformers, which is not installed here: pip install 'affect-cache[depth]'"
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)


def test_settings() -> None:
    for settings, told in (({"size": 100}, "multiple of 14"), ({"size": 14}, "28"), ({"aspect": "crop"}, "keep")):
        with pytest.raises(ValidationError, match=told):
            Extractor.Config(**settings)
    assert Extractor(Extractor.Config()).outputs["map"].shape == (56, 56)


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the photographs in ../shared are not here")
def test_real_photographs() -> None:
    """Untrained: every photograph has a map of its own, finite and not flat."""
    stage = loaded(Weights(Path("none"), untrained=True), weights="depth_anything_v2_small")
    photos = [Photo(path.name, decode(path), NOBODY) for path in sorted(PHOTOS.glob("*.*g"))]
    found = stage.extract([item for one in photos for item in stage.prepare(one)])
    assert found.status.tolist() == [Status.OK] * len(photos)
    assert np.isfinite(found.arrays["map"]).all()
    assert (found.arrays["map"].astype(float).std((1, 2)) > 0).all()
    assert len(np.unique(found.arrays["map"], axis=0)) == len(photos) >= 4
