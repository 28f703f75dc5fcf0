import json
import re

import conftest
import numpy as np
import pytest

import isobath_nn as isobath


@pytest.fixture(scope="module")
def verdicts(good, bad, batch):
    settings = {"optimizer": "sgd", "lr": 0.01, "steps": 500}
    return (
        isobath.predict(good, batch, **{**settings, "lr": 0.05}, alternatives=False),
        isobath.predict(bad, batch, **settings),
    )


def test_good_and_bad_initialisations_are_told_apart(verdicts):
    trains, fails = verdicts
    assert trains.p > 0.8 and fails.p < 0.2
    assert trains.interval[0] <= trains.p <= trains.interval[1]
    assert fails.reasons[0].kind == "diverges"
    assert str(trains).startswith("trains: P = ") and "\n" not in str(trains)


def test_a_failing_network_gets_alternatives(verdicts):
    _, fails = verdicts
    assert fails.prescription and all(other.p > 0.5 for other in fails.prescription)
    assert fails.prescription[0].settings[0].startswith(("train.", "network."))


def test_assert_trainable(verdicts):
    trains, fails = verdicts
    trains.assert_trainable(0.5)
    with pytest.raises(AssertionError, match=r"is below 0\.5.*\nwhy: "):
        fails.assert_trainable()
    with pytest.raises(isobath.Error, match="from 0 to 1"):
        trains.assert_trainable(50)
    with pytest.raises(TypeError, match="assert_trainable"):
        assert trains


def test_forms_of_a_verdict(verdicts):
    trains, _ = verdicts
    data = json.loads(json.dumps(trains.to_dict()))
    assert data["probability"]["p"] == trains.p and data["version"] == 1 and data["notes"] == list(trains.notes)
    html = trains._repr_html_()
    assert "<svg" in html and trains.sentence in html


def test_parameters_reach_the_program(good, batch):
    """The second moment of the first layer is that which NumPy computes."""
    x, _ = batch
    found = isobath.profile(good, batch)
    h = np.maximum(x @ np.asarray(good[0].weight).T + good[0].bias, 0)
    # The program takes 128 training samples of the batch.
    assert found.mean_square[0] == pytest.approx(np.mean(h**2), rel=0.1)
    assert len(found.names) == 3 and np.isnan(found.information[-1]) and not np.isnan(found.information[0])
    assert str(found).count("\n") == 3


def test_few_samples_and_missing_classes_are_noted(good):
    x, y = conftest.blobs(60)
    keep = y != 3
    verdict = isobath.predict(good, (x[keep], y[keep]), steps=100, alternatives=False)
    assert any("45 samples" in note for note in verdict.notes)
    assert any("1 of the 4 classes" in note for note in verdict.notes)
    assert any("minibatches of 36 samples" in note for note in verdict.notes)


def test_convolutions_residual_blocks_and_dense_layers_without_biases():
    random = np.random.default_rng(3)
    x = random.normal(size=(64, 2, 6, 6)).astype(np.float32)
    conv = random.normal(0, 0.3, (4, 4, 3, 3))
    layers = [
        isobath.Conv2d(random.normal(0, 0.3, (4, 2, 3, 3)), np.zeros(4), "tanh", padding=1),
        isobath.Residual([isobath.Conv2d(conv, None, "linear", padding="circular")], before="tanh", after="tanh"),
        isobath.Pool("average"),
        isobath.Flatten(),
        isobath.Dense(random.normal(0, 0.1, (3, 36)), None),
    ]
    verdict = isobath.predict(layers, (x, np.arange(64) % 3), steps=100, alternatives=False)
    assert verdict.data["network"]["parameters"] == 4 * 2 * 9 + 4 + 4 * 4 * 9 + 3 * 36


def test_activations_of_any_framework(batch):
    x, _ = batch
    random = np.random.default_rng(0)
    h = np.tanh(x @ random.normal(size=(20, 30)))
    verdict = isobath.predict(isobath.Activations({"embedding": h, "middle": h * 0, "output": h[:, :4]}), x)
    assert verdict.p is None and "`middle`" in " ".join(reason.sentence for reason in verdict.reasons)
    with pytest.raises(AssertionError, match="no probability is known"):
        verdict.assert_trainable()
    assert isobath.profile(isobath.Activations({"a": h, "b": h}), x).names == ("a", "b")


def _refused(match, model, batch, **options):
    with pytest.raises(isobath.Error, match=match):
        isobath.predict(model, batch, **options)


def test_mistakes_are_named(good, batch):
    x, y = batch
    broken = x.copy()
    broken[7, 3] = np.nan
    _refused("nan in sample 7", good, (broken, y))
    _refused("needs labels", good, x)
    _refused(re.escape("convert one-hot labels by y.argmax(axis=1)"), good, (x, np.eye(4)[y]))
    _refused("regression", good, (x, y + 0.5))
    _refused("has the label 4", good, (x, y + 1))
    _refused("400 samples", good, (x, y[:5]))
    _refused("at least 17", good, (x[:9], y[:9]))
    _refused("unknown optimiser `lion`", good, batch, optimizer="lion")
    _refused("steps must be", good, batch, steps=0)
    _refused("lr must be", good, batch, lr=-1.0)
    _refused("unknown loss", good, batch, loss="hinge")
    _refused("layer 1: unknown activation `ReLU`", [isobath.Dense(np.ones((4, 20)), None, "ReLU")], batch)
    _refused("layer 1: weight has shape", [isobath.Dense(np.ones(4))], batch)
    _refused("weight has inf at", [isobath.Dense(np.full((4, 20), np.inf))], batch)
    _refused("the last layer must be dense", [isobath.Flatten()], batch)
    _refused("the model is int", 7, batch)


def test_errors_of_the_program_are_its_sentences(good, batch):
    """Layers that do not fit each other, which only the program checks."""
    layers = [*good[:1], isobath.Dense(np.ones((4, 63)), np.zeros(4))]
    _refused(r"the parameters in weights\.safetensors are not those of network\.toml: .*64.*63|63.*64", layers, batch)
