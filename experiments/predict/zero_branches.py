"""Writes zero-branches.safetensors, the parameters of c01-zero-branches.toml: Kaiming's initialisation, except that the second
layer of each branch is zero."""

import json
import random
import struct

INPUTS, WIDTH, CLASSES, BLOCKS = 784, 64, 10, 10
draw = random.Random(1)


def weights(outputs, inputs, variance):
    std = (variance / inputs) ** 0.5
    return [draw.gauss(0, std) for _ in range(outputs * inputs)], [outputs, inputs]


arrays = {}


def dense(outputs, inputs, variance):
    # Numbers tell arrays of one shape apart.
    name = f"layers.{len(arrays) // 2}"
    arrays[f"{name}.weight"] = weights(outputs, inputs, variance)
    arrays[f"{name}.bias"] = [0.0] * outputs, [outputs]


dense(WIDTH, INPUTS, 2.0)
for _ in range(BLOCKS):
    dense(WIDTH, WIDTH, 2.0)
    dense(WIDTH, WIDTH, 0.0)
dense(CLASSES, WIDTH, 1.0)

header, body = {}, b""
for name, (numbers, shape) in arrays.items():
    data = struct.pack(f"<{len(numbers)}f", *numbers)
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
    body += data
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open("zero-branches.safetensors", "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + body)
