"""Published tables that break a score down by class or dimension, a column for each method."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from cache import plugins
from cache.config import Settings
from heads.documents import method
from heads.experiments.joined import How

Printed = float | Literal["-"]
"""A number as printed; ``-`` where none is, or where the paper's text is damaged."""


class Made(NamedTuple):
    """What a row of ours is. members: the head and all its settings; of an ensemble, of each of its rows."""

    members: Sequence[tuple[str, Mapping[str, Any]]]
    how: How = "average"
    votes: Sequence[float] = (1.0,)


class PaperRow(Settings):
    """A method of a paper. head, settings: what it is here, the settings where they are not the head's own; without a
    head it is nothing of ours. also: changes of these settings that are the method too, such as a trained last block in
    place of a frozen one. of: the methods that it is an ensemble of; how, votes: as of ours, no votes: all the same.
    release: of its people, where it is not the table's."""

    name: str
    head: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    also: tuple[dict[str, Any], ...] = ()
    of: tuple["PaperRow", ...] = ()
    how: How = "average"
    votes: tuple[float, ...] = ()
    release: str | None = None


class Breakdown(Settings):
    """One metric of a published table. dataset, release, split, protocol: what the numbers were measured on. rows: its
    methods. mean: over all classes or dimensions; classes: of each by its name; a number for each of ``rows``. scale:
    what a fraction was multiplied by to be printed. remark: why they are not like for like with ours.
    """

    source: str
    dataset: str
    release: str
    split: str
    protocol: str
    metric: str
    remark: str
    rows: tuple[PaperRow, ...]
    mean: tuple[Printed, ...]
    classes: dict[str, tuple[Printed, ...]] = Field(default_factory=dict)
    scale: float = Field(100.0, gt=0)

    @model_validator(mode="after")
    def _a_number_for_each_row(self) -> Self:
        for name, values in {"mean": self.mean, **self.classes}.items():
            if len(values) != len(self.rows):
                raise ValueError(f"{self.source}: {name} has {len(values)} numbers, there are {len(self.rows)} rows")
        return self

    def place(self, made: Made) -> int | None:
        """Which of ``rows`` a row of ours is."""
        return next((place for place, row in enumerate(self.rows) if _is(row, made, self.protocol)), None)

    def by_class(self, place: int) -> dict[str, float]:
        """Class or dimension -> the fraction of that row, of those that are printed."""
        found = {name: self.fraction(values[place]) for name, values in self.classes.items()}
        return {name: value for name, value in found.items() if value is not None}

    def fraction(self, printed: Printed) -> float | None:
        """As ours are, None where nothing is printed."""
        return None if isinstance(printed, str) else round(printed / self.scale, 8)


def _is(row: PaperRow, made: Made, protocol: str) -> bool:
    if not row.of:
        return len(made.members) == 1 and _is_head(row, *made.members[0], protocol)
    if len(made.members) != len(row.of) or made.how != row.how or not _as_votes(made, row):
        return False
    return all(_is_head(one, *mine, protocol) for one, mine in zip(row.of, made.members, strict=True))


def _as_votes(made: Made, row: PaperRow) -> bool:
    """Whether they count alike; a maximum has no votes."""
    wanted = row.votes or (1.0,) * len(row.of)
    ours, theirs = ([one / sum(votes) for one in votes] for votes in (made.votes, wanted))
    return made.how == "maximum" or ours == theirs


def _is_head(row: PaperRow, head: str, settings: Mapping[str, Any], protocol: str) -> bool:
    shipped = row.head == head and head in plugins.shipped("heads.models")
    forms = ({}, *row.also)
    return shipped and any(method.same(settings, head, protocol, {**row.settings, **one}) for one in forms)


def numbers(breakdowns: Sequence[Breakdown], dataset: str, protocol: str, made: Made) -> dict[str, Any] | None:
    """What is published of one row: ``{metric: fraction, "classes": {metric: {class or dimension: fraction}}}``, where
    it stands and what it was measured on; of a metric that several tables print, the first one's. None where nothing
    is."""
    means: dict[str, float] = {}
    classes: dict[str, dict[str, float]] = {}
    used: dict[str, tuple[Breakdown, PaperRow]] = {}
    for one, place in _found(breakdowns, dataset, protocol, made):
        mean, by_class = one.fraction(one.mean[place]), one.by_class(place)
        new = {one.metric: mean} if mean is not None and one.metric not in means else {}
        more = {one.metric: by_class} if by_class and one.metric not in classes else {}
        if new or more:
            used[one.source] = (one, one.rows[place])
        means, classes = means | new, classes | more
    if not used:
        return None
    told = {
        "source": list(used),
        "dataset": [one.dataset for one, _ in used.values()],
        "release": [row.release or one.release for one, row in used.values()],
        "split": [one.split for one, _ in used.values()],
        "remark": [one.remark for one, _ in used.values()],
    }
    return {**means, "classes": classes, **{key: "; ".join(dict.fromkeys(those)) for key, those in told.items()}}


def _found(breakdowns: Sequence[Breakdown], dataset: str, protocol: str, made: Made) -> Iterator[tuple[Breakdown, int]]:
    for one in breakdowns:
        if (one.dataset, one.protocol) == (dataset, protocol):
            place = one.place(made)
            if place is not None:
                yield one, place
