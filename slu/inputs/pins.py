"""Pinned phrases: texts whose answer is given, not computed.

A text is compared as a whole by its normalised characters, as an entry of a lexicon is. Its answer is an intent, and
slots where the text was given with tags (see `slu.corpus.tagged`). A file of them is UTF-8 with a line
``intent<TAB>tagged text`` each; as in files of lexicons, white space around a line, empty lines and lines that begin
with ``#`` do not matter. The C++ runtime does the same, and keeps hashes only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from slu.corpus.labels import Labels
from slu.corpus.tagged import parse_tagged
from slu.corpus.utterance import Slot
from slu.errors import CorpusError, PinError
from slu.files import read_bytes, write_file
from slu.inputs.brackets import with_partners
from slu.inputs.entries import MAX_CHARACTERS, normalise, numbered_lines
from slu.inputs.normalisation import COMBINING, LEADING, PLAIN, TRAILING, beginning, normalise_text

PINS = "pins.txt"
"""Name of the file in the directory of a model whose texts are pinned when it is opened."""
MAX_SLOTS = 16
MAX_BYTES = 1024
"""Most bytes of a pinned text in UTF-8, without its tags, whether they are compared or not."""


@dataclass(frozen=True)
class Pin:
    """``intent``, and the ``spans`` of its slots: (name, begin, end) of normalised characters."""

    intent: str
    spans: tuple[tuple[str, int, int], ...]


class Pins:
    """Pinned texts that can be changed while a model is in use.

    ``below``: what counts where this layer says nothing about a text: a session's layer is above its parser's. Later
    changes win over earlier ones. Every change is made as a whole or, on a `PinError`, not at all.
    """

    def __init__(self, labels: Labels, normalisation: str = PLAIN, below: Pins | None = None):
        self._labels, self._normalisation, self._below = labels, normalisation, below
        self._replaced = False  # what is below does not count
        self._pins: dict[str, Pin | None] = {}  # None: not pinned, whatever is said below

    def add(self, intent: str, texts: Iterable[str]) -> None:
        """Let ``intent`` be the answer to these texts, with their slots in tags."""
        self._pins.update(self._read(intent, texts))

    def remove(self, texts: Iterable[str]) -> None:
        """Let these texts be computed, also those that are pinned below; others do no harm."""
        read = [self._read_text(text)[0] for text in several("remove", texts)]
        self._pins.update(dict.fromkeys(read, None))

    def replace(self, texts: Mapping[str, Iterable[str]]) -> None:
        """Let these texts, by their intent, be pinned and no others."""
        pins: dict[str, Pin | None] = {}
        for intent, given in texts.items():
            pins.update(self._read(intent, given))
        self._pins, self._replaced = pins, True

    def reset(self) -> None:
        """Undo all changes of this layer."""
        self._pins, self._replaced = {}, False

    def add_file(self, path: str | Path) -> None:
        """Pin the texts of a file, whose format is that of `slu.inputs.pins`."""
        pins: dict[str, Pin | None] = {}
        for number, line in _lines(path):
            intent, tab, text = line.partition("\t")
            try:
                if not tab:
                    raise PinError("an intent, a tab and a text are expected")
                pins.update(self._read(intent, [text]))
            except PinError as error:
                raise PinError(f"{path}:{number}: {error}") from error
        self._pins.update(pins)

    def find(self, text: str) -> tuple[str, tuple[Slot, ...]] | None:
        """Intent and slots of a pinned text; None for any other."""
        if not self.any:
            return None
        start = beginning(text, MAX_BYTES)
        characters = normalise(start, self._normalisation)
        if len(start) < len(text) and len(characters) <= MAX_CHARACTERS:
            characters = normalise(text, self._normalisation)
        pin = self._find(characters) if len(characters) <= MAX_CHARACTERS else None
        return None if pin is None else (pin.intent, tuple(self._slots(pin, text)))

    @property
    def any(self) -> bool:
        """Whether any text may be pinned, here or below."""
        return bool(self._pins) or (self._below is not None and not self._replaced and self._below.any)

    def _find(self, characters: str) -> Pin | None:
        if characters in self._pins or self._replaced or self._below is None:
            return self._pins.get(characters)
        return self._below._find(characters)

    def _slots(self, pin: Pin, text: str) -> Iterable[Slot]:
        characters = normalise_text(text, self._normalisation)
        owners = [i for i, (_, replacement) in enumerate(characters) for _ in replacement]
        for name, begin, end in pin.spans:
            start, stop = owners[begin], owners[end - 1] + 1
            while start and characters[start - 1][0] == LEADING:
                start -= 1
            while self._normalisation != PLAIN and stop < len(text) and characters[stop][0] in (COMBINING, TRAILING):
                stop += 1
            if self._normalisation != PLAIN:
                start, stop = with_partners(text, start, stop)
            yield Slot(name, text[start:stop], start, stop)

    def _read(self, intent: str, texts: Iterable[str]) -> dict[str, Pin]:
        """The pins of these texts by their normalised characters."""
        if self._labels.sets is not None or not self._labels.intents:
            other = "spans alone" if self._labels.sets is None else "labels"
            raise PinError(f"texts can be pinned for models of intents and slots only; this one answers {other}")
        if intent not in self._labels.intents:
            raise PinError(f"the model has no intent {intent!r}; it has {', '.join(self._labels.intents)}")
        check_intent(intent)
        pins = {}
        for tagged in several(intent, texts):
            characters, spans = self._read_text(tagged)
            for name, _, _ in spans:
                if name not in self._labels.slots_of_intent[intent]:
                    raise PinError(f"{tagged!r}: {intent} cannot have the slot {name!r}")
            pins[characters] = Pin(intent, spans)
        return pins

    def _read_text(self, tagged: str) -> tuple[str, tuple[tuple[str, int, int], ...]]:
        """Normalised characters of a text, and its slots in them."""
        try:
            text, slots = parse_tagged(tagged)
        except CorpusError as error:
            raise PinError(str(error)) from error
        parts = [replacement for _, replacement in normalise_text(text, self._normalisation)]
        spans = tuple((slot.name, len("".join(parts[: slot.start])), len("".join(parts[: slot.end]))) for slot in slots)
        characters = "".join(parts)
        problem = (
            f"more than {MAX_BYTES:,} bytes"
            if len(text.encode("utf-8", "replace")) > MAX_BYTES
            else "no character of it is compared"
            if not characters
            else f"{len(characters)} characters; at most {MAX_CHARACTERS} can be"
            if len(characters) > MAX_CHARACTERS
            else f"{len(slots)} slots; at most {MAX_SLOTS} can be"
            if len(slots) > MAX_SLOTS
            else "a pinned text has no corrections"
            if any(slot.correction is not None for slot in slots)
            else "no character of a slot is compared"
            if any(begin == end for _, begin, end in spans)
            else ""
        )
        if problem:
            raise PinError(f"{tagged[:80]!r}: {problem}")
        return characters, spans


def copy_pins(source: Path, out: Path) -> None:
    """Copy the pinned texts of a model, if it has any, to what was made of it. They are no part of what identifies a
    stage: whoever changes them there has changed no model."""
    if not (source / PINS).is_file():
        return
    try:
        content = read_bytes(source / PINS)
    except OSError as error:
        raise PinError(f"{source / PINS}: cannot be read ({error.strerror or error})") from error
    if not (out / PINS).is_file() or (out / PINS).read_bytes() != content:
        write_file(out / PINS, content)


def check_intent(intent: str) -> None:
    """Raise `PinError` for an intent that no line of a file can have: what begins with ``#`` is a comment."""
    if intent.startswith("#"):
        raise PinError(f"{intent!r}: texts cannot be pinned to an intent whose name begins with #")


def several(what: str, texts: Iterable[str]) -> Iterable[str]:
    """``texts``, which must not be one text: its characters would be taken for texts."""
    if isinstance(texts, str):
        raise PinError(f"{what}: one text, {texts[:20]!r}; give a list of texts")
    return texts


def _lines(path: str | Path) -> Iterable[tuple[int, str]]:
    try:
        content = read_bytes(path)
    except OSError as error:
        raise PinError(f"{path}: cannot be read ({error.strerror or error})") from error
    for number, raw in numbered_lines(content):
        try:
            yield number, raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise PinError(f"{path}:{number}: not UTF-8 at byte {error.start} of the line") from error
