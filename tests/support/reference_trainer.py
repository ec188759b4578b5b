"""Sem-IB-DML trained as one would with plain torch and pytorch-metric-learning: one seed, one loop."""

from collections.abc import Mapping
from typing import Any

import reference_losses
import torch
from torch import Tensor, nn

from heads.learning import sampling

STREAMS = ("image/pooled", "body/pooled", "sem2vec/presence")
LAYERS = {
    "network.streams.0": "streams.0",
    "network.streams.1": "streams.1",
    "network.streams.2.first": "streams.2.0",
    "network.streams.2.second": "streams.2.3",
    "network.fusion": "fusion",
    "network.embedding": "embedding",
    "network.classifier": "classifier",
}
"""Our linear layers -> the plain network's."""


class Plain(nn.Module):
    """The network of heads/models/_affect_dml.py for one seed."""

    def __init__(self, config: Any, widths: Mapping[str, int], classes: int) -> None:
        super().__init__()
        image, body, semantic = (widths[name] for name in STREAMS)
        hidden = config.semantic_hidden
        self.streams = nn.ModuleList(
            [
                nn.Linear(image, config.stream),
                nn.Linear(body, config.stream),
                nn.Sequential(
                    nn.Linear(semantic, hidden), nn.ReLU(), nn.BatchNorm1d(hidden), nn.Linear(hidden, config.stream)
                ),
            ]
        )
        self.fusion = nn.Linear(3 * config.stream, config.fusion)
        self.embedding = nn.Linear(config.fusion, config.embedding)
        self.classifier = nn.Linear(config.embedding, classes)

    def forward(self, features: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """features: (B, d). Returns embedding (B, e) and logits (B, C)."""
        projected = [stream(features[name]) for name, stream in zip(STREAMS, self.streams, strict=True)]
        embedding = self.embedding(self.fusion(torch.cat(projected, 1)))
        return embedding, self.classifier(embedding)

    def start(self, state: Mapping[str, Tensor], seed: int) -> None:
        """From the first weights of our head, those of one seed."""
        for ours, theirs in LAYERS.items():
            layer = self.get_submodule(theirs)
            layer.weight.data = state[f"{ours}.weight"][seed].T.clone()
            layer.bias.data = state[f"{ours}.bias"][seed, 0].clone()


def trained(
    config: Any, features: Mapping[str, Tensor], labels: Tensor, state: Mapping[str, Tensor], place: int, seed: int
) -> dict[str, Tensor]:
    """All weights after the training, by our names. features: (n, d) float64. state: our first weights. place: of the
    seed in them."""
    classes = state["network.classifier.weight"].shape[2]
    model = Plain(config, {name: features[name].shape[1] for name in STREAMS}, classes).double()
    model.start(state, place)
    loss = reference_losses.loss_of(config.loss, config, classes, config.embedding)
    if "metric.loss.proxies" in state:
        reference_losses.give(config.loss, loss, state["metric.loss.proxies"][place])
    miner = reference_losses.miner_of(config.miner, config)
    optimiser = torch.optim.RMSprop([*model.parameters(), *loss.parameters()], lr=config.lr)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, config.step, config.gamma)
    draw = sampling.generator(seed)
    for _ in range(config.epochs):
        for places in sampling.epoch(labels.numpy(), config.per_class, config.batch, draw):
            embedding, logits = model({name: features[name][places] for name in STREAMS})
            pairs = miner(embedding, labels[places]) if miner else None
            metric = loss(embedding, labels[places], pairs).sum()
            total = config.metric_weight * metric
            total = total + config.class_weight * nn.functional.cross_entropy(logits, labels[places])
            optimiser.zero_grad()
            total.backward()
            optimiser.step()
        schedule.step()
    return _by_our_names(config, model, loss)


def _by_our_names(config: Any, model: Plain, loss: nn.Module) -> dict[str, Tensor]:
    found = {}
    for ours, theirs in LAYERS.items():
        layer = model.get_submodule(theirs)
        found |= {f"{ours}.weight": layer.weight.detach().T, f"{ours}.bias": layer.bias.detach()[None]}
    norm: Any = model.get_submodule("streams.2.2")
    ours = "network.streams.2.norm"
    found |= {f"{ours}.weight": norm.weight.detach(), f"{ours}.bias": norm.bias.detach()}
    found |= {f"{ours}.mean": norm.running_mean, f"{ours}.variance": norm.running_var}
    own = reference_losses.proxies_of(config.loss, loss)
    if own is not None:
        found["metric.loss.proxies"] = reference_losses.take(config.loss, own.detach())
    return found
