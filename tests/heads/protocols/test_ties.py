"""The four tie rules against a loop over people, and what is told of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_features import manifest_of, people

from heads.protocols._one_shot import counts
from heads.protocols._one_shot.mapping import TIES, labelled, read_rules, vote

SEEN = 3


def by_hand(row: list[int], ties: str) -> set[int]:
    """The classes that a person may have; several where chance decides."""
    most = max(row)
    tied = [place for place, count in enumerate(row) if count == most]
    if most == 0 or (ties == "drop" and len(tied) > 1):
        return {-1}
    unseen = [place for place in tied if place >= SEEN]
    if ties == "unseen" and unseen:
        return {unseen[0]}
    return set(tied) if ties == "random" else {tied[0]}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 2), min_size=5, max_size=5), min_size=1, max_size=8), st.sampled_from(TIES))
def test_a_vote_is_what_a_loop_gives(votes: list[list[int]], ties: str) -> None:
    found = vote(np.array(votes), SEEN, ties, [f"{place}.jpg#0" for place in range(len(votes))])  # type: ignore[arg-type]
    assert all(label in by_hand(row, ties) for row, label in zip(votes, found.tolist(), strict=True))


def test_chance_is_decided_by_the_key_the_same_every_time_and_evenly() -> None:
    votes, keys = np.ones((3000, 5), np.int64), [f"mscoco/{place}.jpg#0" for place in range(3000)]
    first = vote(votes, SEEN, "random", keys)
    np.testing.assert_array_equal(first, vote(votes, SEEN, "random", keys))
    np.testing.assert_array_equal(first[::-1], vote(votes, SEEN, "random", keys[::-1]))
    assert np.abs(np.bincount(first) - 600).max() < 4 * np.sqrt(3000 * 0.2 * 0.8)


def test_the_shipped_mapping_is_version_2_and_gives_ties_to_unseen_classes() -> None:
    assert (read_rules().version, read_rules().ties) == (2, "unseen")


def test_every_rule_is_counted_beside_the_others() -> None:
    manifest = manifest_of(people(400))
    text = counts.text(manifest, read_rules())
    assert text is not None
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    head, row = lines[0], next(line for line in lines if line[0] == "Esteem")
    for ties in TIES:
        rules = read_rules().model_copy(update={"ties": ties})
        one = labelled("cat-6:6", manifest, rules)
        expected = int((one.labels == len(one.seen) + one.unseen.index("Esteem")).sum())
        assert row[head.index(f"ties: {ties}")] == str(expected)
    assert head[5] == "ties: unseen", "the mapping's own rule comes first"


def test_a_rule_that_leaves_classes_without_people_is_told_with_the_one_that_would_help() -> None:
    """Everybody has two categories, one of them of a seen class: a tie."""

    both = [
        replace(row, categories=("Anger", ("Esteem", "Yearning")[place % 2])) for place, row in enumerate(people(60))
    ]
    manifest = manifest_of(both)
    seen = read_rules().model_copy(update={"ties": "seen"})
    text = counts.text(manifest, seen)
    assert text is not None
    assert 'cat-6:6: ties = "seen" leaves every unseen class without people. Other rules give them more people:' in text
    assert '"unseen" 60, "random"' in text
    (advice,) = counts.advice("cat-6:6", manifest, seen, ["Esteem"])
    assert advice.startswith('the mapping has ties = "seen". Other rules give them more people: "unseen" 30, "random"')
    assert counts.advice("lev-7:3-valence", manifest, seen, ["2"]) == []


@pytest.mark.parametrize("ties", TIES)
def test_every_rule_is_one_that_a_mapping_can_have(ties: str) -> None:
    assert read_rules().model_validate(read_rules().model_dump() | {"ties": ties}).ties == ties
