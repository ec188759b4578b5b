"""Seeds of one training in parts that fit into memory, one part after the other; seeds do not touch each other."""

import logging
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch

from heads.head import Head
from heads.inputs.samples import Samples
from heads.learning.epoch import Epoch
from heads.learning.train import Best, Validation, train
from heads.learning.training import Training

MOST_BYTES = 5 * 2**29
"""Of what training keeps of its models: weights, what the optimiser remembers of each, the best so far, and what a
step holds. A process with the inputs, a batch and an update beside these stays under 4 GB; five seeds of ``relational``
alone would not."""

_LOG = logging.getLogger(__name__)


def train_in_parts(
    build: Callable[[Sequence[int]], Head],
    samples: Samples,
    validation: Validation,
    training: Training,
    seeds: Sequence[int],
    watch: Callable[[Epoch], None],
) -> tuple[Head, Best]:
    """``train`` of all seeds: at once where they fit, and always on a GPU. Returns the head with their best weights, in
    evaluation mode. build: makes a head of seeds. Raises: Diverged."""
    each = parts(build([0]), training, seeds) if samples.device.type == "cpu" else [seeds]
    if len(each) > 1:
        _LOG.warning("seeds %s train in %d parts: all at once need more memory than is taken", [*seeds], len(each))
    bests = []
    for part in each:
        head = build(part)
        bests.append(train(head, samples, validation, training, part, watch))
    if len(each) == 1:
        return head, bests[0]
    best = joined(bests)
    del bests, head  # as large as what follows
    head = build(seeds)
    head.load_state_dict(best.state)
    return head.eval(), best


def parts(head: Head, training: Training, seeds: Sequence[int]) -> list[Sequence[int]]:
    """``seeds`` in order, cut into as few parts of about equal size as fit, of one seed at least. head: of one seed."""
    numbers = sum(parameter.numel() * parameter.element_size() for parameter in head.parameters())
    each = numbers * (2 + training.optimiser_rule().memories) + head.held(training.batch)
    count = -(-len(seeds) // max(1, MOST_BYTES // max(1, each)))
    ends = [len(seeds) * number // count for number in range(count + 1)]
    return [seeds[start:end] for start, end in pairwise(ends)]


def joined(bests: Sequence[Best]) -> Best:
    """What the parts became, seeds in order. A part whose patience was over sooner stays as in its last epoch."""
    longest = max(len(one.history) for one in bests)
    rows = [[one.history[min(number, len(one.history) - 1)] for one in bests] for number in range(longest)]
    history = [
        Epoch(
            number,
            row[0].of,
            np.concatenate([one.loss for one in row]),
            np.concatenate([one.validation for one in row]),
            np.concatenate([one.going for one in row]),
        )
        for number, row in enumerate(rows, 1)
    ]
    state = {name: torch.cat([one.state[name] for one in bests]) for name in bests[0].state}
    return Best(
        np.concatenate([one.score for one in bests]), np.concatenate([one.epoch for one in bests]), state, history
    )
