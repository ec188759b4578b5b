"""What is told of one photograph: the JSON, the lines on the terminal, the words below the picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.prediction.finding import Found

HEAD = ("head", "checkpoint", "dataset", "release", "protocol", "seeds")
FROM_FACES = "people were found by their faces: their bodies are guessed by fixed proportions"


def document(
    path: Path,
    size: tuple[int, int],
    found: Found,
    looked: Mapping[str, Any],
    about: Mapping[str, Any],
    untrained: Sequence[str],
    left_out: Sequence[str],
    drawn: bool,
) -> dict[str, Any]:
    """The JSON of one photograph. ``notes`` are sentences that belong to every form of it.

    size: width and height. looked: of ``Model.look``. about: of the checkpoint. untrained: features that no trained
    network made. left_out: features of the config that nobody asked for. drawn: the head learned from drawings, and
    the photograph is none of them.
    """
    return {
        "image": str(path),
        "size": list(size),
        "people": found.how,
        "head": {name: about[name] for name in HEAD},
        "untrained": list(untrained),
        "notes": _notes(found, about, drawn),
        **looked,
        "left_out": list(left_out),
    }


def _notes(found: Found, about: Mapping[str, Any], drawn: bool) -> list[str]:
    notes = []
    if drawn:
        told = f"the head was trained on the drawn scenes of {about['dataset']}, not on photographs"
        notes.append(f"{told}: its answers mean nothing here")
    if "faces" in found.how and len(found.boxes):
        notes.append(FROM_FACES)
    return notes


def lines(path: Path, told: Mapping[str, Any]) -> list[str]:
    """For the terminal; people have the numbers of the JSON and the picture."""
    marked = f" ({_untrained(told)})" if told["untrained"] else ""
    number = len(told["persons"])
    people = "1 person" if number == 1 else f"{number} people"
    return [
        f"{path}: {people}{marked}",
        *(f"  note: {note}" for note in told["notes"]),
        *(f"  {_answer(person, 3, 1)}" for person in told["persons"]),
    ]


def caption(told: Mapping[str, Any]) -> str:
    """Who answers."""
    head = told["head"]
    return f"{head['head']}, trained on {head['dataset']} ({head['protocol']})"


def warnings(told: Mapping[str, Any]) -> list[str]:
    """What whoever sees the picture must know: the notes, what is untrained, whoever has no answer and why."""
    people = told["people"]
    return [
        *([_untrained(told)] if told["untrained"] else []),
        *(_sentence(note) for note in told["notes"]),
        *([f"Nobody: {people['reason']}"] if "reason" in people else []),
        *(_answer(person, 1, 0) for person in told["persons"] if person["emotions"] is None),
    ]


def label(person: Mapping[str, Any], answers: int) -> list[str]:
    """The lines of a person's label, with ``answers`` of the strongest; the number alone with 0."""
    if person["emotions"] is None:
        return [f"{person['number']}: no prediction" if answers else str(person["number"])]
    best = [f"{name} {100 * share:.0f} %" for name, share in _best(person, answers)]
    return [": ".join([str(person["number"]), *best[:1]]), *best[1:]]


def legend(person: Mapping[str, Any]) -> str:
    """A person in one line, for people whose label is the number alone."""
    return _answer(person, 2, 0)


def _answer(person: Mapping[str, Any], answers: int, digits: int) -> str:
    if person["emotions"] is None:
        return f"{person['number']}: no prediction: {person['reason']}"
    best = (f"{name} {100 * share:.{digits}f} %" for name, share in _best(person, answers))
    return f"{person['number']}: {', '.join(best)}"


def _best(person: Mapping[str, Any], answers: int) -> list[tuple[str, float]]:
    """The strongest of the first of a person's answers."""
    main: Mapping[str, float] = next(iter(person["emotions"].values()))
    return sorted(main.items(), key=lambda pair: -pair[1])[:answers]


def _untrained(told: Mapping[str, Any]) -> str:
    return f"UNTRAINED: {', '.join(told['untrained'])}"


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:]}"
