"""Activations of a batch in each module and activation function of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.overrides import TorchFunctionMode

from .._errors import Error
from .untouched import forward, tensor, untouched

_LEAST, _MOST = 16, 256
_MOST_NUMBERS = 1 << 27
_UNCHANGED = (nn.Identity, nn.Flatten, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
_FUNCTIONS = {
    "relu", "relu_", "leaky_relu", "leaky_relu_", "tanh", "sigmoid", "elu", "selu", "celu", "gelu", "silu", "mish",
    "softplus", "hardtanh", "hardswish", "relu6", "softmax", "sin", "erf", "add", "add_", "__add__", "__iadd__",
}  # fmt: skip


def dump(model: nn.Module, samples: NDArray[Any]) -> tuple[dict[str, NDArray[np.float32]], list[str], int]:
    """Activations by module or function, in the order of their computation, the output last; notes; number of samples.

    Raises `Error` where the model fails on the samples.
    """
    with untouched(model):
        layers, skipped, output = _run(model, samples[:_LEAST])
        numbers = max(sum(layer.size for layer in layers.values()) // _LEAST, 1)
        used = min(len(samples), _MOST, max(_LEAST, _MOST_NUMBERS // numbers))
        if used > _LEAST:
            layers, skipped, output = _run(model, samples[:used])
    if len(layers) < 2:
        raise Error("the model has fewer than two layers whose activations can be read; a verdict needs two or more")
    notes: list[str] = [f"activations of {used} of {len(samples)} samples"] if used < len(samples) else []
    if skipped:
        notes.append(f"outputs without one row for each sample are left out: {', '.join(sorted(skipped))}")
    if not output:
        notes.append("the output is no array; the last layer is taken for it")
    return layers, notes, used


def _run(model: nn.Module, samples: NDArray[Any]) -> tuple[dict[str, NDArray[np.float32]], set[str], bool]:
    recorder = _Recorder(len(samples))
    handles = []
    for name, module in model.named_modules():
        is_leaf = isinstance(module, nn.MultiheadAttention) or not any(module.children())
        if is_leaf and not isinstance(module, _UNCHANGED) and module is not model:
            handles.append(module.register_forward_pre_hook(recorder.enter))
            handles.append(module.register_forward_hook(recorder.leave(name)))
    try:
        with recorder:
            output = forward(model, tensor(model, samples))
    finally:
        for handle in handles:
            handle.remove()
    result = _first_tensor(output)
    if result is not None and result.is_floating_point():
        result = result[:, None] if result.ndim == 1 else result
        recorder.keep("output", result, False)
    return recorder.layers, recorder.skipped, result is not None


class _Recorder(TorchFunctionMode):
    """Keeps outputs of modules, and of activation functions and sums outside of them."""

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.samples = samples
        self.layers: dict[str, NDArray[np.float32]] = {}
        self.skipped: set[str] = set()
        self.depth = 0
        self.last: torch.Tensor | None = None

    def enter(self, module: nn.Module, inputs: Any) -> None:
        self.depth += 1

    def leave(self, name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            self.depth -= 1
            found = _first_tensor(output)
            if found is not None:
                self.keep(name, found, type(module).__name__.endswith("1d"))

        return hook

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if self.depth == 0 and name in _FUNCTIONS and isinstance(result, torch.Tensor):
            self.keep(name.strip("_"), result, False)
        return result

    def keep(self, name: str, values: torch.Tensor, has_channels_first: bool) -> None:
        """Keep values `[n, ...]`; sequences are `[n, steps, units]`, but behind one-dimensional convolutions."""
        with torch._C.DisableTorchFunction():
            if values is self.last or not values.is_floating_point():
                return
            if values.ndim < 2 or len(values) != self.samples or values.numel() == 0:
                self.skipped.add(f"`{name}`")
                return
            self.last = values
            if values.ndim == 3 and not has_channels_first:
                values = values.transpose(1, 2)
            key, count = name, 1
            while key in self.layers:
                count += 1
                key = f"{name} ({count})"
            # A copy, since the next function may work in place.
            self.layers[key] = np.array(values.detach().cpu().float().numpy(), order="C")


def _first_tensor(output: Any) -> torch.Tensor | None:
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, dict):
        output = list(output.values())
    if isinstance(output, tuple | list):
        return next((found for found in map(_first_tensor, output) if found is not None), None)
    logits = getattr(output, "logits", None)
    return logits if isinstance(logits, torch.Tensor) else None
