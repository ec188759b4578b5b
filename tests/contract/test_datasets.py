"""One suite over every dataset's reader: what the rest of the project may rely on."""

import importlib
import inspect
import os
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dataset_case import Case, cases
from tried import tried

import pipeline.dataset
from cache.errors import DataError
from cache.manifest import OK, OTHER_SPLIT, SPLITS, STATUSES, Manifest
from cache.plugins import load
from pipeline.dataset import Reader, manifest_of
from pipeline.decoding.images import ImageError
from pipeline.decoding.paths import inside, resolve
from pipeline.decoding.tracks import read_track
from pipeline.decoding.video import probe
from pipeline.running.extraction import describe
from pipeline.running.recipes import dataset_config

PACKAGE = "pipeline.datasets"
DATASETS = tried(PACKAGE)
KNOWN = [dataset for dataset in DATASETS if importlib.util.find_spec(f"{dataset}_cases")]
EVERY = [(dataset, variant) for dataset in KNOWN for variant in cases(dataset)]
HOSTILE = (
    *("../x.jpg", "../../../etc/passwd", "/etc/passwd", "//etc/passwd", "a/../../x.jpg", "..", ".", "a/../.."),
    *("..\\x.jpg", "C:\\x.jpg", "C:/x.jpg", "\\\\host\\share\\x.jpg", "~/x.jpg", "file:///etc/passwd", "a\nb.jpg"),
)


def case_of(dataset: str, variant: str) -> Case:
    return cases(dataset)[variant]


@pytest.fixture(scope="module", params=EVERY, ids=lambda one: f"{one[0]} {one[1]}")
def case(request: pytest.FixtureRequest) -> Case:
    return case_of(*request.param)


@pytest.fixture(scope="module")
def reader(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return case.build(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def manifest(reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return manifest_of(reader, tmp_path_factory.mktemp("store") / "manifest.parquet")


def attempt(reader: Reader, folder: Path) -> tuple[Manifest | None, str]:
    """The manifest, or the one line that says why there is none; ``folder`` may hold one of an earlier state."""
    try:
        return manifest_of(reader, folder / "manifest.parquet"), ""
    except DataError as error:
        refusal = str(error)
    assert len(refusal.splitlines()) == 1
    return None, refusal


def bytes_of(manifest: Manifest, path: Path) -> bytes:
    manifest.save(path)
    return path.read_bytes()


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_dataset_is_in_this_suite(dataset: str) -> None:
    assert cases(dataset), f"tests/support/{dataset}_cases.py: CASES is empty"


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_dataset_has_its_stages(dataset: str) -> None:
    assert dataset_config(dataset, None).dataset == dataset


def test_the_class_is_final_named_as_its_file_and_told_about(reader: Reader) -> None:
    assert type(reader).__bases__ == (pipeline.dataset.Reader,)
    assert type(reader).__module__ == f"{PACKAGE}.{reader.name}"
    assert reader.version >= 1
    origin = inspect.getdoc(importlib.import_module(type(reader).__module__)) or ""
    assert "Origin:" in origin
    assert "Layout" in origin


def test_every_sample_is_accounted_for(case: Case, manifest: Manifest) -> None:
    assert sum(sum(counts.values()) for counts in manifest.counts().values()) == len(manifest) == case.rows
    assert len(set(manifest.keys)) == len(manifest)


def test_whatever_is_not_ok_has_a_reason(manifest: Manifest) -> None:
    assert set(manifest.statuses) <= set(STATUSES)
    for status, reason in zip(manifest.statuses, manifest.reasons, strict=True):
        assert status == OK or reason
        assert len(reason.splitlines()) <= 1


def test_what_is_printed_is_one_line_each(manifest: Manifest) -> None:
    assert manifest.dataset
    assert manifest.release
    assert all(len(line.splitlines()) == 1 for line in describe(manifest))


def test_keys_are_paths_inside_the_root(reader: Reader, manifest: Manifest) -> None:
    spans = [f"@{first}-{last}" for first, last in manifest.spans.tolist()] or [""] * len(manifest)
    for key, path, person, span in zip(manifest.keys, manifest.images, manifest.persons.tolist(), spans, strict=True):
        assert inside(reader.root, path) == path
        assert key == (path if person < 0 else f"{path}#{person}{span}")


def test_persons_of_an_image_count_from_nought(manifest: Manifest) -> None:
    if manifest.clips:  # the annotation's own numbers, of which a span may have any
        assert (manifest.persons >= 0).all()
        return
    seen: dict[str, list[int]] = {}
    for path, person in zip(manifest.images, manifest.persons.tolist(), strict=True):
        seen.setdefault(path, []).append(person)
    assert all(people in ([-1], list(range(len(people)))) for people in seen.values())


def test_labels_are_in_the_vocabulary(manifest: Manifest) -> None:
    assert manifest.categories.shape == (len(manifest), len(manifest.category_names))
    assert set(np.unique(manifest.categories)) <= {0, 1}
    assert len(set(manifest.category_names)) == len(manifest.category_names)
    ok = np.array(manifest.statuses) == OK
    scored = ~np.isnan(manifest.scores).any(axis=1) if len(manifest.scores) else np.zeros(len(manifest), bool)
    assert (manifest.categories[ok].any(axis=1) | scored[ok]).all()  # annotators may agree on none
    known = manifest.vad[~np.isnan(manifest.vad)]
    assert ((known >= 1) & (known <= 10)).all()


def test_usable_boxes_are_inside_their_images(manifest: Manifest) -> None:
    ok = np.array(manifest.statuses) == OK
    assert ok.any()
    (x1, y1, x2, y2), (width, height) = manifest.boxes[ok].T, manifest.sizes[ok].T
    assert ((x1 >= 0) & (x1 < x2) & (x2 <= width) & (y1 >= 0) & (y1 < y2) & (y2 <= height)).all()


def test_clips_lie_where_their_videos_and_tracks_do(reader: Reader, manifest: Manifest) -> None:
    ok = np.array(manifest.statuses) == OK
    for place in np.flatnonzero(ok) if manifest.clips else []:
        first, last = manifest.spans[place].tolist()
        info = probe(resolve(reader.root, f"{manifest.folder}/{manifest.images[place]}".lstrip("/")))
        assert 0 <= first <= last < info.frames
        assert tuple(manifest.sizes[place].tolist()) == info.size
        if manifest.tracks and manifest.tracks[place]:
            person, known = int(manifest.persons[place]), manifest.track_digests[place]
            track = read_track(reader.root / manifest.folder, manifest.tracks[place], person, known)
            assert not np.isnan(track.within(first, last)).any()


def in_two_splits(manifest: Manifest) -> list[str]:
    """Images with usable people in more than one split."""
    columns = zip(manifest.images, manifest.splits, manifest.statuses, strict=True)
    usable = {(path, split) for path, split, status in columns if status == OK}
    return [path for path, count in Counter(path for path, _ in usable).items() if count > 1]


def test_splits_are_known_and_share_no_image(manifest: Manifest) -> None:
    assert set(manifest.splits) == set(SPLITS)
    assert not in_two_splits(manifest)
    assert len(set(zip(manifest.images, manifest.splits, strict=True))) == len(set(manifest.images))


def test_the_same_files_give_the_same_bytes(reader: Reader, manifest: Manifest, tmp_path: Path) -> None:
    again = manifest_of(type(reader)(reader.root), tmp_path / "absent.parquet")
    assert bytes_of(again, tmp_path / "1") == bytes_of(manifest, tmp_path / "2")


def test_another_process_gives_the_same_bytes(reader: Reader, manifest: Manifest, tmp_path: Path) -> None:
    """Sets and hashes of texts come in another order there. Pandas, where it is installed, is loaded by pyarrow."""
    code = f"""
import sys
from pathlib import Path
from cache.plugins import load
from pipeline.dataset import manifest_of
reader = load("{PACKAGE}", sys.argv[1], "Reader")(Path(sys.argv[2]))
manifest_of(reader, Path(sys.argv[3]) / "absent").save(Path(sys.argv[3]) / "manifest.parquet")
print([name for name in "torch cv2 scipy sklearn facenet_pytorch mmengine".split() if name in sys.modules])
"""
    words = [sys.executable, "-c", code, reader.name, str(reader.root), str(tmp_path)]
    environment = os.environ | {"PYTHONHASHSEED": "4711"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert (tmp_path / "manifest.parquet").read_bytes() == bytes_of(manifest, tmp_path / "here")
    assert done.stdout.strip() == "[]", "reading an annotation loads nothing heavy"


def test_the_bytes_do_not_tell_where_the_root_lies(case: Case, manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "else where").mkdir()
    moved = manifest_of(case.build(tmp_path / "else where"), tmp_path / "absent.parquet")
    moved = replace(moved, source=manifest.source)  # a .mat holds the second in which it was written
    assert bytes_of(moved, tmp_path / "1") == bytes_of(manifest, tmp_path / "2")


def test_a_manifest_is_kept_until_something_changes(case: Case, tmp_path: Path) -> None:
    root, cached = tmp_path / "root", tmp_path / "manifest.parquet"
    root.mkdir()
    reader = case.build(root)
    first = manifest_of(reader, cached)
    first.save(cached)
    assert manifest_of(type(reader)(reader.root), cached).source == first.source
    if files := reader.annotation_files():
        files[0].write_bytes(files[0].read_bytes() + b"\n")
    else:  # the images are the annotation
        (root / first.folder / first.images[0]).unlink()
    changed, refusal = attempt(type(reader)(reader.root), tmp_path)
    assert refusal or (changed and changed.source != first.source)  # a .mat with a byte too many is refused


def test_images_lie_where_the_manifest_says(case: Case, reader: Reader, manifest: Manifest) -> None:
    assert (reader.root / manifest.folder).is_dir()
    there = [(reader.root / manifest.folder / path).is_file() for path in manifest.images]
    assert all(there) or not case.images


@pytest.mark.parametrize("path", HOSTILE)
@pytest.mark.parametrize(("dataset", "variant"), [one for one in EVERY if callable(case_of(*one).hostile)])
def test_no_path_leaves_the_root(dataset: str, variant: str, path: str, tmp_path: Path) -> None:
    """Either the row is refused by name, or its key leads nowhere outside."""
    root = tmp_path / "root"
    root.mkdir()
    case = case_of(dataset, variant)
    reader = case.hostile(root, path)
    found, refusal = attempt(reader, tmp_path)
    if found is None:
        assert repr(path)[1:-1] in refusal
        return
    assert len(found) == case.rows + 1
    for image in set(found.images):
        with suppress(ImageError):
            there = resolve(reader.root, f"{found.folder}/{image}" if found.folder else image)
            assert there.is_relative_to(root.resolve())


@pytest.mark.parametrize(("dataset", "variant"), [one for one in EVERY if callable(case_of(*one).leaking)])
def test_an_image_in_two_splits_is_reported(dataset: str, variant: str, tmp_path: Path) -> None:
    found, refusal = attempt(case_of(dataset, variant).leaking(tmp_path), tmp_path)
    told = "\n".join(found.notes) if found else refusal
    assert "in two splits" in told or "into one split" in told
    if found:
        assert OTHER_SPLIT in found.statuses
        assert not in_two_splits(found)


@pytest.mark.parametrize("name", DATASETS)
def test_a_root_that_does_not_exist_is_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        manifest_of(load(PACKAGE, name, "Reader")(tmp_path / "absent"), tmp_path / "manifest.parquet")
    assert str(error.value).startswith(f"ROOT={tmp_path / 'absent'}: no such folder.")


@pytest.mark.parametrize("name", DATASETS)
def test_an_empty_root_is_one_line_with_a_cure(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        manifest_of(load(PACKAGE, name, "Reader")(tmp_path), tmp_path / "manifest.parquet")
    assert str(tmp_path) in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_dataset_without_a_small_form_fails_by_name() -> None:
    with pytest.raises(LookupError, match=r"dataset 'bold3' is not in the contract suite: write .*bold3_cases\.py"):
        cases("bold3")
