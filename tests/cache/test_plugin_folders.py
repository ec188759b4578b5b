"""Plug-ins outside this project: found by the same words where the user names their folder, and nowhere else."""

import importlib.metadata
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cache import plugin_folders, plugins
from cache.errors import PluginError, PluginFault
from cache.plugin_code import code

ROOT = Path(__file__).resolve().parents[2]
Give = Callable[..., Path]


@pytest.fixture(autouse=True)
def _nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PLUGINS", "")
    yield
    plugin_folders.forget()


@pytest.fixture
def give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Give:
    """Write files below a folder, by path, and name the folder in PLUGINS."""

    def given(name: str = "mine", **files: str) -> Path:
        for path, text in files.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(text)
        monkeypatch.setenv("PLUGINS", f"{os.environ['PLUGINS']}:{tmp_path / name}")
        return tmp_path / name

    return given


def loss() -> object:
    return plugins.load("heads.losses", "mine", "Loss")


def test_a_plug_in_outside_is_found_by_the_same_words_and_listed_unrun(give: Give) -> None:
    before = {package: plugins.names(package) for package in ("heads.losses", "pipeline.stages", "heads.models")}
    give(
        **{
            "heads/losses/__init__.py": "raise RuntimeError('a package of the user own')",
            "heads/losses/mine.py": "from heads.losses import _parts\nfrom ._parts import X\nLoss = X, _parts.X",
            "heads/losses/_parts.py": "X = 'part'",
            "heads/losses/.ipynb_checkpoints/mine-checkpoint.py": "",
            "heads/models/many/__init__.py": "from heads.models.many.inner import Model",
            "heads/models/many/inner.py": "Model = 'inner'",
            "heads/configs/many.toml": "protocol = 'x'",
            "heads/configs/grids/wide.toml": "",
            "pipeline/stages/heavy.py": "raise RuntimeError('was imported')",
            "notes/anything.py": "",
            "pipelines/anything.py": "",
        }
    )
    added = {"heads.losses": ["mine"], "pipeline.stages": ["heavy"], "heads.models": ["many"]}
    assert {package: plugins.names(package) for package in before} == {
        package: sorted([*names, *added[package]]) for package, names in before.items()
    }
    assert loss() == ("part", "part")
    assert plugins.load("heads.models", "many", "Model") == "inner"
    assert {"many", "linear"} <= set(plugins.configs("heads"))
    assert {"wide", "demo"} <= set(plugins.configs("heads", "configs/grids"))
    assert not (set(plugins.configs("pipeline")) & {"many", "wide"})


def test_a_folder_that_is_not_named_is_not_looked_at(give: Give, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = give(**{"heads/losses/mine.py": "Loss = 1"})
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PLUGINS", "")
    monkeypatch.syspath_prepend(str(folder))
    assert "mine" not in plugins.names("heads.losses")


def test_several_folders_also_with_blanks_in_their_names(give: Give, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [give(name, **{f"heads/losses/{name[:1]}.py": ""}) for name in ("a", "b", "c d")]
    for text in (f"{folders[0]}:{folders[2]}:{folders[1]}", f" {folders[1]} {folders[0]} :{folders[2]}:{folders[0]}/"):
        monkeypatch.setenv("PLUGINS", text)
        assert {"a", "b", "c"} <= set(plugins.names("heads.losses"))
    monkeypatch.chdir(folders[0].parent)
    monkeypatch.setenv("PLUGINS", "a b")
    assert plugin_folders.absolute() == f"{folders[0]}:{folders[1]}"


@pytest.mark.parametrize("name", ["triplet.py", "_proxies.py", "triplet/__init__.py"])
def test_a_name_of_this_project_is_not_taken(give: Give, name: str) -> None:
    folder = give(**{f"heads/losses/{name}": ""})
    shipped = ROOT / "heads" / "losses" / f"{name.partition('/')[0].removesuffix('.py')}.py"
    with pytest.raises(PluginError) as caught:
        plugins.names("heads.losses")
    assert str(caught.value) == f"{folder / 'heads/losses' / name}: {shipped} has that name already. Rename one of them"


def test_two_folders_with_one_name_are_told_with_both_files(give: Give) -> None:
    one, two = (give(name, **{"heads/losses/_parts.py": ""}) for name in ("one", "two"))
    with pytest.raises(PluginError) as caught:
        plugins.names("heads.losses")
    assert str(caught.value).startswith(f"{two}/heads/losses/_parts.py: {one}/heads/losses/_parts.py has that name")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (
            "heads/model/x.py",
            "mine/heads/model: no plug-in is looked for there. Did you mean 'models'? Known: configs,",
        ),
        ("head/models/x.py", "mine/head: no plug-in is looked for there. Did you mean {0}/mine/heads?"),
        (
            "heads/x.py",
            "mine/heads/x.py: no plug-in is looked for there, but in a folder below. Known: configs, losses",
        ),
        ("heads/configs/grid/x.toml", "configs/grid: no plug-in is looked for there. Did you mean 'grids'?"),
        ("heads/configs/x.toml", "x.toml: is the config of heads/models/x.py, which is not there"),
        (
            "pipeline/configs/demo.toml",
            "demo.toml: {1}/pipeline/configs/demo.toml has that name already. Another config of a dataset lies outside",
        ),
        (
            "pipeline/configs/demo_mine.toml",
            "which is not there. Another config of a dataset lies outside",
        ),
        ("heads/models/my-head.py", "my-head.py: a plug-in's name is letters, digits and underscores, not 'my-head'"),
        ("models/x.py", "PLUGINS={0}/mine: has no folder of plug-ins in it. Known: heads/models, heads/losses"),
    ],
)
def test_what_would_not_be_found_is_told_in_one_line(give: Give, tmp_path: Path, path: str, told: str) -> None:
    give(**{path: ""})
    with pytest.raises(PluginError) as caught:
        plugins.names("heads.models")
    assert told.format(tmp_path, ROOT) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_path_that_is_none_and_one_too_deep(give: Give, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = give(**{"heads/models/x.py": ""}) / "heads"
    for text, told in (
        (f"~nobody/{'x' * 300}", "PLUGINS=~nobody/xxx"),
        ("/nonesuch", "PLUGINS=/nonesuch: no such folder. It is one with heads/models/<head>.py"),
        (
            str(deep),
            f"PLUGINS={deep}: has no folder of plug-ins in it. Did you mean the folder above it, {deep.parent}?",
        ),
        (str(ROOT), f"PLUGINS={ROOT}: is this project itself, whose plug-ins are found anyway. Leave it out"),
    ):
        monkeypatch.setenv("PLUGINS", text)
        with pytest.raises(PluginError) as caught:
            plugins.names("heads.models")
        assert str(caught.value).startswith(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1\nx = = 2\n", "mine.py:2: SyntaxError: invalid syntax. TRACEBACK=1 shows"),
        (
            "import sys\n\nimport nonesuch\n",
            "mine.py:3: ModuleNotFoundError: No module named 'nonesuch'. TRACE",
        ),
        (
            "from heads.losses import _parts\n",
            "_parts.py:2: ZeroDivisionError: division by zero; called in {0}/",
        ),
        ("raise SystemExit('bye')\n", "mine.py:1: SystemExit: bye."),
        ("x = '\0'\n", "mine.py: "),
        ("class Los: ...\n", "mine.py: has no class Loss, which every loss has."),
    ],
)
def test_a_plug_in_that_cannot_be_loaded_names_its_line(give: Give, text: str, told: str) -> None:
    folder = give(**{"heads/losses/mine.py": text, "heads/losses/_parts.py": "\n1 / 0\n"})
    with pytest.raises(PluginError) as caught:
        loss()
    assert str(caught.value).startswith(f"{folder}/heads/losses/{told.format(folder)}")
    assert isinstance(caught.value, PluginFault), "fails alone in a grid"
    assert "\n" not in str(caught.value)


def test_the_code_is_the_file_and_what_it_imports_without_remarks(give: Give) -> None:
    folder = give(
        **{
            "heads/losses/mine.py": '"""Mine."""\n\nfrom ._parts.sum import add\n',
            "heads/losses/_parts/__init__.py": "",
            "heads/losses/_parts/sum.py": "def add():\n    from heads.losses import _far\n    return '# 1'\n",
            "heads/losses/_far.py": "X = 1\n",
            "heads/losses/_apart.py": "X = 1\n",
        }
    )
    first = code("heads.losses.mine")
    assert first
    assert first.file == "mine/heads/losses/mine.py"
    assert code("heads.losses.triplet") is None

    def changed(name: str, text: str) -> bool:
        before = code("heads.losses.mine")
        (folder / "heads" / "losses" / name).write_text(text)
        assert code("heads.losses.mine") == before, "what a process runs is what it began with"
        plugin_folders.forget()
        return code("heads.losses.mine") != before

    assert not changed("_apart.py", "X = 2\n")
    assert not changed("_far.py", "# a remark\nX = 1  # and another\n    # and a third\n")
    assert changed("_far.py", "X = 2\n")
    assert changed("_parts/sum.py", "def add():\n    from heads.losses import _far\n    return '# 2'\n")
    assert changed("_parts/__init__.py", "X = 3\n")
    assert changed("mine.py", "from ._parts.sum import add\n")


@pytest.mark.parametrize(("more", "told"), [("x = (1,\n", ":2: SyntaxError: '(' was never closed"), ("\0", ": ")])
def test_code_that_does_not_parse_has_no_digest(give: Give, more: str, told: str) -> None:
    folder = give(**{"heads/losses/mine.py": f"X = 1\n{more}"})
    with pytest.raises(PluginError) as caught:
        code("heads.losses.mine")
    assert str(caught.value).startswith(f"{folder}/heads/losses/mine.py{told}")


def test_what_runs_is_the_code_that_is_named_also_within_a_second(give: Give) -> None:
    """Python's own bytecode is known by the second and the size of its source, so it would be the old one."""
    file = give(**{"heads/losses/mine.py": "Loss = 1\n"}) / "heads" / "losses" / "mine.py"
    os.utime(file, (1e9, 1e9))
    assert loss() == 1
    file.write_text("Loss = 2\n")
    os.utime(file, (1e9, 1e9))
    assert loss() == 1
    plugin_folders.use(os.environ["PLUGINS"])
    assert loss() == 2
    assert not list(file.parent.rglob("*.pyc"))


def test_a_package_that_an_entry_point_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an installer would leave it on the disk."""
    for path, text in {
        "their_heads/__init__.py": "raise RuntimeError('was imported')",
        "their_heads/heads/losses/theirs.py": "Loss = 'theirs'\ndef later():\n    import their_heads.layers\n",
        "their_heads/layers.py": "X = 1",
        "their_heads-1.dist-info/METADATA": "Name: their-heads\nVersion: 1\n",
        "their_heads-1.dist-info/entry_points.txt": "[affect_cache.plugins]\ntheirs = their_heads\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.setattr(plugin_folders, "entry_points", importlib.metadata.entry_points)
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin_folders.forget()
    assert plugins.load("heads.losses", "theirs", "Loss") == "theirs"
    assert "their_heads" not in sys.modules
    before = code("heads.losses.theirs")
    (tmp_path / "their_heads" / "layers.py").write_text("X = 2")
    monkeypatch.setenv("PLUGINS", str(tmp_path / "their_heads"))  # named twice, it is there once
    after = code("heads.losses.theirs")
    assert before
    assert after
    assert before.file == after.file == "their_heads/heads/losses/theirs.py"
    (tmp_path / "their_heads-1.dist-info" / "entry_points.txt").write_text("[affect_cache.plugins]\nx = nonesuch_x\n")
    plugin_folders.forget()
    with pytest.raises(
        PluginError, match=r"^entry point x = nonesuch_x of affect_cache\.plugins: there is no such pack"
    ):
        plugins.names("heads.losses")


def test_a_package_inside_another_one_counts_what_it_imports_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, text in {
        "whole_g/__init__.py": "",
        "whole_g/core.py": "X = 1",
        "whole_g/apart.py": "X = 1",
        "whole_g/plug/__init__.py": "",
        "whole_g/plug/heads/losses/inner.py": "from whole_g.core import X\nLoss = X\n",
        "whole_g-1.dist-info/METADATA": "Name: whole-g\nVersion: 1\n",
        "whole_g-1.dist-info/entry_points.txt": "[affect_cache.plugins]\ng = whole_g.plug\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.setattr(plugin_folders, "entry_points", importlib.metadata.entry_points)
    monkeypatch.syspath_prepend(str(tmp_path))

    def changed(name: str, text: str) -> bool:
        plugin_folders.forget()
        before = code("heads.losses.inner")
        (tmp_path / "whole_g" / name).write_text(text)
        plugin_folders.forget()
        return code("heads.losses.inner") != before

    assert not changed("apart.py", "X = 2")
    assert changed("core.py", "X = 2")
    assert changed("__init__.py", "X = 3")
    (tmp_path / "whole_g" / "__init__.py").write_text("raise RuntimeError('bo\\nom')")
    monkeypatch.delitem(sys.modules, "whole_g")
    plugin_folders.forget()
    with pytest.raises(PluginError, match=r"^entry point g = whole_g\.plug of .*: RuntimeError: bo om\. Mend or unins"):
        plugins.names("heads.losses")
