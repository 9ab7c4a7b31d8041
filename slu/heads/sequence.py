"""``sequence``: one label of a text, or of a pair of texts."""

from __future__ import annotations

from collections.abc import Sequence

from slu.corpus.classified import LabelNames, check_classified, names_of_corpus, read_classified, write_classified
from slu.corpus.label_sets import one_label
from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.heads.head import CorpusForm, Head, Loss, Output
from slu.heads.label_decoding import LabelDecoder, LabelScorer
from slu.heads.label_measures import ONE_LABEL, SHOWN_OF_ONE, measure_one, right
from slu.heads.label_targets import no_target, one_target

LABELS = Output("classifier", "label_logits", "label", False, lambda labels: len(labels.intents))
"""The one output of heads that answer labels."""


def _labels(utterances: Sequence[Utterance], names: LabelNames | None) -> Labels:
    found = names.names if names else names_of_corpus(utterances)
    return Labels.of_sets(found, one_label(len(found)))


def _sample(count: int, seed: int) -> list[Utterance]:
    from slu.corpus.sample import generate_sample
    from slu.corpus.sample.labelled import with_domains

    return with_domains(generate_sample(count, seed))


def _loss(name: str, labels: Labels, smoothing: float) -> Loss:
    from slu.heads.label_loss import OneLabelLoss

    return OneLabelLoss(smoothing)


SEQUENCE = Head(
    name="sequence",
    architecture="SequenceErnie",
    outputs=(LABELS,),
    decoder=LabelDecoder,
    scorer=LabelScorer,
    targets=one_target,
    no_targets=no_target,
    corpus=CorpusForm(
        read=lambda path, names: read_classified(path, True, names),
        check=lambda path, names, labels: check_classified(path, True, names, labels),
        write=write_classified,
        labels=_labels,
        sample=_sample,
        lines=True,
    ),
    dialogues=False,
    losses=("heads",),
    loss=_loss,
    measure=measure_one,
    measures=ONE_LABEL,
    shown=SHOWN_OF_ONE,
    chosen_by=tuple(name for name in ONE_LABEL if name != "understood"),
    right=right,
)
