"""An ensemble as a row of a table: of which rows it is made, and what comes of it once these are finished."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, model_validator

from cache.config import Settings
from cache.errors import ConfigError, unknown
from cache.fingerprint import digest_files, fingerprint
from heads.checkpoints.checkpoint import ENSEMBLE
from heads.experiments import ensemble
from heads.experiments.cell import Cell, classes_of, summaries_of
from heads.experiments.joined import How
from heads.experiments.place import Place
from heads.experiments.runs import folder_name
from heads.learning.training import Recipe


class Joining(Settings):
    """One of a grid's ``[[ensembles]]``. name: its row is called ``ensemble-<name>``. rows: names of rows of the grid.
    how: of shares and dimensions, the ``average`` or the ``maximum``. votes: how much each row counts in the average;
    none: all the same."""

    name: str
    rows: tuple[str, ...] = Field(min_length=2)
    how: How = "average"
    votes: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _each_row_once_with_a_vote(self) -> "Joining":
        if len(set(self.rows)) < len(self.rows):
            raise ValueError(f"ensemble {self.name}: rows {', '.join(self.rows)}: each once")
        if self.votes and self.how == "maximum":
            raise ValueError(f"ensemble {self.name}: a maximum has no votes. Leave votes out, or take how = average")
        if self.votes and (len(self.votes) != len(self.rows) or not all(0 < one < float("inf") for one in self.votes)):
            raise ValueError(f"ensemble {self.name}: votes: a number above 0 for each of the {len(self.rows)} rows")
        return self

    @property
    def row(self) -> str:
        """Its row's name."""
        return f"{ENSEMBLE}-{self.name}"


@dataclass(frozen=True)
class EnsembleCell:
    """members: cells of the same table. votes: one for each of them."""

    name: str
    members: tuple[Cell, ...]
    how: How
    votes: tuple[float, ...]
    head: ClassVar[str] = ENSEMBLE

    @property
    def recipe(self) -> Recipe:
        """By which it is judged: that of the first member."""
        return self.members[0].recipe

    @property
    def settings(self) -> dict[str, Any]:
        """What it is, ready for JSON."""
        votes = list(self.votes) if self.how == "average" else []
        return {"rows": [one.name for one in self.members], "how": self.how, "votes": votes}

    @property
    def inputs(self) -> tuple[str, ...]:
        """What its members read."""
        return tuple(dict.fromkeys(name for one in self.members for name in one.inputs))

    def by_name(self) -> dict[str, float]:
        """Member -> votes."""
        return {one.name: vote for one, vote in zip(self.members, self.votes, strict=True)}


def cells_of(tables: Sequence[Joining], known: Sequence[Cell]) -> list[EnsembleCell]:
    """known: the cells of a grid under one protocol. Raises: ConfigError for a row that is not among them, and for two
    rows of one name, or one that cannot be a file's."""
    by_name, found = {one.name: one for one in known}, []
    for one in tables:
        folder_name(one.row)
        for row in one.rows:
            if row not in by_name:
                raise unknown(f"row for ensemble {one.name} in the grid:", row, list(by_name))
        members = tuple(by_name[row] for row in one.rows)
        found.append(EnsembleCell(one.row, members, one.how, one.votes or (1.0,) * len(members)))
    names = [*by_name, *(one.name for one in found)]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"grid: two rows are called {twice}; give each ensemble another name = ")
    return found


def identity(cell: EnsembleCell, members: Mapping[str, Mapping[str, Any]], folder: Path, code: str) -> dict[str, Any]:
    """All that its numbers depend on, ready for JSON. members: identity of each. code: that they are joined by."""
    first = members[cell.members[0].name]
    words = ("dataset", "source", "kind", "protocol", "task", "seeds")
    files = {one.name: digest_files([folder / f"{one.name}.safetensors"]) for one in cell.members}
    made_of = {one.name: fingerprint(members[one.name]) for one in cell.members}
    return {
        **{word: first[word] for word in words},
        "settings": cell.settings,
        "members": made_of,
        "files": files,
        "code": code,
    }


def score(place: Place, cell: EnsembleCell, folder: Path) -> tuple[dict[str, Any], ensemble.Ensemble]:
    """Its row of results.json, without ``paper`` and ``features``, and what that is made of; writes its checkpoint
    into ``folder``, where its members' are. Raises: ConfigError when the rows do not go together; StoreError."""
    paths = {one.name: folder / f"{one.name}.safetensors" for one in cell.members}
    votes = cell.by_name()
    made = ensemble.ensemble(paths, place.store, cell.how, votes, place.mapping, place.device)
    ensemble.save(folder / f"{cell.name}.safetensors", made, paths, cell.how, votes)
    kind, bounds = made.protocol.resamples, {name: one["bounds"] for name, one in made.told().items()}
    classes = classes_of(made.scores, kind, bounds)
    plugins = made.about["plugins"]
    return {
        "head": cell.head,
        "name": cell.name,
        "seeds": len(made.validation),
        "parameters": made.parameters,
        "seconds": round(made.seconds, 3),
        "training_seconds": 0.0,
        "trained_for": None,
        "metrics": summaries_of(made.scores, kind, bounds),
        **({"classes": classes} if classes else {}),
        "left_out": dict(made.lost),
        "scored_on": dict(made.scored_on),
        "untrained": list(made.about["untrained"]),
        **({"approximates": list(made.approximates)} if made.approximates else {}),
        "best_epochs": [0] * len(made.validation),
        "validation": [round(float(one), 6) for one in made.validation],
        "history": None,
        "settings": cell.settings,
        **({"plugins": plugins} if plugins else {}),
    }, made
