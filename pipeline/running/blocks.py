"""The weights of a network's last block, beside the rows of a feature that was cut before it."""

from pathlib import Path

from cache.blocks import block_file, find_block
from cache.errors import StoreError
from cache.files import remove, replace
from pipeline.running.recipes import Recipe


def keep_block(recipe: Recipe, folder: Path) -> None:
    """Write the block of ``recipe`` into the feature's ``folder``, unless a whole one is there.

    Raises: WeightsError; StoreError when it cannot be written.
    """
    if recipe.stage.block is None:
        return
    name, make = recipe.stage.block
    try:
        find_block(folder, name)
    except StoreError:
        for path in folder.glob(f"{name}.*"):
            remove(path)
        made = make(recipe.weights)
        replace(folder / block_file(name, made), [made])
