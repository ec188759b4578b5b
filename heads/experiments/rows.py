"""The rows of one table: each read when it was finished before, taken from its twin's training, or trained."""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cache.errors import AffectError, ConfigError, TooLittleData, WeightsError
from heads.experiments import ensemble_cell, finished, log
from heads.experiments.bench import Bench
from heads.experiments.cell import Cell, Result
from heads.experiments.code_version import code_version
from heads.experiments.ensemble_cell import EnsembleCell
from heads.experiments.experiment import adopt, run, run_together
from heads.experiments.failure import Failed, failed
from heads.experiments.finished import Absent, Finished
from heads.experiments.grid import groups
from heads.experiments.log import Log
from heads.experiments.place import Place
from heads.learning.epoch import Epoch
from heads.learning.train import Diverged

_LOG = logging.getLogger(__name__)

Watch = Callable[[Cell, Epoch | Result], None]
Ended = Iterator[tuple[Cell, Finished | Absent]]
TOO_LITTLE = "too little data"
DIVERGED = "loss not finite"
APART = "rows do not go together"


@dataclass(frozen=True)
class Rows:
    """folder: of the table. others: folders of the same grid's other tables, where twins may be."""

    place: Place
    bench: Bench
    folder: Path
    watch: Watch
    others: Sequence[Path] = ()
    identities: dict[str, Mapping[str, Any]] = field(default_factory=dict, init=False)

    def train(self, one: Cell) -> Finished:
        """Train a single cell, whatever is there. Raises: Diverged, Failed, TooLittleData, StoreError."""
        self.identities[one.name] = self._identity(one)
        self._forget(one)
        watch = self._watching()
        try:
            result = run(self.bench, one, range(self.place.seeds), self.folder, lambda epoch: watch(one, epoch))
        except Exception as error:
            raise _failed(one.name, error) from None
        return self._write(one, result)

    def ended(self, wanted: Sequence[Cell]) -> Ended:
        """Every cell, in any order; those that are trained, with all that can be one batched model with them."""
        todo = []
        for one in wanted:
            about = self.identities[one.name] = self._identity(one)
            if before := finished.read(self.folder, one, about):
                yield one, before
            else:
                todo.append(one)
        for group in groups(todo, self.place.seeds):
            yield from self._attempted(group)

    def together(self, one: EnsembleCell, done: Collection[str]) -> Finished | Absent:
        """An ensemble, after its rows have ``ended``. done: the names of those that are finished."""
        if lacking := [cell.name for cell in one.members if cell.name not in done]:
            reason = f"without {', '.join(lacking)}"
            return Absent(one, reason, ConfigError(f"{one.name}: {', '.join(lacking)} is not trained, see there"))
        kind = self.bench.protocol.kind
        code = code_version(one.head, kind, start="heads.experiments.ensemble")
        about = ensemble_cell.identity(one, self.identities, self.folder, code)
        if before := finished.read(self.folder, one, about):
            return before
        finished.forget(self.folder, one.name)
        try:
            row, made = ensemble_cell.score(self.place, one, self.folder)
        except ConfigError as error:
            return Absent(one, APART, error)
        except Exception as error:
            told = _failed(one.name, error)
            return Absent(one, told.reason, told)
        ended = Finished(one, row, made.scores, made.told(), made.protocol.resamples)
        finished.write(self.folder, ended, about)
        return ended

    def _identity(self, one: Cell) -> dict[str, Any]:
        return finished.identity(self.bench, one, self.place.seeds)

    def _attempted(self, group: Sequence[Cell]) -> Ended:
        """``_group``, and what becomes of the cells that cannot be trained; those that fail together are tried
        alone."""
        left = {one.name: one for one in group}
        reason: str
        told: AffectError
        try:
            for one, ended in self._group(group):
                del left[one.name]
                yield one, ended
            return
        except TooLittleData as error:
            reason, told = TOO_LITTLE, error
        except Exception as error:
            told = _failed(next(iter(left)), error)
            reason = told.reason
        for one in left.values():
            if len(group) > 1:
                yield from self._attempted([one])
            else:
                yield one, Absent(one, reason, told)

    def _group(self, group: Sequence[Cell]) -> Ended:
        """Write each cell as soon as it is done. Raises: TooLittleData."""
        seeds = range(self.place.seeds)
        alone = []
        for one in group:
            self._forget(one)
            if adopted := self._adopted(one):
                yield one, self._write(one, adopted)
            else:
                alone.append(one)
        for one, result in run_together(self.bench, alone, seeds, self.folder, self._watching()) if alone else ():
            if isinstance(result, Diverged):
                yield one, Absent(one, DIVERGED, result)
            else:
                yield one, self._write(one, result)

    def _forget(self, one: Cell) -> None:
        finished.forget(self.folder, one.name)
        log.forget(self.folder, one.name)

    def _watching(self) -> Callable[[Cell, Epoch], None]:
        """Whoever watches a training that begins now: its log too, where one is wanted."""
        if not self.place.log:
            return self.watch
        kept = Log(self.folder)

        def watch(one: Cell, epoch: Epoch) -> None:
            kept.write(one.name, epoch)
            self.watch(one, epoch)

        return watch

    def _adopted(self, one: Cell) -> Result | None:
        twin = finished.twin(self.others, one, self.identities[one.name])
        try:
            return adopt(self.bench, one, range(self.place.seeds), twin, self.folder) if twin else None
        except WeightsError as error:
            _LOG.warning("%s. Row %s is trained itself", str(error).removesuffix(". Train again"), one.name)
            return None

    def _write(self, one: Cell, result: Result) -> Finished:
        self.watch(one, result)
        done = Finished(one, result.row(), result.scores, result.metrics, result.resamples)
        finished.write(self.folder, done, self.identities[one.name])
        return done


def _failed(name: str, error: Exception) -> Failed:
    """Raises: ``error`` itself when it is another fault than ``Failed`` tells of."""
    if found := failed(name, error):
        return found
    raise error
