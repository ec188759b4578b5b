"""The notebooks of docs/ run from top to bottom as they stand, in an empty folder, and are kept without outputs."""

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def run(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the notebook prints. Its kernel imports this checkout, and keeps what Jupyter keeps in ``folder``."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep))
    for kind in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(kind, str(folder / "jupyter"))
    notebook = read(ROOT / "docs" / "notebooks" / name)
    (work := folder / "work").mkdir()
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(work)}}).execute()
    outputs = [one for cell in notebook.cells if cell.cell_type == "code" for one in cell.outputs]
    return "".join(one.text for one in outputs if one.output_type == "stream")


def test_two_notebooks_are_there() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["from_photographs", "own_model"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_without_outputs(path: Path) -> None:
    code = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert code
    assert [cell for cell in code if cell.outputs or cell.execution_count] == []


def test_a_model_of_ones_own_learns_from_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = run("own_model.ipynb", tmp_path, monkeypatch)
    found = re.search(r"on (\d+) people: ([\d.]+), by always guessing the mean ([\d.]+)", told)
    assert found, told
    assert int(found[1]) > 50
    assert float(found[2]) < 0.9 * float(found[3])


def test_photographs_become_a_table_and_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = run("from_photographs.ipynb", tmp_path, monkeypatch)
    assert "UNTRAINED" not in told
    row = re.search(r"^\| linear +\| body, image +\| ([\d.]+) \[.*$", told, re.MULTILINE)
    assert row, told
    assert 50 < float(row[1]) <= 100  # of six classes
    page = (tmp_path / "work" / "runs" / "mine" / "report.html").read_text()
    assert "arms_crossed" in page
    assert "confus" in page.lower()
