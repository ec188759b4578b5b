"""What an older version wrote is refused in one line that says what to do; a grid trains its rows again and says so."""

from pathlib import Path

import older_run
import pytest
from dataset_case import photo
from toy_features import make_store

from cache.errors import WeightsError
from heads import cli
from heads.checkpoints import checkpoint
from heads.documents import results
from heads.experiments.runs import slug
from scripts import predict

OLD = "does not say which kind of protocol it is of, an older version's. Train again"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    make_store(tmp_path / "store", features=["image"])
    older_run.write(tmp_path / "runs" / "demo")
    older_run.write_grid(tmp_path / "runs" / "grid")
    return tmp_path / "runs"


def refused(capsys: pytest.CaptureFixture[str], status: int) -> str:
    """The one line of a command that ended with ``status``."""
    assert status == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err.removeprefix("error: ").rstrip("\n")


def words(runs: Path) -> list[str]:
    return ["--runs", str(runs), "--store", str(runs.with_name("store"))]


@pytest.mark.parametrize("name", ["demo", "grid"])
def test_evaluate_refuses_an_older_checkpoint(name: str, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(capsys, cli.main(["evaluate", "--head", older_run.ROW, "--name", name, *words(runs)]))
    folder = runs / name if name == "demo" else runs / name / slug("cat-6:6")
    assert told == f"{folder / older_run.ROW}.safetensors: {OLD}"


def test_predict_refuses_an_older_checkpoint(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo(runs.with_name("photos") / "a.jpg")
    options = ["--head", older_run.ROW, "--image", str(runs.with_name("photos") / "a.jpg"), *words(runs)]
    told = refused(capsys, predict.main([*options, "--out", str(runs.with_name("out")), "--boxes", "1,1,20,20"]))
    assert told == f"{runs / 'demo' / older_run.ROW}.safetensors: {OLD}"
    assert not runs.with_name("out").exists()


def test_an_older_checkpoint_is_never_half_read(runs: Path) -> None:
    path = runs / "demo" / f"{older_run.ROW}.safetensors"
    for read in (checkpoint.load, checkpoint.about):
        with pytest.raises(WeightsError, match=OLD):
            read(path)


@pytest.mark.parametrize("name", ["demo", f"grid/{older_run.FOLDER}"])
def test_report_refuses_older_results(name: str, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(capsys, cli.main(["report", "--run", name, *words(runs)]))
    fault = "it is an older version's, which says nothing of its metrics. Train again"
    assert told.startswith(f"{runs / name / results.RESULTS}: is not the results of a run: {fault}")


def test_report_refuses_an_older_summary(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(capsys, cli.main(["report", "--run", "grid", *words(runs)]))
    assert told.startswith(f"{runs / 'grid' / 'summary.json'}: is not the summary of a grid: ")
    assert told.endswith(". Run make ablate again")


def test_compare_refuses_an_older_row(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = runs / "demo" / "cells" / f"{older_run.ROW}.json"
    command = ["compare", f"demo/{older_run.ROW}", f"grid/{older_run.FOLDER}/{older_run.ROW}"]
    told = refused(capsys, cli.main([*command, "--runs", str(runs)]))
    assert told == f"{path}: is not a finished row: identity.kind: Field required. Train again"


def test_a_grid_trains_older_rows_again_and_says_so(
    runs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'heads = ["{older_run.ROW}"]\nprotocols = ["cat-6:6", "cat-6:4"]\n')
    command = ["ablate", "--grid", str(path), "--name", "grid", "--seeds", "1", *words(runs)]
    assert cli.main([*command, "--threads", "1", "--set", "episodes=5 validation_episodes=2"]) == 0
    cell = runs / "grid" / older_run.FOLDER / "cells" / f"{older_run.ROW}.json"
    told = f"is not a finished row: identity.kind: Field required. Row {older_run.ROW} is trained again"
    assert caplog.messages == [f"{cell}: {told}"]
    assert "reused" not in capsys.readouterr().out
    assert cli.main(["report", "--run", "grid", *words(runs), "--threads", "1"]) == 0
    out, err = capsys.readouterr()
    assert "left out" not in err
    assert "(chance)" in out
