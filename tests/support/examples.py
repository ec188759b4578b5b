"""The complete plug-ins of ARCHITECTURE.md."""

import re
from pathlib import Path

TEXT = (Path(__file__).resolve().parents[2] / "ARCHITECTURE.md").read_text(encoding="utf-8")
EXAMPLES: dict[str, str] = dict(re.findall(r"^`([\w/.]+)`:\n\n```\w+\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))


def write(folder: Path, *paths: str) -> Path:
    """Those of ``paths``, or all, below ``folder``."""
    for path in paths or EXAMPLES:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(EXAMPLES[path], encoding="utf-8")
    return folder
