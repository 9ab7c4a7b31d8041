"""The logits of texts, as a safetensors file: what a student learns from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safetensors.numpy import save

from slu.errors import LexiconError
from slu.inputs.lexicon import Lexicon
from slu.runtime.soft_labels import logit_tensors
from slu.serving.request import Request, Unfit

if TYPE_CHECKING:
    from slu.serving.models import Model


def logits_answer(model: Model, request: Request) -> bytes:
    """The body of an answer of ``/v1/logits``: the tensors of `slu.runtime.soft_labels.logit_tensors`."""
    parser = model.python
    assert parser is not None  # `slu.serving.answers.check` has seen to it
    lexicon = None
    if request.lexicons:
        lexicon = Lexicon(parser.lexicon)
        for slot, entries in request.lexicons.items():
            lexicon.add(slot, entries)
    try:
        tensors = logit_tensors(parser, request.texts, request.previous, lexicon, request.added)
    except LexiconError as error:
        raise Unfit(str(error), "lexicons_of_texts") from error
    return bytes(save(tensors, {"model": model.name, "version": model.version}))
