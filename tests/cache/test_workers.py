"""What own Dask workers are started with."""

import pytest
from distributed import nanny

from cache.workers import Cluster


def test_own_workers_keep_freed_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable glibc finds the size by itself; with it, it does not."""
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    words = "distributed.nanny.pre-spawn-environ"
    usual, given = nanny._get_env_variables(words), dict[str, str]()

    def start(**_: object) -> None:
        given.update(nanny._get_env_variables(words))
        raise InterruptedError

    monkeypatch.setattr("distributed.LocalCluster", start)
    with pytest.raises(InterruptedError), Cluster().client():
        pass
    assert "MALLOC_TRIM_THRESHOLD_" in usual
    assert given == {name: value for name, value in usual.items() if name != "MALLOC_TRIM_THRESHOLD_"}
    assert nanny._get_env_variables(words) == usual, "others' clusters are started as before"
