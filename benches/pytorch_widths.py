"""PyTorch side of `isobath bench widths`.

Reads one request per line, `PROGRAM INPUTS OUTPUTS BATCH STEPS`, and answers with the seconds per minibatch. The work is one
layer's part of a cascade's epoch: the forward pass of a dense tanh layer over all samples, then a decoder `OUTPUTS -> INPUTS`
with tanh that is trained by Adam on them under a mean squared error, minibatch by minibatch. PROGRAM is

- `autograd`: gradients by autograd, the fused optimiser;
- `manual`: gradients written by hand into memory that is reused, the fused kernel of the optimiser.

The argument is the number of threads.
"""

import sys
import time

import torch
from torch import nn


class Layer:
    """Weights of a layer and its decoder, and samples for `steps` minibatches."""

    def __init__(self, inputs, outputs, batch, steps):
        self.batch, self.steps = batch, steps
        self.samples = torch.rand(steps * batch, inputs)
        self.weights = torch.randn(inputs, outputs) * (1.76 / inputs) ** 0.5
        self.bias = torch.randn(outputs) * 0.05**0.5
        self.decoder = nn.Linear(outputs, inputs)

    def encoded(self):
        return torch.addmm(self.bias, self.samples, self.weights).tanh_()

    def minibatches(self, encoded):
        return zip(encoded.split(self.batch), self.samples.split(self.batch))


def autograd(layer):
    with torch.no_grad():
        encoded = layer.encoded()
    optimizer = torch.optim.Adam(layer.decoder.parameters(), fused=True)
    for h, target in layer.minibatches(encoded):
        optimizer.zero_grad()
        nn.functional.mse_loss(torch.tanh(layer.decoder(h)), target).backward()
        optimizer.step()


@torch.no_grad()
def manual(layer):
    encoded = layer.encoded()
    parameters = [layer.decoder.weight.data, layer.decoder.bias.data]
    gradients = [torch.empty_like(p) for p in parameters]
    first, second = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
    counts = [torch.zeros(()) for _ in parameters]
    output = torch.empty(layer.batch, layer.samples.shape[1])
    scale = 2 / output.numel()
    for h, target in layer.minibatches(encoded):
        torch.addmm(parameters[1], h, parameters[0].T, out=output)
        output.tanh_()
        delta = (output - target).mul_(scale)
        delta.addcmul_(delta * output, output, value=-1)
        torch.mm(delta.T, h, out=gradients[0])
        torch.sum(delta, 0, out=gradients[1])
        torch._foreach_add_(counts, 1)
        torch._fused_adam_(
            parameters, gradients, first, second, [], counts,
            lr=1e-3, beta1=0.9, beta2=0.999, weight_decay=0.0, eps=1e-8, amsgrad=False, maximize=False,
        )  # fmt: skip


PROGRAMS = {"autograd": autograd, "manual": manual}


def main():
    torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(1)
    for line in sys.stdin:
        program, *numbers = line.split()
        inputs, outputs, batch, steps = map(int, numbers)
        PROGRAMS[program](Layer(inputs, outputs, batch, 2))
        layer = Layer(inputs, outputs, batch, steps)
        start = time.perf_counter()
        PROGRAMS[program](layer)
        print((time.perf_counter() - start) / steps, flush=True)


main()
