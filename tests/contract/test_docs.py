"""What the pages of docs/ say is there: every stage with its arrays, every head, every word that make knows, published
numbers, error texts; and their Python runs as it stands."""

import ast
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xxhash
from toy_features import make_store, people

from affect_cache import load as load_people
from cache.plugins import load, names
from heads import known_protocols
from heads.documents.papers import PAPERS
from heads.experiments.grid import usual_protocol
from heads.models.kosti import Model as Kosti
from scripts import paper_tables, stage_table
from scripts.make_words import Makefile

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
TEXTS = {path: path.read_text(encoding="utf-8") for path in PAGES}


def page(name: str) -> str:
    return TEXTS[DOCS / name]


def rows(text: str) -> dict[str, str]:
    """Name in the first column -> its row; a row may name several, as in `i_dml`, `b_dml`."""
    table = [line for line in text.splitlines() if line.startswith("| `")]
    return {name: line for line in table for name in re.findall(r"`([^`]+)`", line.split("|")[1])}


def code(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_the_readme_is_one_screen_and_a_half() -> None:
    assert len(TEXTS[ROOT / "README.md"].splitlines()) <= 92


def test_heads() -> None:
    assert sorted(rows(page("heads.md"))) == names("heads.models")


def test_protocols() -> None:
    words = [word for kind in names(known_protocols.PACKAGE) for word in known_protocols.load(kind).words()]
    assert sorted(rows(page("protocols.md"))) == sorted(words)


def test_the_protocol_that_each_head_is_meant_for() -> None:
    """Told as: a word for some heads, another for some, and one for the others."""
    text = " ".join(page("protocols.md").split())
    told = re.search(r"Without `PROTOCOL` a head has its own: (.+?) `([^`]+)` for the others", text)
    assert told
    clauses = re.findall(r"`([^`]+)` for ((?:`\w+`(?! for)(?:, | and )?)+)", told[1])
    meant = {head: word for word, heads in clauses for head in re.findall(r"`(\w+)`", heads)}
    assert {head: usual_protocol(head) for head in names("heads.models")} == {
        head: meant.get(head, told[2]) for head in names("heads.models")
    }


def test_the_mapping_that_is_shown_is_one(tmp_path: Path) -> None:
    (shown,) = (text for text in code(page("own-data.md"), "toml") if "[unseen]" in text)
    (tmp_path / "mine.toml").write_text(shown)
    assert known_protocols.load("one_shot").words(tmp_path / "mine.toml") == ["mine"]


def test_stages() -> None:
    assert sorted(rows(page("stages.md"))) == names("pipeline.stages")


def test_the_stages_table_is_the_codes() -> None:
    assert stage_table.rewritten(page("stages.md")) == page("stages.md"), "run python -m scripts.stage_table"


@pytest.mark.parametrize("stage", names("pipeline.stages"))
def test_a_stages_row_names_its_arrays_with_their_shapes(stage: str) -> None:
    extractor = load("pipeline.stages", stage, "Extractor")
    row = rows(page("stages.md"))[stage]
    for name, spec in extractor(extractor.Config()).outputs.items():
        assert f"`{name}` ({', '.join(map(str, spec.shape))}" in row


def test_datasets() -> None:
    table = page("datasets.md").partition("published:\n")[2].partition("\n\nThe release")[0]
    assert sorted(rows(table)) == names("pipeline.datasets")


def test_variables() -> None:
    """Every variable of the Makefile, and no other but PYTHON, which make itself reads."""
    told = {name for name in rows(page("variables.md")) if name.isupper()}
    assert told - {"PYTHON"} == set(Makefile((ROOT / "Makefile").read_text(encoding="utf-8")).words)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("what", ["sklearn", "torch"])
def test_the_examples_from_python_run_as_they_stand(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On toy features, which carry the labels: a linear classifier is far above 1 in 26."""
    (text,) = (text for text in code(page("python.md"), "python") if f"from {what}" in text)
    make_store(tmp_path / "store", people(260), missing={"body": [4]}, features=("body", "image"))
    monkeypatch.chdir(tmp_path)
    exec(compile(text, "docs/python.md", "exec"), {"__name__": "shown"})
    told = capsys.readouterr().out
    if what == "sklearn":
        assert 0.5 < float(told.removesuffix(" of the test people are named right\n")) < 1
    else:
        sizes = [int(size) for size in re.findall(r"torch.Size\(\[(\d+), 24\]\) torch.Size\(\[\d+, 26\]\)", told)]
        assert sum(sizes) == sum(row.split == "train" for row in people(260)) - 1


def test_a_store_is_read_with_h5py_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the page's code, which gives what ``load`` does; it imports h5py, numpy and the standard library."""
    (text,) = code(page("store.md"), "python")
    roots = {node.module or "" for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}
    roots |= {name.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) for name in node.names}
    assert roots == {"json", "pathlib", "h5py", "numpy"}
    make_store(tmp_path / "store", people(260), missing={"body": [4]}, features=("body", "image"))
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {"__name__": "shown"}
    exec(compile(text, "docs/store.md", "exec"), space)
    loaded = load_people("store", "demo", ["body"], everyone=True)
    there = dict(zip(loaded.keys, loaded.features["body"][:], strict=True))
    expected = {key: row for key, row, gone in zip(there, there.values(), loaded.missing, strict=True) if not gone}
    assert space["rows"].keys() == expected.keys()
    assert len(expected) == len(there) - 1
    for key, row in expected.items():
        np.testing.assert_array_equal(space["rows"][key], row)


def test_a_shards_bytes_are_as_the_page_says(tmp_path: Path) -> None:
    """Header, digests and places read by the page's words, with no reader of this project."""
    make_store(tmp_path / "store", people(260), features=("body",))
    path = next((tmp_path / "store" / "demo" / "body").rglob("shard-00000.h5"))
    data = path.read_bytes()
    assert data[:21] == b"affect-cache shard 2\n"
    assert data[4064:4096].decode() == xxhash.xxh3_128_hexdigest(data[:4064])
    header = json.loads(data[21:4064])
    assert (header["size"], header["body"]) == (len(data) - 4096, xxhash.xxh3_128_hexdigest(data[4096:]))
    dtype, shape, offset, digest = header["places"]["pooled"]
    values = np.frombuffer(data, dtype, int(np.prod(shape)), offset).reshape(shape)
    assert digest == xxhash.xxh3_128_hexdigest(values.tobytes())
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["pooled"][:], values)
        assert file["pooled"].attrs["xxh3_128"] == digest
        assert set(file) == {"key", "status", "message", "pooled"}
    named = set(re.findall(r"`(\w+)`", page("store.md").partition("The JSON has")[2].partition("The HDF5")[0]))
    assert set(header) <= named


@pytest.mark.parametrize("name", sorted(path.stem for path in PAPERS.glob("*.toml")))
def test_the_published_numbers_are_those_of_the_files(name: str) -> None:
    """On one page, made anew, and counted in the TOML by a plain walk."""
    (found,) = [text for text in TEXTS.values() if f"<!-- published {name} -->" in text]
    assert paper_tables.rewritten(found) == found, "run python -m scripts.paper_tables"
    paper = tomllib.loads((PAPERS / f"{name}.toml").read_text(encoding="utf-8"))
    parts = [*paper.get("tables", ()), *paper.get("breakdowns", ())]
    parts += [average for one in parts for average in one.get("averages", ())]
    lists = [one["mean"] for one in parts if "mean" in one]
    lists += [list(numbers) for one in parts for numbers in one.get("classes", {}).values()]
    lists += [
        numbers if isinstance(numbers, list) else [numbers]
        for one in parts
        for numbers in one.get("heads", {}).values()
    ]
    count = sum(not isinstance(number, str) for numbers in lists for number in numbers)
    assert f"\n{count} published figures are in `heads/configs/papers/{name}.toml`" in found


def test_what_is_approximate_is_told_on_the_pages() -> None:
    """The notes that stand below tables, of every head that a paper's page is about."""
    told = " ".join(" ".join(text.split()) for path, text in TEXTS.items() if path.parent.name == "papers")
    heads = {head for head in names("heads.models") if f"`{head}`" in told}
    assert {"amalgamated", "st_gcn", "relational", "kosti"} <= heads
    assert len(Kosti.approximates) == 2
    notes = {note for head in heads for note in load("heads.models", head, "Model").approximates}
    assert {note for note in notes if note not in told} == set()


CONSTANTS = "\n".join(
    node.value
    for room in ("cache", "heads", "pipeline", "scripts")
    for path in sorted((ROOT / room).rglob("*.py"))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.Constant) and isinstance(node.value, str)
)


QUOTED = [line for text in code(page("questions.md"), "text") for line in text.splitlines()]


@pytest.mark.parametrize("line", QUOTED)
def test_an_error_that_is_quoted_is_the_codes(line: str) -> None:
    """What stands in ``<...>``, a reader's own, is left out; the rest are texts of the code or Makefile."""
    pieces = [piece.strip(" .:;") for piece in re.split(r"<[^>]*>|[.:;] ", line)]
    texts = CONSTANTS + (ROOT / "Makefile").read_text(encoding="utf-8")
    assert max(map(len, pieces)) > 8
    assert [piece for piece in pieces if piece not in texts] == []


def test_the_files_that_are_named_are_there() -> None:
    found = r"`((?:bench|cache|heads|pipeline|scripts|tests)/[\w/]+\.\w+|[A-Z]+\.md)`"
    named = {path for text in TEXTS.values() for path in re.findall(found, text)}
    assert len(named) >= 15
    assert {path for path in named if not (ROOT / path).is_file()} == set()


def test_the_readmes_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", TEXTS[ROOT / "README.md"])
    assert len(links) > 15
    assert [link for link in links if not (ROOT / link).is_file()] == []
