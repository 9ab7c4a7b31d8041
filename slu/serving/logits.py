"""The logits of texts, as a safetensors file: what a student learns from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import save

from slu.inputs.lexicon import Lexicon

if TYPE_CHECKING:
    from slu.serving.models import Model
    from slu.serving.request import Request

TOKENS = "tokens"
"""Name of the tensor with the number of tokens of each text."""


def logits_answer(model: Model, request: Request) -> bytes:
    """The body of an answer of ``/v1/logits``: `TOKENS`, and the logits of each output under its name.

    Those of a text are stacked, those of tokens, [CLS] and [SEP] counted, stand one after the other.
    """
    parser = model.python
    assert parser is not None  # `slu.serving.answers.check` has seen to it
    lexicon = None
    if request.lexicons:
        lexicon = Lexicon(parser.lexicon)
        for slot, entries in request.lexicons.items():
            lexicon.add(slot, entries)
    found = parser.logits(request.texts, request.previous, lexicon)
    tensors = {
        TOKENS: np.array(
            [len(parser.tokenizer.encode(text, parser.backend.max_length).ids) for text in request.texts], np.int64
        )
    }
    for number, output in enumerate(parser.head.outputs):
        of_one = [logits[number] for logits in found]
        tensors[output.logits] = np.concatenate(of_one) if output.per_token else np.stack(of_one)
    return bytes(save(tensors, {"model": model.name, "version": model.version}))
