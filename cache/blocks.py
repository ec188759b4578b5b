"""The weights of a network's block that lie beside the rows of a feature: named by their digest, checked by it."""

from pathlib import Path

from cache.errors import StoreError
from cache.fingerprint import digest

SUFFIX = ".safetensors"
DAMAGED = "is not what its name promises"


def block_file(name: str, made: bytes) -> str:
    """The file's name, such as ``layer4.0123456789abcdef.safetensors``."""
    return f"{name}.{digest(made)}{SUFFIX}"


def find_block(folder: Path, name: str) -> bytes:
    """What the file of block ``name`` in a feature's ``folder`` holds.

    Raises: StoreError when it is absent, damaged, or there are two.
    """
    found = sorted(folder.glob(f"{name}.*{SUFFIX}"))
    cure = "make extract writes it again"
    if len(found) != 1:
        raise StoreError(f"{folder}: holds {len(found)} files of the weights of {name}, one is wanted; {cure}")
    try:
        made = found[0].read_bytes()
    except OSError as error:
        raise StoreError(f"{found[0]}: cannot be read: {error.strerror}; {cure}") from None
    if found[0].name != block_file(name, made):
        raise StoreError(f"{found[0]}: {DAMAGED}; {cure}")
    return made


def damaged_blocks(folder: Path) -> list[Path]:
    """Files of any block in a feature's ``folder`` that cannot be read or are not what their names promise."""
    return [path for path in sorted(folder.glob(f"*{SUFFIX}")) if not _is_whole(path)]


def _is_whole(path: Path) -> bool:
    try:
        return path.name == block_file(path.name.partition(".")[0], path.read_bytes())
    except OSError:
        return False
