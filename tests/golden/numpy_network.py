"""The network in NumPy, one line a step: what every fast version of it is compared with."""

from __future__ import annotations

from math import erf

import numpy as np

from slu.model.checkpoint import Checkpoint

_erf = np.vectorize(erf)


def run(
    model: Checkpoint, ids: np.ndarray, flags: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Intent logits ``[intents]``, slot logits ``[tokens, tags]`` and the hidden states after each layer.

    ``flags``: ``[tokens, columns]``, of a model that takes them. Products of quantised layers are computed in integers,
    everything else in float64.
    """
    tensors, config = model.tensors, model.config
    x = _row(tensors, "word", ids) + _row(tensors, "position", np.arange(len(ids))) + _row(tensors, "token_type", [0])
    if flags is not None:
        x = x + flags.astype(float) @ _row(tensors, "flag", slice(None))
    x = _norm(tensors, "ernie.embeddings.layer_norm", x, config.layer_norm_eps)
    states = [x]
    for i in range(config.num_hidden_layers):
        layer = f"ernie.encoder.layers.{i}"
        y = _linear(tensors, f"{layer}.self_attn.out_proj", _attention(model, f"{layer}.self_attn", x))
        x = _norm(tensors, f"{layer}.norm1", x + y, config.layer_norm_eps)
        y = _linear(tensors, f"{layer}.linear1", x)
        y = _linear(tensors, f"{layer}.linear2", y * 0.5 * (1 + _erf(y / np.sqrt(2))))
        x = _norm(tensors, f"{layer}.norm2", x + y, config.layer_norm_eps)
        states.append(x)
    pooled = np.tanh(_linear(tensors, "ernie.pooler.dense", x[:1]))
    return _linear(tensors, "intent_classifier", pooled)[0], _linear(tensors, "slot_classifier", x), states


def _row(tensors: dict[str, np.ndarray], kind: str, rows: object) -> np.ndarray:
    name = f"ernie.embeddings.{kind}_embeddings.weight"
    values = tensors[name][rows].astype(float)
    return values * tensors[f"{name}_scale"][rows][:, None] if f"{name}_scale" in tensors else values


def _norm(tensors: dict[str, np.ndarray], name: str, x: np.ndarray, epsilon: float) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)
    return scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]


def _linear(tensors: dict[str, np.ndarray], name: str, x: np.ndarray) -> np.ndarray:
    weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
    if weight.dtype != np.int8:
        return x @ weight.astype(float) + bias
    step = float(tensors[f"{name}.input_scale"][0])
    steps = np.clip(np.rint(x / step), -127, 127).astype(np.int64)
    y = steps @ weight.astype(np.int64) * (step * tensors[f"{name}.weight_scale"].astype(float)) + bias
    if f"{name}.output_scale" not in tensors:
        return y
    step = float(tensors[f"{name}.output_scale"][0])
    return np.clip(np.rint(y / step), -127, 127) * step


def _attention(model: Checkpoint, name: str, x: np.ndarray) -> np.ndarray:
    heads, size = model.config.num_attention_heads, model.config.attention_head_size
    parts = [_linear(model.tensors, f"{name}.{part}_proj", x) for part in "qkv"]
    q, k, v = (part.reshape(len(x), heads, size).transpose(1, 0, 2) for part in parts)
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(size)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = weights / weights.sum(-1, keepdims=True) @ v
    return mixed.transpose(1, 0, 2).reshape(len(x), heads * size)
