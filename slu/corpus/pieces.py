"""Cut long texts with spans at the ends of sentences: a model reads so many tokens of a text and no more."""

from __future__ import annotations

from collections.abc import Sequence

from slu.corpus.utterance import Slot, Utterance

_SENTENCES, _CLAUSES = "。！？；!?;…", "，、：,: "
_CLOSING = "”’」』）)》】〉"
"""What may follow the end of a sentence and belongs to it."""


def cut_texts(utterances: Sequence[Utterance], most: int) -> tuple[list[Utterance], int]:
    """The texts in pieces of at most ``most`` characters, numbered anew; and how many cuts would have hit a span.

    A piece ends behind the last end of a sentence that it has room for, or a comma, or anywhere. Where that is inside
    of a span, the piece ends before it, or behind it if the span has no room in one piece at all.
    """
    found: list[Utterance] = []
    moved = 0
    for utterance in utterances:
        start = 0
        while start < len(utterance.text):
            end = _end(utterance.text, start, most)
            hit = next((slot for slot in utterance.slots if slot.start < end < slot.end), None)
            if hit is not None:
                moved += 1
                end = hit.start if hit.start > start else hit.end
            text = utterance.text[start:end]
            slots = tuple(
                Slot(slot.name, slot.value, slot.start - start, slot.end - start, slot.correction)
                for slot in utterance.slots
                if start <= slot.start < end
            )
            if text.strip():
                found.append(Utterance(text, utterance.intent, slots, str(len(found) + 1), utterance.labels))
            start = end
    return found, moved


def _end(text: str, start: int, most: int) -> int:
    """Where the piece that begins at ``start`` ends."""
    if len(text) - start <= most:
        return len(text)
    for marks in (_SENTENCES, _CLAUSES):
        for end in range(start + most, start, -1):
            last = text[start:end].rstrip(_CLOSING)[-1:]
            if last and last in marks and text[end] not in _CLOSING + marks:
                return end
    return start + most
