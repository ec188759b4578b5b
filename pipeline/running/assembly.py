"""One feature of one shard while it fills: rows by place, items waiting for a full batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from cache.errors import AffectError
from cache.feature import Feature
from cache.layout import Block
from cache.shard import Rows, Shard, write
from cache.spec import Granularity, Status
from pipeline.running.plan import FAILED
from pipeline.running.reading import Prepared
from pipeline.stage import Stage


class Assembly:
    """Takes prepared images in order, hands out full batches to be run, and writes the shard at the end.

    Batches never cross shards, so a shard's bytes do not depend on where a run began. With ``retry`` the rows that
    are there are kept and only those that failed are done again. submit: takes a batch's work; batches may run at the
    same time, since each fills rows of its own.
    """

    def __init__(
        self,
        feature: Feature,
        stage: Stage[Any],
        block: Block,
        submit: Callable[[Callable[[], None]], None],
        retry: bool,
    ) -> None:
        self.feature, self.stage, self.block, self.submit = feature, stage, block, submit
        self.by_image = feature.granularity is Granularity.IMAGE
        self.keys = feature.layout.keys(block, feature.granularity)
        self.queue: list[tuple[Any, list[int]]] = []
        if retry:
            shard = Shard(feature.path(block))  # not the feature's own, which would stay open beyond the commit
            self.arrays = {name: shard.array(name).copy() for name in feature.arrays}
            self.status, self.messages = shard.status.copy(), list(shard.messages)
        else:
            self.arrays = {name: spec.empty(len(self.keys)) for name, spec in feature.arrays.items()}
            self.status = np.full(len(self.keys), Status.FAILED, dtype=np.uint8)
            self.messages = ["not extracted"] * len(self.keys)
        self.todo = np.isin(self.status, FAILED)

    def span(self, index: int) -> slice:
        """Rows of image ``index``."""
        return (self.block.image_spans if self.by_image else self.block.spans)[index]

    def wants(self, index: int) -> bool:
        """Whether image ``index`` has a row to do."""
        return bool(self.todo[self.span(index)].any())

    def take(self, index: int, prepared: Prepared) -> None:
        """The next image's items, or the reason why it has none."""
        if self.wants(index):
            self._take(index, prepared)

    def _take(self, index: int, prepared: Prepared) -> None:
        span, name = self.span(index), self.feature.name
        rows = list(range(span.start, span.stop))
        if prepared.status is not Status.OK:
            return self._fail(rows, prepared.status, prepared.message)
        if not self.by_image:
            for person, (status, reason) in prepared.unusable.items():
                self._fail([rows[person]], status, reason)
            rows = [row for person, row in enumerate(rows) if person not in prepared.unusable]
        if name in prepared.faults:
            return self._fail(rows, Status.FAILED, prepared.faults[name])
        if rows:
            groups = [rows] if self.stage.unit is Granularity.IMAGE else [[row] for row in rows]
            self.queue.extend(zip(prepared.items[name], groups, strict=True))
        self._submit_full()
        return None

    def inherit(self, shard: Shard) -> list[int]:
        """The rows to make of the source feature's shard; those not OK there pass on their status and message."""
        wanted = np.flatnonzero(self.todo).tolist()
        status, messages = shard.status, shard.messages
        for row in wanted:
            if status[row] != Status.OK:
                self._fail([row], Status(status[row]), messages[row])
        return [row for row in wanted if status[row] == Status.OK]

    def derive(self, shard: Shard) -> None:
        """What the source feature's shard holds, row by row."""
        arrays = {name: shard.array(name) for name in self.stage.reads}
        for row in self.inherit(shard):
            try:
                item = self.stage.derive({name: array[row] for name, array in arrays.items()})
            except Exception as error:  # this row's fault, not the run's
                self._fail([row], Status.FAILED, f"{type(error).__name__}: {error}")
                continue
            self.queue.append((item, [row]))
            self._submit_full()

    def look(self, rows: list[int], prepared: Prepared) -> None:
        """The next image's items of ``rows``, made of the source's rows and the image, or the reason for none."""
        if prepared.status is not Status.OK:
            return self._fail(rows, prepared.status, prepared.message)
        if fault := prepared.faults.get(self.feature.name):
            return self._fail(rows, Status.FAILED, fault)
        self.queue.extend(zip(prepared.items[self.feature.name], ([row] for row in rows), strict=True))
        return self._submit_full()

    def flush(self) -> None:
        """Hand out what is left in the queue."""
        while self.queue:
            self._submit()

    def commit(self) -> frozenset[str]:
        """Write the shard; returns the paths of the images that have a failed row."""
        rows = Rows(self.keys, self.status, self.messages, self.arrays)
        source = self.feature.source(self.block)  # of a derived feature, that of the rows just taken
        write(self.feature.path(self.block), self.feature.fingerprint, source, self.feature.arrays, rows)
        failed = np.isin(self.status, FAILED)
        return frozenset(path for index, path in enumerate(self.block.images) if failed[self.span(index)].any())

    def _submit_full(self) -> None:
        while len(self.queue) >= self.stage.batch_size:
            self._submit()

    def _submit(self) -> None:
        batch, self.queue = self.queue[: self.stage.batch_size], self.queue[self.stage.batch_size :]
        self.submit(partial(self._run, batch))

    def _run(self, batch: Sequence[tuple[Any, list[int]]]) -> None:
        try:
            self._extract(batch)
        except AffectError:
            raise
        except Exception:  # one item may have spoiled the batch: find out which
            for one in batch:
                self._alone(one)

    def _alone(self, one: tuple[Any, list[int]]) -> None:
        try:
            self._extract([one])
        except AffectError:
            raise
        except Exception as error:
            self._fail(one[1], Status.FAILED, f"{type(error).__name__}: {error}")

    def _extract(self, batch: Sequence[tuple[Any, list[int]]]) -> None:
        rows = [row for _, group in batch for row in group]
        found = self.stage.extract([item for item, _ in batch])
        wanted = self.todo[rows]
        for name, spec in self.feature.arrays.items():
            spec.validate(name, found.arrays[name], len(rows))
            self.arrays[name][np.array(rows)[wanted]] = found.arrays[name][wanted]
        self.status[np.array(rows)[wanted]] = found.status[wanted]
        for row, message in zip(rows, found.messages, strict=True):
            if self.todo[row]:
                self.messages[row] = message

    def _fail(self, rows: list[int], status: Status, message: str) -> None:
        for row in (row for row in rows if self.todo[row]):
            self.status[row], self.messages[row] = status, message
            for name, spec in self.feature.arrays.items():
                self.arrays[name][row] = spec.missing
