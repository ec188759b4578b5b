"""People as a torch Dataset: whole people, batches as single items, in worker processes too."""

import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset
from toy_features import make_store

from cache.people import People
from heads.inputs.dataset import PeopleDataset

WORDS = ["body", "image", "sem2vec/presence"]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> People:
    root = tmp_path_factory.mktemp("dataset")
    make_store(root, missing={"body": [4]})
    return People.load(root, "demo", WORDS)


def test_an_item_is_a_person(people: People) -> None:
    items = PeopleDataset(people)
    assert isinstance(items, Dataset)
    assert len(items) == len(people) == 260
    for place in (0, 3, 4, 259):
        one = items[place]
        assert sorted(one) == sorted([*WORDS, "multi_hot", "vad", "place", "missing"])
        for word in WORDS:
            assert one[word].tolist() == people.features[word][place].astype(np.float32).tolist()
        assert (one["body"].dtype, one["sem2vec/presence"].dtype) == (torch.float32, torch.uint8)
        assert one["multi_hot"].tolist() == people.multi_hot[place].tolist()
        assert one["vad"].tolist() == people.vad[place].tolist()
        assert (one["place"].item(), one["missing"].item()) == (place, place == 4)
    with pytest.raises(IndexError):
        items[260]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_two_worker_processes_give_what_one_gives(people: People) -> None:
    items = pickle.loads(pickle.dumps(PeopleDataset(people)))
    alone = list(DataLoader(PeopleDataset(people), batch_size=64))
    shared = list(DataLoader(items, batch_size=64, num_workers=2))
    assert [len(batch["place"]) for batch in shared] == [64, 64, 64, 64, 4]
    assert torch.cat([batch["place"] for batch in shared]).tolist() == list(range(260))
    for one, other in zip(alone, shared, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)
