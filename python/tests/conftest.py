"""Small data and networks for the tests."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import isobath_nn as isobath


def blobs(samples, features=20, classes=4, seed=0):
    """Classes as normal clouds around centres: simple enough for a small network."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(classes, features))
    labels = np.arange(samples) % classes
    return (centres[labels] + 0.5 * random.normal(size=(samples, features))).astype(np.float32), labels


def dense(widths, activation, std, seed=1):
    """Normal weights; `std` is a function of the number of inputs."""
    random = np.random.default_rng(seed)
    pairs = list(itertools.pairwise(widths))
    return [
        isobath.Dense(
            random.normal(0, std(inputs), (outputs, inputs)),
            np.zeros(outputs),
            activation if number < len(pairs) else "linear",
        )
        for number, (inputs, outputs) in enumerate(pairs, 1)
    ]


@pytest.fixture(scope="session")
def batch():
    return blobs(400)


@pytest.fixture(scope="session")
def good():
    """Kaiming's initialisation."""
    return dense([20, 64, 64, 4], "relu", lambda inputs: np.sqrt(2 / inputs))


@pytest.fixture(scope="session")
def bad():
    """One standard deviation for all layers, with which the signal explodes."""
    return dense([20] + [50] * 7 + [4], "relu", lambda inputs: 0.7)
