"""Dask's workers, whatever they do: a cluster of this machine or one that runs already. Needs ``distributed``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from cache.errors import AffectError, ConfigError, NotInstalled

if TYPE_CHECKING:
    from distributed import Client

EXECUTORS = ("dask", "local")
MEMORY_BACK = "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_"
"""Dask's workers give freed memory back to the system at once, and to ask for it anew takes a third of a training's
time. Left out here: what a step frees, the next one wants."""
WAIT_SECONDS = 10
"""How long to wait for a scheduler, and for its first worker."""

Done = TypeVar("Done")


@dataclass(frozen=True)
class Cluster:
    """scheduler: address of one that runs already, else ``count`` processes of one thread are started here."""

    scheduler: str = ""
    count: int = 2

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Raises: ConfigError when nobody answers at ``scheduler``; NotInstalled."""
        try:
            import dask.config
            from distributed import Client, LocalCluster
        except ModuleNotFoundError:
            raise NotInstalled(
                'EXECUTOR=dask: distributed is not installed. Run pip install "dask[distributed]"'
            ) from None
        if not self.scheduler:
            own = {"threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
            with dask.config.set({MEMORY_BACK: None}):
                cluster = LocalCluster(n_workers=self.count, **own)
            with cluster, Client(cluster) as client:
                yield client
            return
        try:
            client = Client(self.scheduler, timeout=WAIT_SECONDS)
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ConfigError(f"SCHEDULER={self.scheduler}: no Dask scheduler answers there ({reason})") from None
        with client:
            yield client

    def resources(self, client: Client, device: str) -> Mapping[str, float] | None:
        """GPU workers are asked for by resource. Raises: ConfigError when none offers it, not an endless wait."""
        try:
            client.wait_for_workers(1, timeout=WAIT_SECONDS)
        except TimeoutError:
            cure = "Start one with: dask worker ADDRESS"
            raise ConfigError(f"SCHEDULER={self.scheduler}: it has no worker. {cure}") from None
        if not device.startswith("cuda"):
            return None
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        if not any(worker["resources"].get("GPU", 0) >= 1 for worker in workers):
            cure = "Start workers with: dask worker ADDRESS --resources GPU=1, or use DEVICE=cpu"
            raise ConfigError(f"DEVICE={device}: none of {len(workers)} workers offers the resource GPU. {cure}")
        return {"GPU": 1}


def result(future: Future[Done], piece: str) -> Done:
    """What a worker made. piece: what one task is, in words: ``shard``. Raises: AffectError of any kind."""
    from distributed import KilledWorker

    try:
        return future.result()
    except AffectError:
        raise
    except KilledWorker as error:
        raise AffectError(f"a worker died each time it was given the same {piece} ({error})") from None
    except Exception as error:  # a lost scheduler, a worker with other versions
        reason = " ".join(str(error).split())[:300]
        what = f"the Dask cluster gave up: {type(error).__name__}: {reason}"
        raise AffectError(f"{what}. What is finished is kept; the same command goes on") from error
