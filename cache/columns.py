"""Columns of a table as one Parquet file, sealed by a digest over every value."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

from cache.fingerprint import canonical


def sealed(about: dict[str, Any], columns: dict[str, Any]) -> pa.Buffer:
    """The file's bytes, the same for equal values. about: for JSON. columns: lists of text, arrays (n,) or (n, k)."""
    table = pa.table({name: _array(value) for name, value in columns.items()})
    told = json.dumps(about | {"digest": _digest(about, columns)})
    buffer = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({"affect-cache": told}), buffer, compression="zstd")
    return buffer.getvalue()


def unsealed(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """``about`` and ``columns`` again. Raises: what pyarrow and json raise; ValueError when a value was changed."""
    table = pq.read_table(path)
    about = json.loads(table.schema.metadata[b"affect-cache"])
    columns = {name: _column(table, name) for name in table.column_names}
    if about.pop("digest") != _digest(about, columns):
        raise ValueError("it was changed after it was written")
    return about, columns


def _digest(about: dict[str, Any], columns: dict[str, Any]) -> str:
    """Over every value: Parquet alone would hand out a label in which a bit was flipped."""
    state = xxhash.xxh3_128(canonical(about).encode())
    for name, value in sorted(columns.items()):
        data = value.tobytes() if isinstance(value, np.ndarray) else "\0".join(value).encode()
        state.update(f"\0{name}\0{len(value)}\0".encode() + data)
    return state.hexdigest()


def _array(value: Any) -> pa.Array:
    if not isinstance(value, np.ndarray):
        return pa.array(value, pa.string())
    return _fixed(value) if value.ndim == 2 else pa.array(value)


def _fixed(array: NDArray[Any]) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(array.reshape(-1)), array.shape[1])


def _column(table: pa.Table, name: str) -> Any:
    column = table.column(name).combine_chunks()
    if pa.types.is_fixed_size_list(column.type):
        return column.flatten().to_numpy(zero_copy_only=False).reshape(len(table), column.type.list_size)
    return column.to_pylist() if pa.types.is_string(column.type) else column.to_numpy(zero_copy_only=False)
