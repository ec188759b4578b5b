"""hrnet_maps against mmpose's HRNet on one checkpoint; what is stored, and that a row is read alone."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from cache.errors import ConfigError, UnknownName, WeightsError
from cache.shard import Rows, Shard, write
from cache.spec import Status
from pipeline.decoding import images
from pipeline.networks import openmmlab
from pipeline.running.recipes import stage_of
from pipeline.stage import Photo
from pipeline.stages.hrnet_maps import BRANCHES, Extractor
from pipeline.weights.checkpoints import initialise
from pipeline.weights.folder import Weights

REAL = Path(__file__).parents[4] / "shared" / "real" / "photos"
SMALL = {"model": "hrnet_w18_small_v2", "size": (64, 96)}
RNG = np.random.default_rng(6)
PHOTOS = [
    Photo(
        f"{k}.jpg",
        Image.fromarray(RNG.integers(0, 256, (7, 9, 3)).astype(np.uint8)).resize((120, 80)),
        np.zeros((0, 4)),
    )
    for k in range(2)
]


def by_mmpose() -> nn.Module:
    """The same network from the other library: HRNet-W18 "small v2" as its authors' table gives it."""

    def stage(modules: int, block: str, branches: int, channels: tuple[int, ...]) -> dict[str, Any]:
        blocks = (2,) * branches
        return {
            "num_modules": modules,
            "num_branches": branches,
            "block": block,
            "num_blocks": blocks,
            "num_channels": channels,
        }

    widths = (18, 36, 72, 144)
    extra = {"stage1": stage(1, "BOTTLENECK", 1, (64,)), "stage2": stage(1, "BASIC", 2, widths[:2])}
    extra |= {"stage3": stage(3, "BASIC", 3, widths[:3]), "stage4": stage(2, "BASIC", 4, widths)}
    extra["stage4"]["multiscale_output"] = True
    return openmmlab._build("mmpose", {"type": "HRNet", "in_channels": 3, "extra": extra})


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Path]:
    """A detector's checkpoint as OpenMMLab writes it: the backbone and a neck."""
    network = by_mmpose()
    initialise(network, "teacher")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):  # so that a statistic in a wrong place is seen
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 2)
    state = {f"backbone.{name}": value for name, value in network.state_dict().items()}
    state |= {"neck.lateral.conv.weight": torch.zeros(3), "rpn_head.conv1.bias": torch.zeros(1)}
    folder = tmp_path_factory.mktemp("weights")
    torch.save({"state_dict": state, "meta": {"epoch": 3}}, folder / "teacher.pth")
    network.eval()  # of mmengine, whose eval returns nothing
    return network, folder


@pytest.fixture(scope="module")
def stage(teacher: tuple[nn.Module, Path]) -> Extractor:
    stage = Extractor(Extractor.Config(**SMALL, weights="file:teacher.pth"))
    stage.load("cpu", Weights(teacher[1]))
    return stage


def test_maps_are_those_of_the_other_library(stage: Extractor, teacher: tuple[nn.Module, Path]) -> None:
    found = stage.extract([item for photo in PHOTOS for item in stage.prepare(photo)])
    assert found.status.tolist() == [Status.OK] * 2
    for row, photo in enumerate(PHOTOS):
        pixels = np.asarray(photo.image.resize((96, 64), Image.Resampling.BILINEAR), dtype=np.float64)
        values = (pixels - [123.675, 116.28, 103.53]) / [58.395, 57.12, 57.375]
        with torch.inference_mode():
            maps = teacher[0](torch.from_numpy(values).permute(2, 0, 1)[None].float())
        assert len(maps) == 4
        for branch, wanted in zip(BRANCHES, maps, strict=True):
            assert wanted.std() > 0.1
            np.testing.assert_allclose(found.arrays[branch][row], wanted[0].numpy(), rtol=2e-3, atol=2e-3)
            assert (found.arrays[branch] >= 0).all()


def test_shapes_of_the_papers_network() -> None:
    """Section 3.1: 1/4, 1/8, 1/16 and 1/32 of the input, C, 2C, 4C and 8C channels, C = 32, 512 x 512."""
    stage = Extractor(Extractor.Config())
    shapes = {name: spec.shape for name, spec in stage.outputs.items()}
    assert shapes == {"c4": (32, 128, 128), "c8": (64, 64, 64), "c16": (128, 32, 32), "c32": (256, 16, 16)}
    assert all((spec.dtype, spec.compressed) == ("float16", True) for spec in stage.outputs.values())
    assert stage.weights == ("timm/hrnet_w32.ms_in1k",)


def test_branches_are_kept_as_wanted(stage: Extractor, teacher: tuple[nn.Module, Path]) -> None:
    some = Extractor(Extractor.Config(**SMALL, weights="file:teacher.pth", branches=("c32", "c8")))
    assert list(some.outputs) == ["c8", "c32"]
    some.load("cpu", Weights(teacher[1]))
    items = [item for photo in PHOTOS for item in some.prepare(photo)]
    found, whole = some.extract(items), stage.extract(items)
    assert set(found.arrays) == {"c8", "c32"}
    np.testing.assert_array_equal(found.arrays["c32"], whole.arrays["c32"])


def test_they_lie_compressed_and_a_row_is_read_alone(stage: Extractor, tmp_path: Path) -> None:
    found = stage.extract([item for photo in PHOTOS for item in stage.prepare(photo)])
    rows = Rows(["0.jpg", "1.jpg"], found.status, found.messages, found.arrays)
    write(tmp_path / "x.h5", "f", "s", stage.outputs, rows)
    np.testing.assert_array_equal(Shard(tmp_path / "x.h5").array("c4")[1], found.arrays["c4"][1])
    with h5py.File(tmp_path / "x.h5") as file:
        np.testing.assert_array_equal(file["c16"][:], found.arrays["c16"])
        assert file["c16"].id.get_storage_size() < 0.9 * found.arrays["c16"].nbytes


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    """A pose estimator's HRNet has no maps but the largest at its end."""
    network = by_mmpose()
    state = {
        name: value for name, value in network.state_dict().items() if not name.startswith("stage4.1.fuse_layers.3")
    }
    torch.save(state, tmp_path / "pose.pth")
    stage = Extractor(Extractor.Config(**SMALL, weights="file:pose.pth"))
    with pytest.raises(WeightsError, match=r"stage4\.1\.fuse_layers\.3.* is not in the file"):
        stage.load("cpu", Weights(tmp_path))
    wider = Extractor(Extractor.Config(model="hrnet_w18_small", size=(64, 64), weights="file:pose.pth"))
    with pytest.raises(WeightsError, match="in the network"):
        wider.load("cpu", Weights(tmp_path))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"size": [500, 512]}, "multiples of 32"),
        ({"branches": []}, "at least one branch"),
        ({"branches": ["c4", "c4"]}, "each once"),
        ({"branches": ["c64"]}, "c64"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        stage_of("hrnet_maps", settings)


def test_unknown_model() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'hrnet_w32'"):
        Extractor(Extractor.Config(model="hrnet_w23"))


@pytest.mark.skipif(not REAL.is_dir(), reason="the real photographs are not here")
def test_real_photographs(stage: Extractor) -> None:
    photos = [Photo(path.name, images.decode(path), np.zeros((0, 4))) for path in sorted(REAL.glob("*.jpg"))]
    found = stage.extract([item for photo in photos for item in stage.prepare(photo)])
    assert found.status.tolist() == [Status.OK] * len(photos)
    flat = found.arrays["c32"].reshape(len(photos), -1).astype(float)
    assert (np.abs(flat[1:] - flat[:-1]).max(axis=1) > 0.01).all()


def test_a_cut_is_stored_and_where_there_is_none_nothing_is() -> None:
    """Features that are there keep their fingerprints."""
    config = Extractor.Config(cut="stage3")
    assert "branches" not in config.model_dump()
    assert Extractor.Config(**config.model_dump()) == config
    assert "cut" not in Extractor.Config().model_dump()
    with pytest.raises(ConfigError, match=r"cut = 'stage3' is for hrnet_w18_small, .*, not hrnet_w18_small_v2"):
        Extractor(Extractor.Config(model="hrnet_w18_small_v2", cut="stage3"))
    with pytest.raises(ConfigError, match="branches are not kept where the network is cut: leave them, largest and"):
        Extractor(Extractor.Config(cut="stage3", branches=("c4",)))
