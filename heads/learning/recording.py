"""A function of tensors written down once as a flat list of torch's operations, and run from the list from then on.

What is left out: modules, autograd, and most of Python between the operations. On cached features that is a good part
of a step of one seed (bench/heads.json).
"""

from collections.abc import Callable, Iterable, Iterator
from inspect import isabstract
from itertools import takewhile
from types import FunctionType
from typing import Any, TypeVar

import torch
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx

Result = TypeVar("Result")

_CODE = (FunctionType, classmethod, staticmethod, property)
_ATEN = torch.ops.aten
_UNCHANGED = (_ATEN.detach.default, _ATEN.alias.default)
_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    _ATEN.add.Tensor: torch.add,
    _ATEN.sub.Tensor: torch.sub,
    _ATEN.mul.Tensor: torch.mul,
    _ATEN.div.Tensor: torch.div,
    _ATEN.div.Scalar: torch.div,
    _ATEN.addcmul.default: torch.addcmul,
    _ATEN.reciprocal.default: torch.reciprocal,
    _ATEN.baddbmm.default: torch.baddbmm,
    _ATEN.bmm.default: torch.bmm,
    _ATEN.cat.default: torch.cat,
    _ATEN.eq.Tensor: torch.eq,
    _ATEN.eq.Scalar: torch.eq,
    _ATEN.gt.Tensor: torch.gt,
    _ATEN.lt.Tensor: torch.lt,
    _ATEN.bitwise_not.default: torch.bitwise_not,
    _ATEN.bitwise_and.Tensor: torch.bitwise_and,
    _ATEN.amax.default: torch.amax,
    _ATEN.amin.default: torch.amin,
    _ATEN.clamp_min.default: torch.clamp_min,
    _ATEN.masked_fill.Scalar: torch.masked_fill,
    _ATEN.masked_fill_.Scalar: Tensor.masked_fill_,
    _ATEN.div_.Tensor: Tensor.div_,
    _ATEN.clamp_min_.default: Tensor.clamp_min_,
    _ATEN.logical_and_.default: Tensor.logical_and_,
    _ATEN.sum.dim_IntList: torch.sum,
    _ATEN.mean.dim: torch.mean,
    _ATEN.relu.default: torch.relu,
    _ATEN.transpose.int: torch.transpose,
    _ATEN.unsqueeze.default: torch.unsqueeze,
    _ATEN.view.default: Tensor.view,
    _ATEN.expand.default: Tensor.expand,
    _ATEN.native_batch_norm.default: torch.native_batch_norm,
}
"""The same operations by a shorter way into torch."""


def record(work: Callable[..., Result], *example: Any) -> Callable[..., Result]:
    """``work`` as it ran on ``example``. Tensors that ``work`` finds elsewhere stay the same tensors, so the list reads
    and writes them where they are; every other value is kept as it was.

    work: of tensors, or of dictionaries of them. Raises: what ``work`` does when it looks at a tensor's values to
    decide what to do.
    """
    module = make_fx(work)(*example)
    for node in list(module.graph.nodes):
        if node.op == "call_function" and node.target in _UNCHANGED:
            node.replace_all_uses_with(node.args[0])
            module.graph.erase_node(node)
    module.graph.eliminate_dead_code()
    for node in module.graph.nodes:
        if node.op == "call_function":
            node.target = _FUNCTIONS.get(node.target, node.target)
    module.recompile()
    _unwrap(module)
    return module.forward


def recordable(kinds: Iterable[type]) -> bool:
    """Whether every class that adds code to ``kinds`` says ``recordable = True`` itself: a subclass with code of its
    own does not inherit it.

    It promises that a step does the same operations on every batch: it reads nothing of Python that changes, looks at
    no tensor's values, gives no tensor a size that depends on them, draws nothing, and changes nothing but buffers.
    """
    return all(vars(one).get("recordable", not _has_code(one)) for kind in kinds for one in _own(kind))


def _own(kind: type) -> Iterator[type]:
    """The classes of ``kind`` down from the contracts, ``Head``, ``Loss`` and ``Miner``."""
    return takewhile(lambda one: not isabstract(one), kind.__mro__)


def _has_code(kind: type) -> bool:
    return any(isinstance(value, _CODE) for value in vars(kind).values())


def _unwrap(module: fx.GraphModule) -> None:
    """Make its tensors plain attributes, which are found without a search."""
    for held in (module._parameters, module._buffers):
        for name in list(held):
            tensor = held.pop(name)
            module.__dict__[name] = tensor


def same(one: Any, two: Any) -> bool:
    """Whether two results, nested in dictionaries, lists and tuples, are equal to the last bit."""
    ones, twos = (torch.utils._pytree.tree_flatten(result) for result in (one, two))
    return ones[1] == twos[1] and all(map(_same, ones[0], twos[0]))


def _same(one: Any, two: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(two, Tensor):
        return one.dtype == two.dtype and torch.equal(one, two)
    return bool(one == two)
