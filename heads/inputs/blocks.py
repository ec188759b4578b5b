"""The weights of a network's block that lie beside a feature which was cut before it."""

from collections.abc import Mapping

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from cache.blocks import find_block
from cache.errors import StoreError
from cache.store import Features


def read_blocks(features: Features, wanted: Mapping[str, str]) -> dict[str, dict[str, Tensor]]:
    """By input, the tensors of its network's next block by their names in it.

    wanted: input name -> the block's word, as ``Head.blocks_of``. Raises: StoreError.
    """
    return {name: _read(features, name.partition("/")[0], block) for name, block in wanted.items()}


def _read(features: Features, word: str, block: str) -> dict[str, Tensor]:
    folder = features[word].folder
    made = find_block(folder, block)
    try:
        return load(made)
    except SafetensorError as error:
        told = " ".join(str(error).split())
        raise StoreError(f"{folder}: the weights of {block} are not readable: {told}; delete the file") from None
