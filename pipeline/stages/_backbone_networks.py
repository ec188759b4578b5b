"""The networks of ``backbone`` without their classifiers, by library. Imported when one is built or measured."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor, nn

from cache.errors import ConfigError
from pipeline.stages import _backbone_packages as packages
from pipeline.stages._backbone_table import FACENET, TIMM, Size

if TYPE_CHECKING:
    from pipeline.weights.folder import Rename, Weights


class Family(NamedTuple):
    """Of torchvision, by path. classifier: the module that is taken off. last: the one that gives the last map."""

    classifier: str
    last: str


FAMILIES = {
    "alexnet": Family("classifier.6", "features"),
    "convnext": Family("classifier.2", "features"),
    "densenet": Family("classifier", "features"),
    "efficientnet": Family("classifier", "features"),
    "googlenet": Family("fc", "inception5b"),
    "inception_v3": Family("fc", "Mixed_7c"),
    "maxvit": Family("classifier.5", "blocks.3"),
    "mnasnet": Family("classifier", "layers"),
    "mobilenet": Family("classifier", "features"),
    "regnet": Family("fc", "trunk_output"),
    "resne": Family("fc", "layer4"),
    "shufflenet": Family("fc", "conv5"),
    "squeezenet": Family("classifier.1", "features"),
    "swin": Family("head", "permute"),
    "vgg": Family("classifier.6", "features"),
    "vit": Family("heads", "encoder"),
    "wide_resnet": Family("fc", "layer4"),
}
"""By the beginning of a model's name. Of VGG and AlexNet the second hidden layer is left (fc7), of ConvNeXt the norm of
the pooled vector, of MaxViT the hidden layer before its classifier."""
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
NO_AUXILIARY = {"init_weights": False, "aux_logits": False, "transform_input": True}
"""Of the two that have such; their weights come from TensorFlow and want the input as it was there."""


class Backbone(nn.Module):
    """A network without its classifier. Forward: (n, 3, h, w) to the pooled vector (n, d) and, with ``keep_map``, the
    last feature map (n, c, h', w'), else None. Several threads may run it at once.
    """

    def __init__(self, network: nn.Module, native: Size, size: Size, keep_map: bool) -> None:
        super().__init__()
        self.network: Any = network
        self.native, self.size, self.keep_map = native, size, keep_map
        self.caught = threading.local()

    def load(self, weights: Weights, name: str) -> None:
        """Fill with the weights ``name``, then fit to the input's size. Raises: WeightsError."""
        raise NotImplementedError

    def fit(self) -> None:
        """Take inputs of ``size`` from now on. Raises: ConfigError when the network cannot."""

    def _catch(self, _module: nn.Module, _inputs: Any, output: Tensor) -> None:
        """A forward hook: keeps what a module gives until the forward that called it ends."""
        self.caught.map = output

    def refuse(self, cause: str) -> ConfigError:
        sizes = f"size {list(self.size)}, its own is {list(self.native)}"
        return ConfigError(f"backbone: the network does not take {sizes}: {cause}")


class TorchvisionBackbone(Backbone):
    """Runs the network whole; what its last block gave is caught on the way, or with ``cut`` the module so named."""

    def __init__(self, model: str, native: Size, size: Size, keep_map: bool, cut: str = "") -> None:
        import torchvision

        settings: dict[str, Any] = {}
        if model in ("googlenet", "inception_v3"):
            settings = NO_AUXILIARY
        elif model.startswith("maxvit"):
            settings = {"input_size": size}
        elif model.startswith("vit"):
            settings = {"image_size": native[0]}
        super().__init__(torchvision.models.get_model(model, **settings), native, size, keep_map)
        self.model = model
        self.family = FAMILIES[max((name for name in FAMILIES if model.startswith(name)), key=len)]
        self.network.set_submodule(self.family.classifier, nn.Identity())
        if keep_map:
            self.network.get_submodule(cut or self.family.last).register_forward_hook(self._catch)

    def load(self, weights: Weights, name: str) -> None:
        weights.load_into(name, self.network, self._rename)
        self.fit()

    def _rename(self, key: str) -> str | None:
        """From the names that published checkpoints have; torchvision renames on loading, by the network's class."""
        if key.startswith((f"{self.family.classifier}.", *AUXILIARY)):
            return None
        if self.model.startswith("densenet"):
            return re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", key)
        if self.model.startswith("vit"):
            return key.replace("mlp.linear_1.", "mlp.0.").replace("mlp.linear_2.", "mlp.3.")
        return key

    def fit(self) -> None:
        """A ViT's position embedding is interpolated, as torchvision does it."""
        if not self.model.startswith("vit") or self.size == self.native:
            return
        from torchvision.models.vision_transformer import interpolate_embeddings

        side, patch = self.size[0], self.network.patch_size
        if self.size != (side, side) or side % patch:
            raise self.refuse(f"torchvision's ViT takes squares, by whole patches of {patch}")
        key = "encoder.pos_embedding"
        state = interpolate_embeddings(side, patch, {key: self.network.encoder.pos_embedding.detach()})
        self.network.encoder.pos_embedding = nn.Parameter(state[key], requires_grad=False)
        self.network.image_size = side

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor | None]:
        pooled = self.network(batch)
        if not self.keep_map:
            return pooled, None
        last: Tensor = self.caught.__dict__.pop("map")
        if self.model.startswith("vit"):
            grid = [side // self.network.patch_size for side in self.size]
            last = last[:, 1:].mT.reshape(len(last), -1, *grid)
        elif self.model.startswith("densenet"):
            last = last.relu()  # as before it is pooled
        return pooled, last


class TimmBackbone(Backbone):
    """Features and head as timm divides them. rename: to timm's names, for files that have other ones."""

    def __init__(self, model: str, native: Size, size: Size, keep_map: bool, rename: Rename | None = None) -> None:
        import timm

        network = timm.create_model(model.removeprefix(TIMM), pretrained=False, num_classes=0)
        super().__init__(network, native, size, keep_map)
        heads = self.network.pretrained_cfg.get("classifier") or ()
        self.rename = rename
        self.heads = tuple({f"{name.partition('.')[0]}." for name in ([heads] if isinstance(heads, str) else heads)})

    def load(self, weights: Weights, name: str) -> None:
        weights.load_into(name, self.network, self.rename, self._adapt)
        self.fit()

    def _adapt(self, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Without the classifier's; of other names, those of original and older checkpoints, by timm's own rules."""
        kept = self._without_classifier(tensors)
        rules = getattr(sys.modules[type(self.network).__module__], "checkpoint_filter_fn", None)
        if rules is None or kept.keys() == self.network.state_dict().keys():
            return kept
        try:
            return self._without_classifier(rules(dict(tensors), self.network))
        except (KeyError, AttributeError, RuntimeError):  # no checkpoint that timm knows: its own names tell more
            return kept

    def _without_classifier(self, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        wanted = self.network.state_dict()
        return {key: value for key, value in tensors.items() if key in wanted or not key.startswith(self.heads)}

    def fit(self) -> None:
        if self.size == self.native or not self.network.pretrained_cfg.get("fixed_input_size"):
            return
        if not hasattr(self.network, "set_input_size"):
            raise self.refuse("its input's size is fixed")
        try:
            self.network.set_input_size(self.size)
        except (AssertionError, ValueError, RuntimeError) as error:
            raise self.refuse(" ".join(str(error).split()) or type(error).__name__) from None

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor | None]:
        features = self.network.forward_features(batch)
        pooled = self.network.forward_head(features, pre_logits=True)
        return pooled, self._map(features) if self.keep_map else None

    def _map(self, features: Any) -> Tensor:
        """(n, c, h, w) of maps, channels first or last, or of tokens without those that stand for no patch."""
        if isinstance(features, Tensor) and features.dim() == 4:
            last = getattr(self.network, "output_fmt", "NCHW") == "NHWC"
            return features.permute(0, 3, 1, 2) if last else features
        grid = getattr(getattr(self.network, "patch_embed", None), "grid_size", None)
        if isinstance(features, Tensor) and features.dim() == 3 and grid:
            tokens = features[:, getattr(self.network, "num_prefix_tokens", 0) :]
            if tokens.shape[1] == grid[0] * grid[1]:
                return tokens.mT.reshape(len(tokens), -1, *grid)
        raise ConfigError("backbone: map = true, but the network's last features are no map")


class FacenetBackbone(Backbone):
    """The embedding of a face, of length 1."""

    def __init__(self, native: Size, size: Size, keep_map: bool) -> None:
        from facenet_pytorch import InceptionResnetV1

        super().__init__(InceptionResnetV1(), native, size, keep_map)
        if keep_map:
            self.network.block8.register_forward_hook(self._catch)

    def load(self, weights: Weights, name: str) -> None:
        weights.load_into(name, self.network, lambda key: None if key.startswith("logits.") else key)

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor | None]:
        pooled = self.network(batch)
        return pooled, self.caught.__dict__.pop("map") if self.keep_map else None


def build(model: str, native: Size, size: Size, keep_map: bool, cut: str = "") -> Backbone:
    """The network ``model`` with random weights, for inputs of ``size`` once it is loaded. cut: of torchvision's, the
    module whose output is the map."""
    if model == FACENET:
        return FacenetBackbone(native, size, keep_map)
    if model in packages.ARCHITECTURES:
        return TimmBackbone(packages.ARCHITECTURES[model], native, size, keep_map, packages.rename)
    if model.startswith(TIMM):
        return TimmBackbone(model, native, size, keep_map)
    return TorchvisionBackbone(model, native, size, keep_map, cut)
