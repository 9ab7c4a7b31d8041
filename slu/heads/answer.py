"""``answer``: the part of a passage that answers a question, or that there is none.

The text is ``question<TAB>passage``; the answer is a slot, and so are the right ones of a labelled question, of which
the first is learned.
"""

from __future__ import annotations

from collections.abc import Sequence

from slu.corpus.classified import PAIR, LabelNames
from slu.corpus.labels import Labels
from slu.corpus.questions import check_questions, read_questions, write_questions
from slu.corpus.utterance import Utterance
from slu.heads.answer_decoding import NAME, AnswerDecoder, AnswerScorer, join
from slu.heads.answer_measures import MEASURES, SHOWN, Answer, measure, names, right, taken_for
from slu.heads.answer_reasons import answer_reasons
from slu.heads.answer_targets import no_targets, targets
from slu.heads.answer_windows import window_utterances, windows
from slu.heads.head import CorpusForm, Errors, Head, Loss, Output, Windows

ENDS = Output("answer_classifier", "answer_logits", "answer", True, lambda labels: 2)
"""To begin an answer, and to end it."""


def _labels(utterances: Sequence[Utterance], names: LabelNames | None) -> Labels:
    return Labels.of_spans((NAME,))


def _sample(count: int, seed: int) -> list[Utterance]:
    from slu.corpus.sample.questions import generate_questions

    return generate_questions(count, seed)


def _loss(name: str, labels: Labels, smoothing: float) -> Loss:
    from slu.heads.answer_loss import AnswerLoss

    return AnswerLoss(name == "answers", smoothing)


def _error(utterance: Utterance, answer: Answer) -> tuple[str, ...]:
    wanted = dict.fromkeys(slot.value for slot in utterance.slots)
    given = [slot.value for slot in answer.slots]
    return utterance.text.partition(PAIR)[0], " | ".join(wanted), *given, *([""] if not given else [])


ANSWER = Head(
    name="answer",
    architecture="AnswerErnie",
    outputs=(ENDS,),
    decoder=AnswerDecoder,
    scorer=AnswerScorer,
    targets=targets,
    no_targets=no_targets,
    corpus=CorpusForm(
        read=read_questions,
        check=check_questions,
        write=write_questions,
        labels=_labels,
        sample=_sample,
        whole_sessions=True,
    ),
    dialogues=False,
    losses=("heads", "answers"),
    loss=_loss,
    measure=measure,
    measures=MEASURES,
    shown=SHOWN,
    chosen_by=tuple(name for name in MEASURES if name != "understood"),
    right=right,
    reasons=answer_reasons,
    windows=Windows(windows, window_utterances, join),
    kinds={"answers": (names, taken_for)},
    errors=Errors(("question", "answers", "answered"), _error),
)
