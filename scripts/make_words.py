"""What is wrong with the variables on make's command line, told from the Makefile's own text.

``python scripts/make_words.py GOALS NAME=VALUE ...`` prints the faults, for make to stop with, and notes on stderr of
variables that the goals do not read. It runs before anything is installed, so it needs the standard library alone.
"""

import ast
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAKEFILE = ROOT / "Makefile"
ROOMS = ("blocks", "inputs", "learning", "losses", "miners", "models", "protocols")
"""Folders of heads/ whose classes of settings are what SET may change."""
OWN = re.compile(r"\W.*|MAKE.*|GNUMAKEFLAGS|MFLAGS|SHELL|CURDIR|VPATH|VERBOSE|V|PYTHON|VENV|PY|READY|TRACEBACK")
"""Words of make itself, of its habits, and of the environment that any goal may need."""
_WORD = re.compile(r"[A-Z][A-Z_]*")
_READ = re.compile(r"(?:\$[({](?:call )?|,)(\w+)(?=[,)}])")
"""``NAME`` in ``$(NAME)``, ``$(call NAME,...)`` and ``$(call option,name,NAME)``."""


class Makefile:
    """Which variables there are and which the goals read, of a Makefile's text without pattern rules and includes."""

    def __init__(self, text: str) -> None:
        self.values: dict[str, str] = {}
        self.rules: dict[str, str] = {}
        goal = ""
        for line in text.replace("\\\n", " ").split("\n"):
            if line.startswith("\t"):
                self.rules[goal] += line
            elif found := re.match(r"(?:export +)?(\w+) *[:?+]?= *(.*)", line):
                self.values[found[1]] = found[2]
            elif found := re.match(r"([^\s#.:][^\s:]*):(?!=)([^#]*)", line):
                goal = found[1]
                self.rules[goal] = self.rules.get(goal, "") + found[2]
        every = [
            *self.values,
            *(name for part in (*self.values.values(), *self.rules.values()) for name in _named(part)),
        ]
        self.words = sorted({name for name in every if _WORD.fullmatch(name) and not OWN.fullmatch(name)})

    def read(self, goal: str) -> set[str]:
        """The variables that a goal's recipe reads, and those that these are made of."""
        found, left = set[str](), _named(self.rules[goal])
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += _named(self.values.get(name, "")) + _named(self.rules.get(f"$({name})", ""))
        return found.intersection(self.words)


def _named(text: str) -> list[str]:
    return _READ.findall(text)


def settings(heads: Path) -> set[str]:
    """The names that SET knows, from the text of ``heads``: to import it would need what is not installed yet."""
    found = set[str]()
    for path in (path for room in ROOMS for path in sorted((heads / room).rglob("*.py"))):
        for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(one, ast.ClassDef) and any(_of_settings(ast.unparse(base)) for base in one.bases):
                fields = (part.target for part in one.body if isinstance(part, ast.AnnAssign))
                found |= {field.id for field in fields if isinstance(field, ast.Name)}
    return found


def _of_settings(base: str) -> bool:
    return base in ("Settings", "Training") or base.endswith(("Stream", "Streams", "Config"))


def faults(makefile: Makefile, given: Mapping[str, str], known: Collection[str]) -> list[str]:
    """What is wrong with each variable of ``given`` that the Makefile does not have. known: what SET knows."""
    return [
        _fault(name, value, makefile.words, known)
        for name, value in sorted(given.items())
        if name not in makefile.words and not OWN.fullmatch(name)
    ]


def _fault(name: str, value: str, words: Collection[str], known: Collection[str]) -> str:
    lower, what = {word.lower(): word for word in words}, f"no variable {name}"
    close = get_close_matches(name.lower(), [*lower, *known], n=1, cutoff=0.6)
    if name.lower() in known or (close and close[0] in known):
        setting = name.lower() if name.lower() in known else close[0]
        return f'{what}. {setting} is a setting of training: SET="{setting}={value}"'
    if close:
        return f"{what}. Did you mean {lower[close[0]]}?"
    return f"{what}. Known: {', '.join(words)}. Another program's goes before the command: {name}={value} make"


def unread(makefile: Makefile, goals: Sequence[str], given: Collection[str]) -> list[str]:
    """A line for each variable that the goals do not read though others do."""
    asked, lines = [goal for goal in goals if goal in makefile.rules], list[str]()
    used = {name for goal in asked for name in makefile.read(goal)}
    for name in sorted(given) if asked else ():
        readers = [f"make {goal}" for goal in makefile.rules if name in makefile.read(goal)]
        if readers and name not in used:
            lines.append(f"note: make {' '.join(asked)} does not read {name}. Read by: {', '.join(readers)}")
    return lines


def main(arguments: Sequence[str]) -> None:
    """See the module."""
    goals, given = arguments[0].split(), dict(word.split("=", 1) for word in arguments[1:])
    makefile = Makefile(MAKEFILE.read_text(encoding="utf-8"))
    wrong = any(name not in makefile.words for name in given)
    sys.stderr.writelines(f"{line}\n" for line in unread(makefile, goals, given))
    sys.stdout.write("; ".join(faults(makefile, given, settings(ROOT / "heads") if wrong else ())))


if __name__ == "__main__":
    main(sys.argv[1:])
