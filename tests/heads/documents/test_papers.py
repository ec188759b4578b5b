"""Published numbers are the papers', and stand beside rows of their own method alone."""

from pathlib import Path
from typing import Any

import pytest
from one_shot_mappings import changed

from cache import plugins
from heads.documents import papers
from heads.experiments.grid import cell
from heads.known_protocols import find
from heads.learning.training import fields

CAT = find("cat-6:6")
REMARKS = {one.source: one.remark for one in papers.read().tables}


@pytest.mark.parametrize(
    ("head", "protocol", "value", "source"),
    [
        ("sem_ib_dml", "cat-6:6", 0.3376, "Affect-DML, Table II"),
        ("sem_ib_dml", "cat-6:4", 0.3626, "Affect-DML, Table II"),
        ("sem_ib_dml", "lev-7:3-valence", 0.5236, "Affect-DML, Table III"),
        ("sem_i_dml", "lev-6:4-dominance", 0.6529, "Affect-DML, Table III"),
        ("random", "lev-6:4-valence", 0.0762, "Affect-DML, Table III"),
    ],
)
def test_published_numbers_are_those_of_the_paper(head: str, protocol: str, value: float, source: str) -> None:
    settings = cell(head, find(protocol), {}).settings
    found = papers.published(papers.read(), "emotic", head, find(protocol), settings)
    assert found == {"accuracy": value, "source": source, "dataset": "emotic", "remark": REMARKS[source]}


def test_published_averages_follow_from_the_columns() -> None:
    level = papers.read().tables[1]
    for average in level.averages:
        assert set(average.heads) == set(level.heads)
        for head, printed in average.heads.items():
            parts = [100 * (level.value(head, name) or 0) for name in average.protocols]
            misprinted = {("kosti", "lev-6:4 average"): 33.19, ("sem_ib_dml", "lev-7:3 average"): 54.69}
            assert sum(parts) / 3 == pytest.approx(misprinted.get((head, average.name), printed), abs=0.02)
    assert all(len(values) == len(one.protocols) for one in papers.read().tables for values in one.heads.values())


METHOD: list[dict[str, Any]] = [
    *({"shots": 5}, {"rule": "linear"}, {"support_norm": "centre"}, {"extra": "scene/scores"}, {"image": "image50"}),
    *({"loss": "arcface", "miner": "none"}, {"loss": "contrastive"}, {"miner": "none"}, {"margin": 0.4}),
    *({"metric_weight": 0, "class_weight": 0, "embedding": 8}, {"metric_weight": 0}, {"class_weight": 1}),
    *({"stream": 8}, {"fusion": 8}, {"embedding": 8}, {"activation": "relu"}, {"standardise": False}),
    *({"epsilon": 0.2}, {"batch": 64}, {"per_class": 8}),
    *({"semantic": "area"}, {"semantic_hidden": 8}, {"sem2vec": "other"}, {"body": "body50"}),
]


@pytest.mark.parametrize("values", METHOD)
def test_nothing_is_published_of_another_method(values: dict[str, Any]) -> None:
    settings = cell("sem_ib_dml", CAT, values).settings
    assert papers.published(papers.read(), "emotic", "sem_ib_dml", CAT, settings) is None
    assert not any(table.about(settings) for table in papers.read().tables)


@pytest.mark.parametrize("values", [{"fusion": 512}, {"standardise": False}, {"scene": "image"}])
def test_nothing_is_published_of_a_baseline_that_is_changed(values: dict[str, Any]) -> None:
    known = papers.read()
    assert papers.published(known, "emotic", "kosti", CAT, cell("kosti", CAT, {}).settings)
    assert papers.published(known, "emotic", "kosti", CAT, cell("kosti", CAT, values).settings) is None


@pytest.mark.parametrize("head", ["random", "kosti", "i_dml", "sem_ib_dml"])
def test_the_pace_of_training_and_the_number_of_draws_are_not_the_method(head: str) -> None:
    pace = {"lr": 1e-3, "step": 2, "gamma": 0.5, "epochs": 3, "patience": 0}
    draws = {"episodes": 1000, "validation_episodes": 5}
    for protocol in ("cat-6:6", "lev-6:4-arousal"):
        own, other = (cell(head, find(protocol), values).settings for values in ({}, pace | draws))
        found = papers.published(papers.read(), "emotic", head, find(protocol), other)
        assert found is not None
        assert found == papers.published(papers.read(), "emotic", head, find(protocol), own)


def test_nothing_is_published_of_another_protocol(tmp_path: Path) -> None:
    settings = cell("sem_ib_dml", CAT, {}).settings
    other = find("cat-9:9", changed(tmp_path, ('"cat-6:4" =', '"cat-9:9" =')))
    assert papers.published(papers.read(), "emotic", "sem_ib_dml", other, settings) is None
    assert papers.published(papers.read(), "emotic", "sem_ib_dml", CAT, settings)


def test_every_published_number_says_why_it_is_not_like_for_like() -> None:
    assert all(len(one.remark.split()) > 5 for one in papers.read().tables)


def test_the_settings_of_a_head_tell_which_head_it_is() -> None:
    heads = [
        sorted(fields(plugins.load("heads.models", head, "Model"), type(CAT), {}))
        for head in plugins.names("heads.models")
    ]
    assert len({tuple(names) for names in heads}) == len(heads)


def test_the_own_config_of_the_full_model_is_what_the_paper_says() -> None:
    """Affect-DML, sections III-C, III-D and IV-A; margin, epsilon, per_class and the fusion of the public code."""
    losses: dict[str, Any] = {"loss": "triplet", "margin": 0.2, "metric_weight": 0.5, "class_weight": 0.5}
    miner = {"miner": "multi_similarity", "epsilon": 0.1, "batch": 32, "per_class": 4}
    pace = {"lr": 3.5e-4, "step": 4, "gamma": 0.1}
    network = {"semantic": "presence", "semantic_hidden": 256, "stream": 512, "fusion": 512, "embedding": 128}
    inference = {"shots": 1, "rule": "nearest", "support_norm": "none", "extra": []}
    said = losses | miner | pace | network | inference
    settings = cell("sem_ib_dml", CAT, {}).settings
    assert {key: settings[key] for key in said} == said


def test_resnet_50_has_the_numbers_of_table_iv() -> None:
    settings = cell("sem_ib_dml", CAT, {"image": "image50", "body": "body50/pooled"}).settings
    found = papers.published(papers.read(), "emotic", "sem_ib_dml", CAT, settings)
    source = "Affect-DML, Table IV, ResNet-50"
    assert found == {"accuracy": 0.358, "source": source, "dataset": "emotic", "remark": REMARKS[source]}


@pytest.mark.parametrize("dataset", ["demo", "heco", "table", "emotics"])
def test_nothing_is_published_of_other_people(dataset: str) -> None:
    settings = cell("ib_dml", CAT, {}).settings
    assert papers.published(papers.read(), dataset, "ib_dml", CAT, settings) is None
