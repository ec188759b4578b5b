"""What is said of a person by a head that names several labels."""

from pathlib import Path
from typing import Any

from scripts.prediction import document


def person(**more: Any) -> dict[str, Any]:
    shares = {"Anger": 0.2, "Fear": 0.7, "Peace": 0.4}
    return {"number": 0, "emotions": {"categories": shares}, "reason": "", "features": {}, **more}


def lines(one: dict[str, Any]) -> list[str]:
    return document.lines(Path("a.jpg"), {"untrained": [], "notes": [], "persons": [one]})[1:]


def test_the_labels_that_are_named_and_the_dimensions_are_told() -> None:
    values = {"valence": 0.256, "arousal": 0.5}
    known = person(named=["Peace", "Fear"])
    known["emotions"]["dimensions"] = values
    wanted = [
        "  0: Fear 70.0 %, Peace 40.0 %, Anger 20.0 %",
        "     named: Peace, Fear",
        "     valence 0.26, arousal 0.50",
    ]
    assert lines(known) == wanted


def test_who_is_named_as_nothing_is_told_so_and_one_strongest_answer_says_no_more() -> None:
    assert lines(person(named=[]))[1] == "     named: none"
    assert len(lines(person())) == 1
