"""People beside their features: in one order, read only where they are asked for, wrong words told."""

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_features import CATEGORIES, make_store, people

from cache.errors import AffectError, ShardError, StoreError
from cache.feature import Feature
from cache.manifest import BAD_BOX, NO_PERSON, OTHER_SPLIT, Row
from cache.people import People
from cache.shard import Shard

WORDS = ("body", "image", "scene/scores", "pose/keypoints")


def annotated() -> list[Row]:
    """The toy people; of the first four two are spoiled, and an image without people stands between them."""
    rows = people()
    rows[1] = replace(rows[1], status=BAD_BOX, reason="made up")
    rows[3] = replace(rows[3], status=OTHER_SPLIT, reason="made up")
    return [*rows[:2], Row("mscoco/empty.jpg", -1, "train", size=(64, 64), status=NO_PERSON), *rows[2:]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Body 6 of the second shard is broken; read only."""
    folder = tmp_path_factory.mktemp("people") / "store"
    names = ("image", "body", "scene", "pose", "sem2vec")
    make_store(folder, annotated(), missing={"body": [90]}, untrained=("sem2vec",), features=names)
    return folder


def by_key(found: People, word: str, place: int) -> Any:
    """The row as the store gives it for the person's key, or for that of the image."""
    feature, _, array = word.partition("/")
    opened = found.features[word].feature
    key = found.keys[place] if feature in ("body", "pose") else found.paths[place]
    return opened.read(array or "pooled", [key])[0][0]


@pytest.mark.parametrize("split", ["train", "val", "test", None])
def test_every_column_tells_of_the_same_person(root: Path, split: str | None) -> None:
    found = People.load(root, "demo", WORDS, split)
    expected = {row.key: row for row in annotated() if row.status == "ok" and split in (None, row.split)}
    assert found.keys == list(expected)
    assert len(found) == len(found.rows) == len(expected)
    for place, row in enumerate(expected.values()):
        assert (found.paths[place], found.splits[place], found.statuses[place]) == (row.image, row.split, "ok")
        assert found.labels[place] == tuple(sorted(row.categories))
        assert {CATEGORIES[at] for at in np.flatnonzero(found.multi_hot[place])} == set(row.categories)
        assert (tuple(found.vad[place]), tuple(found.boxes[place])) == (row.vad, row.box)
    broken = broken_key(root)
    for word in WORDS:
        for place in (0, 1, 2, len(found) - 1):
            assert found.features[word][place].tolist() == by_key(found, word, place).tolist()
    assert found.missing.tolist() == [key == broken for key in found.keys]


def broken_key(root: Path) -> str:
    ((key,),) = [[one.key for one in People.load(root, "demo", ["body"]).features["body"].feature.failures()]]
    return key


def test_spoiled_people_are_counted_and_come_only_with_everyone(root: Path) -> None:
    found = People.load(root, "demo", ["body"], "train")
    assert found.left_out == {BAD_BOX: 1, OTHER_SPLIT: 1}
    assert repr(found).endswith("left out: bad_box 1, other_split 1>")
    every = People.load(root, "demo", ["body"], "train", everyone=True)
    assert every.left_out == {}
    assert len(every) == len(found) + 2
    assert every.statuses[:4] == ["ok", BAD_BOX, "ok", OTHER_SPLIT]
    assert "mscoco/empty.jpg" not in every.paths


@pytest.mark.parametrize("index", [3, -1, slice(2, 90, 7), slice(None), [5, 5, 0], np.array([[1, 2], [70, 3]]), "mask"])
def test_a_feature_is_indexed_as_numpy_is(root: Path, index: Any) -> None:
    found = People.load(root, "demo", WORDS)
    index = np.arange(len(found)) % 3 == 0 if isinstance(index, str) else index
    for word in WORDS:
        whole, lazy = np.asarray(found.features[word]), found.features[word]
        assert (lazy.shape, lazy.dtype, lazy.ndim, len(lazy)) == (whole.shape, whole.dtype, whole.ndim, len(whole))
        np.testing.assert_array_equal(lazy[index], whole[index])
        assert lazy[index].dtype == whole.dtype
    with pytest.raises(IndexError):
        found.features["body"][len(found)]
    assert found.features["body"][[]].shape == (0, 24)
    assert np.asarray(found.features["body"], dtype=np.float64).dtype == np.float64


def test_some_people_are_all_columns_of_these(root: Path) -> None:
    found, broken = People.load(root, "demo", WORDS), broken_key(root)
    kept = found[~found.missing]
    assert len(kept) == len(found) - 1
    assert kept.keys == [key for key in found.keys if key != broken]
    assert not kept.missing.any()
    np.testing.assert_array_equal(kept.features["body"].numpy(), found.features["body"].numpy()[~found.missing])
    np.testing.assert_array_equal(kept.multi_hot, found.multi_hot[~found.missing])
    for wrong in (3, "body"):
        with pytest.raises(TypeError, match=r"some people are chosen here\. A feature's rows are people\.features"):
            found[wrong]  # type: ignore[index]


def test_nothing_is_read_that_is_not_asked(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    load, describe = Shard.__init__, Feature.__init__

    def shard(self: Shard, path: Path) -> None:
        opened.append(f"{path.parents[1].name}/{path.name}")
        load(self, path)

    def feature(self: Feature, folder: Path, *rest: Any) -> None:
        opened.append(folder.parent.name)
        describe(self, folder, *rest)

    monkeypatch.setattr(Shard, "__init__", shard)
    monkeypatch.setattr(Feature, "__init__", feature)
    found = People.load(root, "demo", ["body", "image"])
    assert (sorted(opened), found.boxes.shape, len(found.labels)) == (["body", "image"], (len(found), 4), len(found))
    opened.clear()
    found.features["body"][[0, 3, 2]]
    assert opened == ["body/shard-00000.h5"]
    assert found.missing.sum() == 1
    assert opened == ["body/shard-00000.h5", "body/shard-00001.h5"], "ledgers without a failure are not opened"
    found.features["body"].numpy()
    assert len(opened) == len(set(opened)), "a shard is checked once"
    assert {name.partition("/")[0] for name in opened} == {"body"}


def test_who_writes_into_the_arrays_changes_nobody(root: Path) -> None:
    found = People.load(root, "demo", ["body"], "test")
    before = {name: array.copy() for name, array in found.numpy().items()}
    for array in found.numpy().values():
        array[:] = array[::-1].copy() if array.dtype.kind == "U" else 1
    for name, array in found.numpy().items():
        np.testing.assert_array_equal(array, before[name])


def test_what_else_the_annotation_says_goes_with_each_person(root: Path) -> None:
    found = People.load(root, "demo")
    assert found.extras == [{}] * len(found)
    rows = ["", *(json.dumps({"page": str(row)}) for row in range(1, len(found.manifest)))]
    told = replace(found, manifest=replace(found.manifest, extras=rows))
    assert told[found.rows > 1].extras == [{"page": str(row)} for row in found.rows if row > 1]


def test_as_numpy_and_as_a_table(root: Path) -> None:
    found = People.load(root, "demo", WORDS, "test")
    arrays, table = found.numpy(), found.arrow()
    assert {len(array) for array in arrays.values()} == {len(found)} == {table.num_rows}
    for word in WORDS:
        np.testing.assert_array_equal(arrays[word], found.features[word].numpy())
        assert table.column(word).to_pylist() == arrays[word].tolist()
    for name, values in {"key": found.keys, "path": found.paths, "labels": [list(one) for one in found.labels]}.items():
        assert table.column(name).to_pylist() == values
    assert table.column("dominance").to_pylist() == [row.vad[2] for row in annotated() if row.split == "test"]
    assert table.column("x2").to_pylist() == [50.0] * len(found)
    assert arrays["key"].tolist() == found.keys


def test_as_a_pandas_table(root: Path) -> None:
    pytest.importorskip("pandas")
    found = People.load(root, "demo", WORDS, "test")
    frame = found.pandas()
    assert frame["key"].tolist() == found.keys
    np.testing.assert_array_equal(np.stack(list(frame["body"])), found.features["body"].numpy())


def test_another_process_opens_the_maps_for_itself(root: Path) -> None:
    found = People.load(root, "demo", ["body"])
    whole = found.features["body"].numpy()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(found)).features["body"].numpy(), whole)


def test_a_flipped_bit_gives_no_row(tmp_path: Path) -> None:
    make_store(tmp_path, features=("body",))
    found = People.load(tmp_path, "demo", ["body"])
    path = found.features["body"].feature.path(found.features["body"].feature.layout.block(1))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert found.features["body"][:3].shape == (3, 24)
    with pytest.raises(ShardError, match="bytes were changed after it was written"):
        found.features["body"].numpy()


def test_a_feature_that_is_not_wholly_there_is_told_when_it_is_asked_for(tmp_path: Path) -> None:
    store = make_store(tmp_path, features=("body", "image"))
    feature = store.features("demo")["body"]
    feature.path(feature.layout.block(2)).unlink()
    with pytest.raises(StoreError, match=r"shard-00002\.h5: absent or made for other samples\. Run make extract again"):
        People.load(tmp_path, "demo", ["body"])
    assert len(People.load(tmp_path, "demo", ["image"])) == 260


WRONG: dict[str, tuple[Callable[[Path], Any], type[Exception], str]] = {
    "store": (
        lambda root: People.load(root / "x", "demo"),
        FileNotFoundError,
        r"/x: no such folder\. Name the one that",
    ),
    "dataset": (lambda root: People.load(root, "dmo"), KeyError, r"no dataset 'dmo'\. Did you mean 'demo'\?"),
    "feature": (lambda root: People.load(root, "demo", ["imge"]), KeyError, r"'imge' is not in .* mean 'image'\?"),
    "array": (lambda root: People.load(root, "demo", ["body/poled"]), KeyError, r"'poled'\. Did you mean 'pooled'\?"),
    "split": (lambda root: People.load(root, "demo", [], "tarin"), KeyError, r"no split 'tarin'\. .* 'train'\?"),
    "column": (lambda root: People.load(root, "demo", ["vad"]), ValueError, r"another column\. Ask for 'vad/pooled'"),
    "loaded": (
        lambda root: People.load(root, "demo", ["body"]).features["bdy"],
        KeyError,
        r"'bdy'\. Did you mean 'body'",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_word_is_one_line_and_the_builtin_error_too(root: Path, what: str) -> None:
    call, builtin, told = WRONG[what]
    with pytest.raises(builtin, match=told) as error:
        call(root)
    assert isinstance(error.value, AffectError)
    assert len(str(error.value).splitlines()) == 1
    assert not str(error.value).startswith(('"', "'"))


def test_untrained_features_are_named(root: Path) -> None:
    assert People.load(root, "demo", ["body"]).untrained == ()
    found = People.load(root, "demo", ["body", "sem2vec/area"])
    assert found.untrained == ("sem2vec/area",)
    assert "UNTRAINED: sem2vec/area" in repr(found)
