"""A row is known by the code of the plug-ins outside this project that it runs through, and by no others."""

import logging
from collections.abc import Iterator
from pathlib import Path

import examples
import pytest
from toy_features import make_store

from cache import plugin_folders
from cache.errors import PluginFault, WeightsError
from cache.store import Store
from heads.checkpoints import checkpoint
from heads.checkpoints.about import check_plugins
from heads.commands._grids import table
from heads.documents import method, papers
from heads.experiments.cell import Cell
from heads.experiments.code_version import code_version, metrics_of, plugins_of
from heads.experiments.grid import cell
from heads.experiments.place import Place
from heads.experiments.runs import check_head
from heads.known_protocols import find

HEAD, LOSS, METRIC = "heads/models/projection.py", "heads/losses/alignment.py", "heads/metrics/kappa.py"


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Path]:
    folder = examples.write(tmp_path / "mine", HEAD, LOSS, METRIC)
    plugin_folders.use(str(folder))
    yield folder
    plugin_folders.use("")


def rewrite(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    plugin_folders.forget()


def version(one: Cell, kind: str) -> str:
    return code_version(
        one.head, kind, frozenset((module, told.digest) for module, told in plugins_of(one, kind).items())
    )


def test_only_what_a_row_runs_through_is_told_and_changes_it(mine: Path) -> None:
    shots, labels = find("cat-6:6"), find("single-label")
    plain, loss = cell("ib_dml", shots, {}), cell("ib_dml", shots, {"loss": "alignment", "miner": "none"})
    metric = cell("linear", labels, {"metrics": "accuracy,kappa", "chosen_by": "accuracy"})
    head = cell("projection", shots, {})
    rows = [(plain, "one_shot"), (loss, "one_shot"), (metric, "single_label"), (head, "one_shot")]
    told = [list(plugins_of(*row)) for row in rows]
    assert told == [[], ["heads.losses.alignment"], ["heads.metrics.kappa"], ["heads.models.projection"]]

    def changed(path: str, old: str, new: str) -> list[bool]:
        before = [version(*row) for row in rows]
        rewrite(mine / path, old, new)
        return [version(*row) != one for row, one in zip(rows, before, strict=True)]

    assert changed(LOSS, "square()", "abs()") == [False, True, False, False]
    assert changed(METRIC, "bounds = (-1.0", "bounds = (-2.0") == [False, False, True, False]
    assert changed(HEAD, "width: int = 64", "width: int = 65") == [False, False, False, True]
    assert not any(changed(HEAD, "        embedding =", "        # a remark\n        embedding ="))
    without = version(plain, "one_shot")
    plugin_folders.use("")
    assert version(plain, "one_shot") == without == code_version("ib_dml", "one_shot")


def test_a_row_is_judged_by_the_metrics_that_it_names_or_its_protocol_makes(tmp_path: Path) -> None:
    """Of a protocol outside this project all count: nobody knows what it loads."""
    labels, shots = find("single-label"), find("cat-6:6")
    named = metrics_of(cell("linear", labels, {"metrics": "accuracy,macro_f1", "chosen_by": "macro_accuracy"}), labels)
    assert named == {"accuracy", "macro_f1", "macro_accuracy"}
    assert metrics_of(cell("ib_dml", shots, {}), shots) == {"accuracy", "macro_accuracy"}
    plugin_folders.use(str(examples.write(tmp_path / "mine", "heads/protocols/high_valence.py")))
    try:
        outside = find("high-valence")
        assert metrics_of(cell("linear", outside, {}), outside) is None
    finally:
        plugin_folders.use("")


def test_a_checkpoint_says_which_code_it_is_of(mine: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make_store(tmp_path / "store")
    place, labels = Place(Store(tmp_path / "store"), "demo", tmp_path / "runs", seeds=1), find("cat-6:6")
    quick = {"epochs": 1, "episodes": 5, "validation_episodes": 2}
    for head in ("projection", "i_dml"):
        table(place, labels, [cell(head, labels, quick)], place.runs / "t", lambda *_: None)
    path = place.runs / "t" / "projection.safetensors"
    assert checkpoint.about(place.runs / "t" / "i_dml.safetensors")["plugins"] == {}
    ((module, told),) = checkpoint.load(path).about["plugins"].items()
    assert (module, told["file"]) == ("heads.models.projection", "mine/heads/models/projection.py")
    assert not caplog.records
    rewrite(mine / HEAD, "embedding = self.projection(", "embedding = 2 * self.projection(")
    with caplog.at_level(logging.WARNING):
        checkpoint.load(path)
    assert f"was trained with {told['file']} {told['digest']}, here it is {told['file']} " in caplog.text
    rewrite(mine / HEAD, "draws = generators(seeds)", "draws = generators(seeds)[9]")
    with pytest.raises(PluginFault, match=rf"^{mine / HEAD}:\d+: IndexError"):
        checkpoint.load(path)
    plugin_folders.use("")
    for ask in (lambda: checkpoint.load(path), lambda: check_head(place.runs, "projection")):
        with pytest.raises(WeightsError, match=rf"^{path}: head projection is not known here; it was trained with the"):
            ask()
    check_head(place.runs, "nonesuch")


def test_a_checkpoint_imports_nothing_of_its_own_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lurking.py").write_text("raise RuntimeError('was imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    about = {"plugins": {"lurking.x": {"file": "x", "digest": "x"}}}
    with pytest.raises(WeightsError, match=r"^a: not a checkpoint of a head, or damaged: plugins: 'lurking\.x'"):
        check_plugins(Path("a"), about)


def test_a_head_outside_with_the_settings_of_a_published_one_takes_nothing_from_it(mine: Path) -> None:
    """It need not even go with the paper's protocol."""
    text = "from heads.models import ib_dml\nclass Model(ib_dml.Model):\n    learns = frozenset({'age'})\n"
    (mine / "heads/models/alike.py").write_text(text)
    plugin_folders.forget()
    method._with.cache_clear()
    settings = cell("ib_dml", find("cat-6:6"), {}).settings
    found = papers.published(papers.read(), "emotic", "ib_dml", find("cat-6:6"), settings)
    method._with.cache_clear()
    assert found
    assert found["accuracy"] == 0.2102
