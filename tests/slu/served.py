"""A tiny model to serve, and a client."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench_arm.host.serving import Served
from export_lite.gguf import write_gguf
from slu.corpus.labels import Labels
from slu.inputs.flags import KINDS
from slu.inputs.lexicon import compile_lexicon
from slu.manifest import Manifest
from slu.model.checkpoint import Checkpoint, load_checkpoint, parameter_shapes, save_checkpoint
from slu.model.config import ModelConfig


def make_model(directory: Path, vocab: list[str], labels: Labels, seed: int) -> Path:
    """A model with random weights, so large that everything has a say in its answers."""
    config = ModelConfig(
        vocab_size=len(vocab), hidden_size=48, num_hidden_layers=2, num_attention_heads=4, attention_head_size=12,
        intermediate_size=96, max_position_embeddings=32, max_seq_length=32, flags=KINDS,
    )  # fmt: skip
    random = np.random.default_rng(seed)
    tensors = {
        name: (random.standard_normal(shape) * 0.4 + ("norm" in name and name.endswith("weight"))).astype(np.float32)
        for name, shape in parameter_shapes(config, labels).items()
    }
    lexicon = compile_lexicon({}, labels.slots, config.normalisation)
    checkpoint = Checkpoint(config, tensors, vocab, labels, Manifest(stage="test", threshold=0.25), lexicon=lexicon)
    save_checkpoint(checkpoint, directory)
    write_gguf(load_checkpoint(directory), directory / "model.gguf")
    return directory


@dataclass
class Client:
    """Asks a server, over a new connection each time."""

    served: Served
    token: str = ""

    def __call__(
        self, path: str, body: Any = None, method: str = "", headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and answer. ``body``: bytes, or what JSON is made of."""
        status, _, data = self.raw(path, body, method, headers)
        return status, json.loads(data)

    def raw(
        self, path: str, body: Any = None, method: str = "", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.served.port, timeout=30)
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        given = {"content-type": "application/json"} if body is not None else {}
        if self.token:
            given["authorization"] = f"Bearer {self.token}"
        connection.request(method or ("GET" if body is None else "POST"), path, data, {**given, **(headers or {})})
        answer = connection.getresponse()
        found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        connection.close()
        return found

    def parse(self, **body: Any) -> Any:
        """Answers to texts."""
        status, answer = self("/v1/parse", body)
        assert status == 200, answer
        return answer["results"]


Serve = Callable[..., Client]
"""Starts a server with these arguments, which ends with the test."""
