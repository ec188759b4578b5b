"""Rows that can train as one batched model are found, in groups of bounded size."""

from typing import Any

import pytest

from heads.experiments import grid
from heads.experiments.cell import Cell
from heads.experiments.grid import Grid, cell, cells, groups
from heads.known_protocols import find


def names(heads: tuple[str, ...], tables: list[dict[str, Any]], seeds: int = 5) -> list[list[str]]:
    wanted = cells(Grid(heads=heads, protocols=("cat-6:6",), settings=tuple(tables)), find("cat-6:6"), {})
    return [[one.name for one in group] for group in groups(wanted, seeds)]


def test_rows_of_one_head_that_differ_in_varying_numbers_alone_are_a_group() -> None:
    tables: list[dict[str, Any]] = [
        {"name": "a", "lr": 1e-3},
        {"name": "b", "lr": 1e-4, "margin": 0.4, "metric_weight": 1.0},
        {"name": "wide", "stream": 64},
        {"name": "circle", "loss": "circle"},
        {"name": "c", "gamma": 0.5},
        {"name": "five", "shots": 5},
    ]
    assert names(("i_dml", "b_dml"), tables) == [
        *(["i_dml-a", "i_dml-b", "i_dml-c", "i_dml-five"], ["i_dml-wide"], ["i_dml-circle"]),
        *(["b_dml-a", "b_dml-b", "b_dml-c", "b_dml-five"], ["b_dml-wide"], ["b_dml-circle"]),
    ]


@pytest.mark.parametrize(
    ("rows", "seeds", "expected"), [(6, 5, [6]), (7, 5, [3, 4]), (3, 15, [1, 2]), (2, 100, [1, 1]), (0, 5, [])]
)
def test_no_group_is_larger_than_the_bound_and_parts_are_of_equal_size(
    monkeypatch: pytest.MonkeyPatch, rows: int, seeds: int, expected: list[int]
) -> None:
    monkeypatch.setattr(grid, "MOST_MODELS", 30)
    wanted = cells(
        Grid(
            heads=("i_dml",),
            protocols=("cat-6:6",),
            settings=tuple({"lr": 1e-4 * (n + 1)} for n in range(max(rows, 1))),
        ),
        find("cat-6:6"),
        {},
    )[:rows]
    found = groups(wanted, seeds)
    assert [len(group) for group in found] == expected
    assert [one.name for group in found for one in group] == [one.name for one in wanted]


@pytest.mark.parametrize(
    ("most", "kept", "expected"), [(30, 90, [6]), (5, 90, [3, 3]), (10, 20, [3, 3]), (30, 5, [1] * 6)]
)
def test_rows_of_one_training_count_as_one_model_and_stay_together(
    monkeypatch: pytest.MonkeyPatch, most: int, kept: int, expected: list[int]
) -> None:
    monkeypatch.setattr(grid, "MOST_MODELS", most)
    monkeypatch.setattr(grid, "MOST_KEPT", kept)
    rules = ({"shots": 1}, {"shots": 5}, {"rule": "linear"})
    tables = [rule | {"lr": lr} for rule in rules for lr in (1e-4, 1e-3)]
    wanted = cells(Grid(heads=("i_dml",), protocols=("cat-6:6",), settings=tuple(tables)), find("cat-6:6"), {})
    found = groups(wanted, 5)
    assert [len(group) for group in found] == expected
    if most == 5:
        assert [{one.recipe.lr for one in group} for group in found] == [{1e-4}, {1e-3}]


def test_two_heads_of_equal_settings_are_no_group() -> None:
    one = cell("i_dml", find("cat-6:6"), {})
    other = Cell("another", one.recipe, "another")
    assert groups([one, other], 5) == [[one], [other]]
