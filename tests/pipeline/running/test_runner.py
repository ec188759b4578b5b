"""The runner on toy stages: values against a loop, kills, changed settings, failures and their repair."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy_pipeline
from PIL import Image
from toy_pipeline import CONFIG, IMAGES, make_root, run, tree

from cache.errors import StoreError
from cache.files import PARTIAL
from cache.shard import Shard
from cache.spec import Status
from cache.store import Store
from pipeline.progress import Progress


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_root(tmp_path / "data")
    return tmp_path / "data"


def pixels(root: Path, name: str) -> np.ndarray:
    return np.asarray(Image.open(root / name).convert("RGB"))


def test_rows_are_what_a_loop_over_the_images_gives(root: Path, tmp_path: Path) -> None:
    report = run(root, tmp_path / "store")
    store = Store(tmp_path / "store")
    manifest, features = store.manifest("demo"), store.features("demo")
    assert report.images == IMAGES
    assert not report.failed
    images = list(dict.fromkeys(manifest.images))
    mean, status = features["colour"].read("mean", images[::-1])
    assert not status.any()
    expected = [pixels(root, name).reshape(-1, 3).mean(axis=0) for name in images[::-1]]
    np.testing.assert_allclose(mean, expected, rtol=1e-6)
    people = [key for key, person in zip(manifest.keys, manifest.persons, strict=True) if person >= 0]
    total, _ = features["crop"].read("sum", people)
    for key, value in zip(people, total, strict=True):
        name, person = key.split("#")
        assert value == 2.0 * pixels(root, name)[1:12, int(person) : 9 + int(person)].sum()


def test_a_second_run_reads_nothing_and_changes_nothing(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path / "store")
    before = tree(tmp_path / "store")
    assert run(root, tmp_path / "store").images == 0
    assert tree(tmp_path / "store") == before


def test_two_stores_made_apart_have_the_same_bytes(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path / "one")
    time.sleep(1.1)
    run(root, tmp_path / "two")
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_a_changed_setting_extracts_only_its_own_feature(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path / "store")
    before = tree(tmp_path / "store")
    changed = run(root, tmp_path / "store", CONFIG.replace("scale = 2.0", "scale = 3.0"))
    after = tree(tmp_path / "store")
    assert changed.shards == IMAGES // 4
    assert {path for path in after if before.get(path) != after[path]} == {
        path for path in after if path not in before or path == "demo/current.json"
    }
    assert all(path.startswith("demo/crop/") for path in set(after) - set(before))


def test_added_images_extract_only_the_shards_whose_keys_changed(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path / "store")
    make_root(root, IMAGES + 3)
    assert run(root, tmp_path / "store").images == 3
    run(root, tmp_path / "fresh")
    assert tree(tmp_path / "store") == tree(tmp_path / "fresh")


@pytest.mark.parametrize(
    ("edit", "images"),
    [
        (lambda names: [*names, "24.png"], 1),
        (lambda names: names[:-1], 3),
        (lambda names: names[:-4], 0),
        (lambda names: [name for name in names if name != "9.png"], 15),
        (lambda names: ["25.png" if name == "9.png" else name for name in names], 4),
    ],
)
def test_edits_extract_the_shards_they_touch_and_no_other(
    edit: Callable[[list[str]], list[str]], images: int, root: Path, tmp_path: Path
) -> None:
    """Shards hold four images each: an insertion or removal moves all that follow, a new name only its own shard."""
    make_root(root, IMAGES + 2)
    names = [f"{number}.png" for number in range(IMAGES)]
    (root / "annotation.txt").write_text(" ".join(names))
    run(root, tmp_path / "store")
    (root / "annotation.txt").write_text(" ".join(edit(names)))
    assert run(root, tmp_path / "store").images == images
    run(root, tmp_path / "fresh")
    assert tree(tmp_path / "store") == tree(tmp_path / "fresh")


def test_an_edited_box_extracts_persons_again_and_images_not(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path / "store")
    before = tree(tmp_path / "store")
    (root / "annotation.txt").write_text("wide " + (root / "annotation.txt").read_text())
    assert run(root, tmp_path / "store").images == 2, "the other two of the shard show nobody"
    after = tree(tmp_path / "store")
    changed = {path for path in after if before.get(path) != after[path]}
    (crop,) = [path for path in changed if "crop" in path]
    assert changed == {crop, "demo/manifest.parquet"}
    assert crop.endswith("shard-00000.h5")


def test_bad_images_mark_themselves_and_nobody_else(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path / "whole")
    (root / "1.png").unlink()
    (root / "5.png").write_bytes((root / "5.png").read_bytes()[:200])
    report = run(root, tmp_path / "store")
    assert report.failed == {"1.png", "5.png"}
    whole, broken = (Store(tmp_path / name).features("demo") for name in ("whole", "store"))
    ledger = {
        (f.feature, f.key): (f.status, f.message) for f in [*broken["colour"].failures(), *broken["crop"].failures()]
    }
    assert {key for key in ledger if key[0] == "crop"} == {
        ("crop", "1.png#0"),
        ("crop", "5.png#0"),
        ("crop", "5.png#1"),
    }
    assert ledger["colour", "1.png"] == (Status.MISSING, "no such file")
    assert ledger["colour", "5.png"][0] is Status.BROKEN
    assert str(root) not in ledger["colour", "5.png"][1]
    good = [f"{number}.png" for number in range(IMAGES) if number not in (1, 5)]
    np.testing.assert_array_equal(whole["colour"].read("mean", good)[0], broken["colour"].read("mean", good)[0])
    assert np.isnan(broken["crop"].read("sum", ["5.png#1"])[0]).all()


def test_an_item_that_spoils_its_batch_is_found(root: Path, tmp_path: Path) -> None:
    red = pixels(root, "2.png").copy()
    red[1, 1] = (255, 0, 0)  # the corner of person 1's box, not of person 0's
    Image.fromarray(red).save(root / "2.png")
    report = run(root, tmp_path / "store")
    assert report.failed == {"2.png"}
    (failure,) = Store(tmp_path / "store").features("demo")["crop"].failures()
    assert (failure.key, failure.status, failure.message) == ("2.png#1", Status.FAILED, "RuntimeError: a red corner")


def test_retry_does_again_only_what_failed(root: Path, tmp_path: Path) -> None:
    kept = (root / "5.png").read_bytes()
    (root / "5.png").write_bytes(b"")
    run(root, tmp_path / "store")
    assert run(root, tmp_path / "store").images == 0
    (root / "5.png").write_bytes(kept)
    (root / "7.png").write_bytes(b"")  # a row that is fine must not be read again
    report = run(root, tmp_path / "store", retry=True)
    assert not report.failed
    (root / "7.png").unlink()
    make_root(root)
    run(root, tmp_path / "fresh")
    assert tree(tmp_path / "store") == tree(tmp_path / "fresh")


def spawn(root: Path, store: Path) -> subprocess.Popen[str]:
    words = [sys.executable, toy_pipeline.__file__, str(root), str(store)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=60)
    return out


def shards(store: Path) -> list[Path]:
    return sorted(store.rglob("shard-*.h5"))


def test_kills_at_any_moment_lose_nothing_that_was_committed(root: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    assert finish(spawn(root, whole)).startswith("done")
    store, moments, landed, midway = tmp_path / "store", random.Random(0), 0, 0
    for _ in range(12):
        process = spawn(root, store)
        start, seen = time.monotonic(), set(shards(store))
        while time.monotonic() - start < 20 and set(shards(store)) == seen and process.poll() is None:
            time.sleep(0.002)
        time.sleep(moments.random() * 0.03)
        process.send_signal(signal.SIGKILL)
        finish(process)
        landed += process.returncode == -signal.SIGKILL
        midway += 0 < len(shards(store)) < len(shards(whole))
        for path in shards(store):
            Shard(path)  # opens and checks every byte
        if len(shards(store)) == len(shards(whole)):
            break
    assert landed >= 3, "kills must land"
    assert midway >= 2, "and land half way"
    assert finish(spawn(root, store)).startswith("done")
    assert tree(store) == tree(whole)
    assert not list(store.rglob(f"{PARTIAL}*"))


def test_a_second_extraction_at_once_is_refused_in_one_line(root: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "store").lock("demo"), pytest.raises(StoreError, match="another extraction is writing here"):
        run(root, tmp_path / "store")


def test_a_retry_reads_shards_whole_whose_people_are_others_now(root: Path, tmp_path: Path) -> None:
    """As after a file was mended whose size nobody knew before; they are no shards that were never extracted."""
    kept = (root / "5.png").read_bytes()
    (root / "5.png").write_bytes(b"")
    run(root, tmp_path / "store")
    (root / "5.png").write_bytes(kept)
    (root / "annotation.txt").write_text("wide " + (root / "annotation.txt").read_text())
    lines: list[str] = []
    assert not run(root, tmp_path / "store", retry=True, say=lines.append).failed
    assert "1 shards hold images or people that have changed since, and are read again whole" in lines
    assert not [line for line in lines if "never extracted" in line]
    run(root, tmp_path / "fresh")
    assert tree(tmp_path / "store") == tree(tmp_path / "fresh")


def test_a_retry_that_mends_some_tells_what_is_left(root: Path, tmp_path: Path) -> None:
    whole = {name: (root / name).read_bytes() for name in ("4.png", "5.png")}
    for name in whole:
        (root / name).write_bytes(b"")
    assert run(root, tmp_path / "store").failed == set(whole)
    (root / "5.png").write_bytes(whole["5.png"])
    report = run(root, tmp_path / "store", retry=True)
    assert report.failed == {"4.png"}
    assert report.images == 2
    assert [one.key for one in Store(tmp_path / "store").features("demo")["colour"].failures()] == ["4.png"]


def test_a_retry_keeps_the_rows_that_were_fine_even_when_the_image_is_gone(root: Path, tmp_path: Path) -> None:
    red = pixels(root, "2.png").copy()
    red[1, 1] = (255, 0, 0)
    Image.fromarray(red).save(root / "2.png")
    run(root, tmp_path / "store")
    before = Store(tmp_path / "store").features("demo")["crop"].read("sum", ["2.png#0"])
    (root / "2.png").unlink()
    run(root, tmp_path / "store", retry=True)
    crop = Store(tmp_path / "store").features("demo")["crop"]
    after = crop.read("sum", ["2.png#0"])
    assert (after[0][0], after[1][0]) == (before[0][0], Status.OK)
    assert [(one.key, one.status) for one in crop.failures()] == [("2.png#1", Status.MISSING)]


def test_a_retry_with_other_settings_changes_nothing(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path / "store")
    before = tree(tmp_path / "store")
    with pytest.raises(StoreError, match="nothing was extracted with these settings"):
        run(root, tmp_path / "store", CONFIG.replace("scale = 2.0", "scale = 9.0"), retry=True, stages=("crop",))
    assert tree(tmp_path / "store") == before


def test_a_retry_goes_on_without_a_feature_that_has_other_settings_now(root: Path, tmp_path: Path) -> None:
    kept = (root / "5.png").read_bytes()
    (root / "5.png").write_bytes(b"")
    run(root, tmp_path / "store")
    (root / "5.png").write_bytes(kept)
    report = run(root, tmp_path / "store", CONFIG.replace("scale = 2.0", "scale = 9.0"), retry=True)
    assert [one.feature for one in report.recipes] == ["colour"]
    assert not report.failed


def test_a_retry_asks_nothing_of_features_that_were_never_extracted(root: Path, tmp_path: Path) -> None:
    kept = (root / "5.png").read_bytes()
    (root / "5.png").write_bytes(b"")
    run(root, tmp_path / "store")
    (root / "5.png").write_bytes(kept)
    more = CONFIG + '[stages.other]\nstage = "a network whose weights are absent"\n'
    report = run(root, tmp_path / "store", more, retry=True)
    assert [one.feature for one in report.recipes] == ["colour", "crop"]
    assert not report.failed
    with pytest.raises(StoreError, match=r"/none/demo: nothing was extracted yet\. Run make extract first"):
        run(root, tmp_path / "none", retry=True)


@pytest.mark.parametrize("stop", [3, 14, IMAGES])
def test_what_is_told_after_an_interrupt_are_the_images_that_are_in_the_store(
    stop: int, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step = Progress.step

    def interrupted(self: Progress, done: int, failed: int) -> None:
        step(self, done, failed)
        if self.done == stop:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(root, tmp_path / "store")
    shards = [{path.name for path in tmp_path.glob(f"store/demo/{name}/*/shard-*.h5")} for name in ("colour", "crop")]
    kept = 4 * len(shards[0] & shards[1])
    assert kept < stop
    told = f"extract demo: {kept} of {IMAGES} images kept, {stop - kept} in work dropped\n"
    assert capsys.readouterr().err.endswith(told)


def test_repair_mends_a_damaged_manifest_and_damaged_shards_at_once(root: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    run(root, store)
    before = tree(store)
    for path in [store / "demo" / "manifest.parquet", shards(store)[3]]:
        path.write_bytes(path.read_bytes()[:-100] + bytes(100))
    assert run(root, store, mend=True).shards == 1
    assert tree(store) == before


def test_an_image_that_may_not_be_opened_is_one_row(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open

    def refuse(path: Path, *words: Any, **options: Any) -> Any:
        if path.name == "5.png":
            raise PermissionError(13, "Permission denied")
        return real(path, *words, **options)

    monkeypatch.setattr(Path, "open", refuse)
    assert run(root, tmp_path / "store").failed == {"5.png"}
    failures = list(Store(tmp_path / "store").features("demo")["colour"].failures())
    assert [(one.status, one.message) for one in failures] == [(Status.BROKEN, "cannot be opened: Permission denied")]
