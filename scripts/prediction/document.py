"""What is told of one photograph: the JSON, the lines on the terminal, the words below the picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from heads.head import DIMENSIONS
from scripts.prediction import seen
from scripts.prediction.bodies import GUESS
from scripts.prediction.finding import Found
from scripts.prediction.model import NO_HEAD

HEAD = ("head", "checkpoint", "dataset", "release", "protocol", "seeds")
GUESSED = "their bodies are guessed by fixed proportions"


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

    size: width and height. looked: of ``Model.look``. about: of the checkpoint, {} for none. untrained: features that
    no trained network made. left_out: features of the config that nobody asked for. drawn: the head learned from
    drawings, and the photograph is none of them.
    """
    return {
        "image": str(path),
        "size": list(size),
        "people": found.how,
        "head": {name: about[name] for name in HEAD} if about else None,
        "untrained": list(untrained),
        "notes": notes(found, about, drawn),
        **looked,
        "left_out": list(left_out),
    }


def notes(found: Found, about: Mapping[str, Any], drawn: bool) -> list[str]:
    """Sentences on what the head learned from and how the people came about; arguments as of ``document``."""
    sentences = []
    if drawn:
        sentences.append(on_drawings(about))
    if "faces" in found.how and len(found.boxes):
        sentences.append(f"people were found by their faces: {GUESSED}")
    if guessed := [at for at, one in enumerate(found.how.get("persons", ())) if one["by"] == GUESS]:
        sentences.append(f"of people {', '.join(map(str, guessed))} only faces were found: {GUESSED}")
    if clamped := found.how.get("clamped"):
        sentences.append(cut(clamped))
    return sentences


def on_drawings(about: Mapping[str, Any]) -> str:
    """Of a head that learned from drawings. about: of its checkpoint."""
    told = f"the head was trained on the drawn scenes of {about['dataset']}, not on photographs"
    return f"{told}: its answers mean nothing here"


def cut(people: Sequence[int]) -> str:
    """Of people whose given boxes reach out of the image."""
    return f"the boxes of people {', '.join(map(str, people))} reach out of the image: what is in it is taken"


def lines(path: Path, told: Mapping[str, Any]) -> list[str]:
    """For the terminal; people have the numbers of the JSON and the picture."""
    marked = f" ({mark(told)})" if told["untrained"] else ""
    number = len(told["persons"])
    people = "1 person" if number == 1 else f"{number} people"
    return [
        f"{path}: {people}{marked}",
        *(f"  note: {note}" for note in told["notes"]),
        *(f"  {line}" for person in told["persons"] for line in _lines(person)),
    ]


def _lines(person: Mapping[str, Any]) -> list[str]:
    """The head's words, then what networks saw."""
    looks, number = "; ".join(seen.words(person["features"])), person["number"]
    if person["reason"] == NO_HEAD:
        return [f"{number}: {looks}"]
    more = [*_beyond(person), *([looks] if looks else [])]
    return [_answer(person, 3, 1), *(f"   {line}" for line in more)]


def _beyond(person: Mapping[str, Any]) -> list[str]:
    """Which names the head says are there, where it says so, and its dimensions."""
    told = [f"named: {', '.join(person['named']) or 'none'}"] if person.get("named") is not None else []
    values = (person["emotions"] or {}).get(DIMENSIONS, {})
    return [*told, *([", ".join(f"{name} {value:.2f}" for name, value in values.items())] if values else [])]


def caption(told: Mapping[str, Any]) -> str:
    """Who answers."""
    if head := told["head"]:
        return f"{head['head']}, trained on {head['dataset']} ({head['protocol']})"
    shown = dict.fromkeys(name for person in told["persons"] for name in person["features"])
    return "No head was trained." + (f" Seen by networks: {', '.join(shown)}" if shown else "")


def warnings(told: Mapping[str, Any]) -> list[str]:
    """What whoever sees the picture must know: the notes, what is untrained, whoever has no answer and why."""
    people = told["people"]
    return [
        *([mark(told)] if told["untrained"] else []),
        *(_sentence(note) for note in told["notes"]),
        *([f"Nobody: {people['reason']}"] if "reason" in people else []),
        *(_answer(person, 1, 0) for person in told["persons"] if unanswered(person)),
    ]


def label(person: Mapping[str, Any], answers: int) -> list[str]:
    """The lines of a person's label, with ``answers`` of the strongest and what the face shows; the number alone with
    0."""
    if not answers:
        return [str(person["number"])]
    best = [f"{name} {100 * share:.0f} %" for name, share in _best(person, answers)]
    said = [*best, *(["no prediction"] if unanswered(person) else []), *seen.expression(person["features"])]
    return [": ".join([str(person["number"]), *said[:1]]), *said[1:]]


def legend(person: Mapping[str, Any]) -> str:
    """A person in one line, for people whose label is the number alone."""
    return _answer(person, 2, 0)


def answered(person: Mapping[str, Any]) -> bool:
    """Whether there is a line for somebody, of the head or of what networks see; not a reason for none."""
    return not unanswered(person) and label(person, 1) != label(person, 0)


def unanswered(person: Mapping[str, Any]) -> bool:
    """Whether there is a head that has no answer."""
    return person["emotions"] is None and person["reason"] != NO_HEAD


def _answer(person: Mapping[str, Any], answers: int, digits: int) -> str:
    if unanswered(person):
        return f"{person['number']}: no prediction: {person['reason']}"
    best = [f"{name} {100 * share:.{digits}f} %" for name, share in _best(person, answers)]
    return f"{person['number']}: {', '.join(best or seen.expression(person['features']))}"


def _best(person: Mapping[str, Any], answers: int) -> list[tuple[str, float]]:
    """The strongest of the first of a person's answers; none without any."""
    main: Mapping[str, float] = next(iter(person["emotions"].values())) if person["emotions"] else {}
    return sorted(main.items(), key=lambda pair: -pair[1])[:answers]


def mark(told: Mapping[str, Any]) -> str:
    """Which features no trained network made."""
    return f"UNTRAINED: {', '.join(told['untrained'])}"


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:]}"
