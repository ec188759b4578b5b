"""Shards: round trip, same bytes, every flipped bit found, foreign HDF5 refused although its digests are right."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cache.errors import ShardError
from cache.fingerprint import canonical, digest
from cache.header import BLOCK, MAGIC, Header, Place, read_header
from cache.shard import MESSAGE_BYTES, Rows, Shard, write
from cache.spec import DTYPES, ArraySpec, Status

SPECS = {"pooled": ArraySpec((4,), "float16", "activation"), "label": ArraySpec((), "uint8", "class", 255)}


def rows(n: int = 3) -> Rows:
    pooled = (np.arange(4 * n).reshape(n, 4) / 8).astype(np.float16)
    status = np.array([Status.BROKEN if i == 1 else Status.OK for i in range(n)], dtype=np.uint8)
    messages = ["ends early" if i == 1 else "" for i in range(n)]
    keys = [f"mscoco/images/{i:03d}.jpg" for i in range(n)]
    return Rows(keys, status, messages, {"pooled": pooled, "label": np.arange(n, dtype=np.uint8)})


def make(path: Path, n: int = 3) -> Path:
    write(path, "f" * 16, "5" * 32, SPECS, rows(n))
    return path


def test_round_trip(tmp_path: Path) -> None:
    shard, wanted = Shard(make(tmp_path / "x.h5")), rows()
    assert shard.keys == wanted.keys
    assert shard.messages == wanted.messages
    assert shard.status.tolist() == [0, 2, 0]
    assert sorted(shard.names) == ["label", "pooled"]
    for name, array in wanted.arrays.items():
        np.testing.assert_array_equal(shard.array(name), array)
        assert shard.array(name).dtype == array.dtype
        assert shard.digests[name] == digest(array.tobytes())
    assert shard.header.counts == {"ok": 2, "broken": 1}
    assert (shard.header.fingerprint, shard.header.source, shard.header.rows) == ("f" * 16, "5" * 32, 3)
    assert read_header(tmp_path / "x.h5") == shard.header


def test_h5py_alone_reads_it(tmp_path: Path) -> None:
    """What is written is plain HDF5, as the README of a store promises."""
    with h5py.File(make(tmp_path / "x.h5")) as file:
        assert sorted(file) == ["key", "label", "message", "pooled", "status"]
        np.testing.assert_array_equal(file["pooled"][:], rows().arrays["pooled"])
        assert [key.decode() for key in file["key"][:]] == rows().keys
        assert file["pooled"].chunks is None
        assert file["pooled"].compression is None


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@st.composite
def contents(draw: st.DrawFn) -> tuple[dict[str, ArraySpec], Rows]:
    n = draw(st.integers(0, 5))
    names = draw(st.lists(st.text("abcxyz_", min_size=1, max_size=6), unique=True, max_size=3))
    specs, made = {}, {}
    for name in names:
        shape = tuple(draw(st.lists(st.integers(0, 3), max_size=3)))
        specs[name] = ArraySpec(shape, draw(st.sampled_from(sorted(DTYPES))), "")
        made[name] = draw(arrays(specs[name].dtype, (n, *shape)))
    keys = draw(st.lists(texts.filter(bool), min_size=n, max_size=n, unique=True))
    status = np.array(draw(st.lists(st.sampled_from(list(Status)), min_size=n, max_size=n)), dtype=np.uint8)
    return specs, Rows(keys, status, draw(st.lists(texts, min_size=n, max_size=n)), made)


@settings(max_examples=80, deadline=None)
@given(content=contents())
def test_any_rows_come_back(tmp_path_factory: pytest.TempPathFactory, content: tuple[Any, Rows]) -> None:
    specs, given_rows = content
    path = tmp_path_factory.mktemp("shard") / "x.h5"
    write(path, "f", "s", specs, given_rows)
    shard = Shard(path)
    assert shard.keys == list(given_rows.keys)
    assert shard.messages == [" ".join(text.split()) for text in given_rows.messages]
    assert shard.status.tolist() == given_rows.status.tolist()
    assert set(shard.names) == set(specs)
    for name, array in given_rows.arrays.items():
        specs[name].validate(name, shard.array(name), len(given_rows.keys))
        assert shard.array(name).tobytes() == array.tobytes()


def test_long_messages_are_cut_to_whole_characters(tmp_path: Path) -> None:
    content = rows()
    long = Rows(content.keys, content.status, ["é\n" * 999, "", ""], content.arrays)
    write(tmp_path / "x.h5", "f", "s", SPECS, long)
    assert Shard(tmp_path / "x.h5").messages[0] == "é " * (MESSAGE_BYTES // 3)


def test_arrays_cannot_be_changed_in_place(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        Shard(make(tmp_path / "x.h5")).array("pooled")[0] = 1


def test_the_same_bytes_at_another_time_in_another_process(tmp_path: Path) -> None:
    first = make(tmp_path / "1.h5").read_bytes()
    time.sleep(1.1)  # HDF5 counts whole seconds
    assert make(tmp_path / "2.h5").read_bytes() == first
    code = f"import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}]; import test_shard, pathlib; "
    code += f"test_shard.make(pathlib.Path({str(tmp_path / '3.h5')!r}))"
    environment = os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert (tmp_path / "3.h5").read_bytes() == first


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: Rows(r.keys[:2], r.status, r.messages, r.arrays), "2 keys, 3 statuses and 3 messages"),
        (lambda r: Rows(["a", "a", "b"], r.status, r.messages, r.arrays), "a key stands twice in one shard"),
        (lambda r: Rows(r.keys, r.status, r.messages, {}), r"arrays \[\] were computed, \['label', 'pooled'\]"),
        (
            lambda r: Rows(r.keys, r.status, r.messages, r.arrays | {"pooled": np.zeros((3, 4))}),
            "'pooled' is float64, declared float16",
        ),
    ],
)
def test_nothing_undeclared_is_written(tmp_path: Path, change: Callable[[Rows], Rows], words: str) -> None:
    with pytest.raises(ShardError, match=words):
        write(tmp_path / "x.h5", "f", "s", SPECS, change(rows()))
    assert list(tmp_path.iterdir()) == []


def opened(path: Path) -> str:
    """The error's text, or "" when the shard opens."""
    text = ""
    try:
        Shard(path)
    except ShardError as error:
        text = str(error)
    assert len(text.splitlines()) <= 1
    return text


def test_every_single_flipped_bit_is_found(tmp_path: Path) -> None:
    """Each bit of a small shard: on open, and those of the header already when a plan reads it."""
    path = make(tmp_path / "x.h5")
    whole = path.read_bytes()
    descriptor = os.open(path, os.O_RDWR)
    missed = []
    for bit in range(8 * len(whole)):
        place = bit // 8
        os.pwrite(descriptor, bytes([whole[place] ^ 1 << bit % 8]), place)
        missed += [] if opened(path) else [bit]
        if place < BLOCK:
            with pytest.raises(ShardError):
                read_header(path)
        os.pwrite(descriptor, whole[place : place + 1], place)
    os.close(descriptor)
    assert missed == []
    assert opened(path) == ""


def test_every_truncation_and_every_appended_byte_is_found(tmp_path: Path) -> None:
    path = make(tmp_path / "x.h5")
    whole = path.read_bytes()
    for length in {*range(0, len(whole), 97), BLOCK - 1, BLOCK, len(whole) - 1}:
        path.write_bytes(whole[:length])
        assert opened(path), length
    path.write_bytes(whole + b"\0")
    assert f"holds {len(whole) - BLOCK + 1} bytes, {len(whole) - BLOCK} were written" in opened(path)


def test_absent_files_and_folders_are_one_line(tmp_path: Path) -> None:
    assert opened(tmp_path / "x.h5") == f"{tmp_path / 'x.h5'}: cannot be read: No such file or directory"
    assert "cannot be read: Is a directory" in opened(tmp_path)


PLACES = {
    "key": Place("|S1", (3,), BLOCK, ""),
    "status": Place("|u1", (3,), BLOCK + 3, ""),
    "message": Place("|S1", (3,), BLOCK + 6, ""),
    "x": Place("<f4", (3, 2), BLOCK + 16, ""),
}
BODY = b"abc" + bytes(3) + bytes(10) + np.arange(6, dtype="<f4").tobytes()


def seal(path: Path, places: Any = PLACES, **header: Any) -> Path:
    """Give a foreign file a header and digests that are right, as an attacker would. places: instead of a shard's."""
    body = path.read_bytes()[BLOCK:]
    told = asdict(Header("f" * 16, "5" * 32, 3, {"ok": 3}, len(body), digest(body), {})) | {"places": places} | header
    front = (MAGIC + canonical(told).encode()).ljust(BLOCK - 32)
    path.write_bytes(front + digest(front).encode() + body)
    return path


@pytest.fixture
def foreign(tmp_path: Path) -> Callable[..., str]:
    """A sealed file whose header says what ``change`` (of the places) and ``header`` make it say: the error's text."""

    def build(change: Callable[[dict[str, Any]], object] = lambda _: None, content: bytes = BODY, **header: Any) -> str:
        path = tmp_path / "x.h5"
        path.write_bytes(bytes(BLOCK) + content)
        places: dict[str, Any] = {name: list(place) for name, place in PLACES.items()}
        change(places)
        return opened(seal(path, **({"places": places} | header)))

    return build


def placed(name: str, *place: Any) -> Callable[[dict[str, Any]], object]:
    return lambda places: places.update({name: list(place)})


def test_a_sealed_file_of_the_right_form_opens(foreign: Callable[..., str], tmp_path: Path) -> None:
    """The seal itself works: what the tests below see refused is refused for what its header says."""
    assert foreign() == ""
    np.testing.assert_array_equal(Shard(tmp_path / "x.h5").array("x"), np.arange(6).reshape(3, 2))


def spoil_by_link(file: h5py.File, folder: Path) -> None:
    file["x"] = h5py.ExternalLink(str(folder / "fifo"), "/x")


def spoil_by_soft_link(file: h5py.File, _: Path) -> None:
    file["x"] = h5py.SoftLink("/status")


def spoil_by_external_storage(file: h5py.File, folder: Path) -> None:
    file.create_dataset("x", shape=(3,), dtype="f8", external=[(str(folder / "fifo"), 0, 24)])


def spoil_by_virtual_dataset(file: h5py.File, folder: Path) -> None:
    layout = h5py.VirtualLayout((3,), dtype="f8")
    layout[:] = h5py.VirtualSource(folder / "fifo", "x", shape=(3,))
    file.create_virtual_dataset("x", layout)


def spoil_by_absurd_size(file: h5py.File, _: Path) -> None:
    file.create_dataset("x", shape=(1 << 38,), dtype="f8")


SPOILERS = [
    spoil_by_link,
    spoil_by_soft_link,
    spoil_by_external_storage,
    spoil_by_virtual_dataset,
    spoil_by_absurd_size,
]


@pytest.mark.parametrize("spoil", SPOILERS)
def test_foreign_hdf5_is_refused_and_not_followed(tmp_path: Path, spoil: Callable[[h5py.File, Path], None]) -> None:
    """Whatever was added to a real shard by another program; following it into the FIFO would block for ever."""
    os.mkfifo(tmp_path / "fifo")
    path = make(tmp_path / "x.h5")
    with h5py.File(path, "r+", libver="latest") as file:
        spoil(file, tmp_path)
    assert opened(path) != ""
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        spoil(file, tmp_path)
    assert "not a shard of this format" in opened(tmp_path / "plain.h5")


@pytest.mark.parametrize("spoil", SPOILERS)
def test_a_sealed_attack_in_hdf5_is_never_looked_at(tmp_path: Path, spoil: Callable[[h5py.File, Path], None]) -> None:
    """With all digests right again the sealed places still lie in the file itself, and hold what is there."""
    os.mkfifo(tmp_path / "fifo")
    path = tmp_path / "x.h5"
    with h5py.File(path, "w", libver="latest", userblock_size=BLOCK) as file:
        spoil(file, tmp_path)
    path.write_bytes(path.read_bytes() + BODY)
    shift = len(path.read_bytes()) - len(BODY) - BLOCK
    moved = {name: [*place[:2], place.offset + shift, ""] for name, place in PLACES.items()}
    seal(path, moved)
    np.testing.assert_array_equal(Shard(path).array("x"), np.arange(6).reshape(3, 2))
    assert "declares 2199023255552 bytes" in opened(seal(path, moved | {"x": ["<f8", [1 << 38], BLOCK, ""]}))


@pytest.mark.parametrize("shape", [[1 << 38], [1 << 20, 1 << 20], [1 << 62, 1 << 62], [8]])
def test_absurd_sizes_are_refused_before_memory_is_taken(foreign: Callable[..., str], shape: list[int]) -> None:
    assert "bytes from" in foreign(placed("x", "<f8", shape, BLOCK, ""))


@pytest.mark.parametrize("offset", [0, BLOCK - 1, BLOCK + len(BODY) - 23, 1 << 70])
def test_places_outside_the_body_are_refused(foreign: Callable[..., str], offset: int) -> None:
    assert "bytes from" in foreign(placed("x", "<f4", [3, 2], offset, ""))


@pytest.mark.parametrize(
    "dtype", ["|O", "<c8", "|V4", "|b1", "<U2", ">f4", "|S0", "|S99999999999", "f4, i4", "", 7, None]
)
def test_other_types_are_refused(foreign: Callable[..., str], dtype: Any) -> None:
    assert "which no shard holds" in foreign(placed("x", dtype, [1], BLOCK, ""))


@pytest.mark.parametrize(
    "place",
    [
        ["<f4", [-1], BLOCK, ""],
        ["<f4", [1.5], BLOCK, ""],
        ["<f4", [True], BLOCK, ""],
        ["<f4", "3", BLOCK, ""],
        ["<f4", [1], "0", ""],
        ["<f4", [1], BLOCK, 7],
        ["<f4", [1], BLOCK],
        ["<f4", [1], BLOCK, "", ""],
        [],
        7,
    ],
)
def test_places_of_another_form_are_refused(foreign: Callable[..., str], place: Any) -> None:
    assert "the header is not readable" in foreign(lambda places: places.update({"x": place}))


@pytest.mark.parametrize("name", ["key", "status", "message"])
def test_a_shard_without_its_ledger_is_refused(foreign: Callable[..., str], name: str) -> None:
    assert f"has no dataset '{name}'" in foreign(lambda places: places.pop(name))


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("key", ("|u1", [3], BLOCK, "")),
        ("key", ("|S1", [1, 3], BLOCK, "")),
        ("key", ("|S1", [2], BLOCK, "")),
        ("key", ("|S1", [], BLOCK, "")),
        ("status", ("|u1", [2], BLOCK + 3, "")),
        ("status", ("<f4", [3], BLOCK + 3, "")),
        ("status", ("|u1", [3, 1], BLOCK + 3, "")),
        ("status", ("|u1", [3], BLOCK, "")),
        ("message", ("<f4", [3], BLOCK + 6, "")),
    ],
)
def test_a_ledger_of_another_form_is_refused(foreign: Callable[..., str], name: str, place: tuple[Any, ...]) -> None:
    assert "the ledger's" in foreign(placed(name, *place))


@pytest.mark.parametrize("body", [b"a\xffc" + BODY[3:], BODY[:6] + b"\xfe\xfe\xfe" + BODY[9:]])
def test_a_ledger_that_is_no_text_is_refused(foreign: Callable[..., str], body: bytes) -> None:
    assert "is not UTF-8" in foreign(content=body)


def test_a_missing_array_is_named(tmp_path: Path) -> None:
    shard = Shard(make(tmp_path / "x.h5"))
    with pytest.raises(ShardError, match="has no array 'poled'; it has label, pooled"):
        shard.array("poled")


@pytest.mark.parametrize(
    "header",
    [
        {"rows": "3"},
        {"rows": -1},
        {"size": None},
        {"size": 3.0},
        {"counts": []},
        {"counts": {"ok": "3"}},
        {"counts": {"fine": 3}},
        {"fingerprint": 7},
        {"source": None},
        {"body": 1},
        {"more": 1},
        {"places": []},
        {"places": None},
    ],
)
def test_a_sealed_header_of_another_form_is_refused(foreign: Callable[..., str], header: dict[str, Any]) -> None:
    assert "the header is not readable" in foreign(**header)


@pytest.mark.parametrize("text", [b"[]", b"{}", b"3", b"\xff", b"[" * 900, b'{"rows": 1e999}'])
def test_a_sealed_header_that_is_no_header_is_refused(tmp_path: Path, text: bytes) -> None:
    path = make(tmp_path / "x.h5")
    front = (MAGIC + text).ljust(BLOCK - 32)
    path.write_bytes(front + digest(front).encode() + path.read_bytes()[BLOCK:])
    assert "the header is not readable" in opened(path)


def test_too_many_arrays_for_the_header_are_refused_before_writing(tmp_path: Path) -> None:
    names = [f"array_{k:03d}" for k in range(60)]
    specs = {name: ArraySpec((), "uint8", "") for name in names}
    many = Rows(["a"], np.zeros(1, np.uint8), [""], {name: np.zeros(1, np.uint8) for name in names})
    with pytest.raises(ShardError, match="63 datasets are too many"):
        write(tmp_path / "x.h5", "f" * 16, "5" * 32, specs, many)
    assert not list(tmp_path.iterdir())


def test_damage_behind_a_right_seal_ends_in_typed_errors(tmp_path: Path) -> None:
    """Bytes of HDF5's own structure changed, digests made right again: refused or read, never another error."""
    dice, path = random.Random(0), make(tmp_path / "x.h5")
    whole = path.read_bytes()
    for _ in range(300):
        spoilt = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            spoilt[dice.randrange(BLOCK, len(whole))] = dice.randrange(256)
        path.write_bytes(spoilt)
        opened(seal(path, counts={"ok": 2, "broken": 1}))


def test_the_header_is_json(tmp_path: Path) -> None:
    front = make(tmp_path / "x.h5").read_bytes()[len(MAGIC) : BLOCK - 32]
    assert set(json.loads(front)) == {"fingerprint", "source", "rows", "counts", "size", "body", "places"}
