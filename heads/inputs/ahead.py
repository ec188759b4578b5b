"""What comes next is read in a thread while what was read is used."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(read: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
    """``read`` of each of ``items``, in order; while one result is used, the next is read. Close it where it is left
    before its end: that waits for what is being read, and nothing more is.

    Raises: what ``read`` does, in the place of its result.
    """
    with ThreadPoolExecutor(1, "reading ahead") as thread:
        coming: Future[Result] | None = None
        for item in items:
            now, coming = coming, thread.submit(read, item)
            if now:
                yield now.result()
        if coming:
            yield coming.result()
