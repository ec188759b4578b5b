"""Joining inside the root only, on paper (inside) and on the disk (resolve)."""

import os
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.errors import DataError
from cache.spec import Status
from pipeline.decoding.images import ImageError
from pipeline.decoding.paths import inside, refused, resolve

ROOT = Path("/data/emotic")
ESCAPES = ["..", "../x", "a/../../x", "/etc/passwd", "//etc/passwd", "", ".", "a/..", "x\0.jpg", "\ud800.jpg"]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("mscoco/images/x.jpg", "mscoco/images/x.jpg"),
        ("a//b/./c.jpg", "a/b/c.jpg"),
        ("a/../b.jpg", "b.jpg"),
        ("a b\n☃.jpg", "a b\n☃.jpg"),
        ("..x/...", "..x/..."),
    ],
)
def test_normalises(path: str, key: str) -> None:
    assert inside(ROOT, path) == key


@pytest.mark.parametrize("path", ESCAPES)
def test_refuses_escapes_in_one_line(path: str) -> None:
    with pytest.raises(DataError) as error:
        inside(ROOT, path)
    assert len(str(error.value).splitlines()) == 1


@given(st.lists(st.sampled_from(["..", ".", "", "a", "b c", "x.jpg"]), max_size=8).map("/".join))
def test_agrees_with_walking_the_parts(path: str) -> None:
    """Independent: step through the parts and watch the depth."""
    stack: list[str] = []
    escaped = path.startswith("/")
    for part in PurePosixPath(path).parts:
        if part == "..":
            escaped |= not stack
            stack = stack[:-1]
        else:
            stack.append(part)
    if escaped or not stack:
        with pytest.raises(DataError):
            inside(ROOT, path)
    else:
        assert inside(ROOT, path) == "/".join(stack)


@pytest.mark.parametrize("path", ESCAPES)
def test_a_refused_path_gives_a_key_that_is_refused_again(tmp_path: Path, path: str) -> None:
    key = refused(path)
    assert inside(tmp_path, key) == key
    assert "/" not in key
    assert status_of(tmp_path, f"emotic/{key}") is Status.OUTSIDE_ROOT


def status_of(root: Path, relative: str) -> Status:
    with pytest.raises(ImageError) as error:
        resolve(root, relative)
    assert str(error.value).startswith(f"{root / relative}: ")
    return error.value.status


def test_resolves_files_present_or_not(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").touch()
    assert resolve(tmp_path, "x.jpg") == Path(os.path.realpath(tmp_path)) / "x.jpg"
    assert resolve(tmp_path, "absent/y.jpg").name == "y.jpg"


@pytest.mark.parametrize("path", ["../x.jpg", "/etc/passwd"])
def test_resolve_refuses_escapes(tmp_path: Path, path: str) -> None:
    with pytest.raises(ImageError) as error:
        resolve(tmp_path, path)
    assert error.value.status is Status.OUTSIDE_ROOT


def test_links_may_stay_inside_but_not_lead_out(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "root-2"
    root.mkdir()
    outside.mkdir()
    (outside / "secret.jpg").touch()
    (root / "x.jpg").touch()
    (root / "same.jpg").symlink_to("x.jpg")
    (root / "file.jpg").symlink_to(outside / "secret.jpg")
    (root / "folder").symlink_to(outside)
    (root / "up.jpg").symlink_to("../root-2/secret.jpg")
    (root / "loop.jpg").symlink_to("loop.jpg")
    assert resolve(root, "same.jpg").name == "x.jpg"
    for path in ("file.jpg", "folder/secret.jpg", "up.jpg"):
        assert status_of(root, path) is Status.OUTSIDE_ROOT
    assert resolve(root, "loop.jpg").name == "loop.jpg"  # opening it fails, and says so


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "x.jpg").touch()
    (tmp_path / "root").symlink_to("disk")
    assert resolve(tmp_path / "root", "x.jpg").name == "x.jpg"


def test_a_relative_root_is_the_one_of_the_folder_that_one_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook may change its folder between two data sets of the same name."""
    for name in ("first", "second"):
        (file := tmp_path / name / "photos" / "a.jpg").parent.mkdir(parents=True)
        file.touch()
        monkeypatch.chdir(tmp_path / name)
        assert resolve(Path("photos"), "a.jpg") == file
