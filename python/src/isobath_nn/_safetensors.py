"""Writes safetensors files: the length of a header, the header as JSON, and the arrays as bytes."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays as little-endian f32, row-major."""
    header: dict[str, Any] = {}
    start = 0
    for name, array in arrays.items():
        end = start + 4 * array.size
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [start, end]}
        start = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for array in arrays.values():
            file.write(np.ascontiguousarray(array, dtype="<f4").tobytes())
