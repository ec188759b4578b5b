"""What would do where a dataset, a head and a protocol do not go together, to be named in the error."""

from collections.abc import Iterable

from cache import plugins
from cache.errors import AffectError
from cache.manifest import Manifest
from heads import known_protocols
from heads.experiments.cell import Cell
from heads.experiments.grid import cell
from heads.learning import training
from heads.protocol import Protocol


def protocols(manifest: Manifest, heads: Iterable[str]) -> list[str]:
    """The words of those, without a mapping, that can teach and judge all ``heads``, each in its own settings, on the
    people of ``manifest``."""
    every = list(heads)
    return [word for word in known_protocols.words() if all(_does(manifest, head, word) for head in every)]


def _does(manifest: Manifest, head: str, word: str) -> bool:
    try:
        protocol = known_protocols.find(word)
        one, task = cell(head, protocol, {}), protocol.task(manifest)
        unlearned = training.faults(task, one.recipe) if one.model.trains else []
        return not unlearned and not protocol.faults(manifest, task, one.recipe)
    except AffectError:  # what cannot even be asked would not do
        return False


def heads(protocol: Protocol, array: str) -> list[str]:
    """Those that learn what ``protocol`` teaches and in their own settings read ``array``, rows of any shape."""
    every = (_own(head, protocol) for head in plugins.names("heads.models"))
    return [one.head for one in every if one and array in one.model.arrays_of(one.recipe)]


def _own(head: str, protocol: Protocol) -> Cell | None:
    try:
        return cell(head, protocol, {})
    except AffectError:
        return None
