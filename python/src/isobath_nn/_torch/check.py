"""Compares the outputs of a model with those of its description."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from .._errors import Undescribable
from ..layers import Conv2d, Dense, Flatten, Layer, Pool, Residual
from .untouched import forward, tensor

_SAMPLES = 16
_TOLERANCE = 1e-3
_FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "tanh": torch.tanh, "erf": torch.erf, "relu": F.relu, "elu": F.elu, "selu": F.selu, "softplus": F.softplus,
    "sigmoid": torch.sigmoid, "hard-tanh": F.hardtanh, "gelu": F.gelu, "silu": F.silu, "sine": torch.sin,
    "linear": lambda x: x,
}  # fmt: skip


def compare(
    model: nn.Module,
    layers: Sequence[Layer],
    prepare: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    samples: NDArray[np.float32],
) -> None:
    """Raise `Undescribable` where the layers give other outputs than the model in evaluation, without softmax."""
    few = samples[:_SAMPLES]
    expected = forward(model, tensor(model, few)).float()
    actual = _run(layers, tensor(model, prepare(few)).float())
    if actual.shape != expected.shape:
        raise Undescribable("the layers that torch.fx finds give outputs of another shape than the model")
    if not torch.isfinite(expected).all():
        # Both overflow, which the verdict will tell; there is nothing to compare.
        return
    options = [actual, F.log_softmax(actual, -1), F.softmax(actual, -1)]
    error = min(float((option - expected).abs().max()) for option in options)
    if not error <= _TOLERANCE * max(float(expected.abs().max()), 1e-30):
        raise Undescribable("the layers that torch.fx finds give other outputs than the model, which may have hooks")


def _run(layers: Sequence[Layer], x: torch.Tensor) -> torch.Tensor:
    for layer in layers:
        x = _layer(layer, x)
    return x


def _layer(layer: Layer, x: torch.Tensor) -> torch.Tensor:
    if isinstance(layer, Dense):
        x = x.flatten(1)
        return _activate(layer.activation, F.linear(x, _like(layer.weight, x), _bias(layer, x)))
    if isinstance(layer, Conv2d):
        weight = _like(layer.weight, x)
        side = weight.shape[-1] // 2 if isinstance(layer.padding, str) else layer.padding
        x = F.pad(x, [side] * 4, mode="circular" if layer.padding == "circular" else "constant")
        return _activate(layer.activation, F.conv2d(x, weight, _bias(layer, x), layer.stride))
    if isinstance(layer, Pool):
        if layer.kernel == "global":
            return x.mean((2, 3), keepdim=True) if layer.kind == "average" else x.amax((2, 3), keepdim=True)
        pool = F.max_pool2d if layer.kind == "max" else F.avg_pool2d
        return pool(x, layer.kernel, layer.stride, layer.padding, ceil_mode=layer.ceil)
    if isinstance(layer, Flatten):
        return x.flatten(1)
    assert isinstance(layer, Residual)
    y = x + _run(layer.branch, _activate(layer.before or "linear", x))
    return _activate(layer.after or "linear", y)


def _activate(name: str, x: torch.Tensor) -> torch.Tensor:
    base, _, slope = name.partition(":")
    if base == "leaky-relu":
        return F.leaky_relu(x, float(slope or 0.01))
    return _FUNCTIONS[name](x)


def _like(values: object, x: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(values).to(x.device, x.dtype)


def _bias(layer: Dense | Conv2d, x: torch.Tensor) -> torch.Tensor | None:
    return None if layer.bias is None else _like(layer.bias, x)
