"""The model of tiny.gguf with attention scores of INT8."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from engine_build import ROOT

from export_lite.gguf import write_gguf
from slu.model.checkpoint import Checkpoint
from slu.model.quantization import OUTPUT_SCALE

sys.path.insert(0, str(ROOT / "tests/golden"))

import make_golden

STEPS = {"q": 0.031, "k": 0.027}


def with_integer_scores(checkpoint: Checkpoint) -> Checkpoint:
    """The same checkpoint, whose encoder is quantised, with scores of INT8 in addition."""
    for layer in range(checkpoint.config.num_hidden_layers):
        for part, step in STEPS.items():
            name = f"ernie.encoder.layers.{layer}.self_attn.{part}_proj.{OUTPUT_SCALE}"
            checkpoint.tensors[name] = np.array([step], np.float32)
    return checkpoint


def write_scored(path: Path, below_zero: bool = False) -> Path:
    """``below_zero``: all scores are far below 0, where what is not computed would be the largest."""
    checkpoint = with_integer_scores(make_golden.checkpoint())
    for layer in range(checkpoint.config.num_hidden_layers if below_zero else 0):
        for part, shift in (("q", 9), ("k", -9)):
            name = f"ernie.encoder.layers.{layer}.self_attn.{part}_proj"
            checkpoint.tensors[f"{name}.bias"] = checkpoint.tensors[f"{name}.bias"] + np.float32(shift)
            checkpoint.tensors[f"{name}.{OUTPUT_SCALE}"] = np.array([0.1], np.float32)
    write_gguf(checkpoint, path)
    return path
