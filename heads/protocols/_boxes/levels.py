"""What is scored without having seen anybody: chance, measured by the same metrics on the same people."""

import numpy as np
import torch
from scipy.special import logit

from heads.head import BOXES, Output
from heads.protocols._boxes import people
from heads.protocols._boxes.trial import PeopleTrial
from heads.task import Task
from heads.trial import Level

SEED, DRAWS = 3, 20


def levels(task: Task, test: PeopleTrial) -> list[Level]:
    """Each class as often as among training people, whoever it is; and classes by chance. People are found where the
    mean box of training is, one in each image: whose classes count on the field is settled by it."""
    flags = people.flags_of(task, task.train)[people.there(task, task.train)]
    shares = np.clip(flags.mean(0), 1e-6, 1 - 1e-6)
    known = np.log(shares) if test.one_class else logit(shares)
    drawn = np.random.default_rng([SEED, DRAWS]).normal(size=(DRAWS, *test.flags.shape))
    every = {
        ("label_frequency", "label frequency, mean box"): np.broadcast_to(known, (1, *test.flags.shape)),
        ("chance", "chance, mean box"): drawn,
    }
    box = np.nanmean(np.asarray(task.targets[BOXES], np.float64)[task.train], (0, 1))
    return [Level(name, title, test.points(_output(logits, box))) for (name, title), logits in every.items()]


def _output(logits: np.ndarray, box: np.ndarray) -> Output:
    """logits: (S, m, K, C), of which the first person's are the mean box's, (4,), too."""
    first = logits[:, :, :1]
    where = np.broadcast_to(np.append(box, 1.0), (*first.shape[:3], 5))
    return Output(people=torch.as_tensor(logits.copy()), found=torch.as_tensor(np.concatenate([where, first], 3)))
