"""Plain HDF5: where the bytes of its datasets lie, and the refusal of everything that is not plain.

Links, external storage, virtual, chunked and filtered datasets are refused and never followed; no size that a file
declares is believed before it was compared with the file's own.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cache.errors import ShardError


@dataclass(frozen=True)
class Place:
    """Where one dataset's bytes lie in its file. digest: its attribute ``xxh3_128``, "" without one."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    digest: str


def locate(path: Path, size: int) -> dict[str, Place]:
    """The datasets of a file of ``size`` bytes, by name. Raises: ShardError when any of them is not plain."""
    try:
        with h5py.File(path, "r") as file:
            return {name: _plain(path, file, name, size) for name in file}
    except ShardError:
        raise
    except Exception as error:  # h5py raises many types on foreign files
        raise ShardError(f"{path}: not readable as HDF5 ({' '.join(str(error).split())})") from None


def _plain(path: Path, file: h5py.File, name: str, size: int) -> Place:
    """Where a dataset's bytes lie. Only plain, contiguous datasets of this very file are accepted."""
    if file.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
        raise ShardError(f"{path}: {name!r} is a link; a shard holds plain datasets only")
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset):
        raise ShardError(f"{path}: {name!r} is not a dataset")
    plan = dataset.id.get_create_plist()
    if plan.get_external_count() or plan.get_layout() != h5py.h5d.CONTIGUOUS:
        raise ShardError(f"{path}: {name!r} is external, virtual or chunked; a shard is contiguous")
    dtype, shape = dataset.dtype, tuple(int(extent) for extent in dataset.shape or ())
    if dtype.kind not in "iufS" or dtype.hasobject:
        raise ShardError(f"{path}: {name!r} has dtype {dtype}, which no shard holds")
    needed = dtype.itemsize
    for extent in shape:
        needed *= extent
    offset = dataset.id.get_offset()
    if needed and (offset is None or offset + needed > size):
        raise ShardError(f"{path}: {name!r} declares {needed} bytes, the file holds {size}")
    return Place(shape, dtype, (offset or 0) if needed else 0, str(dataset.attrs.get("xxh3_128", "")))
