"""Features made from another feature's rows: values, order, what is read, statuses passed on, retry, faults."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toy_pipeline import CONFIG, IMAGES, make_root, run, tree

from cache.errors import ConfigError
from cache.spec import Status
from cache.store import Store

DERIVED = CONFIG + "[stages.twice]\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_root(tmp_path / "data")
    return tmp_path / "data"


def check(store: Path) -> None:
    """Every row of ``twice`` against ``crop``, read apart."""
    features, manifest = Store(store).features("demo"), Store(store).manifest("demo")
    people = [key for key, person in zip(manifest.keys, manifest.persons, strict=True) if person >= 0]
    once, before = features["crop"].read("sum", people)
    twice, after = features["twice"].read("twice", people)
    np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(twice[:, 0], [2 * value for value in once])
    assert len(people) == IMAGES


def test_rows_follow_those_of_the_source(root: Path, tmp_path: Path) -> None:
    assert run(root, tmp_path / "store", DERIVED).images == IMAGES
    check(tmp_path / "store")


def test_its_source_is_extracted_with_it_and_first_wherever_it_stands(root: Path, tmp_path: Path) -> None:
    first = DERIVED.replace("[stages.colour]\n", "").replace("[stages.crop]", "[stages.twice]\n[stages.crop]", 1)
    first = first.removesuffix("[stages.twice]\n")
    report = run(root, tmp_path / "store", first, stages=("twice",))
    assert [recipe.feature for recipe in report.recipes] == ["crop", "twice"]
    check(tmp_path / "store")


def test_over_a_finished_source_no_image_is_read_and_the_bytes_are_the_same(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path / "whole", DERIVED)
    run(root, tmp_path / "store")
    for image in root.glob("*.png"):
        image.unlink()
    assert run(root, tmp_path / "store", DERIVED).images == 0
    assert tree(tmp_path / "store") == tree(tmp_path / "whole")
    assert run(root, tmp_path / "store", DERIVED).shards == 0


def test_a_change_of_the_source_makes_it_anew(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path / "store", DERIVED)
    run(root, tmp_path / "store", DERIVED.replace("scale = 2.0", "scale = 5.0"))
    check(tmp_path / "store")


def test_a_broken_image_passes_on_its_status_and_retry_mends_both(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path / "clean", DERIVED)
    good = (root / "2.png").read_bytes()
    (root / "2.png").write_bytes(good[:60])
    report = run(root, tmp_path / "store", DERIVED)
    assert report.failed == {"2.png"}
    feature = Store(tmp_path / "store").features("demo")["twice"]
    values, status = feature.read("twice", ["2.png#0", "2.png#1", "1.png#0"])
    assert status.tolist() == [Status.BROKEN, Status.BROKEN, Status.OK]
    assert np.isnan(values[:2]).all()
    (root / "2.png").write_bytes(good)
    assert not run(root, tmp_path / "store", DERIVED, retry=True).failed
    check(tmp_path / "store")
    assert tree(tmp_path / "store") == tree(tmp_path / "clean")


def test_a_row_that_spoils_its_batch_fails_alone(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path / "store", DERIVED)
    sums, _ = Store(tmp_path / "store").features("demo")["crop"].read("sum", ["1.png#0", "2.png#0", "2.png#1"])
    report = run(root, tmp_path / "other", DERIVED + f"most = {np.sort(sums)[-2]}\n")
    _, status = Store(tmp_path / "other").features("demo")["twice"].read("twice", ["1.png#0", "2.png#0", "2.png#1"])
    assert report.failed
    assert status[np.argmax(sums)] == Status.FAILED
    assert (np.delete(status, np.argmax(sums)) == Status.OK).all()


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ('source = "corp"', "is made from 'corp', which this config does not extract. Did you mean 'crop'?"),
        ('source = "colour"\nreads = "mean"', "person rows cannot be made from image rows of colour"),
        ('reads = "som"', "wants 'som' of crop, which does not give it. Did you mean 'sum'?"),
        ('source = "twice"', "is its own source"),
    ],
)
def test_a_source_that_does_not_fit_is_told(root: Path, tmp_path: Path, setting: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run(root, tmp_path / "store", DERIVED + setting)
    assert text in str(caught.value)
    assert "[stages.twice]" in str(caught.value)


def test_other_rows_of_the_source_under_the_same_settings_make_it_anew(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path / "store", DERIVED)
    source = next((tmp_path / "store" / "demo" / "crop").glob("*/shard-00001.h5"))
    pixels = np.random.default_rng(99).integers(0, 255, (16, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(root / "5.png")
    source.unlink()
    assert Store(tmp_path / "store").features("demo")["twice"].counts()["pending"] > 0
    assert run(root, tmp_path / "store", DERIVED).shards == 1
    check(tmp_path / "store")


def test_a_repaired_source_takes_what_was_made_from_it_along(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path / "store", DERIVED)
    source = next((tmp_path / "store" / "demo" / "crop").glob("*/shard-00001.h5"))
    Image.fromarray(np.full((16, 20, 3), 7, np.uint8)).save(root / "5.png")
    damaged = bytearray(source.read_bytes())
    damaged[-1] ^= 1
    source.write_bytes(damaged)
    run(root, tmp_path / "store", DERIVED, mend=True)
    check(tmp_path / "store")


def test_an_absent_source_is_made_again_with_what_is_made_from_it(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path / "store", DERIVED)
    shutil.rmtree(tmp_path / "store" / "demo" / "crop")
    Image.fromarray(np.full((16, 20, 3), 7, np.uint8)).save(root / "5.png")
    run(root, tmp_path / "store", DERIVED)
    check(tmp_path / "store")
