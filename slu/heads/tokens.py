"""``tokens``: named spans of a text, without an intent (named entities).

A model of spans is one of `slu.heads.joint` with a single intent of logit 0 that can have every slot: tags, decoding
and the probability of the whole answer are the same, and are computed there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from slu.corpus.labels import Labels
from slu.corpus.spans import check_spans, labels_of_spans, read_spans, without_intents, write_spans
from slu.corpus.utterance import Utterance
from slu.heads.examples import IGNORED
from slu.heads.head import Answered, CorpusForm, Evidence, Head, Loss
from slu.heads.joint import LOSSES, SLOTS, tag_tokens
from slu.heads.joint_decoding import Decision, JointDecoder
from slu.heads.joint_scores import JointScorer
from slu.heads.token_measures import MEASURES, SHOWN, measure, right
from slu.inputs.tokenizer import Encoding


def only_intent(count: int) -> np.ndarray:
    """The logits of the single intent of ``count`` texts, float32 ``[count, 1]``."""
    return np.zeros((count, 1), np.float32)


def targets(utterance: Utterance, encoding: Encoding, labels: Labels) -> tuple[np.ndarray, ...]:
    """The BIO tags of the tokens, ``[tokens]``."""
    return (tag_tokens(utterance, encoding, labels),)


def no_targets(tokens: int, labels: Labels) -> tuple[np.ndarray, ...]:
    """Targets of a text that nobody has labelled."""
    return (np.full(tokens, IGNORED, np.int64),)


class SpanDecoder:
    """Decodes logits of tags ``[n, tokens, tags]`` for one set of labels."""

    def __init__(self, labels: Labels):
        self._joint = JointDecoder(labels)

    def decode(self, *logits: np.ndarray, encodings: Sequence[Encoding] = ()) -> list[Decision]:
        """See `slu.heads.head.Decoder`; the intent of a decision means nothing."""
        [tags] = logits
        return self._joint.decode(only_intent(len(tags)), tags)

    def answer(self, decision: Decision, text: str, encoding: Encoding) -> Answered:
        """The spans, as slots."""
        return Answered("", self._joint.slots(decision.tags, text, encoding.starts[1:-1], encoding.ends[1:-1]))


class SpanScorer:
    """See `slu.heads.head.Scorer`."""

    def __init__(self, evidence: Sequence[Evidence], labels: Labels):
        [nothing] = only_intent(1)
        self._joint = JointScorer([replace(one, logits=(nothing, *one.logits)) for one in evidence], labels)

    def scores(self, temperature: float = 1.0) -> np.ndarray:
        """The probability of each answer among all of them, ``[n]``."""
        return self._joint.scores(temperature)

    def alternatives(self) -> dict[str, np.ndarray]:
        """See `slu.heads.head.Scorer`."""
        _, tags = self._joint.log_probabilities()
        return {
            "probability of the answer": self.scores(),
            "probability of the tags": np.array([t.sum() for t in tags]),
            "mean tag": np.array([t.mean() if len(t) else 0.0 for t in tags]),
            "least sure tag": np.array([t.min() if len(t) else 0.0 for t in tags]),
        }


def _sample(count: int, seed: int) -> list[Utterance]:
    from slu.corpus.sample import generate_sample

    return without_intents(generate_sample(count, seed))


def _loss(name: str, labels: Labels, smoothing: float) -> Loss:
    from slu.heads.token_loss import SpanLoss

    return SpanLoss(name, labels, smoothing)


TOKENS = Head(
    name="tokens",
    architecture="TokensErnie",
    outputs=(SLOTS,),
    decoder=SpanDecoder,
    scorer=SpanScorer,
    targets=targets,
    no_targets=no_targets,
    corpus=CorpusForm(read=read_spans, check=check_spans, write=write_spans, labels=labels_of_spans, sample=_sample),
    dialogues=False,
    losses=LOSSES,
    loss=_loss,
    measure=measure,
    measures=MEASURES,
    shown=SHOWN,
    chosen_by=tuple(name for name in MEASURES if name != "understood"),
    right=right,
)
