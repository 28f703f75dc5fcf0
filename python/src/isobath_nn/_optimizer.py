"""Optimisers: by name, as a table of settings, or as an optimiser of PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._errors import Error

_KINDS = ("sgd", "rmsprop", "adagrad", "adam")
# PyTorch's names of settings, and the program's.
_SETTINGS = {
    "sgd": {"momentum": "momentum", "weight_decay": "weight_decay"},
    "rmsprop": {"alpha": "alpha", "eps": "eps", "weight_decay": "weight_decay"},
    "adagrad": {"lr_decay": "lr_decay", "eps": "eps", "weight_decay": "weight_decay"},
    "adam": {"eps": "eps", "weight_decay": "weight_decay"},
}
_IGNORED = {"rmsprop": ["momentum", "centered"], "sgd": ["dampening", "nesterov"], "adam": ["amsgrad"], "adagrad": []}
_DECOUPLED = "decoupled weight decay of AdamW is left out"


def table(optimizer: Any, lr: float | None) -> tuple[dict[str, Any], list[str]]:
    """Settings of an optimiser as the program reads them, and notes on what is left out.

    Raises `Error` for an optimiser that the program does not have.
    """
    if isinstance(optimizer, str):
        kind, notes = _kind(optimizer)
        return _with_rate({"kind": kind}, lr), notes
    if isinstance(optimizer, Mapping):
        kind, notes = _kind(str(optimizer.get("kind", "")))
        return _with_rate({**optimizer, "kind": kind}, lr), notes
    if hasattr(optimizer, "param_groups"):
        return _of_torch(optimizer, lr)
    raise Error(f"optimizer must be one of {', '.join(_KINDS)}, a dict of settings, or an optimiser of PyTorch")


def _kind(name: str) -> tuple[str, list[str]]:
    kind = name.lower()
    if kind == "adamw":
        return "adam", [_DECOUPLED]
    if kind not in _KINDS:
        raise Error(f"unknown optimiser `{name}`; use one of {', '.join(_KINDS)}")
    return kind, []


def _with_rate(settings: dict[str, Any], lr: float | None) -> dict[str, Any]:
    if lr is not None:
        settings["lr"] = float(lr)
    if "lr" not in settings:
        settings["lr"] = 0.01 if settings["kind"] == "sgd" else 0.001
    return settings


def _of_torch(optimizer: Any, lr: float | None) -> tuple[dict[str, Any], list[str]]:
    name = type(optimizer).__name__
    kind, notes = _kind(name)
    group = optimizer.param_groups[0]
    settings: dict[str, Any] = {"kind": kind, "lr": float(group["lr"])}
    for theirs, ours in _SETTINGS[kind].items():
        if name == "AdamW" and theirs == "weight_decay":
            continue
        if theirs in group:
            settings[ours] = float(group[theirs])
    if "betas" in group:
        settings["beta1"], settings["beta2"] = map(float, group["betas"])
    notes += [f"`{key}` of {name} is left out" for key in _IGNORED[kind] if group.get(key)]
    rates = {float(other["lr"]) for other in optimizer.param_groups}
    if len(rates) > 1 and lr is None:
        notes.append(f"the learning rate is that of the first of {len(rates)} groups of parameters, {group['lr']}")
    return _with_rate(settings, lr), notes
