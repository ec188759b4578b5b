"""The recipe of a feature that lies in a store: with the settings of then, whatever a config says now."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cache.config import build
from cache.errors import ConfigError, WeightsError
from cache.feature import Feature
from cache.plugins import load as load_plugin
from pipeline.running.identity import identity
from pipeline.running.recipes import Planned, Recipe, for_clips
from pipeline.running.stage_code import STAGES
from pipeline.stage import Stage
from pipeline.weights.folder import UNTRAINED, Weights

CURE = "STAGES=.. names the features that can be"


def stored(feature: Feature, folder: Path) -> Recipe:
    """folder: of weights. One that was made untrained is so again, where its weights are still absent.

    Raises: ConfigError, WeightsError, UnknownName when the code or the weights here would not make this feature.
    """
    info = feature.info
    where = f"{feature.name}: cannot be extracted as it was"
    extractor = load_plugin(STAGES, info["stage"], "Extractor")
    stage: Stage[Any] = extractor(build(extractor.Config, info["config"], where))
    if frames := info.get("frames", 0):
        stage = for_clips(Planned(feature.name, info["stage"], stage, untrained=False), frames)
    weights = Weights(folder, untrained=UNTRAINED in info["weights"].values())
    for name in stage.weights:
        if info["weights"].get(name) != UNTRAINED and not weights.trained(name):
            raise WeightsError(
                f"{where}: weights {name} are absent from {folder}/. WEIGHTS=.. names their folder; {CURE}"
            )
    now = identity(info["stage"], stage, weights, info.get("source", {}))
    then = {name: info[name] for name in now.keys() | {"frames", "plugin", "source"} if name in info}
    if "plugin" in then:
        then["plugin"] = then["plugin"]["digest"]
    told = _difference(then, now) or _difference(_forms(feature.arrays), _forms(stage.outputs))
    if told:
        raise ConfigError(f"{where}: {told}. make extract extracts it as it is now; {CURE}")
    return Recipe(feature.name, stage, weights, feature.fingerprint, dict(info))


def _forms(arrays: Mapping[str, Any]) -> dict[str, str]:
    """Array -> its type and shape, in words."""
    return {f"array {name}": f"{spec.dtype} {list(spec.shape)}" for name, spec in arrays.items()}


def _difference(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The first thing in which they differ, in words; "" when they do not."""
    for name in sorted(then.keys() | now.keys()):
        old, new = then.get(name), now.get(name)
        if old != new:
            inner = _difference(old, new) if isinstance(old, Mapping) and isinstance(new, Mapping) else ""
            return f"{name} {inner}" if inner else f"{name} was {_short(old)}, is {_short(new)}"
    return ""


def _short(value: Any) -> str:
    text = "absent" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:12]}.."
