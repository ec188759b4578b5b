"""scene against Places365's network written out layer by layer, on a checkpoint in the form of the published one."""

import hashlib
import json
from pathlib import Path

import numpy as np
import old_checkpoint
import pytest
import torch
import torchvision
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as T

from cache.errors import WeightsError
from cache.spec import Status
from pipeline.decoding.images import decode
from pipeline.stage import Photo
from pipeline.stages._places365 import INDOOR, SCENES, network
from pipeline.stages.scene import Extractor, indoor
from pipeline.weights.catalogue import WEIGHTS
from pipeline.weights.folder import Weights

PHOTOS = Path(__file__).parents[4] / "shared" / "real" / "photos"
SIZE = (64, 96)
NOBODY = np.zeros((0, 4), np.float32)
RNG = np.random.default_rng(4)
IMAGE = Image.fromarray(RNG.integers(0, 256, (6, 5, 3)).astype(np.uint8)).resize((120, 90), Image.Resampling.BICUBIC)
FILES = {name: WEIGHTS[name].file for name in ("wideresnet18_places365", "places365_attributes")}


def random_state() -> dict[str, Tensor]:
    """A state in which every tensor, running statistics too, matters."""
    torch.manual_seed(0)
    state = torchvision.models.resnet18(num_classes=365).state_dict()
    for name, tensor in state.items():
        if name.endswith(("running_mean", "bias")):
            tensor.normal_(0, 0.2)
        elif tensor.dim() == 1:
            tensor.uniform_(0.5, 1.5)
    return state


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return random_state()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, state: dict[str, Tensor]) -> Path:
    path = tmp_path_factory.mktemp("weights") / FILES["wideresnet18_places365"]
    old_checkpoint.save(path, state)
    return path


@pytest.fixture
def folder(tmp_path: Path, checkpoint: Path) -> Path:
    """The two published files, with other numbers in them."""
    (tmp_path / checkpoint.name).symlink_to(checkpoint)
    np.save(tmp_path / FILES["places365_attributes"], np.random.default_rng(5).normal(0, 0.3, (102, 512)))
    return tmp_path


def loaded(weights: Weights, size: tuple[int, int] = SIZE) -> Extractor:
    stage = Extractor(Extractor.Config(size=size))
    stage.load("cpu", weights)
    return stage


def reference_map(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """The last map (1, 512, h / 16, w / 16), written after the public wideresnet.py: no pooling after the stem."""

    def norm(x: Tensor, name: str) -> Tensor:
        weight, bias, mean, var = (state[f"{name}.{part}"].double().view(-1, 1, 1) for part in
                                   ("weight", "bias", "running_mean", "running_var"))  # fmt: skip
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    def convolve(x: Tensor, name: str, stride: int, padding: int) -> Tensor:
        return F.conv2d(x, state[f"{name}.weight"].double(), stride=stride, padding=padding)

    x = norm(convolve(x.double(), "conv1", 2, 3), "bn1").clamp(min=0)
    for layer in range(1, 5):
        for block in range(2):
            name, stride = f"layer{layer}.{block}", 2 if layer > 1 and block == 0 else 1
            out = norm(convolve(x, f"{name}.conv1", stride, 1), f"{name}.bn1").clamp(min=0)
            out = norm(convolve(out, f"{name}.conv2", 1, 1), f"{name}.bn2")
            if f"{name}.downsample.0.weight" in state:
                x = norm(convolve(x, f"{name}.downsample.0", stride, 0), f"{name}.downsample.1")
            x = (out + x).clamp(min=0)
    return x


def test_a_row_is_what_the_layers_say(folder: Path, state: dict[str, Tensor]) -> None:
    stage = loaded(Weights(folder))
    found = stage.extract(stage.prepare(Photo("a", IMAGE, NOBODY)))
    assert found.status.tolist() == [Status.OK]
    pixels = T.resize(torch.from_numpy(np.array(IMAGE)).permute(2, 0, 1), list(SIZE), antialias=True)
    x = T.normalize(pixels[None] / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    last = reference_map(state, x)
    assert last.shape == (1, 512, SIZE[0] // 16, SIZE[1] // 16)
    pooled = last.mean((2, 3))[0].numpy()
    logits = state["fc.weight"].double().numpy() @ pooled + state["fc.bias"].double().numpy()
    assert (state["fc.weight"] < 0).any(), "the demo's clipping of negative weights would change the scores"
    raw = np.load(folder / FILES["places365_attributes"]) @ pooled
    arrays = found.arrays
    np.testing.assert_allclose(arrays["pooled"][0], pooled, rtol=0.01, atol=0.01 * pooled.max())
    np.testing.assert_allclose(arrays["scores"][0], np.exp(logits) / np.exp(logits).sum(), rtol=0.03, atol=1e-5)
    np.testing.assert_allclose(arrays["attributes"][0], raw, rtol=0.02, atol=0.02 * np.abs(raw).max())
    share = np.exp(raw - raw.max()) / np.exp(raw - raw.max()).sum()
    np.testing.assert_allclose(arrays["attributes_softmax"][0], share, rtol=0.1, atol=5e-3)
    ten = sorted(range(365), key=lambda index: -logits[index])[:10]
    assert arrays["indoor"][0] == pytest.approx(sum(INDOOR[index] for index in ten) / 10)


def test_the_last_map_is_14_by_14(folder: Path) -> None:
    made = network(Weights(folder)).eval()
    with torch.inference_mode():
        x = torch.zeros(1, 3, 224, 224)
        for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"):
            x = getattr(made, name)(x)
    assert x.shape == (1, 512, 14, 14)


def test_the_published_form_is_read_as_it_is(folder: Path, state: dict[str, Tensor]) -> None:
    """Python 2's byte strings, a GPU's storages, `module.`, what training kept beside: nothing of it is in the way."""
    data = (folder / FILES["wideresnet18_places365"]).read_bytes()
    assert b"U\x0cwideresnet18" in data
    assert b"_rebuild_tensor\n" in data
    assert b"cuda:0" in data
    made = network(Weights(folder)).state_dict()
    for name, tensor in state.items():
        if "num_batches" not in name:
            torch.testing.assert_close(made[name], tensor, rtol=0, atol=0)


def test_names_are_those_of_the_published_file() -> None:
    """Its md5 stands in torchvision's reader of Places365."""
    text = "\n".join(f"/{name[0]}/{name} {index}" for index, name in enumerate(SCENES))
    _, md5 = torchvision.datasets.Places365._CATEGORIES_META
    assert hashlib.md5(text.encode()).hexdigest() == md5
    assert len(INDOOR) == 365
    for name, inside in zip(SCENES, INDOOR, strict=True):
        assert "/indoor" not in name or inside
        assert "/outdoor" not in name or not inside
    assert INDOOR[SCENES.index("kitchen")]
    assert not INDOOR[SCENES.index("beach")]


def test_indoor_counts_the_ten_likeliest() -> None:
    scores = np.zeros((2, 365))
    inside = np.flatnonzero(INDOOR)
    outside = np.flatnonzero(~np.array(INDOOR))
    scores[0, [*inside[:7], *outside[-3:]]] = 0.1
    scores[1, [*outside[:9], inside[-1]]] = np.linspace(0.9, 0.1, 10)
    assert indoor(scores).tolist() == pytest.approx([0.7, 0.1])


def refusal(folder: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        loaded(Weights(folder))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_faults_in_the_files(folder: Path) -> None:
    matrix = folder / FILES["places365_attributes"]
    np.save(matrix, np.zeros((512, 102)))
    assert "weight is (512, 102) in the file, (102, 512) in the network" in refusal(folder)
    np.save(matrix, np.full((102, 512), np.nan))
    assert "numbers that are not finite" in refusal(folder)
    np.save(matrix, np.zeros((102, 512), int))
    assert "holds int64" in refusal(folder)
    np.save(matrix, np.array([{}]), allow_pickle=True)
    assert "not a NumPy array" in refusal(folder)
    matrix.write_bytes(matrix.read_bytes()[:20])
    assert "not a NumPy array" in refusal(folder)
    matrix.unlink()
    assert "W_sceneattribute_wideresnet18.npy is absent" in refusal(folder)


def test_a_row_in_words(folder: Path) -> None:
    row = {
        "scores": np.zeros(365, np.float16),
        "attributes": np.arange(102, dtype=np.float16),
        "indoor": np.float32(0.6),
    }
    row["scores"][[SCENES.index("kitchen"), SCENES.index("pantry")]] = 0.75, 0.25
    said = loaded(Weights(folder)).describe(row)
    assert list(said["scenes"].items())[:2] == [("kitchen", 0.75), ("pantry", 0.25)]
    assert len(said["scenes"]) == 5
    assert said["place"] == "indoors"
    assert "attributes" not in said
    (folder / "labels_sunattribute.txt").write_text("".join(f"name {index}\n" for index in range(102)))
    said = loaded(Weights(folder)).describe(row)
    assert said["attributes"] == [f"name {index}" for index in range(101, 92, -1)]
    assert json.loads(json.dumps(said)) == said
    (folder / "labels_sunattribute.txt").write_text("one\ntwo\n")
    assert "holds 2 names, 102 are wanted" in refusal(folder)


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the photographs in ../shared are not here")
def test_real_photographs() -> None:
    """Untrained: every value is finite, probabilities add up to one, and each photograph has its own row."""
    stage = loaded(Weights(Path("none"), untrained=True), (112, 112))
    photos = [Photo(path.name, decode(path), NOBODY) for path in sorted(PHOTOS.glob("*.*g"))]
    assert len(photos) >= 4
    found = stage.extract([item for photo in photos for item in stage.prepare(photo)])
    assert found.status.tolist() == [Status.OK] * len(photos)
    for name in ("scores", "attributes_softmax"):
        np.testing.assert_allclose(found.arrays[name].astype(float).sum(1), 1, atol=0.01)
    assert ((found.arrays["indoor"] >= 0) & (found.arrays["indoor"] <= 1)).all()
    assert len(np.unique(found.arrays["pooled"], axis=0)) == len(photos)
