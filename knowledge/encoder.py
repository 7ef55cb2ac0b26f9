"""A BERT encoder as an ONNX graph, written by hand from E5Weights so that onnxruntime can run it in int8.

The graph takes word vectors (looked up and summed with their positions outside, so that the large embedding
table stays mapped from its file) and gives the last hidden states. There is no padding mask: texts go
through one by one, which on a CPU is also the fastest. Matrices become int8 with a scale for each output
column; activations are quantized as they come (DynamicQuantizeMatMul). Against the wheel's own engine the
vectors agree to a cosine of 0.997.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge.weights import E5Weights, unpacked

_MICROSOFT = "com.microsoft"  # onnxruntime's own operators
_TENSOR_KINDS = {"float32": 1, "int8": 3, "int64": 7}


def graph(weights: E5Weights) -> bytes:
    """The serialized ONNX model: input `vectors` (batch, length, width)."""
    return _Graph(weights).model()


class _Graph:
    def __init__(self, weights: E5Weights) -> None:
        self._weights = weights
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []

    def model(self) -> bytes:
        width = self._weights.width
        thirds = self._constant("thirds", np.full(3, width, np.int64))
        state = self._norm("vectors", "embeddings", "emb.ln")
        for layer in range(self._weights.layers):
            state = self._layer(f"l{layer}.", state, thirds)
        graph = b"".join(_field(1, node) for node in self._nodes) + _field(2, "encoder")
        graph += b"".join(_field(5, constant) for constant in self._constants)
        graph += _field(11, _value("vectors", "float32", ["batch", "length", width]))
        graph += _field(12, _value(state, "float32", ["batch", "length", width]))
        operators = _field(8, _field(1, "") + _field(2, 17)) + _field(8, _field(1, _MICROSOFT) + _field(2, 1))
        return _field(1, 8) + _field(7, graph) + operators

    def _layer(self, name: str, state: str, thirds: str) -> str:
        width, inner = self._weights.width, self._weights.inner
        parts = [f"{name}{part}_out" for part in "qkv"]
        joined = self._linear(state, f"{name}qkv", [f"{name}q", f"{name}k", f"{name}v"], width, width)
        self._node("Split", [joined, thirds], parts, axis=2)
        heads = self._weights.heads
        mixed = self._node("MultiHeadAttention", parts, [f"{name}mixed"], _MICROSOFT, num_heads=heads)
        attended = self._linear(mixed, f"{name}attended", [f"{name}ao"], width, width)
        summed = self._node("Add", [attended, state], [f"{name}summed"])
        middle = self._norm(summed, f"{name}middle", f"{name}aln")
        wide = self._linear(middle, f"{name}wide", [f"{name}fi"], width, inner)
        bent = self._node("Gelu", [wide], [f"{name}bent"], _MICROSOFT)
        narrow = self._linear(bent, f"{name}narrow", [f"{name}fo"], inner, width)
        summed = self._node("Add", [narrow, middle], [f"{name}summed_again"])
        return self._norm(summed, f"{name}state", f"{name}oln")

    def _norm(self, of: str, name: str, tensor: str) -> str:
        scale = self._constant(f"{name}_scale", self._weights.floats(f"{tensor}.w"))
        shift = self._constant(f"{name}_shift", self._weights.floats(f"{tensor}.b"))
        return self._node(
            "LayerNormalization", [of, scale, shift], [name], epsilon=float(self._weights.epsilon)
        )

    def _linear(self, of: str, name: str, tensors: Sequence[str], inputs: int, outputs: int) -> str:
        matrix = np.concatenate([unpacked(self._weights.blocks(f"{t}.w", outputs, inputs)) for t in tensors])
        bias = np.concatenate([self._weights.floats(f"{t}.b") for t in tensors])
        scales = (np.abs(matrix).max(axis=1) / 127).astype(np.float32)
        whole = np.rint(matrix / scales[:, None]).astype(np.int8).T
        inputs_of_node = [
            of,
            self._constant(f"{name}_matrix", whole),
            self._constant(f"{name}_scales", scales),
            "",
            self._constant(f"{name}_bias", bias),
        ]
        return self._node("DynamicQuantizeMatMul", inputs_of_node, [f"{name}_out"], _MICROSOFT)

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        shape = b"".join(_field(1, size) for size in values.shape)
        kind = _field(2, _TENSOR_KINDS[values.dtype.name])
        self._constants.append(
            shape + kind + _field(8, name) + _field(9, np.ascontiguousarray(values).tobytes())
        )
        return name

    def _node(
        self, kind: str, of: Sequence[str], to: Sequence[str], domain: str = "", **attributes: int | float
    ) -> str:
        parts = [_field(1, name) for name in of] + [_field(2, name) for name in to] + [_field(4, kind)]
        for name, value in attributes.items():
            told = (
                _field(2, value) + _field(20, 1)
                if isinstance(value, float)
                else _field(3, value) + _field(20, 2)
            )
            parts.append(_field(5, _field(1, name) + told))
        if domain:
            parts.append(_field(7, domain))
        self._nodes.append(b"".join(parts))
        return to[0]


# Protocol buffers, as far as a graph needs them (https://protobuf.dev/programming-guides/encoding/;
# field numbers from onnx.proto).


def _field(number: int, value: int | float | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    if isinstance(value, float):
        return _varint(number << 3 | 5) + struct.pack("<f", value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _value(name: str, kind: str, shape: Sequence[str | int]) -> bytes:
    sizes = b"".join(
        _field(1, _field(2, size) if isinstance(size, str) else _field(1, size)) for size in shape
    )
    return _field(1, name) + _field(2, _field(1, _field(1, _TENSOR_KINDS[kind]) + _field(2, sizes)))
