"""The learning rate of each model on its own plateau, against torch's rule."""

import numpy as np
import pytest
import torch

from heads.learning.plateau import Plateau
from heads.learning.training import Training


@pytest.mark.parametrize("patience", [1, 3])
def test_each_model_falls_as_torchs_rule_says(patience: int) -> None:
    losses = np.random.default_rng(0).integers(0, 40, (30, 4)) / 10.0
    losses[:, 3] = np.arange(30)[::-1]  # always lower: never falls
    training = Training(lr=0.5, gamma=0.1, plateau=patience)
    ours = Plateau.start(4)
    theirs = []
    for _ in range(4):
        optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
        rule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.1, patience=patience, threshold=0, eps=0)
        theirs.append((optimiser, rule))
    for row in losses:
        ours.told(row, training)
        for loss, (_, rule) in zip(row, theirs, strict=True):
            rule.step(float(loss))
        wanted = [optimiser.param_groups[0]["lr"] for optimiser, _ in theirs]
        np.testing.assert_allclose(ours.rates(training.rate(7)).numpy(), wanted)
    assert ours.factor[3] == 1
    assert (ours.factor[:3] < 1).all()
    assert ours.only(np.array([3, 0])).factor.tolist() == ours.factor[[3, 0]].tolist()
