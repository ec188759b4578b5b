"""What stages say of a person, in a few words: whatever has the keys of ``describe`` that are told here."""

from collections.abc import Mapping, Sequence
from typing import Any

from cache.spec import Status

LEAST_JOINT = 0.3
"""Score below which a joint counts as not seen."""


def words(features: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A phrase for each feature that says something, with its name."""
    return [f"{name} {phrase}" for name, said in features.items() if (phrase := _phrase(said))]


def expression(features: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """For a label: what each feature that reads faces finds the likeliest, or that there is no face to read."""
    read = [f"face: {_likeliest(said['expressions'], 1, 0)}" for said in features.values() if "expressions" in said]
    none = Status.NO_FACE.word in (said.get("status") for said in features.values())
    return read or (["no face seen"] if none else [])


def _phrase(said: Mapping[str, Any]) -> str:
    if "status" in said:
        return f"{said['status']} ({said['reason']})"
    if "expressions" in said:
        return _likeliest(said["expressions"], 2, 1)
    if "joints" in said:
        return f"{len(_visible(said['joints']))} of {len(said['joints'])} joints"
    if "outline" in said:
        return f"on {100 * said['person']:.0f} % of its square"
    return f"{said['confidence']:.2f}" if said.get("confidence") else ""


def _visible(joints: Sequence[Sequence[float]]) -> list[Sequence[float]]:
    return [joint for joint in joints if joint[2] >= LEAST_JOINT]


def _likeliest(shares: Mapping[str, float], count: int, digits: int) -> str:
    return ", ".join(f"{name} {100 * share:.{digits}f} %" for name, share in list(shares.items())[:count])
