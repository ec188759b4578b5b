"""People of the store as a torch Dataset, for training loops of one's own. The heads here do without: they load a split
to the device once."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from cache.people import People
from cache.spec import Status


class PeopleDataset(Dataset[dict[str, Tensor]]):
    """One item is a person, a dict of tensors: each feature by its word, ``multi_hot`` (C,) and ``vad`` (3,) float32,
    ``place`` () int64, the person's in ``people.keys``, and ``missing`` () bool, True where a feature has no value.

    Rows are read from the memory map when they are asked for, a batch at a time; float16 becomes float32. Worker
    processes open the maps for themselves.
    """

    def __init__(self, people: People) -> None:
        self.people = people

    def __len__(self) -> int:
        return len(self.people)

    def __getitem__(self, place: int) -> dict[str, Tensor]:
        return self.__getitems__([place])[0]

    def __getitems__(self, places: Sequence[int]) -> list[dict[str, Tensor]]:
        """The items of a batch, by torch's own name for it."""
        people, chosen = self.people, np.arange(len(self.people))[list(places)]
        missing = np.zeros(len(chosen), dtype=bool)
        columns = {}
        for word, column in people.features.items():
            values, status = column.read(chosen)
            missing |= status != Status.OK
            columns[word] = _tensor(values)
        columns["multi_hot"] = _tensor(people.multi_hot[chosen].astype(np.float32))
        columns["vad"] = _tensor(people.vad[chosen])
        columns |= {"place": _tensor(chosen), "missing": _tensor(missing)}
        return [{name: column[at] for name, column in columns.items()} for at in range(len(chosen))]


def _tensor(values: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32) if values.dtype == np.float16 else values)
