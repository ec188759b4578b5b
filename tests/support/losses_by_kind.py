"""The names of this project's losses, by what they are on."""

from cache import plugins
from heads.blocks import metric_learning
from heads.blocks.label_loss import LabelLoss

ON_EMBEDDINGS, ON_LABELS = (
    [name for name in plugins.names("heads.losses") if issubclass(plugins.load("heads.losses", name, "Loss"), kind)]
    for kind in (metric_learning.Loss, LabelLoss)
)
