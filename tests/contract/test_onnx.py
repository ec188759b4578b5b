"""Every head as an ONNX model: which can be one, and that it says what torch says."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from small_heads import FEW, KNOWN, learns, shape
from tried import tried

from cache import plugins
from cache.errors import ConfigError
from heads import known_protocols
from heads.checkpoints import portable
from heads.checkpoints.checkpoint import Checkpoint
from heads.head import BOXES, CLASS, DIMENSIONS, FLAGS, PEOPLE_FLAGS, ROW, Head
from heads.inputs.standardise import Scale
from heads.learning.training import recipe

REFUSED = {
    "amalgamated": "numpy",
    "random": "reads no feature, so there is nothing to give to an ONNX model",
}
"""Heads that cannot be one -> what the line says of it; all others can."""
SLOW = ("abn", "amalgamated", "emoticon", "lma", "ml_gcn", "relational", "st_gcn", "tsn_flow", "tsn_rgb", "tsn_rgbdiff")
HEADS = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in tried("heads.models")]
SEEDS = (0, 4)


def trained(name: str) -> Checkpoint:
    """A head that learned nothing, with scales as if it had."""
    sizes = next(known for known in KNOWN if learns(name, known))
    model: type[Head] = plugins.load("heads.models", name, "Model")
    kind = "boxes" if BOXES in sizes else "single_label" if CLASS in sizes else "multilabel"
    few = {key: value for key, value in FEW.items() if key in model.Config.model_fields}
    settings = recipe(model, known_protocols.load(kind), few, "test")
    arrays = model.arrays_of(settings)
    rows = {key: shape(key, arrays) if key in arrays else shape(key)[:1] for key in model.inputs_of(settings)}
    widths: dict[str, Any] = {key: row if key in arrays else row[0] for key, row in rows.items()}
    head = model(settings, widths, sizes, SEEDS).eval()
    draw = torch.Generator().manual_seed(1)
    scales = {
        key: Scale(torch.randn(rows[key], generator=draw), torch.rand(rows[key], generator=draw) + 0.5)
        for key in head.standardised()
    }
    about = {
        "head": name,
        "protocol": kind,
        "kind": kind,
        "seeds": SEEDS,
        "sizes": sizes,
        "widths": {},
        "shapes": rows,
        "task": {"classes": [*"abcdef"], "dimensions": [*"vad"][: sizes.get(DIMENSIONS, 0)], "labels": PEOPLE_FLAGS},
    }
    memory = {"thresholds": torch.zeros(2, 6)} if FLAGS in sizes else {}
    return Checkpoint(head, settings, scales, memory, about)


@pytest.mark.parametrize("name", HEADS)
def test_a_head_is_an_onnx_model_or_says_why_not(name: str) -> None:
    """``portable.model`` compares with torch itself, on 1, 2 and 5 people; here it is compared with the answers."""
    loaded = trained(name)
    dtypes = dict.fromkeys(loaded.inputs, "float32")
    if name in REFUSED:
        with pytest.raises(ConfigError, match=REFUSED[name]) as told:
            portable.model(loaded, dtypes, {}, {})
        assert len(str(told.value)) < 300
        assert "\n" not in str(told.value)
        return
    import onnxruntime

    session = onnxruntime.InferenceSession(portable.model(loaded, dtypes, {"licence": "MIT"}, {}))
    assert session.get_modelmeta().custom_metadata_map["licence"] == "MIT"
    assert {one.name for one in session.get_inputs()} <= set(loaded.inputs)
    rows = {key: torch.randn(7, *loaded.about["shapes"][key]) for key in loaded.inputs}
    answers = loaded.answers(rows, torch.arange(7).numpy())
    found = dict(zip((one.name for one in session.get_outputs()), session.run(None, {
        one.name: rows[one.name].numpy() for one in session.get_inputs()
    }), strict=True))  # fmt: skip
    for one in answers:
        word = one.title if one.title in found and found[one.title].ndim == 2 else f"{one.title}_mean"
        torch.testing.assert_close(torch.as_tensor(found[word]), one.shares, rtol=0, atol=1e-5)


def test_a_model_that_is_not_what_torch_says_is_refused_with_the_number() -> None:
    loaded = trained("linear")
    dtypes = dict.fromkeys(loaded.inputs, "float32")
    made = portable.model(loaded, dtypes, {}, {})
    scales = {name: replace(one, mean=one.mean + 1e-3) for name, one in loaded.scales.items()}
    scoring = portable.Scoring(replace(loaded, scales=scales))
    rows = {key: torch.randn(3, *loaded.about["shapes"][key]).numpy() for key in loaded.inputs}
    with pytest.raises(ConfigError, match=r"logits of 3 people is \d\.\de-\d\d away from torch's, 1e-05 is allowed"):
        portable.check("head linear", made, scoring, rows)
    assert ROW not in scoring.names
