"""A model without a network: what a parser and the makers of examples need of one."""

from __future__ import annotations

from dataclasses import dataclass

from slu.corpus.labels import Labels
from slu.inputs.lexicon import CompiledLexicon
from slu.inputs.tokenizer import Tokenizer
from slu.manifest import Manifest
from slu.model.config import ModelConfig


@dataclass(frozen=True)
class BareModel:
    """As `slu.runtime.python_parser.Model` asks."""

    tokens: Tokenizer
    labels: Labels
    config: ModelConfig
    manifest: Manifest
    lexicon: CompiledLexicon | None = None

    def tokenizer(self) -> Tokenizer:
        return self.tokens


def bare_model(
    tokenizer: Tokenizer,
    labels: Labels,
    threshold: float = 0.0,
    flags: tuple[str, ...] = (),
    lexicon: CompiledLexicon | None = None,
    max_length: int = 32,
) -> BareModel:
    config = ModelConfig(len(tokenizer.vocab), max_position_embeddings=max_length, flags=flags)
    return BareModel(tokenizer, labels, config, Manifest(threshold=threshold), lexicon)
