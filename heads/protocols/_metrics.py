"""Metrics that a setting names: files of heads/metrics that take what a protocol has."""

from collections.abc import Callable

from cache import plugins
from heads.metric import Metric

PACKAGE = "heads.metrics"


def metric(name: str) -> Metric:
    """Raises: UnknownName."""
    found: Metric = plugins.load(PACKAGE, name, "Metric")()
    return found


def checked(*takes: str) -> Callable[[str], str]:
    """What refuses a name that is not of a metric which takes one of ``takes``, with those that are."""

    def known(name: str) -> str:
        every = [one for one in plugins.names(PACKAGE) if metric(one).takes in takes]
        if name not in every:
            raise ValueError(f"must be a file of heads/metrics: {', '.join(every)}")
        return name

    return known
