"""HECO's reader: people of one image together, the typo repaired and told, the split of single and several apart."""

import math
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dataset_case import photo
from heco_cases import HEADER, build, line, write
from PIL import Image
from toy_pipeline import Colour, Crop

from cache.errors import DataError
from cache.manifest import Manifest
from cache.spec import Status
from cache.store import Store
from pipeline.dataset import manifest_of, source_of
from pipeline.datasets.heco import CATEGORIES, Reader, release_of
from pipeline.running.extraction import extract
from pipeline.running.request import Request

PUBLISHED = (9_385, 19_781)


def read(root: Path, *lines: str, **layout: str) -> Manifest:
    """Of lines whose images, of 100 x 90 pixels, are there."""
    for one in lines:
        photo(root / layout.get("folder", "Data") / one.partition(",")[0])
    return write(root, lines, **layout).read("s")


def refused(root: Path, *lines: str, **layout: str) -> str:
    with pytest.raises(DataError) as error:
        write(root, lines, **layout).read("s")
    text = str(error.value)
    assert len(text.splitlines()) == 1
    return text


def test_rows_of_one_image_are_its_people_wherever_they_stand(tmp_path: Path) -> None:
    found = read(tmp_path, line("b.png"), line("a.png"), line("b.png", "1,2,30,40", "Anger", "1,10,2.5"))
    assert found.keys == ["b.png#0", "b.png#1", "a.png#0"]
    assert found.boxes.tolist() == [[10, 20, 50, 80], [1, 2, 30, 40], [10, 20, 50, 80]]
    assert found.sizes.tolist() == [[100, 90]] * 3
    assert [CATEGORIES[row.argmax()] for row in found.categories] == ["Peace", "Anger", "Peace"]
    assert found.vad.tolist() == [[5, 6, 7], [1, 10, 2.5], [5, 6, 7]]
    assert found.statuses == ["ok"] * 3
    assert found.folder == "Data"


def test_the_categories_are_hecos() -> None:
    assert ", ".join(CATEGORIES) == "Surprise, Excitement, Happiness, Peace, Disgust, Anger, Fear, Sadness"


def test_the_typo_is_repaired_and_told(tmp_path: Path) -> None:
    found = read(tmp_path, line("a.png"), line("b.png", category="Happinesst"))
    assert found.categories[1, CATEGORIES.index("Happiness")] == 1
    assert "HECO_Labels.csv:3: category 'Happinesst' read as 'Happiness'" in found.notes


def test_another_unknown_category_is_refused_by_line(tmp_path: Path) -> None:
    photo(tmp_path / "Data" / "a.png")
    told = f"{tmp_path}/Labels/HECO_Labels.csv:2: unknown category 'Sadnes'. Did you mean 'Sadness'?"
    assert refused(tmp_path, line("a.png", category="Sadnes")).startswith(told)


def test_boxes_are_cut_to_the_upright_image(tmp_path: Path) -> None:
    """EXIF turns the image by a quarter, so it is 90 wide and 100 high, as extraction will see it."""
    write(tmp_path, [line("a.jpg", "-5,20,95,500")])
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (100, 90)).save(tmp_path / "Data" / "a.jpg", exif=exif)
    found = Reader(tmp_path).read("s")
    assert found.sizes.tolist() == [[90, 100]]
    assert found.boxes.tolist() == [[0, 20, 90, 100]]
    assert found.original_boxes.tolist() == [[-5, 20, 95, 500]]
    assert "boxes that reached out of their images, clamped (the originals are kept): 1" in found.notes


def test_vad_outside_the_scale_is_left_out_and_counted(tmp_path: Path) -> None:
    found = read(tmp_path, line("a.png", vad="0,11,"), line("b.png", vad="1,10,5"))
    assert np.isnan(found.vad[0]).all()
    assert found.reasons == ["valence 0 is not in 1..10, arousal 11 is not in 1..10, no dominance", ""]
    assert found.statuses == ["ok", "ok"]
    assert "values of VAD that are not in 1..10, left out: 2" in found.notes


def test_columns_that_are_not_used_are_told(tmp_path: Path) -> None:
    assert "columns that are not used: Label_SA, Label_CA" in read(tmp_path, line("a.png")).notes


def test_repeated_rows_are_told(tmp_path: Path) -> None:
    found = read(tmp_path, line("a.png"), line("a.png"))
    assert len(found) == 2
    assert "rows that repeat an earlier row, kept as more people: 1, first HECO_Labels.csv:3" in found.notes


def test_an_image_that_is_not_there_stays_with_the_reason(tmp_path: Path) -> None:
    photo(tmp_path / "Data" / "a.png")
    (tmp_path / "Data" / "broken.png").write_bytes(b"no image")
    found = write(tmp_path, [line("a.png"), line("gone.png"), line("broken.png")]).read("s")
    assert found.statuses == ["ok", "missing", "broken"]
    assert found.reasons[1] == "no such file"
    assert found.reasons[2].startswith("not readable as an image")
    assert math.isnan(found.boxes[1, 0])
    assert found.original_boxes[1].tolist() == [10, 20, 50, 80]
    note = "images that cannot be used: 2 (1 missing, 1 broken), first gone.png (no such file)"
    assert f"{note}; their people have no usable box" in found.notes


def test_a_wrong_root_with_none_of_the_images_is_refused(tmp_path: Path) -> None:
    told = f"{tmp_path}/Data: of the 2 images annotated none can be read, first a.png (no such file). Is ROOT right?"
    assert refused(tmp_path, line("a.png"), line("b.png")) == told


def test_a_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    photo(tmp_path / "outside.png")
    photo(root / "Data" / "a.png")
    (root / "Data" / "link.png").symlink_to(tmp_path / "outside.png")
    found = write(root, [line("a.png"), line("link.png")]).read("s")
    assert found.statuses[1] == "outside_root"
    assert "a symbolic link leads out of the dataset's folder" in found.reasons[1]


@pytest.mark.parametrize("folder", ["Data", "Images"])
def test_both_names_of_the_image_folder(tmp_path: Path, folder: str) -> None:
    found = read(tmp_path, line("a.png"), folder=folder)
    assert (found.folder, found.keys) == (folder, ["a.png#0"])


def test_a_root_without_images_or_labels_names_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"Labels/HECO_Labels\.csv: no such file\. ROOT is the folder that holds Labels/"
    ):
        source_of(Reader(tmp_path))
    write(tmp_path, [line("a.png")])
    (tmp_path / "Data").rmdir()
    with pytest.raises(DataError, match=r"holds neither Data/ nor Images/\. ROOT is"):
        source_of(Reader(tmp_path))


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (line("", "1,2,3,4"), ":2: Image is empty"),
        (line("a.png", "1,2,x,4"), ":2: xmax 'x' is not a finite number."),
        (line("a.png", "1,2,nan,4"), ":2: xmax 'nan' is not a finite number."),
        (line("a.png", "1,2,3"), ":2: has 10 fields, the header 11."),
        (line("a.png", vad="5,5,five"), ":2: Dominance 'five' is not a finite number."),
    ],
)
def test_bad_rows_name_file_and_line(tmp_path: Path, row: str, told: str) -> None:
    photo(tmp_path / "Data" / "a.png")
    assert f"{tmp_path}/Labels/HECO_Labels.csv{told}" in refused(tmp_path, row)


def test_a_blank_box_stays_with_its_reason(tmp_path: Path) -> None:
    found = read(tmp_path, line("a.png"), line("a.png", "1,,3,4"))
    assert found.statuses == ["ok", "bad_box"]
    assert found.reasons[1] == "box [1.0, nan, 3.0, 4.0] is not four finite numbers"


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    told = refused(tmp_path, line("a.png"), header=HEADER.replace("Category", "category"))
    assert "HECO_Labels.csv:1: has no column 'Category'. It has Image, xmin" in told


def test_windows_line_ends_make_no_difference(tmp_path: Path) -> None:
    usual = read(tmp_path / "usual", line("a.png"), line("b.png"))
    other = read(tmp_path / "other", line("a.png"), line("b.png"), end="\r\n")
    assert (usual.keys, usual.splits, usual.notes) == (other.keys, other.splits, other.notes)


def test_single_and_several_are_split_apart(tmp_path: Path) -> None:
    """As in the paper: each group 70/10/20, then joined."""
    lines = [line(f"one_{k}.png") for k in range(50)]
    lines += [line(f"two_{k}.png", box) for k in range(30) for box in ("1,2,3,4", "5,6,7,8")]
    found = read(tmp_path, *lines)
    images = dict(zip(found.images, found.splits, strict=True))
    counts = Counter((path[:3], split) for path, split in images.items())
    assert counts == {
        ("one", "train"): 35,
        ("one", "val"): 5,
        ("one", "test"): 10,
        ("two", "train"): 21,
        ("two", "val"): 3,
        ("two", "test"): 6,
    }
    groups = "50 images with one person and of 30 with several"
    note = f"no official split: drawn 70/10/20 by seeded hash (seed 0) of {groups}, then joined"
    assert found.notes[0] == note
    assert read(tmp_path, *reversed(lines)).counts() == found.counts()


def test_the_manifest_follows_the_images(tmp_path: Path) -> None:
    """An image that comes, goes or changes its size; not one whose pixels alone change."""
    root, cached = tmp_path / "root", tmp_path / "manifest.parquet"
    root.mkdir()
    build(root)
    first = manifest_of(Reader(root), cached)
    first.save(cached)
    photo(root / "Data" / "HECO_1.png").write_bytes(photo(tmp_path / "x.png", (100, 90)).read_bytes() + b"\0")
    assert manifest_of(Reader(root), cached).source == first.source
    photo(root / "Data" / "absent.png", (200, 200))
    came = manifest_of(Reader(root), cached)
    assert came.source != first.source
    assert came.statuses[came.keys.index("absent.png#0")] == "ok"
    assert (came.keys, came.splits) == (first.keys, first.splits)
    photo(root / "Data" / "absent.png", (20, 200))
    assert manifest_of(Reader(root), cached).source not in (first.source, came.source)
    (root / "Data" / "absent.png").unlink()
    assert manifest_of(Reader(root), cached).source == first.source


def test_extraction_marks_an_absent_image_missing_and_takes_it_up_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, store, config = tmp_path / "root", Store(tmp_path / "store"), tmp_path / "config.toml"
    root.mkdir()
    build(root)
    config.write_text('dataset = "heco"\n[stages.colour]\n[stages.crop]\n')
    toys = {"heco": Reader, "colour": Colour, "crop": Crop}
    for module in ("recipes.load_plugin", "extraction.load"):
        monkeypatch.setattr(f"pipeline.running.{module}", lambda *words: toys[words[1]])
    request = Request("heco", root, store.root, tmp_path, config=config)
    assert extract(request, lambda _: None).failed == {"absent.png"}
    features = store.features("heco")
    assert features["colour"].read("mean", ["absent.png", "HECO_0.png"])[1].tolist() == [Status.MISSING, Status.OK]
    keys = ["absent.png#0", "HECO_0.png#0", "HECO_11.png#2"]  # the last has a box that is reversed
    assert features["crop"].read("sum", keys)[1].tolist() == [Status.MISSING, Status.OK, Status.UNUSABLE]
    photo(root / "Data" / "absent.png")
    extract(request, lambda _: None)  # its people have boxes now; what is of the image alone is the same shard
    assert not extract(replace(request, retry=True), lambda _: None).failed
    assert store.features("heco")["crop"].read("sum", keys)[1].tolist() == [Status.OK, Status.OK, Status.UNUSABLE]


@pytest.mark.parametrize(
    ("counts", "release"),
    [(PUBLISHED, "HECO"), ((9_385, 19_500), "HECO"), ((20, 35), "unrecognised (20 images, 35 people)")],
)
def test_the_release_is_told_from_the_counts(counts: tuple[int, int], release: str) -> None:
    assert release_of(*counts) == release


def test_a_file_of_hecos_size_is_read_in_seconds(tmp_path: Path) -> None:
    """9,385 images and 19,781 people, and the typo in the published line."""
    images, people = PUBLISHED
    several = people - images
    lines = [line(f"HECO_{k}.png") for k in range(images)] + [
        line(f"HECO_{k}.png", "1,2,3,4") for k in range(several // 3)
    ] * 3
    lines += [line("HECO_0.png", "5,6,7,8")] * (people - len(lines))
    lines[9736 - 2] = line("HECO_1.png", "2,2,9,9", "Happinesst")
    write(tmp_path, lines)
    pixels = photo(tmp_path / "a.png")
    for k in range(images):
        (tmp_path / "Data" / f"HECO_{k}.png").hardlink_to(pixels)
    start = time.perf_counter()
    found = manifest_of(Reader(tmp_path), tmp_path / "absent.parquet")
    assert time.perf_counter() - start < 30
    assert (len(found), len(set(found.images)), found.release) == (people, images, "HECO")
    assert "HECO_Labels.csv:9736: category 'Happinesst' read as 'Happiness'" in found.notes
    assert "published: 9,385 images, 19,781 people" in found.notes
