"""Mappings of labels that differ from ours in a few words."""

from pathlib import Path

from heads.protocols._one_shot.mapping import MAPPING


def changed(folder: Path, *words: tuple[str, str], name: str = "mine.toml") -> Path:
    """one_shot.toml with the first of each pair of ``words`` replaced by the second, once; in ``folder``."""
    text = MAPPING.read_text()
    for old, new in words:
        assert old in text, old
        text = text.replace(old, new, 1)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path


def with_ties(folder: Path, ties: str) -> Path:
    """Ours with another rule for ties, in a file named after it."""
    return changed(folder, ('ties = "seen"', f'ties = "{ties}"'), name=f"{ties}.toml")
