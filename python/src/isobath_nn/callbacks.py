"""Warnings before the first step of a training."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from typing import Any

from ._errors import Error, IsobathWarning
from ._predict import predict
from .verdict import Verdict


def warn_before_training(model: Any, batch: Any, *, p: float = 0.5, **options: Any) -> Verdict | None:
    """Warn if a network will probably not train, and return the verdict.

    Takes what `predict` takes; `p` is the probability below which to warn. No error of the verdict stops the training:
    it becomes a warning, and None is returned.
    """
    try:
        verdict = predict(model, batch, **({"alternatives": False} | options))
    except Error as error:
        warnings.warn(f"no verdict on this training: {error}", IsobathWarning, stacklevel=2)
        return None
    if verdict.p is None or verdict.p < p:
        warnings.warn(verdict.explain(), IsobathWarning, stacklevel=2)
    return verdict


def lightning_callback(*, p: float = 0.5, steps: int | None = None, **options: Any) -> Any:
    """Return a callback for Lightning that warns before the first step, and keeps the verdict as `verdict`.

    It takes the model itself, the first batches of the training's data, the optimiser and the number of steps from the
    trainer. The batches are `(x, y)`.

    Raises `Error` where Lightning is not installed.
    """
    names = [name for name in ("lightning.pytorch", "pytorch_lightning") if _is_installed(name)]
    if not names:
        raise Error("Lightning is not installed; call isobath.warn_before_training(model, loader) before the training")
    base: Any = importlib.import_module(names[0]).Callback

    class BeforeTraining(base):  # type: ignore[misc]
        verdict: Verdict | None = None

        def on_train_start(self, trainer: Any, module: Any) -> None:
            if not trainer.is_global_zero:
                return
            known = trainer.estimated_stepping_batches
            budget = steps or (int(known) if 0 < known < 1_000_000_000 else 2000)
            loader = trainer.train_dataloader
            size = getattr(loader, "batch_size", None) or 64
            settings = {"optimizer": trainer.optimizers[0], "steps": budget, "batch_size": size} | options
            self.verdict = warn_before_training(module, loader, p=p, **settings)

    return BeforeTraining()


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
