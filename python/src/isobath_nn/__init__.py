"""Predicts, before training, whether a deep neural network will train, why not, and what to change.

>>> import isobath_nn as isobath
>>> verdict = isobath.predict(model, (x, y), optimizer="sgd", lr=0.01, steps=2000)  # doctest: +SKIP
>>> verdict.assert_trainable(0.5)  # doctest: +SKIP
"""

from ._errors import Error, IsobathWarning
from ._executable import executable
from ._predict import predict
from ._profile import Profile, profile
from .activations import Activations
from .callbacks import lightning_callback, warn_before_training
from .layers import Conv2d, Dense, Flatten, Layer, Pool, Residual
from .runs import Run, Tables, load, run
from .verdict import Alternative, Reason, Verdict

__all__ = [
    "Activations",
    "Alternative",
    "Conv2d",
    "Dense",
    "Error",
    "Flatten",
    "IsobathWarning",
    "Layer",
    "Pool",
    "Profile",
    "Reason",
    "Residual",
    "Run",
    "Tables",
    "Verdict",
    "executable",
    "lightning_callback",
    "load",
    "predict",
    "profile",
    "run",
    "warn_before_training",
]
