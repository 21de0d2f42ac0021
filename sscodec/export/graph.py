"""An ONNX graph, built as one writes equations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
"""The first with LayerNormalization: onnxruntime 1.12 and later."""
IR_VERSION = 8
END = 2**62
"""An end of slices that no tensor reaches."""


class Value:
    """A tensor that the graph computes. Floats beside it are float32, integers int64."""

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph, self.name = graph, name

    def __add__(self, other: Operand) -> Value:
        return self.graph.op("Add", self, other)

    def __sub__(self, other: Operand) -> Value:
        return self.graph.op("Sub", self, other)

    def __rsub__(self, other: Operand) -> Value:
        return self.graph.op("Sub", other, self)

    def __mul__(self, other: Operand) -> Value:
        return self.graph.op("Mul", self, other)

    def __truediv__(self, other: Operand) -> Value:
        return self.graph.op("Div", self, other)

    def __matmul__(self, other: Operand) -> Value:
        return self.graph.op("MatMul", self, other)

    def __gt__(self, other: Operand) -> Value:
        return self.graph.op("Greater", self, other)

    def __and__(self, other: Operand) -> Value:
        return self.graph.op("And", self, other)


Operand = Value | np.ndarray | float | int


class Graph:
    """int8: keep matrices of weights in 8 bits, with a scale for each row."""

    def __init__(self, name: str, int8: bool = False) -> None:
        self._name, self._int8 = name, int8
        self._nodes: list[Any] = []
        self._initializers: dict[str, Any] = {}
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self.states: list[dict[str, Any]] = []
        """Name, shape and dtype of each state: an input, and an output after `next_`."""

    def op(self, kind: str, *inputs: Operand, **attributes: Any) -> Value:
        """The only output of a new node."""
        return self.ops(kind, *inputs, outputs=1, **attributes)[0]

    def ops(self, kind: str, *inputs: Operand, outputs: int, **attributes: Any) -> list[Value]:
        names = [f"{kind}_{len(self._nodes)}_{k}" for k in range(outputs)]
        given = [self._operand(x).name for x in inputs]
        self._nodes.append(helper.make_node(kind, given, names, names[0], **attributes))
        return [Value(self, name) for name in names]

    def input(self, name: str, dtype: type, shape: Sequence[int | str]) -> Value:
        """shape: with the names of those lengths that are not fixed."""
        self._inputs.append(_info(name, dtype, shape))
        return Value(self, name)

    def output(self, name: str, x: Operand, dtype: type, shape: Sequence[int | str]) -> None:
        self._nodes.append(helper.make_node("Identity", [self._operand(x).name], [name]))
        self._outputs.append(_info(name, dtype, shape))

    def state(self, name: str, shape: Sequence[int]) -> Value:
        """float32, zeros before the first block; `next_state` must follow."""
        name = _state_name(name)
        self.states.append({"name": name, "shape": list(shape), "dtype": "float32"})
        return self.input(name, np.float32, shape)

    def next_state(self, name: str, x: Operand) -> None:
        name = _state_name(name)
        shape = next(state["shape"] for state in self.states if state["name"] == name)
        self.output(f"next_{name}", x, np.float32, shape)

    def with_past(self, x: Value, name: str, shape: Sequence[int], axis: int) -> Value:
        """x behind the last shape[axis] places that the state `name` of this shape has seen."""
        if not shape[axis]:
            return x
        whole = self.concat(self.state(name, shape), x, axis=axis)
        self.next_state(name, self.cut(whole, axis, -shape[axis]))
        return whole

    def weight(self, array: np.ndarray) -> Value:
        """A float32 tensor of a model, kept as float16 where nothing is lost.

        It is widened when the file is loaded, for all that follows from constants is computed then.
        """
        if self._int8 and array.ndim > 1:
            scale = np.abs(array).max(tuple(range(1, array.ndim)), keepdims=True) / 127 + 1e-12
            rounded = np.round(array / scale).astype(np.int8)
            return self.cast(self._constant(rounded), TensorProto.FLOAT) * scale.astype(np.float32)
        half = array.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), array):
            return self._constant(array.astype(np.float32))
        return self.cast(self._constant(half), TensorProto.FLOAT)

    def cast(self, x: Operand, dtype: int) -> Value:
        return self.op("Cast", x, to=dtype)

    def concat(self, *parts: Operand, axis: int) -> Value:
        return self.op("Concat", *parts, axis=axis)

    def cut(self, x: Value, axis: int, start: int | Value, end: int = END) -> Value:
        """x[start:end] of one axis; start may be an int64 [1] of the graph."""
        begin = start if isinstance(start, Value) else np.array([start])
        return self.op("Slice", x, begin, np.array([end]), np.array([axis]))

    def reshape(self, x: Value, *shape: int) -> Value:
        """0 keeps a length, -1 takes what is left."""
        return self.op("Reshape", x, np.array(shape))

    def expand(self, x: Value, axis: int) -> Value:
        """x with a new axis of length 1."""
        return self.op("Unsqueeze", x, np.array([axis]))

    def length(self, x: Value, axis: int) -> Value:
        """int64 scalar."""
        return self.op("Squeeze", self.op("Shape", x, start=axis, end=axis + 1))

    def count(self, end: int | Value) -> Value:
        """0 to end - 1, int64 [end]; end: an int or an int64 scalar of the graph."""
        return self.op("Range", 0, end, 1)

    def take(self, x: Value, places: Value) -> Value:
        """x[i, places[i, j]] for x [n, m, ..] and int64 places [n, k]: [n, k, ..]."""
        return self.op("GatherND", x, self.expand(places, 2), batch_dims=1)

    def model(self, metadata: Mapping[str, str]) -> Any:
        """The checked `ModelProto`."""
        graph = helper.make_graph(
            self._nodes, self._name, self._inputs, self._outputs, list(self._initializers.values())
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="sscodec")
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        return model

    def _operand(self, x: Operand) -> Value:
        if isinstance(x, Value):
            return x
        if isinstance(x, np.ndarray):
            return self._constant(x)
        return self._constant(np.array(x, np.float32 if isinstance(x, float) else np.int64))

    def _constant(self, array: np.ndarray) -> Value:
        """Equal small ones, such as the bounds of slices, are stored once."""
        small = array.size <= 8
        key = (
            f"{array.dtype}_{array.shape}_{array.tolist()}"
            if small
            else f"constant_{len(self._initializers)}"
        )
        if key not in self._initializers:
            self._initializers[key] = numpy_helper.from_array(
                np.ascontiguousarray(array).reshape(array.shape), key
            )
        return Value(self, key)


def _state_name(name: str) -> str:
    return f"state_{name.replace('.', '_')}"


def _info(name: str, dtype: type, shape: Sequence[int | str]) -> Any:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
