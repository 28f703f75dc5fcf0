"""Writes values as TOML, each on one line."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any


def value(item: Any) -> str:
    """Return numbers, texts, lists and tables as TOML."""
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, int):
        return str(item)
    if isinstance(item, float):
        if not math.isfinite(item):
            return {math.inf: "inf", -math.inf: "-inf"}.get(item, "nan")
        text = repr(item)
        return text if any(sign in text for sign in ".e") else text + ".0"
    if isinstance(item, str):
        return json.dumps(item, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(item, Mapping):
        return "{ " + ", ".join(f"{key} = {value(entry)}" for key, entry in item.items()) + " }"
    if isinstance(item, Sequence):
        return "[" + ", ".join(map(value, item)) + "]"
    raise TypeError(f"{type(item).__name__} has no form in TOML")


def document(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Return tables of settings as a document."""
    lines: list[str] = []
    for name, table in tables.items():
        lines.append(f"[{name}]")
        lines.extend(f"{key} = {value(entry)}" for key, entry in table.items())
    return "\n".join(lines) + "\n"
