"""One training step, soon from a recording: see ``Step``."""

import logging
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from heads.head import Head
from heads.inputs.samples import Batch, Samples
from heads.learning.optimiser import Found, Optimiser
from heads.learning.recording import record, recordable, same

PLAIN = 200
"""Steps before one is recorded, which takes as long as dozens of them."""

_LOG = logging.getLogger(__name__)

Terms = dict[str, Tensor]
"""By name, (S,)."""
Work = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], tuple[Tensor, Terms, Found]]


class Step:
    """``loss = step(places)``, inside ``with optimiser``.

    After ``plain`` steps of a head whose parts are ``recordable``, what it and autograd do is recorded, and run from
    the recording when that gives the same bits on another batch: losses, gradients and running statistics. terms: what
    the last loss was the sum of, without a graph.
    """

    def __init__(self, head: Head, samples: Samples, optimiser: Optimiser, plain: int = PLAIN) -> None:
        self.head, self.samples, self.optimiser, self.plain = head, samples, optimiser, plain
        self.done = 0
        self.recorded: Work | None = None
        self.terms: Terms = {}
        self._last: Batch | None = None

    def __call__(self, places: Tensor) -> Tensor:
        """One step on the samples at ``places``, (S, B). Returns the loss before it, (S,), without a graph."""
        return self.take(self.samples.batch(places))

    def take(self, batch: Batch) -> Tensor:
        """One step on a batch of the samples, as ``Samples.batch`` gives it; returns as calling it does."""
        if self.recorded:
            with torch.no_grad():
                loss, self.terms, found = self.recorded(*batch)
        elif self._last:
            loss, self.terms, found = self._record(self._last, batch)
        else:
            loss, self.terms, found = self._differentiate(*batch)
        self.done += 1
        self._last = batch if self.done == self.plain and recordable(self.head.parts()) else None
        self.optimiser.update(found)
        return loss

    def _differentiate(
        self, features: Mapping[str, Tensor], targets: Mapping[str, Tensor]
    ) -> tuple[Tensor, Terms, Found]:
        loss, terms = self.head.losses(self.head(features), targets)
        told = {name: term.detach() for name, term in terms.items()}
        return loss.detach(), told, self.optimiser.differentiate(loss.sum())

    def _record(self, example: Batch, batch: Batch) -> tuple[Tensor, Terms, Found]:
        """Record on ``example``, compare on ``batch``. Returns what ``batch`` gives."""
        before = self._buffers()
        expected = self._differentiate(*batch)
        after = self._buffers()
        try:
            self._restore(before)
            work = record(lambda features, targets: self._differentiate(features, targets), *example)
            self._restore(before)
            with torch.no_grad():
                found = work(*batch)
            if same((found, self._buffers()), (expected, after)):
                self.recorded = work
        except RuntimeError as error:
            _LOG.warning(
                "%s: its steps cannot be recorded: %s", type(self.head).__module__, " ".join(str(error).split())
            )
        self._restore(after)
        return expected

    def _buffers(self) -> dict[str, Tensor]:
        return {name: buffer.clone() for name, buffer in self.head.named_buffers()}

    def _restore(self, values: Mapping[str, Tensor]) -> None:
        for name, buffer in self.head.named_buffers():
            buffer.copy_(values[name])
