"""A stage and a dataset outside this project: extracted again when their code is another, here and by a cluster."""

import json
from collections.abc import Iterator
from pathlib import Path

import examples
import numpy as np
import pytest
from distributed import LocalCluster
from PIL import Image

from cache import plugin_folders
from cache.store import Store
from pipeline.cli import main

STAGE, DATASET = "pipeline/stages/colour.py", "pipeline/datasets/folders.py"
MEAN = "np.asarray(photo.image).mean((0, 1))"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """With the plug-ins in ``mine`` and photographs of one colour; the folder that one stands in."""
    mine = examples.write(tmp_path / "mine", STAGE, DATASET, "pipeline/configs/folders.toml")
    (mine / STAGE).write_text(examples.EXAMPLES[STAGE].replace(MEAN, "mean(photo)").replace(*IMPORTED))
    (mine / "pipeline/stages/_mean.py").write_text(f"import numpy as np\ndef mean(photo): return {MEAN}\n")
    for number in range(20):
        path = tmp_path / "photos" / "calm" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((2, 2, 3), (number, 50, 7), np.uint8)).save(path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    plugin_folders.use("")


IMPORTED = ("from cache.spec", "from pipeline.stages._mean import mean\nfrom cache.spec")
WORDS = ["extract", "--dataset", "folders", "--stages", "colour", "--threads", "1"]


def extracted(*more: str) -> tuple[str, list[float]]:
    """The state of the annotation, and the mean colour of the last image."""
    plugin_folders.use("mine")  # as a new process would
    assert main([*WORDS, "--root", str(Path("photos").absolute()), *more]) == 0
    store = Store(Path("store"))
    means, status = store.features("folders")["colour"].read("mean", ["calm/19.png"])
    assert not status.any()
    return store.manifest("folders").source, means[0].tolist()


def rewrite(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_other_code_is_extracted_again_and_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, mean = extracted()
    assert mean == [19, 50, 7]
    rewrite(folder / "mine" / STAGE, '"""colour', '# a remark\n"""colour')
    assert extracted() == (source, mean)
    assert "nothing to extract" in capsys.readouterr().out
    rewrite(folder / "mine/pipeline/stages/_mean.py", "mean((0, 1))", "mean((0, 1)) + 1")
    assert extracted() == (source, [20, 51, 8])
    told = [json.loads(path.read_text()) for path in (folder / "store").rglob("feature.json")]
    assert {one["plugin"]["file"] for one in told} == {"mine/pipeline/stages/colour.py"}
    assert len({one["plugin"]["digest"] for one in told}) == len(told) == 2
    rewrite(folder / "mine" / DATASET, '".png")', '".png", ".gif")')
    assert extracted()[0] != source


def test_without_the_folder_the_word_is_unknown_and_a_wrong_one_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text, told in (("", "no dataset 'folders'."), ("mines", "PLUGINS=mines: no such folder.")):
        plugin_folders.use(text)
        assert main(WORDS) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"error: {told}")
        assert said.count("\n") == 1
    plugin_folders.use("mine")
    weights = ["--root", str(folder / "photos"), "--stages", "image", "--weights", str(folder / "none")]
    assert main([*WORDS, *weights]) == 2
    assert f'STAGES="image" WEIGHTS={folder}/none PLUGINS="{folder}/mine" fetches ' in capsys.readouterr().err


def test_a_cluster_that_ran_before_runs_the_code_of_now(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its workers were started without PLUGINS, in another folder, and hold what they imported."""
    monkeypatch.chdir("/")
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as cluster:
        monkeypatch.chdir(folder)
        dask = ["--executor", "dask", "--scheduler", cluster.scheduler_address]
        source, mean = extracted(*dask)
        assert mean == [19, 50, 7]
        rewrite(folder / "mine/pipeline/stages/_mean.py", "mean((0, 1))", "mean((0, 1)) + 1")
        assert extracted(*dask) == (source, [20, 51, 8])
