"""The demo's reader makes the scenes once and then is EMOTIC's."""

from pathlib import Path

import pytest

from cache.errors import DataError
from pipeline.datasets import demo, emotic


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "demo"
    demo.Reader(folder, scenes=12).prepare()
    return folder


def test_makes_the_scenes_once(root: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    demo.Reader(root, scenes=12).prepare()
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_reads_through_emotics_reader(root: Path) -> None:
    ours, theirs = demo.Reader(root).read("s"), emotic.Reader(root).read("s")
    assert (ours.dataset, ours.release) == ("demo", "demo, 12 scenes")
    assert ours.keys == theirs.keys
    assert (ours.categories == theirs.categories).all()


def test_refuses_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(DataError, match="is there already and not empty"):
        demo.Reader(tmp_path, scenes=12).prepare()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_without_prepare_the_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Annotations/Annotations\.mat: no such file"):
        demo.Reader(tmp_path / "absent").annotation_files()
