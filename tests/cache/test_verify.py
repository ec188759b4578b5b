"""verify finds what is wrong in a store, and nothing in a sound one."""

import random
from pathlib import Path

import numpy as np
import pytest
from toy_pipeline import make_root, run

from cache.errors import AffectError
from cache.fingerprint import digest
from cache.header import BLOCK
from cache.layout import Layout
from cache.shard import Rows, write
from cache.store import Store
from cache.verify import verify


@pytest.fixture
def store(tmp_path: Path) -> Path:
    make_root(tmp_path / "data")
    run(tmp_path / "data", tmp_path / "store")
    return tmp_path / "store"


def problems(store: Path) -> list[str]:
    return [f"{finding.path.name}: {finding.problem}" for finding in verify(store, "demo")]


def test_a_sound_store_has_no_findings_and_every_byte_is_read(store: Path) -> None:
    read: list[int] = []
    assert not list(verify(store, "demo", read.append))
    assert sum(read) == sum(path.stat().st_size for path in store.rglob("shard-*.h5"))


def test_every_flipped_bit_is_found_and_no_wrong_row_is_read(store: Path) -> None:
    draw, shards = random.Random(0), sorted(store.rglob("shard-*.h5"))
    images = list(dict.fromkeys(Store(store).manifest("demo").images))
    right, _ = Store(store).features("demo")["colour"].read("mean", images)
    for _ in range(150):
        path = draw.choice(shards)
        whole = path.read_bytes()
        place = draw.choice([draw.randrange(BLOCK), draw.randrange(len(whole))])
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << draw.randrange(8)]) + whole[place + 1 :])
        assert len(problems(store)) == 1, f"byte {place} of {path.name}"
        if path.parent.parent.name == "colour":
            with pytest.raises(AffectError):
                Store(store).features("demo")["colour"].read("mean", images)
        path.write_bytes(whole)
    np.testing.assert_array_equal(Store(store).features("demo")["colour"].read("mean", images)[0], right)


def test_a_shard_in_another_ones_place_is_found(store: Path) -> None:
    first, second = sorted((store / "demo" / "colour").rglob("shard-*.h5"))[:2]
    first.write_bytes(second.read_bytes())
    assert problems(store) == [
        f"{first.name}: made for other keys, boxes or image sizes than the manifest's, or from other rows of its source"
    ]


def test_sealed_shards_that_disagree_with_their_description_are_found(store: Path) -> None:
    feature = Store(store).features("demo")["colour"]
    layout: Layout = feature.layout
    block = layout.block(0)
    keys, source = layout.keys(block, feature.granularity), layout.source(block, feature.granularity)
    status, texts = np.zeros(len(keys), np.uint8), [""] * len(keys)

    def put(
        keys: list[str], arrays: dict[str, np.ndarray], source: str = source, name: str = feature.fingerprint
    ) -> str:
        from cache.spec import ArraySpec

        specs = {array: ArraySpec(value.shape[1:], str(value.dtype), "") for array, value in arrays.items()}
        write(feature.path(block), name, source, specs, Rows(keys, status, texts, arrays))
        (found,) = problems(store)
        return found.partition(": ")[2]

    mean = np.zeros((len(keys), 3), np.float32)
    assert "keys are not those" in put([f"x{key}" for key in keys], {"mean": mean})
    assert "holds other, declared mean" in put(keys, {"other": mean})
    assert "is float64, declared float32" in put(keys, {"mean": mean.astype(float)})
    assert "declared (4, 3)" in put(keys, {"mean": mean[:, :2]})
    assert "made with settings" in put(keys, {"mean": mean}, name="0" * 16)


def test_a_digest_of_an_array_that_lies_is_found(store: Path) -> None:
    """An attacker who seals the file again must still change the array's own digest."""
    path = next((store / "demo" / "colour").rglob("shard-00000.h5"))
    whole = bytearray(path.read_bytes())
    body = whole[BLOCK:]
    header = path.read_bytes()[:BLOCK]
    mean = Store(store).features("demo")["colour"].shard(Store(store).layout("demo").block(0)).array("mean").tobytes()
    body[body.index(mean)] ^= 1
    front = header[:-32].replace(digest(bytes(whole[BLOCK:])).encode(), digest(bytes(body)).encode())
    path.write_bytes(front + digest(front).encode() + bytes(body))
    assert problems(store) == [f"{path.name}: array 'mean' is not what its digest says"]


def test_leftovers_are_found(store: Path) -> None:
    folder = next((store / "demo" / "colour").iterdir())
    (folder / "shard-00099.h5").write_bytes((folder / "shard-00000.h5").read_bytes())
    (folder / ".partial-shard-00001.h5").write_bytes(b"half")
    assert problems(store) == [
        "shard-00099.h5: a shard beyond the manifest's last one",
        ".partial-shard-00001.h5: left by a writer that was killed",
    ]
