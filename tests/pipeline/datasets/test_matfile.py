"""Our .mat reader against scipy's on whole files, and on damaged ones, where scipy's may crash the process."""

import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emotic_files import cell, image, rated_person, splits, structs, train_person, write
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat, savemat

from cache.errors import AffectError, DataError
from pipeline.datasets import _matfile
from pipeline.datasets._matfile import read_mat
from pipeline.datasets.emotic import Reader

REAL = Path(__file__).resolve().parents[4] / "shared" / "real" / "emotic" / "Annotations" / "Annotations.mat"


def as_scipy_reads(value: Any) -> Any:
    """scipy's unsqueezed arrays in our plain form."""
    if value.dtype.names:
        flat = value.ravel(order="F")
        return tuple({name: as_scipy_reads(one[name]) for name in value.dtype.names} for one in flat)
    if value.dtype.kind == "O":
        return tuple(as_scipy_reads(one) for one in value.ravel(order="F"))
    if value.dtype.kind == "U":
        return str(value[0]) if len(value) else ""
    return tuple(float(one) for one in value.ravel(order="F"))


def same(ours: Any, theirs: Any) -> bool:
    """Equal, where NaN equals NaN."""
    return repr(ours) == repr(theirs)


def both(path: Path, name: str) -> tuple[Any, Any]:
    return read_mat(path, [name])[name], as_scipy_reads(loadmat(path)[name])


@pytest.mark.parametrize("compress", [False, True])
def test_reads_what_scipy_reads(tmp_path: Path, compress: bool) -> None:
    people = [train_person(["Peace", "Doubt/Confusion"]), train_person([])]
    path = write(tmp_path, splits(train=[image("a b.jpg", people), image("é☃.jpg", [])]), compress)
    for split in ("train", "val", "test"):
        ours, theirs = both(path, split)
        assert same(ours, theirs)


@pytest.mark.skipif(not REAL.exists(), reason="needs ../shared/real")
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_reads_the_real_form_as_scipy_does(split: str) -> None:
    ours, theirs = both(REAL, split)
    assert len(ours) in (1, 2, 3)
    assert same(ours, theirs)


numbers = st.one_of(st.integers(-(2**31), 2**31 - 1), st.floats(width=32), st.floats(allow_nan=False))
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
leaves = st.one_of(texts, st.lists(numbers, min_size=1, max_size=5).map(lambda v: np.array([v], dtype=np.float64)))
names = st.lists(st.text("abcxyz", min_size=1, max_size=9), min_size=1, max_size=4, unique=True)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = names.flatmap(lambda keys: st.lists(st.fixed_dictionaries(dict.fromkeys(keys, inner)), min_size=1))
    return st.one_of(st.lists(inner, max_size=3).map(cell), fields.map(structs))


@settings(max_examples=40, deadline=None)
@given(value=st.recursive(leaves, nested, max_leaves=8).filter(lambda v: not isinstance(v, str)), small=st.booleans())
def test_reads_any_nesting_as_scipy_does(tmp_path_factory: pytest.TempPathFactory, value: Any, small: bool) -> None:
    path = tmp_path_factory.mktemp("mat") / "x.mat"
    savemat(path, {"v": value}, do_compression=small)
    ours, theirs = both(path, "v")
    assert same(ours, theirs)


def test_integers_and_big_endian_files() -> None:
    """A file put together by hand from the format's description, most significant byte first."""

    def element(kind: int, data: bytes) -> bytes:
        return struct.pack(">II", kind, len(data)) + data + bytes(-len(data) % 8)

    flags, dims = element(6, struct.pack(">II", 10, 0)), element(5, struct.pack(">ii", 1, 3))
    matrix = element(14, flags + dims + element(1, b"train") + element(3, struct.pack(">3h", 7, -2, 300)))
    data = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI" + matrix
    assert _matfile._Matrix(">", matrix[8:]).value() == (7.0, -2.0, 300.0)
    assert [v.name for v in _matfile._variables(data)] == ["train"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"Index,Folder,Filename\n", "is not a .mat file"),
        (b"MATLAB 5.0 MAT-file", "its header is not whole"),
        (b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512) + b"\x89HDF\r\n\x1a\n", "v7.3 .mat (HDF5)"),
        (b"\x89HDF\r\n\x1a\n".ljust(600), "v7.3 .mat (HDF5)"),
        (b"\x80\x04\x95pickle".ljust(300), "is not a .mat file"),
    ],
)
def test_names_what_the_file_is_instead(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "Annotations.mat"
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_mat(path, ["train"])
    assert str(error.value).startswith(f"{path}: ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_in_the_files_place_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_mat(tmp_path, ["train"])


@pytest.mark.parametrize("compress", [False, True])
def test_every_truncation_is_told(tmp_path: Path, compress: bool) -> None:
    path = write(tmp_path, splits(), compress)
    whole = path.read_bytes()
    for length in range(0, len(whole), 11 if compress else 29):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError):
            Reader(tmp_path).read("s")


def test_nothing_declared_is_believed(tmp_path: Path) -> None:
    """Huge dimensions, huge lengths and a bomb are refused before memory is taken for them."""
    path = write(tmp_path, splits())
    whole = path.read_bytes()
    for at in range(128, 400, 4):
        for word in (b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\x00\x00\x00\x40", b"\x00\x00\x00\x00"):
            path.write_bytes(whole[:at] + word + whole[at + 4 :])
            only_typed(tmp_path)


def test_a_compressed_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_matfile, "LARGEST", 1 << 20)
    path = write(tmp_path, splits())
    packed = zlib.compress(whole_matrix(path.read_bytes()) + bytes(1 << 22))
    path.write_bytes(path.read_bytes()[:128] + struct.pack("<II", 15, len(packed)) + packed)
    with pytest.raises(DataError, match="over 1 MiB"):
        read_mat(path, ["train"])


def whole_matrix(data: bytes) -> bytes:
    """The first variable with its tag."""
    return data[128 : 136 + struct.unpack_from("<I", data, 132)[0]]


def test_cells_in_cells_without_end_are_refused(tmp_path: Path) -> None:
    value = cell(["x"])
    for _ in range(40):
        value = cell([value])
    savemat(tmp_path / "deep.mat", {"train": value})
    with pytest.raises(DataError, match="more than 16 deep"):
        read_mat(tmp_path / "deep.mat", ["train"])


def test_a_variable_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, splits())
    path.write_bytes(path.read_bytes() + whole_matrix(path.read_bytes()))
    with pytest.raises(DataError, match="variable 'train' stands twice"):
        read_mat(path, ["train"])


def test_damage_ends_in_typed_errors_only(tmp_path: Path) -> None:
    """Bits, bytes and words changed at random in whole and compressed files."""
    dice = random.Random(0)
    for compress in (False, True):
        people = [rated_person(), rated_person()]
        path = write(tmp_path, splits(val=[image("v.jpg", people)]), compress)
        whole = path.read_bytes()
        for _ in range(400):
            data = bytearray(whole)
            for _ in range(dice.randint(1, 3)):
                at = dice.randrange(len(data))
                data[at] = dice.choice((data[at] ^ 1 << dice.randrange(8), 0, 0xFF, dice.randrange(256)))
            path.write_bytes(data)
            only_typed(tmp_path)


def only_typed(root: Path) -> None:
    text = ""
    try:
        Reader(root).read("s")
    except AffectError as error:
        text = str(error)
    assert len(text.splitlines()) <= 1
