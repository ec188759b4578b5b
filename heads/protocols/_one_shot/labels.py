"""The page's section on labels: which categories or levels make which class, and how many people each has."""

from collections.abc import Iterator, Sequence
from typing import Any

from cache.manifest import Manifest
from heads.head import CLASS
from heads.protocols._one_shot.counts import PublishedPeople
from heads.protocols._one_shot.mapping import Rules
from heads.task import PARTS, Task


def section(
    word: str, manifest: Manifest, task: Task, rules: Rules, published: Sequence[PublishedPeople]
) -> dict[str, Any]:
    """``caption``, ``columns``, ``rows`` and ``notes``; the last columns are numbers, ``numbers`` of them."""
    counts = task.class_counts()
    rows = []
    for place, name in enumerate(task.classes):
        part = "seen" if place < task.sizes[CLASS] else "unseen"
        people = [str(counts[part].get(name, "\u2013")) for part in PARTS]
        told = [str(one.test.get(name, "")) for one in published]
        rows.append([name, part, _made_of(word, name, rules), *people, *told])
    return {
        "caption": f"People by class, mapping version {rules.version}",
        "columns": ["class", "part", "made of", *PARTS, *(one.source for one in published)],
        "numbers": len(PARTS) + len(published),
        "rows": rows,
        "notes": list(_notes(word, manifest, rules)),
    }


def _made_of(word: str, name: str, rules: Rules) -> str:
    return ", ".join(rules.seen.get(name, (name,))) if word in rules.unseen else f"level {name}"


def _notes(word: str, manifest: Manifest, rules: Rules) -> Iterator[str]:
    if word not in rules.unseen:
        yield f"Levels 1 to 10 of {word.rpartition('-')[2]}; averages are rounded: {rules.rounding}."
        return
    used = {category for words in rules.seen.values() for category in words} | set(rules.unseen[word])
    if unused := [category for category in manifest.category_names if category not in used]:
        yield f"Categories of no class, which do not vote: {', '.join(unused)}."
    yield f"A person's class is the one most of the person's categories belong to; ties: {rules.ties}."
    yield f"Unseen classes are tested on the people of {', '.join(rules.test_splits)}."
