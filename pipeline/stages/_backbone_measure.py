"""What the libraries say of networks that are in no table of ours: asked for by name, run without a value computed."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from typing import NamedTuple

import torch

from cache.errors import ConfigError, UnknownName, unknown
from pipeline.stages._backbone_networks import build
from pipeline.stages._backbone_table import TIMM, Colour, Input, Network, Size

_NONE = ", and none like it: timm.list_models() names them all."


class Measured(NamedTuple):
    """features: of the pooled vector. map: (c, h, w), () without. millions: of parameters."""

    features: int
    map: tuple[int, ...]
    millions: int


@cache
def measure(model: str, native: Size, size: Size, keep_map: bool) -> Measured:
    """What ``model`` gives for inputs of ``size``, found without computing a value.

    Raises: ConfigError when it takes no such input.
    """
    try:
        return _measure(model, native, size, keep_map, "meta")
    except NotImplementedError:  # a constructor that reads values, as RegNet's
        return _measure(model, native, size, keep_map, "cpu")


def _measure(model: str, native: Size, size: Size, keep_map: bool, device: str) -> Measured:
    with torch.device(device), torch.inference_mode():
        backbone = build(model, native, size, keep_map).eval()
        backbone.fit()
        try:
            pooled, last = backbone(torch.zeros(1, 3, *size))
        except NotImplementedError:
            raise
        except (AssertionError, ValueError, RuntimeError) as error:
            raise backbone.refuse(" ".join(str(error).split())[:200] or type(error).__name__) from None
    millions = sum(parameter.numel() for parameter in backbone.parameters()) // 1_000_000
    return Measured(pooled.shape[1], () if last is None else tuple(last.shape[1:]), millions)


@cache
def of_timm(name: str) -> tuple[str, Network]:
    """A model of timm by ``timm/<model>``: its full name, with the tag of its weights, and what its own config says.

    Raises: UnknownName with the nearest, ConfigError.
    """
    import timm
    from timm.models import get_pretrained_cfg

    model = name.removeprefix(TIMM)
    architecture, _, tag = model.partition(".")
    if not timm.is_model(architecture):
        near = get_close_matches(model.lower(), [*timm.list_models(), *timm.list_pretrained()], n=5, cutoff=0.5)
        hint = f". Did you mean {near[0]!r}? Nearest: {', '.join(near)}." if near else _NONE
        raise UnknownName(f"no model of timm {timm.__version__} {model!r}{hint}")
    try:
        config = get_pretrained_cfg(model)
    except RuntimeError:
        tags = timm.list_pretrained(f"{architecture}.*")
        raise unknown(f"tag of timm's {architecture}", tag, [one.partition(".")[2] for one in tags]) from None
    if config is None:
        raise ConfigError(f"backbone: timm says nothing of the input of {model}")
    full = TIMM + (f"{architecture}.{config.tag}" if config.tag else architecture)
    size = config.input_size[1], config.input_size[2]
    measured = measure(full, size, size, False)
    patch = 0 if config.fixed_input_size else 1
    colours = Input(_in_255(config.mean), _in_255(config.std))
    return full, Network(measured.features, measured.millions, size, config.interpolation, colours, patch)


def _in_255(values: tuple[float, ...]) -> Colour:
    red, green, blue = (round(255 * value, 4) for value in values)
    return red, green, blue
