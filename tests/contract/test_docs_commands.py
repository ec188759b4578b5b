"""The commands of README.md and docs/: their words are the Makefile's, and each runs, here or in the test that its mark
names, or is marked as too long."""

import re
import shlex
import textwrap
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from examples import EXAMPLES
from make_lines import run
from PIL import Image
from toy_features import make_store, people

from cache.plugins import names
from cache.store import Store
from heads import known_protocols
from scripts.make_words import Makefile, faults, settings, unread

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MAKEFILE = Makefile((ROOT / "Makefile").read_text(encoding="utf-8"))
OWN = {"my_head", "mine", "mine.toml", "photo.jpg", "clip.mp4"}
"""Names that stand for a reader's own files."""
DEMO = (
    "make status",
    "make report RUN=demo",
    "make evaluate HEAD=sem_ib_dml",
    "make verify",
)
TABLE = (
    'make extract DATASET=table ROOT=folder STAGES="image body"',
    "make train DATASET=table HEAD=linear",
    "make report RUN=table-single-label-linear",
    "make train DATASET=table HEAD=ib_dml MAPPING=mine.toml PROTOCOL=mine",
)


class Block(NamedTuple):
    """Lines of one ``sh`` block without comments, and the mark above it, "" where there is none."""

    page: str
    mark: str
    lines: tuple[str, ...]


def blocks(path: Path) -> list[Block]:
    found = re.findall(r"^(?:<!-- (.+?) -->\n)?```sh\n(.*?)^```$", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    where = str(path.relative_to(ROOT))
    return [Block(where, mark, tuple(filter(None, map(bare, text.splitlines())))) for mark, text in found]


def bare(line: str) -> str:
    """Without its comment."""
    return re.sub(r"\s+#.*", "", line).strip()


BLOCKS = [block for path in PAGES for block in blocks(path)]
LINES = sorted({line for block in BLOCKS for line in block.lines if line.startswith("make ")})


def inline(path: Path) -> set[str]:
    """Those that stand in a sentence."""
    prose = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return {" ".join(text.split()) for text in re.findall(r"`(make [a-z][^`]*)`", prose)}


INLINE = sorted(set().union(*map(inline, PAGES)) - set(LINES))


def words(line: str) -> tuple[list[str], dict[str, str]]:
    """Goals and variables of a command."""
    parts = shlex.split(line)[1:]
    given = dict(part.split("=", 1) for part in parts if "=" in part)
    return [part for part in parts if "=" not in part], given


def test_there_are_commands() -> None:
    assert len(LINES) > 25
    assert len(INLINE) > 25


def test_every_block_is_run_or_says_where_or_why_not() -> None:
    unknown = [
        f"{block.page}: {line}"
        for block in BLOCKS
        for line in block.lines
        if not block.mark.startswith(("too long: ", "tested: ")) and line not in DEMO + TABLE
    ]
    assert unknown == []


def test_a_test_that_is_named_has_the_word() -> None:
    for block in BLOCKS:
        if block.mark.startswith("tested: "):
            text = (ROOT / block.mark.removeprefix("tested: ")).read_text(encoding="utf-8")
            goals = {goal for line in block.lines if line.startswith("make ") for goal in words(line)[0]}
            assert goals, block
            assert {goal for goal in goals if goal not in text} == set(), block


@pytest.mark.parametrize("line", [*LINES, *INLINE])
def test_its_words_and_variables_are_the_makefiles(line: str) -> None:
    goals, given = words(line)
    assert [goal for goal in goals if goal not in MAKEFILE.rules] == []
    assert faults(MAKEFILE, given, ()) == []
    assert unread(MAKEFILE, goals, given) == []


@pytest.mark.parametrize("line", LINES)
def test_what_its_variables_name_is_there(line: str) -> None:
    _, given = words(line)
    if given.get("HEAD", "").endswith(".safetensors"):  # a published file of the reader's
        del given["HEAD"]
    known = {
        "HEAD": names("heads.models"),
        "DATASET": names("pipeline.datasets"),
        "GRID": [path.stem for path in (ROOT / "heads" / "configs" / "grids").glob("*.toml")],
        "CONFIG": [path.stem for path in (ROOT / "pipeline" / "configs").glob("*.toml")],
        "PROTOCOL": [word for kind in names(known_protocols.PACKAGE) for word in known_protocols.load(kind).words()],
    }
    assert {name: given[name] for name in known if given.get(name, "mine") not in {*known[name], *OWN}} == {}


def test_what_set_changes_is_a_setting() -> None:
    given = [words(line)[1].get("SET", "") for line in LINES]
    changed = {part.partition("=")[0] for one in given for part in one.split()}
    assert {"lr", "words"} <= changed
    assert changed <= settings(ROOT / "heads")


def test_the_first_steps_after_the_demo(tmp_path: Path) -> None:
    """On a toy store, and one head of the demo's grid."""
    make_store(tmp_path / "store", people(260))
    (tmp_path / "small.toml").write_text(
        'heads = ["ib_dml", "sem_ib_dml"]\nprotocols = ["cat-6:6"]\nreference = "ib_dml"\n'
    )
    run(tmp_path, "make ablate GRID=small.toml NAME=demo")
    _, report, evaluate, verify = DEMO
    assert "sem_ib_dml" in run(tmp_path, report)
    assert (tmp_path / "runs" / "demo" / "report.html").is_file()
    assert "sem_ib_dml.predictions.csv" in run(tmp_path, evaluate)
    assert "all sound" in run(tmp_path, verify)


def test_ones_own_photographs(tmp_path: Path) -> None:
    """Noise with five labels; the network is untrained, which the table says."""
    (folder := tmp_path / "folder").mkdir()
    labels = ("happy", "excited", "afraid", "calm", "tired")
    draw = np.random.default_rng(0)
    lines = ["image,labels"]
    for number in range(60):
        Image.fromarray(draw.integers(0, 256, (48, 64, 3), np.uint8)).save(folder / f"{number:03}.jpg")
        lines.append(f"{number:03}.jpg,{labels[number % 5]}")
    (folder / "labels.csv").write_text("\n".join(lines))
    (mapping,) = (text for text in toml(ROOT / "docs" / "own-data.md") if "[unseen]" in text)
    (tmp_path / "mine.toml").write_text(mapping)
    extract, linear, report, one_shot = TABLE
    assert "60 people" in run(tmp_path, extract, "UNTRAINED=1")
    assert "body          60  UNTRAINED" in run(tmp_path, DEMO[0], "DATASET=table")
    assert "UNTRAINED features in this table: body, image" in run(tmp_path, linear)
    assert "linear" in run(tmp_path, report)
    assert "mine" in run(tmp_path, one_shot, "SEEDS=1", "SET=epochs=2 per_class=4 batch=12")


def test_a_stage_of_people_beside_the_others(tmp_path: Path) -> None:
    """The page's lines in the example's place of theirs: means inside boxes, by hand; what was there stays in use."""
    page = ROOT / "docs" / "plug-ins.md"
    found = re.findall(r"```python\n( *unit = .+?\n)\n+(.+?)```", page.read_text("utf-8"), re.DOTALL)
    ((unit, prepare),) = [[textwrap.indent(textwrap.dedent(part), "    ") for part in one] for one in found]
    source = re.sub(r" +unit = .+?\n", unit, EXAMPLES["pipeline/stages/colour.py"])
    source = re.sub(r"    def prepare\(.+?\n\n", lambda _: prepare + "\n", source, flags=re.DOTALL)
    stage = tmp_path / "mine" / "pipeline" / "stages" / "box_colour.py"
    stage.parent.mkdir(parents=True)
    stage.write_text(source)
    (folder := tmp_path / "folder").mkdir()
    lines = ["image,x1,y1,x2,y2,labels"]
    for number in range(30):
        pixels = np.full((40, 40, 3), number, np.uint8)
        pixels[10:30, 5:25] = (200, 100, number)
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
        lines += [f"{number:02}.png,5,10,25,30,calm", f"{number:02}.png,26,0,40,40,sad"]
    (folder / "labels.csv").write_text("\n".join(lines))
    (tmp_path / "mine.toml").write_text("[stages.neighbours]")
    (block,) = (block for block in blocks(page) if "CONFIG=mine.toml" in block.lines[0])
    extract, train = block.lines
    run(tmp_path, extract, plugins="mine")
    (tmp_path / "mine.toml").write_text("[stages.box_colour]")
    assert "30 images read, 1 shards written, 0 images failed" in run(tmp_path, extract, plugins="mine")
    store = Store(tmp_path / "store")
    assert set(store.in_use("table")) == {"neighbours", "box_colour"}
    means, _ = store.features("table")["box_colour"].read("mean", ["07.png#0", "07.png#1"])
    assert means.tolist() == [[200, 100, 7], [7, 7, 7]]
    assert "linear" in run(tmp_path, train, "SEEDS=1", plugins="mine")
    named = run(tmp_path, train.replace("/mean", ""), "SEEDS=1", plugins="mine", status=2)
    assert "no array in feature box_colour 'pooled'. Known: mean" in named


def toml(path: Path) -> list[str]:
    return re.findall(r"^```toml\n(.*?)^```$", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
