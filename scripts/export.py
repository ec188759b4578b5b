"""``make export``: a store's people with their cached features in another program's form, whole or not at all.

FORMAT=hf is a table of Hugging Face's ``datasets``, npy arrays with keys, csv one table of vectors. Nothing is read but
the store. Exit status 0; 2 for what the user can mend.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cache import plugins
from cache.command import ended
from cache.errors import ConfigError, nearest
from cache.files import replace_text
from pipeline.cli import Parser
from pipeline.progress import Transfer
from scripts.exporting import about
from scripts.exporting.folder import check, seal, whole_folder
from scripts.exporting.form import Form
from scripts.exporting.reading import exported

FORMATS = "scripts.exporting.formats"
"""Where each form has its file."""
README = "README.md"


def main(words: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    options = _parser().parse_args(words)
    return ended(lambda: _run(options), "\ninterrupted. Nothing was exported, and an older export is as it was")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m scripts.export", description="A store's people and features in another form.")
    parser.add_argument("--dataset", default="demo", help="dataset (demo)")
    parser.add_argument("--store", type=Path, default=Path("store"), help="folder of the cached features (store)")
    parser.add_argument("--format", default="", help=" or ".join(plugins.names(FORMATS)))
    parser.add_argument("--stages", default="", help="features, or arrays as body/pooled, separated by blanks (all)")
    parser.add_argument("--split", default="", help="train, val or test (all)")
    parser.add_argument("--everyone", action="store_true", help="also people whom the annotation spoils")
    parser.add_argument("--out", type=Path, help="the folder to write (exports/<dataset>-<format>)")
    return parser


def _run(options: argparse.Namespace) -> int:
    """Raises: AffectError."""
    if options.format not in (known := plugins.names(FORMATS)):
        given = f"FORMAT={options.format}: no such form" if options.format else "FORMAT: none given"
        raise ConfigError(f"{given}.{nearest(options.format, known)}")
    form: Form = plugins.load(FORMATS, options.format, "Form")()
    words = options.stages.replace(",", " ").split()
    asked = exported(options.store, options.dataset, words, options.split or None, options.everyone)
    form.check(asked)
    out = options.out or Path("exports") / _name(options)
    check(out)
    progress = Transfer(f"export {out}", 0, asked.row_bytes * len(asked.people))
    with whole_folder(out) as folder:
        form.write(folder, replace(asked, seen=progress.step))
        replace_text(folder / README, about.readme(asked, form.told))
        seal(folder, about.about(asked, options.format))
    if progress.total:
        progress.close()
    print(f"export {out}: {about.description(asked)}")
    return 0


def _name(options: argparse.Namespace) -> str:
    return "-".join(word for word in (options.dataset, options.split, options.format) if word)


if __name__ == "__main__":
    sys.exit(main())
