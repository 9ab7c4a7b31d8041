"""The logits of texts, as a safetensors file: what a student learns from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safetensors.numpy import save

from slu.inputs.lexicon import Lexicon
from slu.runtime.soft_labels import logit_tensors

if TYPE_CHECKING:
    from slu.serving.models import Model
    from slu.serving.request import Request


def logits_answer(model: Model, request: Request) -> bytes:
    """The body of an answer of ``/v1/logits``: the tensors of `slu.runtime.soft_labels.logit_tensors`."""
    parser = model.python
    assert parser is not None  # `slu.serving.answers.check` has seen to it
    lexicon = None
    if request.lexicons:
        lexicon = Lexicon(parser.lexicon)
        for slot, entries in request.lexicons.items():
            lexicon.add(slot, entries)
    tensors = logit_tensors(parser, request.texts, request.previous, lexicon, request.added)
    return bytes(save(tensors, {"model": model.name, "version": model.version}))
