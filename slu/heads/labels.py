"""``labels``: any number of labels of a text, or of a pair of texts, side by side or in a tree."""

from __future__ import annotations

from collections.abc import Sequence

from slu.corpus.classified import LabelNames, check_classified, names_of_corpus, read_classified, write_classified
from slu.corpus.label_sets import tree_sets
from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.heads.head import CorpusForm, Head, Loss
from slu.heads.label_decoding import LabelDecoder, LabelScorer
from slu.heads.label_measures import SEVERAL_LABELS, SHOWN_OF_SEVERAL, measure_several, right
from slu.heads.label_targets import log_odds, no_targets, several_targets
from slu.heads.sequence import LABELS as OUTPUT


def _labels(utterances: Sequence[Utterance], names: LabelNames | None) -> Labels:
    found = names.names if names else names_of_corpus(utterances)
    return Labels.of_sets(found, tree_sets(found, (utterance.labels for utterance in utterances)))


def _sample(count: int, seed: int) -> list[Utterance]:
    from slu.corpus.sample import generate_sample
    from slu.corpus.sample.labelled import with_label_trees

    return with_label_trees(generate_sample(count, seed), count, seed)


def _loss(name: str, labels: Labels, smoothing: float) -> Loss:
    from slu.heads.label_loss import EachLabelLoss, LabelSetLoss

    if name == "answers":
        return LabelSetLoss(labels)
    return EachLabelLoss(smoothing)


LABELS = Head(
    name="labels",
    architecture="LabelsErnie",
    outputs=(OUTPUT,),
    decoder=LabelDecoder,
    scorer=LabelScorer,
    targets=several_targets,
    no_targets=no_targets,
    corpus=CorpusForm(
        read=lambda path, names: read_classified(path, False, names),
        check=lambda path, names, labels: check_classified(path, False, names, labels),
        write=write_classified,
        labels=_labels,
        sample=_sample,
        lines=True,
    ),
    dialogues=False,
    losses=("heads", "answers"),
    loss=_loss,
    measure=measure_several,
    measures=SEVERAL_LABELS,
    shown=SHOWN_OF_SEVERAL,
    chosen_by=tuple(name for name in SEVERAL_LABELS if name != "understood"),
    right=right,
    first_biases=lambda utterances, labels: {OUTPUT.layer: log_odds(utterances, labels)},
)
