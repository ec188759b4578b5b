"""The loss terms that heads of categories share, by loops and by hand; what a task's kinds switch on."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from cache.errors import ConfigError
from heads.blocks import categories
from heads.blocks.categories import Categories, CategorySettings
from heads.blocks.dimensions_loss import dimensions_loss
from heads.blocks.layers import generators
from heads.head import CLASS, DIMENSIONS, FLAGS, Head, Output, Taught

SEEDS, BATCH, CLASSES, WIDTH = 3, 4, 3, 5
FLAGS_OF = torch.tensor([[1.0, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1]], dtype=torch.float64)
BOTH = {FLAGS: CLASSES, DIMENSIONS: 2}


def made(sizes: dict[str, int], seeds: tuple[int, ...] = (0, 4, 9), **values: Any) -> Categories:
    settings = categories.label_loss.config_of(CategorySettings, values)
    return Categories(settings(**values), sizes, generators(seeds), WIDTH).double()


def drawn(*shape: int) -> Tensor:
    return torch.rand(SEEDS, BATCH, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def wanted() -> Tensor:
    """Of two dimensions; of the last seed nothing is known."""
    targets = 1 - drawn(2)
    targets[0, 1, 0] = targets[1, :, 1] = targets[2] = torch.nan
    return targets


@pytest.mark.parametrize("scale", [1.0, 10.0])
@pytest.mark.parametrize("name", ["smooth_l1", "margin_euclidean", "l2"])
def test_dimensions_cost_what_loops_say_and_unknown_ones_nothing(name: Any, scale: float) -> None:
    output, targets = drawn(2).requires_grad_(), wanted()
    value = dimensions_loss(name, output, targets, scale, 0.2)
    for seed in range(SEEDS):
        costs = []
        for one, right in zip(output[seed].flatten().tolist(), targets[seed].flatten().tolist(), strict=True):
            if math.isnan(right):
                continue
            error = scale * abs(one - right)
            if name == "smooth_l1":
                costs.append(0.5 * error**2 if error < 1 else error - 0.5)
            else:
                costs.append(0.0 if name == "margin_euclidean" and error < 0.2 * scale else error**2)
        assert float(value[seed].detach()) == pytest.approx(sum(costs) / max(1, len(costs)), rel=1e-12)
    (gradient,) = torch.autograd.grad(value.sum(), output)
    assert not gradient[targets.isnan()].any()
    assert gradient[:2].any()
    assert torch.autograd.gradcheck(lambda x: dimensions_loss(name, x, targets, scale, 0.2), output)


def test_terms_are_those_that_task_and_settings_have() -> None:
    output = Output(logits=drawn(CLASSES), dimensions=drawn(2), aside=drawn(CLASSES))
    targets = {FLAGS: FLAGS_OF.expand(SEEDS, -1, -1), DIMENSIONS: wanted()}
    every = made(BOTH, class_weight=0.5, dimensions_weight=3.0, embedding_weight=0.4).terms(output, targets)
    plain = made(BOTH).terms(output, targets)
    assert list(every) == ["class", "dimensions", "embedding"]
    assert list(plain) == ["class", "dimensions"]
    torch.testing.assert_close(every["class"], 0.5 * plain["class"])
    torch.testing.assert_close(every["dimensions"], 3 * plain["dimensions"])
    assert list(made(BOTH, dimensions_weight=0).terms(output, targets)) == ["class"]
    assert list(made({FLAGS: CLASSES}).terms(output, targets)) == ["class"]


def test_one_class_has_cross_entropy_and_refuses_a_loss_on_labels() -> None:
    logits, labels = drawn(CLASSES), torch.tensor([2, 0, 1, 1]).expand(SEEDS, BATCH)
    (term,) = made({CLASS: CLASSES}).terms(Output(logits=logits), {CLASS: labels}).values()
    expected = [torch.nn.functional.cross_entropy(one, labels[0]) for one in logits]
    torch.testing.assert_close(term, torch.stack(expected))
    with pytest.raises(ConfigError, match=r"^loss = 'focal' is on several labels a person; here each has one class"):
        made({CLASS: CLASSES}, loss="focal")


def test_what_a_head_gives_follows_the_task_and_the_settings() -> None:
    class Two(Head):
        gives = frozenset({"logits", "dimensions"})

    def given(sizes: dict[str, int], **values: Any) -> set[str]:
        return set(categories.gives(Two, CategorySettings(**values), sizes))

    assert given(BOTH) == {"logits", "dimensions"}
    assert given(BOTH, dimensions_weight=0) == given({CLASS: 4}) == {"logits"}
    assert categories.count({CLASS: 4, DIMENSIONS: 3}) == 4
    with pytest.raises(ConfigError, match=r"^the protocol teaches dimensions alone, this head tells classes or labels"):
        categories.count({DIMENSIONS: 3})


def test_a_row_says_where_words_come_from_that_are_in_no_file() -> None:
    class Two(Head):
        approximates = ("something",)

    def told(reads_words: bool, **values: Any) -> tuple[str, ...]:
        return categories.approximates(Two, CategorySettings(**values), reads_words)

    assert told(False) == told(True, words="glove.txt") == ("something",)
    assert told(True) == ("something", "labels told by which stand together, for word vectors")


def test_embedding_loss_is_the_squared_distance_to_the_mean_word_of_a_persons_labels() -> None:
    part = made(BOTH, embedding_weight=0.4)
    part.learn_from(Taught([*"abc"], {FLAGS: FLAGS_OF.float()}))
    # of the two people with a, one has b and both have c; of the two with b, one has a and one c; c's are those of a
    words = [[1, 0.5, 1], [0.5, 1, 0.5], [1, 0.5, 1]]
    visual = drawn(WIDTH)
    placed = part.aside(visual)
    assert placed is not None
    output = Output(logits=drawn(CLASSES), dimensions=drawn(2), aside=placed)
    found = part.terms(output, {FLAGS: FLAGS_OF.expand(SEEDS, -1, -1), DIMENSIONS: wanted()})["embedding"]
    for seed in range(SEEDS):
        distances = []
        for place, flags in zip(placed[seed].tolist(), FLAGS_OF.tolist(), strict=True):
            mine = [word for word, flag in zip(words, flags, strict=True) if flag]
            if mine:
                mean = [sum(column) / len(mine) for column in zip(*mine, strict=True)]
                distances.append(sum((a - b) ** 2 for a, b in zip(place, mean, strict=True)))
        assert float(found[seed].detach()) == pytest.approx(0.4 * sum(distances) / 3, rel=1e-6)
    assert part.eval().aside(visual) is None


def test_embedding_of_one_class_a_person_is_that_classs_word(tmp_path: Path) -> None:
    path = tmp_path / "glove.txt"
    path.write_text("a 1 0 0\nb 0 1 0\nc 0 0 1\n")
    part = made({CLASS: CLASSES}, embedding_weight=1.0, words=str(path), word_width=3)
    part.learn_from(Taught([*"abcd"], {CLASS: torch.tensor([0, 1, 2])}))  # the fourth is not learned
    placed = torch.eye(3, dtype=torch.float64)[None].repeat(3, 1, 1)
    targets = {CLASS: torch.tensor([0, 1, 0]).expand(3, 3)}
    found = part.terms(Output(logits=placed, aside=placed), targets)["embedding"]
    assert found.tolist() == pytest.approx([2 / 3] * 3)


def test_a_seeds_embedding_starts_as_alone() -> None:
    together, alone = made(BOTH, embedding_weight=1.0), made(BOTH, seeds=(4,), embedding_weight=1.0)
    for one, two in zip(together.parameters(), alone.parameters(), strict=True):
        assert torch.equal(one[1:2], two)
    assert all(len(tensor) == SEEDS for tensor in together.state_dict().values())
