"""Mappings of labels that differ from ours in a few words."""

from pathlib import Path

from heads.protocols._one_shot.mapping import MAPPING, read_rules

OURS = read_rules()


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
    """Ours with that rule for ties, in a file named after it."""
    return changed(folder, (f'\nties = "{OURS.ties}"', f'\nties = "{ties}"'), name=f"{ties}.toml")
