"""Two single-threaded Dask workers over one, whatever they do: whole runs of a command, in turns."""

import statistics
from collections.abc import Callable
from typing import Any

from distributed import LocalCluster

GOAL = 1.7


def two_over_one(seconds: Callable[[str], float], turns: int) -> dict[str, Any]:
    """seconds: of one run by the workers of the cluster at an address. A first run on each cluster does not count."""
    own = {"threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with LocalCluster(n_workers=1, **own) as one, LocalCluster(n_workers=2, **own) as two:
        addresses = [cluster.scheduler_address for cluster in (one, two)]
        times = [[seconds(address) for address in addresses] for _ in range(turns + 1)][1:]
    ratio = statistics.median(single / double for single, double in times)
    return {
        "seconds_one_worker": [round(single, 2) for single, _ in times],
        "seconds_two_workers": [round(double, 2) for _, double in times],
        "ratio": round(ratio, 3),
        "goal": GOAL,
        "met": ratio >= GOAL,
    }
