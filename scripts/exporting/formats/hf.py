"""hf: a table of Hugging Face's ``datasets``, which ``datasets.load_from_disk`` maps into memory.

A DatasetDict of the splits; of one split alone a Dataset. Columns: those of ``People.arrow``, ``<feature>.status`` and,
for each array, fixed-size lists in the stored dtype.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from cache.errors import NotInstalled
from cache.manifest import SPLITS
from scripts.exporting import form
from scripts.exporting.about import description
from scripts.exporting.reading import PART_BYTES, Exported

_TOLD = """`datasets.load_from_disk` of this folder gives a DatasetDict of the splits (of one split alone a Dataset).
One row is one person: `labels` are names, `valence`, `arousal` and `dominance` 1 to 10 and NaN where unknown, `x1`,
`y1`, `x2`, `y2` pixels, `missing` is true where one of the features has no value, `<feature>.<array>` is its row in the
stored dtype. `with_format("numpy")` turns numbers into float32, which is the library's way; `with_format("arrow")`
keeps their dtype."""
_RAW = "raw.arrow"
_FILE_BYTES = 8 * PART_BYTES
"""The library copies as much at once as one of its files holds."""


class Form(form.Form):
    """A folder of Arrow files."""

    told = _TOLD

    def check(self, asked: Exported) -> None:  # noqa: ARG002 (the contract's argument)
        """Raises: NotInstalled without ``datasets``."""
        _library()

    def write(self, folder: Path, asked: Exported) -> None:
        """Each split is laid out by Arrow and then saved by the library, which copies it: so long the disk holds it
        twice."""
        library, people = _library(), asked.people
        raw = folder / _RAW
        raw.mkdir()
        splits = [split for split in SPLITS if split in people.splits]
        found = {split: _laid_out(library, raw / split, asked.of_split(split)) for split in splits}
        files = {split: -(-(raw / split).stat().st_size // _FILE_BYTES) for split in splits}
        files = {split: min(files[split], len(found[split])) for split in splits}
        if asked.split:
            (split,) = splits
            found[split].save_to_disk(str(folder), num_shards=files[split])
        else:
            library.DatasetDict(found).save_to_disk(str(folder), num_shards=files)
        for split in splits:
            (raw / split).unlink()
        raw.rmdir()


def _library() -> Any:
    """``datasets``, told before it is imported to ask nobody for anything."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    try:
        import datasets
    except ModuleNotFoundError as error:
        cure = "Run pip install 'affect-cache[export]'"
        raise NotInstalled(f"FORMAT=hf needs {error.name}, which is not installed. {cure}") from None
    datasets.disable_progress_bars()
    return datasets


def _laid_out(library: Any, path: Path, asked: Exported) -> Any:
    """A Dataset that is mapped from ``path``, written here part by part."""
    features = library.Features.from_arrow_schema(replace(asked, people=asked.people[:0]).table().schema)
    with pa.ipc.new_stream(str(path), features.arrow_schema) as writer:
        for part in asked.parts():
            writer.write_table(part.table().cast(features.arrow_schema))
    return library.Dataset.from_file(
        str(path), info=library.DatasetInfo(description=description(asked), features=features)
    )
