"""What a user imports, and the command: thin, without torch until it is asked for, every word passed on."""

import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from toy_features import make_store
from toy_pipeline import make_root, run

import affect_cache
from cache.errors import NotInstalled
from cache.plugins import names

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ABSENT = """
import sys
class Absent:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in ("torch", "torchvision", "PIL", "cv2", "scipy", "sklearn", "pandas", "safetensors", "distributed"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent)
"""
READ = """
from affect_cache import load, main
people = load(sys.argv[1], "demo", "body, image", split="train")
print(people.features["body"][:2].shape, people.arrow().num_rows, len(people), flush=True)
for words in (["verify", "--store", sys.argv[1]], ["train", "--store", sys.argv[1]], ["extract"], ["predict"]):
    print(main(words), flush=True)
for call in (people.torch, people.pandas):
    try:
        call()
    except ImportError as error:
        print(error)
"""


def test_the_reader_needs_neither_torch_nor_pixels_and_says_which_extra_does(tmp_path: Path) -> None:
    make_store(tmp_path, features=("body", "image"))
    words = [sys.executable, "-c", ABSENT + READ, str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    needs = "needs torch, which is not installed. Run pip install 'affect-cache[train]'"
    first, verified, *told = done.stdout.splitlines()
    assert first == "(2, 24) 156 156"
    assert verified.startswith("demo: 8 shards, ")
    assert told == ["0", "2", "2", "2", f"torch() {needs}", "pandas is not installed. Run pip install pandas"]
    assert done.stderr.splitlines() == [
        f"error: affect-cache train {needs}",
        "error: affect-cache extract needs PIL, which is not installed. Run pip install 'affect-cache[extract]'",
        "error: affect-cache predict needs PIL, which is not installed. Run pip install 'affect-cache[train,extract]'",
    ]


def test_the_age_of_features_needs_no_pixels_either(tmp_path: Path) -> None:
    make_root(tmp_path / "data", 6)
    run(tmp_path / "data", tmp_path / "store")
    words = [sys.executable, "-c", f"{ABSENT}from affect_cache import main\nmain(['status', '--store', sys.argv[1]])"]
    done = subprocess.run([*words, str(tmp_path / "store")], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert "colour: shards 0-1 made " in done.stdout


def test_untrained_features_are_warned_of(tmp_path: Path) -> None:
    make_store(tmp_path, features=("body", "image"), untrained=("body",))
    with pytest.warns(UserWarning, match=r"^demo: UNTRAINED features: body\. Numbers made from them") as told:
        affect_cache.load(tmp_path, "demo", ["body", "image"])
    assert told[0].filename == __file__
    assert affect_cache.load(tmp_path, "demo", ["image"]).untrained == ()


def test_the_version_is_told_once() -> None:
    assert PROJECT["project"]["version"] not in (ROOT / "affect_cache.py").read_text()
    assert PROJECT["project"]["scripts"] == {"affect-cache": "affect_cache:main"}


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert affect_cache.main(["--version"]) == 0
    assert capsys.readouterr().out == f"affect-cache {affect_cache.__version__}\n"
    assert affect_cache.main(["--help"]) == 0
    told = capsys.readouterr().out.replace(",", "").split()
    crossing = {"demo", "predict", "publish", "gallery", "stats", "export"}
    assert {*crossing, *names("pipeline.commands"), *names("heads.commands")} <= set(told)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["trian"], "error: no command 'trian'. Did you mean 'train'? Known: ablate, "),
        ([], "error: no command given. See affect-cache --help\n"),
        (["train", "--head", "linaer"], "error: no head 'linaer'. Did you mean 'linear'?"),
        (["status", "--dataset", "nowhere"], "error: store: holds no dataset 'nowhere'."),
    ],
)
def test_a_wrong_word_is_one_line(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_store(tmp_path / "store", features=("body",))
    monkeypatch.chdir(tmp_path)
    assert affect_cache.main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith(told)
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("word", ["demo", "predict", "gallery", "stats", "export", "extract", "mapping"])
def test_words_go_on_as_they_are(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Any] = []
    crossing = word in ("demo", "predict", "gallery", "stats", "export")
    module = f"scripts.{word}" if crossing else {"extract": "pipeline", "mapping": "heads"}[word] + ".__main__"
    monkeypatch.setattr(import_module(module), "main" if crossing else "run", lambda words: heard.append(words) or 7)
    assert affect_cache.main([word, "--x", "a b"]) == 7
    assert heard == [["--x", "a b"] if crossing else [word, "--x", "a b"]]


def test_a_module_of_our_own_that_is_not_found_is_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(words: object) -> int:
        raise ModuleNotFoundError("No module named 'heads.gone'", name="heads.gone")

    monkeypatch.setattr(import_module("heads.__main__"), "run", broken)
    with pytest.raises(ModuleNotFoundError, match=r"heads\.gone"):
        affect_cache.main(["train"])


def test_nothing_imports_the_thin_module() -> None:
    sources = [path for side in affect_cache.OURS[1:] for path in (ROOT / side).rglob("*.py")]
    assert len(sources) > 200
    assert [path for path in sources if re.search(r"^\s*(from|import) affect_cache\b", path.read_text(), re.M)] == []


def test_pose_without_mmpose_says_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.networks import openmmlab

    monkeypatch.setattr(openmmlab, "find_spec", lambda _: None)
    with pytest.raises(NotInstalled, match=r"Run pip install --no-deps mmpose$"):
        openmmlab.build_pose("rtmpose-t")


def test_every_data_file_is_in_the_wheel() -> None:
    """Files that are no Python beside the code, against the patterns of package-data; and packages by their folders."""
    setuptools = PROJECT["tool"]["setuptools"]
    listed = subprocess.run(["git", "ls-files", *affect_cache.OURS[1:]], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a clone")
    data = {path for path in listed.stdout.splitlines() if not path.endswith(".py")}
    patterns = [f"{side}/{glob}" for side, globs in setuptools["package-data"].items() for glob in globs]
    packed = {str(path.relative_to(ROOT)) for pattern in patterns for path in ROOT.glob(pattern)}
    assert {Path(path).suffix for path in data} >= {".toml", ".css", ".safetensors"}
    assert data - packed == set()
    assert setuptools["packages"]["find"]["include"] == [
        f"{side}*" for side in ("cache", "pipeline", "heads", "scripts")
    ]
    assert setuptools["py-modules"] == ["affect_cache"]
