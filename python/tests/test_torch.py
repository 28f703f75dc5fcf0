"""Modules of PyTorch; skipped where it is not installed."""

import warnings

import numpy as np
import pytest

import isobath_nn as isobath

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from isobath_nn._errors import Undescribable  # noqa: E402
from isobath_nn._torch import trace  # noqa: E402
from isobath_nn.layers import Conv2d, Dense, Flatten, Pool, Residual  # noqa: E402


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def images(n=32, channels=2, size=8):
    return np.random.default_rng(0).normal(size=(n, channels, size, size)).astype(np.float32)


def described(model, x, loss="cross-entropy"):
    return trace.describe(model, x, loss)


def undescribable(match, model, x):
    with pytest.raises(Undescribable, match=match):
        described(model, x)


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding="same")
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(x + self.second(self.act(self.first(x))))


class Nested(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(2, 6, 3, padding=1), nn.MaxPool2d(2), nn.LeakyReLU(0.2))
        self.blocks = nn.Sequential(Block(6), Block(6))
        self.head = nn.Linear(6, 3)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        x = F.adaptive_avg_pool2d(self.blocks(self.stem(2 * x - 1)), 1)
        return F.log_softmax(self.head(self.drop(torch.flatten(x, 1))), dim=1)


def test_nested_modules_functions_and_residual_blocks():
    found = described(Nested(), images())
    kinds = [type(layer) for layer in found.layers]
    assert kinds == [Conv2d, Pool, Residual, Residual, Pool, Flatten, Dense]
    assert found.layers[0].activation == "leaky-relu:0.2"
    assert (found.layers[2].before, found.layers[2].after) == (None, "relu")
    assert any("`drop`, p = 0.5" in note for note in found.notes)
    assert any("log_softmax" in note for note in found.notes)
    x = images()
    np.testing.assert_allclose(found.prepare(x), 2 * x - 1, rtol=1e-6)


def test_methods_and_views():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(128, 10), nn.Linear(10, 3)

        def forward(self, x):
            return self.b(self.a(x.view(x.size(0), -1)).tanh().relu())

    undescribable("two activations in a row", Model(), images())

    class Sine(Model):
        def forward(self, x):
            return F.linear(torch.sin(self.a(x.reshape(x.shape[0], -1))), self.b.weight, self.b.bias)

    found = described(Sine(), images())
    assert [layer.activation for layer in found.layers] == ["sine", "linear"]


def test_verdicts_depend_on_the_initialisation(batch):
    x, y = (torch.from_numpy(array) for array in batch)
    good = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
    optimizer = torch.optim.SGD(good.parameters(), lr=0.05, momentum=0.9)
    verdict = isobath.predict(good, (x, y), optimizer=optimizer, steps=500, alternatives=False)
    assert verdict.p > 0.8 and "sgd 0.05, momentum 0.9" in str(verdict)
    for parameter in good.parameters():
        parameter.data.mul_(20)
    assert isobath.predict(good, (x, y), optimizer=optimizer, steps=500, alternatives=False).p < 0.2


def test_the_model_and_random_numbers_stay(batch):
    x, y = batch
    model = nn.Sequential(nn.Linear(20, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 4))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    verdict = isobath.predict(model, (x, y), steps=100)
    assert verdict.p is None and "normalises by each minibatch" in verdict.notes[0]
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert all(module.training for module in model.modules()) and not model[0]._forward_hooks
    assert all(parameter.grad is None for parameter in model.parameters())


def test_batch_normalisation_in_evaluation_is_folded():
    model = nn.Sequential(nn.Conv2d(2, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    model(torch.from_numpy(images()))
    found = described(model.eval(), images())
    assert [type(layer) for layer in found.layers] == [Conv2d, Flatten, Dense] and "folded" in found.notes[0]


@pytest.mark.parametrize(
    ("match", "layers"),
    [
        ("GroupNorm", [nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(144, 3)]),
        ("grouped", [nn.Conv2d(2, 4, 3, groups=2), nn.Flatten(), nn.Linear(144, 3)]),
        ("follows average pooling", [nn.Conv2d(2, 4, 3), nn.AvgPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3)]),
        ("applied to its input", [nn.ReLU(), nn.Flatten(), nn.Linear(128, 3)]),
        ("not to vectors", [nn.Linear(8, 3), nn.Flatten(), nn.Linear(48, 3)]),
        ("other settings", [nn.Flatten(), nn.Linear(128, 9), nn.ELU(0.5), nn.Linear(9, 3)]),
    ],
)
def test_undescribable_parts_are_named(match, layers):
    undescribable(match, nn.Sequential(*layers), images())


def test_shared_parameters_and_hooks_are_found():
    layer = nn.Linear(128, 128)
    undescribable("shared", nn.Sequential(nn.Flatten(), layer, nn.Tanh(), layer, nn.Linear(128, 3)), images())
    model = nn.Sequential(nn.Flatten(), nn.Linear(128, 3))
    model[1].register_forward_hook(lambda module, inputs, output: output + 1)
    undescribable("hooks", model, images())


class Untraceable(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(20, 16), nn.Linear(16, 16), nn.Linear(16, 4)

    def forward(self, x):
        x = torch.tanh(self.a(x))
        if x.mean() > 2:
            x = -x
        return self.c(x + F.relu(self.b(x)))


def test_activations_of_models_that_cannot_be_traced(batch):
    verdict = isobath.predict(Untraceable(), batch)
    assert verdict.names == ("a", "tanh", "b", "relu", "add", "c")
    assert "cannot trace" in verdict.notes[0] and verdict.p is None


def test_an_overflow_is_named(batch):
    model = Untraceable()
    model.b.weight.data.fill_(1e38)
    verdict = isobath.predict(model, batch)
    assert verdict.reasons[0].kind == "overflow" and "`b`" in verdict.reasons[0].sentence


def test_transformers_and_tokens():
    model = nn.Sequential(
        nn.Embedding(50, 16), nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), nn.Flatten(), nn.Linear(80, 3)
    )
    tokens = torch.randint(0, 50, (40, 5))
    verdict = isobath.predict(model.eval(), (tokens, torch.arange(40) % 3))
    assert "1.self_attn" in verdict.names and "0" not in verdict.names
    assert any("taken for the input" in note for note in verdict.notes)


def test_failures_and_mistakes(batch):
    x, y = batch
    with pytest.raises(isobath.Error, match=r"the model fails on samples of shape \[4, 20\]: RuntimeError"):
        isobath.predict(nn.Linear(21, 4), (x, y))
    with pytest.raises(isobath.Error, match="has the label 3"):
        isobath.predict(nn.Sequential(nn.Linear(20, 3)), (x, y))
    with pytest.raises(isobath.Error, match="parameters must be finite"):
        model = nn.Sequential(nn.Linear(20, 4))
        model[0].weight.data[1, 2] = float("nan")
        isobath.predict(model, (x, y))
    regression = isobath.predict(nn.Sequential(nn.Linear(20, 9), nn.Tanh(), nn.Linear(9, 1)), (x, x[:, :1] * 0.5))
    assert regression.p is None and "regression" in regression.notes[0]


def test_data_loaders_and_optimisers(batch):
    dataset = torch.utils.data.TensorDataset(*map(torch.from_numpy, batch))
    loader = torch.utils.data.DataLoader(dataset, batch_size=50)
    model = nn.Sequential(nn.Linear(20, 30), nn.Tanh(), nn.Linear(30, 4))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.002)
    verdict = isobath.predict(model, loader, optimizer=optimizer, steps=300, alternatives=False)
    assert "adam 0.002" in str(verdict) and any("AdamW" in note for note in verdict.notes)


def test_other_precisions_are_noted():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = described(nn.Sequential(nn.Flatten(), nn.Linear(128, 3)).double(), images())
    assert "parameters in float64 are computed with in f32" in found.notes
