"""What only appearance tells and what only the order of frames tells, each learned by the heads that can see it."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cache import plugins
from heads.head import DIMENSIONS, FLAGS, SCORES
from heads.inputs.samples import Samples, outputs
from heads.learning.train import Course
from heads.learning.training import recipe
from heads.protocols.one_shot import Protocol

TRAIN, TEST, FRAMES, WIDTH = 160, 120, 6, 6
SIZES = {FLAGS: 1, DIMENSIONS: 1, SCORES: 1}
SEEDS = (0, 1)
QUICK: dict[str, Any] = {"per_class": 0, "batch": 32, "optimiser": "adam", "lr": 1e-2, "epochs": 8}


def world(what: str, seed: int = 0) -> tuple[dict[str, Tensor], Tensor]:
    """People of whom half are in the class. appearance: those have another mean in every frame. motion: a hand goes to
    the right in those and to the left in the others, through the same places; frames show where it is too."""
    draw = np.random.default_rng(seed)
    flags = np.arange(TRAIN + TEST) % 2
    seen = draw.normal(size=(len(flags), FRAMES, WIDTH))
    start = draw.uniform(0.2, 0.4, len(flags))[:, None]
    hand = start + 0.3 * np.linspace(0, 1, FRAMES)
    order = flags if what == "motion" else draw.integers(0, 2, len(flags))
    hand = np.where(order[:, None] == 1, hand, hand[:, ::-1])
    if what == "appearance":
        seen[:, :, 0] += 1.0 * (2 * flags[:, None] - 1)
    seen[:, :, 1] = 4 * hand + 0.1 * draw.normal(size=hand.shape)
    joints = np.full((len(flags), FRAMES, 18, 3), 0.5) + 0.01 * draw.normal(size=(len(flags), FRAMES, 18, 3))
    joints[:, :, 4, 0], joints[..., 2] = hand, 1
    laban = np.concatenate([hand[..., None], draw.normal(size=(*hand.shape, 3))], 2)
    every = {
        "body/pooled": seen,
        "body/present": np.ones(hand.shape),
        "joints/normalised": joints,
        "lma/frames": laban,
        "lma/seen": np.ones(laban.shape),
        "lma/statistics": np.concatenate([laban.mean(1), laban.std(1), laban.min(1), laban.max(1)], 1),
    }
    return {name: torch.tensor(x, dtype=torch.float32) for name, x in every.items()}, torch.tensor(flags)


def right(head: str, what: str, **values: Any) -> float:
    """Share of the test people, the lower of two seeds."""
    features, flags = world(what)
    model = plugins.load("heads.models", head, "Model")
    settings: Any = recipe(model, Protocol, QUICK | values, "test")
    arrays = model.arrays_of(settings)
    widths = {
        name: tuple(features[name].shape[1:]) if name in arrays else features[name].shape[1]
        for name in model.inputs_of(settings)
    }
    trained = model(settings, widths, SIZES, SEEDS)
    told = flags.float()[:, None]
    known = {name: features[name] for name in widths}
    targets = {FLAGS: told, SCORES: 0.2 + 0.6 * told, DIMENSIONS: told}
    place, cpu = torch.arange(TRAIN), torch.device("cpu")
    samples = Samples.of(
        {name: x[place] for name, x in known.items()},
        np.arange(TRAIN),
        {kind: x[place].numpy() for kind, x in targets.items()},
        cpu,
    )
    if trained.parameter_count():
        course = Course.start(trained, samples, settings, SEEDS)
        for _ in range(settings.epochs):
            course.descend()
    else:
        trained.fit(samples.features, samples.targets)
    test = Samples.of({name: x[TRAIN:] for name, x in known.items()}, np.arange(TEST), {}, cpu)
    said = outputs(trained, test, len(SEEDS), ["logits"]).logits
    assert said is not None
    return float(((said[..., 0] > 0) == (flags[TRAIN:] == 1)).float().mean(1).min())


TSN = {"streams": "B", "k_val": 6}
GRAPH = {"units": "8,8", "dropout": 0.0, "moving": False}
LSTM = {"form": "lstm", "hidden_units": 8, "epochs": 16, "lr": 2e-2}
FOREST = {"form": "forest", "trees": 30, "depth": 5}


def test_appearance_is_learned_by_the_head_that_sees_it_and_by_no_other() -> None:
    assert right("tsn_rgb", "appearance", **TSN) > 0.85
    assert right("st_gcn", "appearance", **GRAPH) < 0.65


@pytest.mark.parametrize("consensus", ["average", "attention"])
def test_the_order_of_frames_is_nothing_to_a_consensus_over_them(consensus: str) -> None:
    assert right("tsn_rgb", "motion", **TSN, consensus=consensus, stream=8) < 0.65


def test_the_order_of_frames_is_learned_by_heads_that_read_them_in_order() -> None:
    assert right("st_gcn", "motion", **GRAPH) > 0.85
    assert right("lma", "motion", **LSTM) > 0.85
    assert right("lma", "motion", **FOREST) < 0.65
