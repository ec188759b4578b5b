"""A file is a plug-in: listed without an import, loaded by its name only."""

import sys
from pathlib import Path

import pytest

from cache.errors import UnknownName, nearest
from cache.plugins import configs, load, names


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "some_heads"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "triplet.py").write_text("Model = 'the triplet head'")
    (folder / "heavy.py").write_text("raise RuntimeError('was imported')")
    (folder / "_private.py").touch()
    (folder / "configs").mkdir()
    (folder / "configs" / "b.toml").touch()
    (folder / "configs" / "a.toml").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    return "some_heads"


def test_names_are_files_and_nothing_is_imported(package: str) -> None:
    assert names(package) == ["heavy", "triplet"]
    assert f"{package}.heavy" not in sys.modules


def test_loads_the_attribute(package: str) -> None:
    assert load(package, "triplet", "Model") == "the triplet head"


@pytest.mark.parametrize("name", ["tripplet", "Triplet"])
def test_an_unknown_name_gets_the_nearest(package: str, name: str) -> None:
    with pytest.raises(UnknownName) as error:
        load(package, name, "Model")
    assert str(error.value) == f"no some_head {name!r}. Did you mean 'triplet'? Known: heavy, triplet."


@pytest.mark.parametrize("name", ["_private", "os", "..os", "__init__", "configs", "", "triplet.Model"])
def test_only_listed_names_are_imported(package: str, name: str) -> None:
    with pytest.raises(UnknownName):
        load(package, name, "Model")


@pytest.mark.parametrize(
    ("package", "kind"), [("pipeline.datasets", "dataset"), ("pipeline.stages", "stage"), ("heads.models", "head")]
)
def test_the_kind_is_the_word_users_know(package: str, kind: str) -> None:
    with pytest.raises(UnknownName, match=f"^no {kind} 'nonesuch'"):
        load(package, "nonesuch", "Model")


def test_configs_by_stem(package: str) -> None:
    assert list(configs(package)) == ["a", "b"]


def test_nearest_of_nothing() -> None:
    assert nearest("x", []) == " Known: none."
    assert nearest("emotik", ["heco", "emotic"]) == " Did you mean 'emotic'? Known: emotic, heco."
