"""The command line: a table on success, one line and status 2 for every mistake."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from toy_features import make_store, people

from heads.cli import main
from heads.commands import _grids
from heads.experiments import rows
from heads.protocols._one_shot.mapping import MAPPING

FAST = "epochs=1 episodes=10 stream=8 fusion=8 embedding=4"
REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    root = tmp_path_factory.mktemp("cli")
    make_store(root / "store")
    make_store(root / "store", people(12), dataset="emotic")
    return ["--store", str(root / "store"), "--runs", str(root / "runs"), "--seeds", "2"]


def test_train_prints_its_table_and_writes_its_folder(place: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--head", "ib_dml", "--set", FAST, *place]) == 0
    out, err = capsys.readouterr()
    (folder,) = Path(place[3]).glob("demo-cat-6-6-ib_dml-seeds=2-*")
    assert out.startswith("| head ")
    assert f"written to {folder}" in out
    assert (folder / "results.json").exists()
    assert "ib_dml: " in err
    assert main(["report", "--name", folder.name, "--runs", place[3]]) == 0
    assert capsys.readouterr().out == f"{out}page {folder / 'report.html'}\n"


def test_the_demos_grid_goes_to_runs_demo(place: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ablate", "--set", "epochs=1 episodes=5 validation_episodes=2", *place]) == 0
    out = capsys.readouterr().out
    assert [line.split()[1] for line in out.splitlines()[2:8]] == [
        *("random", "i_dml", "b_dml", "ib_dml", "sem_i_dml", "sem_ib_dml")
    ]
    assert (Path(place[3]) / "demo-seeds=2-episodes=5-epochs=1-validation_episodes=2" / "table.tex").exists()
    assert main(["ablate", "--name", "demo", "--set", "epochs=1 episodes=5 validation_episodes=2", *place]) == 0
    assert (Path(place[3]) / "demo" / "table.tex").exists()


def test_a_run_with_other_settings_gets_a_folder_of_its_own(place: list[str]) -> None:
    long = "epochs=1 episodes=5 validation_episodes=2 shots=1 lr=0.00035 epsilon=0.1 gamma=0.1 step=4 patience=6"
    before = set(Path(place[3]).iterdir())
    for words in (long, long + " margin=0.3"):
        assert main(["train", "--head", "i_dml", "--set", words, *place]) == 0
    assert len(set(Path(place[3]).iterdir()) - before) == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["train", "--head", "sem_ib"],
            "no head 'sem_ib'. Did you mean 'sem_ib_dml'? Known: abn, amalgamated, b_dml, ",
        ),
        (
            ["train", "--protocol", "cat-66"],
            "no protocol 'cat-66'. Did you mean 'cat-6:6'? Known: bold, bold-published, boxes, ",
        ),
        (["train", "--dataset", "emotics"], "'emotics'. Did you mean 'emotic'? Known: demo, emotic."),
        (["train", "--device", "gpu"], "no device 'gpu'. Did you mean 'cpu'? Known: cpu, cuda."),
        (["train", "--set", "lrr=1 epochs=0"], "settings of sem_ib_dml: epochs: input should be greater than"),
        (["train", "--set", "lr"], "SET: 'lr' is not of the form name=value"),
        (["train", "--seeds", "0"], "SEEDS=0: from 1 to 100"),
        (["train", "--seeds", "x"], "argument --seeds: invalid int value: 'x'. See python -m heads train --help"),
        (["train", "--name", "../x"], "name '../x': it must be the name of one folder, without a path"),
        (["train", "--name", "a\0b"], "name 'a\\x00b': it must be the name of one folder"),
        (["train", "--name", "x" * 300], "it must be the name of one folder, without a path"),
        (["train", "--threads", "0"], "--threads 0: must be from 1 to 1024"),
        (["train", "--threads", "99999999999"], "--threads 99999999999: must be from 1 to 1024"),
        (["train", "--mapping", "none.toml"], "none.toml: no such config file"),
        (
            ["train", "--dataset", "emotic"],
            "emotic cat-6:6: class anger has 3 train people, needs at least 4 (per_class); ",
        ),
        (["ablate", "--grid", "dem"], "no grid 'dem'. Did you mean 'demo'? Known: affect_dml, amalgamation, beyond, "),
        (["trian"], "argument ablate|compare|ensemble|evaluate|mapping|report|submit|train: invalid choice: 'trian'"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], expected: str, place: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    known = [*words[:1], *place, *words[1:]] if len(words) > 1 else words
    assert main(known) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert expected in err
    assert err.count("\n") == 1


def test_reporting_a_run_that_is_not_there_is_one_line(place: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--name", "nothing", "--runs", place[3]]) == 2
    assert "no such run. Runs there are: " in capsys.readouterr().err


def test_an_interrupt_is_one_line(
    place: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rows, "run", interrupted)
    assert main(["train", *place]) == 130
    assert capsys.readouterr().err == "interrupted: finished cells are kept, the one in work is not\n"


def test_heads_need_neither_decoders_nor_toolboxes() -> None:
    code = (
        "import sys, heads.commands._grids, heads.experiments.progress, heads.page.page\n"
        "from cache import plugins\n"
        "from heads import cli, known_protocols\n"
        "cli.commands()\n"
        "for name in plugins.names('heads.models'): plugins.load('heads.models', name, 'Model')\n"
        "for name in plugins.names(known_protocols.PACKAGE): known_protocols.load(name).words(None)\n"
        "banned = ('cv2', 'mmseg', 'mmpose', 'mmengine', 'mmcv', 'PIL', 'torchvision', 'facenet_pytorch', 'pipeline')\n"
        "print([name for name in banned if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["a", "b/c"], "row 'a': give two rows, each as RUN/ROW, as in demo/ib_dml and demo/sem_ib_dml"),
        (["a/b", ""], "row '': give two rows, each as RUN/ROW"),
        (["a/b", "c/"], "row 'c/': give two rows"),
        (["../a/b", "c/d"], "name '..': it must be the name of one folder, without a path"),
        (["a/b", "/c/d"], "name '': it must be the name of one folder"),
        (["a/b", "c/d"], "a/cells/b.json: no such finished row. Runs in "),
    ],
)
def test_rows_that_cannot_be_compared_are_one_line(
    words: list[str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "--runs", str(tmp_path), "--", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert expected in err
    assert err.count("\n") == 1


def test_a_reader_that_has_seen_enough(place: list[str]) -> None:
    """As with ``| head -1``: the other end is closed before anything is written."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "heads", "mapping", *place[:2]]
    done = subprocess.run(command, cwd=REPOSITORY, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def made(*words: str) -> list[str]:
    """What make would run, word by word as the shell reads it."""
    done = subprocess.run(
        ["make", "--no-print-directory", "-n", "--assume-old=.venv/.installed", *words],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return shlex.split(done.stdout)


def test_make_passes_the_words_of_a_comparison_on() -> None:
    told = made("compare", "RUNS=my runs", "FIRST=it's/cat-6-6/ib_dml", "SECOND=x; ls/random")
    assert told[1:] == ["-m", "heads", "compare", "--runs", "my runs", "--", "it's/cat-6-6/ib_dml", "x; ls/random"]
    assert made("compare")[-3:] == ["--", "", ""]


def test_make_passes_the_words_of_a_mapping_on() -> None:
    told = made("mapping", "DATASET=emotic", "STORE=a'b", "MAPPING=my $$rules.toml")
    where = ["-m", "heads", "mapping", "--dataset", "emotic", "--store", "a'b"]
    assert told[1:] == [*where, "--mapping", "my $rules.toml"]
    assert made("mapping", "DATASET=emotic", "STORE=a'b")[1:] == where


@pytest.mark.parametrize("word", ["train", "ablate", "evaluate", "report", "predict"])
def test_make_passes_a_mapping_on(word: str) -> None:
    told = made(word, "MAPPING=my $$rules.toml")
    assert told[told.index("--mapping") + 1] == "my $rules.toml"
    assert "--mapping" not in made(word)


def test_two_grids_of_one_name_have_two_folders(
    place: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a file called demo.toml is not the shipped grid demo, whose folder is runs/demo."""
    folders = []
    for number, episodes in enumerate((5, 6, 5)):
        path = tmp_path / str(number) / "demo.toml"
        path.parent.mkdir()
        path.write_text(f'heads = ["random"]\nprotocols = ["cat-6:6"]\nsettings = [{{ episodes = {episodes} }}]\n')
        assert main(["ablate", "--grid", str(path), *place[:4]]) == 0
        told = capsys.readouterr().out
        folders.append(next(line for line in told.splitlines() if line.startswith("written to ")).rpartition("/")[2])
    assert folders[0] == folders[2] != folders[1]
    assert all(re.fullmatch(r"demo-demo-[0-9a-f]{8}", name) for name in folders)


def test_a_protocol_that_is_a_path_writes_nothing_outside(
    place: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping = tmp_path / "mine.toml"
    mapping.write_text(MAPPING.read_text().replace('"cat-6:4"', '"../../x"'))
    words = [*place[:2], "--runs", str(tmp_path / "a" / "b" / "runs"), "--mapping", str(mapping)]
    assert main(["train", "--head", "random", "--protocol", "../../x", *words]) == 2
    assert "protocol '../../x': it must be the name of one folder" in capsys.readouterr().err
    grid = tmp_path / "grid.toml"
    grid.write_text('heads = ["random"]\nprotocols = ["cat-6:6", "../../x"]\n')
    assert main(["ablate", "--grid", str(grid), *words]) == 2
    assert "protocol '../../x': it must be the name of one folder" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.glob("*")) in (
        ["grid.toml", "mine.toml"],
        ["a", "grid.toml", "mine.toml"],
    )


def test_too_little_memory_is_one_line(
    place: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for error in (MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 1 bytes")):

        def starved(*_: Any, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(_grids, "table", starved)
        assert main(["train", *place]) == 2
        told = capsys.readouterr().err
        assert told.startswith("error: not enough memory")
        assert told.count("\n") == 1


def test_make_help_shows_the_words_of_this_command_line() -> None:
    told = subprocess.run(["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    words = {line.split()[0] for line in told.splitlines()}
    assert {"train", "ablate", "evaluate", "compare", "mapping", "report"} <= words


@pytest.mark.parametrize(
    ("own", "count"), [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)]
)
def test_waiting_threads_sleep_soon_unless_the_environment_says_otherwise(
    own: dict[str, str], count: str | None, place: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, own.get(name, ""))
        if name not in own:
            monkeypatch.delenv(name)
    assert main(["compare", "a", "b"]) == 2
    assert os.environ.get("GOMP_SPINCOUNT") == count
