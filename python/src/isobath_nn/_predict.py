"""Hands a network to the program and reads its answer."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _data, _optimizer, _safetensors, _toml
from ._errors import Error, Undescribable
from ._executable import call
from .activations import Activations
from .layers import Dense, Description, Layer, describe
from .verdict import Verdict, of_activations, of_prediction

LOSSES = ("cross-entropy", "mse", "double-softmax")
_LEAST_DUMPED = 16


def predict(
    model: Any,
    batch: Any,
    *,
    optimizer: Any = "adam",
    lr: float | None = None,
    steps: int = 2000,
    batch_size: int = 64,
    loss: str = "cross-entropy",
    alternatives: bool = True,
    search_seconds: int = 60,
    report: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Verdict:
    """Tell whether a network will train, why not, and what to change.

    `model` is a PyTorch module, a list of `Dense`, `Conv2d`, `Pool`, `Flatten` and `Residual` with NumPy arrays, or the
    `Activations` of a network of any framework.
    `batch` is `(x, y)`: samples `[n, ...]`, at least 17, better 640 or more, and labels 0 to classes - 1; or a data loader.
    Without labels, only the activations of the batch are inspected, and there is no probability.
    `optimizer` is "sgd", "rmsprop", "adagrad" or "adam", a dict such as `{"kind": "sgd", "momentum": 0.9}`, or an optimiser
    of PyTorch; `lr` its learning rate, by default its own, or 0.001 (sgd: 0.01).
    `steps` counts the minibatches, of `batch_size` samples, of the whole training.
    `loss` is "cross-entropy", "mse" or "double-softmax" (cross-entropy of a softmax of the outputs' softmax).
    Other networks are looked for unless `alternatives` is False, for at most `search_seconds`.
    `report` is the path of a page in HTML to write.

    Raises `Error` that says what was wrong and what to do. The model is not changed.
    """
    _check_numbers(steps, batch_size, lr, loss)
    settings, optimizer_notes = _optimizer.table(optimizer, lr)
    subject = _subject(model, batch, loss)
    if isinstance(subject, _Dump):
        return subject.verdict(report, progress)
    with tempfile.TemporaryDirectory(prefix="isobath-") as folder:
        place = Path(folder)
        data, trained, notes = _data.write(place / "batch.npz", subject.x, subject.y, subject.description.outputs)
        notes = subject.notes + optimizer_notes + notes
        if trained < batch_size:
            notes.append(f"minibatches of {trained} samples, since there are no more training samples")
        size = min(batch_size, trained)
        train = {
            "optimizer": settings, "loss": loss, "batch": size, "epochs": -(-steps // -(-trained // size)),
            "max_steps": steps,
        }  # fmt: skip
        # The initialisation is never drawn, since all parameters are given.
        network = {"kind": "layers", "init": "pytorch", "layers": subject.description.entries}
        activation = _first_activation(subject.description.entries)
        if activation is not None:
            network["activation"] = activation
        file, weights = place / "network.toml", place / "weights.safetensors"
        file.write_text(_toml.document({"data": data, "network": network, "train": train}), encoding="utf-8")
        _safetensors.write(weights, subject.description.parameters)
        arguments: list[str | os.PathLike[str]] = ["predict", file, "--weights", weights, "--json", "--offline"]
        arguments += ["--search-seconds", str(search_seconds)] if alternatives else ["--no-alternatives"]
        if report is not None:
            arguments += ["--report", Path(report).absolute()]
        return of_prediction(json.loads(_call(arguments, progress, folder)), notes)


def _call(arguments: Sequence[str | os.PathLike[str]], progress: bool, folder: str) -> str:
    """Run the program; its messages must not name temporary files, which are gone when they are read."""
    try:
        return call(arguments, progress)
    except Error as error:
        raise Error(str(error).replace(folder + os.sep, ""), error.code) from None


class _Described:
    """A described network with labelled samples."""

    def __init__(self, description: Description, x: NDArray[np.float32], y: NDArray[np.int64], notes: list[str]) -> None:
        self.description = description
        self.x = x
        self.y = y
        self.notes = notes


class _Dump:
    """Activations of a network that is not described."""

    def __init__(self, x: NDArray[np.float32], layers: dict[str, NDArray[np.float32]], notes: list[str]) -> None:
        self.x = x
        self.layers = layers
        self.notes = notes

    def verdict(self, report: str | os.PathLike[str] | None, progress: bool) -> Verdict:
        """Hand the activations over."""
        notes = list(self.notes)
        if report is not None:
            notes.append("no report was written, since there is none for activations")
        names = list(self.layers)
        arrays = {f"layer{number:06}": layer for number, layer in enumerate(self.layers.values())}
        with tempfile.TemporaryDirectory(prefix="isobath-") as folder:
            path = Path(folder) / "activations.safetensors"
            _safetensors.write(path, {"input": self.x, **arrays})
            text = _call(["predict", "--activations", path, "--json"], progress, folder)
        return of_activations(json.loads(text), names, notes)


def _subject(model: Any, batch: Any, loss: str) -> _Described | _Dump:
    x, y = _data.split_batch(batch)
    if _is_torch(model):
        return _of_torch(model, x, y, loss)
    samples = _data.check_samples(_data.array(x))
    if isinstance(model, Activations):
        return _of_activations(model, samples)
    if not isinstance(model, Sequence) or isinstance(model, str):
        raise Error(
            f"the model is {type(model).__name__}; give a PyTorch module, a list of layers such as "
            'isobath.Dense(weight, bias, "relu"), or isobath.Activations'
        )
    description = describe(model)
    if y is None:
        raise Error("a list of layers needs labels for a verdict: predict(layers, (x, y))")
    labels = _data.check_labels(_data.array(y), len(samples), description.outputs)
    return _Described(description, samples, labels, [])


def _of_activations(model: Activations, samples: NDArray[np.float32]) -> _Dump:
    layers = {name: _data.array(values).astype(np.float32) for name, values in model.layers.items()}
    for name, layer in layers.items():
        if layer.ndim < 2 or len(layer) != len(samples):
            raise Error(
                f"the activations of `{name}` have shape {list(layer.shape)}; there are {len(samples)} samples, so give "
                f"[{len(samples)}, units] or [{len(samples)}, channels, height, width]"
            )
    return _Dump(samples, layers, ["activations were given, so layers, gradients and training are not known"])


def _of_torch(model: Any, x: Any, y: Any | None, loss: str) -> _Described | _Dump:
    # The only import of PyTorch, which is there if the model is one of its modules.
    from ._torch import activations, trace

    samples = _data.array(x)
    integers = samples.dtype.kind in "iu"
    checked = _data.check_samples(samples) if samples.ndim > 1 else samples.astype(np.float32)
    reason = "the batch has no labels, so the training is not known: pass (x, y)"
    if y is not None and not integers:
        try:
            traced = trace.describe(model, checked, loss)
            return _of_traced(traced.layers, traced.prepare(checked), y, traced.notes)
        except Undescribable as undescribable:
            reason = str(undescribable)
    elif y is not None:
        reason = "the samples are whole numbers, such as tokens, which the program does not train on"
    if len(samples) < _LEAST_DUMPED:
        raise Error(f"the batch has {len(samples)} samples; give at least {_LEAST_DUMPED}, better 640 or more")
    layers, notes, used = activations.dump(model, samples)
    notes = [f"only activations were measured: {reason}", *notes]
    values = checked[:used].reshape(used, -1)
    if integers and len(layers) > 2:
        # Numbers of tokens have no scale; their embedding is what the layers get.
        name = next(iter(layers))
        values = layers.pop(name).reshape(used, -1)
        notes.append(f"the output of `{name}` is taken for the input, since the samples are whole numbers")
    return _Dump(values, layers, notes)


def _of_traced(layers: list[Layer], x: NDArray[np.float32], y: Any, notes: list[str]) -> _Described:
    if not layers or not isinstance(layers[-1], Dense):
        raise Undescribable("the last layer is not dense")
    labels = _data.array(y)
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.trunc(labels)):
        raise Undescribable("the labels are targets of a regression, and a probability is known for classes only")
    description = describe(layers)
    return _Described(description, x, _data.check_labels(labels, len(x), description.outputs), notes)


def _is_torch(model: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def _first_activation(entries: Sequence[dict[str, Any]]) -> str | None:
    """Return the first activation that is not linear, which alternatives are chosen by."""
    for entry in entries:
        inner = _first_activation(entry["residual"]) if "residual" in entry else None
        for name in (entry.get("before"), entry.get("activation"), inner, entry.get("after")):
            if name is not None and name != "linear":
                return str(name)
    return None


def _check_numbers(steps: int, batch_size: int, lr: float | None, loss: str) -> None:
    for name, number in [("steps", steps), ("batch_size", batch_size)]:
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1:
            raise Error(f"{name} must be a whole number of 1 or more, and is {number!r}")
    if lr is not None and not (np.isfinite(lr) and lr > 0):
        raise Error(f"lr must be a positive number, and is {lr!r}")
    if loss not in LOSSES:
        raise Error(f"unknown loss `{loss}`; use one of {', '.join(LOSSES)}")
