"""What a user can get wrong on the command line: one line that names it, exit status 2, no traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from cache.plugins import load, names
from pipeline.cli import COMMANDS, main
from pipeline.demo.scenes.write import write_demo

REPOSITORY = Path(__file__).resolve().parents[2]


def complaint(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    try:
        status = main(words)
    except SystemExit as stop:
        status = int(stop.code or 0)
    captured = capsys.readouterr()
    assert status == 2
    assert captured.err.count("\n") == 1, captured.err
    assert captured.err.startswith("error: ")
    return captured.err


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo is drawn already, small: of itself it would be 900 scenes, in the folder that we are in."""
    folder = tmp_path_factory.mktemp("data")
    write_demo(folder / "demo", scenes=12, seed=0)
    return folder


@pytest.fixture
def store(tmp_path: Path, data: Path) -> list[str]:
    return ["--store", str(tmp_path / "store"), "--weights", str(tmp_path / "weights"), "--data", str(data)]


def test_unknown_words_get_the_nearest_right_one(capsys: pytest.CaptureFixture[str], store: list[str]) -> None:
    assert "Did you mean 'extract'?" in complaint(capsys, "extrct", *store)
    assert "Did you mean 'emotic'?" in complaint(capsys, "extract", "--dataset", "emotik", *store)
    assert "Did you mean 'sem2vec'?" in complaint(capsys, "extract", "--stages", "sem2vek", "--untrained", *store)
    assert "Did you mean 'local'?" in complaint(capsys, "extract", "--executor", "locl", *store)
    assert "--dataste" in complaint(capsys, "extract", "--dataste", "emotic", *store)


def test_a_wrong_root_is_named_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], store: list[str], tmp_path: Path
) -> None:
    wrong = str(tmp_path / "nowhere")
    text = complaint(capsys, "extract", "--dataset", "emotic", "--root", wrong, "--untrained", *store)
    assert wrong in text
    assert not (tmp_path / "store" / "emotic" / "manifest.parquet").exists()


def test_a_root_without_annotation_names_the_file_it_looked_for(
    capsys: pytest.CaptureFixture[str], store: list[str], tmp_path: Path
) -> None:
    text = complaint(capsys, "extract", "--dataset", "emotic", "--root", str(tmp_path), *store)  # nor are there weights
    assert "Annotations.mat" in text


def test_absent_weights_name_the_file_and_both_cures(
    capsys: pytest.CaptureFixture[str], store: list[str], tmp_path: Path
) -> None:
    (tmp_path / "labels.csv").write_text("image,labels\na.jpg,calm\n")
    text = complaint(capsys, "extract", "--dataset", "table", "--root", str(tmp_path), *store)
    assert "fcn_hr48_512x512_160k_ade20k_20200614_214407-a52fc02c.pth" in text
    assert str(tmp_path / "weights") in text
    assert "UNTRAINED=1" in text


@pytest.mark.parametrize(
    ("table", "wanted"),
    [
        ("[stages.image]\nstage = 'backbone'\nmodle = 'resnet18'", "Did you mean 'model'?"),
        ("[stages.image]\nstage = 'bakbone'", "Did you mean 'backbone'?"),
        ("[stages.image]\nstage = 'backbone'\nbatch_size = 0", "batch_size"),
        ("[stages]\nimage = 3", "stages.image"),
        ("shardimages = 3\n[stages.face]", "Did you mean 'shard_images'?"),
        ("stages = [", "TOML"),
    ],
)
def test_faults_in_a_config_are_told_by_name(
    table: str, wanted: str, capsys: pytest.CaptureFixture[str], store: list[str], tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text(f"dataset = 'demo'\n{table}\n")
    assert wanted in complaint(capsys, "extract", "--config", str(tmp_path / "config.toml"), "--untrained", *store)


def test_status_of_what_was_never_extracted(capsys: pytest.CaptureFixture[str], store: list[str]) -> None:
    assert "no dataset" in complaint(capsys, "status", "--dataset", "demo", *store[:2])


def test_every_command_is_a_file_that_make_knows() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    assert names(COMMANDS) == ["extract", "repair", "retry", "status", "verify", "weights"]
    for name in names(COMMANDS):
        assert callable(load(COMMANDS, name, "run"))
        assert f"\n{name}: " in makefile
        assert f"-m pipeline {name} " in makefile


def test_planning_loads_no_network_library() -> None:
    code = (
        "import sys, pipeline.cli, pipeline.running.runner, pipeline.stages.sem2vec, pipeline.stages.backbone, "
        "pipeline.commands.repair, pipeline.commands.retry, pipeline.commands.status, pipeline.commands.verify, "
        "pipeline.commands.weights, "
        "pipeline.stages.face, pipeline.stages.pose, pipeline.datasets.emotic, pipeline.datasets.demo;"
        "heavy = ('torch', 'torchvision', 'cv2', 'mmseg', 'mmpose', 'mmcv', 'scipy', 'sklearn');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--threads", "-1"], "THREADS=-1: a whole number from 0"),
        (["--workers", "0"], "WORKERS=0: a whole number from 1"),
        (["--allow-failed", "-2"], "ALLOW_FAILED=-2"),
        (["--threads", "two"], "invalid int value: 'two'"),
        (["--device", "tpu"], "DEVICE=tpu: no such device"),
        (["--device", "tpu", "--executor", "dask"], "DEVICE=tpu: no such device"),
        (["--device", "cuda:99"], "CUDA devices here"),
    ],
)
def test_values_that_cannot_be(
    words: list[str], wanted: str, capsys: pytest.CaptureFixture[str], store: list[str], data: Path
) -> None:
    assert wanted in complaint(capsys, "extract", "--root", str(data / "demo"), *words, *store)


def test_repair_touches_nothing_outside_the_store(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "manifest.parquet").write_text("kept")
    where = ["--store", str(tmp_path / "store"), "--weights", str(tmp_path / "none")]
    assert "no dataset '../victim'" in complaint(capsys, "repair", "--dataset", "../victim", *where)
    assert (tmp_path / "victim" / "manifest.parquet").read_text() == "kept"
    assert not (tmp_path / "store").exists()


def test_the_demo_is_drawn_only_where_nobody_named_a_folder(
    capsys: pytest.CaptureFixture[str], store: list[str], tmp_path: Path
) -> None:
    wrong = tmp_path / "nowhere"
    assert f"ROOT={wrong}: no such folder" in complaint(capsys, "extract", "--root", str(wrong), *store)
    assert not wrong.exists()


def test_a_folder_that_is_not_the_drawn_demo_is_not_taken_for_it(
    capsys: pytest.CaptureFixture[str], store: list[str], tmp_path: Path
) -> None:
    write_demo(tmp_path / "own", scenes=12, seed=0)
    (tmp_path / "own" / "label_maps").rename(tmp_path / "gone")
    text = complaint(capsys, "extract", "--root", str(tmp_path / "own"), *store)
    assert "is not the drawn demo" in text
    assert "DATASET=emotic" in text
