"""backbone: the pooled vector of a network, of the image, of each person's body, context, face or head, or of depth.

Models: every classifier of torchvision by its name, every model of timm as ``timm/<model>`` (DINOv2 is
``timm/vit_small_patch14_dinov2.lvd142m``, CLIP's image tower ``timm/vit_base_patch16_clip_quickgelu_224.openai``),
facenet-pytorch's ``inception_resnet_v1``, and ``package/efficientnet_lite0``: timm's ``tf_efficientnet_lite0`` and its
input, with weights that come by pip. The classifier is taken off; size, interpolation and normalisation are the model's
own. ``weights = "file:<name>"`` is a checkpoint of one's own, whatever its classifier. ``cut = "layer3"``, of ResNets,
keeps the map before the last block too, and beside the rows the block's own weights, so that a head can train it on.
``maps = "strides"`` keeps the maps on the way, at a quarter to a 32nd of the input: ``c4`` to ``c32``, as
``hrnet_maps`` names them. Smaller, and told as what they are: ``branches`` keeps some of them, ``largest`` no more than
so many pixels, the means of blocks of them; ``compressed`` row by row, which pays for rectified maps alone
(bench/amalgamation.json).

Inputs, all stretched to ``size`` without keeping the aspect, so that nothing at an edge is lost:
- image: the whole; one row an image.
- body: the person's box, as in Affect-DML (256 x 256). ``crop = "square"`` keeps the aspect, ``"expand"`` widens it.
- context: the whole image with the person's box blanked: in black, as in the thesis (eq. 4.4), or in the network's
  mean colour, which is about zero to it; one row a person. ``blank = "mask"`` blanks only the person's silhouette, in
  black, by the rows of the feature ``source`` ("mask"; or "pose", by BlazePose). ``blank = "face"`` blanks only the
  face's box of the feature ``source`` ("face"), in black, as in CAER-Net; a person without a face has no row, one with
  a black proxy of a face has nothing blanked.
- face: the crops of the feature ``source`` ("face"); one row a person. A person without a face has none here either.
- head: of clips whose annotation has joints, the square about those of the head; one row a person. A person of whose
  head fewer than two are seen has none.
- depth: the maps of the feature ``source`` ("depth") as grey images, the least at 0, the greatest at 255; one row an
  image.
Source: Affect-DML, section III; Context-based visual emotion recognition (thesis), 4.2.1; CAER-Net: Lee et al. 2019,
Context-aware emotion recognition networks, section 3.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field, PositiveFloat, PositiveInt, SerializerFunctionWrapHandler, model_serializer, model_validator

from cache.spec import ArraySpec, Granularity
from pipeline.decoding import images
from pipeline.stage import IMAGENET_MEAN, IMAGENET_STD, Extracted, Failed, Photo, Precise, Stage, deploy, normalise
from pipeline.stages import _backbone_lookup as lookup
from pipeline.stages import _backbone_strides as strided
from pipeline.stages import _strides as strides
from pipeline.stages import _views as views
from pipeline.stages._backbone_checks import HIDDEN, LAST, SOURCES, check
from pipeline.stages._backbone_table import FACENET, FIRST
from pipeline.stages._strides import BRANCHES, Branches, Largest
from pipeline.stages._views import BLACK, Crop, Pixels

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

BODY = (256, 256)
LATER = ("cut", "maps", "branches", "largest", "compressed")
"""Settings that came after features were stored without them."""
MARGIN = 0.2
FACE_WEIGHTS = "vggface2"


class Extractor(Stage[Pixels]):
    """One item is what is looked at, (h, w, 3) uint8 RGB; one row its pooled vector, and what else is asked for."""

    version = 2

    class Config(Precise):
        """model, weights: by default the weights of the model's name. input: see above. size: (h, w), by default the
        model's own, 256 x 256 for a body where the model takes any. source: the feature that faces, depth maps or
        masks come from. flip: ``pooled_flip`` too, of the mirrored input. map: the last feature map too. cut: see
        above. crop: of bodies; margin: by how much of itself the box is widened. blank: what is in the person's place,
        of contexts. interpolation, mean, std: by default the model's own; the last two of R, G, B in units of 0..255.
        """

        model: str = "resnet18"
        weights: str = ""
        input: Literal["image", "body", "context", "face", "head", "depth"] = "image"
        size: tuple[PositiveInt, PositiveInt] = (224, 224)
        source: str = ""
        flip: bool = False
        map: bool = False
        cut: Literal["", "layer3"] = ""
        maps: Literal["", "strides"] = ""
        branches: Branches = BRANCHES
        largest: Largest = None
        compressed: bool = False
        crop: Crop = "stretch"
        margin: float = Field(default=0.0, ge=0, le=4)
        blank: Literal["", "black", "mean", "mask", "face"] = ""
        interpolation: Literal["bilinear", "bicubic"] = "bilinear"
        mean: tuple[float, float, float] = IMAGENET_MEAN
        std: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = IMAGENET_STD

        @model_validator(mode="before")
        @classmethod
        def _resolve(cls, values: Any) -> Any:
            """Defaults that hang on other settings are written out, so that they are stored."""
            if not isinstance(values, dict) or not isinstance(values.get("model", ""), str):
                return values
            name, network = lookup.find(values.get("model", "resnet18"))
            given, blank = str(values.get("input")), str(values.get("blank"))
            return {
                "weights": FACE_WEIGHTS if name == FACENET else name,
                "size": BODY if given == "body" and network.patch == 1 and network.size == (224, 224) else network.size,
                "source": given if given in SOURCES else blank if blank in HIDDEN else "",
                "margin": MARGIN if values.get("crop") == "expand" else 0.0,
                "blank": "black" if given == "context" else "",
                "interpolation": network.interpolation,
                "mean": network.input.mean,
                "std": network.input.std,
            } | {**values, "model": name}

        @model_serializer(mode="wrap")
        def _stored(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
            """The first networks' features keep their fingerprints: what is as it always was for them is not named; nor
            is, of any network, that it is not cut and what is not kept of its maps."""
            out, fields = handler(self), type(self).model_fields
            out = {name: out[name] for name in out if name not in LATER or getattr(self, name) != fields[name].default}
            if self.model not in FIRST:
                return out
            always = ("model", "weights", "input", "size")
            return {name: out[name] for name in out if name in always or getattr(self, name) != fields[name].default}

    config: Config

    def __init__(self, config: Config) -> None:
        check(config)
        self.config = config
        _, self.known = lookup.find(config.model)
        lookup.check_size(config.model, self.known, config.size)
        self.batch_size = lookup.batch_size(self.known, config.size)
        self.block = (LAST, self._block) if config.cut else None
        if config.maps:
            _ = self.outputs  # settings that fit no map are told now

    @property
    def unit(self) -> Granularity:  # type: ignore[override]
        return Granularity.IMAGE if self.config.input in ("image", "depth") else Granularity.PERSON

    @property
    def granularity(self) -> Granularity:  # type: ignore[override]
        return self.unit

    @property
    def source(self) -> str:
        return self.config.source

    @property
    def reads(self) -> tuple[str, ...]:
        if self.sees:
            return HIDDEN[self.config.blank]
        return (SOURCES[self.config.input],) if self.config.source else ()

    @property
    def sees(self) -> bool:
        return self.config.blank in HIDDEN

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        pooled = ArraySpec((self.known.features,), "float16", "activation")
        out = {"pooled": pooled}
        if self.config.flip:
            out["pooled_flip"] = pooled
        if self.config.map:
            shape = lookup.map_shape(self.config.model, self.known, self.config.size)
            out["map"] = ArraySpec(shape, "float16", "activation before pooling: channel, row, column")
        if self.config.cut:
            shape = (self.known.features // 2, *(-(-side // 16) for side in self.config.size))
            out[self.config.cut] = ArraySpec(shape, "float16", "activation before the last block: channel, row, column")
        if self.config.maps:
            shapes = strided.shapes(self.config.model, self.known, self.config.size)
            form = (self.config.largest, self.config.compressed, "activation")
            out |= {branch: strides.spec(shapes[branch], *form) for branch in self.config.branches}
        return out

    def _block(self, weights: Weights) -> bytes:
        from safetensors.torch import save

        from pipeline.stages._backbone_networks import build

        backbone = build(self.config.model, self.known.size, self.config.size, False)
        backbone.load(weights, self.config.weights)
        return save(backbone.network.get_submodule(LAST).state_dict())

    @property
    def weights(self) -> tuple[str, ...]:
        return (self.config.weights,)

    def load(self, device: str, weights: Weights) -> None:
        import torch

        from pipeline.networks.folding import fold
        from pipeline.networks.padding import absorb
        from pipeline.networks.products import pack
        from pipeline.stages._backbone_networks import build

        kept, cut = self.config.map or bool(self.config.cut), self.config.cut
        backbone = build(self.config.model, self.known.size, self.config.size, kept, cut)
        whole = strided.Strided(backbone, self.config.model) if self.config.maps else backbone
        backbone.load(weights, self.config.weights)
        zeros = torch.zeros(1, 3, *self.config.size)
        fold(backbone, lambda: backbone(zeros))
        if device == "cpu":  # a GPU is quicker with the kernels as they are
            absorb(backbone, lambda: backbone(zeros))
        deploy(backbone, device, self.config.precision)
        if device == "cpu" and self.config.precision == "float32":
            pack(backbone, lambda: backbone(zeros))
        self.network: Any = whole
        self.device = device

    def prepare(self, photo: Photo) -> list[Pixels | Failed]:
        config, image = self.config, photo.image
        if config.source:
            return super().prepare(photo)
        if config.input == "body":
            return views.persons(image, photo.boxes, config.size, config.interpolation, config.crop, config.margin)
        if config.input == "head":
            return views.heads(photo, config.size, config.interpolation)
        if config.input == "context":
            red, green, blue = BLACK if config.blank == "black" else (round(value) for value in config.mean)
            return views.contexts(image, photo.boxes, config.size, config.interpolation, (red, green, blue))
        return [images.resize(image, config.size, interpolation=config.interpolation)]

    def derive(self, row: Mapping[str, NDArray[Any]]) -> Pixels | Failed:
        if not self.config.source or self.sees:
            return super().derive(row)
        seen = row[SOURCES[self.config.input]]
        pixels = views.map_as_image(seen) if self.config.input == "depth" else seen
        if isinstance(pixels, Failed):
            return pixels
        return images.resize(Image.fromarray(pixels), self.config.size, interpolation=self.config.interpolation)

    def look(self, image: Image.Image, rows: Sequence[Mapping[str, NDArray[Any]]]) -> list[Pixels | Failed]:
        if not self.sees:
            return super().look(image, rows)
        hide = views.silhouettes if self.config.blank == "mask" else views.faceless
        return hide(image, rows, self.config.size, self.config.interpolation)

    def frame(self, image: Image.Image, box: NDArray[np.float32]) -> NDArray[np.float64] | None:
        if self.config.input in ("face", "head"):
            return None
        if self.config.input == "body":
            return views.body(image, box, self.config.crop, self.config.margin)
        return np.array([0.0, 0.0, *image.size])

    def run(self, items: Sequence[Pixels]) -> Extracted:
        import torch

        with torch.inference_mode():
            batch = normalise(items, self.device, self.config.mean, self.config.std, self.config.precision)
            pooled, last = self.network(batch)
            found = {"pooled": pooled}
            if self.config.flip:
                found["pooled_flip"], _ = self.network(batch.flip(3))
            if self.config.map or self.config.cut:
                found[self.config.cut or "map"] = last
            if self.config.maps:
                found |= strides.means({branch: last[branch] for branch in self.config.branches}, self.config.largest)
        return Extracted.ok({name: values.float().contiguous().cpu().numpy() for name, values in found.items()})
