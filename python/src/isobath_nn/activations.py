"""Activations of a network of any framework, such as JAX."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from numpy.typing import ArrayLike


@dataclasses.dataclass(eq=False)
class Activations:
    """Activations of a batch by layer, first layer first, the output last.

    Each is `[samples, units]` or `[samples, channels, height, width]`, of the samples given as the batch.
    """

    layers: Mapping[str, ArrayLike]
