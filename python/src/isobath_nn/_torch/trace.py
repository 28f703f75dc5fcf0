"""Modules of PyTorch as a list of layers, by `torch.fx`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx, nn

from .._data import array
from .._errors import Undescribable
from ..layers import Conv2d, Dense, Flatten, Layer, Pool, Residual
from . import check, operations
from .operations import Activation, Affine, Nothing, Softmax, Step
from .untouched import forward, tensor, untouched

_SAMPLES = 4
_NORMALISED = "batch normalisation is folded into the layer before it with its running statistics, as in evaluation"


@dataclasses.dataclass
class Traced:
    """Layers of a model, what they leave out, and the change of the samples before the first layer."""

    layers: list[Layer]
    notes: list[str]
    prepare: Callable[[NDArray[np.float32]], NDArray[np.float32]]


def describe(model: nn.Module, samples: NDArray[np.float32], loss: str) -> Traced:
    """Describe a model, and compare its outputs with those of the description.

    Raises `Undescribable` with the part that cannot be described, or `Error` where the model fails on the samples.
    """
    with untouched(model):
        few = tensor(model, samples[: max(_SAMPLES, 2)])
        forward(model, few)
        try:
            traced = fx.symbolic_trace(model)
        except Exception as error:
            text = str(error).strip().splitlines() or [type(error).__name__]
            raise Undescribable(f"torch.fx cannot trace the model: {text[0]}") from error
        steps = _Steps(traced, few)
        found = steps.network()
        layers = _layers(found.steps, loss, found.notes, "the network", True)
        notes = list(dict.fromkeys(found.notes))
        notes += _parameter_notes(model)
        model.eval()
        check.compare(model, layers, found.prepare, samples)
    return Traced([_as_arrays(layer) for layer in layers], notes, found.prepare)


class _Recorder(fx.Interpreter):
    """Keeps the value of each node."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.values: dict[fx.Node, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        self.values[n] = super().run_node(n)
        return self.values[n]


@dataclasses.dataclass
class _Found:
    steps: list[Step]
    notes: list[str]
    prepare: Callable[[NDArray[np.float32]], NDArray[np.float32]]


class _Steps:
    """Follows the graph from its input to its output."""

    def __init__(self, module: fx.GraphModule, few: torch.Tensor) -> None:
        self.module = module
        recorder = _Recorder(module)
        try:
            recorder.run(few)
        except Exception as error:
            raise Undescribable(f"the graph of torch.fx fails: {type(error).__name__}: {error}") from error
        self.values = recorder.values
        self.notes: list[str] = []
        self.parameters: set[int] = set()
        graph = list(module.graph.nodes)
        inputs = [node for node in graph if node.op == "placeholder" and isinstance(self.values[node], torch.Tensor)]
        if len(inputs) != 1:
            raise Undescribable(f"the model has {len(inputs)} inputs")
        self.input = inputs[0]
        result = graph[-1].args[0]
        if not isinstance(result, fx.Node) or self.values[result].ndim != 2:
            raise Undescribable("the model gives something else than one vector for each sample")
        self.output = result
        self.users = self._users(graph)

    def _users(self, graph: list[fx.Node]) -> dict[fx.Node, list[fx.Node]]:
        """Nodes that compute with the values of each node and lead to the output."""
        needed = {self.output}
        for node in reversed(graph):
            if node in needed:
                needed.update(node.all_input_nodes)
        users: dict[fx.Node, list[fx.Node]] = {}
        for node in graph:
            if node in needed and self._is_value(node):
                for source in dict.fromkeys(node.all_input_nodes):
                    users.setdefault(source, []).append(node)
        return users

    def _is_value(self, node: fx.Node) -> bool:
        return node.op in ("call_module", "call_function", "call_method") and isinstance(self.values[node], torch.Tensor)

    def network(self) -> _Found:
        changes: list[Callable[[NDArray[np.float32]], NDArray[np.float32]]] = []
        start = self.input
        while len(self.users.get(start, [])) == 1:
            change = self._preparation(start, self.users[start][0])
            if change is None:
                break
            changes.append(change)
            start = self.users[start][0]

        def prepare(samples: NDArray[np.float32]) -> NDArray[np.float32]:
            for change in changes:
                samples = change(samples)
            return samples

        return _Found(self._chain(start, self.output), self.notes, prepare)

    def _preparation(self, start: fx.Node, node: fx.Node) -> Callable[[NDArray[np.float32]], NDArray[np.float32]] | None:
        """Return the change of the samples that a node makes: another shape, or a sum or product with a number."""
        x, y = self.values[start], self.values[node]
        shapes = ("view", "reshape", "flatten", "unsqueeze", torch.flatten, torch.reshape, torch.unsqueeze)
        is_shape = node.target in shapes or (
            node.op == "call_module" and type(self.module.get_submodule(str(node.target))) is nn.Flatten
        )
        if is_shape and len(y) == len(x):
            dims = list(y.shape[1:])
            return lambda samples: samples.reshape([len(samples), *dims])
        numbers = all(arg is start or isinstance(arg, int | float) for arg in node.args)
        if node.target in operations.ARITHMETIC and numbers and len(node.args) == 2 and not node.kwargs:
            first, second = node.args
            target = node.target

            def change(samples: NDArray[np.float32]) -> NDArray[np.float32]:
                values = torch.from_numpy(samples)
                pair = [values if arg is start else arg for arg in (first, second)]
                result = getattr(pair[0], target)(pair[1]) if isinstance(target, str) else target(*pair)
                return np.asarray(result.numpy(), dtype=np.float32)

            return change
        return None

    def _chain(self, start: fx.Node, end: fx.Node) -> list[Step]:
        """Steps from the value of one node to that of another."""
        steps: list[Step] = []
        current = start
        while current is not end:
            users = self.users.get(current, [])
            if len(users) == 1:
                steps.append(self._step(users[0], current))
                current = users[0]
            elif len(users) == 2:
                join = next((user for user in users if self._is_sum_with(user, current)), None)
                if join is None:
                    raise Undescribable(f"`{current.name}` is used twice, and not by a residual block")
                steps.append(self._block(current, join))
                current = join
            else:
                raise Undescribable(f"`{current.name}` is used {len(users)} times")
        return steps

    def _is_sum_with(self, node: fx.Node, value: fx.Node) -> bool:
        is_sum = node.op != "call_module" and node.target in operations.ADDITIONS
        sources = node.all_input_nodes
        shapes = {tuple(self.values[source].shape) for source in sources if self._has_tensor(source)}
        return (
            is_sum
            and len(node.args) == 2
            and not node.kwargs
            and len(sources) == 2
            and value in sources
            and len(shapes) == 1
        )

    def _has_tensor(self, node: fx.Node) -> bool:
        return isinstance(self.values[node], torch.Tensor)

    def _block(self, start: fx.Node, join: fx.Node) -> Residual:
        """Return a residual block; its branch ends at the sum."""
        (other,) = [source for source in join.all_input_nodes if source is not start]
        entry = next(user for user in self.users[start] if user is not join)
        steps = [self._step(entry, start), *self._chain(entry, other)]
        if len(self.users[other]) != 1:
            raise Undescribable(f"`{other.name}` is used beside its residual block")
        steps = [step for step in steps if not isinstance(step, Nothing)]
        before = None
        if steps and isinstance(steps[0], Activation):
            before = steps.pop(0).name  # type: ignore[union-attr]
        branch = _layers(steps, "", self.notes, f"the residual block at `{join.name}`", False)
        if not branch:
            raise Undescribable(f"the residual block at `{join.name}` has no layer")
        return Residual(branch, before)

    def _step(self, node: fx.Node, source: fx.Node) -> Step:
        x, y = self.values[source], self.values[node]
        if node.op == "call_module":
            module = self.module.get_submodule(str(node.target))
            if node.args != (source,) or node.kwargs:
                raise Undescribable(f"`{node.target}` has further inputs")
            self._once(list(module.parameters()), str(node.target))
            step = operations.module_step(module, str(node.target), x, y)
        else:
            others = [n for n in node.all_input_nodes if n is not source and self._has_tensor(n)]
            stray = [n for n in others if n.op != "get_attr"]
            if stray:
                raise Undescribable(f"`{node.name}` joins several values, and is no residual block")
            self._once([self.values[n] for n in others], node.name)
            args = fx.node.map_arg(node.args, lambda n: self.values[n])
            kwargs = fx.node.map_arg(node.kwargs, lambda n: self.values[n])
            step = operations.function_step(node.target, node.name, args, kwargs, y)
        if isinstance(step, Nothing) and step.note:
            self.notes.append(step.note)
        return step

    def _once(self, parameters: list[Any], name: str) -> None:
        """Refuse parameters of two layers, whose training differs from that of independent ones."""
        for parameter in parameters:
            if id(parameter) in self.parameters:
                raise Undescribable(f"the parameters of `{name}` are shared by several layers")
            self.parameters.add(id(parameter))


def _layers(steps: list[Step], loss: str, notes: list[str], place: str, is_network: bool) -> list[Layer]:
    """Give activations and normalisations to the layers before them."""
    layers: list[Layer] = []
    activated: set[int] = set()
    for index, step in enumerate(steps):
        if isinstance(step, Nothing):
            continue
        if isinstance(step, Softmax):
            is_last = all(isinstance(other, Nothing) for other in steps[index + 1 :])
            if not (is_network and is_last and loss != "mse"):
                raise Undescribable(f"{step.name} inside of the network cannot be described")
            notes.append(f"{step.name} at the end is left out: the loss, {loss}, has its own")
        elif isinstance(step, Affine):
            if not layers or not isinstance(layers[-1], Dense | Conv2d) or id(layers[-1]) in activated:
                raise Undescribable(f"a batch normalisation in {place} does not follow a dense layer or a convolution")
            layers[-1] = operations.fold(layers[-1], step)
            notes.append(_NORMALISED)
        elif isinstance(step, Activation):
            _activate(layers, step.name, activated, place)
        else:
            layers.append(step)
    return layers


def _activate(layers: list[Layer], name: str, activated: set[int], place: str) -> None:
    """Give an activation to the last layer with parameters, past what commutes with it."""
    for layer in reversed(layers):
        if isinstance(layer, Flatten) or (isinstance(layer, Pool) and layer.kind == "max" and operations.is_monotone(name)):
            continue
        if id(layer) in activated:
            raise Undescribable(f"two activations in a row in {place}")
        if isinstance(layer, Dense | Conv2d):
            layer.activation = name
        elif isinstance(layer, Residual):
            layer.after = name
        else:
            raise Undescribable(f"the activation {name} in {place} follows average pooling")
        activated.add(id(layer))
        return
    raise Undescribable(f"the activation {name} in {place} is applied to its input")


def _parameter_notes(model: nn.Module) -> list[str]:
    notes: list[str] = []
    frozen = sum(not parameter.requires_grad for parameter in model.parameters())
    if frozen:
        notes.append(f"{frozen} parameters that are frozen (requires_grad = False) are taken as trained")
    kinds = {str(parameter.dtype).removeprefix("torch.") for parameter in model.parameters()} - {"float32"}
    if kinds:
        notes.append(f"parameters in {', '.join(sorted(kinds))} are computed with in f32")
    return notes


def _as_arrays(layer: Layer) -> Layer:
    """Return the layer with arrays of NumPy."""
    if isinstance(layer, Dense | Conv2d):
        bias = None if layer.bias is None else array(layer.bias)
        return dataclasses.replace(layer, weight=array(layer.weight), bias=bias)
    if isinstance(layer, Residual):
        return dataclasses.replace(layer, branch=[_as_arrays(inner) for inner in layer.branch])
    return layer
