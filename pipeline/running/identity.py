"""What a feature is known by: all that decides its values, of which its fingerprint is made."""

from collections.abc import Mapping
from typing import Any

from cache.plugin_code import code
from pipeline.decoding.images import DECODE_POLICY
from pipeline.decoding.tracks import TRACK_POLICY
from pipeline.decoding.video import VIDEO_POLICY
from pipeline.framed import CLIP_POLICY
from pipeline.running.stage_code import STAGES
from pipeline.stage import Stage
from pipeline.weights.folder import Weights


def identity(name: str, stage: Stage[Any], weights: Weights, source: Mapping[str, str]) -> dict[str, Any]:
    """All that decides a feature's values, of which its fingerprint is made. name: of the stage. source: the feature it
    is made from, with its fingerprint, where it is. Raises: WeightsError."""
    known = {
        "stage": name,
        "version": stage.version,
        "config": stage.config.model_dump(mode="json"),
        "weights": {name: weights.digest(name) for name in stage.weights},
        "decode": DECODE_POLICY,
    }
    if stage.frames:
        known |= {"frames": stage.frames, "decode": VIDEO_POLICY, "clips": CLIP_POLICY | TRACK_POLICY}
    if source:
        known["source"] = dict(source)
    if outside := code(f"{STAGES}.{name}"):
        known["plugin"] = outside.digest
    return known
