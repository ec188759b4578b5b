"""Snippets of clips against loops, their consensus against the thesis' gradients, normalisation with absent frames."""

import pytest
import torch
from torch import Tensor, nn

from heads.blocks.consensus import Consensus, Kind, summed
from heads.blocks.draws import Draws
from heads.blocks.frame_norm import FrameNorm
from heads.blocks.layers import generators
from heads.blocks.segments import snippets

SEEDS = (3, 8)


def there(share: float = 0.6, frames: int = 11) -> Tensor:
    return torch.rand(2, 40, frames, generator=torch.Generator().manual_seed(1)) < share


def segment(number: int, count: int, frames: int) -> list[int]:
    return [time for time in range(frames) if number * frames // count <= time < (number + 1) * frames // count]


@pytest.mark.parametrize("count", [1, 3, 4, 11])
def test_a_segments_middle_frame_is_the_nearest_that_is_there(count: int) -> None:
    present = there()
    found = snippets(present, count)
    for seed, sample in torch.cartesian_prod(torch.arange(2), torch.arange(40)).tolist():
        known = [time for time in range(11) if present[seed, sample, time]]
        for number in range(count):
            mine = segment(number, count, 11)
            middle = (mine[0] + mine[-1]) / 2
            inside = [time for time in mine if time in known]
            assert found.counted[seed, sample, number] == bool(inside)
            if known:
                wanted = min(known, key=lambda time: (abs(time - middle), time))
                assert found.places[seed, sample, number] == wanted
                assert not inside or wanted in inside


def test_in_training_every_frame_of_a_segment_that_is_there_comes_as_often_and_no_other() -> None:
    present = torch.ones(1, 6000, 8, dtype=torch.bool)
    present[:, :, [2, 5]] = False
    noise = torch.rand(1, 6000, 8, generator=torch.Generator().manual_seed(0))
    found = snippets(present, 2, noise)
    assert found.counted.all()
    for number, frames in enumerate(([0, 1, 3], [4, 6, 7])):
        often = torch.bincount(found.places[0, :, number], minlength=8) / 6000
        assert (often > 0).nonzero().flatten().tolist() == frames
        assert often[frames].sub(1 / 3).abs().max() < 0.03


def test_of_a_clip_with_nothing_to_see_no_snippet_counts() -> None:
    nothing = torch.zeros(1, 2, 5, dtype=torch.bool)
    assert not snippets(nothing, 3).counted.any()
    assert not snippets(nothing, 3, torch.rand(1, 2, 5)).counted.any()


def test_what_is_taken_is_at_its_places() -> None:
    found, x = snippets(there(), 4), torch.rand(2, 40, 11, 3, 2)
    taken = found.of(x)
    assert taken.shape == (2, 40, 4, 3, 2)
    assert torch.equal(taken[1, 7, 2], x[1, 7, found.places[1, 7, 2]])


def case(kind: Kind) -> tuple[Consensus, Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(2)
    consensus = Consensus(kind, 5, 4, generators(SEEDS)).double()
    for parameter in consensus.parameters():
        parameter.data += torch.rand(parameter.shape, generator=draw, dtype=parameter.dtype)
    counted = torch.rand(2, 6, 5, generator=draw) < 0.7
    counted[:, 0], counted[:, 1] = True, False
    seen = torch.randn(2, 6, 5, 4, generator=draw, dtype=torch.float64)
    told = torch.randn(2, 6, 5, 3, generator=draw, dtype=torch.float64)
    return consensus, counted, seen, told


@pytest.mark.parametrize("kind", ["average", "linear", "attention"])
def test_a_consensus_is_that_of_a_loop(kind: Kind) -> None:
    consensus, counted, seen, told = case(kind)
    found = summed(consensus(counted, seen), told)
    for seed in range(2):
        for sample in range(6):
            mine = [place for place in range(5) if counted[seed, sample, place]]
            wanted = torch.zeros(3, dtype=torch.float64)
            for place in mine:
                if kind == "average":
                    weight = torch.tensor(1 / len(mine))
                elif kind == "linear":
                    weight = consensus.weight[seed, place] * 5 / len(mine)
                else:
                    e = [(consensus.weight[seed] * seen[seed, sample, k]).sum().exp() for k in mine]
                    weight = e[mine.index(place)] / torch.stack(e).sum()
                wanted = wanted + weight * told[seed, sample, place]
            torch.testing.assert_close(found[seed, sample], wanted)


def test_gradients_of_the_consensus_are_those_of_the_equations() -> None:
    """Eq. 5.5: 1 / K. Eq. 5.6: the weight, and the snippet's score. Eq. 5.9: what the softmax gives."""
    whole = torch.ones(1, 1, 5, dtype=torch.bool)
    for kind in ("average", "linear", "attention"):
        consensus, _, seen, told = case(kind)
        seen, told = seen[:1, :1].requires_grad_(), told[:1, :1].requires_grad_()
        one = Consensus(kind, 5, 4, generators(SEEDS[:1])).double()
        if kind != "average":
            one.weight.data.copy_(consensus.weight[:1])
        weights = one(whole, seen)
        summed(weights, told)[0, 0, 0].backward()
        assert told.grad is not None
        torch.testing.assert_close(told.grad[0, 0, :, 0], weights[0, 0].detach())
        if kind == "average":
            torch.testing.assert_close(told.grad[0, 0, :, 0], torch.full((5,), 0.2, dtype=torch.float64))
        elif kind == "linear":
            torch.testing.assert_close(one.weight.grad[0], told[0, 0, :, 0].detach())
        else:
            a, r, f = weights[0, 0].detach(), seen[0, 0].detach(), told[0, 0, :, 0].detach()
            wanted = sum(f[k] * a[k] * ((k == j) * 1 - a[j]) * r[j] for k in range(5) for j in range(5))
            torch.testing.assert_close(one.weight.grad[0], wanted)


def test_normalisation_is_torchs_where_all_frames_are_there_and_of_those_that_are_elsewhere() -> None:
    norm, reference = FrameNorm(3, 2).double(), nn.BatchNorm1d(3, affine=False).double()
    draw = torch.Generator().manual_seed(0)
    for _ in range(3):
        x = 5 + 2 * torch.randn(2, 20, 3, generator=draw, dtype=torch.float64)
        whole = torch.ones(2, 20, dtype=torch.bool)
        torch.testing.assert_close(norm(x, whole)[1], reference(x[1]))
    few = torch.ones(2, 20, dtype=torch.bool)
    few[:, 7:] = False
    spoilt = x.masked_fill(~few[..., None], torch.nan)
    found = norm(spoilt, few)
    torch.testing.assert_close(found[1, :7], reference(x[1, :7]))
    assert not found[:, 7:].any()
    norm.eval()
    reference.eval()
    torch.testing.assert_close(norm(x, whole)[1], reference(x[1]))
    before = norm.train().mean.clone()
    assert not norm(spoilt, ~whole).any()
    assert torch.equal(norm.mean, before)
    each, alone = torch.ones(2, 20, 3, dtype=torch.bool), FrameNorm(1, 2).double()
    each[:, 7:, 2] = False
    torch.testing.assert_close(FrameNorm(3, 2).double()(x, each)[..., 2:], alone(x[..., 2:], few))


def test_draws_are_each_seeds_own_and_go_on() -> None:
    like = torch.zeros(1)
    together, alone = Draws(SEEDS), Draws(SEEDS[1:])
    for _ in range(3):
        every, mine = together(like, 4, 5), alone(like, 4, 5)
        assert torch.equal(every[1:], mine)
        assert not torch.equal(every[0], every[1])
    kept = together.state_dict()
    again = Draws(SEEDS)
    first = again(like, 4, 5)
    again.load_state_dict(kept)
    following = together(like, 4, 5)
    assert torch.equal(again(like, 4, 5), following)
    assert not torch.equal(first, following)
    dropped = together.dropped(torch.ones(2, 1000), 0.25)
    assert dropped.unique().tolist() == pytest.approx([0, 4 / 3])
    assert dropped.mean() == pytest.approx(1, abs=0.05)
