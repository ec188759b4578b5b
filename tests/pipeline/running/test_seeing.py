"""Features made of another's rows and of the photographs: values, order, one decode for all, retry, lost images."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image
from toy_pipeline import CONFIG, IMAGES, Pixel, make_root, run, tree

import pipeline.running.reading as reading
from cache.spec import Status
from cache.store import Store
from pipeline.running.extraction import extract
from pipeline.running.request import Request

SEEING = CONFIG + "[stages.pixel]\n[stages.beside]\nstage = 'pixel'\n"
LATER = SEEING + "[stages.later]\nstage = 'pixel'\nsource = 'pixel'\nreads = 'twice'\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_root(tmp_path / "data")
    return tmp_path / "data"


def check(root: Path, store: Path) -> None:
    """Every row of ``pixel`` and ``later`` against the photographs, read apart."""
    features, manifest = Store(store).features("demo"), Store(store).manifest("demo")
    people = [row for row, person in enumerate(manifest.persons) if person >= 0]
    keys = [manifest.keys[row] for row in people]
    red = np.array([np.asarray(Image.open(root / manifest.images[row]))[0, 0, 0] for row in people], float)
    once = np.array(features["crop"].read("sum", keys)[0])
    np.testing.assert_array_equal(features["pixel"].read("twice", keys)[0][:, 0], 2 * (once + red))
    np.testing.assert_array_equal(features["beside"].read("twice", keys)[0][:, 0], 2 * (once + red))
    np.testing.assert_array_equal(features["later"].read("twice", keys)[0][:, 0], 2 * (2 * (once + red) + red))


def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    decoded: Counter[str] = Counter()
    decode = reading.decode

    def one(path: Path, max_pixels: int) -> Image.Image:
        decoded[path.name] += 1
        return decode(path, max_pixels)

    monkeypatch.setattr(reading, "decode", one)
    return decoded


def test_rows_are_of_their_own_photographs_and_an_image_is_decoded_once_more_for_all(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = counted(monkeypatch)
    assert run(root, tmp_path / "store", SEEING).images == IMAGES
    people = {f"{number}.png" for number in range(IMAGES) if number % 3}
    assert decoded == {f"{number}.png": 1 + (f"{number}.png" in people) for number in range(IMAGES)}
    decoded.clear()
    assert run(root, tmp_path / "store", LATER).images == len(people)
    assert decoded == dict.fromkeys(people, 1), "only what is absent, and only images with somebody"
    check(root, tmp_path / "store")
    run(root, tmp_path / "whole", LATER)
    assert tree(tmp_path / "store") == tree(tmp_path / "whole")


def test_an_image_that_went_away_in_between_is_missing_and_retry_mends_it(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path / "store")
    photograph = (root / "5.png").read_bytes()
    (root / "5.png").unlink()
    assert run(root, tmp_path / "store", LATER).failed == {"5.png"}
    values, status = (
        Store(tmp_path / "store").features("demo")["later"].read("twice", ["5.png#0", "5.png#1", "4.png#0"])
    )
    assert status.tolist() == [Status.MISSING, Status.MISSING, Status.OK]
    assert np.isnan(values[:2]).all()
    (root / "5.png").write_bytes(photograph)
    assert not run(root, tmp_path / "store", LATER, retry=True).failed
    check(root, tmp_path / "store")


def test_a_look_that_fails_is_its_images_fault(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look = Pixel.look

    def spoilt(self: Pixel, image: Image.Image, rows: list[dict[str, np.ndarray]]) -> list[np.ndarray]:
        if len(rows) == 2 and not rows[0]["sum"] % 2:
            raise RuntimeError("no good")
        return look(self, image, rows)

    monkeypatch.setattr(Pixel, "look", spoilt)
    report = run(root, tmp_path / "store", SEEING)
    failures = Store(tmp_path / "store").features("demo")["pixel"].failures(frozenset({Status.FAILED}))
    told = {(one.key.partition("#")[0], one.message) for one in failures}
    assert told == {(image, "RuntimeError: no good") for image in report.failed}
    assert 0 < len(report.failed) < IMAGES


def test_a_device_that_is_not_used_is_told(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DEVICE=cuda with networks that run on the CPU alone."""
    said: list[str] = []
    monkeypatch.setattr(Pixel, "cpu_only", True)
    monkeypatch.setattr("pipeline.running.extraction.check_device", Mock())

    def on_a_gpu(request: Request, say: object) -> object:
        return extract(replace(request, device="cuda"), said.append)

    monkeypatch.setattr("toy_pipeline.extract", on_a_gpu)
    run(root, tmp_path / "store", SEEING)
    assert "on the CPU in spite of DEVICE=cuda, where their networks alone run: pixel beside" in said
