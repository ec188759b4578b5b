"""One feature of one shard that is made of another feature's rows and of the photographs they came from."""

from typing import Any

from cache.shard import Shard
from pipeline.running.assembly import Assembly
from pipeline.running.reading import Row
from pipeline.stage import Stage


class Seeing:
    """A feature made of photographs and of ``shard``, its source's."""

    def __init__(self, assembly: Assembly, shard: Shard) -> None:
        self.assembly = assembly
        self._rows = set(assembly.inherit(shard))
        self._arrays = {name: shard.array(name) for name in assembly.stage.reads}

    def of(self, index: int) -> list[int]:
        """The rows to make of image ``index``."""
        span = self.assembly.span(index)
        return [row for row in range(span.start, span.stop) if row in self._rows]

    def seen(self, index: int) -> tuple[Stage[Any], list[Row]]:
        """For ``reading.look``: the stage, and what it reads of those rows."""
        rows: list[Row] = [{name: array[row] for name, array in self._arrays.items()} for row in self.of(index)]
        return self.assembly.stage, rows
