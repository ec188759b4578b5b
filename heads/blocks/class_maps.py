"""How much each place of a network's last feature maps speaks for each class."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from heads.blocks.attention_branch import AttentionBranch

BRANCH = "attention branch"
"""What ``ClassMaps.of`` calls it."""


def class_maps(places: Tensor, answer: Callable[[Tensor], Tensor]) -> Tensor:
    """(S, B, C, h, w): each logit's gradient by what is pooled, times the places.

    places: (S, B, c, h, w), of which the head takes the mean. answer: (S, B, c), the pooled -> logits (S, B, C); no
    person's may depend on another's, as in ``eval``. Where the answer is linear, the gradient is the class's weights
    and this is the class activation map: its mean over places is what these maps add to the logit. Where it is not, it
    is the linear share about this person: Grad-CAM without its ReLU, times the number of places.

    Source: Zhou et al. 2016, Learning deep features for discriminative localization, eq. 2; Selvaraju et al. 2017,
    Grad-CAM, eq. 1 and 2.
    """
    with torch.enable_grad():
        pooled = places.mean((3, 4)).detach().requires_grad_()
        logits = answer(pooled)
        each = [torch.autograd.grad(one.sum(), pooled, retain_graph=True)[0] for one in logits.unbind(2)]
    return torch.einsum("sbkc,sbchw->sbkhw", torch.stack(each, 2), places)


def branch_maps(branch: AttentionBranch, maps: Tensor) -> Tensor:
    """(S, B, C, h, w), whose mean over places is the branch's own logits: its K class maps.

    maps: as the branch takes them. Source: Fukui et al. 2019, Attention branch network, section 3.1.
    """
    made: Tensor = branch.classifier(F.relu(branch.norm(branch.first(maps))))
    return made
