"""``joint``: one intent of the text and a slot tag a token, decoded together (Chen et al. 2019, arXiv:1902.10909)."""

from __future__ import annotations

import numpy as np

from slu.corpus.labels import OUTSIDE, Labels
from slu.corpus.tagged import check_corpus, read_corpus, write_corpus
from slu.corpus.utterance import Utterance
from slu.errors import CorpusError
from slu.heads.examples import IGNORED
from slu.heads.head import CorpusForm, Head, Loss, Output
from slu.heads.joint_decoding import JointDecoder
from slu.heads.joint_measures import MEASURES, SHOWN, compare, measure
from slu.heads.joint_scores import JointScorer
from slu.inputs.tokenizer import Encoding

LOSSES = ("heads", "answers")
SLOTS = Output("slot_classifier", "slot_logits", "slot", True, lambda labels: len(labels.tags))
"""The output of heads that answer slots or spans."""


def targets(utterance: Utterance, encoding: Encoding, labels: Labels) -> tuple[np.ndarray, ...]:
    """The intent's index ``[]`` and the BIO tags of the tokens ``[tokens]``."""
    if utterance.intent not in labels.intents:
        raise CorpusError(
            f"{utterance.text!r}: the model has no intent {utterance.intent!r}; use a corpus with its labels"
        )
    return np.array(labels.intents.index(utterance.intent)), tag_tokens(utterance, encoding, labels)


def no_targets(tokens: int, labels: Labels) -> tuple[np.ndarray, ...]:
    """Targets of a text that nobody has labelled."""
    return np.array(IGNORED), np.full(tokens, IGNORED, np.int64)


def tag_tokens(utterance: Utterance, encoding: Encoding, labels: Labels) -> np.ndarray:
    """BIO tags of the tokens, int64 ``[tokens]``, `IGNORED` for [CLS] and [SEP]."""
    result = np.full(len(encoding.ids), IGNORED, np.int64)
    result[1:-1] = labels.tags.index(OUTSIDE)
    for slot in utterance.slots:
        if slot.name not in labels.slots:
            raise CorpusError(f"{utterance.text!r}: the model has no slot {slot.name!r}; use a corpus with its labels")
        begin = labels.tags.index(f"B-{slot.name}")
        inside = np.flatnonzero((encoding.starts[1:-1] >= slot.start) & (encoding.ends[1:-1] <= slot.end)) + 1
        result[inside] = begin + 1
        result[inside[:1]] = begin
    return result


def _sample(count: int, seed: int) -> list[Utterance]:
    from slu.corpus.sample import generate_sample

    return generate_sample(count, seed)


def _loss(name: str, labels: Labels, smoothing: float) -> Loss:
    from slu.heads.joint_loss import HeadLoss, WholeAnswerLoss

    if name == "answers":
        return WholeAnswerLoss(labels, smoothing)
    return HeadLoss(smoothing)


JOINT = Head(
    name="joint",
    architecture="JointErnie",
    outputs=(
        Output("intent_classifier", "intent_logits", "intent", False, lambda labels: len(labels.intents)),
        SLOTS,
    ),
    decoder=JointDecoder,
    scorer=JointScorer,
    targets=targets,
    no_targets=no_targets,
    corpus=CorpusForm(
        read=lambda path, names: read_corpus(path),
        check=lambda path, names, labels: check_corpus(path, labels),
        write=write_corpus,
        labels=lambda utterances, names: Labels.from_corpus(utterances),
        sample=_sample,
    ),
    dialogues=True,
    losses=LOSSES,
    loss=_loss,
    measure=measure,
    measures=MEASURES,
    shown=SHOWN,
    # The threshold that "understood" depends on is only set after training.
    chosen_by=tuple(name for name in MEASURES if name != "understood"),
    right=lambda utterance, answer, labels: compare(utterance, answer, labels).exact,
)
