"""ARCHITECTURE.md is true: its rooms and files are there, and its examples run as they stand, by the commands below.

The examples are written into a folder of plug-ins outside the project, and make is called as a user would; what they
give is compared with arithmetic by hand, with plain loops and with scikit-learn. In a copy of the packages they keep
the borders and the style: they can be moved there as they are.
"""

import csv
import importlib.util
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import examples
import numpy as np
import pytest
import torch
from examples import EXAMPLES, TEXT
from make_lines import by_make, called
from make_lines import run as run_line
from PIL import Image
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score
from toy_features import WIDTH, make_store

from cache.manifest import Manifest
from cache.store import Store
from heads.blocks.chosen import all_pairs
from heads.blocks.distances import unit

ROOT = Path(__file__).resolve().parents[2]
PROSE = re.sub(r"^```.*?^```$", "", TEXT, flags=re.MULTILINE | re.DOTALL)
COMMANDS = "".join(re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)).splitlines()
PLUGINS = (
    *("pipeline/datasets", "pipeline/stages"),
    *("heads/models", "heads/losses", "heads/metrics", "heads/protocols"),
)
PACKAGES = ("cache", "pipeline", "heads", "scripts")
SHADES = ((10, 20, 30), (40, 0, 90), (0, 100, 0), (50, 0, 80))
"""The four pixels of every photograph, as the first one's; their mean is (25, 30, 50)."""


def rooms_told() -> set[str]:
    """Of the tree in the document, as ``heads/models``."""
    tree = re.search(r"^## Rooms$.*?^```\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert tree
    found, top = set(), ""
    for line in tree[1].splitlines():
        if not line.startswith(" "):
            top = line.partition("/")[0]
            found.add(top)
        else:
            named = re.match(r"((?:  ?[a-z_]+/)+)", line)
            assert named, line
            found |= {f"{top}/{name}" for name in re.findall(r"[a-z_]+", named[1])}
    return found


def rooms_there() -> set[str]:
    """Folders with sources or settings in them, two deep."""
    tops = [ROOT / name for name in (*PACKAGES, "tests")]
    folders = [folder for top in tops for folder in (top, *top.iterdir()) if folder.is_dir()]
    kept = {".py", ".toml", ".js"}
    return {
        str(folder.relative_to(ROOT)) for folder in folders if any(path.suffix in kept for path in folder.rglob("*"))
    }


def test_every_room_is_named_and_every_named_room_is_there() -> None:
    assert rooms_told() == rooms_there()


def test_every_file_that_is_named_is_there() -> None:
    named = set(re.findall(r"`([\w/]+\.\w+)`", PROSE))
    assert len(named) > 30
    assert {path for path in named - {"results.json", *EXAMPLES} if not (ROOT / path).is_file()} == set()


def test_the_way_of_one_person_names_its_files_in_the_order_of_the_sides() -> None:
    """Pixels first, numbers last: no step goes back from ``heads`` to ``pipeline``."""
    way = PROSE.partition("## The way of one person\n")[2].partition("\n## ")[0]
    sides = [path.partition("/")[0] for path in re.findall(r"`(\w+/[\w/]+\.py)`", way)]
    assert "heads" in sides
    assert "pipeline" not in sides[sides.index("heads") :]


def test_every_kind_of_plug_in_has_an_example_that_is_not_there_already() -> None:
    folders = [path.rpartition("/")[0] for path in EXAMPLES if path.endswith(".py")]
    assert sorted(folders) == sorted(PLUGINS)
    assert not [path for path in EXAMPLES if (ROOT / path).exists()]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The packages with the examples in them."""
    folder = tmp_path_factory.mktemp("copy")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    yield examples.write(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A user's folder: the examples in ``mine``, a toy store, and photographs of two colours."""
    folder = tmp_path_factory.mktemp("own")
    examples.write(folder / "mine")
    make_store(folder / "store")
    for number in range(40):
        photograph(folder / "photos" / ("warm" if number % 2 else "cold") / f"{number}.png", number)
    yield folder
    shutil.rmtree(folder)


def photograph(path: Path, number: int) -> None:
    """Two by two squares of 2 x 2 pixels, those of SHADES with ``number`` more of red, or of blue in a cold one."""
    more = (number, 0, 0) if path.parent.name == "warm" else (0, 0, number)
    pixels = [[value + extra for value, extra in zip(shade, more, strict=True)] for shade in SHADES]
    path.parent.mkdir(parents=True, exist_ok=True)
    small = np.array(pixels, np.uint8).reshape(2, 2, 3)
    Image.fromarray(small.repeat(2, 0).repeat(2, 1)).save(path)


def run(folder: Path, command: str, name: str = "", plugins: str = "mine", status: int = 0) -> str:
    """A line of the document on the plug-ins of ``folder``, with one seed, into the run that is called ``name``."""
    more = ["SEEDS=1", *([f"NAME={name}"] if name else [])]
    return run_line(folder, command, *more, plugins=plugins, status=status)


def line(start: str) -> str:
    """The command of the document that begins so."""
    (found,) = [command for command in COMMANDS if command.startswith(start)]
    return found


def results(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "runs" / name / "results.json").read_text())
    return found


def said(folder: Path, name: str) -> tuple[list[str], list[str]]:
    """Of every test person, as ``make evaluate`` wrote it: the class, and the one that was predicted."""
    (path,) = (folder / "runs" / name).glob("*.predictions.csv")
    with path.open() as lines:
        rows = list(csv.DictReader(lines))
    return [row["class"] for row in rows], [row["predicted"] for row in rows]


def test_the_borders_and_the_style_hold_with_the_examples(copy: Path) -> None:
    tools = Path(sys.executable).parent
    assert "0 broken" in called(copy, str(tools / "lint-imports"), "--no-cache")
    sources = [path for path in EXAMPLES if path.endswith(".py")]
    called(copy, str(tools / "ruff"), "check", "--no-cache", *sources)
    called(copy, str(tools / "ruff"), "format", "--check", "--no-cache", *sources)


def test_a_stage_and_a_dataset(own: Path) -> None:
    """From photographs by the new dataset's reader, through the new stage, to a head on its rows."""
    told = run(own, line("make extract DATASET=folders"))
    assert "folders: 40 images read, 1 shards written, 0 images failed" in told
    store = Store(own / "store")
    manifest, feature = store.manifest("folders"), store.features("folders")["colour"]
    assert manifest.category_names == ("cold", "warm")
    assert manifest.counts() == {"train": {"ok": 28}, "val": {"ok": 4}, "test": {"ok": 8}}
    assert manifest.boxes.tolist() == [[0, 0, 4, 4]] * 40
    means, status = feature.read("mean", ["warm/7.png", "cold/8.png", "warm/39.png"])
    assert not status.any()
    assert means.tolist() == [[25 + 7, 30, 50], [25, 30, 50 + 8], [25 + 39, 30, 50]]
    by_make(own, line("make train DATASET=folders"), "PLUGINS=mine", "SEEDS=1", "NAME=folders")
    found = results(own, "folders")
    assert found["rows"][0]["features"] == ["colour"]
    assert found["rows"][0]["parameters"] == 3 * 2 + 2
    assert sum(found["people"]["test"].values()) == 8


def test_a_head(own: Path) -> None:
    told = run(own, line("make train HEAD=projection"), "head")
    found = results(own, "head")
    assert found["protocol"] == "cat-6:6"
    assert found["rows"][0]["parameters"] == (WIDTH * 64 + 64) + (64 * 6 + 6)
    assert found["rows"][0]["metrics"]["accuracy"]["mean"] > 2 / 6, "twice as good as guessing among six"
    assert "| projection | image" in told
    ((module, plugin),) = found["rows"][0]["plugins"].items()
    assert (module, plugin["file"]) == ("heads.models.projection", "mine/heads/models/projection.py")
    assert f"Plug-ins: mine/heads/models/projection.py ({plugin['digest']})." in told
    told = run(own, "make evaluate HEAD=projection", "head", plugins="", status=2)
    was = "it was trained with the plug-in mine/heads/models/projection.py"
    assert f"error: runs/head/projection.safetensors: head projection is not known here; {was}" in told
    assert "Give its folder: PLUGINS=<folder>" in told
    assert "Traceback" not in told


def test_a_loss(own: Path) -> None:
    run(own, line("make train HEAD=ib_dml"), "loss")
    row = results(own, "loss")["rows"][0]
    assert (row["settings"]["loss"], row["settings"]["miner"]) == ("alignment", "none")
    assert np.isfinite(row["history"]["loss"]).all()


def test_the_loss_is_what_a_loop_gives(own: Path) -> None:
    spec = importlib.util.spec_from_file_location("alignment", own / "mine" / "heads" / "losses" / "alignment.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    labels = torch.tensor([[0, 1, 0, 2, 0, 1]])
    x = unit(torch.randn(1, 6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    pairs = [(one, two) for one in range(6) for two in range(6) if one != two and labels[0, one] == labels[0, two]]
    by_hand = sum(float(((x[0, one] - x[0, two]) ** 2).sum()) for one, two in pairs) / len(pairs)
    found = module.Loss(None, 4, 3, [])(x, labels, all_pairs(labels))
    assert found.tolist() == [pytest.approx(by_hand, rel=1e-12)]
    alone = torch.tensor([[0, 1, 2, 3, 4, 5]])
    assert module.Loss(None, 4, 6, [])(x, alone, all_pairs(alone)).tolist() == [0.0]


def test_a_metric(own: Path) -> None:
    told = run(own, line('make train HEAD=linear SET="metrics='), "metric")
    kappa = results(own, "metric")["rows"][0]["metrics"]["kappa"]
    run(own, "make evaluate HEAD=linear", "metric")
    truth, predicted = said(own, "metric")
    assert kappa["values"] == [pytest.approx(cohen_kappa_score(truth, predicted), rel=1e-12)]
    assert 0 < kappa["values"][0] < 1, "neither all nor nothing, or nothing is proved"
    head, row = (re.split(r" *\| *", told.splitlines()[place]) for place in (0, 2))
    column = head.index("kappa [95 %]")
    assert row[column].startswith(f"{kappa['mean']:.2f} [")


def test_a_protocol(own: Path) -> None:
    run(own, line("make train HEAD=linear PROTOCOL="), "protocol")
    found = results(own, "protocol")
    manifest = Manifest.load(own / "store" / "demo" / "manifest.parquet")
    split, valence = np.array(manifest.splits), manifest.vad[:, 0]
    for part, counts in found["people"].items():
        high = sum(value > 5 for value in valence[split == part].tolist())
        assert counts == {"low": int((split == part).sum()) - high, "high": high}
    run(own, line("make evaluate HEAD=linear PROTOCOL="), "protocol")
    expected = balanced_accuracy_score(*said(own, "protocol"))
    assert found["rows"][0]["metrics"]["macro_accuracy"]["values"] == [pytest.approx(expected, rel=1e-12)]
    assert found["rows"][0]["judged_by"] == "macro accuracy %"


@pytest.mark.slow
def test_the_contract_suites_pass_the_examples_and_no_bad_ones(own: Path) -> None:
    """A stage whose rows depend on their batch mates, tried with two settings, and a head without gradients."""
    tried = examples.write(own / "tried", *(path for path in EXAMPLES if "/stages/" in path or "/models/" in path))
    for path, name, good, bad in (
        ("pipeline/stages/colour.py", "mates", "np.stack(items)", "np.stack(items) - np.mean(items)"),
        ("heads/models/projection.py", "severed", "[self.inputs[0]])", "[self.inputs[0]]).detach()"),
    ):
        assert EXAMPLES[path].count(good) == 1
        (own / "tried" / path).with_stem(name).write_text(EXAMPLES[path].replace(good, bad))
    (tried / "tests" / "support").mkdir(parents=True)
    (tried / "tests" / "support" / "mates_case.py").write_text("SMALL = [{}, {}]\n")
    told = by_make(own, "make test-plugins", "PLUGINS=tried", status=2)
    assert re.search(r"^trying projection, severed, colour, mates$", told, re.MULTILINE)
    failed = set(re.findall(r"^FAILED tests/contract/\w+\.py::(\w+)\[(\w+)\]", told, re.MULTILINE))
    wrong = "test_loss_is_the_sum_of_its_terms_and_reaches_every_parameter_of_its_own_seed"
    mates = ("test_a_row_does_not_depend_on_its_batch_mates", "test_an_item_that_failed_marks_itself_only")
    assert failed == {(wrong, "severed"), *((name, stage) for name in mates for stage in ("mates0", "mates1"))}
    (passed,) = re.findall(r" (\d+) passed", told)
    assert int(passed) > 40
    shutil.rmtree(tried)


def test_every_command_of_the_document_is_run_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    starts = re.findall(r"""line\(['"](make .*?)['"][),]""", text)
    assert all(any(command.startswith(start) for start in starts) for command in COMMANDS)
    assert len(COMMANDS) == len(starts) >= 7
