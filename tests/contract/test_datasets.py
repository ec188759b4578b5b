"""One suite over every dataset's reader: what the rest of the project may rely on."""

import importlib
import inspect
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from emotic_files import image, rated_person, splits, train_person, vad, write

import pipeline.dataset
from cache.errors import DataError
from cache.manifest import OK, SPLITS, STATUSES, Manifest
from cache.plugins import load, names
from pipeline.dataset import Reader, manifest_of
from pipeline.paths import inside

PACKAGE = "pipeline.datasets"
DATASETS = names(PACKAGE)


def emotic(root: Path) -> Reader:
    """Rows of every kind: fine, clamped, a bad box, no label, no people, a path that leads out."""
    box = np.array([-5.0, 2, 30, 400])
    fine = [
        train_person(["Anger", "Fear"]),
        train_person(body_bbox=box),
        train_person(body_bbox=-box),
        train_person([]),
    ]
    people = [rated_person(), rated_person([[]]), rated_person(combined_continuous=vad(math.nan))]
    write(
        root,
        splits(
            train=[image("a.jpg", fine), image("b.jpg", []), image("../../../../c.jpg", [train_person()])],
            val=[image("d.jpg", people), image("e.jpg", [rated_person()])],
        ),
    )
    return load(PACKAGE, "emotic", "Reader")(root)


def demo(root: Path) -> Reader:
    """A few scenes; the folder does not exist before."""
    return load(PACKAGE, "demo", "Reader")(root / "data" / "demo", scenes=14)


MAKERS: dict[str, Callable[[Path], Reader]] = {"emotic": emotic, "demo": demo}
NAMED = {"emotic": 4 + 1 + 1 + 3 + 1 + 1}
"""Rows that the annotation names, counted by hand; the demo's are counted in its own plan."""


@pytest.fixture(scope="module", params=DATASETS)
def reader(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    made = MAKERS[request.param](tmp_path_factory.mktemp(request.param))
    made.prepare()
    return made


@pytest.fixture(scope="module")
def manifest(reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return manifest_of(reader, tmp_path_factory.mktemp("store") / "manifest.parquet")


def test_every_dataset_is_in_this_suite() -> None:
    assert sorted(MAKERS) == DATASETS


def test_the_class_is_final_named_as_its_file_and_told_about(reader: Reader) -> None:
    assert type(reader).__bases__ == (pipeline.dataset.Reader,)
    assert type(reader).__module__ == f"{PACKAGE}.{reader.name}"
    assert reader.version >= 1
    origin = inspect.getdoc(importlib.import_module(type(reader).__module__)) or ""
    assert "Origin:" in origin


def test_every_sample_is_accounted_for(reader: Reader, manifest: Manifest) -> None:
    assert sum(sum(counts.values()) for counts in manifest.counts().values()) == len(manifest)
    assert len(set(manifest.keys)) == len(manifest)
    if reader.name == "demo":
        from pipeline.demo_scenes.plan import plan_scenes

        plans = plan_scenes(14, 0)
        assert sorted(set(manifest.images)) == sorted(f"{plan.folder}/{plan.filename}" for plan in plans)
        assert len(manifest) == sum(len(plan.persons) for plan in plans)
    else:
        assert len(manifest) == NAMED[reader.name]


def test_whatever_is_not_ok_has_a_reason(manifest: Manifest) -> None:
    assert set(manifest.statuses) <= set(STATUSES)
    for status, reason in zip(manifest.statuses, manifest.reasons, strict=True):
        assert status == OK or reason
        assert len(reason.splitlines()) <= 1


def test_keys_are_paths_inside_the_root(reader: Reader, manifest: Manifest) -> None:
    for key, path, person in zip(manifest.keys, manifest.images, manifest.persons.tolist(), strict=True):
        assert inside(reader.root, path) == path
        assert key == (path if person < 0 else f"{path}#{person}")


def test_persons_of_an_image_count_from_nought_in_a_run(manifest: Manifest) -> None:
    seen: dict[str, list[int]] = {}
    for path, person in zip(manifest.images, manifest.persons.tolist(), strict=True):
        seen.setdefault(path, []).append(person)
    assert all(people in ([-1], list(range(len(people)))) for people in seen.values())


def test_labels_are_in_the_vocabulary(manifest: Manifest) -> None:
    assert manifest.categories.shape == (len(manifest), len(manifest.category_names))
    assert set(np.unique(manifest.categories)) <= {0, 1}
    assert len(set(manifest.category_names)) == len(manifest.category_names)
    ok = np.array(manifest.statuses) == OK
    assert manifest.categories[ok].any(axis=1).all()
    known = manifest.vad[~np.isnan(manifest.vad)]
    assert ((known >= 1) & (known <= 10)).all()


def test_usable_boxes_are_inside_their_images(manifest: Manifest) -> None:
    ok = np.array(manifest.statuses) == OK
    assert ok.any()
    (x1, y1, x2, y2), (width, height) = manifest.boxes[ok].T, manifest.sizes[ok].T
    assert ((x1 >= 0) & (x1 < x2) & (x2 <= width) & (y1 >= 0) & (y1 < y2) & (y2 <= height)).all()


def test_splits_are_known_and_share_no_image(manifest: Manifest) -> None:
    assert set(manifest.splits) == set(SPLITS)
    assert len(set(zip(manifest.images, manifest.splits, strict=True))) == len(set(manifest.images))


def test_the_same_files_give_the_same_bytes(reader: Reader, manifest: Manifest, tmp_path: Path) -> None:
    again = manifest_of(type(reader)(reader.root), tmp_path / "absent.parquet")
    manifest.save(tmp_path / "1")
    again.save(tmp_path / "2")
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_images_lie_where_the_manifest_says(reader: Reader, manifest: Manifest) -> None:
    assert (reader.root / manifest.folder).is_dir()
    if reader.name == "demo":
        assert all((reader.root / manifest.folder / path).is_file() for path in manifest.images)


@pytest.mark.parametrize("name", DATASETS)
def test_a_root_that_does_not_exist_is_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        manifest_of(load(PACKAGE, name, "Reader")(tmp_path / "absent"), tmp_path / "manifest.parquet")
    assert str(error.value).startswith(f"ROOT={tmp_path / 'absent'}: no such folder.")
