"""The store: rows by key, nothing stale, one writer at a time."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache import shard
from cache.errors import ShardError, StoreError, UnknownName
from cache.feature import Feature
from cache.layout import Layout
from cache.manifest import Manifest, Row
from cache.spec import FAILURES, ArraySpec, Granularity, Status
from cache.store import Store

SPECS = {
    "pooled": ArraySpec((3,), "float32", "activation"),
    "count": ArraySpec((), "int32", "people", -1),
    "map": ArraySpec((2, 3), "float16", "activation", compressed=True),
}
SIZE = 4
IMAGES = [f"folder {i % 3}/{i:02d}.jpg" for i in range(11)]


def rows(images: list[str] = IMAGES) -> list[Row]:
    """Image i has i % 3 + 1 persons."""
    fine = Row("", 0, "train", (1, 2, 30, 40), size=(64, 48), categories=("Fear",))
    return [replace(fine, image=name, person=k) for i, name in enumerate(images) for k in range(i % 3 + 1)]


def manifest(made: list[Row], source: str = "s") -> Manifest:
    return Manifest.from_rows(made, dataset="toy", release="", category_names=["Fear"], source=source)


def value(key: str) -> list[float]:
    """A row that tells its key, so that a row in a wrong place is seen."""
    return [float(ord(letter)) for letter in (key[7], key[10], key[-1])]


def info(feature: str, granularity: Granularity, fingerprint: str = "f" * 16) -> dict[str, Any]:
    return {
        "feature": feature,
        "fingerprint": fingerprint,
        "granularity": str(granularity),
        "trained": True,
        "arrays": {name: spec.to_json() for name, spec in SPECS.items()},
    }


def fill(store: Store, made: Manifest, feature: str, granularity: Granularity) -> Feature:
    """Every shard of a feature; the row of the key that ends in 5.jpg (and its #0) is broken."""
    store.use("toy", info(feature, granularity))
    opened = Feature(store.root / "toy" / feature / ("f" * 16), Layout(made, SIZE))
    for block in opened.layout.blocks():
        keys = opened.layout.keys(block, granularity)
        broken = np.array([key.removesuffix("#0").endswith("5.jpg") for key in keys], dtype=bool)
        pooled = np.array([value(key) for key in keys], dtype=np.float32)
        pooled[broken] = 0
        arrays = {"pooled": pooled, "count": np.where(broken, -1, 1).astype(np.int32)}
        arrays["map"] = np.stack([pooled, -pooled], axis=1).astype(np.float16)
        status = np.where(broken, Status.BROKEN, Status.OK).astype(np.uint8)
        content = shard.Rows(keys, status, ["ends early" if one else "" for one in broken], arrays)
        shard.write(opened.path(block), "f" * 16, opened.layout.source(block, granularity), SPECS, content)
    return opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Read only; tests that change something make their own."""
    return build(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return build(tmp_path)


def build(root: Path) -> Store:
    store, made = Store(root / "store"), manifest(rows())
    with store.lock("toy"):
        store.begin(made, SIZE)
        fill(store, made, "scene", Granularity.IMAGE)
        fill(store, made, "body", Granularity.PERSON)
    return store


@given(picks=st.lists(st.integers(0, 10**6), max_size=40), persons=st.booleans())
def test_rows_come_in_the_order_of_the_keys(shared: Store, picks: list[int], persons: bool) -> None:
    known = shared.manifest("toy").keys if persons else IMAGES
    keys = [known[pick % len(known)] for pick in picks]
    pooled, status = shared.features("toy")["body" if persons else "scene"].read("pooled", keys)
    broken = [key.removesuffix("#0").endswith("5.jpg") for key in keys]
    expected = [[0.0] * 3 if bad else value(key) for key, bad in zip(keys, broken, strict=True)]
    assert pooled.tolist() == expected
    assert status.tolist() == [Status.BROKEN if bad else Status.OK for bad in broken]
    assert (pooled.dtype, pooled.shape) == (np.float32, (len(keys), 3))
    compressed, same = shared.features("toy")["body" if persons else "scene"].read("map", keys)
    assert compressed.tolist() == [[row, [-one for one in row]] for row in expected]
    np.testing.assert_array_equal(same, status)


def test_what_a_store_tells_of_itself(shared: Store) -> None:
    assert shared.datasets() == ["toy"]
    features = shared.features("toy")
    assert list(features) == ["body", "scene"]
    assert features["scene"].arrays == SPECS
    assert (features["body"].granularity, features["body"].trained) == (Granularity.PERSON, True)
    assert features["scene"].counts() == {"ok": 10, "broken": 1}
    assert features["body"].counts() == {"ok": len(rows()) - 1, "broken": 1}
    (failure,) = features["scene"].failures(FAILURES)
    assert (failure.key, failure.status, failure.message) == (IMAGES[5], Status.BROKEN, "ends early")
    assert list(features["scene"].failures(frozenset({Status.MISSING}))) == []


def test_keys_that_are_not_there_are_named(shared: Store) -> None:
    feature = shared.features("toy")["scene"]
    with pytest.raises(StoreError) as error:
        feature.read("pooled", [IMAGES[0], "absent.jpg", "other.jpg"])
    assert str(error.value) == f"{feature.folder}: no row for 'absent.jpg'. Run make extract again"


@pytest.mark.parametrize(
    ("name", "given", "cure"),
    [
        ("scene", f"{IMAGES[2]}#1", f"scene has a row for each image. Give the image's key, {IMAGES[2]!r}"),
        ("body", IMAGES[1], f"body has a row for each person. Give a person's key: '{IMAGES[1]}#0', '{IMAGES[1]}#1'"),
    ],
)
def test_an_images_key_for_a_persons_and_the_reverse_are_told(shared: Store, name: str, given: str, cure: str) -> None:
    feature = shared.features("toy")[name]
    with pytest.raises(StoreError) as error:
        feature.read("pooled", [given])
    assert str(error.value) == f"{feature.folder}: no row for {given!r}: {cure}"


def test_a_mistyped_feature_is_told_with_the_nearest(shared: Store) -> None:
    with pytest.raises(KeyError) as error:
        shared.features("toy")["scen"]
    told = "toy: feature 'scen' is not in the store. Did you mean 'scene'? Known: body, scene. Run make extract "
    assert str(error.value).startswith(told)
    assert isinstance(error.value, StoreError)
    with pytest.raises(KeyError, match=r"Known: body, scene\."):
        shared.features("toy", ["scene"])["body "]


def test_unknown_arrays_and_datasets_get_the_nearest_name(shared: Store) -> None:
    with pytest.raises(UnknownName, match=r"'poled'\. Did you mean 'pooled'\? Known: count, map, pooled\."):
        shared.features("toy")["scene"].read("poled", IMAGES)
    with pytest.raises(UnknownName, match=r"'toi'\. Did you mean 'toy'\?"):
        shared.manifest("toi")


def test_a_store_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert Store(tmp_path / "absent").datasets() == []
    with pytest.raises(UnknownName, match="Known: none"):
        Store(tmp_path / "absent").features("demo")
    assert list(tmp_path.iterdir()) == []


def test_a_changed_box_makes_its_shard_pending_and_unreadable(store: Store) -> None:
    """Never a stale row: the shard of image 5 was made for another box."""
    made = rows()
    place = next(i for i, row in enumerate(made) if row.key == f"{IMAGES[6]}#0")
    made[place] = replace(made[place], box=(1, 2, 30, 41))
    store.begin(manifest(made, "new"), SIZE)
    features = store.features("toy")
    assert features["scene"].counts() == {"ok": 10, "broken": 1}
    persons = [f"{IMAGES[i]}#{k}" for i in range(4, 8) for k in range(i % 3 + 1)]
    assert features["body"].counts() == {"ok": len(made) - len(persons), "pending": len(persons)}
    with pytest.raises(StoreError, match=r"absent or made for other samples\. Run make extract again"):
        features["body"].read("pooled", [f"{IMAGES[6]}#0"])
    assert features["body"].read("pooled", [f"{IMAGES[1]}#0"])[1].tolist() == [Status.OK]


def test_an_image_that_is_gone_shifts_the_later_shards_only(store: Store) -> None:
    store.begin(manifest(rows([*IMAGES[:5], *IMAGES[6:]]), "new"), SIZE)
    scene = store.features("toy")["scene"]
    assert scene.counts()["pending"] == 6
    assert scene.read("pooled", IMAGES[:4])[0].tolist() == [value(key) for key in IMAGES[:4]]
    with pytest.raises(StoreError, match="absent or made for other samples"):
        scene.read("pooled", [IMAGES[9]])


def test_other_settings_leave_the_old_rows_alone(store: Store) -> None:
    store.use("toy", info("scene", Granularity.IMAGE, "0" * 16))
    assert store.features("toy")["scene"].counts() == {"pending": 11}
    store.use("toy", info("scene", Granularity.IMAGE))
    assert store.features("toy")["scene"].counts() == {"ok": 10, "broken": 1}


def test_a_shard_of_another_fingerprint_in_this_ones_place_is_stale(store: Store) -> None:
    feature = store.features("toy")["scene"]
    block = feature.layout.block(0)
    keys = feature.layout.keys(block, Granularity.IMAGE)
    arrays = {name: spec.empty(len(keys)) for name, spec in SPECS.items()}
    content = shard.Rows(keys, np.zeros(len(keys), np.uint8), [""] * len(keys), arrays)
    shard.write(feature.path(block), "0" * 16, feature.layout.source(block, Granularity.IMAGE), SPECS, content)
    assert feature.counts()["pending"] == SIZE


def test_a_damaged_shard_gives_no_row(store: Store) -> None:
    feature = store.features("toy")["scene"]
    path = feature.path(feature.layout.block(1))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ShardError, match="bytes were changed after it was written"):
        feature.read("pooled", [IMAGES[5]])
    assert feature.read("pooled", [IMAGES[0]])[1].tolist() == [Status.OK]


def test_beginning_again_writes_nothing(store: Store) -> None:
    before = {path: path.stat().st_mtime_ns for path in store.root.rglob("*") if path.is_file()}
    store.begin(manifest(rows()), SIZE)
    store.use("toy", info("scene", Granularity.IMAGE))
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("text", ["[]", "{", '"x"', '{"features": []}', '{"features": {"scene": 3}}'])
@pytest.mark.parametrize("name", ["current.json", "scene/ffffffffffffffff/feature.json"])
def test_descriptions_of_another_form_are_one_line(store: Store, name: str, text: str) -> None:
    path = store.root / "toy" / name
    path.write_text(text)
    with pytest.raises(StoreError) as error:
        store.features("toy")
    assert str(error.value).startswith(f"{path}: ")
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("size", [0, -1, "many", None, 1.5])
def test_a_shard_size_that_is_none_is_one_line(store: Store, size: Any) -> None:
    (store.root / "toy" / "current.json").write_text(json.dumps({"shard_images": size}))
    with pytest.raises(StoreError, match=r"current\.json: "):
        store.layout("toy")


@pytest.mark.parametrize(
    "change", [{"granularity": "planet"}, {"arrays": []}, {"arrays": {"x": 3}}, {"arrays": {"x": {"shape": [1]}}}]
)
def test_a_feature_of_another_form_is_one_line(store: Store, change: dict[str, Any]) -> None:
    path = store.root / "toy" / "scene" / ("f" * 16) / "feature.json"
    path.write_text(json.dumps(info("scene", Granularity.IMAGE) | change))
    with pytest.raises(StoreError, match=r"feature\.json: not a feature's description"):
        store.features("toy")


def test_a_current_file_cannot_lead_out_of_the_store(store: Store) -> None:
    (store.root / "toy" / "current.json").write_text(json.dumps({"features": {"scene": "../../../elsewhere"}}))
    with pytest.raises(StoreError, match=r"current\.json: "):
        store.features("toy")


HOLDER = """
import sys, time
from pathlib import Path
from cache.store import Store
with Store(Path(sys.argv[1])).lock("toy"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    held = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert held.stdout is not None
        assert held.stdout.readline() == "held\n"
        with pytest.raises(StoreError) as error, Store(tmp_path).lock("toy"):
            pytest.fail("two writers")
        assert str(error.value).startswith(f"{tmp_path / 'toy'}: another extraction is writing here. ")
        with Store(tmp_path).lock("other"):
            pass
        held.send_signal(signal.SIGKILL)
        assert held.wait() == -signal.SIGKILL
        with Store(tmp_path).lock("toy"):
            pass
    finally:
        held.kill()
        held.wait()
        if held.stdout is not None:
            held.stdout.close()


def test_the_lock_is_given_back_after_an_error(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for _ in range(2):
        with pytest.raises(ValueError, match="mine"), store.lock("toy"):
            raise ValueError("mine")


def test_a_store_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    words = r"cannot be written: (Not a directory|File exists)\. Choose another STORE="
    with pytest.raises(StoreError, match=words), Store(tmp_path / "store").lock("toy"):
        pytest.fail("locked nothing")
