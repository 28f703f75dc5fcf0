"""Measurements of a network by layer."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._predict import predict
from .verdict import Verdict


@dataclasses.dataclass(frozen=True)
class Profile:
    """Measurements behind each layer, the first layer first, the readout last; NaN where one is not known.

    `mean_square` is that of the activations, `rank` their effective rank, `cosine` the mean cosine between samples,
    `dead` the number of units that are zero for all samples, of `units`, `gradient` the logarithm of the mean square of
    the loss's gradient by the layer's parameters, `information` the reconstruction error of hidden layers, in units of the
    input's variance.
    Beyond the range of f32, from layer `overflow` on (counted from 1), there are no measurements.
    """

    names: tuple[str, ...]
    mean_square: NDArray[np.float64]
    cosine: NDArray[np.float64]
    rank: NDArray[np.float64]
    dead: NDArray[np.float64]
    units: NDArray[np.float64]
    gradient: NDArray[np.float64]
    information: NDArray[np.float64]
    overflow: int | None
    verdict: Verdict

    def to_dict(self) -> dict[str, NDArray[Any]]:
        """Return the columns of a table, such as for `pandas.DataFrame`."""
        columns = ("mean_square", "cosine", "rank", "dead", "units", "gradient", "information")
        return {"layer": np.array(self.names)} | {column: getattr(self, column) for column in columns}

    def __str__(self) -> str:
        """Return a table, with a line for each layer."""
        width = max([len("layer"), *map(len, self.names)])
        lines = [f"{'layer':{width}}  mean square    rank  dead units  ln gradient  reconstruction error"]
        rows = zip(
            self.names, self.mean_square, self.rank, self.dead, self.units, self.gradient, self.information, strict=True
        )
        for name, square, rank, dead, units, gradient, error in rows:
            lines.append(
                f"{name:{width}}  {square:11.3e}  {rank:6.1f}  {f'{dead:.0f}/{units:.0f}':>10}  {_number(gradient):>11}  "
                f"{_number(error):>20}"
            )
        if self.overflow is not None:
            lines.append(f"the range of f32 is exceeded at layer {self.overflow}")
        return "\n".join(lines)


def profile(model: Any, batch: Any, **options: Any) -> Profile:
    """Measure a network by layer: signal, rank, dead units, gradients and information.

    Takes what `predict` takes.

    Raises `Error` as `predict` does.
    """
    verdict = predict(model, batch, **({"alternatives": False} | options))
    measured = verdict.data["profile"]
    layers = measured["layers"]
    names = verdict.names[: len(layers)] or tuple(f"layer {number}" for number in range(1, len(layers) + 1))

    def column(key: str) -> NDArray[np.float64]:
        return np.array([np.nan if layer[key] is None else layer[key] for layer in layers], dtype=np.float64)

    information = np.full(len(layers), np.nan)
    errors = [np.nan if error is None else error for error in (measured["information"] or [])]
    information[: len(errors)] = errors[: len(layers)]
    return Profile(
        names=names,
        mean_square=column("mean_square"),
        cosine=column("cosine"),
        rank=column("rank"),
        dead=column("dead"),
        units=column("units"),
        gradient=column("ln_gradient"),
        information=information,
        overflow=measured["overflow"],
        verdict=verdict,
    )


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"
