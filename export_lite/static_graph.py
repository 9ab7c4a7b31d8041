"""A checkpoint as a static graph of Paddle: a program and its parameters, two files.

The graphs are for Paddle Inference, for Paddle Lite and for FastDeploy's engines, so they keep to what all of them run
(tried with the versions in the lock file):

* No comparison (Paddle Lite aborts on the constant it exports) and no ``abs`` (OpenVINO has none) in the mask.
* Positions and token types are one constant ``[length, hidden]``, added to the word embeddings.
* No dropout: a graph is for inference, and Paddle Lite's attention fusion expects one to be quantised.

`Numerics` says what becomes of a quantised checkpoint.
"""

from __future__ import annotations

import contextlib
import enum
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from paddle import nn
from paddle.base.layer_helper import LayerHelper
from paddle.base.proto import framework_pb2
from paddle.nn import functional as F

from export_lite.job import Job
from slu.model.checkpoint import FLAG_EMBEDDINGS, NGRAM_EMBEDDINGS, NGRAM_PROJECTION, Checkpoint
from slu.model.network import MASKED
from slu.model.quantization import INPUT_SCALE, LEVELS, OUTPUT_SCALE, WEIGHT_SCALE, dequantise
from slu.runtime.bundle import graph_inputs
from slu.runtime.formats import GRAPH, PARAMETERS

VarType = framework_pb2.VarType

EMBEDDINGS = "ernie.embeddings"
WORDS = f"{EMBEDDINGS}.word_embeddings"
POSITIONS = f"{EMBEDDINGS}.positions"
KEPT_EMBEDDINGS = (f"{WORDS}.", f"{EMBEDDINGS}.layer_norm.", FLAG_EMBEDDINGS, NGRAM_EMBEDDINGS, NGRAM_PROJECTION)
"""The embeddings that are not in the constant rows of positions."""
RANGE = "range"
"""Paddle's scale is the value of level 127, not the step between two levels."""

ZERO_POINT = "zero_point"


class Numerics(enum.Enum):
    """How a graph of a quantised checkpoint computes; of a float one they are all the same.

    SIMULATED: in floats, linear layers' inputs rounded to their INT8 levels by scale, clip and floor, which every
    engine runs correctly. ``round`` is missing in OpenVINO; floor(x + 0.5) differs from it only where a negative x
    is exactly between two levels.

    FLOAT: in floats, without that rounding: what INT8 ONNX is made of. As it is, its answers differ from the
    checkpoint's (7 of 3,427 texts of a nano model's development set; more where inputs are clipped).

    HALF: as FLOAT, for what computes in FP16, which is too coarse for the rounding. Without the casts at its end Paddle
    Lite renames the outputs.

    INT8: weights are stored as INT8, and ``quantize_linear`` and ``dequantize_linear`` around the matrix products say
    how an engine may compute them in INT8; the rows of INT8 embeddings are looked up, made floats and multiplied by
    their scale. Paddle Lite on x86 and FastDeploy's Paddle Inference run this without an error but compute wrong
    results (logits with errors of 30 and 70% of the largest).
    """

    SIMULATED = "simulated"
    FLOAT = "float"
    HALF = "half"
    INT8 = "int8"


class StaticErnie(nn.Layer):
    """The network of a checkpoint in plain operators, for utterances padded to ``length`` tokens.

    ``forward(ids int32 [n, length])`` → the logits of the head's outputs. Flags and the rows of n-grams are further
    inputs of models that take them (`slu.runtime.bundle.graph_inputs`). Parameters carry their names of the
    checkpoint into the graph.
    """

    def __init__(self, checkpoint: Checkpoint, length: int, numerics: Numerics = Numerics.SIMULATED):
        super().__init__()
        self.config = checkpoint.config
        self.length = length
        self.numerics = numerics
        tensors = checkpoint.tensors
        self._input_scales, self._output_scales = (
            {
                name.removesuffix(f".{kind}"): float(scale[0])
                for name, scale in tensors.items()
                if name.endswith(f".{kind}")
            }
            for kind in (INPUT_SCALE, OUTPUT_SCALE)
        )
        tables = [name for name in (WORDS, NGRAM_EMBEDDINGS) if f"{name}.weight" in tensors]
        self._int8_tables = [
            name for name in tables if numerics is Numerics.INT8 and tensors[f"{name}.weight"].dtype == np.int8
        ]
        floats = dequantise(tensors)
        constants = {POSITIONS: _position_rows(floats, checkpoint, length)}
        for name, value in floats.items():
            if not name.startswith(EMBEDDINGS) or name.startswith(KEPT_EMBEDDINGS):
                constants[name] = value
        if numerics is Numerics.INT8:
            constants |= self._int8_constants(tensors)
        self._names = {}
        for i, (name, value) in enumerate(constants.items()):
            tensor = paddle.to_tensor(value)
            tensor.name, tensor.persistable = name, True
            self._names[name] = f"constant_{i}"
            self.register_buffer(self._names[name], tensor)

    def _int8_constants(self, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        constants = {}
        for name in self._input_scales:
            constants[f"{name}.weight"] = tensors[f"{name}.weight"]
            for scale in (f"{name}.{WEIGHT_SCALE}", f"{name}.{INPUT_SCALE}"):
                constants[f"{scale}.{RANGE}"] = tensors[scale] * np.float32(LEVELS)
                # Paddle Lite's optimiser removes it together with its operator, so it cannot be shared.
                constants[f"{scale}.{ZERO_POINT}"] = np.zeros(1, np.float32)
        for name in self._int8_tables:
            constants[f"{name}.weight"] = sign_and_magnitude(tensors[f"{name}.weight"])
            constants[f"{name}.levels"] = np.arange(LEVELS + 1, dtype=np.float32)
            constants[f"{name}.{WEIGHT_SCALE}"] = tensors[f"{name}.{WEIGHT_SCALE}"][:, None]
        return constants

    def forward(
        self, ids: paddle.Tensor, second: paddle.Tensor | None = None, third: paddle.Tensor | None = None
    ) -> tuple[paddle.Tensor, ...]:
        return self._run(ids, second, third)

    @paddle.jit.not_to_static  # nothing in it depends on values, and translating its source takes seconds
    def _run(
        self, ids: paddle.Tensor, second: paddle.Tensor | None, third: paddle.Tensor | None
    ) -> tuple[paddle.Tensor, ...]:
        config = self.config
        flags, ngrams = (second, third) if config.flags else (None, second)
        mask = self._mask(ids)
        x = self._rows(WORDS, ids) + self._constant(POSITIONS)
        if flags is not None:
            x = x + paddle.matmul(flags, self._constant(FLAG_EMBEDDINGS))
        if ngrams is not None:
            x = x + paddle.matmul(self._rows(NGRAM_EMBEDDINGS, ngrams), self._constant(NGRAM_PROJECTION))
        x = self._norm(f"{EMBEDDINGS}.layer_norm", x)
        for i in range(config.num_hidden_layers):
            layer = f"ernie.encoder.layers.{i}"
            x = self._norm(f"{layer}.norm1", x + self._attention(f"{layer}.self_attn", x, mask))
            inner = F.gelu(self._linear(f"{layer}.linear1", x))
            x = self._norm(f"{layer}.norm2", x + self._linear(f"{layer}.linear2", inner))
        pooled = None
        if config.reads_whole_text:
            first = paddle.slice(x, [1], [0], [1]).squeeze(1)
            pooled = paddle.tanh(self._linear("ernie.pooler.dense", first))
        logits = [self._linear(o.layer, x if o.per_token else pooled) for o in config.task.outputs]
        return tuple(map(_to_float, logits) if self.numerics is Numerics.HALF else logits)

    def _constant(self, name: str) -> paddle.Tensor:
        return getattr(self, self._names[name])

    def _mask(self, ids: paddle.Tensor) -> paddle.Tensor:
        """0 for tokens and `MASKED` for padding, ``[n, 1, 1, length]``."""
        distance = paddle.scale(paddle.cast(ids, "float32"), bias=-float(self.config.pad_token_id))
        sign = paddle.clip(distance, -1.0, 1.0)
        return paddle.scale(sign * sign, scale=-MASKED, bias=MASKED).unsqueeze([1, 2])

    def _rows(self, table: str, ids: paddle.Tensor) -> paddle.Tensor:
        """Rows of the embeddings ``table``, ``[n, length, width]``."""
        weight = self._constant(f"{table}.weight")
        if table not in self._int8_tables:
            return F.embedding(ids, weight)
        # Paddle's functions refuse INT8; the operators behind them do not.
        rows = _operator(
            "lookup_table_v2",
            {"W": weight, "Ids": ids},
            {"padding_idx": -1, "is_sparse": False, "is_distributed": False, "remote_prefetch": False},
            "int8",
        )
        # Not a cast: Paddle Lite's goes by way of `char`, which has no sign on ARM.
        floats = _operator("dequantize_log", {"X": rows, "Dict": self._constant(f"{table}.levels")}, {})
        return floats * F.embedding(ids, self._constant(f"{table}.{WEIGHT_SCALE}"))

    def _linear(self, name: str, x: paddle.Tensor) -> paddle.Tensor:
        weight = self._constant(f"{name}.weight")
        step = self._input_scales.get(name)
        if step is not None and self.numerics is Numerics.SIMULATED:
            x = _rounded(x, step)
        if step is not None and self.numerics is Numerics.INT8:
            x = self._convert("quantize_linear", x, f"{name}.{INPUT_SCALE}", -1)
            x = self._convert("dequantize_linear", x, f"{name}.{INPUT_SCALE}", -1)
            weight = self._convert("dequantize_linear", weight, f"{name}.{WEIGHT_SCALE}", 1)
        y = paddle.matmul(x, weight) + self._constant(f"{name}.bias")
        step = self._output_scales.get(name)
        if step is None or self.numerics in (Numerics.FLOAT, Numerics.HALF):
            return y
        return _rounded(y, step)  # in the INT8 graph too: Paddle Lite's products of two inputs are of floats

    def _convert(self, kind: str, x: paddle.Tensor, scale: str, axis: int) -> paddle.Tensor:
        """``quantize_linear`` or ``dequantize_linear``, with a scale for each index of ``axis``, or one for -1."""
        zero_point = self._constant(f"{scale}.{ZERO_POINT}")
        inputs = {"X": x, "Scale": self._constant(f"{scale}.{RANGE}"), "ZeroPoint": zero_point}
        return _operator(kind, inputs, {"quant_axis": axis, "bit_length": 8}, output="Y")

    def _norm(self, name: str, x: paddle.Tensor) -> paddle.Tensor:
        weight, bias = self._constant(f"{name}.weight"), self._constant(f"{name}.bias")
        return F.layer_norm(x, [self.config.hidden_size], weight, bias, self.config.layer_norm_eps)

    def _attention(self, name: str, x: paddle.Tensor, mask: paddle.Tensor) -> paddle.Tensor:
        heads, size = self.config.num_attention_heads, self.config.attention_head_size
        q, k, v = (
            self._linear(f"{name}.{kind}_proj", x).reshape([0, self.length, heads, size]).transpose([0, 2, 1, 3])
            for kind in "qkv"
        )
        scores = paddle.matmul(q * size**-0.5, k, transpose_y=True) + mask
        mixed = paddle.matmul(F.softmax(scores), v).transpose([0, 2, 1, 3])
        return self._linear(f"{name}.out_proj", mixed.reshape([0, self.length, heads * size]))


def _rounded(x: paddle.Tensor, step: float) -> paddle.Tensor:
    """The nearest levels of INT8, see `Numerics.SIMULATED`."""
    shifted = paddle.scale(x, scale=1.0 / step, bias=0.5)
    return paddle.floor(paddle.clip(shifted, 0.5 - LEVELS, 0.5 + LEVELS)) * step


def _operator(
    kind: str, inputs: dict[str, paddle.Tensor], attributes: dict[str, Any], dtype: str = "float32", output: str = "Out"
) -> paddle.Tensor:
    """Append an operator to the graph that is being traced; returns its ``output``."""
    helper = LayerHelper(kind)
    result = helper.create_variable_for_type_inference(dtype)
    helper.append_op(type=kind, inputs=inputs, outputs={output: result}, attrs=attributes)
    return result


def _to_float(x: paddle.Tensor) -> paddle.Tensor:
    """A cast, also where `paddle.cast` would leave it out."""
    return _operator("cast", {"X": x}, {"in_dtype": VarType.FP32, "out_dtype": VarType.FP32})


def sign_and_magnitude(values: np.ndarray) -> np.ndarray:
    """int8 -127..127 as ``dequantize_log`` reads them: the lower 7 bits are the place in its table, here the value."""
    return np.where(values < 0, -values - (LEVELS + 1), values).astype(np.int8)


def write(job: Job) -> None:
    """The formats of Paddle: the graph and the parameters as they are, under the format's names."""
    for name, file in zip((GRAPH, PARAMETERS), job.files):
        shutil.copyfile(job.graph / name, file)


def write_static_graph(
    checkpoint: Checkpoint,
    length: int,
    directory: Path,
    numerics: Numerics = Numerics.SIMULATED,
) -> None:
    """Write `GRAPH` and `PARAMETERS` into ``directory``. The same checkpoint gives the same bytes."""
    with (
        tempfile.TemporaryDirectory(dir=directory) as temporary,
        paddle.utils.unique_name.guard(),
        _translated_in(temporary),
    ):
        network = StaticErnie(checkpoint, length, numerics)
        network.eval()
        prefix = Path(temporary) / "model"
        inputs = [
            paddle.static.InputSpec([None if size < 0 else size for size in given.shape], given.type, given.name)
            for given in graph_inputs(length, checkpoint.config, checkpoint.labels)
        ]
        paddle.jit.save(network, str(prefix), input_spec=inputs)
        program = framework_pb2.ProgramDesc.FromString(prefix.with_suffix(".pdmodel").read_bytes())
        _name_outputs(program, checkpoint.head.logits)
        _remove_origins(program)
        (directory / GRAPH).write_bytes(program.SerializeToString(deterministic=True))
        (directory / PARAMETERS).write_bytes(prefix.with_suffix(".pdiparams").read_bytes())


@contextlib.contextmanager
def _translated_in(directory: str) -> Iterator[None]:
    """Let Paddle put the Python code that it translates networks into there, and not into the home directory."""
    from paddle.jit.dy2static import utils

    usual = utils.get_temp_dir
    utils.get_temp_dir = lambda: directory
    try:
        yield
    finally:
        utils.get_temp_dir = usual


def _position_rows(tensors: dict[str, np.ndarray], checkpoint: Checkpoint, length: int) -> np.ndarray:
    """What is added to every word embedding: position, token type 0 and, where there is one, the task; [length, H]."""
    rows = tensors[f"{EMBEDDINGS}.position_embeddings.weight"][:length]
    if checkpoint.config.type_vocab_size:
        rows = rows + tensors[f"{EMBEDDINGS}.token_type_embeddings.weight"][0]
    if checkpoint.config.use_task_id:
        rows = rows + tensors[f"{EMBEDDINGS}.task_type_embeddings.weight"][checkpoint.config.task_id]
    return rows


def _name_outputs(program: framework_pb2.ProgramDesc, names: tuple[str, ...]) -> None:
    """Give the fetched variables the names of the logits; Paddle numbers them."""
    block = program.blocks[0]
    fetched = [op.inputs[0].arguments[0] for op in block.ops if op.type == "fetch"]
    new = dict(zip(fetched, names))
    for variable in block.vars:
        variable.name = new.get(variable.name, variable.name)
    for op in block.ops:
        for slot in (*op.inputs, *op.outputs):
            slot.arguments[:] = [new.get(name, name) for name in slot.arguments]


def _remove_origins(program: framework_pb2.ProgramDesc) -> None:
    """Remove the Python source lines of each operator: a model should not reveal where it was exported."""
    for op in program.blocks[0].ops:
        kept = [attribute for attribute in op.attrs if attribute.name != "op_callstack"]
        del op.attrs[:]
        op.attrs.extend(kept)
