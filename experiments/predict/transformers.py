"""Writes transformer-12.safetensors and transformer-24.safetensors: activations of two transformers at initialisation, for
`predict --activations` (case C2). Normalisation follows each sublayer, as in the first transformers (arXiv:1706.03762); weights
are Glorot's, inputs are random token embeddings. The report's own network and data are not public. Needs NumPy."""

import json
import struct

import numpy as np

SAMPLES, TOKENS, WIDTH, HEADS = 1000, 8, 32, 4


def glorot(draw, inputs, outputs):
    return draw.normal(0, (2 / (inputs + outputs)) ** 0.5, (inputs, outputs))


def normalised(x):
    return (x - x.mean(-1, keepdims=True)) / (x.std(-1, keepdims=True) + 1e-5)


def attention(draw, x):
    query, key, value, out = (glorot(draw, WIDTH, WIDTH) for _ in range(4))

    def heads(matrix):
        return (x @ matrix).reshape(SAMPLES, TOKENS, HEADS, -1).transpose(0, 2, 1, 3)

    scores = heads(query) @ heads(key).transpose(0, 1, 3, 2) / (WIDTH / HEADS) ** 0.5
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return (weights @ heads(value)).transpose(0, 2, 1, 3).reshape(x.shape) @ out


def mlp(draw, x):
    hidden = np.maximum(x @ glorot(draw, WIDTH, 4 * WIDTH), 0)
    return hidden @ glorot(draw, 4 * WIDTH, WIDTH)


def write(path, arrays):
    header, body = {}, b""
    for name, array in arrays.items():
        data = array.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


for depth in (12, 24):
    draw = np.random.default_rng(1)
    x = draw.normal(size=(SAMPLES, TOKENS, WIDTH))
    arrays = {"input": x.reshape(SAMPLES, -1)}
    for layer in range(depth):
        x = normalised(x + attention(draw, x))
        x = normalised(x + mlp(draw, x))
        arrays[f"layer{layer + 1}"] = x.reshape(SAMPLES, -1)
    arrays["output"] = x.mean(1) @ glorot(draw, WIDTH, 10)
    write(f"transformer-{depth}.safetensors", arrays)
