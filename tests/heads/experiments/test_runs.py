"""Names of folders, and which checkpoint a command means: that of the words given, or one line that says why not."""

import re
from pathlib import Path

import pytest
from toy_features import make_store

from cache.errors import ConfigError, StoreError
from cache.store import Store
from heads import cli
from heads.experiments import runs
from heads.experiments.bench import prepare
from heads.experiments.experiment import run
from heads.experiments.grid import cell
from heads.known_protocols import find

FAR = "../../outside/evil"
BAD = ["", ".", "..", ".hidden", FAR, "/abs", "a/b", "a\0b", "a\nb", "a\x1b[2J", "a\udc80", "x" * 201, "é" * 101]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make_store(tmp_path_factory.mktemp("store"))


def trained(store: Store, folder: Path, protocol: str = "cat-6:6", name: str | None = None) -> Path:
    """A head that needs no training, so that its checkpoint is there at once."""
    one = cell("random", find(protocol), {"episodes": 3, "validation_episodes": 1, "epochs": 1}, name)
    run(prepare(store, "demo", find(protocol), [one], "cpu"), one, range(1), folder)
    return folder / f"{one.name}.safetensors"


@pytest.mark.parametrize("word", BAD)
def test_what_is_not_the_name_of_one_folder(word: str) -> None:
    with pytest.raises(ConfigError, match="it must be the name of one folder, without a path") as caught:
        runs.folder_name(word)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("word", ["demo", "a b", "x" * 200, "é" * 100, "a..b", "lr=1e-3,x"])
def test_what_is_one(word: str) -> None:
    assert runs.folder_name(word) == word


@pytest.mark.parametrize("protocol", ["../../x", "a\0b", ".x", "y" * 300])
def test_a_protocol_that_a_mapping_may_name_but_no_folder(protocol: str) -> None:
    with pytest.raises(ConfigError, match=r"^protocol '.*it must be the name of one folder"):
        runs.slug(protocol)


@pytest.mark.parametrize("word", BAD[1:])
@pytest.mark.parametrize("option", ["--head", "--name", "--dataset", "--protocol"])
def test_no_word_of_evaluate_leaves_the_folder(
    option: str, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_store(tmp_path / "store")
    places = ["--store", str(tmp_path / "store"), "--runs", str(tmp_path / "runs")]
    assert cli.main(["evaluate", *places, f"{option}={word}"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_head_outside_is_neither_read_nor_written(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(store, tmp_path / "outside").rename(tmp_path / "outside" / "evil.safetensors")
    (tmp_path / "in" / "runs" / "demo").mkdir(parents=True)
    words = ["--store", str(store.root), "--runs", str(tmp_path / "in" / "runs"), "--head", f"../{FAR}"]
    assert cli.main(["evaluate", *words]) == 2
    assert "it must be the name of one folder" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "outside").glob("*.csv")] == []


@pytest.mark.parametrize("word", ["a/..", "a/.b", "a/b\0", "a/" + "x" * 300, "a\0/b"])
def test_rows_of_a_comparison(word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare", "--runs", str(tmp_path), "--", word, "c/d"]) == 2
    assert "it must be the name of one folder" in capsys.readouterr().err


def test_the_checkpoint_of_train_goes_before_the_grids(store: Store, tmp_path: Path) -> None:
    for folder in ("demo", "demo-cat-6-6-random", "mine"):
        trained(store, tmp_path / folder)
    assert runs.checkpoint(tmp_path, "demo", "cat-6:6", "random").parent.name == "demo-cat-6-6-random"
    assert runs.checkpoint(tmp_path, "demo", "cat-6:6", "random", "mine").parent.name == "mine"


def test_the_words_of_train_find_its_run(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = ["--head", "random", "--store", str(store.root), "--runs", str(tmp_path), "--threads", "1"]
    few = "epochs=1 episodes=5 validation_episodes=3"
    told = ["--seeds", "2", "--set", f"{few} batch=16 per_class=2 step=3 gamma=0.5 patience=2 lr=1e-3"]
    assert cli.main(["train", *places, *told]) == 0
    (folder,) = tmp_path.iterdir()
    assert re.fullmatch("demo-cat-6-6-random-[0-9a-f]{16}", folder.name)
    assert cli.main(["evaluate", *places, *told]) == 0
    assert f"checkpoint {folder}/random.safetensors" in capsys.readouterr().out
    turned = [*told[:-1], " ".join(reversed(told[-1].split()))]
    assert cli.main(["evaluate", *places, *turned]) == 0
    assert cli.main(["evaluate", *places]) == 2
    assert f"or give NAME={folder.name}, or the SET and SEEDS of then" in capsys.readouterr().err


def test_the_cure_is_the_whole_command(tmp_path: Path) -> None:
    words = runs.changed(3, "batch=16 lr=1e-3")
    with pytest.raises(StoreError) as caught:
        runs.checkpoint(tmp_path, "demo", "cat-6:4", "random", "my run", Path("a.toml"), words)
    command = "Run make train HEAD=random DATASET=demo PROTOCOL=cat-6:4 MAPPING=a.toml SEEDS=3 SET='batch=16 lr=1e-3'"
    assert f"{command} NAME='my run', or give NAME" in str(caught.value)
    assert runs.changed(5, "") == []


def test_a_head_that_another_run_trained_is_named(store: Store, tmp_path: Path) -> None:
    """One of another protocol, one of another head and one that is damaged are none."""
    trained(store, tmp_path / "demo")
    trained(store, tmp_path / "my run" / "cat-6-6")
    trained(store, tmp_path / "other", "cat-6:4")
    trained(store, tmp_path / "third", name="random-2")
    trained(store, tmp_path / "worn").write_bytes(b"x")
    with pytest.raises(StoreError, match=r"SEEDS=2, or give NAME=demo or NAME='my run', or the SET and SEEDS of then$"):
        runs.checkpoint(tmp_path, "demo", "cat-6:6", "random", words=["seeds=2"])
    assert runs.checkpoint(tmp_path, "demo", "cat-6:6", "random", "my run").parent.name == "cat-6-6"


def test_one_of_another_protocol_is_not_the_one(store: Store, tmp_path: Path) -> None:
    trained(store, tmp_path / "demo")
    for name in (None, "demo"):
        with pytest.raises(
            StoreError,
            match=r"demo/random\.safetensors: was trained on 'demo cat-6:6', asked for is 'demo cat-6:4'\. "
            "Give its DATASET and PROTOCOL, or run make train HEAD=random DATASET=demo PROTOCOL=cat-6:4$",
        ):
            runs.checkpoint(tmp_path, "demo", "cat-6:4", "random", name)
    with pytest.raises(StoreError, match="'demo cat-6:6', asked for is 'emotic cat-6:6'"):
        runs.checkpoint(tmp_path, "emotic", "cat-6:6", "random", "demo")


def test_the_folder_of_the_protocol_is_found_behind_a_single_one(store: Store, tmp_path: Path) -> None:
    trained(store, tmp_path / "demo")
    wanted = trained(store, tmp_path / "demo" / "cat-6-4", "cat-6:4")
    assert runs.checkpoint(tmp_path, "demo", "cat-6:4", "random") == wanted


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("cat-6:4", "was trained on 'demo cat-6:6', asked for is 'demo cat-6:4'"),
        ("nonsense", "error: no protocol 'nonsense'. Known: bold, bold-published, boxes, cat-6:4, cat-6:6, "),
    ],
)
def test_evaluate_answers_for_the_protocol_that_was_asked(
    protocol: str, expected: str, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(store, tmp_path / "demo")
    words = ["evaluate", "--head", "random", "--store", str(store.root), "--runs", str(tmp_path), "--threads", "1"]
    assert cli.main([*words, "--protocol", protocol]) == 2
    told = capsys.readouterr()
    assert expected in told.err
    assert told.err.count("\n") == 1
    assert "accuracy" not in told.out
    assert cli.main(words) == 0
    assert "demo/random.safetensors: demo cat-6:6\n" in capsys.readouterr().out


def test_a_row_of_a_grid_is_found_under_the_protocol_of_its_head(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(store, tmp_path / "demo", name="random-two draws")
    places = ["--store", str(store.root), "--runs", str(tmp_path), "--threads", "1"]
    assert cli.main(["evaluate", "--head", "random-two draws", *places]) == 0
    assert "demo/random-two draws.safetensors: demo cat-6:6\n" in capsys.readouterr().out
    assert cli.main(["evaluate", "--head", "randon-two", *places]) == 2
    assert "no head 'randon'. Did you mean 'random'?" in capsys.readouterr().err


def test_what_was_changed_is_the_end_of_a_name() -> None:
    assert runs.changes(None) == ""
    assert runs.changes(Path("own/m1.toml"), ["seeds=2", "image=a/b"]) == "-mapping=m1-seeds=2-image=a_b"
    long = runs.changes(Path("own/m1.toml"), ["x" * 100])
    assert len(long) == 17
    assert long != runs.changes(Path("own/m2.toml"), ["x" * 100])


def test_a_quoted_text_is_not_sorted_and_seeds_stay_in_front() -> None:
    assert runs.changes(None, ["seeds=2", "lr=1", "epochs=3"]) == "-seeds=2-epochs=3-lr=1"
    assert runs.changes(None, ["x='b", "a'"]) != runs.changes(None, ["a'", "x='b"])


def test_a_run_that_was_named_in_another_order_is_found_by_its_own(store: Store, tmp_path: Path) -> None:
    words = ["per_class=2", "epochs=1"]
    wanted = trained(store, tmp_path / "demo-cat-6-6-random-per_class=2-epochs=1")
    assert runs.checkpoint(tmp_path, "demo", "cat-6:6", "random", words=words) == wanted
    newer = trained(store, tmp_path / "demo-cat-6-6-random-epochs=1-per_class=2")
    assert runs.checkpoint(tmp_path, "demo", "cat-6:6", "random", words=words) == newer


def test_protocol_names_make_folder_names() -> None:
    assert runs.slug("lev-7:3-valence") == "lev-7-3-valence"
