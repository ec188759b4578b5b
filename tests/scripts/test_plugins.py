"""What there is, by kind; and one line for a folder that cannot be used."""

import re
from collections.abc import Iterator
from pathlib import Path

import examples
import pytest

from cache import plugin_folders
from cache.errors import PluginError
from cache.plugins import configs, names
from heads import known_protocols
from scripts import plugins, try_plugins

STAGE_WIDTH = max(len(name) for name in names("pipeline.stages"))
GRID_WIDTH = max(len(name) for name in configs("heads", "configs/grids"))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "mine"
    plugin_folders.use("")


def test_every_plug_in_has_a_line_and_one_outside_its_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    examples.write(folder)
    (folder / "heads/models/heavy.py").write_text('"""Unrun."""\nraise RuntimeError("was imported")\n')
    (folder / "heads/models/torn.py").write_text("x = = 1\n")
    (folder / "heads/models/nul.py").write_text("\0")
    (folder / "heads/protocols/torn.py").write_text("\n1 / 0\n")
    (folder / "heads/configs/grids").mkdir()
    (folder / "heads/configs/grids/wide.toml").write_text("# Wide.\nheads = []\n")
    plugin_folders.use(str(folder))
    assert plugins.main() == 0
    out = capsys.readouterr().out
    for line in (
        f"  {'colour':{STAGE_WIDTH}}  an image's mean red, green and blue.  [{folder}/pipeline/stages/colour.py]",
        f"  heavy          Unrun.  [{folder}/heads/models/heavy.py]",
        f"  torn           SyntaxError in line 1: invalid syntax  [{folder}/heads/models/torn.py]",
        f"  torn cannot say its words: {folder}/heads/protocols/torn.py:2: ZeroDivisionError: division by zero. "
        "TRACEBACK=1 shows the whole traceback",
        f"  {'wide':{GRID_WIDTH}}  Wide.  [{folder}/heads/configs/grids/wide.toml]",
        "  linear         One linear layer on cached features: the probe that says what they hold.",
    ):
        assert line in out.splitlines()
    assert "  nul            cannot be read: source code" in out or "  nul            SyntaxError: source code" in out
    assert known_protocols.find("single-label").kind == "single_label"
    with pytest.raises(PluginError, match=r"protocols/torn\.py:2: ZeroDivisionError"):
        known_protocols.find("torn")
    assert re.search(rf"^  high-valence +Whether .*\[{folder}/heads/protocols/high_valence\.py\]$", out, re.MULTILINE)
    assert [line.partition(" ")[0] for line in out.splitlines() if line[0] != " "] == [
        *("heads", "losses", "miners", "metrics", "stages", "datasets", "protocols", "grids")
    ]


def test_what_cannot_be_listed_or_tried_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin_folders.use(str(folder))
    for main in (plugins.main, try_plugins.main):
        assert main() == 2
        assert capsys.readouterr().err.startswith(f"error: PLUGINS={folder}: no such folder.")
    examples.write(folder, "heads/losses/alignment.py")
    assert try_plugins.main() == 2
    told = "error: no head, protocol, stage or dataset outside this project to try. Give its folder: PLUGINS=<folder>\n"
    assert capsys.readouterr().err == told
