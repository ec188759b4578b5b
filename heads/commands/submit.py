"""``submit``: what a trained head says of the test people whose labels are not public."""

import argparse

from heads.commands import _words, evaluate

HELP = "what a trained head says of test people whose labels are not public"


def add(command: argparse.ArgumentParser) -> None:
    """Its words."""
    evaluate.add(command)


def run(words: argparse.Namespace) -> None:
    """Raises: every AffectError of reading and writing."""
    from heads.experiments import runs
    from heads.experiments.submission import submission

    runs.check_head(words.runs, words.head)
    place, protocol = _words.place(words), _words.protocol(words)
    asked = (words.runs, words.dataset, protocol.name, words.head, words.name, words.mapping)
    path = runs.checkpoint(*asked, runs.changed(words.seeds, words.set))
    found = submission(path, place.store, place.mapping, words.device)
    target = path.with_suffix(".submission.csv")
    found.write(target)
    print(f"checkpoint {path}: {found.people} test people of {words.dataset}")
    if found.lacking:
        print(f"{found.lacking} of them lack a feature: what is said of them is the mean of what is said of the others")
    if found.untrained:
        print(f"UNTRAINED features: {', '.join(found.untrained)}. Numbers made from them are no results.")
    print(f"written to {target}")
