"""The README's tables name what is there: every stage with its arrays, every head, every word that make knows."""

import re
import subprocess
from pathlib import Path

import pytest
from toy_features import make_store, people

from cache.plugins import load, names
from heads import protocol
from heads.experiments.grid import usual_protocol
from scripts import stage_table

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text()


def rows(heading: str) -> dict[str, str]:
    """Name in the first column -> its row; a row may name several, as in `i_dml`, `b_dml`."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("| `")]
    return {name: line for line in table for name in re.findall(r"`([^`]+)`", line.split("|")[1])}


def test_heads() -> None:
    assert sorted(rows("Heads")) == names("heads.models")


def test_protocols() -> None:
    words = [word for kind in names(protocol.PACKAGE) for word in protocol.load(kind).words()]
    assert sorted(rows("Protocols")) == sorted(words)


def test_the_protocol_that_each_head_is_meant_for() -> None:
    """Told as: a word for some heads, another for some, and one for the others."""
    told = re.search(r"Without `PROTOCOL` a head has its own: (.+?) `([^`]+)` for\sthe others", README, re.DOTALL)
    assert told
    clauses = re.findall(r"`([^`]+)` for ((?:`\w+`(?!\sfor)(?:,\s| and )?)+)", told[1])
    meant = {head: word for word, heads in clauses for head in re.findall(r"`(\w+)`", heads)}
    assert {head: usual_protocol(head) for head in names("heads.models")} == {
        head: meant.get(head, told[2]) for head in names("heads.models")
    }


def test_the_mapping_that_is_shown_is_one(tmp_path: Path) -> None:
    (shown,) = (text for text in re.findall(r"^```toml\n(.*?)^```$", README, re.M | re.S) if "[unseen]" in text)
    (tmp_path / "mine.toml").write_text(shown)
    assert protocol.load("one_shot").words(tmp_path / "mine.toml") == ["mine"]


def test_stages() -> None:
    assert sorted(rows("Stages")) == names("pipeline.stages")


def test_the_stages_table_is_the_codes() -> None:
    assert stage_table.rewritten(README) == README, "run python -m scripts.stage_table"


@pytest.mark.parametrize("stage", names("pipeline.stages"))
def test_a_stages_row_names_its_arrays_with_their_shapes(stage: str) -> None:
    extractor = load("pipeline.stages", stage, "Extractor")
    row = rows("Stages")[stage]
    for name, spec in extractor(extractor.Config()).outputs.items():
        assert f"`{name}` ({', '.join(map(str, spec.shape))}" in row


def test_datasets() -> None:
    assert sorted(set(rows("Your data")) - variables()) == names("pipeline.datasets")


def variables() -> set[str]:
    """The words of the table of variables, which stands in the same section."""
    return {name for name in rows("Your data") if name.isupper()}


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("what", ["sklearn", "torch"])
def test_the_examples_from_python_run_as_they_stand(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On toy features, which carry the labels: a linear classifier is far above 1 in 26."""
    (code,) = (text for text in re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S) if f"from {what}" in text)
    make_store(tmp_path / "store", people(260), missing={"body": [4]}, features=("body", "image"))
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    told = capsys.readouterr().out
    if what == "sklearn":
        assert 0.5 < float(told.removesuffix(" of the test people are named right\n")) < 1
    else:
        sizes = [int(size) for size in re.findall(r"torch.Size\(\[(\d+), 24\]\) torch.Size\(\[\d+, 26\]\)", told)]
        assert sum(sizes) == sum(row.split == "train" for row in people(260)) - 1


def test_the_files_that_are_named_are_there() -> None:
    named = set(re.findall(r"`((?:bench|cache|heads|pipeline|scripts|tests)/[\w/]+\.\w+|[A-Z]+\.md)`", README))
    assert len(named) >= 5
    assert {path for path in named if not (REPOSITORY / path).is_file()} == set()


def test_the_make_words_of_the_readme_exist() -> None:
    told = subprocess.run(["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    known = {line.split()[0] for line in told.splitlines()}
    assert set(re.findall(r"make ([a-z-]+)\b(?! failed)", README)) <= known | {"itself"}
    assert {"demo", "test", "extract", "train", "status", "verify", "repair", "retry", "ablate", "lint"} <= known
