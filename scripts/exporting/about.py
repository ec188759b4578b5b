"""What an export says of itself: export.json and README.md."""

from collections import Counter
from typing import Any

from scripts.exporting.reading import Exported


def about(asked: Exported, form: str) -> dict[str, Any]:
    """What export.json holds beside the files: whose rows, in which order of splits, and what each array is."""
    manifest, people = asked.people.manifest, asked.people
    arrays = zip(asked.arrays.items(), people.features.items(), strict=True)
    return {
        "format": form,
        "dataset": manifest.dataset,
        "release": manifest.release,
        "split": asked.split,
        "people": len(people),
        "splits": dict(Counter(people.splits)),
        "left_out": dict(people.left_out),
        "labels": list(people.category_names),
        "untrained": untrained(asked),
        "arrays": {
            name: {
                "word": word,
                **one.spec.to_json(),
                "trained": one.feature.trained,
                "granularity": one.feature.granularity.value,
                "fingerprint": one.feature.fingerprint,
            }
            for (name, one), (word, _) in arrays
        },
    }


def untrained(asked: Exported) -> list[str]:
    """The features by networks that were not trained."""
    return sorted({one.feature.name for one in asked.arrays.values() if not one.feature.trained})


def warning(asked: Exported) -> str:
    """One line; "" where every feature is trained."""
    if names := untrained(asked):
        return f"UNTRAINED features: {', '.join(names)}. Numbers made from them are no results."
    return ""


def description(asked: Exported) -> str:
    """One paragraph on whose rows these are."""
    manifest = asked.people.manifest
    where = f", split {asked.split}" if asked.split else ""
    told = f"{manifest.dataset} ({manifest.release}){where}: {len(asked.people):,} people, one row each."
    if left := asked.people.left_out:
        counts = ", ".join(f"{status} {number:,}" for status, number in left.items())
        told += f" Left out as the annotation spoils them: {counts} (EVERYONE=1 takes them along)."
    return " ".join(part for part in (told, warning(asked)) if part)


def readme(asked: Exported, told: str) -> str:
    """README.md. told: how the form is read."""
    lines = [f"# {asked.people.manifest.dataset}, exported by affect-cache", "", description(asked), "", told, ""]
    if asked.arrays:
        lines += ["| array | shape | dtype | what |", "|---|---|---|---|"]
        lines += [
            f"| `{name}` | {one.spec.shape} | {one.spec.dtype} | {one.spec.unit.replace('|', ' ')} |"
            for name, one in asked.arrays.items()
        ]
        held = "A feature that has no value of somebody (`<feature>.status` says why) holds 0 there, or NaN."
        lines += ["", f"{held} An image's row is repeated for each of its people."]
    lines += ["", "`export.json` has all of this for programs. The dataset's licence holds for this copy too.", ""]
    return "\n".join(lines)
