"""Modules, functions and methods of PyTorch as steps of a network."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from .._errors import Undescribable
from ..layers import Conv2d, Dense, Flatten, Pool, Residual


@dataclasses.dataclass
class Activation:
    """A function of each number."""

    name: str


@dataclasses.dataclass
class Affine:
    """A batch normalisation in evaluation: `scale * x + shift` for each channel."""

    scale: torch.Tensor
    shift: torch.Tensor


@dataclasses.dataclass
class Softmax:
    """Softmax, or its logarithm, of the outputs."""

    name: str


@dataclasses.dataclass
class Nothing:
    """A step that changes nothing, or that is left out for the reason in `note`."""

    note: str | None = None


Step = Activation | Affine | Softmax | Nothing | Dense | Conv2d | Pool | Flatten | Residual

_GELU_NOTE = "the tanh approximation of gelu is taken for gelu"


def module_step(module: nn.Module, name: str, x: torch.Tensor, y: torch.Tensor) -> Step:
    """Return the step of a leaf module with input `x` and output `y`.

    Raises `Undescribable` for all others.
    """
    # Classes that inherit from those of PyTorch may compute something else.
    kind = type(module)
    if kind is nn.Linear:
        return linear(module.weight, module.bias, name, x)
    if kind is nn.Conv2d:
        return convolution(
            module.weight, module.bias, module.stride, module.padding, module.dilation, module.groups,
            module.padding_mode, name, x,
        )  # fmt: skip
    if kind in (nn.BatchNorm1d, nn.BatchNorm2d):
        return _batch_norm(module, name)
    if kind in (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout):
        return dropout(module.p if module.training else 0.0, name)
    if kind is nn.Identity:
        return Nothing()
    if kind is nn.Flatten:
        return reshape(x, y, name)
    if kind in (nn.Softmax, nn.LogSoftmax):
        return Softmax(kind.__name__)
    if kind in (nn.MaxPool2d, nn.AvgPool2d):
        options = {key: getattr(module, key) for key in _POOL_OPTIONS if hasattr(module, key)}
        return pool("max" if kind is nn.MaxPool2d else "average", options, name)
    if kind in (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d):
        return adaptive_pool("max" if kind is nn.AdaptiveMaxPool2d else "average", name, x, y)
    options = {key: getattr(module, key) for key in _ACTIVATION_OPTIONS if hasattr(module, key)}
    activation = _MODULES.get(kind)
    if activation is None:
        raise Undescribable(f"`{name}` is a {kind.__name__}, which cannot be described")
    return _activation(activation, options, name)


def function_step(target: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], y: torch.Tensor) -> Step:
    """Return the step of a function or method with its arguments, the tensors among them as values.

    Raises `Undescribable` for all others.
    """
    x = args[0] if args else kwargs.get("input")
    called = target if isinstance(target, str) else getattr(target, "__name__", str(target))
    if not isinstance(x, torch.Tensor):
        raise Undescribable(f"`{called}` cannot be described")
    for names, keys, step in _FUNCTIONS:
        if any(target is known for known in names):
            return step(name, dict(zip(keys, args[1:], strict=False)) | kwargs, x, y)
    raise Undescribable(f"the function `{called}` cannot be described")


def linear(weight: torch.Tensor, bias: torch.Tensor | None, name: str, x: torch.Tensor) -> Dense:
    """Return a dense layer."""
    if x.ndim != 2:
        raise Undescribable(f"`{name}` is applied to an array of shape {list(x.shape)}, and not to vectors")
    return Dense(weight.detach(), None if bias is None else bias.detach())


def convolution(
    weight: torch.Tensor, bias: torch.Tensor | None, stride: Any, padding: Any, dilation: Any, groups: int, mode: str,
    name: str, x: torch.Tensor,
) -> Conv2d:  # fmt: skip
    """Return a convolution of images."""
    if x.ndim != 4:
        raise Undescribable(f"`{name}` is applied to an array of shape {list(x.shape)}, and not to images")
    rows, columns = weight.shape[2:]
    if rows != columns or _single(stride) is None or _single(dilation) != 1 or groups != 1:
        raise Undescribable(f"`{name}` is a convolution that is not square, or dilated, or grouped")
    half = rows // 2 if rows % 2 else None
    pixels = {"valid": 0, "same": half}.get(padding) if isinstance(padding, str) else _single(padding)
    if pixels is None or mode not in ("zeros", "circular") or (mode == "circular" and pixels not in (0, half)):
        raise Undescribable(f"`{name}` is a convolution with a padding that cannot be described")
    side: Any = "circular" if mode == "circular" and pixels else pixels
    stride = _single(stride)
    assert stride is not None
    return Conv2d(weight.detach(), None if bias is None else bias.detach(), stride=stride, padding=side)


def _batch_norm(module: Any, name: str) -> Affine:
    if module.training or module.running_mean is None:
        raise Undescribable(f"`{name}` normalises by each minibatch, which cannot be described")
    scale = (module.running_var.detach().double() + module.eps).rsqrt()
    shift = -module.running_mean.detach().double() * scale
    if module.weight is not None:
        scale, shift = scale * module.weight.detach(), shift * module.weight.detach() + module.bias.detach()
    return Affine(scale, shift)


def dropout(p: float, name: str) -> Nothing:
    """Leave dropout out."""
    return Nothing(f"dropout is left out (`{name}`, p = {p})" if p > 0 else None)


def reshape(x: torch.Tensor, y: torch.Tensor, name: str) -> Step:
    """Return a flattening, or nothing where the shape stays."""
    if x.shape == y.shape:
        return Nothing()
    if y.ndim == 2 and len(y) == len(x):
        return Flatten()
    raise Undescribable(f"`{name}` reshapes {list(x.shape)} to {list(y.shape)}, and not to vectors")


_POOL_OPTIONS = (
    "kernel_size", "stride", "padding", "dilation", "ceil_mode", "count_include_pad", "divisor_override", "return_indices",
)  # fmt: skip


def pool(kind: Any, options: dict[str, Any], name: str) -> Pool:
    """Return pooling over windows."""
    kernel = _single(options["kernel_size"])
    stride = kernel if options.get("stride") is None else _single(options["stride"])
    padding, dilation = _single(options.get("padding", 0)), _single(options.get("dilation", 1))
    if None in (kernel, stride, padding) or dilation != 1 or options.get("return_indices"):
        raise Undescribable(f"`{name}` is pooling that is not square, or dilated")
    if kind == "average" and (padding or options.get("ceil_mode") or options.get("divisor_override")):
        raise Undescribable(f"`{name}` is average pooling beyond the border, or with a divisor of its own")
    assert kernel is not None and padding is not None
    return Pool(kind, kernel, stride, padding, bool(options.get("ceil_mode")))


def adaptive_pool(kind: Any, name: str, x: torch.Tensor, y: torch.Tensor) -> Step:
    """Return pooling to a given size."""
    rows, columns = x.shape[2:]
    if tuple(y.shape[2:]) == (1, 1):
        return Pool(kind, "global")
    if x.shape == y.shape:
        return Nothing()
    factor = rows // y.shape[2]
    if (factor * y.shape[2], factor * y.shape[3]) == (rows, columns):
        return Pool(kind, factor)
    raise Undescribable(f"`{name}` pools windows of different sizes")


def _single(value: Any) -> int | None:
    """Return the one number of a setting for rows and columns."""
    values = value if isinstance(value, tuple | list) else (value,)
    return int(values[0]) if len(set(values)) == 1 and not isinstance(values[0], str) else None


_ACTIVATION_OPTIONS = ("negative_slope", "alpha", "beta", "threshold", "min_val", "max_val", "approximate")
_MODULES: dict[type[nn.Module], str] = {
    nn.ReLU: "relu", nn.LeakyReLU: "leaky-relu", nn.Tanh: "tanh", nn.ELU: "elu", nn.SELU: "selu",
    nn.Softplus: "softplus", nn.Sigmoid: "sigmoid", nn.Hardtanh: "hard-tanh", nn.GELU: "gelu", nn.SiLU: "silu",
}  # fmt: skip


def _activation(name: str, options: dict[str, Any], place: str) -> Activation:
    """Return an activation with its settings."""
    if name == "leaky-relu":
        return Activation(f"leaky-relu:{float(options.get('negative_slope', 0.01))!r}")
    is_known = {
        "elu": options.get("alpha", 1.0) == 1.0,
        "softplus": options.get("beta", 1.0) == 1.0 and options.get("threshold", 20.0) >= 20.0,
        "hard-tanh": (options.get("min_val", -1.0), options.get("max_val", 1.0)) == (-1.0, 1.0),
        "gelu": options.get("approximate", "none") == "none",
    }
    if not is_known.get(name, True):
        raise Undescribable(f"`{place}` is {name} with other settings than the default")
    return Activation(name)


_Handler = Callable[[str, dict[str, Any], torch.Tensor, torch.Tensor], Step]


def _function(name: str) -> _Handler:
    return lambda place, options, x, y: _activation(name, options, place)


def _pool(kind: str) -> _Handler:
    return lambda place, options, x, y: pool(kind, options, place)


def _mean(place: str, options: dict[str, Any], x: torch.Tensor, y: torch.Tensor) -> Step:
    dims = options.get("dim")
    dims = sorted(d % x.ndim for d in dims) if isinstance(dims, tuple | list) else dims
    if x.ndim == 4 and dims == [2, 3]:
        return Pool("average", "global")
    raise Undescribable(f"`{place}` is a mean over other dimensions than those of images")


def _convolution(place: str, options: dict[str, Any], x: torch.Tensor, y: torch.Tensor) -> Step:
    settings = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": None} | options
    stride, padding, dilation, groups = (settings[key] for key in ("stride", "padding", "dilation", "groups"))
    return convolution(settings["weight"], settings["bias"], stride, padding, dilation, groups, "zeros", place, x)


_SLOPE, _POOL = ("negative_slope",), ("kernel_size", "stride", "padding")
_FUNCTIONS: list[tuple[tuple[Any, ...], tuple[str, ...], _Handler]] = [
    ((F.relu, torch.relu, torch.relu_, F.relu_, "relu", "relu_"), (), _function("relu")),
    ((F.leaky_relu, F.leaky_relu_), _SLOPE, _function("leaky-relu")),
    ((F.tanh, torch.tanh, "tanh", "tanh_"), (), _function("tanh")),
    ((F.sigmoid, torch.sigmoid, "sigmoid", "sigmoid_"), (), _function("sigmoid")),
    ((F.elu,), ("alpha",), _function("elu")),
    ((F.selu, torch.selu), (), _function("selu")),
    ((F.softplus,), ("beta", "threshold"), _function("softplus")),
    ((F.hardtanh,), ("min_val", "max_val"), _function("hard-tanh")),
    ((F.gelu,), ("approximate",), _function("gelu")),
    ((F.silu,), (), _function("silu")),
    ((torch.sin, "sin"), (), _function("sine")),
    ((torch.erf, "erf"), (), _function("erf")),
    ((F.softmax, torch.softmax, "softmax"), (), lambda *_: Softmax("softmax")),
    ((F.log_softmax, torch.log_softmax, "log_softmax"), (), lambda *_: Softmax("log_softmax")),
    (
        (F.dropout, F.dropout2d), ("p", "training"),
        lambda place, options, x, y: dropout(options.get("p", 0.5) if options.get("training", True) else 0.0, place),
    ),
    (
        (torch.flatten, torch.reshape, "flatten", "view", "reshape", "squeeze", torch.squeeze), (),
        lambda place, options, x, y: reshape(x, y, place),
    ),
    (("contiguous", "clone"), (), lambda *_: Nothing()),
    ((F.max_pool2d, torch.max_pool2d), (*_POOL, "dilation", "ceil_mode", "return_indices"), _pool("max")),
    ((F.avg_pool2d,), (*_POOL, "ceil_mode", "count_include_pad", "divisor_override"), _pool("average")),
    ((F.adaptive_avg_pool2d,), (), lambda place, options, x, y: adaptive_pool("average", place, x, y)),
    ((F.adaptive_max_pool2d,), (), lambda place, options, x, y: adaptive_pool("max", place, x, y)),
    ((torch.mean, "mean"), ("dim", "keepdim"), _mean),
    (
        (F.linear,), ("weight", "bias"),
        lambda place, options, x, y: linear(options["weight"], options.get("bias"), place, x),
    ),
    ((F.conv2d, torch.conv2d), ("weight", "bias", "stride", "padding", "dilation", "groups"), _convolution),
]  # fmt: skip

ADDITIONS = (operator.add, operator.iadd, torch.add, "add", "add_")
"""Sums, which end residual blocks."""
ARITHMETIC = (
    operator.add, operator.sub, operator.mul, operator.truediv, torch.add, torch.sub, torch.mul, torch.div, "add", "sub",
    "mul", "div",
)  # fmt: skip
"""Functions of the samples and a number, which may come before the first layer."""


def fold(layer: Dense | Conv2d, affine: Affine) -> Dense | Conv2d:
    """Return a layer with the batch normalisation after it."""
    weight = torch.as_tensor(layer.weight).double()
    bias = 0.0 if layer.bias is None else torch.as_tensor(layer.bias).double()
    scale = affine.scale.reshape([-1] + [1] * (weight.ndim - 1))
    return dataclasses.replace(layer, weight=weight * scale, bias=affine.scale * bias + affine.shift)


MONOTONE = ("relu", "leaky-relu", "tanh", "sigmoid", "elu", "selu", "softplus", "hard-tanh", "erf")
"""Activations that commute with the largest number of a window."""


def is_monotone(name: str) -> bool:
    """Tell whether larger numbers give larger, or equal, ones."""
    base, _, slope = name.partition(":")
    return base in MONOTONE and (not slope or (math.isfinite(float(slope)) and float(slope) >= 0))
