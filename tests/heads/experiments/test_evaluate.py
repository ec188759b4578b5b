"""A checkpoint scored again gives the table's numbers; shares against a loop over seeds, episodes and supports."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from one_shot_mappings import with_ties
from toy_features import make_store

from cache.errors import StoreError
from cache.store import Store
from heads import cli
from heads.checkpoints import checkpoint
from heads.experiments.bench import prepare
from heads.experiments.cell import Result
from heads.experiments.evaluate import csv_text, evaluate
from heads.experiments.experiment import run
from heads.experiments.grid import cell
from heads.head import given
from heads.known_protocols import find
from heads.protocols._one_shot.trial import OneShotTrial

FAST = {"stream": 16, "semantic_hidden": 8, "fusion": 16, "embedding": 8, "epochs": 2, "episodes": 7}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make_store(tmp_path_factory.mktemp("store"), missing={"body": [3, 50]})


def trained(store: Store, folder: Path, head: str = "sem_ib_dml", **values: object) -> Result:
    one = cell(head, find("cat-6:6"), FAST | values if head != "random" else {"episodes": 7})
    return run(prepare(store, "demo", find("cat-6:6"), [one], "cpu"), one, range(2), folder)


@pytest.mark.parametrize("head", ["sem_ib_dml", "random"])
def test_scored_again_the_numbers_are_the_tables(store: Store, tmp_path: Path, head: str) -> None:
    before = trained(store, tmp_path, head).row()["metrics"]
    assert evaluate(tmp_path / f"{head}.safetensors", store).metrics == before


@pytest.mark.parametrize("rule", ["nearest", "centroid", "linear"])
def test_under_another_rule_scores_and_shares_are_those_of_the_table_too(
    store: Store, tmp_path: Path, rule: str
) -> None:
    one = trained(store, tmp_path, shots=2, rule=rule, support_norm="whiten")
    found = evaluate(tmp_path / "sem_ib_dml.safetensors", store)
    assert found.metrics == one.row()["metrics"]
    assert found.metrics != trained(store, tmp_path / "plain", shots=2).row()["metrics"]
    trial = found.trial
    assert isinstance(trial, OneShotTrial)
    share = np.asarray(found.answers()[0].shares.gather(1, torch.as_tensor(trial.labels)[:, None]))
    queries = 7 - (trial.rows[:, None, None, None] == trial.rows[trial.support][None]).any((2, 3)).sum(1)
    correct = found.metrics["accuracy"]["mean"] * 2 * 7 * (len(trial.rows) - 6 * 2)
    assert 2 * (share[:, 0] * queries).sum() == pytest.approx(correct)


@pytest.mark.parametrize("shots", [1, 3])
def test_shares_are_what_a_loop_counts(store: Store, tmp_path: Path, shots: int) -> None:
    trained(store, tmp_path, shots=shots)
    found = evaluate(tmp_path / "sem_ib_dml.safetensors", store)
    loaded = checkpoint.load(tmp_path / "sem_ib_dml.safetensors")
    test = found.task.test
    split = {name: torch.as_tensor(_stored(store, name, test)) for name in loaded.head.inputs}
    with torch.no_grad():
        output = loaded.head({name: x.expand(2, *x.shape) for name, x in loaded.scaled(split).items()})
    memory = {name: x.numpy() for name, x in loaded.memory.items()}
    places, rows = memory["places"], memory["rows"]
    one_shot, classifier = found.answers()
    assert (one_shot.title, list(one_shot.names)) == ("one_shot", list(found.task.classes[6:]))
    assert (classifier.title, list(classifier.names)) == ("classifier", list(found.task.classes[:6]))
    logits = given(output.logits).numpy()
    for sample in range(0, len(test), 9):
        votes, counted = np.zeros(6), 0
        for seed in range(2):
            vector = given(output.embedding)[seed, sample].numpy()
            for episode in places:
                if test[sample] in rows[episode]:
                    continue
                distance = np.full((6, shots), np.inf)
                for label in range(6):
                    for shot in range(shots):
                        support = memory["embedding"][seed, episode[label, shot]]
                        distance[label, shot] = np.linalg.norm(vector / np.linalg.norm(vector) - support)
                votes[np.unravel_index(distance.argmin(), distance.shape)[0]] += 1
                counted += 1
        np.testing.assert_allclose(one_shot.shares[sample], votes / counted, atol=1e-6)
    expected = np.exp(logits) / np.exp(logits).sum(2, keepdims=True)
    np.testing.assert_allclose(classifier.shares, expected.mean(0), atol=1e-5)


def _stored(store: Store, name: str, rows: np.ndarray) -> np.ndarray:
    feature, _, array = name.partition("/")
    manifest = store.manifest("demo")
    names = manifest.images if feature in ("image", "sem2vec") else manifest.keys
    return store.features("demo")[feature].read(array, [names[row] for row in rows])[0].astype(np.float32)


def test_one_person_alone_gets_the_same_shares(store: Store, tmp_path: Path) -> None:
    trained(store, tmp_path)
    found = evaluate(tmp_path / "sem_ib_dml.safetensors", store)
    loaded = found.checkpoint
    outside = next(n for n, row in enumerate(found.task.test) if row not in loaded.memory["rows"])
    one = {name: torch.as_tensor(_stored(store, name, found.task.test[[outside]])) for name in loaded.head.inputs}
    beyond = np.array([len(found.manifest)])
    for alone, among in zip(loaded.answers(one, beyond), found.answers(), strict=True):
        torch.testing.assert_close(alone.shares[0], among.shares[outside])


def test_nobody_is_judged_by_himself(store: Store, tmp_path: Path) -> None:
    """The episodes that a person supports give him his own class at distance 0, and do not count for him."""
    trained(store, tmp_path)
    found = evaluate(tmp_path / "sem_ib_dml.safetensors", store)
    loaded, row = found.checkpoint, int(found.checkpoint.memory["rows"][0])
    place = found.task.test.tolist().index(row)
    one = {name: torch.as_tensor(_stored(store, name, np.array([row]))) for name in loaded.head.inputs}
    known, unknown = (loaded.answers(one, np.array([number]))[0].shares[0] for number in (row, len(found.manifest)))
    torch.testing.assert_close(known, found.answers()[0].shares[place])
    own = found.answers()[0].names.index(found.protocol.truth(found.task, row))
    assert unknown[own] > known[own]


def test_the_file_names_every_test_person(store: Store, tmp_path: Path) -> None:
    trained(store, tmp_path)
    found = evaluate(tmp_path / "sem_ib_dml.safetensors", store)
    lines = list(csv.DictReader(csv_text(found).splitlines()))
    assert [line["key"] for line in lines] == [found.manifest.keys[row] for row in found.task.test]
    for line in lines:
        shares = {name: float(line[name]) for name in found.task.classes[6:]}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
        assert shares[line["predicted"]] == max(shares.values())
        assert line["class"] in shares


def test_other_features_than_it_was_trained_on_are_refused(store: Store, tmp_path: Path) -> None:
    trained(store, tmp_path)
    path = tmp_path / "sem_ib_dml.safetensors"
    fewer = make_store(tmp_path / "fewer", features=("image", "sem2vec"))
    with pytest.raises(
        StoreError, match=r"was trained on feature body 0000000000000004, the store has none\. Run make ext"
    ):
        evaluate(path, fewer)


def test_the_command_writes_beside_the_checkpoint(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(store, tmp_path / "demo")
    words = ["evaluate", "--store", str(store.root), "--runs", str(tmp_path)]
    assert cli.main([*words, "--head", "sem_ib_dml", "--threads", "1"]) == 0
    assert "macro_accuracy" in capsys.readouterr().out
    assert (tmp_path / "demo" / "sem_ib_dml.predictions.csv").is_file()
    assert cli.main([*words, "--head", "ib_dml", "--threads", "1"]) == 2
    assert "Trained are demo/sem_ib_dml. Run make train HEAD=ib_dml" in capsys.readouterr().err


def test_features_without_training_are_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    poor = make_store(tmp_path / "store", untrained=("body", "pose"))
    words = ["evaluate", "--store", str(poor.root), "--runs", str(tmp_path), "--threads", "1"]
    for head, marked in (("b_dml", "body"), ("i_dml", "")):
        trained(poor, tmp_path / "demo", head, semantic_hidden=1)
        assert cli.main([*words, "--head", head]) == 0
        line = "UNTRAINED features: body. Numbers made from them are no results.\n"
        assert (line in capsys.readouterr().out) == bool(marked)
        lines = list(csv.DictReader((tmp_path / "demo" / f"{head}.predictions.csv").read_text().splitlines()))
        assert {one["untrained"] for one in lines} == {marked}


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another mapping of the same version."""
    path = with_ties(tmp_path_factory.mktemp("mapping"), "drop")
    return path.rename(path.with_name("mine.toml"))


def test_a_mapping_is_known_by_its_content(
    store: Store, mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = ["--store", str(store.root), "--runs", str(tmp_path), "--threads", "1", "--head", "random"]
    mapped = ["--mapping", str(mine)]
    for words in ([], mapped):
        assert cli.main(["train", *places, *words, "--set", "epochs=1 episodes=5"]) == 0
        assert cli.main(["train", *places, *words]) == 0
    assert sorted(path.name for path in tmp_path.glob("*")) == [
        f"demo-cat-6-6-random{word}"
        for word in ("", "-episodes=5-epochs=1", "-mapping=mine", "-mapping=mine-episodes=5-epochs=1")
    ]
    results = [json.loads((path / "results.json").read_text())["mapping"] for path in sorted(tmp_path.glob("*"))]
    assert results[0] == results[1] != results[2] == results[3]
    capsys.readouterr()
    told = []
    for words in ([], mapped):
        assert cli.main(["evaluate", *places, *words]) == 0
        told.append(capsys.readouterr().out)
    assert "demo-cat-6-6-random-mapping=mine/random.safetensors" in told[1]
    assert told[0] != told[1]
    assert cli.main(["evaluate", *places, "--name", "demo-cat-6-6-random-mapping=mine"]) == 2
    out, err = capsys.readouterr()
    assert "random.safetensors: was trained with mapping " in err
    assert "accuracy" not in out
