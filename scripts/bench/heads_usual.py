"""The loops that one would write without this project, on the same cells."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor, nn

from heads.head import CLASS
from heads.inputs.samples import Samples
from heads.learning import sampling
from scripts.bench.heads_runs import CLASSES, STEPS, WIDTHS, Run, labels_of

WORKERS = 2


class Trunk(nn.Module):
    """The network of ``sem_ib_dml`` for one seed up to the embedding. Source: as heads/affect_dml.py."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.body = nn.Linear(512, 512), nn.Linear(512, 512)
        self.semantic = nn.Sequential(nn.Linear(150, 256), nn.ReLU(), nn.BatchNorm1d(256), nn.Linear(256, 512))
        self.fusion = nn.Sequential(nn.Linear(3 * 512, 512), nn.Linear(512, 128))

    def forward(self, joined: Tensor) -> Tensor:
        """joined: (B, 512 + 512 + 150). Returns (B, 128)."""
        image, body, presence = torch.split(joined, list(WIDTHS.values()), 1)
        embedding: Tensor = self.fusion(torch.cat([self.image(image), self.body(body), self.semantic(presence)], 1))
        return embedding


def memory_run(data: Samples, seed: int) -> Run:
    """STEPS training steps of one seed on tensors in memory, with the reference's miner and loss."""
    from pytorch_metric_learning.losses import TripletMarginLoss
    from pytorch_metric_learning.miners import MultiSimilarityMiner

    torch.manual_seed(seed)
    trunk, classifier = Trunk().train(), nn.Linear(128, CLASSES)
    miner, triplet = MultiSimilarityMiner(epsilon=0.1), TripletMarginLoss(margin=0.2)
    optimiser = torch.optim.RMSprop([*trunk.parameters(), *classifier.parameters()], lr=3.5e-4)
    order = itertools.cycle(torch.as_tensor(sampling.epoch(labels_of(data), 4, 32, sampling.generator(seed))))
    joined = torch.cat([data.features[name] for name in WIDTHS], 1)

    def run() -> None:
        for places in itertools.islice(order, STEPS):
            labels = data.targets[CLASS][places]
            embedding = trunk(joined[places])
            metric = triplet(embedding, labels, miner(embedding, labels))
            optimiser.zero_grad()
            (0.5 * metric + 0.5 * nn.functional.cross_entropy(classifier(embedding), labels)).backward()
            optimiser.step()

    return run


class People(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """One person a time out of an HDF5 file, which each worker opens for itself."""

    def __init__(self, path: Path, labels: list[int]) -> None:
        self.path, self.labels = path, labels
        self.file: h5py.File | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        self.file = self.file or h5py.File(self.path, "r")
        parts = [self.file[name.replace("/", "_")][place] for name in WIDTHS]
        return torch.from_numpy(np.concatenate(parts)), self.labels[place]


def write(path: Path, data: Samples) -> None:
    """The features as plain HDF5 datasets."""
    with h5py.File(path, "w") as file:
        for name in WIDTHS:
            file.create_dataset(name.replace("/", "_"), data=data.features[name].numpy())


@contextmanager
def trainer_run(path: Path, data: Samples) -> Iterator[Run]:
    """STEPS steps of pytorch-metric-learning's own trainer, fed by a DataLoader with workers. They load ahead while
    others are timed, which is in this loop's favour."""
    os.environ["TQDM_DISABLE"] = "1"
    from pytorch_metric_learning.losses import TripletMarginLoss
    from pytorch_metric_learning.miners import MultiSimilarityMiner
    from pytorch_metric_learning.samplers import MPerClassSampler
    from pytorch_metric_learning.trainers import TrainWithClassifier

    labels = labels_of(data).tolist()
    models = {"trunk": Trunk(), "classifier": nn.Linear(128, CLASSES)}
    trainer: Any = TrainWithClassifier(
        models={**models, "embedder": nn.Identity()},
        optimizers={
            f"{name}_optimizer": torch.optim.RMSprop(part.parameters(), lr=3.5e-4) for name, part in models.items()
        },
        batch_size=32,
        loss_funcs={"metric_loss": TripletMarginLoss(margin=0.2), "classifier_loss": nn.CrossEntropyLoss()},
        loss_weights={"metric_loss": 0.5, "classifier_loss": 0.5},
        mining_funcs={"tuple_miner": MultiSimilarityMiner(epsilon=0.1)},
        dataset=People(path, labels),
        sampler=MPerClassSampler(labels, m=4, length_before_new_iter=len(labels)),
        dataloader_num_workers=WORKERS,
        data_device=torch.device("cpu"),
    )
    trainer.initialize_dataloader()
    trainer.set_to_train()

    def run() -> None:
        for _ in range(STEPS):
            trainer.forward_and_backward()

    yield run
    trainer.dataloader_iter = None
