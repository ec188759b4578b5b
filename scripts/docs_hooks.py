"""What the site of docs/ shows beside its folder: the project's own files, each as a page where pages link to it.

MkDocs calls these functions by their names (``hooks`` in mkdocs.yml). Pages link to ``../ARCHITECTURE.md`` as a
repository's browser shows it; on the site that is ``architecture.md``, and links of that file back into docs/ lose the
folder.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
SHOWN = ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
_OUT = re.compile(rf"\]\((?:\.\./)+({'|'.join(map(re.escape, SHOWN))})")
_IN = re.compile(r"\]\(docs/")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Each of SHOWN as a page, named in lower case."""
    for name in SHOWN:
        files.append(File.generated(config, name.lower(), content=(ROOT / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Links as the site has them."""
    up = "../" * page.file.src_uri.count("/")
    outward = _OUT.sub(lambda found: f"]({up}{found[1].lower()}", markdown)
    return _IN.sub("](", outward) if page.file.src_uri in {name.lower() for name in SHOWN} else outward
