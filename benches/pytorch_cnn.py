"""PyTorch side of `isobath bench compare --cnn`.

Reads one request per line, `WORK CHANNELS SIZE BATCH STEPS`, and answers with the seconds per step. WORK is

- `forward`: a 3x3 convolution with tanh, no gradients;
- `training`: a step of plain gradient descent on three such convolutions and a linear readout under cross-entropy;
- `decoder`: a minibatch of a decoder's epoch: forward pass of a convolution without gradients, then a step of Adam on a
  transposed convolution with tanh that reconstructs the input, under a mean squared error.

Convolutions keep the number of channels and pad to keep the size. The argument is the number of threads.
"""

import sys
import time

import torch
from torch import nn

CLASSES = 10
LAYERS = 3


def convolution(channels):
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.Tanh())


def images(batch, channels, size):
    return torch.rand(batch, channels, size, size)


def forward(channels, size, batch):
    layer, x = convolution(channels), images(batch, channels, size)

    def step():
        with torch.no_grad():
            layer(x)

    return step


def training(channels, size, batch):
    layers = [convolution(channels) for _ in range(LAYERS)]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * size * size, CLASSES))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    x, labels = images(batch, channels, size), torch.randint(CLASSES, (batch,))

    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), labels).backward()
        optimizer.step()

    return step


def decoder(channels, size, batch):
    layer, x = convolution(channels), images(batch, channels, size)
    decode = nn.Sequential(nn.ConvTranspose2d(channels, channels, 3, padding=1), nn.Tanh())
    optimizer = torch.optim.Adam(decode.parameters(), lr=1e-3)

    def step():
        with torch.no_grad():
            h = layer(x)
        optimizer.zero_grad()
        nn.functional.mse_loss(decode(h), x).backward()
        optimizer.step()

    return step


WORKS = {"forward": forward, "training": training, "decoder": decoder}


def main():
    torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(1)
    for line in sys.stdin:
        work, *numbers = line.split()
        channels, size, batch, steps = map(int, numbers)
        step = WORKS[work](channels, size, batch)
        step()
        start = time.perf_counter()
        for _ in range(steps):
            step()
        print((time.perf_counter() - start) / steps, flush=True)


main()
