"""The table of weights against the names, hashes and addresses that others publish."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from cache.errors import ConfigError, UnknownName
from pipeline.weights.catalogue import _ENTRIES, WEIGHTS, find
from pipeline.weights.origins import Weight, torchvision_weights


@pytest.mark.parametrize("entry", _ENTRIES, ids=lambda entry: entry.name)
def test_every_entry_says_where_from_and_under_which_licence(entry: Weight) -> None:
    assert WEIGHTS[entry.name] is entry, "two entries of one name"
    assert re.fullmatch("(?:[a-z]+/)?[A-Za-z0-9][A-Za-z0-9_.-]*", entry.name)
    assert entry.licence.strip()
    assert entry.source.strip()
    assert entry.bundled != bool(entry.url)
    assert all(file == Path(file).name and not file.startswith(".") for file in entry.files)
    assert re.fullmatch("(?:[0-9a-f]{8,64})?", entry.sha256)


@pytest.mark.parametrize("entry", [one for one in _ENTRIES if one.url], ids=lambda entry: entry.name)
def test_every_address_is_that_of_the_file_and_its_hash_the_one_in_its_name(entry: Weight) -> None:
    (file,) = entry.files
    plain = "http://places2.csail.mit.edu/"  # as published: its host has had no valid certificate
    assert entry.url.startswith(("https://", "pip:", plain))
    generic = entry.url.startswith("https://huggingface.co/") and file.endswith(Path(entry.url).suffix)
    assert unquote(entry.url).endswith(f"/{file}") or generic
    for digits in re.findall(r"-(?!2023\d{4}\.)([0-9a-f]{8,64})(?:_\d{8})?\.pth$", file):  # a date is no hash
        assert entry.sha256[: len(digits)] == digits[: len(entry.sha256)]
        assert entry.sha256
    others = {one.url for one in _ENTRIES if one.files == entry.files}
    assert others == {entry.url}, "two files of one name"


@pytest.fixture(scope="module")
def torchvisions() -> dict[str, Any]:
    """Name -> torchvision's own entry, by importing it."""
    from torchvision.models import get_model_builder, get_model_weights, list_models

    found = {}
    for model in list_models():
        if get_model_builder(model).__module__.count(".") == 2:
            enum = get_model_weights(model)
            found[model] = enum["IMAGENET1K_V1"] if "IMAGENET1K_V1" in enum.__members__ else enum.DEFAULT
            found |= {f"{model}.{entry}": value for entry, value in enum.__members__.items() if entry != "DEFAULT"}
    return found


def test_torchvisions_names_are_read_as_torchvision_reads_them(torchvisions: dict[str, Any]) -> None:
    """Every classifier, without importing torchvision here, against torchvision's own tables."""
    ours = torchvision_weights()
    assert ours.keys() == torchvisions.keys()
    assert len(ours) > 150
    for name, theirs in torchvisions.items():
        weight = ours[name]
        assert (weight.name, weight.url, weight.megabytes) == (name, theirs.url, theirs.meta["_file_size"])
        assert (weight.licence == "CC-BY-NC-4.0") == ("SWAG/blob/main/LICENSE" in theirs.meta.get("license", ""))
        assert weight.url.endswith(f"-{weight.sha256}.pth")
        assert weight.url.endswith(f"/{weight.file}")


def test_the_table_agrees_with_torchvision() -> None:
    from torchvision.models import get_model_weights, list_models

    theirs = {entry.url for model in list_models() for entry in get_model_weights(model)}
    ours = {one.url for one in WEIGHTS.values() if one.source.startswith("torchvision")}
    assert ours
    assert ours <= theirs


@pytest.mark.parametrize("name", ["file:../a.pth", "file:/etc/passwd", "file:", "file:a/../..", "file:a\0b"])
def test_a_file_of_ones_own_lies_in_the_folder(name: str) -> None:
    with pytest.raises(ConfigError, match=r"^weights 'file:[^\n]*$"):
        find(name)


@pytest.mark.parametrize("name", ["timm/", "timm/../x", "timm/a/b", "timm/.x", "timm/a?b"])
def test_a_timm_model_is_one_word(name: str) -> None:
    with pytest.raises(ConfigError, match=r"timm/<model> is wanted, as in timm/resnet50\.a1_in1k"):
        find(name)


@pytest.mark.parametrize(
    ("name", "near"), [("resnet_50", "resnet50"), ("convnext_tinny", "convnext_tiny"), ("mtcn", "mtcnn")]
)
def test_an_unknown_name_gets_the_nearest(name: str, near: str) -> None:
    with pytest.raises(UnknownName, match=rf"no weights '{name}'\. Did you mean '{near}'\? Known: .*timm/<model>"):
        find(name)


@pytest.mark.parametrize("entry", [one for one in _ENTRIES if one.url.startswith("pip:")], ids=lambda entry: entry.name)
def test_a_file_of_a_package_is_known_whole(entry: Weight) -> None:
    """pip vouches for the wheel alone: version, size and the whole hash are here."""
    assert re.fullmatch(r"pip:[a-z0-9-]+==\d+(\.\d+)+/[A-Za-z0-9_./-]+", entry.url)
    assert len(entry.sha256) == 64
    assert (entry.megabytes * (1 << 20)).is_integer()
    assert 100_000 < entry.megabytes * (1 << 20) < 20_000_000
