"""Runs a model without leaving a trace in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .._errors import Error


@contextlib.contextmanager
def untouched(model: torch.nn.Module) -> Iterator[None]:
    """Restore buffers, modes and random numbers afterwards; no gradients are recorded."""
    modes = [(module, module.training) for module in model.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    fast = torch.backends.mha.get_fastpath_enabled()
    # The fast path of transformers computes without calling the modules.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=_devices(model)):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)
        for module, mode in modes:
            module.training = mode


def _devices(model: torch.nn.Module) -> list[int]:
    found = {parameter.device for parameter in model.parameters() if parameter.device.type == "cuda"}
    return sorted(device.index or 0 for device in found)


def tensor(model: torch.nn.Module, samples: NDArray[Any]) -> torch.Tensor:
    """Samples as the model takes them: on its device, and real numbers in its precision."""
    values = torch.from_numpy(np.ascontiguousarray(samples))
    first = next((parameter for parameter in model.parameters() if parameter.is_floating_point()), None)
    if first is None:
        return values
    return values.to(first.device, first.dtype) if values.is_floating_point() else values.to(first.device)


def forward(model: torch.nn.Module, samples: torch.Tensor) -> Any:
    """Return what the model gives.

    Raises `Error` with the model's own error.
    """
    try:
        return model(samples)
    except Exception as error:
        raise Error(
            f"the model fails on samples of shape {list(samples.shape)}: {type(error).__name__}: {error}"
        ) from error
