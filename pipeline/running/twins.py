"""Files that stand in two splits under two names: what is tested on one was learned on the other."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from cache.errors import shown
from cache.fingerprint import digest_files
from cache.manifest import OK, SPLITS, Manifest
from pipeline.decoding.images import ImageError
from pipeline.decoding.paths import resolve

ABSENT = -1


def describe_twins(manifest: Manifest, root: Path) -> list[str]:
    """A line where files with the same bytes have usable people in more than one split; none where not.

    Only files as long as another one are read. One that cannot be read has no twin here: extraction tells of it.
    """
    found = list(_twins(manifest, root))
    if not found:
        return []
    one = {split: path for path, split in reversed(found[0].items())}  # the first of each split
    first = " = ".join(f"{shown(one[split])} ({split})" for split in SPLITS if split in one)
    told = f"{manifest.files} that are in several splits under several names, byte for byte the same: {len(found)}"
    return [f"{told}, first {first}. Leave all but one out of the annotation, or give them one split"]


def _twins(manifest: Manifest, root: Path) -> Iterator[dict[str, str]]:
    """File -> split, of files with the same bytes that are in more than one split."""
    rows = zip(manifest.images, manifest.splits, manifest.statuses, strict=True)
    splits = {path: split for path, split, status in rows if status == OK}
    files: dict[int, dict[str, Path]] = defaultdict(dict)
    for path in splits:
        size, file = _file(root, f"{manifest.folder}/{path}" if manifest.folder else path)
        files[size][path] = file
    files.pop(ABSENT, None)
    for one in files.values():
        alike: dict[str, dict[str, str]] = defaultdict(dict)
        for path, file in one.items() if len({splits[path] for path in one}) > 1 else ():
            alike[_digest(file, path)][path] = splits[path]
        yield from (same for same in alike.values() if len(set(same.values())) > 1)


def _file(root: Path, path: str) -> tuple[int, Path]:
    """With its length, ABSENT where there is no plain file inside ``root``."""
    try:
        file = resolve(root, path)
        return (file.stat().st_size if file.is_file() else ABSENT), file
    except (ImageError, OSError):
        return ABSENT, root / path


def _digest(file: Path, path: str) -> str:
    """Of its bytes; of one that cannot be read something that no other has."""
    try:
        return digest_files([file])
    except OSError:
        return f"unread: {path}"
