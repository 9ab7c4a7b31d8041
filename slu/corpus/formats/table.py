"""The formats: what each is called, how it is recognised, what reads and what writes it. One entry and one module each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from slu.corpus.formats.annotated import Annotated, Findings, Options
from slu.corpus.formats.jointbert import is_jointbert, read_jointbert, write_jointbert
from slu.corpus.utterance import Utterance
from slu.errors import CorpusError


@dataclass(frozen=True)
class Format:
    """One format.

    ``name``: what ``--from`` and ``--to`` call it. ``title``: how it is named in messages. ``recognises``: whether a
    file or directory is one, by its content; may raise `CorpusError`. ``read``: the annotated texts of one. ``write``:
    the contents of its files by their names, the empty name for the only file; what it cannot hold goes into the
    findings. ``offsets``: whether its slots are offsets, which may count code points or UTF-16 units.
    """

    name: str
    title: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path, Options, Findings], Iterator[Annotated]]
    write: Callable[[Sequence[Utterance], Findings], dict[str, str]]
    offsets: bool = False


FORMATS: dict[str, Format] = {
    form.name: form
    for form in (
        Format("jointbert", "a directory of JointBERT", is_jointbert, read_jointbert, write_jointbert),
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
