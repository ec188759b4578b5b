"""The linear head against scikit-learn's logistic regression, and what it asks for."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from toy_features import make_store

from cache.errors import ConfigError
from heads.cli import main
from heads.experiments.grid import cell, usual_protocol
from heads.head import CLASS
from heads.inputs.samples import Samples, outputs
from heads.known_protocols import find
from heads.learning.train import Course
from heads.models.linear import Model


def test_it_finds_what_logistic_regression_finds() -> None:
    draw = np.random.default_rng(0)
    x, weight = draw.normal(size=(600, 6)).astype(np.float32), draw.normal(size=(6, 3))
    labels = (x @ weight + draw.gumbel(size=(600, 3))).argmax(1)
    found = cell("linear", find("single-label"), {"features": "a", "lr": 8e-3, "batch": 600, "step": 200, "gamma": 0.3})
    head = Model(found.recipe, {"a/pooled": 6}, {CLASS: 3}, [0, 1])  # type: ignore[arg-type]
    samples = Samples.of({"a/pooled": torch.as_tensor(x)}, np.arange(600), {CLASS: labels}, torch.device("cpu"))
    course = Course.start(head, samples, found.recipe, [0, 1])
    for _ in range(600):
        course.descend()
    reference = LogisticRegression(C=1e6, max_iter=2000).fit(x, labels)
    logits = outputs(head, samples, 2, ["logits"]).logits
    assert logits is not None
    for seed in range(2):
        np.testing.assert_allclose(logits[seed].softmax(1).numpy(), reference.predict_proba(x), atol=0.02)


def test_it_is_meant_for_single_labels_and_told_so_where_it_does_not_fit() -> None:
    assert usual_protocol("linear") == usual_protocol("mlp") == "single-label"
    with pytest.raises(
        ConfigError, match="head linear: gives dimensions, logits; protocol cat-6:6 judges by embedding"
    ):
        cell("linear", find("cat-6:6"), {})


def test_two_words_train_it_and_every_command_knows_it(tmp_path, capsys) -> None:  # type: ignore[no-untyped-def]
    make_store(tmp_path / "store", dataset="table")
    where = ["--dataset", "table", "--store", str(tmp_path / "store"), "--runs", str(tmp_path / "runs")]
    quick = ["--seeds", "2", "--set", "epochs=3 resamples=50", "--name", "mine"]
    assert main(["train", *where, "--head", "linear", *quick]) == 0
    out = capsys.readouterr().out
    assert "macro F1 % [95 %]" in out
    assert "2 seeds, 95 % intervals over seeds and a bootstrap over images" in out
    assert main(["evaluate", *where, "--head", "linear", "--name", "mine"]) == 0
    lines = (tmp_path / "runs" / "mine" / "linear.predictions.csv").read_text().splitlines()
    assert lines[0].startswith("key,class,predicted,untrained,Affection,Anger")
    assert main(["report", *where[2:], "--run", "mine"]) == 0
    page = (tmp_path / "runs" / "mine" / "report.html").read_text()
    assert "Recall of each class" in page
    assert "Confusions" in page
    assert "validation: macro accuracy %" in page
    assert "What is left out" not in page
    assert main(["mapping", *where[:4]]) == 0
    assert "labels as they are" in capsys.readouterr().out
    assert (
        main(["train", *where, "--head", "linear", *quick[:-1], "other", "--set", "epochs=3 resamples=50 lr=1e-4"]) == 0
    )
    assert main(["compare", "--runs", str(tmp_path / "runs"), "mine/linear", "other/linear"]) == 0
    told = capsys.readouterr().out.partition("accuracy: mine/linear minus other/linear:")
    assert "macro_f1: mine/linear minus other/linear:" in told[2]
    paths = [str(tmp_path / "runs" / "mine" / "linear"), str(tmp_path / "runs" / "other" / "linear.safetensors")]
    assert main(["compare", "--runs", str(tmp_path / "runs"), *paths]) == 0
    assert capsys.readouterr().out == "".join(told[1:])
