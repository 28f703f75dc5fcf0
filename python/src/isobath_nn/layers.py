"""Layers with their parameters, as NumPy arrays in PyTorch's layout.

A network is a list of them, the first layer first: its last layer is the readout, with one output for each class.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._errors import Error

ACTIVATIONS = (
    "tanh", "erf", "relu", "leaky-relu", "elu", "selu", "softplus", "sigmoid", "hard-tanh", "gelu", "silu", "sine",
    "linear",
)  # fmt: skip
"""Activations; `leaky-relu:0.2` has a slope of its own."""


@dataclasses.dataclass(eq=False)
class Dense:
    """A dense layer `activation(weight @ x + bias)`: `weight` is `[outputs, inputs]`, `bias` `[outputs]` or None."""

    weight: ArrayLike
    bias: ArrayLike | None = None
    activation: str = "linear"


@dataclasses.dataclass(eq=False)
class Conv2d:
    """A convolution: `weight` is `[outputs, inputs, kernel, kernel]`, `bias` `[outputs]` or None.

    `padding` is a number of pixels of zeros, "same", or "circular" (the image continued periodically).
    """

    weight: ArrayLike
    bias: ArrayLike | None = None
    activation: str = "linear"
    stride: int = 1
    padding: int | Literal["same", "circular"] = 0


@dataclasses.dataclass(eq=False)
class Pool:
    """Pooling, "max" or "average", over windows of `kernel` pixels, or over the whole image by "global"."""

    kind: Literal["max", "average"] = "max"
    kernel: int | Literal["global"] = 2
    stride: int | None = None
    padding: int = 0
    ceil: bool = False


@dataclasses.dataclass(eq=False)
class Flatten:
    """The image as a vector, in the order channel, row, column."""


@dataclasses.dataclass(eq=False)
class Residual:
    """A residual block `after(x + branch(before(x)))`."""

    branch: Sequence[Layer]
    before: str | None = None
    after: str | None = None


Layer = Dense | Conv2d | Pool | Flatten | Residual


@dataclasses.dataclass
class Description:
    """A network as the program reads it: entries of a list of layers, and parameters by name."""

    entries: list[dict[str, Any]]
    parameters: dict[str, NDArray[np.float32]]

    @property
    def outputs(self) -> int:
        """Outputs of the readout."""
        return int(self.entries[-1].get("dense", 0))


def describe(layers: Sequence[Layer]) -> Description:
    """Describe a list of layers.

    Raises `Error` that names the layer, counted from 1, and what is wrong with it.
    """
    description = Description([], {})
    for number, layer in enumerate(layers, 1):
        description.entries.append(_entry(layer, f"layer {number}", description.parameters))
    if not description.entries or "dense" not in description.entries[-1]:
        raise Error("the last layer must be dense, with one output for each class; add it to the list of layers")
    return description


def _entry(layer: Layer, place: str, parameters: dict[str, NDArray[np.float32]]) -> dict[str, Any]:
    if isinstance(layer, Dense):
        return _weighted(layer, "dense", 2, place, parameters)
    if isinstance(layer, Conv2d):
        entry = _weighted(layer, "conv", 4, place, parameters)
        weight = np.shape(layer.weight)
        if weight[2] != weight[3]:
            raise Error(f"{place}: kernels must be square, and this one is {weight[2]} x {weight[3]}")
        return entry | {"kernel": weight[2], "stride": layer.stride, "padding": layer.padding}
    if isinstance(layer, Pool):
        if layer.kernel == "global":
            return {"pool": layer.kind, "kernel": "global"}
        stride = layer.kernel if layer.stride is None else layer.stride
        entry = {"pool": layer.kind, "kernel": layer.kernel, "stride": stride, "padding": layer.padding}
        return entry | ({"ceil": True} if layer.ceil else {})
    if isinstance(layer, Flatten):
        return {"flatten": True}
    if isinstance(layer, Residual):
        branch = [
            _entry(inner, f"{place}, branch layer {number}", parameters) for number, inner in enumerate(layer.branch, 1)
        ]
        entry = {"residual": branch}
        for key, activation in [("before", layer.before), ("after", layer.after)]:
            if activation is not None:
                entry[key] = _activation(activation, place)
        return entry
    raise Error(
        f"{place} is {type(layer).__name__}; use isobath.Dense, Conv2d, Pool, Flatten or Residual, or pass a PyTorch module"
    )


def _weighted(
    layer: Dense | Conv2d, kind: str, dims: int, place: str, parameters: dict[str, NDArray[np.float32]]
) -> dict[str, Any]:
    weight = _array(layer.weight, f"{place}: weight")
    layout = "[outputs, inputs]" if dims == 2 else "[outputs, inputs, kernel, kernel]"
    if weight.ndim != dims or 0 in weight.shape:
        raise Error(f"{place}: weight has shape {list(weight.shape)}; it must be {layout}, as PyTorch has it")
    # Names differ in their number only, which is that of the layer with weights.
    name = f"layer{sum(key.endswith('weight') for key in parameters)}"
    entry: dict[str, Any] = {kind: weight.shape[0], "activation": _activation(layer.activation, place)}
    if layer.bias is None:
        entry["bias"] = False
        # The program has dense layers without biases as convolutions of single pixels.
        weight = weight.reshape([*weight.shape, 1, 1]) if dims == 2 else weight
        parameters[f"{name}.weight"] = weight
        return entry
    bias = _array(layer.bias, f"{place}: bias")
    if bias.shape != weight.shape[:1]:
        raise Error(f"{place}: bias has shape {list(bias.shape)}, and the layer {weight.shape[0]} outputs")
    parameters[f"{name}.weight"] = weight
    parameters[f"{name}.bias"] = bias
    return entry


def _array(values: ArrayLike, what: str) -> NDArray[np.float32]:
    try:
        with np.errstate(over="ignore"):
            array = np.asarray(values).astype(np.float32)
    except (TypeError, ValueError) as error:
        raise Error(f"{what} must be an array of numbers: {error}") from error
    if not np.isfinite(array).all():
        index = [int(i) for i in np.argwhere(~np.isfinite(array))[0]]
        raise Error(f"{what} has {array[tuple(index)]} at {index}; parameters must be finite in f32")
    return array


def _activation(name: str, place: str) -> str:
    if name.split(":")[0] not in ACTIVATIONS:
        raise Error(f"{place}: unknown activation `{name}`; use one of {', '.join(ACTIVATIONS)}")
    return name
