"""The formats: what each is called, how it is recognised, what reads and what writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from slu.corpus.formats.annotated import UTF_16, Annotated, Findings, Options
from slu.corpus.formats.brackets import is_massive, read_massive, write_massive
from slu.corpus.formats.conll import is_conll, read_conll, write_conll
from slu.corpus.formats.doccano import is_doccano, read_doccano, write_doccano
from slu.corpus.formats.jointbert import is_jointbert, read_jointbert, write_jointbert
from slu.corpus.formats.label_studio import is_label_studio, read_label_studio, write_label_studio
from slu.corpus.formats.paddlenlp import is_paddlenlp, read_paddlenlp, write_paddlenlp
from slu.corpus.formats.rasa import is_rasa, read_rasa, write_rasa
from slu.corpus.formats.values import is_values, read_values, write_values
from slu.corpus.utterance import Utterance
from slu.errors import CorpusError


@dataclass(frozen=True)
class Format:
    """One format.

    ``name``: what ``--from`` and ``--to`` call it. ``title``: how it is named in messages. ``recognises``: whether a
    file or directory is one, by its content; may raise `CorpusError`. ``read``: the annotated texts of one. ``write``:
    the contents of its files by their names, the empty name for the only file; what it cannot hold goes into the
    findings. ``offsets``: None unless its slots are offsets; else what these count (`OFFSETS`) where the texts do not
    tell, empty to ask. ``ends``: whether its spans may include their last character. ``parts``: whether a file can have
    several, of which one is read.
    """

    name: str
    title: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path, Options, Findings], Iterator[Annotated]]
    write: Callable[[Sequence[Utterance], Findings], dict[str, str]]
    offsets: str | None = None
    ends: bool = False
    parts: bool = False


FORMATS: dict[str, Format] = {
    form.name: form
    for form in (
        Format("jointbert", "JointBERT's form", is_jointbert, read_jointbert, write_jointbert),
        Format("label-studio", "Label Studio's JSON", is_label_studio, read_label_studio, write_label_studio, UTF_16),
        Format("massive", "MASSIVE's JSON Lines", is_massive, read_massive, write_massive, parts=True),
        Format("json", "JSON of text, intent and slots", is_values, read_values, write_values, ""),
        Format(
            "doccano", "JSON Lines of spans, as doccano has them", is_doccano, read_doccano, write_doccano, "", True
        ),
        Format("rasa", "Rasa's YAML", is_rasa, read_rasa, write_rasa),
        Format("paddlenlp", "PaddleNLP's tagged tokens", is_paddlenlp, read_paddlenlp, write_paddlenlp),
        Format("conll", "CoNLL columns", is_conll, read_conll, write_conll),
    )
}
"""The formats by their names, in the order in which they are tried."""


def recognise(path: Path) -> Format | None:
    """The first format that ``path`` is in, None if it is in none of them."""
    for form in FORMATS.values():
        try:
            if form.recognises(path):
                return form
        except CorpusError:
            continue
    return None
