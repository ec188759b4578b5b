"""Streams whose networks' last block is trained, as the papers fine-tune; what is before the block stays frozen.

Of each letter in ``tailed`` the maps before the block are read (the array ``layer3`` of its feature, which ``backbone``
gives with ``cut = "layer3"``; of an HRNet ``stage3``, which ``hrnet_maps`` gives with ``cut = "stage3"``), and the
block starts from the network's own weights, which lie beside the feature. Every person is seen in one view. Untrained,
the stream is the network's own pooled vector, less what float16 costs. Letters whose network is neither (the face's)
have no such block.

Source: thesis (seeds/003), section 4.2.1, whose extractors are trained with the rest; section 5.1 for "partial BN".
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import AfterValidator
from torch import Tensor, nn

from cache.aligned import DEFAULT
from cache.config import Settings
from cache.errors import ConfigError
from heads.blocks.hrnet_tail import STAGES, HRNetTail
from heads.blocks.layers import generators
from heads.blocks.tail import DEPTHS, Block, Tail
from heads.head import Taught
from heads.models._categorical import Categorical

CAN = "BCD"
"""The letters whose features a ResNet or an HRNet makes."""
BEFORE = {"layer4": "layer3", "stage4": "stage3"}
"""By block, the array of what goes into it."""
_KNOWN = {
    "layer4": "ResNet-18's, -50's, -101's and -152's, and -34's with tail_network=resnet34",
    "stage4": "HRNet-W18-small's, -W18's, -W32's and -W48's",
}
_APART = 1 << 33
"""Added to a seed for the blocks' own numbers, so that the other layers start as without them."""


def _letters(word: str) -> str:
    if not word or set(word) - set(CAN) or len(set(word)) < len(word):
        raise ValueError(f"must be letters of {CAN}, each at most once")
    return "".join(letter for letter in CAN if letter in word)


class TailSettings(Settings):
    """tail: the block that is trained, "layer4" of a ResNet or "stage4" of an HRNet; empty for none. tailed: of which
    letters, where they are streams. tail_network: "resnet34" where 256 channels are ResNet-34's, and not ResNet-18's.
    tail_statistics: "frozen" keeps the running statistics of the block's normalisations (partial BN)."""

    tail: Literal["", "layer4", "stage4"] = ""
    tailed: Annotated[str, AfterValidator(_letters)] = "BC"
    tail_network: Literal["", "resnet34"] = ""
    tail_statistics: Literal["frozen", "learned"] = "frozen"


class Tailed(Categorical):
    """A head with ``streams`` by letter, of which some may have a block. A head calls ``start`` where it is made and
    ``through`` on what it gets."""

    letters: ClassVar[Mapping[str, str]]
    """And the setting that names each one's feature."""

    def start(self, config: Any, widths: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, Any]:
        """Make the blocks. Returns ``widths``, but of those with a block what it gives. Raises: ConfigError."""
        draws, learned = generators([_APART + seed for seed in seeds]), config.tail_statistics == "learned"
        tails = {
            name: _block(config, _channels(config.tail, name, widths[name]), draws, learned)
            for name in self.blocks_of(config)
        }
        self.tails = nn.ModuleList(tails.values())
        return {**widths, **{name: tail.outputs for name, tail in tails.items()}}

    def through(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``features``, but of those with a block the pooled vector that it gives, (S, B, d)."""
        return {**features, **{name: x.mean((3, 4)) for name, x in self.last_maps(features).items()}}

    def last_maps(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of those with a block, what it gives before it is pooled, (S, B, d, h, w)."""
        named = zip(self.blocks_of(self.config), self.tails, strict=True)
        return {name: tail(features[name]) for name, tail in named}

    @classmethod
    def row_of(cls, config: Any, letter: str) -> str:
        """The array that is read for ``letter``: what the settings name, or the maps in place of a pooled vector."""
        word = str(getattr(config, cls.letters[letter]))
        feature, _, array = word.partition("/")
        return f"{feature}/{BEFORE[config.tail]}" if letter in _tailed(config) and array == DEFAULT else word

    @classmethod
    def arrays_of(cls, config: Any) -> tuple[str, ...]:
        """The maps."""
        return tuple(cls.blocks_of(config))

    @classmethod
    def blocks_of(cls, config: Any) -> Mapping[str, str]:
        """The block of each letter in ``tailed``. Raises: ConfigError for one of no stream."""
        if config.tail and not _tailed(config):
            told = f"tail = {config.tail} is for the letters {config.tailed}"
            raise ConfigError(f"{told}, and streams = {config.streams} has none of them")
        return {cls.row_of(config, letter): config.tail for letter in _tailed(config)}

    def learn_from(self, taught: Taught) -> None:
        """And the blocks' weights. Raises: ConfigError when they are another network's."""
        super().learn_from(taught)
        for name, tail in zip(self.blocks_of(self.config), self.tails, strict=True):
            assert isinstance(tail, Block)
            try:
                tail.fill(taught.blocks[name])
            except ValueError as error:
                raise ConfigError(f"{name}: {error}; heads build {_KNOWN[self.config.tail]}") from None

    def standardised(self) -> tuple[str, ...]:
        """The vectors among the inputs, when the config says so."""
        arrays = self.arrays_of(self.config)
        return tuple(name for name in super().standardised() if name not in arrays)


def _tailed(config: Any) -> str:
    """The letters that have a block."""
    return "".join(letter for letter in config.tailed if letter in config.streams) if config.tail else ""


def _block(config: Any, channels: int, draws: Sequence[torch.Generator], learned: bool) -> Block:
    if config.tail == "stage4":
        return HRNetTail(channels, draws, learned)
    return Tail(channels, draws, learned, config.tail_network)


def _channels(block: str, name: str, shape: Sequence[int]) -> int:
    known = STAGES if block == "stage4" else DEPTHS
    if shape[0] in known:
        return shape[0]
    before = "an HRNet's last stage" if block == "stage4" else "a ResNet's last block"
    raise ConfigError(f"{name}: has {shape[0]} channels; before {before} there are {' or '.join(map(str, known))}")
