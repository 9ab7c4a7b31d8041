"""Whether the ends of spans are exclusive, as everywhere here, or inclusive, as CLUENER's are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from slu.corpus.formats.annotated import ENDS, EXCLUSIVE, INCLUSIVE, Annotated, Span
from slu.errors import CorpusError


def with_exclusive_ends(texts: Sequence[Annotated], ends: str) -> list[Annotated]:
    """The texts with spans that end behind their last character, whatever the file has.

    ``ends``: one of `ENDS`; empty to find out: by what the file says that stands there, by spans of one character and
    by those that reach the end of their text. Raises `CorpusError` where some say one and some the other.
    """
    if not ends:
        told = {kind: next((one.where for one in texts if _only(one, kind)), "") for kind in ENDS}
        if all(told.values()):
            raise CorpusError(
                f"{told[INCLUSIVE]}: a span ends at its last character, but in {told[EXCLUSIVE]} behind it; say which "
                f"by slu data convert --ends {EXCLUSIVE} or --ends {INCLUSIVE}"
            )
        ends = INCLUSIVE if told[INCLUSIVE] else EXCLUSIVE
    if ends == EXCLUSIVE:
        return list(texts)
    return [replace(one, spans=tuple(replace(span, end=span.end + 1) for span in one.spans)) for one in texts]


def _only(one: Annotated, ends: str) -> bool:
    """Whether a span of this text can be read with these ends, and not with the others."""
    if one.text and max(one.text) > "\uffff":  # its offsets may count something else
        return False
    more = ends == INCLUSIVE
    return any(_fits(one.text, span, more) and not _fits(one.text, span, not more) for span in one.spans)


def _fits(text: str, span: Span, more: bool) -> bool:
    end = span.end + more
    if not 0 <= span.start < end <= len(text):
        return False
    return span.value is None or text[span.start : end] == span.value
