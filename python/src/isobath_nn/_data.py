"""Samples and labels as arrays, and their split into training and held-out samples."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._errors import Error

_MOST_CLASSES = 256
_LEAST_KIND = 8
LEAST_LABELLED = 2 * _LEAST_KIND + 1
"""Fewest labelled samples: 8 to train, 8 held out, and one more that is held out to evaluate a training."""
_MOST_PROBE = 128
_FEW = 640
MOST_FROM_LOADER = 4096
"""Most samples that are taken from a data loader."""


def array(values: Any) -> NDArray[Any]:
    """Return an array of NumPy for an array of any framework."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        if values.is_floating_point():
            values = values.float()
        values = values.numpy()
    return np.asarray(values)


def split_batch(batch: Any) -> tuple[Any, Any | None]:
    """Samples and labels of a batch: `x`, `(x, y)`, or a data loader that gives such batches."""
    if isinstance(batch, tuple | list):
        if len(batch) == 2:
            return batch[0], batch[1]
        if len(batch) == 1:
            return batch[0], None
        raise Error(f"the batch has {len(batch)} parts; give samples, or samples and labels: (x, y)")
    if hasattr(batch, "shape"):
        return batch, None
    if isinstance(batch, dict):
        raise Error("the batch is a dict; give samples, or samples and labels: (x, y)")
    if isinstance(batch, Iterable):
        return _gather(batch)
    raise Error(f"the batch is {type(batch).__name__}; give samples, or samples and labels: (x, y)")


def _gather(loader: Iterable[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    samples: list[NDArray[Any]] = []
    labels: list[NDArray[Any]] = []
    for part in loader:
        x, y = split_batch(part)
        samples.append(array(x))
        if y is not None:
            labels.append(array(y))
        if sum(map(len, samples)) >= MOST_FROM_LOADER:
            break
    if not samples:
        raise Error("the data loader gives no batch")
    x = np.concatenate(samples)
    return x, np.concatenate(labels) if labels else None


def check_samples(x: NDArray[Any]) -> NDArray[np.float32]:
    """Return samples `[n, ...]` in f32.

    Raises `Error` for other arrays, and for numbers that are not finite.
    """
    if x.ndim < 2 or x.size == 0:
        raise Error(f"the samples have shape {list(x.shape)}; give one row for each sample, [n, ...]")
    if x.dtype.kind not in "fiub":
        raise Error(f"the samples are of type {x.dtype}; give real numbers")
    with np.errstate(over="ignore"):
        x = x.astype(np.float32)
    bad = ~np.isfinite(x).reshape(len(x), -1).all(axis=1)
    if bad.any():
        sample = int(np.argmax(bad))
        found = x[sample][~np.isfinite(x[sample])][0]
        raise Error(
            f"the batch has {found} in sample {sample}; all numbers must be finite in f32; replace it or remove the sample"
        )
    return x


def check_labels(y: NDArray[Any], samples: int, outputs: int) -> NDArray[np.int64]:
    """Return labels as class indices below `outputs`.

    Raises `Error` that says what they are instead.
    """
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.shape != (samples,):
        advice = "; convert one-hot labels by y.argmax(axis=1)" if y.ndim == 2 else ""
        raise Error(f"the labels have shape {list(y.shape)}, and there are {samples} samples{advice}")
    if y.dtype.kind not in "fiub" or not np.array_equal(y, np.trunc(y)):
        raise Error("the labels must be whole numbers, one for each class; targets of a regression are not supported")
    labels = y.astype(np.int64)
    if not 2 <= outputs <= _MOST_CLASSES:
        raise Error(f"the network has {outputs} outputs; a verdict needs one for each class, 2 to {_MOST_CLASSES}")
    stray = (labels < 0) | (labels >= outputs)
    if stray.any():
        sample = int(np.argmax(stray))
        raise Error(
            f"sample {sample} has the label {labels[sample]}; the network has {outputs} outputs, so labels must be 0 to "
            f"{outputs - 1}"
        )
    return labels


def shape_of(x: NDArray[Any]) -> list[int]:
    """Return channels, height and width of a sample.

    Raises `Error` for samples of more dimensions.
    """
    dims = [int(dim) for dim in x.shape[1:]]
    if len(dims) > 3:
        raise Error(f"samples have shape {dims}; at most three dimensions are supported: channels, height and width")
    return [1] * (3 - len(dims)) + dims


def write(path: Path, x: NDArray[np.float32], y: NDArray[np.int64], classes: int) -> tuple[dict[str, Any], int, list[str]]:
    """Write samples and labels, a fifth of them as held-out samples.

    Return the table `[data]`, the number of training samples, and notes.
    """
    n = len(x)
    if n < LEAST_LABELLED:
        raise Error(f"the batch has {n} samples; give at least {LEAST_LABELLED}, better {_FEW} or more")
    order = np.random.default_rng(0).permutation(n)
    held_out = max(_LEAST_KIND + 1, round(n / 5))
    train, test = np.sort(order[held_out:]), np.sort(order[:held_out])
    np.savez(path, x_train=x[train], y_train=y[train], x_test=x[test], y_test=y[test])
    notes: list[str] = []
    if n < _FEW:
        notes.append(
            f"{n} samples, of which {len(train)} are trained on; the calibration used more: give {_FEW} or more if you can"
        )
    missing = classes - len(np.unique(y))
    if missing:
        notes.append(f"{missing} of the {classes} classes have no sample")
    dataset = {"path": str(path), "shape": shape_of(x), "classes": classes}
    data = {"dataset": dataset, "probe": min(_MOST_PROBE, held_out - 1)}
    return data, len(train), notes
