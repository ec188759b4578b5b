"""What ``backbone``'s networks take and give: as the table says, else as the libraries do.

A model of timm that is not in the table, and sizes and maps of which only the library knows, are measured: that takes
the seconds that torch and timm need to load.
"""

from __future__ import annotations

from difflib import get_close_matches

from cache.errors import ConfigError, UnknownName, nearest
from pipeline.stages._backbone_table import FACENET, LITE0, NETWORKS, TIMM, Network, Size

_STRIDE_32 = ("resnet", "resnext", "wide_resnet", "regnet", "shufflenet", "mobilenet", "efficientnet", LITE0)


def find(name: str) -> tuple[str, Network]:
    """The full name of a model (timm's get the tag of their weights) and what is known of it.

    Raises: UnknownName with the nearest, ConfigError.
    """
    if name in NETWORKS:
        return name, NETWORKS[name]
    if name.startswith(TIMM):
        from pipeline.stages._backbone_measure import of_timm

        return of_timm(name)
    near = get_close_matches(name, NETWORKS, n=4, cutoff=0.5)
    hint = nearest(name, near).partition(" Known:")[0]
    raise UnknownName(
        f"no backbone model {name!r}.{hint} Known: torchvision's classifiers, as in resnet18 or vit_b_16; {FACENET}; "
        f"{LITE0}; {TIMM}<model>, as in timm/vit_small_patch14_dinov2.lvd142m."
    )


def check_size(model: str, network: Network, size: Size) -> None:
    """Raises: ConfigError when ``model`` takes no input of ``size``."""
    if size == network.size or network.patch == 1:
        return
    if not network.patch:
        from pipeline.stages._backbone_measure import measure

        measure(model, network.size, size, False)
    elif size[0] % network.patch or size[1] % network.patch:
        whole = f"its input is made of whole patches of {network.patch} x {network.patch}"
        raise ConfigError(f"backbone {model}: size {list(size)}, but {whole}; its own size is {list(network.size)}")
    elif model.startswith("vit_") and size[0] != size[1]:
        raise ConfigError(f"backbone {model}: size {list(size)}, but torchvision's ViTs take squares only")


def map_shape(model: str, network: Network, size: Size) -> tuple[int, ...]:
    """(c, h, w) of the last feature map for inputs of ``size``. Raises: ConfigError when the model has none."""
    if model.startswith(_STRIDE_32):
        return (network.features, -(-size[0] // 32), -(-size[1] // 32))
    if network.patch > 1 and "vit_" in model and not model.startswith("maxvit"):
        return (network.features, size[0] // network.patch, size[1] // network.patch)
    from pipeline.stages._backbone_measure import measure

    return measure(model, network.size, size, True).map


def batch_size(network: Network, size: Size) -> int:
    """Items in one call: fewer of what is large, so that their memory stays about the same."""
    items = 16 if network.millions < 50 else 8 if network.millions < 150 else 4
    return max(1, min(items, items * 320 * 320 // (size[0] * size[1])))
