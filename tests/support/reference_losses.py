"""pytorch-metric-learning's losses and miners under our names, with our settings."""

from collections.abc import Mapping
from typing import Any

import torch
from pytorch_metric_learning import losses, miners
from pytorch_metric_learning.distances import LpDistance
from torch import Tensor, nn


class Exact(LpDistance):
    """Without the shortcut by products that torch takes above 25 rows: it leaves 1e-8 between equal samples, which
    decides what is chosen where all are equal."""

    def compute_mat(self, query_emb: Tensor, ref_emb: Tensor) -> Tensor:
        return torch.cdist(query_emb, ref_emb, compute_mode="donot_use_mm_for_euclid_dist")


LOSSES: Mapping[str, tuple[type[nn.Module], Mapping[str, str]]] = {
    "arcface": (losses.ArcFaceLoss, {"margin": "margin", "scale": "scale"}),
    "circle": (losses.CircleLoss, {"m": "m", "gamma": "gamma_scale"}),
    "contrastive": (losses.ContrastiveLoss, {"pos_margin": "pos_margin", "neg_margin": "neg_margin"}),
    "cosface": (losses.CosFaceLoss, {"margin": "margin", "scale": "scale"}),
    "generalized_lifted_structure": (
        losses.GeneralizedLiftedStructureLoss,
        {"pos_margin": "pos_margin", "neg_margin": "neg_margin"},
    ),
    "lifted_structure": (losses.LiftedStructureLoss, {"pos_margin": "pos_margin", "neg_margin": "neg_margin"}),
    "margin": (losses.MarginLoss, {"margin": "margin", "beta": "beta", "learn_beta": "learn_beta", "nu": "nu"}),
    "multi_similarity": (losses.MultiSimilarityLoss, {"alpha": "alpha", "beta": "beta", "base": "base"}),
    "nca": (losses.NCALoss, {"softmax_scale": "softmax_scale"}),
    "normalized_softmax": (losses.NormalizedSoftmaxLoss, {"temperature": "temperature"}),
    "ntxent": (losses.NTXentLoss, {"temperature": "temperature"}),
    "proxy_anchor": (losses.ProxyAnchorLoss, {"margin": "margin", "alpha": "alpha"}),
    "proxy_nca": (losses.ProxyNCALoss, {"softmax_scale": "softmax_scale"}),
    "soft_triple": (
        losses.SoftTripleLoss,
        {"centers_per_class": "centers_per_class", "la": "la", "gamma": "center_gamma", "margin": "margin"},
    ),
    "supcon": (losses.SupConLoss, {"temperature": "temperature"}),
    "triplet": (losses.TripletMarginLoss, {"margin": "margin"}),
}
"""Our name -> the class and its arguments -> our settings."""

MINERS: Mapping[str, tuple[type[nn.Module] | None, Mapping[str, str]]] = {
    "batch_hard": (miners.BatchHardMiner, {}),
    "multi_similarity": (miners.MultiSimilarityMiner, {"epsilon": "epsilon"}),
    "none": (None, {}),
    "pair_margin": (miners.PairMarginMiner, {"pos_margin": "farther", "neg_margin": "nearer"}),
    "triplet_margin": (miners.TripletMarginMiner, {"margin": "triplet_margin", "type_of_triplets": "triplets"}),
}

EUCLIDEAN = {
    *("contrastive", "generalized_lifted_structure", "lifted_structure", "margin", "nca", "proxy_nca", "triplet"),
    *("batch_hard", "pair_margin", "triplet_margin"),
}
SQUARED = {"nca", "proxy_nca"}
TRANSPOSED = {"arcface": "W", "cosface": "W", "normalized_softmax": "W", "soft_triple": "fc"}
"""Where the reference keeps what we call proxies, as columns."""


def _distance(name: str, exact: bool) -> dict[str, Any]:
    return {"distance": Exact(power=2 if name in SQUARED else 1)} if exact and name in EUCLIDEAN else {}


def loss_of(name: str, config: Any, classes: int, embedding: int, exact: bool = False) -> nn.Module:
    """The reference's loss with the settings of ``config``. exact: with ``Exact`` distances."""
    kind, arguments = LOSSES[name]
    values = {theirs: getattr(config, ours) for theirs, ours in arguments.items()}
    if name in {"proxy_anchor", "proxy_nca", *TRANSPOSED}:
        values |= {"num_classes": classes, "embedding_size": embedding}
    loss = kind(**values, **_distance(name, exact)).double()
    if name == "margin":  # kept as float32, 1.2 is 5e-8 off
        loss.beta.data = torch.tensor([config.beta], dtype=torch.float64)
    return loss


def miner_of(name: str, config: Any, exact: bool = False) -> nn.Module | None:
    """The reference's miner with the settings of ``config``; None for none."""
    kind, arguments = MINERS[name]
    values = {theirs: getattr(config, ours) for theirs, ours in arguments.items()}
    return kind(**values, **_distance(name, exact)) if kind else None


def proxies_of(name: str, loss: nn.Module) -> nn.Parameter | None:
    """The loss's own parameter."""
    found = getattr(loss, TRANSPOSED.get(name, "proxies"), None)
    return found if isinstance(found, nn.Parameter) else None


def give(name: str, loss: nn.Module, proxies: Tensor) -> None:
    """Start from ours, (C, e)."""
    own = proxies_of(name, loss)
    assert own is not None
    own.data = (proxies.T if name in TRANSPOSED else proxies).detach().clone()


def take(name: str, tensor: Tensor) -> Tensor:
    """Of the reference's orientation, as we keep it, (C, e)."""
    return tensor.T if name in TRANSPOSED else tensor
