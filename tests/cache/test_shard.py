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
from cache.shard import BLOCK, MAGIC, MESSAGE_BYTES, Header, Rows, Shard, read_header, write
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


def seal(path: Path, **header: Any) -> Path:
    """Give a foreign HDF5 file (with a user block) a header and digests that are right, as an attacker would."""
    body = path.read_bytes()[BLOCK:]
    told = asdict(Header("f" * 16, "5" * 32, 3, {"ok": 3}, len(body), digest(body))) | header
    front = (MAGIC + canonical(told).encode()).ljust(BLOCK - 32)
    path.write_bytes(front + digest(front).encode() + body)
    return path


@pytest.fixture
def foreign(tmp_path: Path) -> Callable[..., str]:
    """Write a shard-like file, let ``change`` spoil it, seal it, open it: the error's text."""

    def build(change: Callable[[h5py.File], None], **header: Any) -> str:
        path = tmp_path / "x.h5"
        with h5py.File(path, "w", libver="latest", userblock_size=BLOCK) as file:
            file["key"] = np.array([b"a", b"b", b"c"])
            file["status"] = np.zeros(3, np.uint8)
            file["message"] = np.array([b"", b"", b""], dtype="S1")
            change(file)
        return opened(seal(path, **header))

    return build


def replaced(name: str, **options: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        if name in file:
            del file[name]
        file.create_dataset(name, **options)

    return change


def test_a_sealed_plain_file_opens(foreign: Callable[..., str]) -> None:
    """The seal itself works: what the tests below see refused is refused for its structure."""
    assert foreign(lambda file: file.create_dataset("x", data=np.zeros((3, 2), np.float32))) == ""


def test_links_are_refused_and_not_followed(tmp_path: Path, foreign: Callable[..., str]) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["x"] = np.ones(3)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)  # following the link would block for ever
    for target in ("secret.h5", "fifo", "/dev/stdin"):
        text = foreign(lambda file, target=target: file.update({"x": h5py.ExternalLink(target, "/x")}))
        assert "'x' is a link; a shard holds plain datasets only" in text
    assert "'x' is a link" in foreign(lambda file: file.update({"x": h5py.SoftLink("/status")}))
    assert "'key' is a link" in foreign(
        lambda file: (file.move("key", "other"), file.update({"key": h5py.SoftLink("/other")}))
    )


def test_external_storage_is_refused(tmp_path: Path, foreign: Callable[..., str]) -> None:
    (tmp_path / "secret.bin").write_bytes(b"secret" * 10)
    outside = [(str(tmp_path / "secret.bin"), 0, 60)]
    text = foreign(replaced("x", shape=(3,), dtype="f8", external=outside))
    assert "'x' is external, virtual or chunked; a shard is contiguous" in text


def test_virtual_datasets_are_refused(tmp_path: Path, foreign: Callable[..., str]) -> None:
    layout = h5py.VirtualLayout((3,), dtype="f8")
    layout[:] = h5py.VirtualSource(tmp_path / "secret.h5", "x", shape=(3,))
    assert "'x' is external, virtual or chunked" in foreign(lambda file: file.create_virtual_dataset("x", layout))


@pytest.mark.parametrize(
    "options",
    [
        {"data": np.zeros((3, 4)), "chunks": (1, 4)},
        {"data": np.zeros((3, 4)), "compression": "gzip"},
        {"data": np.zeros((3, 4)), "fletcher32": True},
        {"shape": (3, 4), "maxshape": (None, 4), "dtype": "f4"},
    ],
)
def test_chunks_and_filters_are_refused(foreign: Callable[..., str], options: dict[str, Any]) -> None:
    assert "'x' is external, virtual or chunked" in foreign(replaced("x", **options))


def test_absurd_sizes_are_refused_before_memory_is_taken(foreign: Callable[..., str]) -> None:
    """Contiguous, but its bytes were never written: 2 TB, or a million times the file, are only declared."""
    for shape in [(1 << 38,), (1 << 20, 1 << 20), (1 << 59,)]:
        assert "bytes, the file holds" in foreign(replaced("x", shape=shape, dtype="f8"))


@pytest.mark.parametrize(
    "options",
    [
        {"data": ["a", "b", "c"], "dtype": h5py.string_dtype()},
        {"data": [1, 2, 3], "dtype": "c8"},
        {"data": np.zeros(3, dtype=[("a", "f4"), ("b", "i4")])},
        {"shape": (3,), "dtype": h5py.vlen_dtype(np.float32)},
        {"shape": (3,), "dtype": h5py.ref_dtype},
        {"data": np.zeros(3, dtype=bool)},
        {"data": np.void(b"1234")},
    ],
)
def test_other_types_are_refused(foreign: Callable[..., str], options: dict[str, Any]) -> None:
    assert "'x' has dtype" in foreign(replaced("x", **options)) or "'x' is external" in foreign(
        replaced("x", **options)
    )


def test_groups_and_named_types_are_refused(foreign: Callable[..., str]) -> None:
    assert "'x' is not a dataset" in foreign(lambda file: file.create_group("x"))
    assert "'x' is not a dataset" in foreign(lambda file: file.update({"x": np.dtype("f4")}))


@pytest.mark.parametrize("name", ["key", "status", "message"])
def test_a_shard_without_its_ledger_is_refused(foreign: Callable[..., str], name: str) -> None:
    assert f"has no dataset '{name}'" in foreign(lambda file: file.pop(name))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("key", {"data": np.zeros(3, np.uint8)}),
        ("key", {"data": np.array([[b"a", b"b", b"c"]])}),
        ("key", {"data": np.array([b"a", b"\xff", b"c"])}),
        ("key", {"data": np.array([b"a", b"b"])}),
        ("key", {"data": np.bytes_(b"a")}),
        ("status", {"data": np.zeros(2, np.uint8)}),
        ("status", {"data": np.zeros(3, np.float32)}),
        ("status", {"data": np.zeros((3, 1), np.uint8)}),
        ("status", {"data": np.array([0, 1, 99], np.uint8)}),
        ("message", {"data": np.array([b"", b"\xff\xfe", b""])}),
        ("message", {"data": np.array([1.5, 2, 3])}),
    ],
)
def test_a_ledger_of_another_form_is_refused(foreign: Callable[..., str], name: str, options: dict[str, Any]) -> None:
    assert "the ledger's" in foreign(replaced(name, **options))


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
        {"counts": []},
        {"counts": {"ok": "3"}},
        {"counts": {"fine": 3}},
        {"fingerprint": 7},
        {"source": None},
        {"body": 1},
        {"more": 1},
    ],
)
def test_a_sealed_header_of_another_form_is_refused(foreign: Callable[..., str], header: dict[str, Any]) -> None:
    assert "the header is not readable" in foreign(h5py.File.flush, **header)


@pytest.mark.parametrize("text", [b"[]", b"{}", b"3", b"\xff", b"[" * 900, b'{"rows": 1e999}'])
def test_a_sealed_header_that_is_no_header_is_refused(tmp_path: Path, text: bytes) -> None:
    path = make(tmp_path / "x.h5")
    front = (MAGIC + text).ljust(BLOCK - 32)
    path.write_bytes(front + digest(front).encode() + path.read_bytes()[BLOCK:])
    assert "the header is not readable" in opened(path)


def test_a_sealed_body_that_is_no_hdf5_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    path.write_bytes(bytes(BLOCK) + b"no HDF5 at all" * 100)
    assert "not readable as HDF5" in opened(seal(path))


def test_damage_behind_a_right_seal_ends_in_typed_errors(tmp_path: Path) -> None:
    """Bytes of HDF5's own structure changed, digests made right again: refused or read, never another error."""
    dice, path = random.Random(0), make(tmp_path / "x.h5")
    whole = path.read_bytes()
    for _ in range(300):
        spoilt = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            spoilt[dice.randrange(BLOCK, len(whole))] = dice.randrange(256)
        path.write_bytes(spoilt)
        opened(seal(path))


def test_the_header_is_json(tmp_path: Path) -> None:
    front = make(tmp_path / "x.h5").read_bytes()[len(MAGIC) : BLOCK - 32]
    assert set(json.loads(front)) == {"fingerprint", "source", "rows", "counts", "size", "body"}
