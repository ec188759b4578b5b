"""Compressed arrays: HDF5's own filters agree, one row costs one row, every flipped bit and every bomb is found."""

import os
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cache import chunks
from cache.chunks import RATIO, PackedRows, pack, unpack
from cache.errors import ShardError
from cache.fingerprint import canonical, digest
from cache.header import BLOCK, MAGIC, Header, Place, read_header
from cache.header import seal as seal_header
from cache.shard import Rows, Shard, write
from cache.spec import DTYPES, ArraySpec, Status

SPECS = {
    "map": ArraySpec((2, 3, 4), "float16", "activation", compressed=True),
    "pooled": ArraySpec((4,), "float16", "activation"),
}


def rows(n: int = 5) -> Rows:
    dice = np.random.default_rng(3)
    made = {"map": dice.normal(size=(n, 2, 3, 4)).clip(0).astype(np.float16), "pooled": np.ones((n, 4), np.float16)}
    return Rows([f"{k}.jpg" for k in range(n)], np.zeros(n, np.uint8), [""] * n, made)


def make(path: Path, n: int = 5) -> Path:
    write(path, "f" * 16, "5" * 32, SPECS, rows(n))
    return path


def test_h5py_alone_reads_it(tmp_path: Path) -> None:
    with h5py.File(make(tmp_path / "x.h5")) as file:
        assert sorted(file) == ["key", "map", "map.rows", "message", "pooled", "status"]
        found = file["map"]
        np.testing.assert_array_equal(found[:], rows().arrays["map"])
        assert (found.chunks, found.shuffle, found.compression) == ((1, 2, 3, 4), True, "gzip")
        assert found.attrs["xxh3_128"] == digest(rows().arrays["map"].tobytes())
        assert file["pooled"].chunks is None


def test_the_table_says_where_hdf5_has_its_chunks(tmp_path: Path) -> None:
    with h5py.File(make(tmp_path / "x.h5")) as file:
        known = [file["map"].id.get_chunk_info(row) for row in range(5)]
        np.testing.assert_array_equal(file["map.rows"][:], [(one.byte_offset, one.size) for one in known])
        whole = (tmp_path / "x.h5").read_bytes()
        for row, (offset, size) in enumerate(file["map.rows"][:].tolist()):
            assert whole[offset : offset + size] == file["map"].id.read_direct_chunk((row, 0, 0, 0))[1]


@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_hdf5s_own_filters_make_what_we_read(tmp_path: Path, dtype: str) -> None:
    given_array = (np.arange(300).reshape(3, 10, 10) % 7).astype(dtype)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        made = file.create_dataset("x", data=given_array, chunks=(1, 10, 10), shuffle=True, compression="gzip")
        for row in range(3):
            raw = made.id.read_direct_chunk((row, 0, 0))[1]
            assert unpack(raw, given_array[0].nbytes, given_array.itemsize) == given_array[row].tobytes()


@st.composite
def packed_content(draw: st.DrawFn) -> tuple[ArraySpec, np.ndarray]:
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=3)))
    spec = ArraySpec(shape, draw(st.sampled_from(sorted(DTYPES))), "", compressed=True)
    return spec, draw(arrays(spec.dtype, (draw(st.integers(0, 5)), *shape)))


@settings(max_examples=60, deadline=None)
@given(content=packed_content())
def test_any_array_comes_back(tmp_path_factory: pytest.TempPathFactory, content: tuple[ArraySpec, Any]) -> None:
    spec, array = content
    n = len(array)
    path = tmp_path_factory.mktemp("chunks") / "x.h5"
    write(path, "f", "s", {"x": spec}, Rows([str(k) for k in range(n)], np.zeros(n, np.uint8), [""] * n, {"x": array}))
    shard = Shard(path)
    assert shard.names == ["x"]
    found = shard.array("x")
    spec.validate("x", found, n)
    assert found.tobytes() == array.tobytes()
    assert shard.is_whole("x")
    assert shard.digests["x"] == digest(array.tobytes())
    with h5py.File(path) as file:
        assert file["x"][()].tobytes() == array.tobytes()


def test_rows_are_chosen_as_numpys_are(tmp_path: Path) -> None:
    found, wanted = Shard(make(tmp_path / "x.h5")).array("map"), rows().arrays["map"]
    picks: list[Any] = [0, -1, slice(1, 4), slice(None, None, -2), [3, 1, 3], np.array([4]), np.zeros(0, int)]
    for pick in [*picks, np.array([True, False, True, False, False]), [[0, 1], [2, 3]]]:
        np.testing.assert_array_equal(found[pick], wanted[pick])
        assert found[pick].dtype == np.float16
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(np.stack(list(found)), wanted)
    assert len(found) == 5
    assert np.asarray(found, dtype=np.float32).dtype == np.float32
    with pytest.raises(IndexError):
        found[5]
    with pytest.raises(ValueError, match="makes a copy"):
        np.array(found, copy=False)


def test_one_row_does_not_decompress_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(chunks, "unpack", lambda *given: sizes.append(given[1]) or unpack(*given))
    found = Shard(make(tmp_path / "x.h5")).array("map")
    assert sizes == []
    found[np.array([3])]
    assert sizes == [2 * 3 * 4 * 2]


def test_the_same_bytes_twice(tmp_path: Path) -> None:
    assert make(tmp_path / "1.h5", 40).read_bytes() == make(tmp_path / "2.h5", 40).read_bytes()


def test_incompressible_rows_come_back(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 5000), dtype=np.uint8)
    spec = {"x": ArraySpec((5000,), "uint8", "", compressed=True)}
    write(tmp_path / "x.h5", "f", "s", spec, Rows(["a", "b", "c"], np.zeros(3, np.uint8), [""] * 3, {"x": noise}))
    np.testing.assert_array_equal(Shard(tmp_path / "x.h5").array("x"), noise)
    with h5py.File(tmp_path / "x.h5") as file:
        np.testing.assert_array_equal(file["x"][:], noise)


def test_shards_without_compressed_arrays_say_nothing_of_them(tmp_path: Path) -> None:
    """Their bytes are what they were before there were any."""
    content = rows(2)
    write(
        tmp_path / "x.h5",
        "f",
        "s",
        {"pooled": SPECS["pooled"]},
        replace(content, arrays={"pooled": content.arrays["pooled"]}),
    )
    assert b"packed" not in (tmp_path / "x.h5").read_bytes()[:BLOCK]
    assert "compressed" not in SPECS["pooled"].to_json()
    assert ArraySpec.from_json(SPECS["map"].to_json()) == SPECS["map"]


def test_every_flipped_bit_of_table_and_chunks_is_found(tmp_path: Path) -> None:
    path = make(tmp_path / "x.h5")
    place = read_header(path).packed["map"]
    table = np.asarray(h5py.File(path)["map.rows"])
    spans = [(place.offset, place.table.size), *table.tolist()]
    whole, missed = path.read_bytes(), []
    with path.open("r+b", buffering=0) as file:
        for at in (at for start, size in spans for at in range(start, start + size)):
            for bit in range(8):
                os.pwrite(file.fileno(), bytes([whole[at] ^ 1 << bit]), at)
                missed += [at] if opens(path) else []
            os.pwrite(file.fileno(), whole[at : at + 1], at)
    assert missed == []
    assert opens(path)


def opens(path: Path) -> bool:
    with suppress(ShardError):
        Shard(path)
        return True
    return False


FOREIGN_ROW = np.arange(6, dtype="<f4").reshape(2, 3)


@pytest.fixture
def foreign(tmp_path: Path) -> Callable[..., Shard]:
    """A sealed file of two rows, all digests right: its compressed array ``x`` is as the arguments say."""

    def build(
        data: bytes = pack(FOREIGN_ROW),
        place: tuple[Any, ...] | None = None,
        table: Callable[[int, int], list[tuple[int, int]]] = lambda at, size: [(at, size), (at + size, size)],
    ) -> Shard:
        ledger = b"ab" + bytes(2) + bytes(2)
        at = BLOCK + len(ledger)
        body = ledger + data + data + np.array(table(at, len(data)), dtype="<i8").tobytes()
        places = {"key": Place("|S1", (2,), BLOCK, ""), "status": Place("|u1", (2,), BLOCK + 2, "")}
        places["message"] = Place("|S1", (2,), BLOCK + 4, "")
        packed = {"x": place or ("<f4", (2, 2, 3), at + 2 * len(data), "")}
        header = Header("f", "s", 2, {"ok": 2}, len(body), digest(body), places)
        front = MAGIC + canonical(asdict(header) | {"packed": packed}).encode()
        front = front.ljust(BLOCK - 32)
        (tmp_path / "x.h5").write_bytes(front + digest(front).encode() + body)
        return Shard(tmp_path / "x.h5")

    return build


def test_a_sealed_file_of_the_right_form_opens(foreign: Callable[..., Shard]) -> None:
    np.testing.assert_array_equal(foreign().array("x"), np.stack([FOREIGN_ROW] * 2))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (pack(FOREIGN_ROW[:1]), "row 1 is not 24 bytes"),
        (pack(np.zeros((9, 9), "<f4")), "row 1 is not 24 bytes"),
        (pack(FOREIGN_ROW) + b"\0", "row 1 is not 24 bytes"),
        (pack(FOREIGN_ROW)[:-4], "row 1 is not 24 bytes"),
        (b"no deflate stream at all", "row 1 cannot be decompressed"),
        (pack(FOREIGN_ROW)[:-1] + b"\0", "row 1 cannot be decompressed"),
    ],
)
def test_rows_that_are_no_rows_are_refused_when_read(foreign: Callable[..., Shard], data: bytes, words: str) -> None:
    with pytest.raises(ShardError, match=words) as caught:
        foreign(data).array("x")[1]
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (lambda at, size: [(at, size), (1 << 62, 1 << 62)], "rows lie outside the file"),
        (lambda at, size: [(at, size), (at, -1)], "rows lie outside the file"),
        (lambda at, size: [(-1, size), (at, size)], "rows lie outside the file"),
        (lambda at, size: [(at, size), (at + size, 10 * size)], "rows lie outside the file"),
        (lambda at, size: [(at, size), (at, size)], "one over the other"),
        (lambda at, size: [(at + size - 1, size), (at, size)], "one over the other"),
        (lambda at, size: [(at, size), (at + size, 0)], "which 0 compressed bytes cannot hold"),
    ],
)
def test_tables_that_lead_astray_are_refused(foreign: Callable[..., Shard], table: Any, words: str) -> None:
    with pytest.raises(ShardError, match=words):
        foreign(table=table)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (("<f4", (2, 1 << 40), BLOCK, ""), "declares 4398046511104 bytes, which"),
        (("<f4", (2, 1 << 62, 1 << 62), BLOCK, ""), "compressed bytes cannot hold"),
        (("<f4", (2, -1), BLOCK, ""), "does not say where"),
        (("<f4", (2, 2.5), BLOCK, ""), "does not say where"),
        (("<f4", (3, 2), BLOCK, ""), "the header says 2 rows"),
        (("<f4", (), BLOCK, ""), "the header says 2 rows"),
        (("<f4", (2, 2, 3), 1 << 40, ""), "'x.rows' declares 32 bytes"),
        (("<f4", (2, 2, 3), BLOCK - 1, ""), "'x.rows' declares 32 bytes"),
        (("<f4", (2, 2, 3), None, ""), "does not say where"),
        (("|S4", (2, 2, 3), BLOCK, ""), "which no shard compresses"),
        (("|O", (2, 2, 3), BLOCK, ""), "which no shard compresses"),
        ((["<f4"], (2, 2, 3), BLOCK, ""), "which no shard compresses"),
        (("<f4", (2, 2, 3), BLOCK), "the header is not readable"),
    ],
)
def test_places_that_cannot_be_are_refused(foreign: Callable[..., Shard], place: tuple[Any, ...], words: str) -> None:
    table_at = BLOCK + 6 + 2 * len(pack(FOREIGN_ROW))
    told = tuple(table_at if part == BLOCK else part for part in place)
    with pytest.raises(ShardError, match=words):
        foreign(place=told)


def test_a_name_that_is_both_kinds_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "x.h5")
    header = read_header(path)
    both = replace(header, packed=header.packed | {"pooled": header.packed["map"]})
    path.write_bytes(seal_header(path, both) + path.read_bytes()[BLOCK:])
    with pytest.raises(ShardError, match="'pooled' is compressed as"):
        Shard(path)


def test_a_digest_that_lies_is_found(tmp_path: Path) -> None:
    path = make(tmp_path / "x.h5")
    assert Shard(path).is_whole("map")
    header = read_header(path)
    lie = {"map": header.packed["map"]._replace(digest="0" * 32)}
    path.write_bytes(seal_header(path, replace(header, packed=lie)) + path.read_bytes()[BLOCK:])
    assert not Shard(path).is_whole("map")


def test_a_bomb_takes_no_more_than_its_declared_size(foreign: Callable[..., Shard]) -> None:
    """64 MiB of zeros in 64 KiB, declared as a row of 256 bytes; and an honest file's row is never called one."""
    bomb = zlib.compress(bytes(64 << 20), 9)
    rows_of_bombs = foreign(bomb, place=("<f4", (2, 64), BLOCK + 6 + 2 * len(bomb), "")).array("x")
    tracemalloc.start()
    with pytest.raises(ShardError, match="row 0 is not 256 bytes"):
        rows_of_bombs[0]
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    assert RATIO * len(bomb) >= 64 << 20


def test_a_table_of_no_rows_is_empty() -> None:
    none = PackedRows("x", memoryview(b""), np.zeros((0, 2), np.int64), np.dtype("<f4"), (0, 3))
    assert none.copy().shape == (0, 3)
    assert none.digest() == digest(b"")


def test_a_row_that_is_not_ok_holds_the_missing_value_like_any(tmp_path: Path) -> None:
    spec = {"x": ArraySpec((4,), "float32", "", missing=-1, compressed=True)}
    status = np.array([Status.OK, Status.BROKEN], np.uint8)
    write(tmp_path / "x.h5", "f", "s", spec, Rows(["a", "b"], status, ["", "why"], {"x": spec["x"].empty(2)}))
    assert (Shard(tmp_path / "x.h5").array("x")[1] == -1).all()
