"""What a head is: the logits that a network gives for one task, and everything that is done with them.

A head is one entry of `slu.heads.table.HEADS` and one module beside this one (with helpers named after it). It states
its tensors, how a labelled utterance becomes targets, its losses, its decoding and its measures; whatever loops over
the outputs of a network (the network itself, checkpoints, GGUF, graphs, backends, quantisation) reads them here.

Outputs are per text (``[n, width]``, of the pooled output) or per token (``[n, length, width]``). Targets are arrays
without a batch axis: an int of shape ``[]`` (one label of a text), ints ``[tokens]`` (one label a token), or floats
``[width]`` (several labels of a text at once). `slu.heads.examples` makes batches of them without knowing the head.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from slu.corpus.classified import LabelNames
from slu.corpus.labels import Labels
from slu.corpus.tagged import Problem
from slu.corpus.utterance import Slot, Utterance
from slu.files import write_new
from slu.heads.reasons import Reason, reasons_of
from slu.inputs.tokenizer import Encoding, Tokenizer

if TYPE_CHECKING:
    import paddle

    from slu.heads.examples import Batch


@dataclass(frozen=True)
class Output:
    """One group of logits: a linear layer on what the encoder gives.

    ``layer``: the layer's name in a checkpoint; ``{layer}.weight`` is ``[hidden, width]``, ``{layer}.bias``
    ``[width]``.
    ``logits``: the output's name in exported graphs. ``gguf``: the layer's name in a GGUF file. ``per_token``: whether
    it reads every token's hidden state, or the pooled output of the text. ``width``: number of logits, from the labels.
    """

    layer: str
    logits: str
    gguf: str
    per_token: bool
    width: Callable[[Labels], int]


class Decision(Protocol):
    """What a decoder chose. ``score``: its probability, 0..1."""

    @property
    def score(self) -> float: ...


@dataclass(frozen=True)
class ScoredLabel:
    """One label of an answer, and the probability that the text has it, 0..1."""

    name: str
    score: float


class Answered(NamedTuple):
    """What a decision says of a text: its intent and slots or, of heads without them, its labels.

    ``intent`` is empty and ``slots`` are none for a head without them, ``labels`` None for one with them.
    """

    intent: str
    slots: tuple[Slot, ...]
    labels: tuple[ScoredLabel, ...] | None = None


class Decoder(Protocol):
    """From logits to answers, for one set of labels."""

    def decode(self, *logits: np.ndarray, encodings: Sequence[Encoding] = ()) -> Sequence[Any]:
        """A `Decision` a text, for ``n`` texts of the same number of tokens.

        ``logits``: an array an output of the head, per token ones without [CLS] and [SEP]. ``encodings``: of the texts.
        """
        ...

    def answer(self, decision: Any, text: str, encoding: Encoding) -> Answered:
        """What ``decision`` says of the text."""
        ...


@dataclass(frozen=True)
class Evidence:
    """One decision and the logits it was made from: an array an output, without a batch axis, [CLS] and [SEP]."""

    decision: Any
    logits: tuple[np.ndarray, ...]


class Scorer(Protocol):
    """Scores of ``n`` decisions that stay as they are."""

    def scores(self, temperature: float = 1.0) -> np.ndarray:
        """The decisions' own score, ``[n]``, with all logits divided by the temperature first."""
        ...

    def alternatives(self) -> dict[str, np.ndarray]:
        """Scores by name, ``[n]`` each; higher is surer, and only the order within one means anything."""
        ...


class Loss(Protocol):
    """Losses of one shard: a sum over its utterances and tokens, divided by the counts of the global batch.

    ``logits``: a tensor an output of the head, with a batch axis. What teachers say (``soft``) has the shapes of
    `slu.heads.examples.Batch.soft`.
    """

    def of_labels(self, logits: Sequence[paddle.Tensor], batch: Batch) -> paddle.Tensor:
        """From the targets of ``batch``; utterances that have none count nothing."""
        ...

    def of_teachers(self, logits: Sequence[paddle.Tensor], soft: Sequence[np.ndarray], batch: Batch) -> paddle.Tensor:
        """From the probabilities of teachers, those of `probabilities`."""
        ...

    def probabilities(self, logits: Sequence[paddle.Tensor], batch: Batch) -> tuple[np.ndarray, ...]:
        """The probabilities that a network gives as a teacher, an array an output."""
        ...


@dataclass(frozen=True)
class CorpusForm:
    """The labelled files of a head. ``names``: the labels that a file may have, None for any (and always for a head
    whose files are complete without).

    ``read``: all utterances; raises `CorpusError` with file and line at the first error. ``check``: every problem, with
    labels also names that those do not have. ``write``: a file that ``read`` takes. ``labels``: those of a model that
    is trained on these utterances. ``sample``: so many utterances of the sample corpus, made from a seed; raises
    `ConfigError` for a count below 1. ``lines``: whether each utterance is one line of its file, whose number is its
    session. ``whole_sessions``: whether a session, such as the questions about a passage, must not be split into what
    is learned and what measures.
    """

    read: Callable[[Path, LabelNames | None], list[Utterance]]
    check: Callable[[Path, LabelNames | None, Labels | None], list[Problem]]
    write: Callable[[Iterable[Utterance], Path], None]
    labels: Callable[[Sequence[Utterance], LabelNames | None], Labels]
    sample: Callable[[int, int], list[Utterance]]
    lines: bool = False
    whole_sessions: bool = False

    def write_new(self, utterances: Iterable[Utterance], path: Path) -> None:
        """As ``write``, where nothing is but the same corpus; otherwise `OutputError`."""
        write_new(path, self.content(utterances))

    def content(self, utterances: Iterable[Utterance], place: Path | None = None) -> bytes:
        """What ``write`` writes. ``place``: the directory of a temporary file, None for the usual one."""
        with tempfile.TemporaryDirectory(dir=place) as temporary:
            made = Path(temporary) / "corpus.txt"
            self.write(utterances, made)
            return made.read_bytes()


@dataclass(frozen=True)
class Windows:
    """How texts are read that are longer than a model reads.

    ``encodings``: the windows of a text, of so many tokens at most. ``utterances``: a labelled text as one utterance a
    window, which training, compression and their teachers read like any other. ``join``: from the decisions about the
    windows of a text to the one about the text.
    """

    encodings: Callable[[Tokenizer, str, int], list[Encoding]]
    utterances: Callable[[Utterance, Tokenizer, int], list[Utterance]]
    join: Callable[[Sequence[Any]], Any]


Kind = tuple[Callable[[Utterance], "Sequence[str]"], Callable[[Utterance, Utterance], "list[tuple[str, str]]"]]
"""The names that a labelled text has of one kind of classes, and what each of them is taken for in an answer."""


@dataclass(frozen=True)
class Errors:
    """The table of wrong answers: ``columns``, and the ``row`` of a labelled text and its answer; the score follows."""

    columns: tuple[str, ...]
    row: Callable[[Utterance, Any], tuple[str, ...]]


@dataclass(frozen=True)
class Head:
    """One task of the pipeline.

    ``name``: how recipes call it. ``architecture``: what ``config.json`` says under ``architectures``. ``outputs``: in
    the order in which every network, graph and backend gives them. ``decoder``: makes the decoder of a set of labels.
    ``scorer``: makes the scores of decisions of one model.

    ``targets``: those of an utterance as it was tokenized, one an output; raises `CorpusError` for a label that is not
    among the labels. ``no_targets``: those of an unlabelled text of so many tokens. ``corpus``: its labelled files.
    ``dialogues``: whether it answers utterances of dialogues by intent and slots, so that its models can have lexicons,
    the previous intent and pinned phrases, and recipes their sections about speech. ``losses``: names that
    ``training.loss`` may have; ``loss``: makes the one of that name, with so much label smoothing (imports Paddle).

    ``measure``: all measures of answers to labelled utterances, in percent; ``measures``: the single numbers among
    them, in the order in which they are shown; ``shown``: those that tables of several models have, with the titles of
    their columns; ``chosen_by``: those that can choose the best model of a training.
    ``right``: whether an answer is entirely right. ``reasons``: what of an answer `slu analyze` explains, given which
    outputs are per token. ``first_biases``: those of the layers of a new network that is to be trained on these
    utterances; None for random ones. ``windows``: None where the end of a long text is not read. ``errors``: None where
    `slu.evaluation.evaluate` has a table. ``kinds``: kinds of classes that only this head measures.
    """

    name: str
    architecture: str
    outputs: tuple[Output, ...]
    decoder: Callable[[Labels], Decoder]
    scorer: Callable[[Sequence[Evidence], Labels], Scorer]
    targets: Callable[[Utterance, Encoding, Labels], tuple[np.ndarray, ...]]
    no_targets: Callable[[int, Labels], tuple[np.ndarray, ...]]
    corpus: CorpusForm
    dialogues: bool
    losses: tuple[str, ...]
    loss: Callable[[str, Labels, float], Loss]
    measure: Callable[[Sequence[Utterance], Sequence[Any], Labels], dict[str, Any]]
    measures: tuple[str, ...]
    shown: dict[str, str]
    chosen_by: tuple[str, ...]
    right: Callable[[Utterance, Any, Labels], bool]
    reasons: Callable[[Sequence[bool], Utterance, Encoding, Labels], tuple[Reason, ...]] = reasons_of
    first_biases: Callable[[Sequence[Utterance], Labels], dict[str, np.ndarray]] | None = None
    windows: Windows | None = None
    errors: Errors | None = None
    kinds: dict[str, Kind] = field(default_factory=dict)

    @property
    def reads_pairs(self) -> bool:
        """Whether a tab parts two texts, as a question and its passage. Of spans of a text it is a blank."""
        return self.windows is not None or not any(output.per_token for output in self.outputs)

    def encodings(self, tokenizer: Tokenizer, text: str, max_length: int) -> list[Encoding]:
        """A text as a model of ``max_length`` tokens reads it: whole, or in windows."""
        return (
            self.windows.encodings(tokenizer, text, max_length)
            if self.windows
            else [tokenizer.encode(text, max_length)]
        )

    def read_at_once(self, utterances: Iterable[Utterance], tokenizer: Tokenizer, max_length: int) -> list[Utterance]:
        """Labelled texts as a model of ``max_length`` tokens reads them: windows are utterances of their own, each a
        session by itself."""
        if self.windows is None:
            return list(utterances)
        found = [part for u in utterances for part in self.windows.utterances(u, tokenizer, max_length)]
        return [replace(part, session=str(number)) for number, part in enumerate(found, 1)]

    def explained(self, utterance: Utterance, encoding: Encoding, labels: Labels) -> tuple[Reason, ...]:
        """The reasons of an answer, given as an utterance."""
        return self.reasons([output.per_token for output in self.outputs], utterance, encoding, labels)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the outputs' layers in a checkpoint."""
        return tuple(output.layer for output in self.outputs)

    @property
    def logits(self) -> tuple[str, ...]:
        """Names of the outputs in exported graphs."""
        return tuple(output.logits for output in self.outputs)

    def parameter_shapes(self, hidden: int, labels: Labels) -> dict[str, tuple[int, ...]]:
        """The head's float parameters in a checkpoint and their shapes."""
        shapes: dict[str, tuple[int, ...]] = {}
        for output in self.outputs:
            shapes[f"{output.layer}.weight"] = (hidden, output.width(labels))
            shapes[f"{output.layer}.bias"] = (output.width(labels),)
        return shapes

    def logit_shapes(self, length: int, labels: Labels) -> tuple[tuple[int, ...], ...]:
        """Shapes of the logits of one text of ``length`` tokens."""
        return tuple(
            (length, output.width(labels)) if output.per_token else (output.width(labels),) for output in self.outputs
        )

    def without_specials(self, logits: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Logits with a batch axis, per token ones without those of [CLS] and [SEP]."""
        return [array[:, 1:-1] if output.per_token else array for output, array in zip(self.outputs, logits)]

    def cut(self, logits: Sequence[np.ndarray], length: int) -> tuple[np.ndarray, ...]:
        """Logits with a batch axis, per token ones of the first ``length`` tokens: without what padding gave."""
        return tuple(array[:, :length] if output.per_token else array for output, array in zip(self.outputs, logits))
