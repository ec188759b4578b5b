"""Temporal segment networks against a plain model of one seed in torch, what they leave out, what they refuse."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from cache.errors import ConfigError
from heads.blocks.frame_norm import FrameNorm
from heads.head import CLASS, DIMENSIONS, FLAGS, SCORES, Output, Taught
from heads.learning.training import Recipe, recipe
from heads.models import tsn_flow, tsn_rgb, tsn_rgbdiff
from heads.protocols.one_shot import Protocol

SIZES = {FLAGS: 4, DIMENSIONS: 3, SCORES: 4}
SEEDS, BATCH, FRAMES = (0, 5), 7, 8
WIDE = {"scores": 5, "attributes": 3}


def settings(model: Any = tsn_rgb.Model, **values: Any) -> Recipe:
    return recipe(model, Protocol, values, "test")


def shape(name: str) -> tuple[int, ...]:
    array = name.partition("/")[2]
    return {"layer3": (FRAMES, 256, 2, 2), "present": (FRAMES,)}.get(array, (FRAMES, WIDE.get(array, 6)))


def made(sizes: dict[str, int] = SIZES, seeds: tuple[int, ...] = SEEDS, **values: Any) -> Any:
    found = settings(**values)
    widths: Any = {name: FRAMES if "present" in name else shape(name) for name in tsn_rgb.Model.inputs_of(found)}
    return tsn_rgb.Model(found, widths, sizes, seeds).double()


def features(head: Any) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(0)
    found = {name: torch.randn(2, BATCH, *shape(name), generator=draw, dtype=torch.float64) for name in head.inputs}
    for name in found:
        if name.endswith("present"):
            found[name] = (found[name] > -0.5).double()
            found[name][..., 1] = 1
    return found


def moved(norm: FrameNorm) -> None:
    draw = torch.Generator().manual_seed(3)
    for tensor in (norm.mean, norm.variance):
        tensor += 0.2 * torch.rand(tensor.shape, generator=draw, dtype=tensor.dtype)


def test_letters_are_features_and_where_each_has_something_to_see() -> None:
    assert tsn_rgb.Model.inputs_of(settings(streams="SAB")) == (
        *("body/pooled", "scene/scores", "scene/attributes", "body/present", "scene/present"),
    )
    flow = settings(tsn_flow.Model, streams="FB", body_flow="raft/vector")
    assert tsn_flow.Model.inputs_of(flow) == ("raft/vector", "face_flow/pooled", "raft/present", "face_flow/present")
    assert tsn_rgbdiff.Model.inputs_of(settings(tsn_rgbdiff.Model, streams="C"))[0] == "context_difference/pooled"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"streams": "BP"}, "'P' is no stream's letter; there are B body, C context"),
        ({"streams": "BB"}, "a letter stands twice"),
        ({"streams": ""}, "there has to be a letter"),
        ({"context": "body"}, "body/pooled is the input of two streams"),
        ({"consensus": "linear"}, "has a weight for each segment, so their numbers are equal: k_train = 3, k_val = 25"),
        ({"embedding_weight": 0.4}, "embedding_weight would change nothing"),
        ({"tail": "layer4", "streams": "FS"}, "tail = layer4 is for the letters BC, and streams = FS has none"),
    ],
)
def test_what_it_cannot_be_is_one_line(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        made(**values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("widths", "told"),
    [
        ({"body/pooled": 6}, r"body/pooled: has no frames, a row is 6; this head takes clips, \(T, d\)"),
        ({"context/pooled": (9, 6)}, "body/pooled has 8 frames a clip, context/pooled 9. Extract both with the same"),
    ],
)
def test_features_of_photographs_or_of_other_frames_are_refused(widths: dict[str, Any], told: str) -> None:
    found = settings(streams="BC")
    every = {name: FRAMES if "present" in name else shape(name) for name in tsn_rgb.Model.inputs_of(found)}
    with pytest.raises(ConfigError, match=told):
        tsn_rgb.Model(found, every | widths, SIZES, SEEDS)


@pytest.mark.parametrize("consensus", ["average", "linear", "attention"])
def test_it_says_what_a_plain_model_of_one_seed_does(consensus: str) -> None:
    head = made(streams="BFS", k_train=4, k_val=4, consensus=consensus, regression="5").eval()
    for norm in head.norms.values():
        moved(norm)
    given = features(head)
    output = head(given)
    rows = {"B": "body", "F": "face_features", "S": "scene"}
    for seed in range(2):
        for sample in range(BATCH):
            said, looks, counted = [], [], []
            for segment in range(4):
                frames, middle = (2 * segment, 2 * segment + 1), 2 * segment + 0.5
                body = [t for t in range(FRAMES) if given["body/present"][seed, sample, t]]
                frame = min(body, key=lambda t: (abs(t - middle), t))
                counted.append(frame in frames)
                joined = []
                for letter, word in rows.items():
                    x = given[f"{word}/{'scores' if letter == 'S' else 'pooled'}"][seed, sample, frame]
                    norm = head.norms[letter]
                    scaled = (x - norm.mean[seed]) / (norm.variance[seed] + 1e-5).sqrt()
                    joined.append(scaled * given[f"{word}/present"][seed, sample, frame])
                x = torch.cat(joined)
                one, two = head.regressors
                told = F.relu(x @ one.weight[seed] + one.bias[seed, 0]) @ two.weight[seed] + two.bias[seed, 0]
                logits = x @ head.classifier.weight[seed] + head.classifier.bias[seed, 0]
                said.append(torch.cat([logits, told]))
                looks.append(x)
            mine = [k for k in range(4) if counted[k]]
            if consensus == "attention":
                weights = torch.stack([looks[k] @ head.consensus.weight[seed] for k in mine]).softmax(0)
            elif consensus == "linear":
                weights = torch.stack([head.consensus.weight[seed, k] for k in mine]) * 4 / len(mine)
            else:
                weights = torch.full((len(mine),), 1 / len(mine), dtype=torch.float64)
            wanted = sum(w * said[k] for w, k in zip(weights, mine, strict=True))
            found = torch.cat([output.logits[seed, sample], output.dimensions[seed, sample]])
            torch.testing.assert_close(found, wanted)


def test_what_absent_frames_hold_changes_nothing() -> None:
    head = made(streams="BCFSA", stream=4)
    given = features(head)
    spoilt = dict(given)
    for name in given:
        if not name.endswith("present"):
            there = given[f"{name.partition('/')[0]}/present"][..., None] > 0
            spoilt[name] = torch.where(there, given[name], torch.nan)
    for training in (True, False):
        one, other = made(streams="BCFSA", stream=4).train(training), made(streams="BCFSA", stream=4).train(training)
        outputs = one(given), other(spoilt)
        assert torch.equal(outputs[0].logits, outputs[1].logits)
        assert torch.isfinite(outputs[1].dimensions).all()


def test_segments_are_random_in_training_alone_and_no_more_than_frames() -> None:
    head = made(streams="B", k_train=2, k_val=25)
    assert head.segments == {True: 2, False: FRAMES}
    assert head.approximates == (
        "frozen backbones for fine-tuned ones",
        "8 cached frames a clip for k_val = 25 segments",
    )
    assert made(streams="B", k_train=2, k_val=8).approximates == ("frozen backbones for fine-tuned ones",)
    assert made(streams="B", k_train=3, k_val=0, consensus="linear").segments == {True: 3, False: 3}
    given = features(head)
    assert not torch.equal(head(given).logits, head(given).logits)
    head.eval()
    assert torch.equal(head(given).logits, head(given).logits)


def test_the_loss_is_equation_5_17() -> None:
    head = made(streams="B", stream=4, embedding_weight=0.3)
    draw = torch.Generator().manual_seed(4)
    flags = (torch.rand(2, BATCH, 4, generator=draw) < 0.5).double()
    targets = {
        FLAGS: flags,
        SCORES: torch.rand(2, BATCH, 4, generator=draw, dtype=torch.float64),
        DIMENSIONS: torch.rand(2, BATCH, 3, generator=draw, dtype=torch.float64),
    }
    head.learn_from(Taught([*"abcd"], {FLAGS: flags[0]}))
    output = head(features(head))
    terms = head.terms(output, targets)
    assert set(terms) == {"class", "scores", "dimensions", "embedding"}
    for seed in range(2):
        logits = output.logits[seed]
        torch.testing.assert_close(terms["scores"][seed], F.mse_loss(logits.sigmoid(), targets[SCORES][seed]))
        torch.testing.assert_close(terms["class"][seed], F.binary_cross_entropy_with_logits(logits, flags[seed]))
        torch.testing.assert_close(
            terms["dimensions"][seed], F.mse_loss(output.dimensions[seed], targets[DIMENSIONS][seed])
        )
    torch.testing.assert_close(head.loss(output, targets), sum(terms.values()))
    without = {kind: values for kind, values in targets.items() if kind != SCORES}
    shares = output.logits.sigmoid()
    torch.testing.assert_close(head.terms(output, without)["scores"], (shares - flags).square().mean((1, 2)))
    assert "scores" not in made({CLASS: 4}, streams="B").terms(
        Output(logits=output.logits), {CLASS: torch.zeros(2, BATCH, dtype=torch.int64)}
    )


def test_a_trained_block_sees_the_chosen_frames_maps() -> None:
    """With its statistics kept, which is partial batch normalisation: what a batch holds changes no one's output."""
    head = made(streams="BS", tail="layer4", k_train=2, k_val=2)
    assert head.inputs[:2] == ("body/layer3", "scene/scores")
    given = features(head)
    head.eval()
    chosen = head._snippets(given["body/present"] > 0.5)
    tail = head.tails[0]
    maps = torch.stack([given["body/layer3"][0, 3, t] for t in chosen.places[0, 3].tolist()])
    wanted = tail(maps.expand(2, -1, -1, -1, -1))[0].mean((2, 3))
    weights = chosen.counted[0, 3].double() / chosen.counted[0, 3].sum()
    torch.testing.assert_close(head(given).embedding[0, 3, : tail.outputs], weights @ wanted)
    head.train()
    assert not any(module.training for module in tail.modules() if type(module).__name__ == "BatchNorm")
