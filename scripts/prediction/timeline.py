"""What is told of a clip: the JSON over time, each person's summary, the lines on the terminal."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from scripts.prediction import document, seen
from scripts.prediction.bodies import GUESS
from scripts.prediction.cast import Cast
from scripts.prediction.clip import Clip

TOLD = 3
"""Of a person's answers, the strongest in the mean, that are told on the terminal."""
Moment = Mapping[str, Any]
"""What is seen of one person at one time, ready for JSON: a sighting, or a window over several frames. ``look``: its
number among the looked at frames, or the windows."""


def shares(moment: Moment) -> dict[str, float]:
    """The main answer of the head at one moment; without a head, what a network reads in the face; {} for neither."""
    if moment["emotions"]:
        return dict(next(iter(moment["emotions"].values())))
    if document.unanswered(moment):
        return {}
    read = [said["expressions"] for said in moment["features"].values() if "expressions" in said]
    return dict(read[0]) if read else {}


def moments(person: Mapping[str, Any]) -> Sequence[Moment]:
    """What a person's answers over time are taken from: windows where the head takes clips, else sightings."""
    found: Sequence[Moment] = person["windows"] if "windows" in person else person["sightings"]
    return found


def stretches(told: Sequence[Moment]) -> list[tuple[int, int]]:
    """First and end of moments that follow one another, without a look in between at which there was none."""
    if not told:
        return []
    ends = np.flatnonzero(np.diff([one["look"] for one in told]) > 1) + 1
    marks = [0, *ends.tolist(), len(told)]
    return list(pairwise(marks))


def summary(told: Sequence[Moment]) -> dict[str, Any]:
    """mean: of each answer over the moments that have one, the greatest first. strongest: of each, when it is greatest.
    named: of how many moments the head says that a name is there, where it says so. answered: how many moments."""
    known = [(one["time"], values) for one in told if (values := shares(one))]
    if not known:
        return {"answered": 0, "mean": {}, "strongest": {}}
    names = list(known[0][1])
    table = np.array([[values[name] for name in names] for _, values in known])
    order = np.argsort(-table.mean(0), kind="stable")
    peaks = table.argmax(0)
    said = [name for one in told for name in one.get("named") or ()]
    named = {"named": {name: said.count(name) for name in dict.fromkeys(said)}}
    return {
        "answered": len(known),
        "mean": {names[at]: round(float(table[:, at].mean()), 6) for at in order},
        "strongest": {names[at]: {"share": float(table[peaks[at], at]), "time": known[peaks[at]][0]} for at in order},
        **(named if any(one.get("named") is not None for one in told) else {}),
    }


def timeline(
    clip: Clip,
    cast: Cast,
    persons: Sequence[dict[str, Any]],
    scenes: Sequence[dict[str, Any]],
    about: Mapping[str, Any],
    untrained: Sequence[str],
    left_out: Sequence[str],
    drawn: bool,
) -> dict[str, Any]:
    """The JSON of one clip. persons: each with ``number``, ``sightings`` and maybe ``windows``. scenes: what features
    of whole frames say, of each looked at frame that there was. about, untrained, left_out, drawn: as of
    ``document.document``."""
    return {
        "video": str(clip.path),
        "size": list(clip.info.size),
        "frames": clip.info.frames,
        "rate": round(clip.info.rate, 4),
        "seconds": round(clip.seconds, 3),
        "looked_at": list(clip.chosen[: len(scenes)]),
        "people": cast.how,
        "head": {name: about[name] for name in document.HEAD} if about else None,
        "untrained": list(untrained),
        "notes": notes(clip, cast, persons, about, drawn, len(scenes)),
        "persons": [_person(one) for one in persons],
        "scenes": [one for one in scenes if one["features"]],
        "left_out": list(left_out),
    }


def _person(one: Mapping[str, Any]) -> dict[str, Any]:
    looks = one["sightings"]
    span = {"first": looks[0]["time"], "last": looks[-1]["time"], "looks": len(looks)}
    return {"number": one["number"], **span, "summary": summary(moments(one)), **one}


def notes(
    clip: Clip, cast: Cast, persons: Sequence[Mapping[str, Any]], about: Mapping[str, Any], drawn: bool, looked_at: int
) -> list[str]:
    """Sentences that belong to every form of what is told. looked_at: how many of the chosen frames there were."""
    sentences = [document.on_drawings(about)] if drawn else []
    if clip.info.declared > clip.info.frames:
        sentences.append(f"the file ends early: it tells of {clip.info.declared} frames and has {clip.info.frames}")
    if looked_at < len(clip.chosen):
        lost = clip.chosen[looked_at]
        sentences.append(f"the video ends early: frame {lost} of {len(clip.times)} and those after it are not there")
    looks = [one for person in persons for one in person["sightings"]]
    if cast.how.get("boxes") == "from faces" and looks:
        sentences.append(f"people were found by their faces: {document.GUESSED}")
    if guessed := sum(one["found"].get("by") == GUESS for one in looks):
        sentences.append(f"of {guessed} of {len(looks)} looks at people only faces were found: {document.GUESSED}")
    if clamped := cast.how.get("clamped"):
        sentences.append(document.cut(clamped))
    return sentences


def lines(path: Path, told: Mapping[str, Any]) -> list[str]:
    """For the terminal; people have the numbers of the JSON and the pictures."""
    number = len(told["persons"])
    marked = f" ({document.mark(told)})" if told["untrained"] else ""
    return [
        f"{path}: {'1 person' if number == 1 else f'{number} people'} in {told['seconds']:.1f} s{marked}",
        *(f"  note: {note}" for note in told["notes"]),
        *(f"  {_line(person)}" for person in told["persons"]),
    ]


def silent(person: Mapping[str, Any]) -> str:
    """Why there is no answer about somebody at any moment."""
    told = moments(person)
    reasons = [f"no prediction: {one['reason']}" for one in told if document.unanswered(one)]
    return next(iter([*reasons, *(text for one in told for text in seen.expression(one["features"]))]), "no answer")


def _line(person: Mapping[str, Any]) -> str:
    looks = "seen once" if person["looks"] == 1 else f"seen {person['looks']} times"
    best = list(person["summary"]["mean"].items())[:TOLD]
    said = ", ".join(f"{name} {100 * share:.0f} %" for name, share in best) or silent(person)
    return f"{person['number']}: {person['first']:.1f} to {person['last']:.1f} s, {looks}: {said}"
