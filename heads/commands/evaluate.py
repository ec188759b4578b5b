"""``evaluate``: score a trained head again, person by person."""

import argparse

from heads.commands import _words

HELP = "score a trained head again"


def add(command: argparse.ArgumentParser) -> None:
    """Its words."""
    _words.dataset(command)
    _words.runs(command)
    _words.head(command, "which of the run's checkpoints")
    _words.mapping(command)
    _words.arithmetic(command)
    _words.trained(command)


def run(words: argparse.Namespace) -> None:
    """Raises: every AffectError of reading and writing."""
    from heads.experiments import evaluate, runs

    runs.check_head(words.runs, words.head)
    place, protocol = _words.place(words), _words.protocol(words)
    asked = (words.runs, words.dataset, protocol.name, words.head, words.name, words.mapping)
    path = runs.checkpoint(*asked, runs.changed(words.seeds, words.set))
    print(f"checkpoint {path}: {words.dataset} {protocol.name}")
    found = evaluate.evaluate(path, place.store, place.mapping, words.device)
    for name, metric in found.protocol.metrics(found.loaded.recipe).items():
        if (score := found.metrics.get(name)) is None:
            continue  # of what the head does not give
        mean, low, high = (metric.scale * value for value in (score["mean"], *score["ci95"]))
        print(f"{name} {mean:.2f} {metric.unit} [{low:.2f}, {high:.2f}]")
    if untrained := found.loaded.about["untrained"]:
        print(f"UNTRAINED features: {', '.join(untrained)}. Numbers made from them are no results.")
    target = path.with_suffix(".predictions.csv")
    evaluate.write(target, found)
    print(f"written to {target}")
